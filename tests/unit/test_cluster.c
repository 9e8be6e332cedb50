/* The real cluster door with a made-up module: what the module does wrong must end in an error at the deadline, never in the agent.
 * What needs a cluster (two nodes, stopped daemons, partitions) is tried in the lab. */
#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The three calls that find the module are the test's. */
static void *fake_dlopen(const char *path, int mode);
static void *fake_dlsym(void *handle, const char *symbol);
static char *fake_dlerror(void);
#define dlopen fake_dlopen
#define dlsym fake_dlsym
#define dlerror fake_dlerror
#include "../../src/io/cluster.c"
#include "../../src/io/cluster_speaker.c"
#include "../../src/io/module.c"

static struct cluster_module fake;
static struct {
	bool missing;
	bool no_symbol;
} world;

static void *fake_dlopen(const char *path, int mode)
{
	(void)mode;
	assert_string_equal(path, SYSTOLE_MODULEDIR "/cluster.so");
	return world.missing ? NULL : &fake;
}

static void *fake_dlsym(void *handle, const char *symbol)
{
	(void)symbol;
	return world.no_symbol ? NULL : handle;
}

static char *fake_dlerror(void)
{
	static char text[] = "no such file";

	return text;
}

/* --- a module whose cluster is one attribute, kept in the child's memory --- */
static char *current, *next;
static int looks, updates;

static void hang(void)
{
	for (;;)
		pause();
}

static int fake_attr_local(const char *name, char **ret_value, struct error *err)
{
	(void)err;
	if (str_equal(name, "updates")) {
		*ret_value = str_printf("%d", updates);
		return 0;
	}
	/* A new value is seen at the third look. */
	if (++looks >= 3)
		str_set(&current, next);
	*ret_value = str_dup(current);
	return 0;
}

static int fake_attr_update(const char *name, const char *value, enum attr_kind kind, struct error *err)
{
	if (str_equal(name, "refused"))
		return error_set(err, OCF_ERR_PERM, "refused, kind %d", (int)kind);
	if (str_equal(name, "hang"))
		hang();
	if (str_equal(name, "never"))
		return 0;
	updates++;
	looks = 0;
	str_set(&next, value);
	return 0;
}

static void add(struct attr_values *values, const char *node, const char *value)
{
	values->items = mem_grow(values->items, values->count + 1, sizeof(*values->items));
	values->items[values->count++] = (struct attr_value){.node = str_dup(node), .value = str_dup(value)};
}

static int fake_attr_query(const char *name, struct attr_values *ret_values, struct error *err)
{
	(void)err;
	if (str_equal(name, "hang"))
		hang();
	if (str_equal(name, "abort"))
		abort();
	if (str_equal(name, "noise") && write(2, "noise\n", 6) + write(1, "noise\n", 6) < 0)
		abort();
	if (str_equal(name, "environment")) {
		for (char **variable = environ; *variable != NULL; variable++)
			add(ret_values, "variable", *variable);
		return 0;
	}
	if (str_equal(name, "descriptors")) {
		for (int fd = SPEAKER_FD + 1; fd < 256; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				add(ret_values, "descriptor", "open");
		return 0;
	}
	if (str_equal(name, "big")) {
		char *text = mem_alloc(1 << 20);

		memset(text, 'x', (1 << 20) - 1);
		add(ret_values, "n1", text);
		free(text);
		return 0;
	}
	if (str_equal(name, "two")) {
		add(ret_values, "n1", "+ -");
		add(ret_values, "n2", "");
	}
	return 0;
}

static int fake_attr_permanent(const char *name, struct attr_values *ret_values, struct error *err)
{
	(void)err;
	add(ret_values, "n2", name);
	return 0;
}

static int fake_nodes_query(struct cluster_nodes *ret_nodes, struct error *err)
{
	(void)err;
	ret_nodes->items = mem_alloc(2 * sizeof(*ret_nodes->items));
	ret_nodes->count = 2;
	ret_nodes->items[0] = (struct cluster_node){.name = str_dup("n1"), .member = true};
	ret_nodes->items[1] = (struct cluster_node){.name = str_dup("n2"), .clean = true};
	return 0;
}

static int fake_nodes_joining(struct cluster_nodes *ret_nodes, struct error *err)
{
	(void)fake_nodes_query(ret_nodes, err);
	ret_nodes->items[1].joining = true;
	return 0;
}

static struct {
	const char *stored;
} cib;

static int fake_attr_stored(const char *name, const char *node, char **ret_value, struct error *err)
{
	(void)err;
	*ret_value = str_equal(name, "master-db") && str_equal(node, "node1") ? str_dup(cib.stored) : NULL;
	return 0;
}

static int fake_attr_refresh(struct error *err)
{
	return error_set(err, OCF_ERR_GENERIC, "refreshed");
}

/* Tells which process asked. */
static int fake_property_get(const char *name, char **ret_value, struct error *err)
{
	(void)name;
	(void)err;
	*ret_value = str_printf("%d", (int)getpid());
	return 0;
}

static int fake_property_put(const char *name, const char *value, struct error *err)
{
	(void)name;
	(void)value;
	(void)err;
	return 0;
}

static enum quorum fake_quorum_no(void)
{
	return QUORUM_NO;
}

static enum quorum fake_quorum_garbage(void)
{
	return (enum quorum)77;
}

static enum quorum fake_quorum_hang(void)
{
	hang();
	return QUORUM_YES;
}

static void fake_close(void)
{
}

static int setup(void **state)
{
	(void)state;
	cluster_close();
	world.missing = world.no_symbol = false;
	fake = (struct cluster_module){
	    .head = {CLUSTER_MODULE_VERSION, sizeof(struct cluster_module)},
	    .attr_query = fake_attr_query,
	    .attr_permanent = fake_attr_permanent,
	    .attr_local = fake_attr_local,
	    .attr_update = fake_attr_update,
	    .attr_stored = fake_attr_stored,
	    .attr_refresh = fake_attr_refresh,
	    .nodes_query = fake_nodes_query,
	    .property_get = fake_property_get,
	    .property_put = fake_property_put,
	    .quorum = fake_quorum_no,
	    .close = fake_close,
	};
	return 0;
}

static uint64_t soon(void)
{
	return clock_now_ms() + 10000;
}

/* ------------------------------------------------------------------------------------------------------------------ loading */

static void a_missing_module_is_an_error_that_says_so(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};

	(void)state;
	world.missing = true;
	assert_int_equal(cluster_attr_query("a", &values, soon(), &err), -1);
	assert_int_equal(err.code, OCF_ERR_INSTALLED);
	assert_string_equal(err.sentence, "the cluster module cannot be loaded: no such file");
	assert_int_equal(cluster_quorum(soon()), QUORUM_UNKNOWN);
}

