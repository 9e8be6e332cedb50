/* banned.h - calls that nobody may use here are compile errors. Included in front of every source file by the build, so it also brings
 * config.h in before any system header, which _GNU_SOURCE needs. It declares nothing.
 *
 * system, popen: no shell anywhere (quoting, environment, forks). sprintf and its like: no bound. strtok: hidden state. atoi: garbage
 * reads as 0, and 0 is an answer. sleep: blocks past a deadline; clock_pause_ms() knows about those. */
#ifndef SYSTOLE_BASE_BANNED_H
#define SYSTOLE_BASE_BANNED_H

#include "config.h"

/* The headers that declare them must come first: a poisoned name may not even be declared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC poison system popen
#pragma GCC poison sprintf vsprintf gets strcpy strcat stpcpy strtok
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison sleep usleep

#endif
