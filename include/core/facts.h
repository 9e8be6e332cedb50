/* facts.h - everything that an action may know when it decides: what was seen, never what was concluded. UNKNOWN is the zero value of
 * every field that is observed. Pure; a set of facts can be written as one line and read back, which is what tests/golden is made of. */
#ifndef SYSTOLE_CORE_FACTS_H
#define SYSTOLE_CORE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "core/gtid.h"
#include "core/record.h"

enum tri {
	TRI_UNKNOWN = 0,
	TRI_NO,
	TRI_YES,
};

enum server_state {
	SERVER_UNKNOWN = 0,
	SERVER_DEAD,	 /* no process */
	SERVER_STARTING, /* a process that does not listen yet: start, crash recovery */
	SERVER_UP,	 /* answers */
	SERVER_BUSY,	 /* does not answer in time, or is full, but its process goes on working */
	SERVER_FROZEN,	 /* does not answer and its process does nothing */
};

enum thread_state {
	THREAD_UNKNOWN = 0,
	THREAD_STOPPED,
	THREAD_CONNECTING, /* the receiver only */
	THREAD_RUNNING,
};

enum role {
	ROLE_UNKNOWN = 0,
	ROLE_REPLICA,
	ROLE_PRIMARY,
	ROLE_RECOVERING, /* its server is not up yet, or its data is being copied: cannot report */
	ROLE_LEAF,	 /* a replica that does not vote: a node attribute says whom it replicates from */
};

/* The last binary log of a server that died as the primary, compared with what the new primary has. */
enum tail_state {
	TAIL_UNKNOWN = 0,
	TAIL_NONE,  /* the primary has everything */
	TAIL_CUT,   /* it lacks what stands at the end, from tail_at on */
	TAIL_OTHER, /* what it lacks does not stand at the end, or that cannot be seen */
};

/* What this server answers. */
struct server_facts {
	enum server_state state;
	enum tri writable;	 /* clients may write */
	enum tri agent_writable; /* MySQL: the agent may, super_read_only is off */
	uint64_t server_id;	 /* of a server that is to be launched: the one that it will get */
	char *uuid;		 /* MySQL's server_uuid; MariaDB's server_id as text */
	uint64_t series;	 /* of its version: 1011 for 10.11, 907 for 9.7; 0: not known */
	struct gtid_set *executed;
	struct gtid_set *received; /* NULL: unknown, or it never had a source: see has_source */
	enum tri has_source;	   /* a source is configured, whether connected or not */
	char *source_host;
	uint64_t source_port;
	enum tri auto_position; /* by GTID */
	enum thread_state receiver, applier;
	char *receiver_error; /* NULL: none */
	char *applier_error;
	char *filter;	  /* what a replication filter says; NULL: none, or it has no source, and so nothing goes through one */
	uint64_t lag_s;	  /* behind its source, as the server says */
	uint64_t delay_s; /* it applies nothing that is younger */
	enum tri lagging; /* lag_s is beyond max_lag and the delay; UNKNOWN when the server cannot tell */
	enum tri source_on, replica_on; /* both sides of semi-sync */
	uint64_t wait_count;		/* acknowledgements that a commit waits for */
	enum tri lossless;		/* it waits before others see the commit, without end, and also while no replica is connected */
	uint64_t clients;		/* connected semi-sync replicas */
	enum tri replicas_known;	/* the three that follow were seen */
	uint64_t ours;			/* replicas' sessions of the replication account, which is the cluster's own */
	uint64_t foreign;		/* those of other accounts, but for what is seen not to acknowledge */
	enum tri foreign_acknowledge;	/* YES: that is seen; UNKNOWN: this server does not tell */
	uint64_t waiting;		/* commits that wait for an acknowledgement now */
	enum tri waiting_known;
	uint64_t acknowledged; /* commits that were acknowledged by replicas since the server started */
	uint64_t data_epoch;   /* the highest mark in what it has executed; 0: none, or not known */
	enum tri data_epoch_known;
	enum tri user_data;   /* a schema that is not the server's own */
	enum tri accounts;    /* the configured accounts exist */
	enum tri copy_wanted; /* another node asks for a copy of this server's files */
	uint64_t sessions;    /* of clients; once writes are closed: those of before with a statement or a transaction under way */
	enum tri sessions_known;
};

