#include "core/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

enum option_kind {
	OPTION_LAW = 1, /* fixed by a law: a user's file that says otherwise is an error */
	OPTION_OURS,	/* set by the agent while it works: what the file says does not count */
	OPTION_GIVEN,	/* given where the file says nothing; the file's choice stands */
};

struct option_row {
	const char *name;
	const char *alias;	   /* an older or newer name of the same option, or NULL */
	const char *value;	   /* what is given on the command line; NULL: nothing, and by a law the file must not have it either */
	enum gtid_flavour flavour; /* UNKNOWN: both servers */
	enum option_kind kind;
	const char *why;
};

#define FILTERED "what a filter leaves out is missing on other nodes, and lost when one of them is promoted"

static const struct option_row rows[] = {
    {"gtid_mode", NULL, "ON", GTID_FLAVOUR_MYSQL, OPTION_LAW, "positions are compared as GTID sets"},
    {"enforce_gtid_consistency", NULL, "ON", GTID_FLAVOUR_MYSQL, OPTION_LAW, "positions are compared as GTID sets"},
    {"gtid_strict_mode", NULL, "ON", GTID_FLAVOUR_MARIADB, OPTION_LAW, "without it a diverged replica goes on silently"},
    {"log_bin", NULL, "binlog", GTID_FLAVOUR_UNKNOWN, OPTION_LAW, "every node must be able to become the primary"},
    {"log_replica_updates", "log_slave_updates", "ON", GTID_FLAVOUR_UNKNOWN, OPTION_LAW, "every node must be able to serve the others"},
    {"sync_binlog", NULL, "1", GTID_FLAVOUR_UNKNOWN, OPTION_LAW, "an acknowledged commit must be on the disk"},
    {"innodb_flush_log_at_trx_commit", NULL, "1", GTID_FLAVOUR_UNKNOWN, OPTION_LAW, "an acknowledged commit must be on the disk"},
    {"relay_log_recovery", NULL, "OFF", GTID_FLAVOUR_MYSQL, OPTION_LAW,
     "it throws away what this node has acknowledged but not yet applied"},
    {"rpl_semi_sync_source_wait_point", "rpl_semi_sync_master_wait_point", "AFTER_SYNC", GTID_FLAVOUR_UNKNOWN, OPTION_LAW,
     "others would see a commit before it is safe"},
    {"rpl_semi_sync_source_wait_no_replica", "rpl_semi_sync_master_wait_no_slave", "ON", GTID_FLAVOUR_UNKNOWN, OPTION_LAW,
     "commits would be acknowledged that nobody else has, as soon as too few replicas are connected"},
    {"binlog_do_db", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"binlog_ignore_db", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"replicate_do_db", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"replicate_ignore_db", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"replicate_do_table", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"replicate_ignore_table", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"replicate_wild_do_table", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"replicate_wild_ignore_table", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"replicate_rewrite_db", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_LAW, FILTERED},
    {"read_only", NULL, "ON", GTID_FLAVOUR_UNKNOWN, OPTION_OURS, NULL},
    {"super_read_only", NULL, "ON", GTID_FLAVOUR_MYSQL, OPTION_OURS, NULL},
    {"skip_replica_start", "skip_slave_start", "ON", GTID_FLAVOUR_UNKNOWN, OPTION_OURS, NULL},
    {"rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled", "OFF", GTID_FLAVOUR_UNKNOWN, OPTION_OURS, NULL},
    {"rpl_semi_sync_replica_enabled", "rpl_semi_sync_slave_enabled", "ON", GTID_FLAVOUR_UNKNOWN, OPTION_OURS, NULL},
    {"rpl_semi_sync_source_timeout", "rpl_semi_sync_master_timeout", SEMISYNC_FOR_EVER, GTID_FLAVOUR_UNKNOWN, OPTION_OURS, NULL},
    {"rpl_semi_sync_source_wait_for_replica_count", "rpl_semi_sync_master_wait_for_slave_count", NULL, GTID_FLAVOUR_MYSQL, OPTION_OURS,
     NULL},
    {"offline_mode", NULL, NULL, GTID_FLAVOUR_MYSQL, OPTION_OURS, NULL},
    /* How long they are kept is the user's; when that counts, the agent decides. */
    {"binlog_expire_logs_auto_purge", NULL, NULL, GTID_FLAVOUR_MYSQL, OPTION_OURS, NULL},
    {"binlog_expire_logs_seconds", "expire_logs_days", NULL, GTID_FLAVOUR_MARIADB, OPTION_OURS, NULL},
    {"server_id", NULL, NULL, GTID_FLAVOUR_UNKNOWN, OPTION_GIVEN, NULL},
    {"relay_log", NULL, "relay-bin", GTID_FLAVOUR_UNKNOWN, OPTION_GIVEN, NULL},
    {"replica_net_timeout", "slave_net_timeout", "10", GTID_FLAVOUR_UNKNOWN, OPTION_GIVEN, NULL},
    {"ignore_db_dirs", NULL, "lost+found", GTID_FLAVOUR_MARIADB, OPTION_GIVEN, NULL},
    /* A receiver that is stopped connects to its source once more, to end its session there. With a dead source that wait, in seconds,
	 * is part of every failover; 1 is the least it takes. */
    {"rpl_semi_sync_slave_kill_conn_timeout", NULL, "1", GTID_FLAVOUR_MARIADB, OPTION_GIVEN, NULL},
    {"bind_address", NULL, "*", GTID_FLAVOUR_UNKNOWN, OPTION_GIVEN, NULL},
};

