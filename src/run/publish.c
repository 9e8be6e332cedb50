/* What the other nodes see of this one: private attributes "systole-NAME" and "systole-NAME-report", and the promotion score. */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/cluster.h"
#include "io/files.h"
#include "io/log.h"

/* The cluster may forget what was published (its daemons restarted): after this time it is written again though nothing has changed, and
 * the others' are read. Where some replicas can be missed and others not, those that are well may have to confirm a record. */
static uint64_t published_fresh_ms(const struct context *ctx)
{
	return ctx->config.instance.clone_max > 3 ? 3000 : 30000;
}

static char *attr_name(const struct context *ctx, const char *suffix)
{
	return str_printf("systole-%s%s", ctx->config.instance.resource, suffix);
}

static enum role role_now(const struct context *ctx, const struct facts *facts)
{
	/* Busy is not dead. */
	if (facts->server.state == SERVER_BUSY && facts->local_role == ROLE_PRIMARY)
		return ROLE_PRIMARY;
	if (facts->server.state != SERVER_UP || facts->worker == TRI_YES || facts->filling == TRI_YES)
		return ROLE_RECOVERING;
	/* In the very first start the others are filled from here before clients may write. */
	if (facts->opened_now == TRI_YES)
		return ROLE_PRIMARY;
	if (facts->local_role == ROLE_PRIMARY && facts->server.writable == TRI_YES)
		return ROLE_PRIMARY;
	if (!ctx->sources_known || (facts->source && facts->server.replica_on == TRI_UNKNOWN))
		return ROLE_RECOVERING;
	return facts_leaf(facts) ? ROLE_LEAF : ROLE_REPLICA;
}

static enum tri data_now(const struct facts *facts)
{
	if (!facts->server.executed)
		return TRI_UNKNOWN;
	if (!gtid_set_empty(facts->server.executed))
		return TRI_YES;
	return facts->server.user_data;
}

static char *state_text(const struct context *ctx, const struct facts *facts)
{
	const char *address = ctx->config.replication_address ? ctx->config.replication_address : ctx->config.instance.node;
	enum role role = role_now(ctx, facts);
	/* Who has stored a record confirms it, which is for voters only. */
	_cleanup_free_ char *record =
	    facts->local_role == ROLE_PRIMARY || (ctx->sources_known && !facts_leaf(facts)) ? record_format(&facts->record) : NULL;
	return str_printf("v=1 role=%s epoch=%llu promised=%llu address=%s port=%llu server_id=%llu series=%llu data=%s%s%s%s",
			  role_name(role),
			  (unsigned long long)(role != ROLE_PRIMARY	      ? 0
					       : facts->opened_now == TRI_YES ? facts->promised
									      : facts->primary_epoch),
			  (unsigned long long)facts->promised, address, (unsigned long long)ctx->config.port,
			  (unsigned long long)facts->server.server_id, (unsigned long long)facts->server.series, tri_name(data_now(facts)),
			  facts->reads_before == TRI_YES ? " reads=yes" : "", record ? " record=" : "", record ? record : "");
}

struct published {
	char *state; /* NULL: nothing, or not fresh */
	char *score;
	uint64_t when_ms; /* of the state */
};

/* The file: when (monotonic ms), score, state, one a line. It is in /run: gone with the boot. */
static void published_read(const struct context *ctx, struct published *ret)
{
	_cleanup_free_ char *text = NULL;
	struct error ignored;
	uint64_t when, now = clock_now_ms();
	*ret = (struct published){.when_ms = now};
	if (file_read(ctx->published_file, 4096, &text, &ignored) || !text)
		return;
	char *score = strchr(text, '\n'), *state = score ? strchr(score + 1, '\n') : NULL;
	if (!state)
		return;
	*score++ = '\0';
	*state++ = '\0';
	state[strcspn(state, "\n")] = '\0';
	if (!parse_u64(text, 0, now, &when) || now - when > published_fresh_ms(ctx))
		return;
	ret->score = str_dup(score);
	ret->state = str_dup(state);
	ret->when_ms = when;
}

