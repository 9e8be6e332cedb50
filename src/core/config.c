#include "core/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "config.h"
#include "core/options.h"

#define FIELD(f) offsetof(struct config, f)

const struct param param_table[] = {
    {.name = "binary",
     .type = PARAM_PATH,
     .fallback = SYSTOLE_DEFAULT_BINARY,
     .offset = FIELD(binary),
     .shortdesc = "Server program",
     .longdesc = "The server itself (mysqld or mariadbd), not mysqld_safe: Pacemaker does the watching."},
    {.name = "config",
     .type = PARAM_PATH,
     .fallback = SYSTOLE_DEFAULT_CONFIG,
     .offset = FIELD(config),
     .shortdesc = "Option file",
     .longdesc = "The server's option file. Options that the resource needs and the file lacks are given on the command line; one that "
		 "contradicts them is an error."},
    {.name = "datadir",
     .type = PARAM_PATH,
     .fallback = "/var/lib/mysql",
     .offset = FIELD(datadir),
     .unique = true,
     .shortdesc = "Data directory",
     .longdesc = "The data directory. An empty one is initialised, and filled from the primary when there is one."},
    {.name = "user",
     .type = PARAM_STRING,
     .fallback = "mysql",
     .offset = FIELD(user),
     .shortdesc = "Operating system user",
     .longdesc = "The user that the server runs as, and that owns the data directory."},
    {.name = "group",
     .type = PARAM_STRING,
     .fallback = "mysql",
     .offset = FIELD(group),
     .shortdesc = "Operating system group",
     .longdesc = "The group that the server runs as."},
    {.name = "log",
     .type = PARAM_PATH,
     .fallback = "/var/log/mysql/error.log",
     .offset = FIELD(log),
     .shortdesc = "Error log",
     .longdesc = "The server's error log; also what it prints."},
    {.name = "pid",
     .type = PARAM_PATH,
     .fallback = "/run/mysqld/mysqld.pid",
     .offset = FIELD(pid),
     .unique = true,
     .shortdesc = "PID file",
     .longdesc = "The server's PID file."},
    {.name = "socket",
     .type = PARAM_PATH,
     .fallback = "/run/mysqld/mysqld.sock",
     .offset = FIELD(socket),
     .unique = true,
     .shortdesc = "Unix socket",
     .longdesc = "The server's unix socket; the resource agent administers the server through it."},
    {.name = "port",
     .type = PARAM_PORT,
     .fallback = "3306",
     .offset = FIELD(port),
     .unique = true,
     .shortdesc = "TCP port",
     .longdesc = "The port that clients and replicas connect to, the same on all nodes."},
    {.name = "replication_address",
     .type = PARAM_STRING,
     .fallback = "",
     .offset = FIELD(replication_address),
     .shortdesc = "Address for replication",
     .longdesc = "Name or address under which the other nodes replicate from this node. Default: the node's name in the cluster. Set it "
		 "per node, with rules, to use a network of its own."},
    {.name = "credentials",
     .type = PARAM_PATH,
     .fallback = "",
     .offset = FIELD(credentials),
     .shortdesc = "Credentials file",
     .longdesc = "A file that only root can read, the same on all nodes, with the sections [administration] and [replication], each with "
		 "user= and password=. Without [administration] the agent connects as root through the unix socket. [replication] is "
		 "needed as soon as there is more than one node. At first start the accounts are created."},
    {.name = "durability",
     .type = PARAM_CHOICE,
     .fallback = "adaptive",
     .choices = "majority adaptive async",
     .offset = FIELD(durability),
     .shortdesc = "What an acknowledged commit survives",
     .longdesc =
	 "majority: a commit is acknowledged when a majority of the nodes has it; it survives whatever leaves a quorum of nodes, and waits "
	 "while too few replicas answer. adaptive: the same, but a primary with quorum that has lost its replicas goes on alone, after a "
	 "majority of the nodes has stored that; until they are back no other node is promoted, and losing its disk loses what it took "
	 "alone. async: nothing is promised, a failover may lose the last commits."},
    {.name = "power_safe",
     .type = PARAM_BOOL,
     .fallback = "false",
     .offset = FIELD(power_safe),
     .shortdesc = "Acknowledged commits survive a power cut of all nodes",
     .longdesc = "A replica writes what it acknowledges to its disk first (sync_relay_log=1), so that acknowledged commits survive a power "
		 "cut of all nodes of which a minority never returns. It makes commits slower."},
    {.name = "promoted_sysvars",
     .type = PARAM_SYSVARS,
     .fallback = "",
     .offset = FIELD(promoted_sysvars),
     .reloadable = true,
     .shortdesc = "Variables of the primary",
     .longdesc = "Global variables set at promotion: name=value, separated by semicolons. Numbers, words, or text in single quotes. They "
		 "are tried at every start, so that an error is not found at a failover."},
    {.name = "unpromoted_sysvars",
     .type = PARAM_SYSVARS,
     .fallback = "",
     .offset = FIELD(unpromoted_sysvars),
     .reloadable = true,
     .shortdesc = "Variables of the replicas",
     .longdesc = "Global variables set at start and at demotion: name=value, separated by semicolons."},
    {.name = "additional_parameters",
     .type = PARAM_STRING,
     .fallback = "",
     .offset = FIELD(additional_parameters),
     .shortdesc = "More server options",
     .longdesc = "Further command line options of the server, separated by blanks."},
    {.name = "max_lag",
     .type = PARAM_DURATION,
     .fallback = "60s",
     .offset = FIELD(max_lag_ms),
     .reloadable = true,
     .shortdesc = "Largest lag of a good candidate",
     .longdesc =
	 "A replica that is further behind is promoted only when no other can be, and is shown as catching up. 0 switches this off."},
    {.name = "shutdown_timeout",
     .type = PARAM_DURATION,
     .fallback = "0",
     .offset = FIELD(shutdown_timeout_ms),
     .reloadable = true,
     .shortdesc = "Time for a clean shutdown",
     .longdesc = "After this time a server that is shutting down is killed. 0: three quarters of the stop action's timeout."},
    {.name = "provision",
     .type = PARAM_CHOICE,
     .fallback = "auto",
     .choices = "auto manual",
     .offset = FIELD(provision),
     .reloadable = true,
     .shortdesc = "Filling a diverged node",
     .longdesc = "auto: a node whose data has diverged from the primary's is filled again from the primary, after what only it has was set "
		 "aside. manual: it stays up, read-only and unpromoted, and says what differs. An empty node is always filled."},
    {.name = "keep_old_data",
     .type = PARAM_BOOL,
     .fallback = "false",
     .offset = FIELD(keep_old_data),
     .reloadable = true,
     .shortdesc = "Keep what a copy has replaced",
     .longdesc = "When a node with data is filled again, its old data stays in the data directory, as .systole-set-aside/TIME, until the "
		 "node is in sync. true: it stays there for ever. What only this node has is kept as binary logs in any case."},
    {.name = "provision_rate",
     .type = PARAM_NUMBER,
     .fallback = "0",
     .offset = FIELD(provision_rate),
     .reloadable = true,
     .shortdesc = "Largest speed of a copy, MiB per second",
     .longdesc = "A node is filled with at most so many MiB per second, so that its donor is not slowed down. 0: as fast as it goes."},
    {.name = "binlog_keep",
     .type = PARAM_DURATION,
     .fallback = "7d",
     .offset = FIELD(binlog_keep_ms),
     .reloadable = true,
     .shortdesc = "How long binary logs are kept for a missing node",
     .longdesc =
	 "While a node of the clone is missing, no server purges binary logs by itself, so that the node can return without a copy, "
	 "until the oldest of them was last written this long ago; then the expiry of the option file counts again, as it always "
	 "does while all are there. PURGE BINARY LOGS and MariaDB's max_binlog_total_size are not held back. 0: nothing is kept."},
    {.name = "binlog_keep_size",
     .type = PARAM_SIZE,
     .fallback = "20G",
     .offset = FIELD(binlog_keep_size),
     .reloadable = true,
     .shortdesc = "How much is kept for a missing node",
     .longdesc = "While all binary logs of a server together are larger than this, the expiry of the option file counts although a node is "
		 "missing. In bytes, or with K, M, G or T. 0: no limit."},
    {.name = "tls",
     .type = PARAM_BOOL,
     .fallback = "false",
     .offset = FIELD(tls),
     .shortdesc = "Require TLS for replication",
     .longdesc = "Replication connections and copies use TLS or fail; the replication account is created so that it demands it."},
    {.name = "followers",
     .type = PARAM_HOSTS,
     .fallback = "",
     .offset = FIELD(followers),
     .reloadable = true,
     .shortdesc = "Servers that the primary points to itself",
     .longdesc =
	 "Servers outside of the cluster, as HOST or HOST:PORT, separated by blanks, that cannot replicate from the virtual IP. The "
	 "primary points each to itself (replication_address), in the background, with the account of the section [followers] of the "
	 "credentials file. They must replicate with GTID auto-positioning already; one that has what the primary lacks is left alone."},
    {.name = "other_site",
     .type = PARAM_HOST,
     .fallback = "",
     .offset = FIELD(other_site),
     .reloadable = true,
     .shortdesc = "Address of a second cluster with the same data",
     .longdesc =
	 "HOST or HOST:PORT of another cluster's address for reads, or of its virtual IP. While this cluster has no primary, because a "
	 "ticket or a constraint forbids it, its nodes replicate from there with the account of the section [site] of the credentials "
	 "file, "
	 "acknowledge nothing, and are filled from there when they are empty. Nobody is promoted by it, here or there."},
};
const size_t param_count = ARRAY_LENGTH(param_table);

