#include "io/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "cluster_wire.h"
#include "io/clock.h"
#include "io/log.h"

/* The module works in a child process, the speaker. Pacemaker's and Corosync's libraries wait without bound for a daemon that hangs,
 * abort the process on an unexpected answer, log through the same libqb as we do, and read the environment: in a process of its own
 * none of this reaches the agent, and "late" is ended by SIGKILL and nothing else. A thread could not be ended.
 *
 *   agent                                    speaker (forked at the first call, one for all calls)
 *   cluster_attr_set() -- operation, name, value --> set_and_see() -> module -> pacemaker-attrd
 *                      <-- result, sentence --------
 */
#define REAP_MS 100
/* Whoever has a day, as the worker has, asks again after this: what it waits to see another process of this node may have overwritten. */
#define CALL_MS 20000

static const struct {
	const char *who;
	const char *what;
} operations[] = {
    [OPERATION_ATTR_QUERY] = {"Pacemaker's attribute manager (pacemaker-attrd)", "reading attribute"},
    [OPERATION_ATTR_PERMANENT] = {"Pacemaker's CIB manager (pacemaker-based)", "reading node attribute"},
    [OPERATION_ATTR_LOCAL] = {"Pacemaker's attribute manager (pacemaker-attrd)", "reading this node's attribute"},
    [OPERATION_ATTR_SET] = {"Pacemaker's attribute manager (pacemaker-attrd)", "setting attribute"},
    [OPERATION_ATTR_MEND] = {"Pacemaker's CIB manager (pacemaker-based)", "comparing attribute"},
    [OPERATION_NODES] = {"Pacemaker's CIB manager (pacemaker-based)", "listing the nodes"},
    [OPERATION_PROPERTY_GET] = {"Pacemaker's CIB manager (pacemaker-based)", "reading the property"},
    [OPERATION_PROPERTY_PUT] = {"Pacemaker's CIB manager (pacemaker-based)", "setting the property"},
    [OPERATION_QUORUM] = {"Corosync", "asking for quorum"},
};
_Static_assert(ARRAY_LENGTH(operations) == OPERATION_COUNT, "one row an operation");

static struct {
	pid_t pid;   /* 0: none */
	pid_t owner; /* a forked copy of the agent must not talk over its parent's socket */
	int fd;
} speaker;

static void speaker_end(void)
{
	struct pollfd end = {.fd = speaker.fd, .events = 0};

	if (speaker.pid == 0)
		return;
	if (speaker.owner == getpid()) {
		kill(speaker.pid, SIGKILL);
		/* Its end of the socket closes when it dies. Bounded: a process that waits for a dead disk, maybe the one with the module, does
		 * not even take SIGKILL. Then it is left to whoever reaps the agent. */
		if (poll(&end, 1, REAP_MS) > 0)
			waitpid(speaker.pid, NULL, 0);
	}
	close(speaker.fd);
	speaker.pid = 0;
}

static int speaker_start(struct error *err)
{
	pid_t agent = getpid(), pid;
	int ends[2];

	if (speaker.pid != 0 && speaker.owner == agent)
		return 0;
	speaker_end();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(err, OCF_ERR_GENERIC, "no socket for talking to the cluster: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		int saved = errno;

		close(ends[0]);
		close(ends[1]);
		return error_set(err, OCF_ERR_GENERIC, "no process for talking to the cluster: %s", strerror(saved));
	}
	if (pid == 0)
		speaker_run(ends[1], agent);
	close(ends[1]);
	speaker.pid = pid;
	speaker.owner = agent;
	speaker.fd = ends[0];
	return 0;
}

void cluster_begin(void)
{
	struct error ignored; /* the first call will say it */

	(void)speaker_start(&ignored);
}

