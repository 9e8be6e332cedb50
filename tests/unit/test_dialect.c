#include "core/dialect.h"
#include "unit.h"

static void assert_version(const char *text, enum gtid_flavour flavour, unsigned int major, unsigned int minor, unsigned int patch)
{
	struct server_version v;

	if (!server_version_parse(text, &v))
		fail_msg("refused: %s", text);
	if (v.flavour != flavour || v.major != major || v.minor != minor || v.patch != patch)
		fail_msg("%s: %d %u.%u.%u", text, v.flavour, v.major, v.minor, v.patch);
}

static const struct dialect *of(const char *text)
{
	struct server_version v;

	if (!server_version_parse(text, &v))
		fail_msg("refused: %s", text);
	return dialect_for(&v);
}

static const char *const servers[] = {"5.7.6", "5.7.44", "8.0.11",	   "8.0.26",	       "8.0.30",	"8.0.46",
				      "8.4.5", "9.7.0",	 "10.5.0-MariaDB", "10.11.19-MariaDB", "11.8.2-MariaDB"};

TEST(versions_are_read_as_servers_and_programs_print_them)
{
	struct server_version v = {.major = 42};

	assert_version("9.7.0", GTID_FLAVOUR_MYSQL, 9, 7, 0);
	assert_version("8.0.36-0ubuntu0.22.04.1", GTID_FLAVOUR_MYSQL, 8, 0, 36);
	assert_version("5.7.44-log", GTID_FLAVOUR_MYSQL, 5, 7, 44);
	assert_version("10.11.19-MariaDB-0+deb12u1-log", GTID_FLAVOUR_MARIADB, 10, 11, 19);
	assert_version("5.5.5-10.5.1-MariaDB", GTID_FLAVOUR_MARIADB, 10, 5, 1);
	assert_version("/usr/sbin/mysqld  Ver 9.7.0 for Linux on x86_64 ((Debian))", GTID_FLAVOUR_MYSQL, 9, 7, 0);
	assert_version("mariadbd  Ver 11.8.2-MariaDB-1 for debian-linux-gnu on x86_64 (Debian n/a)", GTID_FLAVOUR_MARIADB, 11, 8, 2);
	assert_false(server_version_parse("", &v));
	assert_false(server_version_parse("9.7", &v));
	assert_false(server_version_parse("-9.7.0", &v));
	assert_false(server_version_parse("9. 7.0", &v));
	assert_false(server_version_parse("99999.7.0", &v));
	assert_false(server_version_parse("MariaDB", &v));
	assert_int_equal(v.major, 42);
}

TEST(each_version_has_its_row_and_an_old_server_has_none)
{
	assert_string_equal(of("5.7.6")->name, "mysql-5.7");
	assert_string_equal(of("5.7.44")->name, "mysql-5.7");
	assert_string_equal(of("8.0.11")->name, "mysql-8.0.11");
	assert_string_equal(of("8.0.25")->name, "mysql-8.0.11");
	assert_string_equal(of("8.0.26")->name, "mysql-8.0");
	assert_string_equal(of("8.0.28")->name, "mysql-8.0");
	assert_string_equal(of("8.0.29")->name, "mysql-8.0.29");
	assert_string_equal(of("8.1.0")->name, "mysql-8.0.29");
	assert_string_equal(of("8.4.0")->name, "mysql-8.4");
	assert_string_equal(of("9.7.0")->name, "mysql-8.4");
	assert_string_equal(of("10.5.1-MariaDB")->name, "mariadb-10.5");
	assert_string_equal(of("10.6.0-MariaDB")->name, "mariadb-10.6");
	assert_string_equal(of("11.8.2-MariaDB")->name, "mariadb-10.6");
	assert_null(of("5.7.5"));
	assert_null(of("5.6.51"));
	assert_null(of("10.4.34-MariaDB"));
}

static void assert_statement(const char *server, enum statement statement, const char *expected)
{
	const char *text = dialect_statement(of(server), statement);

	if (!str_equal(text, expected))
		fail_msg("%s: %s, not %s", server, text ? text : "none", expected ? expected : "none");
}

