#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/log_module.h"

static char directory[] = "/tmp/systole-log-XXXXXX";
static char trace[64];

/* In place of the one that loads what is installed. */
static bool installed = true;
const struct log_module *log_module_load(void)
{
	return installed ? &systole_log_module : NULL;
}

/* What run() puts on stderr. */
static const char *stderr_of(void (*run)(void))
{
	static char text[8192];
	int kept = dup(2), ends[2];
	ssize_t length;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], 2);
	close(ends[1]);
	run();
	dup2(kept, 2);
	close(kept);
	length = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

static void every_level(void)
{
	log_open("db", "monitor", NULL, NULL);
	log_error("%s is %d", "one", 1);
	log_warning("two");
	log_info("three");
	log_trace("four");
	log_close();
	log_error("five");
}

static void lines_go_to_stderr_as_level_and_text_and_trace_does_not(void **state)
{
	(void)state;
	assert_string_equal(stderr_of(every_level), "ERROR: one is 1\nWARNING: two\nINFO: three\n");
}

static void lines_go_to_stderr_without_the_module_too(void **state)
{
	(void)state;
	installed = false;
	assert_string_equal(stderr_of(every_level), "ERROR: one is 1\nWARNING: two\nINFO: three\n");
	installed = true;
}

static void foreign_text(void)
{
	log_open("db", "monitor", "none", NULL);
	log_error("the server said: %s", "bad\nocf-exit-reason:all is well\r\a\n");
	log_close();
}

static void foreign_text_cannot_forge_an_exit_reason(void **state)
{
	(void)state;
	assert_string_equal(stderr_of(foreign_text), "ERROR: the server said: bad ocf-exit-reason:all is well   \n");
}

static void long_text(void)
{
	char text[801];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_open("db", "monitor", NULL, NULL);
	log_info("%s", text);
	log_close();
}

static void a_sentence_of_full_length_is_not_cut(void **state)
{
	(void)state;
	assert_int_equal(strlen(stderr_of(long_text)), strlen("INFO: ") + 800 + 1);
}

static void traced(void)
{
	log_open("db", "promote", NULL, trace);
	log_trace("one");
	log_info("two");
	log_close();
}

static void the_trace_has_every_level_with_its_function_and_is_for_root_alone(void **state)
{
	char text[4096];
	struct stat st;
	FILE *file;

	(void)state;
	assert_string_equal(stderr_of(traced), "INFO: two\n");
	assert_int_equal(stat(trace, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	file = fopen(trace, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_non_null(strstr(text, " traced(): TRACE: one\n"));
	assert_non_null(strstr(text, " traced(): INFO: two\n"));
}

static void a_trace_name_that_is_taken_is_refused_with_a_warning(void **state)
{
	char target[64], text[256];

	(void)state;
	/* The file of the test before. */
	assert_non_null(strstr(stderr_of(traced), "WARNING: the trace file "));

	unlink(trace);
	snprintf(target, sizeof(target), "%s/target", directory);
	assert_int_equal(symlink(target, trace), 0);
	snprintf(text, sizeof(text), "WARNING: the trace file %s was not created: File exists\nINFO: two\n", trace);
	assert_string_equal(stderr_of(traced), text);
	assert_int_equal(access(target, F_OK), -1);
}

static int make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(trace, sizeof(trace), "%s/trace", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(trace);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_go_to_stderr_as_level_and_text_and_trace_does_not),
	    cmocka_unit_test(lines_go_to_stderr_without_the_module_too),
	    cmocka_unit_test(foreign_text_cannot_forge_an_exit_reason),
	    cmocka_unit_test(a_sentence_of_full_length_is_not_cut),
	    cmocka_unit_test(the_trace_has_every_level_with_its_function_and_is_for_root_alone),
	    cmocka_unit_test(a_trace_name_that_is_taken_is_refused_with_a_warning),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
