/* Monitor: what the server is, said in one code and one sentence. It mends what is its own to keep (a replica is closed, semi-sync is on,
 * a replica follows the primary) and changes no role. */
#include "core/decide.h"

#include <stdio.h>

#include "base/str.h"

static bool is_primary(const struct facts *facts)
{
	return facts->local_role == ROLE_PRIMARY;
}

static struct verdict decide_monitor_dead(const struct config *config, const struct facts *facts)
{
	if (facts->worker == TRI_YES)
		return verdict_done(OCF_DEGRADED, "the server is being brought back");
	/* Also a node whose server does not run keeps the newest record: a primary may be waiting for it. */
	if (config->instance.interval_ms && config->instance.clustered && facts->peers_known != TRI_YES && facts->patience_over != TRI_YES)
		return verdict_look(LOOK_PEERS);
	/* The primary may be about to go on alone, and Pacemaker's next action here may be seconds away. */
	if (config->instance.interval_ms && config->instance.clustered && !is_primary(facts) && facts->patience_over != TRI_YES) {
		struct verdict linger = facts->published == TRI_NO ? verdict_step(STEP_PUBLISH, "%s", "") : decide_linger(config, facts);
		if (linger.step != STEP_DONE)
			return linger;
	}
	if (config->instance.interval_ms && is_primary(facts))
		return verdict_done(OCF_FAILED_PROMOTED, "the server is gone: its process has ended; see %s", config->log);
	if (config->instance.interval_ms)
		return verdict_done(OCF_NOT_RUNNING, "the server is gone: its process has ended; see %s", config->log);
	return verdict_done(OCF_NOT_RUNNING, "%s", "");
}

static struct record record_next(const struct config *config, const struct facts *facts, enum record_mode mode)
{
	struct record record = {.epoch = facts->primary_epoch, .version = 1, .mode = mode, .voters = facts_voters(config, facts)};
	if (facts->record.epoch == record.epoch)
		record.version = facts->record.version + 1;
	snprintf(record.primary, sizeof(record.primary), "%s", config->instance.node ? config->instance.node : "localhost");
	return record;
}

/* Replicas that may acknowledge: connected, as the server says, but no more than have a node; none when commits are stuck all the same. */
static uint64_t acknowledging(const struct facts *facts)
{
	uint64_t connected = facts->server.clients, replicas = 0;
	if (facts->stuck == TRI_YES)
		return 0;
	if (facts_outsiders(facts) == TRI_YES && facts->server.ours < connected)
		connected = facts->server.ours;
	for (size_t i = 0; i < facts->peer_count; i++)
		replicas += facts->peers[i].role == ROLE_REPLICA;
	return facts->peers_known == TRI_YES && replicas < connected ? replicas : connected;
}

/* Rule 9, and 13: the replicas are connected, and commits wait for them. Once one of ours was acknowledged they hold everything, and only
 * then the record may say so. */
static struct verdict decide_back(const struct config *config, const struct facts *facts)
{
	struct verdict v = verdict_step(STEP_MARK, "enough replicas are back");
	struct record record = record_next(config, facts, RECORD_MAJORITY);
	enum tri marked = facts_marked(facts);
	v.number = facts->primary_epoch;
	/* What was released before is released again: the record still says so. */
	bool alone = marked == TRI_NO && facts->record.mode == RECORD_ALONE && config->durability == DURABILITY_ADAPTIVE;
	if (alone && facts->quorum == TRI_UNKNOWN && facts->patience_over != TRI_YES)
		return verdict_look(LOOK_QUORUM);
	if (alone && facts->quorum == TRI_YES && facts->moment_over == TRI_YES && facts_confirmed(config, facts))
		return verdict_step(STEP_RELEASE_COMMITS, "stays alone: the replicas are connected, but do not acknowledge");
	if (marked == TRI_NO)
		return verdict_done(OCF_DEGRADED_PROMOTED,
				    "the replicas are connected, and have yet to receive what was written without them");
	if (facts_outsiders(facts) != TRI_NO)
		return verdict_done(OCF_DEGRADED_PROMOTED,
				    facts->outsider
					? "the replicas are connected, but one outside of the cluster acknowledges too: whether "
					  "they have everything is not known. Switch semi-sync off there: %s"
					: "the replicas are connected, but whose they are is not known%s",
				    facts->outsider ? facts->outsider : "");
	if (marked == TRI_UNKNOWN)
		return v;
	record.voters = facts_voters_marked(config, facts);
	return verdict_record(&record, "enough replicas have everything");
}

