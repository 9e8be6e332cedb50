/* Rules 2 to 7: from the proposal to the opening. Pacemaker may propose any replica at any time, also one in each half of a partition. */
#include "model.h"

static unsigned highest_seen(const struct state *s, unsigned c)
{
	unsigned highest = 0;
	for (unsigned n = 0; n < model.nodes; n++) {
		if (n != c && (!state_talks(s, c, n) || dropped(REPORT_EPOCH_ABOVE)))
			continue;
		if (state_promised(s, n) > highest)
			highest = state_promised(s, n);
		if (record_epoch(s->nodes[n].record) > highest)
			highest = record_epoch(s->nodes[n].record);
	}
	return highest;
}

/* With fencing, Pacemaker proposes nobody before the nodes that it has lost run nothing. */
static bool others_clean(const struct state *s, unsigned c)
{
	for (unsigned n = 0; n < model.nodes; n++)
		if (n != c && s->nodes[n].up && !state_talks(s, c, n) && !state_clean(s, c, n))
			return false;
	return true;
}

/* Rule 2, the candidate's own report. */
static void propose(struct expansion *x, unsigned c)
{
	const struct state *s = x->from;
	const struct node *node = &s->nodes[c];
	if (!node->server || node->role != REPLICA || !state_decides(s, c))
		return;
	if (model.config->fencing && !others_clean(s, c))
		return;
	unsigned epoch = highest_seen(s, c) + 1;
	if (epoch > 1U + model.config->promotions)
		return;
	struct state next = *s;
	struct node *candidate = &next.nodes[c];
	candidate->promise = candidate->epoch = epoch;
	candidate->role = CANDIDATE;
	candidate->source = NOBODY;
	candidate->heard = 1U << c;
	candidate->best = candidate->log;
	candidate->best_node = c;
	x->found(x, &(struct step){.action = ACT_PROPOSE, .node = c, .value = epoch}, &next, SAFE);
}

/* A promise is for one candidate: a voter that stands at this epoch already has promised it to another, or to an earlier round. One whose
 * receiver has kept its source, which was promoted again without it, stands at the epoch whose mark it has received. */
static bool may_promise(const struct state *s, unsigned v, unsigned c)
{
	const struct node *voter = &s->nodes[v];
	unsigned epoch = s->nodes[c].epoch, promised = state_promised(s, v);
	if (v == c || !state_talks(s, v, c) || !state_decides(s, v) || voter->role != REPLICA)
		return false;
	return epoch > promised || (dropped(PROMISE_EXCLUSIVE) && epoch == promised && !(s->nodes[c].heard >> v & 1));
}

/* Somebody has shed what this candidate does not hold: what it holds may only grow from there on, so no further report counts. */
static bool attached(const struct state *s, unsigned c)
{
	for (unsigned v = 0; v < model.voters; v++)
		if (s->nodes[c].heard >> v & 1 && s->nodes[v].source == c)
			return true;
	return false;
}

/* Rule 2. The promise is durable and the receiver stopped before the node says what it holds, so what it says is final. */
static void report(struct expansion *x, unsigned v, unsigned c)
{
	struct state next = *x->from, promised;
	struct node *voter = &next.nodes[v], *candidate = &next.nodes[c];
	voter->promise = candidate->epoch;
	/* The action may end here: nobody counts it, and the receiver goes on. */
	promised = next;
	x->found(x, &(struct step){.action = ACT_PROMISE_ONLY, .node = v, .peer = c, .value = candidate->epoch}, &promised, SAFE);
	if (!voter->server || (attached(x->from, c) && !dropped(ATTACH_ENDS_REPORTS)))
		return;
	if (!dropped(REPORT_STOPS_RECEIVER))
		voter->source = NOBODY;
	unsigned best = candidate->best, best_node = candidate->best_node,
		 best_began = best_node == NOBODY ? 0 : next.nodes[best_node].began;
	state_rank(&next, voter->log, v, voter->began, &best, &best_node, &best_began);
	candidate->best = best;
	candidate->best_node = best_node;
	candidate->heard |= 1U << v;
	if (record_rank(voter->record) > record_rank(candidate->record) && !dropped(REPORT_RECORD))
		candidate->record = voter->record;
	x->found(x, &(struct step){.action = ACT_REPORT, .node = v, .peer = c, .value = candidate->epoch}, &next, SAFE);
}

/* Rule 3, and 12: two nodes, and the peer has been fenced. */
static bool counted(const struct state *s, unsigned c)
{
	const struct node *candidate = &s->nodes[c];
	unsigned sets = bits(candidate->heard), promises = sets;
	if (dropped(ALONE_IS_COUNTED) && record_alone(candidate->record) && record_primary(candidate->record) == c)
		return true;
	if (model.voters == 2)
		promises += !(candidate->heard >> !c & 1) && state_clean(s, c, !c);
	return sets >= model.sets && promises >= model.majority;
}

/* Rules 3 to 5: this candidate may go on. */
static bool elected(const struct state *s, unsigned c)
{
	const struct node *candidate = &s->nodes[c];
	if (candidate->promise != candidate->epoch)
		return false;
	if (record_epoch(candidate->record) >= candidate->epoch && !dropped(RECORD_NEVER_BACK))
		return false;
	if (candidate->best_node == NOBODY || !counted(s, c))
		return false;
	return !record_alone(candidate->record) || record_primary(candidate->record) == c || dropped(ALONE_BINDS);
}

