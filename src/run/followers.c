/* The parameter followers: servers outside of the cluster that the primary points to itself. The promoted monitor begins a detached process
 * for each of them, so none is waited for, and none waits for another. How it ended is in a file, with the epoch: a new primary looks at once. */
#include "run/run.h"

#include <stdlib.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"
#include "run/context.h"

#define AGAIN_MS 15000	/* between two looks at one that is well, or not */
#define ANSWER_MS 10000 /* a statement on one; STOP REPLICA may take some seconds */

struct errand {
	struct context *ctx;
	const struct follower *follower;
	uint64_t epoch;
	struct gtid_set *position; /* of the primary, after the follower's was read */
};

static char *result_file(const struct context *ctx, const struct follower *follower)
{
	return str_printf("%s/follower-%s:%llu", ctx->run_dir, follower->host, (unsigned long long)follower->port);
}

/* Where this server's replicas find it. */
static const char *own_address(const struct context *ctx)
{
	return ctx->config.replication_address ? ctx->config.replication_address : ctx->config.instance.node;
}

static int position_ask(struct errand *errand, struct error *err)
{
	struct context here = *errand->ctx;
	here.sql = NULL;
	if (context_connect(&here, clock_now_ms() + 3000, err) != SQL_OK)
		return -1;
	errand->position = executed_now(&here, err);
	context_disconnect(&here);
	return errand->position ? 0 : error_set(err, OCF_ERR_GENERIC, "this server's position is not known");
}

/* With the follower's connection and dialect in the context. */
static struct verdict look(struct errand *errand, struct error *err)
{
	struct context *ctx = errand->ctx;
	struct server_facts follower = {0};
	struct follower_order order = {.address = own_address(ctx), .port = ctx->config.port};
	struct verdict verdict = {0};
	if (follower_observe(ctx, &follower) != SQL_OK)
		error_set(err, OCF_ERR_GENERIC, "%s", ctx->last.sentence);
	else if (position_ask(errand, err) == 0) {
		order.position = errand->position;
		verdict = decide_follower(&follower, &order);
	}
	gtid_set_freep(&errand->position);
	server_facts_clear(&follower);
	return verdict;
}

static int point_here(struct context *ctx, struct error *err)
{
	_cleanup_free_ char *port = str_printf("%llu", (unsigned long long)ctx->config.port);
	return context_run(ctx, ctx->sql, STATEMENT_STOP_REPLICATION, err, NULL) == SQL_OK &&
		       context_run(ctx, ctx->sql, STATEMENT_MOVE_SOURCE, err, "host", own_address(ctx), "port", port, NULL) == SQL_OK &&
		       context_run(ctx, ctx->sql, STATEMENT_RESUME_REPLICATION, err, NULL) == SQL_OK
		   ? 0
		   : -1;
}

/* "": it replicates from here. Else why not; err is for what was not even seen. */
static const char *serve(struct errand *errand, struct verdict *verdict, struct error *err)
{
	struct context *ctx = errand->ctx;
	if (context_connect_follower(ctx, errand->follower, clock_now_ms() + 5000, err) != SQL_OK)
		return err->sentence;
	*verdict = look(errand, err);
	if (verdict->step == STEP_FOLLOW) {
		log_info("follower %s: %s; it is pointed to %s", errand->follower->host, verdict->reason, own_address(ctx));
		if (point_here(ctx, err))
			return err->sentence;
		*verdict = look(errand, err);
	}
	if (verdict->step == STEP_NONE)
		return err->sentence;
	return verdict->step == STEP_FOLLOW ? "was pointed here, and replicates from elsewhere all the same" : verdict->reason;
}

static int errand_main(void *data)
{
	struct errand *errand = data;
	struct context *ctx = errand->ctx;
	struct verdict verdict = {0};
	struct error err = {0};
	_cleanup_free_ char *file = result_file(ctx, errand->follower), *text = NULL;
	ctx->detached = true;
	ctx->deadline_ms = clock_now_ms() + 60000;
	ctx->answer_ms = ANSWER_MS;
	log_open(ctx->config.instance.resource, "follower", NULL, NULL);
	text = str_printf("%llu %.600s", (unsigned long long)errand->epoch, serve(errand, &verdict, &err));
	if (file_write(file, text, 0600, &err))
		log_warning("%s", err.sentence);
	context_close(ctx);
	return 0;
}

/* Of this epoch, and not long ago. reason: of the last time, "" when all was well. */
static bool seen(const struct context *ctx, const struct follower *follower, uint64_t epoch, char **reason)
{
	_cleanup_free_ char *file = result_file(ctx, follower), *text = NULL;
	const char *at = NULL;
	struct error ignored;
	uint64_t age_ms, before = 0;
	if (!file_age_ms(file, &age_ms) || file_read(file, 1024, &text, &ignored) || !(at = text) || !parse_digits(&at, &before) ||
	    before != epoch)
		return false;
	str_set(reason, at + (*at == ' '));
	return age_ms < AGAIN_MS;
}

static void send(struct context *ctx, const struct follower *follower, uint64_t epoch)
{
	struct errand errand = {.ctx = ctx, .follower = follower, .epoch = epoch};
	struct error err;
	_cleanup_free_ char *marker = str_printf("%s/errand-%s:%llu", ctx->run_dir, follower->host, (unsigned long long)follower->port);
	struct proc before;
	if (proc_marker_read(marker, &before, &err) || (before.pid != 0 && proc_state(&before) != PROC_DEAD))
		return;
	context_disconnect(ctx); /* a connection is not shared with a child */
	cluster_close();
	if (dir_make(ctx->run_dir, 0755, 0, 0, &err) || dir_make(ctx->state_dir, 0700, 0, 0, &err) ||
	    proc_detach(marker, ctx->worker_log, errand_main, &errand, &err))
		log_warning("follower %s: %s", follower->host, err.sentence);
}

char *followers_tend(struct context *ctx, uint64_t epoch)
{
	char *sentence = NULL;
	for (size_t i = 0; i < ctx->config.followers.count; i++) {
		const struct follower *follower = &ctx->config.followers.items[i];
		_cleanup_free_ char *reason = NULL;
		if (!seen(ctx, follower, epoch, &reason))
			send(ctx, follower, epoch);
		if (!str_empty(reason) && !sentence)
			sentence = str_printf("follower %s port %llu: %s", follower->host, (unsigned long long)follower->port, reason);
	}
	return sentence;
}
