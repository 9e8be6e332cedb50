/* decide.h - from facts to the next step. Pure: the same configuration and facts always give the same verdict. An action asks again after
 * every step, with fresh facts, until the step is STEP_DONE; so a verdict never counts on what an earlier step should have done.
 * UNKNOWN is never read as permission: it gives STEP_WAIT, STEP_LOOK or a refusal. */
#ifndef SYSTOLE_CORE_DECIDE_H
#define SYSTOLE_CORE_DECIDE_H

#include "core/config.h"
#include "core/facts.h"

enum step {
	STEP_NONE = 0, /* no verdict: a bug */
	STEP_DONE,     /* the action ends with the code and the reason */
	STEP_WAIT,     /* nothing to do but look again in a moment */
	STEP_LOOK,     /* more must be seen first: verdict.look */
	/* the server's process */
	STEP_INITIALISE, /* an empty data directory becomes a server's */
	STEP_LAUNCH,
	STEP_LAUNCH_BEHIND, /* as above; it was the primary, and another one was promoted after it */
	STEP_CUT_TAIL,	    /* from verdict.number on the last binary log is set aside and cut off; destructive */
	STEP_SHUTDOWN,	    /* SIGTERM */
	STEP_KILL_SERVER,   /* SIGKILL; destructive */
	STEP_DEFER,	    /* a detached worker brings the server back, so that an election need not wait for it */
	STEP_KILL_WORKER,
	STEP_PROVISION,	     /* a detached worker fills the data directory from verdict.target; destructive */
	STEP_SET_ASIDE,	     /* data that no server can use any more goes out of the way, and is kept; destructive */
	STEP_PLACE_COPY,     /* a complete copy of files becomes the data */
	STEP_COPY_POSITION,  /* the server is told where its copy was taken */
	STEP_DROP_ASIDE,     /* the data that a copy has replaced is removed; destructive */
	STEP_DONATE,	     /* a detached process hands out a copy to the node that asks for one */
	STEP_HOLD_BINLOGS,   /* the server purges no binary log by itself */
	STEP_EXPIRE_BINLOGS, /* it does, as its options say */
	/* replication */
	STEP_SEMISYNC_REPLICA, /* it acknowledges, or, as a leaf, does not */
	STEP_STOP_RECEIVER,
	STEP_START_APPLIER,
	STEP_FOLLOW, /* replicate from verdict.target */
	STEP_FORGET_SOURCE,
	STEP_CUT_OUTSIDERS,   /* end the sessions of replicas that acknowledge and are no nodes of the cluster */
	STEP_SEMISYNC_SOURCE, /* wait for verdict.number acknowledgements, or for none and off when it is 0 */
	/* the role */
	STEP_CLOSE_WRITES,
	STEP_KILL_SESSIONS, /* and, up to verdict.number, those that are idle */
	STEP_SEMISYNC_SOURCE_OFF,
	STEP_FORGET_ROLE, /* the local file says replica */
	STEP_SYSVARS_PRIMARY,
	STEP_SYSVARS_REPLICA,
	STEP_BOOTSTRAP,	      /* create the accounts in the very first promotion */
	STEP_MARK,	      /* the first transaction of epoch verdict.number, written while clients may not write yet */
	STEP_OPEN_WRITES,     /* destructive: from now on clients may write here, in epoch verdict.number */
	STEP_RELEASE_COMMITS, /* destructive: from now on commits are acknowledged that only this node has */
	/* what others see */
	STEP_PROMISE, /* raise the promise to verdict.number, durably */
	STEP_REPORT,  /* publish the report of the round */
	STEP_PUBLISH, /* publish role and address */
	STEP_RECORD,  /* store verdict.record durably, and publish it */
	STEP_SYNCED,  /* raise the promise to verdict.number, the other node's; publish that its record is stored here */
	STEP_COUNT
};

/* What an observation takes in; each costs time. The server's process is always looked at. */
enum look {
	LOOK_SERVER = 1 << 0,  /* variables, replication, semi-sync */
	LOOK_PEERS = 1 << 1,   /* the others' attributes */
	LOOK_PRIMARY = 1 << 2, /* the primary's position, asked over SQL */
	LOOK_ACCOUNTS = 1 << 3,
	LOOK_QUORUM = 1 << 4,
	LOOK_SESSIONS = 1 << 5,
	LOOK_USER_DATA = 1 << 6,
	LOOK_MARK = 1 << 7,	 /* the highest mark in the data */
	LOOK_CLEAN = 1 << 8,	 /* which of the nodes that are gone were fenced or have left properly */
	LOOK_TAIL = 1 << 9,	 /* of a server that does not run: the end of its binary log, compared with the primary's position */
	LOOK_BINLOGS = 1 << 10,	 /* the binary logs and their expiry, once an action, when the peers are looked at */
	LOOK_OBSTACLE = 1 << 11, /* with LOOK_PRIMARY: what there a switchover would hold up */
};

