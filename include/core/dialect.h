/* dialect.h - what differs between servers and their versions: statements, column names, option names, abilities. One table; nobody else
 * knows a statement's text. Pure. */
#ifndef SYSTOLE_CORE_DIALECT_H
#define SYSTOLE_CORE_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/gtid.h"

struct server_version {
	enum gtid_flavour flavour;
	unsigned int major, minor, patch;
};
/* From mysql_get_server_info() or `mysqld --version`: "9.7.0", "8.0.36-0ubuntu", "10.11.19-MariaDB-0+deb12u1", "5.5.5-10.5.1-MariaDB",
 * "/usr/sbin/mysqld  Ver 9.7.0 for Linux on x86_64 ((Debian))". False when no version is there. */
bool server_version_parse(const char *text, struct server_version *ret);

/* Statements have arguments in braces: {host} is quoted text, {port} a number, {id} a number, {k} a number. */
enum statement {
	STATEMENT_OBSERVE, /* one row: read_only, super_read_only, server_id, server_uuid, executed, applied_position, own_binlog, purged */
	STATEMENT_SEMISYNC, /* one row: source_enabled, replica_enabled, wait_count, wait_point, wait_without, timeout; refused without the plugin */
	STATEMENT_SEMISYNC_STATUS, /* rows: Variable_name, Value */
	STATEMENT_REPLICA_STATUS,  /* rows with the columns of struct dialect */
	STATEMENT_USER_DATA,	   /* one row when there is a schema that is not the server's own */
	STATEMENT_ACCOUNT_EXISTS,  /* {user}: one row when it does */
	STATEMENT_SESSIONS,	   /* id of every session of a client; busy: it has a statement or a transaction under way */
	STATEMENT_KILL_SESSION,	   /* {id} */
	STATEMENT_OBSTACLE,	   /* one row: obstacle, when there is something that a switchover would hold up, or lose */
	STATEMENT_DUMPS, /* id, user, host of every replica's session; acknowledges: more than 0 when it does, missing where that is not seen */
	STATEMENT_LOCK_WAIT, /* {seconds}: for this session */
	STATEMENT_CLOSE_WRITES,
	STATEMENT_OPEN_WRITES,
	STATEMENT_AGENT_WRITES,	    /* the agent may write, clients may not */
	STATEMENT_NO_BINLOG,	    /* for this session */
	STATEMENT_SEMISYNC_REPLICA, /* {on}: ON or OFF */
	STATEMENT_SEMISYNC_WAIT,    /* {timeout}: never fall back to asynchronous */
	STATEMENT_SEMISYNC_COUNT,   /* {k}; NULL where the server always waits for one */
	STATEMENT_SEMISYNC_POINT,   /* after the binary log is synced; also while no replica is connected */
	STATEMENT_SEMISYNC_SOURCE_ON,
	STATEMENT_SEMISYNC_SOURCE_OFF,
	STATEMENT_MOVE_SOURCE,	      /* {host} {port}: all else stays */
	STATEMENT_RESUME_REPLICATION, /* with the account that it has */
	STATEMENT_SET_SOURCE,	      /* {host} {port} {user} {password} {tls} */
	STATEMENT_START_REPLICATION,  /* {user} {password} */
	STATEMENT_STOP_RECEIVER,
	STATEMENT_START_APPLIER,
	STATEMENT_RELAY_LIST,	  /* one row: list, directory; NULL where the server knows after a restart what it had received */
	STATEMENT_RELAY_POSITION, /* {file} {position}: where the applier starts, with the files kept; MariaDB */
	STATEMENT_STOP_REPLICATION,
	STATEMENT_APPLIER, /* id of the applier's thread, for KILL; NULL where it can always be stopped */
	STATEMENT_FORGET_SOURCE,
	STATEMENT_SET_POSITION, /* {set}: where replication goes on from; MariaDB */
	STATEMENT_ROTATE_BINLOG,
	STATEMENT_RESET_BINLOG,
	STATEMENT_SET_BINLOG_STATE, /* {set}; MariaDB */
	STATEMENT_COPY_SESSION,	    /* before the lock is taken */
	STATEMENT_COPY_ORDER,	    /* {attempt}: one row: lives, when a session that wants this copy is still there; MariaDB */
	STATEMENT_COPY_LOCK,	    /* {attempt}: one row: taken, 1 when this session has it now; NULL where files are not copied */
	STATEMENT_DATA_SIZE,	    /* one row: bytes; refused without PROCESS */
	STATEMENT_SECURE_ROOT,	    /* NULL where a new data directory is secure */
	STATEMENT_SET_VARIABLE,	    /* {name} raw, {value} raw: both were checked when the parameter was read */
	STATEMENT_CLONE_DONOR,	    /* {donor} */
	STATEMENT_CLONE_RATE,	    /* {rate}: MiB per second, 0 for no limit */
	STATEMENT_CLONE,	    /* {user} {host} {port} {password} {tls} */
	STATEMENT_CLONE_PROGRESS,   /* one row: percent */
	STATEMENT_PASSWORD_HASH,    /* {password}: one row, hash; NULL where CREATE USER is logged without the password */
	STATEMENT_TURN_AWAY,	 /* before a shutdown: replicas leave and do not come back; NULL where a shutdown does not wait for them */
	STATEMENT_BINLOG_EXPIRY, /* one row: expiry, 0 when it purges nothing by itself; list, directory: of the binary logs */
	STATEMENT_SET_BINLOG_EXPIRY, /* {value} */
	STATEMENT_DATA_EPOCH,	     /* one row: epoch, NULL without marks; refused when the table is not there yet */
	STATEMENT_MARK,		     /* {epoch} {node} {reason} */
	STATEMENT_MARK_SCHEMA,
	STATEMENT_MARK_TABLE,
	STATEMENT_COUNT
};

