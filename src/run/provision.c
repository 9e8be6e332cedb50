/* Filling a node from a peer. Runs in the detached worker; every step leaves something from which the next attempt goes on: the worker's
 * loop looks again and decides again. What only this node has is set aside first. */
#include "run/server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"
#include "run/run.h"

/* A copy may take as long as it takes: it ends when the donor or the server does. */
#define COPY_DEADLINE_MS (12ull * 3600 * 1000)

static void progress(const struct context *ctx, const char *text)
{
	struct error ignored;
	(void)file_write(ctx->progress_file, text, 0644, &ignored);
	log_info("%s", text);
}

static void move_entries(const char *from, const char *to, struct error *err, int *ret_failed)
{
	DIR *dir = opendir(from);
	*ret_failed = 0;
	if (!dir) {
		*ret_failed = error_set(err, OCF_ERR_PERM, "%s cannot be read", from);
		return;
	}
	for (struct dirent *entry = readdir(dir); entry && !*ret_failed; entry = readdir(dir)) {
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lost+found") == 0)
			continue;
		_cleanup_free_ char *source = str_printf("%s/%s", from, entry->d_name), *target = str_printf("%s/%s", to, entry->d_name);
		if (rename(source, target))
			*ret_failed = error_set(err, OCF_ERR_GENERIC, "%s cannot be moved to %s: %s", source, to, strerror(errno));
	}
	closedir(dir);
}

/* Destructive: the data directory's contents go into a hidden directory inside it (the same file system, so nothing is copied), and it is
 * empty then. Nothing is removed; the server must be down, which the lock proves. */
static int datadir_set_aside(struct context *ctx, struct error *err)
{
	char stamp[17];
	int lock = -1, failed;
	uid_t uid;
	gid_t gid;
	if (proc_lock_directory(ctx->config.datadir, &lock, err))
		return -1;
	clock_stamp(stamp);
	_cleanup_free_ char *aside = str_printf("%s/.systole-set-aside-%s", ctx->config.datadir, stamp);
	failed = path_owner(ctx->config.datadir, &uid, &gid, err) || dir_make(aside, 0700, uid, gid, err) ? -1 : 0;
	if (!failed) {
		log_warning("sets the data of %s aside, in %s", ctx->config.datadir, aside);
		move_entries(ctx->config.datadir, aside, err, &failed);
	}
	close(lock);
	return failed;
}

static int copy_file(const char *from, const char *to, struct error *err)
{
	char buffer[65536];
	ssize_t n = 0;
	int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = in < 0 || out < 0 ? -1 : 0;
	while (rc == 0 && (n = read(in, buffer, sizeof(buffer))) > 0)
		rc = write(out, buffer, (size_t)n) == n ? 0 : -1;
	if (rc == 0 && (n < 0 || fsync(out)))
		rc = -1;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc ? error_set(err, OCF_ERR_GENERIC, "%s cannot be copied to %s: %s", from, to, strerror(errno)) : 0;
}

/* CLONE removes the data and the binary logs of this server. Its binary logs hold what only it has: the newest two are kept. */
static int binlogs_set_aside(struct context *ctx, struct error *err)
{
	char stamp[17];
	struct sql_rows rows = {0};
	clock_stamp(stamp);
	_cleanup_free_ char *dir = str_printf("%s/set-aside-%s", ctx->state_dir, stamp);
	if (context_query(ctx, ctx->sql, STATEMENT_BINLOGS, &rows, err, NULL) != SQL_OK || dir_make(dir, 0700, 0, 0, err))
		return -1;
	int rc = 0;
	for (size_t i = rows.rows > 2 ? rows.rows - 2 : 0; i < rows.rows && rc == 0; i++) {
		const char *name = sql_value(&rows, i, "Log_name");
		if (!name || strchr(name, '/'))
			continue;
		_cleanup_free_ char *from = str_printf("%s/%s", ctx->config.datadir, name), *to = str_printf("%s/%s", dir, name);
		rc = copy_file(from, to, err);
	}
	sql_rows_clear(&rows);
	if (rc == 0)
		log_warning("the newest binary logs were set aside in %s", dir);
	return rc;
}

