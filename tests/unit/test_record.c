#include "core/record.h"
#include "unit.h"

static struct record parsed(const char *text)
{
	struct record record;

	if (!record_parse(text, &record))
		fail_msg("refused: %s", text);
	return record;
}

static void assert_refused(const char *text)
{
	struct record record = {.epoch = 7, .primary = "untouched"};

	if (record_parse(text, &record))
		fail_msg("taken: %s", text);
	assert_int_equal(record.epoch, 7);
	assert_string_equal(record.primary, "untouched");
}

TEST(a_record_comes_back_as_it_was)
{
	static const char *const texts[] = {
	    "5.2:alone:3:node1",
	    "1.1:unmarked:1:db-1.example.org",
	    "9223372036854775807.9223372036854775807:majority:64:a:b",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct record record = parsed(texts[i]);
		_cleanup_free_ char *again = record_format(&record);

		assert_string_equal(again, texts[i]);
	}
}

TEST(its_parts_are_what_they_say)
{
	struct record record = parsed("5.2:alone:3:node1");

	assert_int_equal(record.epoch, 5);
	assert_int_equal(record.version, 2);
	assert_int_equal(record.mode, RECORD_ALONE);
	assert_int_equal(record.voters, 3);
	assert_string_equal(record.primary, "node1");
	assert_int_equal(parsed("5.2:majority:3:a").mode, RECORD_MAJORITY);
	assert_int_equal(parsed("5.2:unmarked:3:a").mode, RECORD_UNMARKED);
}

TEST(no_record_has_no_text)
{
	struct record none = {0};

	assert_null(record_format(&none));
}

TEST(what_is_not_a_record_is_refused_as_a_whole)
{
	_cleanup_free_ char *longest = str_printf("5.1:alone:3:%0255d", 1), *longer = str_printf("5.1:alone:3:%0256d", 1);

	assert_refused(NULL);
	assert_refused("");
	assert_refused("5.2:alone:3:");
	assert_refused("5.2:alone:3");
	assert_refused("5:alone:3:a");
	assert_refused("0.2:alone:3:a");
	assert_refused("5.0:alone:3:a");
	assert_refused("-5.2:alone:3:a");
	assert_refused("5.2x:alone:3:a");
	assert_refused("5.2:unknown:3:a");
	assert_refused("5.2::3:a");
	assert_refused("5.2:ALONE:3:a");
	assert_refused("5.2:alone:0:a");
	assert_refused("5.2:alone:65:a");
	assert_refused("9223372036854775808.2:alone:3:a");
	assert_refused("99999999999999999999.2:alone:3:a");
	/* It stands in attributes, whose fields blanks separate. */
	assert_refused("5.2:alone:3:a b");
	assert_refused("5.2:alone:3:a=b");
	assert_refused("5.2:alone:3:../a");
	assert_refused("5.2:alone:3:a\n");
	assert_refused("5.2:alone:3:a\x7f");
	assert_refused(longer);
	assert_int_equal(strlen(parsed(longest).primary), 255);
}

TEST(records_are_ordered_by_epoch_and_then_by_version)
{
	static const char *const ascending[] = {"4.9:alone:3:b", "5.1:unmarked:3:a", "5.2:alone:3:a", "5.10:majority:3:a",
						"6.1:majority:3:b"};
	struct record none = {0};

	for (size_t i = 0; i < ARRAY_LENGTH(ascending); i++) {
		struct record a = parsed(ascending[i]);

		assert_true(record_newer(&a, &none) && !record_newer(&none, &a));
		for (size_t j = 0; j < ARRAY_LENGTH(ascending); j++) {
			struct record b = parsed(ascending[j]);

			assert_int_equal(record_newer(&a, &b), i > j);
		}
	}
	assert_false(record_newer(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_comes_back_as_it_was),
	    cmocka_unit_test(its_parts_are_what_they_say),
	    cmocka_unit_test(no_record_has_no_text),
	    cmocka_unit_test(what_is_not_a_record_is_refused_as_a_whole),
	    cmocka_unit_test(records_are_ordered_by_epoch_and_then_by_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
