/* The actions as one table. Each is the loop with its decision; what comes before and after stands here. */
#include "run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "copy.h"
#include "core/metadata.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/server.h"

/* The last such line on stderr is what crm_mon shows; there is exactly one, at the very end. */
static void exit_reason_print(char *const *env, const char *reason)
{
	const char *prefix = env_get(env, "OCF_EXIT_REASON_PREFIX");
	if (*reason)
		fprintf(stderr, "%s%s\n", str_empty(prefix) ? "ocf-exit-reason:" : prefix, reason);
}

/* The file that Pacemaker's tools made writes; a quiet monitor says nothing at all. */
static void outcome_log(const char *action, const struct verdict *verdict)
{
	bool well = verdict->code == OCF_SUCCESS || verdict->code == OCF_RUNNING_PROMOTED || verdict->code == OCF_NOT_RUNNING;
	if (*verdict->reason && well)
		log_info("%s: %s", action, verdict->reason);
	else if (*verdict->reason)
		log_warning("%s: %s", action, verdict->reason);
}

struct verdict action_failed(const struct error *err)
{
	return verdict_done(err->code ? err->code : OCF_ERR_GENERIC, "%s", err->sentence);
}

/* This node will not acknowledge any more, and Pacemaker runs nothing on a node without an instance. The primary may be about to go on
 * alone, for which it wants a majority of the nodes to have stored that: this is the last chance to be one of them. */
static void linger(struct context *ctx)
{
	uint64_t now = clock_now_ms();
	if (!ctx->config.instance.clustered || facts_lone(&ctx->config))
		return;
	ctx->patience_ms = now + 3000;
	if (ctx->deadline_ms < now + 3500)
		ctx->deadline_ms = now + 3500;
	(void)run_loop(ctx, decide_linger, LOOK_PEERS, NULL);
}

/* A helper that was killed, or late, says nothing of the configuration. */
static int validate_patiently(struct context *ctx, struct error *err)
{
	for (unsigned int tries = 1;; tries++) {
		int rc = server_validate(ctx, err);
		if (rc == 0 || err->code != OCF_ERR_GENERIC || tries == 3 || clock_now_ms() >= ctx->near_ms)
			return rc;
		log_warning("%s; tried again", err->sentence);
	}
}

static struct verdict start_server(struct context *ctx)
{
	struct facts facts = {0};
	struct error err = {0};
	if (validate_patiently(ctx, &err))
		return action_failed(&err);
	if (property_keep(ctx, &err))
		return action_failed(&err);
	struct verdict verdict = run_loop(ctx, decide_start, LOOK_SERVER, &facts);
	if (verdict.code == OCF_SUCCESS)
		publish_score(ctx, &facts);
	/* The start that has launched it may have been killed before it came to this. */
	if (verdict.code == OCF_SUCCESS && facts.server.state == SERVER_UP && server_secure(ctx, &err))
		verdict = action_failed(&err);
	facts_clear(&facts);
	return verdict;
}

static struct verdict start(struct context *ctx)
{
	struct verdict verdict = start_server(ctx);
	if (verdict.code != OCF_SUCCESS)
		linger(ctx);
	return verdict;
}

int worker_run(struct context *ctx)
{
	struct facts facts = {0};
	uint64_t now = clock_now_ms();
	ctx->detached = true;
	ctx->deadline_ms = now + 24ull * 3600 * 1000;
	ctx->near_ms = ctx->deadline_ms;
	ctx->patience_ms = now + 20000;
	ctx->answer_ms = 5000;
	log_open(ctx->config.instance.resource, "worker", NULL, NULL);
	struct verdict verdict = run_loop(ctx, decide_start, LOOK_SERVER, &facts);
	log_info("worker: %s%s", verdict.code == OCF_SUCCESS ? "done" : "ends: ", verdict.reason);
	if (verdict.code == OCF_SUCCESS) {
		struct error ignored;
		(void)file_remove(ctx->progress_file, &ignored);
		ctx->deadline_ms = clock_now_ms() + 5000;
		publish_score(ctx, &facts);
	}
	facts_clear(&facts);
	context_close(ctx);
	cluster_close();
	return verdict.code == OCF_SUCCESS ? 0 : 1;
}

