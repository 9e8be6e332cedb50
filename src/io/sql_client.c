/* The client library's side of the door to the server: the module sql.so. */
#include "io/sql_module.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <mysql.h>

#include "base/str.h"
#include "io/clock.h"
#include "resolve.h"
#include "sql_outcome.h"
#include "sql_rows.h"

struct sql {
	MYSQL *mysql;
	char *place; /* for sentences: a socket's path, or host:port */
	unsigned int refused;
	bool broken; /* something was left unread or unsent: nothing on this connection can be trusted any more */
};

struct budget {
	uint64_t started_ms, deadline_ms;
};

/* --- The two libraries' calls that do not block. Their own timeouts are whole seconds, apply to each read anew, and MySQL's retries
 * reads: a deadline can only be kept from outside. Each function: false when the deadline passed first. --- */

#ifdef MARIADB_BASE_VERSION

/* What the library waits for, as it says itself; at the deadline it is told so and fails with an error of its own. */
static int await(MYSQL *mysql, int wanted, const struct budget *budget, bool *late)
{
	struct pollfd poll_fd = {.fd = mysql_get_socket(mysql)};
	uint64_t left = clock_left_ms(budget->deadline_ms);
	int happened = 0;

	if (wanted & MYSQL_WAIT_READ)
		poll_fd.events |= POLLIN;
	if (wanted & MYSQL_WAIT_WRITE)
		poll_fd.events |= POLLOUT;
	if (wanted & MYSQL_WAIT_EXCEPT)
		poll_fd.events |= POLLPRI;
	if (left > 0 && poll(&poll_fd, 1, left > 3600000 ? 3600000 : (int)left) > 0) {
		if (poll_fd.revents & (POLLIN | POLLHUP | POLLERR))
			happened |= MYSQL_WAIT_READ;
		if (poll_fd.revents & (POLLOUT | POLLHUP | POLLERR))
			happened |= MYSQL_WAIT_WRITE;
		if (poll_fd.revents & POLLPRI)
			happened |= MYSQL_WAIT_EXCEPT;
		return happened & wanted;
	}
	if (clock_left_ms(budget->deadline_ms) > 0)
		return 0;
	*late = true;
	return MYSQL_WAIT_TIMEOUT;
}

static bool drive_connect(MYSQL *mysql, const struct sql_target *to, const char *host, bool *ret_connected, const struct budget *budget)
{
	MYSQL *connected = NULL;
	bool late = false;
	int wanted =
	    mysql_real_connect_start(&connected, mysql, host, to->user, to->password ? to->password : "", NULL, to->port, to->socket, 0);

	while (wanted)
		wanted = mysql_real_connect_cont(&connected, mysql, await(mysql, wanted, budget, &late));
	*ret_connected = connected;
	return connected || !late;
}

static bool drive_query(MYSQL *mysql, const char *statement, bool *ret_accepted, const struct budget *budget)
{
	bool late = false;
	int failed = 1, wanted = mysql_real_query_start(&failed, mysql, statement, strlen(statement));

	while (wanted)
		wanted = mysql_real_query_cont(&failed, mysql, await(mysql, wanted, budget, &late));
	*ret_accepted = failed == 0;
	return failed == 0 || !late;
}

static bool drive_fetch(MYSQL *mysql, MYSQL_RES *result, MYSQL_ROW *ret_row, const struct budget *budget)
{
	bool late = false;
	int wanted = mysql_fetch_row_start(ret_row, result);

	while (wanted)
		wanted = mysql_fetch_row_cont(ret_row, result, await(mysql, wanted, budget, &late));
	return *ret_row || !late;
}

static int socket_of(MYSQL *mysql)
{
	return (int)mysql_get_socket(mysql);
}

static void set_driver_options(MYSQL *mysql, bool tls)
{
	my_bool on = 1, off = 0;

	mysql_options(mysql, MYSQL_OPT_NONBLOCK, 0);
	mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
	if (tls)
		mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &on);
}

