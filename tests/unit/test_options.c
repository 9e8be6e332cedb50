#include "core/options.h"
#include "unit.h"

static const struct dialect *dialect(enum gtid_flavour flavour, unsigned int major, unsigned int minor)
{
	struct server_version version = {flavour, major, minor, 30};

	return dialect_for(&version);
}
#define MYSQL57 dialect(GTID_FLAVOUR_MYSQL, 5, 7)
#define MYSQL84 dialect(GTID_FLAVOUR_MYSQL, 8, 4)
#define MARIADB dialect(GTID_FLAVOUR_MARIADB, 10, 11)

static struct user_options options(const char *printed)
{
	struct user_options list;

	user_options_parse(printed, &list);
	return list;
}

static void assert_check(const struct dialect *d, const char *printed, const char *part)
{
	static char path[] = "/etc/my.cnf";
	struct config config = {.config = path};
	struct user_options list = options(printed);
	struct error err = {.sentence = ""};
	int rc = user_options_check(&config, d, &list, &err);

	if ((rc == 0) != (part == NULL) || (part && !strstr(err.sentence, part)))
		fail_msg("%s: %d %s", printed, rc, err.sentence);
	if (rc)
		assert_int_equal(err.code, OCF_ERR_ARGS);
	user_options_clear(&list);
}

TEST(options_are_read_as_the_server_prints_them)
{
	struct user_options list =
	    options("/usr/sbin/mysqld would have been started with the following arguments:\n"
		    "--Log-Bin=binlog --loose-skip-log_bin --datadir=/data dir --skip-name-resolve --server-id=7 --server_id=8 \n");

	assert_int_equal(list.count, 6);
	assert_string_equal(user_options_get(&list, "log_bin"), "0");
	assert_string_equal(user_options_get(&list, "datadir"), "/data dir");
	assert_string_equal(user_options_get(&list, "skip_name_resolve"), "1");
	assert_string_equal(user_options_get(&list, "server_id"), "8");
	assert_null(user_options_get(&list, "port"));
	user_options_clear(&list);
	list = options("no options here");
	assert_int_equal(list.count, 0);
	user_options_clear(&list);
}

TEST(a_file_that_contradicts_a_law_is_an_error_that_says_why)
{
	assert_check(MYSQL84, "--gtid-mode=OFF", "/etc/my.cnf says gtid_mode=OFF, but ON is needed, because positions");
	assert_check(MYSQL84, "--sync-binlog=0", "sync_binlog=0, but 1 is needed");
	assert_check(MYSQL84, "--sync-binlog=100", "sync_binlog");
	assert_check(MYSQL84, "--skip-log-bin", "every node must be able to become the primary");
	assert_check(MYSQL84, "--disable-log-bin", "every node must be able to become the primary");
	assert_check(MYSQL84, "--skip-log-slave-updates", "log_replica_updates");
	assert_check(MYSQL84, "--innodb_flush_log_at_trx_commit=2", "on the disk");
	assert_check(MYSQL84, "--relay-log-recovery", "relay_log_recovery");
	assert_check(MYSQL57, "--rpl_semi_sync_master_wait_point=AFTER_COMMIT", "before it is safe");
	assert_check(MYSQL84, "--rpl_semi_sync_source_wait_no_replica=OFF", "that nobody else has");
	assert_check(MARIADB, "--skip-rpl-semi-sync-master-wait-no-slave", "that nobody else has");
	assert_check(MARIADB, "--gtid-strict-mode=0", "gtid_strict_mode");
	assert_check(MARIADB, "--binlog-ignore-db=scratch", "/etc/my.cnf says binlog_ignore_db=scratch, but what a filter leaves out");
	assert_check(MYSQL84, "--replicate-wild-ignore-table=test.%", "lost when one of them is promoted: remove the line");
}

