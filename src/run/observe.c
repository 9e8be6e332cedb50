#include "run/run.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/str.h"
#include "copy.h"
#include "core/options.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/binlogs.h"
#include "run/relay.h"
#include "run/server.h"

static enum tri tri_on(const char *value)
{
	bool on;
	return value && parse_bool(value, &on) ? tri_of(on) : TRI_UNKNOWN;
}

static enum tri tri_presence(enum presence presence)
{
	switch (presence) {
	case PRESENCE_YES:
		return TRI_YES;
	case PRESENCE_NO:
		return TRI_NO;
	case PRESENCE_UNKNOWN:
		break;
	}
	return TRI_UNKNOWN;
}

static uint64_t number_or(const char *text, uint64_t fallback)
{
	uint64_t value;
	return text && parse_u64(text, 0, UINT64_MAX, &value) ? value : fallback;
}

struct gtid_set *executed_now(struct context *ctx, struct error *err)
{
	struct sql_rows rows = {0};
	if (context_query(ctx, ctx->sql, STATEMENT_OBSERVE, &rows, err, NULL) != SQL_OK)
		return NULL;
	struct gtid_set *executed = gtid_set_parse(ctx->dialect->from.flavour, sql_value(&rows, 0, "executed"));
	sql_rows_clear(&rows);
	return executed;
}

static enum sql_outcome observe_variables(struct context *ctx, struct server_facts *server)
{
	struct sql_rows rows = {0};
	enum sql_outcome outcome = context_query(ctx, ctx->sql, STATEMENT_OBSERVE, &rows, &ctx->last, NULL);
	if (outcome != SQL_OK || rows.rows != 1) {
		sql_rows_clear(&rows);
		return outcome == SQL_OK ? SQL_UNKNOWN : outcome;
	}
	enum tri read_only = tri_on(sql_value(&rows, 0, "read_only"));
	if (read_only != TRI_UNKNOWN)
		server->writable = read_only == TRI_YES ? TRI_NO : TRI_YES;
	enum tri super_read_only = tri_on(sql_value(&rows, 0, "super_read_only"));
	if (super_read_only != TRI_UNKNOWN)
		server->agent_writable = super_read_only == TRI_YES ? TRI_NO : TRI_YES;
	server->server_id = number_or(sql_value(&rows, 0, "server_id"), 0);
	str_set(&server->uuid, sql_value(&rows, 0, "server_uuid"));
	server->series = ctx->series;
	server->executed = gtid_set_parse(ctx->dialect->from.flavour, sql_value(&rows, 0, "executed"));
	server->copy_wanted = tri_of(sql_value(&rows, 0, "copy_wanted") != NULL);
	sql_rows_clear(&rows);
	return SQL_OK;
}

static enum tri lossless(const struct sql_rows *rows)
{
	const char *point = sql_value(rows, 0, "wait_point"), *timeout = sql_value(rows, 0, "timeout");
	enum tri without = tri_on(sql_value(rows, 0, "wait_without"));
	if (!point || !timeout || without == TRI_UNKNOWN)
		return TRI_UNKNOWN;
	return tri_of(strcasecmp(point, "AFTER_SYNC") == 0 && strcmp(timeout, SEMISYNC_FOR_EVER) == 0 && without == TRI_YES);
}

