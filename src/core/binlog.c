#include "core/binlog.h"

#include <string.h>
#include <zlib.h>

/* MariaDB, sql/log_event.h. All numbers are little-endian. */
enum {
	MAGIC_BYTES = 4,
	HEADER_BYTES = 19, /* timestamp 4, type 1, server 4, length 4, position 4, flags 2 */
	CHECKSUM_BYTES = 4,
	DESCRIPTION_BYTES = 2 + 50 + 4 + 1, /* version, server, created, header length; then a length for each type */
	QUERY_BYTES = 4 + 4 + 1 + 2 + 2,    /* session, duration, length of the schema's name, error, length of the variables */
	GTID_BYTES = 8 + 4 + 1,		    /* sequence, domain, flags */
	IN_USE = 0x1,			    /* of a description: set in place, without a new checksum */
	GTID_STANDALONE = 0x1,
};

enum event_type {
	EVENT_QUERY = 2,
	EVENT_DESCRIPTION = 15,
	EVENT_XID = 16,
	EVENT_XA_PREPARE = 38,
	EVENT_GTID = 162,
	EVENT_ENCRYPTION = 164,
	EVENT_QUERY_COMPRESSED = 165,
};

struct event {
	unsigned int type, flags;
	uint32_t server;
	const uint8_t *bytes; /* with its header */
	size_t length;	      /* of all of it */
	const uint8_t *body;
	size_t body_length; /* without the checksum */
};

static uint64_t number(const uint8_t *bytes, size_t count)
{
	uint64_t value = 0;
	while (count-- > 0)
		value = value << 8 | bytes[count];
	return value;
}

static bool checksum_holds(const struct event *event)
{
	uint8_t header[HEADER_BYTES];
	memcpy(header, event->bytes, sizeof(header));
	if (event->type == EVENT_DESCRIPTION)
		header[17] &= (uint8_t)~IN_USE;
	uLong sum = crc32(crc32(0, NULL, 0), header, HEADER_BYTES);
	sum = crc32(sum, event->bytes + HEADER_BYTES, (uInt)(event->length - HEADER_BYTES - CHECKSUM_BYTES));
	return sum == number(event->bytes + event->length - CHECKSUM_BYTES, CHECKSUM_BYTES);
}

/* False: not all of it is there, or it is damaged. */
static bool event_read(const struct binlog *binlog, const uint8_t *bytes, size_t size, struct event *event)
{
	if (size < HEADER_BYTES)
		return false;
	*event = (struct event){.type = bytes[4],
				.server = (uint32_t)number(bytes + 5, 4),
				.length = (size_t)number(bytes + 9, 4),
				.flags = (unsigned int)number(bytes + 17, 2),
				.bytes = bytes,
				.body = bytes + HEADER_BYTES};
	/* A description always has a checksum; its last byte before that says whether the others do. */
	bool summed = binlog->checksums || event->type == EVENT_DESCRIPTION;
	if (event->length < HEADER_BYTES + (summed ? CHECKSUM_BYTES : 0) || event->length > size)
		return false;
	event->body_length = event->length - HEADER_BYTES - (summed ? CHECKSUM_BYTES : 0);
	return !summed || checksum_holds(event);
}

static bool description_read(struct binlog *binlog, const struct event *event)
{
	if (event->body_length < DESCRIPTION_BYTES + 1 || number(event->body, 2) != 4 || event->body[DESCRIPTION_BYTES - 1] != HEADER_BYTES)
		return false;
	unsigned int algorithm = event->body[event->body_length - 1]; /* 0: none, 1: CRC32 */
	binlog->checksums = algorithm == 1;
	return algorithm <= 1;
}

static bool query_ends(const struct event *event)
{
	if (event->body_length < QUERY_BYTES)
		return false;
	size_t before = QUERY_BYTES + (size_t)number(event->body + 11, 2) + event->body[8] + 1;
	if (before > event->body_length)
		return false;
	const char *text = (const char *)event->body + before;
	size_t length = event->body_length - before;
	return (length == strlen("COMMIT") && memcmp(text, "COMMIT", length) == 0) ||
	       (length == strlen("ROLLBACK") && memcmp(text, "ROLLBACK", length) == 0);
}

static bool ends(const struct binlog *binlog, const struct event *event)
{
	switch (event->type) {
	case EVENT_XID:
	case EVENT_XA_PREPARE:
		return true;
	case EVENT_QUERY:
		return binlog->standalone || query_ends(event);
	case EVENT_QUERY_COMPRESSED: /* COMMIT is too short for it */
		return binlog->standalone;
	}
	return false;
}

static bool gtid_read(struct binlog *binlog, const struct event *event, uint64_t offset)
{
	if (event->body_length < GTID_BYTES)
		return false;
	binlog->gtid = (struct binlog_gtid){
	    .sequence = number(event->body, 8), .domain = (uint32_t)number(event->body + 8, 4), .server = event->server};
	binlog->standalone = event->body[12] & GTID_STANDALONE;
	binlog->begins_in = binlog->file;
	binlog->begins_at = offset;
	binlog->open = true;
	return true;
}

static enum binlog_end events_read(struct binlog *binlog, const uint8_t *bytes, size_t size, binlog_found *found, void *data)
{
	struct event event;
	for (size_t at = MAGIC_BYTES; at < size; at += event.length) {
		if (!event_read(binlog, bytes + at, size - at, &event))
			return BINLOG_TORN;
		if (event.type == EVENT_ENCRYPTION)
			return BINLOG_ENCRYPTED;
		if (event.type == EVENT_DESCRIPTION && !description_read(binlog, &event))
			return at == MAGIC_BYTES ? BINLOG_FOREIGN : BINLOG_TORN;
		if (event.type == EVENT_GTID && !gtid_read(binlog, &event, at))
			return BINLOG_TORN;
		if (binlog->open && ends(binlog, &event)) {
			found(binlog, data);
			binlog->open = false;
		}
	}
	return BINLOG_WHOLE;
}

enum binlog_end binlog_read(struct binlog *binlog, const uint8_t *bytes, size_t size, binlog_found *found, void *data)
{
	static const uint8_t magic[MAGIC_BYTES] = {0xfe, 'b', 'i', 'n'};
	/* Made, and not yet written to. */
	if (size == 0 || (size < MAGIC_BYTES && memcmp(bytes, magic, size) == 0))
		return BINLOG_TORN;
	if (size < MAGIC_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0)
		return BINLOG_FOREIGN;
	binlog->checksums = false;
	enum binlog_end end = events_read(binlog, bytes, size, found, data);
	binlog->file++;
	return end;
}
