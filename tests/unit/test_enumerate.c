/* The dangerous decisions about a server, tried with every combination of the facts that bear on them: what a law forbids is never decided.
 * Elections, marks and records are in test_enumerate_writes.c. */
#include "world.h"

static const enum gtid_flavour flavours[] = {GTID_FLAVOUR_MYSQL, GTID_FLAVOUR_MARIADB};

TEST(a_demotion_releases_nobody_who_waits_for_an_acknowledgement)
{
	static const struct dial dials[] = {
	    STATE(server.state),
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
	/* MySQL: closed to clients, but not to administrators. */
	world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_MAJORITY);
	facts.server.state = SERVER_UP;
	facts.server.writable = TRI_NO;
	facts.server.agent_writable = TRI_YES;
	dials_each(dials + 2, ARRAY_LENGTH(dials) - 2, judge_demote);
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
		enum recorded record;
	} primaries[] = {
	    {ROLE_UNKNOWN, 0, TRI_UNKNOWN, NOT_KNOWN, 0, NO_RECORD},
	    {ROLE_REPLICA, 0, TRI_UNKNOWN, NOT_KNOWN, 0, BEFORE},
	    {ROLE_RECOVERING, 0, TRI_UNKNOWN, NOT_KNOWN, 0, NO_RECORD},
	    {ROLE_PRIMARY, EPOCH - 1, TRI_YES, LESS, 0, BEFORE},
	    {ROLE_PRIMARY, EPOCH, TRI_UNKNOWN, NOT_KNOWN, 0, NOW},
	    {ROLE_PRIMARY, EPOCH, TRI_NO, NOT_KNOWN, 0, NOW},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, NOT_KNOWN, 0, NOW},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, EMPTY, 0, NOW},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, LESS, 0, NOW},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, LESS, 0, NO_RECORD},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, LESS, 0, BEFORE},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, LESS, 0, UNMARKED},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, LESS, 2, NOW_ALONE},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, SAME, 0, NOW},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, MORE, 0, NOW},
	    {ROLE_PRIMARY, EPOCH, TRI_YES, OTHER, 2, NOW},
	};
	static char uuid[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

	for (size_t i = 0; i < ARRAY_LENGTH(primaries); i++) {
		peers[0].role = primaries[i].role;
		peers[0].epoch = primaries[i].epoch;
		peers[0].asked = primaries[i].asked;
		peers[0].position = positions[flavour][primaries[i].position];
		peers[0].waiting = primaries[i].waiting;
		peers[0].record = records[primaries[i].record];
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
	    TRI(filling),
	    TRI(worker),
	    TRI(detached),
	    DIAL(server.applier, ENUM, THREAD_UNKNOWN, THREAD_STOPPED, THREAD_RUNNING),
	};

	facts.server.state = SERVER_UP;
	dials_each(dials, ARRAY_LENGTH(dials), judge_follow);
}

