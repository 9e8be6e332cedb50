#include "core/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

/* Sessions that are nobody's client: replication's own threads, the event scheduler, and we. */
#define SESSIONS                                                                                                                 \
	"SELECT id AS id, command <> 'Sleep' OR trx_id IS NOT NULL AS busy FROM information_schema.processlist LEFT JOIN "       \
	"information_schema.innodb_trx ON trx_mysql_thread_id = id WHERE id <> CONNECTION_ID() AND user NOT IN ('system user', " \
	"'event_scheduler', '') "                                                                                                \
	"AND command NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon', 'Slave_worker', 'Slave_IO', 'Slave_SQL')"

/* #mysql50#: how MariaDB shows a directory that is no schema, such as lost+found. */
#define OWN_SCHEMAS "('mysql', 'information_schema', 'performance_schema', 'sys', 'systole') AND schema_name NOT LIKE '#mysql50#%'"

/* Held by a node that asks this server's node for a copy; it needs no privilege, and is gone with the session. */
#define COPY_LOCK "'systole-copy'"

/* What has gone on for seconds and would be undone, or keeps others waiting: large transactions, schema changes, locks. trx_started is in
 * the host's time zone. */
#define OBSTACLE_STATEMENT                                                                                                                 \
	[STATEMENT_OBSTACLE] =                                                                                                             \
	    "SELECT CONCAT('session ', id, what, ', for ', seconds, ' s') AS obstacle FROM (SELECT trx_mysql_thread_id AS id, "            \
	    "TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(NOW(), @@SESSION.time_zone, 'SYSTEM')) AS seconds, 5 AS enough, "               \
	    "CONCAT(' has an open transaction (changed rows: ', trx_rows_modified, ')') AS what FROM information_schema.innodb_trx WHERE " \
	    "trx_mysql_thread_id > 0 AND trx_rows_modified > 0 UNION ALL SELECT id, time, 5, CONCAT(' is in the middle of ', "             \
	    "UPPER(SUBSTRING_INDEX(info, ' ', 1))) FROM information_schema.processlist WHERE command = 'Query' AND info REGEXP "           \
	    "'^(alter|create|drop|rename|truncate|optimize|repair|load) ' UNION ALL SELECT id, time, 1, CONCAT(': ', state) FROM "         \
	    "information_schema.processlist WHERE command = 'Query' AND state LIKE 'Waiting for% lock') AS found WHERE seconds >= enough " \
	    "ORDER BY seconds DESC LIMIT 1"

/* The next events go into a new file. LOCAL: not written to the binary log itself. */
#define ROTATE_STATEMENT [STATEMENT_ROTATE_BINLOG] = "FLUSH LOCAL BINARY LOGS"

/* The table of marks, the same everywhere. Its schema is named after us and holds nothing else. */
#define MARK_STATEMENTS                                                                                                        \
	[STATEMENT_DATA_EPOCH] = "SELECT MAX(epoch) AS epoch FROM systole.mark",                                               \
	[STATEMENT_MARK] = "INSERT INTO systole.mark (epoch, node, reason) VALUES ({epoch:raw}, {node}, {reason})",            \
	[STATEMENT_MARK_SCHEMA] = "CREATE DATABASE IF NOT EXISTS systole",                                                     \
	[STATEMENT_MARK_TABLE] = "CREATE TABLE IF NOT EXISTS systole.mark (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, epoch " \
				 "BIGINT UNSIGNED NOT NULL, node VARCHAR(255) NOT NULL, reason VARCHAR(255) NOT NULL, at "     \
				 "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id), KEY (epoch)) ENGINE=InnoDB"

/* What keeps a server from purging its binary logs; the list of their files. */
#define EXPIRY_STATEMENTS(variable)                                                                                  \
	[STATEMENT_BINLOG_EXPIRY] =                                                                                  \
	    "SELECT @@GLOBAL." variable " AS expiry, @@GLOBAL.log_bin_index AS list, @@GLOBAL.datadir AS directory", \
	[STATEMENT_SET_BINLOG_EXPIRY] = "SET GLOBAL " variable " = {value:raw}"

