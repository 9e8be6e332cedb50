#include "run/context.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "config.h"
#include "core/options.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"

static void paths_make(struct context *ctx)
{
	const char *name = ctx->config.instance.resource;
	ctx->run_dir = str_printf("%s/%s", SYSTOLE_RUNDIR, name);
	ctx->server_marker = str_printf("%s/server", ctx->run_dir);
	ctx->worker_marker = str_printf("%s/worker", ctx->run_dir);
	ctx->published_file = str_printf("%s/published", ctx->run_dir);
	ctx->round_file = str_printf("%s/round", ctx->run_dir);
	ctx->settled_file = str_printf("%s/settled", ctx->run_dir);
	ctx->promoted_file = str_printf("%s/promoted", ctx->run_dir);
	ctx->claimed_file = str_printf("%s/promoted-claimed", ctx->run_dir);
	ctx->sessions_file = str_printf("%s/sessions", ctx->run_dir);
	ctx->progress_file = str_printf("%s/progress", ctx->run_dir);
	ctx->disconnected_file = str_printf("%s/disconnected", ctx->run_dir);
	ctx->unpromoted_file = str_printf("%s/promotion-failed", ctx->run_dir);
	ctx->word_file = str_printf("%s/word", ctx->run_dir);
	ctx->waiting_file = str_printf("%s/waiting", ctx->run_dir);
	ctx->back_file = str_printf("%s/back", ctx->run_dir);
	ctx->outsider_file = str_printf("%s/outsider", ctx->run_dir);
	ctx->expiry_file = str_printf("%s/expiry", ctx->run_dir);
	ctx->said_file = str_printf("%s/said", ctx->run_dir);
	ctx->teller_file = str_printf("%s/teller", ctx->run_dir);
	ctx->listener_file = str_printf("%s/listener", ctx->run_dir);
	ctx->preference_file = str_printf("%s/preference", ctx->run_dir);
	ctx->sources_file = str_printf("%s/sources", ctx->run_dir);
	ctx->delay_file = str_printf("%s/delay", ctx->run_dir);
	ctx->reads_file = str_printf("%s/reads", ctx->run_dir);
	ctx->refused_file = str_printf("%s/switchover-refused", ctx->run_dir);
	ctx->property_file = str_printf("%s/property", ctx->run_dir);
	ctx->state_dir = str_printf("%s/%s", SYSTOLE_STATEDIR, name);
	ctx->local_file = str_printf("%s/local", ctx->state_dir);
	ctx->worker_log = str_printf("%s/worker.log", ctx->state_dir);
	ctx->donor_marker = str_printf("%s/donor", ctx->run_dir);
	ctx->count_file = str_printf("%s/copied", ctx->run_dir);
	ctx->failures_file = str_printf("%s/copies-failed", ctx->state_dir);
	ctx->aside_file = str_printf("%s/aside", ctx->state_dir);
	ctx->copy_dir = ctx->config.datadir ? str_printf("%s/" OWN_COPY, ctx->config.datadir) : NULL;
	ctx->filling_marker = ctx->config.datadir ? str_printf("%s/.systole-filling", ctx->config.datadir) : NULL;
	ctx->init_marker = ctx->config.datadir ? str_printf("%s/.systole-initialising", ctx->config.datadir) : NULL;
}

static void deadlines_set(struct context *ctx)
{
	uint64_t now = clock_now_ms(), timeout = ctx->config.instance.timeout_ms;
	/* Ends before Pacemaker ends it: a tenth, at least half a second, is for the way back. */
	uint64_t reserve = timeout / 10 > 500 ? timeout / 10 : 500;
	ctx->deadline_ms = now + (timeout > reserve ? timeout - reserve : timeout / 2);
	ctx->near_ms = now + timeout * 3 / 4;
	ctx->patience_ms = now + (timeout / 4 < 5000 ? timeout / 4 : 5000);
	ctx->stopped_ms = 200;
	ctx->answer_ms = timeout / 3 < 5000 ? timeout / 3 : 5000;
}