static const struct option_row *row_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(rows[i].name, name) == 0 || (rows[i].alias && strcmp(rows[i].alias, name) == 0))
			return &rows[i];
	return NULL;
}

bool option_is_owned(const char *name)
{
	const char *dot = strrchr(name, '.');
	const struct option_row *row = row_find(dot ? dot + 1 : name);
	return row && row->kind != OPTION_GIVEN;
}

const char *option_persisted(const char *auto_cnf)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const char *const names[] = {rows[i].name, rows[i].alias};
		for (size_t n = 0; n < 2; n++) {
			if (!names[n] || rows[i].kind == OPTION_GIVEN || rows[i].flavour == GTID_FLAVOUR_MARIADB)
				continue;
			_cleanup_free_ char *quoted = str_printf("\"%s\"", names[n]);
			if (strstr(auto_cnf, quoted))
				return names[n];
		}
	}
	return NULL;
}

/* "--loose-skip-Log_Bin=x" -> log_bin, "0" */
static void option_add(struct user_options *list, const char *text, size_t n)
{
	size_t name_length = 0;
	while (name_length < n && text[name_length] != '=')
		name_length++;
	char *name = str_ndup(text, name_length);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : (char)tolower((unsigned char)*c);
	char *value = name_length < n ? str_ndup(text + name_length + 1, n - name_length - 1) : str_dup("1");
	if (str_starts(name, "loose_"))
		memmove(name, name + 6, strlen(name) - 5);
	/* The servers take --skip-NAME and --disable-NAME for NAME=0. */
	size_t prefix = str_starts(name, "skip_") ? 5 : str_starts(name, "disable_") ? 8 : 0;
	if (prefix && row_find(name + prefix) && !row_find(name)) {
		memmove(name, name + prefix, strlen(name) - prefix + 1);
		str_set(&value, "0");
	}
	list->items = mem_grow(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = (struct user_option){.name = name, .value = value};
}

void user_options_parse(const char *printed, struct user_options *ret)
{
	struct user_options list = {0};
	/* A line of text stands before the options; every option begins with " --" or stands at a line's beginning. */
	for (const char *at = strstr(printed, "--"); at;) {
		const char *next = strstr(at + 2, " --");
		size_t n = next ? (size_t)(next - at) : strlen(at);
		while (n > 2 && isspace((unsigned char)at[n - 1]))
			n--;
		if (n > 2)
			option_add(&list, at + 2, n - 2);
		at = next ? next + 1 : NULL;
	}
	*ret = list;
}

void user_options_clear(struct user_options *options)
{
	for (size_t i = 0; i < options->count; i++) {
		free(options->items[i].name);
		free(options->items[i].value);
	}
	free(options->items);
	*options = (struct user_options){0};
}

const char *user_options_get(const struct user_options *options, const char *name)
{
	for (size_t i = options->count; i > 0; i--)
		if (strcmp(options->items[i - 1].name, name) == 0)
			return options->items[i - 1].value;
	return NULL;
}

static const char *row_user_value(const struct option_row *row, const struct user_options *options)
{
	const char *value = user_options_get(options, row->name);
	return value || !row->alias ? value : user_options_get(options, row->alias);
}

static bool row_applies(const struct option_row *row, const struct dialect *dialect)
{
	return row->flavour == GTID_FLAVOUR_UNKNOWN || row->flavour == dialect->from.flavour;
}

static bool values_agree(const struct option_row *row, const char *value)
{
	bool given, wanted;
	if (!row->value)
		return false;
	if (strcasecmp(value, row->value) == 0)
		return true;
	/* log_bin=NAME is on with a name of the user's own. */
	if (strcmp(row->name, "log_bin") == 0)
		return !parse_bool(value, &given) || given;
	return parse_bool(value, &given) && parse_bool(row->value, &wanted) && given == wanted;
}

int user_options_check(const struct config *config, const struct dialect *dialect, const struct user_options *options, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const char *value = row_user_value(&rows[i], options);
		if (rows[i].kind != OPTION_LAW || !row_applies(&rows[i], dialect) || !value || values_agree(&rows[i], value))
			continue;
		if (!rows[i].value)
			return error_set(err, OCF_ERR_ARGS, "%s says %s=%.64s, but %s: remove the line", config->config, rows[i].name,
					 value, rows[i].why);
		return error_set(err, OCF_ERR_ARGS, "%s says %s=%.64s, but %s is needed, because %s: correct or remove the line",
				 config->config, rows[i].name, value, rows[i].value, rows[i].why);
	}
	return 0;
}

