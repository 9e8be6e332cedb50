/* binlogs.h - whether the server purges its binary logs by itself, and how much of them there is. It removes none. */
#ifndef SYSTOLE_RUN_BINLOGS_H
#define SYSTOLE_RUN_BINLOGS_H

#include "core/decide.h"
#include "core/options.h"
#include "run/context.h"

/* At a launch: how long they are kept by these options, for the monitors to know. */
void binlogs_note(struct context *ctx, const struct user_options *options);
/* Looked at once an action, which may look at much else often. */
void binlogs_observe(struct context *ctx, struct binlog_facts *ret);
/* Says what it did, or why not, which is no reason for a monitor to fail or to try again: from here on this action knows nothing of them. */
void binlogs_expire(struct context *ctx, bool expire, const char *reason);

#endif