static struct verdict stop(struct context *ctx)
{
	struct error ignored;
	uint64_t timeout = ctx->config.shutdown_timeout_ms;
	if (timeout && clock_now_ms() + timeout < ctx->near_ms)
		ctx->near_ms = clock_now_ms() + timeout;
	ctx->answer_ms = ctx->answer_ms < 2000 ? ctx->answer_ms : 2000;
	(void)context_read_credentials(ctx, &ignored);
	struct verdict verdict = run_loop(ctx, decide_stop, LOOK_SERVER, NULL);
	if (verdict.code == OCF_SUCCESS) {
		(void)file_remove(ctx->server_marker, &ignored);
		(void)file_remove(ctx->round_file, &ignored);
		publish_stopped(ctx);
		linger(ctx);
	}
	return verdict;
}

/* A file that was lost, or opened to others, is no failure of the server and no reason to take it from its clients. */
static struct verdict credentials_missed(const struct verdict *verdict, const struct error *why)
{
	if (verdict->code == OCF_SUCCESS || verdict->code == OCF_DEGRADED)
		return verdict_done(OCF_DEGRADED, "%s", why->sentence);
	if (verdict->code == OCF_RUNNING_PROMOTED || verdict->code == OCF_DEGRADED_PROMOTED)
		return verdict_done(OCF_DEGRADED_PROMOTED, "%s", why->sentence);
	return *verdict;
}

/* For the next monitor: whether this one saw the replica without its source. */
static void disconnected_note(struct context *ctx, const struct facts *facts)
{
	struct error ignored;
	bool disconnected =
	    facts->server.state == SERVER_UP && facts->local_role == ROLE_REPLICA && facts->server.receiver != THREAD_RUNNING;
	if (!disconnected && facts->disconnected_before == TRI_YES)
		(void)file_remove(ctx->disconnected_file, &ignored);
	else if (disconnected && facts->disconnected_before == TRI_NO && dir_make(ctx->run_dir, 0755, 0, 0, &ignored) == 0)
		(void)file_write(ctx->disconnected_file, "", 0600, &ignored);
}

/* Of a copy that is under way; false: that is not known. */
static bool copy_percent(struct context *ctx, uint64_t bytes, uint64_t *ret_percent)
{
	struct sql_rows rows = {0};
	struct error ignored;
	const char *text = NULL;
	bool known = false;
	if (bytes) {
		*ret_percent = copy_counted(ctx) * 100 / bytes;
		known = true;
	} else if (ctx->sql && dialect_statement(ctx->dialect, STATEMENT_CLONE_PROGRESS) &&
		   context_query(ctx, ctx->sql, STATEMENT_CLONE_PROGRESS, &rows, &ignored, NULL) == SQL_OK) {
		text = rows.rows ? sql_value(&rows, 0, "percent") : NULL;
		known = text && parse_u64(text, 0, UINT64_MAX, ret_percent);
		sql_rows_clear(&rows);
	}
	/* How much there is, is an estimate. */
	if (known && *ret_percent > 99)
		*ret_percent = 99;
	return known;
}

/* What the worker is about, for crm_mon; *word gets the percent in steps, for each change of it is written into the CIB. NULL: no word. */
static char *provisioning(struct context *ctx, char **word)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored;
	uint64_t bytes = 0, percent;
	if (file_read(ctx->progress_file, 512, &text, &ignored) || !text)
		return NULL;
	const char *what = text;
	/* The server remembers the last copy's progress when it is over. */
	if (!parse_digits(&what, &bytes) || !str_starts(what, " copies from ") || !copy_percent(ctx, bytes, &percent))
		return str_printf("provisioning:%s", what);
	*word = str_printf("provisioning %llu%%", (unsigned long long)percent / 10 * 10);
	return str_printf("provisioning %llu%%:%s", (unsigned long long)percent, what);
}

/* After a promotion's last notification Pacemaker begins the address and the monitors at once, and clients wait for the address. A monitor
 * that begins before that notification is not held up: the notification waits for its end, and the address for all notifications. One
 * waits, and the other goes: a node with one processor runs two actions at a time, and the address must be one of them. */
