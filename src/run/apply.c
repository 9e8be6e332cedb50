/* One effect a step. Whether it took place is for the next look to say. */
#include "run/run.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Replicas that are connected acknowledge within milliseconds. Where too few are, the mark is written all the same: later it says of
 * which epoch the data are. */
#define MARK_MS 2000
#define MARK_UNHEARD_MS 150

static int outcome_ok(enum sql_outcome outcome)
{
	return outcome == SQL_OK ? 0 : -1;
}

static int run(struct context *ctx, enum statement statement, struct error *err)
{
	return outcome_ok(context_run(ctx, ctx->sql, statement, err, NULL));
}

struct impatience {
	const struct proc *server;
	unsigned int port;
	sem_t over;
};

/* An attempt that has not been answered within this time goes to a machine that is gone; and so does the one after it. */
#define ANSWER_MS 50
#define ANSWER_AGAIN_MS 10

static void *impatience_run(void *data)
{
	struct impatience *impatience = data;
	for (uint64_t ms = ANSWER_MS; !clock_posted_within(&impatience->over, ms); ms = ANSWER_AGAIN_MS)
		(void)proc_end_connects(impatience->server, impatience->port);
	return NULL;
}

/* Stops the receiver, alone or with the applier. One that waits for a dead source's answer hears only then that it is to end: with MySQL
 * two seconds or more of a failover whose fencing took long; and MariaDB's semi-sync receiver connects once more, to end its session there. */
static int receiver_stop(struct context *ctx, const struct facts *facts, enum statement statement, struct error *err)
{
	struct impatience impatience = {.server = &ctx->server, .port = (unsigned int)facts->server.source_port};
	pthread_t thread;
	sem_init(&impatience.over, 0, 0);
	bool started = pthread_create(&thread, NULL, impatience_run, &impatience) == 0;
	int rc = run(ctx, statement, err);
	sem_post(&impatience.over);
	if (started)
		pthread_join(thread, NULL);
	sem_destroy(&impatience.over);
	return rc;
}

/* MySQL's applier that has begun with a transaction of which the rest will never come, for the receiver was stopped or the source died in
 * the middle of sending it, waits a minute for that rest before it lets itself be stopped. All that is whole has been applied: it is killed. */
static int applier_kill(struct context *ctx, struct error *err)
{
	struct sql_rows rows = {0};
	context_disconnect(ctx); /* the statement that stops it still waits there */
	if (context_connect(ctx, clock_now_ms() + ctx->answer_ms, err) != SQL_OK ||
	    outcome_ok(context_query(ctx, ctx->sql, STATEMENT_APPLIER, &rows, err, NULL)))
		return -1;
	const char *id = rows.rows ? sql_value(&rows, 0, "id") : NULL;
	int rc = 0;
	if (id && strspn(id, "0123456789") == strlen(id)) {
		log_warning("the applier waits for the rest of a transaction, and is killed");
		rc = outcome_ok(context_run(ctx, ctx->sql, STATEMENT_KILL_SESSION, err, "id", id, NULL));
	}
	sql_rows_clear(&rows);
	return rc;
}

#define INCOMPLETE_MS 500

/* Of a server that has applied all that it has received. */
static int replication_stop(struct context *ctx, const struct facts *facts, struct error *err)
{
	bool may_wait = dialect_statement(ctx->dialect, STATEMENT_APPLIER) && facts->server.receiver == THREAD_STOPPED;
	uint64_t answer_ms = ctx->answer_ms;
	if (may_wait && answer_ms > INCOMPLETE_MS)
		ctx->answer_ms = INCOMPLETE_MS;
	int rc = receiver_stop(ctx, facts, STATEMENT_STOP_REPLICATION, err);
	ctx->answer_ms = answer_ms;
	if (rc == 0 || !may_wait)
		return rc;
	return applier_kill(ctx, err) ? -1 : receiver_stop(ctx, facts, STATEMENT_STOP_REPLICATION, err);
}

static int applier_start(struct context *ctx, const struct facts *facts, struct error *err)
{
	bool drops = dialect_statement(ctx->dialect, STATEMENT_RELAY_POSITION) && facts->server.receiver == THREAD_STOPPED;
	if (drops && relay_apply(ctx, facts->server.executed, err))
		return -1;
	return run(ctx, STATEMENT_START_APPLIER, err);
}

