#include "model.h"

#include <string.h>

struct model model;

void model_set(const struct config *config, uint64_t guards)
{
	unsigned k = config->voters / 2, waits = k;
	if (config->server_waits && config->server_waits < waits)
		waits = config->server_waits;
	model =
	    (struct model){.config = config, .dropped = guards, .nodes = config->voters + config->others, .voters = config->voters, .k = k};
	model.waits = dropped(ACK_WAITS) ? waits - 1 : waits;
	model.majority = config->voters / 2 + 1;
	/* Rule 3 counts with what the server really waits for; N - k alone would not let two elections of an even N meet. */
	model.sets = config->voters - (dropped(COUNT_SERVERS_K) ? k : waits);
	if (config->voters > 2 && model.sets < model.majority)
		model.sets = model.majority;
	if (dropped(COUNT_MAJORITY))
		model.sets = model.majority = config->voters - waits;
	if (dropped(COUNT_ENOUGH)) {
		model.sets--;
		model.majority--;
	}
}

void state_first(struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->faults = model.config->faults;
	s->writes = model.config->writes;
	s->count = s->opened = 1;
	s->entries[0] = (struct entry){.mark = 1, .epoch = 1, .status = SETTLED};
	for (unsigned n = 0; n < model.nodes; n++) {
		struct node *node = &s->nodes[n];
		node->up = node->server = node->joined = node->met = 1;
		node->promise = 1;
		node->record = record_make(1, 1, false, 0);
		node->log = 1;
		node->source = n ? 0 : NOBODY;
		node->began = dropped(RANK_BY_MARK);
		node->best_node = NOBODY;
	}
	s->nodes[0].role = PRIMARY;
	s->nodes[0].epoch = 1;
}

unsigned state_data_epoch(const struct state *s, unsigned log)
{
	unsigned epoch = 0;
	for (unsigned i = 0; i < s->count; i++)
		if (log >> i & 1 && s->entries[i].mark && s->entries[i].epoch > epoch)
			epoch = s->entries[i].epoch;
	return epoch;
}

unsigned state_promised(const struct state *s, unsigned n)
{
	unsigned promise = s->nodes[n].promise, held = state_data_epoch(s, s->nodes[n].log);
	return held > promise && !dropped(MARK_PROMISES) ? held : promise;
}

int state_mark_of(const struct state *s, unsigned node)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->entries[i].mark && s->entries[i].status == PENDING && s->entries[i].author == node)
			return (int)i;
	return -1;
}

void state_rank(const struct state *s, unsigned log, unsigned holder, unsigned began, unsigned *best, unsigned *best_node,
		unsigned *best_began)
{
	unsigned mine, theirs;
	if (dropped(RANK_BY_MARK)) {
		mine = began;
		theirs = *best_began;
	} else if (dropped(RANK_BY_EPOCH) || dropped(RANK_NOT_BY_SIZE)) {
		mine = theirs = 0;
	} else {
		mine = state_data_epoch(s, log);
		theirs = state_data_epoch(s, *best);
	}
	if (mine < theirs)
		return;
	bool wins = mine > theirs || (dropped(RANK_NOT_BY_SIZE) ? bits(log) > bits(*best) : (log & *best) == *best && log != *best);
	if (wins) {
		*best = log;
		*best_node = holder;
		*best_began = began;
	} else if ((log & *best) != log && !dropped(RANK_NOT_BY_SIZE)) {
		*best_node = NOBODY;
	}
}

bool state_clean(const struct state *s, unsigned node, unsigned peer)
{
	return model.config->fencing && model.voters == 2 && state_decides(s, node) && (!s->nodes[peer].up || !s->nodes[peer].joined);
}

bool state_decides(const struct state *s, unsigned node)
{
	const struct node *n = &s->nodes[node];
	return n->up && n->joined && (n->met || dropped(TWO_MET));
}

/* --- The form in which states are compared --- */

