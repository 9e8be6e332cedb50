/* The accounts of the credentials file and the table of marks, which the very first promotion creates. */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/log.h"

static int run(struct context *ctx, enum statement statement, struct error *err)
{
	return context_run(ctx, ctx->sql, statement, err, NULL) == SQL_OK ? 0 : -1;
}

/* MariaDB writes CREATE USER into the binary log as it stands: it gets the hash. MySQL does that itself. */
static char *password_hash(struct context *ctx, const struct account *account, struct error *err)
{
	struct sql_rows rows = {0};
	if (!account->user || !dialect_statement(ctx->dialect, STATEMENT_PASSWORD_HASH))
		return str_dup("");
	if (context_query(ctx, ctx->sql, STATEMENT_PASSWORD_HASH, &rows, err, "password", account->password, NULL) != SQL_OK)
		return NULL;
	const char *value = sql_value(&rows, 0, "hash");
	char *hash = value ? str_dup(value) : NULL;
	sql_rows_clear(&rows);
	if (!hash)
		error_set(err, OCF_ERR_GENERIC, "the server gives no hash of the password of %s", account->user);
	return hash;
}

static int account_create(struct context *ctx, const struct account *account, const char *const *statements, struct error *err)
{
	_cleanup_free_ char *hash = password_hash(ctx, account, err);
	if (!hash)
		return -1;
	const struct statement_arg args[] = {
	    {"user", account->user}, {"password", account->password}, {"hash", hash}, {"require", ctx->config.tls ? "REQUIRE SSL" : ""}};
	for (; account->user && *statements; statements++)
		if (context_run_text(ctx, ctx->sql, *statements, args, ARRAY_LENGTH(args), err) != SQL_OK)
			return error_wrap(err, "creating the account %s", account->user);
	return 0;
}

int bootstrap(struct context *ctx, struct error *err)
{
	bool root = ctx->credentials.administration.user && strcmp(ctx->credentials.administration.user, "root") == 0;
	if (run(ctx, STATEMENT_AGENT_WRITES, err))
		return -1;
	if ((!root && account_create(ctx, &ctx->credentials.administration, dialect_administration_grants(ctx->dialect), err)) ||
	    account_create(ctx, &ctx->credentials.replication, dialect_replication_grants(ctx->dialect), err) ||
	    (ctx->credentials.site.user && account_create(ctx, &ctx->credentials.site, dialect_replication_grants(ctx->dialect), err)))
		return -1;
	/* Now, while no commit waits: MySQL locks a schema that waits for its acknowledgement, and then no mark can be read. */
	if (run(ctx, STATEMENT_MARK_SCHEMA, err) || run(ctx, STATEMENT_MARK_TABLE, err))
		return -1;
	ctx->opened_now = true;
	log_info("the accounts of %s were created", ctx->config.credentials);
	return run(ctx, STATEMENT_CLOSE_WRITES, err);
}
