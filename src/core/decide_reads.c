/* Whether a node may serve reads: what the node attribute says that reader addresses and proxies go by. */
#include "core/decide.h"

/* One that was refused has made up half of it before it is taken again: at the threshold it would come and go. */
static enum tri within(const struct config *config, const struct facts *facts, uint64_t lag_ms)
{
	uint64_t limit = facts->reads_before == TRI_NO ? config->max_lag_ms / 2 : config->max_lag_ms;
	return tri_of(config->max_lag_ms == 0 || lag_ms <= limit);
}

static enum tri replica_reads(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (!server->executed)
		return facts->reads_before;
	if (server->applier != THREAD_RUNNING || server->applier_error || server->filter || gtid_set_empty(server->executed))
		return TRI_NO;
	if (server->receiver == THREAD_RUNNING)
		return server->lagging == TRI_UNKNOWN ? facts->reads_before : within(config, facts, server->lag_s * 1000);
	if (server_drained(server) != TRI_YES)
		return facts->reads_before;
	/* Without a primary nobody has anything newer. */
	if (facts->peers_known == TRI_YES && !facts_primary(facts) && !facts_on_site(facts))
		return TRI_YES;
	return within(config, facts, facts->disconnected_ms);
}

enum tri decide_reads(const struct config *config, const struct facts *facts)
{
	switch (facts->server.state) {
	case SERVER_UP:
		break;
	case SERVER_UNKNOWN:
	case SERVER_BUSY:
		return facts->reads_before;
	case SERVER_DEAD:
	case SERVER_STARTING:
	case SERVER_FROZEN:
		return TRI_NO;
	}
	if (facts->worker != TRI_NO || facts->filling == TRI_YES)
		return TRI_NO;
	return facts->local_role == ROLE_PRIMARY ? TRI_YES : replica_reads(config, facts);
}
