#include "unit.h"

#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"

/* --- error --- */

TEST(an_error_keeps_its_code_and_reads_from_the_outside_in)
{
	struct error err = {0};

	assert_int_equal(error_set(&err, OCF_ERR_PERM, "%s belongs to uid %d", "/var/lib/mysql", 7), -1);
	assert_int_equal(error_wrap(&err, "cannot start on %s", "db1"), -1);
	assert_int_equal(err.code, OCF_ERR_PERM);
	assert_string_equal(err.sentence, "cannot start on db1: /var/lib/mysql belongs to uid 7");
}

TEST(nobody_has_to_want_the_error)
{
	assert_int_equal(error_set(NULL, OCF_ERR_GENERIC, "lost"), -1);
	assert_int_equal(error_wrap(NULL, "lost"), -1);
}

TEST(a_sentence_that_is_too_long_ends_in_dots)
{
	struct error err = {0};
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&err, OCF_ERR_GENERIC, "%s", text);
	assert_int_equal(strlen(err.sentence), sizeof(err.sentence) - 1);
	assert_string_equal(err.sentence + sizeof(err.sentence) - 5, "x...");

	error_set(&err, OCF_ERR_GENERIC, "the end");
	text[sizeof(err.sentence) - 5] = '\0';
	error_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.sentence), sizeof(err.sentence) - 1);
	assert_string_equal(err.sentence + sizeof(err.sentence) - 5, ":...");
}

TEST(a_sentence_of_exactly_the_room_is_not_cut)
{
	struct error err = {0};
	char text[sizeof(err.sentence)];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&err, OCF_ERR_GENERIC, "%s", text);
	assert_string_equal(err.sentence, text);
}

TEST(what_a_server_says_cannot_break_the_exit_reason_into_lines)
{
	struct error err = {0};

	error_set(&err, OCF_ERR_GENERIC, "server said: %s", "no\nocf-exit-reason:\tall is well\r\x7f");
	assert_string_equal(err.sentence, "server said: no ocf-exit-reason: all is well  ");
	error_wrap(&err, "a\nb");
	assert_string_equal(err.sentence, "a b: server said: no ocf-exit-reason: all is well  ");
}

TEST(a_sentence_may_be_made_of_the_one_before)
{
	struct error err = {0};

	error_set(&err, OCF_ERR_ARGS, "first");
	error_set(&err, OCF_ERR_ARGS, "second, after %s", err.sentence);
	assert_string_equal(err.sentence, "second, after first");
}

TEST(every_code_has_its_documented_name)
{
	assert_string_equal(ocf_code_name(OCF_SUCCESS), "OCF_SUCCESS");
	assert_string_equal(ocf_code_name(OCF_ERR_CONFIGURED), "OCF_ERR_CONFIGURED");
	assert_string_equal(ocf_code_name(OCF_DEGRADED_PROMOTED), "OCF_DEGRADED_PROMOTED");
	for (int code = 0; code <= 9; code++)
		assert_true(str_starts(ocf_code_name((enum ocf_code)code), "OCF_"));
	assert_string_equal(ocf_code_name((enum ocf_code)10), "not an OCF code");
}

/* --- str --- */

TEST(copies_are_owned_and_no_string_stays_none)
{
	_cleanup_free_ char *all = str_dup("abc"), *part = str_ndup("abc", 2), *more = str_ndup("abc", 9);

	assert_string_equal(all, "abc");
	assert_string_equal(part, "ab");
	assert_string_equal(more, "abc");
	assert_null(str_dup(NULL));
}

TEST(no_string_equals_only_no_string)
{
	assert_true(str_equal(NULL, NULL));
	assert_false(str_equal(NULL, ""));
	assert_false(str_equal("", NULL));
	assert_true(str_equal("a", "a"));
	assert_false(str_equal("a", "A"));
	assert_true(str_empty(NULL));
	assert_true(str_empty(""));
	assert_false(str_empty(" "));
	assert_true(str_starts("master-db", "master-"));
	assert_false(str_starts("master", "master-"));
	assert_false(str_starts(NULL, ""));
}

TEST(a_string_can_be_set_to_a_part_of_itself)
{
	_cleanup_free_ char *name = str_dup("db:0");

	str_set(&name, name + 3);
	assert_string_equal(name, "0");
	str_set(&name, NULL);
	assert_null(name);
}

TEST(a_buffer_holds_all_that_was_added)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	_cleanup_free_ char *text = NULL;

	for (int i = 0; i < 1000; i++)
		strbuf_addf(&b, "%03d", i);
	assert_int_equal(b.length, 3000);
	assert_int_equal(strlen(b.text), 3000);
	assert_memory_equal(b.text + 2997, "999", 4);
	strbuf_addn(&b, "xyz", 1);
	strbuf_add(&b, "");
	text = strbuf_take(&b);
	assert_string_equal(text + 2997, "999x");
	assert_null(b.text);
	assert_int_equal(b.length, 0);
}

