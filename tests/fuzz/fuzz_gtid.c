#include <string.h>

#include "core/gtid.h"
#include "fuzz.h"

const char fuzz_name[] = "gtid";

static void same(const struct gtid_set *a, const struct gtid_set *b)
{
	MUST(gtid_set_compare(a, b) == GTID_EQUAL);
	MUST(gtid_set_compare(b, a) == GTID_EQUAL);
}

/* What is taken has one canonical text, which means the same set. */
static struct gtid_set *parse(enum gtid_flavour flavour, const char *text)
{
	struct gtid_set *set = gtid_set_parse(flavour, text);
	_cleanup_gtid_ struct gtid_set *again = NULL;
	_cleanup_free_ char *canonical = NULL, *canonical_again = NULL;

	if (!set)
		return NULL;
	canonical = gtid_set_format(set);
	again = gtid_set_parse(flavour, canonical);
	if (!again) {
		MUST(strlen(canonical) > GTID_TEXT_MAX);
		return set;
	}
	same(set, again);
	canonical_again = gtid_set_format(again);
	MUST(str_equal(canonical, canonical_again));
	MUST(gtid_set_empty(set) == str_empty(canonical));
	return set;
}

static void pair(enum gtid_flavour flavour, const char *one, const char *other)
{
	_cleanup_gtid_ struct gtid_set *a = parse(flavour, one), *b = parse(flavour, other), *both = NULL, *reverse = NULL, *rest = NULL;
	_cleanup_free_ char *missing = NULL, *position = NULL;

	MUST(gtid_set_contains(a, a) == (a != NULL));
	position = gtid_set_position(a);
	if (!a || !b) {
		MUST(gtid_set_compare(a, b) == GTID_RELATION_UNKNOWN);
		MUST(!gtid_set_contains(a, b) && !gtid_set_contains(b, a) && !gtid_set_missing(a, b));
		return;
	}
	missing = gtid_set_missing(a, b);
	MUST(str_empty(missing) == gtid_set_contains(b, a));
	rest = parse(flavour, missing);
	if (rest)
		MUST(gtid_set_contains(a, rest));
	both = gtid_set_copy(a);
	reverse = gtid_set_copy(b);
	MUST(gtid_set_add(both, b) && gtid_set_add(reverse, a));
	same(both, reverse);
	MUST(gtid_set_contains(both, a) && gtid_set_contains(both, b));
	if (rest && flavour == GTID_FLAVOUR_MYSQL) { /* b and what it lacks of a make up both */
		MUST(gtid_set_add(b, rest));
		same(b, both);
	}
}

/* The text up to a '|' against the text after it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size), *one = NULL;
	size_t length = strcspn(text, "|");
	const char *other = text[length] ? text + length + 1 : "";

	one = str_ndup(text, length);
	pair(GTID_FLAVOUR_MYSQL, one, other);
	pair(GTID_FLAVOUR_MARIADB, one, other);
	return 0;
}
