#include "io/module.h"

#include <dlfcn.h>
#include <stddef.h>

#include "base/str.h"

const void *module_load(const char *name, const char *symbol, const struct module_head *wanted, struct error *err)
{
	_cleanup_free_ char *path = str_printf(SYSTOLE_MODULEDIR "/%s.so", name);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct module_head *head = handle ? dlsym(handle, symbol) : NULL;

	if (!handle)
		error_set(err, OCF_ERR_INSTALLED, "the %s module cannot be loaded: %s", name, dlerror());
	else if (!head)
		error_set(err, OCF_ERR_INSTALLED, "%s is not a %s module: %s", path, name, dlerror());
	else if (head->version != wanted->version || head->size != wanted->size)
		error_set(err, OCF_ERR_INSTALLED, "%s belongs to another version of the agent: install both from the same package", path);
	else
		return head;
	return NULL;
}