TEST(a_file_that_agrees_or_is_of_the_other_server_is_fine)
{
	assert_check(MYSQL84, "", NULL);
	assert_check(MYSQL84, "--gtid-mode=on --sync-binlog=1 --log-bin=my-binlog --log-replica-updates=1 --relay-log-recovery=0", NULL);
	assert_check(MYSQL84, "--sync-binlog=0 --sync-binlog=1", NULL);
	assert_check(MYSQL84, "--gtid-strict-mode=0 --read-only=0 --server-id=0", NULL);
	assert_check(MARIADB, "--gtid-mode=OFF --log-bin --relay-log-recovery=1", NULL);
}

TEST(what_the_agent_sets_nobody_else_does)
{
	assert_true(option_is_owned("read_only"));
	assert_true(option_is_owned("rpl_semi_sync_master_enabled"));
	assert_true(option_is_owned("sync_binlog"));
	assert_true(option_is_owned("log_slave_updates"));
	assert_true(option_is_owned("binlog_expire_logs_auto_purge"));
	assert_true(option_is_owned("expire_logs_days"));
	assert_false(option_is_owned("max_connections"));
	assert_false(option_is_owned("bind_address"));
}

TEST(a_persisted_variable_that_would_win_over_the_command_line_is_found)
{
	const char *found = option_persisted("{\"Version\": 2, \"mysql_dynamic_variables\": {\"super_read_only\": {\"Value\": \"OFF\"}}}");

	assert_non_null(found);
	assert_string_equal(found, "super_read_only");
	assert_null(option_persisted("{\"Version\": 2, \"mysql_dynamic_variables\": {\"max_connections\": {\"Value\": \"9\"}}}"));
	/* MySQL has a switch beside it. */
	assert_null(option_persisted("{\"mysql_dynamic_variables\": {\"binlog_expire_logs_seconds\": {\"Value\": \"9\"}}}"));
	assert_null(option_persisted(""));
}

static void assert_expiry(unsigned int patch, enum gtid_flavour flavour, unsigned int major, unsigned int minor, const char *printed,
			  const char *expected)
{
	struct server_version version = {flavour, major, minor, patch};
	struct user_options list = options(printed);
	_cleanup_free_ char *expiry = binlog_expiry(dialect_for(&version), &list);

	if (!str_equal(expiry, expected))
		fail_msg("%s: %s, not %s", printed, expiry ? expiry : "never", expected ? expected : "never");
	user_options_clear(&list);
}
#define EXPIRY57(printed, expected) assert_expiry(44, GTID_FLAVOUR_MYSQL, 5, 7, printed, expected)
#define EXPIRY8028(printed, expected) assert_expiry(28, GTID_FLAVOUR_MYSQL, 8, 0, printed, expected)
#define EXPIRY84(printed, expected) assert_expiry(0, GTID_FLAVOUR_MYSQL, 8, 4, printed, expected)
#define EXPIRY105(printed, expected) assert_expiry(9, GTID_FLAVOUR_MARIADB, 10, 5, printed, expected)
#define EXPIRY1011(printed, expected) assert_expiry(6, GTID_FLAVOUR_MARIADB, 10, 11, printed, expected)

