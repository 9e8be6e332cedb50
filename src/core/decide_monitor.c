/* Monitor: what the server is, said in one code and one sentence. It mends what is its own to keep (a replica is closed, semi-sync is on,
 * a replica follows the primary) and changes no role. */
#include "core/decide.h"

#include "base/str.h"

static bool is_primary(const struct facts *facts)
{
	return facts->local_role == ROLE_PRIMARY;
}

static struct verdict decide_monitor_dead(const struct config *config, const struct facts *facts)
{
	if (facts->worker == TRI_YES)
		return verdict_done(OCF_DEGRADED, "the server is being brought back");
	if (config->instance.interval_ms && is_primary(facts))
		return verdict_done(OCF_FAILED_PROMOTED, "the server is gone: its process has ended; see %s", config->log);
	if (config->instance.interval_ms)
		return verdict_done(OCF_NOT_RUNNING, "the server is gone: its process has ended; see %s", config->log);
	return verdict_done(OCF_NOT_RUNNING, "%s", "");
}

static struct verdict decide_monitor_primary(const struct config *config, const struct facts *facts, bool only_one)
{
	const struct server_facts *server = &facts->server;
	uint64_t k = config_acknowledgers(config, only_one);
	struct verdict v;
	if (server->writable == TRI_UNKNOWN)
		return verdict_done(OCF_DEGRADED_PROMOTED, "whether clients can write is not known");
	if (server->writable == TRI_NO)
		return config->instance.interval_ms
			   ? verdict_done(OCF_FAILED_PROMOTED, "the primary is read-only: somebody has set read_only")
			   : verdict_done(OCF_SUCCESS, "%s", "");
	if (k > 0 && (server->source_on != TRI_YES || server->wait_count != k)) {
		v = verdict_step(STEP_SEMISYNC_SOURCE, "semi-sync was switched off or waits for %llu instead of %llu",
				 (unsigned long long)server->wait_count, (unsigned long long)k);
		v.number = k;
		return v;
	}
	if (server->clients < k) {
		if (facts->peers_known != TRI_YES)
			return verdict_look(LOOK_PEERS);
		const struct peer_facts *other = facts_primary(facts);
		if (other && other->epoch > facts->primary_epoch)
			return verdict_done(OCF_FAILED_PROMOTED, "%s was promoted meanwhile", other->name);
		return verdict_done(OCF_DEGRADED_PROMOTED, "commits wait: %llu of %llu replicas that must acknowledge are connected",
				    (unsigned long long)server->clients, (unsigned long long)k);
	}
	return verdict_done(OCF_RUNNING_PROMOTED, "%s", "");
}

static bool follows_the_primary(const struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts);
	return !primary || (str_equal(facts->server.source_host, primary->address) && facts->server.source_port == primary->port);
}

static struct verdict decide_monitor_replica(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (facts->worker == TRI_YES)
		return verdict_done(OCF_DEGRADED, "the server is being brought back");
	if (server->writable == TRI_UNKNOWN)
		return verdict_done(OCF_DEGRADED, "whether clients can write is not known");
	if (facts->local_role != ROLE_REPLICA)
		return verdict_done(OCF_ERR_GENERIC, "its role is not known: the file that says it cannot be read");
	if (server->writable == TRI_YES)
		return verdict_step(STEP_CLOSE_WRITES, "a replica must not be writable: somebody has switched read_only off");
	if (facts_lone(config) || !config->instance.clustered)
		return verdict_done(OCF_SUCCESS, "%s", "");
	/* A server without any transaction says to the others whether it has data all the same. */
	if (server->user_data == TRI_UNKNOWN && gtid_set_empty(server->executed))
		return verdict_look(LOOK_USER_DATA);
	if (server->replica_on != TRI_YES)
		return verdict_step(STEP_SEMISYNC_REPLICA, "semi-sync was switched off on this replica");
	if (server->applier_error)
		return verdict_done(OCF_DEGRADED, "broken: replication stopped: %.400s", server->applier_error);
	/* Now and then, whether it is the primary that it receives from. */
	if (facts->published == TRI_NO && facts->peers_known != TRI_YES)
		return verdict_look(LOOK_PEERS);
	if (server->receiver == THREAD_RUNNING && server->applier == THREAD_RUNNING && follows_the_primary(facts))
		return server->lagging == TRI_YES
			   ? verdict_done(OCF_DEGRADED, "catching up: %llu s behind", (unsigned long long)server->lag_s)
			   : verdict_done(OCF_SUCCESS, "%s", "");
	struct verdict follow = decide_follow(config, facts);
	if (follow.step != STEP_DONE || follow.code != OCF_SUCCESS)
		return follow.step == STEP_DONE && follow.code != OCF_DEGRADED ? verdict_done(OCF_DEGRADED, "%s", follow.reason) : follow;
	/* A primary that has just died looks like this too, and every change of a result makes Pacemaker calculate anew: it must have lasted. */
	if (facts_primary(facts) && facts->disconnected_before == TRI_YES)
		return verdict_done(OCF_DEGRADED, "not connected to the primary: %.400s",
				    server->receiver_error ? server->receiver_error : "connecting");
	return verdict_done(OCF_SUCCESS, "%s", "");
}

static struct verdict decide_monitor_up(const struct config *config, const struct facts *facts)
{
	return is_primary(facts)
		   ? decide_monitor_primary(config, facts,
					    facts->server.executed && gtid_set_flavour(facts->server.executed) == GTID_FLAVOUR_MARIADB)
		   : decide_monitor_replica(config, facts);
}

struct verdict decide_monitor(const struct config *config, const struct facts *facts)
{
	bool primary = is_primary(facts) && config->instance.interval_ms;
	switch (facts->server.state) {
	case SERVER_DEAD:
		return decide_monitor_dead(config, facts);
	case SERVER_UP:
		return decide_monitor_up(config, facts);
	case SERVER_STARTING:
		if (facts->worker == TRI_YES || !config->instance.interval_ms)
			return verdict_done(OCF_DEGRADED, "the server is starting or recovering");
		return verdict_done(primary ? OCF_FAILED_PROMOTED : OCF_ERR_GENERIC, "the server runs but does not listen on %s",
				    config->socket);
	case SERVER_BUSY:
		return verdict_done(primary ? OCF_DEGRADED_PROMOTED : OCF_DEGRADED, "busy: it does not answer in time, but works");
	case SERVER_FROZEN:
		return verdict_done(primary ? OCF_FAILED_PROMOTED : OCF_ERR_GENERIC,
				    "the server does not answer and its process does nothing");
	case SERVER_UNKNOWN:
		break;
	}
	return verdict_done(primary ? OCF_DEGRADED_PROMOTED : OCF_DEGRADED, "the state of the server could not be seen");
}
