/* A copy as statements: slower than one of files, and no more is needed than the client programs. MariaDB only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "copy.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"

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

static int dump_load(struct context *ctx, const struct peer_facts *peer, struct error *err)
{
	const struct account *remote = context_account(ctx, peer);
	char *dump = NULL, *client = NULL;
	if (dump_programs(&dump, &client, err))
		return -1;
	_cleanup_free_ char *dump_owned = dump, *client_owned = client, *host = str_printf("--host=%s", peer->address),
			    *port = str_printf("--port=%llu", (unsigned long long)peer->port),
			    *socket = str_printf("--socket=%s", ctx->config.socket);
	char *remote_secret = option_file("", remote->user, remote->password), *local_secret = option_file("", "root", "");
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

int dump_from(struct context *ctx, bool empty, const struct peer_facts *donor, struct error *err)
{
	/* A server with data is taken down and its data set aside; what comes up then is empty and is filled in the next round. */
	if (!empty)
		return server_down(ctx, err) ? -1 : datadir_set_aside(ctx, OWN_REPLACED, err);
	copy_progress(ctx, 0, "copies from %s, as statements", donor->name);
	if (context_run(ctx, ctx->sql, STATEMENT_STOP_REPLICATION, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_RESET_BINLOG, err, NULL) != SQL_OK)
		return -1;
	/* The position is set at the beginning of the load, when nothing of it is there yet. */
	if (file_write_durably(ctx->filling_marker, FILLING_HALF, 0600, err) || dump_load(ctx, donor, err) || binlog_state_set(ctx, err) ||
	    dir_sync_all(ctx->config.datadir, err))
		return -1;
	return file_remove(ctx->filling_marker, err);
}
