/* The dangerous decisions, tried with every combination of the facts that bear on them: what a law forbids is never decided. The laws
 * stand here once more, in their own words (DESIGN.md 1, PROTOCOL.md), so that a slip in a decision does not repeat itself in its test. */
#include <stdio.h>

#include "core/decide.h"
#include "unit.h"

enum decision {
	MONITOR,
	START,
	STOP,
	PROMOTE,
	DEMOTE,
	ROUND,
	FOLLOW
};

static struct verdict (*const decide[])(const struct config *, const struct facts *) = {
    [MONITOR] = decide_monitor, [START] = decide_start, [STOP] = decide_stop,	  [PROMOTE] = decide_promote,
    [DEMOTE] = decide_demote,	[ROUND] = decide_round, [FOLLOW] = decide_follow,
};
static const char *const decision_names[] = {"monitor", "start", "stop", "promote", "demote", "round", "follow"};

/* The world that is decided about. */
static struct config config;
static struct facts facts;
static struct peer_facts peers[4];
static enum gtid_flavour flavour;

static unsigned long tried, steps[STEP_COUNT];

enum {
	EPOCH = 5
};

/* --- Positions: what this node holds is SAME; the others' are compared with it --- */
enum position {
	NOT_KNOWN,
	EMPTY,
	LESS,
	SAME,
	MORE,
	OTHER,
	POSITION_COUNT
};
static struct gtid_set *positions[3][POSITION_COUNT];

static void positions_make(void)
{
	static const char *const texts[3][POSITION_COUNT] = {
	    [GTID_FLAVOUR_MYSQL] = {NULL, "", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-18", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-20",
				    "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-22",
				    "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-19,9f6b2c1e-71ca-11e1-9e33-c80aa9429562:1"},
	    [GTID_FLAVOUR_MARIADB] = {NULL, "", "0-1-18", "0-1-20", "0-1-22", "0-1-19,0-2-20"},
	};

	for (int f = GTID_FLAVOUR_MYSQL; f <= GTID_FLAVOUR_MARIADB; f++)
		for (int p = 0; p < POSITION_COUNT; p++)
			positions[f][p] = gtid_set_parse((enum gtid_flavour)f, texts[f][p]);
}

static void positions_free(void)
{
	for (int f = 0; f < 3; f++)
		for (int p = 0; p < POSITION_COUNT; p++)
			gtid_set_freep(&positions[f][p]);
}

/* --- Dials: a fact and all its values --- */
enum kind {
	ENUM,
	NUMBER,
	POSITION
};
struct dial {
	size_t offset;
	enum kind kind;
	int count;
	uint64_t values[6];
};
#define DIAL(field, kind, ...)                                                                  \
	{                                                                                       \
		offsetof(struct facts, field), kind, ARRAY_LENGTH(((uint64_t[]){__VA_ARGS__})), \
		{                                                                               \
			__VA_ARGS__                                                             \
		}                                                                               \
	}
#define TRI(field) DIAL(field, ENUM, TRI_UNKNOWN, TRI_NO, TRI_YES)
#define ROLE(field) DIAL(field, ENUM, ROLE_UNKNOWN, ROLE_REPLICA, ROLE_PRIMARY, ROLE_RECOVERING)
#define THREAD(field) DIAL(field, ENUM, THREAD_UNKNOWN, THREAD_STOPPED, THREAD_CONNECTING, THREAD_RUNNING)

static void dial_turn(const struct dial *dial, int value)
{
	void *field = (char *)&facts + dial->offset;

	if (dial->kind == ENUM)
		*(int *)field = (int)dial->values[value];
	else if (dial->kind == NUMBER)
		*(uint64_t *)field = dial->values[value];
	else
		*(struct gtid_set **)field = positions[flavour][dial->values[value]];
}

/* Calls what() with every combination of the dials' values. The facts are left as the last combination has them. */
static void dials_each(const struct dial *dials, size_t count, void (*what)(void))
{
	if (count == 0) {
		what();
		return;
	}
	for (int v = 0; v < dials->count; v++) {
		dial_turn(dials, v);
		dials_each(dials + 1, count - 1, what);
	}
}

/* Every combination of any three dials, the others as base has them. */
static void dials_each_three(const struct dial *dials, size_t count, const struct facts *base, void (*what)(void))
{
	for (size_t a = 0; a < count; a++) {
		for (size_t b = a + 1; b < count; b++) {
			for (size_t c = b + 1; c < count; c++) {
				const struct dial three[] = {dials[a], dials[b], dials[c]};

				facts = *base;
				dials_each(three, 3, what);
			}
		}
	}
}

/* --- The laws --- */
static uint64_t acknowledgers(void)
{
	uint64_t n = config.instance.clone_max;

	if (config.durability == DURABILITY_ASYNC || n < 2)
		return 0;
	return flavour == GTID_FLAVOUR_MARIADB ? 1 : n / 2;
}

