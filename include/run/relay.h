/* relay.h - the relay log of MariaDB's server. After a restart the server does not know what it has received, and drops the files as soon
 * as it replicates by GTID again; but a transaction in them may be the only copy of one that was acknowledged. So they are read here. */
#ifndef SYSTOLE_RUN_RELAY_H
#define SYSTOLE_RUN_RELAY_H

#include "run/context.h"

/* What the relay log holds; NULL: that is not known. False: the server's own word must do, for it knows, or the log is encrypted. */
bool relay_received(struct context *ctx, struct gtid_set **ret_received);

/* Starts the applier where the first transaction begins that `executed` lacks, so that the server keeps the files. The receiver is stopped. */
int relay_apply(struct context *ctx, const struct gtid_set *executed, struct error *err);

#endif