static int close_writes(struct context *ctx, struct error *err)
{
	/* It waits behind commits and locks, and already reads ON meanwhile; with this it gives up and reverts. */
	if (outcome_ok(context_run(ctx, ctx->sql, STATEMENT_LOCK_WAIT, err, "seconds", "1", NULL)) == 0 &&
	    run(ctx, STATEMENT_CLOSE_WRITES, err) == 0)
		return 0;
	ctx->close_failures++;
	/* A statement that did not end in time may still be pending in the server under this connection. */
	context_disconnect(ctx);
	return -1;
}

/* The one place where a server becomes writable for clients. Destructive in the sense that what was decided cannot be taken back. */
static int open_writes(struct context *ctx, uint64_t epoch, const struct record *record, struct error *err)
{
	struct local_state local;
	if (local_read(ctx, &local, err))
		return -1;
	if (record->epoch && record_newer(&local.record, record))
		return error_set(err, OCF_ERR_GENERIC, "a newer record is stored, of %.256s: this node is not opened",
				 local.record.primary);
	local.role = ROLE_PRIMARY;
	local.primary_epoch = epoch;
	if (record->epoch)
		local.record = *record;
	if (local_write(ctx, &local, err) || run(ctx, STATEMENT_OPEN_WRITES, err))
		return -1;
	return 0;
}

static int role_forget(struct context *ctx, struct error *err)
{
	struct local_state local;
	struct error ignored;
	if (local_read(ctx, &local, err))
		return -1;
	(void)file_remove(ctx->round_file, &ignored);
	local.role = ROLE_REPLICA;
	return local_write(ctx, &local, err);
}

static int promise_raise(const struct context *ctx, uint64_t epoch, struct error *err)
{
	struct local_state local;
	if (local_read(ctx, &local, err))
		return -1;
	if (epoch < local.promised)
		return error_set(err, OCF_ERR_GENERIC, "a promise is never lowered");
	local.promised = epoch;
	return local_write(ctx, &local, err);
}

static int promise(struct context *ctx, uint64_t epoch, struct error *err)
{
	if (promise_raise(ctx, epoch, err))
		return -1;
	ctx->round_begun = true;
	publish_joined(ctx, epoch);
	/* For the promotion that follows: only the candidate has one. */
	if (!ctx->reads_round && !str_equal(ctx->config.instance.notify_promote, ctx->config.instance.node))
		return 0;
	_cleanup_free_ char *text = str_printf("%llu", (unsigned long long)epoch);
	if (dir_make(ctx->run_dir, 0755, 0, 0, err) || file_write(ctx->round_file, text, 0600, err))
		return -1;
	return 0;
}

/* The marks are also the history of the promotions. Rows, not one that is changed: an earlier attempt may still wait for its
 * acknowledgement, and would hold its lock. */
static int mark_insert(struct context *ctx, uint64_t epoch, const char *reason, struct error *err)
{
	_cleanup_free_ char *number = str_printf("%llu", (unsigned long long)epoch);
	return outcome_ok(
	    context_run(ctx, ctx->sql, STATEMENT_MARK, err, "epoch", number, "node", ctx->config.instance.node, "reason", reason, NULL));
}

/* PROTOCOL.md, rule 7. Waits for the acknowledgement, within bounds: an effect that was not seen in time is no error, but it is not taken
 * for one that was. */
static int mark(struct context *ctx, const struct facts *facts, uint64_t epoch, const char *reason, struct error *err)
{
	struct error missed;
	uint64_t answer_ms = ctx->answer_ms;
	ctx->marked = TRI_NO;
	ctx->answer_ms = facts->server.clients >= facts->server.wait_count ? MARK_MS : MARK_UNHEARD_MS;
	int rc = run(ctx, STATEMENT_AGENT_WRITES, err);
	if (rc == 0 && mark_insert(ctx, epoch, reason, &missed) == 0)
		ctx->marked = TRI_YES;
	else if (rc == 0 && ctx->sql && run(ctx, STATEMENT_MARK_SCHEMA, &missed) == 0 && run(ctx, STATEMENT_MARK_TABLE, &missed) == 0 &&
		 mark_insert(ctx, epoch, reason, &missed) == 0)
		ctx->marked = TRI_YES;
	ctx->answer_ms = answer_ms;
	if (rc == 0 && ctx->marked != TRI_YES) {
		log_warning("the mark of epoch %llu was not acknowledged: %s", (unsigned long long)epoch, missed.sentence);
		context_disconnect(ctx); /* the statement may still wait in the server */
		if (facts->local_role == ROLE_PRIMARY && file_write(ctx->back_file, "", 0600, &missed))
			log_warning("%s", missed.sentence);
	}
	return rc;
}

