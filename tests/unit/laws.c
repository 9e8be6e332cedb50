#include <stdio.h>

#include "world.h"

unsigned long tried, steps[STEP_COUNT];

static struct verdict (*const decide[])(const struct config *, const struct facts *) = {
    [MONITOR] = decide_monitor, [START] = decide_start, [STOP] = decide_stop,	  [PROMOTE] = decide_promote,
    [DEMOTE] = decide_demote,	[ROUND] = decide_round, [FOLLOW] = decide_follow, [KEEP] = decide_keep,
};
static const char *const decision_names[] = {"monitor", "start", "stop", "promote", "demote", "round", "follow", "keep"};

#define LAW(condition)                     \
	do {                               \
		if (!(condition))          \
			return #condition; \
	} while (0)

/* --- The record, and the numbers that follow from it --- */
static bool newer(const struct record *a, const struct record *b)
{
	return a->epoch > b->epoch || (a->epoch == b->epoch && a->version > b->version);
}

/* Of all that can be seen. */
static const struct record *newest(void)
{
	const struct record *found = &facts.record;

	for (size_t i = 0; i < facts.peer_count; i++)
		if (newer(&peers[i].record, found))
			found = &peers[i].record;
	return found;
}

static bool ours(const struct record *record)
{
	return str_equal(record->primary, "node1");
}

/* N: until fewer are recorded, as many as there were. */
static uint64_t instances(void)
{
	uint64_t here = 1, wanted = config.instance.clone_max;

	for (size_t i = 0; i < facts.peer_count; i++) {
		here += peers[i].role == ROLE_PRIMARY || peers[i].role == ROLE_REPLICA;
		wanted -= peers[i].role == ROLE_LEAF && wanted > 1;
	}
	return config.instance.clone_max > 1 && here > wanted ? here : wanted;
}

static uint64_t voters(void)
{
	uint64_t recorded = newest()->voters, present = instances();

	if (config.instance.clone_max < 2)
		return present;
	return recorded > present ? recorded : present;
}

/* k */
uint64_t law_acknowledgers(void)
{
	if (config.durability == DURABILITY_ASYNC || voters() < 2)
		return 0;
	return flavour == GTID_FLAVOUR_MARIADB ? 1 : voters() / 2;
}

/* A majority, and as many as to have every acknowledged transaction among them; of two, one. */
static uint64_t sets_needed(void)
{
	uint64_t n = voters(), majority = n / 2 + 1, rest = n - law_acknowledgers();

	if (n == 2)
		return 1;
	return config.durability != DURABILITY_ASYNC && rest > majority ? rest : majority;
}

/* It says that another was opened in this epoch. */
static bool anothers(const struct record *record, uint64_t epoch)
{
	return epoch && record->epoch == epoch && !ours(record);
}

/* Somebody takes part in something later than this. */
static bool superseded(uint64_t epoch)
{
	for (size_t i = 0; i < facts.peer_count; i++) {
		const struct peer_facts *peer = &peers[i];

		if (peer->promised > epoch || peer->report_epoch > epoch || peer->record.epoch > epoch)
			return true;
		if ((peer->role == ROLE_PRIMARY && peer->epoch > epoch) || anothers(&peer->record, epoch))
			return true;
	}
	return facts.promised > epoch || facts.record.epoch > epoch || anothers(&facts.record, epoch);
}

static uint64_t others_that_vote(void)
{
	uint64_t count = 0;

	for (size_t i = 0; i < facts.peer_count; i++)
		count += peers[i].role != ROLE_LEAF;
	return count;
}

/* Rule 8: a majority of the voters has this record or a later one of the same epoch, and has promised nothing higher. */
bool law_confirmed(void)
{
	uint64_t have = 1;

	if (facts.peers_known != TRI_YES || facts.record.epoch == 0 || facts.promised > facts.record.epoch)
		return false;
	for (size_t i = 0; i < facts.peer_count; i++) {
		const struct peer_facts *peer = &peers[i];
		bool stored = peer->record.epoch == facts.record.epoch && peer->record.version >= facts.record.version;
		bool bound_elsewhere = peer->promised > facts.record.epoch || peer->report_epoch > facts.record.epoch;

		if (peer->role != ROLE_LEAF &&
		    ((stored && !bound_elsewhere) || (voters() == 2 && others_that_vote() == 1 && peer->clean == TRI_YES)))
			have++;
	}
	return 2 * have > voters();
}

/* Those that may leave when fewer are voters might be the ones that acknowledged. */
static bool voters_may_be(uint64_t number)
{
	uint64_t others = 0;

	for (size_t i = 0; i < facts.peer_count; i++)
		others += peers[i].role == ROLE_REPLICA;
	return number == voters() || (number == instances() && (facts.marked == TRI_YES || law_acknowledgers() == 0) &&
				      facts.peers_known == TRI_YES && others < number);
}

/* --- Promotion --- */
static bool drained(void)
{
	if (facts.server.has_source == TRI_NO)
		return facts.server.executed != NULL;
	return facts.server.has_source == TRI_YES && gtid_set_contains(facts.server.executed, facts.server.received);
}

