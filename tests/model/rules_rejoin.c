/* Rules 10 to 12: following the primary, stepping down, and what a machine does when it is back. */
#include "model.h"

/* What the primary is known to hold. Its waiting commits are in its binary log and not yet in gtid_executed: they are held all the same. */
static unsigned held_by_primary(const struct state *s, unsigned p)
{
	unsigned log = s->nodes[p].log;
	if (dropped(REJOIN_KEEPS_WAITING))
		for (unsigned i = 0; i < s->count; i++)
			if (s->entries[i].status == PENDING)
				log &= ~(1U << i);
	return log;
}

/* Rules 6 and 10. A promise refuses the primaries of lower epochs, and following one promises its epoch. */
static void follow(struct expansion *x, unsigned v, unsigned p)
{
	const struct state *s = x->from;
	const struct node *replica = &s->nodes[v], *primary = &s->nodes[p];
	if (v == p || !replica->server || replica->role != REPLICA || primary->role < OPENING || !state_talks(s, v, p))
		return;
	if (replica->source == p && (replica->log & ~primary->log) == 0)
		return;
	if (primary->epoch < state_promised(s, v) && !dropped(PROMISE_REFUSES_PRIMARY))
		return;
	struct state next = *s;
	struct node *node = &next.nodes[v];
	if (!dropped(REJOIN_SHEDS))
		node->log &= held_by_primary(s, p);
	node->source = p;
	if (primary->epoch > node->promise && !dropped(FOLLOWING_PROMISES))
		node->promise = primary->epoch;
	if (dropped(RANK_BY_MARK))
		node->began = primary->epoch;
	x->found(x, &(struct step){.action = ACT_FOLLOW, .node = v, .peer = p, .value = primary->epoch}, &next, SAFE);
}

/* Rule 10, when a cut does not do: the data are given away before the copy is there. Enough others must be left that hold theirs, or the
 * primary's next crash leaves nobody who could be elected. */
static void wipe(struct expansion *x, unsigned v, unsigned p)
{
	const struct state *s = x->from;
	const struct node *replica = &s->nodes[v], *primary = &s->nodes[p];
	unsigned whole = 0;
	if (v == p || !replica->server || replica->role != REPLICA || primary->role != PRIMARY || !state_talks(s, v, p))
		return;
	if (primary->epoch < state_promised(s, v) || (replica->log & ~primary->log) == 0)
		return;
	for (unsigned n = 0; n < model.voters; n++)
		whole += n != v && !s->nodes[n].filling;
	if (whole < model.sets && !dropped(WIPE_LEAVES_ENOUGH))
		return;
	struct state next = *s;
	struct node *node = &next.nodes[v];
	node->promise = primary->epoch;
	node->filling = 1;
	node->server = 0;
	node->log = 0;
	x->found(x, &(struct step){.action = ACT_WIPE, .node = v, .peer = p}, &next, SAFE);
}

static void filled(struct expansion *x, unsigned v, unsigned p)
{
	const struct state *s = x->from;
	const struct node *replica = &s->nodes[v], *primary = &s->nodes[p];
	bool reaches = primary->server && !((s->replication_cut >> v ^ s->replication_cut >> p) & 1);
	if (!replica->filling || !reaches || primary->role != PRIMARY || primary->epoch < replica->promise || !state_talks(s, v, p))
		return;
	struct state next = *s;
	struct node *node = &next.nodes[v];
	node->promise = primary->epoch;
	node->filling = 0;
	node->server = 1;
	node->log = primary->log;
	node->source = p;
	x->found(x, &(struct step){.action = ACT_FILLED, .node = v, .peer = p}, &next, SAFE);
}

/* Rule 11, and a switchover's demotion: commits that wait are never released, the server is killed instead. When it happens is left open:
 * no safety may depend on it. */
static void demote(struct expansion *x, unsigned p)
{
	if (x->from->nodes[p].role != PRIMARY)
		return;
	struct state next = *x->from;
	enum violation violation = SAFE;
	unsigned id = 0;
	for (unsigned i = 0; i < next.count && dropped(DEPOSED_KILLS); i++) {
		if (next.entries[i].mark || next.entries[i].status != PENDING || next.entries[i].author != p)
			continue;
		next.entries[i].status = ACKNOWLEDGED;
		id = next.entries[i].id;
		if (violation == SAFE)
			violation = verify_acknowledged(&next, p, i);
	}
	rules_step_down(&next, p);
	x->found(x, &(struct step){.action = id ? ACT_RELEASE : ACT_DEMOTE, .node = p, .id = id}, &next, violation);
}

/* An action may end between any two of its steps. */
static void abandon(struct expansion *x, unsigned c)
{
	if (x->from->nodes[c].role != CANDIDATE && x->from->nodes[c].role != OPENING)
		return;
	struct state next = *x->from;
	rules_step_down(&next, c);
	x->found(x, &(struct step){.action = ACT_ABANDON, .node = c}, &next, SAFE);
}

static void start(struct expansion *x, unsigned n)
{
	const struct node *node = &x->from->nodes[n];
	bool two = model.voters == 2;
	struct state next = *x->from;
	if (node->server || (node->up && ((two && !node->joined) || (node->filling && !dropped(FILLING_IS_SILENT)))))
		return;
	if (!node->up && two)
		next.nodes[n].joined = next.nodes[n].met = 0;
	next.nodes[n].up = 1;
	if (two && dropped(TWO_WAIT_FOR_ALL))
		next.nodes[n].joined = 1;
	next.nodes[n].server = next.nodes[n].joined && (!node->filling || dropped(FILLING_IS_SILENT));
	if (next.nodes[n].server)
		next.nodes[n].filling = 0;
	x->found(x, &(struct step){.action = ACT_START, .node = n}, &next, SAFE);
}

/* Rule 12. Corosync's wait_for_all lets a rebooted node run nothing until it has seen its peer; the rules let it promise, confirm and
 * decide nothing until it has stored the newest record and the promise of that peer, asked itself: what a merged CIB says may be older. */
static void meet(struct expansion *x, unsigned n)
{
	const struct node *node = &x->from->nodes[n];
	unsigned peer = !n;
	if (node->met || !state_talks(x->from, n, peer))
		return;
	struct state next = *x->from;
	if (!node->joined) {
		next.nodes[n].joined = 1;
		next.nodes[n].server = !node->filling;
		x->found(x, &(struct step){.action = ACT_JOIN, .node = n, .peer = peer}, &next, SAFE);
		return;
	}
	next.nodes[n].met = 1;
	if (record_rank(next.nodes[peer].record) > record_rank(node->record))
		next.nodes[n].record = next.nodes[peer].record;
	if (next.nodes[peer].promise > node->promise && !dropped(TWO_MET_PROMISE))
		next.nodes[n].promise = next.nodes[peer].promise;
	x->found(x, &(struct step){.action = ACT_MEET, .node = n, .peer = peer}, &next, SAFE);
}

void rules_rejoin(struct expansion *x)
{
	for (unsigned n = 0; n < model.nodes; n++) {
		start(x, n);
		demote(x, n);
		abandon(x, n);
		if (model.voters == 2 && is_voter(n))
			meet(x, n);
		for (unsigned p = 0; p < model.voters; p++) {
			follow(x, n, p);
			if (model.config->fills) {
				wipe(x, n, p);
				filled(x, n, p);
			}
		}
	}
}