static void another_library_is_not_taken_for_the_module(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};

	(void)state;
	world.no_symbol = true;
	assert_int_equal(cluster_attr_query("a", &values, soon(), &err), -1);
	assert_int_equal(err.code, OCF_ERR_INSTALLED);
	assert_non_null(strstr(err.sentence, "is not a cluster module"));
}

static void a_module_of_another_version_is_refused(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};

	(void)state;
	fake.head.version++;
	assert_int_equal(cluster_attr_query("a", &values, soon(), &err), -1);
	assert_int_equal(err.code, OCF_ERR_INSTALLED);
	assert_non_null(strstr(err.sentence, "another version"));

	cluster_close();
	fake.head.version--;
	fake.head.size += sizeof(void *);
	assert_int_equal(cluster_attr_query("a", &values, soon(), &err), -1);
}

/* ---------------------------------------------------------------------------------------------------------------- deadlines */

static void a_call_that_hangs_ends_at_its_deadline_and_the_next_one_works(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};
	uint64_t begin_ms = clock_now_ms(), took_ms;
	pid_t hanging;

	(void)state;
	assert_int_equal(cluster_attr_query("hang", &values, begin_ms + 60, &err), -1);
	took_ms = clock_now_ms() - begin_ms;
	assert_true(took_ms >= 60 && took_ms <= 2000);
	assert_int_equal(err.code, OCF_ERR_GENERIC);
	assert_string_equal(err.sentence,
			    "Pacemaker's attribute manager (pacemaker-attrd) did not answer in time when reading attribute hang");

	assert_int_equal(cluster_attr_query("two", &values, soon(), &err), 0);
	assert_int_equal(values.count, 2);
	attr_values_clear(&values);

	hanging = speaker.pid;
	assert_int_equal(cluster_attr_set("hang", "1", ATTR_PRIVATE, clock_now_ms() + 30, &err), -1);
	assert_int_equal(kill(hanging, 0), -1);
}

static void a_deadline_that_has_passed_is_not_an_answer(void **state)
{
	struct error err = {0};
	char *name = NULL;

	(void)state;
	assert_int_equal(cluster_property_get("who asks", &name, 0, &err), -1);
	assert_null(name);
	assert_int_equal(cluster_quorum(0), QUORUM_UNKNOWN);
}

static void a_library_that_aborts_is_an_error_and_the_next_call_works(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(cluster_attr_query("abort", &values, soon(), &err), -1);
	assert_non_null(strstr(err.sentence, "its library ended the asking process"));
	assert_int_equal(cluster_attr_query("two", &values, soon(), &err), 0);
	attr_values_clear(&values);
}

