/* unit.h - what every unit test program begins with. A test's name is the sentence that it proves: TEST(a_set_contains_itself).
 * A test that is written but not listed in its program's main() does not compile: it is an unused function. */
#ifndef SYSTOLE_TESTS_UNIT_H
#define SYSTOLE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define TEST(sentence) static void sentence(void **unit_state __attribute__((unused)))

#endif