/* A copy in each of its states, and what can be wrong with a replica that a copy mends. */
static void copies_turn(void)
{
	static const struct dial dials[] = {
	    STATE(server.state),
	    TRI(filling),
	    TRI(copy_whole),
	    TRI(damaged),
	    TRI(leaving),
	    TRI(datadir_empty),
	    TRI(copy_placed),
	    TRI(worker),
	    TRI(detached),
	    TRI(aside),
	    DIAL(fill_asked, ENUM, TRI_NO, TRI_YES),
	    DIAL(copies_failed, NUMBER, 0, 1, 5),
	    TRI(copy_due),
	    DIAL(server.copy_wanted, ENUM, TRI_NO, TRI_YES),
	    TRI(donating),
	    DIAL(server.receiver, ENUM, THREAD_STOPPED, THREAD_RUNNING),
	    DIAL(server.applier, ENUM, THREAD_STOPPED, THREAD_RUNNING),
	    TRI(server.lagging),
	};
	static char purged[] = "error 1236: required binlog files have been purged", diverged[] = "error 1062: Duplicate entry",
		    torn[] = "error 1594: Relay log read failure", other[] = "error 1021: Disk full";
	static char *const appliers[] = {NULL, diverged, torn, other};
	struct facts base = facts;

	for (size_t i = 0; i < 2 * ARRAY_LENGTH(appliers); i++) {
		facts = base;
		facts.server.executed = positions[flavour][SAME];
		facts.server.received = positions[flavour][i % 2 ? MORE : LESS];
		facts.server.has_source = TRI_YES;
		facts.server.applier_error = appliers[i / 2];
		facts.server.receiver_error = i % 2 ? purged : NULL;
		facts.server.state = SERVER_UP;
		facts.server.writable = TRI_NO;
		facts.server.replica_on = TRI_YES;
		facts.server.user_data = TRI_YES;
		facts.server.source_on = facts.worker = facts.filling = TRI_NO;
		facts.local_role = ROLE_REPLICA;
		facts.sysvars_set = facts.peers_known = facts.published = facts.diverged_twice = TRI_YES;
		struct facts case_base = facts;
		dials_each_three(dials, ARRAY_LENGTH(dials), &case_base, judge_monitor);
		dials_each_three(dials, ARRAY_LENGTH(dials), &case_base, judge_start);
		dials_each_three(dials + 1, ARRAY_LENGTH(dials) - 1, &case_base, judge_follow);
	}
	facts = base;
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
	facts.filling = TRI_NO;
	facts.diverged_twice = TRI_YES;
	facts.server.waiting_known = TRI_YES;
	dials_each(dials, ARRAY_LENGTH(dials), judge_start);
	dials_each(dials, ARRAY_LENGTH(dials), judge_monitor);
	facts.server.agent_writable = TRI_YES;
	dials_each(dials + 1, ARRAY_LENGTH(dials) - 1, judge_start);
	dials_each(dials + 1, ARRAY_LENGTH(dials) - 1, judge_monitor);
	facts.server.agent_writable = TRI_UNKNOWN;
	facts.sysvars_set = facts.published = TRI_YES;
	facts.server.source_on = TRI_NO;
	dials_each(dials, ARRAY_LENGTH(dials) - 4, judge_follow);
}

TEST(data_is_given_away_only_for_a_known_primarys_and_never_somebodys_schemas)
{
	/* The third node: an election without this one needs it. */
	static const struct view others[] = {
	    {.role = ROLE_RECOVERING, .data = TRI_YES},
	    {.role = ROLE_REPLICA, .data = TRI_NO},
	    {.role = ROLE_REPLICA, .data = TRI_YES},
	};

	counters_reset();
	for (size_t f = 0; f < 2; f++) {
		for (int provision = PROVISION_AUTO; provision <= PROVISION_MANUAL; provision++) {
			world(flavours[f], 3, DURABILITY_MAJORITY);
			config.provision = (enum provision)provision;
			facts.peers_known = TRI_YES;
			facts.local_role = ROLE_REPLICA;
			facts.server.writable = TRI_NO;
			facts.promised = EPOCH;
			for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
				view_show(&peers[1], &others[i]);
				primary_each(follower_turn);
			}
			config.instance.interval_ms = f ? 10000 : 0;
			primary_each(copies_turn);
			primary_each(follower_flags_turn);
		}
	}
	counters_say("followers", STEP_PROVISION);
	counters_say("followers", STEP_FOLLOW);
	counters_say("followers", STEP_PLACE_COPY);
	counters_say("followers", STEP_SET_ASIDE);
	counters_say("followers", STEP_COPY_POSITION);
	counters_say("followers", STEP_DROP_ASIDE);
	counters_say("followers", STEP_DONATE);
	counters_say("followers", STEP_FORGET_SOURCE);
}

