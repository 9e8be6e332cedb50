/* The speaker: the process in which the module works, see cluster.c. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"
#include "cluster_wire.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/cluster_module.h"
#include "io/log.h"

#define SPEAKER_FD 3

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
	static const struct module_head wanted = {CLUSTER_MODULE_VERSION, sizeof(struct cluster_module)};
	struct error load_error = {0};
	const struct cluster_module *module = module_load("cluster", CLUSTER_MODULE_SYMBOL, &wanted, &load_error);

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

void speaker_run(int fd, pid_t agent)
{
	speaker_detach(fd, agent);
	speak(SPEAKER_FD);
	_exit(OCF_SUCCESS);
}
