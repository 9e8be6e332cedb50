#include "io/cluster.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/cluster_module.h"
#include "io/log.h"

/* The module works in a child process, the speaker. Pacemaker's and Corosync's libraries wait without bound for a daemon that hangs,
 * abort the process on an unexpected answer, log through the same libqb as we do, and read the environment: in a process of its own
 * none of this reaches the agent, and "late" is ended by SIGKILL and nothing else. A thread could not be ended.
 *
 *   agent                                    speaker (forked at the first call, one for all calls)
 *   cluster_attr_set() -- operation, name, value --> set_and_see() -> module -> pacemaker-attrd
 *                      <-- result, sentence --------
 */
#define MODULE_PATH SYSTOLE_MODULEDIR "/cluster.so"
#define SPEAKER_FD 3
#define REAP_MS 100
#define MESSAGE_MAX (16u << 20)
#define FOREVER UINT64_MAX
/* Whoever has a day, as the worker has, asks again after this: what it waits to see another process of this node may have overwritten. */
#define CALL_MS 20000

enum operation {
	OPERATION_ATTR_QUERY,
	OPERATION_ATTR_PERMANENT,
	OPERATION_ATTR_LOCAL,
	OPERATION_ATTR_SET,
	OPERATION_ATTR_MEND,
	OPERATION_NODES,
	OPERATION_PROPERTY_GET,
	OPERATION_PROPERTY_PUT,
	OPERATION_QUORUM,
};
#define OPERATION_COUNT (OPERATION_QUORUM + 1)

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

/* A message is this header and a list of strings, each "+text" or "-" for none, each with its NUL. */
struct header {
	uint32_t length; /* of the strings */
	int32_t verb;	 /* request: enum operation; reply: 0 or -1 */
	int32_t detail;	 /* request: enum attr_kind; reply: enum ocf_code, or enum quorum */
};

struct message {
	struct header header;
	struct strbuf strings;
	size_t read; /* how much of the strings was read */
};

static void message_clear(struct message *message)
{
	strbuf_clear(&message->strings);
}
#define _cleanup_message_ _cleanup_(message_clear)

static void message_put(struct message *message, const char *text)
{
	strbuf_add(&message->strings, text != NULL ? "+" : "-");
	if (text != NULL)
		strbuf_add(&message->strings, text);
	strbuf_addn(&message->strings, "", 1);
}

/* False at the end. The text is the message's own. */
static bool message_get(struct message *message, const char **ret_text)
{
	const char *string = message->strings.text + message->read;

	if (message->read >= message->strings.length)
		return false;
	message->read += strlen(string) + 1;
	*ret_text = string[0] == '+' ? string + 1 : NULL;
	return true;
}

