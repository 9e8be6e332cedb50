#include "core/facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

static const char *const tri_names[] = {"unknown", "no", "yes", NULL};
static const char *const preference_names[] = {"unknown", "never", "avoid", "neutral", "prefer", NULL};
static const char *const role_names[] = {"unknown", "replica", "primary", "recovering", "leaf", NULL};
static const char *const state_names[] = {"unknown", "dead", "starting", "up", "busy", "frozen", NULL};
static const char *const tail_names[] = {"unknown", "none", "cut", "other", NULL};
static const char *const thread_names[] = {"unknown", "stopped", "connecting", "running", NULL};

const char *tri_name(enum tri value)
{
	return tri_names[value];
}

const char *role_name(enum role value)
{
	return role_names[value];
}

static int name_find(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

enum role role_parse(const char *name)
{
	int i = name ? name_find(role_names, name) : -1;
	return i < 0 ? ROLE_UNKNOWN : (enum role)i;
}

enum preference preference_parse(const char *name)
{
	int i = name ? name_find(preference_names, name) : -1;
	return i < 0 ? PREFERENCE_UNKNOWN : (enum preference)i;
}

enum fact_type {
	FACT_NAMES, /* an enum, by its names */
	FACT_NUMBER,
	FACT_TEXT, /* blanks are written as '_' */
	FACT_SET,
	FACT_RECORD,
};

struct fact_row {
	const char *name;
	enum fact_type type;
	size_t offset;
	const char *const *names;
};

#define SERVER(f) offsetof(struct facts, server.f)
#define OWN(f) offsetof(struct facts, f)
#define PEER(f) offsetof(struct peer_facts, f)

static const struct fact_row own_rows[] = {
    {"server.state", FACT_NAMES, SERVER(state), state_names},
    {"server.writable", FACT_NAMES, SERVER(writable), tri_names},
    {"server.agent_writable", FACT_NAMES, SERVER(agent_writable), tri_names},
    {"server.server_id", FACT_NUMBER, SERVER(server_id), NULL},
    {"server.uuid", FACT_TEXT, SERVER(uuid), NULL},
    {"server.series", FACT_NUMBER, SERVER(series), NULL},
    {"server.executed", FACT_SET, SERVER(executed), NULL},
    {"server.received", FACT_SET, SERVER(received), NULL},
    {"server.has_source", FACT_NAMES, SERVER(has_source), tri_names},
    {"server.source_host", FACT_TEXT, SERVER(source_host), NULL},
    {"server.source_port", FACT_NUMBER, SERVER(source_port), NULL},
    {"server.auto_position", FACT_NAMES, SERVER(auto_position), tri_names},
    {"server.receiver", FACT_NAMES, SERVER(receiver), thread_names},
    {"server.applier", FACT_NAMES, SERVER(applier), thread_names},
    {"server.receiver_error", FACT_TEXT, SERVER(receiver_error), NULL},
    {"server.applier_error", FACT_TEXT, SERVER(applier_error), NULL},
    {"server.filter", FACT_TEXT, SERVER(filter), NULL},
    {"server.lag_s", FACT_NUMBER, SERVER(lag_s), NULL},
    {"server.delay_s", FACT_NUMBER, SERVER(delay_s), NULL},
    {"server.lagging", FACT_NAMES, SERVER(lagging), tri_names},
    {"server.source_on", FACT_NAMES, SERVER(source_on), tri_names},
    {"server.replica_on", FACT_NAMES, SERVER(replica_on), tri_names},
    {"server.lossless", FACT_NAMES, SERVER(lossless), tri_names},
    {"server.wait_count", FACT_NUMBER, SERVER(wait_count), NULL},
    {"server.clients", FACT_NUMBER, SERVER(clients), NULL},
    {"server.ours", FACT_NUMBER, SERVER(ours), NULL},
    {"server.replicas_known", FACT_NAMES, SERVER(replicas_known), tri_names},
    {"server.foreign", FACT_NUMBER, SERVER(foreign), NULL},
    {"server.foreign_acknowledge", FACT_NAMES, SERVER(foreign_acknowledge), tri_names},
    {"server.waiting", FACT_NUMBER, SERVER(waiting), NULL},
    {"server.waiting_known", FACT_NAMES, SERVER(waiting_known), tri_names},
    {"server.acknowledged", FACT_NUMBER, SERVER(acknowledged), NULL},
    {"server.data_epoch", FACT_NUMBER, SERVER(data_epoch), NULL},
    {"server.data_epoch_known", FACT_NAMES, SERVER(data_epoch_known), tri_names},
    {"server.user_data", FACT_NAMES, SERVER(user_data), tri_names},
    {"server.accounts", FACT_NAMES, SERVER(accounts), tri_names},
    {"server.copy_wanted", FACT_NAMES, SERVER(copy_wanted), tri_names},
    {"server.sessions", FACT_NUMBER, SERVER(sessions), NULL},
    {"server.sessions_known", FACT_NAMES, SERVER(sessions_known), tri_names},
    {"binlogs.wanted", FACT_NAMES, OWN(binlogs.wanted), tri_names},
    {"binlogs.expire", FACT_NAMES, OWN(binlogs.expire), tri_names},
    {"binlogs.known", FACT_NAMES, OWN(binlogs.known), tri_names},
    {"binlogs.bytes", FACT_NUMBER, OWN(binlogs.bytes), NULL},
    {"binlogs.age_ms", FACT_NUMBER, OWN(binlogs.age_ms), NULL},
    {"local_role", FACT_NAMES, OWN(local_role), role_names},
    {"promised", FACT_NUMBER, OWN(promised), NULL},
    {"primary_epoch", FACT_NUMBER, OWN(primary_epoch), NULL},
    {"record", FACT_RECORD, OWN(record), NULL},
    {"datadir_empty", FACT_NAMES, OWN(datadir_empty), tri_names},
    {"damaged", FACT_NAMES, OWN(damaged), tri_names},
    {"filling", FACT_NAMES, OWN(filling), tri_names},
    {"leaving", FACT_NAMES, OWN(leaving), tri_names},
    {"copy_whole", FACT_NAMES, OWN(copy_whole), tri_names},
    {"copy_placed", FACT_NAMES, OWN(copy_placed), tri_names},
    {"aside", FACT_NAMES, OWN(aside), tri_names},
    {"copies_failed", FACT_NUMBER, OWN(copies_failed), NULL},
    {"copy_error", FACT_TEXT, OWN(copy_error), NULL},
    {"copy_due", FACT_NAMES, OWN(copy_due), tri_names},
    {"fill_asked", FACT_NAMES, OWN(fill_asked), tri_names},
    {"donating", FACT_NAMES, OWN(donating), tri_names},
    {"tail", FACT_NAMES, OWN(tail), tail_names},
    {"tail_at", FACT_NUMBER, OWN(tail_at), NULL},
    {"tail_count", FACT_NUMBER, OWN(tail_count), NULL},
    {"worker", FACT_NAMES, OWN(worker), tri_names},
    {"shutdown_sent", FACT_NAMES, OWN(shutdown_sent), tri_names},
    {"deadline_near", FACT_NAMES, OWN(deadline_near), tri_names},
    {"moment_over", FACT_NAMES, OWN(moment_over), tri_names},
    {"patience_over", FACT_NAMES, OWN(patience_over), tri_names},
    {"close_failures", FACT_NUMBER, OWN(close_failures), NULL},
    {"diverged_twice", FACT_NAMES, OWN(diverged_twice), tri_names},
    {"sysvars_set", FACT_NAMES, OWN(sysvars_set), tri_names},
    {"published", FACT_NAMES, OWN(published), tri_names},
    {"round_begun", FACT_NAMES, OWN(round_begun), tri_names},
    {"reported", FACT_NAMES, OWN(reported), tri_names},
    {"disconnected_before", FACT_NAMES, OWN(disconnected_before), tri_names},
    {"disconnected_ms", FACT_NUMBER, OWN(disconnected_ms), NULL},
    {"promotion_failed", FACT_NAMES, OWN(promotion_failed), tri_names},
    {"reads_before", FACT_NAMES, OWN(reads_before), tri_names},
    {"detached", FACT_NAMES, OWN(detached), tri_names},
    {"opened_now", FACT_NAMES, OWN(opened_now), tri_names},
    {"sessions_left", FACT_NUMBER, OWN(sessions_left), NULL},
    {"stalled", FACT_NAMES, OWN(stalled), tri_names},
    {"stuck", FACT_NAMES, OWN(stuck), tri_names},
    {"outsiders_cut", FACT_NAMES, OWN(outsiders_cut), tri_names},
    {"outsider", FACT_TEXT, OWN(outsider), NULL},
    {"back_failed", FACT_NAMES, OWN(back_failed), tri_names},
    {"marked", FACT_NAMES, OWN(marked), tri_names},
    {"synced", FACT_NAMES, OWN(synced), tri_names},
    {"quorum", FACT_NAMES, OWN(quorum), tri_names},
    {"switchover_refused", FACT_TEXT, OWN(switchover_refused), NULL},
    {"refused_before", FACT_NAMES, OWN(refused_before), tri_names},
    {"delay_s", FACT_NUMBER, OWN(delay_s), NULL},
    {"source", FACT_TEXT, OWN(source), NULL},
    {"preference", FACT_NAMES, OWN(preference), preference_names},
    {"preferred_elsewhere", FACT_NAMES, OWN(preferred_elsewhere), tri_names},
    {"peers_known", FACT_NAMES, OWN(peers_known), tri_names},
};

static const struct fact_row peer_rows[] = {
    {"role", FACT_NAMES, PEER(role), role_names},
    {"epoch", FACT_NUMBER, PEER(epoch), NULL},
    {"promised", FACT_NUMBER, PEER(promised), NULL},
    {"address", FACT_TEXT, PEER(address), NULL},
    {"port", FACT_NUMBER, PEER(port), NULL},
    {"server_id", FACT_NUMBER, PEER(server_id), NULL},
    {"series", FACT_NUMBER, PEER(series), NULL},
    {"data", FACT_NAMES, PEER(data), tri_names},
    {"reads", FACT_NAMES, PEER(reads), tri_names},
    {"source", FACT_TEXT, PEER(source), NULL},
    {"record", FACT_RECORD, PEER(record), NULL},
    {"clean", FACT_NAMES, PEER(clean), tri_names},
    {"report_epoch", FACT_NUMBER, PEER(report_epoch), NULL},
    {"report_candidate", FACT_TEXT, PEER(report_candidate), NULL},
    {"held", FACT_SET, PEER(held), NULL},
    {"applied", FACT_SET, PEER(applied), NULL},
    {"broken", FACT_NAMES, PEER(broken), tri_names},
    {"data_epoch", FACT_NUMBER, PEER(data_epoch), NULL},
    {"data_epoch_known", FACT_NAMES, PEER(data_epoch_known), tri_names},
    {"asked", FACT_NAMES, PEER(asked), tri_names},
    {"position", FACT_SET, PEER(position), NULL},
    {"purged", FACT_SET, PEER(purged), NULL},
    {"uuid", FACT_TEXT, PEER(uuid), NULL},
    {"waiting", FACT_NUMBER, PEER(waiting), NULL},
    {"obstacle", FACT_TEXT, PEER(obstacle), NULL},
    {"ask_error", FACT_TEXT, PEER(ask_error), NULL},
};

_Static_assert(sizeof(enum tri) == sizeof(int) && sizeof(enum role) == sizeof(int), "named facts are stored as int");

static void row_clear(const struct fact_row *row, void *base)
{
	void *field = (char *)base + row->offset;
	if (row->type == FACT_TEXT)
		str_set(field, NULL);
	else if (row->type == FACT_SET)
		gtid_set_freep(field);
}

static void peer_clear(struct peer_facts *peer)
{
	for (size_t i = 0; i < ARRAY_LENGTH(peer_rows); i++)
		row_clear(&peer_rows[i], peer);
	free(peer->name);
}

void facts_clear(struct facts *facts)
{
	for (size_t i = 0; i < ARRAY_LENGTH(own_rows); i++)
		row_clear(&own_rows[i], facts);
	for (size_t p = 0; p < facts->peer_count; p++)
		peer_clear(&facts->peers[p]);
	free(facts->peers);
	peer_clear(&facts->site);
	*facts = (struct facts){0};
}

void server_facts_clear(struct server_facts *server)
{
	struct facts facts = {.server = *server};
	facts_clear(&facts);
	*server = facts.server;
}

const struct peer_facts *facts_find(const struct facts *facts, const char *name)
{
	for (size_t i = 0; name && i < facts->peer_count; i++)
		if (strcmp(facts->peers[i].name, name) == 0)
			return &facts->peers[i];
	return name && facts->site.name && strcmp(facts->site.name, name) == 0 ? &facts->site : NULL;
}

struct peer_facts *facts_peer(struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->peer_count; i++)
		if (strcmp(facts->peers[i].name, name) == 0)
			return &facts->peers[i];
	facts->peers = mem_grow(facts->peers, facts->peer_count + 1, sizeof(*facts->peers));
	struct peer_facts *peer = &facts->peers[facts->peer_count++];
	*peer = (struct peer_facts){.name = str_dup(name)};
	return peer;
}