const char *env_get(char *const *env, const char *name)
{
	size_t length = strlen(name);
	for (; *env; env++)
		if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
			return *env + length + 1;
	return NULL;
}

const char *durability_name(enum durability durability)
{
	switch (durability) {
	case DURABILITY_MAJORITY:
		return "majority";
	case DURABILITY_ADAPTIVE:
		return "adaptive";
	case DURABILITY_ASYNC:
		return "async";
	case DURABILITY_UNKNOWN:
		break;
	}
	return "unknown";
}

static int param_error(const struct param *param, const char *value, const char *wanted, struct error *err)
{
	return error_set(err, OCF_ERR_CONFIGURED, "parameter %s: \"%s\" is not valid: %s", param->name, value, wanted);
}

static bool text_is_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* The word's place in "one two three", from 1; 0 when it is none of them. */
static int choice_find(const char *choices, const char *word)
{
	size_t length = strlen(word);
	int place = 1;
	for (const char *c = choices; *c; place++) {
		size_t n = strcspn(c, " ");
		if (n == length && strncmp(c, word, n) == 0)
			return place;
		c += n + (c[n] == ' ');
	}
	return 0;
}

static bool sysvar_value_valid(const char *value)
{
	size_t length = strlen(value);
	if (length >= 2 && value[0] == '\'')
		return value[length - 1] == '\'' && !memchr(value + 1, '\'', length - 2) && !strchr(value, '\\');
	return length > 0 && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.:/,") == length;
}

