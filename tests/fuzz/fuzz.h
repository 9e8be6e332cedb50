/* fuzz.h - one harness a parser. Built twice: as a libFuzzer target (configure --enable-fuzzers), and with replay.c as a test that runs
 * it over tests/fuzz/seeds/<fuzz_name>. A harness asserts what must hold for every input; it never looks at the outside world. */
#ifndef SYSTOLE_TESTS_FUZZ_H
#define SYSTOLE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"

/* As assert(), but it stays when assertions are switched off. */
#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

extern const char fuzz_name[];
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string of exactly its own memory, so that a sanitizer sees one byte too far. It ends at a zero byte in the input. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	return str_ndup((const char *)data, size);
}

#endif