/* From now on commits are acknowledged that only this node has: only once a majority has stored that, and promotes no other. */
static int release_commits(struct context *ctx, const struct facts *facts, struct error *err)
{
	struct error ignored;
	bool silent = false;
	/* Those that are there and do not acknowledge are not tried again at once. */
	for (size_t i = 0; i < facts->peer_count; i++)
		silent = silent || (facts->stuck == TRI_YES && facts->peers[i].role == ROLE_REPLICA);
	if (silent)
		(void)file_write(ctx->back_file, "", 0600, &ignored);
	return run(ctx, STATEMENT_SEMISYNC_SOURCE_OFF, err);
}

static int record_keep(struct context *ctx, const struct facts *facts, const struct record *record, struct error *err)
{
	struct local_state local;
	struct facts now = *facts;
	if (local_read(ctx, &local, err))
		return -1;
	if (record_newer(record, &local.record)) {
		local.record = *record;
		if (local_write(ctx, &local, err))
			return -1;
	}
	now.record = local.record;
	return publish_state(ctx, &now, err);
}

static int semisync_replica(struct context *ctx, const struct facts *facts, struct error *err)
{
	bool on = facts_acknowledges(&ctx->config, facts) != TRI_NO;
	/* A receiver that runs has told its source whether it acknowledges: it never runs with another setting than that. */
	bool runs = facts->server.has_source == TRI_YES && facts->server.receiver != THREAD_STOPPED;
	if ((runs && receiver_stop(ctx, facts, STATEMENT_STOP_RECEIVER, err)) ||
	    outcome_ok(context_run(ctx, ctx->sql, STATEMENT_SEMISYNC_REPLICA, err, "on", on ? "ON" : "OFF", NULL)))
		return -1;
	const struct account *account = facts_on_site(facts) ? &ctx->credentials.site : &ctx->credentials.replication;
	return runs && outcome_ok(context_run(ctx, ctx->sql, STATEMENT_START_REPLICATION, err, "user", account->user, "password",
					      account->password, NULL))
		   ? -1
		   : 0;
}

static int semisync_source(struct context *ctx, uint64_t k, struct error *err)
{
	_cleanup_free_ char *count = str_printf("%llu", (unsigned long long)k);
	if (run(ctx, STATEMENT_SEMISYNC_POINT, err) ||
	    outcome_ok(context_run(ctx, ctx->sql, STATEMENT_SEMISYNC_WAIT, err, "timeout", SEMISYNC_FOR_EVER, NULL)))
		return -1;
	if (dialect_statement(ctx->dialect, STATEMENT_SEMISYNC_COUNT) &&
	    outcome_ok(context_run(ctx, ctx->sql, STATEMENT_SEMISYNC_COUNT, err, "k", count, NULL)))
		return -1;
	return run(ctx, STATEMENT_SEMISYNC_SOURCE_ON, err);
}

/* MariaDB replicates from gtid_slave_pos, which a former primary has never moved. What was under way when the applier was stopped counts. */
static int position_set(struct context *ctx, struct error *err)
{
	if (!dialect_statement(ctx->dialect, STATEMENT_SET_POSITION))
		return 0;
	_cleanup_gtid_ struct gtid_set *executed = executed_now(ctx, err);
	if (!executed)
		return error_set(err, OCF_ERR_GENERIC, "what this server has executed is not known");
	_cleanup_free_ char *position = gtid_set_position(executed);
	return outcome_ok(context_run(ctx, ctx->sql, STATEMENT_SET_POSITION, err, "set", position ? position : "", NULL));
}

static enum sql_outcome replicate(struct context *ctx, const struct peer_facts *peer, uint64_t delay_s, struct error *err)
{
	const struct account *account = context_account(ctx, peer);
	_cleanup_free_ char *port = str_printf("%llu", (unsigned long long)peer->port),
			    *delay = str_printf("%llu", (unsigned long long)delay_s);
	enum sql_outcome outcome =
	    context_run(ctx, ctx->sql, STATEMENT_SET_SOURCE, err, "host", peer->address, "port", port, "user", account->user, "password",
			account->password, "tls", ctx->config.tls ? "1" : "0", "delay", delay, NULL);
	return outcome != SQL_OK ? outcome
				 : context_run(ctx, ctx->sql, STATEMENT_START_REPLICATION, err, "user", account->user, "password",
					       account->password, NULL);
}

