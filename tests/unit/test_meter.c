/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests that meters keep their rate within 2 %, for one PMD and for several, and count what they see. */
#include <check.h>
#include <math.h>
#include <pthread.h>

#include "flow/meter.h"
#include "random.h"

#define HZ UINT64_C(2100000000)
#define BURST 64

static struct hd_meter *create(bool packets, uint32_t rate, uint32_t burst)
{
	struct hd_meter_conf conf = {.id = 1, .packets = packets, .rate = rate, .burst = burst};
	struct hd_meter *meter = hd_meter_create(&conf, HZ);

	ck_assert_ptr_nonnull(meter);
	ck_assert_uint_eq(hd_meter_conf(meter)->rate, rate);
	return meter;
}

static const struct {
	bool packets;
	uint32_t rate, bytes;
	double per_s; /* packets that pass */
} rates[] = {
	{true, 1000, 60, 1e3},
	{true, 1001, 60, 1001},
	{true, 20000, 1514, 2e4},
	{true, 1000000, 60, 1e6},
	{true, 5000000, 60, 5e6},
	{true, 4999999, 60, 4999999},
	{false, 10000, 1514, 10000e3 / 8 / 1514},
	{false, 1000000, 60, 1000000e3 / 8 / 60},
	{false, 10000000, 65536, 10000000e3 / 8 / 65536},
	{false, 10000000, 1514, 10000000e3 / 8 / 1514},
};

/* One to eight PMDs take turns with whole bursts, offering `overload` times the rate, for some simulated seconds. */
static void simulate(struct random *random, unsigned int number, unsigned int n_pmds, double overload)
{
	struct hd_meter *meter = create(rates[number].packets, rates[number].rate, 0);
	double per_s = rates[number].per_s, span = per_s > 1e6 ? 1 : 20, warm = span / 4, admitted = 0, offered = 0;
	double gap = BURST / (per_s * overload), start = (double)random_below(random, 1000000);

	for (double t = 0; t < span + warm; t += gap * (0.5 + random_below(random, 1000) / 1000.0)) {
		uint64_t now = (uint64_t)((start + t) * (double)HZ);
		uint16_t pmd = (uint16_t)random_below(random, n_pmds);

		for (int i = 0; i < BURST; i++) {
			bool passes = hd_meter_admit(meter, pmd, rates[number].bytes, now);

			admitted += passes && t >= warm; /* the bucket is empty by then */
			offered += t >= warm;
		}
	}
	ck_assert_msg(fabs(admitted / span / fmin(per_s, offered / span) - 1) < 0.02,
		      "rate %f, %u PMDs, %f times: %f admitted", per_s, n_pmds, overload, admitted / span);
	hd_meter_destroy(meter);
}

START_TEST(keeps_the_rate)
{
	struct random random;

	random_start(&random, "keeps_the_rate");
	for (unsigned int n_pmds = 1; n_pmds <= 8; n_pmds += 7) {
		simulate(&random, (unsigned int)_i, n_pmds, 1.5);
		simulate(&random, (unsigned int)_i, n_pmds, 4);
		simulate(&random, (unsigned int)_i, n_pmds, 0.9); /* nothing is lost below the rate */
	}
}
END_TEST

START_TEST(burst_is_as_configured)
{
	struct hd_meter *meter = create(true, 1000, 500);
	uint64_t now = 99 * HZ;
	uint32_t n = 0;

	while (n < 10000 && hd_meter_admit(meter, 0, 60, now))
		n++;
	ck_assert_uint_eq(n, 500);
	ck_assert(!hd_meter_admit(meter, 0, 60, now + HZ / 1100));
	ck_assert(hd_meter_admit(meter, 0, 60, now + HZ / 990));
	for (n = 0; n < 10000 && hd_meter_admit(meter, 0, 60, now + 1000 * HZ); n++)
		;
	ck_assert_uint_eq(n, 500);
	hd_meter_destroy(meter);
}
END_TEST

/* However small the bucket, a packet larger than it passes when it is full, and is paid for. */
START_TEST(large_packets_pass_and_are_paid_for)
{
	struct hd_meter *meter = create(false, 1000, 1); /* 125 bytes */
	uint64_t now = 5 * HZ;
	uint32_t n = 0;

	for (int ms = 0; ms < 100000; ms++)
		n += hd_meter_admit(meter, 0, 12500, now + (uint64_t)ms * (HZ / 1000));
	ck_assert_uint_ge(n, 990);
	ck_assert_uint_le(n, 1010);
	hd_meter_destroy(meter);
}
END_TEST

