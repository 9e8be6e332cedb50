/* What is set aside before data is given up, and what becomes of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "copy.h"
#include "core/binlog.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"

enum {
	FILES_MAX = 64,	     /* of the newest binary logs that are searched */
	SHUTDOWN_MS = 10000, /* then the server is killed */
};

/* Without replacing anything. */
static int entry_move(const char *from, const char *to, const char *name, struct error *err)
{
	_cleanup_free_ char *source = str_printf("%s/%s", from, name), *target = str_printf("%s/%s", to, name);
	if (renameat2(AT_FDCWD, source, AT_FDCWD, target, RENAME_NOREPLACE))
		return error_set(err, OCF_ERR_GENERIC, "%s cannot be moved to %s: %s", source, to, strerror(errno));
	return 0;
}

int entries_move(const char *from, const char *to, struct error *err)
{
	DIR *dir = opendir(from);
	if (!dir)
		return error_set(err, OCF_ERR_PERM, "%s cannot be read: %s", from, strerror(errno));
	int rc = 0;
	for (struct dirent *entry = readdir(dir); entry && rc == 0; entry = readdir(dir))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lost+found") != 0)
			rc = entry_move(from, to, entry->d_name, err);
	closedir(dir);
	return rc;
}

int datadir_set_aside(struct context *ctx, const char *directory, struct error *err)
{
	char stamp[17];
	int lock = -1;
	uid_t uid;
	gid_t gid;
	if (proc_lock_directory(ctx->config.datadir, &lock, err))
		return -1;
	clock_stamp(stamp);
	_cleanup_free_ char *aside = str_printf("%s/%s/%s", ctx->config.datadir, directory, stamp);
	/* The notes first. One says that there may be something to be removed, the other that what is here may no longer be all of it. */
	_cleanup_free_ char *leaving = str_printf(FILLING_LEAVING "%s\n", directory);
	int rc = file_write_durably(ctx->aside_file, "", 0600, err) || file_write_durably(ctx->filling_marker, leaving, 0600, err) ||
			 path_owner(ctx->config.datadir, &uid, &gid, err) || dir_make(aside, 0700, uid, gid, err)
		     ? -1
		     : 0;
	if (rc == 0) {
		log_warning("sets the data of %s aside, in %s", ctx->config.datadir, aside);
		rc = entries_move(ctx->config.datadir, aside, err);
	}
	if (rc == 0)
		rc = dir_sync_all(ctx->config.datadir, err);
	if (rc == 0)
		rc = file_remove(ctx->filling_marker, err);
	close(lock);
	return rc;
}

const char *aside_begun(const struct context *ctx)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored;
	bool replaced = file_read(ctx->filling_marker, 64, &text, &ignored) == 0 && str_equal(text, FILLING_LEAVING OWN_REPLACED "\n");
	return replaced ? OWN_REPLACED : OWN_DAMAGED;
}

/* The detached process of STEP_DROP_ASIDE. Destructive: removes what copies have replaced. */
static int asides_remove(void *data)
{
	struct context *ctx = data;
	struct error err;
	log_warning("removes %s/%s, which a copy has replaced", ctx->config.datadir, OWN_REPLACED);
	if (tree_remove(ctx->config.datadir, OWN_REPLACED, &err))
		log_warning("%s", err.sentence);
	return 0;
}

/* The note goes first: what a process that was ended leaves there is removed with the next. */
int asides_drop(struct context *ctx, struct error *err)
{
	_cleanup_free_ char *marker = str_printf("%s/dropping", ctx->run_dir);
	if (dir_make(ctx->run_dir, 0755, 0, 0, err) || file_remove(ctx->aside_file, err))
		return -1;
	return proc_detach(marker, ctx->worker_log, asides_remove, ctx, err);
}

struct search {
	struct gtid_set *missing;
	bool found;
};

static void transaction_found(const struct binlog *binlog, void *data)
{
	struct search *search = data;
	char text[BINLOG_GTID_TEXT];
	binlog_gtid_format(&binlog->gtid, text);
	_cleanup_gtid_ struct gtid_set *one = gtid_set_parse(gtid_set_flavour(search->missing), text);
	/* On MariaDB the missing one is the last of its chain: what comes before it may be missing, too. */
	if (!one || gtid_set_empty(one) || gtid_set_contains(search->missing, one))
		search->found = true;
}

static int binlog_keep(const char *path, const char *dir, struct gtid_set *missing, bool *ret_kept, struct error *err)
{
	struct search search = {.missing = missing};
	struct binlog binlog = {0};
	struct file_map map = {0};
	if (file_map(path, &map, err))
		return -1;
	enum binlog_end end = binlog_read(&binlog, map.bytes, map.size, transaction_found, &search);
	*ret_kept = search.found || end == BINLOG_ENCRYPTED || end == BINLOG_FOREIGN;
	_cleanup_free_ char *copy = str_printf("%s%s", dir, strrchr(path, '/'));
	int rc = *ret_kept && map.size ? file_save(copy, &map, 1, err) : 0;
	file_unmap(&map);
	return rc;
}

int errant_set_aside(struct context *ctx, const char *missing, struct error *err)
{
	char stamp[17];
	size_t kept_count = 0;
	clock_stamp(stamp);
	_cleanup_free_ char *dir = str_printf("%s/set-aside-%s", ctx->state_dir, stamp), *list = str_printf("%s/gtids", dir);
	_cleanup_gtid_ struct gtid_set *set = gtid_set_parse(ctx->dialect->from.flavour, missing);
	char **paths = binlogs_listed(ctx, FILES_MAX, err);
	int rc = paths && dir_make(dir, 0700, 0, 0, err) == 0 && file_write_durably(list, missing, 0600, err) == 0 ? 0 : -1;
	for (size_t i = 0; rc == 0 && paths[i]; i++) {
		bool kept = false;
		if (path_exists(paths[i]) != PRESENCE_NO)
			rc = binlog_keep(paths[i], dir, set, &kept, err);
		kept_count += kept;
	}
	argv_free(paths);
	if (rc == 0)
		log_warning("%zu binary logs with what only this node has were set aside in %s: %.400s", kept_count, dir, missing);
	return rc;
}

int server_down(struct context *ctx, struct error *err)
{
	if (context_find_server(ctx, err))
		return -1;
	if (ctx->server.pid != 0 && server_shutdown(ctx, err))
		return -1;
	context_disconnect(ctx);
	/* MySQL's applier waits a minute for the rest of a transaction that will never come. What is replaced need not be tidy. */
	if (ctx->server.pid != 0 && !proc_wait_dead(&ctx->server, clock_now_ms() + SHUTDOWN_MS))
		return server_kill(ctx, "it does not shut down, and its data is to be replaced", err);
	return 0;
}
