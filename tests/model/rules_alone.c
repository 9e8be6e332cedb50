/* Rules 8 and 9: going on alone, and back. The record travels in the CIB, of which any copy may win a merge: so a node that can talk to
 * another may see that one's record, or may not. What it has seen it keeps. */
#include "model.h"

/* Rule 8, first step. That the replicas are gone may be an error: any primary may believe it at any time. */
static void record_going_alone(struct expansion *x, unsigned p)
{
	const struct node *node = &x->from->nodes[p];
	bool of_epoch = record_epoch(node->record) == node->epoch;
	if (!model.config->adaptive || node->role != PRIMARY || node->wait_none)
		return;
	if (record_epoch(node->record) > node->epoch && !dropped(RECORD_NEVER_BACK))
		return;
	if (of_epoch && (record_alone(node->record) || record_version(node->record) >= model.config->versions))
		return;
	struct state next = *x->from;
	next.nodes[p].record = record_make(node->epoch, of_epoch ? record_version(node->record) + 1 : 1, true, p);
	next.nodes[p].heard |= 1U << p;
	x->found(x, &(struct step){.action = ACT_RECORD_ALONE, .node = p, .value = node->epoch}, &next, SAFE);
}

static bool confirming(const struct node *node)
{
	return node->role >= OPENING && !node->wait_none && record_alone(node->record) && record_epoch(node->record) == node->epoch;
}

/* Rule 8: exactly this epoch, this or a later version, and no higher promise. */
static bool confirms(const struct state *s, unsigned v, unsigned p)
{
	const struct node *voter = &s->nodes[v], *primary = &s->nodes[p];
	if (!state_talks(s, v, p) || !state_decides(s, v) || !state_decides(s, p))
		return false;
	if (record_rank(voter->record) < record_rank(primary->record))
		return false;
	if (dropped(CONFIRM_HIGHER_IS_NONE) && record_epoch(voter->record) > primary->epoch)
		return true;
	if (record_epoch(voter->record) != primary->epoch && !dropped(CONFIRM_EXACT_EPOCH))
		return false;
	return state_promised(s, v) <= primary->epoch || dropped(CONFIRM_NO_HIGHER_PROMISE);
}

static void confirm(struct expansion *x, unsigned v, unsigned p)
{
	const struct node *primary = &x->from->nodes[p];
	struct state next = *x->from;
	if (v == p || primary->heard >> v & 1)
		return;
	next.nodes[p].heard |= 1U << v;
	/* Rule 12. That the peer is fenced counts only when it is seen after the record is written: it reads that record when it returns. */
	bool early = dropped(CONFIRM_AFTER_RECORD) && primary->role == PRIMARY && !record_alone(primary->record);
	if ((confirming(primary) || early) && state_clean(x->from, p, v))
		x->found(x, &(struct step){.action = ACT_CONFIRM_FENCED, .node = p, .peer = v}, &next, SAFE);
	else if (confirming(primary) && confirms(x->from, v, p))
		x->found(x, &(struct step){.action = ACT_CONFIRM, .node = v, .peer = p}, &next, SAFE);
}

/* Rule 8, last step: wait count 0. During a promotion the clients may write from here on (rule 7). */
static void go_alone(struct expansion *x, unsigned p)
{
	const struct node *node = &x->from->nodes[p];
	if (!confirming(node) || (bits(node->heard) < model.majority && !dropped(ALONE_CONFIRMED)))
		return;
	struct state next = *x->from;
	int mark = state_mark_of(&next, p);
	if (mark >= 0)
		next.entries[mark].status = SETTLED;
	next.nodes[p].role = PRIMARY;
	next.nodes[p].wait_none = 1;
	enum violation violation = node->role == OPENING ? verify_opened(&next, p) : SAFE;
	x->found(x, &(struct step){.action = ACT_GO_ALONE, .node = p}, &next, violation);
}

/* Rule 9, without its mark: some k voters hold everything but, if `newest_too` is not set, the newest transaction. */
static bool held_by_k(const struct state *s, unsigned p, bool newest_too)
{
	unsigned log = s->nodes[p].log, count = 0;
	if (!newest_too && log && !s->entries[31 - __builtin_clz(log)].mark)
		log &= ~(1U << (31 - __builtin_clz(log)));
	for (unsigned v = 0; v < model.voters; v++)
		count += v != p && s->nodes[v].source == p && (log & ~s->nodes[v].log) == 0;
	return count >= model.waits;
}

/* Rule 9: wait count k, then a mark that k acknowledge, then the record. Nothing waits for that record's confirmation. */
static void come_back(struct expansion *x, unsigned p)
{
	const struct node *node = &x->from->nodes[p];
	if (node->role != PRIMARY || !record_alone(node->record) || record_epoch(node->record) != node->epoch)
		return;
	int mark = state_mark_of(x->from, p);
	struct state next = *x->from;
	bool waits = !node->wait_none || dropped(BACK_WAIT_FIRST);
	if (!waits) {
		next.nodes[p].wait_none = 0;
		next.nodes[p].heard = 1U << p;
		x->found(x, &(struct step){.action = ACT_WAIT_AGAIN, .node = p}, &next, SAFE);
		return;
	}
	if (mark < 0 && rules_append(&next, p, true) >= 0)
		x->found(x, &(struct step){.action = ACT_MARK, .node = p}, &next, SAFE);
	bool proved = mark >= 0 && bits(x->from->entries[mark].acks) >= model.waits;
	bool barrier = dropped(BACK_MARK) || (dropped(BACK_MARK_NOT_EXECUTED) && held_by_k(x->from, p, false));
	if ((!proved && !barrier) || record_version(node->record) >= model.config->versions)
		return;
	next = *x->from;
	next.nodes[p].record = record_make(node->epoch, record_version(node->record) + 1, false, p);
	next.nodes[p].wait_none = 0;
	if (mark >= 0)
		next.entries[mark].status = SETTLED;
	x->found(x, &(struct step){.action = ACT_RECORD_MAJORITY, .node = p}, &next, SAFE);
}

/* Every action stores the newest record that it can see. */
static void store(struct expansion *x, unsigned v, unsigned from)
{
	unsigned mine = x->from->nodes[v].record, theirs = x->from->nodes[from].record;
	if (v == from || mine == theirs || !state_talks(x->from, v, from))
		return;
	bool newer = record_rank(theirs) > record_rank(mine);
	if (!newer && !dropped(RECORD_NEWEST_STAYS))
		return;
	struct state next = *x->from;
	next.nodes[v].record = theirs;
	x->found(x, &(struct step){.action = newer ? ACT_STORE : ACT_STORE_OLDER, .node = v, .peer = from}, &next, SAFE);
}

void rules_alone(struct expansion *x)
{
	for (unsigned p = 0; p < model.voters; p++) {
		record_going_alone(x, p);
		go_alone(x, p);
		come_back(x, p);
		for (unsigned v = 0; v < model.voters; v++) {
			confirm(x, v, p);
			store(x, v, p);
		}
	}
}
