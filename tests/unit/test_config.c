#include "core/config.h"
#include "unit.h"

#define USUAL                                                                                                    \
	"OCF_RESOURCE_INSTANCE=db:1", "OCF_RESKEY_CRM_meta_on_node=node1", "OCF_RESKEY_CRM_meta_on_node_uuid=2", \
	    "OCF_RESKEY_CRM_meta_clone_max=3", "OCF_RESKEY_CRM_meta_notify=true", "OCF_RESKEY_credentials=/etc/systole/c"

static struct config loaded(const char *const *env)
{
	struct config config;
	struct error err;

	if (config_load((char *const *)env, &config, &err))
		fail_msg("%s", err.sentence);
	return config;
}

static void assert_refused(const char *assignment, enum ocf_code code, const char *part)
{
	const char *env[] = {assignment, USUAL, NULL};
	struct config config;
	struct error err;

	if (config_load((char *const *)env, &config, &err) == 0)
		fail_msg("taken: %s", assignment);
	if (err.code != code || !strstr(err.sentence, part))
		fail_msg("%s: %s %s", assignment, ocf_code_name(err.code), err.sentence);
}

TEST(followers_are_hosts_with_or_without_a_port)
{
	const char *env[] = {"OCF_RESKEY_followers= dr.example.com  10.0.1.7:3307 [fd00::7]:3308 [fd00::8]", NULL};
	static const char *const hosts[] = {"dr.example.com", "10.0.1.7", "fd00::7", "fd00::8"};
	static const uint64_t ports[] = {3306, 3307, 3308, 3306};
	struct config config = loaded(env);

	assert_int_equal(config.followers.count, ARRAY_LENGTH(hosts));
	for (size_t i = 0; i < ARRAY_LENGTH(hosts); i++) {
		assert_string_equal(config.followers.items[i].host, hosts[i]);
		assert_int_equal(config.followers.items[i].port, ports[i]);
	}
	config_clear(&config);
}

TEST(the_other_site_is_one_host)
{
	const char *env[] = {"OCF_RESKEY_other_site=10.1.0.51:3307", NULL};
	struct config config = loaded(env);

	assert_string_equal(config.other_site.host, "10.1.0.51");
	assert_int_equal(config.other_site.port, 3307);
	config_clear(&config);
	assert_null(config.other_site.host);
}

TEST(without_any_parameter_everything_has_its_default)
{
	const char *env[] = {NULL};
	struct config config = loaded(env);

	assert_string_equal(config.datadir, "/var/lib/mysql");
	assert_string_equal(config.user, "mysql");
	assert_string_equal(config.socket, "/run/mysqld/mysqld.sock");
	assert_int_equal(config.port, 3306);
	assert_int_equal(config.durability, DURABILITY_ADAPTIVE);
	assert_false(config.power_safe);
	assert_int_equal(config.provision, PROVISION_AUTO);
	assert_int_equal(config.max_lag_ms, 60000);
	assert_int_equal(config.binlog_keep_ms, 604800000);
	assert_true(config.binlog_keep_size == 21474836480u);
	assert_false(config_keeps_binlogs(&config));
	assert_false(config.tls);
	assert_null(config.credentials);
	assert_null(config.replication_address);
	assert_string_equal(config.instance.resource, "default");
	assert_false(config.instance.clustered);
	assert_int_equal(config.instance.clone_max, 1);
	config_clear(&config);
}