static void row_format(const struct fact_row *row, const char *prefix, const void *base, struct strbuf *out)
{
	const void *field = (const char *)base + row->offset;
	const char *lead = out->length ? " " : "";
	switch (row->type) {
	case FACT_NAMES:
		if (*(const int *)field)
			strbuf_addf(out, "%s%s%s=%s", lead, prefix, row->name, row->names[*(const int *)field]);
		return;
	case FACT_NUMBER:
		if (*(const uint64_t *)field)
			strbuf_addf(out, "%s%s%s=%llu", lead, prefix, row->name, *(const unsigned long long *)field);
		return;
	case FACT_TEXT:
		if (*(char *const *)field) {
			_cleanup_free_ char *text = str_dup(*(char *const *)field);
			for (char *c = text; *c; c++)
				if (*c == ' ' || *c == '\n' || *c == '\t')
					*c = '_';
			strbuf_addf(out, "%s%s%s=%s", lead, prefix, row->name, text);
		}
		return;
	case FACT_SET:
		if (*(struct gtid_set *const *)field) {
			_cleanup_free_ char *text = gtid_set_format(*(struct gtid_set *const *)field);
			strbuf_addf(out, "%s%s%s=%s", lead, prefix, row->name, text);
		}
		return;
	case FACT_RECORD:
		if (((const struct record *)field)->epoch) {
			_cleanup_free_ char *text = record_format(field);
			strbuf_addf(out, "%s%s%s=%s", lead, prefix, row->name, text);
		}
		return;
	}
}

