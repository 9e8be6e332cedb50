/* clock.h - the only clock: monotonic milliseconds, and a bounded pause. Wall time is for file names and log lines only. */
#ifndef SYSTOLE_IO_CLOCK_H
#define SYSTOLE_IO_CLOCK_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

uint64_t clock_now_ms(void);			   /* CLOCK_MONOTONIC */
void clock_pause_ms(uint64_t ms);		   /* continues after signals */
bool clock_posted_within(sem_t *sem, uint64_t ms); /* waits; continues after signals */
uint64_t clock_left_ms(uint64_t deadline_ms);	   /* 0 when it has passed */
/* "20261121T141503Z" into buf, for file names. */
void clock_stamp(char buf[static 17]);

#endif
