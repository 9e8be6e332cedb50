#include "io/log.h"

#include "base/str.h"

static const char *const names[] = {
    [LOG_LEVEL_ERROR] = "ERROR",
    [LOG_LEVEL_WARNING] = "WARNING",
    [LOG_LEVEL_INFO] = "INFO",
    [LOG_LEVEL_TRACE] = "TRACE",
};
_Static_assert(ARRAY_LENGTH(names) == LOG_LEVEL_COUNT, "one row a level");

const char *log_level_name(enum log_level level)
{
	return names[level];
}