/* primary: its replicas are counted also while it waits for none. */
static void observe_semisync(struct context *ctx, struct server_facts *server, bool primary)
{
	struct sql_rows rows = {0};
	enum sql_outcome outcome = context_query(ctx, ctx->sql, STATEMENT_SEMISYNC, &rows, &ctx->last, NULL);
	if (outcome == SQL_REFUSED) /* 1193: the plugin is not loaded, so it is off */
		server->source_on = server->replica_on = TRI_NO;
	if (outcome == SQL_OK && rows.rows == 1) {
		server->source_on = tri_on(sql_value(&rows, 0, "source_enabled"));
		server->replica_on = tri_on(sql_value(&rows, 0, "replica_enabled"));
		server->wait_count = number_or(sql_value(&rows, 0, "wait_count"), 0);
		server->lossless = lossless(&rows);
	}
	sql_rows_clear(&rows);
	if (server->source_on == TRI_NO)
		server->waiting_known = TRI_YES;
	if (server->source_on == TRI_NO && !primary)
		return;
	if (context_query(ctx, ctx->sql, STATEMENT_SEMISYNC_STATUS, &rows, &ctx->last, NULL) != SQL_OK)
		return;
	for (size_t i = 0; i < rows.rows; i++) {
		const char *name = sql_value(&rows, i, "Variable_name"), *value = sql_value(&rows, i, "Value");
		size_t length = name ? strlen(name) : 0;
		if (length > 8 && strcasecmp(name + length - 8, "_clients") == 0)
			server->clients = number_or(value, 0);
		if (length > 7 && strcasecmp(name + length - 7, "_yes_tx") == 0)
			server->acknowledged = number_or(value, 0);
		if (length > 14 && strcasecmp(name + length - 14, "_wait_sessions") == 0) {
			server->waiting = number_or(value, UINT64_MAX);
			server->waiting_known = TRI_YES;
		}
	}
	sql_rows_clear(&rows);
}

/* Longer than a replica waits by default before it connects again. */
#define OUTSIDER_MS 90000

static void observe_dumps(struct context *ctx, struct facts *facts)
{
	struct server_facts *server = &facts->server;
	struct sql_rows rows = {0};
	struct error ignored;
	uint64_t age_ms;
	if (file_age_ms(ctx->outsider_file, &age_ms) && age_ms < OUTSIDER_MS)
		(void)file_read(ctx->outsider_file, 512, &facts->outsider, &ignored);
	if (!ctx->credentials.replication.user || context_query(ctx, ctx->sql, STATEMENT_DUMPS, &rows, &ctx->last, NULL) != SQL_OK)
		return;
	server->replicas_known = TRI_YES;
	for (size_t i = 0; i < rows.rows; i++) {
		const char *acknowledges = sql_value(&rows, i, "acknowledges");
		if (str_equal(sql_value(&rows, i, "user"), ctx->credentials.replication.user))
			server->ours++;
		else if (!acknowledges || number_or(acknowledges, 1) > 0)
			server->foreign++;
		if (acknowledges)
			server->foreign_acknowledge = tri_of(server->foreign > 0);
	}
	sql_rows_clear(&rows);
}

static char *thread_error(const struct sql_rows *rows, const char *errno_column, const char *error_column)
{
	uint64_t number = number_or(sql_value(rows, 0, errno_column), 0);
	const char *text = sql_value(rows, 0, error_column);
	return number ? str_printf("error %llu: %s", (unsigned long long)number, text ? text : "") : NULL;
}

static enum thread_state thread_of(const char *value)
{
	if (!value)
		return THREAD_UNKNOWN;
	if (strcasecmp(value, "Yes") == 0)
		return THREAD_RUNNING;
	if (strcasecmp(value, "No") == 0)
		return THREAD_STOPPED;
	/* MySQL: Connecting; MariaDB also: Preparing */
	return strcasecmp(value, "Connecting") == 0 || strcasecmp(value, "Preparing") == 0 ? THREAD_CONNECTING : THREAD_UNKNOWN;
}

/* MariaDB forgets with every restart what it has received and not yet applied. */
static void observe_relay(struct context *ctx, struct server_facts *server)
{
	struct gtid_set *received;
	if (server->receiver == THREAD_RUNNING || !gtid_set_empty(server->received) || !relay_received(ctx, &received))
		return;
	gtid_set_free(server->received);
	server->received = received;
	/* The server removes files once they are applied. What was in none of them is executed by now, but perhaps was not before. */
	gtid_set_free(server->executed);
	server->executed = executed_now(ctx, &ctx->last);
}

