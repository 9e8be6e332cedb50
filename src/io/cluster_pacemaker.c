/* What Pacemaker has given up is not even declared. */
#define PCMK_ALLOW_DEPRECATED 0

#include "io/cluster_module.h"

#include <corosync/corotypes.h>
#include <corosync/quorum.h>
#include <crm/common/ipc.h>
#include <crm/common/ipc_controld.h>
#include <crm/common/results.h>
#include <errno.h>
#include <glib.h>
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
int pcmk__attrd_api_update(pcmk_ipc_api_t *api, const char *node, const char *name, const char *value, const char *dampen, const char *set,
			   const char *user_name, uint32_t options);

enum attrd_option {
	ATTRD_PRIVATE = 1 << 1,
	ATTRD_VALUE = 1 << 3,
	ATTRD_QUERY_ALL =
	    1 << 9, /* since 2.1.6; 2.1.5 ignores it and takes node NULL for all of them, where 3.0 takes it for the local one */
};

/* A daemon's connection, and where its reply is put. The daemons answer one request at a time. */
struct connection {
	enum pcmk_ipc_server server;
	enum pcmk_ipc_dispatch dispatch;
	const char *name;
	pcmk_ipc_api_t *api;

	bool replied;
	crm_exit_t status;
	struct attr_values values;
	struct cluster_nodes nodes;
	char *local_name;
};

static struct connection attrd = {
    .server = pcmk_ipc_attrd,
    .dispatch = pcmk_ipc_dispatch_sync,
    .name = "Pacemaker's attribute manager (pacemaker-attrd)",
};
static struct connection controld = {
    .server = pcmk_ipc_controld,
    .dispatch = pcmk_ipc_dispatch_poll, /* with sync, 2.1.5 never delivers the list of nodes */
    .name = "Pacemaker's controller (pacemaker-controld)",
};
static struct {
	bool open;
	quorum_handle_t handle;
} corosync;

static void connection_forget_reply(struct connection *connection)
{
	connection->replied = false;
	attr_values_clear(&connection->values);
	cluster_nodes_clear(&connection->nodes);
	str_set(&connection->local_name, NULL);
}

static void connection_close(struct connection *connection)
{
	connection_forget_reply(connection);
	if (connection->api == NULL)
		return;
	pcmk_disconnect_ipc(connection->api);
	pcmk_free_ipc_api(connection->api);
	connection->api = NULL;
}

static void take_pairs(struct connection *connection, const struct attrd_reply *reply)
{
	if (reply->type != ATTRD_REPLY_QUERY)
		return;
	for (const GList *item = reply->pairs; item != NULL; item = item->next) {
		const struct attrd_pair *pair = item->data;
		struct attr_values *values = &connection->values;

		/* A deleted attribute stays known without a value. */
		if (pair->node == NULL || pair->value == NULL)
			continue;
		values->items = mem_grow(values->items, values->count + 1, sizeof(*values->items));
		values->items[values->count++] = (struct attr_value){.node = str_dup(pair->node), .value = str_dup(pair->value)};
	}
}

static void take_nodes(struct connection *connection, const GList *list)
{
	for (const GList *item = list; item != NULL; item = item->next) {
		const pcmk_controld_api_node_t *node = item->data;
		struct cluster_nodes *nodes = &connection->nodes;

		if (node->uname == NULL)
			continue;
		nodes->items = mem_grow(nodes->items, nodes->count + 1, sizeof(*nodes->items));
		nodes->items[nodes->count++] =
		    (struct cluster_node){.name = str_dup(node->uname), .id = node->id, .member = str_equal(node->state, "member")};
	}
}

static void on_event(pcmk_ipc_api_t *api, enum pcmk_ipc_event event, crm_exit_t status, void *data, void *user_data)
{
	struct connection *connection = user_data;
	const pcmk_controld_api_reply_t *reply = data;

	(void)api;
	if (event != pcmk_ipc_event_reply)
		return;
	connection->replied = true;
	connection->status = status;
	if (status != CRM_EX_OK || data == NULL)
		return;
	if (connection == &attrd)
		take_pairs(connection, data);
	else if (reply->reply_type == pcmk_controld_reply_nodes)
		take_nodes(connection, reply->data.nodes);
	else if (reply->reply_type == pcmk_controld_reply_info)
		str_set(&connection->local_name, reply->data.node_info.uname);
}

/* Standard Pacemaker return codes from here on: 0 is success. */
static int connection_open(struct connection *connection)
{
	int rc;

	connection_forget_reply(connection);
	if (connection->api != NULL)
		return pcmk_rc_ok;
	rc = pcmk_new_ipc_api(&connection->api, connection->server);
	if (rc != pcmk_rc_ok)
		return rc;
	pcmk_register_ipc_callback(connection->api, on_event, connection);
	return pcmk_connect_ipc(connection->api, connection->dispatch);
}

/* One request. Its reply is in the connection afterwards. */
struct ask {
	struct connection *connection;
	int (*send)(const struct ask *ask); /* returns when the reply is there, if there is to be one */
	const char *name;
	const char *value;
	const char *node;
	uint32_t options;
};

