/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests the drop recorder against a list of all that was dropped, its limit, and reading while it is written. */
#include <check.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "random.h"
#include "recorder.h"

#define HZ UINT64_C(2000000000)
#define DROPS 4000
#define SECONDS 2
#define READS 200 /* records, at least, or ten times as long */

static struct random dice;

static void setup(void)
{
	random_start(&dice, "recorder");
}

static struct hd_recorder *make(uint64_t hz)
{
	struct hd_recorder *recorder = calloc(1, sizeof(*recorder));

	ck_assert_ptr_nonnull(recorder);
	hd_recorder_init(recorder, hz);
	return recorder;
}

/* A frame in memory of exactly its headers' size, so that a sanitizer sees every over-read. */
static struct hd_pkt random_pkt(void)
{
	struct hd_pkt pkt = {.hdr_len = (uint16_t)random_below(&dice, 300)};

	pkt.hdr = malloc(pkt.hdr_len);
	ck_assert(pkt.hdr != NULL || pkt.hdr_len == 0);
	pkt.len = pkt.hdr_len + random_below(&dice, 65000);
	for (uint16_t i = 0; i < pkt.hdr_len; i++)
		pkt.hdr[i] = (uint8_t)random_next(&dice);
	return pkt;
}

static int by_serial(const void *left, const void *right)
{
	const struct hd_record *a = left, *b = right;

	return (int32_t)(a->serial - b->serial);
}

/* What was dropped for one reason. */
struct twin {
	unsigned int n;
	struct hd_record all[DROPS];
};

static void compare(struct hd_recorder *recorder, int reason, const struct twin *twin)
{
	struct hd_record read[HD_RECORD_FRAMES];
	unsigned int kept = twin->n < HD_RECORD_FRAMES ? twin->n : HD_RECORD_FRAMES;
	unsigned int n = hd_recorder_read(recorder, (enum hd_drop)reason, read);

	ck_assert_uint_eq(n, kept);
	qsort(read, n, sizeof(read[0]), by_serial);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_mem_eq(&read[i], &twin->all[twin->n - kept + i], sizeof(read[i]));
}

/* Drops rare enough that each is recorded. */
START_TEST(keeps_the_last_of_each_reason)
{
	static struct twin twins[HD_DROP_COUNT];
	struct hd_recorder *recorder = make(HZ);
	char name[HD_NAME_MAX + 1];
	uint64_t now = random_next(&dice) >> 8;

	memset(twins, 0, sizeof(twins));
	for (uint32_t serial = 0; serial < DROPS; serial++) {
		int reason = (int)random_below(&dice, random_below(&dice, 2) ? 2 : HD_DROP_COUNT);
		struct twin *twin = &twins[reason];
		struct hd_record *should = &twin->all[twin->n++];
		struct hd_pkt pkt = random_pkt(), *pkts[] = {&pkt};
		struct hd_dropped dropped = {name, random_next(&dice), (enum hd_drop)reason,
					     (uint8_t)random_next(&dice)};

		memset(name, 0, sizeof(name));
		snprintf(name, sizeof(name), "p%0*u", (int)random_below(&dice, HD_NAME_MAX - 1), serial);
		now += HZ / HD_RECORD_RATE + random_below(&dice, 1000);
		ck_assert(hd_recorder_wants(recorder, dropped.reason, now));
		hd_recorder_add(recorder, now, &dropped, pkts, 1);
		*should = (struct hd_record){now, dropped.cookie, pkt.len, serial};
		should->snap = pkt.hdr_len < HD_RECORD_SNAP ? pkt.hdr_len : HD_RECORD_SNAP;
		should->table = dropped.table;
		should->reason = (uint8_t)reason;
		memcpy(should->port, name, sizeof(name));
		memcpy(should->bytes, pkt.hdr, should->snap);
		free(pkt.hdr);
		if (random_below(&dice, 50) == 0)
			compare(recorder, reason, twin);
	}
	for (int reason = 0; reason < HD_DROP_COUNT; reason++)
		compare(recorder, reason, &twins[reason]);
	free(recorder);
}
END_TEST

/* Returns how many of a burst were recorded. */
static uint32_t drop_burst(struct hd_recorder *recorder, enum hd_drop reason, uint64_t now, uint16_t n)
{
	struct hd_pkt pkt = {.hdr = (uint8_t *)"", .hdr_len = 1, .len = 60}, *pkts[HD_BURST];
	struct hd_dropped dropped = {(char[HD_NAME_MAX + 1]){"p"}, 0, reason, HD_RECORD_NO_TABLE};
	uint32_t before = recorder->serial;

	for (uint16_t i = 0; i < n; i++)
		pkts[i] = &pkt;
	if (hd_recorder_wants(recorder, reason, now))
		hd_recorder_add(recorder, now, &dropped, pkts, n);
	return recorder->serial - before;
}