static void published_clear(struct published *p)
{
	free(p->score);
	free(p->state);
}

static void published_write(const struct context *ctx, uint64_t when_ms, const char *score, const char *state)
{
	struct error err;
	_cleanup_free_ char *text = str_printf("%llu\n%s\n%s\n", (unsigned long long)when_ms, score ? score : "", state ? state : "");
	if (dir_make(ctx->run_dir, 0755, 0, 0, &err) || file_write(ctx->published_file, text, 0600, &err))
		log_warning("%s", err.sentence);
}

void published_forget(const struct context *ctx)
{
	struct error ignored;
	(void)file_remove(ctx->published_file, &ignored);
	/* Whatever comes next is another value, also none. */
	(void)file_write(ctx->word_file, "?", 0600, &ignored);
	(void)file_write(ctx->reads_file, "?", 0600, &ignored);
}

enum tri published_state(const struct context *ctx, const struct facts *facts)
{
	struct published p;
	if (!ctx->config.instance.clustered)
		return TRI_YES;
	_cleanup_free_ char *now = state_text(ctx, facts);
	published_read(ctx, &p);
	enum tri same = tri_of(str_equal(p.state, now));
	published_clear(&p);
	return same;
}

int publish_state(struct context *ctx, const struct facts *facts, struct error *err)
{
	struct published p;
	_cleanup_free_ char *name = attr_name(ctx, ""), *now = state_text(ctx, facts);
	if (cluster_attr_set(name, now, ATTR_PRIVATE, ctx->deadline_ms, err))
		return -1;
	published_read(ctx, &p);
	published_write(ctx, clock_now_ms(), p.score, now);
	published_clear(&p);
	return 0;
}

void publish_score(struct context *ctx, const struct facts *facts)
{
	char reason[256];
	struct error err;
	struct published p;
	if (!ctx->config.instance.clustered)
		return;
	enum score score = decide_score(&ctx->config, facts, reason);
	_cleanup_free_ char *text = score == SCORE_NONE ? str_dup("none") : str_printf("%d", (int)score);
	published_read(ctx, &p);
	if (!str_equal(p.score, text)) {
		if (cluster_score_set(ctx->config.instance.resource, score == SCORE_NONE ? NULL : text, ctx->deadline_ms, &err)) {
			log_warning("promotion score: %s", err.sentence);
		} else {
			if (p.score && score == SCORE_NONE)
				log_info("no promotion score: %s", reason);
			published_write(ctx, p.when_ms, text, p.state);
		}
	}
	published_clear(&p);
}

bool score_barred_elsewhere(struct context *ctx)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = str_printf("master-%s", ctx->config.instance.resource), *barred = str_printf("%d", SCORE_BARRED);
	struct error ignored;
	bool found = false;
	if (cluster_attr_query(name, &values, ctx->deadline_ms, &ignored))
		return false;
	for (size_t i = 0; i < values.count; i++)
		found = found || (str_equal(values.items[i].value, barred) && !str_equal(values.items[i].node, ctx->config.instance.node));
	attr_values_clear(&values);
	return found;
}

void score_mend(struct context *ctx)
{
	struct error err;
	if (cluster_score_mend(ctx->config.instance.resource, ctx->config.instance.node, ctx->deadline_ms, &err))
		log_warning("promotion score: %s", err.sentence);
}

void publish_no_score(struct context *ctx)
{
	struct error err;
	struct published p;
	if (!ctx->config.instance.clustered)
		return;
	if (cluster_score_set(ctx->config.instance.resource, NULL, ctx->deadline_ms, &err))
		log_warning("promotion score: %s", err.sentence);
	published_read(ctx, &p);
	published_write(ctx, p.when_ms, "none", p.state);
	published_clear(&p);
}