TEST(binary_logs_expire_as_the_user_has_it_or_as_the_server_does_by_itself)
{
	EXPIRY57("", NULL);
	EXPIRY57("--expire-logs-days=10", "10");
	EXPIRY8028("", "2592000");
	EXPIRY8028("--binlog-expire-logs-seconds=3600", "3600");
	EXPIRY8028("--expire_logs_days=2", "172800");
	EXPIRY8028("--binlog-expire-logs-seconds=3600 --expire_logs_days=2", "3600");
	EXPIRY8028("--binlog-expire-logs-seconds=0", NULL);
	EXPIRY84("", "1");
	EXPIRY84("--binlog-expire-logs-seconds=0", NULL);
	EXPIRY84("--binlog-expire-logs-auto-purge=OFF", NULL);
	EXPIRY84("--skip-binlog-expire-logs-auto-purge", NULL);
	EXPIRY84("--binlog-expire-logs-auto-purge=ON --binlog-expire-logs-seconds=60", "1");
	EXPIRY105("--expire_logs_days = 10", NULL); /* not as the server prints it */
	EXPIRY105("--expire_logs_days=10", "10");
	EXPIRY1011("", NULL);
	EXPIRY1011("--expire_logs_days=10", "864000");
	EXPIRY1011("--expire_logs_days=0.5", "43200");
	EXPIRY1011("--binlog-expire-logs-seconds=60 --expire_logs_days=1", "86400");
	EXPIRY1011("--expire_logs_days=1 --binlog-expire-logs-seconds=60", "60");
	EXPIRY1011("--expire_logs_days=1 --binlog-expire-logs-seconds=0", NULL);
	EXPIRY1011("--binlog-expire-logs-seconds=1K", NULL);
	EXPIRY1011("--expire_logs_days=1.", NULL);
	EXPIRY1011("--expire_logs_days=-1", NULL);
}

TEST(the_server_id_is_the_users_or_the_clusters_node_number)
{
	struct config config = {.instance = {.node_id = 4}};
	struct user_options list = options("--server-id=12");

	assert_int_equal(server_id_choose(&config, &list), 12);
	user_options_clear(&list);
	list = options("--server-id=0");
	assert_int_equal(server_id_choose(&config, &list), 4);
	config.instance.node_id = 0;
	assert_int_equal(server_id_choose(&config, &list), 1);
	config.instance.node_id = (uint64_t)UINT32_MAX + 1;
	assert_int_equal(server_id_choose(&config, &list), 1);
	user_options_clear(&list);
}

static bool has(char *const *argv, const char *item)
{
	for (; *argv; argv++)
		if (strcmp(*argv, item) == 0)
			return true;
	return false;
}

static char **argv_with(const struct dialect *d, const char *printed, const char *additional, enum launch_as as, const char *parameter)
{
	const char *env[] = {"OCF_RESKEY_CRM_meta_on_node=node1", "OCF_RESKEY_CRM_meta_on_node_uuid=3", parameter, NULL};
	struct config config;
	struct error err;
	struct user_options list = options(printed);

	assert_int_equal(config_load((char *const *)env, &config, &err), 0);
	str_set(&config.additional_parameters, additional);
	char **argv = server_argv(&config, d, &list, as);
	user_options_clear(&list);
	config_clear(&config);
	return argv;
}

static char **argv_of_two(const struct dialect *d, const char *printed, const char *keep)
{
	static const char *const usual[] = {"OCF_RESKEY_CRM_meta_on_node=node1", "OCF_RESKEY_CRM_meta_clone_max=2",
					    "OCF_RESKEY_CRM_meta_notify=true", "OCF_RESKEY_credentials=/c"};
	const char *env[] = {usual[0], usual[1], usual[2], usual[3], keep, NULL};
	struct config config;
	struct error err;
	struct user_options list = options(printed);

	assert_int_equal(config_load((char *const *)env, &config, &err), 0);
	char **argv = server_argv(&config, d, &list, LAUNCH_PLAIN);
	user_options_clear(&list);
	config_clear(&config);
	return argv;
}

static char **argv_of(const struct dialect *d, const char *printed, const char *additional, enum launch_as as)
{
	return argv_with(d, printed, additional, as, NULL);
}

static void assert_index(const char *printed, const char *expected)
{
	struct user_options list = {0};
	struct config config = {.datadir = (char *)"/data"};

	user_options_parse(printed, &list);
	_cleanup_free_ char *index = binlog_index(&config, &list);
	assert_string_equal(index, expected);
	user_options_clear(&list);
}

