/* module.h - parts of the agent that bring large libraries along, and are loaded by the actions that need them. Each is a file,
 * SYSTOLE_MODULEDIR/NAME.so, that exports one symbol: a struct which begins with a module_head. */
#ifndef SYSTOLE_IO_MODULE_H
#define SYSTOLE_IO_MODULE_H

#include <stdint.h>

#include "base/error.h"

struct module_head {
	uint32_t version; /* raised with every change of the struct or of what a call means */
	uint32_t size;	  /* of the whole struct */
};

/* The module's struct, for the rest of this process; NULL, with the sentence in err, when it cannot be loaded or belongs to another version. */
const void *module_load(const char *name, const char *symbol, const struct module_head *wanted, struct error *err);

#endif