/* async promises nothing, but wants a majority's sets, or one of two. */
static uint64_t sets_needed(void)
{
	uint64_t n = config.instance.clone_max;

	if (config.durability == DURABILITY_ASYNC)
		return n == 2 ? 1 : n / 2 + 1;
	return n - acknowledgers();
}

#define LAW(condition)                     \
	do {                               \
		if (!(condition))          \
			return #condition; \
	} while (0)

/* Rules 2 to 5 in their basic form. */
static const char *election_law(void)
{
	bool empty = gtid_set_empty(facts.server.executed);
	uint64_t sets = 1;

	LAW(facts.peers_known == TRI_YES);
	LAW(facts.promised > 0 && facts.round_begun == TRI_YES);
	for (size_t i = 0; i < facts.peer_count; i++) {
		const struct peer_facts *peer = &facts.peers[i];

		LAW(!(peer->role == ROLE_PRIMARY && peer->epoch >= facts.promised));
		LAW(peer->report_epoch <= facts.promised);
		if (peer->report_epoch != facts.promised || !str_equal(peer->report_candidate, "node1") || !peer->held)
			continue;
		sets++;
		LAW(gtid_set_contains(facts.server.executed, peer->held));
		LAW(!empty || peer->data == TRI_NO);
	}
	LAW(sets >= sets_needed());
	LAW(!empty || sets == config.instance.clone_max);
	return NULL;
}

/* Creating the accounts is a write, too. */
static const char *write_law(void)
{
	LAW(facts.server.state == SERVER_UP && facts.server.writable == TRI_NO);
	LAW(facts.worker == TRI_NO);
	LAW(facts.server.executed != NULL);
	LAW(facts.server.has_source == TRI_NO);
	LAW(!config.instance.clustered || facts.quorum == TRI_YES);
	return config.instance.clone_max > 1 ? election_law() : NULL;
}

static const char *open_law(const struct verdict *v)
{
	uint64_t k = acknowledgers();

	LAW(v->number == facts.promised);
	LAW(k == 0 || (facts.server.source_on == TRI_YES && facts.server.wait_count == k));
	LAW(facts.server.accounts == TRI_YES);
	LAW(facts.sysvars_set == TRI_YES);
	return write_law();
}

static bool drained(void)
{
	if (facts.server.has_source == TRI_NO)
		return facts.server.executed != NULL;
	return facts.server.has_source == TRI_YES && gtid_set_contains(facts.server.executed, facts.server.received);
}

static const char *provision_law(const struct verdict *v)
{
	const struct peer_facts *primary = facts_find(&facts, v->target);
	bool empty = gtid_set_empty(facts.server.executed) && (facts.server.has_source == TRI_NO || gtid_set_empty(facts.server.received));

	LAW(facts.peers_known == TRI_YES);
	LAW(primary && primary->role == ROLE_PRIMARY && primary->epoch >= facts.promised);
	LAW(facts.local_role == ROLE_REPLICA && facts.server.writable == TRI_NO);
	LAW(facts.worker == TRI_NO || (facts.detached == TRI_YES && facts.worker == TRI_UNKNOWN));
	LAW(facts.server.state == SERVER_UP);
	if (empty) {
		LAW(facts.server.user_data == TRI_NO);
	} else {
		LAW(config.provision == PROVISION_AUTO);
		LAW(facts.diverged_twice == TRI_YES);
		LAW(primary->asked == TRI_YES && primary->position);
		LAW(facts.server.has_source != TRI_UNKNOWN);
		LAW(!gtid_set_contains(primary->position, facts.server.executed) ||
		    !gtid_set_contains(primary->position, facts.server.received));
	}
	return NULL;
}

static const char *follow_law(enum decision decision, const struct verdict *v)
{
	const struct peer_facts *source = facts_find(&facts, v->target);

	LAW(facts.peers_known == TRI_YES && source);
	LAW(drained());
	LAW(facts.server.writable != TRI_YES);
	/* The candidate fetches from whoever holds more, the others attach to the candidate: both in this very round. */
	if (decision == ROUND || decision == PROMOTE) {
		LAW(facts.round_begun == TRI_YES && source->report_epoch == facts.promised && facts.server.writable == TRI_NO);
		LAW(gtid_set_contains(source->held, facts.server.executed));
		return NULL;
	}
	LAW(source->role == ROLE_PRIMARY && source->epoch >= facts.promised);
	LAW(source->asked == TRI_YES);
	LAW(gtid_set_contains(source->position, facts.server.executed) || source->waiting > 0);
	return NULL;
}

