/* Filling a node from a peer. Runs in the detached worker; every step leaves something from which the next attempt goes on: the worker's
 * loop looks again and decides again. What only this node has is set aside first, and its data is kept until the copy has proved itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/parse.h"
#include "base/str.h"
#include "copy.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"

#define LITTLE (64ull << 20) /* bytes */
#define CURRENT_TRIES 5

void copy_progress(const struct context *ctx, uint64_t bytes, const char *fmt, ...)
{
	struct error ignored;
	char text[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	_cleanup_free_ char *all = str_printf("%llu %s", (unsigned long long)bytes, text);
	(void)file_remove(ctx->count_file, &ignored);
	(void)file_write(ctx->progress_file, all, 0600, &ignored);
	log_info("provisioning: %s", text);
}

char *option_file(const char *first, const char *user, const char *password)
{
	struct strbuf text = {0};
	strbuf_addf(&text, "%s[client]\nuser=\"%s\"\npassword=\"", first, user);
	for (const char *c = password ? password : ""; *c; c++) {
		if (*c == '"' || *c == '\\')
			strbuf_add(&text, "\\");
		strbuf_addn(&text, c, 1);
	}
	strbuf_add(&text, "\"\n");
	return strbuf_take(&text);
}

static uint64_t number_of(const struct sql_rows *rows, const char *column)
{
	uint64_t number;
	const char *text = rows->rows ? sql_value(rows, 0, column) : NULL;
	return text && parse_u64(text, 0, UINT64_MAX / 4, &number) ? number : 0;
}

/* It has all that the primary had a moment ago: no backlog, nothing broken. */
static bool is_current(struct context *ctx, const struct peer_facts *peer, const struct gtid_set *wanted, uint64_t *ret_bytes)
{
	struct sql *sql = NULL;
	struct sql_rows rows = {0};
	struct error why;
	bool current = false;
	*ret_bytes = 0;
	if (context_connect_peer(ctx, peer, clock_now_ms() + 3000, &sql, &why) == SQL_OK &&
	    context_query(ctx, sql, STATEMENT_OBSERVE, &rows, &why, NULL) == SQL_OK) {
		_cleanup_gtid_ struct gtid_set *executed =
		    gtid_set_parse(ctx->dialect->from.flavour, rows.rows ? sql_value(&rows, 0, "executed") : NULL);
		current = gtid_set_contains(executed, wanted);
		sql_rows_clear(&rows);
		/* An older account may not ask that: then the server that is filled checks it by itself. */
		if (current && context_query(ctx, sql, STATEMENT_DATA_SIZE, &rows, &why, NULL) == SQL_OK)
			*ret_bytes = number_of(&rows, "bytes");
		sql_rows_clear(&rows);
	} else {
		log_info("provisioning: %s is no donor: %s", peer->name, why.sentence);
	}
	sql_close(sql);
	return current;
}

/* A healthy replica or leaf before the primary, which has clients to serve. Failed attempts take turns. */
static const struct peer_facts *donor_choose(struct context *ctx, const struct facts *facts, const struct peer_facts *primary,
					     uint64_t *ret_bytes)
{
	size_t first = facts->peer_count ? facts->copies_failed % facts->peer_count : 0;
	for (size_t n = 0; n < CURRENT_TRIES * facts->peer_count; n++) {
		const struct peer_facts *peer = &facts->peers[(first + n) % facts->peer_count];
		if ((peer->role == ROLE_REPLICA || peer->role == ROLE_LEAF) && peer->data == TRI_YES && peer->address &&
		    is_current(ctx, peer, primary->position, ret_bytes))
			return peer;
		clock_pause_ms(100); /* it may be a commit behind */
	}
	(void)is_current(ctx, primary, primary->position, ret_bytes);
	return primary;
}

/* Both the old data and the copy have room, or nothing is begun. */
static int space_check(const struct context *ctx, uint64_t bytes, struct error *err)
{
	struct statvfs fs;
	if (statvfs(ctx->config.datadir, &fs))
		return error_set(err, OCF_ERR_GENERIC, "how much room is left in %s is not known", ctx->config.datadir);
	uint64_t needed = bytes ? bytes + bytes / 20 + (64ull << 20) : 0, free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (needed <= free_bytes)
		return 0;
	return error_set(err, OCF_ERR_GENERIC, "the copy needs %llu MB, and %llu MB are free in %s", (unsigned long long)(needed >> 20),
			 (unsigned long long)(free_bytes >> 20), ctx->config.datadir);
}

static int clone_limit(struct context *ctx, struct error *err)
{
	_cleanup_free_ char *rate = str_printf("%llu", (unsigned long long)ctx->config.provision_rate);
	return context_run(ctx, ctx->sql, STATEMENT_CLONE_RATE, err, "rate", rate, NULL) == SQL_OK ? 0 : -1;
}

/* MySQL: this server has no data, and becomes the donor's. */
static int clone_from(struct context *ctx, const struct peer_facts *donor, struct error *err)
{
	const struct account *account = context_account(ctx, donor);
	_cleanup_free_ char *listed = str_printf("%s:%llu", donor->address, (unsigned long long)donor->port),
			    *port = str_printf("%llu", (unsigned long long)donor->port);
	uint64_t answer_ms = ctx->answer_ms;
	copy_progress(ctx, 0, "copies from %s", donor->name);
	if (context_run(ctx, ctx->sql, STATEMENT_STOP_REPLICATION, err, NULL) != SQL_OK ||
	    context_run(ctx, ctx->sql, STATEMENT_AGENT_WRITES, err, NULL) != SQL_OK || clone_limit(ctx, err) ||
	    context_run(ctx, ctx->sql, STATEMENT_CLONE_DONOR, err, "donor", listed, NULL) != SQL_OK)
		return -1;
	ctx->answer_ms = COPY_DEADLINE_MS;
	uint64_t began_ms = clock_now_ms();
	enum sql_outcome outcome = context_run(ctx, ctx->sql, STATEMENT_CLONE, err, "user", account->user, "host", donor->address, "port",
					       port, "password", account->password, "tls", ctx->config.tls ? "REQUIRE SSL" : "", NULL);
	unsigned int number = sql_errno(ctx->sql);
	ctx->answer_ms = answer_ms;
	context_disconnect(ctx);
	/* 3862 with 3634 inside: a server takes part in one copy at a time. */
	if (outcome == SQL_REFUSED && number == 3862 && strstr(err->sentence, "3634")) {
		copy_progress(ctx, 0, "waits until %s has handed out another copy", donor->name);
		clock_pause_ms(2000);
		return 0;
	}
	/* 3707: it cannot restart itself, for we are its supervisor: it ends, and that is success. */
	if (outcome == SQL_REFUSED && number != 3707)
		return -1;
	log_info("provisioning: copied from %s in %.1f s", donor->name, (double)(clock_now_ms() - began_ms) / 1000);
	if (!proc_wait_dead(&ctx->server, clock_now_ms() + 120000))
		return error_set(err, OCF_ERR_GENERIC, "the server has been filled but does not end");
	return 0;
}

static int give_up_data(struct context *ctx, const struct facts *facts, const struct peer_facts *primary, struct error *err)
{
	/* See decide_follow(): on MariaDB what it has received may hide what it has executed. */
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts->server);
	_cleanup_free_ char *executed = gtid_set_missing(facts->server.executed, primary->position),
			    *received = gtid_set_missing(held, primary->position);
	if (!executed || !received)
		return error_set(err, OCF_ERR_GENERIC, "what only this node has is not known: its data is kept");
	const char *missing = *executed ? executed : received;
	return *missing ? errant_set_aside(ctx, missing, err) : 0;
}

