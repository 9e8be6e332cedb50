/* parse.h - text from outside (environment, server, attributes, files) becomes values, or is refused. Nothing here guesses. */
#ifndef SYSTOLE_BASE_PARSE_H
#define SYSTOLE_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole text must be a decimal number in [min, max]; no sign, no blanks, no overflow. */
bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* Pacemaker's booleans: true/false, yes/no, on/off, y/n, 1/0, any case. */
bool parse_bool(const char *text, bool *ret_value);

/* A time as Pacemaker writes it, in milliseconds: "30" and "30s" are seconds, "500ms", "2min" or "2m", "1h". */
bool parse_duration_ms(const char *text, uint64_t *ret_ms);

/* A list of "key=value" fields on one line, separated by single blanks; values have no blanks. Used for private node attributes and
 * for the local file, so it is hostile input: unknown keys are kept, a doubled key or a field without '=' makes the whole line invalid. */
struct fields {
	struct field {
		char *key;
		char *value;
	} *items;
	size_t count;
};
bool fields_parse(const char *line, struct fields *ret_fields);
const char *fields_get(const struct fields *fields, const char *key); /* NULL: not there */
void fields_clear(struct fields *fields);

#endif