TEST(the_parameters_of_a_cluster_are_read)
{
	const char *env[] = {USUAL,
			     "OCF_RESKEY_durability=async",
			     "OCF_RESKEY_power_safe=true",
			     "OCF_RESKEY_provision=manual",
			     "OCF_RESKEY_port=3307",
			     "OCF_RESKEY_max_lag=500ms",
			     "OCF_RESKEY_tls=on",
			     "OCF_RESKEY_datadir=",
			     "OCF_RESKEY_promoted_sysvars= innodb_io_capacity=2000 ;; sql_mode='STRICT_TRANS_TABLES,NO_ZERO_DATE' ;",
			     "OCF_RESKEY_CRM_meta_interval=5000",
			     "OCF_RESKEY_CRM_meta_timeout=20000",
			     "OCF_RESKEY_CRM_meta_notify_type=pre",
			     "OCF_RESKEY_CRM_meta_notify_operation=promote",
			     "OCF_RESKEY_CRM_meta_notify_promote_uname= node2 ",
			     "OCF_RESKEY_CRM_meta_notify_active_uname=node1 node2 node3",
			     NULL};
	struct config config = loaded(env);

	assert_int_equal(config.durability, DURABILITY_ASYNC);
	assert_true(config.power_safe);
	assert_int_equal(config.provision, PROVISION_MANUAL);
	assert_int_equal(config.port, 3307);
	assert_int_equal(config.max_lag_ms, 500);
	assert_true(config.tls);
	assert_string_equal(config.datadir, "/var/lib/mysql");
	assert_int_equal(config.promoted_sysvars.count, 2);
	assert_string_equal(config.promoted_sysvars.items[0].name, "innodb_io_capacity");
	assert_string_equal(config.promoted_sysvars.items[0].value, "2000");
	assert_string_equal(config.promoted_sysvars.items[1].value, "'STRICT_TRANS_TABLES,NO_ZERO_DATE'");
	assert_string_equal(config.instance.resource, "db");
	assert_string_equal(config.instance.node, "node1");
	assert_int_equal(config.instance.node_id, 2);
	assert_int_equal(config.instance.clone_max, 3);
	assert_int_equal(config.instance.interval_ms, 5000);
	assert_string_equal(config.instance.notify_promote, "node2");
	config_clear(&config);
}

TEST(two_nodes_to_promote_are_no_candidate)
{
	const char *env[] = {USUAL, "OCF_RESKEY_CRM_meta_notify_promote_uname=node2 node3", NULL};
	struct config config = loaded(env);

	assert_null(config.instance.notify_promote);
	config_clear(&config);
}

static bool switchover_with(const char *type, const char *demote, const char *promote, const char *stop)
{
	const char *names[] = {"type", "demote_uname", "promote_uname", "stop_uname"}, *values[] = {type, demote, promote, stop};
	const char *env[16] = {USUAL, "OCF_RESKEY_CRM_meta_notify_operation=demote"};
	char assignments[4][128];
	size_t count = 0;

	while (env[count])
		count++;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		snprintf(assignments[i], sizeof(assignments[i]), "OCF_RESKEY_CRM_meta_notify_%s=%s", names[i], values[i]);
		env[count++] = assignments[i];
	}
	struct config config = loaded(env);
	bool switchover = config.instance.notify_switchover;
	config_clear(&config);
	return switchover;
}

TEST(a_switchover_is_a_demotion_of_one_that_stays_and_a_promotion_of_another)
{
	assert_true(switchover_with("pre", "node2 ", "node1 ", " "));
	assert_true(switchover_with("pre", "node2 ", "node1 ", "node3 node22"));
	assert_false(switchover_with("pre", "node2 ", "node1 ", "node3 node2 "));
	assert_false(switchover_with("post", "node2 ", "node1 ", " "));
	assert_false(switchover_with("pre", "node2 ", "node2 ", " "));
	assert_false(switchover_with("pre", " ", "node1 ", " "));
	assert_false(switchover_with("pre", "node2 ", " ", " "));
	assert_false(switchover_with("pre", "node2 ", "node1 node3", " "));
}