START_TEST(no_pause_is_too_long)
{
	for (int bit = 0; bit < 63; bit++) {
		struct hd_meter *meter = create(true, 1000000, 100);
		uint64_t now = HZ;

		for (int i = 0; i < 200; i++)
			hd_meter_admit(meter, 0, 60, now);
		ck_assert(!hd_meter_admit(meter, 0, 60, now));
		now += UINT64_C(1) << bit;
		/* Time may seem to stand still if it comes back to a multiple of 2^54 cycles, for a moment. */
		ck_assert_int_eq(hd_meter_admit(meter, 0, 60, now + HZ / 1000), true);
		hd_meter_destroy(meter);
	}
}
END_TEST

START_TEST(counts_and_hands_on)
{
	struct hd_meter *meter = create(true, 1, 2), *next = create(true, 1, 100);
	struct hd_meter_stats stats;

	for (uint16_t i = 0; i < 10; i++)
		hd_meter_admit(meter, i % 3, 100, HZ);
	hd_meter_stats(meter, &stats);
	ck_assert_uint_eq(stats.packets, 10);
	ck_assert_uint_eq(stats.bytes, 1000);
	ck_assert_uint_eq(stats.dropped_packets, 8);
	ck_assert_uint_eq(stats.dropped_bytes, 800);
	hd_meter_inherit(next, meter);
	hd_meter_admit(meter, 0, 100, HZ); /* a PMD that still sees the former one */
	hd_meter_destroy(meter);
	hd_meter_admit(next, 0, 100, HZ);
	hd_meter_stats(next, &stats);
	ck_assert_uint_eq(stats.packets, 12);
	ck_assert_uint_eq(stats.dropped_packets, 9);
	hd_meter_destroy(next);
	hd_meter_destroy(NULL);
}
END_TEST

struct shared {
	struct hd_meter *meter;
	_Atomic uint64_t clock;
	_Atomic uint64_t admitted;
	_Atomic uint16_t pmds;
};

#define STEPS 100000
#define STEP (HZ / 100000) /* cycles a burst */

/* All drive one clock forward; each reads it and asks for a burst. */
static void *hammer(void *arg)
{
	struct shared *shared = arg;
	uint16_t pmd = (uint16_t)atomic_fetch_add(&shared->pmds, 1);
	uint64_t admitted = 0;

	for (int i = 0; i < STEPS; i++) {
		uint64_t now = atomic_fetch_add(&shared->clock, STEP);

		for (int burst = 0; burst < BURST; burst++)
			admitted += hd_meter_admit(shared->meter, pmd, 60, now);
	}
	atomic_fetch_add(&shared->admitted, admitted);
	return NULL;
}

START_TEST(threads_share_a_meter)
{
	static const uint32_t packets[] = {1000, 50000, 1000000, 5000000};
	struct shared shared = {.meter = create(true, packets[_i], 0), .clock = 7 * HZ};
	pthread_t threads[3];
	struct hd_meter_stats stats;
	double depth, most;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &shared), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	hd_meter_stats(shared.meter, &stats);
	ck_assert_uint_eq(stats.packets, 3 * STEPS * BURST);
	ck_assert_uint_eq(stats.packets - stats.dropped_packets, atomic_load(&shared.admitted));
	depth = fmax(packets[_i] / 100.0, 4 * BURST);
	most = depth + 3.0 * STEPS * STEP / HZ * packets[_i];
	ck_assert_double_le((double)stats.packets - (double)stats.dropped_packets, most * 1.001);
	ck_assert_double_ge((double)stats.packets - (double)stats.dropped_packets, most * 0.98);
	hd_meter_destroy(shared.meter);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("meter");
	TCase *cases = tcase_create("bucket");
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_fork_status(runner, CK_NOFORK); /* sanitizers see threads and leaks */
	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, keeps_the_rate, 0, sizeof(rates) / sizeof(rates[0]));
	tcase_add_test(cases, burst_is_as_configured);
	tcase_add_test(cases, large_packets_pass_and_are_paid_for);
	tcase_add_test(cases, no_pause_is_too_long);
	tcase_add_test(cases, counts_and_hands_on);
	tcase_add_loop_test(cases, threads_share_a_meter, 0, 4);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