static void site_turn(void)
{
	static const struct dial dials[] = {
	    DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME),
	    DIAL(server.received, POSITION, NOT_KNOWN, LESS, MORE),
	    TRI(server.has_source),
	    DIAL(server.user_data, ENUM, TRI_UNKNOWN, TRI_NO, TRI_YES),
	    DIAL(diverged_twice, ENUM, TRI_NO, TRI_YES),
	    DIAL(filling, ENUM, TRI_NO, TRI_YES),
	    DIAL(detached, ENUM, TRI_NO, TRI_YES),
	    DIAL(fill_asked, ENUM, TRI_NO, TRI_YES),
	    DIAL(server.data_epoch, NUMBER, EPOCH - 1, EPOCH),
	    TRI(server.data_epoch_known),
	    DIAL(disconnected_ms, NUMBER, 0, 60000),
	};

	/* This cluster's own primary: none, a deposed one, one that is followed. */
	for (uint64_t epoch = EPOCH - 2; epoch <= EPOCH; epoch++) {
		peers[0].role = epoch < EPOCH - 1 ? ROLE_REPLICA : ROLE_PRIMARY;
		peers[0].epoch = epoch;
		struct facts base = facts;
		dials_each_three(dials, ARRAY_LENGTH(dials), &base, judge_follow);
		facts = base;
	}
}

