/* What can be said of a server without one: deadlines are kept, and silence is never an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../../src/io/resolve.h"
#include "../../src/io/sql_outcome.h"
#include "../../src/io/sql_rows.h"
#include "base/str.h"
#include "io/clock.h"
#include "io/sql_module.h"

static char path[64];

/* In place of the one that loads what is installed. */
const struct sql_module *sql_module_load(struct error *err)
{
	(void)err;
	return &systole_sql_module;
}

static enum sql_outcome open_within(const struct sql_target *target, uint64_t ms, struct error *err)
{
	struct sql *sql = NULL;
	uint64_t start = clock_now_ms();
	enum sql_outcome outcome = sql_open(target, start + ms, &sql, err);

	assert_null(sql);
	assert_true(clock_now_ms() - start < ms + 100);
	return outcome;
}

static int listen_unix(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static int listen_tcp(unsigned int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void nothing_listening_is_unreachable(void **state)
{
	struct sql_target unix_socket = {.socket = path, .user = "mon"}, tcp = {.host = "127.0.0.1", .user = "mon"};
	struct error err = {0};
	int fd;

	(void)state;
	assert_int_equal(open_within(&unix_socket, 2000, &err), SQL_UNREACHABLE);
	assert_non_null(strstr(err.sentence, path));
	fd = listen_unix();
	close(fd);
	assert_int_equal(open_within(&unix_socket, 2000, &err), SQL_UNREACHABLE);
	unlink(path);

	fd = listen_tcp(&tcp.port);
	close(fd);
	assert_int_equal(open_within(&tcp, 2000, &err), SQL_UNREACHABLE);
	assert_non_null(strstr(err.sentence, "127.0.0.1:"));
}

static void a_server_that_never_answers_is_unknown_at_the_deadline(void **state)
{
	struct sql_target unix_socket = {.socket = path, .user = "mon"}, tcp = {.host = "127.0.0.1", .user = "mon", .password = "p"};
	struct error err = {0};
	int unix_fd = listen_unix(), tcp_fd = listen_tcp(&tcp.port);

	(void)state;
	for (uint64_t ms = 0; ms <= 300; ms += 150) {
		uint64_t start = clock_now_ms();

		assert_int_equal(open_within(&unix_socket, ms, &err), SQL_UNKNOWN);
		assert_true(clock_now_ms() - start >= ms);
		assert_non_null(strstr(err.sentence, "did not answer within"));
		assert_int_equal(open_within(&tcp, ms, &err), SQL_UNKNOWN);
	}
	close(unix_fd);
	close(tcp_fd);
	unlink(path);
}

static void something_else_that_listens_is_unknown(void **state)
{
	struct sql_target target = {.socket = path, .user = "mon"};
	struct error err = {0};
	int fd = listen_unix(), peer;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		peer = accept(fd, NULL, NULL);
		if (write(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) != 28)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(open_within(&target, 1000, &err), SQL_UNKNOWN);
	waitpid(pid, NULL, 0);
	close(fd);
	unlink(path);
}

static void a_full_server_is_busy_and_a_wrong_password_is_denied(void **state)
{
	static const struct {
		unsigned int number;
		enum sql_outcome outcome;
		const char *message;
	} ROWS[] = {
	    {1040, SQL_BUSY, "Too many connections"},
	    {1203, SQL_BUSY, ""},
	    {3032, SQL_BUSY, "The server is currently in offline mode"},
	    {1045, SQL_DENIED, "Access denied for user 'x(111)'"},
	    {1698, SQL_DENIED, ""},
	    {2002, SQL_UNREACHABLE, "Can't connect to local MySQL server through socket '/a(1)' (2)"},
	    {2003, SQL_UNREACHABLE, "Can't connect to MySQL server on 'a:3306' (111)"},
	    {2003, SQL_UNKNOWN, "Can't connect to MySQL server on 'a:3306' (110)"},
	    {2003, SQL_UNKNOWN, "no number"},
	    {2002, SQL_UNKNOWN, "Can't connect through socket '/a' (11 \"Resource temporarily unavailable\")"},
	    {2013, SQL_UNKNOWN, "Lost connection"},
	    {5014, SQL_UNKNOWN, ""},
	    {0, SQL_UNKNOWN, ""},
	    {1053, SQL_REFUSED, "Server shutdown in progress"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
		if (sql_outcome_of_connect(ROWS[i].number, ROWS[i].message) != ROWS[i].outcome)
			fail_msg("%u %s", ROWS[i].number, ROWS[i].message);
}

static void a_lost_connection_is_no_refusal(void **state)
{
	static const unsigned int LOST[] = {0, 1053, 1927, 2006, 2013, 2027, 3169, 4031}, REFUSED[] = {1064, 1205, 1290, 1317, 3024, 4166};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(LOST); i++)
		assert_int_equal(sql_outcome_of_statement(LOST[i]), SQL_UNKNOWN);
	for (size_t i = 0; i < ARRAY_LENGTH(REFUSED); i++)
		assert_int_equal(sql_outcome_of_statement(REFUSED[i]), SQL_REFUSED);
}

static void a_syntax_error_does_not_show_the_statement(void **state)
{
	(void)state;
	assert_null(strstr(sql_message_shown(1064, "near 'IDENTIFIED BY 'secret''"), "secret"));
	assert_string_equal(sql_message_shown(1290, "read only"), "read only");
}

static void values_are_found_by_their_column_s_name(void **state)
{
	char ten[] = "10", *row[] = {ten, NULL};
	unsigned long lengths[] = {2, 0};
	struct sql_rows rows = {.columns = 2};
	size_t size = 0;

	(void)state;
	rows.names = mem_alloc(2 * sizeof(*rows.names));
	rows.names[0] = str_dup("Source_Port");
	rows.names[1] = str_dup("Last_Error");
	for (int i = 0; i < 5; i++)
		assert_true(sql_rows_add(&rows, &size, row, lengths));
	assert_int_equal(rows.rows, 5);
	assert_string_equal(sql_value(&rows, 4, "source_PORT"), "10");
	assert_null(sql_value(&rows, 4, "Last_Error"));
	assert_null(sql_value(&rows, 0, "Port"));
	assert_null(sql_value(&rows, 5, "Source_Port"));
	lengths[0] = SQL_ROWS_MAX;
	assert_false(sql_rows_add(&rows, &size, row, lengths));
	sql_rows_clear(&rows);
	assert_null(sql_value(&rows, 0, "Source_Port"));
}

static void an_address_is_its_own_answer(void **state)
{
	struct resolved found[RESOLVE_ADDRESSES_MAX];
	struct error err = {0};

	(void)state;
	assert_int_equal(resolve_host("192.0.2.1", 0, found, &err), 1);
	assert_string_equal(found[0].text, "192.0.2.1");
	assert_int_equal(resolve_host("2001:db8::1", 0, found, &err), 1);
	assert_true(resolve_host("localhost", clock_now_ms() + 2000, found, &err) >= 1);
	assert_int_equal(resolve_host("not a host", clock_now_ms() + 2000, found, &err), -1);
	assert_non_null(strstr(err.sentence, "not a host"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_listening_is_unreachable),
	    cmocka_unit_test(a_server_that_never_answers_is_unknown_at_the_deadline),
	    cmocka_unit_test(something_else_that_listens_is_unknown),
	    cmocka_unit_test(a_full_server_is_busy_and_a_wrong_password_is_denied),
	    cmocka_unit_test(a_lost_connection_is_no_refusal),
	    cmocka_unit_test(a_syntax_error_does_not_show_the_statement),
	    cmocka_unit_test(values_are_found_by_their_column_s_name),
	    cmocka_unit_test(an_address_is_its_own_answer),
	};

	snprintf(path, sizeof(path), "/tmp/systole-sql.%ld", (long)getpid());
	return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