/* Ends the speaker: after a late or broken answer the next one could not be told from it. */
static int give_up(enum operation operation, const char *name, int reason, struct error *err)
{
	const char *subject = name != NULL ? name : "";
	const char *blank = name != NULL ? " " : "";

	speaker_end();
	if (reason == ETIMEDOUT)
		return error_set(err, OCF_ERR_GENERIC, "%s did not answer in time when %s%s%s", operations[operation].who,
				 operations[operation].what, blank, subject);
	return error_set(err, OCF_ERR_GENERIC, "%s could not be asked when %s%s%s: %s", operations[operation].who,
			 operations[operation].what, blank, subject,
			 reason == EPIPE || reason == ECONNRESET ? "its library ended the asking process" : strerror(reason));
}

static int call(enum operation operation, int detail, const char *name, const char *value, struct message *ret_reply, uint64_t deadline_ms,
		struct error *err)
{
	_cleanup_message_ struct message request = {.header = {.verb = (int32_t)operation, .detail = detail}};
	uint64_t begin_ms = clock_now_ms();
	const char *sentence = NULL;

	if (deadline_ms > begin_ms + CALL_MS)
		deadline_ms = begin_ms + CALL_MS;
	if (speaker_start(err) < 0)
		return -1;
	message_put(&request, name);
	message_put(&request, value);
	if (message_send(speaker.fd, &request, deadline_ms) < 0 || message_receive(speaker.fd, ret_reply, deadline_ms) < 0)
		return give_up(operation, name, errno, err);
	log_trace("%s %s: %s after %" PRIu64 " ms", operations[operation].what, name != NULL ? name : "",
		  ret_reply->header.verb == 0 ? "answered" : "failed", clock_now_ms() - begin_ms);
	if (ret_reply->header.verb == 0)
		return 0;
	message_get(ret_reply, &sentence);
	return error_set(err, (enum ocf_code)ret_reply->header.detail, "%s", sentence != NULL ? sentence : "the cluster module failed");
}

static int values_ask(enum operation operation, const char *name, struct attr_values *ret_values, uint64_t deadline_ms, struct error *err)
{
	_cleanup_message_ struct message reply = {0};
	struct attr_values values = {0};
	const char *node, *value;

	if (call(operation, 0, name, NULL, &reply, deadline_ms, err) < 0)
		return -1;
	while (message_get(&reply, &node) && message_get(&reply, &value)) {
		values.items = mem_grow(values.items, values.count + 1, sizeof(*values.items));
		values.items[values.count++] = (struct attr_value){.node = str_dup(node), .value = str_dup(value)};
	}
	*ret_values = values;
	return 0;
}

int cluster_attr_query(const char *name, struct attr_values *ret_values, uint64_t deadline_ms, struct error *err)
{
	return values_ask(OPERATION_ATTR_QUERY, name, ret_values, deadline_ms, err);
}

int cluster_attr_permanent(const char *name, struct attr_values *ret_values, uint64_t deadline_ms, struct error *err)
{
	return values_ask(OPERATION_ATTR_PERMANENT, name, ret_values, deadline_ms, err);
}

static int attr_local(const char *name, char **ret_value, uint64_t deadline_ms, struct error *err)
{
	_cleanup_message_ struct message reply = {0};
	const char *value = NULL;

	if (call(OPERATION_ATTR_LOCAL, 0, name, NULL, &reply, deadline_ms, err) < 0)
		return -1;
	message_get(&reply, &value);
	*ret_value = str_dup(value);
	return 0;
}

int cluster_attr_set(const char *name, const char *value, enum attr_kind kind, uint64_t deadline_ms, struct error *err)
{
	_cleanup_message_ struct message reply = {0};

	return call(OPERATION_ATTR_SET, (int)kind, name, value, &reply, deadline_ms, err);
}

int cluster_score_get(const char *resource, char **ret_score, uint64_t deadline_ms, struct error *err)
{
	_cleanup_free_ char *name = str_printf("master-%s", resource);

	return attr_local(name, ret_score, deadline_ms, err);
}

