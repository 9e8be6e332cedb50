#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/log.h"

#define STARTS_MAX 3

static void trace(const struct facts *facts, const struct verdict *verdict)
{
	_cleanup_free_ char *line = facts_format(facts);
	log_trace("%s%s%s: %s | %s", step_name(verdict->step), *verdict->target ? " " : "", verdict->target, verdict->reason, line);
}

static struct verdict timed_out(const struct verdict *last, const struct error *err)
{
	const char *why = *last->reason ? last->reason : "no more time";
	if (*err->sentence)
		return verdict_done(OCF_ERR_GENERIC, "not done in time: %.200s (%.280s)", why, err->sentence);
	return verdict_done(OCF_ERR_GENERIC, "not done in time: %.400s", why);
}

/* A difference from the primary counts once it has lasted: a commit that is under way looks the same. */
static void divergence_note(struct context *ctx, const struct verdict *verdict)
{
	bool differs = strncmp(verdict->reason, "has ", 4) == 0 && verdict->step == STEP_WAIT;
	if (differs && !ctx->diverged_since_ms)
		ctx->diverged_since_ms = clock_now_ms();
}

/* These steps are the action's last: what follows is another process's work. */
static bool step_hands_over(const struct context *ctx, enum step step)
{
	return step == STEP_DEFER || (step == STEP_PROVISION && !ctx->detached);
}

struct verdict run_loop(struct context *ctx, decide_function *decide, unsigned int look, struct facts *ret_facts)
{
	struct facts facts = {0};
	struct verdict verdict;
	unsigned int failures = 0;
	for (;;) {
		struct error err = {0};
		facts_clear(&facts);
		observe(ctx, look, &facts);
		verdict = decide_keep(&ctx->config, &facts);
		if (verdict.step == STEP_NONE)
			verdict = decide(&ctx->config, &facts);
		trace(&facts, &verdict);
		if (verdict.step == STEP_DONE)
			break;
		if (clock_now_ms() >= ctx->deadline_ms) {
			verdict = timed_out(&verdict, &ctx->last);
			break;
		}
		divergence_note(ctx, &verdict);
		if (verdict.step == STEP_LOOK) {
			/* Asked for and still not answered: look again in a moment. */
			if ((look & verdict.look) == verdict.look)
				clock_pause_ms(20);
			look |= verdict.look;
			continue;
		}
		if (apply(ctx, &facts, &verdict, &err) == 0) {
			failures = 0;
			if (step_hands_over(ctx, verdict.step)) {
				verdict = verdict_done(OCF_SUCCESS, "%s", verdict.reason);
				facts.worker = TRI_YES;
				break;
			}
			continue;
		}
		log_warning("%s: %s", step_name(verdict.step), err.sentence);
		ctx->last = err;
		/* What is wrong by configuration does not mend itself; nor does a server that gives up again and again. */
		if (ctx->starts_failed >= STARTS_MAX || err.code == OCF_ERR_ARGS || err.code == OCF_ERR_INSTALLED ||
		    err.code == OCF_ERR_PERM || err.code == OCF_ERR_CONFIGURED) {
			verdict = verdict_done(err.code, "%s", err.sentence);
			break;
		}
		clock_pause_ms(failures < 5 ? 20u << failures : 1000);
		failures++;
	}
	if (ret_facts)
		*ret_facts = facts;
	else
		facts_clear(&facts);
	return verdict;
}
