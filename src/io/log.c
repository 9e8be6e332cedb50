#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "io/log_module.h"

static struct {
	bool open, tried; /* tried: whether there is a module is known */
	char identity[128], facility[32];
	int trace_fd;
	const struct log_module *module;
} state = {.trace_fd = -1};

void log_open(const char *resource, const char *action, const char *syslog_facility, const char *trace_path)
{
	bool syslog = !str_empty(syslog_facility) && strcmp(syslog_facility, "none") != 0;

	log_close();
	snprintf(state.identity, sizeof(state.identity), "mysql(%s:%s)", str_empty(resource) ? "-" : resource,
		 str_empty(action) ? "-" : action);
	snprintf(state.facility, sizeof(state.facility), "%s", syslog ? syslog_facility : "");
	state.open = true;
	if (str_empty(trace_path))
		return;
	state.trace_fd = open(trace_path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (state.trace_fd < 0)
		log_warning("the trace file %s was not created: %s", trace_path, strerror(errno));
}

void log_close(void)
{
	if (state.open && state.module)
		state.module->close();
	if (state.trace_fd >= 0)
		close(state.trace_fd);
	state.open = state.tried = false;
	state.module = NULL;
	state.trace_fd = -1;
}

static void module_want(void)
{
	if (state.tried)
		return;
	state.tried = true;
	state.module = log_module_load();
	if (state.module)
		state.module->open(state.identity, *state.facility ? state.facility : NULL, state.trace_fd);
}

void log_line(enum log_level level, const char *file, unsigned int line, const char *function, const char *fmt, ...)
{
	char text[LOG_LINE_MAX - 16];
	va_list arguments;

	if (!state.open || (level == LOG_LEVEL_TRACE && state.trace_fd < 0))
		return;
	module_want();
	va_start(arguments, fmt);
	vsnprintf(text, sizeof(text), fmt, arguments);
	va_end(arguments);
	/* Also libqb's own mark for "extended information", \a. */
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	if (state.module)
		state.module->line(level, file, line, function, text);
	else if (level != LOG_LEVEL_TRACE)
		fprintf(stderr, "%s: %s\n", log_level_name(level), text);
}
