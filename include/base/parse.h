/* parse.h - text from outside (environment, server, attributes, files) becomes values, or is refused. Nothing here guesses. */
#ifndef SYSTOLE_BASE_PARSE_H
#define SYSTOLE_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole text must be a decimal number in [min, max]; no sign, no blanks, no overflow. */
bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* Reads the decimal digits at *text and moves *text past them. False, and nothing moved, when there is none or they overflow. */
bool parse_digits(const char **text, uint64_t *ret_value);

/* Pacemaker's booleans: true/false, yes/no, on/off, y/n, 1/0, any case. */
bool parse_bool(const char *text, bool *ret_value);

/* A time as Pacemaker writes it, in milliseconds: "30", "30s" and "30sec" are seconds, "500ms", "2min" or "2m", "1h" or "1hr", and "7d"; any case. */
bool parse_duration_ms(const char *text, uint64_t *ret_ms);

/* Bytes: "1048576", "1024K", "1M"; K, M, G and T are powers of 1024, any case. */
bool parse_size(const char *text, uint64_t *ret_bytes);

/* A list of "key=value" fields on one line, separated by single blanks; values have no blanks. Used for private node attributes and
 * for the local file, so it is hostile input: unknown keys are kept; a doubled key, a field without '=', a control character or a second
 * blank makes the whole line invalid. A value may be empty and may hold '='; the empty line is a list of no fields. */
enum {
	FIELDS_MAX = 256,	   /* more fields are invalid: finding a doubled key costs their square */
	FIELDS_LINE_MAX = 4 << 20, /* bytes; a longer line is invalid. Room for several sets of GTIDs (GTID_TEXT_MAX) */
};
struct field {
	char *key;
	char *value;
};
struct fields {
	struct field *items;
	size_t count;
};
bool fields_parse(const char *line, struct fields *ret_fields);	      /* ret_fields: overwritten, to be cleared by the caller */
const char *fields_get(const struct fields *fields, const char *key); /* NULL: not there */
void fields_clear(struct fields *fields);

#endif
