/* sql_rows.h - how sql.c fills a result. */
#ifndef SYSTOLE_IO_SQL_ROWS_H
#define SYSTOLE_IO_SQL_ROWS_H

#include "io/sql.h"

#define SQL_ROWS_MAX ((size_t)64 << 20)

/* Copies one row; *size counts the bytes held. False when that would be more than SQL_ROWS_MAX: nothing was added. */
bool sql_rows_add(struct sql_rows *rows, size_t *size, char *const *row, const unsigned long *lengths);

#endif
