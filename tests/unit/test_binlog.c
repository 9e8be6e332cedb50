#include "core/binlog.h"

#include <stdio.h>
#include <zlib.h>

#include "core/tail.h"
#include "unit.h"

/* Two files as a MariaDB 10.11 replica has written them, the second still open: tests/fuzz/seeds/binlog. */
struct file {
	uint8_t *bytes;
	size_t size;
};

static struct file seed(const char *name)
{
	const char *source = getenv("srcdir");
	_cleanup_free_ char *path = str_printf("%s/tests/fuzz/seeds/binlog/%s", source ? source : ".", name);
	struct file file = {.bytes = mem_alloc(1 << 16)};
	FILE *stream = fopen(path, "rb");
	if (!stream)
		fail_msg("there is no %s", path);
	file.size = fread(file.bytes, 1, 1 << 16, stream);
	fclose(stream);
	return file;
}

/* "0-1-19@0:858 ..." */
static void note(const struct binlog *binlog, void *data)
{
	char gtid[BINLOG_GTID_TEXT];
	binlog_gtid_format(&binlog->gtid, gtid);
	strbuf_addf(data, "%s%s@%zu:%llu", ((struct strbuf *)data)->length ? " " : "", gtid, binlog->begins_in,
		    (unsigned long long)binlog->begins_at);
}

static void assert_read(struct binlog *binlog, const uint8_t *bytes, size_t size, enum binlog_end end, const char *found)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	/* In memory of its own size: a sanitizer sees one byte too far. */
	uint8_t *copy = mem_alloc(size ? size : 1);
	memcpy(copy, bytes, size);
	enum binlog_end seen = binlog_read(binlog, copy, size, note, &text);
	free(copy);
	assert_string_equal(text.text ? text.text : "", found);
	assert_int_equal(seen, end);
}

#define ROTATED "3-1-2@0:691 0-1-19@0:858 0-1-20@0:1026 0-1-21@0:1309 0-1-22@0:1485 0-1-23@0:1660 0-1-24@0:1814 0-1-25@0:2016 3-1-3@0:2161"

TEST(every_transaction_of_a_relay_log_is_found_where_it_begins)
{
	struct file rotated = seed("rotated"), last = seed("last");
	struct binlog binlog = {0};
	assert_read(&binlog, rotated.bytes, rotated.size, BINLOG_WHOLE, ROTATED);
	assert_read(&binlog, last.bytes, last.size, BINLOG_WHOLE, "3-1-4@1:691");
	free(rotated.bytes);
	free(last.bytes);
}

/* The transaction 3-1-4 ends at the end of the file, with a commit of 31 bytes. */
TEST(a_transaction_whose_commit_is_torn_off_is_not_there)
{
	struct file last = seed("last");
	for (size_t size = 692; size < last.size; size++) {
		struct binlog binlog = {0};
		bool between = size == 733 || size == 828; /* after a whole event */
		assert_read(&binlog, last.bytes, size, between ? BINLOG_WHOLE : BINLOG_TORN, "");
	}
	free(last.bytes);
}

TEST(nothing_behind_a_damaged_byte_is_believed)
{
	struct file rotated = seed("rotated");
	struct binlog binlog = {0};
	rotated.bytes[1100] ^= 1; /* in 0-1-20 */
	assert_read(&binlog, rotated.bytes, rotated.size, BINLOG_TORN, "3-1-2@0:691 0-1-19@0:858");
	free(rotated.bytes);
}

/* As after a power cut: the file has its length, and not its contents. */
TEST(zeros_are_no_events)
{
	struct file last = seed("last");
	struct binlog binlog = {0};
	memset(last.bytes + last.size, 0, 4096);
	assert_read(&binlog, last.bytes, last.size + 4096, BINLOG_TORN, "3-1-4@0:691");
	free(last.bytes);
}

TEST(a_transaction_may_begin_in_one_file_and_end_in_the_next)
{
	struct file last = seed("last");
	struct binlog binlog = {0};
	uint8_t second[1024];
	/* The second has the first's description, and then the commit. */
	memcpy(second, last.bytes, 256);
	memcpy(second + 256, last.bytes + 828, last.size - 828);
	assert_read(&binlog, last.bytes, 828, BINLOG_WHOLE, "");
	assert_read(&binlog, second, 256 + last.size - 828, BINLOG_WHOLE, "3-1-4@0:691");
	free(last.bytes);
}

