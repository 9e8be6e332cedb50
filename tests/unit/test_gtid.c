#include "unit.h"

#include "core/gtid.h"

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "9f6b2c1e-0000-11e1-9e33-c80aa9429562"
#define C "ffffffff-ffff-ffff-ffff-ffffffffffff"
#define TAG32 "_bcdefghijklmnopqrstuvwxyz012345"
#define LAST "9223372036854775806"

static const enum gtid_flavour MYSQL = GTID_FLAVOUR_MYSQL, MARIADB = GTID_FLAVOUR_MARIADB;

static struct gtid_set *set(enum gtid_flavour flavour, const char *text)
{
	struct gtid_set *s = gtid_set_parse(flavour, text);

	if (!s)
		fail_msg("refused: '%s'", text);
	return s;
}

static void assert_text(char *text, const char *expected)
{
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void assert_canonical(enum gtid_flavour flavour, const char *text, const char *expected)
{
	_cleanup_gtid_ struct gtid_set *s = set(flavour, text);

	assert_text(gtid_set_format(s), expected);
}

static void assert_relation(enum gtid_flavour flavour, const char *a, const char *b, enum gtid_relation expected)
{
	_cleanup_gtid_ struct gtid_set *x = set(flavour, a), *y = set(flavour, b);
	enum gtid_relation mirrored = expected == GTID_BEHIND ? GTID_AHEAD : expected == GTID_AHEAD ? GTID_BEHIND : expected;

	if (gtid_set_compare(x, y) != expected || gtid_set_compare(y, x) != mirrored)
		fail_msg("'%s' against '%s': %d and %d, not %d", a, b, gtid_set_compare(x, y), gtid_set_compare(y, x), expected);
	assert_int_equal(gtid_set_contains(x, y), expected == GTID_EQUAL || expected == GTID_AHEAD);
	assert_int_equal(gtid_set_contains(y, x), expected == GTID_EQUAL || expected == GTID_BEHIND);
}

static void assert_missing(enum gtid_flavour flavour, const char *a, const char *b, const char *expected)
{
	_cleanup_gtid_ struct gtid_set *x = set(flavour, a), *y = set(flavour, b);

	assert_text(gtid_set_missing(x, y), expected);
}

static void assert_union(enum gtid_flavour flavour, const char *a, const char *b, const char *expected)
{
	_cleanup_gtid_ struct gtid_set *x = set(flavour, a), *y = set(flavour, b);

	assert_true(gtid_set_add(x, y));
	assert_text(gtid_set_format(x), expected);
}

static void assert_position(enum gtid_flavour flavour, const char *text, const char *expected)
{
	_cleanup_gtid_ struct gtid_set *s = set(flavour, text);
	_cleanup_free_ char *position = gtid_set_position(s);

	if (!expected)
		assert_null(position);
	else
		assert_string_equal(position, expected);
}

static void assert_refused(enum gtid_flavour flavour, const char *text)
{
	struct gtid_set *s = gtid_set_parse(flavour, text);

	if (s)
		fail_msg("taken: '%s'", text);
}

/* --- what is unknown --- */

TEST(an_unknown_set_is_not_empty_and_contains_nothing_and_is_in_nothing)
{
	_cleanup_gtid_ struct gtid_set *empty = set(MYSQL, "");

	assert_false(gtid_set_empty(NULL));
	assert_false(gtid_set_contains(NULL, empty));
	assert_false(gtid_set_contains(empty, NULL));
	assert_false(gtid_set_contains(NULL, NULL));
	assert_int_equal(gtid_set_compare(NULL, NULL), GTID_RELATION_UNKNOWN);
	assert_int_equal(gtid_set_compare(NULL, empty), GTID_RELATION_UNKNOWN);
	assert_int_equal(gtid_set_compare(empty, NULL), GTID_RELATION_UNKNOWN);
	assert_null(gtid_set_missing(NULL, empty));
	assert_null(gtid_set_missing(empty, NULL));
	assert_false(gtid_set_add(empty, NULL));
	assert_false(gtid_set_add(NULL, empty));
	assert_null(gtid_set_copy(NULL));
	assert_null(gtid_set_format(NULL));
	assert_null(gtid_set_position(NULL));
	gtid_set_free(NULL);
}

TEST(sets_of_different_servers_cannot_be_compared_even_when_empty)
{
	_cleanup_gtid_ struct gtid_set *mysql = set(MYSQL, ""), *mariadb = set(MARIADB, "");

	assert_int_equal(gtid_set_compare(mysql, mariadb), GTID_RELATION_UNKNOWN);
	assert_false(gtid_set_contains(mysql, mariadb));
	assert_false(gtid_set_add(mysql, mariadb));
	assert_null(gtid_set_missing(mysql, mariadb));
	assert_int_equal(gtid_set_flavour(mysql), MYSQL);
	assert_int_equal(gtid_set_flavour(mariadb), MARIADB);
	assert_int_equal(gtid_set_flavour(NULL), GTID_FLAVOUR_UNKNOWN);
}

TEST(text_of_an_unknown_flavour_is_refused)
{
	assert_refused(GTID_FLAVOUR_UNKNOWN, "");
	assert_refused(GTID_FLAVOUR_UNKNOWN, "0-1-1");
	assert_refused((enum gtid_flavour)99, "");
	assert_null(gtid_set_parse(MYSQL, NULL));
	assert_null(gtid_set_parse(MARIADB, NULL));
	assert_refused(MYSQL, "0-1-1");
	assert_refused(MARIADB, A ":1");
}

TEST(a_text_longer_than_the_limit_is_refused)
{
	_cleanup_free_ char *text = mem_alloc((size_t)GTID_TEXT_MAX + 2);
	struct gtid_set *s;

	memset(text, ' ', (size_t)GTID_TEXT_MAX + 1);
	assert_refused(MYSQL, text);
	assert_refused(MARIADB, text);
	text[GTID_TEXT_MAX] = '\0';
	s = gtid_set_parse(MYSQL, text);
	assert_true(gtid_set_empty(s));
	gtid_set_free(s);
}

/* --- MySQL --- */

TEST(mysql_text_is_taken_as_the_server_prints_it)
{
	assert_canonical(MYSQL, "", "");
	assert_canonical(MYSQL, " \n", "");
	assert_canonical(MYSQL, A ":1", A ":1");
	assert_canonical(MYSQL, A ":1-5:7:11-18", A ":1-5:7:11-18");
	assert_canonical(MYSQL, A ":1-5,\n" B ":3", A ":1-5," B ":3");
	assert_canonical(MYSQL, "\n" A ":1 ,\r\n\t" B ":3\n", A ":1," B ":3");
	assert_canonical(MYSQL, A ":" LAST, A ":" LAST);
	assert_canonical(MYSQL, A ":1-" LAST, A ":1-" LAST);
}

TEST(mysql_sets_have_one_canonical_text)
{
	assert_canonical(MYSQL, B ":3," A ":1", A ":1," B ":3");
	assert_canonical(MYSQL, A ":7:1-3", A ":1-3:7");
	assert_canonical(MYSQL, A ":1-3:4-5", A ":1-5");
	assert_canonical(MYSQL, A ":1-3:2-9:5", A ":1-9");
	assert_canonical(MYSQL, A ":5-5", A ":5");
	assert_canonical(MYSQL, A ":1," A ":2," A ":4", A ":1-2:4");
	assert_canonical(MYSQL, "3E11FA47-71CA-11E1-9E33-C80AA9429562:1", A ":1");
	assert_canonical(MYSQL, A ":1-" LAST ":" LAST, A ":1-" LAST);
}

TEST(mysql_tags_number_their_own_transactions)
{
	assert_canonical(MYSQL, A ":tag:1-3", A ":tag:1-3");
	assert_canonical(MYSQL, A ":1-5:tag:1-3:7", A ":1-5," A ":tag:1-3:7");
	assert_canonical(MYSQL, A ":zeta:1:alpha:2:zeta:2," A ":9", A ":9," A ":alpha:2," A ":zeta:1-2");
	assert_canonical(MYSQL, A ":TaG_1:1", A ":tag_1:1");
	assert_canonical(MYSQL, A ":" TAG32 ":1", A ":" TAG32 ":1");
	assert_relation(MYSQL, A ":1-3", A ":tag:1-3", GTID_DIVERGED);
	assert_relation(MYSQL, A ":a:1-3", A ":ab:1-3", GTID_DIVERGED);
	assert_relation(MYSQL, A ":1-3", A ":1-3:tag:1", GTID_BEHIND);
	assert_missing(MYSQL, A ":1-3:tag:1-2", A ":1-9", A ":tag:1-2");
}

TEST(mysql_garbage_is_refused_and_never_read_in_part)
{
	static const char *const rows[] = {
	    /* not a source */
	    "x",
	    ":",
	    ",",
	    A,
	    A ":",
	    "3e11fa47:1",
	    A "0:1",
	    "3e11fa4771ca11e19e33c80aa9429562:1",
	    "{" A "}:1",
	    "3e11fa47-71ca-11e1-9e33-c80aa942956g:1",
	    "3e11fa47-71ca-11e1-9e33-c80aa94295",
	    "3e11fa47-71ca-11e1-9e33c-80aa9429562:1",
	    /* not a number */
	    A ":0",
	    A ":0-3",
	    A ":01",
	    A ":1-",
	    A ":-1",
	    A ":1-02",
	    A ":1--2",
	    A ":+1",
	    A ":1.5",
	    A ":1-2-3",
	    A ":0x1",
	    /* out of range or backwards */
	    A ":9223372036854775807",
	    A ":1-9223372036854775807",
	    A ":18446744073709551617",
	    A ":3-2",
	    A ":" LAST "-1",
	    /* separators */
	    A ":1,",
	    "," A ":1",
	    A ":1,," B ":1",
	    A ":1 " B ":1",
	    A ":1;" B ":1",
	    A ":1::2",
	    A ":1:",
	    A ": 1",
	    A " :1",
	    A ":1 -2",
	    A ":1\v",
	    A ":1 x",
	    /* tags */
	    A ":tag",
	    A ":tag:",
	    A ":a:b:1",
	    A ":1:tag",
	    A ":1tag:1",
	    A ":ta-g:1",
	    A ":tag1-2",
	    A ":" TAG32 "6:1",
	    A ":t\xc3\xa4g:1",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_refused(MYSQL, rows[i]);
}

TEST(mysql_sets_are_compared_as_sets_not_as_numbers)
{
	assert_relation(MYSQL, "", "", GTID_EQUAL);
	assert_relation(MYSQL, "", A ":1", GTID_BEHIND);
	assert_relation(MYSQL, A ":1-5", A ":1-5", GTID_EQUAL);
	assert_relation(MYSQL, A ":1-3:4-5", A ":5:1-4", GTID_EQUAL);
	assert_relation(MYSQL, A ":1-5", A ":1-6", GTID_BEHIND);
	assert_relation(MYSQL, A ":1-9", A ":1-3:5-9", GTID_AHEAD);
	assert_relation(MYSQL, A ":1-9", A ":1-8:10", GTID_DIVERGED);
	assert_relation(MYSQL, A ":1-9", A ":1-9," B ":1", GTID_BEHIND);
	assert_relation(MYSQL, A ":1-9," C ":1", A ":1-9," B ":1", GTID_DIVERGED);
	assert_relation(MYSQL, A ":1-" LAST, A ":" LAST, GTID_AHEAD);
}

TEST(mysql_says_exactly_which_transactions_are_missing)
{
	assert_missing(MYSQL, "", A ":1", "");
	assert_missing(MYSQL, A ":1-5", A ":1-5", "");
	assert_missing(MYSQL, A ":1-14", A ":1-13", A ":14");
	assert_missing(MYSQL, A ":1-9", A ":3-4:7", A ":1-2:5-6:8-9");
	assert_missing(MYSQL, A ":1-9," B ":1-3," C ":2", B ":2", A ":1-9," B ":1:3," C ":2");
	assert_missing(MYSQL, A ":2:4:6", A ":1-9", "");
	assert_missing(MYSQL, A ":1-" LAST, A ":1-9223372036854775805", A ":" LAST);
	assert_missing(MYSQL, A ":1-" LAST, A ":" LAST, A ":1-9223372036854775805");
}

TEST(mysql_received_and_executed_make_one_position)
{
	assert_union(MYSQL, A ":1-5", A ":6-9", A ":1-9");
	assert_union(MYSQL, A ":1-5," B ":1", C ":1," A ":7", A ":1-5:7," B ":1," C ":1");
	assert_union(MYSQL, "", A ":1", A ":1");
	assert_union(MYSQL, A ":1", "", A ":1");
	assert_union(MYSQL, "", "", "");
	assert_position(MYSQL, A ":2:1," B ":4", A ":1-2," B ":4");
}

TEST(a_copy_and_a_union_do_not_touch_the_other_set)
{
	_cleanup_gtid_ struct gtid_set *a = set(MYSQL, A ":1-5"), *copy = gtid_set_copy(a), *more = set(MYSQL, A ":9");

	assert_true(gtid_set_add(copy, more));
	assert_true(gtid_set_add(copy, copy));
	assert_text(gtid_set_format(a), A ":1-5");
	assert_text(gtid_set_format(more), A ":9");
	assert_text(gtid_set_format(copy), A ":1-5:9");
}

TEST(thousands_of_intervals_are_no_work)
{
	struct strbuf odd = {0}, even = {0};
	_cleanup_gtid_ struct gtid_set *a = NULL, *b = NULL, *sum = NULL;
	_cleanup_free_ char *odd_text = NULL, *even_text = NULL;

	strbuf_add(&odd, A);
	strbuf_add(&even, A);
	for (int i = 20000; i > 0; i--) {
		strbuf_addf(&odd, ":%d", 2 * i - 1);
		strbuf_addf(&even, ":%d", 2 * i);
	}
	odd_text = strbuf_take(&odd);
	even_text = strbuf_take(&even);
	a = set(MYSQL, odd_text);
	b = set(MYSQL, even_text);
	assert_int_equal(gtid_set_compare(a, b), GTID_DIVERGED);
	sum = gtid_set_copy(a);
	for (int i = 0; i < 50; i++) {
		assert_true(gtid_set_add(sum, b));
		assert_true(gtid_set_contains(sum, a));
	}
	assert_text(gtid_set_format(sum), A ":1-40000");
	assert_text(gtid_set_missing(sum, sum), "");
}

/* --- MariaDB --- */

TEST(mariadb_text_is_taken_as_the_server_prints_it)
{
	assert_canonical(MARIADB, "", "");
	assert_canonical(MARIADB, "0-1-10", "0-1-10");
	assert_canonical(MARIADB, "0-5-9,0-1-3,0-2-9,1-2-3", "0-1-3,0-2-9,0-5-9,1-2-3");
	assert_canonical(MARIADB, " 1-2-3 ,\n0-1-1 ", "0-1-1,1-2-3");
	assert_canonical(MARIADB, "0-1-18446744073709551615", "0-1-18446744073709551615");
	assert_canonical(MARIADB, "4294967295-4294967295-1", "4294967295-4294967295-1");
}

TEST(mariadb_keeps_the_furthest_transaction_of_each_server)
{
	assert_canonical(MARIADB, "0-1-10,0-1-12,0-1-3", "0-1-12");
	assert_union(MARIADB, "0-1-10,0-2-12", "0-2-16,1-1-4", "0-1-10,0-2-16,1-1-4");
	assert_union(MARIADB, "", "0-2-16", "0-2-16");
	assert_union(MARIADB, "0-2-16", "0-2-15", "0-2-16");
}

TEST(mariadb_number_zero_is_before_the_first_transaction)
{
	assert_canonical(MARIADB, "0-1-0", "");
	assert_canonical(MARIADB, "0-1-0,1-0-5", "1-0-5");
	assert_relation(MARIADB, "0-1-0", "", GTID_EQUAL);
}

TEST(mariadb_garbage_is_refused_and_never_read_in_part)
{
	static const char *const rows[] = {
	    "x",
	    "0",
	    "0-",
	    "0-1",
	    "0-1-",
	    "0-1-2-",
	    "0-1-2-3",
	    "-0-1-2",
	    "0--1-2",
	    "0-1-2,",
	    ",0-1-2",
	    "0-1-2,,1-1-1",
	    "0-1-2 1-1-1",
	    "0-1-2;1-1-1",
	    "0 -1-2",
	    "0- 1-2",
	    "00-1-2",
	    "0-01-2",
	    "0-1-02",
	    "+0-1-2",
	    "0-1-2x",
	    "0-1-a",
	    "0:1:2",
	    "0-1-0x2",
	    "4294967296-1-1",
	    "0-4294967296-1",
	    "0-1-18446744073709551616",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		assert_refused(MARIADB, rows[i]);
}

TEST(mariadb_a_chain_is_compared_by_its_last_transaction)
{
	assert_relation(MARIADB, "", "", GTID_EQUAL);
	assert_relation(MARIADB, "", "0-1-1", GTID_BEHIND);
	assert_relation(MARIADB, "0-1-10", "0-1-10", GTID_EQUAL);
	assert_relation(MARIADB, "0-1-10", "0-1-11", GTID_BEHIND);
	assert_relation(MARIADB, "0-1-10", "0-1-10,0-2-16", GTID_BEHIND);
	assert_relation(MARIADB, "0-1-10,1-1-5", "0-1-11,1-1-4", GTID_DIVERGED);
	assert_relation(MARIADB, "0-1-10,1-1-5", "0-1-10", GTID_AHEAD);
}

TEST(mariadb_servers_that_diverged_at_the_same_number_are_not_equal)
{
	assert_relation(MARIADB, "0-1-10,0-2-11", "0-1-11", GTID_DIVERGED);
	assert_relation(MARIADB, "0-1-9,0-2-10", "0-1-10", GTID_DIVERGED);
	assert_relation(MARIADB, "0-1-10,0-2-16", "0-1-12", GTID_DIVERGED);
	assert_missing(MARIADB, "0-1-12", "0-1-10,0-2-16", "0-1-12");
}

TEST(mariadb_a_freshly_filled_replica_equals_its_donor_although_it_knows_only_the_last_transaction)
{
	assert_relation(MARIADB, "0-1-10,0-2-16", "0-2-16", GTID_EQUAL);
}

TEST(mariadb_a_position_that_cannot_show_an_older_servers_transaction_does_not_hold_it)
{
	assert_relation(MARIADB, "0-2-16", "0-1-10", GTID_DIVERGED);
}

TEST(mariadb_two_last_transactions_of_a_domain_must_both_be_held)
{
	assert_relation(MARIADB, "0-1-10,0-2-10", "0-1-10", GTID_AHEAD);
	assert_relation(MARIADB, "0-1-10,0-2-10", "0-2-10,0-1-10", GTID_EQUAL);
	assert_missing(MARIADB, "0-1-10,0-2-10,0-3-9", "", "0-1-10,0-2-10");
}

TEST(mariadb_says_the_last_missing_transaction_of_each_domain)
{
	assert_missing(MARIADB, "0-1-10", "0-1-10", "");
	assert_missing(MARIADB, "0-1-10,0-2-16,1-1-4", "0-1-10", "0-2-16,1-1-4");
	assert_missing(MARIADB, "0-1-10,0-2-16,1-1-4", "0-2-20,1-1-3", "1-1-4");
	assert_missing(MARIADB, "", "0-1-1", "");
}

TEST(mariadb_replicates_from_one_transaction_a_domain)
{
	assert_position(MARIADB, "", "");
	assert_position(MARIADB, "0-1-10,0-2-16,1-1-4", "0-2-16,1-1-4");
	assert_position(MARIADB, "1-1-4,0-2-16,0-7-11", "0-2-16,1-1-4");
	assert_position(MARIADB, "0-1-10,0-2-10,0-3-11", "0-3-11");
}

TEST(mariadb_a_domain_with_two_last_transactions_has_no_position)
{
	assert_position(MARIADB, "0-1-10,0-2-10", NULL);
	assert_position(MARIADB, "0-1-10,1-1-1,1-2-1", NULL);
}

/* --- properties, against a model that is too simple to be wrong --- */

static uint32_t random_state;

static uint32_t random_below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % bound;
}

enum {
	ORIGINS = 4,
	NUMBERS = 24
};

/* One bit for each transaction. Bit 0 is unused: numbers begin at 1. */
struct model {
	uint32_t held[ORIGINS];
};

static const char *const model_origins[ORIGINS] = {A, A ":tag", B, C ":t2"};

static bool model_contains(const struct model *whole, const struct model *part)
{
	for (int o = 0; o < ORIGINS; o++) {
		if (part->held[o] & ~whole->held[o])
			return false;
	}
	return true;
}

static enum gtid_relation model_compare(const struct model *a, const struct model *b)
{
	bool ab = model_contains(a, b), ba = model_contains(b, a);

	return ab && ba ? GTID_EQUAL : ba ? GTID_BEHIND : ab ? GTID_AHEAD : GTID_DIVERGED;
}

/* The canonical text, made the slow way. */
static char *model_text(const struct model *m)
{
	struct strbuf text = {0};

	for (int o = 0; o < ORIGINS; o++) {
		if (m->held[o])
			strbuf_addf(&text, "%s%s", text.length ? "," : "", model_origins[o]);
		for (int n = 1; n <= NUMBERS; n++) {
			int end = n;

			if (!(m->held[o] >> n & 1))
				continue;
			while (m->held[o] >> (end + 1) & 1)
				end++;
			strbuf_addf(&text, end > n ? ":%d-%d" : ":%d", n, end);
			n = end;
		}
	}
	return strbuf_take(&text);
}

/* A random set with a text of random order, overlaps and blanks. */
static struct gtid_set *model_random(struct model *m)
{
	static const char *const commas[] = {",", ",\n", " , "};
	_cleanup_strbuf_ struct strbuf text = {0};

	*m = (struct model){0};
	strbuf_add(&text, "");
	for (uint32_t groups = random_below(6); groups > 0; groups--) {
		uint32_t o = random_below(ORIGINS);

		strbuf_addf(&text, "%s%s", text.length ? commas[random_below(ARRAY_LENGTH(commas))] : "", model_origins[o]);
		for (uint32_t intervals = 1 + random_below(4); intervals > 0; intervals--) {
			uint32_t first = 1 + random_below(NUMBERS);
			uint32_t last = first + random_below(NUMBERS - first + 1) / (1 + random_below(4));

			if (first == last && random_below(2))
				strbuf_addf(&text, ":%u", first);
			else
				strbuf_addf(&text, ":%u-%u", first, last);
			for (uint32_t n = first; n <= last; n++)
				m->held[o] |= UINT32_C(1) << n;
		}
	}
	return set(MYSQL, text.text);
}

TEST(mysql_sets_behave_as_sets_of_single_transactions)
{
	random_state = 20261121;
	for (int round = 0; round < 20000; round++) {
		struct model m, n, sum, rest;
		_cleanup_gtid_ struct gtid_set *a = model_random(&m), *b = model_random(&n), *both = gtid_set_copy(a), *again = NULL;
		_cleanup_free_ char *a_text = model_text(&m), *sum_text = NULL, *rest_text = NULL;

		if (round % 4 == 0) { /* often comparable */
			assert_true(gtid_set_add(b, a));
			for (int o = 0; o < ORIGINS; o++)
				n.held[o] |= m.held[o];
		}
		for (int o = 0; o < ORIGINS; o++) {
			sum.held[o] = m.held[o] | n.held[o];
			rest.held[o] = m.held[o] & ~n.held[o];
		}
		sum_text = model_text(&sum);
		rest_text = model_text(&rest);
		assert_text(gtid_set_format(a), a_text);
		assert_int_equal(gtid_set_compare(a, b), model_compare(&m, &n));
		assert_int_equal(gtid_set_contains(a, b), model_contains(&m, &n));
		assert_int_equal(gtid_set_empty(a), !*a_text);
		assert_text(gtid_set_missing(a, b), rest_text);
		assert_true(gtid_set_add(both, b));
		assert_text(gtid_set_format(both), sum_text);
		again = set(MYSQL, sum_text);
		assert_int_equal(gtid_set_compare(both, again), GTID_EQUAL);
	}
}

/* The whole history of one domain: who wrote each transaction. */
enum {
	HISTORY = 12
};
struct history {
	uint32_t writer[HISTORY + 1];
	uint32_t length;
};

static void history_grow(struct history *h, uint32_t first_server, uint32_t servers)
{
	for (uint32_t more = random_below(HISTORY - h->length + 1); more > 0; more--)
		h->writer[++h->length] = first_server + random_below(servers);
}

static bool history_holds(const struct history *whole, const struct history *part)
{
	for (uint32_t n = 1; n <= part->length; n++) {
		if (n > whole->length || whole->writer[n] != part->writer[n])
			return false;
	}
	return true;
}

/* As gtid_binlog_state has it: the last number of every server. */
static void history_print(const struct history *h, uint32_t domain, struct strbuf *text)
{
	strbuf_add(text, "");
	for (uint32_t n = h->length; n >= 1; n--) {
		bool later = false;

		for (uint32_t i = n + 1; i <= h->length; i++)
			later = later || h->writer[i] == h->writer[n];
		if (!later || random_below(4) == 0)
			strbuf_addf(text, "%s%u-%u-%u", text->length ? "," : "", domain, h->writer[n], n);
	}
}

/* Two copies of a history go on apart, each with servers of its own, as in a partition. */
TEST(mariadb_positions_behave_as_the_histories_they_stand_for)
{
	int relations[GTID_DIVERGED + 1] = {0};

	random_state = 20261121;
	for (int round = 0; round < 20000; round++) {
		_cleanup_strbuf_ struct strbuf a_text = {0}, b_text = {0};
		_cleanup_gtid_ struct gtid_set *a = NULL, *b = NULL;
		_cleanup_free_ char *missing = NULL;
		bool a_has_b = true, b_has_a = true;
		enum gtid_relation expected;

		for (uint32_t domain = 0; domain < 2; domain++) {
			struct history x = {0}, y;

			history_grow(&x, 1, 3);
			y = x;
			if (random_below(2))
				history_grow(&x, 1, 2);
			if (random_below(2))
				history_grow(&y, 3, 2);
			if (x.length > 0 && random_below(4) == 0)
				y = x;
			if (y.length > 0 && random_below(4) == 0)
				y.length--;
			a_has_b = a_has_b && history_holds(&x, &y);
			b_has_a = b_has_a && history_holds(&y, &x);
			history_print(&x, domain, &a_text);
			history_print(&y, domain, &b_text);
		}
		expected = a_has_b && b_has_a ? GTID_EQUAL : b_has_a ? GTID_BEHIND : a_has_b ? GTID_AHEAD : GTID_DIVERGED;
		a = set(MARIADB, a_text.text);
		b = set(MARIADB, b_text.text);
		if (gtid_set_compare(a, b) != expected)
			fail_msg("'%s' against '%s': %d, not %d", a_text.text, b_text.text, gtid_set_compare(a, b), expected);
		missing = gtid_set_missing(a, b);
		assert_int_equal(str_empty(missing), b_has_a);
		relations[expected]++;
	}
	for (int relation = GTID_EQUAL; relation <= GTID_DIVERGED; relation++)
		assert_true(relations[relation] > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_unknown_set_is_not_empty_and_contains_nothing_and_is_in_nothing),
	    cmocka_unit_test(sets_of_different_servers_cannot_be_compared_even_when_empty),
	    cmocka_unit_test(text_of_an_unknown_flavour_is_refused),
	    cmocka_unit_test(a_text_longer_than_the_limit_is_refused),
	    cmocka_unit_test(mysql_text_is_taken_as_the_server_prints_it),
	    cmocka_unit_test(mysql_sets_have_one_canonical_text),
	    cmocka_unit_test(mysql_tags_number_their_own_transactions),
	    cmocka_unit_test(mysql_garbage_is_refused_and_never_read_in_part),
	    cmocka_unit_test(mysql_sets_are_compared_as_sets_not_as_numbers),
	    cmocka_unit_test(mysql_says_exactly_which_transactions_are_missing),
	    cmocka_unit_test(mysql_received_and_executed_make_one_position),
	    cmocka_unit_test(a_copy_and_a_union_do_not_touch_the_other_set),
	    cmocka_unit_test(thousands_of_intervals_are_no_work),
	    cmocka_unit_test(mariadb_text_is_taken_as_the_server_prints_it),
	    cmocka_unit_test(mariadb_keeps_the_furthest_transaction_of_each_server),
	    cmocka_unit_test(mariadb_number_zero_is_before_the_first_transaction),
	    cmocka_unit_test(mariadb_garbage_is_refused_and_never_read_in_part),
	    cmocka_unit_test(mariadb_a_chain_is_compared_by_its_last_transaction),
	    cmocka_unit_test(mariadb_servers_that_diverged_at_the_same_number_are_not_equal),
	    cmocka_unit_test(mariadb_a_freshly_filled_replica_equals_its_donor_although_it_knows_only_the_last_transaction),
	    cmocka_unit_test(mariadb_a_position_that_cannot_show_an_older_servers_transaction_does_not_hold_it),
	    cmocka_unit_test(mariadb_two_last_transactions_of_a_domain_must_both_be_held),
	    cmocka_unit_test(mariadb_says_the_last_missing_transaction_of_each_domain),
	    cmocka_unit_test(mariadb_replicates_from_one_transaction_a_domain),
	    cmocka_unit_test(mariadb_a_domain_with_two_last_transactions_has_no_position),
	    cmocka_unit_test(mysql_sets_behave_as_sets_of_single_transactions),
	    cmocka_unit_test(mariadb_positions_behave_as_the_histories_they_stand_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
