/* A copy of files, as the one who is filled sees it. The donor's monitor sees that it is wanted (a lock in the donor's server, which nothing
 * but our session holds), and starts donate.c there. Both sides tell each other in private attributes what the channel needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "copy.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"

enum {
	DONOR_MS = 90000, /* until the donor's next monitor has seen it; none runs while it is being promoted */
	END_MS = 30000,	  /* until it has told how its side ended */
	INFO_MAX = 1 << 20,
};

/* The copy that is being made; its attempt tells its answers from those of another. */
struct order {
	char *attempt, *identity, *fingerprint;
	char *donor_key; /* once it has answered */
	struct sql *lock;
};

static void order_clear(struct order *order)
{
	if (order->identity)
		explicit_bzero(order->identity, strlen(order->identity));
	free(order->attempt);
	free(order->identity);
	free(order->fingerprint);
	free(order->donor_key);
	sql_close(order->lock);
}

bool files_possible(const struct context *ctx)
{
	struct error why;
	if (ctx->config.instance.clustered && copy_programs_find(ctx->dialect->from.flavour, &why))
		return true;
	log_info("provisioning: no copy of files: %s", ctx->config.instance.clustered ? why.sentence : "there is no cluster to agree by");
	return false;
}

/* *ret_taken: false while the donor hands out another copy. */
static int lock_take(struct context *ctx, const struct peer_facts *donor, const char *attempt, struct sql **ret, bool *ret_taken,
		     struct error *err)
{
	struct sql_rows rows = {0};
	if (context_connect_peer(ctx, donor, clock_now_ms() + 5000, ret, err) != SQL_OK ||
	    context_run(ctx, *ret, STATEMENT_COPY_SESSION, err, NULL) != SQL_OK ||
	    context_query(ctx, *ret, STATEMENT_COPY_LOCK, &rows, err, "attempt", attempt, NULL) != SQL_OK)
		return -1;
	*ret_taken = rows.rows && str_equal(sql_value(&rows, 0, "taken"), "1");
	sql_rows_clear(&rows);
	return 0;
}

static int order_publish(struct context *ctx, const struct order *order, const struct peer_facts *donor, struct error *err)
{
	const char *address = ctx->config.replication_address ? ctx->config.replication_address : ctx->config.instance.node;
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_RECIPIENT),
			    *text = str_printf("attempt=%s donor=%s key=%s address=%s port=%llu", order->attempt, donor->name,
					       order->fingerprint, address, (unsigned long long)ctx->config.port);
	return cluster_attr_set(name, text, ATTR_PRIVATE, clock_now_ms() + 5000, err);
}

static void order_withdraw(struct context *ctx)
{
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_RECIPIENT);
	struct error err;
	if (cluster_attr_set(name, NULL, ATTR_PRIVATE, clock_now_ms() + 5000, &err))
		log_warning("node attribute %s: %s", name, err.sentence);
}

/* What the donor says now; false: nothing. The caller clears. */
static bool answer_read(struct context *ctx, const char *donor, struct fields *ret)
{
	struct attr_values values = {0};
	struct error ignored;
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_DONOR);
	if (cluster_attr_query(name, &values, clock_now_ms() + 2000, &ignored))
		return false;
	const char *text = attr_values_get(&values, donor);
	bool found = text && fields_parse(text, ret);
	attr_values_clear(&values);
	return found;
}

/* For another. What a donor that was killed has left there is overwritten when the next order is seen. */
static bool donor_is_busy(struct context *ctx, const char *donor, const char *attempt)
{
	struct fields answer = {0};
	bool busy = answer_read(ctx, donor, &answer) && str_equal(fields_get(&answer, "state"), "ready") &&
		    !str_equal(fields_get(&answer, "attempt"), attempt);
	fields_clear(&answer);
	return busy;
}

/* The lock is there as long as its session is, and that as long as the donor's server. */
static int lock_check(struct context *ctx, const struct order *order, struct error *err)
{
	struct sql_rows rows = {0};
	if (!order->lock)
		return 0;
	if (context_query(ctx, order->lock, STATEMENT_COPY_ORDER, &rows, err, "attempt", order->attempt, NULL) != SQL_OK)
		return error_wrap(err, "the donor's server is gone");
	sql_rows_clear(&rows);
	return 0;
}