/* A power cut can leave the server's notes of its relay log without the files of which they speak (1201 on MariaDB, 1872 on MySQL): it
 * begins anew, without them. */
static int replicate_anyhow(struct context *ctx, const struct peer_facts *peer, uint64_t delay_s, struct error *err)
{
	enum sql_outcome outcome = replicate(ctx, peer, delay_s, err);
	unsigned int number = outcome == SQL_REFUSED ? sql_errno(ctx->sql) : 0;
	if (number != 1201 && number != 1872)
		return outcome_ok(outcome);
	log_warning("its relay log cannot be read, and is dropped: %s", err->sentence);
	return run(ctx, STATEMENT_FORGET_SOURCE, err) ? -1 : outcome_ok(replicate(ctx, peer, delay_s, err));
}

/* Nobody at the other site waits for this node, and at home it counts again. Else the monitor sees to it. */
static int semisync_for(struct context *ctx, const struct facts *facts, const struct peer_facts *peer, struct error *err)
{
	bool elsewhere = peer == &facts->site;
	enum tri wrong = elsewhere ? TRI_YES : TRI_NO;
	if (facts->server.replica_on != wrong || (!elsewhere && facts->source))
		return 0;
	return outcome_ok(context_run(ctx, ctx->sql, STATEMENT_SEMISYNC_REPLICA, err, "on", elsewhere ? "OFF" : "ON", NULL));
}

static int follow(struct context *ctx, const struct facts *facts, const char *node, struct error *err)
{
	const struct peer_facts *peer = facts_find(facts, node);
	if (!peer || !peer->address)
		return error_set(err, OCF_ERR_GENERIC, "the address of %s is not known", node);
	/* To follow a primary is to promise its epoch: none can be used twice. A leaf's source has done that, too. */
	const struct peer_facts *primary = facts_leaf(facts) ? facts_primary(facts) : peer;
	if (primary && primary->role == ROLE_PRIMARY && primary->epoch > facts->promised && promise_raise(ctx, primary->epoch, err))
		return -1;
	if (facts_leaf(facts) && facts->server.delay_s == facts->delay_s && facts->server.receiver != THREAD_STOPPED &&
	    facts->server.applier == THREAD_RUNNING && str_equal(facts->server.source_host, peer->address) &&
	    facts->server.source_port == peer->port)
		return 0;
	if (facts->server.has_source == TRI_YES && replication_stop(ctx, facts, err))
		return -1;
	/* A replica whose source side is on would wait for acknowledgements of what it applies. */
	if (facts->server.source_on != TRI_NO && run(ctx, STATEMENT_SEMISYNC_SOURCE_OFF, err))
		return -1;
	if (position_set(ctx, err) || semisync_for(ctx, facts, peer, err))
		return -1;
	if (replicate_anyhow(ctx, peer, facts_leaf(facts) ? facts->delay_s : 0, err))
		return -1;
	/* The names of the new relay log's files, too. */
	return ctx->config.power_safe ? dir_sync_all(ctx->config.datadir, err) : 0;
}

/* What a promotion does with it, while the others attach. Of each of them the server looks for the place from the beginning of a file, which
 * may be a gigabyte; the mark, and so the promotion, waits for one of them. */
static int forget_source(struct context *ctx, const struct facts *facts, struct error *err)
{
	struct error why;
	bool damaged = facts->server.applier_error; /* then nobody attaches: it is to fetch its relay log again */
	if (!damaged && run(ctx, STATEMENT_ROTATE_BINLOG, &why))
		log_warning("the binary log is not continued in a new file: %s", why.sentence);
	return replication_stop(ctx, facts, err) || run(ctx, STATEMENT_FORGET_SOURCE, err) ? -1 : 0;
}

/* The sessions of clients: those that are due, and all up to the one of that number. Never called while commits wait for an acknowledgement:
 * MariaDB would commit them. */
static int kill_sessions(struct context *ctx, uint64_t number, struct error *err)
{
	struct sql_rows rows = {0};
	uint64_t left = sessions_left(ctx, 0);
	enum sql_outcome outcome = context_query(ctx, ctx->sql, STATEMENT_SESSIONS, &rows, err, NULL);
	if (outcome_ok(outcome))
		return -1;
	for (size_t i = 0; i < rows.rows && outcome != SQL_UNKNOWN; i++) {
		const char *id = sql_value(&rows, i, "id");
		uint64_t session;
		if (!id || !parse_u64(id, 0, UINT64_MAX, &session) || !(number ? session <= number : session_is_due(ctx, &rows, i, left)))
			continue;
		/* Refused, with 1094: it has left by itself. */
		outcome = context_run(ctx, ctx->sql, STATEMENT_KILL_SESSION, err, "id", id, NULL);
		ctx->sessions_cut += outcome == SQL_OK;
	}
	sql_rows_clear(&rows);
	if (outcome == SQL_UNKNOWN)
		return -1;
	if (number)
		return file_remove(ctx->sessions_file, err);
	clock_pause_ms(5); /* they end on their own time */
	return 0;
}