TEST(a_buffer_to_which_nothing_was_added_is_the_empty_text)
{
	struct strbuf b = {0};
	_cleanup_free_ char *text = strbuf_take(&b);

	assert_string_equal(text, "");
	strbuf_add(&b, "");
	assert_string_equal(b.text, "");
	strbuf_clear(&b);
	strbuf_clear(&b);
}

TEST(new_memory_is_zeroed_and_grown_memory_keeps_its_content)
{
	_cleanup_free_ char *p = mem_alloc(16), *none = mem_alloc(0);

	for (int i = 0; i < 16; i++)
		assert_int_equal(p[i], 0);
	memcpy(p, "kept", 5);
	p = mem_grow(p, 1000, 16);
	assert_string_equal(p, "kept");
	assert_non_null(none);
}

/* --- parse --- */

TEST(a_number_is_all_digits_and_in_its_range)
{
	static const char *const garbage[] = {
	    "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1e3", "one", "18446744073709551616", "99999999999999999999"};
	uint64_t value = 7;

	assert_true(parse_u64("0", 0, UINT64_MAX, &value));
	assert_int_equal(value, 0);
	assert_true(parse_u64("18446744073709551615", 0, UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_true(parse_u64("3306", 1, 65535, &value));
	assert_int_equal(value, 3306);
	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++)
		assert_false(parse_u64(garbage[i], 0, UINT64_MAX, &value));
	assert_false(parse_u64("0", 1, 65535, &value));
	assert_false(parse_u64("65536", 1, 65535, &value));
	assert_false(parse_u64(NULL, 0, 1, &value));
	assert_int_equal(value, 3306);
}

TEST(digits_are_read_up_to_the_first_other_byte)
{
	const char *text = "12-", *overflow = "18446744073709551616", *none = "-1";
	uint64_t value = 7;

	assert_false(parse_digits(&overflow, &value));
	assert_string_equal(overflow, "18446744073709551616");
	assert_false(parse_digits(&none, &value));
	assert_string_equal(none, "-1");
	assert_int_equal(value, 7);
	assert_true(parse_digits(&text, &value));
	assert_string_equal(text, "-");
	assert_int_equal(value, 12);
}

TEST(a_boolean_is_one_of_pacemakers_words)
{
	static const char *const yes[] = {"true", "yes", "on", "y", "1", "TRUE", "Yes", "oN"};
	static const char *const no[] = {"false", "no", "off", "n", "0", "False"};
	static const char *const garbage[] = {"", "2", "tru", "true ", " no", "nope", "enabled"};
	bool value = false;

	for (size_t i = 0; i < ARRAY_LENGTH(yes); i++) {
		value = false;
		assert_true(parse_bool(yes[i], &value) && value);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(no); i++) {
		value = true;
		assert_true(parse_bool(no[i], &value) && !value);
	}
	value = true;
	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++)
		assert_false(parse_bool(garbage[i], &value));
	assert_false(parse_bool(NULL, &value));
	assert_true(value);
}

TEST(a_duration_without_unit_is_in_seconds)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = {
	    {"0", 0},	       {"30", 30000},	{"30s", 30000},	  {"30S", 30000},
	    {"30sec", 30000},  {"500ms", 500},	{"7msec", 7},	  {"2m", 120000},
	    {"2min", 120000},  {"1h", 3600000}, {"1hr", 3600000}, {"18446744073709551s", 18446744073709551000u},
	    {"7d", 604800000},
	};
	static const char *const garbage[] = {
	    "", "s", " 3", "3 s", "3.5", "-1", "3w", "3mins", "3ss", "18446744073709552s", "18446744073709551616ms"};
	uint64_t ms = 1;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_true(parse_duration_ms(rows[i].text, &ms));
		assert_true(ms == rows[i].ms);
	}
	ms = 1;
	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++)
		assert_false(parse_duration_ms(garbage[i], &ms));
	assert_false(parse_duration_ms(NULL, &ms));
	assert_int_equal(ms, 1);
}

TEST(a_size_is_in_bytes_or_in_a_power_of_1024)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
	    {"0", 0}, {"1048576", 1048576}, {"4K", 4096}, {"4m", 4194304}, {"20G", 21474836480u}, {"2T", 2199023255552u}, {"0G", 0},
	};
	static const char *const garbage[] = {"", "G", "-1", "1.5G", "1 G", "20GB", "20X", "20G ", "18446744073709551616", "16777216T"};
	uint64_t bytes = 7;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		assert_true(parse_size(rows[i].text, &bytes));
		assert_true(bytes == rows[i].bytes);
	}
	bytes = 7;
	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++)
		assert_false(parse_size(garbage[i], &bytes));
	assert_false(parse_size(NULL, &bytes));
	assert_int_equal(bytes, 7);
}

