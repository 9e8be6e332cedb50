#include "io/clock.h"

#include <errno.h>
#include <time.h>

uint64_t clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void clock_pause_ms(uint64_t ms)
{
	struct timespec until;

	/* An absolute end, so that signals cannot prolong the pause by rounding. */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
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
