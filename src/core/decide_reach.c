/* Reaching the best: what the voters have reported in this round, compared with what the candidate holds. */
#include "core/decide.h"

#include <stdlib.h>

#include "base/str.h"

/* A leaf that has just become a voter may be seen to report before it is seen to be one, and counted in N. */
static bool reported(const struct config *config, const struct facts *facts, const struct peer_facts *peer)
{
	return facts->promised && peer->role != ROLE_LEAF && peer->report_epoch == facts->promised &&
	       str_equal(peer->report_candidate, config->instance.node) && peer->held;
}

/* Only a candidate that has applied what it received may change its source: its relay log may be one of the copies that count. */
static struct verdict fetch(const struct facts *facts, const struct peer_facts *peer)
{
	const struct server_facts *server = &facts->server;
	bool receives = server->receiver == THREAD_RUNNING || server->receiver == THREAD_CONNECTING;
	if (str_empty(peer->address) && facts->patience_over == TRI_YES)
		return verdict_done(OCF_ERR_GENERIC, "%s holds more, and does not say where: " NO_ADDRESS, peer->name);
	if (str_empty(peer->address))
		return verdict_step(STEP_WAIT, "%s holds more, and does not say where", peer->name);
	/* Its account is refused, or it does not listen: another is promoted, and may be that very node. */
	if (receives && server->receiver_error && facts->patience_over == TRI_YES)
		return verdict_done(OCF_ERR_GENERIC, "%s holds more, and it cannot be fetched: %.300s", peer->name, server->receiver_error);
	if (receives && str_equal(server->source_host, peer->address) && server->source_port == peer->port)
		return verdict_step(STEP_WAIT, "fetches what %s holds", peer->name);
	if (server_drained(server) == TRI_YES)
		return verdict_target(STEP_FOLLOW, peer->name, "%s holds more: fetched before the promotion", peer->name);
	if (server->applier_error)
		return verdict_done(OCF_ERR_GENERIC, "broken: replication stopped: %.300s", server->applier_error);
	if (server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "receives from another than %s, which holds more", peer->name);
	if (server->applier == THREAD_STOPPED)
		return verdict_step(STEP_START_APPLIER, "applies what it has received, before it fetches from %s", peer->name);
	return verdict_step(STEP_WAIT, "applies what it has received, before it fetches from %s", peer->name);
}

static struct verdict lacks(const struct gtid_set *held, const struct peer_facts *peer)
{
	_cleanup_free_ char *theirs = gtid_set_missing(peer->held, held);
	return verdict_done(OCF_ERR_GENERIC, "%s has %.200s which this node lacks, and cannot be fetched from it: %s", peer->name,
			    theirs ? theirs : "an unknown position",
			    peer->broken == TRI_YES ? "its replication has stopped with an error" : "they have diverged");
}

/* Sets of which neither contains the other: the one with the lower data epoch has a tail that nobody acknowledged. Which epoch a set is of
 * is known only when all of it is applied. STEP_NONE: this node's is the better one. */
static struct verdict compare_epochs(const struct server_facts *server, const struct peer_facts *peer)
{
	_cleanup_free_ char *theirs = gtid_set_missing(peer->held, server->executed),
			    *ours = gtid_set_missing(server->executed, peer->held);
	if (server_drained(server) != TRI_YES || !gtid_set_contains(peer->applied, peer->held)) {
		if (server->applier_error)
			return verdict_done(OCF_ERR_GENERIC, "broken: replication stopped: %.300s", server->applier_error);
		if (server_drained(server) == TRI_NO && server->applier == THREAD_STOPPED)
			return verdict_step(STEP_START_APPLIER, "applies what it has received, to compare it with %s", peer->name);
		return verdict_step(STEP_WAIT, "%s has %.200s which this node lacks: waits until both have applied all", peer->name,
				    theirs ? theirs : "an unknown position");
	}
	bool known = server->data_epoch_known == TRI_YES && peer->data_epoch_known == TRI_YES;
	if (known && server->data_epoch > peer->data_epoch)
		return (struct verdict){0};
	if (known && server->data_epoch < peer->data_epoch)
		return verdict_done(
		    OCF_ERR_GENERIC, "%s holds the data of epoch %llu; this node has %.200s of epoch %llu, which was never acknowledged",
		    peer->name, (unsigned long long)peer->data_epoch, ours ? ours : "", (unsigned long long)server->data_epoch);
	return lacks(server->executed, peer);
}

