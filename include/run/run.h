/* run.h - observe, decide, apply, until it is done. */
#ifndef SYSTOLE_RUN_RUN_H
#define SYSTOLE_RUN_RUN_H

#include "core/decide.h"
#include "run/context.h"

/* Looks at what is asked for (bits of enum look; the server's process always). What was not answered stays UNKNOWN. */
void observe(struct context *ctx, unsigned int look, struct facts *ret);

/* The last session of the server's time as the primary that was demoted this long ago at least; 0: none, or they were cut. */
uint64_t sessions_left(const struct context *ctx, uint64_t ago_ms);
/* Whether a session, a row of STATEMENT_SESSIONS, is one to be cut: any as long as writes are open, then the busy ones of before. And those
 * up to `left`, of an earlier time as the primary, after which no monitor has run. */
bool session_is_due(const struct context *ctx, const struct sql_rows *rows, size_t row, uint64_t left);
/* What the server has executed by now; NULL: it does not say. The caller frees. */
struct gtid_set *executed_now(struct context *ctx, struct error *err);
/* Of the server that the context is connected to, which need not be this node's. The caller clears. */
enum sql_outcome follower_observe(struct context *ctx, struct server_facts *ret);

/* One idempotent step; its success is what the next look shows. -1: it could not be tried, with the reason. */
int apply(struct context *ctx, const struct facts *facts, const struct verdict *verdict, struct error *err);

typedef struct verdict decide_function(const struct config *config, const struct facts *facts);
/* The loop. look: what every round of it observes. ret_facts may be NULL; else the last facts, the caller clears. */
struct verdict run_loop(struct context *ctx, decide_function *decide, unsigned int look, struct facts *ret_facts);

/* attributes and score */
char *report_text(const struct context *ctx, const struct facts *facts, const char *candidate);
void publish_joined(struct context *ctx, uint64_t epoch);
void publish_report(struct context *ctx, const struct facts *facts, const char *candidate, struct error *err);
int publish_state(struct context *ctx, const struct facts *facts, struct error *err);
int publish_synced(struct context *ctx, struct error *err);
enum tri published_state(const struct context *ctx, const struct facts *facts);
void published_forget(const struct context *ctx); /* nothing of it counts as published any more */
void publish_score(struct context *ctx, const struct facts *facts);
bool score_barred_elsewhere(struct context *ctx);
void score_mend(struct context *ctx);	    /* where the CIB has lost it; one question to the cluster, so not in a quiet monitor */
void publish_no_score(struct context *ctx); /* until the next start or monitor finds that it deserves one */
void publish_stopped(struct context *ctx);  /* at stop: the score goes */
void peers_observe(struct context *ctx, struct facts *facts);
/* The verdict of a recurring monitor as Pacemaker is to have it: each thing is told once. */
struct verdict tell(struct context *ctx, enum role role, struct verdict verdict);
/* Pacemaker does not know what is here: of what it was told it may have forgotten everything. */
void tell_anew(struct context *ctx);
struct attr_values;
/* Node attributes that are set for good: systole-RESOURCE-WHAT. An election goes by what was remembered of them. */
#define PERMANENT_MAX 4096 /* bytes of what is remembered */
char *permanent_name(const struct context *ctx, const char *what);
bool permanent_due(const struct context *ctx); /* it is no election: there is time to ask */
int permanent_read(struct context *ctx, const char *name, struct attr_values *ret);
void permanent_keep(const struct context *ctx, const char *file, const char *text);
void preference_observe(struct context *ctx, bool ask, struct facts *facts);
void sources_observe(struct context *ctx, bool peers,
		     struct facts *facts);			       /* before the peers: says in ctx whether it is known who votes */
void publish_property(struct context *ctx, const struct facts *facts); /* the record, in the CIB */
int property_keep(struct context *ctx, struct error *err);	       /* and from there, when this node has none */
void publish_word(struct context *ctx, const char *word);	       /* "": none */
void publish_reads(struct context *ctx, enum tri reads);	       /* UNKNOWN: no attribute */
void clean_observe(struct context *ctx, struct facts *facts);
void primary_observe(struct context *ctx, unsigned int look, struct facts *facts);

/* In a database that has none of the accounts: opens it for the agent, creates them and the table of marks, and closes it. */
int bootstrap(struct context *ctx, struct error *err);

/* Points the servers of the parameter to this primary, in the background. Returns what is wrong with the first of them, or NULL. */
char *followers_tend(struct context *ctx, uint64_t epoch);

/* The detached worker: brings the server back and fills it, then ends. Its data is the context. */
int worker_run(struct context *ctx);

/* The actions: OCF codes. The table is in actions.c. */
struct verdict action_failed(const struct error *err);
struct verdict action_notify(struct context *ctx);
int action_run(const char *name, char *const *env);
void action_usage(void);

#endif
