/* The round in pre-promote (PROTOCOL.md, rules 2 to 6): every survivor stops receiving, promises, reports; the candidate reaches the best
 * and applies everything; the others attach to it, before anything is opened. A busy Pacemaker runs the notifications one after the other
 * (its load limit), so each waits for the others only a moment: what could not be done here, promote does, and the others attach after it. */
#include "core/decide.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* What was promised before this round. Every node sees the same, so all that begin a round choose the same next epoch. */
static uint64_t epoch_before(const struct facts *facts)
{
	uint64_t highest = facts->promised > facts->server.data_epoch ? facts->promised : facts->server.data_epoch;
	if (facts_record(facts)->epoch > highest)
		highest = facts_record(facts)->epoch;
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (peer->promised > highest)
			highest = peer->promised;
		if (peer->role == ROLE_PRIMARY && peer->epoch > highest)
			highest = peer->epoch;
	}
	return highest;
}

/* The highest epoch of this candidate's present round. A report that its node had promised before the round is an old one. */
static uint64_t epoch_of_round(const struct facts *facts, const char *candidate)
{
	uint64_t highest = 0;
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (peer->report_epoch > peer->promised && str_equal(peer->report_candidate, candidate) && peer->report_epoch > highest)
			highest = peer->report_epoch;
	}
	return highest;
}

/* 0: the promise stands. */
static uint64_t epoch_to_promise(const struct facts *facts, const char *candidate)
{
	uint64_t before = epoch_before(facts), round = epoch_of_round(facts, candidate);
	if (facts->round_begun != TRI_YES)
		return round > before ? round : before + 1;
	if (facts->promised == 0)
		return 1;
	return round > facts->promised ? round : before > facts->promised ? before + 1 : 0;
}

static bool reports_here(const struct facts *facts, const struct peer_facts *peer, const char *candidate)
{
	return peer->report_epoch == facts->promised && str_equal(peer->report_candidate, candidate) && peer->held;
}

/* It has promised for this candidate, and its report is to come. */
static bool takes_part(const struct peer_facts *peer, const char *candidate)
{
	return peer->report_epoch > peer->promised && str_equal(peer->report_candidate, candidate);
}

static bool worth_waiting(const struct config *config, const struct facts *facts, const char *candidate)
{
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (peer->role != ROLE_REPLICA || reports_here(facts, peer, candidate) ||
		    !str_in_list(config->instance.notify_active, peer->name))
			continue;
		if (takes_part(peer, candidate) ? facts->patience_over != TRI_YES : facts->moment_over != TRI_YES)
			return true;
	}
	return false;
}

/* It has nothing else to do meanwhile, and clients wait: what promote would do next is done now. If another node has more, a source is set
 * anew anyway; if nothing comes of the promotion, the monitor sets one. */
static struct verdict wait_for_reports(const struct facts *facts, const char *self)
{
	const struct server_facts *server = &facts->server;
	if (server->has_source == TRI_YES && server->receiver == THREAD_STOPPED && server_drained(server) == TRI_YES)
		return facts->reported == TRI_YES ? verdict_step(STEP_FORGET_SOURCE, "%s", "")
						  : verdict_target(STEP_REPORT, self, "%s", "");
	return verdict_step(STEP_WAIT, "waits for the others' reports");
}

static struct verdict decide_candidate(const struct config *config, const struct facts *facts, const char *self,
				       const struct gtid_set *held)
{
	const struct server_facts *server = &facts->server;
	uint64_t count = 0;
	/* Promote says no, and must still see it. */
	if (server->filter)
		return verdict_done(OCF_SUCCESS, "%s: %.256s", HAS_A_FILTER, server->filter);
	struct verdict reach = decide_reach(config, facts, held, &count);
	if (reach.step == STEP_DONE)
		reach.code = OCF_SUCCESS; /* promote says no; the code of a notification counts for nothing */
	if (reach.step != STEP_NONE)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_SUCCESS, "%s", reach.reason) : reach;
	if (worth_waiting(config, facts, self))
		return wait_for_reports(facts, self);
	if (server->has_source == TRI_YES && server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "%s", "");
	if (server_drained(server) != TRI_YES) {
		if (server->applier_error || facts->patience_over == TRI_YES)
			return verdict_done(OCF_SUCCESS, "has not applied what it received%s%.300s", server->applier_error ? ": " : "",
					    server->applier_error ? server->applier_error : "");
		return server->applier == THREAD_STOPPED ? verdict_step(STEP_START_APPLIER, "%s", "")
							 : verdict_step(STEP_WAIT, "applies what it has received");
	}
	if (facts->reported != TRI_YES)
		return verdict_target(STEP_REPORT, self, "%s", "");
	/* While the others attach: what promote would do next. If nothing comes of the promotion, the monitor sets a source. */
	if (server->has_source == TRI_YES)
		return verdict_step(STEP_FORGET_SOURCE, "%s", "");
	return verdict_done(OCF_SUCCESS, "%s", "");
}