START_TEST(flood_is_limited)
{
	struct hd_recorder *recorder = make(HZ);
	uint64_t now = 5 * HZ, interval = HZ / HD_RECORD_RATE;
	uint32_t n = 0;

	ck_assert_uint_eq(drop_burst(recorder, HD_DROP_RUNT, now, HD_BURST), HD_RECORD_FRAMES);
	ck_assert_uint_eq(drop_burst(recorder, HD_DROP_RUNT, now, HD_BURST), 0);
	ck_assert_uint_eq(drop_burst(recorder, HD_DROP_RUNT, now + interval - 1, 1), 0);
	ck_assert_uint_eq(drop_burst(recorder, HD_DROP_RUNT, now + interval, HD_BURST), 1);
	/* Other reasons have their own. */
	ck_assert_uint_eq(drop_burst(recorder, HD_DROP_TX_FULL, now, 5), 5);
	/* However long it was quiet, no more than a ring. */
	now += 1000 * HZ;
	ck_assert_uint_eq(drop_burst(recorder, HD_DROP_RUNT, now, HD_BURST), HD_RECORD_FRAMES);
	for (int i = 0; i < 100000; i++)
		n += drop_burst(recorder, HD_DROP_RUNT, now += HZ / 1000000, 10); /* 10 M/s, a tenth of a second */
	ck_assert_uint_eq(n, HD_RECORD_RATE / 10);
	free(recorder);
}
END_TEST

START_TEST(nothing_recorded_is_nothing_read)
{
	struct hd_record read[HD_RECORD_FRAMES];
	struct hd_recorder *recorder = make(HZ);

	for (int reason = 0; reason < HD_DROP_COUNT; reason++)
		ck_assert_uint_eq(hd_recorder_read(recorder, (enum hd_drop)reason, read), 0);
	free(recorder);
}
END_TEST

struct stress {
	struct hd_recorder *recorder;
	_Atomic bool stop;
	_Atomic uint64_t seen, torn;
};

/* All of a record follows from its cookie: one made of two is found out. */
static bool is_torn(const struct hd_record *record)
{
	struct random stream = {record->cookie};
	char name[HD_NAME_MAX + 1];
	bool torn;

	snprintf(name, sizeof(name), "p%u", record->serial);
	torn = record->cookie != record->serial || record->tsc != record->cookie * 3 || record->len != record->serial ||
	       strcmp(record->port, name) != 0;
	for (int i = 0; i < HD_RECORD_SNAP; i += 8)
		torn |= memcmp(record->bytes + i, &(uint64_t){random_next(&stream)}, 8) != 0;
	return torn;
}

static void *read_all(void *arg)
{
	struct stress *stress = arg;
	struct hd_record read[HD_RECORD_FRAMES];

	while (!atomic_load_explicit(&stress->stop, memory_order_relaxed)) {
		for (int reason = 0; reason < 2; reason++) {
			unsigned int n = hd_recorder_read(stress->recorder, (enum hd_drop)reason, read);

			for (unsigned int i = 0; i < n; i++)
				atomic_fetch_add_explicit(&stress->torn, is_torn(&read[i]), memory_order_relaxed);
			atomic_fetch_add_explicit(&stress->seen, n, memory_order_relaxed);
		}
	}
	return NULL;
}

static void write_one(struct hd_recorder *recorder, uint32_t serial)
{
	struct random stream = {serial};
	uint64_t bytes[HD_RECORD_SNAP / 8];
	struct hd_pkt pkt = {.hdr = (uint8_t *)bytes, .hdr_len = sizeof(bytes), .len = serial}, *pkts[] = {&pkt};
	char name[HD_NAME_MAX + 1] = "";
	struct hd_dropped dropped = {name, serial, (enum hd_drop)(serial % 2), 0};

	for (size_t i = 0; i < sizeof(bytes) / 8; i++)
		bytes[i] = random_next(&stream);
	snprintf(name, sizeof(name), "p%u", serial);
	hd_recorder_add(recorder, serial * UINT64_C(3), &dropped, pkts, 1);
}

START_TEST(torn_records_are_left_out)
{
	struct stress stress = {.recorder = make(0)}; /* no limit */
	struct timespec now, start;
	pthread_t readers[2];
	bool enough = false;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_all, &stress), 0);
	for (uint32_t serial = 0; !enough; serial++) {
		write_one(stress.recorder, serial);
		clock_gettime(CLOCK_MONOTONIC, &now);
		enough = now.tv_sec - start.tv_sec >= SECONDS && atomic_load(&stress.seen) >= READS;
		enough |= now.tv_sec - start.tv_sec >= 10 * SECONDS;
	}
	atomic_store(&stress.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	ck_assert_uint_eq(atomic_load(&stress.torn), 0);
	ck_assert_uint_ge(atomic_load(&stress.seen), READS);
	free(stress.recorder);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recorder");
	TCase *cases = tcase_create("recorder");
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_fork_status(runner, CK_NOFORK); /* sanitizers see threads and leaks */
	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, keeps_the_last_of_each_reason);
	tcase_add_test(cases, flood_is_limited);
	tcase_add_test(cases, nothing_recorded_is_nothing_read);
	tcase_add_test(cases, torn_records_are_left_out);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
