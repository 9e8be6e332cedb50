/* binlog.h - which transactions a binary or relay log holds as a whole, read from its bytes. Of MariaDB, and of MySQL without tags, encryption
 * and anonymous transactions, which are recognised. Pure; hostile input; nothing behind what is damaged is believed, for no server gets past
 * it either. */
#ifndef SYSTOLE_CORE_BINLOG_H
#define SYSTOLE_CORE_BINLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/gtid.h"

enum binlog_end {
	BINLOG_FOREIGN = 0, /* no such file, or of a version that is not known */
	BINLOG_WHOLE,	    /* read to its end */
	BINLOG_TORN,	    /* the last event is not all there, or is damaged */
	BINLOG_ENCRYPTED,
};

struct binlog_gtid {
	enum gtid_flavour flavour; /* UNKNOWN: a transaction without a number that can be read */
	uint32_t domain, server;   /* MariaDB */
	uint8_t uuid[16];	   /* MySQL */
	uint64_t sequence;
};
#define BINLOG_GTID_TEXT 64
void binlog_gtid_format(const struct binlog_gtid *gtid, char ret[static BINLOG_GTID_TEXT]); /* "" when it is UNKNOWN */

/* What is carried from one file of a relay log to the next: the server rotates in the middle of transactions, too. Zeroed at first. */
struct binlog {
	bool checksums;		 /* of the events, as the last format description says */
	size_t file;		 /* which file is read: counted from 0 by binlog_read() */
	const uint8_t *previous; /* MySQL: of this file, what all before it hold; NULL: not seen. In the bytes that were given */
	size_t previous_length;
	/* the transaction under way */
	bool open, begun, standalone; /* standalone: one statement that commits by itself; begun: MySQL's does not */
	bool undone; /* ended with the number of a transactional engine: its recovery undoes what the binary log does not have */
	struct binlog_gtid gtid;
	size_t begins_in;   /* the file */
	uint64_t begins_at; /* the offset of its first event there, in bytes */
};

/* Called for every transaction of which the last event is there; binlog holds where it begins. */
typedef void binlog_found(const struct binlog *binlog, void *data);

/* Reads one file, all of it. The caller goes on with the next only after BINLOG_WHOLE. */
enum binlog_end binlog_read(struct binlog *binlog, const uint8_t *bytes, size_t size, binlog_found *found, void *data);

/* The length of what every binary log begins with, in bytes: its magic and its first event, the description; 0: neither is there. */
size_t binlog_head(const uint8_t *bytes, size_t size);
/* What all files before this one hold; NULL: not seen, or with tags. The caller frees. */
struct gtid_set *binlog_previous(const struct binlog *binlog);

#endif
