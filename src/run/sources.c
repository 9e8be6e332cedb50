/* Which nodes are leaves: the node attribute systole-RESOURCE-source says whom one replicates from, and systole-RESOURCE-delay how much later.
 * They are asked for where the other nodes are looked at, once an action, and remembered: an election does not wait for the CIB. */
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/context.h"
#include "run/run.h"

#define ASK_MS 2000 /* a CIB manager that hangs does not hold up a monitor */

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

static int attribute_read(struct context *ctx, const char *name, struct attr_values *ret)
{
	uint64_t limit_ms = clock_now_ms() + ASK_MS;
	return cluster_attr_permanent(name, ret, limit_ms < ctx->deadline_ms ? limit_ms : ctx->deadline_ms, &ctx->last);
}

static void keep(const struct context *ctx, const char *file, const char *text)
{
	_cleanup_free_ char *before = NULL;
	struct error err;
	if (file_read(file, 4096, &before, &err) == 0 && before && str_equal(before, text))
		return;
	if (dir_make(ctx->run_dir, 0755, 0, 0, &err) || file_write(file, text, 0600, &err))
		log_warning("%s", err.sentence);
}

/* Only of a leaf. */
static void ask_delay(struct context *ctx)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = str_printf("systole-%s-delay", ctx->config.instance.resource), *text = NULL;
	uint64_t delay_ms = 0;
	if (attribute_read(ctx, name, &values))
		return;
	const char *own = attr_values_get(&values, ctx->config.instance.node);
	if (own && (!parse_duration_ms(own, &delay_ms) || delay_ms / 1000 > INT32_MAX)) {
		log_warning("node attribute %s is \"%.64s\": a time is wanted, such as 30min", name, own);
		delay_ms = 0;
	}
	text = str_printf("%llu", (unsigned long long)delay_ms / 1000);
	attr_values_clear(&values);
	keep(ctx, ctx->delay_file, text);
}

static void ask(struct context *ctx)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = str_printf("systole-%s-source", ctx->config.instance.resource);
	if (attribute_read(ctx, name, &values))
		return;
	ctx->sources_asked = true;
	_cleanup_free_ char *line = line_of(&values, name);
	if (attr_values_get(&values, ctx->config.instance.node))
		ask_delay(ctx);
	attr_values_clear(&values);
	keep(ctx, ctx->sources_file, line);
}

void sources_observe(struct context *ctx, bool peers, struct facts *facts)
{
	_cleanup_free_ char *line = NULL;
	struct error ignored;
	struct fields fields;
	bool election = ctx->reads_round || ctx->config.instance.notify_promote;
	ctx->sources_known = file_read(ctx->sources_file, 4096, &line, &ignored) == 0 && line;
	if (peers && !ctx->sources_asked && !(election && ctx->sources_known)) {
		ask(ctx);
		free(line);
		line = NULL;
		ctx->sources_known = file_read(ctx->sources_file, 4096, &line, &ignored) == 0 && line;
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
