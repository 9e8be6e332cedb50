#include "sql_outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2000 to 2999 and Connector/C's 5000 to 5999 are the library's own numbers: nothing was heard from the server. */
static bool is_from_library(unsigned int number)
{
	return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

static int system_error_of(const char *message)
{
	const char *paren = strrchr(message, '(');

	return paren ? (int)strtol(paren + 1, NULL, 10) : 0;
}

enum sql_outcome sql_outcome_of_connect(unsigned int number, const char *message)
{
	switch (number) {
	case 1044: /* no access to the database */
	case 1045: /* access denied */
	case 1130: /* host not allowed */
	case 1698: /* access denied, unix socket */
	case 1862: /* password expired */
	case 3118: /* account locked, MySQL */
	case 4151: /* account locked, MariaDB */
		return SQL_DENIED;
	case 1040: /* too many connections */
	case 1129: /* host blocked after many errors */
	case 1203: /* too many connections of this user */
	case 1226: /* limit of this account reached */
	case 3032: /* offline mode */
		return SQL_BUSY;
	case 2002: /* unix socket; Connector/C: TCP too */
	case 2003: /* TCP */
		if (system_error_of(message) == ECONNREFUSED || system_error_of(message) == ENOENT)
			return SQL_UNREACHABLE;
		return SQL_UNKNOWN;
	}
	return number == 0 || is_from_library(number) ? SQL_UNKNOWN : SQL_REFUSED;
}

enum sql_outcome sql_outcome_of_statement(unsigned int number)
{
	switch (number) {
	case 0:
	case 1053: /* shutdown in progress */
	case 1927: /* connection killed, MariaDB */
	case 3169: /* session killed, MySQL */
	case 4031: /* disconnected by the server: idle for too long */
		return SQL_UNKNOWN;
	}
	return is_from_library(number) ? SQL_UNKNOWN : SQL_REFUSED;
}

const char *sql_message_shown(unsigned int number, const char *message)
{
	return number == 1064 || number == 1149 ? "it has a syntax error for this server" : message;
}