/* What a reporter has beyond this node was never acknowledged: its data are known to be of an earlier epoch. */
bool law_may_be_shed(const struct peer_facts *peer)
{
	return drained() && !gtid_set_contains(peer->held, facts.server.executed) && gtid_set_contains(peer->applied, peer->held) &&
	       facts.server.data_epoch_known == TRI_YES && peer->data_epoch_known == TRI_YES && facts.server.data_epoch > peer->data_epoch;
}

/* What it alone has cannot be had from it, and is in as many others as are needed if it was acknowledged. */
bool law_may_be_left_out(const struct peer_facts *peer, const struct gtid_set *held)
{
	bool nothing_to_fetch = gtid_set_contains(held, peer->applied) || !gtid_set_contains(peer->applied, held);

	if (voters() <= 2 || config.durability == DURABILITY_ASYNC || facts.server.data_epoch == 0)
		return false;
	return (peer->broken == TRI_YES && nothing_to_fetch) ||
	       (drained() && gtid_set_contains(peer->applied, peer->held) && !gtid_set_contains(peer->held, held) &&
		facts.server.data_epoch_known == TRI_YES && peer->data_epoch_known == TRI_YES &&
		facts.server.data_epoch == peer->data_epoch);
}

/* Rules 2 to 5. */
static const char *election_law(void)
{
	bool empty = gtid_set_empty(facts.server.executed);
	uint64_t sets = 1, with_data = 1;

	LAW(facts.peers_known == TRI_YES);
	LAW(facts.preference != PREFERENCE_NEVER && !facts.source);
	LAW(facts.promised > 0 && facts.round_begun == TRI_YES);
	LAW(voters() != 2 || facts.synced == TRI_YES);
	LAW(facts.record.epoch <= facts.promised && !anothers(&facts.record, facts.promised));
	LAW(facts.server.data_epoch < facts.promised || facts.marked != TRI_UNKNOWN);
	for (size_t i = 0; i < facts.peer_count; i++) {
		const struct peer_facts *peer = &peers[i];

		LAW(!(peer->role == ROLE_PRIMARY && peer->epoch >= facts.promised));
		LAW(peer->report_epoch <= facts.promised);
		LAW(peer->promised <= facts.promised && peer->record.epoch <= facts.promised);
		LAW(!anothers(&peer->record, facts.promised));
		/* Who holds the mark of an epoch has promised it. */
		LAW(peer->data_epoch < facts.promised);
		sets += empty && peer->role == ROLE_LEAF && peer->data == TRI_NO;
		if (peer->role == ROLE_LEAF || peer->report_epoch != facts.promised || !str_equal(peer->report_candidate, "node1") ||
		    !peer->held)
			continue;
		LAW(!empty || peer->data == TRI_NO);
		if (!gtid_set_contains(facts.server.executed, peer->held) && !law_may_be_shed(peer)) {
			LAW(law_may_be_left_out(peer, facts.server.executed));
			continue;
		}
		sets++;
		with_data += !gtid_set_empty(peer->held);
	}
	if (empty) {
		LAW(sets == config.instance.clone_max);
		return NULL;
	}
	/* An empty set may be that of a new disk: it counts where nobody is missing. */
	LAW((sets >= voters() ? sets : with_data) >= sets_needed());
	LAW(newest()->mode != RECORD_ALONE || ours(newest()));
	return NULL;
}

/* Creating the accounts is a write, too. */
static const char *write_law(void)
{
	LAW(facts.server.state == SERVER_UP && facts.server.writable == TRI_NO);
	LAW(facts.worker == TRI_NO && facts.filling != TRI_YES);
	LAW(facts.server.executed != NULL);
	LAW(facts.server.has_source == TRI_NO);
	LAW(facts.server.data_epoch_known == TRI_YES);
	LAW(!config.instance.clustered || facts.quorum == TRI_YES);
	return config.instance.clone_max > 1 ? election_law() : NULL;
}

static bool waits_for_acknowledgers(void)
{
	uint64_t k = law_acknowledgers();

	return k == 0 || (facts.server.source_on == TRI_YES && facts.server.wait_count == k);
}

/* Whoever has acknowledged the mark is a node of the cluster. */
static bool only_ours(void)
{
	const struct server_facts *server = &facts.server;

	return server->replicas_known == TRI_YES &&
	       (server->foreign == 0 || (server->foreign_acknowledge != TRI_YES && server->clients <= server->ours));
}

static bool mark_missed(void)
{
	return facts.marked == TRI_NO || (facts.marked == TRI_YES && !only_ours());
}

/* What the primary took alone is on no other node for certain: it was alone before, and the mark was not acknowledged. */
static bool stays_alone(void)
{
	return newest()->mode == RECORD_ALONE && ours(newest()) && mark_missed() && law_acknowledgers() > 0;
}