static int clone_from(struct context *ctx, const struct peer_facts *peer, struct error *err)
{
	const struct account *account = &ctx->credentials.replication;
	_cleanup_free_ char *donor = str_printf("%s:%llu", peer->address, (unsigned long long)peer->port),
			    *port = str_printf("%llu", (unsigned long long)peer->port);
	uint64_t answer_ms = ctx->answer_ms;
	if (context_run(ctx, ctx->sql, STATEMENT_STOP_REPLICATION, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_AGENT_WRITES, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_CLONE_DONOR, err, "donor", donor, NULL) != SQL_OK)
		return -1;
	ctx->answer_ms = COPY_DEADLINE_MS;
	enum sql_outcome outcome = context_run(ctx, ctx->sql, STATEMENT_CLONE, err, "user", account->user, "host", peer->address, "port",
					       port, "password", account->password, "tls", ctx->config.tls ? "REQUIRE SSL" : "", NULL);
	unsigned int number = sql_errno(ctx->sql);
	ctx->answer_ms = answer_ms;
	context_disconnect(ctx);
	/* 3707: it cannot restart itself, for we are its supervisor: it ends, and that is success. */
	if (outcome == SQL_REFUSED && number != 3707)
		return -1;
	if (!proc_wait_dead(&ctx->server, clock_now_ms() + 120000))
		return error_set(err, OCF_ERR_GENERIC, "the server has been filled but does not end");
	return 0;
}

/* The client programs of MariaDB stand in one directory. */
static int dump_programs(char **ret_dump, char **ret_client, struct error *err)
{
	if (path_exists("/usr/bin/mariadb-dump") != PRESENCE_YES || path_exists("/usr/bin/mariadb") != PRESENCE_YES)
		return error_set(err, OCF_ERR_INSTALLED,
				 "mariadb-dump and mariadb are needed to fill an empty node: install the client programs");
	*ret_dump = str_dup("/usr/bin/mariadb-dump");
	*ret_client = str_dup("/usr/bin/mariadb");
	return 0;
}

static char *option_file(const char *user, const char *password)
{
	struct strbuf text = {0};
	strbuf_addf(&text, "[client]\nuser=\"%s\"\npassword=\"", user);
	for (const char *c = password ? password : ""; *c; c++) {
		if (*c == '"' || *c == '\\')
			strbuf_add(&text, "\\");
		strbuf_addn(&text, c, 1);
	}
	strbuf_add(&text, "\"\n");
	return strbuf_take(&text);
}

static int dump_load(struct context *ctx, const struct peer_facts *peer, struct error *err)
{
	const struct account *remote = &ctx->credentials.replication;
	char *dump = NULL, *client = NULL;
	if (dump_programs(&dump, &client, err))
		return -1;
	_cleanup_free_ char *dump_owned = dump, *client_owned = client, *host = str_printf("--host=%s", peer->address),
			    *port = str_printf("--port=%llu", (unsigned long long)peer->port),
			    *socket = str_printf("--socket=%s", ctx->config.socket);
	char *remote_secret = option_file(remote->user, remote->password), *local_secret = option_file("root", "");
	/* gtid: the copy sets gtid_slave_pos to where it was taken. The accounts come with the tables of the mysql schema. */
	char *const from[] = {dump,
			      (char *)"--defaults-file=@SECRET@",
			      host,
			      port,
			      (char *)"--single-transaction",
			      (char *)"--master-data=1",
			      (char *)"--gtid",
			      (char *)"--all-databases",
			      (char *)"--flush-privileges",
			      (char *)"--routines",
			      (char *)"--events",
			      (char *)"--triggers",
			      (char *)"--hex-blob",
			      (char *)"--default-character-set=utf8mb4",
			      ctx->config.tls ? (char *)"--ssl" : (char *)"--max-allowed-packet=1G",
			      NULL};
	char *const to[] = {client,
			    (char *)"--defaults-file=@SECRET@",
			    socket,
			    (char *)"--init-command=SET SESSION sql_log_bin=0",
			    (char *)"--default-character-set=utf8mb4",
			    (char *)"--max-allowed-packet=1G",
			    NULL};
	const struct proc_helper reader = {.argv = from, .input = -1, .secret = remote_secret},
				 writer = {.argv = to, .input = -1, .secret = local_secret};
	int rc = proc_help_pipe(&reader, &writer, clock_now_ms() + COPY_DEADLINE_MS, err);
	explicit_bzero(remote_secret, strlen(remote_secret));
	free(remote_secret);
	free(local_secret);
	return rc;
}

