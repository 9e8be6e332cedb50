/* log_module.h - what src/io/log.c asks of the module log.so, the only code that links with libqb. libqb brings systemd's and five
 * compression and cipher libraries along: loading them costs half of a quiet monitor, which logs nothing. So the module is loaded with the
 * first line. It never decides what is logged. */
#ifndef SYSTOLE_IO_LOG_MODULE_H
#define SYSTOLE_IO_LOG_MODULE_H

#include "io/log.h"
#include "io/module.h"

/* The one symbol that the module exports: a const struct log_module. */
#define LOG_MODULE_SYMBOL "systole_log_module"
#define LOG_MODULE_VERSION 1
/* libqb cuts at 512 unless told; an exit reason alone may have 768. */
#define LOG_LINE_MAX 2048

struct log_module {
	struct module_head head;
	/* facility: NULL for no syslog. trace_fd: -1 for no trace; stays the caller's. */
	void (*open)(const char *identity, const char *facility, int trace_fd);
	void (*line)(enum log_level level, const char *file, unsigned int line, const char *function, const char *text);
	void (*close)(void);
};

extern const struct log_module systole_log_module;

/* NULL when there is none: then lines go to stderr all the same. In a file of its own, so that a test can put another in its place. */
const struct log_module *log_module_load(void);

#endif