#else

/* -1 as long as the library has not said: it fills the descriptor in only when the connection stands. */
static int socket_of(MYSQL *mysql)
{
	return mysql->net.vio && mysql->net.fd > 2 ? (int)mysql->net.fd : -1;
}

/* The library does not say what it waits for. It is an answer nearly always; for the rest we look again, less and less often. */
static bool await(MYSQL *mysql, const struct budget *budget, unsigned int *turn)
{
	uint64_t left = clock_left_ms(budget->deadline_ms);
	struct pollfd poll_fd = {.fd = socket_of(mysql), .events = POLLIN};
	uint64_t patience = *turn < 4 ? (uint64_t)1 << *turn : 20;

	if (left == 0)
		return false;
	if (poll_fd.fd < 0)
		patience = 1;
	/* Something is there and yet it waits, again and again: it waits for something else. */
	if (poll(&poll_fd, 1, (int)(left < patience ? left : patience)) > 0 && *turn > 100)
		clock_pause_ms(1);
	++*turn;
	return true;
}

static bool drive_connect(MYSQL *mysql, const struct sql_target *to, const char *host, bool *ret_connected, const struct budget *budget)
{
	enum net_async_status status;
	unsigned int turn = 0;

	for (;;) {
		status =
		    mysql_real_connect_nonblocking(mysql, host, to->user, to->password ? to->password : "", NULL, to->port, to->socket, 0);
		if (status != NET_ASYNC_NOT_READY)
			break;
		if (!await(mysql, budget, &turn))
			return false;
	}
	*ret_connected = status == NET_ASYNC_COMPLETE;
	return true;
}

static bool drive_query(MYSQL *mysql, const char *statement, bool *ret_accepted, const struct budget *budget)
{
	enum net_async_status status;
	unsigned int turn = 0;

	while ((status = mysql_real_query_nonblocking(mysql, statement, strlen(statement))) == NET_ASYNC_NOT_READY)
		if (!await(mysql, budget, &turn))
			return false;
	*ret_accepted = status == NET_ASYNC_COMPLETE;
	return true;
}

static bool drive_fetch(MYSQL *mysql, MYSQL_RES *result, MYSQL_ROW *ret_row, const struct budget *budget)
{
	unsigned int turn = 0;

	while (mysql_fetch_row_nonblocking(result, ret_row) == NET_ASYNC_NOT_READY)
		if (!await(mysql, budget, &turn))
			return false;
	return true;
}

static void set_driver_options(MYSQL *mysql, bool tls)
{
	unsigned int mode = tls ? SSL_MODE_REQUIRED : SSL_MODE_DISABLED;
	bool on = true;

	mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
	/* Without it caching_sha2_password needs TLS whenever the server has forgotten the account (error 2061). */
	mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &on);
	/* utf8mb4 is compiled in. The library would read, from this directory, the index of all that is not: half a millisecond a connection. */
	mysql_options(mysql, MYSQL_SET_CHARSET_DIR, SYSTOLE_MODULEDIR);
}

#endif

/* --- Failures --- */

static enum sql_outcome fail_late(struct sql *sql, const struct budget *budget, struct error *err)
{
	sql->broken = true;
	error_set(err, OCF_ERR_GENERIC, "the server at %s did not answer within %.1f s", sql->place,
		  budget->deadline_ms > budget->started_ms ? (double)(budget->deadline_ms - budget->started_ms) / 1000 : 0.0);
	return SQL_UNKNOWN;
}

static enum sql_outcome fail_connect(struct sql *sql, const char *user, struct error *err)
{
	unsigned int number = mysql_errno(sql->mysql);

	sql->broken = true;
	error_set(err, OCF_ERR_GENERIC, "cannot connect to the server at %s as '%s': %s (%u)", sql->place, user, mysql_error(sql->mysql),
		  number);
	return sql_outcome_of_connect(number, mysql_error(sql->mysql));
}

