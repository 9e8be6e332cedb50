#include "io/sql_module.h"

const struct sql_module *sql_module_load(struct error *err)
{
	static const struct module_head wanted = {SQL_MODULE_VERSION, sizeof(struct sql_module)};

	return module_load("sql", SQL_MODULE_SYMBOL, &wanted, err);
}