unsigned long server_id_choose(const struct config *config, const struct user_options *options)
{
	uint64_t id;
	const char *text = user_options_get(options, "server_id");
	if (text && parse_u64(text, 1, UINT32_MAX, &id))
		return (unsigned long)id;
	id = config->instance.node_id;
	return id >= 1 && id <= UINT32_MAX ? (unsigned long)id : 1;
}

char *binlog_index(const struct config *config, const struct user_options *options)
{
	bool on;
	const char *index = user_options_get(options, "log_bin_index"), *base = user_options_get(options, "log_bin");
	/* MySQL's own default name, when there is only a yes. */
	if (str_empty(index))
		index = str_empty(base) || parse_bool(base, &on) ? "binlog" : base;
	const char *name = strrchr(index, '/'), *dot = strrchr(name ? name : index, '.');
	size_t length = dot ? (size_t)(dot - index) : strlen(index);
	return *index == '/' ? str_printf("%.*s.index", (int)length, index)
			     : str_printf("%s/%.*s.index", config->datadir, (int)length, index);
}

/* MariaDB counts parts of a day. */
static bool days_parse(const char *text, uint64_t *ret_s)
{
	uint64_t days, part, scale = 1;
	if (!parse_digits(&text, &days) || days > UINT32_MAX / 86400)
		return false;
	*ret_s = days * 86400;
	if (*text != '.')
		return !*text;
	for (const char *c = ++text; *c && scale < 1000000000; c++)
		scale *= 10;
	if (!parse_digits(&text, &part) || *text || part >= scale)
		return false;
	*ret_s += part * 86400 / scale;
	return true;
}

/* After how many seconds binary logs expire as the user has it. False: that cannot be told. */
static bool expiry_read(const struct dialect *dialect, const struct user_options *options, uint64_t *ret_s)
{
	bool valid = true, by_seconds = false;
	*ret_s = dialect->expiry_default_s;
	for (size_t i = 0; i < options->count; i++) {
		const struct user_option *option = &options->items[i];
		bool seconds = strcmp(option->name, "binlog_expire_logs_seconds") == 0;
		/* On MySQL seconds win over days, on MariaDB the last word counts. */
		bool days = strcmp(option->name, "expire_logs_days") == 0 && !(by_seconds && dialect->from.flavour == GTID_FLAVOUR_MYSQL);
		if (seconds)
			valid = parse_u64(option->value, 0, UINT32_MAX, ret_s);
		else if (days)
			valid = days_parse(option->value, ret_s);
		by_seconds = by_seconds || seconds;
	}
	return valid;
}

char *binlog_expiry(const struct dialect *dialect, const struct user_options *options)
{
	uint64_t s;
	bool on;
	const char *purge = user_options_get(options, "binlog_expire_logs_auto_purge");
	uint64_t unit_s = dialect->expiry_unit_s ? dialect->expiry_unit_s : 1;
	if (!expiry_read(dialect, options, &s) || s < unit_s || (purge && (!parse_bool(purge, &on) || !on)))
		return NULL;
	return str_printf("%llu", dialect->expiry_unit_s ? (unsigned long long)(s / unit_s) : 1ull);
}

struct argv {
	char **items;
	size_t count;
};

static void argv_add(struct argv *argv, char *item)
{
	argv->items = mem_grow(argv->items, argv->count + 2, sizeof(*argv->items));
	argv->items[argv->count++] = item;
	argv->items[argv->count] = NULL;
}