TEST(every_server_is_spoken_to_in_its_own_words)
{
	assert_statement("5.7.44", STATEMENT_REPLICA_STATUS, "SHOW SLAVE STATUS");
	assert_statement("8.0.25", STATEMENT_REPLICA_STATUS, "SHOW SLAVE STATUS");
	assert_statement("8.0.26", STATEMENT_REPLICA_STATUS, "SHOW REPLICA STATUS");
	assert_statement("9.7.0", STATEMENT_REPLICA_STATUS, "SHOW REPLICA STATUS");
	assert_statement("10.11.6-MariaDB", STATEMENT_REPLICA_STATUS, "SHOW SLAVE STATUS");
	assert_statement("5.7.44", STATEMENT_SEMISYNC_SOURCE_ON, "SET GLOBAL rpl_semi_sync_master_enabled = ON");
	assert_statement("8.4.5", STATEMENT_SEMISYNC_SOURCE_ON, "SET GLOBAL rpl_semi_sync_source_enabled = ON");
	assert_statement("8.0.30", STATEMENT_RESET_BINLOG, "RESET MASTER");
	assert_statement("8.4.5", STATEMENT_RESET_BINLOG, "RESET BINARY LOGS AND GTIDS");
	assert_statement("10.11.6-MariaDB", STATEMENT_SEMISYNC_COUNT, NULL);
	assert_statement("10.11.6-MariaDB", STATEMENT_CLONE, NULL);
	assert_statement("5.7.44", STATEMENT_CLONE, NULL);
	/* It would be set before every change of the source. */
	assert_statement("9.7.0", STATEMENT_SET_POSITION, NULL);
	assert_statement("9.7.0", STATEMENT_SET_BINLOG_STATE, "SET GLOBAL gtid_purged = {set}");
	assert_statement("5.7.44", STATEMENT_DATA_SIZE, "SELECT SUM(file_size) AS bytes FROM information_schema.innodb_sys_tablespaces");
	assert_statement("8.0.11", STATEMENT_DATA_SIZE, "SELECT SUM(file_size) AS bytes FROM information_schema.innodb_tablespaces");
	assert_statement("5.7.44", STATEMENT_SET_BINLOG_EXPIRY, "SET GLOBAL expire_logs_days = {value:raw}");
	assert_statement("8.0.11", STATEMENT_SET_BINLOG_EXPIRY, "SET GLOBAL binlog_expire_logs_seconds = {value:raw}");
	assert_statement("8.0.28", STATEMENT_SET_BINLOG_EXPIRY, "SET GLOBAL binlog_expire_logs_seconds = {value:raw}");
	assert_statement("8.0.29", STATEMENT_SET_BINLOG_EXPIRY, "SET GLOBAL binlog_expire_logs_auto_purge = {value:raw}");
	assert_statement("9.7.0", STATEMENT_SET_BINLOG_EXPIRY, "SET GLOBAL binlog_expire_logs_auto_purge = {value:raw}");
	assert_statement("10.5.9-MariaDB", STATEMENT_SET_BINLOG_EXPIRY, "SET GLOBAL expire_logs_days = {value:raw}");
	assert_statement("10.6.9-MariaDB", STATEMENT_SET_BINLOG_EXPIRY, "SET GLOBAL binlog_expire_logs_seconds = {value:raw}");
}

TEST(writes_are_closed_for_everybody_and_opened_in_one_statement)
{
	for (size_t i = 0; i < ARRAY_LENGTH(servers); i++) {
		bool mariadb = strstr(servers[i], "MariaDB") != NULL;

		assert_statement(servers[i], STATEMENT_CLOSE_WRITES,
				 mariadb ? "SET GLOBAL read_only = ON" : "SET GLOBAL super_read_only = ON");
		assert_statement(servers[i], STATEMENT_OPEN_WRITES, "SET GLOBAL read_only = OFF");
	}
}

TEST(every_server_has_every_statement_that_a_decision_may_need)
{
	for (size_t i = 0; i < ARRAY_LENGTH(servers); i++) {
		const struct dialect *d = of(servers[i]);
		static const enum statement needed[] = {
		    STATEMENT_OBSERVE,
		    STATEMENT_SEMISYNC,
		    STATEMENT_SEMISYNC_STATUS,
		    STATEMENT_REPLICA_STATUS,
		    STATEMENT_USER_DATA,
		    STATEMENT_ACCOUNT_EXISTS,
		    STATEMENT_SESSIONS,
		    STATEMENT_KILL_SESSION,
		    STATEMENT_DUMPS,
		    STATEMENT_LOCK_WAIT,
		    STATEMENT_CLOSE_WRITES,
		    STATEMENT_OPEN_WRITES,
		    STATEMENT_AGENT_WRITES,
		    STATEMENT_NO_BINLOG,
		    STATEMENT_SEMISYNC_REPLICA,
		    STATEMENT_SEMISYNC_WAIT,
		    STATEMENT_SEMISYNC_POINT,
		    STATEMENT_SEMISYNC_SOURCE_ON,
		    STATEMENT_SEMISYNC_SOURCE_OFF,
		    STATEMENT_SET_SOURCE,
		    STATEMENT_START_REPLICATION,
		    STATEMENT_STOP_RECEIVER,
		    STATEMENT_START_APPLIER,
		    STATEMENT_STOP_REPLICATION,
		    STATEMENT_FORGET_SOURCE,
		    STATEMENT_ROTATE_BINLOG,
		    STATEMENT_RESET_BINLOG,
		    STATEMENT_SET_BINLOG_STATE,
		    STATEMENT_COPY_SESSION,
		    STATEMENT_COPY_LOCK,
		    STATEMENT_COPY_ORDER,
		    STATEMENT_DATA_SIZE,
		    STATEMENT_SET_VARIABLE,
		    STATEMENT_BINLOG_EXPIRY,
		    STATEMENT_SET_BINLOG_EXPIRY,
		    STATEMENT_DATA_EPOCH,
		    STATEMENT_MARK,
		    STATEMENT_MARK_SCHEMA,
		    STATEMENT_MARK_TABLE,
		};
		const char *const columns[] = {
		    d->receiver_running, d->applier_running, d->receiver_errno, d->receiver_error, d->applier_errno,
		    d->applier_error,	 d->source_host,     d->source_port,	d->received,	   d->lag,
		    d->auto_position,	 d->expiry};

		for (size_t s = 0; s < ARRAY_LENGTH(needed); s++) {
			if (!dialect_statement(d, needed[s]))
				fail_msg("%s lacks statement %d", servers[i], needed[s]);
		}
		for (size_t c = 0; c < ARRAY_LENGTH(columns); c++)
			assert_non_null(columns[c]);
		/* k is either told to the server or one. */
		assert_true(d->waits_for_one == (dialect_statement(d, STATEMENT_SEMISYNC_COUNT) == NULL));
		assert_true(d->has_clone == (dialect_statement(d, STATEMENT_CLONE) != NULL));
	}
}