/* The options are refused at start; a filter can be set on a running server, too. */
static char *filter_of(const struct sql_rows *rows)
{
	static const char *const columns[] = {
	    "Replicate_Do_DB",	       "Replicate_Ignore_DB",	      "Replicate_Do_Table",   "Replicate_Ignore_Table",
	    "Replicate_Wild_Do_Table", "Replicate_Wild_Ignore_Table", "Replicate_Rewrite_DB",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
		const char *value = sql_value(rows, 0, columns[i]);
		if (!str_empty(value))
			return str_printf("%s = %.100s", columns[i], value);
	}
	return NULL;
}

static void observe_replication(struct context *ctx, struct server_facts *server)
{
	const struct dialect *d = ctx->dialect;
	struct sql_rows rows = {0};
	if (context_query(ctx, ctx->sql, STATEMENT_REPLICA_STATUS, &rows, &ctx->last, NULL) != SQL_OK)
		return;
	server->has_source = tri_of(rows.rows > 0);
	if (rows.rows > 0) {
		const char *lag = sql_value(&rows, 0, d->lag);
		str_set(&server->source_host, sql_value(&rows, 0, d->source_host));
		server->source_port = number_or(sql_value(&rows, 0, d->source_port), 0);
		const char *by = sql_value(&rows, 0, d->auto_position);
		server->auto_position = !by ? TRI_UNKNOWN : tri_of(strcasecmp(by, "0") != 0 && strcasecmp(by, "No") != 0);
		server->delay_s = number_or(sql_value(&rows, 0, d->delay), 0);
		server->receiver = thread_of(sql_value(&rows, 0, d->receiver_running));
		server->applier = thread_of(sql_value(&rows, 0, d->applier_running));
		server->receiver_error = thread_error(&rows, d->receiver_errno, d->receiver_error);
		server->applier_error = thread_error(&rows, d->applier_errno, d->applier_error);
		server->filter = filter_of(&rows);
		server->received = gtid_set_parse(d->from.flavour, sql_value(&rows, 0, d->received));
		if (lag) {
			server->lag_s = number_or(lag, 0);
			server->lagging =
			    tri_of(ctx->config.max_lag_ms > 0 && server->lag_s * 1000 > ctx->config.max_lag_ms + server->delay_s * 1000);
		}
	} else {
		server->receiver = server->applier = THREAD_STOPPED;
	}
	sql_rows_clear(&rows);
}

enum sql_outcome follower_observe(struct context *ctx, struct server_facts *ret)
{
	enum sql_outcome outcome = observe_variables(ctx, ret);
	if (outcome == SQL_OK)
		observe_replication(ctx, ret);
	return outcome;
}

/* Of the server that runs: another one counts its sessions anew. */
uint64_t sessions_left(const struct context *ctx, uint64_t ago_ms)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored;
	uint64_t age_ms, server_ms;
	if (!file_age_ms(ctx->sessions_file, &age_ms) || age_ms < ago_ms || !file_age_ms(ctx->server_marker, &server_ms) ||
	    server_ms < age_ms || file_read(ctx->sessions_file, 32, &text, &ignored))
		return 0;
	return number_or(text, 0);
}

bool session_is_due(const struct context *ctx, const struct sql_rows *rows, size_t row, uint64_t left)
{
	bool idle = number_or(sql_value(rows, row, "busy"), 1) == 0;
	uint64_t id = number_or(sql_value(rows, row, "id"), 0);
	return !ctx->last_session || id <= left || (!idle && id <= ctx->last_session);
}

/* Never 0. */
static uint64_t last_session(const struct sql_rows *rows)
{
	uint64_t last = 1;
	for (size_t i = 0; i < rows->rows; i++) {
		uint64_t id = number_or(sql_value(rows, i, "id"), 0);
		last = id > last ? id : last;
	}
	return last;
}

static void observe_sessions(struct context *ctx, struct server_facts *server)
{
	struct sql_rows rows = {0};
	if (context_query(ctx, ctx->sql, STATEMENT_SESSIONS, &rows, &ctx->last, NULL) != SQL_OK)
		return;
	if (!ctx->last_session && server->writable == TRI_NO && server->agent_writable != TRI_YES)
		ctx->last_session = last_session(&rows);
	uint64_t left = sessions_left(ctx, 0);
	for (size_t i = 0; i < rows.rows; i++)
		server->sessions += session_is_due(ctx, &rows, i, left);
	server->sessions_known = TRI_YES;
	sql_rows_clear(&rows);
}