static void peer_format(const char *name, const struct peer_facts *peer, struct strbuf *out)
{
	_cleanup_free_ char *prefix = str_printf("%s.", name);
	for (size_t i = 0; i < ARRAY_LENGTH(peer_rows); i++)
		row_format(&peer_rows[i], prefix, peer, out);
}

char *facts_format(const struct facts *facts)
{
	struct strbuf out = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(own_rows); i++)
		row_format(&own_rows[i], "", facts, &out);
	for (size_t p = 0; p < facts->peer_count; p++)
		peer_format(facts->peers[p].name, &facts->peers[p], &out);
	if (facts->site.name)
		peer_format(facts->site.name, &facts->site, &out);
	return strbuf_take(&out);
}

static bool row_store(const struct fact_row *row, void *base, const char *text, enum gtid_flavour flavour)
{
	void *field = (char *)base + row->offset;
	int found;
	switch (row->type) {
	case FACT_NAMES:
		found = name_find(row->names, text);
		if (found >= 0)
			*(int *)field = found;
		return found >= 0;
	case FACT_NUMBER:
		return parse_u64(text, 0, UINT64_MAX, field);
	case FACT_TEXT:
		str_set(field, text);
		return true;
	case FACT_SET:
		gtid_set_freep(field);
		*(struct gtid_set **)field = gtid_set_parse(flavour, text);
		return *(struct gtid_set **)field != NULL;
	case FACT_RECORD:
		return record_parse(text, field);
	}
	return false;
}