static char *quote(void *context, const char *text)
{
	assert_non_null(context);
	return str_printf("'%s%s'", (const char *)context, text);
}

static char *rendered(const char *text, const struct statement_arg *args, size_t count)
{
	char mark[] = "~";

	return statement_render(text, args, count, quote, mark);
}

TEST(arguments_are_quoted_unless_they_are_raw_and_none_may_be_missing)
{
	static const struct statement_arg args[] = {{"user", "o'b{host}"}, {"port", "3306"}, {"tls", "0"}};
	_cleanup_free_ char *text = rendered("X {user} P {port:raw}, {tls:raw}{user}", args, 3), *plain = rendered("SHOW", NULL, 0);

	assert_string_equal(text, "X '~o'b{host}' P 3306, 0'~o'b{host}'");
	assert_string_equal(plain, "SHOW");
	assert_null(rendered("X {host}", args, 3));
	assert_null(rendered("X {use}", args, 3));
	assert_null(rendered("X {user", args, 3));
}

/* Everything that a statement of any server asks for. */
TEST(every_statement_can_be_rendered)
{
	static const struct statement_arg args[] = {
	    {"user", "u"},    {"host", "h"},	{"port", "1"},	{"password", "p"}, {"tls", "1"},   {"id", "1"},
	    {"seconds", "1"}, {"timeout", "1"}, {"k", "1"},	{"on", "ON"},	   {"delay", "0"}, {"set", ""},
	    {"donor", "h:1"}, {"name", "n"},	{"value", "v"}, {"require", ""},   {"hash", "*0"}, {"epoch", "1"},
	    {"node", "n"},    {"reason", "r"},	{"file", "f"},	{"position", "4"}, {"rate", "0"},  {"attempt", "a"},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(servers); i++) {
		const struct dialect *d = of(servers[i]);
		const char *const *lists[] = {dialect_administration_grants(d), dialect_replication_grants(d)};

		for (int s = 0; s < STATEMENT_COUNT; s++) {
			const char *text = dialect_statement(d, (enum statement)s);
			_cleanup_free_ char *whole = text ? rendered(text, args, ARRAY_LENGTH(args)) : NULL;

			if (text && (!whole || strpbrk(whole, "{}")))
				fail_msg("%s: %s", servers[i], text);
		}
		for (size_t l = 0; l < 2; l++) {
			for (const char *const *g = lists[l]; *g; g++) {
				_cleanup_free_ char *whole = rendered(*g, args, ARRAY_LENGTH(args));

				assert_non_null(whole);
				/* Least privileges: nobody gets everything, and nobody may hand on what he has. */
				assert_null(strstr(whole, "ALL PRIVILEGES"));
				assert_null(strstr(whole, "GRANT OPTION"));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions_are_read_as_servers_and_programs_print_them),
	    cmocka_unit_test(each_version_has_its_row_and_an_old_server_has_none),
	    cmocka_unit_test(every_server_is_spoken_to_in_its_own_words),
	    cmocka_unit_test(writes_are_closed_for_everybody_and_opened_in_one_statement),
	    cmocka_unit_test(every_server_has_every_statement_that_a_decision_may_need),
	    cmocka_unit_test(arguments_are_quoted_unless_they_are_raw_and_none_may_be_missing),
	    cmocka_unit_test(every_statement_can_be_rendered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