#define JUST_PROMOTED_MS 400
#define AFTER_PROMOTION_MS 250

static bool just_promoted(const char *file)
{
	uint64_t age_ms;
	return file_age_ms(file, &age_ms) && age_ms < JUST_PROMOTED_MS;
}

/* True: another monitor has waited for this one, or does. */
static bool let_address_start(const struct context *ctx)
{
	if (!ctx->config.instance.interval_ms)
		return false;
	if (just_promoted(ctx->promoted_file) && file_claim(ctx->promoted_file, ctx->claimed_file)) {
		clock_pause_ms(AFTER_PROMOTION_MS);
		return false;
	}
	return just_promoted(ctx->claimed_file);
}

/* What the actions and notifications of the last moment have left, if the process is seen to run: the rest is looked at by the monitor that
 * waits. */
static struct verdict monitor_unseen(struct context *ctx)
{
	struct facts facts = {0};
	struct verdict verdict = {0};
	observe(ctx, 0, &facts);
	bool runs = ctx->server.pid != 0 && proc_state(&ctx->server) == PROC_ALIVE;
	if (runs && facts.local_role == ROLE_PRIMARY)
		verdict = verdict_done(OCF_RUNNING_PROMOTED, "%s", "");
	else if (runs && facts.local_role == ROLE_REPLICA)
		verdict = verdict_done(OCF_SUCCESS, "%s", "");
	facts_clear(&facts);
	return verdict;
}

static void sessions_tell(const struct context *ctx)
{
	if (ctx->sessions_cut)
		log_info("%u client sessions were cut", ctx->sessions_cut);
}

static struct verdict monitor(struct context *ctx)
{
	if (let_address_start(ctx)) {
		struct verdict unseen = monitor_unseen(ctx);
		if (unseen.step == STEP_DONE)
			return unseen;
	}
	struct facts facts = {0};
	struct error err = {0}, missed = {0};
	_cleanup_free_ char *progress = NULL, *word = NULL;
	int rc = context_read_credentials(ctx, &missed);
	ctx->moment_ms = clock_now_ms() + 300;
	ctx->patience_ms = clock_now_ms() + 2000;
	/* A probe. If Pacemaker was started again, the attributes have gone with it, and a primary without a
	 * score would be demoted as soon as maintenance is over. */
	if (!ctx->config.instance.interval_ms)
		tell_anew(ctx);
	unsigned int look = LOOK_SERVER | (ctx->config.instance.interval_ms ? LOOK_BINLOGS : 0u);
	struct verdict verdict = run_loop(ctx, decide_monitor, look, &facts);
	sessions_tell(ctx);
	if (rc)
		verdict = credentials_missed(&verdict, &missed);
	else if (facts.server.state == SERVER_UNKNOWN && *ctx->last.sentence)
		verdict = verdict_done(verdict.code, "%.300s: %.400s", verdict.reason, ctx->last.sentence);
	/* The score goes before the result does: then one transition moves the role, instead of a recovery in place. */
	if (verdict.code != OCF_NOT_RUNNING || ctx->config.instance.interval_ms) {
		publish_score(ctx, &facts);
		if (ctx->config.instance.clustered && facts.published != TRI_YES && publish_state(ctx, &facts, &err))
			log_warning("node attributes: %s", err.sentence);
	}
	if (facts.worker == TRI_YES)
		progress = provisioning(ctx, &word);
	if (ctx->config.instance.interval_ms && facts.peers_known == TRI_YES && facts.local_role == ROLE_REPLICA && !facts_primary(&facts))
		score_mend(ctx);
	if (ctx->config.instance.interval_ms) {
		publish_property(ctx, &facts);
		publish_word(ctx, word ? word : state_word(&facts, &verdict));
		/* A primary that has failed moves at once; its address for reads with the instance. */
		if (verdict.code != OCF_FAILED_PROMOTED && verdict.code != OCF_NOT_RUNNING)
			publish_reads(ctx, decide_reads(&ctx->config, &facts));
	}
	disconnected_note(ctx, &facts);
	if (facts.promotion_failed == TRI_YES && facts.server.receiver == THREAD_RUNNING)
		(void)file_remove(ctx->unpromoted_file, &err);
	/* The controller that has the score's change and this result within milliseconds waits a whole second for its own writes. */
	if (verdict.code == OCF_FAILED_PROMOTED)
		clock_pause_ms(60);
	if (progress)
		verdict = verdict_done(verdict.code, "%.500s", progress);
	if (verdict.code == OCF_RUNNING_PROMOTED && ctx->config.instance.interval_ms && ctx->config.followers.count) {
		_cleanup_free_ char *sentence = followers_tend(ctx, facts.primary_epoch);
		if (sentence)
			verdict = verdict_done(OCF_DEGRADED_PROMOTED, "%.500s", sentence);
	}
	verdict = tell(ctx, facts.local_role, verdict);
	facts_clear(&facts);
	return verdict;
}

