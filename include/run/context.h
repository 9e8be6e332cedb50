/* context.h - what one action carries along: configuration, deadline, the open connection, what it has done so far. */
#ifndef SYSTOLE_RUN_CONTEXT_H
#define SYSTOLE_RUN_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/decide.h"
#include "core/dialect.h"
#include "io/proc.h"
#include "io/sql.h"

/* A switchover that was refused is tried again after this, if it is still wanted. */
#define REFUSED_MS 30000

struct context {
	struct config config;
	struct credentials credentials;
	const struct dialect *dialect; /* NULL until the server's version is known */
	/* files of this resource: /run/systole/NAME/..., /var/lib/systole/NAME/... */
	char *run_dir, *server_marker, *worker_marker, *published_file, *round_file, *progress_file, *disconnected_file, *word_file,
	    *unpromoted_file, *property_file, *said_file, *teller_file, *listener_file, *waiting_file, *back_file, *outsider_file,
	    *expiry_file, *preference_file, *refused_file, *reads_file, *sources_file, *delay_file, *settled_file,
	    *promoted_file, /* touched by the notification after a promotion */
	    *claimed_file,  /* the same one, once a monitor waits for the address */
	    *sessions_file; /* the last session of the server's time as the primary */
	char *state_dir, *local_file, *worker_log;
	char *donor_marker, *count_file;  /* of a copy that is handed out; of one that comes in: its bytes so far */
	char *failures_file, *aside_file; /* copies that have failed; there is data that a copy has replaced */
	char *filling_marker, *copy_dir;  /* in the data directory: a copy is under way; where one of files is made */
	char *init_marker;		  /* in the data directory: it is being initialised */
	uint64_t deadline_ms;		  /* the action must have ended */
	uint64_t moment_ms;		  /* who takes part in a round at the same time has shown itself by then */
	uint64_t patience_ms;		  /* waiting for others ends here */
	uint64_t near_ms;		  /* the action should come to its end from here on */
	uint64_t stopped_ms;		  /* how long a stopped process may stay stopped before it counts as frozen */
	uint64_t answer_ms;		  /* how long one look at the server may take */
	struct sql *sql;
	struct proc server;
	uint64_t series;    /* of the server that is connected */
	uint64_t server_id; /* that a launch will give; 0: not known yet */
	/* what this action has done */
	enum tri marked;	     /* see struct facts */
	struct binlog_facts binlogs; /* as seen, until they were changed */
	bool detached, shutdown_sent, sysvars_set, round_begun, reads_round, opened_now, outsiders_cut, binlogs_seen, preference_asked,
	    sources_asked;
	bool sources_known;    /* which nodes are leaves */
	uint64_t last_session; /* that was there when writes were first seen closed; 0: not yet */
	unsigned int close_failures;
	unsigned int sessions_cut;
	unsigned int starts_failed; /* the server, or its initialisation, has ended by itself this often */
	uint64_t diverged_since_ms;
	bool attributes_missed; /* said once, however often it is tried again */
	char *relay_state;	/* of the relay log's files when relay_received was read from them */
	struct gtid_set *relay_received;
	bool relay_encrypted;
	char *reported;	   /* the report as published in this action */
	struct error last; /* why the last step or look failed */
};

/* Reads configuration and credentials; makes the directories. */
int context_open(struct context *ctx, char *const *env, struct error *err);
/* For stop and monitor when the configuration is not valid: what can be known without it. */
int context_open_bare(struct context *ctx, char *const *env, struct error *err);
void context_close(struct context *ctx);
int context_read_credentials(struct context *ctx, struct error *err);
/* Clients wait for this action: the connection to the cluster is begun before it is needed. */
void context_hurry(const struct context *ctx);

/* The administration connection, opened when needed. */
enum sql_outcome context_connect(struct context *ctx, uint64_t deadline_ms, struct error *err);
void context_disconnect(struct context *ctx);

/* Renders and runs a statement of the dialect on a connection. Arguments: name, text pairs, NULL at the end. */
enum sql_outcome context_run(struct context *ctx, struct sql *sql, enum statement statement, struct error *err, ...)
    __attribute__((sentinel));
enum sql_outcome context_query(struct context *ctx, struct sql *sql, enum statement statement, struct sql_rows *ret, struct error *err, ...)
    __attribute__((sentinel));
enum sql_outcome context_run_text(struct context *ctx, struct sql *sql, const char *text, const struct statement_arg *args, size_t count,
				  struct error *err);
/* The account by which this node replicates from that one, or from the other site. */
const struct account *context_account(const struct context *ctx, const struct peer_facts *peer);
/* A connection to its server with that account. */
enum sql_outcome context_connect_peer(struct context *ctx, const struct peer_facts *peer, uint64_t deadline_ms, struct sql **ret,
				      struct error *err);

/* The context's connection becomes one to a server outside of the cluster. */
enum sql_outcome context_connect_follower(struct context *ctx, const struct follower *follower, uint64_t deadline_ms, struct error *err);

/* The local file: what must survive a power cut. */
struct local_state {
	uint64_t promised;
	uint64_t primary_epoch;
	enum role role;
	struct record record; /* the newest seen */
};
int local_read(const struct context *ctx, struct local_state *ret, struct error *err);
int local_write(const struct context *ctx, const struct local_state *state, struct error *err);

/* The server's process: by its marker, else by its PID file and working directory. pid 0: none. */
int context_find_server(struct context *ctx, struct error *err);
/* From `binary --version`: before there is a connection. */
int context_find_dialect(struct context *ctx, struct error *err);

#endif