static enum tri account_exists(struct context *ctx, const struct account *account)
{
	struct sql_rows rows = {0};
	if (!account->user)
		return TRI_YES;
	if (context_query(ctx, ctx->sql, STATEMENT_ACCOUNT_EXISTS, &rows, &ctx->last, "user", account->user, NULL) != SQL_OK)
		return TRI_UNKNOWN;
	enum tri found = tri_of(rows.rows > 0);
	sql_rows_clear(&rows);
	return found;
}

static void observe_accounts(struct context *ctx, struct server_facts *server)
{
	enum tri administration = account_exists(ctx, &ctx->credentials.administration),
		 replication = account_exists(ctx, &ctx->credentials.replication);
	if (administration == TRI_NO || replication == TRI_NO)
		server->accounts = TRI_NO;
	else if (administration == TRI_YES && replication == TRI_YES)
		server->accounts = TRI_YES;
}

static void observe_user_data(struct context *ctx, struct server_facts *server)
{
	struct sql_rows rows = {0};
	if (context_query(ctx, ctx->sql, STATEMENT_USER_DATA, &rows, &ctx->last, NULL) != SQL_OK)
		return;
	server->user_data = tri_of(rows.rows > 0);
	sql_rows_clear(&rows);
}

/* A disk that hesitates is no reason to go on without it. */
#define STUCK_MS 2500
/* Replicas that were connected and did not acknowledge are not tried again before. */
#define BACK_AGAIN_MS 20000

/* Shorter than this, a broken connection says nothing of the process: it may be shutting down. */
#define SILENCE_MS 1000

/* It does not answer. A process that uses processor or disk meanwhile is busy; one that does nothing at all is frozen. */
static enum server_state state_without_answer(const struct context *ctx, const struct proc_usage *before, uint64_t since_ms)
{
	struct proc_usage after;
	struct error ignored;
	if (clock_now_ms() - since_ms < SILENCE_MS)
		return SERVER_UNKNOWN;
	if (proc_state(&ctx->server) == PROC_STOPPED)
		return SERVER_FROZEN;
	if (proc_usage(&ctx->server, &after, &ignored))
		return SERVER_UNKNOWN;
	return after.cpu_ticks > before->cpu_ticks || after.io_bytes > before->io_bytes ? SERVER_BUSY : SERVER_FROZEN;
}

static enum server_state state_of_outcome(struct context *ctx, enum sql_outcome outcome, const struct proc_usage *before, uint64_t since_ms)
{
	switch (outcome) {
	case SQL_OK:
		return SERVER_UP;
	case SQL_UNREACHABLE:
		return SERVER_STARTING;
	case SQL_BUSY:
		return SERVER_BUSY;
	case SQL_DENIED:
	case SQL_REFUSED:
		return SERVER_UNKNOWN;
	case SQL_UNKNOWN:
		break;
	}
	return state_without_answer(ctx, before, since_ms);
}

/* A process stopped by a signal may be continued at once, by a debugger or an impatient operator: a monitor gives it two seconds. */
static bool stays_stopped(const struct context *ctx)
{
	uint64_t until = clock_now_ms() + ctx->stopped_ms;
	while (proc_state(&ctx->server) == PROC_STOPPED) {
		if (clock_now_ms() >= until)
			return true;
		clock_pause_ms(100);
	}
	return false;
}