TEST(the_list_of_binary_logs_is_where_the_server_has_it)
{
	assert_index("", "/data/binlog.index");
	assert_index("--log-bin", "/data/binlog.index");
	assert_index("--log-bin=ON", "/data/binlog.index");
	assert_index("--log_bin=mysql-bin", "/data/mysql-bin.index");
	assert_index("--log-bin=mysql-bin.log", "/data/mysql-bin.index");
	assert_index("--log-bin=/logs/host.example.org/bin", "/logs/host.example.org/bin.index");
	assert_index("--log-bin=/logs/bin --log-bin-index=list", "/data/list.index");
}

TEST(a_server_starts_read_only_and_with_what_the_laws_need)
{
	const struct dialect *const all[] = {MYSQL57, MYSQL84, MARIADB};

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		char **argv = argv_of(all[i], "--read-only=0 --skip-slave-start=0", NULL, LAUNCH_PLAIN);

		assert_true(has(argv, "--read_only=ON"));
		assert_true(has(argv, "--skip_slave_start=ON") || has(argv, "--skip_replica_start=ON"));
		assert_true(has(argv, "--sync_binlog=1"));
		assert_true(has(argv, "--innodb_flush_log_at_trx_commit=1"));
		assert_true(has(argv, "--log_bin=binlog"));
		assert_true(has(argv, "--server-id=3"));
		assert_true(has(argv, "--report-host=node1"));
		assert_false(has(argv, "--init-rpl-role=SLAVE"));
		assert_true(strncmp(argv[1], "--defaults-file=", 16) == 0);
		argv_free(argv);
	}
}

TEST(each_server_gets_its_own_words)
{
	char **old = argv_of(MYSQL57, "", NULL, LAUNCH_BEHIND_PRIMARY), **new = argv_of(MYSQL84, "", NULL, LAUNCH_BEHIND_PRIMARY);
	char **mariadb = argv_of(MARIADB, "", NULL, LAUNCH_BEHIND_PRIMARY);

	assert_true(has(old, "--gtid_mode=ON") && has(new, "--gtid_mode=ON") && !has(mariadb, "--gtid_mode=ON"));
	assert_true(has(old, "--loose-rpl_semi_sync_master_wait_point=AFTER_SYNC"));
	assert_true(has(new, "--loose-rpl_semi_sync_source_wait_point=AFTER_SYNC"));
	assert_true(has(mariadb, "--rpl_semi_sync_master_wait_point=AFTER_SYNC"));
	assert_true(has(mariadb, "--gtid_strict_mode=ON"));
	assert_true(has(new, "--super_read_only=ON") && !has(mariadb, "--super_read_only=ON"));
	/* Only MariaDB knows how to drop an unacknowledged tail, and only behind another primary. */
	assert_true(has(mariadb, "--init-rpl-role=SLAVE") && !has(new, "--init-rpl-role=SLAVE"));
	argv_free(old);
	argv_free(new);
	argv_free(mariadb);
}

TEST(the_users_choice_stands_where_no_law_is_concerned_and_ours_comes_last)
{
	char **argv = argv_of(MYSQL84, "--log-bin=mine --bind-address=10.0.0.1 --rpl_semi_sync_source_timeout=5",
			      " --max-connections=9  --read-only=0 ", LAUNCH_PLAIN);
	size_t theirs = 0, ours = 0;

	assert_false(has(argv, "--log_bin=binlog"));
	assert_false(has(argv, "--bind_address=*"));
	assert_true(has(argv, "--loose-rpl_semi_sync_source_timeout=1000000000000"));
	assert_true(has(argv, "--max-connections=9"));
	for (size_t i = 0; argv[i]; i++) {
		if (strcmp(argv[i], "--read-only=0") == 0)
			theirs = i;
		if (strcmp(argv[i], "--read_only=ON") == 0)
			ours = i;
	}
	assert_true(theirs > 0 && ours > theirs);
	argv_free(argv);
}