/* Milliseconds for poll(): -1 waits for ever. */
static int poll_timeout(uint64_t deadline_ms)
{
	uint64_t left;

	if (deadline_ms == FOREVER)
		return -1;
	left = clock_left_ms(deadline_ms);
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* 0, or -1 with errno: ETIMEDOUT at the deadline, EPIPE when the other side is gone. */
static int transfer(int fd, short direction, void *data, size_t length, uint64_t deadline_ms)
{
	char *at = data;

	while (length > 0) {
		struct pollfd poll_fd = {.fd = fd, .events = direction};
		int ready = poll(&poll_fd, 1, poll_timeout(deadline_ms));
		ssize_t moved;

		if (ready < 0 && errno != EINTR)
			return -1;
		if (ready == 0 && clock_left_ms(deadline_ms) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (ready <= 0)
			continue;
		if (direction == POLLIN)
			moved = recv(fd, at, length, MSG_DONTWAIT);
		else
			moved = send(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (moved == 0)
			errno = EPIPE;
		if (moved == 0 || (moved < 0 && errno != EAGAIN && errno != EINTR))
			return -1;
		if (moved > 0) {
			at += moved;
			length -= (size_t)moved;
		}
	}
	return 0;
}

static int message_send(int fd, struct message *message, uint64_t deadline_ms)
{
	message->header.length = (uint32_t)message->strings.length;
	if (message->strings.length > MESSAGE_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (transfer(fd, POLLOUT, &message->header, sizeof(message->header), deadline_ms) < 0)
		return -1;
	return transfer(fd, POLLOUT, message->strings.text, message->strings.length, deadline_ms);
}

static int message_receive(int fd, struct message *ret_message, uint64_t deadline_ms)
{
	_cleanup_free_ char *data = NULL;
	struct header header;

	if (transfer(fd, POLLIN, &header, sizeof(header), deadline_ms) < 0)
		return -1;
	if (header.length > MESSAGE_MAX) {
		errno = EBADMSG;
		return -1;
	}
	data = mem_alloc(header.length + 1);
	if (transfer(fd, POLLIN, data, header.length, deadline_ms) < 0)
		return -1;
	if (header.length > 0 && data[header.length - 1] != '\0') {
		errno = EBADMSG;
		return -1;
	}
	ret_message->header = header;
	strbuf_addn(&ret_message->strings, data, header.length);
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------- the speaker */

static const struct cluster_module *module_load(struct error *err)
{
	const struct cluster_module *module;
	void *handle = dlopen(MODULE_PATH, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		error_set(err, OCF_ERR_INSTALLED, "the cluster module cannot be loaded: %s", dlerror());
		return NULL;
	}
	module = dlsym(handle, CLUSTER_MODULE_SYMBOL);
	if (module == NULL) {
		error_set(err, OCF_ERR_INSTALLED, "%s is not a cluster module: %s", MODULE_PATH, dlerror());
		return NULL;
	}
	if (module->version != CLUSTER_MODULE_VERSION || module->size != sizeof(*module)) {
		error_set(err, OCF_ERR_INSTALLED, "%s belongs to another version of the agent: install both from the same package",
			  MODULE_PATH);
		return NULL;
	}
	return module;
}

/* That the request was accepted does not mean that the attribute is set: an attribute manager applies its own update only when it comes
 * back from the cluster's message bus. This loop has no end of its own: whoever waits for it has a deadline, and kills. */
static int set_and_see(const struct cluster_module *module, const char *name, const char *value, enum attr_kind kind, struct error *err)
{
	if (module->attr_update(name, value, kind, err) < 0)
		return -1;
	for (uint64_t pause_ms = 1;; pause_ms = pause_ms < 16 ? pause_ms * 2 : 16) {
		_cleanup_free_ char *seen = NULL;

		if (module->attr_local(name, &seen, err) < 0)
			return -1;
		if (str_equal(seen, value))
			return 0;
		clock_pause_ms(pause_ms);
	}
}

static int mend(const struct cluster_module *module, const char *name, const char *node, struct error *err)
{
	_cleanup_free_ char *known = NULL, *stored = NULL;

	if (module->attr_local(name, &known, err) < 0 || module->attr_stored(name, node, &stored, err) < 0)
		return -1;
	return str_equal(known, stored) ? 0 : module->attr_refresh(err);
}

static int answer_values(int (*query)(const char *name, struct attr_values *ret_values, struct error *err), const char *name,
			 struct message *reply, struct error *err)
{
	_cleanup_(attr_values_clear) struct attr_values values = {0};

	if (query(name, &values, err) < 0)
		return -1;
	for (size_t i = 0; i < values.count; i++) {
		message_put(reply, values.items[i].node);
		message_put(reply, values.items[i].value);
	}
	return 0;
}

static int answer_nodes(const struct cluster_module *module, struct message *reply, struct error *err)
{
	_cleanup_(cluster_nodes_clear) struct cluster_nodes nodes = {0};

	if (module->nodes_query(&nodes, err) < 0)
		return -1;
	for (size_t i = 0; i < nodes.count; i++) {
		message_put(reply, nodes.items[i].name);
		message_put(reply, nodes.items[i].member ? "1" : "0");
		message_put(reply, nodes.items[i].joining ? "1" : "0");
		message_put(reply, nodes.items[i].clean ? "1" : "0");
	}
	return 0;
}

static int answer(const struct cluster_module *module, struct message *request, struct message *reply, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	const char *name = NULL, *value = NULL;

	message_get(request, &name);
	message_get(request, &value);
	switch ((enum operation)request->header.verb) {
	case OPERATION_ATTR_QUERY:
		return answer_values(module->attr_query, name, reply, err);
	case OPERATION_ATTR_PERMANENT:
		return answer_values(module->attr_permanent, name, reply, err);
	case OPERATION_ATTR_LOCAL:
		if (module->attr_local(name, &text, err) < 0)
			return -1;
		message_put(reply, text);
		return 0;
	case OPERATION_ATTR_SET:
		return set_and_see(module, name, value, (enum attr_kind)request->header.detail, err);
	case OPERATION_ATTR_MEND:
		return mend(module, name, value, err);
	case OPERATION_NODES:
		return answer_nodes(module, reply, err);
	case OPERATION_PROPERTY_GET:
		if (module->property_get(name, &text, err) < 0)
			return -1;
		message_put(reply, text);
		return 0;
	case OPERATION_PROPERTY_PUT:
		return module->property_put(name, value, err);
	case OPERATION_QUORUM:
		reply->header.detail = (int32_t)module->quorum();
		return 0;
	}
	return error_set(err, OCF_ERR_GENERIC, "the cluster module was asked for an unknown operation");
}

/* Until the agent closes its end. */
static void speak(int fd)
{
	struct error load_error = {0};
	const struct cluster_module *module = module_load(&load_error);

	for (;;) {
		_cleanup_message_ struct message request = {0}, reply = {0};
		struct error err = load_error;

		if (message_receive(fd, &request, FOREVER) < 0)
			break;
		if (module == NULL || answer(module, &request, &reply, &err) < 0) {
			strbuf_clear(&reply.strings);
			reply.header.verb = -1;
			reply.header.detail = (int32_t)err.code;
			message_put(&reply, err.sentence);
		}
		if (message_send(fd, &reply, FOREVER) < 0)
			break;
	}
	if (module != NULL)
		module->close();
}

/* Only Pacemaker's settings of its message passing stay. The library takes OCF_RESKEY_CRM_meta_on_node, which every action has, as the
 * node that is meant where "all nodes" was asked for, and PCMK_debug, PCMK_trace_* and PCMK_logfile as a wish to log. */
static void environment_reduce(void)
{
	static const char *const kept[] = {"PCMK_ipc_type", "PCMK_ipc_buffer"};
	char *values[ARRAY_LENGTH(kept)];

	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		values[i] = str_dup(getenv(kept[i]));
	clearenv();
	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		if (values[i] != NULL)
			setenv(kept[i], values[i], 1);
}

/* In the child: keeps nothing of the agent but the socket. Its other descriptors are the server's lock and connection, which must not
 * live longer than the agent has them open. */
static void speaker_detach(int fd, pid_t agent)
{
	static const struct rlimit no_core = {0, 0};
	sigset_t none;
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != agent)
		_exit(OCF_ERR_GENERIC);
	log_close();
	for (int number = 1; number < NSIG; number++)
		signal(number, number == SIGPIPE ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CORE, &no_core); /* the agent's memory has passwords, and it is still in ours */
	prctl(PR_SET_NAME, "systole-cluster");

	dup2(fd, SPEAKER_FD); /* first: where the agent was started without stdio, fd is one of the three */
	null = open("/dev/null", O_RDWR);
	for (int standard = 0; standard <= 2; standard++)
		dup2(null, standard);
	if (close_range(SPEAKER_FD + 1, ~0u, 0) < 0)
		for (int other = SPEAKER_FD + 1; other < (int)sysconf(_SC_OPEN_MAX); other++)
			close(other);
	environment_reduce();
}

/* --------------------------------------------------------------------------------------------------------------- the agent */

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
	if (pid == 0) {
		speaker_detach(ends[1], agent);
		speak(SPEAKER_FD);
		_exit(OCF_SUCCESS);
	}
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