TEST(a_wrong_value_is_refused_with_the_parameter_the_value_and_what_would_be_right)
{
	assert_refused("OCF_RESKEY_port=0", OCF_ERR_CONFIGURED, "parameter port: \"0\" is not valid: a port from 1 to 65535");
	assert_refused("OCF_RESKEY_port=65536", OCF_ERR_CONFIGURED, "port");
	assert_refused("OCF_RESKEY_port=3306 ", OCF_ERR_CONFIGURED, "port");
	assert_refused("OCF_RESKEY_datadir=var/lib/mysql", OCF_ERR_CONFIGURED, "an absolute path");
	assert_refused("OCF_RESKEY_datadir=/var/../etc", OCF_ERR_CONFIGURED, "datadir");
	assert_refused("OCF_RESKEY_durability=most", OCF_ERR_CONFIGURED, "one of these is wanted: majority adaptive async");
	assert_refused("OCF_RESKEY_durability=majority async", OCF_ERR_CONFIGURED, "durability");
	assert_refused("OCF_RESKEY_durability=unknown", OCF_ERR_CONFIGURED, "durability");
	assert_refused("OCF_RESKEY_power_safe=sometimes", OCF_ERR_CONFIGURED, "true or false");
	assert_refused("OCF_RESKEY_provision=AUTO", OCF_ERR_CONFIGURED, "auto manual");
	assert_refused("OCF_RESKEY_tls=maybe", OCF_ERR_CONFIGURED, "true or false");
	assert_refused("OCF_RESKEY_max_lag=soon", OCF_ERR_CONFIGURED, "a time such as");
	assert_refused("OCF_RESKEY_binlog_keep_size=20GB", OCF_ERR_CONFIGURED, "a size such as 500M or 20G");
	assert_refused("OCF_RESKEY_followers=a:99999", OCF_ERR_CONFIGURED, "HOST or HOST:PORT");
	assert_refused("OCF_RESKEY_followers=a b;c", OCF_ERR_CONFIGURED, "\"b;c\"");
	assert_refused("OCF_RESKEY_followers=[fe80::1", OCF_ERR_CONFIGURED, "HOST or HOST:PORT");
	assert_refused("OCF_RESKEY_followers=:3306", OCF_ERR_CONFIGURED, "HOST or HOST:PORT");
	assert_refused("OCF_RESKEY_other_site=a b", OCF_ERR_CONFIGURED, "HOST or HOST:PORT");
	assert_refused("OCF_RESKEY_other_site=10.1.0.51:0", OCF_ERR_CONFIGURED, "HOST or HOST:PORT");
	assert_refused("OCF_RESKEY_user=my\nsql", OCF_ERR_CONFIGURED, "control characters");
}

TEST(variables_are_checked_when_they_are_read)
{
	assert_refused("OCF_RESKEY_promoted_sysvars=max_connections", OCF_ERR_CONFIGURED, "write name=value");
	assert_refused("OCF_RESKEY_promoted_sysvars==1", OCF_ERR_CONFIGURED, "write name=value");
	assert_refused("OCF_RESKEY_promoted_sysvars=a-b=1", OCF_ERR_CONFIGURED, "write name=value");
	assert_refused("OCF_RESKEY_promoted_sysvars=a=", OCF_ERR_CONFIGURED, "a number, a word, or text in single quotes");
	assert_refused("OCF_RESKEY_promoted_sysvars=a='b", OCF_ERR_CONFIGURED, "single quotes");
	assert_refused("OCF_RESKEY_promoted_sysvars=a='b'c'", OCF_ERR_CONFIGURED, "single quotes");
	assert_refused("OCF_RESKEY_promoted_sysvars=a='\\'", OCF_ERR_CONFIGURED, "single quotes");
	assert_refused("OCF_RESKEY_promoted_sysvars=a=1 -- x", OCF_ERR_CONFIGURED, "single quotes");
	assert_refused("OCF_RESKEY_promoted_sysvars=a=(SELECT 1)", OCF_ERR_CONFIGURED, "single quotes");
	assert_refused("OCF_RESKEY_unpromoted_sysvars=read_only=OFF", OCF_ERR_CONFIGURED, "managed by the resource agent");
	assert_refused("OCF_RESKEY_unpromoted_sysvars=max_connections=9;rpl_semi_sync_slave_enabled=0", OCF_ERR_CONFIGURED, "managed");
}

