/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock of the traffic source: the time-stamp counter, whose rate is measured once; the kernel's clock elsewhere.
 */
#ifndef HD_BENCH_TICKS_H
#define HD_BENCH_TICKS_H

#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static inline uint64_t hd_ticks_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t hd_ticks(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	return hd_ticks_ns();
#endif
}

/* Ticks per second; spins for 50 ms. */
static inline double hd_ticks_hz(void)
{
	uint64_t ns = hd_ticks_ns();
	uint64_t ticks = hd_ticks();
	uint64_t passed;

	do
		passed = hd_ticks_ns() - ns;
	while (passed < 50000000);
	return (double)(hd_ticks() - ticks) * 1e9 / (double)passed;
}

#endif
