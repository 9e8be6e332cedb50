/* What an administrator has said of the nodes' part in elections: the node attribute systole-RESOURCE-preference. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/context.h"
#include "run/run.h"

static void take(const struct context *ctx, const char *name, const struct attr_values *values)
{
	const char *own = attr_values_get(values, ctx->config.instance.node);
	bool elsewhere = false;
	enum preference preference = own ? preference_parse(own) : PREFERENCE_NEUTRAL;
	if (preference == PREFERENCE_UNKNOWN)
		log_warning("node attribute %s is \"%.64s\": prefer, neutral, avoid or never is wanted", name, own);
	for (size_t i = 0; i < values->count; i++)
		elsewhere |= !str_equal(values->items[i].node, ctx->config.instance.node) && values->items[i].value &&
			     preference_parse(values->items[i].value) == PREFERENCE_PREFER;
	_cleanup_free_ char *text = str_printf("%s%s", elsewhere ? "+" : "-", own && preference ? own : "neutral");
	permanent_keep(ctx, ctx->preference_file, text);
}

/* What cannot be read now is what it was before: a preference is no law. */
void preference_observe(struct context *ctx, bool ask, struct facts *facts)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = permanent_name(ctx, "preference"), *text = NULL;
	struct error ignored;
	if (ask && permanent_due(ctx) && !ctx->preference_asked && permanent_read(ctx, name, &values) == 0) {
		ctx->preference_asked = true;
		take(ctx, name, &values);
		attr_values_clear(&values);
	}
	if (file_read(ctx->preference_file, PERMANENT_MAX, &text, &ignored) || !text || !*text)
		return;
	facts->preferred_elsewhere = tri_of(*text == '+');
	facts->preference = preference_parse(text + 1);
}
