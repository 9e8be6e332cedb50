/* Promotion. The round has run in pre-promote; everything is looked at again here. This is the only decision that opens writes. */
#include "core/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* PROTOCOL.md, rules 3 and 4: enough sets, and all of them within what this node holds. STEP_NONE: it may be promoted. */
static struct verdict check_reports(const struct config *config, const struct facts *facts)
{
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts->server);
	if (!held)
		return verdict_step(STEP_WAIT, "its own position is not known");
	if (gtid_set_empty(held) && facts->site.name)
		return verdict_done(OCF_ERR_GENERIC, "%s", FILLED_FROM_SITE);
	/* A server without any transaction may only be the first of all: everybody must have said that there is nothing else. */
	uint64_t count = 0, needed = gtid_set_empty(held) ? config->instance.clone_max : facts_reports_needed(config, facts);
	struct verdict reach = decide_reach(config, facts, held, &count);
	if (reach.step == STEP_NONE && count < needed)
		return verdict_done(OCF_ERR_GENERIC, "only %llu of %llu nodes that must report have reported in epoch %llu",
				    (unsigned long long)count, (unsigned long long)needed, (unsigned long long)facts->promised);
	return reach;
}

/* Nobody was opened in this epoch before: the only record of it is the one that this promotion has stored. */
static struct verdict check_epoch_is_new(const struct config *config, const struct facts *facts)
{
	for (size_t i = 0; i <= facts->peer_count; i++) {
		const struct record *record = i < facts->peer_count ? &facts->peers[i].record : &facts->record;
		bool own = record->version == 1 && str_equal(record->primary, config->instance.node);
		if (record->epoch > facts->promised || (record->epoch && record->epoch == facts->promised && !own))
			return verdict_done(OCF_ERR_GENERIC, "%.256s was promoted in epoch %llu already", record->primary,
					    (unsigned long long)record->epoch);
	}
	return (struct verdict){0};
}

/* Notifications that run one after the other may choose different epochs: the later ones go on from what the earlier ones have promised, and
 * those have gone by then. Who has reported to this candidate in a later epoch counts, once the candidate has promised it, too. */
static struct verdict join_later_round(const struct config *config, const struct facts *facts)
{
	struct verdict v = verdict_target(STEP_PROMISE, config->instance.node, "%s", "");
	for (size_t i = 0; i < facts->peer_count; i++)
		if (str_equal(facts->peers[i].report_candidate, config->instance.node) && facts->peers[i].report_epoch > v.number)
			v.number = facts->peers[i].report_epoch;
	return v.number > facts->promised && facts->marked == TRI_UNKNOWN ? v : (struct verdict){0};
}

static struct verdict check_cluster(const struct config *config, const struct facts *facts)
{
	if (!config->instance.clustered || facts_lone(config))
		return (struct verdict){0};
	if (facts->peers_known != TRI_YES)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_ERR_GENERIC, "%s", ATTRIBUTES_UNREADABLE)
						       : verdict_look(LOOK_PEERS);
	const struct peer_facts *other = facts_primary(facts);
	/* An older one acknowledges nothing once its voters have promised; without acknowledgements it would go on. */
	if (other && (other->epoch >= facts->promised || config->durability == DURABILITY_ASYNC))
		return verdict_done(OCF_ERR_GENERIC, "%s says that it is the primary", other->name);
	/* What others have reported counts only for the round in which this node has promised: an earlier one's reports look the same. */
	if (facts->round_begun != TRI_YES || facts->promised == 0)
		return verdict_done(OCF_ERR_GENERIC,
				    "no election has run for this promotion: the notification before it did not reach this node");
	if (facts_voters(config, facts) == 2 && facts->synced != TRI_YES)
		return verdict_done(OCF_ERR_GENERIC, "%s", NOT_SYNCED);
	struct verdict later = join_later_round(config, facts);
	if (later.step != STEP_NONE)
		return later;
	for (size_t i = 0; i < facts->peer_count; i++)
		if (facts->peers[i].report_epoch > facts->promised || facts->peers[i].promised > facts->promised ||
		    facts->peers[i].record.epoch > facts->promised || facts->peers[i].data_epoch >= facts->promised)
			return verdict_done(OCF_ERR_GENERIC, "%s takes part in a later election", facts->peers[i].name);
	if (facts->marked == TRI_UNKNOWN && facts->server.data_epoch >= facts->promised)
		return verdict_done(OCF_ERR_GENERIC, "this node holds the mark of epoch %llu already",
				    (unsigned long long)facts->server.data_epoch);
	struct verdict used = check_epoch_is_new(config, facts);
	return used.step != STEP_NONE ? used : check_reports(config, facts);
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