/* The newest record among those that have reported may name another as the only one: rule 5. */
static struct verdict check_bound(const struct config *config, const struct facts *facts)
{
	const struct record *bound = facts_bound(config, facts);
	if (!bound)
		return (struct verdict){0};
	return verdict_done(OCF_ERR_GENERIC,
			    "%s took writes alone in epoch %llu: only it may be promoted, until it has handed over what only it has",
			    bound->primary, (unsigned long long)bound->epoch);
}

/* What only it has can never be had: its applier has stopped, and so it hands over no more than it has applied; or both have applied all,
 * in one epoch, and somebody has written by hand. What was acknowledged is in the other reports too, if those are enough. */
static bool never_reached(const struct facts *facts, const struct peer_facts *peer, const struct gtid_set *held,
			  enum gtid_relation relation)
{
	const struct server_facts *server = &facts->server;
	enum gtid_relation handed_over = gtid_set_compare(held, peer->applied);
	if (peer->broken == TRI_YES)
		return handed_over != GTID_BEHIND && handed_over != GTID_RELATION_UNKNOWN;
	return relation == GTID_DIVERGED && server_drained(server) == TRI_YES && gtid_set_contains(peer->applied, peer->held) &&
	       server->data_epoch_known == TRI_YES && peer->data_epoch_known == TRI_YES && server->data_epoch == peer->data_epoch;
}

struct verdict decide_reach(const struct config *config, const struct facts *facts, const struct gtid_set *held, uint64_t *ret_reports)
{
	bool empty = gtid_set_empty(held);
	/* A voter of two has no others, and without acknowledgements nothing is known to be in their reports; nor at a first start. */
	bool may_leave_out = facts_voters(config, facts) > 2 && config->durability != DURABILITY_ASYNC && facts->server.data_epoch > 0;
	const struct peer_facts *left_out = NULL;
	uint64_t all = 1, with_data = 1;
	struct verdict verdict = empty ? (struct verdict){0} : check_bound(config, facts);
	for (size_t i = 0; verdict.step == STEP_NONE && i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		/* A leaf has no report, but it says whether there is anything on it. */
		all += empty && peer->role == ROLE_LEAF && peer->data == TRI_NO;
		if (!reported(config, facts, peer))
			continue;
		enum gtid_relation relation = gtid_set_compare(held, peer->held);
		/* A server without any GTID may be the first of all, but never wins over data that cannot be compared with it. */
		if (empty && (peer->data != TRI_NO || relation != GTID_EQUAL))
			return verdict_done(OCF_ERR_GENERIC,
					    facts->server.user_data == TRI_YES
						? "this node has schemas but no GTID and %s may have data too: they cannot be compared"
						: "this node is empty and %s may have data",
					    peer->name);
		if (may_leave_out && (relation == GTID_BEHIND || relation == GTID_DIVERGED) && never_reached(facts, peer, held, relation)) {
			left_out = peer;
			continue;
		}
		all++;
		with_data += !gtid_set_empty(peer->held);
		switch (relation) {
		case GTID_EQUAL:
		case GTID_AHEAD:
			break;
		case GTID_BEHIND:
			verdict = fetch(facts, peer);
			break;
		case GTID_DIVERGED:
		case GTID_RELATION_UNKNOWN:
			verdict = compare_epochs(&facts->server, peer);
			break;
		}
	}
	/* One whose disk was replaced no longer has what it acknowledged. It counts only where nobody is missing: then there is nothing else. */
	*ret_reports = empty || all >= facts_voters(config, facts) ? all : with_data;
	if (verdict.step == STEP_NONE && left_out && *ret_reports < facts_reports_needed(config, facts))
		return lacks(held, left_out);
	return verdict;
}
