#include "core/tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/binlog.h"

/* More were never waiting at once: each has a client. */
#define TAIL_MAX 10000

struct search {
	const struct gtid_set *held;
	struct strbuf gtids;
	uint64_t at, count;
	const char *reason; /* NULL: none yet */
};

static void transaction_found(const struct binlog *binlog, void *data)
{
	struct search *search = data;
	char text[BINLOG_GTID_TEXT];
	binlog_gtid_format(&binlog->gtid, text);
	_cleanup_gtid_ struct gtid_set *one = gtid_set_parse(GTID_FLAVOUR_MYSQL, text);
	if (!one || gtid_set_empty(one)) {
		search->reason = "a transaction in it has no number that can be read";
	} else if (gtid_set_contains(search->held, one)) {
		if (search->count > 0)
			search->reason = "behind what the primary lacks stands what it has";
	} else if (!binlog->undone) {
		search->reason = "it ends with more than changes of rows: a definition, a distributed or compressed transaction";
	} else if (search->count == TAIL_MAX) {
		search->reason = "it is longer than what clients can have waited for";
	} else {
		if (search->count++ == 0)
			search->at = binlog->begins_at;
		strbuf_addf(&search->gtids, "%s%s", search->gtids.length ? "," : "", text);
	}
}

static enum tail_state judge(enum binlog_end end, const struct gtid_set *previous, struct search *search)
{
	if (end == BINLOG_ENCRYPTED || end == BINLOG_FOREIGN)
		search->reason = "the binary log is encrypted, or of an unknown kind";
	else if (!previous)
		search->reason = "what stands before the last binary log is not known";
	else if (!gtid_set_contains(search->held, previous))
		search->reason = "the primary lacks what stands in older binary logs";
	if (search->reason)
		return TAIL_OTHER;
	return search->count ? TAIL_CUT : TAIL_NONE;
}

void tail_find(const uint8_t *bytes, size_t size, const struct gtid_set *held, struct tail *ret)
{
	struct search search = {.held = held};
	struct binlog binlog = {0};
	enum binlog_end end = binlog_read(&binlog, bytes, size, transaction_found, &search);
	_cleanup_gtid_ struct gtid_set *previous = binlog_previous(&binlog);
	*ret = (struct tail){.state = judge(end, previous, &search), .at = search.at, .count = search.count, .reason = search.reason};
	ret->gtids = strbuf_take(&search.gtids);
	if (ret->state != TAIL_CUT) {
		free(ret->gtids);
		*ret = (struct tail){.state = ret->state, .reason = ret->reason};
	}
}