int context_read_credentials(struct context *ctx, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	if (!ctx->config.credentials)
		return 0;
	if (file_read_secret(ctx->config.credentials, 65536, &text, err)) {
		if (err->code == OCF_ERR_GENERIC)
			err->code = OCF_ERR_ARGS;
		return error_wrap(err, "parameter credentials");
	}
	if (!text)
		return error_set(err, OCF_ERR_ARGS, "credentials %s does not exist on this node: create it, readable for root only",
				 ctx->config.credentials);
	int rc = credentials_parse(ctx->config.credentials, text, &ctx->credentials, err);
	explicit_bzero(text, strlen(text));
	const char *missing = NULL;
	if (rc == 0 && ctx->config.instance.clone_max > 1 && !ctx->credentials.replication.user)
		missing = "[replication] section: user= and password= of the replication account";
	else if (rc == 0 && ctx->config.other_site.host && !ctx->credentials.site.user)
		missing = "[site] section: user= and password= of the account for the parameter other_site";
	if (!missing)
		return rc;
	credentials_clear(&ctx->credentials);
	return error_set(err, OCF_ERR_ARGS, "credentials %s has no %s are needed", ctx->config.credentials, missing);
}

void context_hurry(const struct context *ctx)
{
	if (ctx->config.instance.clustered)
		cluster_begin();
}

int context_open(struct context *ctx, char *const *env, struct error *err)
{
	*ctx = (struct context){0};
	if (config_load(env, &ctx->config, err))
		return -1;
	paths_make(ctx);
	deadlines_set(ctx);
	return 0;
}

int context_open_bare(struct context *ctx, char *const *env, struct error *err)
{
	*ctx = (struct context){0};
	if (instance_load(env, &ctx->config.instance, err))
		return -1;
	for (size_t i = 0; i < param_count; i++) {
		const struct param *param = &param_table[i];
		_cleanup_free_ char *name = str_printf("OCF_RESKEY_%s", param->name);
		const char *value = env_get(env, name);
		if (param->type == PARAM_STRING || param->type == PARAM_PATH)
			str_set((char **)((char *)&ctx->config + param->offset), str_empty(value) ? param->fallback : value);
	}
	paths_make(ctx);
	deadlines_set(ctx);
	return 0;
}

void context_close(struct context *ctx)
{
	char **owned[] = {&ctx->run_dir,	 &ctx->server_marker,	  &ctx->worker_marker,	 &ctx->published_file, &ctx->round_file,
			  &ctx->progress_file,	 &ctx->disconnected_file, &ctx->state_dir,	 &ctx->local_file,     &ctx->worker_log,
			  &ctx->init_marker,	 &ctx->reported,	  &ctx->word_file,	 &ctx->filling_marker, &ctx->property_file,
			  &ctx->said_file,	 &ctx->teller_file,	  &ctx->waiting_file,	 &ctx->back_file,      &ctx->outsider_file,
			  &ctx->relay_state,	 &ctx->donor_marker,	  &ctx->count_file,	 &ctx->failures_file,  &ctx->aside_file,
			  &ctx->copy_dir,	 &ctx->expiry_file,	  &ctx->preference_file, &ctx->refused_file,   &ctx->reads_file,
			  &ctx->unpromoted_file, &ctx->listener_file,	  &ctx->sources_file,	 &ctx->delay_file,     &ctx->settled_file,
			  &ctx->promoted_file,	 &ctx->claimed_file,	  &ctx->sessions_file};
	context_disconnect(ctx);
	gtid_set_free(ctx->relay_received);
	for (size_t i = 0; i < ARRAY_LENGTH(owned); i++)
		str_set(owned[i], NULL);
	credentials_clear(&ctx->credentials);
	config_clear(&ctx->config);
}

void context_disconnect(struct context *ctx)
{
	sql_close(ctx->sql);
	ctx->sql = NULL;
}

/* Which row of the table the server that answers belongs to. */
static enum sql_outcome dialect_of_connection(struct context *ctx, struct error *err)
{
	struct server_version version;
	const char *info = sql_server_info(ctx->sql);
	ctx->dialect = info && server_version_parse(info, &version) ? dialect_for(&version) : NULL;
	ctx->series = ctx->dialect ? version.major * 100ull + version.minor : 0;
	if (ctx->dialect)
		return SQL_OK;
	error_set(err, OCF_ERR_INSTALLED, "the server says it is \"%.64s\": MySQL 5.7.6 or MariaDB 10.5 at least is needed",
		  info ? info : "");
	context_disconnect(ctx);
	return SQL_REFUSED;
}

#define CROWD_MS 1000

