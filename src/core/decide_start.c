/* Start: a running, read-only replica, whatever the node was before. Stop: nothing running, whatever it takes. */
#include "core/decide.h"

#include "base/str.h"

/* A primary without this node. */
static bool others_can_elect(const struct config *config, const struct facts *facts)
{
	const struct record *newest = facts_record(facts);
	uint64_t count = 0;
	for (size_t i = 0; i < facts->peer_count; i++)
		count += facts->peers[i].role == ROLE_REPLICA && facts->peers[i].data == TRI_YES;
	return newest->mode != RECORD_ALONE && count >= facts_reports_needed(config, facts);
}

/* A server that died as the primary takes seconds to recover, and Pacemaker promotes nobody before this start has ended. The others can
 * elect without it, and once they have, it is known what it may keep. */
static bool may_defer(const struct config *config, const struct facts *facts)
{
	return config->instance.clustered && facts->detached != TRI_YES && facts->local_role == ROLE_PRIMARY && !facts_primary(facts) &&
	       others_can_elect(config, facts);
}

/* It died as the primary, and another was promoted after it, with everything that was ever acknowledged here: what that one lacks was not. */
static bool was_superseded(const struct facts *facts, const struct peer_facts *primary)
{
	return facts->local_role == ROLE_PRIMARY && facts->primary_epoch > 0 && primary && primary->epoch > facts->primary_epoch;
}

static struct verdict launch(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts);
	/* A replica keeps all that it has received: what is undecided there may have been acknowledged. */
	if (!was_superseded(facts, primary))
		return verdict_step(STEP_LAUNCH, "%s", "");
	if (config->durability != DURABILITY_ASYNC) {
		if (facts->tail == TAIL_UNKNOWN && facts->patience_over != TRI_YES)
			return verdict_look(LOOK_PRIMARY | LOOK_TAIL);
		if (facts->tail == TAIL_CUT) {
			struct verdict v =
			    verdict_step(STEP_CUT_TAIL, "%llu commits which nobody has acknowledged, and which %s lacks, are undone",
					 (unsigned long long)facts->tail_count, primary->name);
			v.number = facts->tail_at;
			return v;
		}
	}
	return verdict_step(STEP_LAUNCH_BEHIND, "%s is the primary", primary->name);
}

/* A copy takes the place of files that are damaged, as long as there is one to be had. */
static struct verdict decide_damaged(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts);
	if (facts->damaged != TRI_YES || config->provision != PROVISION_AUTO || !config->instance.clustered || !primary ||
	    !facts_others_have_all(config, facts, primary))
		return (struct verdict){0};
	if (facts->detached != TRI_YES)
		return verdict_step(STEP_DEFER, "the server's files are damaged, see %s", config->log);
	return verdict_step(STEP_SET_ASIDE, "the server's files are damaged, see %s: it is filled again", config->log);
}

static struct verdict decide_start_dead(const struct config *config, const struct facts *facts)
{
	if (config->instance.clustered && facts->peers_known != TRI_YES)
		return verdict_look(LOOK_PEERS);
	struct verdict same = decide_server_id(facts);
	if (same.step != STEP_NONE)
		return same;
	if (facts->leaving == TRI_YES)
		return verdict_step(STEP_SET_ASIDE, "goes on with what was begun");
	if (facts->copy_whole == TRI_YES)
		return verdict_step(STEP_PLACE_COPY, "the copy is complete");
	switch (facts->datadir_empty) {
	case TRI_UNKNOWN:
		return verdict_done(OCF_ERR_INSTALLED, "the data directory %s cannot be read", config->datadir);
	case TRI_YES:
		return verdict_step(STEP_INITIALISE, "the data directory %s is empty", config->datadir);
	case TRI_NO:
		break;
	}
	struct verdict damaged = decide_damaged(config, facts);
	if (damaged.step != STEP_NONE)
		return damaged;
	if (may_defer(config, facts))
		return verdict_step(STEP_DEFER, "it died as the primary: the others elect first");
	/* The detached worker waits for their verdict, within bounds. */
	if (facts->detached == TRI_YES && facts->local_role == ROLE_PRIMARY && !facts_primary(facts) && facts->patience_over != TRI_YES &&
	    others_can_elect(config, facts))
		return verdict_step(STEP_WAIT, "waits for the others' election");
	return launch(config, facts);
}

