/* cluster_module.h - what src/io/cluster.c asks of the module cluster.so, the only code that links with Pacemaker's and Corosync's
 * libraries. The module is built against one version of them and is replaced together with the agent; it never outlives a call's failure
 * with a half-open connection, and it knows no deadlines: it runs in a process that is killed when it is late. */
#ifndef SYSTOLE_IO_CLUSTER_MODULE_H
#define SYSTOLE_IO_CLUSTER_MODULE_H

#include "io/cluster.h"
#include "io/module.h"

/* The one symbol that the module exports: a const struct cluster_module. */
#define CLUSTER_MODULE_SYMBOL "systole_cluster_module"
#define CLUSTER_MODULE_VERSION 5

/* Results as in cluster.h; every call may block for ever. Pacemaker has it that an attribute without a value and one that was never
 * set are the same. */
struct cluster_module {
	struct module_head head;
	int (*attr_query)(const char *name, struct attr_values *ret_values, struct error *err);
	int (*attr_permanent)(const char *name, struct attr_values *ret_values, struct error *err);
	/* The local node's value; *ret_value NULL: none. */
	int (*attr_local)(const char *name, char **ret_value, struct error *err);
	/* Returns when the request was accepted, which is earlier than its effect can be seen. */
	int (*attr_update)(const char *name, const char *value, enum attr_kind kind, struct error *err);
	/* The value that the CIB has of this node's transient attribute; *ret_value NULL: none. */
	int (*attr_stored)(const char *name, const char *node, char **ret_value, struct error *err);
	/* The attribute manager writes all that it knows into the CIB again. */
	int (*attr_refresh)(struct error *err);
	int (*nodes_query)(struct cluster_nodes *ret_nodes, struct error *err);
	/* A cluster property in a set of the same name; *ret_value NULL: none. */
	int (*property_get)(const char *name, char **ret_value, struct error *err);
	int (*property_put)(const char *name, const char *value, struct error *err);
	enum quorum (*quorum)(void);
	void (*close)(void);
};

extern const struct cluster_module systole_cluster_module;

#endif
