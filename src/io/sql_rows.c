/* sql_rows.c - a result in memory; nothing of the client library is left in it. */
#include "sql_rows.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

bool sql_rows_add(struct sql_rows *rows, size_t *size, char *const *row, const unsigned long *lengths)
{
	char **values;

	/* Room doubles: it is full whenever the number of rows is a power of two. */
	if ((rows->rows & (rows->rows - 1)) == 0)
		rows->values = mem_grow(rows->values, (rows->rows ? rows->rows * 2 : 1) * rows->columns, sizeof(*rows->values));
	values = rows->values + rows->rows * rows->columns;
	for (size_t i = 0; i < rows->columns; i++)
		*size += sizeof(*values) + (row[i] ? lengths[i] + 1 : 0);
	if (*size > SQL_ROWS_MAX)
		return false;
	for (size_t i = 0; i < rows->columns; i++)
		values[i] = row[i] ? str_ndup(row[i], lengths[i]) : NULL;
	rows->rows++;
	return true;
}

const char *sql_value(const struct sql_rows *rows, size_t row, const char *column)
{
	if (row >= rows->rows)
		return NULL;
	for (size_t i = 0; i < rows->columns; i++)
		if (strcasecmp(rows->names[i], column) == 0)
			return rows->values[row * rows->columns + i];
	return NULL;
}

void sql_rows_clear(struct sql_rows *rows)
{
	for (size_t i = 0; i < rows->columns; i++)
		free(rows->names[i]);
	for (size_t i = 0; i < rows->rows * rows->columns; i++)
		free(rows->values[i]);
	free(rows->names);
	free(rows->values);
	*rows = (struct sql_rows){0};
}
