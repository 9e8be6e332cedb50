/* The record (PROTOCOL.md, rules 5, 8, 9, 13): which one counts, who has stored it, and what follows from it for everybody. */
#include "core/decide.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

const struct record *facts_record(const struct facts *facts)
{
	const struct record *newest = &facts->record;
	for (size_t i = 0; i < facts->peer_count; i++)
		if (record_newer(&facts->peers[i].record, newest))
			newest = &facts->peers[i].record;
	return newest;
}

static bool may_vote(const struct peer_facts *peer)
{
	return peer->role != ROLE_LEAF && !peer->source;
}

bool facts_leaf(const struct facts *facts)
{
	return facts->source && facts->local_role != ROLE_PRIMARY && facts->server.replica_on != TRI_YES;
}

/* Voters become leaves one after the other, each once the record no longer counts the one before it. */
enum tri facts_acknowledges(const struct config *config, const struct facts *facts)
{
	if (facts_on_site(facts))
		return TRI_NO;
	if (!facts->source || facts_leaf(facts))
		return tri_of(!facts->source);
	if (facts->peers_known != TRI_YES)
		return TRI_UNKNOWN;
	for (size_t i = 0; i < facts->peer_count; i++)
		if (facts->peers[i].source && facts->peers[i].role == ROLE_REPLICA &&
		    strcmp(facts->peers[i].name, config->instance.node) < 0)
			return TRI_YES;
	return tri_of(facts_record(facts)->voters > facts_members(config, facts));
}

bool facts_acknowledging_wrongly(const struct config *config, const struct facts *facts)
{
	enum tri wanted = facts_acknowledges(config, facts);
	return wanted != TRI_UNKNOWN && facts->server.replica_on != wanted;
}

/* Instances that there should be, but for leaves; a voter is one until it says that it is a leaf. Pacemaker tells the number to actions that
 * it begins, and monitors that run already keep the one they were begun with: that there are more than these know of is seen. */
uint64_t facts_members(const struct config *config, const struct facts *facts)
{
	uint64_t here = facts_leaf(facts) ? 0 : 1, leaves = 1 - here;
	for (size_t i = 0; i < facts->peer_count; i++) {
		bool votes = facts->peers[i].role == ROLE_PRIMARY || facts->peers[i].role == ROLE_REPLICA;
		here += votes;
		leaves += !votes && !may_vote(&facts->peers[i]);
	}
	uint64_t wanted = leaves < config->instance.clone_max ? config->instance.clone_max - leaves : 1;
	return here > wanted && !facts_lone(config) ? here : wanted;
}

uint64_t facts_voters(const struct config *config, const struct facts *facts)
{
	uint64_t recorded = facts_lone(config) ? 1 : facts_record(facts)->voters, present = facts_members(config, facts);
	/* While their number changes, both the old and the new ones must be able to meet. */
	return recorded > present ? recorded : present;
}

static bool waits_for_one(const struct facts *facts)
{
	return gtid_set_flavour(facts->server.executed) == GTID_FLAVOUR_MARIADB;
}

uint64_t facts_acknowledgers(const struct config *config, const struct facts *facts)
{
	return config_acknowledgers(config, facts_voters(config, facts), waits_for_one(facts));
}

/* More voters than are recorded: until then commits waited for the acknowledgements of fewer, and each must be in one of the reports. */
uint64_t facts_reports_needed(const struct config *config, const struct facts *facts)
{
	uint64_t voters = facts_voters(config, facts), recorded = facts_record(facts)->voters;
	uint64_t needed = config_reports_needed(config, voters, waits_for_one(facts));
	uint64_t k = recorded ? config_acknowledgers(config, recorded, waits_for_one(facts)) : 0;
	return k > 0 && recorded < voters && voters - k > needed ? voters - k : needed;
}

const struct record *facts_bound(const struct config *config, const struct facts *facts)
{
	const struct record *newest = facts_record(facts);
	return newest->mode == RECORD_ALONE && !str_equal(newest->primary, config->instance.node) ? newest : NULL;
}

const struct peer_facts *facts_superseding(const struct facts *facts)
{
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (peer->promised > facts->primary_epoch || peer->report_epoch > facts->primary_epoch ||
		    peer->record.epoch > facts->primary_epoch || (peer->role == ROLE_PRIMARY && peer->epoch > facts->primary_epoch))
			return peer;
	}
	return NULL;
}

const struct record *facts_superseding_record(const struct config *config, const struct facts *facts)
{
	for (size_t i = 0; i <= facts->peer_count; i++) {
		const struct record *record = i < facts->peer_count ? &facts->peers[i].record : &facts->record;
		if (record->epoch > facts->primary_epoch ||
		    (record->epoch && record->epoch == facts->primary_epoch && !str_equal(record->primary, config->instance.node)))
			return record;
	}
	return NULL;
}

/* Rule 13: who acknowledged is not known, so only while nobody else is there than those who stay voters, and whoever is to be a leaf is one:
 * what cannot be seen may still acknowledge. */
