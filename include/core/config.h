/* config.h - what the administrator asked for: the parameters as one table, and the typed result. Pure: the environment is handed in. */
#ifndef SYSTOLE_CORE_CONFIG_H
#define SYSTOLE_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum durability {
	DURABILITY_UNKNOWN = 0,
	DURABILITY_MAJORITY, /* a commit is acknowledged when a majority of the voters have it; it waits while they have not */
	DURABILITY_ADAPTIVE, /* the same, but a primary that has lost its replicas goes on alone, once a majority has stored that */
	DURABILITY_ASYNC,    /* nothing is promised */
};

enum provision {
	PROVISION_UNKNOWN = 0,
	PROVISION_AUTO,	  /* an empty or diverged node is filled from the primary by itself */
	PROVISION_MANUAL, /* only an empty one is; a diverged one stays out and says so */
};

struct sysvar {
	char *name;
	char *value; /* as written: a number, a word, or text in single quotes */
};
struct sysvars {
	struct sysvar *items;
	size_t count;
};

/* A server outside of the cluster. */
struct follower {
	char *host;
	uint64_t port;
};
struct followers {
	struct follower *items;
	size_t count;
};

/* What Pacemaker says of this instance: not parameters. */
struct instance {
	char *resource;				    /* OCF_RESOURCE_INSTANCE without ":N" */
	char *node;				    /* CRM_meta_on_node; NULL outside Pacemaker */
	uint64_t node_id;			    /* CRM_meta_on_node_uuid when it is a number, else 0 */
	bool clustered;				    /* Pacemaker started us */
	bool notify;				    /* meta notify=true: without it there is no election */
	uint64_t clone_max;			    /* instances that should exist: the voters and the leaves; 1 outside a cluster */
	uint64_t timeout_ms;			    /* of this action */
	uint64_t interval_ms;			    /* 0: a probe, or not a monitor */
	uint64_t check_level;			    /* OCF_CHECK_LEVEL */
	const char *notify_type, *notify_operation; /* "pre", "promote"; NULL: not a notification */
	char *notify_promote;			    /* the node that is to be promoted; NULL: none or more than one */
	char *notify_demote;			    /* the same of the demotion */
	bool notify_switchover;			    /* before a demotion: the one goes on as a replica, the other takes over */
	char *notify_active;			    /* names of the nodes with a running instance, separated by blanks */
};

struct config {
	char *binary;
	char *config;
	char *datadir;
	char *user;
	char *group;
	char *log;
	char *pid;
	char *socket;
	uint64_t port;
	char *replication_address; /* NULL: the node's name */
	char *credentials;	   /* NULL: unix socket authentication, no replication account */
	enum durability durability;
	bool power_safe;
	struct sysvars promoted_sysvars;
	struct sysvars unpromoted_sysvars;
	char *additional_parameters; /* NULL: none */
	uint64_t max_lag_ms;
	uint64_t shutdown_timeout_ms;
	enum provision provision;
	bool keep_old_data;
	uint64_t provision_rate;   /* MiB per second; 0: no limit */
	uint64_t binlog_keep_ms;   /* for members that are missing; 0: not at all */
	uint64_t binlog_keep_size; /* bytes; 0: no limit */
	bool tls;
	struct followers followers; /* that the primary points to itself */
	struct follower other_site; /* where this cluster replicates from while it has no primary; host NULL: there is none */
	struct instance instance;
};

enum param_type {
	PARAM_STRING,	/* char *: an empty value is the default */
	PARAM_PATH,	/* char *: absolute */
	PARAM_PORT,	/* uint64_t */
	PARAM_DURATION, /* uint64_t, milliseconds */
	PARAM_BOOL,	/* bool */
	PARAM_CHOICE,	/* an enum, one of the row's words */
	PARAM_SYSVARS,	/* struct sysvars */
	PARAM_NUMBER,	/* uint64_t, up to a million */
	PARAM_SIZE,	/* uint64_t, bytes */
	PARAM_HOSTS,	/* struct followers */
	PARAM_HOST,	/* struct follower */
};

struct param {
	const char *name;
	enum param_type type;
	const char *fallback; /* the default, in the same text that an administrator would write; "" for none */
	const char *choices;  /* PARAM_CHOICE: "majority async", in the order of the enum from 1 */
	size_t offset;	      /* of the field in struct config */
	bool unique;	      /* no two resources of a node may share the value */
	bool reloadable;      /* takes effect without a restart of the server */
	const char *shortdesc;
	const char *longdesc;
};
extern const struct param param_table[];
extern const size_t param_count;

/* env: "NAME=value" strings, NULL at the end. Parameters are checked by themselves here, nothing of the host is looked at.
 * 0, or -1 with the parameter, the value and what would be right. */
int config_load(char *const *env, struct config *ret, struct error *err);
void config_clear(struct config *config);

/* Only the instance part, for stop with a configuration that is not valid. */
int instance_load(char *const *env, struct instance *ret, struct error *err);

/* The value of a variable in env, NULL when unset. Owned by env. */
const char *env_get(char *const *env, const char *name);

/* The accounts of the credentials file. */
struct account {
	char *user;	/* NULL: not configured */
	char *password; /* "" : unix socket authentication */
};
struct credentials {
	struct account administration;
	struct account replication;
	struct account followers; /* on the servers of the parameter */
	struct account site;	  /* at the other site, and created here for the other site's nodes */
};
/* text: an option file with the sections [administration], [replication], [followers] and [site], each with user= and password=. */
int credentials_parse(const char *path, const char *text, struct credentials *ret, struct error *err);
void credentials_clear(struct credentials *credentials);

/* k: how many other voters must have a commit before it is acknowledged; how many sets a promotion needs. PROTOCOL.md, rules 1 and 3.
 * only_one: the server never waits for more than one (MariaDB). */
uint64_t config_acknowledgers(const struct config *config, uint64_t voters, bool only_one);
uint64_t config_reports_needed(const struct config *config, uint64_t voters, bool only_one);

/* Binary logs are kept for members that are missing. */
bool config_keeps_binlogs(const struct config *config);

const char *durability_name(enum durability durability);

#endif