/* Others than this node and the candidate that have reported. */
static uint64_t voters_beside(const struct facts *facts, const char *candidate)
{
	uint64_t count = 0;
	for (size_t i = 0; i < facts->peer_count; i++)
		count += !str_equal(facts->peers[i].name, candidate) && reports_here(facts, &facts->peers[i], candidate);
	return count;
}

static uint64_t empty_leaves(const struct facts *facts)
{
	uint64_t count = 0;
	for (size_t i = 0; i < facts->peer_count; i++)
		count += facts->peers[i].role == ROLE_LEAF && facts->peers[i].data == TRI_NO;
	return count;
}

static bool attached(const struct server_facts *server, const struct peer_facts *candidate)
{
	return server->has_source == TRI_YES && str_equal(server->source_host, candidate->address) &&
	       server->source_port == candidate->port && server->receiver != THREAD_STOPPED;
}

/* A former primary takes a second to become a source for nobody: with enough others, its monitor does that. */
static bool attaches_later(const struct config *config, const struct facts *facts, const char *candidate)
{
	return facts->server.source_on == TRI_YES && voters_beside(facts, candidate) >= facts_acknowledgers(config, facts);
}

bool round_settled(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *candidate = facts_find(facts, config->instance.notify_promote);
	return facts->server.state == SERVER_UP && facts->local_role == ROLE_REPLICA && facts->worker == TRI_NO && candidate &&
	       ((attached(&facts->server, candidate) && facts->server.applier == THREAD_RUNNING && !facts->server.applier_error) ||
		attaches_later(config, facts, candidate->name));
}

static struct verdict decide_voter(const struct config *config, const struct facts *facts, const char *candidate,
				   const struct gtid_set *held)
{
	const struct server_facts *server = &facts->server;
	const struct peer_facts *peer = facts_find(facts, candidate);
	if (!peer || !reports_here(facts, peer, candidate) || !peer->applied || !gtid_set_contains(peer->applied, held)) {
		/* An empty one is to be filled before clients may write, and that begins here: the moment is not enough for it. */
		bool absent = facts->moment_over == TRI_YES && !(peer && takes_part(peer, candidate)) && !gtid_set_empty(held);
		if (facts->patience_over == TRI_YES || absent)
			return verdict_done(OCF_SUCCESS, "%s has not taken over what this node holds", candidate);
		if (server->applier_error && facts->reported == TRI_YES)
			return verdict_done(OCF_SUCCESS, "cannot hand over all that it holds: %.300s", server->applier_error);
		/* The candidate may have to know of what epoch all of it is. */
		if (server_drained(server) == TRI_NO && server->applier == THREAD_STOPPED && !server->applier_error)
			return verdict_step(STEP_START_APPLIER, "%s", "");
		if ((server_drained(server) == TRI_YES || server->applier_error) && facts->reported != TRI_YES &&
		    (server->has_source == TRI_NO || server->receiver == THREAD_STOPPED))
			return verdict_target(STEP_REPORT, candidate, "%s", "");
		return verdict_step(STEP_WAIT, "waits until %s has everything", candidate);
	}
	/* At a first start all must report in one epoch. Not before they have: a late node takes the promise of one that has left the round for
	 * an older one, and raises the epoch; and whose worker waits for a primary cannot report again. A monitor fills it, too. */
	if (gtid_set_empty(held) && gtid_set_empty(peer->held) &&
	    voters_beside(facts, candidate) + 2 + empty_leaves(facts) < config->instance.clone_max)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_SUCCESS, "empty: it is filled after the promotion")
						       : verdict_step(STEP_WAIT, "waits for the others' reports");
	if (gtid_set_empty(held))
		return verdict_step(STEP_DEFER, "empty: a detached worker fills it as soon as %s is the primary", candidate);
	if (attached(server, peer))
		return verdict_done(OCF_SUCCESS, "%s", "");
	if (attaches_later(config, facts, candidate))
		return verdict_done(OCF_SUCCESS, "follows after the promotion: others acknowledge");
	if (server->source_on == TRI_YES && worth_waiting(config, facts, candidate))
		return verdict_step(STEP_WAIT, "waits for the others' reports");
	if (str_empty(peer->address))
		return facts->patience_over == TRI_YES ? verdict_done(OCF_SUCCESS, "%s cannot be followed yet: " NO_ADDRESS, candidate)
						       : verdict_step(STEP_WAIT, "waits for the address of %s", candidate);
	if (server_drained(server) == TRI_YES)
		return verdict_target(STEP_FOLLOW, candidate, "%s", "");
	if (server->applier_error || facts->patience_over == TRI_YES)
		return verdict_done(OCF_SUCCESS, "has not applied what it received");
	return server->applier == THREAD_STOPPED ? verdict_step(STEP_START_APPLIER, "%s", "")
						 : verdict_step(STEP_WAIT, "applies what it has received");
}