/* Where it is not seen who of them acknowledges, all go: those that do not are back in a moment. */
static int outsiders_cut(struct context *ctx, struct error *err)
{
	struct sql_rows rows = {0};
	if (outcome_ok(context_query(ctx, ctx->sql, STATEMENT_DUMPS, &rows, err, NULL)))
		return -1;
	for (size_t i = 0; i < rows.rows; i++) {
		const char *id = sql_value(&rows, i, "id"), *user = sql_value(&rows, i, "user"), *host = sql_value(&rows, i, "host"),
			   *acknowledges = sql_value(&rows, i, "acknowledges");
		struct error ignored;
		if (!id || strspn(id, "0123456789") != strlen(id) || str_equal(user, ctx->credentials.replication.user) ||
		    str_equal(acknowledges, "0"))
			continue;
		_cleanup_free_ char *who = str_printf("%.128s (account %.64s)", host ? host : "?", user ? user : "?");
		for (char *c = who; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = '?';
		log_warning("cuts off a replica outside of the cluster: %s", who);
		(void)file_write(ctx->outsider_file, who, 0600, &ignored);
		(void)context_run(ctx, ctx->sql, STATEMENT_KILL_SESSION, &ignored, "id", id, NULL); /* it may have left by itself */
	}
	sql_rows_clear(&rows);
	ctx->outsiders_cut = true; /* they end on their own time */
	return 0;
}

static int sysvars_set(struct context *ctx, const struct sysvars *list, const char *parameter, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		if (context_run(ctx, ctx->sql, STATEMENT_SET_VARIABLE, err, "name", list->items[i].name, "value", list->items[i].value,
				NULL) == SQL_OK)
			continue;
		err->code = OCF_ERR_ARGS;
		return error_wrap(err, "parameter %s: %s=%s is refused by the server", parameter, list->items[i].name,
				  list->items[i].value);
	}
	return 0;
}

static int sysvars_primary(struct context *ctx, struct error *err)
{
	if (sysvars_set(ctx, &ctx->config.promoted_sysvars, "promoted_sysvars", err))
		return -1;
	ctx->sysvars_set = true;
	return 0;
}

/* Those of the primary are tried first, so that an error in them is found now and not at a failover. */
static int sysvars_replica(struct context *ctx, struct error *err)
{
	if (sysvars_set(ctx, &ctx->config.promoted_sysvars, "promoted_sysvars", err) ||
	    sysvars_set(ctx, &ctx->config.unpromoted_sysvars, "unpromoted_sysvars", err))
		return -1;
	ctx->sysvars_set = true;
	return 0;
}

static int worker_main(void *data)
{
	return worker_run(data);
}

static int worker_detach(struct context *ctx, struct error *err)
{
	if (dir_make(ctx->run_dir, 0755, 0, 0, err) || dir_make(ctx->state_dir, 0700, 0, 0, err))
		return -1;
	context_disconnect(ctx); /* a connection is not shared with a child */
	cluster_close();
	return proc_detach(ctx->worker_marker, ctx->worker_log, worker_main, ctx, err);
}

static int detached_kill(struct context *ctx, const char *marker, struct error *err)
{
	struct proc worker;
	if (proc_marker_read(marker, &worker, err))
		return -1;
	if (worker.pid != 0 && proc_signal_group(&worker, 9, err))
		return -1;
	if (worker.pid != 0 && !proc_wait_dead(&worker, ctx->deadline_ms))
		return error_set(err, OCF_ERR_GENERIC, "the detached worker %d does not end", (int)worker.pid);
	return file_remove(marker, err);
}

static int worker_kill(struct context *ctx, struct error *err)
{
	(void)file_remove(ctx->progress_file, err);
	return detached_kill(ctx, ctx->worker_marker, err) || detached_kill(ctx, ctx->donor_marker, err) ? -1 : 0;
}