static const char *open_law(const struct verdict *v)
{
	const struct record *record = &v->record;

	LAW(v->number == facts.promised);
	LAW(facts.server.accounts == TRI_YES);
	LAW(facts.sysvars_set == TRI_YES);
	/* Those of an earlier time as the primary would stay for ever. */
	LAW(!facts.sessions_left || facts.server.waiting_known != TRI_YES || facts.server.waiting > 0);
	if (config.instance.clone_max < 2) {
		LAW(record->epoch == 0);
		return write_law();
	}
	LAW(facts.marked != TRI_UNKNOWN);
	LAW(record->epoch == facts.promised && record->version > 0 && ours(record));
	/* Whoever has stored the one before takes this one for newer. */
	LAW(newer(record, &facts.record) || memcmp(record, &facts.record, sizeof(*record)) == 0);
	LAW((record->mode == RECORD_ALONE) == stays_alone());
	LAW(record->mode != RECORD_MAJORITY || (facts.marked == TRI_YES && only_ours()) || law_acknowledgers() == 0);
	LAW(record->mode == RECORD_UNMARKED || record->mode == RECORD_MAJORITY || record->mode == RECORD_ALONE);
	LAW(voters_may_be(record->voters));
	if (record->mode == RECORD_ALONE && config.durability == DURABILITY_ADAPTIVE)
		LAW(facts.server.source_on == TRI_NO && law_confirmed() && facts.record.mode == RECORD_ALONE);
	else
		LAW(waits_for_acknowledgers());
	return write_law();
}

/* --- The mark, the record, and being alone --- */
static const char *primary_law(void)
{
	LAW(config.instance.clustered && config.instance.clone_max > 1);
	LAW(facts.server.state == SERVER_UP && facts.server.writable == TRI_YES && facts.server.waiting_known == TRI_YES);
	LAW(facts.local_role == ROLE_PRIMARY && facts.primary_epoch > 0);
	LAW(!superseded(facts.primary_epoch));
	return NULL;
}

static const char *mark_law(enum decision decision, const struct verdict *v)
{
	LAW(facts.marked == TRI_UNKNOWN);
	LAW(waits_for_acknowledgers());
	if (decision == MONITOR) {
		LAW(v->number == facts.primary_epoch && facts.server.clients >= law_acknowledgers() && law_acknowledgers() > 0);
		return primary_law();
	}
	LAW(v->number == facts.promised && config.instance.clone_max > 1);
	LAW(facts.server.accounts == TRI_YES && facts.sysvars_set == TRI_YES);
	return write_law();
}

static uint64_t replicas_seen(void)
{
	uint64_t count = 0;

	for (size_t i = 0; i < facts.peer_count; i++)
		count += peers[i].role == ROLE_REPLICA;
	return count;
}

/* The node that is, or is being made, the primary says in which epoch it is alone. */
static const char *alone_law(enum decision decision, const struct record *record)
{
	LAW(config.durability == DURABILITY_ADAPTIVE);
	LAW(facts.peers_known == TRI_YES && facts.quorum == TRI_YES);
	LAW(record->mode == RECORD_ALONE && ours(record) && record->epoch > 0);
	LAW(record->epoch == (decision == PROMOTE ? facts.promised : facts.primary_epoch));
	LAW(record->voters == voters());
	if (decision == PROMOTE) {
		LAW(stays_alone());
		return write_law();
	}
	/* Too few replicas, or none that acknowledges: commits are stuck, or the mark of the way back was. */
	LAW(replicas_seen() < law_acknowledgers() || facts.server.clients < law_acknowledgers() || facts.stuck == TRI_YES ||
	    (mark_missed() && facts.record.mode == RECORD_ALONE) || (!only_ours() && facts.server.ours < law_acknowledgers()));
	LAW(waits_for_acknowledgers());
	LAW(facts.moment_over == TRI_YES);
	return primary_law();
}

static const char *release_law(enum decision decision)
{
	LAW(law_confirmed());
	LAW(!superseded(facts.record.epoch));
	return alone_law(decision, &facts.record);
}

static const char *record_law(enum decision decision, const struct verdict *v)
{
	const struct record *record = &v->record;

	LAW(config.instance.clustered);
	LAW(newer(record, &facts.record));
	if (decision == KEEP) {
		LAW(facts.peers_known == TRI_YES);
		LAW(memcmp(record, newest(), sizeof(*record)) == 0);
		return NULL;
	}
	/* A newer one that others show is kept first. */
	LAW(newer(record, newest()) || newer(newest(), &facts.record));
	if (decision == PROMOTE)
		LAW(waits_for_acknowledgers());
	if (decision == PROMOTE || record->mode == RECORD_ALONE)
		return alone_law(decision, record);
	LAW(record->mode == RECORD_MAJORITY && ours(record) && record->epoch == facts.primary_epoch);
	LAW(facts.marked == TRI_YES && only_ours());
	LAW(law_acknowledgers() > 0 && waits_for_acknowledgers() && facts.server.clients >= law_acknowledgers());
	LAW(voters_may_be(record->voters));
	return primary_law();
}