/* How a copy of files is asked for. The session is asked all the time; one whose node has died would be there for hours. */
#define COPY_STATEMENTS                                                                                  \
	[STATEMENT_COPY_SESSION] = "SET SESSION wait_timeout = 10",                                      \
	[STATEMENT_COPY_LOCK] = "SELECT GET_LOCK(" COPY_LOCK ", 0) AND GET_LOCK({attempt}, 0) AS taken", \
	[STATEMENT_COPY_ORDER] = "SELECT IS_USED_LOCK({attempt}) AS lives"

/* The columns of STATEMENT_REPLICA_STATUS, and what else rows have in common. */
#define MYSQL_57_COLUMNS                                                                                                              \
	.receiver_running = "Slave_IO_Running", .applier_running = "Slave_SQL_Running", .receiver_errno = "Last_IO_Errno",            \
	.receiver_error = "Last_IO_Error", .applier_errno = "Last_SQL_Errno", .applier_error = "Last_SQL_Error",                      \
	.source_host = "Master_Host", .source_port = "Master_Port", .received = "Retrieved_Gtid_Set", .lag = "Seconds_Behind_Master", \
	.delay = "SQL_Delay", .auto_position = "Auto_Position"

#define MYSQL_80_COLUMNS                                                                                                              \
	.receiver_running = "Replica_IO_Running", .applier_running = "Replica_SQL_Running", .receiver_errno = "Last_IO_Errno",        \
	.receiver_error = "Last_IO_Error", .applier_errno = "Last_SQL_Errno", .applier_error = "Last_SQL_Error",                      \
	.source_host = "Source_Host", .source_port = "Source_Port", .received = "Retrieved_Gtid_Set", .lag = "Seconds_Behind_Source", \
	.delay = "SQL_Delay", .auto_position = "Auto_Position", .has_clone = true, .says_source = true

#define MARIADB_COLUMNS                                                                                                         \
	.receiver_running = "Slave_IO_Running", .applier_running = "Slave_SQL_Running", .receiver_errno = "Last_IO_Errno",      \
	.receiver_error = "Last_IO_Error", .applier_errno = "Last_SQL_Errno", .applier_error = "Last_SQL_Error",                \
	.source_host = "Master_Host", .source_port = "Master_Port", .received = "Gtid_IO_Pos", .lag = "Seconds_Behind_Master",  \
	.delay = "SQL_Delay", .auto_position = "Using_Gtid", .relay_file = "Relay_Log_File", .relay_position = "Relay_Log_Pos", \
	.waits_for_one = true

/* MySQL 5.7.6 to 8.0.25: all of this is still valid in every 8.0, where the new words came one by one (8.0.22 SHOW REPLICA STATUS,
 * 8.0.23 CHANGE REPLICATION SOURCE, 8.0.26 the semi-sync plugins' names). */
