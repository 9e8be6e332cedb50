/* Node attributes that an administrator sets for good. They are asked for where the other nodes are looked at, once an action, and
 * remembered in a file: an election does not wait for the CIB. */
#include <stdlib.h>

#include "base/str.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/context.h"
#include "run/run.h"

#define ASK_MS 2000 /* a CIB manager that hangs does not hold up a monitor */

char *permanent_name(const struct context *ctx, const char *what)
{
	return str_printf("systole-%s-%s", ctx->config.instance.resource, what);
}

bool permanent_due(const struct context *ctx)
{
	return !ctx->reads_round && !ctx->config.instance.notify_promote;
}

int permanent_read(struct context *ctx, const char *name, struct attr_values *ret)
{
	uint64_t limit_ms = clock_now_ms() + ASK_MS;
	return cluster_attr_permanent(name, ret, limit_ms < ctx->deadline_ms ? limit_ms : ctx->deadline_ms, &ctx->last);
}

void permanent_keep(const struct context *ctx, const char *file, const char *text)
{
	_cleanup_free_ char *before = NULL;
	struct error err;
	if (file_read(file, PERMANENT_MAX, &before, &err) == 0 && before && str_equal(before, text))
		return;
	if (dir_make(ctx->run_dir, 0755, 0, 0, &err) || file_write(file, text, 0600, &err))
		log_warning("%s", err.sentence);
}