static bool step_is_of(enum decision decision, enum step step)
{
	static const unsigned long of[] = {
	    [MONITOR] = 1ul << STEP_SEMISYNC_SOURCE | 1ul << STEP_CLOSE_WRITES | 1ul << STEP_SEMISYNC_REPLICA | 1ul << STEP_STOP_RECEIVER |
			1ul << STEP_START_APPLIER | 1ul << STEP_FOLLOW | 1ul << STEP_PROVISION,
	    [START] = 1ul << STEP_INITIALISE | 1ul << STEP_LAUNCH | 1ul << STEP_LAUNCH_BEHIND | 1ul << STEP_DEFER |
		      1ul << STEP_CLOSE_WRITES | 1ul << STEP_FORGET_ROLE | 1ul << STEP_SYSVARS_REPLICA | 1ul << STEP_SEMISYNC_SOURCE_OFF |
		      1ul << STEP_SEMISYNC_REPLICA | 1ul << STEP_PUBLISH | 1ul << STEP_STOP_RECEIVER | 1ul << STEP_START_APPLIER |
		      1ul << STEP_FOLLOW | 1ul << STEP_PROVISION | 1ul << STEP_KILL_SERVER,
	    [STOP] = 1ul << STEP_KILL_WORKER | 1ul << STEP_KILL_SERVER | 1ul << STEP_SHUTDOWN,
	    [PROMOTE] = 1ul << STEP_CLOSE_WRITES | 1ul << STEP_PUBLISH | 1ul << STEP_STOP_RECEIVER | 1ul << STEP_START_APPLIER |
			1ul << STEP_FOLLOW | 1ul << STEP_FORGET_SOURCE | 1ul << STEP_BOOTSTRAP | 1ul << STEP_SYSVARS_PRIMARY |
			1ul << STEP_SEMISYNC_SOURCE | 1ul << STEP_OPEN_WRITES,
	    [DEMOTE] = 1ul << STEP_CLOSE_WRITES | 1ul << STEP_KILL_SERVER | 1ul << STEP_KILL_SESSIONS | 1ul << STEP_FORGET_ROLE |
		       1ul << STEP_SEMISYNC_SOURCE_OFF | 1ul << STEP_SYSVARS_REPLICA | 1ul << STEP_PUBLISH,
	    [ROUND] = 1ul << STEP_DEFER | 1ul << STEP_PUBLISH | 1ul << STEP_STOP_RECEIVER | 1ul << STEP_PROMISE | 1ul << STEP_REPORT |
		      1ul << STEP_FOLLOW | 1ul << STEP_START_APPLIER,
	    [FOLLOW] = 1ul << STEP_STOP_RECEIVER | 1ul << STEP_START_APPLIER | 1ul << STEP_FOLLOW | 1ul << STEP_PROVISION,
	};

	return step == STEP_DONE || step == STEP_WAIT || step == STEP_LOOK || (of[decision] & 1ul << step);
}

static const char *done_law(enum decision decision, const struct verdict *v)
{
	const struct server_facts *server = &facts.server;

	if (v->code == OCF_RUNNING_PROMOTED)
		LAW(decision == MONITOR && server->state == SERVER_UP && server->writable == TRI_YES && facts.local_role == ROLE_PRIMARY);
	if (decision == MONITOR && v->code == OCF_NOT_RUNNING)
		LAW(server->state == SERVER_DEAD && facts.worker != TRI_YES);
	if (v->code != OCF_SUCCESS)
		return NULL;
	if (decision == STOP)
		LAW(server->state == SERVER_DEAD && facts.worker == TRI_NO);
	if (decision == PROMOTE)
		LAW(server->state == SERVER_UP && server->writable == TRI_YES && facts.local_role == ROLE_PRIMARY);
	if (decision == START && facts.worker != TRI_YES)
		LAW(server->state == SERVER_UP && server->writable == TRI_NO && facts.local_role == ROLE_REPLICA);
	if (decision == DEMOTE && server->state != SERVER_DEAD) {
		LAW(server->state == SERVER_UP && server->writable == TRI_NO && facts.local_role == ROLE_REPLICA);
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
	LAW((v->step == STEP_LAUNCH_BEHIND) <= (facts_primary(&facts) != NULL));
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
	case STEP_PROVISION:
		return provision_law(v);
	case STEP_INITIALISE:
	case STEP_LAUNCH:
	case STEP_LAUNCH_BEHIND:
		return launch_law(v);
	case STEP_FOLLOW:
		return follow_law(decision, v);
	case STEP_FORGET_SOURCE:
		LAW(drained() && server->receiver == THREAD_STOPPED);
		return NULL;
	case STEP_KILL_SESSIONS:
		LAW(server->waiting_known == TRI_YES && server->waiting == 0);
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
		LAW(server->writable == TRI_YES);
		LAW(decision != MONITOR || facts.local_role == ROLE_REPLICA);
		return NULL;
	case STEP_SEMISYNC_SOURCE:
		LAW(v->number == acknowledgers() && v->number > 0);
		return NULL;
	case STEP_PROMISE:
		LAW(v->number > facts.promised);
		LAW(server->writable == TRI_NO && facts.local_role != ROLE_PRIMARY);
		return NULL;
	case STEP_REPORT:
		LAW(facts.round_begun == TRI_YES && facts.promised > 0);
		LAW(server->has_source == TRI_NO || server->receiver == THREAD_STOPPED);
		LAW(server->executed && (server->has_source == TRI_NO || server->received));
		LAW(server->writable == TRI_NO && facts.local_role != ROLE_PRIMARY && facts.worker == TRI_NO);
		return NULL;
	case STEP_NONE:
	case STEP_COUNT:
		return "there is a verdict";
	case STEP_WAIT:
	case STEP_LOOK:
	case STEP_KILL_SERVER:
	case STEP_DEFER:
	case STEP_KILL_WORKER:
	case STEP_SEMISYNC_REPLICA:
	case STEP_STOP_RECEIVER:
	case STEP_START_APPLIER:
	case STEP_FORGET_ROLE:
	case STEP_SYSVARS_PRIMARY:
	case STEP_SYSVARS_REPLICA:
	case STEP_PUBLISH:
		break;
	}
	return NULL;
}

