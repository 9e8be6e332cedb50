#include "run/relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/binlog.h"
#include "io/files.h"
#include "io/log.h"

enum {
	LIST_MAX = 1 << 20, /* bytes of the list of files */
	ORIGINS_MAX = 1024, /* servers and domains in one relay log */
};

struct scan {
	char **names; /* as the list has them: "./relay-bin.000002" */
	size_t count;
	struct binlog_gtid origins[ORIGINS_MAX]; /* the last transaction of each */
	size_t origin_count;
	bool too_many, encrypted;
	const struct gtid_set *executed; /* NULL: where to begin is not asked for */
	bool missing_found;
	size_t missing_in; /* the file with the first transaction that is not executed, and where */
	uint64_t missing_at;
};

static void scan_clear(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		free(scan->names[i]);
	free(scan->names);
	*scan = (struct scan){0};
}

static bool executed_holds(const struct gtid_set *executed, const struct binlog_gtid *gtid)
{
	char text[BINLOG_GTID_TEXT];
	binlog_gtid_format(gtid, text);
	_cleanup_gtid_ struct gtid_set *one = gtid_set_parse(GTID_FLAVOUR_MARIADB, text);
	return one && gtid_set_contains(executed, one);
}

static void transaction_found(const struct binlog *binlog, void *data)
{
	struct scan *scan = data;
	size_t i = 0;
	while (i < scan->origin_count && (scan->origins[i].domain != binlog->gtid.domain || scan->origins[i].server != binlog->gtid.server))
		i++;
	scan->too_many = scan->too_many || i == ORIGINS_MAX;
	if (scan->too_many)
		return;
	if (i == scan->origin_count)
		scan->origins[scan->origin_count++] = binlog->gtid;
	else if (binlog->gtid.sequence > scan->origins[i].sequence)
		scan->origins[i].sequence = binlog->gtid.sequence;
	if (scan->executed && !scan->missing_found && !executed_holds(scan->executed, &binlog->gtid)) {
		scan->missing_found = true;
		scan->missing_in = binlog->begins_in;
		scan->missing_at = binlog->begins_at;
	}
}

/* The files of the relay log, in their order. Those at the beginning may be gone already, and their names not yet. */
static int files_list(struct context *ctx, struct scan *scan, struct error *err)
{
	struct sql_rows rows = {0};
	if (context_query(ctx, ctx->sql, STATEMENT_RELAY_LIST, &rows, err, NULL) != SQL_OK)
		return -1;
	_cleanup_free_ char *list = str_dup(sql_value(&rows, 0, "list")), *directory = str_dup(sql_value(&rows, 0, "directory"));
	sql_rows_clear(&rows);
	_cleanup_free_ char *text = NULL;
	if (!list || !directory || file_read(list, LIST_MAX, &text, err))
		return error_set(err, OCF_ERR_GENERIC, "the list of the relay log's files cannot be read");
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		char *path = *line == '/' ? str_dup(line) : str_printf("%s/%s", directory, line);
		if (scan->count == 0 && path_exists(path) == PRESENCE_NO) {
			free(path);
			continue;
		}
		scan->names = mem_grow(scan->names, scan->count + 1, sizeof(*scan->names));
		scan->names[scan->count++] = path;
	}
	return 0;
}

static int scan_files(struct scan *scan, struct error *err)
{
	struct binlog binlog = {0};
	for (size_t i = 0; i < scan->count; i++) {
		struct file_map map = {0};
		if (path_exists(scan->names[i]) == PRESENCE_NO)
			return 0;
		if (file_map(scan->names[i], &map, err))
			return -1;
		enum binlog_end end = binlog_read(&binlog, map.bytes, map.size, transaction_found, scan);
		file_unmap(&map);
		switch (end) {
		case BINLOG_WHOLE:
			continue;
		case BINLOG_ENCRYPTED:
			scan->encrypted = true;
			return 0;
		case BINLOG_TORN: /* the applier cannot get past it either, nor past a file that is gone */
		case BINLOG_FOREIGN:
			return 0;
		}
	}
	return scan->too_many ? error_set(err, OCF_ERR_GENERIC, "more than %d servers and domains in the relay log", ORIGINS_MAX) : 0;
}

/* The same as long as no file has changed: reading them all again in every look would hold up the applier. */
static char *files_state(const struct scan *scan)
{
	struct strbuf text = {0};
	for (size_t i = 0; i < scan->count; i++) {
		_cleanup_free_ char *state = file_state(scan->names[i]);
		strbuf_addf(&text, "%s %s\n", scan->names[i], state);
	}
	return strbuf_take(&text);
}

static struct gtid_set *origins_set(const struct scan *scan)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	for (size_t i = 0; i < scan->origin_count; i++) {
		char origin[BINLOG_GTID_TEXT];
		binlog_gtid_format(&scan->origins[i], origin);
		strbuf_addf(&text, "%s%s", i ? "," : "", origin);
	}
	return gtid_set_parse(GTID_FLAVOUR_MARIADB, text.text ? text.text : "");
}

bool relay_received(struct context *ctx, struct gtid_set **ret_received)
{
	struct scan scan = {0};
	if (!dialect_statement(ctx->dialect, STATEMENT_RELAY_LIST))
		return false;
	int rc = files_list(ctx, &scan, &ctx->last);
	_cleanup_free_ char *state = files_state(&scan);
	if (rc == 0 && !str_equal(state, ctx->relay_state)) {
		rc = scan_files(&scan, &ctx->last);
		gtid_set_free(ctx->relay_received);
		ctx->relay_received = rc == 0 ? origins_set(&scan) : NULL;
		ctx->relay_encrypted = scan.encrypted;
		str_set(&ctx->relay_state, rc == 0 ? state : NULL);
		if (scan.encrypted)
			log_warning("what this server had received before it was restarted is not known: its relay log is encrypted");
	}
	scan_clear(&scan);
	*ret_received = rc == 0 ? gtid_set_copy(ctx->relay_received) : NULL;
	return rc != 0 || !ctx->relay_encrypted;
}

/* Where the server itself says that it stands: exact, unless it has been restarted since. */
static int own_position(struct context *ctx, char **ret_file, char **ret_position, struct error *err)
{
	struct sql_rows rows = {0};
	if (context_query(ctx, ctx->sql, STATEMENT_REPLICA_STATUS, &rows, err, NULL) != SQL_OK)
		return -1;
	*ret_file = str_dup(sql_value(&rows, 0, ctx->dialect->relay_file));
	*ret_position = str_dup(sql_value(&rows, 0, ctx->dialect->relay_position));
	sql_rows_clear(&rows);
	return 0;
}

int relay_apply(struct context *ctx, const struct gtid_set *executed, struct error *err)
{
	struct scan scan = {.executed = executed};
	struct error why;
	_cleanup_free_ char *file = NULL, *position = NULL;
	if (files_list(ctx, &scan, &why) == 0 && scan_files(&scan, &why) == 0 && scan.missing_found) {
		file = str_dup(scan.names[scan.missing_in]);
		position = str_printf("%llu", (unsigned long long)scan.missing_at);
	}
	scan_clear(&scan);
	if (!file && own_position(ctx, &file, &position, err))
		return -1;
	if (str_empty(file) || str_empty(position))
		return 0;
	const char *name = strrchr(file, '/');
	if (context_run(ctx, ctx->sql, STATEMENT_RELAY_POSITION, err, "file", name ? name + 1 : file, "position", position, NULL) != SQL_OK)
		return -1;
	return 0;
}