static void settle(struct state *s)
{
	for (unsigned n = 0; n < model.nodes; n++) {
		struct node *node = &s->nodes[n];
		if (!node->server)
			node->source = NOBODY;
		if (node->role != CANDIDATE) {
			node->best = 0;
			node->best_node = NOBODY;
		}
		if (node->role == REPLICA)
			node->epoch = node->wait_none = 0;
		bool confirming =
		    node->role >= OPENING && !node->wait_none && (record_alone(node->record) || dropped(CONFIRM_AFTER_RECORD));
		if (node->role != CANDIDATE && !confirming)
			node->heard = 0;
	}
	for (unsigned i = 0; i < s->count; i++)
		if (s->entries[i].status != PENDING)
			s->entries[i].author = s->entries[i].acks = 0;
}

static unsigned without_bit(unsigned set, unsigned bit)
{
	return (set & ((1U << bit) - 1)) | (set >> (bit + 1) << bit);
}

static void forget(struct state *s, unsigned entry)
{
	for (unsigned i = entry; i + 1 < s->count; i++)
		s->entries[i] = s->entries[i + 1];
	s->count--;
	s->entries[s->count] = (struct entry){0};
	for (unsigned n = 0; n < model.nodes; n++) {
		s->nodes[n].log = without_bit(s->nodes[n].log, entry);
		s->nodes[n].best = without_bit(s->nodes[n].best, entry);
	}
}

/* What nobody holds and nobody was promised is gone; what everybody holds stays with everybody, for a set is only ever cut down to
 * another node's. Of the marks, the highest that all have still says which epoch they have. */
static void forget_entries(struct state *s)
{
	unsigned any = 0, all = ~0U, last = 0;
	for (unsigned n = 0; n < model.nodes; n++) {
		const struct node *node = &s->nodes[n];
		any |= node->log | node->best;
		all &= node->filling ? ~0U : node->log;
		if (node->role == CANDIDATE)
			all &= node->best;
	}
	if (dropped(RELAY_LOG_KEPT) || dropped(FILLING_IS_SILENT))
		all = 0;
	for (unsigned i = 0; i < s->count; i++)
		if (all >> i & 1 && s->entries[i].mark)
			last = i;
	for (unsigned i = s->count; i-- > 0;) {
		const struct entry *entry = &s->entries[i];
		bool lost = !(any >> i & 1) && entry->status != ACKNOWLEDGED;
		bool common = all >> i & 1 && entry->status != PENDING && !(entry->mark && i == last);
		if (lost || common)
			forget(s, i);
	}
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
	return hash ^ hash >> 29;
}

static unsigned smaller_side(unsigned cut)
{
	unsigned other = ~cut & ((1U << model.nodes) - 1);
	return bits(cut) < bits(other) ? cut : bits(cut) > bits(other) ? other : 0;
}

/* What distinguishes this node from the others, without saying any node's number. */
static uint64_t signature(const struct state *s, unsigned n)
{
	const struct node *node = &s->nodes[n];
	uint64_t hash = mix(n < model.voters, node->promise | record_rank(node->record) << 3 | (node->record & 0x18) << 10);
	hash = mix(hash, node->up | node->server << 1 | node->joined << 2 | node->met << 3 | node->role << 4 | node->epoch << 6 |
			     node->wait_none << 9 | node->began << 10 | (node->source == NOBODY) << 13 |
			     (record_primary(node->record) == n) << 14 | (node->best_node == NOBODY) << 15 | node->filling << 20 |
			     bits(node->heard) << 16);
	hash = mix(hash, node->log | node->best << 10);
	hash = mix(hash, (smaller_side(s->cluster_cut) >> n & 1) | (smaller_side(s->replication_cut) >> n & 1) << 1);
	for (unsigned i = 0; i < s->count; i++)
		hash = mix(hash, (s->entries[i].status == PENDING && s->entries[i].author == n) | (s->entries[i].acks >> n & 1) << 1);
	return hash;
}