static const char *goes_alone_not(const struct config *config, const struct facts *facts)
{
	if (config->durability != DURABILITY_ADAPTIVE)
		return "with durability=majority they wait until replicas are back";
	if (!facts->primary_epoch)
		return "it was promoted as the only instance and must be promoted anew";
	if (facts->quorum == TRI_UNKNOWN)
		return "whether this node has quorum is not known";
	if (facts->quorum != TRI_YES)
		return "Corosync says that this node has no quorum";
	return "too few nodes have stored that it may go on alone";
}

/* Rule 8. Commits wait, for replicas are missing: the record first, then its confirmation by a majority of the nodes, and only then they
 * are released. */
static struct verdict decide_alone(const struct config *config, const struct facts *facts, uint64_t k)
{
	bool recorded = facts->record.mode == RECORD_ALONE && facts->record.epoch == facts->primary_epoch &&
			str_equal(facts->record.primary, config->instance.node);
	struct verdict waits =
	    verdict_done(OCF_DEGRADED_PROMOTED, "commits wait: %llu of %llu replicas that must acknowledge are connected; %s",
			 (unsigned long long)acknowledging(facts), (unsigned long long)k, goes_alone_not(config, facts));
	if (config->durability != DURABILITY_ADAPTIVE || !config->instance.clustered || facts->quorum == TRI_NO || !facts->primary_epoch)
		return waits;
	if (facts->quorum == TRI_UNKNOWN)
		return facts->patience_over == TRI_YES ? waits : verdict_look(LOOK_QUORUM);
	/* A replica that has just been restarted is back in a moment. */
	if (facts->moment_over != TRI_YES)
		return verdict_step(STEP_WAIT, "%llu of %llu replicas that must acknowledge are connected",
				    (unsigned long long)acknowledging(facts), (unsigned long long)k);
	if (!recorded) {
		struct record record = record_next(config, facts, RECORD_ALONE);
		return verdict_record(&record,
				      "the replicas that must acknowledge are gone: goes on alone, as soon as a majority has stored that");
	}
	if (facts_voters(config, facts) == 2 && !facts_clean_known(facts) && facts->patience_over != TRI_YES)
		return verdict_look(LOOK_CLEAN);
	if (facts_confirmed(config, facts))
		return verdict_step(STEP_RELEASE_COMMITS, "goes on alone: a majority of the nodes has stored that");
	return facts->patience_over == TRI_YES ? waits : verdict_step(STEP_WAIT, "waits until a majority has stored that it goes on alone");
}

static struct verdict decide_primary_waits(const struct config *config, const struct facts *facts, uint64_t k)
{
	const struct server_facts *server = &facts->server;
	bool alone = facts->record.mode == RECORD_ALONE && config->durability == DURABILITY_ADAPTIVE;
	/* In effect: nothing waits for anybody. */
	if (alone && server->source_on == TRI_NO && (acknowledging(facts) < k || facts->back_failed == TRI_YES))
		return verdict_done(
		    OCF_DEGRADED_PROMOTED,
		    "alone: commits are acknowledged that only this node has, since too few replicas acknowledge (%llu of %llu)",
		    (unsigned long long)(facts->back_failed == TRI_YES ? 0 : acknowledging(facts)), (unsigned long long)k);
	bool waits = server->source_on == TRI_YES && server->wait_count == k;
	if (!waits || server->lossless == TRI_NO) {
		struct verdict v = waits ? verdict_step(STEP_SEMISYNC_SOURCE, "semi-sync would not have waited in every case")
					 : verdict_step(STEP_SEMISYNC_SOURCE, "semi-sync was off or waited for %llu instead of %llu",
							(unsigned long long)server->wait_count, (unsigned long long)k);
		v.number = k;
		return v;
	}
	if (facts_outsiders(facts) == TRI_YES && facts->outsiders_cut != TRI_YES)
		return verdict_step(STEP_CUT_OUTSIDERS, "a replica outside of the cluster acknowledges commits");
	if (acknowledging(facts) < k)
		return decide_alone(config, facts, k);
	if (facts->record.epoch && (facts->record.mode != RECORD_MAJORITY || facts->record.voters != facts_voters_marked(config, facts)))
		return decide_back(config, facts);
	if (facts->outsider)
		return verdict_done(
		    OCF_DEGRADED_PROMOTED,
		    "a replica outside of the cluster acknowledges commits, and is cut off each time: %s. Switch semi-sync off "
		    "there",
		    facts->outsider);
	return verdict_done(OCF_RUNNING_PROMOTED, "%s", "");
}

