/* gtid_private.h - what the two kinds of GTID sets must know how to do; gtid.c chooses between them. */
#ifndef SYSTOLE_CORE_GTID_PRIVATE_H
#define SYSTOLE_CORE_GTID_PRIVATE_H

#include <stdint.h>

#include "base/str.h"
#include "core/gtid.h"

enum {
	GTID_UUID_BYTES = 16,
	GTID_TAG_MAX = 32,
};

/* Who numbers transactions in MySQL: a server, and within it a tag ("" for the plain ones). Ordered by its bytes. */
struct gtid_origin {
	unsigned char uuid[GTID_UUID_BYTES];
	char tag[GTID_TAG_MAX + 1]; /* unused bytes are zero */
};

/* Transactions first to last, both included, of one origin. */
struct gtid_run {
	struct gtid_origin origin;
	uint64_t first;
	uint64_t last;
};

/* The last transaction that a chain has of one server in one domain of MariaDB. */
struct gtid_end {
	uint32_t domain;
	uint32_t server;
	uint64_t sequence; /* never 0 */
};

struct gtid_algebra;
struct gtid_set {
	const struct gtid_algebra *algebra; /* which kind of set it is */
	union {
		struct gtid_run *runs; /* MySQL: sorted, neither touching nor overlapping */
		struct gtid_end *ends; /* MariaDB: sorted by domain and server, each pair once */
		void *items;
	};
	size_t count;
};

struct gtid_algebra {
	enum gtid_flavour flavour;
	bool (*parse)(struct gtid_set *set, const char *text); /* on failure the set may be left half filled */
	void (*add)(struct gtid_set *set, const struct gtid_set *other);
	bool (*contains)(const struct gtid_set *whole, const struct gtid_set *part);
	void (*missing)(const struct gtid_set *a, const struct gtid_set *b, struct strbuf *text);
	void (*format)(const struct gtid_set *set, struct strbuf *text);
	bool (*position)(const struct gtid_set *set, struct strbuf *text);
};
extern const struct gtid_algebra gtid_mysql_algebra;
extern const struct gtid_algebra gtid_mariadb_algebra;

/* A number up to max without leading zeros, as the servers write it; *text is moved past it. */
bool gtid_number_read(const char **text, uint64_t max, uint64_t *ret_number);

/* Moves past blanks and, when there is one, a comma. *ret_more: something must follow. False when neither a comma nor the end was there. */
bool gtid_separator_read(const char **text, bool *ret_more);

void gtid_blanks_skip(const char **text);

#endif