struct verdict {
	enum step step;
	enum ocf_code code; /* STEP_DONE */
	unsigned int look;  /* STEP_LOOK: these in addition */
	uint64_t number;
	char target[256]; /* a node */
	struct record record;
	char reason[512]; /* for the log, the exit reason, crm_mon; "" when all is well */
};

struct verdict decide_monitor(const struct config *config, const struct facts *facts);
struct verdict decide_start(const struct config *config, const struct facts *facts);
struct verdict decide_stop(const struct config *config, const struct facts *facts);
struct verdict decide_promote(const struct config *config, const struct facts *facts);
struct verdict decide_demote(const struct config *config, const struct facts *facts);
/* pre-promote: the round of PROTOCOL.md, rules 2 to 6. The candidate is config->instance.notify_promote. */
struct verdict decide_round(const struct config *config, const struct facts *facts);
/* pre-demote of a planned switchover, on the node that takes over: any other code than OCF_SUCCESS refuses it. */
struct verdict decide_switchover(const struct config *config, const struct facts *facts);
/* A replica follows the primary: after a start, a promotion elsewhere, a lost connection. */
struct verdict decide_follow(const struct config *config, const struct facts *facts);

/* For a server outside of the cluster: where it is to replicate from, and what that one has. */
struct follower_order {
	const char *address;
	uint64_t port;
	const struct gtid_set *position;
};
/* STEP_FOLLOW: it is to be pointed there. OCF_SUCCESS: it replicates from there already. Else why it is left alone. */
struct verdict decide_follower(const struct server_facts *follower, const struct follower_order *order);

/* Whether this node may serve reads; UNKNOWN: as before, or not yet. */
enum tri decide_reads(const struct config *config, const struct facts *facts);

/* Promotion scores. None is above the primary's, so that a role never moves by itself; all good nodes have the same, unless one is to be
 * preferred: only then does a promotion cost a change of scores. */
enum score {
	SCORE_BARRED = -1000000, /* -INFINITY: not even when a constraint says so */
	SCORE_NONE = 0,		 /* must not be promoted now */
	SCORE_EMPTY = 1,	 /* the very first start, all nodes empty */
	SCORE_AVOID = 10,	 /* also a primary that is never to be one: it stays until another can be promoted */
	SCORE_BEHIND = 50,
	SCORE_OTHER = 90, /* another node is to be preferred */
	SCORE_GOOD = 100,
};
/* reason says why a node has none. */
enum score decide_score(const struct config *config, const struct facts *facts, char reason[static 256]);
/* After a round: in the very first start a voter that still has more than the candidate says its score now. No monitor has run yet, and
 * none does before the promotion has ended. */
bool score_is_due(const struct config *config, const struct facts *facts);
/* After a round, on the candidate: fewer nodes are up than must report. Pacemaker has chosen it before it knew that. */
bool round_in_vain(const struct config *config, const struct facts *facts);
/* After a round, on a voter: nothing is left for it to do when the candidate has been promoted. */
bool round_settled(const struct config *config, const struct facts *facts);

/* The node that holds the role by its own word, with the highest epoch, not below what we have promised; NULL when none is known. */
const struct peer_facts *facts_primary(const struct facts *facts);
/* This node replicates from the other site. */
bool facts_on_site(const struct facts *facts);
/* Whom this node is to replicate from: the primary; for a leaf the node that its attribute names, while that one may serve reads, else the one
 * that that one is to replicate from; a leaf of itself has the primary. NULL when no primary is known. */
const struct peer_facts *facts_source(const struct config *config, const struct facts *facts);
/* Its source, or that one's source and so on, is this node itself. */
bool facts_source_loops(const struct config *config, const struct facts *facts);
/* This node does not vote: its attribute says so, and it does not acknowledge. */
bool facts_leaf(const struct facts *facts);
/* A leaf's server has the delay that the leaf is to have. */
bool facts_delays_rightly(const struct facts *facts);
/* Whether this node, as a replica, is to acknowledge commits; UNKNOWN: as before. */
enum tri facts_acknowledges(const struct config *config, const struct facts *facts);
bool facts_acknowledging_wrongly(const struct config *config, const struct facts *facts);
/* The primary's mark was acknowledged, and enough nodes are whole that an election is possible without this one; or only the primary could be
 * elected anyway. */
bool facts_others_have_all(const struct config *config, const struct facts *facts, const struct peer_facts *primary);

