/* sql_outcome.h - what the numbers of the server and of its client libraries mean. Pure. */
#ifndef SYSTOLE_IO_SQL_OUTCOME_H
#define SYSTOLE_IO_SQL_OUTCOME_H

#include <stdbool.h>

#include "io/sql.h"

/* message: the library keeps the system's error only inside its text: "Can't connect to ... '/run/x.sock' (111)". */
enum sql_outcome sql_outcome_of_connect(unsigned int number, const char *message);
/* SQL_REFUSED: the server answered, and the connection can be used on. SQL_UNKNOWN: the connection is gone. */
enum sql_outcome sql_outcome_of_statement(unsigned int number);
/* The message as a sentence may have it: a syntax error quotes the statement, and statements may carry passwords. */
const char *sql_message_shown(unsigned int number, const char *message);

#endif