enum sql_outcome context_connect(struct context *ctx, uint64_t deadline_ms, struct error *err)
{
	const struct account *account = &ctx->credentials.administration;
	struct sql_target target = {
	    .socket = ctx->config.socket, .user = account->user ? account->user : "root", .password = account->password};
	if (ctx->sql)
		return SQL_OK;
	enum sql_outcome outcome = sql_open(&target, deadline_ms, &ctx->sql, err);
	/* One connection is kept free for administrators, but everybody who is turned away holds it for a moment. */
	uint64_t patience_ms = clock_now_ms() + CROWD_MS;
	while (outcome == SQL_BUSY && clock_now_ms() < patience_ms && clock_left_ms(deadline_ms) > 0) {
		clock_pause_ms(10);
		outcome = sql_open(&target, deadline_ms, &ctx->sql, err);
	}
	/* A new data directory has no account but root yet, which the unix socket lets in. MySQL denies an account that it does not have in the
	 * middle of the conversation: what arrives then may be a broken connection. */
	if ((outcome == SQL_DENIED || outcome == SQL_UNKNOWN) && account->user && clock_left_ms(deadline_ms) > 0) {
		struct error ignored;
		target.user = "root";
		target.password = NULL;
		if (sql_open(&target, deadline_ms, &ctx->sql, &ignored) == SQL_OK)
			outcome = SQL_OK;
	}
	return outcome == SQL_OK ? dialect_of_connection(ctx, err) : outcome;
}

const struct account *context_account(const struct context *ctx, const struct peer_facts *peer)
{
	return str_equal(peer->name, SITE_NAME) ? &ctx->credentials.site : &ctx->credentials.replication;
}

enum sql_outcome context_connect_peer(struct context *ctx, const struct peer_facts *peer, uint64_t deadline_ms, struct sql **ret,
				      struct error *err)
{
	const struct account *account = context_account(ctx, peer);
	struct sql_target target = {.host = peer->address,
				    .port = (unsigned int)peer->port,
				    .user = account->user,
				    .password = account->password,
				    .tls_required = ctx->config.tls};
	if (!target.user) {
		error_set(err, OCF_ERR_ARGS, "no replication account is configured");
		return SQL_DENIED;
	}
	return sql_open(&target, deadline_ms, ret, err);
}

enum sql_outcome context_connect_follower(struct context *ctx, const struct follower *follower, uint64_t deadline_ms, struct error *err)
{
	const struct account *account = &ctx->credentials.followers;
	struct sql_target target = {.host = follower->host,
				    .port = (unsigned int)follower->port,
				    .user = account->user,
				    .password = account->password,
				    .tls_required = ctx->config.tls};
	if (!target.user) {
		error_set(err, OCF_ERR_ARGS,
			  "credentials %s has no [followers] section: user= and password= of an account there are needed",
			  ctx->config.credentials ? ctx->config.credentials : "");
		return SQL_DENIED;
	}
	context_disconnect(ctx);
	enum sql_outcome outcome = sql_open(&target, deadline_ms, &ctx->sql, err);
	return outcome == SQL_OK ? dialect_of_connection(ctx, err) : outcome;
}

static char *quote(void *context, const char *text)
{
	return sql_quote(context, text);
}

static char *render(struct sql *sql, const char *text, const struct statement_arg *args, size_t count, struct error *err)
{
	char *statement = text ? statement_render(text, args, count, quote, sql) : NULL;
	if (!statement)
		error_set(err, OCF_ERR_GENERIC, "this server has no statement for that");
	return statement;
}

static uint64_t statement_deadline(const struct context *ctx)
{
	uint64_t limit = clock_now_ms() + ctx->answer_ms;
	return limit < ctx->deadline_ms ? limit : ctx->deadline_ms;
}

enum sql_outcome context_run_text(struct context *ctx, struct sql *sql, const char *text, const struct statement_arg *args, size_t count,
				  struct error *err)
{
	char *statement = render(sql, text, args, count, err);
	if (!statement)
		return SQL_REFUSED;
	/* The template, not the statement: it may hold a password. */
	log_trace("run: %s", text);
	enum sql_outcome outcome = sql_run(sql, statement, statement_deadline(ctx), err);
	explicit_bzero(statement, strlen(statement));
	free(statement);
	return outcome;
}

#define ARGS_MAX 8

static size_t args_collect(va_list list, struct statement_arg args[ARGS_MAX])
{
	size_t count = 0;
	for (const char *name = va_arg(list, const char *); name && count < ARGS_MAX; name = va_arg(list, const char *))
		args[count++] = (struct statement_arg){.name = name, .text = va_arg(list, const char *)};
	return count;
}

enum sql_outcome context_run(struct context *ctx, struct sql *sql, enum statement statement, struct error *err, ...)
{
	struct statement_arg args[ARGS_MAX];
	va_list list;
	va_start(list, err);
	size_t count = args_collect(list, args);
	va_end(list);
	return context_run_text(ctx, sql, dialect_statement(ctx->dialect, statement), args, count, err);
}

