#include "io/clock.h"

#include <errno.h>
#include <time.h>

uint64_t clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* An absolute end, so that signals cannot prolong a pause by rounding. */
static struct timespec end_of(uint64_t ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)(ms / 1000);
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	return end;
}

void clock_pause_ms(uint64_t ms)
{
	struct timespec end = end_of(ms);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
}

bool clock_posted_within(sem_t *sem, uint64_t ms)
{
	struct timespec end = end_of(ms);
	int rc;

	do
		rc = sem_clockwait(sem, CLOCK_MONOTONIC, &end);
	while (rc && errno == EINTR);
	return rc == 0;
}

uint64_t clock_left_ms(uint64_t deadline_ms)
{
	uint64_t now = clock_now_ms();

	return deadline_ms > now ? deadline_ms - now : 0;
}

void clock_stamp(char buf[static 17])
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(buf, 17, "%Y%m%dT%H%M%SZ", &utc);
}