static bool field_store(struct facts *facts, const char *key, const char *value, enum gtid_flavour flavour)
{
	for (size_t i = 0; i < ARRAY_LENGTH(own_rows); i++)
		if (strcmp(own_rows[i].name, key) == 0)
			return row_store(&own_rows[i], facts, value, flavour);
	const char *dot = strrchr(key, '.');
	for (size_t i = 0; dot && i < ARRAY_LENGTH(peer_rows); i++) {
		if (strcmp(peer_rows[i].name, dot + 1) != 0)
			continue;
		_cleanup_free_ char *name = str_ndup(key, (size_t)(dot - key));
		if (strcmp(name, SITE_NAME) != 0)
			return row_store(&peer_rows[i], facts_peer(facts, name), value, flavour);
		str_set(&facts->site.name, SITE_NAME);
		return row_store(&peer_rows[i], &facts->site, value, flavour);
	}
	return false;
}

int facts_parse(const char *line, enum gtid_flavour flavour, struct facts *ret, struct error *err)
{
	struct facts facts = {0};
	struct fields fields;
	if (!fields_parse(line, &fields))
		return error_set(err, OCF_ERR_GENERIC, "not a line of facts: fields of the form key=value are wanted, each once");
	for (size_t i = 0; i < fields.count; i++) {
		if (field_store(&facts, fields.items[i].key, fields.items[i].value, flavour))
			continue;
		error_set(err, OCF_ERR_GENERIC, "no such fact, or not such a value: %.200s=%.200s", fields.items[i].key,
			  fields.items[i].value);
		fields_clear(&fields);
		facts_clear(&facts);
		return -1;
	}
	fields_clear(&fields);
	*ret = facts;
	return 0;
}

struct gtid_set *server_held(const struct server_facts *server)
{
	/* A server with a source may hold what cannot be seen: less than all must not be taken for all. */
	if (server->has_source == TRI_UNKNOWN || (server->has_source == TRI_YES && !server->received))
		return NULL;
	struct gtid_set *held = gtid_set_copy(server->executed);
	if (held && server->has_source == TRI_YES)
		gtid_set_add(held, server->received);
	return held;
}

enum tri server_drained(const struct server_facts *server)
{
	if (!server->executed || server->has_source == TRI_UNKNOWN)
		return TRI_UNKNOWN;
	if (server->has_source == TRI_NO)
		return TRI_YES;
	if (!server->received)
		return TRI_UNKNOWN;
	return tri_of(gtid_set_contains(server->executed, server->received));
}
