/* When a promotion opens writes, when a primary that has lost its replicas acknowledges without them, and what is recorded: tried with every
 * combination of the facts that bear on it. What a law forbids is never decided. */
#include "world.h"

static const enum gtid_flavour flavours[] = {GTID_FLAVOUR_MYSQL, GTID_FLAVOUR_MARIADB};
static const enum durability durabilities[] = {DURABILITY_MAJORITY, DURABILITY_ADAPTIVE, DURABILITY_ASYNC};

/* Every world of these sizes. */
static void worlds_each(const uint64_t *sizes, size_t size_count, void (*what)(void))
{
	for (size_t f = 0; f < ARRAY_LENGTH(flavours); f++) {
		for (size_t d = 0; d < ARRAY_LENGTH(durabilities); d++) {
			for (size_t s = 0; s < size_count; s++) {
				world(flavours[f], sizes[s], durabilities[d]);
				what();
			}
		}
	}
}

/* --- Promotion --- */
static void election_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME),
	    DIAL(promised, NUMBER, 0, EPOCH),
	    TRI(round_begun),
	    TRI(marked),
	    TRI(peers_known),
	};

	facts.server.user_data = TRI_NO;
	dials_each(dials, ARRAY_LENGTH(dials), judge_promote);
}

static void election_record_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, EMPTY, SAME),
	    DIAL(record, RECORD, NO_RECORD, BEFORE, BEFORE_ALONE, BOUND, BIGGER, SMALLER, REOPENED, NOW_ALONE, LATER),
	    DIAL(server.data_epoch, NUMBER, 0, EPOCH - 2, EPOCH - 1),
	    TRI(server.data_epoch_known),
	    TRI(marked),
	};

	dials_each(dials, ARRAY_LENGTH(dials), judge_promote);
}

/* What bears on an election, in full. */
static void elections(void)
{
	candidate_make();
	views_each(reports, report_count, facts.peer_count, true, election_turn);
	candidate_make();
	views_each(reports, report_count, facts.peer_count, true, election_record_turn);
}

static void election_turn_of_many(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, EMPTY, SAME),
	    DIAL(record, RECORD, BEFORE, BIGGER, SMALLER),
	};

	dials_each(dials, ARRAY_LENGTH(dials), judge_promote);
}

/* What the turn of three has shown to be independent of the others' reports is left out. */
static void elections_of_many(void)
{
	candidate_make();
	views_each(reports, report_count, facts.peer_count, false, election_turn_of_many);
}

TEST(writes_open_only_with_enough_reports_of_this_very_election_all_of_them_contained)
{
	static const uint64_t few[] = {1, 2, 3}, many[] = {4, 5};

	counters_reset();
	worlds_each(few, ARRAY_LENGTH(few), elections);
	worlds_each(many, ARRAY_LENGTH(many), elections_of_many);
	counters_say("elections", STEP_OPEN_WRITES);
}

static unsigned long reached;

static void reach_turn_of_one(void)
{
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts.server);
	uint64_t count = 0;

	if (!held || decide_reach(&config, &facts, held, &count).step != STEP_NONE)
		return;
	reached++;
	for (size_t i = 0; i < facts.peer_count; i++) {
		const struct peer_facts *peer = &peers[i];
		bool counts = facts.promised && peer->role != ROLE_LEAF && peer->report_epoch == facts.promised &&
			      str_equal(peer->report_candidate, "node1");

		if (counts && peer->held && !gtid_set_contains(held, peer->held) && !law_may_be_shed(peer) &&
		    !law_may_be_left_out(peer, held)) {
			_cleanup_free_ char *line = facts_format(&facts);
			fail_msg("%s is passed over: %s", peer->name, line);
		}
	}
}

static void reach_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, EMPTY, LESS, SAME, OTHER),
	    DIAL(server.received, POSITION, NOT_KNOWN, EMPTY, LESS, MORE),
	    TRI(server.has_source),
	    DIAL(server.data_epoch, NUMBER, 0, EPOCH - 2, EPOCH - 1),
	    TRI(server.data_epoch_known),
	};

	dials_each(dials, ARRAY_LENGTH(dials), reach_turn_of_one);
}

