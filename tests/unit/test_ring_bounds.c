/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests that give too much, too little, or something else a moment later: the device does bounded work, trusts what it
 * has read once, and touches no memory that is not the guest's (the page behind each region).
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "ring_hostile.h"

/* 31: a head, or an id, that is already on its way. 35: what we have taken is rewritten before we give it back. */
START_TEST(test_taken_is_private)
{
	struct raw raw = {BUFFER, LENGTH, 0, 0};
	uint8_t garbage[SIZE * 16];

	start(_i, true, 0, SIZE);
	put(driver.desc, 0, &raw, 3);
	put(driver.desc, 1, &raw, 3);
	put_avail(0, 3);
	put_avail(1, 3);
	put(driver.desc, driver.packed ? 0 : 3, &raw, 3);
	put_avail_idx(2);
	ck_assert_uint_eq(device_rx(&driver, &burst), 2);
	memset(garbage, 0xff, sizeof(garbage));
	guest_put(&guest, driver.desc, garbage, sizeof(garbage));
	put_avail(0, 77);
	put_avail(1, 78);
	device_rx_done(&driver);
	check_used(0, 0, 3, 0);
	check_used(1, 1, 3, 0);
	ck_assert_uint_eq(fault(), HD_VRING_SOUND);
	stop();
}
END_TEST

/* 35: the driver shows slots of a packed ring again before they come back. It is not followed round the ring. */
START_TEST(test_shown_again)
{
	struct raw raw = {BUFFER, LENGTH, 0, 0};
	uint32_t base;

	start(true, true, 0, 3);
	for (uint32_t i = 0; i < 3; i++)
		put(driver.desc, i, &raw, 1);
	ck_assert_uint_eq(device_rx(&driver, &burst), 3);
	for (uint32_t i = 0; i < 3; i++)
		guest_put(&guest, driver.desc + i * 16 + 14, &(uint16_t){PACKED_USED}, 2);
	device_rx_done(&driver);
	base = hd_vring_base(driver.ring);
	ck_assert_uint_eq(base, 0);
	stop();
}
END_TEST

/* 16: buffers of every length up to the last byte of each region; the page behind is out of bounds. */
START_TEST(test_region_ends)
{
	struct hd_pkt *pkts[] = {&sent};
	enum hd_drop why;

	start(_i / 2, _i % 2, 0, SIZE);
	for (int region = 0; region < GUEST_REGIONS; region++) {
		uint64_t end = guest_layout[region].gpa + guest_layout[region].size;

		for (uint32_t len = 13; len < 300; len++) {
			struct buffer *buffer = calloc(1, sizeof(*buffer));

			*buffer = (struct buffer){end - len, len};
			must(driver_post(&driver, buffer, 1, 1, 0, !driver.receive));
			driver_publish(&driver);
			sent.len = len - 12;
			sent.hdr_len = (uint16_t)sent.len;
			if (driver.receive) {
				must(device_rx(&driver, &burst) == 1 && burst.n == 1 && burst.pkt[0].len == len - 12);
				device_rx_done(&driver);
			} else {
				must(device_tx(&driver, pkts, 1, &why) == 1);
				must(memcmp(guest_at(&guest, end - len + 12, len - 12), sent.hdr, len - 12) == 0);
			}
			driver.next_device++;
			must(driver_harvest(&driver, 2) == 1);
		}
	}
	stop();
}
END_TEST