TEST(what_is_no_relay_log_is_not_read)
{
	static const uint8_t empty[1] = {0}, text[] = "not a relay log", encrypted[] = {0xfd, 'b', 'i', 'n', 0, 0, 0, 0};
	struct file last = seed("last");
	struct binlog binlog = {0};
	assert_read(&binlog, empty, 0, BINLOG_TORN, "");
	assert_read(&binlog, last.bytes, 3, BINLOG_TORN, "");
	assert_read(&binlog, last.bytes, 4, BINLOG_WHOLE, "");
	assert_read(&binlog, text, sizeof(text), BINLOG_FOREIGN, "");
	assert_read(&binlog, encrypted, sizeof(encrypted), BINLOG_FOREIGN, "");
	free(last.bytes);
}

/* An event of a type and body of the test's own, with its checksum, behind the description of the seed. */
static size_t event_put(uint8_t *bytes, size_t at, uint8_t type, const uint8_t *body, size_t length)
{
	uint32_t whole = (uint32_t)(19 + length + 4);
	memset(bytes + at, 0, 19);
	bytes[at + 4] = type;
	bytes[at + 5] = 7; /* server */
	for (unsigned int i = 0; i < 4; i++)
		bytes[at + 9 + i] = (uint8_t)(whole >> (8 * i));
	memcpy(bytes + at + 19, body, length);
	uLong sum = crc32(crc32(0, NULL, 0), bytes + at, (uInt)(19 + length));
	for (unsigned int i = 0; i < 4; i++)
		bytes[at + 19 + length + i] = (uint8_t)(sum >> (8 * i));
	return at + whole;
}