TEST(nothing_that_was_reported_is_passed_over_but_what_is_known_to_be_a_tail)
{
	for (size_t f = 0; f < ARRAY_LENGTH(flavours); f++) {
		world(flavours[f], 3, DURABILITY_MAJORITY);
		candidate_make();
		views_each(reports, report_count, 2, false, reach_turn);
	}
	assert_true(reached > 0);
}

static const struct dial candidate_dials[] = {
    STATE(server.state),
    TRI(server.writable),
    DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME),
    DIAL(server.received, POSITION, NOT_KNOWN, EMPTY, SAME, MORE),
    TRI(server.has_source),
    THREAD(server.receiver),
    THREAD(server.applier),
    TRI(server.source_on),
    DIAL(server.wait_count, NUMBER, 0, 1, 2, 3),
    DIAL(server.clients, NUMBER, 0, 4),
    DIAL(server.replicas_known, ENUM, TRI_UNKNOWN, TRI_YES),
    DIAL(server.foreign, NUMBER, 0, 1),
    DIAL(server.data_epoch, NUMBER, 0, EPOCH - 2, EPOCH),
    TRI(server.data_epoch_known),
    TRI(server.accounts),
    TRI(server.user_data),
    ROLE(local_role),
    DIAL(promised, NUMBER, 0, EPOCH - 1, EPOCH, EPOCH + 1),
    DIAL(record, RECORD, NO_RECORD, BEFORE, BEFORE_ALONE, BOUND, BIGGER, SMALLER, REOPENED, UNMARKED, NOW_ALONE, NOW_ANOTHERS,
	 SAME_ANOTHERS, LATER),
    TRI(filling),
    TRI(worker),
    TRI(deadline_near),
    TRI(patience_over),
    TRI(sysvars_set),
    TRI(published),
    TRI(round_begun),
    TRI(opened_now),
    TRI(marked),
    TRI(quorum),
    TRI(synced),
    TRI(peers_known),
    TRI(server.waiting_known),
    DIAL(server.waiting, NUMBER, 0, 1),
    DIAL(sessions_left, NUMBER, 0, 7),
};

static void peers_show(const struct view *view)
{
	for (size_t i = 0; i < facts.peer_count; i++)
		view_show(&peers[i], view);
}

static void candidates(void)
{
	static const struct view alone = {REPORT(LESS, TRI_YES), .record = BEFORE_ALONE},
				 confirms = {REPORT(LESS, TRI_YES), .record = REOPENED, .clean = TRI_NO},
				 tail = {REPORT(OTHER, TRI_YES), .data_epoch = EPOCH - 2, .data_epoch_known = TRI_YES};
	struct facts base;

	candidate_make();
	base = facts;
	dials_each_three(candidate_dials, ARRAY_LENGTH(candidate_dials), &base, judge_promote);
	if (config.instance.clone_max < 2 || config.durability == DURABILITY_ASYNC)
		return;
	/* It shed what others have beyond it. */
	candidate_make();
	peers_show(&tail);
	base = facts;
	dials_each_three(candidate_dials, ARRAY_LENGTH(candidate_dials), &base, judge_promote);
	/* It took writes alone, and the mark was not acknowledged: before and after that is stored everywhere. */
	candidate_make();
	facts.marked = TRI_NO;
	facts.record = records[BEFORE_ALONE];
	peers_show(&alone);
	base = facts;
	dials_each_three(candidate_dials, ARRAY_LENGTH(candidate_dials), &base, judge_promote);
	base.record = records[REOPENED];
	peers_show(&confirms);
	dials_each_three(candidate_dials, ARRAY_LENGTH(candidate_dials), &base, judge_promote);
}

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
	worlds_each(sizes, ARRAY_LENGTH(sizes), candidates);
	world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_MAJORITY);
	candidate_make();
	dials_each(all, ARRAY_LENGTH(all), judge_promote);
	counters_say("candidates", STEP_OPEN_WRITES);
	counters_say("candidates", STEP_MARK);
	counters_say("candidates", STEP_RECORD);
	counters_say("candidates", STEP_RELEASE_COMMITS);
	counters_say("candidates", STEP_KILL_SESSIONS);
}

