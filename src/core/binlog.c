#include "core/binlog.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/str.h"

/* MariaDB, sql/log_event.h; MySQL, libbinlogevents. All numbers are little-endian. */
enum {
	MAGIC_BYTES = 4,
	HEADER_BYTES = 19, /* timestamp 4, type 1, server 4, length 4, position 4, flags 2 */
	CHECKSUM_BYTES = 4,
	DESCRIPTION_BYTES = 2 + 50 + 4 + 1, /* version, server, created, header length; then a length for each type */
	QUERY_BYTES = 4 + 4 + 1 + 2 + 2,    /* session, duration, length of the schema's name, error, length of the variables */
	GTID_BYTES = 8 + 4 + 1,		    /* MariaDB: sequence, domain, flags */
	MYSQL_GTID_BYTES = 1 + 16 + 8,	    /* flags, uuid, sequence */
	IN_USE = 0x1,			    /* of a description: set in place, without a new checksum */
	GTID_STANDALONE = 0x1,
};

enum event_type {
	EVENT_QUERY = 2,
	EVENT_DESCRIPTION = 15,
	EVENT_XID = 16,
	EVENT_MYSQL_GTID = 33,
	EVENT_MYSQL_ANONYMOUS = 34,
	EVENT_MYSQL_PREVIOUS = 35,
	EVENT_XA_PREPARE = 38,
	EVENT_MYSQL_PAYLOAD = 40, /* a whole transaction, compressed */
	EVENT_MYSQL_TAGGED = 42,
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

/* The statement's text; *ret_length 0 when the event is too short for one. */
static const char *query_text(const struct event *event, size_t *ret_length)
{
	*ret_length = 0;
	if (event->body_length < QUERY_BYTES)
		return "";
	size_t before = QUERY_BYTES + (size_t)number(event->body + 11, 2) + event->body[8] + 1;
	if (before > event->body_length)
		return "";
	*ret_length = event->body_length - before;
	return (const char *)event->body + before;
}

static bool text_is(const char *text, size_t length, const char *wanted)
{
	return length == strlen(wanted) && memcmp(text, wanted, length) == 0;
}

static bool query_ends(struct binlog *binlog, const struct event *event)
{
	size_t length;
	const char *text = query_text(event, &length);
	if (binlog->standalone || text_is(text, length, "COMMIT") || text_is(text, length, "ROLLBACK"))
		return true;
	/* MySQL does not say before whether a statement stands alone: the first one of a transaction is its beginning, or all of it. */
	if (binlog->gtid.flavour == GTID_FLAVOUR_MARIADB || binlog->begun)
		return false;
	binlog->begun = true;
	return !text_is(text, length, "BEGIN") && !(length > 8 && memcmp(text, "XA START", 8) == 0);
}

static bool ends(struct binlog *binlog, const struct event *event)
{
	switch (event->type) {
	case EVENT_XID:
	case EVENT_XA_PREPARE:
	case EVENT_MYSQL_PAYLOAD:
		return true;
	case EVENT_QUERY:
		return query_ends(binlog, event);
	case EVENT_QUERY_COMPRESSED: /* COMMIT is too short for it */
		return binlog->standalone;
	}
	return false;
}

static void transaction_open(struct binlog *binlog, const struct binlog_gtid *gtid, bool standalone, uint64_t offset)
{
	binlog->gtid = *gtid;
	binlog->standalone = standalone;
	binlog->begun = false;
	binlog->begins_in = binlog->file;
	binlog->begins_at = offset;
	binlog->open = true;
}

/* False: an event that numbers a transaction is too short. */
static bool gtid_read(struct binlog *binlog, const struct event *event, uint64_t offset)
{
	struct binlog_gtid gtid = {0};
	bool standalone = false;
	switch (event->type) {
	case EVENT_GTID:
		if (event->body_length < GTID_BYTES)
			return false;
		gtid = (struct binlog_gtid){.flavour = GTID_FLAVOUR_MARIADB,
					    .sequence = number(event->body, 8),
					    .domain = (uint32_t)number(event->body + 8, 4),
					    .server = event->server};
		standalone = event->body[12] & GTID_STANDALONE;
		break;
	case EVENT_MYSQL_GTID:
		if (event->body_length < MYSQL_GTID_BYTES)
			return false;
		gtid = (struct binlog_gtid){.flavour = GTID_FLAVOUR_MYSQL, .sequence = number(event->body + 17, 8)};
		memcpy(gtid.uuid, event->body + 1, sizeof(gtid.uuid));
		break;
	case EVENT_MYSQL_ANONYMOUS:
	case EVENT_MYSQL_TAGGED:
		break;
	default:
		return true;
	}
	transaction_open(binlog, &gtid, standalone, offset);
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
		if (event.type == EVENT_MYSQL_PREVIOUS) {
			binlog->previous = event.body;
			binlog->previous_length = event.body_length;
		}
		if (!gtid_read(binlog, &event, at))
			return BINLOG_TORN;
		if (binlog->open && ends(binlog, &event)) {
			binlog->undone = event.type == EVENT_XID;
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
	binlog->previous = NULL;
	enum binlog_end end = events_read(binlog, bytes, size, found, data);
	binlog->file++;
	return end;
}

static void uuid_format(const uint8_t *uuid, char ret[static 37])
{
	snprintf(ret, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", uuid[0], uuid[1], uuid[2], uuid[3],
		 uuid[4], uuid[5], uuid[6], uuid[7], uuid[8], uuid[9], uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
}

void binlog_gtid_format(const struct binlog_gtid *gtid, char ret[static BINLOG_GTID_TEXT])
{
	char uuid[37];
	*ret = '\0';
	switch (gtid->flavour) {
	case GTID_FLAVOUR_MARIADB:
		snprintf(ret, BINLOG_GTID_TEXT, "%u-%u-%llu", gtid->domain, gtid->server, (unsigned long long)gtid->sequence);
		break;
	case GTID_FLAVOUR_MYSQL:
		uuid_format(gtid->uuid, uuid);
		snprintf(ret, BINLOG_GTID_TEXT, "%s:%llu", uuid, (unsigned long long)gtid->sequence);
		break;
	case GTID_FLAVOUR_UNKNOWN:
		break;
	}
}

size_t binlog_head(const uint8_t *bytes, size_t size)
{
	if (size < MAGIC_BYTES + HEADER_BYTES)
		return 0;
	uint64_t length = number(bytes + MAGIC_BYTES + 9, 4);
	return length <= size - MAGIC_BYTES ? MAGIC_BYTES + (size_t)length : 0;
}

/* Number of servers 8; of each: uuid 16, number of intervals 8; of each: first 8, one behind the last 8. With tags the first number has its
 * highest byte set. */
struct gtid_set *binlog_previous(const struct binlog *binlog)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	if (!binlog->previous || binlog->previous_length < 8)
		return NULL;
	const uint8_t *at = binlog->previous, *end = at + binlog->previous_length;
	uint64_t servers = number(at, 8);
	for (at += 8; servers > 0; servers--) {
		char uuid[37];
		if (end - at < 24)
			return NULL;
		uuid_format(at, uuid);
		uint64_t intervals = number(at + 16, 8);
		at += 24;
		if (intervals > (uint64_t)(end - at) / 16)
			return NULL;
		strbuf_addf(&text, "%s%s", text.length ? "," : "", uuid);
		for (; intervals > 0; intervals--, at += 16)
			strbuf_addf(&text, ":%llu-%llu", (unsigned long long)number(at, 8), (unsigned long long)number(at + 8, 8) - 1);
	}
	return at == end ? gtid_set_parse(GTID_FLAVOUR_MYSQL, text.text ? text.text : "") : NULL;
}