/* The state stays: what this node has promised and stored holds while its server is stopped. */
void publish_stopped(struct context *ctx)
{
	struct error err;
	_cleanup_free_ char *report = attr_name(ctx, "-report");
	struct facts facts = {0};
	struct local_state local;
	if (!ctx->config.instance.clustered)
		return;
	uint64_t deadline = clock_now_ms() + 3000;
	if (cluster_score_set(ctx->config.instance.resource, NULL, deadline, &err))
		log_warning("promotion score: %s", err.sentence);
	publish_word(ctx, "");
	publish_reads(ctx, TRI_UNKNOWN);
	(void)file_remove(ctx->published_file, &err);
	sources_observe(ctx, false, &facts);
	if (local_read(ctx, &local, &err) == 0) {
		facts.local_role = local.role;
		facts.promised = local.promised;
		facts.record = local.record;
	}
	ctx->deadline_ms = deadline;
	if (cluster_attr_set(report, NULL, ATTR_PRIVATE, deadline, &err) || publish_state(ctx, &facts, &err))
		log_warning("node attributes: %s", err.sentence);
	facts_clear(&facts);
}

char *report_text(const struct context *ctx, const struct facts *facts, const char *candidate)
{
	_cleanup_gtid_ struct gtid_set *all = server_held(&facts->server);
	_cleanup_free_ char *held = gtid_set_format(all), *applied = gtid_set_format(facts->server.executed);
	(void)ctx;
	if (!held || !applied || !candidate)
		return str_dup("none");
	_cleanup_free_ char *record = record_format(&facts->record),
			    *data = facts->server.data_epoch_known == TRI_YES
					? str_printf(" data_epoch=%llu", (unsigned long long)facts->server.data_epoch)
					: NULL;
	return str_printf("v=1 epoch=%llu candidate=%s held=%s applied=%s%s%s%s%s", (unsigned long long)facts->promised, candidate, held,
			  applied, facts->server.applier_error ? " broken=yes" : "", data ? data : "", record ? " record=" : "",
			  record ? record : "");
}

/* Takes part, and has not reported yet: the others know that it is worth waiting for. */
void publish_joined(struct context *ctx, uint64_t epoch)
{
	struct error err;
	_cleanup_free_ char *name = attr_name(ctx, "-report"), *text = str_printf("v=1 epoch=%llu candidate=%s", (unsigned long long)epoch,
										  ctx->config.instance.notify_promote);
	if (cluster_attr_set(name, text, ATTR_PRIVATE, ctx->deadline_ms, &err))
		log_warning("node attributes: %s", err.sentence);
	str_set(&ctx->reported, NULL);
}

void publish_report(struct context *ctx, const struct facts *facts, const char *candidate, struct error *err)
{
	_cleanup_free_ char *name = attr_name(ctx, "-report"), *text = report_text(ctx, facts, candidate);
	if (cluster_attr_set(name, text, ATTR_PRIVATE, ctx->deadline_ms, err) == 0)
		str_set(&ctx->reported, text);
}

static uint64_t field_number(const struct fields *fields, const char *key)
{
	uint64_t value;
	const char *text = fields_get(fields, key);
	return text && parse_u64(text, 0, UINT64_MAX / 2, &value) ? value : 0;
}

/* The newest of what its two attributes say. */
static void peer_record(struct peer_facts *peer, const struct fields *fields)
{
	struct record record;
	if (record_parse(fields_get(fields, "record"), &record) && record_newer(&record, &peer->record))
		peer->record = record;
}

static void peer_state(struct peer_facts *peer, const struct fields *fields)
{
	peer_record(peer, fields);
	const char *data = fields_get(fields, "data");
	peer->role = role_parse(fields_get(fields, "role"));
	peer->epoch = field_number(fields, "epoch");
	peer->promised = field_number(fields, "promised");
	peer->port = field_number(fields, "port");
	peer->server_id = field_number(fields, "server_id");
	peer->series = field_number(fields, "series");
	peer->data = !data ? TRI_UNKNOWN : strcmp(data, "yes") == 0 ? TRI_YES : strcmp(data, "no") == 0 ? TRI_NO : TRI_UNKNOWN;
	peer->reads = tri_of(str_equal(fields_get(fields, "reads"), "yes"));
	str_set(&peer->address, fields_get(fields, "address"));
	if (str_empty(peer->address) || peer->port == 0 || peer->port > 65535)
		peer->role = ROLE_UNKNOWN;
}

