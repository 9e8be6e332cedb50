/* libqb's side of the log: the module log.so. */
#include "io/log_module.h"

#include <qb/qbdefs.h>
#include <qb/qblog.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

/* Marks our own lines: libqb also logs about itself, which is nobody's business here. */
#define OUR_TAG (1u << 16)

static const uint8_t priorities[] = {
    [LOG_LEVEL_ERROR] = LOG_ERR,
    [LOG_LEVEL_WARNING] = LOG_WARNING,
    [LOG_LEVEL_INFO] = LOG_INFO,
    [LOG_LEVEL_TRACE] = LOG_DEBUG,
};
_Static_assert(ARRAY_LENGTH(priorities) == LOG_LEVEL_COUNT, "one row a level");

static bool to_syslog;
static int32_t trace_target = -1; /* libqb's number; negative: none */
static int trace_descriptor = -1;

static void target_choose(struct qb_log_callsite *callsite)
{
	bool ours = (callsite->tags & OUR_TAG) != 0;
	bool people = ours && callsite->priority <= LOG_INFO;

	callsite->targets = 0;
	if (people)
		qb_bit_set(callsite->targets, QB_LOG_STDERR);
	if (people && to_syslog)
		qb_bit_set(callsite->targets, QB_LOG_SYSLOG);
	if (ours && trace_target >= 0)
		qb_bit_set(callsite->targets, trace_target);
}

static void trace_write(int32_t target, struct qb_log_callsite *callsite, struct timespec *when, const char *text)
{
	char line[LOG_LINE_MAX + 256], stamp[32];
	struct tm local;
	int length;

	(void)target;
	localtime_r(&when->tv_sec, &local);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &local);
	length = snprintf(line, sizeof(line), "%s.%03ld %s(): %s\n", stamp, when->tv_nsec / 1000000, callsite->function, text);
	if (length >= (int)sizeof(line))
		length = sizeof(line) - 1;
	/* One write a line; a full disk costs the trace, never the action. */
	if (write(trace_descriptor, line, (size_t)length) < 0)
		return;
}

static void target_enable(int32_t target, bool wanted)
{
	qb_log_format_set(target, "%b");
	qb_log_ctl(target, QB_LOG_CONF_MAX_LINE_LEN, LOG_LINE_MAX);
	qb_log_ctl(target, QB_LOG_CONF_ENABLED, wanted);
}

static void qb_open(const char *identity, const char *facility, int trace_fd)
{
	int32_t number = facility ? qb_log_facility2int(facility) : -1;

	to_syslog = number >= 0;
	qb_log_init(identity, to_syslog ? number : LOG_DAEMON, LOG_INFO);
	target_enable(QB_LOG_SYSLOG, to_syslog);
	target_enable(QB_LOG_STDERR, true);
	trace_descriptor = trace_fd;
	trace_target = trace_fd < 0 ? -1 : qb_log_custom_open(trace_write, NULL, NULL, NULL);
	if (trace_target >= 0)
		target_enable(trace_target, true);
	qb_log_filter_fn_set(target_choose);
}

static void qb_close(void)
{
	qb_log_filter_fn_set(NULL);
	qb_log_fini();
	trace_target = -1;
}

static void qb_line(enum log_level level, const char *file, unsigned int line, const char *function, const char *text)
{
	qb_log_from_external_source(function, file, "%s: %s", priorities[level], line, OUR_TAG, log_level_name(level), text);
}

__attribute__((visibility("default"))) const struct log_module systole_log_module = {
    .head = {LOG_MODULE_VERSION, sizeof(struct log_module)},
    .open = qb_open,
    .line = qb_line,
    .close = qb_close,
};