/* Rule 4: it holds what the best holds, and no tail that the best lacks. */
static bool reached(const struct node *candidate)
{
	if (dropped(CANDIDATE_FETCHES))
		return true;
	return dropped(CANDIDATE_SHEDS) ? (candidate->log & candidate->best) == candidate->best : candidate->log == candidate->best;
}

static void reach(struct expansion *x, unsigned c)
{
	const struct node *candidate = &x->from->nodes[c];
	unsigned tail = candidate->log & ~candidate->best, missing = candidate->best & ~candidate->log, from = candidate->best_node;
	struct state next = *x->from;
	if (tail && !dropped(CANDIDATE_SHEDS)) {
		next.nodes[c].log &= candidate->best;
		x->found(x, &(struct step){.action = ACT_SHED, .node = c, .peer = from}, &next, SAFE);
		return;
	}
	if (!missing || !state_streams(x->from, c, from))
		return;
	unsigned i = (unsigned)__builtin_ctz(missing);
	if (!(x->from->nodes[from].log >> i & 1))
		return;
	enum violation violation = rules_add(&next, c, i);
	const struct entry *entry = &next.entries[i];
	x->found(x, &(struct step){.action = ACT_FETCH, .node = c, .peer = from, .id = entry->id, .value = entry->epoch}, &next, violation);
}

/* Rule 6. */
static void attach(struct expansion *x, unsigned v, unsigned c)
{
	const struct state *s = x->from;
	const struct node *voter = &s->nodes[v], *candidate = &s->nodes[c];
	if (v == c || !(candidate->heard >> v & 1) || !voter->server || voter->role != REPLICA || voter->source == c ||
	    !state_talks(s, v, c))
		return;
	if (voter->promise != candidate->epoch && !dropped(PROMISE_REFUSES_PRIMARY))
		return;
	struct state next = *s;
	if (!dropped(ATTACH_SHEDS))
		next.nodes[v].log &= candidate->log;
	next.nodes[v].source = c;
	if (dropped(RANK_BY_MARK))
		next.nodes[v].began = candidate->epoch;
	x->found(x, &(struct step){.action = ACT_ATTACH, .node = v, .peer = c}, &next, SAFE);
}

/* Rule 7, its first half: the server waits for k and has written the mark; clients may not write yet. */
static void open_for_agent(struct expansion *x, unsigned c)
{
	struct state next = *x->from;
	struct node *node = &next.nodes[c];
	node->role = OPENING;
	node->heard = 0;
	if (dropped(RANK_BY_MARK))
		node->began = node->epoch;
	if (!dropped(MARK_WRITTEN) && rules_append(&next, c, true) < 0)
		return;
	x->found(x, &(struct step){.action = ACT_OPEN, .node = c, .value = node->epoch}, &next, SAFE);
}

/* Rule 7, its second half. A mark that k have acknowledged proves the promotion; without that it stands if nobody went alone before. */
static void open_for_all(struct expansion *x, unsigned c)
{
	const struct node *node = &x->from->nodes[c];
	unsigned version = record_epoch(node->record) == node->epoch ? record_version(node->record) + 1 : 1;
	int mark = state_mark_of(x->from, c);
	bool proved = mark < 0 || bits(x->from->entries[mark].acks) >= model.waits;
	if (node->promise != node->epoch || version > model.config->versions)
		return;
	if (record_epoch(node->record) > node->epoch && !dropped(RECORD_NEVER_BACK))
		return;
	if (!proved && record_alone(node->record) && !dropped(MARK_BEFORE_MAJORITY))
		return;
	struct state next = *x->from;
	next.nodes[c].role = PRIMARY;
	if (!dropped(RECORD_WRITTEN))
		next.nodes[c].record = record_make(node->epoch, version, false, c);
	if (mark >= 0)
		next.entries[mark].status = SETTLED;
	enum action action = proved ? ACT_OPENED : ACT_OPENED_WITHOUT;
	x->found(x, &(struct step){.action = action, .node = c, .value = node->epoch}, &next, verify_opened(&next, c));
}

/* Rule 7, when the newest record says alone: its primary goes on alone in the new epoch. Nobody else does so before it is open. */
static void record_still_alone(struct expansion *x, unsigned c)
{
	const struct node *node = &x->from->nodes[c];
	bool alone = record_alone(node->record);
	if (!model.config->adaptive || node->promise != node->epoch || record_epoch(node->record) >= node->epoch)
		return;
	if (!alone && !dropped(NOT_ALONE_IN_PROMOTION))
		return;
	struct state next = *x->from;
	next.nodes[c].record = record_make(node->epoch, 1, true, c) | (alone ? 0 : 8);
	next.nodes[c].heard = 1U << c;
	x->found(x, &(struct step){.action = ACT_RECORD_ALONE, .node = c, .value = node->epoch}, &next, SAFE);
}

void rules_election(struct expansion *x)
{
	const struct state *s = x->from;
	for (unsigned c = 0; c < model.voters; c++) {
		propose(x, c);
		if (s->nodes[c].role == OPENING) {
			open_for_all(x, c);
			record_still_alone(x, c);
		}
		if (s->nodes[c].role != CANDIDATE)
			continue;
		for (unsigned v = 0; v < model.voters; v++)
			if (may_promise(s, v, c))
				report(x, v, c);
		if (!elected(s, c))
			continue;
		reach(x, c);
		if (!reached(&s->nodes[c]))
			continue;
		for (unsigned v = 0; v < model.voters; v++)
			attach(x, v, c);
		open_for_agent(x, c);
	}
}
