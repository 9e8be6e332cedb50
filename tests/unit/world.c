#include "world.h"

#include <stdio.h>

struct config config;
struct facts facts;
struct peer_facts peers[4];
enum gtid_flavour flavour;
struct gtid_set *positions[3][POSITION_COUNT];
struct record records[RECORDED_COUNT];

void positions_make(void)
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

void positions_free(void)
{
	for (int f = 0; f < 3; f++)
		for (int p = 0; p < POSITION_COUNT; p++)
			gtid_set_freep(&positions[f][p]);
}

const struct view reports[] = {
    {.role = ROLE_UNKNOWN},
    {.role = ROLE_RECOVERING},
    {REPORT(SAME, TRI_YES)},
    {REPORT(LESS, TRI_YES)},
    {REPORT(MORE, TRI_YES)},
    {REPORT(NOT_KNOWN, TRI_YES)},
    {REPORT(EMPTY, TRI_NO)},
    {REPORT(EMPTY, TRI_YES)},
    {REPORT(EMPTY, TRI_UNKNOWN)},
    /* diverged: of a later, the same, an earlier epoch, not applied, not known */
    {REPORT(OTHER, TRI_YES), .data_epoch = EPOCH, .data_epoch_known = TRI_YES},
    {REPORT(OTHER, TRI_YES), .data_epoch = EPOCH - 1, .data_epoch_known = TRI_YES},
    {REPORT(OTHER, TRI_YES), .data_epoch = EPOCH - 2, .data_epoch_known = TRI_YES},
    {REPORT(OTHER, TRI_YES), .data_epoch = EPOCH - 2, .data_epoch_known = TRI_YES, .applied = LESS},
    {REPORT(OTHER, TRI_YES), .data_epoch = EPOCH - 2},
    /* its applier has stopped: it can hand over a part of it, nothing of it; it has a transaction of its own besides */
    {REPORT(MORE, TRI_YES), .applied = LESS, .broken = TRI_YES},
    {REPORT(LESS, TRI_YES), .broken = TRI_YES},
    {REPORT(OTHER, TRI_YES), .applied = LESS, .broken = TRI_YES},
    {REPORT(MORE, TRI_YES), .broken = TRI_YES},
    /* what it has stored */
    {REPORT(SAME, TRI_YES), .record = BEFORE_ALONE},
    {REPORT(SAME, TRI_YES), .record = BOUND},
    {REPORT(LESS, TRI_YES), .record = BIGGER},
    {REPORT(LESS, TRI_YES), .record = SMALLER, .data_epoch = EPOCH, .data_epoch_known = TRI_YES},
    {REPORT(SAME, TRI_YES), .record = REOPENED},
    {REPORT(SAME, TRI_YES), .record = NOW_ALONE},
    {REPORT(SAME, TRI_YES), .record = LATER},
    {REPORT(SAME, TRI_YES), .record = SAME_ANOTHERS},
    {.role = ROLE_RECOVERING, .record = BOUND},
    {.role = ROLE_LEAF, .promised = EPOCH - 1},
    {.role = ROLE_LEAF, .promised = EPOCH - 1, .data = TRI_NO},
    {.role = ROLE_LEAF, .report_epoch = EPOCH, .candidate = "node1", .held = SAME, .data = TRI_YES},
    /* of another round, for another, none */
    {.role = ROLE_REPLICA, .report_epoch = EPOCH - 1, .candidate = "node1", .held = SAME, .data = TRI_YES},
    {.role = ROLE_REPLICA, .report_epoch = 0, .candidate = "node1", .held = SAME, .data = TRI_YES},
    {.role = ROLE_REPLICA, .report_epoch = EPOCH, .candidate = "node3", .held = SAME, .data = TRI_YES},
    {.role = ROLE_REPLICA, .report_epoch = EPOCH, .held = SAME, .data = TRI_YES},
    {.role = ROLE_REPLICA, .report_epoch = EPOCH + 1, .candidate = "node1", .held = SAME, .data = TRI_YES},
    {.role = ROLE_REPLICA, .report_epoch = EPOCH, .candidate = "node1", .held = SAME, .data = TRI_YES, .promised = EPOCH + 1},
    {.role = ROLE_PRIMARY, .epoch = EPOCH - 1, .report_epoch = EPOCH, .candidate = "node1", .held = SAME, .data = TRI_YES},
    {.role = ROLE_PRIMARY, .epoch = EPOCH, .report_epoch = EPOCH, .candidate = "node1", .held = SAME, .data = TRI_YES},
    {.role = ROLE_PRIMARY, .epoch = EPOCH + 1, .data = TRI_YES},
};
const size_t report_count = ARRAY_LENGTH(reports);

static void records_make(uint64_t voters)
{
	static const struct record all[RECORDED_COUNT] = {
	    [BEFORE] = {EPOCH - 1, 1, RECORD_MAJORITY, 0, "node2"}, [BEFORE_ALONE] = {EPOCH - 1, 9, RECORD_ALONE, 0, "node1"},
	    [BOUND] = {EPOCH - 1, 9, RECORD_ALONE, 0, "node2"},	    [SMALLER] = {EPOCH - 1, 3, RECORD_MAJORITY, 0, "node2"},
	    [BIGGER] = {EPOCH - 1, 2, RECORD_MAJORITY, 2, "node2"}, [REOPENED] = {EPOCH, 1, RECORD_ALONE, 0, "node1"},
	    [UNMARKED] = {EPOCH, 1, RECORD_UNMARKED, 0, "node1"},   [NOW] = {EPOCH, 2, RECORD_MAJORITY, 0, "node1"},
	    [NOW_ALONE] = {EPOCH, 3, RECORD_ALONE, 0, "node1"},	    [NOW_BACK] = {EPOCH, 4, RECORD_MAJORITY, 0, "node1"},
	    [NOW_ANOTHERS] = {EPOCH, 3, RECORD_ALONE, 0, "node2"},  [SAME_ANOTHERS] = {EPOCH, 1, RECORD_UNMARKED, 0, "node2"},
	    [LATER] = {EPOCH + 1, 1, RECORD_MAJORITY, 0, "node2"},
	};

	memcpy(records, all, sizeof(records));
	for (size_t r = NO_RECORD + 1; r < RECORDED_COUNT; r++)
		records[r].voters += r == SMALLER ? 1 : voters;
}