static void judge(enum decision decision)
{
	struct verdict v = decide[decision](&config, &facts);
	const char *broken = step_is_of(decision, v.step) ? step_law(decision, &v) : "a step of this action";

	tried++;
	steps[v.step]++;
	if (!broken)
		return;
	_cleanup_free_ char *line = facts_format(&facts);
	fail_msg("%s of %llu nodes (%s%s) decides %s %s %llu %s (%s), but the law says: %s\n%s", decision_names[decision],
		 (unsigned long long)config.instance.clone_max, durability_name(config.durability),
		 config.instance.clustered ? "" : ", no cluster", step_name(v.step), v.target, (unsigned long long)v.number,
		 v.step == STEP_DONE ? ocf_code_name(v.code) : "", v.reason, broken, line);
}

static void judge_monitor(void)
{
	judge(MONITOR);
}
static void judge_start(void)
{
	judge(START);
}
static void judge_stop(void)
{
	judge(STOP);
}
static void judge_promote(void)
{
	judge(PROMOTE);
}
static void judge_demote(void)
{
	judge(DEMOTE);
}
static void judge_round(void)
{
	judge(ROUND);
}
static void judge_follow(void)
{
	judge(FOLLOW);
}

/* --- Worlds --- */
static void counters_reset(void)
{
	tried = 0;
	memset(steps, 0, sizeof(steps));
}

static void counters_say(const char *what, enum step step)
{
	printf("# %s: %lu combinations, %s in %lu\n", what, tried, step_name(step), steps[step]);
	assert_true(steps[step] > 0);
}

static void world(enum gtid_flavour of, uint64_t nodes, enum durability durability)
{
	static char node[] = "node1", candidate[] = "node1", active[] = "node1 node2 node3", credentials[] = "/etc/systole/credentials";
	static char datadir[] = "/var/lib/mysql", log[] = "/var/log/mysql/error.log", socket[] = "/run/mysqld/mysqld.sock";
	static char names[4][8] = {"node2", "node3", "node4", "node5"};

	flavour = of;
	config = (struct config){.credentials = credentials,
				 .durability = durability,
				 .provision = PROVISION_AUTO,
				 .datadir = datadir,
				 .log = log,
				 .socket = socket};
	config.instance = (struct instance){.node = node, .clustered = nodes > 0, .notify = true, .clone_max = nodes ? nodes : 1};
	config.instance.notify_promote = candidate;
	config.instance.notify_active = active;
	facts = (struct facts){0};
	for (size_t i = 0; i < 4; i++)
		peers[i] = (struct peer_facts){.name = names[i], .address = names[i], .port = 3306};
	facts.peers = peers;
	facts.peer_count = config.instance.clone_max - 1;
}

/* What a peer may have published. */
static const struct view {
	enum role role;
	uint64_t epoch, report_epoch;
	const char *candidate;
	enum position held;
	enum tri data;
} views[] = {
    {ROLE_UNKNOWN, 0, 0, NULL, NOT_KNOWN, TRI_UNKNOWN},
    {ROLE_REPLICA, 0, EPOCH, "node1", SAME, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, "node1", LESS, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, "node1", MORE, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, "node1", OTHER, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, "node1", NOT_KNOWN, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, "node1", EMPTY, TRI_NO},
    {ROLE_REPLICA, 0, EPOCH, "node1", EMPTY, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, "node1", EMPTY, TRI_UNKNOWN},
    {ROLE_REPLICA, 0, EPOCH - 1, "node1", SAME, TRI_YES},
    {ROLE_REPLICA, 0, 0, "node1", SAME, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, "node3", SAME, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH, NULL, SAME, TRI_YES},
    {ROLE_REPLICA, 0, EPOCH + 1, "node1", SAME, TRI_YES},
    {ROLE_PRIMARY, EPOCH - 1, EPOCH, "node1", SAME, TRI_YES},
    {ROLE_PRIMARY, EPOCH, EPOCH, "node1", SAME, TRI_YES},
    {ROLE_PRIMARY, EPOCH + 1, 0, NULL, NOT_KNOWN, TRI_YES},
    {ROLE_RECOVERING, 0, 0, NULL, NOT_KNOWN, TRI_UNKNOWN},
};

