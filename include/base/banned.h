/* banned.h - calls that nobody may use here are compile errors. Included in front of every source file by the build, so it also brings
 * config.h in before any system header, which _GNU_SOURCE needs. It declares nothing.
 *
 * system, popen: no shell anywhere (quoting, environment, forks). sprintf and its like: no bound. strtok: hidden state. atoi: garbage
 * reads as 0, and 0 is an answer. sleep: blocks past a deadline; clock_pause_ms() knows about those.
 *
 * Macros, and not "#pragma GCC poison": <mysql.h> of MariaDB has strcpy() in macros that nobody uses. */
#ifndef SYSTOLE_BASE_BANNED_H
#define SYSTOLE_BASE_BANNED_H

#include "config.h"

/* The headers that declare them must come first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef sprintf
#undef vsprintf
#undef gets
#undef strcpy
#undef stpcpy
#undef strcat
#undef strtok
#undef system
#undef popen
#undef atoi
#undef atol
#undef atoll
#undef atof
#undef sleep
#undef usleep

#define system(...) banned_call_to_system
#define popen(...) banned_call_to_popen
#define sprintf(...) banned_call_to_sprintf
#define vsprintf(...) banned_call_to_vsprintf
#define gets(...) banned_call_to_gets
#define strcpy(...) banned_call_to_strcpy
#define stpcpy(...) banned_call_to_stpcpy
#define strcat(...) banned_call_to_strcat
#define strtok(...) banned_call_to_strtok
#define atoi(...) banned_call_to_atoi
#define atol(...) banned_call_to_atol
#define atoll(...) banned_call_to_atoll
#define atof(...) banned_call_to_atof
#define sleep(...) banned_call_to_sleep
#define usleep(...) banned_call_to_usleep

#endif