TEST(an_encrypted_relay_log_is_recognised)
{
	static const uint8_t scheme[] = {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct file last = seed("last");
	struct binlog binlog = {0};
	size_t size = event_put(last.bytes, 256, 164, scheme, sizeof(scheme));
	assert_read(&binlog, last.bytes, size, BINLOG_ENCRYPTED, "");
	free(last.bytes);
}

static size_t gtid_put(uint8_t *bytes, size_t at, uint8_t sequence, uint8_t flags)
{
	uint8_t body[19] = {[0] = sequence, [12] = flags};
	return event_put(bytes, at, 162, body, sizeof(body));
}

static size_t query_put(uint8_t *bytes, size_t at, const char *text)
{
	uint8_t body[128] = {[8] = 2 /* the schema's name */, [11] = 3 /* variables */};
	memcpy(body + 13 + 3, "d1", 3);
	memcpy(body + 13 + 3 + 3, text, strlen(text));
	return event_put(bytes, at, 2, body, 13 + 3 + 3 + strlen(text));
}

TEST(a_transaction_ends_with_its_commit_and_a_statement_that_stands_alone_with_itself)
{
	struct file last = seed("last");
	struct binlog binlog = {0};
	size_t at = gtid_put(last.bytes, 256, 1, 0);
	at = query_put(last.bytes, at, "INSERT INTO t VALUES ('COMMIT')");
	at = query_put(last.bytes, at, "COMMIT");
	at = gtid_put(last.bytes, at, 2, 1);
	at = event_put(last.bytes, at, 13, (const uint8_t[8]){0}, 8); /* RAND(), of the statement that follows */
	at = query_put(last.bytes, at, "CREATE TABLE x (a INT)");
	at = gtid_put(last.bytes, at, 3, 0);
	at = query_put(last.bytes, at, "INSERT INTO t VALUES (1)");
	at = query_put(last.bytes, at, "ROLLBACK");
	at = gtid_put(last.bytes, at, 4, 0);
	at = event_put(last.bytes, at, 38, (const uint8_t[8]){0}, 8); /* XA PREPARE */
	at = gtid_put(last.bytes, at, 5, 0);
	at = query_put(last.bytes, at, "INSERT INTO t VALUES (2)");
	_cleanup_strbuf_ struct strbuf text = {0};
	assert_int_equal(binlog_read(&binlog, last.bytes, at, note, &text), BINLOG_WHOLE);
	assert_string_equal(text.text, "0-7-1@0:256 0-7-2@0:419 0-7-3@0:556 0-7-4@0:714");
	assert_true(binlog.open);
	free(last.bytes);
}

#define UUID "734ed2b2-e995-11f1-96bd-6e8429ef7c1e"
#define HELD "73491eea-e995-11f1-bf0e-0a04b05c9187:1-3890,7354e13d-e995-11f1-a505-0281d088c9b4:1-563," UUID ":1-"

TEST(a_binary_log_of_mysql_says_what_stands_before_it)
{
	struct file mysql = seed("mysql");
	struct binlog binlog = {0};
	assert_read(&binlog, mysql.bytes, mysql.size, BINLOG_WHOLE,
		    UUID ":3065@0:278 " UUID ":3066@0:609 " UUID ":3067@0:942 " UUID ":3068@0:1275");
	/* assert_read() reads from a copy that is gone. */
	binlog = (struct binlog){0};
	_cleanup_strbuf_ struct strbuf text = {0};
	binlog_read(&binlog, mysql.bytes, mysql.size, note, &text);
	_cleanup_gtid_ struct gtid_set *previous = binlog_previous(&binlog);
	_cleanup_free_ char *shown = gtid_set_format(previous);
	assert_string_equal(shown, "73491eea-e995-11f1-bf0e-0a04b05c9187:433-3890," UUID
				   ":2342-3064,7354e13d-e995-11f1-a505-0281d088c9b4:416-563");
	assert_int_equal(binlog_head(mysql.bytes, mysql.size), 127);
	free(mysql.bytes);
}

static size_t mysql_gtid_put(uint8_t *bytes, size_t at, uint8_t type, uint8_t sequence)
{
	uint8_t body[42] = {[1] = 0xaa, [17] = sequence};
	return event_put(bytes, at, type, body, sizeof(body));
}

/* MySQL does not say beforehand that a statement stands alone. */
TEST(transactions_of_mysql_begin_and_end_in_their_own_ways)
{
	struct file mysql = seed("mysql");
	struct binlog binlog = {0};
	_cleanup_strbuf_ struct strbuf text = {0};
	size_t at = mysql_gtid_put(mysql.bytes, 127, 33, 1), second, third, fourth, fifth, sixth;
	at = second = query_put(mysql.bytes, at, "CREATE TABLE x (a INT)");
	at = mysql_gtid_put(mysql.bytes, at, 33, 2);
	at = query_put(mysql.bytes, at, "BEGIN");
	at = query_put(mysql.bytes, at, "INSERT INTO t VALUES (1)");
	at = third = query_put(mysql.bytes, at, "COMMIT");
	at = mysql_gtid_put(mysql.bytes, at, 33, 3);
	at = fourth = event_put(mysql.bytes, at, 40, (const uint8_t[8]){0}, 8); /* compressed */
	at = mysql_gtid_put(mysql.bytes, at, 34, 0);
	at = fifth = query_put(mysql.bytes, at, "DROP TABLE x");
	at = mysql_gtid_put(mysql.bytes, at, 42, 0);
	at = sixth = query_put(mysql.bytes, at, "DROP TABLE y");
	at = mysql_gtid_put(mysql.bytes, at, 33, 4);
	at = query_put(mysql.bytes, at, "BEGIN");
	at = query_put(mysql.bytes, at, "INSERT INTO t VALUES (2)");
	_cleanup_free_ char *expected =
	    str_printf("aa000000-0000-0000-0000-000000000000:1@0:127 aa000000-0000-0000-0000-000000000000:2@0:%zu "
		       "aa000000-0000-0000-0000-000000000000:3@0:%zu @0:%zu @0:%zu",
		       second, third, fourth, fifth);
	assert_int_equal(binlog_read(&binlog, mysql.bytes, at, note, &text), BINLOG_WHOLE);
	assert_string_equal(text.text, expected);
	assert_true(binlog.open && binlog.begins_at == sixth);
	assert_null(binlog_previous(&binlog));
	free(mysql.bytes);
}

static void assert_tail(const struct file *file, const char *held, enum tail_state state, uint64_t at, const char *gtids)
{
	struct tail tail;
	_cleanup_gtid_ struct gtid_set *set = gtid_set_parse(GTID_FLAVOUR_MYSQL, held);
	assert_non_null(set);
	tail_find(file->bytes, file->size, set, &tail);
	assert_int_equal(tail.state, state);
	assert_true((tail.state == TAIL_OTHER) == (tail.reason != NULL));
	assert_int_equal(tail.at, at);
	if (gtids)
		assert_string_equal(tail.gtids, gtids);
	else
		assert_null(tail.gtids);
	free(tail.gtids);
}

TEST(a_tail_is_cut_only_where_the_primary_has_all_before_it_and_nothing_of_it)
{
	struct file mysql = seed("mysql");
	assert_tail(&mysql, HELD "3068", TAIL_NONE, 0, NULL);
	assert_tail(&mysql, HELD "3067", TAIL_CUT, 1275, UUID ":3068");
	assert_tail(&mysql, HELD "3065", TAIL_CUT, 609, UUID ":3066," UUID ":3067," UUID ":3068");
	assert_tail(&mysql, HELD "3064", TAIL_CUT, 278, UUID ":3065," UUID ":3066," UUID ":3067," UUID ":3068");
	/* In older files, too; in the middle. */
	assert_tail(&mysql, HELD "3063", TAIL_OTHER, 0, NULL);
	assert_tail(&mysql, "", TAIL_OTHER, 0, NULL);
	assert_tail(&mysql, HELD "3065:3067-3068", TAIL_OTHER, 0, NULL);
	/* The last event is torn off: what was not written as a whole counts for nothing. */
	mysql.size -= 1;
	assert_tail(&mysql, HELD "3066", TAIL_CUT, 942, UUID ":3067");
	mysql.bytes[3] = 'x';
	assert_tail(&mysql, HELD "3066", TAIL_OTHER, 0, NULL);
	free(mysql.bytes);
}

TEST(a_transaction_without_a_number_is_never_cut_off)
{
	struct file mysql = seed("mysql");
	mysql.size = mysql_gtid_put(mysql.bytes, mysql.size, 34, 0);
	mysql.size = query_put(mysql.bytes, mysql.size, "DROP TABLE x");
	assert_tail(&mysql, HELD "3067", TAIL_OTHER, 0, NULL);
	free(mysql.bytes);
}

/* What is not undone by itself when the binary log does not have it would differ without a trace. */
TEST(a_definition_is_never_cut_off)
{
	struct file mysql = seed("mysql");
	mysql.size = mysql_gtid_put(mysql.bytes, mysql.size, 33, 1);
	mysql.size = query_put(mysql.bytes, mysql.size, "CREATE TABLE x (a INT)");
	assert_tail(&mysql, HELD "3067", TAIL_OTHER, 0, NULL);
	assert_tail(&mysql, HELD "3068", TAIL_OTHER, 0, NULL);
	assert_tail(&mysql, HELD "3068,aa000000-0000-0000-0000-000000000000:1", TAIL_NONE, 0, NULL);
	free(mysql.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_transaction_of_a_relay_log_is_found_where_it_begins),
	    cmocka_unit_test(a_transaction_whose_commit_is_torn_off_is_not_there),
	    cmocka_unit_test(nothing_behind_a_damaged_byte_is_believed),
	    cmocka_unit_test(zeros_are_no_events),
	    cmocka_unit_test(a_transaction_may_begin_in_one_file_and_end_in_the_next),
	    cmocka_unit_test(what_is_no_relay_log_is_not_read),
	    cmocka_unit_test(an_encrypted_relay_log_is_recognised),
	    cmocka_unit_test(a_transaction_ends_with_its_commit_and_a_statement_that_stands_alone_with_itself),
	    cmocka_unit_test(a_binary_log_of_mysql_says_what_stands_before_it),
	    cmocka_unit_test(transactions_of_mysql_begin_and_end_in_their_own_ways),
	    cmocka_unit_test(a_tail_is_cut_only_where_the_primary_has_all_before_it_and_nothing_of_it),
	    cmocka_unit_test(a_transaction_without_a_number_is_never_cut_off),
	    cmocka_unit_test(a_definition_is_never_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