static void view_show(struct peer_facts *peer, const struct view *view)
{
	peer->role = view->role;
	peer->epoch = view->epoch;
	peer->report_epoch = view->report_epoch;
	peer->report_candidate = (char *)(uintptr_t)view->candidate;
	peer->held = positions[flavour][view->held];
	peer->applied = peer->held;
	peer->data = view->data;
}

/* Every way in which count peers may look; with ordered, also every order of them. */
static void views_each(size_t count, size_t from, bool ordered, void (*what)(void))
{
	if (count == 0) {
		what();
		return;
	}
	for (size_t v = from; v < ARRAY_LENGTH(views); v++) {
		view_show(&peers[count - 1], &views[v]);
		views_each(count - 1, ordered ? 0 : v, ordered, what);
	}
}

/* A candidate with which all is well, but for what the dials and views change. */
static void candidate_make(void)
{
	facts.server.state = SERVER_UP;
	facts.server.writable = TRI_NO;
	facts.server.executed = positions[flavour][SAME];
	facts.server.has_source = TRI_NO;
	facts.server.receiver = facts.server.applier = THREAD_STOPPED;
	facts.server.source_on = TRI_YES;
	facts.server.wait_count = acknowledgers();
	facts.server.clients = config.instance.clone_max;
	facts.server.accounts = TRI_YES;
	facts.server.user_data = TRI_YES;
	facts.local_role = ROLE_REPLICA;
	facts.promised = EPOCH;
	facts.worker = TRI_NO;
	facts.sysvars_set = TRI_YES;
	facts.round_begun = TRI_YES;
	facts.quorum = TRI_YES;
	facts.peers_known = TRI_YES;
	for (size_t i = 0; i < facts.peer_count; i++)
		view_show(&peers[i], &views[1]);
}

/* What bears on an election, in full. */
static void election_turn(void)
{
	static const struct dial dials[] = {
	    TRI(peers_known),
	    DIAL(promised, NUMBER, 0, EPOCH),
	    TRI(round_begun),
	    TRI(quorum),
	    DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME),
	    TRI(server.user_data),
	};

	dials_each(dials, ARRAY_LENGTH(dials), judge_promote);
}

/* Five nodes: what the turn of three has shown to be independent of the others' reports is left out. */
static void election_turn_of_five(void)
{
	static const struct dial dials[] = {TRI(round_begun), DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME)};

	facts.server.user_data = TRI_NO;
	dials_each(dials, ARRAY_LENGTH(dials), judge_promote);
}

static const enum gtid_flavour flavours[] = {GTID_FLAVOUR_MYSQL, GTID_FLAVOUR_MARIADB};
static const enum durability durabilities[] = {DURABILITY_MAJORITY, DURABILITY_ASYNC};

TEST(writes_open_only_with_enough_reports_of_this_very_election_all_of_them_contained)
{
	static const uint64_t sizes[] = {1, 2, 3, 5};

	counters_reset();
	for (size_t f = 0; f < 2; f++) {
		for (size_t d = 0; d < 2; d++) {
			for (size_t s = 0; s < ARRAY_LENGTH(sizes); s++) {
				world(flavours[f], sizes[s], durabilities[d]);
				candidate_make();
				views_each(facts.peer_count, 0, sizes[s] < 5, sizes[s] < 5 ? election_turn : election_turn_of_five);
			}
		}
	}
	counters_say("elections", STEP_OPEN_WRITES);
}

static const struct dial candidate_dials[] = {
    DIAL(server.state, ENUM, SERVER_UNKNOWN, SERVER_DEAD, SERVER_STARTING, SERVER_UP, SERVER_BUSY, SERVER_FROZEN),
    TRI(server.writable),
    DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME),
    DIAL(server.received, POSITION, NOT_KNOWN, EMPTY, SAME, MORE),
    TRI(server.has_source),
    THREAD(server.receiver),
    THREAD(server.applier),
    TRI(server.source_on),
    DIAL(server.wait_count, NUMBER, 0, 1, 2, 3),
    DIAL(server.clients, NUMBER, 0, 4),
    TRI(server.accounts),
    TRI(server.user_data),
    ROLE(local_role),
    DIAL(promised, NUMBER, 0, EPOCH, EPOCH + 1),
    TRI(worker),
    TRI(patience_over),
    TRI(sysvars_set),
    TRI(published),
    TRI(round_begun),
    TRI(opened_now),
    TRI(quorum),
    TRI(peers_known),
};