static struct verdict decide_monitor_primary(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	uint64_t k = facts_acknowledgers(config, facts);
	if (server->writable == TRI_UNKNOWN)
		return verdict_done(OCF_DEGRADED_PROMOTED, "whether clients can write is not known");
	if (server->writable == TRI_NO)
		return config->instance.interval_ms
			   ? verdict_done(OCF_FAILED_PROMOTED, "the primary is read-only: somebody has set read_only")
			   : verdict_done(OCF_SUCCESS, "%s", "");
	if (!config->instance.clustered || facts_lone(config))
		return verdict_done(OCF_RUNNING_PROMOTED, "%s", "");
	const struct peer_facts *later = facts_superseding(facts);
	const struct record *record = facts_superseding_record(config, facts);
	if (later)
		return verdict_done(OCF_FAILED_PROMOTED, "superseded: %s takes part in a later epoch than this primary's, %llu",
				    later->name, (unsigned long long)facts->primary_epoch);
	if (record)
		return verdict_done(OCF_FAILED_PROMOTED, "superseded: the record of epoch %llu names %.256s as the primary",
				    (unsigned long long)record->epoch, record->primary);
	if (facts->promised > facts->primary_epoch)
		return verdict_done(OCF_FAILED_PROMOTED,
				    "superseded: this node has promised epoch %llu, which is later than this primary's, %llu",
				    (unsigned long long)facts->promised, (unsigned long long)facts->primary_epoch);
	if (server->waiting_known != TRI_YES)
		return verdict_done(OCF_DEGRADED_PROMOTED, "whether commits wait for an acknowledgement is not known");
	/* While all is well the others are looked at now and then only. */
	if (facts->peers_known != TRI_YES &&
	    (acknowledging(facts) < k || facts->stalled == TRI_YES || facts->published == TRI_NO || facts->record.mode == RECORD_ALONE))
		return facts->patience_over != TRI_YES ? verdict_look(LOOK_PEERS)
						       : verdict_done(OCF_DEGRADED_PROMOTED, "%s", ATTRIBUTES_UNREADABLE);
	return k > 0 ? decide_primary_waits(config, facts, k) : verdict_done(OCF_RUNNING_PROMOTED, "%s", "");
}

static bool follows_the_primary(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts), *source = facts_source(config, facts);
	return !primary || (facts_delays_rightly(facts) && facts->promised == primary->epoch &&
			    str_equal(facts->server.source_host, source->address) && facts->server.source_port == source->port);
}

