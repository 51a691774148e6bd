/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the signal that ends system calls that wait. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "nudge.h"

#define NUDGE SIGURG /* ignored unless handled, and used by nobody else here */

static void nothing(int signal)
{
}

int hd_nudge_start(timer_t *timer)
{
	const struct timespec period = {.tv_nsec = HD_NUDGE_MS * 1000000};
	const struct itimerspec times = {.it_interval = period, .it_value = period};
	struct sigaction action = {.sa_handler = nothing}; /* without SA_RESTART */
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = NUDGE};

	event._sigev_un._tid = gettid();
	sigemptyset(&action.sa_mask);
	if (sigaction(NUDGE, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, timer) < 0)
		return -errno;
	if (timer_settime(*timer, 0, &times, NULL) < 0) {
		int rc = -errno;

		timer_delete(*timer);
		return rc;
	}
	return 0;
}

void hd_nudge_stop(timer_t timer)
{
	timer_delete(timer);
}
