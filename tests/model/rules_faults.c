/* What goes wrong. Partitions need no moment at which they are noticed: no rule asks whether there is one, so every node acts on
 * what it believed before for as long as it likes. */
#include "model.h"

static void stop_server(struct state *s, unsigned n)
{
	bool replicates = s->nodes[n].source != NOBODY;
	rules_step_down(s, n);
	s->nodes[n].server = 0;
	s->nodes[n].source = NOBODY;
	if (dropped(RELAY_LOG_KEPT) && replicates)
		s->nodes[n].log &= ~(1U << (31 - __builtin_clz(s->nodes[n].log)));
}

static void stop_node(struct state *s, unsigned n)
{
	stop_server(s, n);
	s->nodes[n].up = 0;
	s->nodes[n].joined = s->nodes[n].met = model.voters != 2;
	if (dropped(PROMISE_DURABLE))
		s->nodes[n].promise = 1;
	if (dropped(RECORD_DURABLE))
		s->nodes[n].record = record_make(0, 0, false, 0);
}

static void crash(struct expansion *x, unsigned n)
{
	struct state next = *x->from;
	const struct node *node = &x->from->nodes[n];
	if (next.faults == 0)
		return;
	next.faults--;
	if (model.config->kinds & FAULT_SERVER && node->server) {
		struct state server = next;
		stop_server(&server, n);
		x->found(x, &(struct step){.action = ACT_CRASH_SERVER, .node = n}, &server, SAFE);
	}
	if (model.config->kinds & FAULT_NODE && node->up) {
		stop_node(&next, n);
		x->found(x, &(struct step){.action = ACT_CRASH_NODE, .node = n}, &next, SAFE);
	}
}

/* Whoever is in the majority (two nodes: has quorum) has the nodes that it lost switched off. */
static void fence(struct expansion *x, unsigned n)
{
	const struct state *s = x->from;
	unsigned others = 0;
	if (!s->nodes[n].up)
		return;
	for (unsigned m = 0; m < model.voters; m++)
		others += m != n && s->nodes[m].up && s->nodes[m].joined && !state_talks(s, m, n);
	if (others < (model.voters == 2 ? 1 : model.voters / 2 + 1))
		return;
	struct state next = *s;
	stop_node(&next, n);
	x->found(x, &(struct step){.action = ACT_FENCE, .node = n}, &next, SAFE);
}

static void cut(struct expansion *x, unsigned side)
{
	static const struct {
		enum fault kind;
		enum action action;
		bool cluster, replication;
	} kinds[] = {
	    {FAULT_CUT, ACT_CUT_BOTH, true, true},
	    {FAULT_CUT_CLUSTER, ACT_CUT_CLUSTER, true, false},
	    {FAULT_CUT_REPLICATION, ACT_CUT_REPLICATION, false, true},
	};
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct state next = *x->from;
		if (!(model.config->kinds & kinds[i].kind))
			continue;
		next.faults--;
		if (kinds[i].cluster)
			next.cluster_cut = side;
		if (kinds[i].replication)
			next.replication_cut = side;
		x->found(x, &(struct step){.action = kinds[i].action, .value = side}, &next, SAFE);
	}
}

static void heal(struct expansion *x)
{
	struct state next = *x->from;
	if (next.cluster_cut) {
		next.cluster_cut = 0;
		x->found(x, &(struct step){.action = ACT_HEAL_CLUSTER}, &next, SAFE);
	}
	next = *x->from;
	if (next.replication_cut) {
		next.replication_cut = 0;
		x->found(x, &(struct step){.action = ACT_HEAL_REPLICATION}, &next, SAFE);
	}
}

void rules_faults(struct expansion *x)
{
	heal(x);
	for (unsigned n = 0; n < model.nodes; n++) {
		crash(x, n);
		if (model.config->fencing)
			fence(x, n);
	}
	/* A side that has no node 0 stands for both. */
	for (unsigned side = 2; x->from->faults && side < 1U << model.nodes; side += 2)
		cut(x, side);
}