static const struct dialect mysql_57 = {
    .name = "mysql-5.7",
    .from = {GTID_FLAVOUR_MYSQL, 5, 7, 6},
    .statements =
	{
	    [STATEMENT_OBSERVE] =
		"SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.super_read_only AS super_read_only, @@GLOBAL.server_id AS server_id, "
		"@@GLOBAL.server_uuid AS server_uuid, @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged, "
		"@@GLOBAL.gtid_mode AS gtid_mode, @@GLOBAL.log_bin AS log_bin, IS_USED_LOCK(" COPY_LOCK ") AS copy_wanted",
	    [STATEMENT_SEMISYNC] =
		"SELECT @@GLOBAL.rpl_semi_sync_master_enabled AS source_enabled, @@GLOBAL.rpl_semi_sync_slave_enabled AS replica_enabled, "
		"@@GLOBAL.rpl_semi_sync_master_wait_for_slave_count AS wait_count, @@GLOBAL.rpl_semi_sync_master_wait_point AS wait_point, "
		"@@GLOBAL.rpl_semi_sync_master_wait_no_slave AS wait_without, @@GLOBAL.rpl_semi_sync_master_timeout AS timeout",
	    [STATEMENT_SEMISYNC_STATUS] = "SHOW GLOBAL STATUS LIKE 'Rpl\\_semi\\_sync\\_%'",
	    [STATEMENT_REPLICA_STATUS] = "SHOW SLAVE STATUS",
	    [STATEMENT_USER_DATA] =
		"SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name NOT IN " OWN_SCHEMAS " LIMIT 1",
	    [STATEMENT_ACCOUNT_EXISTS] = "SELECT 1 AS found FROM mysql.user WHERE user = {user} LIMIT 1",
	    [STATEMENT_SESSIONS] = SESSIONS,
	    [STATEMENT_DUMPS] = "SELECT id AS id, user AS user, host AS host FROM information_schema.processlist WHERE command IN ('Binlog "
				"Dump', 'Binlog Dump GTID')",
	    [STATEMENT_KILL_SESSION] = "KILL {id:raw}",
	    [STATEMENT_LOCK_WAIT] = "SET SESSION lock_wait_timeout = {seconds:raw}",
	    [STATEMENT_CLOSE_WRITES] = "SET GLOBAL super_read_only = ON", /* sets read_only too */
	    [STATEMENT_OPEN_WRITES] = "SET GLOBAL read_only = OFF",	  /* clears both */
	    [STATEMENT_AGENT_WRITES] = "SET GLOBAL super_read_only = OFF",
	    [STATEMENT_NO_BINLOG] = "SET SESSION sql_log_bin = 0",
	    [STATEMENT_SEMISYNC_REPLICA] = "SET GLOBAL rpl_semi_sync_slave_enabled = {on:raw}",
	    [STATEMENT_SEMISYNC_WAIT] = "SET GLOBAL rpl_semi_sync_master_timeout = {timeout:raw}",
	    [STATEMENT_SEMISYNC_COUNT] = "SET GLOBAL rpl_semi_sync_master_wait_for_slave_count = {k:raw}",
	    [STATEMENT_SEMISYNC_POINT] =
		"SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC, GLOBAL rpl_semi_sync_master_wait_no_slave = ON",
	    [STATEMENT_SEMISYNC_SOURCE_ON] = "SET GLOBAL rpl_semi_sync_master_enabled = ON",
	    [STATEMENT_SEMISYNC_SOURCE_OFF] = "SET GLOBAL rpl_semi_sync_master_enabled = OFF",
	    [STATEMENT_SET_SOURCE] =
		"CHANGE MASTER TO MASTER_HOST = {host}, MASTER_PORT = {port:raw}, MASTER_USER = {user}, MASTER_PASSWORD = {password}, "
		"MASTER_AUTO_POSITION = 1, MASTER_SSL = {tls:raw}, MASTER_CONNECT_RETRY = 1, MASTER_RETRY_COUNT = 0, "
		"MASTER_HEARTBEAT_PERIOD = 2, MASTER_DELAY = {delay:raw}",
	    [STATEMENT_MOVE_SOURCE] = "CHANGE MASTER TO MASTER_HOST = {host}, MASTER_PORT = {port:raw}",
	    [STATEMENT_RESUME_REPLICATION] = "START SLAVE",
	    [STATEMENT_START_REPLICATION] = "START SLAVE",
	    [STATEMENT_STOP_RECEIVER] = "STOP SLAVE IO_THREAD",
	    [STATEMENT_START_APPLIER] = "START SLAVE SQL_THREAD",
	    [STATEMENT_STOP_REPLICATION] = "STOP SLAVE",
	    [STATEMENT_APPLIER] = "SELECT processlist_id AS id FROM performance_schema.threads WHERE name IN ('thread/sql/slave_sql', "
				  "'thread/sql/replica_sql')",
	    [STATEMENT_FORGET_SOURCE] = "RESET SLAVE ALL",
	    [STATEMENT_RESET_BINLOG] = "RESET MASTER",
	    /* Of a server without binary logs. By it MySQL also knows from where it replicates. */
	    [STATEMENT_SET_BINLOG_STATE] = "SET GLOBAL gtid_purged = {set}",
	    [STATEMENT_DATA_SIZE] = "SELECT SUM(file_size) AS bytes FROM information_schema.innodb_sys_tablespaces",
	    [STATEMENT_SECURE_ROOT] = "ALTER USER 'root'@'localhost' IDENTIFIED WITH auth_socket",
	    [STATEMENT_SET_VARIABLE] = "SET GLOBAL {name:raw} = {value:raw}",
	    /* MySQL 9.7 waits ten seconds for connected replicas when it shuts down, and they come back within one when they are cut. */
	    [STATEMENT_TURN_AWAY] = "SET GLOBAL offline_mode = ON",
	    EXPIRY_STATEMENTS("expire_logs_days"),
	    COPY_STATEMENTS,
	    ROTATE_STATEMENT,
	    MARK_STATEMENTS,
	    OBSTACLE_STATEMENT,
	},
    MYSQL_57_COLUMNS,
    .expiry = "expire_logs_days",
    .expiry_unit_s = 86400,
};

