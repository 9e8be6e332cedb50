#include "core/facts.h"
#include "unit.h"

static struct facts parsed(const char *line)
{
	struct facts facts;
	struct error err;

	if (facts_parse(line, GTID_FLAVOUR_MARIADB, &facts, &err))
		fail_msg("%s: %s", line, err.sentence);
	return facts;
}

static void assert_refused(const char *line)
{
	struct facts facts = {.promised = 7};
	struct error err;

	assert_int_equal(facts_parse(line, GTID_FLAVOUR_MARIADB, &facts, &err), -1);
	assert_int_equal(facts.promised, 7);
	assert_int_equal(facts.peer_count, 0);
}

static void assert_held(const char *line, const char *expected, enum tri drained)
{
	struct facts facts = parsed(line);
	_cleanup_gtid_ struct gtid_set *held = server_held(&facts.server);
	_cleanup_free_ char *text = gtid_set_format(held);

	if (!str_equal(text, expected))
		fail_msg("%s: holds %s, not %s", line, text ? text : "unknown", expected ? expected : "unknown");
	assert_int_equal(server_drained(&facts.server), drained);
	facts_clear(&facts);
}

TEST(what_was_not_seen_is_unknown)
{
	struct facts facts = parsed("");
	_cleanup_free_ char *line = facts_format(&facts);

	assert_int_equal(facts.server.state, SERVER_UNKNOWN);
	assert_int_equal(facts.server.writable, TRI_UNKNOWN);
	assert_int_equal(facts.local_role, ROLE_UNKNOWN);
	assert_int_equal(facts.quorum, TRI_UNKNOWN);
	assert_null(facts.server.executed);
	assert_string_equal(line, "");
	facts_clear(&facts);
}

TEST(a_line_of_facts_comes_back_as_it_was)
{
	static const char line[] =
	    "server.state=up server.writable=no server.server_id=3 server.uuid=3 server.executed= server.received=0-1-7,1-2-3 "
	    "server.has_source=yes server.source_host=10.0.0.7 server.source_port=3306 server.receiver=connecting server.applier=running "
	    "server.receiver_error=error_2003:_no=way server.lag_s=18446744073709551615 local_role=primary promised=4 peers_known=yes "
	    "node2.example.com.role=primary node2.example.com.epoch=4 node2.example.com.held=0-1-9 b.role=recovering b.data=no";
	struct facts facts = parsed(line);
	_cleanup_free_ char *again = facts_format(&facts);

	assert_string_equal(again, line);
	assert_true(gtid_set_empty(facts.server.executed));
	assert_int_equal(facts_find(&facts, "node2.example.com")->epoch, 4);
	assert_null(facts_find(&facts, "node3"));
	assert_null(facts_find(&facts, NULL));
	facts_clear(&facts);
}

TEST(records_are_facts_like_any_other)
{
	static const char line[] = "record=5.2:alone:2:node1 marked=no synced=yes node2.record=5.1:unmarked:2:node1 node2.clean=yes";
	struct facts facts = parsed(line);
	_cleanup_free_ char *again = facts_format(&facts);

	assert_string_equal(again, line);
	assert_int_equal(facts.record.mode, RECORD_ALONE);
	assert_int_equal(facts_find(&facts, "node2")->record.mode, RECORD_UNMARKED);
	assert_int_equal(facts_find(&facts, "node2")->record.version, 1);
	facts_clear(&facts);
	assert_refused("record=5.2:alone:2:");
	assert_refused("record=");
	assert_refused("node2.record=none");
}

TEST(blanks_in_a_text_are_written_so_that_the_line_can_be_read_back)
{
	struct facts facts = {0};
	facts.server.applier_error = str_dup("error 1062: Duplicate\nentry\t'1'");
	_cleanup_free_ char *line = facts_format(&facts);

	assert_string_equal(line, "server.applier_error=error_1062:_Duplicate_entry_'1'");
	facts_clear(&facts);
}

