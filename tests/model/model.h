/* model.h - the durability protocol as states and steps, for a checker that visits every one of them within bounds. It models the rules,
 * not the program: nothing of src/ is in it. A node's name is its index; what it would write with fsync survives its crash, and
 * nothing else does. */
#ifndef SYSTOLE_TESTS_MODEL_H
#define SYSTOLE_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NODES_MAX = 5,
	ENTRIES_MAX = 10,
	EPOCH_MAX = 7,
	VERSION_MAX = 3,
	NOBODY = 7
};

enum role {
	REPLICA,
	CANDIDATE,
	OPENING,
	PRIMARY
};

/* SETTLED: nobody waits for it any more, and nobody was told that it succeeded. */
enum status {
	PENDING,
	ACKNOWLEDGED,
	SETTLED
};

/* One transaction. Entries stand in the order in which they were created, and every log is a set of them. */
struct entry {
	uint16_t mark : 1, epoch : 3, status : 2, author : 3, acks : 5, id : 2;
};

/* A record is a number, ordered by its upper bits (epoch, version): see record_make(). */
struct node {
	/* In the local file, synced. */
	uint32_t promise : 3, record : 10;
	uint32_t up : 1;     /* the machine runs */
	uint32_t server : 1; /* so does its mysqld */
	uint32_t joined : 1; /* two nodes: has seen its peer since it booted (Corosync's wait_for_all) */
	uint32_t met : 1;    /* two nodes: has stored its peer's newest record and promise since it booted (rule 12) */
	uint32_t role : 2;
	uint32_t epoch : 3;	/* of its own promotion */
	uint32_t wait_none : 1; /* the server's wait count is 0 instead of k */
	uint32_t source : 3;	/* its receiver is on, and connects to this node whenever it can */
	uint32_t filling : 1;	/* its data were given away, and the copy that replaces them is not complete */
	uint32_t began : 3;	/* the epoch it last began to follow; only kept for the trace that ranks by it */
	uint32_t log : 10;	/* what it holds, received or executed, synced */
	uint32_t best : 10;	/* as a candidate: the best set reported */
	uint32_t best_node : 3; /* and who holds it; NOBODY: the sets have diverged */
	uint32_t heard : 5;	/* as a candidate: who has reported; as a primary: who has confirmed its record */
};

struct state {
	uint32_t count : 4;			       /* entries */
	uint32_t faults : 3, writes : 2;	       /* that may still come */
	uint32_t opened : 3;			       /* the highest epoch in which clients could write */
	uint32_t cluster_cut : 5, replication_cut : 5; /* the nodes on one side of a partition of that network */
	struct node nodes[NODES_MAX];
	struct entry entries[ENTRIES_MAX];
};

enum violation {
	SAFE,
	LOST,
	DOUBLE,
	DIVERGED,
	STUCK
};

/* Who does what with whom; `id` is a transaction's, `value` what the sentence needs beside them. */
struct step {
	uint8_t action, node, peer, id, value;
};

enum action {
	ACT_WRITE,
	ACT_RECEIVE,
	ACT_RECEIVE_UNASKED,
	ACT_ACKNOWLEDGE,
	ACT_RELEASE,
	ACT_PROPOSE,
	ACT_REPORT,
	ACT_PROMISE_ONLY,
	ACT_SHED,
	ACT_FETCH,
	ACT_ATTACH,
	ACT_OPEN,
	ACT_OPENED,
	ACT_OPENED_WITHOUT,
	ACT_RECORD_ALONE,
	ACT_STORE,
	ACT_STORE_OLDER,
	ACT_CONFIRM,
	ACT_CONFIRM_FENCED,
	ACT_GO_ALONE,
	ACT_WAIT_AGAIN,
	ACT_MARK,
	ACT_RECORD_MAJORITY,
	ACT_FOLLOW,
	ACT_WIPE,
	ACT_FILLED,
	ACT_DEMOTE,
	ACT_ABANDON,
	ACT_START,
	ACT_JOIN,
	ACT_MEET,
	ACT_FENCE,
	ACT_CRASH_NODE,
	ACT_CRASH_SERVER,
	ACT_CUT_BOTH,
	ACT_CUT_CLUSTER,
	ACT_CUT_REPLICATION,
	ACT_HEAL_CLUSTER,
	ACT_HEAL_REPLICATION,
	ACTIONS
};