static const char *row_spelling(const struct option_row *row, const struct dialect *dialect)
{
	/* MySQL's new names came with 8.0.26, MariaDB has the old ones only; log_slave_updates and skip_slave_start are accepted by all. */
	bool semisync = str_starts(row->name, "rpl_semi_sync");
	if (!row->alias || (semisync && dialect->says_source))
		return row->name;
	return row->alias;
}

static void argv_add_rows(struct argv *argv, const struct dialect *dialect, const struct user_options *options)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const struct option_row *row = &rows[i];
		const char *user = row_user_value(row, options);
		if (!row_applies(row, dialect) || !row->value || (user && row->kind != OPTION_OURS))
			continue;
		/* loose: the semi-sync variables exist only once the plugin is loaded. */
		bool plugin = str_starts(row->name, "rpl_semi_sync") && dialect->from.flavour == GTID_FLAVOUR_MYSQL;
		argv_add(argv, str_printf("--%s%s=%s", plugin ? "loose-" : "", row_spelling(row, dialect), row->value));
	}
}

static void argv_add_words(struct argv *argv, const char *text)
{
	for (const char *at = text ? text : ""; *at;) {
		size_t n = strcspn(at, " ");
		if (n)
			argv_add(argv, str_ndup(at, n));
		at += n + (at[n] == ' ');
	}
}

static const char *plugins_to_load(const struct dialect *dialect)
{
	if (dialect->from.flavour == GTID_FLAVOUR_MARIADB)
		return NULL;
	return dialect->says_source ? "semisync_source.so;semisync_replica.so;mysql_clone.so;auth_socket.so"
				    : "semisync_master.so;semisync_slave.so;auth_socket.so";
}

char **server_argv(const struct config *config, const struct dialect *dialect, const struct user_options *options, enum launch_as as)
{
	struct argv argv = {0};
	const char *plugins = plugins_to_load(dialect);
	argv_add(&argv, str_dup(config->binary));
	argv_add(&argv, str_printf("--defaults-file=%s", config->config));
	argv_add(&argv, str_printf("--user=%s", config->user));
	argv_add(&argv, str_printf("--datadir=%s", config->datadir));
	argv_add(&argv, str_printf("--socket=%s", config->socket));
	argv_add(&argv, str_printf("--pid-file=%s", config->pid));
	argv_add(&argv, str_printf("--port=%llu", (unsigned long long)config->port));
	argv_add(&argv, str_printf("--log-error=%s", config->log));
	if (plugins)
		argv_add(&argv, str_printf("--plugin-load-add=%s", plugins));
	/* The user's own options come before ours: where both say something, ours count. */
	argv_add_words(&argv, config->additional_parameters);
	argv_add(&argv, str_printf("--server-id=%lu", server_id_choose(config, options)));
	argv_add_rows(&argv, dialect, options);
	if (config->power_safe)
		argv_add(&argv, str_dup("--sync-relay-log=1"));
	/* Without these files MariaDB throws its relay log away, which may be the second copy of what it has acknowledged. MySQL keeps them in
	 * tables. */
	if (config->power_safe && dialect->from.flavour == GTID_FLAVOUR_MARIADB) {
		argv_add(&argv, str_dup("--sync-master-info=1"));
		argv_add(&argv, str_dup("--sync-relay-log-info=1"));
	}
	/* It would purge while it starts, before anybody has seen who is missing. */
	_cleanup_free_ char *expiry = config_keeps_binlogs(config) ? binlog_expiry(dialect, options) : NULL;
	if (expiry)
		argv_add(&argv, str_printf("--%s=0", dialect->expiry));
	/* MySQL before 8.0.29: days that stand in the file would count where seconds are 0. */
	if (expiry && dialect->expiry_unit_s == 1 && user_options_get(options, "expire_logs_days"))
		argv_add(&argv, str_dup("--expire_logs_days=0"));
	if (config->instance.node)
		argv_add(&argv,
			 str_printf("--report-host=%s", config->replication_address ? config->replication_address : config->instance.node));
	if (dialect->from.flavour == GTID_FLAVOUR_MARIADB) {
		argv_add(&argv, str_dup("--ignore-db-dirs=" OWN_COPY));
		argv_add(&argv, str_dup("--ignore-db-dirs=" OWN_REPLACED));
		argv_add(&argv, str_dup("--ignore-db-dirs=" OWN_DAMAGED));
	}
	if (as == LAUNCH_BEHIND_PRIMARY && dialect->from.flavour == GTID_FLAVOUR_MARIADB)
		argv_add(&argv, str_dup("--init-rpl-role=SLAVE"));
	return argv.items;
}

void argv_free(char **argv)
{
	for (char **a = argv; a && *a; a++)
		free(*a);
	free(argv);
}