static enum sql_outcome fail_statement(struct sql *sql, struct error *err)
{
	unsigned int number = mysql_errno(sql->mysql);
	const char *message = sql_message_shown(number, mysql_error(sql->mysql));
	enum sql_outcome outcome = sql_outcome_of_statement(number);

	if (outcome == SQL_REFUSED) {
		sql->refused = number;
		error_set(err, OCF_ERR_GENERIC, "the server at %s refused the statement: %s (%u)", sql->place, message, number);
	} else {
		sql->broken = true;
		error_set(err, OCF_ERR_GENERIC, "the connection to the server at %s broke: %s (%u)", sql->place, message, number);
	}
	return outcome;
}

/* --- Connections --- */

static struct sql *prepare(const struct sql_target *target)
{
	unsigned int off = 0, protocol = target->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
	unsigned long largest = SQL_ROWS_MAX;
	struct sql *sql = mem_alloc(sizeof(*sql));

	sql->place = target->socket ? str_dup(target->socket) : str_printf("%s:%u", target->host, target->port);
	sql->mysql = mysql_init(NULL);
	if (!sql->mysql)
		abort();
	mysql_options(sql->mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(sql->mysql, MYSQL_OPT_LOCAL_INFILE, &off);
	mysql_options(sql->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(sql->mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &largest);
	set_driver_options(sql->mysql, !target->socket && target->tls_required);
	return sql;
}

static void client_close(struct sql *sql)
{
	/* Closing says goodbye to the server. On a broken connection nobody may listen, and it must not wait. */
	if (sql->broken && socket_of(sql->mysql) >= 0)
		shutdown(socket_of(sql->mysql), SHUT_RDWR);
	mysql_close(sql->mysql);
	free(sql->place);
	free(sql);
}

static enum sql_outcome open_one(const struct sql_target *target, const char *host, const struct budget *budget, struct sql **ret,
				 struct error *err)
{
	struct sql *sql = prepare(target);
	enum sql_outcome outcome = SQL_OK;
	bool connected = false;

	if (!drive_connect(sql->mysql, target, host, &connected, budget)) {
		outcome = fail_late(sql, budget, err);
	} else if (!connected) {
		outcome = fail_connect(sql, target->user, err);
	} else if (!target->socket && target->tls_required && !mysql_get_ssl_cipher(sql->mysql)) {
		error_set(err, OCF_ERR_GENERIC, "the server at %s has no TLS, which is required", sql->place);
		outcome = SQL_REFUSED;
	}
	if (outcome == SQL_OK)
		*ret = sql;
	else
		client_close(sql);
	return outcome;
}

static enum sql_outcome client_open(const struct sql_target *target, uint64_t deadline_ms, struct sql **ret, struct error *err)
{
	struct budget budget = {.started_ms = clock_now_ms(), .deadline_ms = deadline_ms};
	struct resolved addresses[RESOLVE_ADDRESSES_MAX];
	enum sql_outcome outcome = SQL_UNKNOWN;
	int count;

	/* TLS writes without MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	if (target->socket)
		return open_one(target, NULL, &budget, ret, err);
	count = resolve_host(target->host, deadline_ms, addresses, err);
	for (int i = 0; i < count; i++) {
		outcome = open_one(target, addresses[i].text, &budget, ret, err);
		if (outcome != SQL_UNREACHABLE)
			break;
	}
	return outcome;
}

/* --- Statements --- */

static void copy_names(struct sql_rows *rows, MYSQL_RES *result)
{
	MYSQL_FIELD *fields = mysql_fetch_fields(result);

	rows->columns = mysql_num_fields(result);
	rows->names = mem_alloc(rows->columns * sizeof(*rows->names));
	for (size_t i = 0; i < rows->columns; i++)
		rows->names[i] = str_dup(fields[i].name);
}

/* rows NULL: the result is read and dropped. */
static enum sql_outcome read_rows(struct sql *sql, MYSQL_RES *result, const struct budget *budget, struct sql_rows *rows, struct error *err)
{
	size_t size = 0;
	MYSQL_ROW row = NULL;

	if (rows)
		copy_names(rows, result);
	for (;;) {
		if (!drive_fetch(sql->mysql, result, &row, budget))
			return fail_late(sql, budget, err);
		if (!row)
			break;
		if (rows && !sql_rows_add(rows, &size, row, mysql_fetch_lengths(result))) {
			sql->broken = true;
			error_set(err, OCF_ERR_GENERIC, "the server at %s answered with more than %zu MiB", sql->place, SQL_ROWS_MAX >> 20);
			return SQL_UNKNOWN;
		}
	}
	return mysql_errno(sql->mysql) ? fail_statement(sql, err) : SQL_OK;
}

static enum sql_outcome execute(struct sql *sql, const char *statement, const struct budget *budget, struct sql_rows *rows,
				struct error *err)
{
	MYSQL_RES *result;
	bool accepted = false;
	enum sql_outcome outcome;

	sql->refused = 0;
	if (sql->broken) {
		error_set(err, OCF_ERR_GENERIC, "the connection to the server at %s is broken", sql->place);
		return SQL_UNKNOWN;
	}
	if (!drive_query(sql->mysql, statement, &accepted, budget))
		return fail_late(sql, budget, err);
	if (!accepted)
		return fail_statement(sql, err);
	result = mysql_use_result(sql->mysql);
	if (!result)
		return mysql_errno(sql->mysql) ? fail_statement(sql, err) : SQL_OK;
	outcome = read_rows(sql, result, budget, rows, err);
	/* Freeing reads what is left, as long as that takes. */
	if (sql->broken)
		shutdown(socket_of(sql->mysql), SHUT_RDWR);
	mysql_free_result(result);
	if (outcome == SQL_OK && mysql_more_results(sql->mysql)) {
		sql->broken = true;
		error_set(err, OCF_ERR_GENERIC, "the server at %s answered one statement with several results", sql->place);
		return SQL_UNKNOWN;
	}
	return outcome;
}

static enum sql_outcome client_run(struct sql *sql, const char *statement, uint64_t deadline_ms, struct error *err)
{
	struct budget budget = {.started_ms = clock_now_ms(), .deadline_ms = deadline_ms};

	return execute(sql, statement, &budget, NULL, err);
}

static enum sql_outcome client_query(struct sql *sql, const char *statement, uint64_t deadline_ms, struct sql_rows *ret, struct error *err)
{
	struct budget budget = {.started_ms = clock_now_ms(), .deadline_ms = deadline_ms};
	struct sql_rows rows = {0};
	enum sql_outcome outcome = execute(sql, statement, &budget, &rows, err);

	if (outcome == SQL_OK)
		*ret = rows;
	else
		sql_rows_clear(&rows);
	return outcome;
}

static unsigned int client_number(const struct sql *sql)
{
	return sql->refused;
}

static char *client_quote(struct sql *sql, const char *text)
{
	size_t length = strlen(text);
	_cleanup_free_ char *escaped = mem_alloc(2 * length + 1);

	/* Both libraries look at the session's NO_BACKSLASH_ESCAPES; MySQL's wants to be told the quote, or answers -1 in that mode. */
#ifdef MARIADB_BASE_VERSION
	mysql_real_escape_string(sql->mysql, escaped, text, length);
#else
	mysql_real_escape_string_quote(sql->mysql, escaped, text, length, '\'');
#endif
	return str_printf("'%s'", escaped);
}

static const char *client_server_info(const struct sql *sql)
{
	return mysql_get_server_info(sql->mysql);
}

__attribute__((visibility("default"))) const struct sql_module systole_sql_module = {
    .head = {SQL_MODULE_VERSION, sizeof(struct sql_module)},
    .open = client_open,
    .close = client_close,
    .run = client_run,
    .query = client_query,
    .number = client_number,
    .quote = client_quote,
    .server_info = client_server_info,
};