static struct verdict decide_monitor_replica(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (facts->worker == TRI_YES)
		return verdict_done(OCF_DEGRADED, "the server is being brought back");
	if (server->writable == TRI_UNKNOWN)
		return verdict_done(OCF_DEGRADED, "whether clients can write is not known");
	if (facts->local_role != ROLE_REPLICA)
		return verdict_done(OCF_ERR_GENERIC, "its role is not known: the file that says it cannot be read");
	if (server->writable == TRI_NO && server->agent_writable == TRI_YES)
		return verdict_step(STEP_CLOSE_WRITES, "a replica must be closed to administrators, too");
	if (server->writable == TRI_YES)
		return verdict_step(STEP_CLOSE_WRITES, "a replica must not be writable: somebody has switched read_only off");
	struct verdict cut = decide_sessions_left(facts);
	if (cut.step != STEP_NONE)
		return cut;
	if (facts_lone(config) || !config->instance.clustered)
		return verdict_done(OCF_SUCCESS, "%s", "");
	/* A server without any transaction says to the others whether it has data all the same. */
	if (server->user_data == TRI_UNKNOWN && gtid_set_empty(server->executed))
		return verdict_look(LOOK_USER_DATA);
	if (facts->source && !facts_leaf(facts) && facts->peers_known != TRI_YES && facts->patience_over != TRI_YES)
		return verdict_look(LOOK_PEERS);
	if (facts_acknowledging_wrongly(config, facts))
		return verdict_step(STEP_SEMISYNC_REPLICA, facts_on_site(facts) ? "a replica of the other site acknowledges nothing"
							   : facts->source	? "a leaf acknowledges nothing"
										: "semi-sync was switched off on this replica");
	/* An applier that has come to the torn end of an old relay log has applied all that is there: it may follow. */
	if (server->applier_error && !(server->receiver == THREAD_STOPPED && server_drained(server) == TRI_YES))
		return decide_broken(config, facts);
	/* Now and then, whether it is the primary that it receives from; and as long as its record binds it to a primary that is alone. */
	bool unsettled = facts->record.mode == RECORD_ALONE || facts->record.mode == RECORD_UNMARKED;
	if ((facts->published == TRI_NO || unsettled) && facts->peers_known != TRI_YES)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_DEGRADED, "%s", ATTRIBUTES_UNREADABLE) : verdict_look(LOOK_PEERS);
	bool follows = server->receiver == THREAD_RUNNING && server->applier == THREAD_RUNNING && follows_the_primary(config, facts);
	/* Now and then: MySQL replicates on, whatever it holds beside that. */
	if (follows && facts->published == TRI_NO) {
		struct verdict errant = decide_errant(config, facts);
		if (errant.step != STEP_NONE)
			return errant;
	}
	/* The copy has proved itself. */
	if (follows && server->lagging == TRI_NO && facts->aside == TRI_YES && facts->filling == TRI_NO && !config->keep_old_data)
		return verdict_step(STEP_DROP_ASIDE, "the node is in sync without it");
	if (follows && server->lagging == TRI_YES)
		return verdict_done(OCF_DEGRADED, "catching up: %llu s behind", (unsigned long long)server->lag_s);
	if (follows && server->filter)
		return verdict_done(OCF_DEGRADED, "%s: %.256s", HAS_A_FILTER, server->filter);
	if (follows && facts_source_loops(config, facts))
		return verdict_done(
		    OCF_DEGRADED,
		    "replicates from the primary: the node attributes systole-%s-source make it a leaf of %s, and that one a leaf of it",
		    config->instance.resource, facts->source);
	if (follows && facts->switchover_refused)
		return verdict_done(OCF_DEGRADED, "a switchover to this node was refused: %.400s", facts->switchover_refused);
	if (follows)
		return verdict_done(OCF_SUCCESS, "%s", "");
	struct verdict follow = decide_follow(config, facts);
	if (follow.step != STEP_DONE || follow.code != OCF_SUCCESS)
		return follow.step == STEP_DONE && follow.code != OCF_DEGRADED ? verdict_done(OCF_DEGRADED, "%s", follow.reason) : follow;
	/* Nobody is the primary, and this one will not be: for once the reason is for everybody to see. */
	char reason[256];
	if (!facts_primary(facts) && facts->disconnected_before == TRI_YES && facts->peers_known == TRI_YES &&
	    decide_score(config, facts, reason) == SCORE_NONE)
		return verdict_done(OCF_DEGRADED, "not to be promoted: %s", reason);
	if (!facts_primary(facts) && facts->disconnected_before == TRI_YES && facts_on_site(facts))
		return verdict_done(OCF_DEGRADED, "not connected to the other site: %.400s",
				    server->receiver_error ? server->receiver_error : "connecting");
	if (!facts_primary(facts) && facts->disconnected_before == TRI_YES && facts->site.asked == TRI_NO)
		return verdict_done(OCF_DEGRADED, "%s", follow.reason);
	/* A primary that has just died looks like this too, and every change of a result makes Pacemaker calculate anew: it must have lasted. */
	if (facts_primary(facts) && facts->disconnected_before == TRI_YES)
		return verdict_done(OCF_DEGRADED, "not connected to the primary: %.400s",
				    server->receiver_error ? server->receiver_error : "connecting");
	return verdict_done(OCF_SUCCESS, "%s", "");
}

static struct verdict decide_monitor_up(const struct config *config, const struct facts *facts)
{
	if (facts->server.copy_wanted == TRI_YES && facts->donating == TRI_NO && config->instance.interval_ms)
		return verdict_step(STEP_DONATE, "another node asks for a copy");
	struct verdict v = is_primary(facts) ? decide_monitor_primary(config, facts) : decide_monitor_replica(config, facts);
	if (v.step != STEP_DONE || v.code == OCF_FAILED_PROMOTED || v.code == OCF_ERR_GENERIC || facts->worker != TRI_NO)
		return v;
	/* With nothing more urgent to do. */
	struct verdict binlogs = decide_binlogs(config, facts);
	return binlogs.step == STEP_NONE ? v : binlogs;
}

struct verdict decide_monitor(const struct config *config, const struct facts *facts)
{
	bool primary = is_primary(facts) && config->instance.interval_ms;
	switch (facts->server.state) {
	case SERVER_DEAD:
		return decide_monitor_dead(config, facts);
	case SERVER_UP:
		return decide_monitor_up(config, facts);
	case SERVER_STARTING:
		if (facts->worker == TRI_YES || !config->instance.interval_ms)
			return verdict_done(OCF_DEGRADED, "the server is starting or recovering");
		return verdict_done(primary ? OCF_FAILED_PROMOTED : OCF_ERR_GENERIC, "the server runs but does not listen on %s",
				    config->socket);
	case SERVER_BUSY:
		return verdict_done(primary ? OCF_DEGRADED_PROMOTED : OCF_DEGRADED, "busy: it does not answer in time, but works");
	case SERVER_FROZEN:
		return verdict_done(primary ? OCF_FAILED_PROMOTED : OCF_ERR_GENERIC,
				    "the server does not answer and its process does nothing");
	case SERVER_UNKNOWN:
		break;
	}
	return verdict_done(primary ? OCF_DEGRADED_PROMOTED : OCF_DEGRADED, "the state of the server could not be seen");
}