static int sysvar_add(const struct param *param, const char *text, struct sysvars *list, struct error *err)
{
	const char *equals = strchr(text, '=');
	size_t name_length = equals ? (size_t)(equals - text) : 0;
	if (!name_length || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.") != name_length)
		return param_error(param, text, "write name=value, the name in lower case with underscores", err);
	if (!sysvar_value_valid(equals + 1))
		return param_error(param, text, "the value must be a number, a word, or text in single quotes", err);
	_cleanup_free_ char *name = str_ndup(text, name_length);
	if (option_is_owned(name))
		return param_error(param, text, "this variable is managed by the resource agent itself", err);
	list->items = mem_grow(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = (struct sysvar){.name = str_dup(name), .value = str_dup(equals + 1)};
	return 0;
}

static int sysvars_parse(const struct param *param, const char *value, struct sysvars *list, struct error *err)
{
	for (const char *at = value; *at;) {
		size_t n = strcspn(at, ";");
		size_t lead = strspn(at, " ");
		if (lead < n) {
			size_t end = n;
			while (at[end - 1] == ' ')
				end--;
			_cleanup_free_ char *one = str_ndup(at + lead, end - lead);
			if (sysvar_add(param, one, list, err))
				return -1;
		}
		at += n + (at[n] == ';');
	}
	return 0;
}

static int host_parse(const struct param *param, const char *text, const char *wanted, struct follower *ret, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	bool bracketed = *text == '[';
	const char *begin = text + bracketed;
	size_t n = bracketed ? strspn(begin, "0123456789abcdefABCDEF:.") : strspn(begin, letters);
	const char *rest = begin + n + (bracketed && begin[n] == ']');
	uint64_t port = 3306;
	bool good =
	    n > 0 && n < 256 && (!bracketed || begin[n] == ']') && (!*rest || (*rest == ':' && parse_u64(rest + 1, 1, 65535, &port)));
	if (!good)
		return param_error(param, text, wanted, err);
	*ret = (struct follower){.host = str_ndup(begin, n), .port = port};
	return 0;
}

#define HOSTS_MAX 64
#define HOSTS_WANTED "at most 64 of HOST or HOST:PORT are wanted, separated by blanks"

static int hosts_parse(const struct param *param, const char *value, struct followers *list, struct error *err)
{
	for (const char *at = value + strspn(value, " "); *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");
		_cleanup_free_ char *one = str_ndup(at, n);
		struct follower host;
		if (list->count == HOSTS_MAX)
			return param_error(param, one, HOSTS_WANTED, err);
		if (host_parse(param, one, HOSTS_WANTED, &host, err))
			return -1;
		list->items = mem_grow(list->items, list->count + 1, sizeof(*list->items));
		list->items[list->count++] = host;
		at += n;
	}
	return 0;
}

static int param_store(const struct param *param, const char *value, struct config *config, struct error *err)
{
	void *field = (char *)config + param->offset;
	int choice;
	if (strlen(value) > 4096 || !text_is_clean(value))
		return error_set(err, OCF_ERR_CONFIGURED, "parameter %s: longer than 4096 bytes or with control characters", param->name);
	switch (param->type) {
	case PARAM_PATH:
		if (*value && (*value != '/' || strstr(value, "/../")))
			return param_error(param, value, "an absolute path is wanted", err);
		str_set(field, *value ? value : NULL);
		return 0;
	case PARAM_STRING:
		str_set(field, *value ? value : NULL);
		return 0;
	case PARAM_PORT:
		return parse_u64(value, 1, 65535, field) ? 0 : param_error(param, value, "a port from 1 to 65535 is wanted", err);
	case PARAM_DURATION:
		return parse_duration_ms(value, field) ? 0
						       : param_error(param, value, "a time such as 30s, 500ms, 2min or 7d is wanted", err);
	case PARAM_BOOL:
		return parse_bool(value, field) ? 0 : param_error(param, value, "true or false is wanted", err);
	case PARAM_CHOICE:
		choice = choice_find(param->choices, value);
		if (!choice) {
			_cleanup_free_ char *wanted = str_printf("one of these is wanted: %s", param->choices);
			return param_error(param, value, wanted, err);
		}
		*(int *)field = choice;
		return 0;
	case PARAM_SYSVARS:
		return sysvars_parse(param, value, field, err);
	case PARAM_NUMBER:
		return parse_u64(value, 0, 1000000, field) ? 0 : param_error(param, value, "a whole number up to 1000000 is wanted", err);
	case PARAM_HOSTS:
		return hosts_parse(param, value, field, err);
	case PARAM_HOST:
		return *value ? host_parse(param, value, "HOST or HOST:PORT is wanted", field, err) : 0;
	case PARAM_SIZE:
		return parse_size(value, field) ? 0 : param_error(param, value, "bytes, or a size such as 500M or 20G, are wanted", err);
	}
	return -1;
}

_Static_assert(sizeof(enum durability) == sizeof(int) && sizeof(enum provision) == sizeof(int), "choices are stored as int");

static uint64_t meta_u64(char *const *env, const char *name, uint64_t fallback)
{
	uint64_t value;
	const char *text = env_get(env, name);
	return text && parse_u64(text, 0, UINT64_MAX / 2, &value) ? value : fallback;
}

/* A list with exactly one name, without its blanks; NULL otherwise. */
static char *single_name(const char *list)
{
	if (!list)
		return NULL;
	list += strspn(list, " ");
	size_t n = strcspn(list, " ");
	return n && list[n + strspn(list + n, " ")] == '\0' ? str_ndup(list, n) : NULL;
}

int instance_load(char *const *env, struct instance *ret, struct error *err)
{
	struct instance in = {0};
	const char *id = env_get(env, "OCF_RESOURCE_INSTANCE");
	if (str_empty(id))
		id = "default";
	size_t length = strcspn(id, ":");
	if (strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") < length || !length || length > 128 ||
	    id[0] == '.')
		return error_set(err, OCF_ERR_ARGS,
				 "OCF_RESOURCE_INSTANCE: \"%.128s\" is not a resource name: letters, digits, '_', '-' and '.' are wanted",
				 id);
	const char *node = env_get(env, "OCF_RESKEY_CRM_meta_on_node");
	if (node && (strpbrk(node, " =/") || !text_is_clean(node) || strlen(node) > 255))
		return error_set(err, OCF_ERR_ARGS, "OCF_RESKEY_CRM_meta_on_node: \"%.64s\" is not a node name", node);
	const char *notify = env_get(env, "OCF_RESKEY_CRM_meta_notify");
	in.resource = str_ndup(id, length);
	in.node = str_empty(node) ? NULL : str_dup(node);
	in.clustered = in.node != NULL;
	if (notify)
		(void)(parse_bool(notify, &in.notify) || (in.notify = false));
	in.node_id = meta_u64(env, "OCF_RESKEY_CRM_meta_on_node_uuid", 0);
	in.clone_max = in.clustered ? meta_u64(env, "OCF_RESKEY_CRM_meta_clone_max", 1) : 1;
	if (in.clone_max == 0 || in.clone_max > 64)
		in.clone_max = 1;
	in.timeout_ms = meta_u64(env, "OCF_RESKEY_CRM_meta_timeout", 20000);
	in.interval_ms = meta_u64(env, "OCF_RESKEY_CRM_meta_interval", 0);
	in.check_level = meta_u64(env, "OCF_CHECK_LEVEL", 0);
	in.notify_type = env_get(env, "OCF_RESKEY_CRM_meta_notify_type");
	in.notify_operation = env_get(env, "OCF_RESKEY_CRM_meta_notify_operation");
	in.notify_promote = single_name(env_get(env, "OCF_RESKEY_CRM_meta_notify_promote_uname"));
	in.notify_demote = single_name(env_get(env, "OCF_RESKEY_CRM_meta_notify_demote_uname"));
	in.notify_switchover = str_equal(in.notify_type, "pre") && str_equal(in.notify_operation, "demote") && in.notify_demote &&
			       in.notify_promote && !str_equal(in.notify_demote, in.notify_promote) &&
			       !str_in_list(env_get(env, "OCF_RESKEY_CRM_meta_notify_stop_uname"), in.notify_demote);
	in.notify_active = str_dup(env_get(env, "OCF_RESKEY_CRM_meta_notify_active_uname"));
	*ret = in;
	return 0;
}

static void instance_clear(struct instance *in)
{
	free(in->resource);
	free(in->node);
	free(in->notify_promote);
	free(in->notify_demote);
	free(in->notify_active);
	*in = (struct instance){0};
}

static int config_check_together(const struct config *config, struct error *err)
{
	if (config->instance.clone_max > 1 && !config->instance.notify)
		return error_set(
		    err, OCF_ERR_CONFIGURED,
		    "the clone has notify=false: the election runs in the notifications; set the clone's meta attribute notify=true");
	if (config->instance.clone_max > 1 && !config->credentials)
		return error_set(err, OCF_ERR_CONFIGURED,
				 "parameter credentials is not set: with more than one node it must name a file with a [replication] "
				 "section, the same on all nodes");
	return 0;
}

int config_load(char *const *env, struct config *ret, struct error *err)
{
	struct config config = {0};
	if (instance_load(env, &config.instance, err))
		return -1;
	for (size_t i = 0; i < param_count; i++) {
		_cleanup_free_ char *name = str_printf("OCF_RESKEY_%s", param_table[i].name);
		const char *value = env_get(env, name);
		if (param_store(&param_table[i], str_empty(value) ? param_table[i].fallback : value, &config, err))
			goto fail;
	}
	if (config_check_together(&config, err))
		goto fail;
	*ret = config;
	return 0;
fail:
	config_clear(&config);
	return -1;
}

static void sysvars_clear(struct sysvars *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].name);
		free(list->items[i].value);
	}
	free(list->items);
	*list = (struct sysvars){0};
}