/* Binary logs expire by the second, and after 30 days where nothing is said. */
static const struct dialect mysql_8011 = {
    .name = "mysql-8.0.11",
    .from = {GTID_FLAVOUR_MYSQL, 8, 0, 11},
    .base = &mysql_57,
    .statements =
	{
	    [STATEMENT_DATA_SIZE] = "SELECT SUM(file_size) AS bytes FROM information_schema.innodb_tablespaces",
	    EXPIRY_STATEMENTS("binlog_expire_logs_seconds"),
	},
    MYSQL_57_COLUMNS,
    .expiry = "binlog_expire_logs_seconds",
    .expiry_unit_s = 1,
    .expiry_default_s = 2592000,
};

static const struct dialect mysql_80 = {
    .name = "mysql-8.0",
    .from = {GTID_FLAVOUR_MYSQL, 8, 0, 26},
    .base = &mysql_8011,
    .statements =
	{
	    [STATEMENT_SEMISYNC] = "SELECT @@GLOBAL.rpl_semi_sync_source_enabled AS source_enabled, @@GLOBAL.rpl_semi_sync_replica_enabled "
				   "AS replica_enabled, "
				   "@@GLOBAL.rpl_semi_sync_source_wait_for_replica_count AS wait_count, "
				   "@@GLOBAL.rpl_semi_sync_source_wait_point AS wait_point, "
				   "@@GLOBAL.rpl_semi_sync_source_wait_no_replica AS wait_without, "
				   "@@GLOBAL.rpl_semi_sync_source_timeout AS timeout",
	    [STATEMENT_REPLICA_STATUS] = "SHOW REPLICA STATUS",
	    [STATEMENT_SESSIONS] =
		"SELECT processlist_id AS id, processlist_command <> 'Sleep' OR trx_id IS NOT NULL AS busy FROM performance_schema.threads "
		"LEFT JOIN information_schema.innodb_trx ON trx_mysql_thread_id = processlist_id WHERE type = 'FOREGROUND' AND "
		"processlist_id <> CONNECTION_ID() AND processlist_user IS NOT NULL AND processlist_command NOT IN ('Binlog Dump', 'Binlog "
		"Dump GTID', 'Daemon')",
	    /* A replica that will acknowledge says so in a variable of its session. */
	    [STATEMENT_DUMPS] =
		"SELECT t.processlist_id AS id, t.processlist_user AS user, t.processlist_host AS host, (SELECT COUNT(*) FROM "
		"performance_schema.user_variables_by_thread AS v WHERE v.thread_id = t.thread_id AND v.variable_name IN "
		"('rpl_semi_sync_replica', 'rpl_semi_sync_slave')) AS acknowledges FROM performance_schema.threads AS t WHERE "
		"t.processlist_command IN ('Binlog Dump', 'Binlog Dump GTID')",
	    [STATEMENT_SEMISYNC_REPLICA] = "SET GLOBAL rpl_semi_sync_replica_enabled = {on:raw}",
	    [STATEMENT_SEMISYNC_WAIT] = "SET GLOBAL rpl_semi_sync_source_timeout = {timeout:raw}",
	    [STATEMENT_SEMISYNC_COUNT] = "SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = {k:raw}",
	    [STATEMENT_SEMISYNC_POINT] =
		"SET GLOBAL rpl_semi_sync_source_wait_point = AFTER_SYNC, GLOBAL rpl_semi_sync_source_wait_no_replica = ON",
	    [STATEMENT_SEMISYNC_SOURCE_ON] = "SET GLOBAL rpl_semi_sync_source_enabled = ON",
	    [STATEMENT_SEMISYNC_SOURCE_OFF] = "SET GLOBAL rpl_semi_sync_source_enabled = OFF",
	    /* The account is given at START, so nothing of it is kept in the server's tables; GET_SOURCE_PUBLIC_KEY serves caching_sha2
		 * without TLS. RETRY_COUNT 0 is for ever. */
	    [STATEMENT_SET_SOURCE] =
		"CHANGE REPLICATION SOURCE TO SOURCE_HOST = {host}, SOURCE_PORT = {port:raw}, SOURCE_AUTO_POSITION = 1, SOURCE_SSL = "
		"{tls:raw}, "
		"GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 0, SOURCE_HEARTBEAT_PERIOD = 2, "
		"SOURCE_DELAY = {delay:raw}",
	    [STATEMENT_MOVE_SOURCE] = "CHANGE REPLICATION SOURCE TO SOURCE_HOST = {host}, SOURCE_PORT = {port:raw}",
	    [STATEMENT_RESUME_REPLICATION] = "START REPLICA",
	    [STATEMENT_START_REPLICATION] = "START REPLICA USER = {user} PASSWORD = {password}",
	    [STATEMENT_STOP_RECEIVER] = "STOP REPLICA IO_THREAD",
	    [STATEMENT_START_APPLIER] = "START REPLICA SQL_THREAD",
	    [STATEMENT_STOP_REPLICATION] = "STOP REPLICA",
	    [STATEMENT_FORGET_SOURCE] = "RESET REPLICA ALL",
	    [STATEMENT_CLONE_DONOR] = "SET GLOBAL clone_valid_donor_list = {donor}",
	    /* Each is for one of the two sides, of which only this one is asked. */
	    [STATEMENT_CLONE_RATE] = "SET GLOBAL clone_max_data_bandwidth = {rate:raw}, GLOBAL clone_max_network_bandwidth = {rate:raw}",
	    [STATEMENT_CLONE] = "CLONE INSTANCE FROM {user}@{host}:{port:raw} IDENTIFIED BY {password} {tls:raw}",
	    [STATEMENT_CLONE_PROGRESS] =
		"SELECT FLOOR(100 * SUM(data) / GREATEST(SUM(estimate), 1)) AS percent FROM performance_schema.clone_progress",
	},
    MYSQL_80_COLUMNS,
    .expiry = "binlog_expire_logs_seconds",
    .expiry_unit_s = 1,
    .expiry_default_s = 2592000,
};

