#include "run/binlogs.h"

#include <string.h>

#include "base/str.h"
#include "io/files.h"
#include "io/log.h"
#include "run/server.h"

enum {
	LIST_MAX = 4 << 20, /* bytes of the list of files */
};

void binlogs_note(struct context *ctx, const struct user_options *options)
{
	struct error err;
	_cleanup_free_ char *expiry = binlog_expiry(ctx->dialect, options);
	if (dir_make(ctx->run_dir, 0755, 0, 0, &err) || file_write(ctx->expiry_file, expiry ? expiry : "", 0600, &err))
		log_warning("%s", err.sentence);
}

/* "": it never purges any. NULL: not known. A server that somebody else has started is taken to have the options that the file has now. */
static char *expiry_wanted(struct context *ctx)
{
	struct user_options options = {0};
	struct error ignored;
	char *text = NULL;
	if (file_read(ctx->expiry_file, 64, &text, &ignored) || text)
		return text;
	if (server_options(ctx, &options, &ignored) == 0)
		binlogs_note(ctx, &options);
	user_options_clear(&options);
	return file_read(ctx->expiry_file, 64, &text, &ignored) ? NULL : text;
}

/* Files that are purged meanwhile are no longer there. */
static void files_observe(const char *list, const char *directory, struct binlog_facts *ret)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored;
	bool first = true;
	if (!list || !directory || file_read(list, LIST_MAX, &text, &ignored) || !text)
		return;
	for (char *line = text, *next; line && *line; line = next) {
		uint64_t bytes, age_ms;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		_cleanup_free_ char *path = *line == '/' ? str_dup(line) : str_printf("%s/%s", directory, line);
		if (!file_size(path, &bytes) || !file_age_ms(path, &age_ms))
			continue;
		ret->bytes += bytes;
		if (first)
			ret->age_ms = age_ms;
		first = false;
	}
	ret->known = tri_of(!first);
}

static struct binlog_facts look(struct context *ctx)
{
	struct binlog_facts facts = {0};
	struct sql_rows rows = {0};
	_cleanup_free_ char *wanted = expiry_wanted(ctx);
	facts.wanted = wanted ? tri_of(*wanted) : TRI_UNKNOWN;
	if (facts.wanted != TRI_YES || context_query(ctx, ctx->sql, STATEMENT_BINLOG_EXPIRY, &rows, &ctx->last, NULL) != SQL_OK)
		return facts;
	const char *expiry = sql_value(&rows, 0, "expiry");
	facts.expire = expiry ? tri_of(strcmp(expiry, "0") != 0) : TRI_UNKNOWN;
	files_observe(sql_value(&rows, 0, "list"), sql_value(&rows, 0, "directory"), &facts);
	sql_rows_clear(&rows);
	return facts;
}

void binlogs_observe(struct context *ctx, struct binlog_facts *ret)
{
	if (!ctx->binlogs_seen)
		ctx->binlogs = look(ctx);
	ctx->binlogs_seen = true;
	*ret = ctx->binlogs;
}

void binlogs_expire(struct context *ctx, bool expire, const char *reason)
{
	struct error err = {0};
	_cleanup_free_ char *wanted = expiry_wanted(ctx);
	ctx->binlogs = (struct binlog_facts){0};
	if (!wanted || !*wanted)
		return;
	if (context_run(ctx, ctx->sql, STATEMENT_SET_BINLOG_EXPIRY, &err, "value", expire ? wanted : "0", NULL) == SQL_OK)
		log_info("%s", reason);
	else
		log_warning("the expiry of binary logs cannot be set: %s", err.sentence);
}