/* Nothing but one fact is unknown. */
static void unknowns_each(const struct dial *unknowns, size_t count, void (*make)(void), enum decision decision, enum step step)
{
	struct verdict (*decide)(const struct config *, const struct facts *) = decision == MONITOR ? decide_monitor : decide_promote;

	make();
	assert_int_equal(decide(&config, &facts).step, step);
	for (size_t i = 0; i < count; i++) {
		make();
		dial_turn(&unknowns[i], 0);
		if (decide(&config, &facts).step == step)
			fail_msg("%s although unknown: number %zu", step_name(step), i);
	}
}

TEST(no_single_unknown_fact_lets_writes_open)
{
	static const struct dial unknowns[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN),
	    DIAL(server.writable, ENUM, TRI_UNKNOWN),
	    DIAL(server.executed, POSITION, NOT_KNOWN),
	    DIAL(server.has_source, ENUM, TRI_UNKNOWN),
	    DIAL(server.source_on, ENUM, TRI_UNKNOWN),
	    DIAL(server.wait_count, NUMBER, 0),
	    DIAL(server.accounts, ENUM, TRI_UNKNOWN),
	    DIAL(server.data_epoch_known, ENUM, TRI_UNKNOWN),
	    DIAL(worker, ENUM, TRI_UNKNOWN),
	    DIAL(sysvars_set, ENUM, TRI_UNKNOWN),
	    DIAL(promised, NUMBER, 0),
	    DIAL(round_begun, ENUM, TRI_UNKNOWN),
	    DIAL(marked, ENUM, TRI_UNKNOWN),
	    DIAL(quorum, ENUM, TRI_UNKNOWN),
	    DIAL(peers_known, ENUM, TRI_UNKNOWN),
	    DIAL(synced, ENUM, TRI_UNKNOWN),
	};

	world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_MAJORITY);
	unknowns_each(unknowns, ARRAY_LENGTH(unknowns) - 1, candidate_make, PROMOTE, STEP_OPEN_WRITES);
	world(GTID_FLAVOUR_MYSQL, 2, DURABILITY_ADAPTIVE);
	unknowns_each(unknowns, ARRAY_LENGTH(unknowns), candidate_make, PROMOTE, STEP_OPEN_WRITES);
}

/* --- Alone --- */
/* What the others may have stored and promised. */
static const struct view confirmers[] = {
    {.role = ROLE_UNKNOWN},
    {.role = ROLE_UNKNOWN, .clean = TRI_YES},
    {.role = ROLE_UNKNOWN, .clean = TRI_NO},
    {.role = ROLE_RECOVERING, .promised = EPOCH, .record = NOW},
    {.role = ROLE_RECOVERING, .promised = EPOCH, .record = NOW, .clean = TRI_YES},
    {.role = ROLE_RECOVERING, .promised = EPOCH, .record = UNMARKED},
    {.role = ROLE_RECOVERING, .promised = EPOCH, .record = NOW_ALONE},
    {.role = ROLE_LEAF, .promised = EPOCH, .record = NOW_ALONE},
    {.role = ROLE_REPLICA, .promised = EPOCH, .record = NOW_ALONE, .report_epoch = EPOCH},
    {.role = ROLE_REPLICA, .promised = EPOCH, .record = NOW_BACK},
    {.role = ROLE_REPLICA, .promised = EPOCH + 1, .record = NOW_ALONE},
    {.role = ROLE_REPLICA, .promised = EPOCH, .record = NOW_ALONE, .report_epoch = EPOCH + 1},
    {.role = ROLE_REPLICA, .promised = EPOCH - 1, .record = BEFORE_ALONE},
    {.role = ROLE_REPLICA, .promised = EPOCH - 1, .record = BIGGER},
    {.role = ROLE_REPLICA, .promised = EPOCH, .record = LATER},
    {.role = ROLE_PRIMARY, .epoch = EPOCH - 1, .promised = EPOCH - 1, .record = NOW_ALONE},
    {.role = ROLE_PRIMARY, .epoch = EPOCH + 1},
    {.role = ROLE_PRIMARY, .epoch = EPOCH, .promised = EPOCH, .record = NOW_ANOTHERS},
    {.role = ROLE_REPLICA, .promised = EPOCH, .record = SAME_ANOTHERS},
};

