#include <string.h>

#include "core/binlog.h"
#include "core/tail.h"
#include "fuzz.h"

const char fuzz_name[] = "binlog";

struct seen {
	size_t size, count;
	uint64_t last;
};

static void found(const struct binlog *binlog, void *data)
{
	struct seen *seen = data;
	char text[BINLOG_GTID_TEXT];
	binlog_gtid_format(&binlog->gtid, text);
	_cleanup_gtid_ struct gtid_set *one = gtid_set_parse(binlog->gtid.flavour, text);
	MUST(binlog->open && binlog->begins_in <= binlog->file);
	MUST(one || binlog->gtid.flavour == GTID_FLAVOUR_UNKNOWN || binlog->gtid.sequence == 0 || binlog->gtid.sequence > INT64_MAX - 1);
	if (binlog->begins_in == binlog->file) {
		MUST(binlog->begins_at >= 4 && binlog->begins_at < seen->size && (seen->count == 0 || binlog->begins_at > seen->last));
		seen->last = binlog->begins_at;
		seen->count++;
	}
}

/* What is cut off begins behind the description and is everything that follows. */
static void cut(const uint8_t *data, size_t size)
{
	_cleanup_gtid_ struct gtid_set *held =
	    gtid_set_parse(GTID_FLAVOUR_MYSQL, "73491eea-e995-11f1-bf0e-0a04b05c9187:1-3890,734ed2b2-e995-11f1-96bd-6e8429ef7c1e:1-3066,"
					       "7354e13d-e995-11f1-a505-0281d088c9b4:1-563");
	struct tail tail;
	tail_find(data, size, held, &tail);
	MUST((tail.state == TAIL_CUT) == (tail.gtids != NULL) && (tail.state == TAIL_OTHER) == (tail.reason != NULL));
	if (tail.state == TAIL_CUT)
		MUST(tail.count > 0 && tail.at >= binlog_head(data, size) && binlog_head(data, size) > 0 && tail.at < size);
	free(tail.gtids);
}

/* The same bytes twice: what the first file leaves open may end in the second. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct binlog binlog = {0};
	struct seen seen = {.size = size};
	cut(data, size);
	if (binlog_read(&binlog, data, size, found, &seen) != BINLOG_WHOLE)
		return 0;
	gtid_set_free(binlog_previous(&binlog));
	MUST(binlog.file == 1);
	seen = (struct seen){.size = size};
	MUST(binlog_read(&binlog, data, size, found, &seen) == BINLOG_WHOLE);
	return 0;
}