/* A switch of its own for the expiry. */
static const struct dialect mysql_8029 = {
    .name = "mysql-8.0.29",
    .from = {GTID_FLAVOUR_MYSQL, 8, 0, 29},
    .base = &mysql_80,
    .statements =
	{
	    EXPIRY_STATEMENTS("binlog_expire_logs_auto_purge"),
	},
    MYSQL_80_COLUMNS,
    .expiry = "binlog_expire_logs_auto_purge",
    .expiry_default_s = 2592000,
};

/* 8.4 removed RESET MASTER (8.2 had brought the new words). */
static const struct dialect mysql_84 = {
    .name = "mysql-8.4",
    .from = {GTID_FLAVOUR_MYSQL, 8, 2, 0},
    .base = &mysql_8029,
    .statements =
	{
	    [STATEMENT_RESET_BINLOG] = "RESET BINARY LOGS AND GTIDS",
	},
    MYSQL_80_COLUMNS,
    .expiry = "binlog_expire_logs_auto_purge",
    .expiry_default_s = 2592000,
};

/* MariaDB 10.5 to 11.x. Semi-sync is built in; its wait point is AFTER_COMMIT unless set. */
static const struct dialect mariadb_105 = {
    .name = "mariadb-10.5",
    .from = {GTID_FLAVOUR_MARIADB, 10, 5, 0},
    .statements =
	{
	    [STATEMENT_OBSERVE] =
		"SELECT @@GLOBAL.read_only AS read_only, @@GLOBAL.read_only AS super_read_only, @@GLOBAL.server_id AS server_id, "
		"@@GLOBAL.server_id AS server_uuid, CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_binlog_state, ''), NULLIF(@@GLOBAL.gtid_slave_pos, "
		"'')) AS executed, "
		"'' AS purged, 'ON' AS gtid_mode, @@GLOBAL.log_bin AS log_bin, IS_USED_LOCK(" COPY_LOCK ") AS copy_wanted",
	    [STATEMENT_SEMISYNC] =
		"SELECT @@GLOBAL.rpl_semi_sync_master_enabled AS source_enabled, @@GLOBAL.rpl_semi_sync_slave_enabled AS replica_enabled, "
		"1 AS wait_count, @@GLOBAL.rpl_semi_sync_master_wait_point AS wait_point, "
		"@@GLOBAL.rpl_semi_sync_master_wait_no_slave AS wait_without, @@GLOBAL.rpl_semi_sync_master_timeout AS timeout",
	    [STATEMENT_SEMISYNC_STATUS] = "SHOW GLOBAL STATUS LIKE 'Rpl\\_semi\\_sync\\_%'",
	    [STATEMENT_REPLICA_STATUS] = "SHOW SLAVE STATUS",
	    [STATEMENT_USER_DATA] =
		"SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name NOT IN " OWN_SCHEMAS " LIMIT 1",
	    [STATEMENT_ACCOUNT_EXISTS] = "SELECT 1 AS found FROM mysql.global_priv WHERE User = {user} LIMIT 1",
	    [STATEMENT_SESSIONS] = SESSIONS,
	    [STATEMENT_DUMPS] = "SELECT id AS id, user AS user, host AS host FROM information_schema.processlist WHERE command IN ('Binlog "
				"Dump', 'Binlog Dump GTID')",
	    /* HARD is MariaDB's default word for KILL; a session that waits for an acknowledgement would commit: never used on those. */
	    [STATEMENT_KILL_SESSION] = "KILL {id:raw}",
	    [STATEMENT_LOCK_WAIT] = "SET SESSION lock_wait_timeout = {seconds:raw}",
	    [STATEMENT_CLOSE_WRITES] = "SET GLOBAL read_only = ON",
	    [STATEMENT_OPEN_WRITES] = "SET GLOBAL read_only = OFF",
	    [STATEMENT_AGENT_WRITES] = "DO 0", /* READ_ONLY ADMIN passes read_only */
	    [STATEMENT_NO_BINLOG] = "SET SESSION sql_log_bin = 0",
	    [STATEMENT_SEMISYNC_REPLICA] = "SET GLOBAL rpl_semi_sync_slave_enabled = {on:raw}",
	    [STATEMENT_SEMISYNC_WAIT] = "SET GLOBAL rpl_semi_sync_master_timeout = {timeout:raw}",
	    [STATEMENT_SEMISYNC_POINT] =
		"SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC, GLOBAL rpl_semi_sync_master_wait_no_slave = ON",
	    [STATEMENT_SEMISYNC_SOURCE_ON] = "SET GLOBAL rpl_semi_sync_master_enabled = ON",
	    [STATEMENT_SEMISYNC_SOURCE_OFF] = "SET GLOBAL rpl_semi_sync_master_enabled = OFF",
	    [STATEMENT_SET_SOURCE] =
		"CHANGE MASTER TO MASTER_HOST = {host}, MASTER_PORT = {port:raw}, MASTER_USER = {user}, MASTER_PASSWORD = {password}, "
		"MASTER_USE_GTID = slave_pos, MASTER_SSL = {tls:raw}, MASTER_CONNECT_RETRY = 1, MASTER_HEARTBEAT_PERIOD = 2, "
		"MASTER_DELAY = {delay:raw}",
	    [STATEMENT_MOVE_SOURCE] = "CHANGE MASTER TO MASTER_HOST = {host}, MASTER_PORT = {port:raw}, MASTER_USE_GTID = slave_pos",
	    [STATEMENT_RESUME_REPLICATION] = "START SLAVE",
	    [STATEMENT_START_REPLICATION] = "START SLAVE",
	    [STATEMENT_STOP_RECEIVER] = "STOP SLAVE IO_THREAD",
	    [STATEMENT_START_APPLIER] = "START SLAVE SQL_THREAD",
	    [STATEMENT_RELAY_LIST] = "SELECT @@relay_log_index AS list, @@datadir AS directory",
	    /* By GTID, the first thread that starts drops the relay log. The next SET_SOURCE goes back to it. */
	    [STATEMENT_RELAY_POSITION] = "CHANGE MASTER TO MASTER_USE_GTID = no, RELAY_LOG_FILE = {file}, RELAY_LOG_POS = {position:raw}",
	    [STATEMENT_STOP_REPLICATION] = "STOP SLAVE",
	    [STATEMENT_FORGET_SOURCE] = "RESET SLAVE ALL",
	    [STATEMENT_SET_POSITION] = "SET GLOBAL gtid_slave_pos = {set}",
	    [STATEMENT_RESET_BINLOG] = "RESET MASTER",
	    [STATEMENT_DATA_SIZE] = "SELECT SUM(FILE_SIZE) AS bytes FROM information_schema.innodb_sys_tablespaces",
	    [STATEMENT_SET_BINLOG_STATE] = "SET GLOBAL gtid_binlog_state = {set}",
	    [STATEMENT_SET_VARIABLE] = "SET GLOBAL {name:raw} = {value:raw}",
	    [STATEMENT_PASSWORD_HASH] = "SELECT PASSWORD({password}) AS hash",
	    EXPIRY_STATEMENTS("expire_logs_days"),
	    COPY_STATEMENTS,
	    ROTATE_STATEMENT,
	    MARK_STATEMENTS,
	    OBSTACLE_STATEMENT,
	},
    MARIADB_COLUMNS,
    .expiry = "expire_logs_days",
    .expiry_unit_s = 86400,
};