int cluster_score_set(const char *resource, const char *score, uint64_t deadline_ms, struct error *err)
{
	_cleanup_free_ char *name = str_printf("master-%s", resource);
	_cleanup_free_ char *now = NULL;

	if (attr_local(name, &now, deadline_ms, err) < 0)
		return -1;
	if (str_equal(now, score))
		return 0;
	return cluster_attr_set(name, score, ATTR_TRANSIENT, deadline_ms, err);
}

int cluster_score_mend(const char *resource, const char *node, uint64_t deadline_ms, struct error *err)
{
	_cleanup_message_ struct message reply = {0};
	_cleanup_free_ char *name = str_printf("master-%s", resource);

	return call(OPERATION_ATTR_MEND, 0, name, node, &reply, deadline_ms, err);
}

enum quorum cluster_quorum(uint64_t deadline_ms)
{
	_cleanup_message_ struct message reply = {0};
	struct error err = {0};

	if (call(OPERATION_QUORUM, 0, NULL, NULL, &reply, deadline_ms, &err) < 0) {
		log_trace("quorum is unknown: %s", err.sentence);
		return QUORUM_UNKNOWN;
	}
	switch ((enum quorum)reply.header.detail) {
	case QUORUM_YES:
		return QUORUM_YES;
	case QUORUM_NO:
		return QUORUM_NO;
	case QUORUM_UNKNOWN:
		break;
	}
	return QUORUM_UNKNOWN;
}

int cluster_nodes_query(struct cluster_nodes *ret_nodes, uint64_t deadline_ms, struct error *err)
{
	_cleanup_message_ struct message reply = {0};
	struct cluster_nodes nodes = {0};
	const char *name, *member, *joining, *clean;

	if (call(OPERATION_NODES, 0, NULL, NULL, &reply, deadline_ms, err) < 0)
		return -1;
	while (message_get(&reply, &name) && message_get(&reply, &member) && message_get(&reply, &joining) && message_get(&reply, &clean)) {
		nodes.items = mem_grow(nodes.items, nodes.count + 1, sizeof(*nodes.items));
		nodes.items[nodes.count++] = (struct cluster_node){.name = str_dup(name),
								   .member = str_equal(member, "1"),
								   .joining = str_equal(joining, "1"),
								   .clean = str_equal(clean, "1")};
	}
	*ret_nodes = nodes;
	return 0;
}

int cluster_property_get(const char *name, char **ret_value, uint64_t deadline_ms, struct error *err)
{
	_cleanup_message_ struct message reply = {0};
	const char *value = NULL;

	if (call(OPERATION_PROPERTY_GET, 0, name, NULL, &reply, deadline_ms, err) < 0)
		return -1;
	message_get(&reply, &value);
	*ret_value = str_dup(value);
	return 0;
}

/* A change of the configuration counts the CIB's smaller version number from zero, on a node that joins as well: its CIB, which knows nothing
 * of this cluster's state, may be taken for the newest of all, and replace it with the promotion scores. */
static int nobody_joins(uint64_t deadline_ms, struct error *err)
{
	_cleanup_(cluster_nodes_clear) struct cluster_nodes nodes = {0};

	if (cluster_nodes_query(&nodes, deadline_ms, err) < 0)
		return -1;
	for (size_t i = 0; i < nodes.count; i++)
		if (nodes.items[i].joining)
			return error_set(err, OCF_ERR_GENERIC, "not while %s joins the cluster", nodes.items[i].name);
	return 0;
}

int cluster_property_set(const char *name, const char *value, uint64_t deadline_ms, struct error *err)
{
	_cleanup_message_ struct message reply = {0};
	_cleanup_free_ char *now = NULL;

	if (cluster_property_get(name, &now, deadline_ms, err) < 0)
		return -1;
	if (str_equal(now, value))
		return 0;
	return nobody_joins(deadline_ms, err) < 0 ? -1 : call(OPERATION_PROPERTY_PUT, 0, name, value, &reply, deadline_ms, err);
}

void cluster_close(void)
{
	speaker_end();
}