/* The newest record that anybody has stored; epoch 0: none. */
const struct record *facts_record(const struct facts *facts);
/* Instances that there should be, or are, without leaves. */
uint64_t facts_members(const struct config *config, const struct facts *facts);
uint64_t facts_voters(const struct config *config, const struct facts *facts);
/* N of a record that follows an acknowledged mark. */
uint64_t facts_voters_marked(const struct config *config, const struct facts *facts);
uint64_t facts_acknowledgers(const struct config *config, const struct facts *facts);
uint64_t facts_reports_needed(const struct config *config, const struct facts *facts);
/* Rule 5: the record that keeps this node from being promoted, or NULL. */
const struct record *facts_bound(const struct config *config, const struct facts *facts);
/* YES: replicas that are no nodes of the cluster acknowledge commits. What they acknowledge, a mark too, says nothing of the voters. */
enum tri facts_outsiders(const struct facts *facts);
/* Whether the mark that this action has written was acknowledged, and by voters. */
enum tri facts_marked(const struct facts *facts);
/* Rule 8: a majority of the voters has stored this node's record and promised nothing higher. */
bool facts_confirmed(const struct config *config, const struct facts *facts);
bool facts_clean_known(const struct facts *facts);
/* Rule 11: the node that has promised, recorded or opened a later epoch than this primary's, or NULL. */
const struct peer_facts *facts_superseding(const struct facts *facts);
/* The same, as a record says it, also of this very epoch with another primary. */
const struct record *facts_superseding_record(const struct config *config, const struct facts *facts);
/* Every action, before its own decision: keep the newest record. STEP_NONE: nothing to do. */
struct verdict decide_keep(const struct config *config, const struct facts *facts);

#define STATE_ALONE "primary, alone"
#define STATE_SECOND "replica of the other site"
/* What crm_mon shows of a node, from a recurring monitor's verdict: only what lasts; "": nothing worth a word. */
const char *state_word(const struct facts *facts, const struct verdict *verdict);

/* A node that has just lost its instance: waits, within bounds, while the primary lacks acknowledgers and its record may change. */
struct verdict decide_linger(const struct config *config, const struct facts *facts);

const char *step_name(enum step step);
bool step_is_destructive(enum step step);

/* For use between the decide_*.c only. */
struct verdict verdict_done(enum ocf_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct verdict verdict_step(enum step step, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct verdict verdict_look(unsigned int look);
struct verdict verdict_record(const struct record *record, const char *reason);
struct verdict verdict_target(enum step step, const char *target, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* PROTOCOL.md, rule 4: STEP_NONE when this node holds all that was reported in its round; else how it gets there, or why it cannot. */
struct verdict decide_reach(const struct config *config, const struct facts *facts, const struct gtid_set *held, uint64_t *ret_reports);
/* A replica that follows the primary: whether somebody has written to it all the same. STEP_NONE: no, or that cannot be told now. */
struct verdict decide_errant(const struct config *config, const struct facts *facts);
/* Of a server that is closed: the sessions that its demotion has left for later. STEP_NONE: there are none, or commits may wait. */
struct verdict decide_sessions_left(const struct facts *facts);
/* Whether the server may purge its binary logs now. STEP_NONE: as it is, or that cannot be told now. */
struct verdict decide_binlogs(const struct config *config, const struct facts *facts);
/* This cluster has no primary that this node could follow. */
struct verdict decide_site(const struct config *config, const struct facts *facts);
/* Becomes a replica of source, unless what it holds is not within what the primary, or the other site, holds. */
struct verdict decide_join(const struct config *config, const struct facts *facts, const struct peer_facts *primary,
			   const struct peer_facts *source);
/* The applier has stopped with an error. */
struct verdict decide_broken(const struct config *config, const struct facts *facts);
struct verdict decide_server_id(const struct facts *facts); /* STEP_NONE: no other node has this one's */
#define LEAF_DOES_NOT_VOTE "by its node attribute it is a leaf, and does not vote"
#define NEVER_PROMOTED "it is never to be promoted, by its node attribute"
#define FILLED_FROM_SITE "empty: with the parameter other_site it is filled from there, and never begun anew"
#define HAS_A_FILTER "it has a replication filter, and may lack what others have"
#define NOT_SYNCED "it has not heard of the other node since it joined the cluster, and does not know what that one took alone"
#define NO_ADDRESS "its address is not among its node attributes" /* its attribute manager was restarted */
#define ATTRIBUTES_UNREADABLE "the other nodes' attributes cannot be read"
bool facts_lone(const struct config *config); /* one instance only: no cluster to ask */

#endif
