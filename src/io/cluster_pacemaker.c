/* What Pacemaker has given up is not even declared. */
#define PCMK_ALLOW_DEPRECATED 0

#include "io/cluster_module.h"

#include <corosync/corotypes.h>
#include <corosync/quorum.h>
#include <crm/cib.h>
#include <crm/common/ipc.h>
#include <crm/common/results.h>
#include <errno.h>
#include <glib.h>
#include <libxml/tree.h>
#include <stdlib.h>

#include "base/str.h"

/* The attribute manager's client calls are exported by libcrmcommon in every version, but their header, crm/common/ipc_attrd_internal.h,
 * is installed by 2.1.5 only; there is no public interface. These declarations are the same in 2.1.5 and 3.0. The alternative,
 * attrd_updater, costs a process a call. */
struct attrd_pair {
	const char *node;
	const char *name;
	const char *value;
};
struct attrd_reply {
	enum {
		ATTRD_REPLY_UNKNOWN,
		ATTRD_REPLY_QUERY,
	} type;
	GList *pairs; /* of struct attrd_pair; its strings live as long as the callback runs */
};
int pcmk__attrd_api_query(pcmk_ipc_api_t *api, const char *node, const char *name, uint32_t options);
int pcmk__attrd_api_refresh(pcmk_ipc_api_t *api, const char *node);
int pcmk__attrd_api_update(pcmk_ipc_api_t *api, const char *node, const char *name, const char *value, const char *dampen, const char *set,
			   const char *user_name, uint32_t options);

enum attrd_option {
	ATTRD_PRIVATE = 1 << 1,
	ATTRD_VALUE = 1 << 3,
	ATTRD_QUERY_ALL =
	    1 << 9, /* since 2.1.6; 2.1.5 ignores it and takes node NULL for all of them, where 3.0 takes it for the local one */
};

/* The connection to the attribute manager, and where its reply is put. It answers one request at a time. */
static struct {
	pcmk_ipc_api_t *api;
	bool replied;
	crm_exit_t status;
	struct attr_values values;
} attrd;
#define ATTRD_NAME "Pacemaker's attribute manager (pacemaker-attrd)"

static cib_t *cib; /* NULL: not connected */

static struct {
	bool open;
	quorum_handle_t handle;
	uint32_t type;
} corosync;

static void attrd_forget_reply(void)
{
	attrd.replied = false;
	attr_values_clear(&attrd.values);
}

static void attrd_close(void)
{
	attrd_forget_reply();
	if (attrd.api == NULL)
		return;
	pcmk_disconnect_ipc(attrd.api);
	pcmk_free_ipc_api(attrd.api);
	attrd.api = NULL;
}

static void take_pairs(const struct attrd_reply *reply)
{
	if (reply->type != ATTRD_REPLY_QUERY)
		return;
	for (const GList *item = reply->pairs; item != NULL; item = item->next) {
		const struct attrd_pair *pair = item->data;
		struct attr_values *values = &attrd.values;

		/* A deleted attribute stays known without a value. */
		if (pair->node == NULL || pair->value == NULL)
			continue;
		values->items = mem_grow(values->items, values->count + 1, sizeof(*values->items));
		values->items[values->count++] = (struct attr_value){.node = str_dup(pair->node), .value = str_dup(pair->value)};
	}
}

static void on_event(pcmk_ipc_api_t *api, enum pcmk_ipc_event event, crm_exit_t status, void *data, void *user_data)
{
	(void)api;
	(void)user_data;
	if (event != pcmk_ipc_event_reply)
		return;
	attrd.replied = true;
	attrd.status = status;
	if (status == CRM_EX_OK && data != NULL)
		take_pairs(data);
}

/* Standard Pacemaker return codes from here on: 0 is success. */
static int attrd_open(void)
{
	int rc;

	attrd_forget_reply();
	if (attrd.api != NULL)
		return pcmk_rc_ok;
	rc = pcmk_new_ipc_api(&attrd.api, pcmk_ipc_attrd);
	if (rc != pcmk_rc_ok)
		return rc;
	pcmk_register_ipc_callback(attrd.api, on_event, NULL);
	return pcmk_connect_ipc(attrd.api, pcmk_ipc_dispatch_sync);
}

/* One request. Its reply is in attrd afterwards. */
struct ask {
	int (*send)(const struct ask *ask); /* returns when the reply is there, if there is to be one */
	const char *name;
	const char *value;
	const char *node;
	uint32_t options;
};

static int send_query(const struct ask *ask)
{
	int rc = pcmk__attrd_api_query(attrd.api, ask->node, ask->name, ask->options);

	return rc == pcmk_rc_ok && !attrd.replied ? EPROTO : rc;
}

static int send_update(const struct ask *ask)
{
	return pcmk__attrd_api_update(attrd.api, ask->node, ask->name, ask->value, NULL, NULL, NULL, ask->options);
}

static int send_refresh(const struct ask *ask)
{
	return pcmk__attrd_api_refresh(attrd.api, ask->node);
}