/* Each guard of the rules that can be left out, one at a time. The table of mutations says what each means. */
enum guard {
	ACK_WAITS,
	ACK_VOTERS_ONLY,
	REPORT_STOPS_RECEIVER,
	REPORT_EPOCH_ABOVE,
	PROMISE_EXCLUSIVE,
	PROMISE_DURABLE,
	PROMISE_REFUSES_PRIMARY,
	FOLLOWING_PROMISES,
	MARK_PROMISES,
	COUNT_ENOUGH,
	COUNT_SERVERS_K,
	COUNT_MAJORITY,
	REPORT_RECORD,
	RANK_BY_EPOCH,
	RANK_BY_MARK,
	RANK_NOT_BY_SIZE,
	CANDIDATE_SHEDS,
	CANDIDATE_FETCHES,
	ALONE_BINDS,
	ALONE_IS_COUNTED,
	ATTACH_SHEDS,
	ATTACH_ENDS_REPORTS,
	MARK_WRITTEN,
	MARK_BEFORE_MAJORITY,
	RECORD_WRITTEN,
	NOT_ALONE_IN_PROMOTION,
	ALONE_CONFIRMED,
	CONFIRM_EXACT_EPOCH,
	CONFIRM_HIGHER_IS_NONE,
	CONFIRM_NO_HIGHER_PROMISE,
	CONFIRM_AFTER_RECORD,
	BACK_WAIT_FIRST,
	BACK_MARK,
	BACK_MARK_NOT_EXECUTED,
	REJOIN_SHEDS,
	REJOIN_KEEPS_WAITING,
	FILLING_IS_SILENT,
	WIPE_LEAVES_ENOUGH,
	DEPOSED_STOPS,
	DEPOSED_KILLS,
	TWO_MET,
	TWO_MET_PROMISE,
	TWO_WAIT_FOR_ALL,
	RECORD_DURABLE,
	RECORD_NEWEST_STAYS,
	RECORD_NEVER_BACK,
	SOURCE_REFUSES_AHEAD,
	RELAY_LOG_KEPT,
	GUARDS
};

enum fault {
	FAULT_NODE = 1,
	FAULT_SERVER = 2,
	FAULT_CUT = 4,
	FAULT_CUT_CLUSTER = 8,
	FAULT_CUT_REPLICATION = 16,
	FAULT_ALL = 31
};

/* SEARCHED: only for counter-examples. */
enum when {
	ALWAYS,
	LONG,
	SEARCHED
};

struct config {
	const char *name;
	enum when when;
	uint8_t voters, others; /* others: replicas that do not count */
	uint8_t writes, faults; /* at most */
	uint8_t promotions;	/* begun, after the one that the run starts with */
	uint8_t versions;	/* of the record, in one epoch */
	uint8_t kinds;		/* of faults */
	uint8_t server_waits;	/* acknowledgements that the server can wait for; 0: as many as wanted */
	bool fencing, adaptive;
	bool fills;	    /* who has diverged is not only cut, but also filled again */
	bool accepts_ahead; /* as MySQL: a source serves replicas that hold what it lacks; MariaDB refuses them */
};

struct mutation {
	enum guard guard;
	const char *name, *rule;
	const char *trace; /* of PROTOCOL.md */
	const char *sentence;
	const char *configs[3];	 /* where to look for the counter-example, the smallest first */
	enum violation expected; /* SAFE: it is not needed within the bounds, and no rule */
};

/* What a run of the checker works with. */
struct model {
	const struct config *config;
	uint64_t dropped; /* a set of guards */
	unsigned nodes, voters, k, waits, majority, sets;
};
extern struct model model;

static inline bool dropped(enum guard guard)
{
	return model.dropped >> guard & 1;
}

/* --- tables.c --- */
extern const struct config model_configs[];
extern const unsigned model_config_count;
extern const struct mutation model_mutations[];
extern const unsigned model_mutation_count;
const struct config *model_config(const char *name);

/* --- state.c --- */
void model_set(const struct config *config, uint64_t dropped);
void state_first(struct state *state);
/* Forgets what cannot matter any more and puts the nodes in an order of their own; ret_place[old index] = new index. */
void state_normalise(struct state *state, uint8_t ret_place[static NODES_MAX]);
/* Bytes that state_pack() writes. */
unsigned state_size(void);
void state_pack(const struct state *state, uint8_t *bytes);
void state_unpack(struct state *state, const uint8_t *bytes);

