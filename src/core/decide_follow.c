/* How a replica comes to follow the primary, or why it must not. */
#include "core/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
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

static bool replicates_from(const struct server_facts *server, const struct peer_facts *source)
{
	return server->has_source == TRI_YES && str_equal(server->source_host, source->address) && server->source_port == source->port &&
	       (server->receiver == THREAD_RUNNING || server->receiver == THREAD_CONNECTING) && server->applier == THREAD_RUNNING;
}

/* Since this epoch began: what it holds was compared with what the primary holds, when it promised it. */
static bool follows(const struct facts *facts, const struct peer_facts *primary, const struct peer_facts *source)
{
	return facts->promised == primary->epoch && replicates_from(&facts->server, source) && facts_delays_rightly(facts);
}

/* Each copy costs its donor something, and what fails so often does not mend itself. */
#define COPIES_MAX 5

static char *fill_command(const struct config *config)
{
	return str_printf("crm_attribute --node %s --lifetime reboot --name systole-%s-fill --update yes",
			  config->instance.node ? config->instance.node : "NODE", config->instance.resource);
}

static struct verdict cannot_ask(const struct peer_facts *primary)
{
	return verdict_done(OCF_DEGRADED, "the primary %s cannot be asked for its position: %.300s", primary->name,
			    primary->ask_error ? primary->ask_error : "no answer");
}

/* The one place that gives a data directory away: only while nobody else works on it. */
static struct verdict provision(const struct config *config, const struct facts *facts, const struct peer_facts *primary, const char *why)
{
	if (facts->worker == TRI_UNKNOWN && facts->detached != TRI_YES)
		return verdict_done(OCF_DEGRADED, "not filled from %s: whether a worker is at it already is not known", primary->name);
	if (facts->worker == TRI_YES)
		return verdict_done(OCF_SUCCESS, "it is being filled");
	if (facts->copies_failed >= COPIES_MAX && facts->fill_asked != TRI_YES) {
		_cleanup_free_ char *command = fill_command(config);
		return verdict_done(OCF_DEGRADED, "not filled: %llu copies have failed, the last one: %.200s. To try again: %.200s",
				    (unsigned long long)facts->copies_failed, facts->copy_error ? facts->copy_error : "not known", command);
	}
	/* Meanwhile the node is what it can be: with a server that is up, its word counts in an election. */
	if (facts->copies_failed > 0 && facts->copy_due != TRI_YES && facts->fill_asked != TRI_YES)
		return verdict_done(OCF_DEGRADED, "not filled: attempt %llu of %d has failed, the next one comes soon: %.300s",
				    (unsigned long long)facts->copies_failed, COPIES_MAX,
				    facts->copy_error ? facts->copy_error : "not known");
	/* The copy is to hold what the primary has now, and what only this node has is kept. */
	if (primary->asked == TRI_UNKNOWN)
		return verdict_look(LOOK_PRIMARY);
	if (primary->asked == TRI_NO || !primary->position)
		return cannot_ask(primary);
	return verdict_target(STEP_PROVISION, primary->name, "%s", why);
}

bool facts_others_have_all(const struct config *config, const struct facts *facts, const struct peer_facts *primary)
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

/* Its data is not the primary's, or can no longer become it. what: as the end of "diverged: ". */
static struct verdict give_up(const struct config *config, const struct facts *facts, const struct peer_facts *primary, const char *what)
{
	/* Both sites may have acknowledged what the other lacks: that is for people to judge. */
	bool elsewhere = primary == &facts->site;
	/* What this node holds may be the second copy of something, as long as too few others have everything. */
	if (!elsewhere && !facts_others_have_all(config, facts, primary))
		return verdict_done(OCF_DEGRADED, "diverged: %.300s; it is kept until others have what %s has", what, primary->name);
	if ((config->provision == PROVISION_AUTO && !elsewhere) || facts->fill_asked == TRI_YES) {
		_cleanup_free_ char *why = str_printf("diverged: %.300s; it is filled again", what);
		return provision(config, facts, primary, why);
	}
	_cleanup_free_ char *command = fill_command(config);
	return verdict_done(OCF_DEGRADED, "diverged: %.200s. To fill it again: %.200s", what, command);
}

static struct verdict decide_diverged(const struct config *config, const struct facts *facts, const struct peer_facts *primary,
				      const char *missing)
{
	if (facts->diverged_twice != TRI_YES)
		return verdict_step(STEP_WAIT, "has %.120s which %s does not show; looking again", missing, primary->name);
	_cleanup_free_ char *what = str_printf("has %.160s which the primary %s lacks", missing, primary->name);
	return give_up(config, facts, primary, what);
}