static void hosts_clear(struct followers *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].host);
	free(list->items);
	*list = (struct followers){0};
}

void config_clear(struct config *config)
{
	for (size_t i = 0; i < param_count; i++) {
		void *field = (char *)config + param_table[i].offset;
		if (param_table[i].type == PARAM_STRING || param_table[i].type == PARAM_PATH)
			str_set(field, NULL);
		else if (param_table[i].type == PARAM_SYSVARS)
			sysvars_clear(field);
		else if (param_table[i].type == PARAM_HOSTS)
			hosts_clear(field);
		else if (param_table[i].type == PARAM_HOST)
			str_set(&((struct follower *)field)->host, NULL);
	}
	instance_clear(&config->instance);
}

bool config_keeps_binlogs(const struct config *config)
{
	return config->binlog_keep_ms && config->instance.clustered && config->instance.clone_max > 1;
}

uint64_t config_acknowledgers(const struct config *config, uint64_t voters, bool only_one)
{
	if (config->durability == DURABILITY_ASYNC || config->durability == DURABILITY_UNKNOWN)
		return 0;
	uint64_t k = voters / 2;
	return only_one && k > 1 ? 1 : k;
}

uint64_t config_reports_needed(const struct config *config, uint64_t voters, bool only_one)
{
	uint64_t k = config_acknowledgers(config, voters, only_one), majority = voters / 2 + 1;
	/* Two voters: one set suffices, fencing stands for the other. Else two elections must always have a voter in common, and every
	 * acknowledged transaction must be in one of the sets. */
	if (voters == 2)
		return 1;
	return k > 0 && voters - k > majority ? voters - k : majority;
}