uint64_t facts_voters_marked(const struct config *config, const struct facts *facts)
{
	uint64_t others = 0, voters = facts_voters(config, facts), present = facts_members(config, facts);
	bool seen = facts->peers_known == TRI_YES;
	for (size_t i = 0; i < facts->peer_count; i++) {
		others += facts->peers[i].role == ROLE_REPLICA;
		seen = seen && (!facts->peers[i].source || facts->peers[i].role == ROLE_LEAF);
	}
	return voters > present && (!seen || others >= present) ? voters : present;
}

enum tri facts_outsiders(const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (server->replicas_known != TRI_YES)
		return TRI_UNKNOWN;
	if (server->foreign == 0 || server->foreign_acknowledge == TRI_YES)
		return tri_of(server->foreign > 0);
	/* Our leaves' sessions are of the same account, and acknowledge nothing. */
	uint64_t voters = 0, leaves = 0;
	for (size_t i = 0; i < facts->peer_count; i++) {
		voters += facts->peers[i].role == ROLE_REPLICA;
		leaves += !may_vote(&facts->peers[i]);
	}
	if (leaves > 0 && facts->peers_known != TRI_YES)
		return TRI_UNKNOWN;
	return tri_of(server->clients > (leaves > 0 && voters < server->ours ? voters : server->ours));
}

enum tri facts_marked(const struct facts *facts)
{
	return facts->marked == TRI_YES && facts_outsiders(facts) != TRI_NO ? TRI_NO : facts->marked;
}

/* It holds exactly this epoch's record, this version or a later one, and has promised nothing higher. */
static bool confirms(const struct peer_facts *peer, const struct record *record)
{
	return peer->record.epoch == record->epoch && peer->record.version >= record->version && peer->promised <= record->epoch &&
	       peer->report_epoch <= record->epoch;
}

bool facts_clean_known(const struct facts *facts)
{
	for (size_t i = 0; i < facts->peer_count; i++)
		if (facts->peers[i].clean != TRI_UNKNOWN)
			return true;
	return false;
}

bool facts_confirmed(const struct config *config, const struct facts *facts)
{
	uint64_t voters = facts_voters(config, facts), count = 1, others = 0;
	if (!facts->record.epoch || facts->peers_known != TRI_YES || facts->promised > facts->record.epoch)
		return false;
	for (size_t i = 0; i < facts->peer_count; i++)
		others += may_vote(&facts->peers[i]);
	for (size_t i = 0; i < facts->peer_count; i++) {
		count += facts->peers[i].role != ROLE_LEAF && confirms(&facts->peers[i], &facts->record);
		/* Of two, one that was fenced counts. Which of several others the second voter is, is not known. */
		count += voters == 2 && others == 1 && may_vote(&facts->peers[i]) && facts->peers[i].clean == TRI_YES;
	}
	return count >= voters / 2 + 1;
}

struct verdict verdict_record(const struct record *record, const char *reason)
{
	struct verdict v = verdict_step(STEP_RECORD, "%s", reason);
	v.record = *record;
	return v;
}

/* Of two nodes, one alone decides nothing before it knows what the other has recorded and promised: the same epoch must not come twice. */
static struct verdict keep_in_step(const struct facts *facts)
{
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		struct verdict v = verdict_step(STEP_SYNCED, "%s", "");
		v.number = peer->promised > facts->promised ? peer->promised : facts->promised;
		if (may_vote(peer) && peer->role != ROLE_UNKNOWN && (facts->synced == TRI_NO || v.number > facts->promised))
			return v;
	}
	return (struct verdict){0};
}

struct verdict decide_keep(const struct config *config, const struct facts *facts)
{
	const struct record *newest = facts_record(facts);
	if (!config->instance.clustered || facts->peers_known != TRI_YES)
		return (struct verdict){0};
	if (record_newer(newest, &facts->record))
		return verdict_record(newest, "");
	return facts_members(config, facts) == 2 && !facts_leaf(facts) ? keep_in_step(facts) : (struct verdict){0};
}

struct verdict decide_linger(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts);
	uint64_t replicas = 0;
	if (config->durability != DURABILITY_ADAPTIVE || facts->patience_over == TRI_YES)
		return verdict_done(OCF_SUCCESS, "%s", "");
	if (facts->peers_known != TRI_YES)
		return verdict_step(STEP_WAIT, "the other nodes' attributes are not known");
	for (size_t i = 0; i < facts->peer_count; i++)
		replicas += facts->peers[i].role == ROLE_REPLICA;
	bool stored = primary && facts->record.mode == RECORD_ALONE && facts->record.epoch == primary->epoch;
	/* With MariaDB one is enough, which is not known here: to wait in vain costs little. */
	if (!primary || stored || replicas >= facts_voters(config, facts) / 2)
		return verdict_done(OCF_SUCCESS, "%s", "");
	return verdict_step(STEP_WAIT, "%s lacks acknowledgers", primary->name);
}