TEST(a_clone_needs_notifications_and_credentials)
{
	const char *silent[] = {"OCF_RESKEY_CRM_meta_on_node=a", "OCF_RESKEY_CRM_meta_clone_max=3", "OCF_RESKEY_credentials=/c", NULL};
	const char *bare[] = {"OCF_RESKEY_CRM_meta_on_node=a", "OCF_RESKEY_CRM_meta_clone_max=3", "OCF_RESKEY_CRM_meta_notify=true", NULL};
	struct config config;
	struct error err;

	assert_int_equal(config_load((char *const *)silent, &config, &err), -1);
	assert_non_null(strstr(err.sentence, "notify=true"));
	assert_int_equal(config_load((char *const *)bare, &config, &err), -1);
	assert_non_null(strstr(err.sentence, "credentials"));
}

TEST(the_name_of_a_resource_or_a_node_is_no_path)
{
	assert_refused("OCF_RESOURCE_INSTANCE=../db", OCF_ERR_ARGS, "not a resource name");
	assert_refused("OCF_RESOURCE_INSTANCE=.db", OCF_ERR_ARGS, "not a resource name");
	assert_refused("OCF_RESOURCE_INSTANCE=:1", OCF_ERR_ARGS, "not a resource name");
	assert_refused("OCF_RESKEY_CRM_meta_on_node=a b", OCF_ERR_ARGS, "not a node name");
	assert_refused("OCF_RESKEY_CRM_meta_on_node=a=b", OCF_ERR_ARGS, "not a node name");
}

TEST(k_and_the_sets_that_a_promotion_needs_overlap)
{
	static const struct {
		uint64_t n, k, needed, k_of_one, needed_of_one, needed_async;
	} rows[] = {
	    {1, 0, 1, 0, 1, 1}, {2, 1, 1, 1, 1, 1}, {3, 1, 2, 1, 2, 2}, {4, 2, 3, 1, 3, 3}, {5, 2, 3, 1, 4, 3}, {7, 3, 4, 1, 6, 4},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct config config = {.durability = DURABILITY_MAJORITY, .instance = {.clone_max = rows[i].n}};

		assert_int_equal(config_acknowledgers(&config, rows[i].n, false), rows[i].k);
		assert_int_equal(config_reports_needed(&config, rows[i].n, false), rows[i].needed);
		assert_int_equal(config_acknowledgers(&config, rows[i].n, true), rows[i].k_of_one);
		assert_int_equal(config_reports_needed(&config, rows[i].n, true), rows[i].needed_of_one);
		/* k + 1 nodes have what was acknowledged, so one of those that report has it. */
		assert_true(rows[i].k + 1 + rows[i].needed > rows[i].n);
		assert_true(rows[i].k_of_one + 1 + rows[i].needed_of_one > rows[i].n);
		/* Two elections of more than two voters have a voter in common. */
		assert_true(rows[i].n == 2 || 2 * rows[i].needed > rows[i].n);
		/* A primary that goes on alone says so; until then its commits wait for as many. */
		config.durability = DURABILITY_ADAPTIVE;
		assert_int_equal(config_acknowledgers(&config, rows[i].n, false), rows[i].k);
		assert_int_equal(config_reports_needed(&config, rows[i].n, true), rows[i].needed_of_one);
		config.durability = DURABILITY_ASYNC;
		assert_int_equal(config_acknowledgers(&config, rows[i].n, false), 0);
		assert_int_equal(config_reports_needed(&config, rows[i].n, false), rows[i].needed_async);
	}
}