/* Files are sent by a node of this cluster, which the recipient knows by what Corosync carries. */
static bool comes_as_files(const struct context *ctx, const struct peer_facts *donor)
{
	return files_possible(ctx) && !str_equal(donor->name, SITE_NAME);
}

/* The backup program waits at its end for commits that are under way. Where those wait until a replica is there, and this node is to be it, it
 * would wait for ever; statements are read from a snapshot. Of little data they are the quicker way, too. */
static bool files_wanted(const struct context *ctx, const struct peer_facts *primary, const struct peer_facts *donor, uint64_t bytes)
{
	bool waits = donor == primary && primary->waiting > 0 && ctx->config.durability == DURABILITY_MAJORITY;
	return !waits && bytes > LITTLE && comes_as_files(ctx, donor);
}

/* CLONE needs a plugin and one release on both sides: where it has failed, the other way is tried in turn. */
static bool clone_wanted(const struct context *ctx, const struct facts *facts, const struct peer_facts *donor)
{
	return ctx->dialect->has_clone && !(facts->copies_failed % 2 == 1 && comes_as_files(ctx, donor));
}

static int fill(struct context *ctx, const struct facts *facts, const struct peer_facts *primary, struct error *err)
{
	bool empty = gtid_set_empty(facts->server.executed) && facts->server.user_data == TRI_NO;
	uint64_t bytes = 0;
	const struct peer_facts *donor = donor_choose(ctx, facts, primary, &bytes);
	if (space_check(ctx, bytes, err) || (!empty && give_up_data(ctx, facts, primary, err)))
		return -1;
	/* What comes up next is empty, and is filled in the next round. */
	if (clone_wanted(ctx, facts, donor))
		return empty ? clone_from(ctx, donor, err) : server_down(ctx, err) ? -1 : datadir_set_aside(ctx, OWN_REPLACED, err);
	if (ctx->dialect->from.flavour == GTID_FLAVOUR_MARIADB)
		return files_wanted(ctx, primary, donor, bytes) ? files_from(ctx, donor, bytes, err) : dump_from(ctx, empty, donor, err);
	if (!comes_as_files(ctx, donor))
		return error_set(err, OCF_ERR_INSTALLED,
				 "before MySQL 8.0.26 a node is filled by xtrabackup and xbstream, which must be installed on all nodes, "
				 "and not from another site");
	return files_from(ctx, donor, bytes, err);
}