static struct verdict promote(struct context *ctx)
{
	struct facts facts = {0};
	struct error err = {0};
	context_hurry(ctx);
	if (context_read_credentials(ctx, &err))
		return action_failed(&err);
	ctx->reads_round = true;
	/* The others attach in their notification after this, at the latest. */
	ctx->patience_ms = clock_now_ms() + 1000;
	unsigned int look = LOOK_SERVER | LOOK_MARK | LOOK_PEERS | LOOK_ACCOUNTS | LOOK_QUORUM;
	struct verdict verdict = run_loop(ctx, decide_promote, look, &facts);
	sessions_tell(ctx);
	(void)file_remove(ctx->round_file, &err);
	/* So that another node is chosen now, and not this one again. */
	if (verdict.code != OCF_SUCCESS) {
		publish_no_score(ctx);
		(void)file_write(ctx->unpromoted_file, "", 0600, &err);
	} else {
		(void)file_remove(ctx->unpromoted_file, &err);
		(void)file_remove(ctx->refused_file, &err);
		/* A change costs a moment, but the score of one that was behind would give the role away again. */
		publish_score(ctx, &facts);
	}
	facts_clear(&facts);
	return verdict;
}

static struct verdict demote(struct context *ctx)
{
	struct error err = {0};
	context_hurry(ctx);
	ctx->answer_ms = ctx->answer_ms < 3000 ? ctx->answer_ms : 3000;
	ctx->patience_ms = clock_now_ms() + 3000;
	/* Without them it is tried as root, and a server that lets nobody in is killed: writes are closed in any case. */
	(void)context_read_credentials(ctx, &err);
	bool ran = context_find_server(ctx, &err) == 0 && ctx->server.pid != 0;
	struct verdict verdict = run_loop(ctx, decide_demote, LOOK_SERVER | LOOK_SESSIONS, NULL);
	sessions_tell(ctx);
	_cleanup_free_ char *last = str_printf("%llu", (unsigned long long)ctx->last_session);
	if (ctx->last_session && file_write(ctx->sessions_file, last, 0600, &err))
		log_warning("idle sessions of clients are not cut later: %s", err.sentence);
	/* It was killed on the way: the instance is not the running replica that Pacemaker is about to take it for. */
	if (verdict.code == OCF_SUCCESS && ran && ctx->server.pid == 0)
		return verdict_done(OCF_ERR_GENERIC, "writes could not be closed, so the server was killed; it comes back as a replica");
	return verdict;
}

static struct verdict validate_all(struct context *ctx)
{
	struct error err = {0};
	if (ctx->config.instance.check_level >= 10 && server_validate(ctx, &err))
		return action_failed(&err);
	return verdict_done(OCF_SUCCESS, "%s", "");
}

/* Reloadable parameters are read by every action anew; only the variables have to be set. */
static struct verdict reload_agent(struct context *ctx)
{
	struct facts facts = {0};
	struct error err = {0};
	if (context_read_credentials(ctx, &err))
		return action_failed(&err);
	observe(ctx, LOOK_SERVER, &facts);
	struct verdict verdict = verdict_step(facts.local_role == ROLE_PRIMARY ? STEP_SYSVARS_PRIMARY : STEP_SYSVARS_REPLICA, "%s", "");
	if (facts.server.state == SERVER_UP && apply(ctx, &facts, &verdict, &err))
		verdict = action_failed(&err);
	else
		verdict = verdict_done(OCF_SUCCESS, "%s", "");
	facts_clear(&facts);
	return verdict;
}

