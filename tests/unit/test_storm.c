/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests storm control against a token bucket in floating point, and its promise when PMDs share a bucket. */
#include <check.h>
#include <pthread.h>

#include <heddle/limits.h>

#include "random.h"
#include "storm.h"

#define HZ UINT64_C(2100000000)

START_TEST(no_limit_admits_all)
{
	struct hd_storm_limit limit;
	struct hd_storm_bucket bucket = {0};

	hd_storm_limit_init(&limit, 0, HZ);
	for (int i = 0; i < 100000; i++)
		ck_assert(hd_storm_admit(&limit, &bucket, 5));
}
END_TEST

static uint32_t admit_burst(const struct hd_storm_limit *limit, struct hd_storm_bucket *bucket, uint64_t now)
{
	uint32_t n = 0;

	while (n < HD_STORM_MAX && hd_storm_admit(limit, bucket, now))
		n++;
	return n;
}

static const struct {
	uint32_t rate, burst;
} bursts[] = {
	{1, HD_STORM_BURST_MIN}, {100, HD_STORM_BURST_MIN},         {320, 32}, {1000, 100},
	{1000000, 100000},       {HD_STORM_MAX, HD_STORM_MAX / 10},
};

START_TEST(burst_is_a_tenth_of_a_second)
{
	struct hd_storm_limit limit;
	struct hd_storm_bucket bucket = {0};
	uint64_t now = 12345 * HZ;

	hd_storm_limit_init(&limit, bursts[_i].rate, HZ);
	ck_assert_uint_eq(admit_burst(&limit, &bucket, now), bursts[_i].burst);
	ck_assert_uint_eq(admit_burst(&limit, &bucket, now + limit.interval - 1), 0);
	ck_assert_uint_eq(admit_burst(&limit, &bucket, now + limit.interval), 1);
	/* However long it was idle, no more than a burst. */
	ck_assert_uint_eq(admit_burst(&limit, &bucket, now + 100000 * HZ), bursts[_i].burst);
}
END_TEST

/* A plain token bucket. */
struct twin {
	double tokens, burst, rate;
	uint64_t last;
};

static void twin_refill(struct twin *twin, uint64_t now)
{
	twin->tokens += (double)(now - twin->last) / (double)HZ * twin->rate;
	if (twin->tokens > twin->burst)
		twin->tokens = twin->burst;
	twin->last = now;
}

/*
 * Decision by decision. Where the twin has just about one token, rounding may decide either way: then it follows.
 * Its rate is that of the whole number of cycles a packet costs.
 */
static void compare(struct random *random, uint32_t rate)
{
	struct hd_storm_limit limit;
	struct hd_storm_bucket bucket = {0};
	struct twin twin = {0};
	uint64_t now = random_next(random) % (1000000 * HZ);

	hd_storm_limit_init(&limit, rate, HZ);
	twin.rate = (double)HZ / (double)limit.interval;
	ck_assert_double_le(twin.rate, rate);
	ck_assert_double_ge((double)limit.interval, (double)HZ / rate);
	ck_assert_double_lt((double)limit.interval, (double)HZ / rate + 1);
	twin.burst = twin.tokens = (double)limit.depth / (double)limit.interval;
	twin.last = now;
	for (int i = 0; i < 20000; i++) {
		bool admitted;

		now += random_below(random, 100) == 0 ? random_next(random) % (2 * limit.depth)
						      : random_next(random) % (2 * limit.interval);
		twin_refill(&twin, now);
		admitted = hd_storm_admit(&limit, &bucket, now);
		if (twin.tokens < 1 - 1e-3)
			ck_assert(!admitted);
		if (twin.tokens > 1 + 1e-3)
			ck_assert(admitted);
		if (admitted)
			twin.tokens -= 1;
	}
}

START_TEST(agrees_with_floating_point)
{
	static const uint32_t rates[] = {1, 7, 99, 1000, 31337, 1000000, 29000001, HD_STORM_MAX};
	struct random random;

	random_start(&random, "agrees_with_floating_point");
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		compare(&random, rates[i]);
	for (int i = 0; i < 50; i++)
		compare(&random, 1 + random_below(&random, HD_STORM_MAX));
}
END_TEST

START_TEST(raised_limit_works_at_once)
{
	struct hd_storm_limit slow, fast;
	struct hd_storm_bucket bucket = {0};
	uint64_t now = 100 * HZ;

	hd_storm_limit_init(&slow, 1, HZ);
	hd_storm_limit_init(&fast, 100000, HZ);
	ck_assert_uint_eq(admit_burst(&slow, &bucket, now), HD_STORM_BURST_MIN); /* 32 seconds in debt */
	ck_assert_uint_eq(admit_burst(&fast, &bucket, now + 1), 10000);
	ck_assert_uint_eq(admit_burst(&fast, &bucket, now + 1), 0);
}
END_TEST

/* A PMD whose clock is a little behind must not be taken for one with another limit, and gets nothing extra. */
START_TEST(late_clock_gets_nothing_extra)
{
	struct hd_storm_limit limit;
	struct hd_storm_bucket bucket = {0};
	uint64_t now = 100 * HZ;

	hd_storm_limit_init(&limit, 1000, HZ);
	ck_assert_uint_eq(admit_burst(&limit, &bucket, now), 100);
	ck_assert_uint_eq(admit_burst(&limit, &bucket, now - HZ / 1000), 0);
	ck_assert_uint_eq(admit_burst(&limit, &bucket, now), 0);
}
END_TEST

struct shared {
	struct hd_storm_limit limit;
	struct hd_storm_bucket bucket;
	_Atomic uint64_t clock;
	_Atomic uint64_t admitted;
};

#define STEPS 400000
#define STEP 500 /* cycles */

/* Both drive one clock forward; each reads it and asks. */
static void *hammer(void *arg)
{
	struct shared *shared = arg;
	uint64_t admitted = 0;

	for (int i = 0; i < STEPS; i++) {
		uint64_t now = atomic_fetch_add(&shared->clock, STEP);

		for (int burst = 0; burst < 3; burst++)
			admitted += hd_storm_admit(&shared->limit, &shared->bucket, now);
	}
	atomic_fetch_add(&shared->admitted, admitted);
	return NULL;
}

START_TEST(shared_bucket_keeps_its_promise)
{
	static const uint32_t rates[] = {50000, 1000000, 4000000};
	struct shared shared = {0};
	pthread_t threads[2];
	uint64_t start = 7 * HZ, time = (2 * STEPS - 1) * STEP, most;

	hd_storm_limit_init(&shared.limit, rates[_i], HZ);
	atomic_store(&shared.clock, start);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &shared), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* Offered is more than the rate, so all that the rate and the burst allow passes, and not one more. */
	most = (shared.limit.depth + time) / shared.limit.interval;
	ck_assert_uint_le(atomic_load(&shared.admitted), most);
	ck_assert_uint_ge(atomic_load(&shared.admitted), most - most / 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("storm");
	TCase *cases = tcase_create("bucket");
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_fork_status(runner, CK_NOFORK); /* sanitizers see threads and leaks */
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, no_limit_admits_all);
	tcase_add_loop_test(cases, burst_is_a_tenth_of_a_second, 0, sizeof(bursts) / sizeof(bursts[0]));
	tcase_add_test(cases, agrees_with_floating_point);
	tcase_add_test(cases, raised_limit_works_at_once);
	tcase_add_test(cases, late_clock_gets_nothing_extra);
	tcase_add_loop_test(cases, shared_bucket_keeps_its_promise, 0, 3);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
