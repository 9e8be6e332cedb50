#include "io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <qb/qbdefs.h>
#include <qb/qblog.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

/* Marks our own lines: libqb also logs about itself, which is nobody's business here. */
#define OUR_TAG (1u << 16)
/* libqb cuts at 512 unless told; an exit reason alone may have 768. */
#define LINE_MAX_LENGTH 2048

static const struct {
	const char *name;
	uint8_t priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"ERROR", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"WARNING", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"INFO", LOG_INFO},
    [LOG_LEVEL_TRACE] = {"TRACE", LOG_DEBUG},
};
_Static_assert(ARRAY_LENGTH(levels) == LOG_LEVEL_TRACE + 1, "one row a level");

static struct {
	bool open;
	bool syslog;
	int trace_target; /* libqb's number; -1: none */
	int trace_fd;
} state = {.trace_target = -1, .trace_fd = -1};

static void target_choose(struct qb_log_callsite *callsite)
{
	bool ours = (callsite->tags & OUR_TAG) != 0;
	bool people = ours && callsite->priority <= LOG_INFO;

	callsite->targets = 0;
	if (people)
		qb_bit_set(callsite->targets, QB_LOG_STDERR);
	if (people && state.syslog)
		qb_bit_set(callsite->targets, QB_LOG_SYSLOG);
	if (ours && state.trace_target >= 0)
		qb_bit_set(callsite->targets, state.trace_target);
}

static void trace_write(int32_t target, struct qb_log_callsite *callsite, struct timespec *when, const char *text)
{
	char line[LINE_MAX_LENGTH + 256], stamp[32];
	struct tm local;
	int length;

	(void)target;
	localtime_r(&when->tv_sec, &local);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &local);
	length = snprintf(line, sizeof(line), "%s.%03ld %s(): %s\n", stamp, when->tv_nsec / 1000000, callsite->function, text);
	if (length >= (int)sizeof(line))
		length = sizeof(line) - 1;
	/* One write a line; a full disk costs the trace, never the action. */
	if (write(state.trace_fd, line, (size_t)length) < 0)
		return;
}

/* Returns 0 or an errno. */
static int trace_open(const char *path)
{
	int32_t target;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	target = qb_log_custom_open(trace_write, NULL, NULL, NULL);
	if (target < 0) {
		close(fd);
		return -target;
	}
	state.trace_fd = fd;
	state.trace_target = target;
	qb_log_ctl(target, QB_LOG_CONF_MAX_LINE_LEN, LINE_MAX_LENGTH);
	qb_log_ctl(target, QB_LOG_CONF_ENABLED, QB_TRUE);
	return 0;
}

static void target_enable(int32_t target, bool wanted)
{
	qb_log_format_set(target, "%b");
	qb_log_ctl(target, QB_LOG_CONF_MAX_LINE_LEN, LINE_MAX_LENGTH);
	qb_log_ctl(target, QB_LOG_CONF_ENABLED, wanted);
}

void log_open(const char *resource, const char *action, const char *syslog_facility, const char *trace_path)
{
	int32_t facility = LOG_DAEMON;
	int trace_errno = 0;
	char identity[128];

	log_close();
	if (!str_empty(syslog_facility) && strcmp(syslog_facility, "none") != 0) {
		facility = qb_log_facility2int(syslog_facility);
		state.syslog = facility >= 0;
	}
	snprintf(identity, sizeof(identity), "mysql(%s:%s)", str_empty(resource) ? "-" : resource, str_empty(action) ? "-" : action);
	qb_log_init(identity, state.syslog ? facility : LOG_DAEMON, LOG_INFO);
	target_enable(QB_LOG_SYSLOG, state.syslog);
	target_enable(QB_LOG_STDERR, true);
	if (!str_empty(trace_path))
		trace_errno = trace_open(trace_path);
	qb_log_filter_fn_set(target_choose);
	state.open = true;

	if (trace_errno != 0)
		log_warning("the trace file %s was not created: %s", trace_path, strerror(trace_errno));
}

void log_close(void)
{
	if (!state.open)
		return;
	state.open = false;
	qb_log_filter_fn_set(NULL);
	qb_log_fini();
	if (state.trace_fd >= 0)
		close(state.trace_fd);
	state.trace_fd = -1;
	state.trace_target = -1;
	state.syslog = false;
}

void log_line(enum log_level level, const char *file, unsigned int line, const char *function, const char *fmt, ...)
{
	char text[LINE_MAX_LENGTH - 16];
	va_list arguments;

	if (!state.open || (level == LOG_LEVEL_TRACE && state.trace_target < 0))
		return;
	va_start(arguments, fmt);
	vsnprintf(text, sizeof(text), fmt, arguments);
	va_end(arguments);
	/* Also libqb's own mark for "extended information", \a. */
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	qb_log_from_external_source(function, file, "%s: %s", levels[level].priority, line, OUR_TAG, levels[level].name, text);
}