int apply(struct context *ctx, const struct facts *facts, const struct verdict *verdict, struct error *err)
{
	if (step_is_destructive(verdict->step))
		log_warning("%s%s%s%s%s", step_name(verdict->step), *verdict->target ? " from " : "", verdict->target,
			    *verdict->reason ? ": " : "", verdict->reason);
	switch (verdict->step) {
	case STEP_NONE:
	case STEP_DONE:
	case STEP_LOOK:
	case STEP_COUNT:
		return 0;
	case STEP_WAIT:
		clock_pause_ms(10);
		return 0;
	case STEP_INITIALISE:
		return server_initialise(ctx, err);
	case STEP_LAUNCH:
		return server_launch(ctx, LAUNCH_PLAIN, err);
	case STEP_LAUNCH_BEHIND:
		return server_launch(ctx, LAUNCH_BEHIND_PRIMARY, err);
	case STEP_CUT_TAIL:
		return tail_cut(ctx, facts, verdict->number, err);
	case STEP_SHUTDOWN:
		return server_shutdown(ctx, err);
	case STEP_KILL_SERVER:
		return server_kill(ctx, verdict->reason, err);
	case STEP_DEFER:
		return worker_detach(ctx, err);
	case STEP_KILL_WORKER:
		return worker_kill(ctx, err);
	case STEP_PROVISION:
		return ctx->detached ? provision(ctx, facts, verdict->target, err) : worker_detach(ctx, err);
	case STEP_SET_ASIDE:
		ctx->starts_failed = 0;
		return datadir_set_aside(ctx, aside_begun(ctx), err);
	case STEP_PLACE_COPY:
		return copy_place(ctx, err);
	case STEP_COPY_POSITION:
		return copy_position(ctx, err);
	case STEP_DROP_ASIDE:
		return asides_drop(ctx, err);
	case STEP_DONATE:
		return donate(ctx, err);
	case STEP_HOLD_BINLOGS:
	case STEP_EXPIRE_BINLOGS:
		binlogs_expire(ctx, verdict->step == STEP_EXPIRE_BINLOGS, verdict->reason);
		return 0;
	case STEP_SEMISYNC_REPLICA:
		return semisync_replica(ctx, facts, err);
	case STEP_STOP_RECEIVER:
		return receiver_stop(ctx, facts, STATEMENT_STOP_RECEIVER, err);
	case STEP_START_APPLIER:
		return applier_start(ctx, facts, err);
	case STEP_FOLLOW:
		return follow(ctx, facts, verdict->target, err);
	case STEP_FORGET_SOURCE:
		return forget_source(ctx, facts, err);
	case STEP_CUT_OUTSIDERS:
		return outsiders_cut(ctx, err);
	case STEP_SEMISYNC_SOURCE:
		return semisync_source(ctx, verdict->number, err);
	case STEP_CLOSE_WRITES:
		return close_writes(ctx, err);
	case STEP_KILL_SESSIONS:
		return kill_sessions(ctx, verdict->number, err);
	case STEP_SEMISYNC_SOURCE_OFF:
		return run(ctx, STATEMENT_SEMISYNC_SOURCE_OFF, err);
	case STEP_FORGET_ROLE:
		return role_forget(ctx, err);
	case STEP_SYSVARS_PRIMARY:
		return sysvars_primary(ctx, err);
	case STEP_SYSVARS_REPLICA:
		return sysvars_replica(ctx, err);
	case STEP_BOOTSTRAP:
		return bootstrap(ctx, err);
	case STEP_OPEN_WRITES:
		return open_writes(ctx, verdict->number, &verdict->record, err);
	case STEP_PROMISE:
		return promise(ctx, verdict->number, err);
	case STEP_REPORT:
		publish_report(ctx, facts, verdict->target, err);
		return ctx->reported ? 0 : -1;
	case STEP_MARK:
		return mark(ctx, facts, verdict->number, *verdict->reason ? verdict->reason : "promotion", err);
	case STEP_RELEASE_COMMITS:
		return release_commits(ctx, facts, err);
	case STEP_PUBLISH:
		if (facts->opened_now == TRI_YES)
			publish_score(ctx, facts);
		return publish_state(ctx, facts, err);
	case STEP_RECORD:
		return record_keep(ctx, facts, &verdict->record, err);
	case STEP_SYNCED:
		return (verdict->number > facts->promised && promise_raise(ctx, verdict->number, err)) || publish_synced(ctx, err) ? -1 : 0;
	}
	return error_set(err, OCF_ERR_GENERIC, "no such step");
}