static void observe_data_epoch(struct context *ctx, struct facts *facts)
{
	struct server_facts *server = &facts->server;
	struct sql_rows rows = {0};
	enum sql_outcome outcome = context_query(ctx, ctx->sql, STATEMENT_DATA_EPOCH, &rows, &ctx->last, NULL);
	unsigned int number = outcome == SQL_REFUSED ? sql_errno(ctx->sql) : 0;
	/* 1049, 1146: no such schema, no such table. Nobody has ever written a mark. */
	if (outcome == SQL_OK || number == 1049 || number == 1146)
		server->data_epoch_known = TRI_YES;
	if (outcome == SQL_OK && rows.rows == 1)
		server->data_epoch = number_or(sql_value(&rows, 0, "epoch"), 0);
	/* Whoever holds the mark of an epoch has promised it. */
	if (server->data_epoch > facts->promised)
		facts->promised = server->data_epoch;
	sql_rows_clear(&rows);
}

/* A replica whose node has died, or whose network is cut, stays connected in the eyes of the server for minutes. What counts is that commits
 * are acknowledged. The file: how many were when commits were first seen to wait, and since when (monotonic ms). */
static void observe_stall(struct context *ctx, struct facts *facts)
{
	_cleanup_free_ char *text = NULL, *now = NULL;
	struct error ignored;
	uint64_t acknowledged = 0, since_ms = 0, age_ms, now_ms = clock_now_ms();
	char *blank;
	facts->back_failed = tri_of(file_age_ms(ctx->back_file, &age_ms) && age_ms < BACK_AGAIN_MS);
	if (facts->server.waiting_known != TRI_YES)
		return;
	bool known = file_read(ctx->waiting_file, 64, &text, &ignored) == 0 && text && (blank = strchr(text, ' ')) != NULL;
	if (known) {
		*blank = '\0';
		known = parse_u64(text, 0, UINT64_MAX, &acknowledged) && parse_u64(blank + 1, 0, now_ms, &since_ms);
	}
	bool same = known && facts->server.waiting > 0 && acknowledged == facts->server.acknowledged;
	facts->stalled = tri_of(same);
	facts->stuck = tri_of(same && now_ms - since_ms >= STUCK_MS);
	if (facts->server.waiting == 0 && text)
		(void)file_remove(ctx->waiting_file, &ignored);
	if (facts->server.waiting == 0 || same || dir_make(ctx->run_dir, 0755, 0, 0, &ignored))
		return;
	now = str_printf("%llu %llu", (unsigned long long)facts->server.acknowledged, (unsigned long long)now_ms);
	(void)file_write(ctx->waiting_file, now, 0600, &ignored);
}

static void observe_server(struct context *ctx, unsigned int look, struct facts *facts)
{
	struct server_facts *server = &facts->server;
	struct proc_usage before = {0};
	struct error ignored;
	if (stays_stopped(ctx)) {
		server->state = SERVER_FROZEN;
		return;
	}
	(void)proc_usage(&ctx->server, &before, &ignored);
	uint64_t since_ms = clock_now_ms(), limit = since_ms + ctx->answer_ms;
	enum sql_outcome outcome = context_connect(ctx, limit < ctx->deadline_ms ? limit : ctx->deadline_ms, &ctx->last);
	if (outcome == SQL_OK)
		outcome = observe_variables(ctx, server);
	server->state = state_of_outcome(ctx, outcome, &before, since_ms);
	if (outcome != SQL_OK) {
		log_trace("no answer: %s", ctx->last.sentence);
		context_disconnect(ctx);
		return;
	}
	observe_replication(ctx, server);
	if (server->has_source == TRI_YES)
		observe_relay(ctx, server);
	observe_semisync(ctx, server, facts->local_role == ROLE_PRIMARY);
	if (facts->local_role == ROLE_PRIMARY)
		observe_stall(ctx, facts);
	/* Also in a promotion, before it is the primary. */
	if (facts->local_role == ROLE_PRIMARY || server->source_on == TRI_YES)
		observe_dumps(ctx, facts);
	if (look & LOOK_MARK)
		observe_data_epoch(ctx, facts);
	if (look & LOOK_SESSIONS)
		observe_sessions(ctx, server);
	if (look & LOOK_ACCOUNTS)
		observe_accounts(ctx, server);
	if (look & LOOK_USER_DATA)
		observe_user_data(ctx, server);
	/* It waits for open sessions before it goes down. */
	if (ctx->shutdown_sent)
		context_disconnect(ctx);
}