/* Of two nodes. */
static const char *synced_law(const struct verdict *v)
{
	LAW(config.instance.clone_max == 2 && config.instance.clustered && facts.peers_known == TRI_YES);
	LAW(!newer(newest(), &facts.record));
	LAW(peers[0].role != ROLE_UNKNOWN);
	LAW(v->number == (peers[0].promised > facts.promised ? peers[0].promised : facts.promised));
	LAW(facts.synced == TRI_NO || v->number > facts.promised);
	return NULL;
}

/* Whoever sees a newer record than its own keeps it, and of two nodes each promises what the other has. */
static const char *kept_law(void)
{
	if (!config.instance.clustered || facts.peers_known != TRI_YES)
		return NULL;
	LAW(!newer(newest(), &facts.record));
	LAW(config.instance.clone_max != 2 || peers[0].role == ROLE_UNKNOWN ||
	    (facts.synced != TRI_NO && peers[0].promised <= facts.promised));
	return NULL;
}

/* --- Replication --- */
/* Others that have all their data. */
static uint64_t whole(void)
{
	uint64_t count = 0;

	for (size_t i = 0; i < facts.peer_count; i++)
		count += peers[i].role == ROLE_PRIMARY || (peers[i].role == ROLE_REPLICA && peers[i].data == TRI_YES);
	return count;
}

static bool differs(const struct peer_facts *primary)
{
	return facts.diverged_twice == TRI_YES && primary->asked == TRI_YES && primary->position &&
	       facts.server.has_source != TRI_UNKNOWN &&
	       (!gtid_set_contains(primary->position, facts.server.executed) ||
		!gtid_set_contains(primary->position, facts.server.received));
}

static bool cannot_go_on(const struct peer_facts *primary)
{
	return facts.server.receiver_error || (primary->purged && !gtid_set_contains(facts.server.executed, primary->purged));
}

/* Its data was given away, or is, on its own. */
static const char *copy_law(enum decision decision, const struct verdict *v)
{
	bool here = facts.local_role == ROLE_REPLICA && facts.server.writable == TRI_NO && facts.server.state == SERVER_UP;

	LAW(facts.worker != TRI_YES || facts.detached == TRI_YES);
	if (v->step == STEP_SET_ASIDE) {
		const struct peer_facts *primary = facts_primary(&facts);

		LAW(decision == START && facts.server.state == SERVER_DEAD);
		if (facts.leaving == TRI_YES)
			return NULL;
		LAW(facts.damaged == TRI_YES && facts.detached == TRI_YES);
		LAW(config.provision == PROVISION_AUTO && facts.datadir_empty == TRI_NO && facts.copy_whole != TRI_YES);
		LAW(primary && primary->record.epoch == primary->epoch);
		LAW(primary->record.mode == RECORD_ALONE || (primary->record.mode == RECORD_MAJORITY && whole() >= sets_needed()));
	}
	if (v->step == STEP_PLACE_COPY)
		LAW(decision == START && facts.server.state == SERVER_DEAD && facts.copy_whole == TRI_YES);
	if (v->step == STEP_COPY_POSITION)
		LAW(here && facts.copy_placed == TRI_YES);
	if (v->step == STEP_DROP_ASIDE)
		LAW(here && facts.aside == TRI_YES && facts.filling == TRI_NO && !config.keep_old_data && facts.server.lagging == TRI_NO &&
		    facts.server.receiver == THREAD_RUNNING && facts.server.applier == THREAD_RUNNING);
	return NULL;
}

static const char *forget_source_law(enum decision decision)
{
	const struct peer_facts *primary = facts_primary(&facts);

	if (decision == PROMOTE || decision == ROUND) {
		LAW(drained() && facts.server.receiver == THREAD_STOPPED);
		/* In the round: only the candidate, and not before the others have its word. */
		LAW(decision == PROMOTE || (facts.reported == TRI_YES && str_equal(config.instance.notify_promote, config.instance.node)));
		return NULL;
	}
	/* What it cannot read there the primary has, and enough others. */
	LAW(facts.server.applier_error && primary && primary->asked == TRI_YES);
	LAW(gtid_set_contains(primary->position, facts.server.executed) && gtid_set_contains(primary->position, facts.server.received));
	LAW(primary->record.mode == RECORD_ALONE || (primary->record.mode == RECORD_MAJORITY && whole() >= sets_needed()));
	return NULL;
}

