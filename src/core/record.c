#include "core/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

static const char *const mode_names[] = {[RECORD_UNMARKED] = "unmarked", [RECORD_MAJORITY] = "majority", [RECORD_ALONE] = "alone"};

/* The part up to the separator, which is passed over; NULL when there is none. */
static char *part_take(const char **text, char separator)
{
	const char *end = strchr(*text, separator);
	char *part = end ? str_ndup(*text, (size_t)(end - *text)) : NULL;
	if (end)
		*text = end + 1;
	return part;
}

/* It goes into attributes, whose fields blanks separate, and before people's eyes. */
static bool name_is_clean(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f || strchr("=/", *name))
			return false;
	return true;
}

bool record_parse(const char *text, struct record *ret)
{
	struct record record = {0};
	if (!text)
		return false;
	_cleanup_free_ char *epoch = part_take(&text, '.'), *version = part_take(&text, ':'), *mode = part_take(&text, ':'),
			    *voters = part_take(&text, ':');
	for (size_t i = RECORD_UNMARKED; mode && i < ARRAY_LENGTH(mode_names); i++)
		if (strcmp(mode, mode_names[i]) == 0)
			record.mode = (enum record_mode)i;
	if (!epoch || !version || !voters || record.mode == RECORD_UNKNOWN || !parse_u64(epoch, 1, UINT64_MAX / 2, &record.epoch) ||
	    !parse_u64(version, 1, UINT64_MAX / 2, &record.version) || !parse_u64(voters, 1, 64, &record.voters))
		return false;
	if (str_empty(text) || strlen(text) >= sizeof(record.primary) || !name_is_clean(text))
		return false;
	snprintf(record.primary, sizeof(record.primary), "%s", text);
	*ret = record;
	return true;
}

char *record_format(const struct record *record)
{
	if (!record->epoch)
		return NULL;
	return str_printf("%llu.%llu:%s:%llu:%s", (unsigned long long)record->epoch, (unsigned long long)record->version,
			  mode_names[record->mode], (unsigned long long)record->voters, record->primary);
}

bool record_newer(const struct record *a, const struct record *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->version > b->version;
}