static void alone_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(record, RECORD, NO_RECORD, BEFORE_ALONE, BOUND, BIGGER, SMALLER, UNMARKED, NOW, NOW_ALONE, NOW_ANOTHERS, SAME_ANOTHERS,
		 LATER),
	    DIAL(primary_epoch, NUMBER, 0, EPOCH - 1, EPOCH),
	    DIAL(server.clients, NUMBER, 0, 4),
	    TRI(quorum),
	    TRI(marked),
	    DIAL(server.replicas_known, ENUM, TRI_UNKNOWN, TRI_YES),
	    DIAL(server.foreign, NUMBER, 0, 1),
	};

	dials_each(dials, ARRAY_LENGTH(dials), judge_monitor);
}

static void alones(void)
{
	primary_make();
	views_each(confirmers, ARRAY_LENGTH(confirmers), facts.peer_count, true, alone_turn);
}

static void alone_turn_of_many(void)
{
	static const struct dial dials[] = {
	    DIAL(record, RECORD, BIGGER, SMALLER, NOW, NOW_ALONE),
	    DIAL(server.clients, NUMBER, 0, 4),
	    DIAL(quorum, ENUM, TRI_UNKNOWN, TRI_YES),
	};

	dials_each(dials, ARRAY_LENGTH(dials), judge_monitor);
}

static void alones_of_many(void)
{
	primary_make();
	views_each(confirmers, ARRAY_LENGTH(confirmers), facts.peer_count, false, alone_turn_of_many);
}

static const struct dial primary_dials[] = {
    STATE(server.state),
    TRI(server.writable),
    TRI(server.source_on),
    DIAL(server.wait_count, NUMBER, 0, 1, 2, 3),
    DIAL(server.clients, NUMBER, 0, 1, 2, 4),
    DIAL(server.replicas_known, ENUM, TRI_UNKNOWN, TRI_YES),
    DIAL(server.foreign, NUMBER, 0, 1),
    TRI(server.foreign_acknowledge),
    TRI(server.waiting_known),
    ROLE(local_role),
    DIAL(promised, NUMBER, 0, EPOCH, EPOCH + 1),
    DIAL(primary_epoch, NUMBER, 0, EPOCH - 1, EPOCH),
    DIAL(record, RECORD, NO_RECORD, BEFORE, BEFORE_ALONE, BOUND, BIGGER, SMALLER, REOPENED, UNMARKED, NOW, NOW_ALONE, NOW_BACK,
	 NOW_ANOTHERS, SAME_ANOTHERS, LATER),
    TRI(worker),
    TRI(moment_over),
    TRI(patience_over),
    TRI(published),
    TRI(stalled),
    TRI(stuck),
    TRI(back_failed),
    TRI(marked),
    TRI(quorum),
    TRI(synced),
    TRI(peers_known),
};

static void primaries(void)
{
	static const struct view follows = {.role = ROLE_REPLICA, .promised = EPOCH, .record = NOW},
				 followed = {.role = ROLE_REPLICA, .promised = EPOCH, .record = BIGGER};
	struct facts base;

	primary_make();
	base = facts;
	dials_each_three(primary_dials, ARRAY_LENGTH(primary_dials), &base, judge_monitor);
	/* They are back. */
	peers_show(&follows);
	base.server.clients = 4;
	base.marked = TRI_YES;
	dials_each_three(primary_dials, ARRAY_LENGTH(primary_dials), &base, judge_monitor);
	/* There were more voters. */
	peers_show(&followed);
	facts = base;
	facts.server.wait_count = law_acknowledgers();
	base = facts;
	dials_each_three(primary_dials, ARRAY_LENGTH(primary_dials), &base, judge_monitor);
}

