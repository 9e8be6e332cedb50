/* How a replica comes to follow the primary, or why it must not. */
#include "core/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Every part of "uuid:1-2,uuid:4" is of this uuid. */
static bool missing_is_all_of(const char *missing, const char *uuid)
{
	if (str_empty(uuid))
		return false;
	size_t length = strlen(uuid);
	for (const char *at = missing; *at;) {
		if (strncmp(at, uuid, length) != 0 || at[length] != ':')
			return false;
		at += strcspn(at, ",");
		at += *at == ',';
	}
	return true;
}

/* Since this epoch began: what it holds was compared with what the primary holds, when it promised it. */
static bool follows(const struct facts *facts, const struct peer_facts *primary)
{
	const struct server_facts *server = &facts->server;
	return facts->promised == primary->epoch && server->has_source == TRI_YES && str_equal(server->source_host, primary->address) &&
	       server->source_port == primary->port && (server->receiver == THREAD_RUNNING || server->receiver == THREAD_CONNECTING) &&
	       server->applier == THREAD_RUNNING;
}

/* The one place that gives a data directory away: only while nobody else works on it. */
static struct verdict provision(const struct facts *facts, const struct peer_facts *primary, const char *why)
{
	if (facts->worker == TRI_UNKNOWN && facts->detached != TRI_YES)
		return verdict_done(OCF_DEGRADED, "not filled from %s: whether a worker is at it already is not known", primary->name);
	if (facts->worker == TRI_YES)
		return verdict_done(OCF_SUCCESS, "it is being filled");
	return verdict_target(STEP_PROVISION, primary->name, "%s", why);
}

/* The primary's mark was acknowledged, and enough nodes are whole that an election is possible without this one; or only the primary could be
 * elected anyway. */
static bool others_have_all(const struct config *config, const struct facts *facts, const struct peer_facts *primary)
{
	uint64_t whole = 0;
	if (primary->record.epoch != primary->epoch)
		return false;
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		whole += peer->role == ROLE_PRIMARY || (peer->role == ROLE_REPLICA && peer->data == TRI_YES);
	}
	return primary->record.mode == RECORD_ALONE ||
	       (primary->record.mode == RECORD_MAJORITY && whole >= facts_reports_needed(config, facts));
}

static struct verdict decide_diverged(const struct config *config, const struct facts *facts, const struct peer_facts *primary,
				      const char *missing)
{
	if (facts->diverged_twice != TRI_YES)
		return verdict_step(STEP_WAIT, "has %.120s which %s does not show; looking again", missing, primary->name);
	/* What this node holds may be the second copy of something, as long as too few others have everything. */
	if (!others_have_all(config, facts, primary))
		return verdict_done(OCF_DEGRADED,
				    "diverged: has %.120s which the primary %s lacks; it is kept until others have what %s has", missing,
				    primary->name, primary->name);
	if (config->provision == PROVISION_AUTO) {
		_cleanup_free_ char *why =
		    str_printf("diverged: has %.160s which the primary %s lacks; it is filled again from there", missing, primary->name);
		return provision(facts, primary, why);
	}
	return verdict_done(OCF_DEGRADED,
			    "diverged: has %.160s which the primary %s lacks. With provision=auto it is filled again from there", missing,
			    primary->name);
}

static struct verdict decide_empty(const struct facts *facts, const struct peer_facts *primary)
{
	switch (facts->server.user_data) {
	case TRI_UNKNOWN:
		return verdict_look(LOOK_USER_DATA);
	case TRI_YES:
		return verdict_done(OCF_DEGRADED,
				    "diverged: has schemas of its own but no GTID, so it cannot be compared with the primary %s. Save them "
				    "and empty the data directory",
				    primary->name);
	case TRI_NO:
		break;
	}
	_cleanup_free_ char *why = str_printf("empty: it is filled from the primary %s", primary->name);
	return provision(facts, primary, why);
}