/* Binary logs expire by the second; days, also parts of one, are another name for it. */
static const struct dialect mariadb_106 = {
    .name = "mariadb-10.6",
    .from = {GTID_FLAVOUR_MARIADB, 10, 6, 0},
    .base = &mariadb_105,
    .statements =
	{
	    EXPIRY_STATEMENTS("binlog_expire_logs_seconds"),
	},
    MARIADB_COLUMNS,
    .expiry = "binlog_expire_logs_seconds",
    .expiry_unit_s = 1,
};

/* Newest first: the first row that a version reaches is its own. */
static const struct dialect *const dialects[] = {&mysql_84, &mysql_8029, &mysql_80, &mysql_8011, &mysql_57, &mariadb_106, &mariadb_105};

static bool version_reaches(const struct server_version *v, const struct server_version *from)
{
	if (v->flavour != from->flavour)
		return false;
	if (v->major != from->major)
		return v->major > from->major;
	if (v->minor != from->minor)
		return v->minor > from->minor;
	return v->patch >= from->patch;
}

const struct dialect *dialect_for(const struct server_version *version)
{
	for (size_t i = 0; i < ARRAY_LENGTH(dialects); i++)
		if (version_reaches(version, &dialects[i]->from))
			return dialects[i];
	return NULL;
}

