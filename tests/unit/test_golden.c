/* The golden decisions: the .txt files in tests/golden, which say what a decision makes of facts. A case:
 *
 *   # The sentence that it proves.
 *   monitor mariadb clone_max=3 interval=5000
 *   	server.state=up server.writable=yes ...
 *   => done OCF_DEGRADED_PROMOTED -- commits wait: ...
 *
 * Decision, flavour of the GTID sets, and what differs from the usual configuration (node=node1 clone_max=3, a replica set with
 * credentials): the names of Pacemaker's meta attributes and of parameters, a comma for a blank. Then the facts as facts_format() writes
 * them, on any number of indented lines. Then the step, its target, its number, its record or its code, and the reason. A case that fails prints its
 * verdict in these same words, to be pasted here once somebody has thought about it. */
#include <dirent.h>
#include <stdio.h>

#include "core/decide.h"
#include "unit.h"

struct golden {
	char *title; /* "file: the first line of the sentence" */
	char *decision;
	enum gtid_flavour flavour;
	char **env;
	char *facts;
	char *expected;
};

static struct golden *cases;
static size_t case_count;
static bool step_seen[STEP_COUNT];

/* The facts are those of a server outside of the cluster; the one peer is the primary that asks. */
static struct verdict follower_of_first(const struct config *config, const struct facts *facts)
{
	const struct peer_facts *primary = &facts->peers[0];
	struct follower_order order = {.address = primary->address, .port = primary->port, .position = primary->position};
	(void)config;
	return decide_follower(&facts->server, &order);
}

static const struct {
	const char *name;
	struct verdict (*decide)(const struct config *config, const struct facts *facts);
} decisions[] = {
    {"monitor", decide_monitor}, {"start", decide_start},	    {"stop", decide_stop},	     {"promote", decide_promote},
    {"demote", decide_demote},	 {"round", decide_round},	    {"follow", decide_follow},	     {"keep", decide_keep},
    {"linger", decide_linger},	 {"switchover", decide_switchover}, {"follower", follower_of_first},
};

static const char *const look_names[] = {"server",    "peers", "primary", "accounts", "quorum",	 "sessions",
					 "user-data", "mark",  "clean",	  "tail",     "binlogs", "obstacle"};

static void env_add(struct golden *golden, size_t *count, char *assignment)
{
	golden->env = mem_grow(golden->env, *count + 2, sizeof(*golden->env));
	golden->env[(*count)++] = assignment;
	golden->env[*count] = NULL;
}

/* What stands for an instance on a real cluster unless a case says otherwise; the first of a name counts (env_get). */
static const char *const usual[] = {
    "OCF_RESKEY_CRM_meta_on_node=node1", "OCF_RESKEY_CRM_meta_clone_max=3",
    "OCF_RESKEY_CRM_meta_notify=true",	 "OCF_RESKEY_credentials=/etc/systole/credentials",
    "OCF_RESOURCE_INSTANCE=db:0",
};

static char *env_of(const char *text, size_t length)
{
	static const char *const meta[] = {"clone_max", "notify", "interval", "timeout", "notify_type", "notify_operation"};
	_cleanup_free_ char *word = str_ndup(text, length);
	char *equals = strchr(word, '=');

	if (!equals)
		fail_msg("not key=value: %s", word);
	*equals++ = '\0';
	for (char *c = equals; *c; c++)
		*c = *c == ',' ? ' ' : *c;
	if (strcmp(word, "node") == 0)
		return str_printf("OCF_RESKEY_CRM_meta_on_node=%s", equals);
	if (strcmp(word, "notify_promote") == 0 || strcmp(word, "notify_demote") == 0 || strcmp(word, "notify_active") == 0)
		return str_printf("OCF_RESKEY_CRM_meta_%s_uname=%s", word, equals);
	for (size_t i = 0; i < ARRAY_LENGTH(meta); i++) {
		if (strcmp(word, meta[i]) == 0)
			return str_printf("OCF_RESKEY_CRM_meta_%s=%s", word, equals);
	}
	return str_printf("OCF_RESKEY_%s=%s", word, equals);
}

/* "monitor mariadb clone_max=3" */
static void head_read(struct golden *golden, const char *line)
{
	size_t count = 0, n = strcspn(line, " ");

	golden->decision = str_ndup(line, n);
	line += n + strspn(line + n, " ");
	n = strcspn(line, " ");
	if (n == 5 && strncmp(line, "mysql", n) == 0)
		golden->flavour = GTID_FLAVOUR_MYSQL;
	else if (n == 7 && strncmp(line, "mariadb", n) == 0)
		golden->flavour = GTID_FLAVOUR_MARIADB;
	else
		fail_msg("neither mysql nor mariadb: %s", line);
	for (line += n; *(line += strspn(line, " ")); line += strcspn(line, " "))
		env_add(golden, &count, env_of(line, strcspn(line, " ")));
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++)
		env_add(golden, &count, str_dup(usual[i]));
}

static void line_read(const char *file, struct golden *golden, const char *line)
{
	if (line[0] == '#') {
		if (!golden->title && line[1] == ' ')
			golden->title = str_printf("%s: %s", file, line + 2);
	} else if (strncmp(line, "=> ", 3) == 0) {
		golden->expected = str_dup(line + 3);
		if (!golden->title || !golden->decision)
			fail_msg("%s: a verdict without a sentence or a decision: %s", file, line);
		cases = mem_grow(cases, case_count + 1, sizeof(*cases));
		cases[case_count++] = *golden;
		*golden = (struct golden){0};
	} else if (line[0] == '\t') {
		char *joined = str_printf("%s%s%s", golden->facts ? golden->facts : "", golden->facts ? " " : "", line + 1);

		free(golden->facts);
		golden->facts = joined;
	} else if (*line) {
		if (golden->decision)
			fail_msg("%s: two decisions in one case: %s", file, line);
		head_read(golden, line);
	}
}

