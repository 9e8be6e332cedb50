/* The notifications that mean something: before a demotion, whether the switchover may be; before a promotion, this node's part in the election;
 * after it, this node's attaching to the new primary. */
#include <string.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"
#include "run/context.h"
#include "run/run.h"

/* A score that changes calls the transition off: what comes next in it waits for this notification, and so for the score to arrive. */
#define SCORE_ARRIVES_MS 300

static struct verdict notify_round(struct context *ctx)
{
	/* For the part of those that take part now: MariaDB's receivers need a second to stop when their source is dead. */
	ctx->patience_ms = clock_now_ms() + 3000;
	ctx->moment_ms = clock_now_ms() + 250;
	/* The promotion waits for this, whatever goes wrong here. */
	if (ctx->near_ms > ctx->patience_ms + 3000)
		ctx->near_ms = ctx->patience_ms + 3000;
	struct facts facts = {0};
	struct verdict verdict = run_loop(ctx, decide_round, LOOK_SERVER | LOOK_MARK | LOOK_PEERS, &facts);
	bool in_vain = round_in_vain(&ctx->config, &facts);
	if (in_vain || score_is_due(&ctx->config, &facts))
		publish_score(ctx, &facts);
	/* The promotion would be refused, and the server restarted for that. */
	if (in_vain)
		clock_pause_ms(SCORE_ARRIVES_MS);
	struct error ignored;
	if (round_settled(&ctx->config, &facts))
		(void)file_write(ctx->settled_file, ctx->config.instance.notify_promote, 0600, &ignored);
	facts_clear(&facts);
	return verdict;
}

/* The address waits for every node's notification: one that has nothing to do looks at nothing, and has its next monitor look at all. */
static bool settled(const struct context *ctx)
{
	_cleanup_free_ char *with = NULL;
	struct error ignored;
	if (file_read(ctx->settled_file, 256, &with, &ignored) || !str_equal(with, ctx->config.instance.notify_promote))
		return false;
	(void)file_remove(ctx->settled_file, &ignored);
	(void)file_remove(ctx->published_file, &ignored);
	return true;
}

/* After a promotion elsewhere; what cannot be done in time is the monitor's. */
static struct verdict notify_follow(struct context *ctx)
{
	struct facts facts = {0};
	ctx->near_ms = ctx->patience_ms;
	observe(ctx, LOOK_SERVER | LOOK_PEERS, &facts);
	struct verdict verdict = verdict_done(OCF_SUCCESS, "%s", "");
	/* A former primary takes a second to become a source for nobody: with others to acknowledge, its monitor does that. */
	bool later = facts.server.source_on == TRI_YES && facts_members(&ctx->config, &facts) > 2;
	if (facts.server.state == SERVER_UP && facts.local_role == ROLE_REPLICA && facts.worker == TRI_NO && !later)
		verdict = run_loop(ctx, decide_follow, LOOK_SERVER | LOOK_PEERS, NULL);
	facts_clear(&facts);
	return verdict;
}

/* Its score calls the transition off before the primary is demoted; with a constraint that wants this node, only this score does. */
static void switchover_refuse(struct context *ctx, struct facts *facts, const char *reason)
{
	struct error err;
	log_warning("the switchover to this node is refused: %s", reason);
	if (dir_make(ctx->run_dir, 0755, 0, 0, &err) || file_write(ctx->refused_file, reason, 0600, &err)) {
		log_warning("%s", err.sentence);
		return;
	}
	str_set(&facts->switchover_refused, reason);
	publish_score(ctx, facts);
	clock_pause_ms(SCORE_ARRIVES_MS);
}

static struct verdict notify_switchover(struct context *ctx)
{
	struct facts facts = {0};
	uint64_t age_ms;
	bool before = file_age_ms(ctx->refused_file, &age_ms) && age_ms < REFUSED_MS;
	observe(ctx, LOOK_SERVER | LOOK_PEERS | LOOK_PRIMARY | LOOK_OBSTACLE, &facts);
	facts.refused_before = tri_of(before || score_barred_elsewhere(ctx));
	struct verdict verdict = decide_switchover(&ctx->config, &facts);
	if (verdict.code != OCF_SUCCESS)
		switchover_refuse(ctx, &facts, verdict.reason);
	facts_clear(&facts);
	return verdict_done(OCF_SUCCESS, "%s", "");
}

/* The primary goes, and there is nobody to take over: what was refused is allowed now, and not refused again. */
static void switchover_allow(struct context *ctx)
{
	struct facts facts = {0};
	struct error err;
	uint64_t age_ms;
	if (!file_age_ms(ctx->refused_file, &age_ms) || age_ms >= REFUSED_MS || context_read_credentials(ctx, &err))
		return;
	if (file_write(ctx->refused_file, "", 0600, &err))
		log_warning("%s", err.sentence);
	observe(ctx, LOOK_SERVER, &facts);
	publish_score(ctx, &facts);
	facts_clear(&facts);
}

struct verdict action_notify(struct context *ctx)
{
	const struct instance *in = &ctx->config.instance;
	struct error err = {0};
	struct verdict verdict = verdict_done(OCF_SUCCESS, "%s", "");
	if (str_equal(in->notify_type, "pre") && str_equal(in->notify_operation, "demote") && !in->notify_promote)
		switchover_allow(ctx);
	if (in->notify_switchover && str_equal(in->notify_promote, in->node))
		return context_read_credentials(ctx, &err) ? action_failed(&err) : notify_switchover(ctx);
	if (!in->notify_type || !in->notify_operation || strcmp(in->notify_operation, "promote") != 0 || !in->notify_promote || !in->node)
		return verdict;
	bool round = strcmp(in->notify_type, "pre") == 0, other = strcmp(in->notify_promote, in->node) != 0;
	if (!round)
		(void)file_write(ctx->promoted_file, "", 0600, &err);
	if (!round && (!other || settled(ctx)))
		return verdict;
	context_hurry(ctx);
	if (context_read_credentials(ctx, &err))
		return action_failed(&err);
	if (round) {
		(void)file_remove(ctx->round_file, &err);
		(void)file_remove(ctx->settled_file, &err);
	}
	verdict = round ? notify_round(ctx) : notify_follow(ctx);
	/* Pacemaker ignores the code; a reason that is no failure is for the log. */
	verdict.code = OCF_SUCCESS;
	return verdict;
}