static void peer_report(struct peer_facts *peer, const struct fields *fields, enum gtid_flavour flavour)
{
	peer_record(peer, fields);
	peer->report_epoch = field_number(fields, "epoch");
	peer->data_epoch = field_number(fields, "data_epoch");
	peer->data_epoch_known = fields_get(fields, "data_epoch") ? TRI_YES : TRI_UNKNOWN;
	str_set(&peer->report_candidate, fields_get(fields, "candidate"));
	peer->broken = tri_of(str_equal(fields_get(fields, "broken"), "yes"));
	peer->held = gtid_set_parse(flavour, fields_get(fields, "held"));
	peer->applied = gtid_set_parse(flavour, fields_get(fields, "applied"));
}

/* Reads one attribute of all nodes but this one. */
static int peers_read(struct context *ctx, const char *suffix, struct facts *facts)
{
	_cleanup_free_ char *name = attr_name(ctx, suffix);
	struct attr_values values = {0};
	struct error ignored;
	if (cluster_attr_query(name, &values, ctx->deadline_ms, &ctx->last))
		return -1;
	/* The attribute manager was restarted, and has forgotten what this node has published. */
	if (!*suffix && !attr_values_get(&values, ctx->config.instance.node))
		(void)file_remove(ctx->published_file, &ignored);
	for (size_t i = 0; i < values.count; i++) {
		struct fields fields;
		const char *version;
		if (str_equal(values.items[i].node, ctx->config.instance.node) || !fields_parse(values.items[i].value, &fields))
			continue;
		version = fields_get(&fields, "v");
		if (version && strcmp(version, "1") == 0) {
			struct peer_facts *peer = facts_peer(facts, values.items[i].node);
			if (*suffix)
				peer_report(peer, &fields, ctx->dialect ? ctx->dialect->from.flavour : GTID_FLAVOUR_UNKNOWN);
			else
				peer_state(peer, &fields);
		}
		fields_clear(&fields);
	}
	attr_values_clear(&values);
	return 0;
}

/* In the memory of this node's attribute manager: gone when the node leaves the cluster, and only then. */
int publish_synced(struct context *ctx, struct error *err)
{
	_cleanup_free_ char *name = attr_name(ctx, "-synced");
	return cluster_attr_set(name, "1", ATTR_PRIVATE, ctx->deadline_ms, err);
}

static int synced_read(struct context *ctx, struct facts *facts)
{
	_cleanup_free_ char *name = attr_name(ctx, "-synced");
	struct attr_values values = {0};
	if (facts_members(&ctx->config, facts) != 2)
		return 0;
	if (cluster_attr_query(name, &values, ctx->deadline_ms, &ctx->last))
		return -1;
	facts->synced = tri_of(attr_values_get(&values, ctx->config.instance.node) != NULL);
	attr_values_clear(&values);
	return 0;
}

/* Only where something waits for it. */
static void wish_read(struct context *ctx, struct facts *facts)
{
	struct attr_values values = {0};
	_cleanup_free_ char *name = attr_name(ctx, "-fill");
	bool wanted;
	if ((ctx->config.provision != PROVISION_MANUAL && !facts->copies_failed && !facts->site.name) ||
	    cluster_attr_query(name, &values, ctx->deadline_ms, &ctx->last))
		return;
	const char *text = attr_values_get(&values, ctx->config.instance.node);
	facts->fill_asked = tri_of(text && parse_bool(text, &wanted) && wanted);
	attr_values_clear(&values);
}

void peers_observe(struct context *ctx, struct facts *facts)
{
	wish_read(ctx, facts);
	if (ctx->sources_known && peers_read(ctx, "", facts) == 0 && peers_read(ctx, "-report", facts) == 0 && synced_read(ctx, facts) == 0)
		facts->peers_known = TRI_YES;
	else if (!ctx->attributes_missed)
		log_warning("node attributes: %s", ctx->last.sentence);
	ctx->attributes_missed = facts->peers_known != TRI_YES;
}

/* A promotion's transition ends before this; a change of the CIB in the middle of it would start it anew. */
#define SETTLED_MS 10000