/* 29 and the same the other way: too many pieces, of one chain or of many, cost the frame. */
START_TEST(test_too_many_pieces)
{
	struct hd_pkt *pkts[] = {&sent};
	int n_refused = 0, pieces = 0, too_long = 0;
	enum hd_drop why;

	start(_i, true, BIT64(VIRTIO_RING_F_INDIRECT_DESC), 2048);
	post_many(HD_VRING_PIECES + 1, 1, true, 0);
	post_many(HD_VRING_PIECES, 200 * 1024, false, TABLE);
	post_many(1, LENGTH, true, 0);
	for (int taken = 0, i = 0; taken < 3; i++) { /* a burst may end after so many descriptors */
		ck_assert_int_lt(i, 3);
		taken += device_rx(&driver, &burst);
		n_refused += burst.n_refused;
		pieces += burst.n_refused > 0 && burst.refused[0] == HD_DROP_RX_PIECES;
		too_long += burst.n_refused > 0 && burst.refused[burst.n_refused - 1] == HD_DROP_RX_LONG;
		device_rx_done(&driver);
	}
	ck_assert_int_eq(n_refused, 2);
	ck_assert(pieces == 1 && too_long == 1);
	stop();

	start(_i, false, BIT64(VIRTIO_RING_F_INDIRECT_DESC) | BIT64(VIRTIO_NET_F_MRG_RXBUF), 2048);
	sent.len = 290; /* with the header, more than the pieces a frame may have */
	sent.hdr_len = 290;
	post_many(302, 1, true, 0);
	post_many(302, 1, false, TABLE);
	post_many(HD_SINK_PIECES, 1, true, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(device_tx(&driver, pkts, 1, &why), 0);
		ck_assert_uint_eq(why, i < 2 ? HD_DROP_TX_SMALL : HD_DROP_TX_FULL);
		driver.next_device += i < 2;
		ck_assert_uint_eq(driver_harvest(&driver, 10), i < 2);
	}
	for (uint32_t len = 0; len < 2; len++) { /* in chains of their own, of a byte or of none */
		for (uint32_t i = 0; i < 300; i++)
			post_many(1, len, true, 0);
		ck_assert_uint_eq(device_tx(&driver, pkts, 1, &why), 0);
		ck_assert_uint_eq(why, HD_DROP_TX_SMALL);
		driver.next_device = driver.made;
		ck_assert_uint_ge(driver_harvest(&driver, 2000), 1);
	}
	ck_assert_uint_eq(fault(), HD_VRING_SOUND);
	stop();
}
END_TEST

/* 30: a receive ring that is not refilled costs nothing but its frames, and is counted. */
START_TEST(test_never_refilled)
{
	struct hd_pkt *pkts[] = {&sent, &sent, &sent};
	enum hd_drop why;

	start(_i, false, 0, SIZE);
	post_many(1, LENGTH, true, 0);
	ck_assert_uint_eq(device_tx(&driver, pkts, 3, &why), 1);
	for (int i = 0; i < 100; i++) {
		why = HD_DROP_NONE;
		ck_assert_uint_eq(device_tx(&driver, pkts, 3, &why), 0);
		ck_assert_uint_eq(why, HD_DROP_TX_FULL);
	}
	ck_assert_uint_eq(hd_counted(&driver.ring->stalls), 1);
	ck_assert_uint_eq(hd_counted(&driver.ring->stalled), 0);
	post_many(1, LENGTH, true, 0);
	ck_assert_uint_eq(device_tx(&driver, pkts, 1, &why), 1);
	ck_assert_uint_gt(hd_counted(&driver.ring->stalled), 0);
	stop();
}
END_TEST

/* 33, 36: whatever the driver says about interrupts, there is at most one for a notify, and a full counter is no
 * matter. */
START_TEST(test_garbage_events)
{
	start(_i, true, BIT64(VIRTIO_RING_F_EVENT_IDX), SIZE);
	ck_assert_int_eq(eventfd_write(driver.call, UINT64_MAX - 1), 0);
	for (int i = 0; i < 2000; i++) {
		uint64_t garbage = random_next(&rng);
		eventfd_t count = 0;

		post_many(1, LENGTH, true, 0);
		guest_put(&guest, driver.avail, &garbage, driver.packed ? 4 : 2);
		if (!driver.packed)
			guest_put(&guest, driver.avail + 4 + SIZE * 2, &garbage, 2);
		must(device_rx(&driver, &burst) == 1);
		device_rx_done(&driver);
		if (driver.packed)
			hd_packed_notify(driver.ring);
		else
			hd_split_notify(driver.ring);
		driver.next_device++;
		must(driver_harvest(&driver, 2) == 1);
		eventfd_read(driver.call, &count);
		must(i == 0 || count <= 1);
	}
	ck_assert_uint_eq(hd_counted(&driver.ring->interrupts) + hd_counted(&driver.ring->suppressed), 2000);
	stop();
}
END_TEST