/* Only a server that has applied what it received may change its source: MariaDB drops the relay log then, MySQL may. */
static struct verdict decide_attach(const struct facts *facts, const struct peer_facts *primary)
{
	const struct server_facts *server = &facts->server;
	switch (server_drained(server)) {
	case TRI_UNKNOWN:
		return verdict_step(STEP_WAIT, "what it has received is not known");
	case TRI_YES:
		return verdict_target(STEP_FOLLOW, primary->name, "follows %s", primary->name);
	case TRI_NO:
		break;
	}
	if (server->applier_error)
		return verdict_done(OCF_DEGRADED, "broken: replication stopped: %.300s", server->applier_error);
	if (server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "receives from another than the primary %s", primary->name);
	if (server->applier == THREAD_STOPPED)
		return verdict_step(STEP_START_APPLIER, "applies what it has received, before it follows %s", primary->name);
	if (facts->deadline_near == TRI_YES)
		return verdict_done(OCF_DEGRADED, "applies what it has received, before it follows %s", primary->name);
	return verdict_step(STEP_WAIT, "applies what it has received, before it follows %s", primary->name);
}

/* Of two servers with one number, each takes the other's transactions for its own and skips them. */
struct verdict decide_server_id(const struct facts *facts)
{
	for (size_t i = 0; facts->server.server_id && i < facts->peer_count; i++)
		if (facts->peers[i].server_id == facts->server.server_id)
			return verdict_done(OCF_ERR_ARGS,
					    "server_id %llu is also that of %s: give each node its own in its option file, or none",
					    (unsigned long long)facts->server.server_id, facts->peers[i].name);
	return (struct verdict){0};
}

struct verdict decide_follow(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (facts->local_role != ROLE_REPLICA || server->writable != TRI_NO)
		return verdict_done(OCF_DEGRADED, "follows nobody: it is not known to be a closed replica");
	if (facts->peers_known != TRI_YES)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_DEGRADED, "%s", ATTRIBUTES_UNREADABLE)
						       : verdict_look(LOOK_PEERS);
	const struct peer_facts *primary = facts_primary(facts);
	if (!primary)
		return verdict_done(OCF_SUCCESS, "no primary is known yet");
	struct verdict same = decide_server_id(facts);
	if (same.step != STEP_NONE)
		return same;
	if (facts->filling == TRI_YES) {
		_cleanup_free_ char *why = str_printf("half a copy: it is filled again from the primary %s", primary->name);
		return provision(facts, primary, why);
	}
	if (follows(facts, primary))
		return verdict_done(OCF_SUCCESS, "%s", "");
	_cleanup_gtid_ struct gtid_set *held = server_held(server);
	if (!held)
		return verdict_done(OCF_DEGRADED, "its own position is not known, so it cannot be compared with the primary %s",
				    primary->name);
	if (gtid_set_empty(held))
		return decide_empty(facts, primary);
	if (primary->asked == TRI_UNKNOWN)
		return verdict_look(LOOK_PRIMARY);
	if (primary->asked == TRI_NO || !primary->position)
		return verdict_done(OCF_DEGRADED, "the primary %s cannot be asked for its position: %.300s", primary->name,
				    primary->ask_error ? primary->ask_error : "no answer");
	if (!str_empty(server->uuid) && str_equal(server->uuid, primary->uuid))
		return verdict_done(OCF_ERR_ARGS,
				    "server_uuid %s is also that of %s: the data directory was copied; remove its auto.cnf and start again",
				    server->uuid, primary->name);
	/* On MariaDB what it has received may continue the primary's chain, and hide what it has executed beside that. */
	_cleanup_free_ char *executed = gtid_set_missing(server->executed, primary->position),
			    *received = gtid_set_missing(held, primary->position);
	const char *missing = executed && !*executed ? received : executed;
	/* A commit that waits for an acknowledgement is not yet in the primary's executed set, but this replica may be the one that has it. */
	if (!missing || *missing)
		if (!missing || primary->waiting == 0 || !missing_is_all_of(missing, primary->uuid))
			return decide_diverged(config, facts, primary, missing ? missing : "an unknown position");
	return decide_attach(facts, primary);
}