/* --------------------------------------------------------------------------------------------------------------- attributes */

static void setting_returns_when_the_new_value_was_seen(void **state)
{
	struct error err = {0};
	char *value = NULL;

	(void)state;
	assert_int_equal(cluster_attr_set("a", "new", ATTR_PRIVATE, soon(), &err), 0);
	assert_int_equal(attr_local("a", &value, soon(), &err), 0);
	assert_string_equal(value, "new");
	str_set(&value, NULL);

	assert_int_equal(cluster_attr_set("a", NULL, ATTR_PRIVATE, soon(), &err), 0);
	assert_int_equal(attr_local("a", &value, soon(), &err), 0);
	assert_null(value);
}

static void setting_what_never_shows_is_a_failure(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(cluster_attr_set("never", "v", ATTR_PRIVATE, clock_now_ms() + 60, &err), -1);
	assert_non_null(strstr(err.sentence, "did not answer in time when setting attribute never"));
}

static void a_refusal_comes_through_with_code_and_sentence(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(cluster_attr_set("refused", "v", ATTR_TRANSIENT, soon(), &err), -1);
	assert_int_equal(err.code, OCF_ERR_PERM);
	assert_string_equal(err.sentence, "refused, kind 1");
}

static void values_come_through_as_they_are(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(cluster_attr_query("two", &values, soon(), &err), 0);
	assert_string_equal(attr_values_get(&values, "n1"), "+ -");
	assert_string_equal(attr_values_get(&values, "n2"), "");
	assert_null(attr_values_get(&values, "n3"));
	attr_values_clear(&values);

	assert_int_equal(cluster_attr_query("nobody has it", &values, soon(), &err), 0);
	assert_int_equal(values.count, 0);
	assert_int_equal(cluster_attr_query("big", &values, soon(), &err), 0);
	assert_int_equal(strlen(values.items[0].value), (1 << 20) - 1);
	attr_values_clear(&values);
}

static char *updates_so_far(void)
{
	char *count = NULL;

	assert_int_equal(attr_local("updates", &count, soon(), NULL), 0);
	return count;
}

static void a_score_that_stays_the_same_is_not_written(void **state)
{
	_cleanup_free_ char *once = NULL, *twice = NULL, *score = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(cluster_score_set("db", NULL, soon(), &err), 0);
	assert_int_equal(cluster_score_set("db", "100", soon(), &err), 0);
	assert_int_equal(cluster_score_set("db", "100", soon(), &err), 0);
	once = updates_so_far();
	assert_string_equal(once, "1");
	assert_int_equal(cluster_score_set("db", "90", soon(), &err), 0);
	twice = updates_so_far();
	assert_string_equal(twice, "2");
	assert_int_equal(cluster_score_get("db", &score, soon(), &err), 0);
	assert_string_equal(score, "90");
}

static void a_score_that_the_cib_has_lost_is_written_again(void **state)
{
	struct error err = {0};

	(void)state;
	cib.stored = "100";
	assert_int_equal(cluster_score_set("db", "100", soon(), &err), 0);
	assert_int_equal(cluster_score_mend("db", "node1", soon(), &err), 0);
	/* The fake says by an error that it was asked to. */
	assert_int_equal(cluster_score_mend("db", "node2", soon(), &err), -1);
	assert_string_equal(err.sentence, "refreshed");
}

/* -------------------------------------------------------------------------------------------------------- nodes and quorum */

static void nodes_come_through_with_their_membership(void **state)
{
	struct cluster_nodes nodes = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(cluster_nodes_query(&nodes, soon(), &err), 0);
	assert_int_equal(nodes.count, 2);
	assert_string_equal(nodes.items[0].name, "n1");
	assert_true(nodes.items[0].member);
	assert_false(nodes.items[0].joining);
	assert_false(nodes.items[0].clean);
	assert_false(nodes.items[1].member);
	assert_true(nodes.items[1].clean);
	cluster_nodes_clear(&nodes);
}

static void nothing_is_configured_while_a_node_joins(void **state)
{
	struct error err = {0};

	(void)state;
	fake.nodes_query = fake_nodes_joining;
	assert_int_equal(cluster_property_set("systole-db", "1.1:majority:3:n1", soon(), &err), -1);
	assert_string_equal(err.sentence, "not while n2 joins the cluster");
	cluster_close();
	fake.nodes_query = fake_nodes_query;
	assert_int_equal(cluster_property_set("systole-db", "1.1:majority:3:n1", soon(), &err), 0);
}

static void what_was_given_to_nodes_for_good_comes_through(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(cluster_attr_permanent("never", &values, soon(), &err), 0);
	assert_int_equal(values.count, 1);
	assert_string_equal(attr_values_get(&values, "n2"), "never");
	attr_values_clear(&values);
}