static enum tri is_alive(const char *marker)
{
	struct proc proc;
	struct error ignored;
	if (proc_marker_read(marker, &proc, &ignored))
		return TRI_UNKNOWN;
	return tri_of(proc.pid != 0 && proc_state(&proc) != PROC_DEAD);
}

/* Each pause between two copies is longer than the one before. */
static enum tri is_copy_due(const struct context *ctx, uint64_t failed)
{
	uint64_t age_ms, pause_ms = 2000ull << (failed < 6 ? failed : 6);
	return file_age_ms(ctx->failures_file, &age_ms) ? tri_of(age_ms >= pause_ms) : TRI_UNKNOWN;
}

static void observe_copy(struct context *ctx, struct facts *facts)
{
	_cleanup_free_ char *text = NULL, *failures = NULL;
	struct error ignored;
	bool unreadable = ctx->filling_marker && file_read(ctx->filling_marker, 64, &text, &ignored) != 0;
	facts->filling = tri_of(unreadable || text);
	facts->leaving = unreadable ? TRI_UNKNOWN : tri_of(text && str_starts(text, FILLING_LEAVING));
	facts->copy_whole = unreadable ? TRI_UNKNOWN : tri_of(str_equal(text, FILLING_WHOLE));
	facts->copy_placed = unreadable ? TRI_UNKNOWN : tri_of(str_equal(text, FILLING_PLACED));
	facts->aside = tri_presence(path_exists(ctx->aside_file));
	facts->donating = is_alive(ctx->donor_marker);
	if (file_read(ctx->failures_file, 1024, &failures, &ignored) == 0 && failures) {
		const char *at = failures;
		if (parse_digits(&at, &facts->copies_failed)) {
			str_set(&facts->copy_error, at + (*at == ' '));
			facts->copy_due = is_copy_due(ctx, facts->copies_failed);
		}
	}
}

static void observe_local(struct context *ctx, struct facts *facts)
{
	struct local_state local;
	struct error ignored;
	_cleanup_free_ char *round = NULL, *reads = NULL;
	uint64_t age_ms;
	if (local_read(ctx, &local, &ctx->last) == 0) {
		facts->local_role = local.role;
		facts->promised = local.promised;
		facts->primary_epoch = local.primary_epoch;
		facts->record = local.record;
	}
	facts->worker = ctx->detached ? TRI_NO : is_alive(ctx->worker_marker);
	observe_copy(ctx, facts);
	if (file_read(ctx->reads_file, 16, &reads, &ignored) == 0 && !str_empty(reads))
		facts->reads_before = tri_of(str_equal(reads, "1"));
	if (file_age_ms(ctx->refused_file, &age_ms) && age_ms < REFUSED_MS)
		(void)file_read(ctx->refused_file, 512, &facts->switchover_refused, &ignored);
	if (str_empty(facts->switchover_refused))
		str_set(&facts->switchover_refused, NULL);
	/* The round knows of itself; only the promotion that follows reads the file, and consumes it. */
	if (!ctx->reads_round)
		facts->round_begun = tri_of(ctx->round_begun);
	else if (file_read(ctx->round_file, 64, &round, &ignored) == 0)
		facts->round_begun = tri_of(round && number_or(round, 0) == facts->promised && facts->promised > 0);
}

/* By then the address is elsewhere. */
#define SESSIONS_LEFT_MS 1000

