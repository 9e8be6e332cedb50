/* server.h - the server's process as a whole: initialise, launch, end, fill. The destructive ones are server_kill, tail_cut,
 * datadir_clear, datadir_set_aside, asides_drop and provision; nothing else of the project removes or ends anything of the user's. */
#ifndef SYSTOLE_RUN_SERVER_H
#define SYSTOLE_RUN_SERVER_H

#include "core/options.h"
#include "run/context.h"

int server_initialise(struct context *ctx, struct error *err);
int server_launch(struct context *ctx, enum launch_as as, struct error *err);
/* Closes the root account of a server that we have initialised; nothing on any other. */
int server_secure(struct context *ctx, struct error *err);
int server_shutdown(struct context *ctx, struct error *err);
int server_kill(struct context *ctx, const char *reason, struct error *err); /* destructive: SIGKILL */
/* The parts of a copy that stand alone: see STEP_PLACE_COPY, STEP_COPY_POSITION, STEP_DROP_ASIDE (destructive), STEP_DONATE. */
int copy_place(struct context *ctx, struct error *err);
int copy_position(struct context *ctx, struct error *err);
int asides_drop(struct context *ctx, struct error *err);
int donate(struct context *ctx, struct error *err);
/* Fills this node from a peer; runs in the detached worker only. Returns when the server has to be started, or followed up, again. */
int provision(struct context *ctx, const struct facts *facts, const char *peer, struct error *err);
/* The paths in the list of binary logs, the newest first, at most so many; NULL at the end. The caller frees with argv_free. */
char **binlogs_listed(struct context *ctx, size_t max, struct error *err);
/* Compares the end of the binary log of a server that does not run with the new primary's position. */
void tail_observe(struct context *ctx, struct facts *facts);
/* Sets aside what stands there from `at` on, and cuts it off; destructive. Does nothing unless it finds exactly what was seen. */
int tail_cut(struct context *ctx, const struct facts *facts, uint64_t at, struct error *err);
int server_options(struct context *ctx, struct user_options *ret, struct error *err); /* the caller clears */
/* Checks binary, user, directories, the option file. */
int server_validate(struct context *ctx, struct error *err);

#endif
