#include <stdlib.h>
#include <string.h>

#include "gtid_private.h"

/* The greatest number that a MySQL server gives or takes is one below the greatest signed 64-bit number (sql/rpl_gtid.h, GNO_END). */
#define NUMBER_MAX ((UINT64_C(1) << 63) - 2)

static int origin_order(const struct gtid_origin *a, const struct gtid_origin *b)
{
	int order = memcmp(a->uuid, b->uuid, sizeof(a->uuid));

	return order ? order : strcmp(a->tag, b->tag);
}

static int run_order(const void *a, const void *b)
{
	const struct gtid_run *x = a, *y = b;
	int order = origin_order(&x->origin, &y->origin);

	if (order)
		return order;
	return (x->first > y->first) - (x->first < y->first);
}

/* Makes room for more runs behind those that are there. */
static void runs_reserve(struct gtid_set *set, size_t more, size_t *room)
{
	if (*room - set->count >= more)
		return;
	*room = set->count + more + *room;
	set->runs = mem_grow(set->runs, *room, sizeof(*set->runs));
}

static bool runs_sorted(const struct gtid_set *set)
{
	for (size_t i = 1; i < set->count; i++) {
		if (run_order(&set->runs[i - 1], &set->runs[i]) > 0)
			return false;
	}
	return true;
}

/* Sorts the runs and joins those that overlap or touch, so that equal sets have equal runs. */
static void runs_normalise(struct gtid_set *set)
{
	size_t kept = 0;

	if (!runs_sorted(set)) /* what a server prints nearly always is */
		qsort(set->runs, set->count, sizeof(*set->runs), run_order);
	for (size_t i = 0; i < set->count; i++) {
		const struct gtid_run *run = &set->runs[i];
		struct gtid_run *last = kept ? &set->runs[kept - 1] : NULL;

		if (!last || origin_order(&last->origin, &run->origin) != 0 || run->first > last->last + 1)
			set->runs[kept++] = *run;
		else if (run->last > last->last)
			last->last = run->last;
	}
	set->count = kept;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool uuid_read(const char **text, unsigned char uuid[static GTID_UUID_BYTES])
{
	const char *c = *text;

	for (size_t i = 0; i < GTID_UUID_BYTES; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *c++ != '-')
			return false;
		high = hex_value(*c);
		low = high < 0 ? -1 : hex_value(c[1]);
		if (low < 0)
			return false;
		uuid[i] = (unsigned char)(high << 4 | low);
		c += 2;
	}
	*text = c;
	return true;
}

static bool is_tag_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Tags are [a-z_][a-z0-9_]{0,31}; the server takes capitals and stores small letters. */
static bool tag_read(const char **text, char tag[static GTID_TAG_MAX + 1])
{
	const char *c = *text;
	size_t length = 0;

	memset(tag, 0, GTID_TAG_MAX + 1);
	for (; is_tag_start(*c) || (*c >= '0' && *c <= '9'); c++) {
		if (length == GTID_TAG_MAX)
			return false;
		tag[length++] = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	}
	*text = c;
	return true;
}

static bool run_read(const char **text, struct gtid_run *run)
{
	if (!gtid_number_read(text, NUMBER_MAX, &run->first) || run->first == 0)
		return false;
	run->last = run->first;
	if (**text != '-')
		return true;
	++*text;
	return gtid_number_read(text, NUMBER_MAX, &run->last) && run->last >= run->first;
}

/* One "uuid:1-5:7:tag:1-3": a tag holds for the intervals that follow it. */
static bool group_read(struct gtid_set *set, size_t *room, const char **text)
{
	struct gtid_run run = {0};
	bool complete = false; /* an interval was the last thing read */

	if (!uuid_read(text, run.origin.uuid))
		return false;
	while (**text == ':') {
		++*text;
		if (is_tag_start(**text)) {
			if ((*run.origin.tag && !complete) || !tag_read(text, run.origin.tag))
				return false;
			complete = false;
			continue;
		}
		if (!run_read(text, &run))
			return false;
		runs_reserve(set, 1, room);
		set->runs[set->count++] = run;
		complete = true;
	}
	return complete;
}

