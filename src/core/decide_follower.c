/* A server outside of the cluster that is to replicate from the primary, and cannot by the virtual IP: whether it is pointed here. */
#include "core/decide.h"

#include <stdlib.h>

#include "base/str.h"

static bool replicates_here(const struct server_facts *follower, const struct follower_order *order)
{
	return str_equal(follower->source_host, order->address) && follower->source_port == order->port;
}

struct verdict decide_follower(const struct server_facts *follower, const struct follower_order *order)
{
	_cleanup_gtid_ struct gtid_set *held = server_held(follower);
	_cleanup_free_ char *own = gtid_set_missing(held, order->position);
	if (follower->has_source == TRI_NO)
		return verdict_done(OCF_ERR_GENERIC, "replicates from nobody: set that up once by hand, with GTID auto-positioning");
	if (follower->has_source != TRI_YES || follower->auto_position == TRI_UNKNOWN)
		return verdict_done(OCF_ERR_GENERIC, "does not say from whom it replicates");
	if (follower->auto_position == TRI_NO)
		return verdict_done(OCF_ERR_GENERIC, "does not use GTID auto-positioning: it would lose its place");
	if (!own)
		return verdict_done(OCF_ERR_GENERIC, "what it has is not known");
	if (*own)
		return verdict_done(OCF_ERR_GENERIC, "has %.200s which this primary lacks", own);
	if (follower->applier_error)
		return verdict_done(OCF_ERR_GENERIC, "replication stopped: %.300s", follower->applier_error);
	if (!replicates_here(follower, order))
		return verdict_step(STEP_FOLLOW, "replicates from %.128s", follower->source_host ? follower->source_host : "nobody");
	/* By somebody who had a reason. */
	if (follower->receiver == THREAD_STOPPED || follower->applier == THREAD_STOPPED)
		return verdict_done(OCF_ERR_GENERIC, "its replication is stopped%s%.300s", follower->receiver_error ? ": " : "",
				    follower->receiver_error ? follower->receiver_error : "");
	return verdict_done(OCF_SUCCESS, "%s", "");
}
