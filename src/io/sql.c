/* The calls go to the module; whoever has a connection has loaded it. */
#include "io/sql.h"

#include <stddef.h>

#include "io/sql_module.h"

static const struct sql_module *module;

int sql_load(struct error *err)
{
	if (!module)
		module = sql_module_load(err);
	return module ? 0 : -1;
}

enum sql_outcome sql_open(const struct sql_target *target, uint64_t deadline_ms, struct sql **ret, struct error *err)
{
	return sql_load(err) ? SQL_UNKNOWN : module->open(target, deadline_ms, ret, err);
}

void sql_close(struct sql *sql)
{
	if (sql)
		module->close(sql);
}

enum sql_outcome sql_run(struct sql *sql, const char *statement, uint64_t deadline_ms, struct error *err)
{
	return module->run(sql, statement, deadline_ms, err);
}

enum sql_outcome sql_query(struct sql *sql, const char *statement, uint64_t deadline_ms, struct sql_rows *ret, struct error *err)
{
	return module->query(sql, statement, deadline_ms, ret, err);
}

unsigned int sql_errno(const struct sql *sql)
{
	return module->number(sql);
}

char *sql_quote(struct sql *sql, const char *text)
{
	return module->quote(sql, text);
}

const char *sql_server_info(const struct sql *sql)
{
	return module->server_info(sql);
}
