/* A copy of files, as the donor sees it, and what both sides agree upon. */
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
	ORDER_MS = 15000,  /* until the order's attribute is seen, after its lock was */
	LINGER_MS = 60000, /* how it ended is left for the other to read */
};

const struct copy_programs *copy_programs_find(enum gtid_flavour flavour, struct error *err)
{
	static const struct copy_programs known[] = {
	    {GTID_FLAVOUR_MARIADB, "/usr/bin/mariadb-backup", "/usr/bin/mbstream"},
	    {GTID_FLAVOUR_MARIADB, "/usr/bin/mariabackup", "/usr/bin/mbstream"},
	    {GTID_FLAVOUR_MYSQL, "/usr/bin/xtrabackup", "/usr/bin/xbstream"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (known[i].flavour == flavour && path_exists(known[i].backup) == PRESENCE_YES &&
		    path_exists(known[i].extract) == PRESENCE_YES)
			return &known[i];
	error_set(err, OCF_ERR_INSTALLED, "%s are not installed",
		  flavour == GTID_FLAVOUR_MARIADB ? "mariadb-backup and mbstream" : "xtrabackup and xbstream");
	return NULL;
}

char *copy_attr_name(const struct context *ctx, const char *side)
{
	return str_printf("systole-%s-%s", ctx->config.instance.resource, side);
}

char *copy_field(const char *sentence)
{
	char *text = str_dup(sentence);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			*c = '_';
	return text;
}

int channel_identity(char **ret_identity, char **ret_fingerprint, struct error *err)
{
	char *const argv[] = {(char *)CHANNEL_PROGRAM, (char *)"identity", NULL};
	const struct proc_helper helper = {.argv = argv, .input = -1};
	char *text = NULL;
	int status = 0;
	if (proc_help(&helper, clock_now_ms() + 10000, &status, &text, NULL, err))
		return -1;
	size_t length = text ? strcspn(text, "\n") : 0;
	if (status != 0 || length != 64 || strspn(text, "0123456789abcdef") != length) {
		free(text);
		return error_set(err, OCF_ERR_GENERIC, "%s makes no certificate", CHANNEL_PROGRAM);
	}
	*ret_fingerprint = str_ndup(text, length);
	*ret_identity = text;
	return 0;
}

/* Whoever gave the order still waits for it: an order may outlive its node. */
static bool order_lives(struct context *ctx, const char *attempt)
{
	struct sql_rows rows = {0};
	struct error why;
	if (context_connect(ctx, clock_now_ms() + 3000, &why) != SQL_OK ||
	    context_query(ctx, ctx->sql, STATEMENT_COPY_ORDER, &rows, &why, "attempt", attempt, NULL) != SQL_OK)
		return false;
	bool lives = rows.rows && sql_value(&rows, 0, "lives");
	sql_rows_clear(&rows);
	return lives;
}

/* The order that names this node as its donor, and whose node still waits; false: none is there. The caller clears. */
static bool order_find(struct context *ctx, char **ret_node, struct fields *ret)
{
	struct attr_values values = {0};
	struct error ignored;
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_RECIPIENT);
	bool found = false;
	if (cluster_attr_query(name, &values, clock_now_ms() + 2000, &ignored))
		return false;
	for (size_t i = 0; i < values.count && !found; i++) {
		if (!values.items[i].value || !fields_parse(values.items[i].value, ret))
			continue;
		found = str_equal(fields_get(ret, "donor"), ctx->config.instance.node) && fields_get(ret, "attempt") &&
			fields_get(ret, "key") && fields_get(ret, "address") && fields_get(ret, "port") &&
			order_lives(ctx, fields_get(ret, "attempt"));
		if (found)
			*ret_node = str_dup(values.items[i].node);
		else
			fields_clear(ret);
	}
	attr_values_clear(&values);
	return found;
}

static int answer(struct context *ctx, const char *attempt, const char *state, const char *key, const char *reason, struct error *err)
{
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_DONOR), *why = copy_field(reason),
			    *text = str_printf("attempt=%s state=%s key=%s reason=%s", attempt, state, key, why);
	return cluster_attr_set(name, text, ATTR_PRIVATE, clock_now_ms() + 5000, err);
}

/* The option file of the server comes first, for what its files look like; then who asks. Root reads what is there, and changes nothing. */
static char *backup_secret(const struct context *ctx)
{
	const struct account *account = &ctx->credentials.administration;
	_cleanup_free_ char *first = str_printf("!include %s\n", ctx->config.config);
	return option_file(first, account->user ? account->user : "root", account->user ? account->password : "");
}