/* Those that have taken part in the round attach by themselves: it is worth waiting for them, and for nobody else. */
static uint64_t attaching(const struct facts *facts)
{
	uint64_t count = 0;
	for (size_t i = 0; i < facts->peer_count; i++)
		count += facts->peers[i].held && facts->peers[i].report_epoch == facts->promised;
	return count;
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
	/* Once writes are open, nobody cuts them before the next demotion. */
	v = decide_sessions_left(facts);
	if (v.step != STEP_NONE)
		return v;
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
	/* See open(): nobody is waited for. */
	if (facts_marked(facts) == TRI_NO && facts->record.mode == RECORD_ALONE && facts->record.epoch == facts->promised &&
	    config->durability == DURABILITY_ADAPTIVE)
		return (struct verdict){0};
	if (k > 0 && (server->source_on != TRI_YES || server->wait_count != k || server->lossless == TRI_NO)) {
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
	if (facts->opened_now != TRI_YES && attaching(facts) < k)
		return (struct verdict){0};
	if ((facts->opened_now == TRI_YES ? facts->deadline_near : facts->patience_over) != TRI_YES)
		return verdict_step(STEP_WAIT, "%llu of %llu replicas that must acknowledge are connected",
				    (unsigned long long)server->clients, (unsigned long long)k);
	return (struct verdict){0};
}

/* Rule 7: the mark, then the record, then the clients. A mark that is not acknowledged in time holds up no promotion, but one: what was
 * taken alone must stay bound to this node until others have it. */
static struct verdict open(const struct config *config, const struct facts *facts, uint64_t k)
{
	const struct record *newest = facts_record(facts);
	struct record record = {.epoch = facts->promised, .version = 1, .mode = RECORD_UNMARKED, .voters = facts_voters(config, facts)};
	struct verdict v;
	if (facts_lone(config)) { /* nobody else could ever be promoted */
		v = verdict_step(STEP_OPEN_WRITES, "%s", "");
		v.number = facts->promised;
		return v;
	}
	if (facts->marked == TRI_UNKNOWN) {
		v = verdict_step(STEP_MARK, "%s", "");
		v.number = facts->promised;
		return v;
	}
	snprintf(record.primary, sizeof(record.primary), "%s", config->instance.node ? config->instance.node : "localhost");
	if (facts_marked(facts) == TRI_YES || k == 0) {
		record.mode = RECORD_MAJORITY;
		record.voters = facts_voters_marked(config, facts);
	} else if (newest->mode == RECORD_ALONE && !facts_bound(config, facts)) {
		record.mode = RECORD_ALONE;
	}
	/* Others may have stored what an earlier attempt of this promotion recorded: only a later version replaces it. */
	if (facts->record.epoch == record.epoch)
		record.version = facts->record.version + (facts->record.mode != record.mode || facts->record.voters != record.voters);
	if (record.mode == RECORD_ALONE && config->durability == DURABILITY_ADAPTIVE) {
		if (record_newer(&record, &facts->record))
			return verdict_record(&record, "goes on alone: the replicas that must acknowledge are not there");
		if (record.voters == 2 && !facts_clean_known(facts) && !facts_confirmed(config, facts) && facts->deadline_near != TRI_YES)
			return verdict_look(LOOK_CLEAN);
		if (!facts_confirmed(config, facts))
			return facts->deadline_near == TRI_YES
				   ? verdict_done(OCF_ERR_GENERIC,
						  "the replicas that must acknowledge are not there, and too few nodes have "
						  "stored that this one goes on alone")
				   : verdict_step(STEP_WAIT, "waits until a majority of the nodes has stored that it goes on alone");
		if (facts->server.source_on != TRI_NO)
			return verdict_step(STEP_RELEASE_COMMITS, "goes on alone");
	}
	v = verdict_step(STEP_OPEN_WRITES, "%s", "");
	v.number = facts->promised;
	v.record = record;
	return v;
}

static struct verdict decide_promote_up(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	uint64_t k = facts_acknowledgers(config, facts);
	if (server->writable == TRI_UNKNOWN)
		return verdict_step(STEP_WAIT, "whether clients can write is not known");
	if (server->writable == TRI_YES) {
		if (facts->local_role != ROLE_PRIMARY)
			return verdict_step(STEP_CLOSE_WRITES, "it was made writable outside of a promotion");
		if (config->instance.clustered && facts->published != TRI_YES)
			return verdict_step(STEP_PUBLISH, "%s", "");
		return verdict_done(OCF_SUCCESS, "%s", "");
	}
	if (facts->preference == PREFERENCE_NEVER)
		return verdict_done(OCF_ERR_GENERIC, "%s", NEVER_PROMOTED);
	if (facts->source)
		return verdict_done(OCF_ERR_GENERIC, "%s", LEAF_DOES_NOT_VOTE);
	if (server->filter)
		return verdict_done(OCF_ERR_GENERIC, "%s: %.256s", HAS_A_FILTER, server->filter);
	if (facts->filling == TRI_YES)
		return verdict_done(OCF_ERR_GENERIC, "the copy that it is filled with is not complete");
	if (facts->worker != TRI_NO)
		return verdict_done(OCF_ERR_GENERIC, "the server is being brought back");
	if (!server->executed)
		return verdict_step(STEP_WAIT, "its own position is not known");
	if (server->user_data == TRI_UNKNOWN && gtid_set_empty(server->executed))
		return verdict_look(LOOK_USER_DATA);
	if (server->data_epoch_known != TRI_YES)
		return verdict_look(LOOK_MARK);
	struct verdict v = check_cluster(config, facts);
	if (v.step == STEP_NONE)
		v = prepare(config, facts, k);
	/* Asked last, right before the one step that matters. */
	if (v.step == STEP_NONE)
		v = check_quorum(config, facts);
	return v.step != STEP_NONE ? v : open(config, facts, k);
}

struct verdict decide_promote(const struct config *config, const struct facts *facts)
{
	switch (facts->server.state) {
	case SERVER_UP:
		return decide_promote_up(config, facts);
	case SERVER_DEAD:
		return verdict_done(OCF_ERR_GENERIC, "the server does not run");
	case SERVER_FROZEN:
		/* Another node can be promoted meanwhile. */
		return verdict_done(OCF_ERR_GENERIC, "the server does not answer and its process does nothing");
	case SERVER_UNKNOWN:
	case SERVER_STARTING:
	case SERVER_BUSY:
		break;
	}
	return verdict_step(STEP_WAIT, "the server does not answer");
}