TEST(the_other_site_is_followed_only_without_a_primary_here_and_nothing_is_given_away_unasked_that_it_lacks)
{
	static char site[] = SITE_NAME, address[] = "10.1.0.51", uuid[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

	counters_reset();
	for (size_t f = 0; f < 2; f++) {
		world(flavours[f], 3, DURABILITY_MAJORITY);
		facts.site = (struct peer_facts){.name = site, .address = address, .port = 3306, .uuid = uuid};
		facts.peers_known = TRI_YES;
		facts.local_role = ROLE_REPLICA;
		facts.server.writable = TRI_NO;
		facts.promised = EPOCH;
		facts.record = records[BEFORE];
		facts.server.state = SERVER_UP;
		facts.server.executed = positions[flavour][SAME];
		facts.server.has_source = facts.worker = TRI_NO;
		facts.server.data_epoch = EPOCH;
		facts.server.data_epoch_known = TRI_YES;
		for (int asked = TRI_UNKNOWN; asked <= TRI_YES; asked++) {
			for (int p = NOT_KNOWN; p < POSITION_COUNT; p++) {
				facts.site.asked = (enum tri)asked;
				facts.site.position = positions[flavour][p];
				facts.site.waiting = p == OTHER;
				for (uint64_t epoch = EPOCH - 2; epoch <= EPOCH; epoch++) {
					facts.site.data_epoch = epoch;
					facts.site.data_epoch_known = tri_of(epoch != EPOCH - 2);
					site_turn();
				}
			}
		}
	}
	counters_say("second sites", STEP_PROVISION);
	counters_say("second sites", STEP_FOLLOW);
}

static void starter_turn(void)
{
	static const struct dial dials[] = {
	    STATE(server.state),
	    TRI(server.writable),
	    TRI(worker),
	    TRI(detached),
	    TRI(datadir_empty),
	    ROLE(local_role),
	    TRI(peers_known),
	    TRI(patience_over),
	    DIAL(tail, ENUM, TAIL_UNKNOWN, TAIL_NONE, TAIL_CUT, TAIL_OTHER),
	    DIAL(primary_epoch, NUMBER, 0, EPOCH - 1, EPOCH),
	    DIAL(server.waiting, NUMBER, 0, 1),
	    TRI(server.waiting_known),
	    TRI(server.source_on),
	    DIAL(sysvars_set, ENUM, TRI_NO, TRI_YES),
	};

	dials_each(dials, 10, judge_start);
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
	counters_say("starts", STEP_CUT_TAIL);
	counters_say("starts", STEP_DEFER);
}

TEST(a_stop_succeeds_only_where_nothing_runs_and_shuts_nothing_down_while_commits_wait)
{
	static const struct dial dials[] = {
	    STATE(server.state),       TRI(worker), TRI(shutdown_sent), TRI(deadline_near), DIAL(server.waiting, NUMBER, 0, 3),
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

	facts.sessions_left = 7;
	dials_each(dials, 4, judge_monitor);
	facts.sessions_left = 0;
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
				facts.server.waiting_known = TRI_YES;
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
	counters_say("monitors", STEP_KILL_SESSIONS);
}

TEST(binary_logs_expire_only_where_nobody_needs_them_or_beyond_the_limits)
{
	static const struct dial dials[] = {
	    TRI(binlogs.wanted),
	    TRI(binlogs.expire),
	    TRI(binlogs.known),
	    DIAL(binlogs.bytes, NUMBER, 0, 1000, 1001),
	    DIAL(binlogs.age_ms, NUMBER, 0, 60000, 60001),
	    TRI(peers_known),
	    TRI(server.replicas_known),
	    DIAL(server.ours, NUMBER, 0, 1, 2),
	    DIAL(local_role, ENUM, ROLE_REPLICA, ROLE_PRIMARY),
	    TRI(worker),
	};
	static const enum role roles[] = {ROLE_UNKNOWN, ROLE_RECOVERING, ROLE_REPLICA, ROLE_PRIMARY};

	counters_reset();
	for (size_t i = 0; i < 2 * ARRAY_LENGTH(roles); i++) {
		world(GTID_FLAVOUR_MYSQL, 3, DURABILITY_ASYNC);
		config.instance.interval_ms = 5000;
		config.binlog_keep_ms = i < ARRAY_LENGTH(roles) ? 60000 : 0;
		config.binlog_keep_size = 1000;
		facts.server.state = SERVER_UP;
		facts.server.writable = TRI_YES;
		facts.server.executed = positions[flavour][SAME];
		facts.server.waiting_known = facts.server.replica_on = facts.published = TRI_YES;
		facts.server.receiver = facts.server.applier = THREAD_RUNNING;
		facts.primary_epoch = facts.promised = EPOCH;
		peers[0].role = ROLE_REPLICA;
		peers[1].role = roles[i % ARRAY_LENGTH(roles)];
		dials_each(dials, ARRAY_LENGTH(dials), judge_monitor);
		facts.server.writable = TRI_NO;
		dials_each(dials, ARRAY_LENGTH(dials), judge_monitor);
	}
	counters_say("monitors", STEP_HOLD_BINLOGS);
	counters_say("monitors", STEP_EXPIRE_BINLOGS);
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
	    STATE(server.state), TRI(server.writable), ROLE(local_role),
	    TRI(worker),	 TRI(deadline_near),   TRI(peers_known),
	    TRI(round_begun),	 TRI(reported),	       DIAL(promised, NUMBER, 0, EPOCH),
	};

	facts.server.executed = positions[flavour][SAME];
	facts.server.received = NULL;
	facts.server.has_source = TRI_NO;
	facts.server.receiver = facts.server.applier = THREAD_STOPPED;
	dials_each(dials, ARRAY_LENGTH(dials), judge_round);
}

static void round_worker_turn(void)
{
	static const struct dial dials[] = {
	    STATE(server.state), DIAL(server.executed, POSITION, NOT_KNOWN, EMPTY, SAME), TRI(worker), TRI(filling), TRI(peers_known),
	};

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
			views_each(reports, report_count, 1, false, round_turn);
			candidate_make();
			views_each(reports, report_count, 1, false, round_flags_turn);
			candidate_make();
			views_each(reports, report_count, facts.peer_count, false, round_worker_turn);
		}
	}
	counters_say("rounds", STEP_PROMISE);
	counters_say("rounds", STEP_REPORT);
	counters_say("rounds", STEP_FOLLOW);
	counters_say("rounds", STEP_KILL_WORKER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_demotion_releases_nobody_who_waits_for_an_acknowledgement),
	    cmocka_unit_test(data_is_given_away_only_for_a_known_primarys_and_never_somebodys_schemas),
	    cmocka_unit_test(the_other_site_is_followed_only_without_a_primary_here_and_nothing_is_given_away_unasked_that_it_lacks),
	    cmocka_unit_test(a_server_is_launched_only_where_nothing_runs_and_initialised_only_where_nothing_is),
	    cmocka_unit_test(a_stop_succeeds_only_where_nothing_runs_and_shuts_nothing_down_while_commits_wait),
	    cmocka_unit_test(a_monitor_changes_no_role_and_says_promoted_only_of_a_writable_primary),
	    cmocka_unit_test(binary_logs_expire_only_where_nobody_needs_them_or_beyond_the_limits),
	    cmocka_unit_test(a_round_reports_only_what_is_known_after_it_has_promised_and_stopped_receiving),
	};
	int failed;

	positions_make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	positions_free();
	return failed;
}