TEST(a_line_of_fields_gives_each_value_by_its_key)
{
	struct fields fields;

	assert_true(fields_parse("v=1 executed=0-1-2,1-1-3 note= eq=a=b", &fields));
	assert_int_equal(fields.count, 4);
	assert_string_equal(fields_get(&fields, "v"), "1");
	assert_string_equal(fields_get(&fields, "executed"), "0-1-2,1-1-3");
	assert_string_equal(fields_get(&fields, "note"), "");
	assert_string_equal(fields_get(&fields, "eq"), "a=b");
	assert_null(fields_get(&fields, "absent"));
	assert_null(fields_get(&fields, "V"));
	fields_clear(&fields);
	assert_int_equal(fields.count, 0);
}

TEST(the_empty_line_is_a_list_of_no_fields)
{
	struct fields fields;

	assert_true(fields_parse("", &fields));
	assert_int_equal(fields.count, 0);
	assert_null(fields_get(&fields, "any"));
	fields_clear(&fields);
}

TEST(one_bad_field_makes_the_whole_line_invalid)
{
	static const char *const garbage[] = {" ",	" a=1",	   "a=1 ",    "a=1  b=2", "a",	      "a=1 b", "=1",
					      "a=1 =2", "a=1 a=2", "a=1 a=1", "a=1\n",	  "a=1\nb=2", "a=\t1", "\x01=1"};
	struct fields fields = {.items = NULL, .count = 99};

	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++)
		assert_false(fields_parse(garbage[i], &fields));
	assert_false(fields_parse(NULL, &fields));
	assert_int_equal(fields.count, 99);
}

static char *line_of_fields(int count)
{
	struct strbuf line = {0};

	for (int i = 0; i < count; i++)
		strbuf_addf(&line, "%sk%d=%d", i ? " " : "", i, i);
	return strbuf_take(&line);
}

TEST(more_fields_than_anybody_writes_are_refused)
{
	_cleanup_free_ char *most = line_of_fields(FIELDS_MAX), *more = line_of_fields(FIELDS_MAX + 1);
	struct fields fields;

	assert_true(fields_parse(most, &fields));
	assert_int_equal(fields.count, FIELDS_MAX);
	assert_string_equal(fields_get(&fields, "k63"), "63");
	fields_clear(&fields);
	assert_false(fields_parse(more, &fields));
}

TEST(a_longer_line_than_anybody_writes_is_refused)
{
	_cleanup_free_ char *line = mem_alloc((size_t)FIELDS_LINE_MAX + 2);
	struct fields fields;

	memset(line, 'x', (size_t)FIELDS_LINE_MAX + 1);
	line[1] = '=';
	assert_false(fields_parse(line, &fields));
	line[FIELDS_LINE_MAX] = '\0';
	assert_true(fields_parse(line, &fields));
	fields_clear(&fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_error_keeps_its_code_and_reads_from_the_outside_in),
	    cmocka_unit_test(nobody_has_to_want_the_error),
	    cmocka_unit_test(a_sentence_that_is_too_long_ends_in_dots),
	    cmocka_unit_test(a_sentence_of_exactly_the_room_is_not_cut),
	    cmocka_unit_test(what_a_server_says_cannot_break_the_exit_reason_into_lines),
	    cmocka_unit_test(a_sentence_may_be_made_of_the_one_before),
	    cmocka_unit_test(every_code_has_its_documented_name),
	    cmocka_unit_test(copies_are_owned_and_no_string_stays_none),
	    cmocka_unit_test(no_string_equals_only_no_string),
	    cmocka_unit_test(a_string_can_be_set_to_a_part_of_itself),
	    cmocka_unit_test(a_buffer_holds_all_that_was_added),
	    cmocka_unit_test(a_buffer_to_which_nothing_was_added_is_the_empty_text),
	    cmocka_unit_test(new_memory_is_zeroed_and_grown_memory_keeps_its_content),
	    cmocka_unit_test(a_number_is_all_digits_and_in_its_range),
	    cmocka_unit_test(digits_are_read_up_to_the_first_other_byte),
	    cmocka_unit_test(a_boolean_is_one_of_pacemakers_words),
	    cmocka_unit_test(a_duration_without_unit_is_in_seconds),
	    cmocka_unit_test(a_size_is_in_bytes_or_in_a_power_of_1024),
	    cmocka_unit_test(a_line_of_fields_gives_each_value_by_its_key),
	    cmocka_unit_test(the_empty_line_is_a_list_of_no_fields),
	    cmocka_unit_test(one_bad_field_makes_the_whole_line_invalid),
	    cmocka_unit_test(more_fields_than_anybody_writes_are_refused),
	    cmocka_unit_test(a_longer_line_than_anybody_writes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