TEST(five_nodes_with_everything_published_fit_on_a_line)
{
	struct strbuf text = {0};
	strbuf_add(&text, "server.state=up");
	for (int i = 2; i <= 5; i++)
		strbuf_addf(&text,
			    " n%d.role=replica n%d.epoch=1 n%d.address=n n%d.port=1 n%d.server_id=1 n%d.data=yes n%d.report_epoch=1 "
			    "n%d.report_candidate=a"
			    " n%d.held= n%d.applied= n%d.data_epoch=4 n%d.asked=yes n%d.position= n%d.uuid=1 n%d.waiting=1 n%d.ask_error=x",
			    i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i);
	_cleanup_free_ char *line = strbuf_take(&text);
	struct facts facts = parsed(line);
	_cleanup_free_ char *again = facts_format(&facts);

	assert_int_equal(facts.peer_count, 4);
	assert_string_equal(again, line);
	facts_clear(&facts);
}

TEST(a_line_that_is_not_facts_is_refused_as_a_whole)
{
	assert_refused("server.state=sleeping");
	assert_refused("server.state=");
	assert_refused("server.executed=0-1");
	assert_refused("server.waiting=-1");
	assert_refused("server.waiting=");
	assert_refused("no.such=1");
	assert_refused("nothing");
	assert_refused("quorum=yes quorum=no");
	assert_refused("node2.role=primary node2.epoch=x");
	assert_refused("quorum=yes ");
	assert_refused("state=up");
}

TEST(received_and_executed_make_what_is_held_and_unknown_is_not_nothing)
{
	assert_held("server.executed=0-1-7 server.has_source=no", "0-1-7", TRI_YES);
	assert_held("server.executed=0-1-7 server.received=0-1-9 server.has_source=yes", "0-1-9", TRI_NO);
	assert_held("server.executed=0-1-9 server.received=0-1-7 server.has_source=yes", "0-1-9", TRI_YES);
	assert_held("server.executed=0-1-9 server.received= server.has_source=yes", "0-1-9", TRI_YES);
	assert_held("server.executed=0-1-7 server.has_source=yes", NULL, TRI_UNKNOWN);
	assert_held("server.executed=0-1-7", NULL, TRI_UNKNOWN);
	assert_held("server.received=0-1-7 server.has_source=yes", NULL, TRI_UNKNOWN);
	assert_held("server.has_source=no", NULL, TRI_UNKNOWN);
}

TEST(a_peer_is_added_once)
{
	struct facts facts = {0};

	facts_peer(&facts, "a")->epoch = 1;
	facts_peer(&facts, "b")->epoch = 2;
	facts_peer(&facts, "a")->epoch = 3;
	assert_int_equal(facts.peer_count, 2);
	assert_int_equal(facts_find(&facts, "a")->epoch, 3);
	facts_clear(&facts);
	assert_int_equal(facts.peer_count, 0);
}

TEST(a_role_that_is_none_is_unknown)
{
	assert_int_equal(role_parse("primary"), ROLE_PRIMARY);
	assert_int_equal(role_parse("master"), ROLE_UNKNOWN);
	assert_int_equal(role_parse(""), ROLE_UNKNOWN);
	assert_int_equal(role_parse(NULL), ROLE_UNKNOWN);
	assert_string_equal(role_name(ROLE_RECOVERING), "recovering");
	assert_string_equal(tri_name(TRI_NO), "no");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_not_seen_is_unknown),
	    cmocka_unit_test(a_line_of_facts_comes_back_as_it_was),
	    cmocka_unit_test(records_are_facts_like_any_other),
	    cmocka_unit_test(blanks_in_a_text_are_written_so_that_the_line_can_be_read_back),
	    cmocka_unit_test(five_nodes_with_everything_published_fit_on_a_line),
	    cmocka_unit_test(a_line_that_is_not_facts_is_refused_as_a_whole),
	    cmocka_unit_test(received_and_executed_make_what_is_held_and_unknown_is_not_nothing),
	    cmocka_unit_test(a_peer_is_added_once),
	    cmocka_unit_test(a_role_that_is_none_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
