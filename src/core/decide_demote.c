/* Demotion in the safe order: close writes, see that they are closed, cut the sessions that have something under way,
 * and only then touch semi-sync. The idle ones wait for nothing: a monitor cuts them once the address has moved, or the next promotion, for
 * whoever is cut before connects to this server once more. */
#include "core/decide.h"

static struct verdict kill_waiting(const struct server_facts *server)
{
	if (server->waiting == 0)
		return verdict_step(STEP_KILL_SERVER, "whether commits wait for an acknowledgement is not known");
	return verdict_step(STEP_KILL_SERVER, "%llu commits wait for an acknowledgement that does not come",
			    (unsigned long long)server->waiting);
}

static struct verdict decide_demote_open(const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (facts->close_failures == 0)
		return verdict_step(STEP_CLOSE_WRITES, "%s", "");
	/* Closing waits behind a commit that waits for an acknowledgement. Releasing it would tell its client OK for a row that is about to
	 * be lost, and MariaDB commits it when its session is killed: so the server goes. */
	if (server->waiting_known != TRI_YES || server->waiting > 0) {
		if (facts->close_failures < 2)
			return verdict_step(STEP_CLOSE_WRITES, "closing writes did not end in time; once more");
		return kill_waiting(server);
	}
	if (server->sessions_known != TRI_YES)
		return verdict_look(LOOK_SESSIONS);
	if (facts->close_failures >= 3)
		return verdict_step(STEP_KILL_SERVER, "writes cannot be closed");
	if (server->sessions > 0)
		return verdict_step(STEP_KILL_SESSIONS, "%s", "");
	return verdict_step(STEP_CLOSE_WRITES, "%s", "");
}

static struct verdict decide_demote_closed(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (server->agent_writable == TRI_YES)
		return decide_demote_open(facts);
	if (server->sessions_known != TRI_YES)
		return verdict_look(LOOK_SESSIONS);
	/* The semi-sync state is not known: neither is that nobody waits. */
	bool known = server->waiting_known == TRI_YES && server->source_on != TRI_UNKNOWN;
	if (!known || server->waiting > 0) {
		if (facts->deadline_near == TRI_YES || facts->patience_over == TRI_YES)
			return kill_waiting(server);
		return verdict_step(STEP_WAIT, known ? "commits wait for an acknowledgement" : "whether commits wait is not known");
	}
	/* Not only told to end, but seen to be gone. Those that have come since are not counted: they read from a replica. */
	if (server->sessions > 0 && facts->patience_over != TRI_YES)
		return verdict_step(STEP_KILL_SESSIONS, "%s", "");
	if (facts->local_role != ROLE_REPLICA)
		return verdict_step(STEP_FORGET_ROLE, "%s", "");
	/* Its source side of semi-sync goes off when it follows somebody: on MySQL that takes a second, which a switchover need not wait for. */
	if (facts->sysvars_set != TRI_YES)
		return verdict_step(STEP_SYSVARS_REPLICA, "%s", "");
	if (config->instance.clustered && facts->published != TRI_YES)
		return verdict_step(STEP_PUBLISH, "%s", "");
	return verdict_done(OCF_SUCCESS, "%s", "");
}

struct verdict decide_sessions_left(const struct facts *facts)
{
	struct verdict v = {0};
	if (facts->sessions_left && facts->server.waiting_known == TRI_YES && facts->server.waiting == 0) {
		v = verdict_step(STEP_KILL_SESSIONS, "they are of clients of its last time as the primary");
		v.number = facts->sessions_left;
	}
	return v;
}

struct verdict decide_demote(const struct config *config, const struct facts *facts)
{
	switch (facts->server.state) {
	case SERVER_DEAD:
		/* Nothing runs, so nothing is written; the local file keeps that it died as the primary. */
		if (config->instance.clustered && facts->published != TRI_YES)
			return verdict_step(STEP_PUBLISH, "%s", "");
		return verdict_done(OCF_SUCCESS, "%s", "");
	case SERVER_FROZEN:
	case SERVER_STARTING:
		return verdict_step(STEP_KILL_SERVER, "it does not answer, so writes cannot be closed otherwise");
	case SERVER_UNKNOWN:
	case SERVER_BUSY:
		if (facts->patience_over == TRI_YES || facts->deadline_near == TRI_YES)
			return verdict_step(STEP_KILL_SERVER, "it does not answer, so writes cannot be closed otherwise");
		return verdict_step(STEP_WAIT, "the server does not answer");
	case SERVER_UP:
		break;
	}
	switch (facts->server.writable) {
	case TRI_UNKNOWN:
		return facts->patience_over == TRI_YES ? verdict_step(STEP_KILL_SERVER, "whether clients can write is not known")
						       : verdict_step(STEP_WAIT, "whether clients can write is not known");
	case TRI_YES:
		return decide_demote_open(facts);
	case TRI_NO:
		break;
	}
	return decide_demote_closed(config, facts);
}