/* The worker of an empty node that waits for the primary of an election before this one, of which nothing has come: nobody has anything that
 * it could copy. A peer whose data is not known does not count, for one with such a worker is that, too: at worst a copy begins again. */
static bool waits_in_vain(const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (facts->worker != TRI_YES || server->state != SERVER_UP || facts->filling != TRI_NO || facts->peers_known != TRI_YES ||
	    facts->site.name || !gtid_set_empty(server->executed))
		return false;
	for (size_t i = 0; i < facts->peer_count; i++)
		if (facts->peers[i].data == TRI_YES || facts->peers[i].role == ROLE_PRIMARY)
			return false;
	return true;
}

struct verdict decide_round(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	const char *self = config->instance.node, *candidate = config->instance.notify_promote;
	if (!self || !candidate || facts_lone(config))
		return verdict_done(OCF_SUCCESS, "%s", "");
	if (facts_leaf(facts))
		return verdict_done(OCF_SUCCESS, "has no report: %s", LEAF_DOES_NOT_VOTE);
	if (waits_in_vain(facts))
		return verdict_step(STEP_KILL_WORKER, "empty, and nobody has data: it reports anew");
	/* The others must know that it cannot report: as long as they try to be promoted, no monitor of this one begins. */
	if (facts->worker != TRI_NO || server->state == SERVER_DEAD || server->state == SERVER_STARTING)
		return facts->published == TRI_NO && facts->patience_over != TRI_YES
			   ? verdict_step(STEP_PUBLISH, "%s", "")
			   : verdict_done(OCF_SUCCESS, "has no report: its server is not up");
	if (facts->filling == TRI_YES)
		return verdict_done(OCF_SUCCESS, "has no report: the copy that it is filled with is not complete");
	if (facts->deadline_near == TRI_YES)
		return verdict_done(OCF_SUCCESS, "the election of %s takes too long", candidate);
	_cleanup_gtid_ struct gtid_set *held = server_held(server);
	if (server->state != SERVER_UP || !held || server->has_source == TRI_UNKNOWN)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_SUCCESS, "has no report: its server does not answer")
						       : verdict_step(STEP_WAIT, "the server does not answer");
	if (server->writable != TRI_NO || facts->local_role == ROLE_PRIMARY)
		return verdict_done(OCF_SUCCESS, "has no report: it is the primary itself");
	if (facts->local_role != ROLE_REPLICA)
		return verdict_done(OCF_SUCCESS, "has no report: the file that says what it has promised cannot be read");
	/* The others' promotion waits for this notification. */
	if (facts->peers_known != TRI_YES)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_SUCCESS, "has no report: %s", ATTRIBUTES_UNREADABLE)
						       : verdict_look(LOOK_PEERS);
	/* After a reload Pacemaker 3 takes the primary for a replica, and promotes it once more. A promise would depose it. */
	const struct peer_facts *chosen = facts_find(facts, candidate);
	if (chosen && chosen->role == ROLE_PRIMARY && chosen->epoch >= facts->promised)
		return verdict_done(OCF_SUCCESS, "%s is the primary already", candidate);
	/* What it publishes says whether there is anything in it. */
	if (server->user_data == TRI_UNKNOWN && gtid_set_empty(server->executed))
		return verdict_look(LOOK_USER_DATA);
	/* A node whose own files were lost has promised nothing, but its data say how far the epochs have come. */
	if (server->data_epoch_known != TRI_YES)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_SUCCESS, "has no report: its marks cannot be read")
						       : verdict_look(LOOK_MARK);
	if (facts_voters(config, facts) == 2 && facts->synced != TRI_YES)
		return verdict_done(OCF_SUCCESS, "has no report: %s", NOT_SYNCED);
	/* So that the others can tell a report of this round from an older one. */
	if (facts->round_begun != TRI_YES && facts->published == TRI_NO)
		return verdict_step(STEP_PUBLISH, "%s", "");
	struct verdict promise = verdict_target(STEP_PROMISE, candidate, "%s", "");
	promise.number = epoch_to_promise(facts, candidate);
	if (promise.number)
		return promise;
	/* The promise holds from here on, and what it has received is final only now. */
	if (facts->reported == TRI_UNKNOWN && server->has_source == TRI_YES && server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "%s", "");
	if (facts->reported == TRI_UNKNOWN)
		return verdict_target(STEP_REPORT, candidate, "%s", "");
	return str_equal(self, candidate) ? decide_candidate(config, facts, self, held) : decide_voter(config, facts, candidate, held);
}
