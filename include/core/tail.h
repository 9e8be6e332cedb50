/* tail.h - what the last binary log of a crashed MySQL primary holds beyond what the new primary has: commits that nobody acknowledged. MySQL
 * would take them for its own in its recovery; cut off before, they are undone like any transaction that was under way. Pure. */
#ifndef SYSTOLE_CORE_TAIL_H
#define SYSTOLE_CORE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/facts.h"

struct tail {
	enum tail_state state;
	uint64_t at;	    /* TAIL_CUT: where the first of them begins, in bytes; everything from there on is unacknowledged */
	uint64_t count;	    /* of transactions, TAIL_CUT */
	char *gtids;	    /* theirs, separated by commas; the caller frees */
	const char *reason; /* TAIL_OTHER: why it cannot be cut */
};

/* bytes: the last file, all of it. held: what the new primary has. */
void tail_find(const uint8_t *bytes, size_t size, const struct gtid_set *held, struct tail *ret);

#endif
