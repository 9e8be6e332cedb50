/* world.h - what the enumerations turn: one configuration, one set of facts, the others as they may show themselves; and the laws that every
 * verdict about them is judged by. The laws stand here once more, in their own words (DESIGN.md 1, PROTOCOL.md): they use nothing of
 * src/core but the sets, so that a slip in a decision does not repeat itself in its test. */
#ifndef SYSTOLE_TESTS_WORLD_H
#define SYSTOLE_TESTS_WORLD_H

#include "core/decide.h"
#include "unit.h"

enum decision {
	MONITOR,
	START,
	STOP,
	PROMOTE,
	DEMOTE,
	ROUND,
	FOLLOW,
	KEEP
};

enum {
	EPOCH = 5 /* promised, or that of the primary */
};

/* What this node holds is SAME; the others' are compared with it. */
enum position {
	NOT_KNOWN,
	EMPTY,
	LESS,
	SAME,
	MORE,
	OTHER,
	POSITION_COUNT
};

/* This node is node1. */
enum recorded {
	NO_RECORD,
	BEFORE,	       /* of the epoch before, majority, of node2 */
	BEFORE_ALONE,  /* ..., alone, of this node */
	BOUND,	       /* ..., alone, of node2 */
	BIGGER,	       /* ..., majority, of node2, two voters more than there are now */
	SMALLER,       /* ..., majority, of node2, one voter */
	REOPENED,      /* of EPOCH, of this node, which was alone before */
	UNMARKED,      /* or opened without an acknowledged mark */
	NOW,	       /* a later version of it, majority */
	NOW_ALONE,     /* then alone */
	NOW_BACK,      /* then majority again */
	NOW_ANOTHERS,  /* of EPOCH, alone, of node2 */
	SAME_ANOTHERS, /* of EPOCH, of the same version as UNMARKED and REOPENED, of node2 */
	LATER,	       /* of the next epoch, majority, of node2 */
	RECORDED_COUNT
};

extern struct config config;
extern struct facts facts;
extern struct peer_facts peers[4];
extern enum gtid_flavour flavour;
extern struct gtid_set *positions[3][POSITION_COUNT];
extern struct record records[RECORDED_COUNT];

void positions_make(void);
void positions_free(void);
/* nodes: 0 for none, outside of a cluster. Everything that is observed is unknown then. */
void world(enum gtid_flavour of, uint64_t nodes, enum durability durability);
/* A candidate with which all is well: it opens writes. */
void candidate_make(void);
/* A primary that has lost its replicas, and whose record says so everywhere: it releases its commits. */
void primary_make(void);

/* A fact and all its values. */
enum kind {
	ENUM,
	NUMBER,
	POSITION,
	RECORD
};
struct dial {
	size_t offset;
	enum kind kind;
	int count;
	uint64_t values[RECORDED_COUNT];
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
#define STATE(field) DIAL(field, ENUM, SERVER_UNKNOWN, SERVER_DEAD, SERVER_STARTING, SERVER_UP, SERVER_BUSY, SERVER_FROZEN)

void dial_turn(const struct dial *dial, int value);
/* Calls what() with every combination of the dials' values. The facts are left as the last combination has them. */
void dials_each(const struct dial *dials, size_t count, void (*what)(void));
/* Every combination of any three dials, the others as base has them. */
void dials_each_three(const struct dial *dials, size_t count, const struct facts *base, void (*what)(void));

/* What a peer may have published. */
struct view {
	enum role role;
	uint64_t epoch, promised, report_epoch;
	const char *candidate;
	enum position held, applied;
	uint64_t data_epoch;
	enum tri data_epoch_known, data, clean, broken;
	enum recorded record;
};
/* A report in this round: what it holds, and whether there is data. */
#define REPORT(set, has_data) \
	.role = ROLE_REPLICA, .promised = EPOCH - 1, .report_epoch = EPOCH, .candidate = "node1", .held = set, .data = has_data

/* As the candidate may see the others in its round. */
extern const struct view reports[];
extern const size_t report_count;

void view_show(struct peer_facts *peer, const struct view *view);
/* Every way in which count peers may look; with ordered, also every order of them. */
void views_each(const struct view *views, size_t view_count, size_t count, bool ordered, void (*what)(void));

/* Decides, and fails the test when the verdict breaks a law. */
void judge(enum decision decision);
void judge_monitor(void);
void judge_start(void);
void judge_stop(void);
void judge_promote(void);
void judge_demote(void);
void judge_round(void);
void judge_follow(void);
void judge_keep(void);

/* How often what was decided since the reset. */
extern unsigned long tried, steps[STEP_COUNT];
void counters_reset(void);
void counters_say(const char *what, enum step step); /* fails when the step was never decided */

/* What else the tests ask the laws. */
uint64_t law_acknowledgers(void);
bool law_confirmed(void);
bool law_may_be_shed(const struct peer_facts *peer);
bool law_may_be_left_out(const struct peer_facts *peer, const struct gtid_set *held);

#endif