TEST(writes_open_only_on_a_server_that_is_closed_drained_alone_and_waits_for_its_acknowledgers)
{
	static const uint64_t sizes[] = {0, 1, 2, 3, 5};
	static const struct dial all[] = {
	    TRI(server.has_source),
	    THREAD(server.receiver),
	    THREAD(server.applier),
	    DIAL(server.received, POSITION, NOT_KNOWN, SAME, MORE),
	    TRI(server.accounts),
	    TRI(sysvars_set),
	    TRI(server.source_on),
	    DIAL(server.wait_count, NUMBER, 0, 1, 2),
	    DIAL(server.clients, NUMBER, 0, 4),
	    TRI(opened_now),
	    TRI(patience_over),
	    TRI(quorum),
	};

	counters_reset();
	for (size_t f = 0; f < 2; f++) {
		for (size_t d = 0; d < 2; d++) {
			for (size_t s = 0; s < ARRAY_LENGTH(sizes); s++) {
				world(flavours[f], sizes[s], durabilities[d]);
				candidate_make();
				struct facts base = facts;
				dials_each_three(candidate_dials, ARRAY_LENGTH(candidate_dials), &base, judge_promote);
			}
		}
	}
	world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_MAJORITY);
	candidate_make();
	dials_each(all, ARRAY_LENGTH(all), judge_promote);
	counters_say("candidates", STEP_OPEN_WRITES);
}

/* Nothing but one fact is unknown. */
TEST(no_single_unknown_fact_lets_writes_open)
{
	static const struct dial unknowns[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN),	DIAL(server.writable, ENUM, TRI_UNKNOWN),
	    DIAL(server.executed, POSITION, NOT_KNOWN), DIAL(server.has_source, ENUM, TRI_UNKNOWN),
	    DIAL(server.source_on, ENUM, TRI_UNKNOWN),	DIAL(server.wait_count, NUMBER, 0),
	    DIAL(server.accounts, ENUM, TRI_UNKNOWN),	DIAL(worker, ENUM, TRI_UNKNOWN),
	    DIAL(sysvars_set, ENUM, TRI_UNKNOWN),	DIAL(promised, NUMBER, 0),
	    DIAL(round_begun, ENUM, TRI_UNKNOWN),	DIAL(quorum, ENUM, TRI_UNKNOWN),
	    DIAL(peers_known, ENUM, TRI_UNKNOWN),
	};

	world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_MAJORITY);
	candidate_make();
	assert_int_equal(decide_promote(&config, &facts).step, STEP_OPEN_WRITES);
	for (size_t i = 0; i < ARRAY_LENGTH(unknowns); i++) {
		candidate_make();
		dial_turn(&unknowns[i], 0);
		if (decide_promote(&config, &facts).step == STEP_OPEN_WRITES)
			fail_msg("opened although unknown: number %zu", i);
	}
}

TEST(a_demotion_releases_nobody_who_waits_for_an_acknowledgement)
{
	static const struct dial dials[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN, SERVER_DEAD, SERVER_STARTING, SERVER_UP, SERVER_BUSY, SERVER_FROZEN),
	    TRI(server.writable),
	    DIAL(close_failures, NUMBER, 0, 1, 2, 3),
	    DIAL(server.waiting, NUMBER, 0, 2),
	    TRI(server.waiting_known),
	    DIAL(server.sessions, NUMBER, 0, 3),
	    TRI(server.sessions_known),
	    TRI(server.source_on),
	    ROLE(local_role),
	    TRI(deadline_near),
	    TRI(patience_over),
	    DIAL(sysvars_set, ENUM, TRI_NO, TRI_YES),
	    DIAL(published, ENUM, TRI_UNKNOWN, TRI_YES),
	};

	counters_reset();
	world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_MAJORITY);
	dials_each(dials, ARRAY_LENGTH(dials), judge_demote);
	world(GTID_FLAVOUR_MARIADB, 1, DURABILITY_MAJORITY);
	dials_each(dials, ARRAY_LENGTH(dials), judge_demote);
	assert_int_equal(steps[STEP_SEMISYNC_SOURCE_OFF], 0);
	counters_say("demotions", STEP_KILL_SESSIONS);
}

/* The primary as peers show it, and as it answered. */
static void primary_each(void (*what)(void))
{
	static const struct primary_view {
		enum role role;
		uint64_t epoch;
		enum tri asked;
		enum position position;
		uint64_t waiting;
	} primaries[] = {
	    {ROLE_UNKNOWN, 0, TRI_UNKNOWN, NOT_KNOWN, 0},     {ROLE_REPLICA, 0, TRI_UNKNOWN, NOT_KNOWN, 0},
	    {ROLE_RECOVERING, 0, TRI_UNKNOWN, NOT_KNOWN, 0},  {ROLE_PRIMARY, EPOCH - 1, TRI_YES, LESS, 0},
	    {ROLE_PRIMARY, EPOCH, TRI_UNKNOWN, NOT_KNOWN, 0}, {ROLE_PRIMARY, EPOCH, TRI_NO, NOT_KNOWN, 0},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, NOT_KNOWN, 0},     {ROLE_PRIMARY, EPOCH, TRI_YES, EMPTY, 0},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, LESS, 0},	      {ROLE_PRIMARY, EPOCH, TRI_YES, LESS, 2},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, SAME, 0},	      {ROLE_PRIMARY, EPOCH, TRI_YES, MORE, 0},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, OTHER, 2},
	};
	static char uuid[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

	for (size_t i = 0; i < ARRAY_LENGTH(primaries); i++) {
		peers[0].role = primaries[i].role;
		peers[0].epoch = primaries[i].epoch;
		peers[0].asked = primaries[i].asked;
		peers[0].position = positions[flavour][primaries[i].position];
		peers[0].waiting = primaries[i].waiting;
		peers[0].uuid = uuid;
		peers[0].data = TRI_YES;
		what();
	}
}

