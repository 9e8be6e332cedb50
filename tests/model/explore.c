/* Breadth first, so that the counter-example found is a shortest one. Every state is kept, packed, in the order in which it was found; a
 * hash table finds it again, and a trace is the chain of the states from which each was found. */
#define _GNU_SOURCE
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const uint64_t TAG = 0xffffffff00000000U;

struct explorer {
	uint8_t *states;
	uint32_t *parents;
	uint64_t *table; /* the upper half of the hash, and the number of the state plus one */
	uint64_t count, states_max, table_mask, at;
	unsigned size;
	struct outcome *outcome;
	struct step violating;
	struct state violated;
	bool stopped;
};

/* Address space only: the kernel gives memory when it is written to. */
static void *reserve(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		perror("no address space");
		exit(2);
	}
	madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

static uint64_t hash_bytes(const uint8_t *bytes, unsigned size)
{
	uint64_t hash = 0x2545f4914f6cdd1dU;
	for (unsigned i = 0; i < size; i += 8) {
		uint64_t word;
		memcpy(&word, bytes + i, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
		hash ^= hash >> 32;
	}
	return hash;
}

static void table_grow(struct explorer *e)
{
	uint64_t slots = e->table_mask + 1, *old = e->table;
	e->table = reserve(slots * 2 * sizeof(*e->table));
	e->table_mask = slots * 2 - 1;
	for (uint64_t i = 0; i < e->count; i++) {
		uint64_t hash = hash_bytes(e->states + i * e->size, e->size), slot = hash & e->table_mask;
		while (e->table[slot])
			slot = (slot + 1) & e->table_mask;
		e->table[slot] = (hash & TAG) | (i + 1);
	}
	munmap(old, slots * sizeof(*old));
}

/* False: it was there. */
static bool insert(struct explorer *e, const struct state *s)
{
	uint8_t *bytes = e->states + e->count * e->size;
	state_pack(s, bytes);
	uint64_t hash = hash_bytes(bytes, e->size);
	for (uint64_t slot = hash & e->table_mask;; slot = (slot + 1) & e->table_mask) {
		uint64_t entry = e->table[slot];
		if (!entry) {
			e->table[slot] = (hash & TAG) | ++e->count;
			if (e->count > e->table_mask / 2)
				table_grow(e);
			return true;
		}
		if ((entry & TAG) == (hash & TAG) && memcmp(e->states + ((entry & ~TAG) - 1) * e->size, bytes, e->size) == 0)
			return false;
	}
}

static void stop(struct explorer *e, const struct step *step, const struct state *s, enum violation violation, unsigned nodes)
{
	e->stopped = true;
	e->violating = *step;
	e->violated = *s;
	e->outcome->violation = violation;
	e->outcome->nodes = nodes;
}

static void found(struct expansion *x, const struct step *step, struct state *next, enum violation violation)
{
	struct explorer *e = x->context;
	uint8_t place[NODES_MAX];
	unsigned nodes = 0;
	e->outcome->steps++;
	e->outcome->taken[step->action]++;
	if (e->stopped)
		return;
	if (violation != SAFE) {
		stop(e, step, next, violation, 0);
		return;
	}
	struct state plain = *next;
	state_normalise(next, place);
	if (!insert(e, next))
		return;
	e->parents[e->count - 1] = (uint32_t)e->at;
	violation = verify_next_election(&plain, &nodes);
	if (violation != SAFE)
		stop(e, step, &plain, violation, nodes);
	else if (e->count == e->states_max)
		e->stopped = true;
}

/* --- The trace: the same steps again, with the names that the nodes had at first --- */

struct replay {
	struct explorer *explorer;
	const uint8_t *wanted;
	struct told *told;
	uint8_t place[NODES_MAX];
	bool seen;
};

static void replay_found(struct expansion *x, const struct step *step, struct state *next, enum violation violation)
{
	struct replay *r = x->context;
	uint8_t bytes[sizeof(struct state)];
	if (r->seen)
		return;
	r->told->step = *step;
	r->told->after = *next;
	if (!r->wanted) {
		r->seen =
		    memcmp(step, &r->explorer->violating, sizeof(*step)) == 0 && memcmp(next, &r->explorer->violated, sizeof(*next)) == 0;
		return;
	}
	if (violation != SAFE)
		return;
	state_normalise(next, r->place);
	state_pack(next, bytes);
	r->seen = memcmp(bytes, r->wanted, r->explorer->size) == 0;
}

static void tell(struct explorer *e)
{
	unsigned length = 1;
	for (uint64_t i = e->at; i; i = e->parents[i])
		length++;
	struct told *trace = calloc(length, sizeof(*trace));
	uint64_t *chain = calloc(length + 1, sizeof(*chain));
	uint8_t name[NODES_MAX] = {0, 1, 2, 3, 4}, place[NODES_MAX];
	if (!trace || !chain)
		abort();
	for (uint64_t i = e->at, j = length - 1; i; i = e->parents[i])
		chain[j--] = i;
	struct state first;
	state_first(&first);
	state_normalise(&first, place);
	for (unsigned n = 0; n < model.nodes; n++)
		name[place[n]] = (uint8_t)n;
	for (unsigned i = 0; i < length; i++) {
		struct state from;
		struct replay replay = {
		    .explorer = e, .told = &trace[i], .wanted = i + 1 < length ? e->states + chain[i + 1] * e->size : NULL};
		struct expansion x = {.from = &from, .found = replay_found, .context = &replay};
		state_unpack(&from, e->states + chain[i] * e->size);
		memcpy(trace[i].name, name, sizeof(name));
		rules_all(&x);
		for (unsigned n = 0; n < model.nodes && replay.wanted; n++)
			name[replay.place[n]] = trace[i].name[n];
	}
	free(chain);
	e->outcome->trace = trace;
	e->outcome->trace_length = length;
}

void explore(uint64_t states_max, struct outcome *ret_outcome)
{
	uint64_t slots = 1 << 16;
	memset(ret_outcome, 0, sizeof(*ret_outcome));
	struct explorer e = {.states_max = states_max, .table_mask = slots - 1, .size = state_size(), .outcome = ret_outcome};
	uint64_t states_bytes = (states_max + 1) * e.size, parents_bytes = (states_max + 1) * sizeof(uint32_t);
	e.states = reserve(states_bytes);
	e.parents = reserve(parents_bytes);
	e.table = reserve(slots * sizeof(*e.table));
	struct state first;
	uint8_t place[NODES_MAX];
	state_first(&first);
	state_normalise(&first, place);
	insert(&e, &first);
	uint64_t level_end = 1;
	for (; e.at < e.count && !e.stopped; e.at++) {
		struct state from;
		struct expansion x = {.from = &from, .found = found, .context = &e};
		if (e.at == level_end) {
			ret_outcome->depth++;
			level_end = e.count;
		}
		state_unpack(&from, e.states + e.at * e.size);
		rules_all(&x);
		if (e.stopped)
			break;
	}
	ret_outcome->states = e.count;
	ret_outcome->complete = !e.stopped;
	if (ret_outcome->violation != SAFE)
		tell(&e);
	munmap(e.states, states_bytes);
	munmap(e.parents, parents_bytes);
	munmap(e.table, (e.table_mask + 1) * sizeof(*e.table));
}

void outcome_done(struct outcome *outcome)
{
	free(outcome->trace);
	outcome->trace = NULL;
}
