/* What an administrator has said of the nodes' part in elections: the node attribute systole-RESOURCE-preference. It is asked for where the
 * other nodes are looked at, once an action, and remembered: an election does not wait for the CIB. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/context.h"
#include "run/run.h"

#define ASK_MS 2000 /* a CIB manager that hangs does not hold up a monitor */

static void take(struct context *ctx, const struct attr_values *values)
{
	struct error err;
	const char *own = attr_values_get(values, ctx->config.instance.node);
	bool elsewhere = false;
	enum preference preference = own ? preference_parse(own) : PREFERENCE_NEUTRAL;
	if (preference == PREFERENCE_UNKNOWN)
		log_warning("node attribute systole-%s-preference is \"%.64s\": prefer, neutral, avoid or never is wanted",
			    ctx->config.instance.resource, own);
	for (size_t i = 0; i < values->count; i++)
		elsewhere |= !str_equal(values->items[i].node, ctx->config.instance.node) && values->items[i].value &&
			     preference_parse(values->items[i].value) == PREFERENCE_PREFER;
	_cleanup_free_ char *text = str_printf("%s%s", elsewhere ? "+" : "-", own && preference ? own : "neutral"), *before = NULL;
	if (file_read(ctx->preference_file, 80, &before, &err) == 0 && str_equal(before, text))
		return;
	if (dir_make(ctx->run_dir, 0755, 0, 0, &err) || file_write(ctx->preference_file, text, 0600, &err))
		log_warning("%s", err.sentence);
}

/* What cannot be read now is what it was before: a preference is no law. */
void preference_observe(struct context *ctx, bool ask, struct facts *facts)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = str_printf("systole-%s-preference", ctx->config.instance.resource), *text = NULL;
	struct error ignored;
	uint64_t limit_ms = clock_now_ms() + ASK_MS;
	bool election = ctx->reads_round || ctx->config.instance.notify_promote;
	if (ask && !election && !ctx->preference_asked &&
	    cluster_attr_permanent(name, &values, limit_ms < ctx->deadline_ms ? limit_ms : ctx->deadline_ms, &ctx->last) == 0) {
		ctx->preference_asked = true;
		take(ctx, &values);
		attr_values_clear(&values);
	}
	if (file_read(ctx->preference_file, 80, &text, &ignored) || !text || !*text)
		return;
	facts->preferred_elsewhere = tri_of(*text == '+');
	facts->preference = preference_parse(text + 1);
}
