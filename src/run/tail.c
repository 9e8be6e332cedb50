/* What a server that died as the primary had written and nobody acknowledged: found, set aside, and cut off before it starts again. */
#include "core/tail.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "core/binlog.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"
#include "run/server.h"

enum {
	LIST_MAX = 1 << 20, /* bytes of the list of binary logs */
};

char **binlogs_listed(struct context *ctx, size_t max, struct error *err)
{
	struct user_options options = {0};
	if (server_options(ctx, &options, err))
		return NULL;
	_cleanup_free_ char *index = binlog_index(&ctx->config, &options), *text = NULL;
	user_options_clear(&options);
	if (file_read(index, LIST_MAX, &text, err))
		return NULL;
	char **paths = mem_alloc((max + 1) * sizeof(*paths));
	size_t count = 0;
	for (char *end = text ? text + strlen(text) : NULL; end && count < max; *end = '\0') {
		char *line = end;
		while (line > text && line[-1] != '\n')
			line--;
		if (*line)
			paths[count++] = *line == '/' ? str_dup(line) : str_printf("%s/%s", ctx->config.datadir, line);
		if (line == text)
			break;
		end = line - 1;
	}
	return paths;
}

/* NULL, with the reason, when there is none. */
static char *last_binlog(struct context *ctx, struct error *err)
{
	char **paths = binlogs_listed(ctx, 1, err);
	char *last = paths ? str_dup(paths[0]) : NULL;
	if (paths && !last)
		error_set(err, OCF_ERR_GENERIC, "%s has no list of binary logs, or an empty one", ctx->config.datadir);
	argv_free(paths);
	return last;
}

/* Only what has a primary's answer to compare with; MariaDB undoes by itself what is undecided (--init-rpl-role). */
static int tail_read(struct context *ctx, const struct facts *facts, char **ret_path, struct file_map *ret_map, struct tail *ret_tail,
		     struct error *err)
{
	const struct peer_facts *primary = facts_primary(facts);
	if (!primary || primary->asked != TRI_YES || !primary->position)
		return error_set(err, OCF_ERR_GENERIC, "the primary's position is not known");
	_cleanup_free_ char *path = last_binlog(ctx, err);
	if (!path || file_map(path, ret_map, err))
		return -1;
	tail_find(ret_map->bytes, ret_map->size, primary->position, ret_tail);
	*ret_path = path;
	path = NULL;
	return 0;
}

void tail_observe(struct context *ctx, struct facts *facts)
{
	_cleanup_free_ char *path = NULL;
	struct file_map map = {0};
	struct tail tail = {0};
	struct error err;
	const struct peer_facts *primary = facts_primary(facts);
	if (!ctx->dialect)
		return;
	/* Where there is no CLONE (it came with 8.0.17) a commit that was not undone would leave no trace in the server's own set. */
	if (!ctx->dialect->has_clone) {
		facts->tail = TAIL_NONE;
		return;
	}
	if (!primary || primary->asked != TRI_YES) /* asked again, within bounds */
		return;
	if (tail_read(ctx, facts, &path, &map, &tail, &err)) {
		log_info("the end of the binary log was not compared with what %s has: %s", primary->name, err.sentence);
		tail.state = TAIL_OTHER;
	} else if (tail.state == TAIL_OTHER) {
		log_info("%s is left as it is: %s", path, tail.reason);
	}
	facts->tail = tail.state;
	facts->tail_at = tail.at;
	facts->tail_count = tail.count;
	free(tail.gtids);
	file_unmap(&map);
}

/* A binary log of its own, which mysqlbinlog reads, and the list of what is in it. */
static int tail_set_aside(struct context *ctx, const char *path, const struct file_map *map, const struct tail *tail, struct error *err)
{
	char stamp[17];
	clock_stamp(stamp);
	const char *name = strrchr(path, '/');
	_cleanup_free_ char *dir = str_printf("%s/set-aside-%s", ctx->state_dir, stamp);
	_cleanup_free_ char *copy = str_printf("%s%s", dir, name), *list = str_printf("%s/gtids", dir);
	const struct file_map parts[] = {{map->bytes, binlog_head(map->bytes, map->size)}, {map->bytes + tail->at, map->size - tail->at}};
	const struct file_map gtids[] = {{(const uint8_t *)tail->gtids, strlen(tail->gtids)}, {(const uint8_t *)"\n", 1}};
	if (dir_make(dir, 0700, 0, 0, err) || file_save(copy, parts, ARRAY_LENGTH(parts), err) ||
	    file_save(list, gtids, ARRAY_LENGTH(gtids), err))
		return -1;
	log_warning("%llu transactions that nobody has acknowledged were set aside in %s: %.400s", (unsigned long long)tail->count, dir,
		    tail->gtids);
	return 0;
}

int tail_cut(struct context *ctx, const struct facts *facts, uint64_t at, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	struct file_map map = {0};
	struct tail tail = {0};
	int lock = -1;
	/* No server runs there, and none is started meanwhile. */
	if (proc_lock_directory(ctx->config.datadir, &lock, err))
		return error_wrap(err, "another server or another resource uses %s", ctx->config.datadir);
	int rc = tail_read(ctx, facts, &path, &map, &tail, err);
	if (rc == 0 && (tail.state != TAIL_CUT || tail.at != at))
		rc = error_set(err, OCF_ERR_GENERIC, "%s has changed: nothing is cut off", path);
	if (rc == 0)
		rc = tail_set_aside(ctx, path, &map, &tail, err);
	file_unmap(&map);
	/* A new server_uuid: the numbers of what is undone are never given again. A node that has held it all the time, and returns later than
	 * this one was the primary again, would be taken for equal. */
	_cleanup_free_ char *identity = str_printf("%s/auto.cnf", ctx->config.datadir);
	if (rc == 0)
		rc = file_remove(identity, err);
	if (rc == 0)
		rc = file_cut(path, at, err);
	if (rc == 0)
		log_warning("%s was cut at %llu", path, (unsigned long long)at);
	free(tail.gtids);
	close(lock);
	return rc;
}
