/* What must hold in every state. */
#include "model.h"

static unsigned acknowledged(const struct state *s)
{
	unsigned set = 0;
	for (unsigned i = 0; i < s->count; i++)
		if (s->entries[i].status == ACKNOWLEDGED)
			set |= 1U << i;
	return set;
}

/* A candidate that comes too late opens like a primary that has not noticed yet: behind, and nobody acknowledges to it. */
enum violation verify_opened(struct state *s, unsigned p)
{
	if (s->nodes[p].epoch == s->opened)
		return DOUBLE;
	if (s->nodes[p].epoch < s->opened)
		return SAFE;
	s->opened = s->nodes[p].epoch;
	return acknowledged(s) & ~s->nodes[p].log ? LOST : SAFE;
}

enum violation verify_acknowledged(const struct state *s, unsigned p, unsigned entry)
{
	for (unsigned n = 0; n < model.voters; n++)
		if (s->nodes[n].role == PRIMARY && s->nodes[n].epoch > s->nodes[p].epoch && !(s->nodes[n].log >> entry & 1))
			return DOUBLE;
	return SAFE;
}

/* The nodes of `set` are up and talk to each other, and everybody else is dead. */
static enum violation elects(const struct state *s, unsigned set)
{
	unsigned best = 0, holder = NOBODY, began = 0, newest = 0;
	bool first = true;
	for (unsigned n = 0; n < model.voters; n++) {
		const struct node *node = &s->nodes[n];
		if (!(set >> n & 1))
			continue;
		if (record_rank(node->record) > record_rank(newest))
			newest = node->record;
		if (first) {
			best = node->log;
			holder = n;
			began = node->began;
		} else {
			state_rank(s, node->log, n, node->began, &best, &holder, &began);
		}
		first = false;
	}
	/* Rule 5: they wait for the node that went alone, for only it has what it acknowledged. */
	if (record_alone(newest) && !(set >> record_primary(newest) & 1) && !dropped(ALONE_BINDS))
		return record_early(newest) ? STUCK : SAFE;
	if (holder == NOBODY)
		return STUCK;
	return acknowledged(s) & ~best ? LOST : SAFE;
}

/* Rule 11: a primary that too few may follow, because they have promised more, has to make room for the next election. And once all have
 * stored the newest record, nobody may have to wait for a node that went alone before this primary was elected. */
static enum violation primary_works(const struct state *s, unsigned p)
{
	unsigned followers = 0, higher = 0, newest = 0;
	for (unsigned n = 0; n < model.voters; n++)
		if (record_rank(s->nodes[n].record) > record_rank(newest))
			newest = s->nodes[n].record;
	if (record_alone(newest) && record_epoch(newest) < s->nodes[p].epoch)
		return STUCK;
	for (unsigned n = 0; n < model.voters; n++) {
		if (n == p)
			continue;
		if (state_promised(s, n) > s->nodes[p].epoch)
			higher++;
		else
			followers++;
	}
	return followers < model.waits && (higher == 0 || dropped(DEPOSED_STOPS)) ? STUCK : SAFE;
}

static bool enough(const struct state *s, unsigned set)
{
	if (model.voters > 2)
		return bits(set) >= model.sets && bits(set) >= model.majority;
	return set == 3 || (model.config->fencing && state_decides(s, set >> 1));
}

enum violation verify_next_election(const struct state *s, unsigned *ret_nodes)
{
	unsigned all = (1U << model.voters) - 1, whole = all;
	for (unsigned n = 0; n < model.voters; n++)
		if (s->nodes[n].filling)
			whole &= ~(1U << n);
	enum violation found = SAFE;
	/* Too few whole copies are left: the next crash of the primary's server is the last one. */
	if (bits(whole) < model.sets) {
		*ret_nodes = all;
		return STUCK;
	}
	for (unsigned set = all; set && found == SAFE; set--)
		if ((set & ~whole) == 0 && enough(s, set)) {
			found = elects(s, set);
			*ret_nodes = set;
		}
	for (unsigned p = 0; p < model.voters && found == SAFE; p++)
		if (s->nodes[p].role == PRIMARY && !s->nodes[p].wait_none) {
			found = primary_works(s, p);
			*ret_nodes = all;
		}
	return found;
}