static void file_load(const char *directory, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", directory, name);
	struct golden golden = {0};
	char line[8192];
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("%s cannot be read", path);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		line_read(name, &golden, line);
	}
	fclose(file);
	if (golden.decision || golden.facts)
		fail_msg("%s: the last case has no verdict", name);
	free(golden.title);
}

static void golden_load(void)
{
	const char *source = getenv("srcdir");
	_cleanup_free_ char *directory = str_printf("%s/tests/golden", source ? source : ".");
	struct dirent **files;
	int count = scandir(directory, &files, NULL, alphasort);

	if (count < 0)
		fail_msg("%s cannot be read", directory);
	for (int i = 0; i < count; i++) {
		size_t length = strlen(files[i]->d_name);

		if (length > 4 && strcmp(files[i]->d_name + length - 4, ".txt") == 0)
			file_load(directory, files[i]->d_name);
		free(files[i]);
	}
	free(files);
}

static void golden_free(void)
{
	for (size_t i = 0; i < case_count; i++) {
		for (char **e = cases[i].env; *e; e++)
			free(*e);
		free(cases[i].env);
		free(cases[i].title);
		free(cases[i].decision);
		free(cases[i].facts);
		free(cases[i].expected);
	}
	free(cases);
}

static char *verdict_format(const struct verdict *v)
{
	struct strbuf out = {0};

	step_seen[v->step] = true;
	strbuf_add(&out, step_name(v->step));
	if (*v->target)
		strbuf_addf(&out, " %s", v->target);
	if (v->number)
		strbuf_addf(&out, " %llu", (unsigned long long)v->number);
	_cleanup_free_ char *record = record_format(&v->record);
	if (record)
		strbuf_addf(&out, " %s", record);
	if (v->step == STEP_DONE)
		strbuf_addf(&out, " %s", ocf_code_name(v->code));
	for (size_t i = 0; i < ARRAY_LENGTH(look_names); i++) {
		if (v->look & (1u << i))
			strbuf_addf(&out, " %s", look_names[i]);
	}
	if (*v->reason)
		strbuf_addf(&out, " -- %s", v->reason);
	return strbuf_take(&out);
}

static char *score_format(const struct config *config, const struct facts *facts)
{
	char reason[256];
	enum score score = decide_score(config, facts, reason);

	return str_printf("%d%s%s", (int)score, *reason ? " -- " : "", reason);
}

/* What crm_mon shows of the node after this monitor. */
static char *word_format(const struct config *config, const struct facts *facts)
{
	struct verdict v = decide_monitor(config, facts);

	return str_printf("%s \"%s\"", ocf_code_name(v.code), state_word(facts, &v));
}

static char *decision_run(const struct golden *golden, const struct config *config, const struct facts *facts)
{
	if (strcmp(golden->decision, "score") == 0)
		return score_format(config, facts);
	if (strcmp(golden->decision, "settled") == 0)
		return str_dup(round_settled(config, facts) ? "yes" : "no");
	if (strcmp(golden->decision, "vain") == 0)
		return str_dup(round_in_vain(config, facts) ? "yes" : "no");
	if (strcmp(golden->decision, "reads") == 0)
		return str_dup(tri_name(decide_reads(config, facts)));
	if (strcmp(golden->decision, "word") == 0)
		return word_format(config, facts);
	for (size_t i = 0; i < ARRAY_LENGTH(decisions); i++) {
		if (strcmp(decisions[i].name, golden->decision) == 0) {
			struct verdict v = decisions[i].decide(config, facts);

			return verdict_format(&v);
		}
	}
	fail_msg("no such decision: %s", golden->decision);
	return NULL;
}

static void case_run(void **state)
{
	const struct golden *golden = *state;
	struct config config;
	struct facts facts, again;
	struct error err;

	if (config_load(golden->env, &config, &err))
		fail_msg("%s", err.sentence);
	if (facts_parse(golden->facts ? golden->facts : "", golden->flavour, &facts, &err))
		fail_msg("%s", err.sentence);
	_cleanup_free_ char *seen = decision_run(golden, &config, &facts), *line = facts_format(&facts);
	if (strcmp(seen, golden->expected) != 0)
		fail_msg("\nhere:\n=> %s\nverdict now:\n=> %s", golden->expected, seen);
	/* What facts_format() writes means the same. */
	if (facts_parse(line, golden->flavour, &again, &err))
		fail_msg("%s: %s", err.sentence, line);
	_cleanup_free_ char *seen_again = decision_run(golden, &config, &again);
	assert_string_equal(seen_again, seen);
	facts_clear(&again);
	facts_clear(&facts);
	config_clear(&config);
}

TEST(every_step_stands_in_a_golden_case)
{
	for (int step = STEP_NONE + 1; step < STEP_COUNT; step++) {
		if (!step_seen[step])
			fail_msg("no case has the step %s", step_name((enum step)step));
	}
}

int main(void)
{
	golden_load();
	struct CMUnitTest *tests = mem_alloc((case_count + 1) * sizeof(*tests));
	for (size_t i = 0; i < case_count; i++)
		tests[i] = (struct CMUnitTest){.name = cases[i].title, .test_func = case_run, .initial_state = &cases[i]};
	tests[case_count] = (struct CMUnitTest)cmocka_unit_test(every_step_stands_in_a_golden_case);
	int failed = _cmocka_run_group_tests("golden", tests, case_count + 1, NULL, NULL);
	free(tests);
	golden_free();
	return failed;
}