void world(enum gtid_flavour of, uint64_t nodes, enum durability durability)
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
	records_make(config.instance.clone_max);
	facts = (struct facts){0};
	for (size_t i = 0; i < 4; i++)
		peers[i] = (struct peer_facts){.name = names[i], .address = names[i], .port = 3306};
	facts.peers = peers;
	facts.peer_count = config.instance.clone_max - 1;
}

void candidate_make(void)
{
	static const struct view reporter = {REPORT(SAME, TRI_YES)};

	facts.server.state = SERVER_UP;
	facts.server.writable = TRI_NO;
	facts.server.executed = positions[flavour][SAME];
	facts.server.has_source = TRI_NO;
	facts.server.receiver = facts.server.applier = THREAD_STOPPED;
	facts.server.source_on = TRI_YES;
	facts.server.clients = config.instance.clone_max;
	facts.server.replicas_known = TRI_YES;
	facts.server.waiting_known = TRI_YES;
	facts.server.data_epoch = EPOCH - 1;
	facts.server.data_epoch_known = TRI_YES;
	facts.server.accounts = TRI_YES;
	facts.server.user_data = TRI_YES;
	facts.local_role = ROLE_REPLICA;
	facts.promised = EPOCH;
	facts.primary_epoch = EPOCH - 1;
	facts.record = records[NO_RECORD];
	facts.filling = TRI_NO;
	facts.worker = TRI_NO;
	facts.sysvars_set = TRI_YES;
	facts.round_begun = TRI_YES;
	facts.marked = TRI_YES;
	facts.quorum = TRI_YES;
	facts.synced = TRI_YES;
	facts.peers_known = TRI_YES;
	for (size_t i = 0; i < facts.peer_count; i++)
		view_show(&peers[i], &reporter);
	facts.server.wait_count = law_acknowledgers();
}

void primary_make(void)
{
	static const struct view confirms = {.role = ROLE_RECOVERING, .promised = EPOCH, .record = NOW_ALONE, .clean = TRI_NO};

	config.instance.interval_ms = 5000;
	facts.server.state = SERVER_UP;
	facts.server.writable = TRI_YES;
	facts.server.executed = positions[flavour][SAME];
	facts.server.has_source = TRI_NO;
	facts.server.source_on = TRI_YES;
	facts.server.waiting_known = TRI_YES;
	facts.local_role = ROLE_PRIMARY;
	facts.promised = facts.primary_epoch = EPOCH;
	facts.record = records[NOW_ALONE];
	facts.worker = TRI_NO;
	facts.moment_over = TRI_YES;
	facts.published = TRI_YES;
	facts.quorum = TRI_YES;
	facts.synced = TRI_YES;
	facts.peers_known = TRI_YES;
	for (size_t i = 0; i < facts.peer_count; i++)
		view_show(&peers[i], &confirms);
	facts.server.wait_count = law_acknowledgers();
}

void dial_turn(const struct dial *dial, int value)
{
	void *field = (char *)&facts + dial->offset;

	switch (dial->kind) {
	case ENUM:
		*(int *)field = (int)dial->values[value];
		break;
	case NUMBER:
		*(uint64_t *)field = dial->values[value];
		break;
	case POSITION:
		*(struct gtid_set **)field = positions[flavour][dial->values[value]];
		break;
	case RECORD:
		*(struct record *)field = records[dial->values[value]];
		break;
	}
}

void dials_each(const struct dial *dials, size_t count, void (*what)(void))
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

void dials_each_three(const struct dial *dials, size_t count, const struct facts *base, void (*what)(void))
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

void view_show(struct peer_facts *peer, const struct view *view)
{
	peer->role = view->role;
	peer->epoch = view->epoch;
	peer->promised = view->promised;
	peer->report_epoch = view->report_epoch;
	peer->report_candidate = (char *)(uintptr_t)view->candidate;
	peer->held = positions[flavour][view->held];
	peer->applied = view->applied ? positions[flavour][view->applied] : peer->held;
	peer->data_epoch = view->data_epoch;
	peer->data_epoch_known = view->data_epoch_known;
	peer->data = view->data;
	peer->clean = view->clean;
	peer->broken = view->broken;
	peer->record = records[view->record];
}

static void views_from(const struct view *views, size_t view_count, size_t count, size_t from, bool ordered, void (*what)(void))
{
	if (count == 0) {
		what();
		return;
	}
	for (size_t v = from; v < view_count; v++) {
		view_show(&peers[count - 1], &views[v]);
		views_from(views, view_count, count - 1, ordered ? 0 : v, ordered, what);
	}
}

void views_each(const struct view *views, size_t view_count, size_t count, bool ordered, void (*what)(void))
{
	views_from(views, view_count, count, 0, ordered, what);
}

void counters_reset(void)
{
	tried = 0;
	memset(steps, 0, sizeof(steps));
}

void counters_say(const char *what, enum step step)
{
	printf("# %s: %lu combinations, %s in %lu\n", what, tried, step_name(step), steps[step]);
	assert_true(steps[step] > 0);
}