enum sql_outcome context_query(struct context *ctx, struct sql *sql, enum statement statement, struct sql_rows *ret, struct error *err, ...)
{
	struct statement_arg args[ARGS_MAX];
	va_list list;
	va_start(list, err);
	size_t count = args_collect(list, args);
	va_end(list);
	_cleanup_free_ char *text = render(sql, dialect_statement(ctx->dialect, statement), args, count, err);
	return text ? sql_query(sql, text, statement_deadline(ctx), ret, err) : SQL_REFUSED;
}

static int local_unreadable(const struct context *ctx, struct error *err)
{
	return error_set(err, OCF_ERR_GENERIC,
			 "%s is not readable: it should be one line \"promised=N primary_epoch=N role=replica|primary record=...\"",
			 ctx->local_file);
}

int local_read(const struct context *ctx, struct local_state *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct local_state state = {.role = ROLE_REPLICA};
	struct fields fields;
	if (file_read(ctx->local_file, 4096, &text, err))
		return -1;
	if (!text) {
		*ret = state;
		return 0;
	}
	text[strcspn(text, "\n")] = '\0';
	if (!fields_parse(text, &fields))
		return local_unreadable(ctx, err);
	const char *promised = fields_get(&fields, "promised"), *epoch = fields_get(&fields, "primary_epoch"),
		   *record = fields_get(&fields, "record");
	state.role = role_parse(fields_get(&fields, "role"));
	bool valid = promised && epoch && parse_u64(promised, 0, UINT64_MAX / 2, &state.promised) &&
		     parse_u64(epoch, 0, UINT64_MAX / 2, &state.primary_epoch) && state.role != ROLE_UNKNOWN &&
		     (!record || record_parse(record, &state.record));
	fields_clear(&fields);
	if (!valid)
		return local_unreadable(ctx, err);
	*ret = state;
	return 0;
}

int local_write(const struct context *ctx, const struct local_state *state, struct error *err)
{
	_cleanup_free_ char *record = record_format(&state->record);
	_cleanup_free_ char *text =
	    str_printf("promised=%llu primary_epoch=%llu role=%s%s%s\n", (unsigned long long)state->promised,
		       (unsigned long long)state->primary_epoch, role_name(state->role), record ? " record=" : "", record ? record : "");
	if (dir_make(ctx->state_dir, 0700, 0, 0, err))
		return -1;
	return file_write_durably(ctx->local_file, text, 0600, err);
}

/* A server that somebody else started: its PID file names a process that works in our data directory. */
static void find_by_pid_file(struct context *ctx)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored;
	uint64_t pid;
	struct proc proc;
	if (!ctx->config.pid || !ctx->config.datadir || file_read(ctx->config.pid, 64, &text, &ignored) || !text)
		return;
	text[strcspn(text, " \r\n")] = '\0';
	if (!parse_u64(text, 2, INT32_MAX, &pid) || proc_of_pid((pid_t)pid, &proc, &ignored) || !proc_works_in(&proc, ctx->config.datadir))
		return;
	ctx->server = proc;
}

int context_find_server(struct context *ctx, struct error *err)
{
	ctx->server = (struct proc){0};
	if (proc_marker_read(ctx->server_marker, &ctx->server, err))
		return -1;
	if (ctx->server.pid == 0 || proc_state(&ctx->server) == PROC_DEAD) {
		ctx->server = (struct proc){0};
		find_by_pid_file(ctx);
	}
	return 0;
}

int context_find_dialect(struct context *ctx, struct error *err)
{
	char *const argv[] = {ctx->config.binary, (char *)"--no-defaults", (char *)"--version", NULL};
	const struct proc_helper helper = {.argv = argv, .input = -1};
	_cleanup_free_ char *out = NULL;
	struct server_version version;
	int status = 0;
	if (ctx->dialect)
		return 0;
	if (proc_help(&helper, clock_now_ms() + 10000, &status, &out, NULL, err))
		return error_wrap(err, "parameter binary");
	if (status != 0 || !out || !server_version_parse(out, &version))
		return error_set(err, OCF_ERR_INSTALLED, "parameter binary: %s --version does not print a server's version",
				 ctx->config.binary);
	ctx->dialect = dialect_for(&version);
	if (!ctx->dialect)
		return error_set(err, OCF_ERR_INSTALLED,
				 "parameter binary: %s is version %u.%u.%u: MySQL 5.7.6 or MariaDB 10.5 at least is needed",
				 ctx->config.binary, version.major, version.minor, version.patch);
	return 0;
}
