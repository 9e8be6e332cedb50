/* binlog.h - which transactions a relay log of MariaDB holds as a whole, read from its bytes: after a restart the server itself does not
 * know. Pure; hostile input; nothing behind what is damaged is believed, for the applier cannot get past it either. */
#ifndef SYSTOLE_CORE_BINLOG_H
#define SYSTOLE_CORE_BINLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum binlog_end {
	BINLOG_FOREIGN = 0, /* no such file, or of a version that is not known */
	BINLOG_WHOLE,	    /* read to its end */
	BINLOG_TORN,	    /* the last event is not all there, or is damaged */
	BINLOG_ENCRYPTED,
};

struct binlog_gtid {
	uint32_t domain, server;
	uint64_t sequence;
};

/* What is carried from one file of a relay log to the next: the server rotates in the middle of transactions, too. Zeroed at first. */
struct binlog {
	bool checksums; /* of the events, as the last format description says */
	size_t file;	/* which file is read: counted from 0 by binlog_read() */
	/* the transaction under way */
	bool open, standalone; /* standalone: one statement that commits by itself */
	struct binlog_gtid gtid;
	size_t begins_in;   /* the file */
	uint64_t begins_at; /* the offset of its first event there, in bytes */
};

/* Called for every transaction of which the last event is there; binlog holds where it begins. */
typedef void binlog_found(const struct binlog *binlog, void *data);

/* Reads one file, all of it. The caller goes on with the next only after BINLOG_WHOLE. */
enum binlog_end binlog_read(struct binlog *binlog, const uint8_t *bytes, size_t size, binlog_found *found, void *data);

#endif