/* In place of a node's name: what the parameter of this name says. */
#define SITE_NAME "other_site"

/* In place of a node's name: whichever is the primary. */
#define SOURCE_PRIMARY "primary"

/* What an administrator has said of a node's part in elections. */
enum preference {
	PREFERENCE_UNKNOWN = 0,
	PREFERENCE_NEVER, /* it votes and hands over what it has, and is not promoted */
	PREFERENCE_AVOID, /* promoted when nobody else can be */
	PREFERENCE_NEUTRAL,
	PREFERENCE_PREFER,
};
/* UNKNOWN: it is none of the four. */
enum preference preference_parse(const char *name);

/* What another node has published, and what its server answered when it was asked. */
struct peer_facts {
	char *name;
	enum role role;
	uint64_t epoch;	   /* of its promotion, when it is the primary */
	uint64_t promised; /* its highest promise, as of its last action outside of a round */
	char *address;
	uint64_t port;
	uint64_t server_id;
	uint64_t series;
	enum tri data;	      /* its server has transactions or schemas of its own */
	enum tri reads;	      /* it may serve reads */
	char *source;	      /* see struct facts */
	struct record record; /* the newest that it has stored */
	enum tri clean;	      /* no member of the cluster, and fenced or properly left: runs nothing */
	/* its report in the present round, see PROTOCOL.md rule 2 */
	uint64_t report_epoch; /* its promise for the candidate; 0: none */
	char *report_candidate;
	struct gtid_set *held;	  /* received and executed; NULL: it has only promised */
	struct gtid_set *applied; /* executed */
	enum tri broken;	  /* YES: its applier has stopped with an error, so it hands over no more than it has applied */
	uint64_t data_epoch;	  /* as above, of applied */
	enum tri data_epoch_known;
	/* asked over SQL: the primary, and the node that a leaf is to replicate from; while there is no primary, the other site */
	enum tri asked; /* YES: the four below are true now; NO: it did not answer */
	struct gtid_set *position;
	struct gtid_set *purged; /* what its binary logs no longer have; NULL: it does not say */
	char *uuid;
	uint64_t waiting;
	char *obstacle; /* what a switchover would hold up, or lose; NULL: nothing, or not asked for */
	char *ask_error;
};

/* This server's binary logs; seen now and then. */
struct binlog_facts {
	enum tri wanted; /* by its options the server purges them by itself */
	enum tri expire; /* it does; NO: while the agent holds that back */
	enum tri known;	 /* the two that follow were seen */
	uint64_t bytes;	 /* of all together */
	uint64_t age_ms; /* since the oldest one was last written */
};