TEST(every_parameter_is_described_and_its_default_is_valid)
{
	for (size_t i = 0; i < param_count; i++) {
		const struct param *param = &param_table[i];
		_cleanup_free_ char *assignment = str_printf("OCF_RESKEY_%s=%s", param->name, param->fallback);
		const char *env[] = {assignment, NULL};
		struct config config = loaded(env);

		assert_false(str_empty(param->shortdesc) || str_empty(param->longdesc));
		assert_true((param->type == PARAM_CHOICE) == (param->choices != NULL));
		config_clear(&config);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(param->name, param_table[j].name);
	}
}

static struct credentials parsed(const char *text)
{
	struct credentials c;
	struct error err;

	if (credentials_parse("/c", text, &c, &err))
		fail_msg("%s", err.sentence);
	return c;
}

static void assert_credentials_refused(const char *text, const char *part)
{
	struct credentials c;
	struct error err;

	if (credentials_parse("/c", text, &c, &err) == 0)
		fail_msg("taken: %s", text);
	if (!strstr(err.sentence, part) || strstr(err.sentence, "geheim"))
		fail_msg("%s", err.sentence);
	assert_int_equal(err.code, OCF_ERR_ARGS);
}

TEST(accounts_are_read_as_an_option_file_has_them)
{
	struct credentials c =
	    parsed("# accounts\n\n[administration]\r\n user = root \n[replication]\nuser=repl\npassword = \" a=b#c'\"\n; end\n"
		   "[site]\nuser=dr\npassword=p\n");

	assert_string_equal(c.administration.user, "root");
	assert_string_equal(c.administration.password, "");
	assert_string_equal(c.replication.user, "repl");
	assert_string_equal(c.replication.password, " a=b#c'");
	assert_string_equal(c.site.user, "dr");
	credentials_clear(&c);
	c = parsed("");
	assert_null(c.administration.user);
	assert_null(c.replication.user);
	credentials_clear(&c);
}

TEST(a_wrong_credentials_file_is_refused_without_showing_what_is_in_it)
{
	assert_credentials_refused("user=geheim\n", "line 1");
	assert_credentials_refused("[client]\nuser=geheim\n", "line 1: only the sections");
	assert_credentials_refused("[replication]\nuser=repl\npassword geheim\n", "line 3: user= and password= are wanted");
	assert_credentials_refused("[replication]\nuser=repl\nhost=geheim\n", "line 3");
	assert_credentials_refused("[replication]\nuser=repl\npassword=x\npassword=geheim\n", "line 4");
	assert_credentials_refused("[replication]\nuser=repl\n", "needs a password");
	assert_credentials_refused("[site]\nuser=dr\n", "needs a password");
	assert_credentials_refused("[replication]\npassword=geheim\n", "needs user=");
	assert_credentials_refused("[replication]\nuser=re'pl\npassword=geheim\n", "needs user=");
	assert_credentials_refused("[replication]\nuser=a23456789012345678901234567890123\npassword=geheim\n", "32 characters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(followers_are_hosts_with_or_without_a_port),
	    cmocka_unit_test(the_other_site_is_one_host),
	    cmocka_unit_test(without_any_parameter_everything_has_its_default),
	    cmocka_unit_test(the_parameters_of_a_cluster_are_read),
	    cmocka_unit_test(two_nodes_to_promote_are_no_candidate),
	    cmocka_unit_test(a_switchover_is_a_demotion_of_one_that_stays_and_a_promotion_of_another),
	    cmocka_unit_test(a_wrong_value_is_refused_with_the_parameter_the_value_and_what_would_be_right),
	    cmocka_unit_test(variables_are_checked_when_they_are_read),
	    cmocka_unit_test(a_clone_needs_notifications_and_credentials),
	    cmocka_unit_test(the_name_of_a_resource_or_a_node_is_no_path),
	    cmocka_unit_test(k_and_the_sets_that_a_promotion_needs_overlap),
	    cmocka_unit_test(every_parameter_is_described_and_its_default_is_valid),
	    cmocka_unit_test(accounts_are_read_as_an_option_file_has_them),
	    cmocka_unit_test(a_wrong_credentials_file_is_refused_without_showing_what_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
