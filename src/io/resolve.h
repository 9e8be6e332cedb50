/* resolve.h - a host's name becomes numeric addresses before a deadline. It never connects. */
#ifndef SYSTOLE_IO_RESOLVE_H
#define SYSTOLE_IO_RESOLVE_H

#include <stdint.h>

#include "base/error.h"

#define RESOLVE_ADDRESSES_MAX 4

struct resolved {
	char text[64]; /* numeric, IPv6 with its scope */
};

/* The number of addresses, at least 1, or -1. An address is its own answer and costs nothing. */
int resolve_host(const char *host, uint64_t deadline_ms, struct resolved ret[RESOLVE_ADDRESSES_MAX], struct error *err);

#endif