/* The other site, when there is nobody of this cluster to follow, and its data are of a later epoch than any primary here has written. */
static const char *site_law(bool filled)
{
	const struct peer_facts *site = &facts.site;
	bool empty = gtid_set_empty(facts.server.executed), asked = facts.fill_asked == TRI_YES;
	bool lacks_nothing = gtid_set_contains(site->position, facts.server.executed) &&
			     (facts.server.has_source == TRI_NO || gtid_set_contains(site->position, facts.server.received));

	for (size_t i = 0; i < facts.peer_count; i++)
		LAW(peers[i].role != ROLE_PRIMARY || peers[i].epoch < facts.promised);
	LAW(facts.peers_known == TRI_YES && facts.server.writable == TRI_NO && facts.local_role == ROLE_REPLICA);
	LAW(site->asked == TRI_YES && site->position && site->data_epoch_known == TRI_YES && site->data_epoch > newest()->epoch);
	LAW(!filled || !empty || facts.filling == TRI_YES || facts.server.user_data == TRI_NO);
	LAW(lacks_nothing || asked || facts.filling == TRI_YES || (!filled && site->waiting > 0));
	LAW(filled || (drained() && facts.filling != TRI_YES));
	return NULL;
}

static const char *provision_law(const struct verdict *v)
{
	const struct peer_facts *primary = facts_find(&facts, v->target);
	bool empty = gtid_set_empty(facts.server.executed) && (facts.server.has_source == TRI_NO || gtid_set_empty(facts.server.received));

	LAW(facts.peers_known == TRI_YES);
	LAW(primary == &facts.site || (primary && primary->role == ROLE_PRIMARY && primary->epoch >= facts.promised));
	LAW(facts.local_role == ROLE_REPLICA && facts.server.writable == TRI_NO);
	LAW(facts.worker == TRI_NO || (facts.detached == TRI_YES && facts.worker == TRI_UNKNOWN));
	LAW(facts.server.state == SERVER_UP);
	LAW(facts.fill_asked == TRI_YES || facts.copies_failed == 0 || (facts.copies_failed < 5 && facts.copy_due == TRI_YES));
	if (primary == &facts.site)
		return site_law(true);
	if (facts.filling == TRI_YES)
		return NULL;
	if (empty) {
		LAW(facts.server.user_data == TRI_NO);
	} else {
		LAW(config.provision == PROVISION_AUTO || facts.fill_asked == TRI_YES);
		LAW(facts.server.applier_error || differs(primary) || cannot_go_on(primary));
		/* What it gives away may be the second copy of something, until others have all that the primary has. */
		LAW(primary->record.epoch == primary->epoch);
		LAW(primary->record.mode == RECORD_ALONE || (primary->record.mode == RECORD_MAJORITY && whole() >= sets_needed()));
	}
	return NULL;
}

static const char *follow_law(enum decision decision, const struct verdict *v)
{
	const struct peer_facts *source = facts_find(&facts, v->target);

	LAW(facts.peers_known == TRI_YES && source);
	LAW(drained() && facts.filling != TRI_YES);
	LAW(facts.server.writable != TRI_YES);
	/* The candidate fetches from whoever holds more, the others attach to the candidate: both in this very round. */
	if (decision == ROUND || decision == PROMOTE) {
		LAW(facts.round_begun == TRI_YES && source->report_epoch == facts.promised && facts.server.writable == TRI_NO);
		LAW(gtid_set_contains(source->held, facts.server.executed));
		return NULL;
	}
	if (source == &facts.site)
		return site_law(false);
	LAW(source->role == ROLE_PRIMARY && source->epoch >= facts.promised);
	LAW(source->asked == TRI_YES);
	LAW(gtid_set_contains(source->position, facts.server.executed) || source->waiting > 0);
	return NULL;
}