static unsigned long confirmations;

/* Not more and not less, also where another guard stands before it. */
static void confirmed_turn_of_one(void)
{
	bool confirmed = facts_confirmed(&config, &facts);

	confirmations += confirmed;
	if (confirmed != law_confirmed()) {
		_cleanup_free_ char *line = facts_format(&facts);
		fail_msg("of %llu nodes: %s, says the decision\n%s", (unsigned long long)config.instance.clone_max,
			 confirmed ? "confirmed" : "not confirmed", line);
	}
}

static void confirmed_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(record, RECORD, NO_RECORD, BEFORE_ALONE, BIGGER, SMALLER, UNMARKED, NOW, NOW_ALONE, NOW_BACK, NOW_ANOTHERS, SAME_ANOTHERS,
		 LATER),
	    DIAL(promised, NUMBER, 0, EPOCH - 1, EPOCH, EPOCH + 1),
	    TRI(peers_known),
	};

	dials_each(dials, ARRAY_LENGTH(dials), confirmed_turn_of_one);
}

TEST(a_record_is_confirmed_by_a_majority_that_has_stored_it_and_promised_nothing_higher)
{
	for (uint64_t nodes = 1; nodes <= 4; nodes++) {
		world(GTID_FLAVOUR_MYSQL, nodes, DURABILITY_ADAPTIVE);
		views_each(confirmers, ARRAY_LENGTH(confirmers), facts.peer_count, false, confirmed_turn);
	}
	assert_true(confirmations > 0);
}

TEST(commits_are_released_only_once_a_majority_has_stored_that_their_primary_is_alone)
{
	static const uint64_t few[] = {1, 2, 3}, many[] = {4, 5}, sizes[] = {0, 1, 2, 3, 5};

	counters_reset();
	worlds_each(few, ARRAY_LENGTH(few), alones);
	worlds_each(many, ARRAY_LENGTH(many), alones_of_many);
	counters_say("primaries with others", STEP_RELEASE_COMMITS);
	worlds_each(sizes, ARRAY_LENGTH(sizes), primaries);
	counters_say("primaries", STEP_RELEASE_COMMITS);
	counters_say("primaries", STEP_RECORD);
	counters_say("primaries", STEP_MARK);
	counters_say("primaries", STEP_SEMISYNC_SOURCE);
}

static void lone_candidate_make(void)
{
	static const struct view confirms = {REPORT(LESS, TRI_YES), .record = REOPENED, .clean = TRI_NO};

	candidate_make();
	facts.marked = TRI_NO;
	facts.record = records[REOPENED];
	peers_show(&confirms);
}

static void alone_candidate_make(void)
{
	lone_candidate_make();
	facts.server.source_on = TRI_NO;
}