static struct verdict decide_start_up(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (server->writable == TRI_UNKNOWN)
		return verdict_step(STEP_WAIT, "whether clients can write is not known");
	/* It runs already, and was the primary: its commits are not released by switching semi-sync off. */
	if (server->waiting > 0)
		return verdict_step(STEP_KILL_SERVER, "%llu commits wait for an acknowledgement, and it starts unpromoted",
				    (unsigned long long)server->waiting);
	if (server->writable == TRI_YES || server->agent_writable == TRI_YES)
		return verdict_step(STEP_CLOSE_WRITES, "it starts unpromoted");
	if (facts->local_role != ROLE_REPLICA)
		return verdict_step(STEP_FORGET_ROLE, "it starts unpromoted");
	if (facts->sysvars_set != TRI_YES)
		return verdict_step(STEP_SYSVARS_REPLICA, "%s", "");
	if (server->source_on == TRI_YES && server->waiting_known != TRI_YES)
		return verdict_step(STEP_WAIT, "whether commits wait is not known");
	if (server->source_on == TRI_YES)
		return verdict_step(STEP_SEMISYNC_SOURCE_OFF, "%s", "");
	if (facts->source && facts->peers_known != TRI_YES && facts->patience_over != TRI_YES)
		return verdict_look(LOOK_PEERS);
	if (!facts_lone(config) && facts_acknowledging_wrongly(config, facts))
		return verdict_step(STEP_SEMISYNC_REPLICA, "%s", "");
	if (config->instance.clustered && facts->published != TRI_YES) {
		if (server->user_data == TRI_UNKNOWN)
			return verdict_look(LOOK_USER_DATA);
		return verdict_step(STEP_PUBLISH, "%s", "");
	}
	if (facts_lone(config))
		return verdict_done(OCF_SUCCESS, "%s", "");
	struct verdict follow = decide_follow(config, facts);
	/* The detached worker of an empty node is there for the primary that is being promoted. */
	if (facts->detached == TRI_YES && follow.step == STEP_DONE && !facts_primary(facts) && !facts_on_site(facts) &&
	    facts->patience_over != TRI_YES)
		return verdict_step(STEP_WAIT, "waits for a primary");
	/* Running is running: what keeps it from replicating is the monitor's to say. */
	if (follow.step == STEP_DONE && follow.code == OCF_DEGRADED)
		follow.code = OCF_SUCCESS;
	return follow;
}

struct verdict decide_start(const struct config *config, const struct facts *facts)
{
	if (facts->worker == TRI_YES && facts->detached != TRI_YES)
		return verdict_done(OCF_SUCCESS, "the server is being brought back");
	if (facts->worker == TRI_UNKNOWN && facts->detached != TRI_YES)
		return verdict_step(STEP_WAIT, "whether a worker of this resource runs is not known");
	switch (facts->server.state) {
	case SERVER_DEAD:
		return decide_start_dead(config, facts);
	case SERVER_UP:
		return decide_start_up(config, facts);
	case SERVER_UNKNOWN:
	case SERVER_STARTING:
	case SERVER_BUSY:
		return verdict_step(STEP_WAIT, "the server is starting");
	case SERVER_FROZEN:
		return verdict_step(STEP_WAIT, "the server does not answer");
	}
	return verdict_done(OCF_ERR_GENERIC, "no such state");
}

struct verdict decide_stop(const struct config *config, const struct facts *facts)
{
	(void)config;
	if (facts->worker == TRI_YES || facts->donating == TRI_YES)
		return verdict_step(STEP_KILL_WORKER, "%s", "");
	switch (facts->server.state) {
	case SERVER_DEAD:
		return facts->worker == TRI_NO ? verdict_done(OCF_SUCCESS, "%s", "")
					       : verdict_step(STEP_WAIT, "whether a worker of this resource runs is not known");
	case SERVER_FROZEN:
		return verdict_step(STEP_KILL_SERVER, "it does not answer and does nothing");
	case SERVER_UP:
		/* A shutdown would leave what nobody acknowledged in the binary log; after a kill it is still undecided. */
		if (facts->server.waiting > 0)
			return verdict_step(STEP_KILL_SERVER, "%llu commits wait for an acknowledgement",
					    (unsigned long long)facts->server.waiting);
		if (facts->server.waiting_known != TRI_YES && facts->deadline_near != TRI_YES)
			return verdict_step(STEP_WAIT, "whether commits wait for an acknowledgement is not known");
		break;
	case SERVER_UNKNOWN:
	case SERVER_STARTING:
	case SERVER_BUSY:
		break;
	}
	if (facts->deadline_near == TRI_YES)
		return verdict_step(STEP_KILL_SERVER, "it has not shut down in time");
	if (facts->shutdown_sent != TRI_YES)
		return verdict_step(STEP_SHUTDOWN, "%s", "");
	return verdict_step(STEP_WAIT, "%s", "");
}