static int send_files(struct context *ctx, const struct fields *order, const char *identity, struct error *err)
{
	const struct copy_programs *programs = copy_programs_find(ctx->dialect->from.flavour, err);
	if (!programs)
		return -1;
	_cleanup_free_ char *socket = str_printf("--socket=%s", ctx->config.socket),
			    *data = str_printf("--datadir=%s", ctx->config.datadir), *target = str_printf("--target-dir=%s", ctx->run_dir),
			    *rate = str_printf("%llu", (unsigned long long)ctx->config.provision_rate);
	char *secret = backup_secret(ctx);
	char *const from[] = {(char *)programs->backup,
			      (char *)"--defaults-file=@SECRET@",
			      (char *)"--backup",
			      (char *)"--stream=xbstream",
			      socket,
			      data,
			      target,
			      NULL};
	char *const to[] = {(char *)CHANNEL_PROGRAM,
			    (char *)"send",
			    (char *)"@SECRET@",
			    (char *)fields_get(order, "key"),
			    (char *)"60",
			    rate,
			    (char *)fields_get(order, "address"),
			    (char *)fields_get(order, "port"),
			    NULL};
	const struct proc_helper reader = {.argv = from, .input = -1, .secret = secret},
				 writer = {.argv = to, .input = -1, .secret = identity};
	int rc = proc_help_pipe(&reader, &writer, clock_now_ms() + COPY_DEADLINE_MS, err);
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return rc;
}

static void serve(struct context *ctx, const char *node, const struct fields *order)
{
	struct error err = {0};
	char *identity = NULL, *fingerprint = NULL;
	const char *attempt = fields_get(order, "attempt");
	if (channel_identity(&identity, &fingerprint, &err)) {
		log_warning("no copy for %s: %s", node, err.sentence);
		return;
	}
	log_info("hands out a copy to %s", node);
	int rc = answer(ctx, attempt, "ready", fingerprint, "", &err) || send_files(ctx, order, identity, &err) ? -1 : 0;
	if (rc)
		log_warning("the copy for %s has failed: %s", node, err.sentence);
	else
		log_info("the copy for %s was handed out", node);
	(void)answer(ctx, attempt, rc ? "failed" : "done", fingerprint, rc ? err.sentence : "", &err);
	explicit_bzero(identity, strlen(identity));
	free(identity);
	free(fingerprint);
}

static bool is_ordered(struct context *ctx, const char *node, const char *attempt)
{
	struct attr_values values = {0};
	struct error ignored;
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_RECIPIENT);
	if (cluster_attr_query(name, &values, clock_now_ms() + 2000, &ignored))
		return true;
	const char *text = attr_values_get(&values, node);
	bool there = text && strstr(text, attempt);
	attr_values_clear(&values);
	return there;
}

/* Once the other has read it, and so has withdrawn its order. */
static void answer_withdraw(struct context *ctx, const char *node, const char *attempt)
{
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_DONOR);
	uint64_t deadline_ms = clock_now_ms() + LINGER_MS;
	struct error err;
	while (is_ordered(ctx, node, attempt) && clock_left_ms(deadline_ms) > 0)
		clock_pause_ms(500);
	if (cluster_attr_set(name, NULL, ATTR_PRIVATE, clock_now_ms() + 5000, &err))
		log_warning("node attribute %s: %s", name, err.sentence);
}

static int donor_main(void *data)
{
	struct context *ctx = data;
	struct fields order = {0};
	_cleanup_free_ char *node = NULL;
	struct error busy;
	int lock = -1;
	uint64_t deadline_ms = clock_now_ms() + ORDER_MS;
	log_open(ctx->config.instance.resource, "donor", NULL, NULL);
	/* Two monitors may have seen one order. */
	if (proc_lock_directory(ctx->state_dir, &lock, &busy))
		return 0;
	while (!order_find(ctx, &node, &order) && clock_left_ms(deadline_ms) > 0)
		clock_pause_ms(200);
	if (node) {
		serve(ctx, node, &order);
		answer_withdraw(ctx, node, fields_get(&order, "attempt"));
		fields_clear(&order);
	}
	close(lock);
	context_close(ctx);
	cluster_close();
	return 0;
}

int donate(struct context *ctx, struct error *err)
{
	if (dir_make(ctx->run_dir, 0755, 0, 0, err) || dir_make(ctx->state_dir, 0700, 0, 0, err))
		return -1;
	context_disconnect(ctx); /* a connection is not shared with a child */
	cluster_close();
	return proc_detach(ctx->donor_marker, ctx->worker_log, donor_main, ctx, err);
}