static bool settled(const struct context *ctx)
{
	uint64_t age_ms;
	/* Without the file nobody has promised anything yet: then it is the first promotion that may come. */
	return (file_age_ms(ctx->local_file, &age_ms) || file_age_ms(ctx->server_marker, &age_ms)) && age_ms > SETTLED_MS;
}

static char *property_name(const struct context *ctx)
{
	return str_printf("systole-%s", ctx->config.instance.resource);
}

void publish_property(struct context *ctx, const struct facts *facts)
{
	struct error err;
	_cleanup_free_ char *name = property_name(ctx), *text = record_format(&facts->record);
	_cleanup_free_ char *before = NULL;
	bool own = facts->record.epoch && facts->record.epoch == facts->primary_epoch && facts->local_role == ROLE_PRIMARY;
	if (!ctx->config.instance.clustered || !own || (facts->record.mode != RECORD_ALONE && !settled(ctx)))
		return;
	/* What a merge of partitions has brought back is mended when the attributes are refreshed. */
	if (facts->published == TRI_YES && file_read(ctx->property_file, 512, &before, &err) == 0 && str_equal(before, text))
		return;
	if (cluster_property_set(name, text, ctx->deadline_ms, &err) || file_write(ctx->property_file, text, 0600, &err))
		log_warning("cluster property %s: %s", name, err.sentence);
}

/* For a node whose own file was lost with its disk. */
int property_keep(struct context *ctx, struct error *err)
{
	struct local_state local;
	struct record record;
	_cleanup_free_ char *name = property_name(ctx), *text = NULL;
	if (!ctx->config.instance.clustered || local_read(ctx, &local, err) || local.record.epoch)
		return 0; /* what the file is, its readers say */
	if (cluster_property_get(name, &text, ctx->deadline_ms, err))
		return -1;
	if (!text)
		return 0;
	if (!record_parse(text, &record))
		return error_set(
		    err, OCF_ERR_GENERIC,
		    "cluster property %s is \"%.64s\", which is no record: correct it, or delete it when it is of an earlier resource",
		    name, text);
	local.record = record;
	return local_write(ctx, &local, err);
}

/* A transient attribute "NAME-suffix"; "": none. file: what it is. urgent: also in the middle of an election, which that holds up. */
static void publish_attr(struct context *ctx, const char *suffix, const char *file, const char *value, bool urgent)
{
	struct error err = {0};
	_cleanup_free_ char *name = str_printf("%s-%s", ctx->config.instance.resource, suffix), *before = NULL;
	if (!ctx->config.instance.clustered || file_read(file, 512, &before, &err) || str_equal(before ? before : "", value) ||
	    (!urgent && !settled(ctx)))
		return;
	if (cluster_attr_set(name, *value ? value : NULL, ATTR_TRANSIENT, ctx->deadline_ms, &err) ||
	    dir_make(ctx->run_dir, 0755, 0, 0, &err) || file_write(file, value, 0600, &err))
		log_warning("node attribute %s: %s", name, err.sentence);
}

void publish_word(struct context *ctx, const char *word)
{
	publish_attr(ctx, "state", ctx->word_file, word, !*word || strcmp(word, STATE_ALONE) == 0);
}

void publish_reads(struct context *ctx, enum tri reads)
{
	publish_attr(ctx, "reads", ctx->reads_file, reads == TRI_UNKNOWN ? "" : reads == TRI_YES ? "1" : "0", reads != TRI_YES);
}

void clean_observe(struct context *ctx, struct facts *facts)
{
	struct cluster_nodes nodes = {0};
	if (cluster_nodes_query(&nodes, ctx->deadline_ms, &ctx->last))
		return;
	for (size_t i = 0; i < nodes.count; i++)
		if (!str_equal(nodes.items[i].name, ctx->config.instance.node))
			facts_peer(facts, nodes.items[i].name)->clean = tri_of(nodes.items[i].clean);
	cluster_nodes_clear(&nodes);
}