static bool mysql_parse(struct gtid_set *set, const char *text)
{
	size_t room = 0;
	bool more = true;

	gtid_blanks_skip(&text);
	if (!*text)
		return true;
	while (more) {
		if (!group_read(set, &room, &text) || !gtid_separator_read(&text, &more))
			return false;
	}
	runs_normalise(set);
	return true;
}

static void mysql_add(struct gtid_set *set, const struct gtid_set *other)
{
	size_t room = set->count;

	runs_reserve(set, other->count, &room);
	memcpy(set->runs + set->count, other->runs, other->count * sizeof(*other->runs));
	set->count += other->count;
	runs_normalise(set);
}

/* Where run stands in the order of origins and numbers relative to other: -1 wholly before, 1 wholly behind, 0 they overlap. */
static int run_side(const struct gtid_run *run, const struct gtid_run *other)
{
	int order = origin_order(&run->origin, &other->origin);

	if (order)
		return order < 0 ? -1 : 1;
	if (run->last < other->first)
		return -1;
	return run->first > other->last;
}

/* The first piece of *rest that b lacks, cut off from the front of *rest. *next is where in b to look. False when b has all of *rest. */
static bool piece_missing(struct gtid_run *rest, const struct gtid_set *b, size_t *next, struct gtid_run *ret_piece)
{
	while (rest->first <= rest->last) {
		const struct gtid_run *held;

		while (*next < b->count && run_side(&b->runs[*next], rest) < 0)
			++*next;
		held = *next < b->count && run_side(&b->runs[*next], rest) == 0 ? &b->runs[*next] : NULL;
		if (held && held->first <= rest->first) {
			rest->first = held->last + 1;
			continue;
		}
		*ret_piece = *rest;
		if (held)
			ret_piece->last = held->first - 1;
		rest->first = ret_piece->last + 1;
		return true;
	}
	return false;
}

static bool mysql_contains(const struct gtid_set *whole, const struct gtid_set *part)
{
	size_t next = 0;

	for (size_t i = 0; i < part->count; i++) {
		struct gtid_run rest = part->runs[i], piece;

		if (piece_missing(&rest, whole, &next, &piece))
			return false;
	}
	return true;
}

/* Appends a run to text that ends with the run before it (NULL: none). */
static void run_format(const struct gtid_run *run, const struct gtid_run *before, struct strbuf *text)
{
	const unsigned char *u = run->origin.uuid;

	if (!before || origin_order(&before->origin, &run->origin) != 0) {
		strbuf_addf(text, "%s%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", before ? "," : "", u[0], u[1],
			    u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
		if (*run->origin.tag)
			strbuf_addf(text, ":%s", run->origin.tag);
	}
	strbuf_addf(text, ":%llu", (unsigned long long)run->first);
	if (run->last > run->first)
		strbuf_addf(text, "-%llu", (unsigned long long)run->last);
}

static void mysql_missing(const struct gtid_set *a, const struct gtid_set *b, struct strbuf *text)
{
	struct gtid_run before, piece;
	bool any = false;
	size_t next = 0;

	for (size_t i = 0; i < a->count; i++) {
		struct gtid_run rest = a->runs[i];

		while (piece_missing(&rest, b, &next, &piece)) {
			run_format(&piece, any ? &before : NULL, text);
			before = piece;
			any = true;
		}
	}
}

static void mysql_format(const struct gtid_set *set, struct strbuf *text)
{
	for (size_t i = 0; i < set->count; i++)
		run_format(&set->runs[i], i ? &set->runs[i - 1] : NULL, text);
}

static bool mysql_position(const struct gtid_set *set, struct strbuf *text)
{
	mysql_format(set, text);
	return true;
}

const struct gtid_algebra gtid_mysql_algebra = {
    .flavour = GTID_FLAVOUR_MYSQL,
    .parse = mysql_parse,
    .add = mysql_add,
    .contains = mysql_contains,
    .missing = mysql_missing,
    .format = mysql_format,
    .position = mysql_position,
};