static inline unsigned record_make(unsigned epoch, unsigned version, bool alone, unsigned primary)
{
	return epoch << 7 | version << 5 | (unsigned)alone << 4 | primary;
}
static inline unsigned record_rank(unsigned record)
{
	return record >> 5;
}
static inline unsigned record_epoch(unsigned record)
{
	return record >> 7;
}
static inline unsigned record_version(unsigned record)
{
	return record >> 5 & 3;
}
static inline bool record_alone(unsigned record)
{
	return record >> 4 & 1;
}
/* Written by a candidate before it had opened: only a mutation does. */
static inline bool record_early(unsigned record)
{
	return record >> 3 & 1;
}
static inline unsigned record_primary(unsigned record)
{
	return record & 7;
}
static inline bool is_voter(unsigned node)
{
	return node < model.voters;
}
/* Of at most 16. */
static inline unsigned bits(unsigned set)
{
	set = (set & 0x5555U) + (set >> 1 & 0x5555U);
	set = (set & 0x3333U) + (set >> 2 & 0x3333U);
	set = (set & 0x0f0fU) + (set >> 4 & 0x0f0fU);
	return (set & 0xffU) + (set >> 8);
}

/* The cluster's network, between machines. */
static inline bool state_talks(const struct state *s, unsigned a, unsigned b)
{
	return s->nodes[a].up && s->nodes[b].up && !((s->cluster_cut >> a ^ s->cluster_cut >> b) & 1);
}
/* The replication network, between servers. */
static inline bool state_streams(const struct state *s, unsigned a, unsigned b)
{
	return s->nodes[a].server && s->nodes[b].server && !((s->replication_cut >> a ^ s->replication_cut >> b) & 1);
}
/* What this node must not go behind any more: what it has promised, and the epoch of the highest mark that it holds. */
unsigned state_promised(const struct state *state, unsigned node);
unsigned state_data_epoch(const struct state *state, unsigned log);
/* The waiting mark of this primary, or -1. */
int state_mark_of(const struct state *state, unsigned node);
/* Counts one more reported set into the best so far (rule 4). */
void state_rank(const struct state *state, unsigned log, unsigned holder, unsigned began, unsigned *best, unsigned *best_node,
		unsigned *best_began);
/* Two nodes: Pacemaker has seen to it that the peer runs nothing. */
bool state_clean(const struct state *state, unsigned node, unsigned peer);
/* Rule 12: whether this node may promise, confirm and decide. */
bool state_decides(const struct state *state, unsigned node);

/* --- rules_*.c: every step that is possible in a state --- */
struct expansion {
	const struct state *from;
	void (*found)(struct expansion *, const struct step *, struct state *next, enum violation);
	void *context;
};
void rules_acknowledge(struct expansion *expansion);
void rules_election(struct expansion *expansion);
void rules_alone(struct expansion *expansion);
void rules_rejoin(struct expansion *expansion);
void rules_faults(struct expansion *expansion);
static inline void rules_all(struct expansion *expansion)
{
	rules_acknowledge(expansion);
	rules_election(expansion);
	rules_alone(expansion);
	rules_rejoin(expansion);
	rules_faults(expansion);
}
/* A node adds an entry to what it holds; SAFE, or DIVERGED if it had to add it before one that it holds already. */
enum violation rules_add(struct state *state, unsigned node, unsigned entry);
/* A new entry at this primary; its index, or -1 if the bounds leave no room. */
int rules_append(struct state *state, unsigned node, bool mark);
/* It is the primary or a candidate no more; the clients of its waiting commits never hear of them again. */
void rules_step_down(struct state *state, unsigned node);

/* --- verify.c --- */
/* A primary has just opened, or acknowledged: is everything that was acknowledged there? */
enum violation verify_opened(struct state *state, unsigned node);
enum violation verify_acknowledged(const struct state *state, unsigned node, unsigned entry);
/* One election ahead: every set of nodes that is enough can elect, and finds all that was acknowledged. ret_nodes: those who do not. */
enum violation verify_next_election(const struct state *state, unsigned *ret_nodes);

/* --- explore.c --- */
struct outcome {
	uint64_t states, steps, taken[ACTIONS];
	unsigned depth;
	bool complete; /* every state within the bounds was visited */
	enum violation violation;
	unsigned nodes; /* whose next election shows it; 0: the last step did */
	struct told *trace;
	unsigned trace_length;
};
/* A step of a counter-example, with the names that the nodes had at the beginning. */
struct told {
	struct step step;
	struct state after;
	uint8_t name[NODES_MAX];
};
void explore(uint64_t states_max, struct outcome *ret_outcome);
void outcome_done(struct outcome *outcome);

#endif
