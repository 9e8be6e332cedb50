/* What a recurring monitor tells Pacemaker, and when. */
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/files.h"
#include "run/context.h"
#include "run/run.h"

/* Of two monitors of one role the more frequent one tells what is wrong. */
enum teller {
	TELLER_THIS,
	TELLER_OTHER,
	TELLER_LOST, /* that one is not run any more, while this one is */
};
/* For so long it does not hang either. */
#define LOST_MS 40000
/* Both begin at once. One that is as rare as this does not tell before it has seen that there is no other. */
#define RARE_MS 5000

/* A refusal calls a promotion off, which has ended the monitors, and it is shown for half a minute only. */
static bool lost_in_refusal(const struct context *ctx, uint64_t interval_ms, uint64_t age_ms)
{
	uint64_t refused_ms;
	return file_age_ms(ctx->refused_file, &refused_ms) && refused_ms < age_ms && refused_ms > 2 * interval_ms;
}

/* The file: interval and role. */
static enum teller teller_now(const struct context *ctx, enum role role)
{
	_cleanup_free_ char *before = NULL,
			    *now = str_printf("%llu %s", (unsigned long long)ctx->config.instance.interval_ms, role_name(role));
	const char *rest = NULL;
	struct error ignored;
	uint64_t interval_ms = 0, age_ms = 0, own_ms = 0;
	bool ran = file_age_ms(ctx->listener_file, &own_ms) && own_ms < LOST_MS;
	if (file_age_ms(ctx->teller_file, &age_ms) && file_read(ctx->teller_file, 64, &before, &ignored) == 0)
		rest = before;
	bool same = str_equal(before, now);
	bool other = rest && parse_digits(&rest, &interval_ms) && interval_ms < ctx->config.instance.interval_ms && *rest == ' ' &&
		     str_equal(rest + 1, role_name(role));
	bool lost = age_ms >= LOST_MS || (other && lost_in_refusal(ctx, interval_ms, age_ms));
	bool listens = other && !(lost && ran);
	bool first = ctx->config.instance.interval_ms >= RARE_MS && !other && !same;
	if (dir_make(ctx->run_dir, 0755, 0, 0, &ignored) == 0)
		(void)file_write(listens ? ctx->listener_file : ctx->teller_file, listens ? "" : now, 0600, &ignored);
	if (listens || first)
		return TELLER_OTHER;
	return other ? TELLER_LOST : TELLER_THIS;
}

/* Pacemaker takes a recurring monitor's sentence only when its code changes, and crm_mon keeps it until a cleanup. So each thing is told once,
 * and then all is well: of a monitor whose last result was a degraded one it keeps no entry that could be deleted, and when another DC has
 * begun that monitor, a promotion waits half a minute for its end. And a promotion that is called off ends the monitor that was degraded
 * last, which is not begun again before another one is: then that one says so. Numbers in a sentence are no other thing; another
 * role has monitors of its own. The file: TOLD_LAST when it was the last result, else TOLD_ONCE; the role's letter; the sentence. */
#define TOLD_LAST '+'
#define TOLD_ONCE '-'

struct verdict tell(struct context *ctx, enum role role, struct verdict verdict)
{
	struct error ignored;
	_cleanup_free_ char *text = NULL, *said = NULL;
	const char *before = NULL;
	bool promoted = verdict.code == OCF_DEGRADED_PROMOTED || verdict.code == OCF_RUNNING_PROMOTED;
	bool degraded = verdict.code == OCF_DEGRADED_PROMOTED || verdict.code == OCF_DEGRADED;
	struct verdict well = verdict_done(promoted ? OCF_RUNNING_PROMOTED : OCF_SUCCESS, "%s", "");
	if (!ctx->config.instance.interval_ms || (!degraded && verdict.code != well.code))
		return verdict;
	enum teller teller = teller_now(ctx, role);
	if (teller == TELLER_OTHER)
		return well;
	if (teller == TELLER_LOST && !degraded)
		verdict = verdict_done(promoted ? OCF_DEGRADED_PROMOTED : OCF_DEGRADED,
				       "Pacemaker no longer ran the more frequent monitor; it does again after this");
	_cleanup_free_ char *cut = str_ndup(verdict.reason, strcspn(verdict.reason, "0123456789:")),
			    *now = str_printf("%c%s", promoted ? 'p' : 'u', cut);
	if (file_read(ctx->said_file, 1024, &text, &ignored) == 0 && !str_empty(text) && text[1] == *now && teller != TELLER_LOST)
		before = text;
	degraded = degraded || teller == TELLER_LOST;
	bool same = before && str_equal(before + 1, now), told = degraded && (!before || (!same && *before == TOLD_ONCE));
	if (degraded)
		said = str_printf("%c%s", told ? TOLD_LAST : TOLD_ONCE, told || same ? now : before + 1);
	if (!str_equal(text ? text : "", said ? said : "") && dir_make(ctx->run_dir, 0755, 0, 0, &ignored) == 0)
		(void)file_write(ctx->said_file, said ? said : "", 0600, &ignored);
	return told ? verdict : well;
}

void tell_anew(struct context *ctx)
{
	struct error ignored;
	published_forget(ctx);
	(void)file_remove(ctx->said_file, &ignored);
}