/* Until the donor says `state`, or that it has failed. */
static int answer_wait(struct context *ctx, struct order *order, const char *donor, const char *state, uint64_t limit_ms, struct error *err)
{
	uint64_t deadline_ms = clock_now_ms() + limit_ms;
	for (;; clock_pause_ms(100)) {
		struct fields answer = {0};
		if (answer_read(ctx, donor, &answer) && str_equal(fields_get(&answer, "attempt"), order->attempt)) {
			const char *said = fields_get(&answer, "state"), *key = fields_get(&answer, "key"),
				   *why = fields_get(&answer, "reason");
			bool reached = str_equal(said, state), failed = str_equal(said, "failed");
			if (reached && key)
				str_set(&order->donor_key, key);
			if (failed)
				error_set(err, OCF_ERR_GENERIC, "the donor %s says: %.300s", donor, why ? why : "it has failed");
			if (reached || failed) {
				fields_clear(&answer);
				return reached ? 0 : -1;
			}
		}
		fields_clear(&answer);
		if (lock_check(ctx, order, err))
			return -1;
		if (clock_left_ms(deadline_ms) == 0)
			return error_set(err, OCF_ERR_GENERIC, "%s does not answer: no monitor has run there", donor);
	}
}

/* Where the copy is made: beside the data, in the same file system. Empty once the copy is in place; else what an attempt has left. */
static int copy_dir_remove(const struct context *ctx, struct error *err)
{
	return path_exists(ctx->copy_dir) == PRESENCE_NO ? 0 : tree_remove(ctx->config.datadir, OWN_COPY, err);
}

static int receive(struct context *ctx, const struct order *order, const struct copy_programs *programs, uid_t uid, gid_t gid,
		   struct error *err)
{
	_cleanup_free_ char *port = str_printf("%llu", (unsigned long long)ctx->config.port);
	char *const from[] = {
	    (char *)CHANNEL_PROGRAM, (char *)"receive", (char *)"@SECRET@", order->donor_key, (char *)"30", ctx->count_file, port, NULL};
	char *const to[] = {(char *)programs->extract, (char *)"-x", (char *)"-C", ctx->copy_dir, NULL};
	const struct proc_helper reader = {.argv = from, .input = -1, .secret = order->identity},
				 writer = {.argv = to, .input = -1, .uid = uid, .gid = gid};
	return proc_help_pipe(&reader, &writer, clock_now_ms() + COPY_DEADLINE_MS, err);
}

/* The redo log that came along is applied to the files: from here on it is a data directory. */
static int prepare(const struct context *ctx, const struct copy_programs *programs, uid_t uid, gid_t gid, struct error *err)
{
	_cleanup_free_ char *target = str_printf("--target-dir=%s", ctx->copy_dir), *errors = NULL;
	char *const argv[] = {(char *)programs->backup, (char *)"--prepare", target, NULL};
	const struct proc_helper helper = {.argv = argv, .input = -1, .uid = uid, .gid = gid};
	int status = 0;
	if (proc_help(&helper, clock_now_ms() + COPY_DEADLINE_MS, &status, NULL, &errors, err))
		return -1;
	size_t length = errors ? strlen(errors) : 0;
	return status == 0 ? 0
			   : error_set(err, OCF_ERR_GENERIC, "%s --prepare has failed with status %d: %s", programs->backup, status,
				       errors ? errors + (length > 300 ? length - 300 : 0) : "");
}

/* Where the copy was taken: the last column of the backup program's note. NULL: there is none. */
static struct gtid_set *position_read(const struct context *ctx, const char *dir, struct error *err)
{
	static const char *const names[] = {"mariadb_backup_binlog_info", "xtrabackup_binlog_info"};
	_cleanup_free_ char *text = NULL;
	for (size_t i = 0; !text && i < ARRAY_LENGTH(names); i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", dir, names[i]);
		if (file_read(path, INFO_MAX, &text, err))
			return NULL;
	}
	const char *last = text ? strrchr(text, '\t') : NULL;
	struct gtid_set *set = last ? gtid_set_parse(ctx->dialect->from.flavour, last + 1 + strspn(last + 1, " ")) : NULL;
	if (!set || gtid_set_empty(set)) {
		gtid_set_free(set);
		error_set(err, OCF_ERR_GENERIC, "the copy in %s does not say where it was taken", dir);
		return NULL;
	}
	return set;
}

uint64_t copy_counted(const struct context *ctx)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored;
	uint64_t count;
	return file_read(ctx->count_file, 32, &text, &ignored) == 0 && text && parse_u64(text, 0, UINT64_MAX, &count) ? count : 0;
}