/* The copy's binary log is empty. It is told where it stands, or a copy taken from this node in its turn would begin at nothing. */
static int binlog_state_set(struct context *ctx, struct error *err)
{
	struct sql_rows rows = {0};
	context_disconnect(ctx); /* the accounts are the copy's now */
	if (context_connect(ctx, clock_now_ms() + 10000, err) != SQL_OK ||
	    context_query(ctx, ctx->sql, STATEMENT_OBSERVE, &rows, err, NULL) != SQL_OK)
		return -1;
	const char *executed = rows.rows ? sql_value(&rows, 0, "executed") : NULL;
	int rc = str_empty(executed) ? error_set(err, OCF_ERR_GENERIC, "the copy does not say where it was taken")
		 : context_run(ctx, ctx->sql, STATEMENT_SET_BINLOG_STATE, err, "set", executed, NULL) == SQL_OK ? 0
														: -1;
	sql_rows_clear(&rows);
	return rc;
}

static int dump_from(struct context *ctx, const struct facts *facts, const struct peer_facts *peer, struct error *err)
{
	/* A server with data is taken down and its data set aside; what comes up then is empty and is filled in the next round. */
	if (!gtid_set_empty(facts->server.executed) || facts->server.user_data == TRI_YES) {
		if (server_shutdown(ctx, err))
			return -1;
		context_disconnect(ctx);
		if (!proc_wait_dead(&ctx->server, clock_now_ms() + 60000) && server_kill(ctx, "it does not shut down", err))
			return -1;
		return datadir_set_aside(ctx, err);
	}
	if (context_run(ctx, ctx->sql, STATEMENT_STOP_REPLICATION, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_RESET_BINLOG, err, NULL) != SQL_OK)
		return -1;
	/* The position is set at the beginning of the load, when nothing of it is there yet. */
	if (file_write_durably(ctx->filling_marker, "", 0600, err) || dump_load(ctx, peer, err) || binlog_state_set(ctx, err) ||
	    dir_sync_all(ctx->config.datadir, err))
		return -1;
	return file_remove(ctx->filling_marker, err);
}

int provision(struct context *ctx, const struct facts *facts, const char *node, struct error *err)
{
	const struct peer_facts *peer = facts_find(facts, node);
	if (!peer || !peer->address || !ctx->sql || !ctx->dialect)
		return error_set(err, OCF_ERR_GENERIC, "the server or the address of %s is not there", node);
	if (!ctx->credentials.replication.user)
		return error_set(err, OCF_ERR_ARGS, "there is no [replication] account to fill this node with");
	_cleanup_free_ char *text = str_printf("provisioning: copies from %s", node);
	progress(ctx, text);
	if (ctx->dialect->has_clone && !gtid_set_empty(facts->server.executed) && binlogs_set_aside(ctx, err))
		return -1;
	int rc = ctx->dialect->has_clone ? clone_from(ctx, peer, err) : dump_from(ctx, facts, peer, err);
	if (rc) {
		_cleanup_free_ char *failed =
		    str_printf("provisioning: the copy from %s failed and is tried again: %.400s", node, err->sentence);
		progress(ctx, failed);
		clock_pause_ms(2000);
	}
	ctx->diverged_since_ms = 0;
	return rc;
}
