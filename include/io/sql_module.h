/* sql_module.h - what src/io/sql.c asks of the module sql.so, the only code that links with the server's client library. That one brings
 * libraries along for TLS, compression and C++: loading them costs twice what a notification costs that asks the server nothing. So the
 * module is loaded with the first connection. */
#ifndef SYSTOLE_IO_SQL_MODULE_H
#define SYSTOLE_IO_SQL_MODULE_H

#include "io/module.h"
#include "io/sql.h"

/* The one symbol that the module exports: a const struct sql_module. */
#define SQL_MODULE_SYMBOL "systole_sql_module"
#define SQL_MODULE_VERSION 1

/* The calls of sql.h. */
struct sql_module {
	struct module_head head;
	enum sql_outcome (*open)(const struct sql_target *target, uint64_t deadline_ms, struct sql **ret, struct error *err);
	void (*close)(struct sql *sql);
	enum sql_outcome (*run)(struct sql *sql, const char *statement, uint64_t deadline_ms, struct error *err);
	enum sql_outcome (*query)(struct sql *sql, const char *statement, uint64_t deadline_ms, struct sql_rows *ret, struct error *err);
	unsigned int (*number)(const struct sql *sql); /* sql_errno(): errno is a macro */
	char *(*quote)(struct sql *sql, const char *text);
	const char *(*server_info)(const struct sql *sql);
};

extern const struct sql_module systole_sql_module;

/* In a file of its own, so that a test can put another in its place. */
const struct sql_module *sql_module_load(struct error *err);

#endif