TEST(no_single_unknown_fact_releases_commits)
{
	static const struct dial of_primary[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN),
	    DIAL(server.writable, ENUM, TRI_UNKNOWN),
	    DIAL(server.source_on, ENUM, TRI_UNKNOWN),
	    DIAL(server.wait_count, NUMBER, 0),
	    DIAL(server.waiting_known, ENUM, TRI_UNKNOWN),
	    DIAL(local_role, ENUM, ROLE_UNKNOWN),
	    DIAL(primary_epoch, NUMBER, 0),
	    DIAL(record, RECORD, NO_RECORD),
	    DIAL(moment_over, ENUM, TRI_UNKNOWN),
	    DIAL(quorum, ENUM, TRI_UNKNOWN),
	    DIAL(peers_known, ENUM, TRI_UNKNOWN),
	};
	static const struct dial of_candidate[] = {
	    DIAL(server.state, ENUM, SERVER_UNKNOWN),
	    DIAL(server.writable, ENUM, TRI_UNKNOWN),
	    DIAL(server.executed, POSITION, NOT_KNOWN),
	    DIAL(server.has_source, ENUM, TRI_UNKNOWN),
	    DIAL(server.data_epoch_known, ENUM, TRI_UNKNOWN),
	    DIAL(worker, ENUM, TRI_UNKNOWN),
	    DIAL(promised, NUMBER, 0),
	    DIAL(round_begun, ENUM, TRI_UNKNOWN),
	    DIAL(marked, ENUM, TRI_UNKNOWN),
	    DIAL(quorum, ENUM, TRI_UNKNOWN),
	    DIAL(peers_known, ENUM, TRI_UNKNOWN),
	    DIAL(record, RECORD, NO_RECORD),
	};

	for (uint64_t nodes = 2; nodes <= 3; nodes++) {
		world(GTID_FLAVOUR_MYSQL, nodes, DURABILITY_ADAPTIVE);
		unknowns_each(of_primary, ARRAY_LENGTH(of_primary), primary_make, MONITOR, STEP_RELEASE_COMMITS);
		unknowns_each(of_candidate, ARRAY_LENGTH(of_candidate), lone_candidate_make, PROMOTE, STEP_RELEASE_COMMITS);
		unknowns_each(of_candidate, ARRAY_LENGTH(of_candidate) - 1, alone_candidate_make, PROMOTE, STEP_OPEN_WRITES);
	}
}

/* --- The record --- */
/* Every record that a peer may show. */
static void shown_each(size_t count, void (*what)(void))
{
	static const enum role roles[] = {ROLE_UNKNOWN, ROLE_REPLICA};

	if (count == 0) {
		what();
		return;
	}
	for (int r = NO_RECORD; r < RECORDED_COUNT; r++) {
		for (size_t i = 0; i < ARRAY_LENGTH(roles); i++) {
			peers[count - 1].record = records[r];
			peers[count - 1].role = roles[i];
			peers[count - 1].promised = EPOCH;
			shown_each(count - 1, what);
		}
	}
}

static void keep_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(record, RECORD, NO_RECORD, BEFORE, BEFORE_ALONE, BOUND, BIGGER, SMALLER, REOPENED, UNMARKED, NOW, NOW_ALONE, NOW_BACK,
		 NOW_ANOTHERS, SAME_ANOTHERS, LATER),
	    DIAL(promised, NUMBER, 0, EPOCH, EPOCH + 1),
	    TRI(synced),
	    TRI(peers_known),
	};

	dials_each(dials, ARRAY_LENGTH(dials), judge_keep);
}

TEST(a_node_keeps_the_newest_record_that_it_sees_and_never_goes_back)
{
	counters_reset();
	for (uint64_t nodes = 0; nodes <= 3; nodes++) {
		world(GTID_FLAVOUR_MARIADB, nodes, DURABILITY_ADAPTIVE);
		shown_each(facts.peer_count, keep_turn);
	}
	counters_say("records", STEP_RECORD);
	counters_say("records", STEP_SYNCED);
	counters_say("records", STEP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_open_only_with_enough_reports_of_this_very_election_all_of_them_contained),
	    cmocka_unit_test(nothing_that_was_reported_is_passed_over_but_what_is_known_to_be_a_tail),
	    cmocka_unit_test(writes_open_only_on_a_server_that_is_closed_drained_alone_and_waits_for_its_acknowledgers),
	    cmocka_unit_test(no_single_unknown_fact_lets_writes_open),
	    cmocka_unit_test(a_record_is_confirmed_by_a_majority_that_has_stored_it_and_promised_nothing_higher),
	    cmocka_unit_test(commits_are_released_only_once_a_majority_has_stored_that_their_primary_is_alone),
	    cmocka_unit_test(no_single_unknown_fact_releases_commits),
	    cmocka_unit_test(a_node_keeps_the_newest_record_that_it_sees_and_never_goes_back),
	};
	int failed;

	positions_make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	positions_free();
	return failed;
}
