/* Binary logs: who has been away fetches what it lacks from them, and is filled by a copy when they are gone. So no server purges them while
 * a member is missing, up to a limit; a replica neither, for it may be the next primary. Beyond the limit, and while all are there, the
 * server does as its options say. */
#include "core/decide.h"

/* What a replica that is connected has yet to read, its source keeps by itself: so it is not missing any more only then. */
static enum tri member_missing(const struct config *config, const struct facts *facts)
{
	uint64_t members = config->instance.clone_max, here = 1, leaves = 0;
	if (facts_lone(config))
		return TRI_NO;
	if (facts->peers_known != TRI_YES)
		return TRI_UNKNOWN;
	for (size_t i = 0; i < facts->peer_count; i++) {
		leaves += facts->peers[i].role == ROLE_LEAF;
		here += facts->peers[i].role == ROLE_PRIMARY || facts->peers[i].role == ROLE_REPLICA || facts->peers[i].role == ROLE_LEAF;
	}
	if (here < members)
		return TRI_YES;
	/* Leaves need not be connected to this one. */
	if (facts->local_role != ROLE_PRIMARY || leaves > 0)
		return TRI_NO;
	return facts->server.replicas_known == TRI_YES ? tri_of(facts->server.ours + 1 < members) : TRI_UNKNOWN;
}

/* NULL: they are within the limits, or that is not known. */
static const char *beyond_limit(const struct config *config, const struct binlog_facts *binlogs)
{
	if (binlogs->known != TRI_YES)
		return NULL;
	if (binlogs->age_ms > config->binlog_keep_ms)
		return "the oldest is older than binlog_keep";
	if (config->binlog_keep_size && binlogs->bytes > config->binlog_keep_size)
		return "they are larger than binlog_keep_size";
	return NULL;
}

struct verdict decide_binlogs(const struct config *config, const struct facts *facts)
{
	const struct binlog_facts *binlogs = &facts->binlogs;
	enum tri missing = config->binlog_keep_ms ? member_missing(config, facts) : TRI_NO;
	const char *beyond = beyond_limit(config, binlogs);
	if (binlogs->wanted == TRI_YES && binlogs->expire == TRI_YES && missing == TRI_YES && binlogs->known == TRI_YES && !beyond)
		return verdict_step(STEP_HOLD_BINLOGS, "binary logs do not expire: a member is missing, and will need them");
	if (binlogs->wanted == TRI_YES && binlogs->expire == TRI_NO && (missing == TRI_NO || beyond))
		return verdict_step(STEP_EXPIRE_BINLOGS, "binary logs expire again: %s",
				    missing != TRI_NO	     ? beyond
				    : config->binlog_keep_ms ? "no member is missing"
							     : "binlog_keep is 0");
	return (struct verdict){0};
}
