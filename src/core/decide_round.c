/* The round in pre-promote (PROTOCOL.md, rules 2 to 6): every survivor stops receiving, promises, reports; the candidate reaches the best
 * and applies everything; the others attach to it, before anything is opened. A refusal here moves scores; it never fails an action. */
#include "core/decide.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static bool name_in_list(const char *list, const char *name)
{
	size_t length = strlen(name);
	for (const char *at = list; at && *at;) {
		at += strspn(at, " ");
		size_t n = strcspn(at, " ");
		if (n == length && strncmp(at, name, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static uint64_t epoch_seen(const struct facts *facts)
{
	uint64_t highest = 0;
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (peer->report_epoch > highest)
			highest = peer->report_epoch;
		if (peer->role == ROLE_PRIMARY && peer->epoch > highest)
			highest = peer->epoch;
	}
	return highest;
}

/* A node that sees a higher epoch joins it; one that knows the highest begins the next. So all that begin at once meet in one. */
static struct verdict decide_promise(const struct facts *facts, const char *candidate)
{
	uint64_t seen = epoch_seen(facts);
	struct verdict v = verdict_target(STEP_PROMISE, candidate, "%s", "");
	v.number = seen > facts->promised ? seen : facts->promised + 1;
	return v;
}

static bool reports_here(const struct facts *facts, const struct peer_facts *peer, const char *candidate)
{
	return peer->report_epoch == facts->promised && str_equal(peer->report_candidate, candidate) && peer->held;
}

/* Only a candidate that has applied what it received may change its source: its relay log may be one of the copies that count. */
static struct verdict decide_fetch(const struct server_facts *server, const struct peer_facts *peer)
{
	if (server->receiver != THREAD_STOPPED && str_equal(server->source_host, peer->address) && server->source_port == peer->port)
		return verdict_step(STEP_WAIT, "fetches what %s holds", peer->name);
	if (server_drained(server) == TRI_YES)
		return verdict_target(STEP_FOLLOW, peer->name, "%s holds more: fetched before the promotion", peer->name);
	if (server->applier_error)
		return verdict_done(OCF_SUCCESS, "broken: replication stopped: %.300s", server->applier_error);
	if (server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "receives from another than %s, which holds more", peer->name);
	if (server->applier == THREAD_STOPPED)
		return verdict_step(STEP_START_APPLIER, "applies what it has received, before it fetches from %s", peer->name);
	return verdict_step(STEP_WAIT, "applies what it has received, before it fetches from %s", peer->name);
}

static struct verdict decide_candidate(const struct config *config, const struct facts *facts, const char *self, const struct gtid_set *held)
{
	const struct server_facts *server = &facts->server;
	bool missing_reports = false;
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (!reports_here(facts, peer, self)) {
			missing_reports |= peer->role == ROLE_REPLICA && name_in_list(config->instance.notify_active, peer->name);
			continue;
		}
		switch (gtid_set_compare(held, peer->held)) {
		case GTID_EQUAL:
		case GTID_AHEAD:
			continue;
		case GTID_BEHIND:
			if (gtid_set_empty(held))
				return verdict_done(OCF_SUCCESS, "this node is empty and %s has data: it must be promoted instead", peer->name);
			return decide_fetch(server, peer);
		case GTID_DIVERGED:
		case GTID_RELATION_UNKNOWN:
			break;
		}
		_cleanup_free_ char *missing = gtid_set_missing(peer->held, held);
		return verdict_done(OCF_SUCCESS, "diverged from %s, which has %.200s: not promoted", peer->name, missing ? missing : "an unknown position");
	}
	if (missing_reports && facts->patience_over != TRI_YES)
		return verdict_step(STEP_WAIT, "waits for the others' reports");
	if (server->has_source == TRI_YES && server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "%s", "");
	if (server_drained(server) != TRI_YES) {
		if (server->applier_error)
			return verdict_done(OCF_SUCCESS, "broken: replication stopped: %.300s", server->applier_error);
		return server->applier == THREAD_STOPPED ? verdict_step(STEP_START_APPLIER, "%s", "") : verdict_step(STEP_WAIT, "applies what it has received");
	}
	if (facts->reported != TRI_YES)
		return verdict_target(STEP_REPORT, self, "%s", "");
	return verdict_done(OCF_SUCCESS, "%s", "");
}

static struct verdict decide_voter(const struct facts *facts, const char *candidate, const struct gtid_set *held)
{
	const struct server_facts *server = &facts->server;
	const struct peer_facts *peer = facts_find(facts, candidate);
	if (gtid_set_empty(held))
		return verdict_done(OCF_SUCCESS, "%s", ""); /* it is filled after the promotion */
	if (!peer || !reports_here(facts, peer, candidate) || !peer->applied || !gtid_set_contains(peer->applied, held)) {
		if (facts->patience_over == TRI_YES)
			return verdict_done(OCF_SUCCESS, "%s has not taken over what this node holds", candidate);
		return verdict_step(STEP_WAIT, "waits until %s has everything", candidate);
	}
	if (server->has_source == TRI_YES && str_equal(server->source_host, peer->address) && server->source_port == peer->port &&
	    server->receiver != THREAD_STOPPED)
		return verdict_done(OCF_SUCCESS, "%s", "");
	if (server_drained(server) == TRI_YES)
		return verdict_target(STEP_FOLLOW, candidate, "%s", "");
	if (server->applier_error || facts->patience_over == TRI_YES)
		return verdict_done(OCF_SUCCESS, "has not applied what it received");
	return server->applier == THREAD_STOPPED ? verdict_step(STEP_START_APPLIER, "%s", "") : verdict_step(STEP_WAIT, "applies what it has received");
}

struct verdict decide_round(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	const char *self = config->instance.node, *candidate = config->instance.notify_promote;
	if (!self || !candidate || facts_lone(config))
		return verdict_done(OCF_SUCCESS, "%s", "");
	if (facts->worker != TRI_NO || server->state == SERVER_DEAD || server->state == SERVER_STARTING)
		return verdict_done(OCF_SUCCESS, "has no report: its server is not up");
	if (facts->deadline_near == TRI_YES)
		return verdict_done(OCF_SUCCESS, "the election of %s takes too long", candidate);
	_cleanup_gtid_ struct gtid_set *held = server_held(server);
	if (server->state != SERVER_UP || !held || server->has_source == TRI_UNKNOWN)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_SUCCESS, "has no report: its server does not answer") :
							 verdict_step(STEP_WAIT, "the server does not answer");
	if (server->writable != TRI_NO || facts->local_role == ROLE_PRIMARY)
		return verdict_done(OCF_SUCCESS, "has no report: it is the primary itself");
	if (facts->local_role != ROLE_REPLICA)
		return verdict_done(OCF_SUCCESS, "has no report: the file that says what it has promised cannot be read");
	if (server->has_source == TRI_YES && server->receiver != THREAD_STOPPED && facts->round_begun != TRI_YES)
		return verdict_step(STEP_STOP_RECEIVER, "%s", "");
	if (facts->peers_known != TRI_YES)
		return verdict_look(LOOK_PEERS);
	if (facts->round_begun != TRI_YES || facts->promised == 0 || epoch_seen(facts) > facts->promised)
		return decide_promise(facts, candidate);
	if (facts->reported == TRI_UNKNOWN)
		return verdict_target(STEP_REPORT, candidate, "%s", "");
	return str_equal(self, candidate) ? decide_candidate(config, facts, self, held) : decide_voter(facts, candidate, held);
}
