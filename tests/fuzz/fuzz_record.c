#include <string.h>

#include "core/record.h"
#include "fuzz.h"

const char fuzz_name[] = "record";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size), *printed = NULL;
	struct record record = {.epoch = 42}, again;

	if (!record_parse(text, &record)) {
		MUST(record.epoch == 42 && record.mode == RECORD_UNKNOWN);
		return 0;
	}
	MUST(record.epoch > 0 && record.version > 0 && record.voters > 0 && record.mode != RECORD_UNKNOWN && *record.primary);
	printed = record_format(&record);
	MUST(record_parse(printed, &again) && !record_newer(&again, &record) && !record_newer(&record, &again));
	MUST(again.mode == record.mode && again.voters == record.voters && strcmp(again.primary, record.primary) == 0);
	return 0;
}
