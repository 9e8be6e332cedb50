/* record.h - the record of PROTOCOL.md: who is the primary in which epoch, and whether it takes writes alone. Every node keeps the newest
 * that it has seen, on disk; the CIB carries a copy. Pure. */
#ifndef SYSTOLE_CORE_RECORD_H
#define SYSTOLE_CORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum record_mode {
	RECORD_UNKNOWN = 0,
	RECORD_UNMARKED, /* opened, but its first transaction was not yet acknowledged: what others hold may still be needed */
	RECORD_MAJORITY, /* k other voters hold everything that the primary held then; what was acknowledged is on k + 1 voters */
	RECORD_ALONE,	 /* what was acknowledged may be on the primary only: nobody else may be promoted */
};

struct record {
	uint64_t epoch; /* 0: no record */
	uint64_t version;
	enum record_mode mode;
	uint64_t voters; /* N: whose acknowledgements count */
	char primary[256];
};

/* "5.2:alone:3:node1": epoch.version:mode:voters:primary. False, and ret untouched, for anything else. */
bool record_parse(const char *text, struct record *ret);
/* The caller frees; NULL when there is no record. */
char *record_format(const struct record *record);
bool record_newer(const struct record *a, const struct record *b);

#endif