static void follower_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME),
	    DIAL(server.received, POSITION, NOT_KNOWN, EMPTY, LESS, MORE),
	    TRI(server.has_source),
	    TRI(server.user_data),
	    TRI(diverged_twice),
	    TRI(worker),
	    TRI(detached),
	    DIAL(server.applier, ENUM, THREAD_UNKNOWN, THREAD_STOPPED, THREAD_RUNNING),
	};

	facts.server.state = SERVER_UP;
	dials_each(dials, ARRAY_LENGTH(dials), judge_follow);
}

static void follower_flags_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, EMPTY, SAME),
	    TRI(server.writable),
	    ROLE(local_role),
	    TRI(worker),
	    TRI(detached),
	    DIAL(promised, NUMBER, EPOCH, EPOCH + 1),
	    TRI(peers_known),
	    TRI(server.replica_on),
	    TRI(server.source_on),
	    TRI(sysvars_set),
	    DIAL(published, ENUM, TRI_NO, TRI_YES),
	};

	facts.server.has_source = TRI_NO;
	facts.server.received = NULL;
	facts.server.user_data = TRI_NO;
	facts.diverged_twice = TRI_YES;
	facts.server.waiting_known = TRI_YES;
	dials_each(dials, ARRAY_LENGTH(dials), judge_start);
	dials_each(dials, ARRAY_LENGTH(dials), judge_monitor);
	facts.sysvars_set = facts.published = TRI_YES;
	facts.server.source_on = TRI_NO;
	dials_each(dials, ARRAY_LENGTH(dials) - 4, judge_follow);
}

TEST(data_is_given_away_only_for_a_known_primarys_and_never_somebodys_schemas)
{
	counters_reset();
	for (size_t f = 0; f < 2; f++) {
		for (int provision = PROVISION_AUTO; provision <= PROVISION_MANUAL; provision++) {
			world(flavours[f], 3, DURABILITY_MAJORITY);
			config.provision = (enum provision)provision;
			facts.peers_known = TRI_YES;
			facts.local_role = ROLE_REPLICA;
			facts.server.writable = TRI_NO;
			facts.promised = EPOCH;
			primary_each(follower_turn);
			config.instance.interval_ms = f ? 10000 : 0;
			primary_each(follower_flags_turn);
		}
	}
	counters_say("followers", STEP_PROVISION);
	counters_say("followers", STEP_FOLLOW);
}

static void starter_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN, SERVER_DEAD, SERVER_STARTING, SERVER_UP, SERVER_BUSY, SERVER_FROZEN),
	    TRI(server.writable),
	    TRI(worker),
	    TRI(detached),
	    TRI(datadir_empty),
	    ROLE(local_role),
	    TRI(peers_known),
	    TRI(patience_over),
	    DIAL(server.waiting, NUMBER, 0, 1),
	    TRI(server.waiting_known),
	    TRI(server.source_on),
	    DIAL(sysvars_set, ENUM, TRI_NO, TRI_YES),
	};

	dials_each(dials, 7, judge_start);
	facts.server.state = SERVER_UP;
	facts.worker = TRI_NO;
	facts.detached = TRI_NO;
	facts.peers_known = TRI_YES;
	dials_each(dials + 7, ARRAY_LENGTH(dials) - 7, judge_start);
	facts.local_role = ROLE_REPLICA;
	facts.server.writable = TRI_NO;
	dials_each(dials + 7, ARRAY_LENGTH(dials) - 7, judge_start);
}

TEST(a_server_is_launched_only_where_nothing_runs_and_initialised_only_where_nothing_is)
{
	counters_reset();
	for (uint64_t nodes = 0; nodes <= 3; nodes++) {
		world(GTID_FLAVOUR_MARIADB, nodes, DURABILITY_MAJORITY);
		peers[1].role = ROLE_REPLICA;
		peers[1].data = TRI_YES;
		primary_each(starter_turn);
	}
	counters_say("starts", STEP_INITIALISE);
	counters_say("starts", STEP_LAUNCH);
	counters_say("starts", STEP_LAUNCH_BEHIND);
	counters_say("starts", STEP_DEFER);
}

TEST(a_stop_succeeds_only_where_nothing_runs_and_shuts_nothing_down_while_commits_wait)
{
	static const struct dial dials[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN, SERVER_DEAD, SERVER_STARTING, SERVER_UP, SERVER_BUSY, SERVER_FROZEN),
	    TRI(worker),
	    TRI(shutdown_sent),
	    TRI(deadline_near),
	    DIAL(server.waiting, NUMBER, 0, 3),
	    TRI(server.waiting_known),
	};
	unsigned long success = 0;

	counters_reset();
	world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_MAJORITY);
	dials_each(dials, ARRAY_LENGTH(dials), judge_stop);
	success = steps[STEP_DONE];
	assert_true(success > 0);
	counters_say("stops", STEP_SHUTDOWN);
	counters_say("stops", STEP_KILL_SERVER);
}