/* What an applier says when the data is not what its source's was. The numbers are the same in all servers. */
static bool is_divergence(uint64_t number)
{
	static const unsigned int numbers[] = {
	    1007, 1008,		    /* the schema is there already, or is not */
	    1032,		    /* no such row */
	    1049, 1050, 1051,	    /* no such schema; the table is there already, or is not */
	    1054, 1060, 1061, 1091, /* columns and indexes */
	    1062,		    /* the row is there already */
	    1146,		    /* no such table */
	    1396,		    /* accounts */
	    1950,		    /* MariaDB: out of the order of GTIDs */
	};
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* The relay log cannot be read: 1594 on MariaDB and MySQL 5.7, 13121 since 8.0. */
static bool is_torn_relay_log(uint64_t number)
{
	return number == 1594 || number == 13121;
}

/* Of "error 1062: Duplicate entry ..."; 0: none. */
static uint64_t error_number(const char *text)
{
	uint64_t number = 0;
	if (text && (text = strpbrk(text, "0123456789")) != NULL)
		(void)parse_digits(&text, &number);
	return number;
}

struct verdict decide_broken(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	struct verdict broken = verdict_done(OCF_DEGRADED, "broken: replication stopped: %.400s", server->applier_error);
	uint64_t number = error_number(server->applier_error);
	if (!is_divergence(number) && !is_torn_relay_log(number))
		return broken;
	if (facts->peers_known != TRI_YES)
		return facts->patience_over == TRI_YES ? broken : verdict_look(LOOK_PEERS);
	const struct peer_facts *primary = facts_primary(facts);
	if (!primary || !facts_others_have_all(config, facts, primary))
		return broken;
	if (is_divergence(number)) {
		_cleanup_free_ char *what = str_printf("what %s sends does not fit its data: %.200s", primary->name, server->applier_error);
		return give_up(config, facts, primary, what);
	}
	if (primary->asked == TRI_UNKNOWN)
		return facts->patience_over == TRI_YES ? broken : verdict_look(LOOK_PRIMARY);
	_cleanup_gtid_ struct gtid_set *held = server_held(server);
	if (primary->asked == TRI_YES && held && gtid_set_contains(primary->position, held))
		return verdict_step(STEP_FORGET_SOURCE, "its relay log is damaged, and is fetched again: %.300s", server->applier_error);
	return broken;
}

/* What comes next is in no binary log of the source any more. MariaDB says that only to a replica that asks for it. */
static bool is_purged(const struct facts *facts, const struct peer_facts *source, const struct gtid_set *held)
{
	const struct server_facts *server = &facts->server;
	bool told = error_number(server->receiver_error) == 1236 && strstr(server->receiver_error, "purged") &&
		    str_equal(server->source_host, source->address) && server->source_port == source->port;
	return told || (source->purged && !gtid_set_contains(held, source->purged));
}

static struct verdict decide_empty(const struct config *config, const struct facts *facts, const struct peer_facts *primary)
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
	return provision(config, facts, primary, why);
}

/* Only a server that has applied what it received may change its source: MariaDB drops the relay log then, MySQL may. */
static struct verdict decide_attach(const struct config *config, const struct facts *facts, const struct peer_facts *source)
{
	const struct server_facts *server = &facts->server;
	switch (server_drained(server)) {
	case TRI_UNKNOWN:
		return verdict_step(STEP_WAIT, "what it has received is not known");
	case TRI_YES:
		return verdict_target(STEP_FOLLOW, source->name, "follows %s", source->name);
	case TRI_NO:
		break;
	}
	if (server->applier_error)
		return decide_broken(config, facts);
	/* Nobody counts on what a leaf has received, once the record does not, and with a delay it would take long: it is sent again, if the
	 * source still has it. */
	bool counts = server->replica_on != TRI_NO || facts_record(facts)->voters > facts_members(config, facts);
	if (facts_leaf(facts) && !counts && (!source->purged || gtid_set_contains(server->executed, source->purged)))
		return verdict_target(STEP_FOLLOW, source->name, "follows %s", source->name);
	if (server->receiver != THREAD_STOPPED)
		return verdict_step(STEP_STOP_RECEIVER, "receives from another than %s", source->name);
	if (server->applier == THREAD_STOPPED)
		return verdict_step(STEP_START_APPLIER, "applies what it has received, before it follows %s", source->name);
	if (facts->deadline_near == TRI_YES)
		return verdict_done(OCF_DEGRADED, "applies what it has received, before it follows %s", source->name);
	return verdict_step(STEP_WAIT, "applies what it has received, before it follows %s", source->name);
}

/* A leaf's source must have what the leaf has, and what comes next; else it would be refused there. */
static bool serves(const struct facts *facts, const struct peer_facts *source, const struct gtid_set *held)
{
	return source->asked == TRI_YES && source->position && gtid_set_contains(source->position, held) && !is_purged(facts, source, held);
}

/* Of two servers with one number, each takes the other's transactions for its own and skips them. */
struct verdict decide_server_id(const struct facts *facts)
{
	const struct peer_facts *same = facts->site.server_id == facts->server.server_id ? &facts->site : NULL;
	for (size_t i = 0; i < facts->peer_count; i++)
		if (facts->peers[i].server_id == facts->server.server_id)
			same = &facts->peers[i];
	if (!same || !facts->server.server_id)
		return (struct verdict){0};
	return verdict_done(OCF_ERR_ARGS, "server_id %llu is also that of %s: give each node its own in its option file, or none",
			    (unsigned long long)facts->server.server_id, same->name);
}

