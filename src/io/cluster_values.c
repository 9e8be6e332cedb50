/* The plain data of cluster.h: in the agent and, being what they exchange, in the module as well. */
#include "io/cluster.h"

#include <stdlib.h>

#include "base/str.h"

const char *attr_values_get(const struct attr_values *values, const char *node)
{
	for (size_t i = 0; i < values->count; i++)
		if (str_equal(values->items[i].node, node))
			return values->items[i].value;
	return NULL;
}

void attr_values_clear(struct attr_values *values)
{
	for (size_t i = 0; i < values->count; i++) {
		free(values->items[i].node);
		free(values->items[i].value);
	}
	free(values->items);
	*values = (struct attr_values){0};
}

void cluster_nodes_clear(struct cluster_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		free(nodes->items[i].name);
	free(nodes->items);
	*nodes = (struct cluster_nodes){0};
}