struct dialect {
	const char *name;
	struct server_version from; /* the lowest version of this row */
	const struct dialect *base; /* statements that are NULL here come from there */
	const char *statements[STATEMENT_COUNT];
	/* columns of STATEMENT_REPLICA_STATUS */
	const char *receiver_running, *applier_running, *receiver_errno, *receiver_error, *applier_errno, *applier_error;
	const char *source_host, *source_port, *received, *lag, *delay, *auto_position;
	const char *relay_file, *relay_position; /* where the applier is; NULL where nobody needs it */
	/* The option, and variable, that with 0 keeps the server from purging its binary logs by itself; what it counts in, 0 for a switch;
	 * how old they become where the options say nothing, 0 for ever. */
	const char *expiry;
	uint64_t expiry_unit_s, expiry_default_s;
	bool has_clone;
	bool says_source;   /* the semi-sync plugins and their options have the new names */
	bool waits_for_one; /* semi-sync counts no replicas: k is 1 at most */
};

/* The row for a version; NULL for a server that is too old (before MySQL 5.7.6, before MariaDB 10.5). */
const struct dialect *dialect_for(const struct server_version *version);
/* The text with its arguments still in braces; NULL when this server has no such statement. */
const char *dialect_statement(const struct dialect *dialect, enum statement statement);

/* The statements that create an account, with {user} {host} {password} {require}; NULL at the end. */
const char *const *dialect_administration_grants(const struct dialect *dialect);
const char *const *dialect_replication_grants(const struct dialect *dialect);

struct statement_arg {
	const char *name; /* without braces */
	const char *text; /* quoted by quote() when the placeholder is {name}; put as it is for {name:raw} */
};
/* The statement with its arguments. quote() returns 'text' escaped for the connection. NULL when an argument is missing. Caller frees. */
char *statement_render(const char *text, const struct statement_arg *args, size_t count, char *(*quote)(void *context, const char *text),
		       void *context);

#endif
