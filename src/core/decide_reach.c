/* Reaching the best: what the voters have reported in this round, compared with what the candidate holds. */
#include "core/decide.h"

#include <stdlib.h>

#include "base/str.h"

static bool reported(const struct config *config, const struct facts *facts, const struct peer_facts *peer)
{
	return facts->promised && peer->report_epoch == facts->promised && str_equal(peer->report_candidate, config->instance.node) &&
	       peer->held;
}

/* Only a candidate that has applied what it received may change its source: its relay log may be one of the copies that count. */
static struct verdict fetch(const struct server_facts *server, const struct peer_facts *peer)
{
	bool receives = server->receiver == THREAD_RUNNING || server->receiver == THREAD_CONNECTING;
	if (receives && peer->address && str_equal(server->source_host, peer->address) && server->source_port == peer->port)
		return verdict_step(STEP_WAIT, "fetches what %s holds", peer->name);
	if (server_drained(server) == TRI_YES)
		return verdict_target(STEP_FOLLOW, peer->name, "%s holds more: fetched before the promotion", peer->name);
	if (server->applier_error)
		return verdict_done(OCF_ERR_GENERIC, "broken: replication stopped: %.300s", server->applier_error);
	if (server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "receives from another than %s, which holds more", peer->name);
	if (server->applier == THREAD_STOPPED)
		return verdict_step(STEP_START_APPLIER, "applies what it has received, before it fetches from %s", peer->name);
	return verdict_step(STEP_WAIT, "applies what it has received, before it fetches from %s", peer->name);
}

struct verdict decide_reach(const struct config *config, const struct facts *facts, const struct gtid_set *held, uint64_t *ret_reports)
{
	bool empty = gtid_set_empty(held);
	uint64_t reports = 1;
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (!reported(config, facts, peer))
			continue;
		reports++;
		enum gtid_relation relation = gtid_set_compare(held, peer->held);
		/* A server without any GTID may be the first of all, but never wins over data that cannot be compared with it. */
		if (empty && (peer->data != TRI_NO || relation != GTID_EQUAL))
			return verdict_done(OCF_ERR_GENERIC,
					    facts->server.user_data == TRI_YES
						? "this node has schemas but no GTID and %s may have data too: they cannot be compared"
						: "this node is empty and %s may have data",
					    peer->name);
		switch (relation) {
		case GTID_EQUAL:
		case GTID_AHEAD:
			continue;
		case GTID_BEHIND:
			return fetch(&facts->server, peer);
		case GTID_DIVERGED:
		case GTID_RELATION_UNKNOWN:
			break;
		}
		_cleanup_free_ char *missing = gtid_set_missing(peer->held, held);
		return verdict_done(OCF_ERR_GENERIC,
				    "%s has %.200s which this node lacks, and cannot be fetched from it: they have diverged", peer->name,
				    missing ? missing : "an unknown position");
	}
	*ret_reports = reports;
	return (struct verdict){0};
}