/* The same, with whom it is related to. */
static uint64_t signature_related(const struct state *s, const uint64_t *of, unsigned n)
{
	const struct node *node = &s->nodes[n];
	uint64_t hash = mix(of[n], node->source == NOBODY ? 1 : of[node->source]), set = 0;
	hash = mix(hash, of[record_primary(node->record)]);
	hash = mix(hash, node->best_node == NOBODY ? 1 : of[node->best_node]);
	for (unsigned m = 0; m < model.nodes; m++) {
		if (node->heard >> m & 1)
			set += of[m] * 3;
		if (s->nodes[m].source == n)
			set += of[m] * 5;
		if (s->nodes[m].heard >> n & 1)
			set += of[m] * 7;
		if (!((s->cluster_cut >> n ^ s->cluster_cut >> m) & 1))
			set += of[m] * 11;
		if (!((s->replication_cut >> n ^ s->replication_cut >> m) & 1))
			set += of[m] * 13;
	}
	return mix(hash, set);
}

static unsigned place_set(unsigned set, const uint8_t *place)
{
	unsigned result = 0;
	for (unsigned n = 0; n < model.nodes; n++)
		if (set >> n & 1)
			result |= 1U << place[n];
	return result;
}

static unsigned place_one(unsigned node, const uint8_t *place)
{
	return node < model.nodes ? place[node] : node;
}

static unsigned place_cut(unsigned cut, const uint8_t *place)
{
	unsigned set = place_set(cut, place), other = ~set & ((1U << model.nodes) - 1);
	return set & 1 ? other : set;
}

static void rename_nodes(struct state *s, const uint8_t *place)
{
	struct node nodes[NODES_MAX];
	memcpy(nodes, s->nodes, sizeof(nodes));
	for (unsigned n = 0; n < model.nodes; n++) {
		struct node *node = &s->nodes[place[n]];
		*node = nodes[n];
		node->source = place_one(node->source, place);
		node->best_node = place_one(node->best_node, place);
		node->heard = place_set(node->heard, place);
		node->record = (node->record & ~7U) | place_one(record_primary(node->record), place);
	}
	for (unsigned i = 0; i < s->count; i++)
		if (s->entries[i].status == PENDING) {
			s->entries[i].author = place_one(s->entries[i].author, place);
			s->entries[i].acks = place_set(s->entries[i].acks, place);
		}
	s->cluster_cut = place_cut(s->cluster_cut, place);
	s->replication_cut = place_cut(s->replication_cut, place);
}

void state_normalise(struct state *s, uint8_t ret_place[static NODES_MAX])
{
	uint64_t plain[NODES_MAX], key[NODES_MAX];
	settle(s);
	forget_entries(s);
	for (unsigned n = 0; n < model.nodes; n++)
		plain[n] = signature(s, n);
	for (unsigned n = 0; n < model.nodes; n++)
		key[n] = signature_related(s, plain, n);
	for (unsigned n = 0; n < model.nodes; n++) {
		ret_place[n] = 0;
		for (unsigned m = 0; m < model.nodes; m++)
			if (is_voter(m) != is_voter(n) ? is_voter(m) : key[m] < key[n] || (key[m] == key[n] && m < n))
				ret_place[n]++;
	}
	rename_nodes(s, ret_place);
}

static unsigned head_size(void)
{
	return offsetof(struct state, nodes) + model.nodes * sizeof(struct node);
}

unsigned state_size(void)
{
	return (head_size() + ENTRIES_MAX * (unsigned)sizeof(struct entry) + 7) & ~7U;
}

void state_pack(const struct state *s, uint8_t *bytes)
{
	memset(bytes + state_size() - 8, 0, 8);
	memcpy(bytes, s, head_size());
	memcpy(bytes + head_size(), s->entries, ENTRIES_MAX * sizeof(struct entry));
}

void state_unpack(struct state *s, const uint8_t *bytes)
{
	memset(s, 0, sizeof(*s));
	memcpy(s, bytes, head_size());
	memcpy(s->entries, bytes + head_size(), ENTRIES_MAX * sizeof(struct entry));
}
