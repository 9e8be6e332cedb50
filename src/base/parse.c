#include "base/parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* The locale has no say in what a digit is. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool parse_digits(const char **text, uint64_t *ret_value)
{
	const char *c = *text;
	uint64_t value = 0;

	if (!is_digit(*c))
		return false;
	for (; is_digit(*c); c++) {
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return false;
	}
	*text = c;
	*ret_value = value;
	return true;
}

bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;

	if (!text || !parse_digits(&text, &value) || *text || value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

bool parse_bool(const char *text, bool *ret_value)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
	    {"true", true},   {"yes", true}, {"on", true},   {"y", true},  {"1", true},
	    {"false", false}, {"no", false}, {"off", false}, {"n", false}, {"0", false},
	};

	if (!text)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*ret_value = words[i].value;
			return true;
		}
	}
	return false;
}

bool parse_duration_ms(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
	    {"", 1000},	  {"s", 1000},	  {"sec", 1000},  {"ms", 1},	   {"msec", 1},
	    {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"hr", 3600000}, {"d", 86400000},
	};
	uint64_t value;

	if (!text || !parse_digits(&text, &value))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
		if (strcasecmp(text, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].ms, &value))
			return false;
		*ret_ms = value;
		return true;
	}
	return false;
}

bool parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	uint64_t value;

	if (!text || !parse_digits(&text, &value))
		return false;
	const char *unit = *text ? strchr(units, toupper((unsigned char)*text)) : NULL;
	if (*text && (!unit || text[1] || __builtin_mul_overflow(value, UINT64_C(1) << (10 * (unit - units + 1)), &value)))
		return false;
	*ret_bytes = value;
	return true;
}

static bool fields_add(struct fields *fields, const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length);
	struct field field;

	if (!equals || equals == text || fields->count == FIELDS_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	}
	field.key = str_ndup(text, (size_t)(equals - text));
	field.value = str_ndup(equals + 1, length - (size_t)(equals - text) - 1);
	if (fields_get(fields, field.key)) {
		free(field.key);
		free(field.value);
		return false;
	}
	fields->items[fields->count++] = field;
	return true;
}

bool fields_parse(const char *line, struct fields *ret_fields)
{
	struct fields fields = {0};
	bool good = true;

	if (!line || strnlen(line, FIELDS_LINE_MAX + 1) > FIELDS_LINE_MAX)
		return false;
	fields.items = mem_alloc(FIELDS_MAX * sizeof(*fields.items));
	while (good && *line) {
		size_t length = strcspn(line, " ");

		good = fields_add(&fields, line, length);
		line += length;
		if (good && *line)
			good = *++line != '\0'; /* a blank stands between two fields, not at the end */
	}
	if (good)
		*ret_fields = fields;
	else
		fields_clear(&fields);
	return good;
}

const char *fields_get(const struct fields *fields, const char *key)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (strcmp(fields->items[i].key, key) == 0)
			return fields->items[i].value;
	}
	return NULL;
}

void fields_clear(struct fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		free(fields->items[i].key);
		free(fields->items[i].value);
	}
	free(fields->items);
	*fields = (struct fields){0};
}
