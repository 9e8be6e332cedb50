#include "core/decide.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct {
	const char *name;
	bool destructive;
} steps[] = {
    [STEP_NONE] = {"none", false},
    [STEP_DONE] = {"done", false},
    [STEP_WAIT] = {"wait", false},
    [STEP_LOOK] = {"look", false},
    [STEP_INITIALISE] = {"initialise", false},
    [STEP_LAUNCH] = {"launch", false},
    [STEP_LAUNCH_BEHIND] = {"launch-behind", false},
    [STEP_CUT_TAIL] = {"cut-tail", true},
    [STEP_SHUTDOWN] = {"shutdown", false},
    [STEP_KILL_SERVER] = {"kill-server", true},
    [STEP_DEFER] = {"defer", false},
    [STEP_KILL_WORKER] = {"kill-worker", false},
    [STEP_PROVISION] = {"provision", true},
    [STEP_SET_ASIDE] = {"set-aside", true},
    [STEP_PLACE_COPY] = {"place-copy", false},
    [STEP_COPY_POSITION] = {"copy-position", false},
    [STEP_DROP_ASIDE] = {"drop-aside", true},
    [STEP_DONATE] = {"donate", false},
    [STEP_HOLD_BINLOGS] = {"hold-binlogs", false},
    [STEP_EXPIRE_BINLOGS] = {"expire-binlogs", false},
    [STEP_SEMISYNC_REPLICA] = {"semisync-replica", false},
    [STEP_STOP_RECEIVER] = {"stop-receiver", false},
    [STEP_START_APPLIER] = {"start-applier", false},
    [STEP_FOLLOW] = {"follow", false},
    [STEP_FORGET_SOURCE] = {"forget-source", false},
    [STEP_CUT_OUTSIDERS] = {"cut-outsiders", false},
    [STEP_SEMISYNC_SOURCE] = {"semisync-source", false},
    [STEP_CLOSE_WRITES] = {"close-writes", false},
    [STEP_KILL_SESSIONS] = {"kill-sessions", false},
    [STEP_SEMISYNC_SOURCE_OFF] = {"semisync-source-off", false},
    [STEP_FORGET_ROLE] = {"forget-role", false},
    [STEP_SYSVARS_PRIMARY] = {"sysvars-primary", false},
    [STEP_SYSVARS_REPLICA] = {"sysvars-replica", false},
    [STEP_BOOTSTRAP] = {"bootstrap", false},
    [STEP_MARK] = {"mark", false},
    [STEP_RELEASE_COMMITS] = {"release-commits", true},
    [STEP_OPEN_WRITES] = {"open-writes", true},
    [STEP_PROMISE] = {"promise", false},
    [STEP_REPORT] = {"report", false},
    [STEP_RECORD] = {"record", false},
    [STEP_SYNCED] = {"synced", false},
    [STEP_PUBLISH] = {"publish", false},
};
_Static_assert(ARRAY_LENGTH(steps) == STEP_COUNT, "every step has a name");

const char *step_name(enum step step)
{
	return steps[step].name;
}

bool step_is_destructive(enum step step)
{
	return steps[step].destructive;
}

struct verdict verdict_done(enum ocf_code code, const char *fmt, ...)
{
	struct verdict v = {.step = STEP_DONE, .code = code};
	va_list args;
	va_start(args, fmt);
	vsnprintf(v.reason, sizeof(v.reason), fmt, args);
	va_end(args);
	return v;
}

struct verdict verdict_step(enum step step, const char *fmt, ...)
{
	struct verdict v = {.step = step};
	va_list args;
	va_start(args, fmt);
	vsnprintf(v.reason, sizeof(v.reason), fmt, args);
	va_end(args);
	return v;
}

struct verdict verdict_target(enum step step, const char *target, const char *fmt, ...)
{
	struct verdict v = {.step = step};
	va_list args;
	va_start(args, fmt);
	vsnprintf(v.reason, sizeof(v.reason), fmt, args);
	va_end(args);
	snprintf(v.target, sizeof(v.target), "%s", target);
	return v;
}

struct verdict verdict_look(unsigned int look)
{
	return (struct verdict){.step = STEP_LOOK, .look = look};
}

bool facts_lone(const struct config *config)
{
	return config->instance.clone_max <= 1;
}

const struct peer_facts *facts_primary(const struct facts *facts)
{
	const struct peer_facts *best = NULL;
	for (size_t i = 0; i < facts->peer_count; i++) {
		const struct peer_facts *peer = &facts->peers[i];
		if (peer->role != ROLE_PRIMARY || (best && peer->epoch <= best->epoch))
			continue;
		best = peer;
	}
	/* Whoever has promised a higher epoch no longer follows a lower one. */
	return best && best->epoch >= facts->promised ? best : NULL;
}

bool facts_source_loops(const struct config *config, const struct facts *facts)
{
	const char *name = facts->source;
	for (size_t hops = 0; name && hops <= facts->peer_count; hops++) {
		const struct peer_facts *peer = facts_find(facts, name);
		if (str_equal(name, config->instance.node))
			return true;
		name = peer ? peer->source : NULL;
	}
	return false;
}

const struct peer_facts *facts_source(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *primary = facts_primary(facts);
	const char *name = facts_leaf(facts) ? facts->source : NULL;
	if (!primary || facts_source_loops(config, facts))
		return primary;
	for (size_t hops = 0; name && hops < facts->peer_count; hops++) {
		const struct peer_facts *peer = facts_find(facts, name);
		if (peer && peer->reads == TRI_YES && (peer->role == ROLE_REPLICA || peer->role == ROLE_LEAF))
			return peer;
		name = peer ? peer->source : NULL;
	}
	return primary;
}

bool facts_delays_rightly(const struct facts *facts)
{
	return !facts_leaf(facts) || facts->server.delay_s == facts->delay_s;
}

const char *state_word(const struct facts *facts, const struct verdict *verdict)
{
	if (facts->worker == TRI_YES)
		return "provisioning";
	switch (verdict->code) {
	case OCF_RUNNING_PROMOTED:
		return "primary";
	case OCF_DEGRADED_PROMOTED:
		return facts->record.mode == RECORD_ALONE && facts->server.source_on == TRI_NO ? STATE_ALONE : "primary";
	case OCF_SUCCESS:
		if (facts->server.state != SERVER_UP)
			return "";
		return facts_on_site(facts) ? STATE_SECOND : facts_leaf(facts) ? "leaf" : "replica";
	case OCF_DEGRADED:
		break;
	default:
		return "";
	}
	if (str_starts(verdict->reason, "diverged"))
		return "diverged";
	if (str_starts(verdict->reason, "not filled"))
		return "not filled";
	if (facts->server.applier_error)
		return "broken: replication stopped";
	return facts->server.lagging == TRI_YES ? "catching up" : facts_leaf(facts) ? "leaf" : "replica";
}
