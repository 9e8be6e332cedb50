/* cluster.h - the one door to Pacemaker and Corosync: node attributes, the promotion score, membership, quorum. It decides nothing.
 *
 * The code that links with Pacemaker's libraries is a module, loaded at the first call that needs it: loading costs 3 ms, more than a whole
 * quiet monitor. It runs in a child process of the agent, because the libraries' own calls can block for ever, abort and log where they
 * like: at the deadline the child is killed, and the next call starts a new one. Not answered is an error (or UNKNOWN), never "no". */
#ifndef SYSTOLE_IO_CLUSTER_H
#define SYSTOLE_IO_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum quorum {
	QUORUM_UNKNOWN = 0, /* Corosync did not answer */
	QUORUM_YES,
	QUORUM_NO,
};

enum attr_kind {
	ATTR_PRIVATE,	/* in the memory of every node's attribute manager, never in the CIB: no transition is aborted */
	ATTR_TRANSIENT, /* in the CIB's status section: starts the scheduler when the value changes */
};

struct attr_value {
	char *node; /* the node's name in the cluster */
	char *value;
};
struct attr_values {
	struct attr_value *items;
	size_t count;
};

struct cluster_node {
	char *name;
	bool member;  /* part of the cluster's membership now */
	bool joining; /* a member whose Pacemaker has not joined the others', yet */
	bool clean;   /* no member, and fenced since, or it left by itself: runs nothing */
};
struct cluster_nodes {
	struct cluster_node *items;
	size_t count;
};

/* deadline_ms: monotonic milliseconds, as of clock_now_ms(). All functions: 0, or -1 with err: OCF_ERR_INSTALLED when the module or a library
 * of its is missing, OCF_ERR_GENERIC for everything that a running cluster can do to us.
 *
 * What the attribute manager promises, as seen with 2.1.5 and 3.0.3: a node that joins gets the others' private attributes; a node that
 * leaves, or is cut off, loses its own on the other side; a pacemaker-attrd that is restarted loses its node's own everywhere. So a missing
 * attribute means "not known" and never "no", and what others must see is published again by every action that relies on it. Each change
 * of a value is written in full to the log of every node. */

/* For an action that will need it: the module is loaded while the agent is still talking to the server. */
void cluster_begin(void);

/* The attribute of every node that has it. Nodes without it are not listed. */
int cluster_attr_query(const char *name, struct attr_values *ret_values, uint64_t deadline_ms, struct error *err);
/* The same of what an administrator has given to the nodes for good: it is in the CIB's configuration, and survives a boot. */
int cluster_attr_permanent(const char *name, struct attr_values *ret_values, uint64_t deadline_ms, struct error *err);
/* The local node's attribute; value NULL deletes it. Success: a query on this node has seen the new value. Failure does not mean that
 * nothing happened: what a hanging cluster was told before the deadline it may do when it wakes up. */
int cluster_attr_set(const char *name, const char *value, enum attr_kind kind, uint64_t deadline_ms, struct error *err);
/* The local node's promotion score of the resource (attribute master-<resource>); NULL text deletes. Reads first, writes only a change. */
int cluster_score_set(const char *resource, const char *score, uint64_t deadline_ms, struct error *err);
int cluster_score_get(const char *resource, char **ret_score, uint64_t deadline_ms, struct error *err); /* *ret_score NULL: no score */
/* The CIB that wins when partitions merge, or a node with a newer one returns, may lack the score, and the attribute manager does not notice
 * (seen with 3.0.3). If so it writes all of them again. node: the local one's name. */
int cluster_score_mend(const char *resource, const char *node, uint64_t deadline_ms, struct error *err);
/* Corosync itself is asked. Never fails: what cannot be known is QUORUM_UNKNOWN. */
enum quorum cluster_quorum(uint64_t deadline_ms);
/* All nodes that Pacemaker has ever seen, with what the CIB says of them now. */
int cluster_nodes_query(struct cluster_nodes *ret_nodes, uint64_t deadline_ms, struct error *err);
/* A cluster property, in a set of its own and of the same name; `cibadmin --query --scope crm_config` shows it. Written only when it changes:
 * every write makes the scheduler calculate anew. Not while a node joins: that is an error. The CIB that wins when partitions merge may be
 * the older one: it carries, it proves nothing. */
int cluster_property_get(const char *name, char **ret_value, uint64_t deadline_ms, struct error *err);
int cluster_property_set(const char *name, const char *value, uint64_t deadline_ms, struct error *err);

const char *attr_values_get(const struct attr_values *values, const char *node); /* NULL: the node has none */
void attr_values_clear(struct attr_values *values);
void cluster_nodes_clear(struct cluster_nodes *nodes);
/* Disconnects; harmless when nothing was opened. */
void cluster_close(void);

#endif
