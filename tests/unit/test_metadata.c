#include "core/metadata.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/valid.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <unistd.h>

#include "core/config.h"
#include "run/run.h"
#include "unit.h"

/* Where resource-agents installs the definitions that ocf-tester and Pacemaker's checks validate against. */
#define DEFINITIONS "/usr/share/resource-agents/"

static void quiet(void *context __attribute__((unused)), const char *fmt __attribute__((unused)), ...)
{
}

static xmlDocPtr document(int flags)
{
	_cleanup_free_ char *text = metadata_xml();
	xmlDocPtr doc;

	xmlSetGenericErrorFunc(NULL, quiet);
	doc = xmlReadMemory(text, (int)strlen(text), DEFINITIONS "metadata.xml", NULL, flags | XML_PARSE_NONET);
	assert_non_null(doc);
	return doc;
}

static int count(xmlDocPtr doc, const char *path)
{
	xmlXPathContextPtr context = xmlXPathNewContext(doc);
	xmlXPathObjectPtr found = xmlXPathEvalExpression(BAD_CAST path, context);
	int n = found && found->nodesetval ? found->nodesetval->nodeNr : 0;

	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	return n;
}

TEST(the_text_in_the_agent_is_what_the_tables_say)
{
	_cleanup_free_ char *text = metadata_xml();

	assert_string_equal(metadata_text, text);
}

TEST(every_parameter_is_described_and_has_a_default)
{
	xmlDocPtr doc = document(0);
	int n = (int)param_count;

	assert_int_equal(count(doc, "/resource-agent[@name='mysql']/version[.='1.1']"), 1);
	assert_int_equal(count(doc, "/resource-agent/longdesc[@lang='en'][string-length(.) > 20]"), 1);
	assert_int_equal(count(doc, "/resource-agent/parameters/parameter"), n);
	assert_int_equal(count(doc, "//parameter[string-length(longdesc) > 10][string-length(shortdesc) > 3]"), n);
	assert_int_equal(count(doc, "//parameter/content[@type][@default]"), n);
	assert_int_equal(count(doc, "//parameter[@required='0'][@reloadable][@unique]"), n);
	assert_int_equal(count(doc, "//parameter[@unique='1'][@unique-group]"), count(doc, "//parameter[@unique='1']"));
	assert_int_equal(count(doc, "//parameter[@name = preceding::parameter/@name]"), 0);
	xmlFreeDoc(doc);
}

TEST(the_two_monitors_have_different_intervals)
{
	xmlDocPtr doc = document(0);

	assert_int_equal(count(doc, "//action[@name='monitor'][@role][@interval]"), 2);
	assert_int_equal(count(doc, "//action[@name='monitor'][@interval = preceding::action[@name='monitor']/@interval]"), 0);
	assert_int_equal(count(doc, "//action[@timeout]"), (int)action_row_count);
	xmlFreeDoc(doc);
}

/* As ocf-tester does it. A build host without resource-agents has no definitions to be valid for; tests/run, which installs them, counts
 * a skipped test as failed. */
TEST(the_metadata_is_valid_for_the_installed_dtd)
{
	if (access(DEFINITIONS "ra-api-1.dtd", R_OK))
		skip();
	xmlDocPtr doc = document(XML_PARSE_DTDLOAD);
	xmlValidCtxtPtr context = xmlNewValidCtxt();

	assert_int_equal(xmlValidateDocument(context, doc), 1);
	xmlFreeValidCtxt(context);
	xmlFreeDoc(doc);
}

static void attribute_remove(xmlNodePtr node, const char *name)
{
	xmlUnsetProp(node, BAD_CAST name);
	for (xmlNodePtr child = node->children; child; child = child->next) {
		if (child->type == XML_ELEMENT_NODE)
			attribute_remove(child, name);
	}
}

/* The schema that is installed is of OCF 1.0: what 1.1 added is taken out before. */
TEST(the_metadata_is_valid_for_the_installed_schema)
{
	static const char file[] = DEFINITIONS "metadata.rng";

	if (access(file, R_OK))
		skip();
	xmlDocPtr doc = document(0);
	attribute_remove(xmlDocGetRootElement(doc), "reloadable");
	attribute_remove(xmlDocGetRootElement(doc), "unique-group");
	xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt(file);
	xmlRelaxNGPtr schema = xmlRelaxNGParse(parser);
	assert_non_null(schema);
	xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt(schema);

	assert_int_equal(xmlRelaxNGValidateDoc(context, doc), 0);
	xmlRelaxNGFreeValidCtxt(context);
	xmlRelaxNGFree(schema);
	xmlRelaxNGFreeParserCtxt(parser);
	xmlFreeDoc(doc);
}

/* "usage: mysql {start|stop|...|usage}" */
static void usage_read(char *text, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	action_usage();
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	fclose(file);
}

static bool in_metadata(const char *name)
{
	for (size_t i = 0; i < action_row_count; i++)
		if (strcmp(action_rows[i].name, name) == 0)
			return true;
	return false;
}

TEST(the_metadata_has_the_actions_that_the_agent_has)
{
	char text[4096], *save = NULL;

	usage_read(text, sizeof(text));
	char *open = strchr(text, '{'), *close = strchr(text, '}');
	assert_true(open && close && open < close);
	*open = *close = '|';
	for (size_t i = 0; i < action_row_count; i++) {
		_cleanup_free_ char *word = str_printf("|%s|", action_rows[i].name);

		if (!strstr(open, word))
			fail_msg("the agent has no action %s", action_rows[i].name);
	}
	*close = '\0';
	for (char *word = strtok_r(open, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
		if (strcmp(word, "usage") != 0 && !in_metadata(word))
			fail_msg("the metadata does not have %s", word);
	}
}

TEST(the_manual_page_has_every_parameter_and_action)
{
	_cleanup_free_ char *page = metadata_man();

	assert_int_equal(strncmp(page, ".TH OCF_SYSTOLE_MYSQL 7", 23), 0);
	for (size_t i = 0; i < param_count; i++) {
		_cleanup_free_ char *heading = str_printf("\n.TP\n\\fB%s\\fR", param_table[i].name);

		if (!strstr(page, heading))
			fail_msg("not in the manual page: %s", param_table[i].name);
	}
	/* A line that begins with a quote would be a command. */
	assert_null(strstr(page, "\n'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_text_in_the_agent_is_what_the_tables_say),
	    cmocka_unit_test(every_parameter_is_described_and_has_a_default),
	    cmocka_unit_test(the_two_monitors_have_different_intervals),
	    cmocka_unit_test(the_metadata_is_valid_for_the_installed_dtd),
	    cmocka_unit_test(the_metadata_is_valid_for_the_installed_schema),
	    cmocka_unit_test(the_metadata_has_the_actions_that_the_agent_has),
	    cmocka_unit_test(the_manual_page_has_every_parameter_and_action),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	xmlCleanupParser();
	return failed;
}
