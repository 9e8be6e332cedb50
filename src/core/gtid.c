#include "core/gtid.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "gtid_private.h"

static const struct gtid_algebra *algebra_of(enum gtid_flavour flavour)
{
	switch (flavour) {
	case GTID_FLAVOUR_MYSQL:
		return &gtid_mysql_algebra;
	case GTID_FLAVOUR_MARIADB:
		return &gtid_mariadb_algebra;
	case GTID_FLAVOUR_UNKNOWN:
		break;
	}
	return NULL;
}

static bool comparable(const struct gtid_set *a, const struct gtid_set *b)
{
	return a && b && a->algebra == b->algebra;
}

static struct gtid_set *set_new(const struct gtid_algebra *algebra)
{
	struct gtid_set *set = mem_alloc(sizeof(*set));

	set->algebra = algebra;
	return set;
}

struct gtid_set *gtid_set_parse(enum gtid_flavour flavour, const char *text)
{
	const struct gtid_algebra *algebra = algebra_of(flavour);
	struct gtid_set *set;

	if (!algebra || !text || strnlen(text, GTID_TEXT_MAX + 1) > GTID_TEXT_MAX)
		return NULL;
	set = set_new(algebra);
	if (!algebra->parse(set, text)) {
		gtid_set_free(set);
		return NULL;
	}
	return set;
}

void gtid_set_free(struct gtid_set *set)
{
	if (set)
		free(set->items);
	free(set);
}

void gtid_set_freep(struct gtid_set **set)
{
	gtid_set_free(*set);
	*set = NULL;
}

bool gtid_set_add(struct gtid_set *set, const struct gtid_set *other)
{
	if (!comparable(set, other))
		return false;
	if (set != other && other->count > 0)
		set->algebra->add(set, other);
	return true;
}

struct gtid_set *gtid_set_copy(const struct gtid_set *set)
{
	struct gtid_set *copy;

	if (!set)
		return NULL;
	copy = set_new(set->algebra);
	gtid_set_add(copy, set);
	return copy;
}

enum gtid_flavour gtid_set_flavour(const struct gtid_set *set)
{
	return set ? set->algebra->flavour : GTID_FLAVOUR_UNKNOWN;
}

bool gtid_set_empty(const struct gtid_set *set)
{
	return set && set->count == 0;
}

bool gtid_set_contains(const struct gtid_set *whole, const struct gtid_set *part)
{
	return comparable(whole, part) && whole->algebra->contains(whole, part);
}

enum gtid_relation gtid_set_compare(const struct gtid_set *a, const struct gtid_set *b)
{
	bool a_has_b, b_has_a;

	if (!comparable(a, b))
		return GTID_RELATION_UNKNOWN;
	a_has_b = gtid_set_contains(a, b);
	b_has_a = gtid_set_contains(b, a);
	if (a_has_b && b_has_a)
		return GTID_EQUAL;
	if (b_has_a)
		return GTID_BEHIND;
	if (a_has_b)
		return GTID_AHEAD;
	return GTID_DIVERGED;
}

char *gtid_set_missing(const struct gtid_set *a, const struct gtid_set *b)
{
	struct strbuf text = {0};

	if (!comparable(a, b))
		return NULL;
	a->algebra->missing(a, b, &text);
	return strbuf_take(&text);
}

char *gtid_set_format(const struct gtid_set *set)
{
	struct strbuf text = {0};

	if (!set)
		return NULL;
	set->algebra->format(set, &text);
	return strbuf_take(&text);
}

char *gtid_set_position(const struct gtid_set *set)
{
	_cleanup_strbuf_ struct strbuf text = {0};

	if (!set || !set->algebra->position(set, &text))
		return NULL;
	return strbuf_take(&text);
}

bool gtid_number_read(const char **text, uint64_t max, uint64_t *ret_number)
{
	const char *c = *text;
	uint64_t number;

	if (!parse_digits(&c, &number) || number > max)
		return false;
	if (**text == '0' && c - *text > 1)
		return false;
	*text = c;
	*ret_number = number;
	return true;
}

void gtid_blanks_skip(const char **text)
{
	*text += strspn(*text, " \t\r\n");
}

bool gtid_separator_read(const char **text, bool *ret_more)
{
	gtid_blanks_skip(text);
	*ret_more = **text == ',';
	if (!*ret_more)
		return **text == '\0';
	++*text;
	gtid_blanks_skip(text);
	return true;
}