static void observe_action(const struct context *ctx, struct facts *facts)
{
	uint64_t age_ms, now = clock_now_ms();
	facts->damaged = tri_of(ctx->starts_failed >= 2 && log_says(ctx->config.log, "corrupt"));
	facts->shutdown_sent = tri_of(ctx->shutdown_sent);
	facts->deadline_near = tri_of(now >= ctx->near_ms);
	facts->promotion_failed = tri_of(file_age_ms(ctx->unpromoted_file, &age_ms));
	if (file_age_ms(ctx->disconnected_file, &age_ms))
		facts->disconnected_ms = age_ms;
	facts->disconnected_before = tri_of(facts->disconnected_ms >= 1000); /* two monitors may coincide */
	facts->moment_over = tri_of(now >= ctx->moment_ms);
	facts->patience_over = tri_of(now >= ctx->patience_ms);
	facts->close_failures = ctx->close_failures;
	facts->sysvars_set = tri_of(ctx->sysvars_set || ctx->config.promoted_sysvars.count + ctx->config.unpromoted_sysvars.count == 0);
	facts->detached = tri_of(ctx->detached);
	facts->marked = ctx->marked;
	facts->opened_now = tri_of(ctx->opened_now);
	facts->sessions_left = sessions_left(ctx, SESSIONS_LEFT_MS);
	facts->outsiders_cut = tri_of(ctx->outsiders_cut);
	facts->diverged_twice = tri_of(ctx->diverged_since_ms && now - ctx->diverged_since_ms > 1500);
}

static enum tri tri_quorum(enum quorum quorum)
{
	switch (quorum) {
	case QUORUM_YES:
		return TRI_YES;
	case QUORUM_NO:
		return TRI_NO;
	case QUORUM_UNKNOWN:
		break;
	}
	return TRI_UNKNOWN;
}

static bool init_unfinished(const struct context *ctx)
{
	return ctx->init_marker && path_exists(ctx->init_marker) == PRESENCE_YES;
}

void observe(struct context *ctx, unsigned int look, struct facts *ret)
{
	struct facts facts = {0};
	observe_action(ctx, &facts);
	observe_local(ctx, &facts);
	if (context_find_server(ctx, &ctx->last) == 0 && ctx->server.pid == 0) {
		context_disconnect(ctx);
		facts.server.state = SERVER_DEAD;
		facts.server.server_id = ctx->server_id;
		facts.datadir_empty = init_unfinished(ctx) ? TRI_YES : tri_presence(dir_is_empty(ctx->config.datadir));
	} else if (ctx->server.pid != 0 && (look & LOOK_SERVER)) {
		observe_server(ctx, look, &facts);
	}
	if (ctx->config.instance.clustered && ctx->config.other_site.host) {
		facts.site = (struct peer_facts){.name = str_dup(SITE_NAME), .port = ctx->config.other_site.port};
		facts.site.address = str_dup(ctx->config.other_site.host);
	}
	if (ctx->config.instance.clustered)
		sources_observe(ctx, look & LOOK_PEERS, &facts);
	if (ctx->config.instance.clustered && (look & LOOK_PEERS))
		peers_observe(ctx, &facts);
	if (ctx->config.instance.clustered)
		preference_observe(ctx, look & LOOK_PEERS, &facts);
	if ((look & LOOK_TAIL) && !ctx->dialect)
		(void)context_find_dialect(ctx, &ctx->last);
	if (ctx->config.instance.clustered && (look & LOOK_PRIMARY))
		primary_observe(ctx, look, &facts);
	if (facts.server.state == SERVER_DEAD && (look & LOOK_TAIL))
		tail_observe(ctx, &facts);
	if (ctx->config.instance.clustered && (look & LOOK_CLEAN))
		clean_observe(ctx, &facts);
	if (look & LOOK_QUORUM)
		facts.quorum = tri_quorum(cluster_quorum(ctx->deadline_ms));
	facts.published = published_state(ctx, &facts);
	/* A lone node has no peers to look at: as often as it would. */
	bool due = facts.peers_known == TRI_YES || (ctx->config.instance.clone_max <= 1 && facts.published == TRI_NO);
	if ((look & LOOK_BINLOGS) && due && facts.server.state == SERVER_UP && ctx->sql)
		binlogs_observe(ctx, &facts.binlogs);
	if (ctx->reported) {
		_cleanup_free_ char *now = report_text(ctx, &facts, ctx->config.instance.notify_promote);
		facts.reported = tri_of(str_equal(now, ctx->reported));
	}
	*ret = facts;
}