static const struct action {
	const char *name;
	struct verdict (*run)(struct context *ctx);
	bool bare;  /* works with a configuration that is not valid */
	bool quiet; /* its reason is an exit reason only when it has failed */
} actions[] = {
    {"start", start, false, true},
    {"stop", stop, true, true},
    {"monitor", monitor, false, false},
    {"promote", promote, false, true},
    {"demote", demote, false, true},
    {"notify", action_notify, false, true},
    {"validate-all", validate_all, false, true},
    {"reload-agent", reload_agent, false, true},
};

static const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(actions); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

void action_usage(void)
{
	fputs("usage: mysql {", stdout);
	for (size_t i = 0; i < ARRAY_LENGTH(actions); i++)
		printf("%s|", actions[i].name);
	puts("meta-data|usage}\n\nThe resource agent ocf:systole:mysql: MySQL and MariaDB as a promotable clone.\n"
	     "Pacemaker runs it; the parameters come in OCF_RESKEY_ variables, see meta-data.");
}

static char *trace_path(char *const *env, const struct context *ctx, const char *action)
{
	char stamp[17];
	const char *trace = env_get(env, "OCF_TRACE_RA"), *file = env_get(env, "OCF_TRACE_FILE");
	/* As pcs and crmsh set it: an attribute of the operation. */
	if (str_empty(trace))
		trace = env_get(env, "OCF_RESKEY_trace_ra");
	if (str_empty(trace) || strcmp(trace, "0") == 0)
		return NULL;
	/* `pcs resource debug-monitor --full` names /dev/stderr, which is no file to be made. */
	if (file && *file == '/' && !str_starts(file, "/dev/"))
		return str_dup(file);
	clock_stamp(stamp);
	_cleanup_free_ char *dir = str_printf("%s/trace_ra/mysql", *trace == '/' ? trace : "/var/lib/heartbeat");
	struct error ignored;
	if (dir_make(dir, 0755, 0, 0, &ignored))
		return NULL;
	return str_printf("%s/%s.%s.%s.%d", dir, ctx->config.instance.resource, action, stamp, (int)getpid());
}

static int version_check(char *const *env, struct error *err)
{
	const char *major = env_get(env, "OCF_RA_VERSION_MAJOR");
	if (major && strcmp(major, "1") != 0)
		return error_set(err, OCF_ERR_ARGS,
				 "OCF_RA_VERSION_MAJOR is \"%.32s\": this agent speaks version 1 of the OCF Resource Agent API", major);
	return 0;
}

int action_run(const char *name, char *const *env)
{
	const struct action *action = action_find(name);
	struct context ctx;
	struct error err = {0};
	struct verdict verdict;
	if (!action) {
		fprintf(stderr, "%sno such action: %s\n", "ocf-exit-reason:", name);
		return OCF_ERR_UNIMPLEMENTED;
	}
	if (version_check(env, &err)) {
		exit_reason_print(env, err.sentence);
		return err.code;
	}
	int rc = context_open(&ctx, env, &err);
	if (rc && action->bare) {
		log_open("", name, NULL, NULL);
		log_warning("the configuration is not valid: %s", err.sentence);
		rc = context_open_bare(&ctx, env, &err);
	}
	if (rc) {
		exit_reason_print(env, err.sentence);
		return err.code;
	}
	_cleanup_free_ char *trace = trace_path(env, &ctx, name);
	log_open(ctx.config.instance.resource, name, env_get(env, "HA_LOGFACILITY"), trace);
	verdict = action->run(&ctx);
	if (!action->quiet || verdict.code != OCF_SUCCESS)
		exit_reason_print(env, verdict.reason);
	else
		outcome_log(name, &verdict);
	context_close(&ctx);
	cluster_close();
	log_close();
	return verdict.code;
}