static void quorum_is_unknown_unless_corosync_says_yes_or_no(void **state)
{
	(void)state;
	assert_int_equal(cluster_quorum(soon()), QUORUM_NO);
	cluster_close();
	fake.quorum = fake_quorum_garbage;
	assert_int_equal(cluster_quorum(soon()), QUORUM_UNKNOWN);
	cluster_close();
	fake.quorum = fake_quorum_hang;
	assert_int_equal(cluster_quorum(clock_now_ms() + 30), QUORUM_UNKNOWN);
}

/* ------------------------------------------------------------------------------------------------------------- containment */

static void the_library_sees_nothing_of_the_agent_but_the_way_to_talk(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	setenv("OCF_RESKEY_CRM_meta_on_node", "n1", 1);
	setenv("PCMK_debug", "yes", 1);
	setenv("PCMK_ipc_buffer", "262144", 1);
	assert_int_equal(cluster_attr_query("environment", &values, soon(), &err), 0);
	assert_int_equal(values.count, 1);
	assert_string_equal(values.items[0].value, "PCMK_ipc_buffer=262144");
	attr_values_clear(&values);
	assert_int_equal(cluster_attr_query("descriptors", &values, soon(), &err), 0);
	assert_int_equal(values.count, 0);
	close(fd);
}

static void what_the_library_prints_does_not_reach_the_exit_reason(void **state)
{
	struct attr_values values = {0};
	struct error err = {0};
	char text[16];
	int ends[2], kept = dup(2);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], 2);
	assert_int_equal(cluster_attr_query("noise", &values, soon(), &err), 0);
	dup2(kept, 2);
	close(ends[1]);
	assert_int_equal(read(ends[0], text, sizeof(text)), 0);
	close(ends[0]);
	close(kept);
}

/* A detached worker is such a copy: two who talk over one socket would get each other's answers. */
static void a_forked_copy_of_the_agent_asks_through_a_process_of_its_own(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct error err = {0};
	int status = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(cluster_property_get("who asks", &before, soon(), &err), 0);
	pid = fork();
	if (pid == 0) {
		char *name = NULL;
		bool other = cluster_property_get("who asks", &name, soon(), &err) == 0 && !str_equal(name, before);

		free(name);
		cluster_close();
		_exit(other ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(cluster_property_get("who asks", &after, soon(), &err), 0);
	assert_string_equal(after, before);
}

static void closing_is_harmless_at_any_time_and_leaves_no_process(void **state)
{
	struct error err = {0};
	char *name = NULL;

	(void)state;
	cluster_close();
	cluster_close();
	assert_int_equal(cluster_property_get("who asks", &name, soon(), &err), 0);
	cluster_close();
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_missing_module_is_an_error_that_says_so, setup),
	    cmocka_unit_test_setup(another_library_is_not_taken_for_the_module, setup),
	    cmocka_unit_test_setup(a_module_of_another_version_is_refused, setup),
	    cmocka_unit_test_setup(a_call_that_hangs_ends_at_its_deadline_and_the_next_one_works, setup),
	    cmocka_unit_test_setup(a_deadline_that_has_passed_is_not_an_answer, setup),
	    cmocka_unit_test_setup(a_library_that_aborts_is_an_error_and_the_next_call_works, setup),
	    cmocka_unit_test_setup(setting_returns_when_the_new_value_was_seen, setup),
	    cmocka_unit_test_setup(setting_what_never_shows_is_a_failure, setup),
	    cmocka_unit_test_setup(a_refusal_comes_through_with_code_and_sentence, setup),
	    cmocka_unit_test_setup(values_come_through_as_they_are, setup),
	    cmocka_unit_test_setup(a_score_that_stays_the_same_is_not_written, setup),
	    cmocka_unit_test_setup(a_score_that_the_cib_has_lost_is_written_again, setup),
	    cmocka_unit_test_setup(nodes_come_through_with_their_membership, setup),
	    cmocka_unit_test_setup(nothing_is_configured_while_a_node_joins, setup),
	    cmocka_unit_test_setup(what_was_given_to_nodes_for_good_comes_through, setup),
	    cmocka_unit_test_setup(quorum_is_unknown_unless_corosync_says_yes_or_no, setup),
	    cmocka_unit_test_setup(the_library_sees_nothing_of_the_agent_but_the_way_to_talk, setup),
	    cmocka_unit_test_setup(what_the_library_prints_does_not_reach_the_exit_reason, setup),
	    cmocka_unit_test_setup(a_forked_copy_of_the_agent_asks_through_a_process_of_its_own, setup),
	    cmocka_unit_test_setup(closing_is_harmless_at_any_time_and_leaves_no_process, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