struct facts {
	struct server_facts server;
	struct binlog_facts binlogs;
	/* the local file */
	enum role local_role;	/* PRIMARY: it was opened for writes and never properly closed */
	uint64_t promised;	/* highest epoch this node has promised */
	uint64_t primary_epoch; /* the epoch in which it was opened */
	struct record record;	/* the newest that this node has stored */
	/* the host */
	enum tri datadir_empty;
	enum tri damaged; /* the server has given up twice in this action, and its log says that its files are corrupt */
	enum tri filling; /* a copy into its data directory was begun and has not ended; what cannot be told is YES here */
	enum tri leaving; /* its data is on the way out of the directory: some of it may be gone */
	/* of such a copy, when it was made of files: */
	enum tri copy_whole;	/* it stands beside, complete and checked, and is yet to be put in place */
	enum tri copy_placed;	/* it is in place, and the server is yet to be told where it was taken */
	enum tri aside;		/* the data that a copy has replaced is still there */
	uint64_t copies_failed; /* one after the other */
	char *copy_error;	/* the last one's */
	enum tri copy_due;	/* so long ago that it may be tried again */
	enum tri fill_asked;	/* an operator asks for a copy */
	enum tri donating;	/* a process of ours hands out a copy */
	enum tail_state tail;
	uint64_t tail_at;    /* bytes */
	uint64_t tail_count; /* transactions */
	enum tri worker;     /* a detached worker of ours is alive */
	enum tri shutdown_sent;
	enum tri deadline_near;	      /* this action must come to an end */
	enum tri moment_over;	      /* whoever takes part in this round at the same time would have been seen by now */
	enum tri patience_over;	      /* the bounded wait for what others should do is over */
	uint64_t close_failures;      /* how often closing writes was refused in this action */
	enum tri diverged_twice;      /* the difference from the primary was seen for longer than a commit can be under way */
	enum tri sysvars_set;	      /* of the present role, in this action */
	enum tri published;	      /* what others see of this node is what is true now */
	enum tri round_begun;	      /* this action has promised for this round */
	enum tri reported;	      /* its report says what is true now */
	enum tri disconnected_before; /* the monitor before this one already saw it without its source */
	uint64_t disconnected_ms;     /* since a monitor first saw it without its source; 0: it has it */
	enum tri promotion_failed;    /* the last one here, and it has not followed a primary since */
	enum tri reads_before;	      /* its attribute says that it may serve reads; UNKNOWN: there is none yet */
	enum tri detached;	      /* this is the detached worker itself */
	enum tri opened_now;	      /* this action has created the accounts: nobody can have attached yet */
	uint64_t sessions_left; /* up to this id they are of clients that were idle when writes were closed, and are to end; 0: none */
	/* the cluster */
	enum tri stalled;	/* commits wait, and none was acknowledged since the monitor before */
	enum tri stuck;		/* for so long that whoever seems to be connected does not acknowledge */
	enum tri outsiders_cut; /* this action has ended their sessions */
	char *outsider;		/* not long ago, this one acknowledged commits and was cut off: its host and account; NULL: none */
	enum tri back_failed;	/* not long ago, connected replicas did not acknowledge the mark that would have ended being alone */
	enum tri marked;	/* this action has written a mark: YES, it was acknowledged; NO, not in time */
	enum tri quorum;
	enum tri synced;	  /* two nodes: this one has stored its peer's record since it joined the cluster */
	char *switchover_refused; /* not long ago, why; NULL: it was not */
	enum tri refused_before;  /* not long ago a node has refused this switchover, and it is wanted all the same */
	uint64_t delay_s;	  /* its node attribute: what the delay of its server is to be; for leaves */
	char *source;		  /* its node attribute: it is to be a leaf of that node, or of SOURCE_PRIMARY; NULL: it votes */
	enum preference preference;
	enum tri preferred_elsewhere; /* another node is to be preferred */
	enum tri peers_known;	      /* the others' attributes were read */
	struct peer_facts *peers;
	size_t peer_count;
	/* The address of another cluster with the same data: no node of this one. Its name is NULL: there is none. */
	struct peer_facts site;
};

void facts_clear(struct facts *facts);
void server_facts_clear(struct server_facts *server);
struct peer_facts *facts_peer(struct facts *facts, const char *name);		  /* added when it is new */
const struct peer_facts *facts_find(const struct facts *facts, const char *name); /* the other site, too */

/* "server.state=up server.writable=no node2.role=primary ...": fields that are UNKNOWN, 0 or NULL are left out. */
char *facts_format(const struct facts *facts);
/* flavour: of the sets. The caller clears; on an error the sentence names the field. */
int facts_parse(const char *line, enum gtid_flavour flavour, struct facts *ret, struct error *err);

const char *tri_name(enum tri value);
const char *role_name(enum role value);
enum role role_parse(const char *name);
static inline enum tri tri_of(bool value)
{
	return value ? TRI_YES : TRI_NO;
}

/* Received and executed together; NULL when either is unknown. The caller frees. */
struct gtid_set *server_held(const struct server_facts *server);
/* YES only when everything received is executed. */
enum tri server_drained(const struct server_facts *server);

#endif
