/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ends system calls of a thread that wait: a timer's signal every HD_NUDGE_MS, whose handler does nothing but make them
 * return EINTR. For threads that write to eventfds: a front-end shares these, can make them blocking again whenever it
 * likes, and fill them. A write that was interrupted has waited, so somebody means harm.
 */
#ifndef HD_NUDGE_H
#define HD_NUDGE_H

#include <time.h>

#define HD_NUDGE_MS 10

/* The calling thread from now on. Returns 0 or -errno. */
int hd_nudge_start(timer_t *timer);
void hd_nudge_stop(timer_t timer);

#endif