/* --- What an action may do, and when it may say that it is done --- */
static bool step_is_of(enum decision decision, enum step step)
{
	static const unsigned long of[] = {
	    [MONITOR] = 1ul << STEP_SEMISYNC_SOURCE | 1ul << STEP_CLOSE_WRITES | 1ul << STEP_SEMISYNC_REPLICA | 1ul << STEP_STOP_RECEIVER |
			1ul << STEP_START_APPLIER | 1ul << STEP_FOLLOW | 1ul << STEP_PROVISION | 1ul << STEP_MARK | 1ul << STEP_RECORD |
			1ul << STEP_RELEASE_COMMITS | 1ul << STEP_PUBLISH | 1ul << STEP_CUT_OUTSIDERS | 1ul << STEP_COPY_POSITION |
			1ul << STEP_DROP_ASIDE | 1ul << STEP_DONATE | 1ul << STEP_FORGET_SOURCE | 1ul << STEP_HOLD_BINLOGS |
			1ul << STEP_EXPIRE_BINLOGS | 1ul << STEP_KILL_SESSIONS,
	    [START] = 1ul << STEP_INITIALISE | 1ul << STEP_LAUNCH | 1ul << STEP_LAUNCH_BEHIND | 1ul << STEP_CUT_TAIL | 1ul << STEP_DEFER |
		      1ul << STEP_CLOSE_WRITES | 1ul << STEP_FORGET_ROLE | 1ul << STEP_SYSVARS_REPLICA | 1ul << STEP_SEMISYNC_SOURCE_OFF |
		      1ul << STEP_SEMISYNC_REPLICA | 1ul << STEP_PUBLISH | 1ul << STEP_STOP_RECEIVER | 1ul << STEP_START_APPLIER |
		      1ul << STEP_FOLLOW | 1ul << STEP_PROVISION | 1ul << STEP_KILL_SERVER | 1ul << STEP_PLACE_COPY |
		      1ul << STEP_SET_ASIDE | 1ul << STEP_COPY_POSITION | 1ul << STEP_FORGET_SOURCE,
	    [STOP] = 1ul << STEP_KILL_WORKER | 1ul << STEP_KILL_SERVER | 1ul << STEP_SHUTDOWN,
	    [PROMOTE] = 1ul << STEP_CLOSE_WRITES | 1ul << STEP_PUBLISH | 1ul << STEP_STOP_RECEIVER | 1ul << STEP_START_APPLIER |
			1ul << STEP_FOLLOW | 1ul << STEP_FORGET_SOURCE | 1ul << STEP_BOOTSTRAP | 1ul << STEP_SYSVARS_PRIMARY |
			1ul << STEP_SEMISYNC_SOURCE | 1ul << STEP_OPEN_WRITES | 1ul << STEP_MARK | 1ul << STEP_RECORD |
			1ul << STEP_RELEASE_COMMITS | 1ul << STEP_PROMISE | 1ul << STEP_KILL_SESSIONS,
	    [DEMOTE] = 1ul << STEP_CLOSE_WRITES | 1ul << STEP_KILL_SERVER | 1ul << STEP_KILL_SESSIONS | 1ul << STEP_FORGET_ROLE |
		       1ul << STEP_SEMISYNC_SOURCE_OFF | 1ul << STEP_SYSVARS_REPLICA | 1ul << STEP_PUBLISH,
	    [ROUND] = 1ul << STEP_DEFER | 1ul << STEP_PUBLISH | 1ul << STEP_STOP_RECEIVER | 1ul << STEP_PROMISE | 1ul << STEP_REPORT |
		      1ul << STEP_FOLLOW | 1ul << STEP_START_APPLIER | 1ul << STEP_FORGET_SOURCE | 1ul << STEP_KILL_WORKER,
	    [FOLLOW] = 1ul << STEP_STOP_RECEIVER | 1ul << STEP_START_APPLIER | 1ul << STEP_FOLLOW | 1ul << STEP_PROVISION |
		       1ul << STEP_COPY_POSITION | 1ul << STEP_FORGET_SOURCE,
	    [KEEP] = 1ul << STEP_RECORD | 1ul << STEP_SYNCED | 1ul << STEP_NONE,
	};

	if (decision != KEEP && (step == STEP_DONE || step == STEP_WAIT || step == STEP_LOOK))
		return true;
	return of[decision] & 1ul << step;
}

/* Nothing else is said of a primary that others have left behind. */
static const char *deposed_law(const struct verdict *v)
{
	bool monitored = config.instance.clustered && config.instance.clone_max > 1 && config.instance.interval_ms;

	if (monitored && facts.server.state == SERVER_UP && facts.server.writable == TRI_YES && facts.local_role == ROLE_PRIMARY &&
	    facts.peers_known == TRI_YES && superseded(facts.primary_epoch))
		LAW(v->step == STEP_DONE && v->code == OCF_FAILED_PROMOTED);
	return NULL;
}

static const char *healthy_primary_law(void)
{
	const struct server_facts *server = &facts.server;

	LAW(server->state == SERVER_UP && server->writable == TRI_YES && facts.local_role == ROLE_PRIMARY);
	if (!config.instance.clustered || law_acknowledgers() == 0)
		return NULL;
	LAW(waits_for_acknowledgers() && server->clients >= law_acknowledgers());
	LAW(facts.record.mode != RECORD_ALONE && facts.record.mode != RECORD_UNMARKED);
	return NULL;
}

static const char *done_law(enum decision decision, const struct verdict *v)
{
	const struct server_facts *server = &facts.server;

	if (v->code == OCF_RUNNING_PROMOTED) {
		LAW(decision == MONITOR);
		return healthy_primary_law();
	}
	if (decision == MONITOR && v->code == OCF_NOT_RUNNING)
		LAW(server->state == SERVER_DEAD && facts.worker != TRI_YES);
	if (v->code != OCF_SUCCESS)
		return NULL;
	if (decision == STOP)
		LAW(server->state == SERVER_DEAD && facts.worker == TRI_NO);
	if (decision == PROMOTE)
		LAW(server->state == SERVER_UP && server->writable == TRI_YES && facts.local_role == ROLE_PRIMARY);
	if (decision == START && facts.worker != TRI_YES) {
		LAW(server->state == SERVER_UP && server->writable == TRI_NO && facts.local_role == ROLE_REPLICA);
		LAW(server->agent_writable != TRI_YES);
	}
	if (decision == MONITOR && facts.local_role == ROLE_REPLICA)
		LAW(server->writable == TRI_NO && server->agent_writable != TRI_YES);
	if (decision == DEMOTE && server->state != SERVER_DEAD) {
		LAW(server->state == SERVER_UP && server->writable == TRI_NO && facts.local_role == ROLE_REPLICA);
		LAW(server->agent_writable != TRI_YES);
		LAW(server->source_on != TRI_UNKNOWN && server->waiting_known == TRI_YES && server->waiting == 0);
	}
	return NULL;
}