/* Whether it has transactions that the primary, which was asked, lacks. STEP_NONE: no. */
static struct verdict decide_own(const struct config *config, const struct facts *facts, const struct peer_facts *primary,
				 const struct gtid_set *held)
{
	/* On MariaDB what it has received may continue the primary's chain, and hide what it has executed beside that. */
	_cleanup_free_ char *executed = gtid_set_missing(facts->server.executed, primary->position),
			    *received = gtid_set_missing(held, primary->position);
	const char *missing = executed && !*executed ? received : executed;
	if (missing && !*missing)
		return (struct verdict){0};
	/* A commit that waits for an acknowledgement is not yet in the primary's executed set, but this replica may be the one that has it. */
	if (missing && primary->waiting > 0 && missing_is_all_of(missing, primary->uuid))
		return (struct verdict){0};
	return decide_diverged(config, facts, primary, missing ? missing : "an unknown position");
}

struct verdict decide_errant(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts);
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts->server);
	if (!primary && facts_on_site(facts))
		primary = &facts->site;
	if (facts->peers_known != TRI_YES || !primary || !held)
		return (struct verdict){0};
	if (primary->asked == TRI_UNKNOWN)
		return verdict_look(LOOK_PRIMARY);
	return primary->asked == TRI_YES && primary->position ? decide_own(config, facts, primary, held) : (struct verdict){0};
}

struct verdict decide_follow(const struct config *config, const struct facts *facts)
{
	const struct server_facts *server = &facts->server;
	if (facts->local_role != ROLE_REPLICA || server->writable != TRI_NO)
		return verdict_done(OCF_DEGRADED, "follows nobody: it is not known to be a closed replica");
	if (facts->copy_placed == TRI_YES && facts->worker != TRI_YES)
		return verdict_step(STEP_COPY_POSITION, "%s", "");
	if (facts->peers_known != TRI_YES)
		return facts->patience_over == TRI_YES ? verdict_done(OCF_DEGRADED, "%s", ATTRIBUTES_UNREADABLE) : verdict_look(LOOK_PEERS);
	const struct peer_facts *primary = facts_primary(facts), *source = facts_source(config, facts);
	if (!primary)
		return decide_site(config, facts);
	if (facts->filling != TRI_YES && follows(facts, primary, source)) {
		/* The worker may be there because of that. */
		struct verdict errant = facts->detached == TRI_YES ? decide_errant(config, facts) : (struct verdict){0};
		return errant.step != STEP_NONE ? errant : verdict_done(OCF_SUCCESS, "%s", "");
	}
	return decide_join(config, facts, primary, source);
}

struct verdict decide_join(const struct config *config, const struct facts *facts, const struct peer_facts *primary,
			   const struct peer_facts *source)
{
	const struct server_facts *server = &facts->server;
	struct verdict same = decide_server_id(facts);
	if (same.step != STEP_NONE)
		return same;
	if (facts->filling == TRI_YES) {
		_cleanup_free_ char *why = str_printf("half a copy: it is filled again from the primary %s", primary->name);
		return provision(config, facts, primary, why);
	}
	_cleanup_gtid_ struct gtid_set *held = server_held(server);
	if (!held)
		return verdict_done(OCF_DEGRADED, "its own position is not known, so it cannot be compared with the primary %s",
				    primary->name);
	if (gtid_set_empty(held))
		return decide_empty(config, facts, primary);
	/* It has not come to the new primary itself, and may hold what that one lacks. */
	if (source != primary && source->promised < primary->epoch)
		return verdict_done(OCF_SUCCESS, "waits until %s follows %s", source->name, primary->name);
	if (primary->asked == TRI_UNKNOWN || source->asked == TRI_UNKNOWN)
		return verdict_look(LOOK_PRIMARY);
	if (primary->asked == TRI_NO || !primary->position)
		return cannot_ask(primary);
	if (source != primary && !serves(facts, source, held))
		source = primary;
	if (follows(facts, primary, source))
		return verdict_done(OCF_SUCCESS, "%s", "");
	if (!str_empty(server->uuid) && str_equal(server->uuid, primary->uuid))
		return verdict_done(OCF_ERR_ARGS,
				    "server_uuid %s is also that of %s: the data directory was copied; remove its auto.cnf and start again",
				    server->uuid, primary->name);
	struct verdict own = decide_own(config, facts, primary, held);
	if (own.step != STEP_NONE)
		return own;
	/* A leaf whose source is the same in the new epoch has only to promise that. */
	if (facts_leaf(facts) && replicates_from(server, source) && facts_delays_rightly(facts))
		return verdict_target(STEP_FOLLOW, source->name, "goes on with %s", source->name);
	if (is_purged(facts, source, held)) {
		_cleanup_free_ char *what =
		    str_printf("it was away for too long, and %s has purged what comes next from its binary logs", primary->name);
		/* Nothing of this node's own is given away for it. */
		if (primary == &facts->site && config->provision == PROVISION_AUTO)
			return provision(config, facts, primary, what);
		return give_up(config, facts, primary, what);
	}
	return decide_attach(config, facts, source);
}
