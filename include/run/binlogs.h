/* binlogs.h - whether the server purges its binary logs by itself, and how much of them there is. It removes none. */
#ifndef SYSTOLE_RUN_BINLOGS_H
#define SYSTOLE_RUN_BINLOGS_H

#include "core/decide.h"
#include "core/options.h"
#include "run/context.h"

/* At a launch: how long they are kept by these options, for the monitors to know. */
void binlogs_note(struct context *ctx, const struct user_options *options);
/* Once an action: later looks say nothing of it. */
void binlogs_observe(struct context *ctx, struct facts *facts);
/* Says what it did, or why not: neither is a reason for a monitor to fail. */
void binlogs_expire(struct context *ctx, bool expire, const char *reason);

#endif