static void monitor_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN, SERVER_DEAD, SERVER_STARTING, SERVER_BUSY, SERVER_FROZEN, SERVER_UP),
	    TRI(server.writable),
	    ROLE(local_role),
	    TRI(worker),
	    TRI(peers_known),
	    TRI(server.source_on),
	    TRI(server.replica_on),
	    DIAL(server.wait_count, NUMBER, 0, 1),
	    DIAL(server.clients, NUMBER, 0, 2),
	    THREAD(server.receiver),
	};

	dials_each(dials, 4, judge_monitor);
	facts.server.state = SERVER_UP;
	dials_each(dials + 1, ARRAY_LENGTH(dials) - 1, judge_monitor);
}

TEST(a_monitor_changes_no_role_and_says_promoted_only_of_a_writable_primary)
{
	unsigned long done = 0;

	counters_reset();
	for (size_t f = 0; f < 2; f++) {
		for (uint64_t nodes = 0; nodes <= 3; nodes++) {
			for (uint64_t interval = 0; interval <= 5000; interval += 5000) {
				world(flavours[f], nodes, DURABILITY_MAJORITY);
				config.instance.interval_ms = interval;
				facts.server.executed = positions[flavour][SAME];
				facts.server.has_source = TRI_NO;
				facts.primary_epoch = EPOCH;
				facts.promised = EPOCH;
				primary_each(monitor_turn);
			}
		}
	}
	done = steps[STEP_DONE];
	assert_true(done > 0);
	counters_say("monitors", STEP_SEMISYNC_SOURCE);
	counters_say("monitors", STEP_CLOSE_WRITES);
}

static void round_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME),
	    DIAL(server.received, POSITION, NOT_KNOWN, LESS, MORE),
	    TRI(server.has_source),
	    THREAD(server.receiver),
	    DIAL(server.applier, ENUM, THREAD_STOPPED, THREAD_RUNNING),
	    TRI(round_begun),
	    TRI(reported),
	    TRI(patience_over),
	};

	dials_each(dials, ARRAY_LENGTH(dials), judge_round);
}

static void round_flags_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN, SERVER_DEAD, SERVER_STARTING, SERVER_UP, SERVER_BUSY, SERVER_FROZEN),
	    TRI(server.writable),
	    ROLE(local_role),
	    TRI(worker),
	    TRI(deadline_near),
	    TRI(peers_known),
	    TRI(round_begun),
	    TRI(reported),
	    DIAL(promised, NUMBER, 0, EPOCH),
	};

	facts.server.executed = positions[flavour][SAME];
	facts.server.received = NULL;
	facts.server.has_source = TRI_NO;
	facts.server.receiver = facts.server.applier = THREAD_STOPPED;
	dials_each(dials, ARRAY_LENGTH(dials), judge_round);
}

TEST(a_round_reports_only_what_is_known_after_it_has_promised_and_stopped_receiving)
{
	static char others[] = "node2";

	counters_reset();
	for (size_t f = 0; f < 2; f++) {
		for (int candidate = 0; candidate < 2; candidate++) {
			world(flavours[f], 3, DURABILITY_MAJORITY);
			if (candidate == 0)
				config.instance.notify_promote = others;
			candidate_make();
			views_each(1, 0, false, round_turn);
			candidate_make();
			views_each(1, 0, false, round_flags_turn);
		}
	}
	counters_say("rounds", STEP_PROMISE);
	counters_say("rounds", STEP_REPORT);
	counters_say("rounds", STEP_FOLLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_open_only_with_enough_reports_of_this_very_election_all_of_them_contained),
	    cmocka_unit_test(writes_open_only_on_a_server_that_is_closed_drained_alone_and_waits_for_its_acknowledgers),
	    cmocka_unit_test(no_single_unknown_fact_lets_writes_open),
	    cmocka_unit_test(a_demotion_releases_nobody_who_waits_for_an_acknowledgement),
	    cmocka_unit_test(data_is_given_away_only_for_a_known_primarys_and_never_somebodys_schemas),
	    cmocka_unit_test(a_server_is_launched_only_where_nothing_runs_and_initialised_only_where_nothing_is),
	    cmocka_unit_test(a_stop_succeeds_only_where_nothing_runs_and_shuts_nothing_down_while_commits_wait),
	    cmocka_unit_test(a_monitor_changes_no_role_and_says_promoted_only_of_a_writable_primary),
	    cmocka_unit_test(a_round_reports_only_what_is_known_after_it_has_promised_and_stopped_receiving),
	};
	int failed;

	positions_make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	positions_free();
	return failed;
}
