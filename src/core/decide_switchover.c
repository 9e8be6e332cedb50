/* Before a planned switchover, on the node that is to take over: nothing has been touched yet, and the primary goes on if it is refused. */
#include "core/decide.h"

#include "base/str.h"

/* It would be fetched while nobody can write. */
#define BEHIND_S 2

/* A replica whose server may not understand what this one would send. The primary of now is about to become one, and is for the last. */
static const struct peer_facts *older_replica(const struct facts *facts)
{
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if ((peer->role == ROLE_REPLICA || peer->role == ROLE_LEAF) && peer->series && peer->series < facts->server.series)
			return peer;
	}
	return NULL;
}

struct verdict decide_switchover(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	const struct peer_facts *primary = facts_primary(facts);
	const struct peer_facts *older = older_replica(facts);
	char reason[256];
	if (facts->peers_known != TRI_YES || !primary || !str_equal(primary->name, config->instance.notify_demote))
		return verdict_done(OCF_SUCCESS, "%s", ""); /* no primary that could go on instead */
	/* The primary is not to be one any more, and with all others barred nobody would be. */
	if (facts->refused_before == TRI_YES)
		return verdict_done(OCF_SUCCESS, "%s", "");
	/* What lasts is named before what passes. */
	if (decide_score(config, facts, reason) == SCORE_NONE)
		return verdict_done(OCF_ERR_GENERIC, "%s", reason);
	if (older)
		return verdict_done(OCF_ERR_GENERIC,
				    "its server is of version %llu.%llu, that of %.128s still of %llu.%llu: upgrade that first",
				    (unsigned long long)server->series / 100, (unsigned long long)server->series % 100, older->name,
				    (unsigned long long)older->series / 100, (unsigned long long)older->series % 100);
	if (server->receiver != THREAD_RUNNING || server->applier != THREAD_RUNNING)
		return verdict_done(OCF_ERR_GENERIC, "it does not replicate from %.128s", primary->name);
	if (server->lag_s > BEHIND_S)
		return verdict_done(OCF_ERR_GENERIC, "it is %llu s behind", (unsigned long long)server->lag_s);
	/* A primary that cannot answer is no reason to stay with it. */
	if (primary->obstacle)
		return verdict_done(OCF_ERR_GENERIC, "on %.128s %.256s", primary->name, primary->obstacle);
	return verdict_done(OCF_SUCCESS, "%s", "");
}
