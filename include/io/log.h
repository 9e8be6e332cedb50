/* log.h - log lines, through libqb (loaded with the first of them): to stderr for Pacemaker, to syslog where the cluster asks for it, to the trace file under OCF_TRACE_RA.
 * A quiet monitor logs nothing. Secrets never get here: statements with passwords are logged by name only.
 *
 * A message is always one line, whatever text a server or a tool put into it: Pacemaker reads our stderr line by line, and a line break
 * in a foreign text could forge an exit reason. */
#ifndef SYSTOLE_IO_LOG_H
#define SYSTOLE_IO_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_TRACE,
	LOG_LEVEL_COUNT
};
const char *log_level_name(enum log_level level);

/* identity: the prefix "mysql(db:monitor)[1234]" is made of resource and action. syslog_facility may be NULL or "none": no syslog.
 * trace_path may be NULL; otherwise the file must not exist yet: it is created for root alone, and a name that is taken (a link above
 * all) is refused with a warning. Before log_open and after log_close lines go nowhere. */
void log_open(const char *resource, const char *action, const char *syslog_facility, const char *trace_path);
void log_close(void);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __FILE__, __LINE__, __func__, __VA_ARGS__)	/* somebody must act */
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __FILE__, __LINE__, __func__, __VA_ARGS__) /* somebody should look in the morning */
#define log_info(...) log_line(LOG_LEVEL_INFO, __FILE__, __LINE__, __func__, __VA_ARGS__)	/* what was done, once */
#define log_trace(...) log_line(LOG_LEVEL_TRACE, __FILE__, __LINE__, __func__, __VA_ARGS__)	/* only in the trace file */

/* For the macros above. */
void log_line(enum log_level level, const char *file, unsigned int line, const char *function, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