static int peer_ask(struct context *ctx, struct sql *sql, unsigned int look, struct peer_facts *peer, struct error *err)
{
	struct sql_rows rows = {0};
	struct error ignored;
	if ((look & LOOK_OBSTACLE) && context_query(ctx, sql, STATEMENT_OBSTACLE, &rows, &ignored, NULL) == SQL_OK) {
		str_set(&peer->obstacle, rows.rows ? sql_value(&rows, 0, "obstacle") : NULL);
		sql_rows_clear(&rows);
	}
	/* First how many wait, then the set: what waits no longer when it is asked is in the set. */
	if (context_query(ctx, sql, STATEMENT_SEMISYNC_STATUS, &rows, err, NULL) != SQL_OK)
		return -1;
	for (size_t i = 0; i < rows.rows; i++) {
		const char *name = sql_value(&rows, i, "Variable_name"), *value = sql_value(&rows, i, "Value");
		if (name && value && strstr(name, "_wait_sessions"))
			(void)parse_u64(value, 0, UINT64_MAX, &peer->waiting);
	}
	sql_rows_clear(&rows);
	if (context_query(ctx, sql, STATEMENT_OBSERVE, &rows, err, NULL) != SQL_OK)
		return -1;
	str_set(&peer->uuid, rows.rows ? sql_value(&rows, 0, "server_uuid") : NULL);
	if (!peer->server_id && rows.rows && sql_value(&rows, 0, "server_id"))
		(void)parse_u64(sql_value(&rows, 0, "server_id"), 0, UINT32_MAX, &peer->server_id);
	peer->position = gtid_set_parse(ctx->dialect->from.flavour, rows.rows ? sql_value(&rows, 0, "executed") : NULL);
	peer->purged = gtid_set_parse(ctx->dialect->from.flavour, rows.rows ? sql_value(&rows, 0, "purged") : NULL);
	sql_rows_clear(&rows);
	return peer->position ? 0 : error_set(err, OCF_ERR_GENERIC, "its position is not a GTID set");
}

/* The highest mark in what the other site holds: a node of this one says its own by itself. */
static int site_ask(struct context *ctx, struct sql *sql, struct peer_facts *site, struct error *err)
{
	struct sql_rows rows = {0};
	if (context_query(ctx, sql, STATEMENT_DATA_EPOCH, &rows, err, NULL) != SQL_OK)
		return -1;
	const char *epoch = rows.rows ? sql_value(&rows, 0, "epoch") : NULL;
	if (epoch && parse_u64(epoch, 0, UINT64_MAX / 2, &site->data_epoch))
		site->data_epoch_known = TRI_YES;
	sql_rows_clear(&rows);
	return site->data_epoch_known == TRI_YES ? 0 : error_set(err, OCF_ERR_GENERIC, "nobody was ever promoted there");
}

static void peer_observe(struct context *ctx, unsigned int look, struct peer_facts *peer, uint64_t connect_ms)
{
	struct error err = {0};
	struct sql *sql = NULL;
	uint64_t limit = clock_now_ms() + connect_ms;
	if (context_connect_peer(ctx, peer, limit < ctx->deadline_ms ? limit : ctx->deadline_ms, &sql, &err) == SQL_OK &&
	    peer_ask(ctx, sql, look, peer, &err) == 0 && (!str_equal(peer->name, SITE_NAME) || site_ask(ctx, sql, peer, &err) == 0)) {
		peer->asked = TRI_YES;
	} else {
		peer->asked = TRI_NO;
		str_set(&peer->ask_error, err.sentence);
	}
	sql_close(sql);
}

void primary_observe(struct context *ctx, unsigned int look, struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts), *source = facts_source(&ctx->config, facts);
	if (!ctx->dialect)
		return;
	/* Whose address has gone with its primary, or its network: an election does not wait for that. */
	if (!primary && facts->site.name)
		peer_observe(ctx, look, &facts->site, 1000);
	if (!primary)
		return;
	peer_observe(ctx, look, facts_peer(facts, primary->name), 3000);
	if (source != primary)
		peer_observe(ctx, look & ~(unsigned int)LOOK_OBSTACLE, facts_peer(facts, source->name), 3000);
}
