/* gtid.h - positions as sets of global transaction identifiers, of both servers. Pure. Text that is not a set is refused, never read in part.
 *
 * MySQL: "uuid:1-5:7,uuid:tag:1-3" as @@gtid_executed has it (newlines after commas; tags since 8.3).
 *
 * MariaDB: a list of domain-server-sequence, any union of @@gtid_binlog_state, @@gtid_slave_pos and Gtid_IO_Pos. In gtid_strict_mode the
 * sequence numbers of a domain only grow, so a domain is a chain and a position in it is its last transaction: domain and server and
 * sequence together. A chain holds a transaction when its entry for that server reaches it. Comparing the numbers alone would call two
 * servers equal that diverged at the same number. What a position cannot show: server 1 wrote 0-1-11 and only a lost replica has it, the
 * others went on with 0-2-11, and later server 1 writes 0-1-13 there. The entry then reaches the lost replica's 0-1-11 although that
 * transaction is not in the chain; in strict mode the primary refuses to serve such a replica (1236), so it cannot go unnoticed. */
#ifndef SYSTOLE_CORE_GTID_H
#define SYSTOLE_CORE_GTID_H

#include <stdbool.h>
#include <stddef.h>

enum gtid_flavour {
	GTID_FLAVOUR_UNKNOWN = 0,
	GTID_FLAVOUR_MYSQL,
	GTID_FLAVOUR_MARIADB,
};

enum gtid_relation {
	GTID_RELATION_UNKNOWN = 0, /* one of the sets is unknown, or they are of different flavours */
	GTID_EQUAL,
	GTID_BEHIND, /* the first is a proper part of the second */
	GTID_AHEAD,
	GTID_DIVERGED, /* each has something that the other lacks */
};

struct gtid_set; /* immutable once parsed, but for gtid_set_add */

enum {
	GTID_TEXT_MAX = 1 << 20, /* bytes; a longer text is refused, so hostile text costs at most some 100 MiB for a moment */
};

/* The set in text, "" being the empty set; NULL when text is NULL, is not a set of that flavour, or is longer than GTID_TEXT_MAX. Blanks
 * and newlines may stand around commas only. Intervals may overlap and come in any order. The caller frees. */
struct gtid_set *gtid_set_parse(enum gtid_flavour flavour, const char *text);
void gtid_set_free(struct gtid_set *set);
void gtid_set_freep(struct gtid_set **set);
#define _cleanup_gtid_ _cleanup_(gtid_set_freep)

/* set becomes the union of both. False, and set is untouched, when a set is NULL or the flavours differ. */
bool gtid_set_add(struct gtid_set *set, const struct gtid_set *other);
struct gtid_set *gtid_set_copy(const struct gtid_set *set); /* NULL for NULL */

enum gtid_flavour gtid_set_flavour(const struct gtid_set *set);			   /* UNKNOWN for NULL */
bool gtid_set_empty(const struct gtid_set *set);				   /* false for NULL: unknown is not empty */
bool gtid_set_contains(const struct gtid_set *whole, const struct gtid_set *part); /* false when either is NULL */
enum gtid_relation gtid_set_compare(const struct gtid_set *a, const struct gtid_set *b);

/* What a holds and b lacks, as text for people and for GTID_SUBTRACT-like use; "" when nothing. The caller frees. NULL when unknown.
 * MariaDB: per domain the last transaction of a that b does not hold. */
char *gtid_set_missing(const struct gtid_set *a, const struct gtid_set *b);

/* The one canonical text, without blanks or newlines: equal sets have equal text, and it parses to an equal set (when not longer than
 * GTID_TEXT_MAX, which only a union can be). The caller frees. NULL for NULL. */
char *gtid_set_format(const struct gtid_set *set);

/* MariaDB: the position to replicate from, one GTID a domain ("0-2-16,1-1-4"), for gtid_slave_pos; NULL when a domain has two last
 * transactions with the same number: it is not a chain and has no position. MySQL: as gtid_set_format. */
char *gtid_set_position(const struct gtid_set *set);

#endif