TEST(what_a_power_cut_of_all_nodes_must_not_take_is_on_the_disk_when_it_is_acknowledged)
{
	const struct dialect *const all[] = {MYSQL57, MYSQL84, MARIADB};

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		char **usual = argv_of(all[i], "", NULL, LAUNCH_PLAIN);
		char **safe = argv_with(all[i], "--sync-relay-log=10000", "--sync-relay-log=0", LAUNCH_PLAIN, "OCF_RESKEY_power_safe=true");
		size_t theirs = 0, ours = 0;

		assert_false(has(usual, "--sync-relay-log=1") || has(usual, "--sync-master-info=1"));
		/* MySQL has the position in a table. */
		assert_true(has(safe, "--sync-master-info=1") == (all[i] == MARIADB));
		for (size_t n = 0; safe[n]; n++) {
			if (strcmp(safe[n], "--sync-relay-log=0") == 0)
				theirs = n;
			if (strcmp(safe[n], "--sync-relay-log=1") == 0)
				ours = n;
		}
		assert_true(theirs > 0 && ours > theirs);
		argv_free(usual);
		argv_free(safe);
	}
}

TEST(a_server_that_may_miss_a_member_purges_nothing_when_it_starts)
{
	static const struct {
		const char *printed, *keep, *expected;
		bool mariadb, held;
	} rows[] = {
	    {"", NULL, "--binlog_expire_logs_auto_purge=0", false, true},
	    {"--binlog-expire-logs-seconds=60", NULL, "--binlog_expire_logs_auto_purge=0", false, true},
	    {"--binlog-expire-logs-auto-purge=OFF", NULL, "--binlog_expire_logs_auto_purge=0", false, false},
	    {"", "OCF_RESKEY_binlog_keep=0", "--binlog_expire_logs_auto_purge=0", false, false},
	    {"", NULL, "--binlog_expire_logs_seconds=0", true, false},
	    {"--expire_logs_days=10", NULL, "--binlog_expire_logs_seconds=0", true, true},
	    {"--expire_logs_days=10", NULL, "--expire_logs_days=0", true, true},
	    {"--expire_logs_days=10", "OCF_RESKEY_binlog_keep=0", "--binlog_expire_logs_seconds=0", true, false},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char **argv = argv_of_two(rows[i].mariadb ? MARIADB : MYSQL84, rows[i].printed, rows[i].keep);

		if (has(argv, rows[i].expected) != rows[i].held)
			fail_msg("%s %s: %s", rows[i].printed, rows[i].keep ? rows[i].keep : "", rows[i].expected);
		argv_free(argv);
	}
	/* Alone there is nobody to miss. */
	char **alone = argv_of(MYSQL84, "", NULL, LAUNCH_PLAIN);
	assert_false(has(alone, "--binlog_expire_logs_auto_purge=0"));
	argv_free(alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_are_read_as_the_server_prints_them),
	    cmocka_unit_test(a_file_that_contradicts_a_law_is_an_error_that_says_why),
	    cmocka_unit_test(a_file_that_agrees_or_is_of_the_other_server_is_fine),
	    cmocka_unit_test(what_the_agent_sets_nobody_else_does),
	    cmocka_unit_test(a_persisted_variable_that_would_win_over_the_command_line_is_found),
	    cmocka_unit_test(binary_logs_expire_as_the_user_has_it_or_as_the_server_does_by_itself),
	    cmocka_unit_test(a_server_that_may_miss_a_member_purges_nothing_when_it_starts),
	    cmocka_unit_test(the_server_id_is_the_users_or_the_clusters_node_number),
	    cmocka_unit_test(the_list_of_binary_logs_is_where_the_server_has_it),
	    cmocka_unit_test(a_server_starts_read_only_and_with_what_the_laws_need),
	    cmocka_unit_test(each_server_gets_its_own_words),
	    cmocka_unit_test(the_users_choice_stands_where_no_law_is_concerned_and_ours_comes_last),
	    cmocka_unit_test(what_a_power_cut_of_all_nodes_must_not_take_is_on_the_disk_when_it_is_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
