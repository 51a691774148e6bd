/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers for tests that can be had again: the seed is printed, and taken from HD_SEED if that is set. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* One a thread. */
struct random {
	uint64_t state;
};

/* The next of 2^64 (splitmix64: Steele, Lea, Flood 2014). */
static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* 0..n-1; n > 0. */
static inline uint32_t random_below(struct random *random, uint32_t n)
{
	return (uint32_t)((random_next(random) >> 32) * n >> 32);
}

/* Seeds, and prints the seed with the test's name. */
static inline void random_start(struct random *random, const char *test)
{
	const char *given = getenv("HD_SEED");

	if (given != NULL)
		random->state = strtoull(given, NULL, 0);
	else if (getrandom(&random->state, sizeof(random->state), 0) != sizeof(random->state))
		random->state = 1;
	printf("%s: HD_SEED=%" PRIu64 "\n", test, random->state);
	fflush(stdout);
}

#endif