/* A connection that was open before may belong to a daemon that has been restarted since: that one is tried a second time, anew. */
static int ask(const struct ask *ask, struct error *err)
{
	bool was_open = attrd.api != NULL;

	for (;;) {
		int rc = attrd_open();

		if (rc == pcmk_rc_ok)
			rc = ask->send(ask);
		if (rc == pcmk_rc_ok)
			return 0;
		attrd_close();
		if (!was_open)
			return error_set(err, OCF_ERR_GENERIC, ATTRD_NAME " does not answer: %s", pcmk_rc_str(rc));
		was_open = false;
	}
}

/* A refusal is not an empty answer, but for ENXIO: nobody ever set the attribute. */
static int query(const char *name, const char *node, uint32_t options, struct error *err)
{
	if (ask(&(struct ask){.send = send_query, .name = name, .node = node, .options = options}, err) < 0)
		return -1;
	if (attrd.status != CRM_EX_OK && (int)attrd.status != ENXIO)
		return error_set(err, OCF_ERR_GENERIC, ATTRD_NAME " refused to tell attribute %s: %s", name, crm_exit_str(attrd.status));
	return 0;
}

static int pacemaker_attr_query(const char *name, struct attr_values *ret_values, struct error *err)
{
	if (query(name, NULL, ATTRD_QUERY_ALL, err) < 0)
		return -1;
	*ret_values = attrd.values;
	attrd.values = (struct attr_values){0};
	return 0;
}

static int pacemaker_attr_local(const char *name, char **ret_value, struct error *err)
{
	if (query(name, "localhost", 0, err) < 0)
		return -1;
	*ret_value = attrd.values.count > 0 ? str_dup(attrd.values.items[0].value) : NULL;
	return 0;
}

static int pacemaker_attr_update(const char *name, const char *value, enum attr_kind kind, struct error *err)
{
	uint32_t options = ATTRD_VALUE | (kind == ATTR_PRIVATE ? ATTRD_PRIVATE : 0);

	return ask(&(struct ask){.send = send_update, .name = name, .value = value, .options = options}, err);
}

static int pacemaker_attr_refresh(struct error *err)
{
	return ask(&(struct ask){.send = send_refresh}, err);
}

static void cib_close(void)
{
	if (cib == NULL)
		return;
	cib->cmds->signoff(cib);
	cib_delete(cib);
	cib = NULL;
}

/* The library's codes are negative errno values. */
static int cib_fail(int rc, const char *what, struct error *err)
{
	cib_close();
	return error_set(err, OCF_ERR_GENERIC, "Pacemaker's CIB manager (pacemaker-based) does not %s: %s", what, pcmk_strerror(rc));
}

static int cib_open(struct error *err)
{
	int rc;

	if (cib != NULL)
		return 0;
	cib = cib_new();
	rc = cib == NULL ? -ENOMEM : cib->cmds->signon(cib, "systole", cib_command);
	return rc == pcmk_ok ? 0 : cib_fail(rc, "answer", err);
}

/* *ret_found NULL: nothing matches. The caller frees it. */
static int cib_find(const char *xpath, xmlNode **ret_found, struct error *err)
{
	xmlNode *found = NULL;
	int rc;

	if (cib_open(err) < 0)
		return -1;
	rc = cib->cmds->query(cib, xpath, &found, cib_sync_call | cib_xpath);
	if (rc == -ENXIO) {
		*ret_found = NULL;
		return 0;
	}
	if (rc != pcmk_ok)
		return cib_fail(rc, "answer", err);
	*ret_found = found;
	return 0;
}

static char *xml_attribute(xmlNode *xml, const char *name)
{
	xmlChar *value = xmlGetProp(xml, (const xmlChar *)name);
	char *copy = str_dup((const char *)value);

	xmlFree(value);
	return copy;
}

/* Until 2.1.6 a truth value, since then the time of joining or 0. */
static bool xml_is_set(xmlNode *xml, const char *name)
{
	_cleanup_free_ char *value = xml_attribute(xml, name);

	return !str_empty(value) && !str_equal(value, "0") && !str_equal(value, "false");
}

/* "expected" is what the controller believes that a node should be: a member, until it has left in order or was fenced. */
static void take_node(xmlNode *xml, struct cluster_nodes *nodes)
{
	_cleanup_free_ char *name = xml_attribute(xml, "uname"), *expected = xml_attribute(xml, "expected"),
			    *join = xml_attribute(xml, "join");
	bool member = xml_is_set(xml, "in_ccm");

	if (name == NULL || !str_equal((const char *)xml->name, "node_state"))
		return;
	nodes->items = mem_grow(nodes->items, nodes->count + 1, sizeof(*nodes->items));
	nodes->items[nodes->count++] = (struct cluster_node){.name = str_dup(name),
							     .member = member,
							     .joining = member && !str_equal(join, "member"),
							     .clean = !member && str_equal(expected, "down")};
}