const char *dialect_statement(const struct dialect *dialect, enum statement statement)
{
	for (; dialect; dialect = dialect->base)
		if (dialect->statements[statement])
			return dialect->statements[statement];
	return NULL;
}

static bool number_read(const char **text, unsigned int *ret_number)
{
	uint64_t number;
	if (!parse_digits(text, &number) || number > 9999)
		return false;
	*ret_number = (unsigned int)number;
	return true;
}

bool server_version_parse(const char *text, struct server_version *ret)
{
	struct server_version v = {0};
	const char *ver = strstr(text, "Ver ");
	if (ver)
		text = ver + 4;
	/* MariaDB before 11 puts 5.5.5- in front on the wire, for old replicas. */
	if (str_starts(text, "5.5.5-"))
		text += 6;
	if (!number_read(&text, &v.major) || *text++ != '.' || !number_read(&text, &v.minor) || *text++ != '.' ||
	    !number_read(&text, &v.patch))
		return false;
	v.flavour = strstr(text, "MariaDB") ? GTID_FLAVOUR_MARIADB : GTID_FLAVOUR_MYSQL;
	*ret = v;
	return true;
}

static const char *const mysql_57_administration[] = {
    "CREATE USER IF NOT EXISTS {user}@'localhost' IDENTIFIED BY {password}",
    "GRANT SUPER, PROCESS, RELOAD, LOCK TABLES, SHUTDOWN, CREATE USER, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO {user}@'localhost'",
    "GRANT SELECT ON mysql.* TO {user}@'localhost'",
    "GRANT SELECT, INSERT, CREATE ON systole.* TO {user}@'localhost'",
    "GRANT SELECT ON performance_schema.* TO {user}@'localhost'",
    NULL,
};
/* SYSTEM_USER: without it the sessions of root and its like cannot be cut. */
static const char *const mysql_80_administration[] = {
    "CREATE USER IF NOT EXISTS {user}@'localhost' IDENTIFIED BY {password}",
    "GRANT PROCESS, RELOAD, LOCK TABLES, SHUTDOWN, CREATE USER, SHOW DATABASES, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO "
    "{user}@'localhost'",
    "GRANT SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, REPLICATION_SLAVE_ADMIN, CLONE_ADMIN, BACKUP_ADMIN, BINLOG_ADMIN, "
    "SERVICE_CONNECTION_ADMIN, SYSTEM_USER "
    "ON *.* TO {user}@'localhost'",
    "GRANT SELECT ON mysql.* TO {user}@'localhost'",
    "GRANT SELECT, INSERT, CREATE ON systole.* TO {user}@'localhost'",
    "GRANT SELECT ON performance_schema.* TO {user}@'localhost'",
    NULL,
};
static const char *const mariadb_administration[] = {
    "CREATE USER IF NOT EXISTS {user}@'localhost' IDENTIFIED BY PASSWORD {hash}",
    "GRANT PROCESS, RELOAD, SHUTDOWN, CREATE USER, SHOW DATABASES, SUPER, REPLICATION SLAVE, REPLICA MONITOR, BINLOG MONITOR, BINLOG "
    "ADMIN, "
    "REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, READ_ONLY ADMIN, CONNECTION ADMIN ON *.* TO {user}@'localhost'",
    "GRANT SELECT ON mysql.* TO {user}@'localhost'",
    "GRANT SELECT, INSERT, CREATE ON systole.* TO {user}@'localhost'",
    NULL,
};
/* PROCESS to say how large its data is, and BACKUP_ADMIN for a donor of CLONE; a peer's position is read with no privilege at all. The other
 * site asks for the marks. */
