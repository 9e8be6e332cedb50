#include "io/log_module.h"

const struct log_module *log_module_load(void)
{
	static const struct module_head wanted = {LOG_MODULE_VERSION, sizeof(struct log_module)};
	struct error ignored;

	return module_load("log", LOG_MODULE_SYMBOL, &wanted, &ignored);
}
