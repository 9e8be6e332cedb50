/* Rule 1, and how transactions travel: the server's own work, which goes on without any agent. */
#include "model.h"

int rules_append(struct state *s, unsigned node, bool mark)
{
	unsigned marks = 0;
	for (unsigned i = 0; i < s->count; i++)
		marks += s->entries[i].mark && s->entries[i].epoch == s->nodes[node].epoch;
	if (s->count == ENTRIES_MAX || (mark && marks > 1))
		return -1;
	unsigned i = s->count++;
	s->entries[i] = (struct entry){.mark = mark, .epoch = s->nodes[node].epoch, .status = PENDING, .author = node};
	if (!mark)
		s->entries[i].id = model.config->writes - s->writes + 1;
	s->nodes[node].log |= 1U << i;
	return (int)i;
}

enum violation rules_add(struct state *s, unsigned node, unsigned entry)
{
	bool order = !(s->nodes[node].log >> entry);
	s->nodes[node].log |= 1U << entry;
	return order ? SAFE : DIVERGED;
}

void rules_step_down(struct state *s, unsigned node)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->entries[i].status == PENDING && s->entries[i].author == node)
			s->entries[i].status = SETTLED;
	s->nodes[node].role = REPLICA;
	s->nodes[node].wait_none = 0;
}

static void write_one(struct expansion *x, unsigned p)
{
	struct state next = *x->from;
	if (next.nodes[p].role != PRIMARY || next.writes == 0)
		return;
	int entry = rules_append(&next, p, false);
	if (entry < 0)
		return;
	next.writes--;
	x->found(x, &(struct step){.action = ACT_WRITE, .node = p, .id = next.entries[entry].id}, &next, SAFE);
}

/* A receiver takes the next transaction that it lacks, from whatever its source is by now; a primary that wrote it learns of that. */
static void receive(struct expansion *x, unsigned v)
{
	const struct state *s = x->from;
	const struct node *replica = &s->nodes[v];
	unsigned source = replica->source;
	if (source == NOBODY || !state_streams(s, v, source))
		return;
	unsigned missing = s->nodes[source].log & ~replica->log;
	bool ahead = replica->log & ~s->nodes[source].log;
	if (!missing || (ahead && !model.config->accepts_ahead && !dropped(SOURCE_REFUSES_AHEAD)))
		return;
	struct state next = *s;
	unsigned i = (unsigned)__builtin_ctz(missing);
	struct entry *entry = &next.entries[i];
	enum violation violation = rules_add(&next, v, i);
	bool acks = entry->status == PENDING && entry->author == source && (is_voter(v) || dropped(ACK_VOTERS_ONLY));
	if (acks)
		entry->acks |= 1U << v;
	enum action action = acks && replica->promise < entry->epoch ? ACT_RECEIVE_UNASKED : ACT_RECEIVE;
	x->found(x, &(struct step){.action = action, .node = v, .peer = source, .id = entry->id, .value = entry->epoch}, &next, violation);
}

/* Rule 1. From here on the client may know that it succeeded. */
static void acknowledge(struct expansion *x, unsigned i)
{
	const struct entry *entry = &x->from->entries[i];
	unsigned p = entry->author;
	if (entry->mark || entry->status != PENDING)
		return;
	if (bits(entry->acks) < (x->from->nodes[p].wait_none ? 0 : model.waits))
		return;
	struct state next = *x->from;
	next.entries[i].status = ACKNOWLEDGED;
	x->found(x, &(struct step){.action = ACT_ACKNOWLEDGE, .node = p, .id = entry->id}, &next, verify_acknowledged(&next, p, i));
}

void rules_acknowledge(struct expansion *x)
{
	for (unsigned i = 0; i < x->from->count; i++)
		acknowledge(x, i);
	for (unsigned n = 0; n < model.nodes; n++) {
		receive(x, n);
		write_one(x, n);
	}
}