/* 32: receive buffers that lie upon the ring itself. What becomes of the ring is the guest's business alone. */
START_TEST(test_buffer_upon_ring)
{
	random_start(&rng, __func__);
	for (int round = 0; round < 200; round++) {
		struct hd_pkt *pkts[] = {&sent, &sent, &sent, &sent};
		enum hd_drop why;

		start(_i, false, random_next(&rng) & BIT64(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
		for (uint32_t i = 0; i < SIZE; i++) {
			struct raw raw = {driver.desc + random_below(&rng, 400), LENGTH, 0, 0};

			put(driver.desc, i, &raw, (uint16_t)i);
			put_avail((uint16_t)i, (uint16_t)i);
		}
		put_avail_idx(SIZE);
		for (size_t i = 0; i < sizeof(snapshot.bytes); i++)
			snapshot.bytes[i] = random_below(&rng, 2) ? (uint8_t)random_next(&rng) : 0;
		for (int i = 0; i < 10; i++)
			must(device_tx(&driver, pkts, 4, &why) <= 4);
		for (uint64_t at = GUEST_ARENA; at < GUEST_BORDER; at += GUEST_PAGE)
			must(*guest_byte(&guest, at) == 0xa5);
		stop();
	}
}
END_TEST

/* 10, 21, 22: descriptors, tables and headers that change while we look. Each is read once: what is used is bounded. */
static _Atomic bool racing;
static _Atomic uint64_t changes;

#define CHANGES 5000     /* that a race should see */
#define RACE_SECONDS 30u /* at most */

static void *guest_rewrites(void *arg)
{
	static const uint32_t lengths[] = {20, LENGTH, 1500, 60000, UINT32_MAX, 0};
	struct random random = {1};
	uint8_t *table = guest_at(&guest, TABLE, 64), *buffer = guest_at(&guest, BUFFER, 12);

	while (atomic_load_explicit(&racing, memory_order_relaxed)) {
		uint64_t addr = random_below(&random, 2) ? GUEST_END - 30 : BUFFER;
		uint32_t len = lengths[random_below(&random, RTE_DIM(lengths))];

		for (uint32_t i = 0; i < 4; i++) {
			__atomic_store_n((uint64_t *)(void *)(table + i * 16), addr, __ATOMIC_RELAXED);
			__atomic_store_n((uint32_t *)(void *)(table + i * 16 + 8), len, __ATOMIC_RELAXED);
		}
		__atomic_store_n((uint16_t *)(void *)buffer, (uint16_t)random_next(&random), __ATOMIC_RELAXED);
		if (atomic_fetch_add_explicit(&changes, 1, memory_order_relaxed) % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static pthread_t race_start(void *(*body)(void *arg))
{
	pthread_t thread;

	atomic_store(&racing, true);
	atomic_store(&changes, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, body, NULL), 0);
	return thread;
}

/* Threads that share a CPU take turns: go on until both have had many, and all has been seen that should be. */
static bool race_goes_on(int round, time_t began, bool seen)
{
	if (round % 16 == 0)
		sched_yield();
	return (!seen || round < 20000 || atomic_load_explicit(&changes, memory_order_relaxed) < CHANGES) &&
	       time(NULL) - began < RACE_SECONDS;
}

static void race_stop(pthread_t thread)
{
	atomic_store(&racing, false);
	pthread_join(thread, NULL);
}

/* A chain of four, in a table which is the racing one. */
static void post_racing(void)
{
	struct buffer *buffer = calloc(4, sizeof(*buffer));
	uint64_t table = TABLE, desc;

	must(driver_post(&driver, buffer, 4, 0, GUEST_ARENA, !driver.receive));
	desc = driver.packed ? (driver.made - 1) % SIZE : driver.fifo[(driver.made - 1) % SIZE]->desc[0];
	guest_put(&guest, driver.desc + desc * 16, &table, 8);
	driver.fifo[driver.first % SIZE]->total = UINT32_MAX; /* who knows */
	driver_publish(&driver);
}

static void read_all(void)
{
	static uint8_t flat[HD_GUEST_FRAME_MAX];

	for (uint16_t i = 0; i < burst.n; i++) {
		must(burst.pkt[i].len <= HD_GUEST_FRAME_MAX);
		must(hd_pkt_read(&burst.pkt[i], 0, burst.pkt[i].len, flat));
	}
}

START_TEST(test_racing)
{
	struct hd_pkt *pkts[] = {&sent};
	uint64_t taken = 0, refused = 0;
	time_t began = time(NULL);
	pthread_t thread;
	enum hd_drop why;

	start(_i / 2, _i % 2, BIT64(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
	for (uint16_t i = 0; i < 4; i++) {
		struct raw raw = {BUFFER, LENGTH, i < 3 ? NEXT : 0, (uint16_t)(i + 1)};

		put(TABLE, i, &raw, 0);
	}
	thread = race_start(guest_rewrites);
	for (int i = 0; race_goes_on(i, began, taken != 0 && refused != 0); i++) {
		post_racing();
		if (driver.receive) {
			must(device_rx(&driver, &burst) == 1);
			taken += burst.n;
			refused += burst.n_refused;
			read_all();
			device_rx_done(&driver);
		} else if (device_tx(&driver, pkts, 1, &why) == 1) {
			taken++;
		} else {
			must(why == HD_DROP_TX_SMALL);
			refused++;
		}
		must(fault() == HD_VRING_SOUND);
		driver.next_device++;
		must(driver_harvest(&driver, 2) == 1);
	}
	race_stop(thread);
	ck_assert_uint_gt(taken, 0);
	ck_assert_uint_gt(refused, 0);
	stop();
}
END_TEST

/* 34, 35: a packed ring of two whose marks always say what we look for, in this round and the next. */
static void *guest_rewrites_marks(void *arg)
{
	uint8_t *desc = guest_at(&guest, driver.desc, 32);

	for (uint64_t i = 0; atomic_load_explicit(&racing, memory_order_relaxed); i++) {
		uint16_t flags = i % 2 ? PACKED_AVAIL : PACKED_USED;

		__atomic_store_n((uint16_t *)(void *)(desc + 14), flags, __ATOMIC_RELEASE);
		__atomic_store_n((uint16_t *)(void *)(desc + 30), flags, __ATOMIC_RELEASE);
		atomic_fetch_add_explicit(&changes, 1, memory_order_relaxed);
	}
	return NULL;
}

START_TEST(test_racing_marks)
{
	struct raw raw = {BUFFER, LENGTH, 0, 0};
	time_t began = time(NULL);
	pthread_t thread;

	start(true, true, 0, 2);
	put(driver.desc, 0, &raw, 0);
	put(driver.desc, 1, &raw, 1);
	thread = race_start(guest_rewrites_marks);
	for (int i = 0; race_goes_on(i, began, true); i++) {
		uint16_t n = device_rx(&driver, &burst);

		must(n <= 2);
		if (n != 0)
			device_rx_done(&driver);
	}
	race_stop(thread);
	ck_assert_uint_eq(fault(), HD_VRING_SOUND);
	stop();
}
END_TEST
static Suite *ring_bounds_suite(void)
{
	Suite *suite = suite_create("ring_bounds");
	TCase *tcase = tcase_create("ring_bounds");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_taken_is_private, 0, 2);
	tcase_add_test(tcase, test_shown_again);
	tcase_add_loop_test(tcase, test_region_ends, 0, 4);
	tcase_add_loop_test(tcase, test_too_many_pieces, 0, 2);
	tcase_add_loop_test(tcase, test_never_refilled, 0, 2);
	tcase_add_loop_test(tcase, test_garbage_events, 0, 2);
	tcase_add_loop_test(tcase, test_buffer_upon_ring, 0, 2);
	tcase_add_loop_test(tcase, test_racing, 0, 4);
	tcase_add_test(tcase, test_racing_marks);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_suite(ring_bounds_suite());
}
