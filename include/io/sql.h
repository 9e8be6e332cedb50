/* sql.h - the one door to the database server: libmysqlclient, or MariaDB Connector/C. Every call is bounded by a deadline.
 * It knows no statement: their text is in core/dialect. Passwords pass through and are never logged. */
#ifndef SYSTOLE_IO_SQL_H
#define SYSTOLE_IO_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sql; /* one connection */

enum sql_outcome {
	SQL_UNKNOWN = 0, /* not answered in time, or the connection broke: says nothing about the server's state */
	SQL_OK,
	SQL_UNREACHABLE, /* nothing listens there (refused, no such socket) */
	SQL_DENIED,	 /* the account or its password is refused (1045, 1698, 1044 at connect) */
	SQL_BUSY,	 /* alive but full: too many connections (1040, 1203), offline mode (3032) */
	SQL_REFUSED,	 /* the statement was answered with an error: sql_errno() */
};

struct sql_target {
	const char *socket; /* unix socket; NULL: host and port */
	const char *host;
	unsigned int port;
	const char *user;
	const char *password; /* NULL or "": none (unix socket authentication) */
	bool tls_required;    /* over host and port only */
};

/* A result held in memory, at most 64 MiB in all. NULL values are NULL pointers. */
struct sql_rows {
	size_t columns, rows;
	char **names;  /* [columns] */
	char **values; /* [rows * columns] */
};

/* Loads the client library, as the first sql_open() does otherwise. -1: OCF_ERR_INSTALLED, and the sentence says what is missing. */
int sql_load(struct error *err);

/* On anything but SQL_OK err has the sentence (with the server's message) and *ret is untouched. deadline_ms: monotonic;
 * it includes resolving host's name. After SQL_UNKNOWN the connection answers nothing any more. SIGPIPE is ignored from the first call on. */
enum sql_outcome sql_open(const struct sql_target *target, uint64_t deadline_ms, struct sql **ret, struct error *err);
void sql_close(struct sql *sql);

/* Runs one statement and drops its result, if any. */
enum sql_outcome sql_run(struct sql *sql, const char *statement, uint64_t deadline_ms, struct error *err);
/* Runs one statement that returns rows. */
enum sql_outcome sql_query(struct sql *sql, const char *statement, uint64_t deadline_ms, struct sql_rows *ret, struct error *err);
unsigned int sql_errno(const struct sql *sql); /* of the last refused statement, 0 otherwise */

/* The value in a column given by its name (case is ignored); NULL when there is no such row or column, or it is NULL. */
const char *sql_value(const struct sql_rows *rows, size_t row, const char *column);
void sql_rows_clear(struct sql_rows *rows);

/* 'text' quoted and escaped by the client library for this connection; the caller frees. */
char *sql_quote(struct sql *sql, const char *text);
/* What the server says of itself: "10.11.19-MariaDB-0+deb12u1", "9.7.0". Valid as long as the connection. */
const char *sql_server_info(const struct sql *sql);

#endif