static const char *const mysql_57_replication[] = {
    "CREATE USER IF NOT EXISTS {user}@'%' IDENTIFIED BY {password} {require:raw}",
    "GRANT REPLICATION SLAVE, PROCESS ON *.* TO {user}@'%'",
    "GRANT SELECT ON systole.* TO {user}@'%'",
    NULL,
};
static const char *const mysql_80_replication[] = {
    "CREATE USER IF NOT EXISTS {user}@'%' IDENTIFIED BY {password} {require:raw}",
    "GRANT REPLICATION SLAVE, BACKUP_ADMIN, PROCESS ON *.* TO {user}@'%'",
    "GRANT SELECT ON systole.* TO {user}@'%'",
    NULL,
};
/* A copy of a MariaDB server is a dump over this account, so it reads everything; REPLICATION SLAVE sees all changes anyway. */
static const char *const mariadb_replication[] = {
    "CREATE USER IF NOT EXISTS {user}@'%' IDENTIFIED BY PASSWORD {hash} {require:raw}",
    "GRANT REPLICATION SLAVE, BINLOG MONITOR, PROCESS, RELOAD, SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON *.* TO {user}@'%'",
    NULL,
};

const char *const *dialect_administration_grants(const struct dialect *dialect)
{
	if (dialect->from.flavour == GTID_FLAVOUR_MARIADB)
		return mariadb_administration;
	return dialect->has_clone ? mysql_80_administration : mysql_57_administration;
}

const char *const *dialect_replication_grants(const struct dialect *dialect)
{
	if (dialect->from.flavour == GTID_FLAVOUR_MARIADB)
		return mariadb_replication;
	return dialect->has_clone ? mysql_80_replication : mysql_57_replication;
}

static const char *arg_find(const struct statement_arg *args, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(args[i].name) == length && strncmp(args[i].name, name, length) == 0)
			return args[i].text;
	return NULL;
}

char *statement_render(const char *text, const struct statement_arg *args, size_t count, char *(*quote)(void *context, const char *text),
		       void *context)
{
	struct strbuf out = {0};
	while (*text) {
		size_t plain = strcspn(text, "{");
		strbuf_addn(&out, text, plain);
		text += plain;
		if (!*text)
			break;
		size_t length = strcspn(text + 1, "}"), name_length = strcspn(text + 1, ":}");
		const char *value = arg_find(args, count, text + 1, name_length);
		if (!value || text[1 + length] != '}') {
			strbuf_clear(&out);
			return NULL;
		}
		if (name_length < length) {
			strbuf_add(&out, value); /* {name:raw} */
		} else {
			_cleanup_free_ char *quoted = quote(context, value);
			strbuf_add(&out, quoted);
		}
		text += length + 2;
	}
	return strbuf_take(&out);
}