int copy_place(struct context *ctx, struct error *err)
{
	int lock = -1;
	if (proc_lock_directory(ctx->config.datadir, &lock, err))
		return error_wrap(err, "another server or another resource uses %s", ctx->config.datadir);
	int rc = path_exists(ctx->copy_dir) == PRESENCE_NO ? 0 : entries_move(ctx->copy_dir, ctx->config.datadir, err);
	if (rc == 0)
		rc = copy_dir_remove(ctx, err);
	if (rc == 0)
		rc = dir_sync_all(ctx->config.datadir, err);
	if (rc == 0)
		rc = file_write_durably(ctx->filling_marker, FILLING_PLACED, 0600, err);
	if (rc == 0)
		log_info("the copy has become the data of %s", ctx->config.datadir);
	close(lock);
	return rc;
}

int copy_position(struct context *ctx, struct error *err)
{
	_cleanup_gtid_ struct gtid_set *set = position_read(ctx, ctx->config.datadir, err);
	if (!set)
		return -1;
	_cleanup_free_ char *state = gtid_set_format(set), *position = gtid_set_position(set);
	if (!position)
		return error_set(err, OCF_ERR_GENERIC, "%.300s, where the copy was taken, is no position to replicate from", state);
	/* The donor may have been a replica: its source is not ours. */
	if (context_run(ctx, ctx->sql, STATEMENT_STOP_REPLICATION, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_FORGET_SOURCE, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_RESET_BINLOG, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_SET_BINLOG_STATE, err, "set", state, NULL) != SQL_OK ||
	    (dialect_statement(ctx->dialect, STATEMENT_SET_POSITION) &&
	     context_run(ctx, ctx->sql, STATEMENT_SET_POSITION, err, "set", position, NULL) != SQL_OK) ||
	    dir_sync_all(ctx->config.datadir, err))
		return -1;
	return file_remove(ctx->filling_marker, err);
}

static int copy_make(struct context *ctx, struct order *order, const struct peer_facts *donor, uint64_t bytes, struct error *err)
{
	const struct copy_programs *programs = copy_programs_find(ctx->dialect->from.flavour, err);
	uint64_t began_ms = clock_now_ms(), took_ms;
	uid_t uid;
	gid_t gid;
	if (!programs || account_ids(ctx->config.user, ctx->config.group, &uid, &gid, err) || copy_dir_remove(ctx, err) ||
	    dir_make(ctx->copy_dir, 0700, uid, gid, err))
		return -1;
	copy_progress(ctx, bytes, "copies from %s", donor->name);
	if (receive(ctx, order, programs, uid, gid, err) || answer_wait(ctx, order, donor->name, "done", END_MS, err))
		return -1;
	took_ms = clock_now_ms() - began_ms;
	log_info("provisioning: copied %llu MB in %.1f s", (unsigned long long)(copy_counted(ctx) >> 20), (double)took_ms / 1000);
	copy_progress(ctx, 0, "prepares the copy from %s", donor->name);
	if (prepare(ctx, programs, uid, gid, err))
		return -1;
	_cleanup_gtid_ struct gtid_set *set = position_read(ctx, ctx->copy_dir, err);
	if (!set || dir_sync_all(ctx->copy_dir, err))
		return -1;
	return file_write_durably(ctx->filling_marker, FILLING_WHOLE, 0600, err);
}

/* The port that the copy comes in by is the server's own, so the server goes down, and its data aside, once the donor is ready. */
static int order_carry_out(struct context *ctx, struct order *order, const struct peer_facts *donor, uint64_t bytes, struct error *err)
{
	copy_progress(ctx, 0, "asks %s for a copy", donor->name);
	int rc = order_publish(ctx, order, donor, err) || answer_wait(ctx, order, donor->name, "ready", DONOR_MS, err) ? -1 : 0;
	/* From here on the donor's process itself says that it is busy. */
	sql_close(order->lock);
	order->lock = NULL;
	if (rc == 0)
		rc =
		    server_down(ctx, err) || datadir_set_aside(ctx, OWN_REPLACED, err) || copy_make(ctx, order, donor, bytes, err) ? -1 : 0;
	order_withdraw(ctx);
	return rc;
}

int files_from(struct context *ctx, const struct peer_facts *donor, uint64_t bytes, struct error *err)
{
	_cleanup_(order_clear) struct order order = {.attempt =
							 str_printf("systole-%llx-%d", (unsigned long long)clock_now_ms(), (int)getpid())};
	bool taken = false;
	if (lock_take(ctx, donor, order.attempt, &order.lock, &taken, err) || channel_identity(&order.identity, &order.fingerprint, err))
		return -1;
	if (taken && !order_carry_out(ctx, &order, donor, bytes, err))
		return 0;
	if (taken && !donor_is_busy(ctx, donor->name, order.attempt))
		return -1;
	copy_progress(ctx, 0, "waits until %s has handed out another copy", donor->name);
	clock_pause_ms(2000);
	return 0;
}
