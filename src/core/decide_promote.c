/* Promotion. The round has run in pre-promote; everything is looked at again here. This is the only decision that opens writes. */
#include "core/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* PROTOCOL.md, rules 3 and 4: enough sets, and all of them within what this node holds. STEP_NONE: it may be promoted. */
static struct verdict check_reports(const struct config *config, const struct facts *facts, bool only_one)
{
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts->server);
	if (!held)
		return verdict_step(STEP_WAIT, "its own position is not known");
	/* A server without any transaction may only be the first of all: everybody must have said that there is nothing else. */
	uint64_t count = 0, needed = gtid_set_empty(held) ? config->instance.clone_max : config_reports_needed(config, only_one);
	struct verdict reach = decide_reach(config, facts, held, &count);
	if (reach.step == STEP_NONE && count < needed)
		return verdict_done(OCF_ERR_GENERIC, "only %llu of %llu nodes that must report have reported in epoch %llu",
				    (unsigned long long)count, (unsigned long long)needed, (unsigned long long)facts->promised);
	return reach;
}

static struct verdict check_cluster(const struct config *config, const struct facts *facts, bool only_one)
{
	if (!config->instance.clustered || facts_lone(config))
		return (struct verdict){0};
	if (facts->peers_known != TRI_YES)
		return verdict_look(LOOK_PEERS);
	const struct peer_facts *other = facts_primary(facts);
	/* An older one acknowledges nothing once its voters have promised; without acknowledgements it would go on. */
	if (other && (other->epoch >= facts->promised || config->durability == DURABILITY_ASYNC))
		return verdict_done(OCF_ERR_GENERIC, "%s says that it is the primary", other->name);
	/* What others have reported counts only for the round in which this node has promised: an earlier one's reports look the same. */
	if (facts->round_begun != TRI_YES || facts->promised == 0)
		return verdict_done(OCF_ERR_GENERIC,
				    "no election has run for this promotion: the notification before it did not reach this node");
	for (size_t i = 0; i < facts->peer_count; i++)
		if (facts->peers[i].report_epoch > facts->promised)
			return verdict_done(OCF_ERR_GENERIC, "%s takes part in a later election", facts->peers[i].name);
	return check_reports(config, facts, only_one);
}

/* STEP_NONE: it has quorum. */
static struct verdict check_quorum(const struct config *config, const struct facts *facts)
{
	if (!config->instance.clustered || facts->quorum == TRI_YES)
		return (struct verdict){0};
	if (facts->quorum == TRI_UNKNOWN)
		return verdict_look(LOOK_QUORUM);
	return verdict_done(OCF_ERR_GENERIC, "Corosync says that this node has no quorum");
}

/* Rules 4 and 6: apply everything, stand on its own, count its acknowledgers. */
static struct verdict prepare(const struct config *config, const struct facts *facts, uint64_t k)
{
	const struct server_facts *server = &facts->server;
	struct verdict v;
	if (server->has_source == TRI_UNKNOWN)
		return verdict_step(STEP_WAIT, "whether it has a source is not known");
	if (server->has_source == TRI_YES) {
		if (server->receiver != THREAD_STOPPED)
			return verdict_step(STEP_STOP_RECEIVER, "%s", "");
		switch (server_drained(server)) {
		case TRI_UNKNOWN:
			return verdict_step(STEP_WAIT, "what it has received is not known");
		case TRI_NO:
			if (server->applier_error)
				return verdict_done(OCF_ERR_GENERIC, "broken: replication stopped: %.400s", server->applier_error);
			if (server->applier != THREAD_RUNNING)
				return verdict_step(STEP_START_APPLIER, "%s", "");
			return verdict_step(STEP_WAIT, "applies what it has received");
		case TRI_YES:
			return verdict_step(STEP_FORGET_SOURCE, "%s", "");
		}
	}
	if (config->credentials) {
		if (server->accounts == TRI_UNKNOWN)
			return verdict_look(LOOK_ACCOUNTS);
		/* Before semi-sync waits for anybody: without the account nobody can connect to acknowledge. It is a write. */
		if (server->accounts == TRI_NO) {
			v = check_quorum(config, facts);
			return v.step != STEP_NONE ? v : verdict_step(STEP_BOOTSTRAP, "the accounts do not exist yet");
		}
	}
	if (facts->sysvars_set != TRI_YES)
		return verdict_step(STEP_SYSVARS_PRIMARY, "%s", "");
	if (k > 0 && (server->source_on != TRI_YES || server->wait_count != k)) {
		v = verdict_step(STEP_SEMISYNC_SOURCE, "%s", "");
		v.number = k;
		return v;
	}
	if (server->clients >= k)
		return (struct verdict){0};
	/* The very first start: the others are empty and are filled from here. A commit that waits for an acknowledgement would hold up the
	 * copy, and the copy the acknowledgement: so they come first, and clients after them. */
	if (facts->opened_now == TRI_YES && facts->published != TRI_YES)
		return verdict_step(STEP_PUBLISH, "%s", "");
	if ((facts->opened_now == TRI_YES ? facts->deadline_near : facts->patience_over) != TRI_YES)
		return verdict_step(STEP_WAIT, "%llu of %llu replicas that must acknowledge are connected",
				    (unsigned long long)server->clients, (unsigned long long)k);
	return (struct verdict){0};
}

static struct verdict decide_promote_up(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	bool only_one = server->executed && gtid_set_flavour(server->executed) == GTID_FLAVOUR_MARIADB;
	uint64_t k = config_acknowledgers(config, only_one);
	if (server->writable == TRI_UNKNOWN)
		return verdict_step(STEP_WAIT, "whether clients can write is not known");
	if (server->writable == TRI_YES) {
		if (facts->local_role != ROLE_PRIMARY)
			return verdict_step(STEP_CLOSE_WRITES, "it was made writable outside of a promotion");
		if (config->instance.clustered && facts->published != TRI_YES)
			return verdict_step(STEP_PUBLISH, "%s", "");
		return verdict_done(OCF_SUCCESS, "%s", "");
	}
	if (facts->worker != TRI_NO)
		return verdict_done(OCF_ERR_GENERIC, "the server is being brought back");
	if (!server->executed)
		return verdict_step(STEP_WAIT, "its own position is not known");
	if (server->user_data == TRI_UNKNOWN && gtid_set_empty(server->executed))
		return verdict_look(LOOK_USER_DATA);
	struct verdict v = check_cluster(config, facts, only_one);
	if (v.step == STEP_NONE)
		v = prepare(config, facts, k);
	/* Asked last, right before the one step that matters. */
	if (v.step == STEP_NONE)
		v = check_quorum(config, facts);
	if (v.step != STEP_NONE)
		return v;
	v = verdict_step(STEP_OPEN_WRITES, "%s", "");
	v.number = facts->promised;
	return v;
}

struct verdict decide_promote(const struct config *config, const struct facts *facts)
{
	switch (facts->server.state) {
	case SERVER_UP:
		return decide_promote_up(config, facts);
	case SERVER_DEAD:
		return verdict_done(OCF_ERR_GENERIC, "the server does not run");
	case SERVER_UNKNOWN:
	case SERVER_STARTING:
	case SERVER_BUSY:
	case SERVER_FROZEN:
		break;
	}
	return verdict_step(STEP_WAIT, "the server does not answer");
}