static const char *launch_law(const struct verdict *v)
{
	LAW(facts.server.state == SERVER_DEAD);
	LAW(facts.worker == TRI_NO || (facts.detached == TRI_YES && facts.worker == TRI_UNKNOWN) || facts.detached == TRI_YES);
	LAW(facts.datadir_empty == (v->step == STEP_INITIALISE ? TRI_YES : TRI_NO));
	LAW(!config.instance.clustered || facts.peers_known == TRI_YES);
	/* The server may drop what is undecided: on a replica that could be the second copy of what was acknowledged. */
	if (v->step == STEP_LAUNCH_BEHIND)
		LAW(facts.local_role == ROLE_PRIMARY && facts.primary_epoch > 0 && facts_primary(&facts) &&
		    facts_primary(&facts)->epoch > facts.primary_epoch);
	return NULL;
}

/* Only what was written before a later promotion, and stands where it was seen. */
static const char *cut_law(const struct verdict *v)
{
	const struct peer_facts *primary = facts_primary(&facts);

	LAW(facts.server.state == SERVER_DEAD && facts.datadir_empty == TRI_NO && facts.peers_known == TRI_YES);
	LAW(facts.local_role == ROLE_PRIMARY && facts.primary_epoch > 0 && primary && primary->epoch > facts.primary_epoch);
	LAW(facts.tail == TAIL_CUT && v->number == facts.tail_at && config.durability != DURABILITY_ASYNC);
	return NULL;
}

static bool somebody_reported_here(uint64_t epoch)
{
	for (size_t i = 0; i < facts.peer_count; i++)
		if (peers[i].report_epoch == epoch && str_equal(peers[i].report_candidate, "node1"))
			return true;
	return false;
}

/* What a member may need goes only beyond the limits, and only where the user lets it. */
static const char *binlogs_law(enum step step)
{
	const struct server_facts *server = &facts.server;
	const struct binlog_facts *binlogs = &facts.binlogs;
	bool within = binlogs->known != TRI_YES || (binlogs->age_ms <= config.binlog_keep_ms &&
						    (config.binlog_keep_size == 0 || binlogs->bytes <= config.binlog_keep_size));
	uint64_t here = 1;

	for (size_t i = 0; i < facts.peer_count; i++)
		here += peers[i].role == ROLE_PRIMARY || peers[i].role == ROLE_REPLICA;
	bool all_here = facts.peers_known == TRI_YES && here == voters() &&
			(facts.local_role == ROLE_REPLICA || (server->replicas_known == TRI_YES && server->ours + 1 >= voters()));
	LAW(binlogs->wanted == TRI_YES && server->state == SERVER_UP && facts.worker == TRI_NO);
	if (step == STEP_EXPIRE_BINLOGS)
		LAW(binlogs->expire == TRI_NO && (all_here || !within || config.binlog_keep_ms == 0));
	else
		LAW(binlogs->expire == TRI_YES && !all_here && within && facts.peers_known == TRI_YES && config.binlog_keep_ms > 0);
	return NULL;
}