static int pacemaker_nodes_query(struct cluster_nodes *ret_nodes, struct error *err)
{
	xmlNode *status = NULL;

	if (cib_find("/cib/status", &status, err) < 0)
		return -1;
	for (xmlNode *child = status != NULL ? status->children : NULL; child != NULL; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			take_node(child, ret_nodes);
	xmlFreeNode(status);
	return 0;
}

static int pacemaker_attr_stored(const char *name, const char *node, char **ret_value, struct error *err)
{
	_cleanup_free_ char *xpath =
	    str_printf("/cib/status/node_state[@uname='%s']/transient_attributes/instance_attributes/nvpair[@name='%s']", node, name);
	xmlNode *pair = NULL;

	if (cib_find(xpath, &pair, err) < 0)
		return -1;
	*ret_value = pair != NULL ? xml_attribute(pair, "value") : NULL;
	xmlFreeNode(pair);
	return 0;
}

static void take_permanent(xmlNode *node, const char *name, struct attr_values *values)
{
	for (xmlNode *set = node->children; set != NULL; set = set->next) {
		for (xmlNode *pair = set->children; pair != NULL; pair = pair->next) {
			_cleanup_free_ char *key = pair->type == XML_ELEMENT_NODE ? xml_attribute(pair, "name") : NULL;

			if (!str_equal((const char *)set->name, "instance_attributes") || !str_equal(key, name))
				continue;
			values->items = mem_grow(values->items, values->count + 1, sizeof(*values->items));
			values->items[values->count++] =
			    (struct attr_value){.node = xml_attribute(node, "uname"), .value = xml_attribute(pair, "value")};
		}
	}
}

static int pacemaker_attr_permanent(const char *name, struct attr_values *ret_values, struct error *err)
{
	xmlNode *nodes = NULL;

	if (cib_find("/cib/configuration/nodes", &nodes, err) < 0)
		return -1;
	for (xmlNode *node = nodes != NULL ? nodes->children : NULL; node != NULL; node = node->next)
		if (node->type == XML_ELEMENT_NODE)
			take_permanent(node, name, ret_values);
	xmlFreeNode(nodes);
	return 0;
}

static int pacemaker_property_get(const char *name, char **ret_value, struct error *err)
{
	_cleanup_free_ char *xpath = str_printf("//crm_config/cluster_property_set[@id='%s']/nvpair[@name='%s']", name, name);
	xmlNode *pair = NULL;

	if (cib_find(xpath, &pair, err) < 0)
		return -1;
	*ret_value = pair != NULL ? xml_attribute(pair, "value") : NULL;
	xmlFreeNode(pair);
	return 0;
}

static int pacemaker_property_put(const char *name, const char *value, struct error *err)
{
	_cleanup_free_ char *id = str_printf("%s-value", name);
	xmlNode *config = xmlNewNode(NULL, (const xmlChar *)"crm_config");
	xmlNode *properties = xmlNewChild(config, NULL, (const xmlChar *)"cluster_property_set", NULL);
	xmlNode *pair = xmlNewChild(properties, NULL, (const xmlChar *)"nvpair", NULL);
	int rc;

	xmlNewProp(properties, (const xmlChar *)"id", (const xmlChar *)name);
	xmlNewProp(pair, (const xmlChar *)"id", (const xmlChar *)id);
	xmlNewProp(pair, (const xmlChar *)"name", (const xmlChar *)name);
	xmlNewProp(pair, (const xmlChar *)"value", (const xmlChar *)value);
	rc = cib_open(err) < 0 ? 1 : cib->cmds->modify(cib, "crm_config", config, cib_sync_call | cib_can_create);
	xmlFreeNode(config);
	return rc == pcmk_ok ? 0 : rc > 0 ? -1 : cib_fail(rc, "take a change", err);
}

static void corosync_close(void)
{
	if (corosync.open)
		quorum_finalize(corosync.handle);
	corosync.open = false;
}

static enum quorum corosync_quorum(void)
{
	quorum_callbacks_t callbacks = {0};
	int quorate;

	if (!corosync.open && quorum_initialize(&corosync.handle, &callbacks, &corosync.type) != CS_OK)
		return QUORUM_UNKNOWN;
	corosync.open = true;
	if (quorum_getquorate(corosync.handle, &quorate) != CS_OK) {
		corosync_close();
		return QUORUM_UNKNOWN;
	}
	/* Without a quorum provider Corosync says "quorate" to everybody: it counts nothing, so it knows nothing. */
	if (corosync.type != QUORUM_SET) {
		corosync_close();
		return QUORUM_UNKNOWN;
	}
	return quorate != 0 ? QUORUM_YES : QUORUM_NO;
}

static void pacemaker_close(void)
{
	attrd_close();
	cib_close();
	corosync_close();
}

__attribute__((visibility("default"))) const struct cluster_module systole_cluster_module = {
    .head = {CLUSTER_MODULE_VERSION, sizeof(struct cluster_module)},
    .attr_query = pacemaker_attr_query,
    .attr_permanent = pacemaker_attr_permanent,
    .attr_local = pacemaker_attr_local,
    .attr_update = pacemaker_attr_update,
    .attr_stored = pacemaker_attr_stored,
    .attr_refresh = pacemaker_attr_refresh,
    .nodes_query = pacemaker_nodes_query,
    .property_get = pacemaker_property_get,
    .property_put = pacemaker_property_put,
    .quorum = corosync_quorum,
    .close = pacemaker_close,
};
