/* The promotion score: advice to Pacemaker, never a role. */
#include "core/decide.h"

#include <stdio.h>

#include "base/str.h"

static enum score none(char reason[static 256], const char *why)
{
	snprintf(reason, 256, "%s", why);
	return SCORE_NONE;
}

/* Another has reported what this node lacks. */
static bool behind_a_report(const struct facts *facts)
{
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts->server);
	for (size_t i = 0; i < facts->peer_count; i++)
		if (gtid_set_compare(held, facts->peers[i].held) == GTID_BEHIND)
			return true;
	return false;
}

bool score_is_due(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *candidate = facts_find(facts, config->instance.notify_promote);
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts->server);
	return !facts_record(facts)->epoch && candidate && gtid_set_compare(held, candidate->held) == GTID_AHEAD;
}

/* It was the primary, another one was promoted after it, and it has not followed that one yet: it may have what nobody acknowledged, with
 * which it would be chosen in vain, again and again. */
static bool may_have_a_tail(const struct config *config, const struct facts *facts)
{
	const struct record *newest = facts_record(facts);
	return facts->primary_epoch > 0 && newest->epoch > facts->primary_epoch && !str_equal(newest->primary, config->instance.node) &&
	       facts->server.has_source == TRI_NO;
}

/* Nodes that are up and could report. */
static uint64_t reporters(const struct config *config, const struct facts *facts)
{
	bool empty = gtid_set_empty(facts->server.executed);
	uint64_t known = 1, without = 0;
	for (size_t i = 0; i < facts->peer_count; i++) {
		known += facts->peers[i].role == ROLE_REPLICA || facts->peers[i].role == ROLE_PRIMARY ||
			 (empty && facts->peers[i].role == ROLE_LEAF);
		without += facts->peers[i].role == ROLE_REPLICA && facts->peers[i].data == TRI_NO;
	}
	/* See decide_reach(). */
	return !empty && known < facts_voters(config, facts) ? known - without : known;
}

static uint64_t reporters_needed(const struct config *config, const struct facts *facts)
{
	/* An empty node must never win over data that has not come up yet. */
	return gtid_set_empty(facts->server.executed) ? config->instance.clone_max : facts_reports_needed(config, facts);
}

bool round_in_vain(const struct config *config, const struct facts *facts)
{
	return str_equal(config->instance.notify_promote, config->instance.node) && facts->local_role == ROLE_REPLICA &&
	       facts->peers_known == TRI_YES && facts->server.executed && reporters(config, facts) < reporters_needed(config, facts);
}

/* Nobody is the primary: is there a point in promoting this one? */
static enum score score_election(const struct config *config, const struct facts *facts, char reason[static 256])
{
	bool empty = gtid_set_empty(facts->server.executed);
	uint64_t known = reporters(config, facts), needed = reporters_needed(config, facts), with_data = 0;
	for (size_t i = 0; i < facts->peer_count; i++)
		with_data += facts->peers[i].data == TRI_YES;
	if (facts_voters(config, facts) == 2 && facts->synced != TRI_YES)
		return none(reason, NOT_SYNCED);
	if (empty && facts->site.name)
		return none(reason, FILLED_FROM_SITE);
	if (known < needed) {
		snprintf(reason, 256, "no primary: %llu of %llu nodes that must report are up", (unsigned long long)known,
			 (unsigned long long)needed);
		return SCORE_NONE;
	}
	if (empty && with_data)
		return none(reason, facts->server.user_data == TRI_YES
					? "has schemas but no GTID, and another node has data: they cannot be compared"
					: "empty, and another node has data");
	/* In the very first start there may be no account yet to fetch it with: the other is to be chosen. Later, a candidate fetches what it
	 * lacks, and a change of scores in the middle of an election costs more than that. */
	if (!facts_record(facts)->epoch && behind_a_report(facts))
		return SCORE_BEHIND;
	if (may_have_a_tail(config, facts))
		return SCORE_BEHIND;
	if (empty && facts->server.user_data != TRI_YES)
		return SCORE_EMPTY;
	/* Pacemaker starts it again, and would choose it again: another has its turn. */
	return facts->promotion_failed == TRI_YES ? SCORE_BEHIND : SCORE_GOOD;
}

/* Of the data alone. */
static enum score score_server(const struct config *config, const struct facts *facts, char reason[static 256])
{
	const struct server_facts *server = &facts->server;
	if (facts->worker == TRI_YES)
		return none(reason, "the server is being brought back");
	if (facts->filling == TRI_YES)
		return none(reason, "the copy that it is filled with is not complete");
	/* The first primary of all, before those that are filled from it: a better score of theirs would move the role at once. */
	if (facts->opened_now == TRI_YES)
		return SCORE_GOOD;
	if (server->state == SERVER_BUSY && facts->local_role == ROLE_PRIMARY)
		return SCORE_GOOD;
	if (server->state != SERVER_UP || !server->executed)
		return none(reason, "the server does not answer");
	if (facts->local_role == ROLE_PRIMARY)
		return SCORE_GOOD;
	if (server->applier_error)
		return none(reason, "replication stopped with an error");
	if (server->filter)
		return none(reason, HAS_A_FILTER);
	const struct peer_facts *primary = facts_primary(facts);
	if (facts_lone(config))
		return SCORE_GOOD;
	const struct record *bound = facts_bound(config, facts);
	if (bound && !gtid_set_empty(server->executed)) {
		snprintf(reason, 256, "%.128s took writes alone in epoch %llu: only it may be promoted", bound->primary,
			 (unsigned long long)bound->epoch);
		return SCORE_NONE;
	}
	if (facts->peers_known != TRI_YES && server->receiver != THREAD_RUNNING)
		return none(reason, "what the other nodes are is not known");
	if (primary && (gtid_set_empty(server->executed) || facts->diverged_twice == TRI_YES))
		return none(reason, "its data is not the primary's");
	if (!primary && facts->peers_known == TRI_YES)
		return score_election(config, facts, reason);
	return server->lagging == TRI_YES ? SCORE_BEHIND : SCORE_GOOD;
}

enum score decide_score(const struct config *config, const struct facts *facts, char reason[static 256])
{
	reason[0] = '\0';
	/* As long as there is a primary to stay with. */
	if (facts->switchover_refused && facts->local_role == ROLE_REPLICA && facts->server.receiver == THREAD_RUNNING)
		return SCORE_BARRED;
	enum score score = score_server(config, facts, reason);
	if (score == SCORE_NONE)
		return score;
	if (facts->source)
		return facts->local_role == ROLE_PRIMARY ? SCORE_AVOID : none(reason, LEAF_DOES_NOT_VOTE);
	switch (facts->preference) {
	case PREFERENCE_NEVER:
		return facts->local_role == ROLE_PRIMARY ? SCORE_AVOID : none(reason, NEVER_PROMOTED);
	case PREFERENCE_AVOID:
		return facts->local_role != ROLE_PRIMARY && score > SCORE_AVOID ? SCORE_AVOID : score;
	case PREFERENCE_UNKNOWN:
	case PREFERENCE_NEUTRAL:
		return facts->local_role != ROLE_PRIMARY && facts->preferred_elsewhere == TRI_YES && score == SCORE_GOOD ? SCORE_OTHER
															 : score;
	case PREFERENCE_PREFER:
		break;
	}
	return score;
}