static const char *step_law(enum decision decision, const struct verdict *v)
{
	const struct server_facts *server = &facts.server;

	switch (v->step) {
	case STEP_DONE:
		return done_law(decision, v);
	case STEP_OPEN_WRITES:
		return open_law(v);
	case STEP_BOOTSTRAP:
		return write_law();
	case STEP_MARK:
		return mark_law(decision, v);
	case STEP_RELEASE_COMMITS:
		return release_law(decision);
	case STEP_RECORD:
		return record_law(decision, v);
	case STEP_SYNCED:
		return synced_law(v);
	case STEP_PROVISION:
		return provision_law(v);
	case STEP_INITIALISE:
	case STEP_LAUNCH:
	case STEP_LAUNCH_BEHIND:
		return launch_law(v);
	case STEP_CUT_TAIL:
		return cut_law(v);
	case STEP_FOLLOW:
		return follow_law(decision, v);
	case STEP_DEFER:
		/* What only this node may have is brought back at once. */
		LAW(decision != START || newest()->mode != RECORD_ALONE);
		return NULL;
	case STEP_FORGET_SOURCE:
		return forget_source_law(decision);
	case STEP_SET_ASIDE:
	case STEP_PLACE_COPY:
	case STEP_COPY_POSITION:
	case STEP_DROP_ASIDE:
		return copy_law(decision, v);
	case STEP_HOLD_BINLOGS:
	case STEP_EXPIRE_BINLOGS:
		return binlogs_law(v->step);
	case STEP_DONATE:
		LAW(server->state == SERVER_UP && server->copy_wanted == TRI_YES && facts.donating == TRI_NO);
		return NULL;
	case STEP_KILL_SESSIONS:
		LAW(server->waiting_known == TRI_YES && server->waiting == 0);
		LAW(decision == DEMOTE || server->writable == TRI_NO);
		LAW(decision != MONITOR || facts.local_role == ROLE_REPLICA);
		LAW(v->number == (decision == DEMOTE ? 0 : facts.sessions_left));
		return NULL;
	case STEP_SEMISYNC_SOURCE_OFF:
		LAW(server->writable == TRI_NO && facts.local_role == ROLE_REPLICA);
		LAW(server->waiting_known == TRI_YES && server->waiting == 0);
		return NULL;
	case STEP_SHUTDOWN:
		LAW(server->state != SERVER_UP ||
		    (server->waiting == 0 && (server->waiting_known == TRI_YES || facts.deadline_near == TRI_YES)));
		LAW(facts.worker != TRI_YES);
		return NULL;
	case STEP_CLOSE_WRITES:
		LAW(server->writable == TRI_YES || server->agent_writable == TRI_YES);
		LAW(decision != MONITOR || facts.local_role == ROLE_REPLICA);
		return NULL;
	case STEP_SEMISYNC_SOURCE:
		LAW(v->number == law_acknowledgers() && v->number > 0);
		return NULL;
	case STEP_PROMISE:
		LAW(v->number > facts.promised);
		LAW(decision != PROMOTE || (facts.marked == TRI_UNKNOWN && somebody_reported_here(v->number)));
		/* Afterwards it may be raised to another's, and once more above these. */
		LAW(facts.round_begun == TRI_YES || (v->number > newest()->epoch && v->number > server->data_epoch));
		LAW(server->data_epoch_known == TRI_YES);
		LAW(server->writable == TRI_NO && (decision == PROMOTE || facts.local_role != ROLE_PRIMARY));
		LAW(facts.worker == TRI_NO && facts.filling != TRI_YES);
		LAW(voters() != 2 || facts.synced == TRI_YES);
		return NULL;
	case STEP_REPORT:
		LAW(facts.round_begun == TRI_YES && facts.promised > 0);
		LAW(server->has_source == TRI_NO || server->receiver == THREAD_STOPPED);
		LAW(server->executed && (server->has_source == TRI_NO || server->received));
		LAW(server->writable == TRI_NO && facts.local_role != ROLE_PRIMARY && facts.worker == TRI_NO);
		LAW(server->data_epoch_known == TRI_YES && facts.filling != TRI_YES);
		return NULL;
	case STEP_NONE:
		return kept_law();
	case STEP_COUNT:
		return "there is a verdict";
	case STEP_WAIT:
	case STEP_LOOK:
	case STEP_KILL_SERVER:
	case STEP_SEMISYNC_REPLICA:
	case STEP_STOP_RECEIVER:
	case STEP_START_APPLIER:
	case STEP_FORGET_ROLE:
	case STEP_SYSVARS_PRIMARY:
	case STEP_SYSVARS_REPLICA:
		break;
	case STEP_KILL_WORKER: /* a copy goes on, whoever is elected */
		for (size_t i = 0; decision == ROUND && i < facts.peer_count; i++)
			LAW(facts.peers[i].data != TRI_YES && facts.peers[i].role != ROLE_PRIMARY);
		LAW(decision != ROUND || (facts.filling == TRI_NO && !facts.site.name && gtid_set_empty(server->executed)));
		break;
	case STEP_CUT_OUTSIDERS:
		LAW(facts.local_role == ROLE_PRIMARY && facts.server.foreign > 0);
		break;
	case STEP_PUBLISH: /* a monitor that has more to say does it at its end */
		LAW(decision != MONITOR || (facts.server.state == SERVER_DEAD && facts.patience_over != TRI_YES));
		break;
	}
	return NULL;
}

void judge(enum decision decision)
{
	struct verdict v = decide[decision](&config, &facts);
	const char *broken = step_is_of(decision, v.step) ? step_law(decision, &v) : "a step of this action";

	if (!broken && decision == MONITOR)
		broken = deposed_law(&v);
	tried++;
	steps[v.step]++;
	if (!broken)
		return;
	_cleanup_free_ char *line = facts_format(&facts), *record = record_format(&v.record);
	fail_msg("%s of %llu nodes (%s%s) decides %s %s %llu %s %s (%s), but the law says: %s\n%s", decision_names[decision],
		 (unsigned long long)config.instance.clone_max, durability_name(config.durability),
		 config.instance.clustered ? "" : ", no cluster", step_name(v.step), v.target, (unsigned long long)v.number,
		 record ? record : "", v.step == STEP_DONE ? ocf_code_name(v.code) : "", v.reason, broken, line);
}

void judge_monitor(void)
{
	judge(MONITOR);
}
void judge_start(void)
{
	judge(START);
}
void judge_stop(void)
{
	judge(STOP);
}
void judge_promote(void)
{
	judge(PROMOTE);
}
void judge_demote(void)
{
	judge(DEMOTE);
}
void judge_round(void)
{
	judge(ROUND);
}
void judge_follow(void)
{
	judge(FOLLOW);
}
void judge_keep(void)
{
	judge(KEEP);
}