/* An operator's wish is fulfilled once. */
static void wish_forget(struct context *ctx, const struct facts *facts)
{
	_cleanup_free_ char *name = copy_attr_name(ctx, COPY_SIDE_WISH);
	struct error err;
	if (facts->fill_asked == TRI_YES && cluster_attr_set(name, NULL, ATTR_TRANSIENT, clock_now_ms() + 5000, &err))
		log_warning("node attribute %s: %s", name, err.sentence);
}

static void failure_note(struct context *ctx, const struct facts *facts, const struct error *why)
{
	struct error err;
	uint64_t failed = facts->fill_asked == TRI_YES ? 1 : facts->copies_failed + 1;
	_cleanup_free_ char *text = str_printf("%llu %s", (unsigned long long)failed, why->sentence);
	if (dir_make(ctx->state_dir, 0700, 0, 0, &err) || file_write_durably(ctx->failures_file, text, 0600, &err))
		log_warning("%s", err.sentence);
	log_warning("provisioning: attempt %llu has failed", (unsigned long long)failed);
}

int provision(struct context *ctx, const struct facts *facts, const char *node, struct error *err)
{
	const struct peer_facts *primary = facts_find(facts, node);
	if (!primary || !primary->address || !ctx->sql || !ctx->dialect)
		return error_set(err, OCF_ERR_GENERIC, "the server or the address of %s is not there", node);
	if (!context_account(ctx, primary)->user)
		return error_set(err, OCF_ERR_ARGS, "there is no account in the credentials file to fill this node with");
	int rc = primary->asked == TRI_YES
		     ? fill(ctx, facts, primary, err)
		     : error_set(err, OCF_ERR_GENERIC, "the primary %s cannot be asked for its position", primary->name);
	wish_forget(ctx, facts);
	if (rc)
		failure_note(ctx, facts, err);
	else if (facts->copies_failed)
		(void)file_remove(ctx->failures_file, err);
	ctx->diverged_since_ms = 0;
	return rc;
}
