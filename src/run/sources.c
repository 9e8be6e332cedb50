/* Which nodes are leaves: the node attribute systole-RESOURCE-source says whom one replicates from, and systole-RESOURCE-delay how much later. */
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/context.h"
#include "run/run.h"

/* One word each, as a node's name is: the file is a line of them. */
static char *line_of(const struct attr_values *values, const char *attribute)
{
	struct strbuf out = {0};
	for (size_t i = 0; i < values->count; i++) {
		const char *node = values->items[i].node, *source = values->items[i].value;
		if (str_empty(source))
			continue;
		if (source[strcspn(source, " \t\n=")]) {
			log_warning("node attribute %s of %s is \"%.64s\": the name of a node is wanted, or " SOURCE_PRIMARY, attribute,
				    node, source);
			source = SOURCE_PRIMARY;
		}
		strbuf_addf(&out, "%s%s=%s", out.length ? " " : "", node, source);
	}
	return out.length ? strbuf_take(&out) : str_dup("");
}

/* Only of a leaf. */
static void ask_delay(struct context *ctx)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = permanent_name(ctx, "delay"), *text = NULL;
	uint64_t delay_ms = 0;
	if (permanent_read(ctx, name, &values))
		return;
	const char *own = attr_values_get(&values, ctx->config.instance.node);
	if (own && (!parse_duration_ms(own, &delay_ms) || delay_ms / 1000 > INT32_MAX)) {
		log_warning("node attribute %s is \"%.64s\": a time is wanted, such as 30min", name, own);
		delay_ms = 0;
	}
	text = str_printf("%llu", (unsigned long long)delay_ms / 1000);
	attr_values_clear(&values);
	permanent_keep(ctx, ctx->delay_file, text);
}

static void ask(struct context *ctx)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = permanent_name(ctx, "source");
	if (permanent_read(ctx, name, &values))
		return;
	ctx->sources_asked = true;
	_cleanup_free_ char *line = line_of(&values, name);
	if (attr_values_get(&values, ctx->config.instance.node))
		ask_delay(ctx);
	attr_values_clear(&values);
	permanent_keep(ctx, ctx->sources_file, line);
}

void sources_observe(struct context *ctx, bool peers, struct facts *facts)
{
	_cleanup_free_ char *line = NULL;
	struct error ignored;
	struct fields fields;
	ctx->sources_known = file_read(ctx->sources_file, PERMANENT_MAX, &line, &ignored) == 0 && line;
	if (peers && !ctx->sources_asked && (permanent_due(ctx) || !ctx->sources_known)) {
		ask(ctx);
		free(line);
		line = NULL;
		ctx->sources_known = file_read(ctx->sources_file, PERMANENT_MAX, &line, &ignored) == 0 && line;
	}
	/* A line that cannot be read says nothing: not that nobody is a leaf. */
	ctx->sources_known = ctx->sources_known && fields_parse(line, &fields);
	if (!ctx->sources_known)
		return;
	for (size_t i = 0; i < fields.count; i++) {
		if (str_equal(fields.items[i].key, ctx->config.instance.node))
			str_set(&facts->source, fields.items[i].value);
		else
			str_set(&facts_peer(facts, fields.items[i].key)->source, fields.items[i].value);
	}
	fields_clear(&fields);
	_cleanup_free_ char *delay = NULL;
	if (facts->source && file_read(ctx->delay_file, 32, &delay, &ignored) == 0 && delay)
		(void)parse_u64(delay, 0, INT32_MAX, &facts->delay_s);
}
