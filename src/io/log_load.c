#include "io/log_module.h"

#include <dlfcn.h>
#include <stddef.h>

const struct log_module *log_module_load(void)
{
	void *handle = dlopen(SYSTOLE_MODULEDIR "/log.so", RTLD_NOW | RTLD_LOCAL);
	const struct log_module *module = handle ? dlsym(handle, LOG_MODULE_SYMBOL) : NULL;
	return module && module->version == LOG_MODULE_VERSION && module->size == sizeof(*module) ? module : NULL;
}