static int send_query(const struct ask *ask)
{
	int rc = pcmk__attrd_api_query(ask->connection->api, ask->node, ask->name, ask->options);

	return rc == pcmk_rc_ok && !ask->connection->replied ? EPROTO : rc;
}

static int send_update(const struct ask *ask)
{
	return pcmk__attrd_api_update(ask->connection->api, ask->node, ask->name, ask->value, NULL, NULL, NULL, ask->options);
}

static int await_controller(struct connection *connection, int rc)
{
	while (rc == pcmk_rc_ok && !connection->replied && pcmk_controld_api_replies_expected(connection->api) > 0) {
		rc = pcmk_poll_ipc(connection->api, -1);
		if (rc == pcmk_rc_ok)
			pcmk_dispatch_ipc(connection->api);
		if (!pcmk_ipc_is_connected(connection->api))
			rc = ENOTCONN;
	}
	return rc == pcmk_rc_ok && !connection->replied ? EPROTO : rc;
}

static int send_list_nodes(const struct ask *ask)
{
	return await_controller(ask->connection, pcmk_controld_api_list_nodes(ask->connection->api));
}

static int send_node_info(const struct ask *ask)
{
	return await_controller(ask->connection, pcmk_controld_api_node_info(ask->connection->api, 0));
}

/* A connection that was open before may belong to a daemon that has been restarted since: that one is tried a second time, anew. */
static int ask(const struct ask *ask, struct error *err)
{
	bool was_open = ask->connection->api != NULL;

	for (;;) {
		int rc = connection_open(ask->connection);

		if (rc == pcmk_rc_ok)
			rc = ask->send(ask);
		if (rc == pcmk_rc_ok)
			return 0;
		connection_close(ask->connection);
		if (!was_open)
			return error_set(err, OCF_ERR_GENERIC, "%s does not answer: %s", ask->connection->name, pcmk_rc_str(rc));
		was_open = false;
	}
}

/* A refusal is not an empty answer, but for ENXIO: nobody ever set the attribute. */
static int query(const char *name, const char *node, uint32_t options, struct error *err)
{
	if (ask(&(struct ask){.connection = &attrd, .send = send_query, .name = name, .node = node, .options = options}, err) < 0)
		return -1;
	if (attrd.status != CRM_EX_OK && (int)attrd.status != ENXIO)
		return error_set(err, OCF_ERR_GENERIC, "%s refused to tell attribute %s: %s", attrd.name, name, crm_exit_str(attrd.status));
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

	return ask(&(struct ask){.connection = &attrd, .send = send_update, .name = name, .value = value, .options = options}, err);
}

static int pacemaker_nodes_query(struct cluster_nodes *ret_nodes, struct error *err)
{
	if (ask(&(struct ask){.connection = &controld, .send = send_list_nodes}, err) < 0)
		return -1;
	if (controld.status != CRM_EX_OK || controld.nodes.count == 0)
		return error_set(err, OCF_ERR_GENERIC, "%s gave no list of nodes: %s", controld.name, crm_exit_str(controld.status));
	*ret_nodes = controld.nodes;
	controld.nodes = (struct cluster_nodes){0};
	return 0;
}

static int pacemaker_local_name(char **ret_name, struct error *err)
{
	if (ask(&(struct ask){.connection = &controld, .send = send_node_info}, err) < 0)
		return -1;
	if (controld.status != CRM_EX_OK || controld.local_name == NULL)
		return error_set(err, OCF_ERR_GENERIC, "%s gave no name for this node: %s", controld.name, crm_exit_str(controld.status));
	*ret_name = str_dup(controld.local_name);
	return 0;
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
	uint32_t type;
	int quorate;

	if (!corosync.open && quorum_initialize(&corosync.handle, &callbacks, &type) != CS_OK)
		return QUORUM_UNKNOWN;
	corosync.open = true;
	if (quorum_getquorate(corosync.handle, &quorate) != CS_OK) {
		corosync_close();
		return QUORUM_UNKNOWN;
	}
	/* Without a quorum provider Corosync says "quorate" to everybody: it counts nothing, so it knows nothing. */
	if (type != QUORUM_SET) {
		corosync_close();
		return QUORUM_UNKNOWN;
	}
	return quorate != 0 ? QUORUM_YES : QUORUM_NO;
}

static void pacemaker_close(void)
{
	connection_close(&attrd);
	connection_close(&controld);
	corosync_close();
}

__attribute__((visibility("default"))) const struct cluster_module systole_cluster_module = {
    .version = CLUSTER_MODULE_VERSION,
    .size = sizeof(struct cluster_module),
    .attr_query = pacemaker_attr_query,
    .attr_local = pacemaker_attr_local,
    .attr_update = pacemaker_attr_update,
    .nodes_query = pacemaker_nodes_query,
    .local_name = pacemaker_local_name,
    .quorum = corosync_quorum,
    .close = pacemaker_close,
};
