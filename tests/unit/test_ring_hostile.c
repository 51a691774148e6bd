/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guests that break the rules of virtqueues, or bend them: the ring stops with the right fault, or the one frame is
 * lost and those around it are not.
 */
#include <check.h>

#include "ring_hostile.h"

enum formats { SPLIT = 1, PACKED = 2, BOTH = 3 };

/* A good chain, the one at hand, and another good one. */
struct guest_case {
	const char *what;
	enum formats formats;
	struct raw chain[SIZE - 1]; /* from descriptor 1 on; ends with len, addr and flags 0 */
	struct raw table[3];        /* at TABLE */
	enum hd_vring_fault fault;  /* or, if it is sound: */
	enum hd_drop rx, tx;        /* HD_DROP_NONE: it goes through */
	uint16_t head;              /* split: if not 1; packed: the id, if not 5 */
	bool not_negotiated;        /* indirect descriptors */
};
#define GOOD                                                                                                           \
	{                                                                                                              \
		BUFFER, LENGTH                                                                                         \
	}
#define LOST .rx = HD_DROP_RX_ADDRESS, .tx = HD_DROP_TX_SMALL
#define EMPTY .rx = HD_DROP_RX_SHORT, .tx = HD_DROP_TX_SMALL
#define FINE .rx = HD_DROP_NONE, .tx = HD_DROP_NONE

static const struct guest_case cases[] = {
	{"a good chain", BOTH, {GOOD}, FINE},
	{"2 head beyond the ring", SPLIT, {GOOD}, .head = SIZE, .fault = HD_VRING_HEAD},
	{"2 head far beyond", SPLIT, {GOOD}, .head = 65535, .fault = HD_VRING_HEAD},
	{"3 next beyond the ring", SPLIT, {{BUFFER, 100, NEXT, SIZE}}, .fault = HD_VRING_NEXT},
	{"3 next far beyond", SPLIT, {{BUFFER, 100, NEXT, 65535}}, .fault = HD_VRING_NEXT},
	{"3 next beyond an indirect table",
	 SPLIT,
	 {{TABLE, 32, INDIRECT}},
	 {{BUFFER, 100, NEXT, 2}, GOOD},
	 .fault = HD_VRING_NEXT},
	{"4 a loop of one", SPLIT, {{BUFFER, 1, NEXT, 1}}, .fault = HD_VRING_LOOP},
	{"4 a loop of two", SPLIT, {{BUFFER, 1, NEXT, 2}, {BUFFER, 1, NEXT, 1}}, .fault = HD_VRING_LOOP},
	{"4 a loop in an indirect table",
	 SPLIT,
	 {{TABLE, 32, INDIRECT}},
	 {{BUFFER, 1, NEXT, 1}, {BUFFER, 1, NEXT, 0}},
	 .fault = HD_VRING_LOOP},
	{"4 a loop of lost buffers", SPLIT, {{GUEST_UNMAPPED, 1, NEXT, 1}}, .fault = HD_VRING_LOOP},
	{"6 nested tables", BOTH, {{TABLE, 16, INDIRECT}}, {{TABLE, 16, INDIRECT}}, .fault = HD_VRING_NESTED},
	{"6 nested tables, later",
	 BOTH,
	 {{TABLE, 32, INDIRECT}},
	 {{BUFFER, 100, NEXT, 1}, {TABLE, 16, INDIRECT}},
	 .fault = HD_VRING_NESTED},
	{"7 indirect with next",
	 BOTH,
	 {{TABLE, 16, INDIRECT | NEXT, 2}, GOOD},
	 {GOOD},
	 .fault = HD_VRING_INDIRECT_NEXT},
	{"7 indirect at a chain's end",
	 PACKED,
	 {{BUFFER, 100, NEXT}, {TABLE, 16, INDIRECT}},
	 {GOOD},
	 .fault = HD_VRING_INDIRECT_NEXT},
	{"7 indirect at a chain's end, as it may be",
	 SPLIT,
	 {{BUFFER, 20, NEXT, 2}, {TABLE, 16, INDIRECT}},
	 {{BUFFER + 20, LENGTH - 20}},
	 FINE},
	{"8 a table of nothing", BOTH, {{TABLE, 0, INDIRECT}}, {GOOD}, .fault = HD_VRING_INDIRECT_TABLE},
	{"8 a table of half a descriptor",
	 BOTH,
	 {{TABLE, 24, INDIRECT}},
	 {GOOD, GOOD},
	 .fault = HD_VRING_INDIRECT_TABLE},
	{"8 a table too long",
	 BOTH,
	 {{TABLE, 16 * (HD_VRING_PIECES + 1), INDIRECT}},
	 {GOOD},
	 .fault = HD_VRING_INDIRECT_TABLE},
	{"8 a huge table", BOTH, {{TABLE, 0xfffffff0, INDIRECT}}, {GOOD}, .fault = HD_VRING_INDIRECT_TABLE},
	{"8 a table that is nowhere", BOTH, {{GUEST_UNMAPPED, 16, INDIRECT}}, .fault = HD_VRING_INDIRECT_TABLE},
	{"8 a table that wraps", BOTH, {{UINT64_MAX - 7, 32, INDIRECT}}, .fault = HD_VRING_INDIRECT_TABLE},
	{"8 a table at a region's end, and on",
	 BOTH,
	 {{GUEST_END - 8, 32, INDIRECT}},
	 .fault = HD_VRING_INDIRECT_TABLE},
	{"11 indirect, not negotiated",
	 BOTH,
	 {{TABLE, 16, INDIRECT}},
	 {GOOD},
	 .fault = HD_VRING_INDIRECT_OFF,
	 .not_negotiated = true},
	{"12 wrong direction", BOTH, {{BUFFER, LENGTH, WRITE}}, .fault = HD_VRING_DIRECTION},
	{"12 wrong direction, later",
	 BOTH,
	 {{BUFFER, LENGTH, NEXT, 2}, {BUFFER, 1, WRITE}},
	 .fault = HD_VRING_DIRECTION},
	{"12 wrong direction, behind a lost buffer",
	 BOTH,
	 {{GUEST_UNMAPPED, LENGTH, NEXT, 2}, {BUFFER, 1, WRITE}},
	 .fault = HD_VRING_DIRECTION},
	{"12 wrong direction, of nothing", BOTH, {{BUFFER, 0, WRITE}}, .fault = HD_VRING_DIRECTION},
	{"12 wrong direction in a table",
	 BOTH,
	 {{TABLE, 16, INDIRECT}},
	 {{BUFFER, LENGTH, WRITE}},
	 .fault = HD_VRING_DIRECTION},
	{"13 a buffer that is nowhere", BOTH, {{GUEST_UNMAPPED, LENGTH}}, LOST},
	{"13 a buffer at 0", BOTH, {{0, LENGTH}}, LOST},
	{"13 a buffer that ends nowhere", BOTH, {{GUEST_END - 100, LENGTH}}, LOST},
	{"13 nowhere, later", BOTH, {{BUFFER, 20, NEXT, 2}, {GUEST_UNMAPPED, LENGTH}}, LOST},
	{"13 nowhere, at first", BOTH, {{GUEST_UNMAPPED, LENGTH, NEXT, 2}, {BUFFER, LENGTH}}, LOST},
	{"13 nowhere, at first in a table",
	 BOTH,
	 {{TABLE, 32, INDIRECT}},
	 {{GUEST_UNMAPPED, LENGTH, NEXT, 1}, GOOD},
	 LOST},
	{"13 nowhere, in a table",
	 BOTH,
	 {{TABLE, 32, INDIRECT}},
	 {{BUFFER, 20, NEXT, 1}, {GUEST_UNMAPPED, LENGTH}},
	 LOST},
	{"14 a buffer that wraps", BOTH, {{UINT64_MAX - 100, LENGTH}}, LOST},
	{"14 a buffer that wraps to a good one", BOTH, {{UINT64_MAX, UINT32_MAX}}, LOST},
	{"14 a huge buffer", BOTH, {{GUEST_END - 100, UINT32_MAX}}, LOST},
	{"15 across regions", BOTH, {{GUEST_BORDER - 100, LENGTH}}, FINE},
	{"16 up to a region's end", BOTH, {{GUEST_END - LENGTH, LENGTH}}, FINE},
	{"17 an empty buffer between",
	 BOTH,
	 {{BUFFER, 50, NEXT, 2}, {BUFFER, 0, NEXT, 3}, {BUFFER + 50, LENGTH - 50}},
	 FINE},
	{"17 an empty buffer that is nowhere", BOTH, {{GUEST_UNMAPPED, 0, NEXT, 2}, GOOD}, FINE},
	{"17 nothing but an empty buffer", BOTH, {{BUFFER, 0}}, EMPTY},
	{"18 one byte", BOTH, {{BUFFER, 1}}, EMPTY},
	{"18 a header alone", BOTH, {{BUFFER, 12}}, EMPTY},
	{"18 a header alone, in pieces", BOTH, {{BUFFER, 6, NEXT, 2}, {BUFFER, 6}}, EMPTY},
	{"19 a header in pieces",
	 BOTH,
	 {{BUFFER, 1, NEXT, 2}, {BUFFER + 1, 5, NEXT, 3}, {BUFFER + 6, 1, NEXT, 4}, {BUFFER + 7, LENGTH - 7}},
	 FINE},
	{"20 longer than any frame",
	 BOTH,
	 {{BUFFER, HD_GUEST_FRAME_MAX + 13}},
	 .rx = HD_DROP_RX_LONG,
	 .tx = HD_DROP_NONE},
	{"20 longer than any frame, in pieces",
	 BOTH,
	 {{BUFFER, 65000, NEXT, 2}, {BUFFER, 700}},
	 .rx = HD_DROP_RX_LONG,
	 .tx = HD_DROP_NONE},
	{"34 an id beyond the ring", PACKED, {GOOD}, .head = SIZE, .fault = HD_VRING_ID},
	{"34 an id far beyond", PACKED, {GOOD}, .head = 65535, .fault = HD_VRING_ID},
	{"34 an id beyond, of a chain",
	 PACKED,
	 {{BUFFER, 100, NEXT}, {BUFFER, 100}},
	 .head = SIZE,
	 .fault = HD_VRING_ID},
	{"34 an id beyond, of a table", PACKED, {{TABLE, 16, INDIRECT}}, {GOOD}, .head = SIZE, .fault = HD_VRING_ID},
};

#define FIRST (BUFFER + 0x18000) /* buffers of the good chains */
#define THIRD (BUFFER + 0x1a000)

/* The chains' ids: split rings', heads; packed rings', what the driver pleases. */
struct placed {
	uint32_t slot[3], id[3];
	uint16_t n; /* chains */
};

static struct placed place(const struct guest_case *row)
{
	struct placed placed = {.n = 2, .slot = {0, 1}, .id = {0, 1}};
	struct raw good = {FIRST, LENGTH, 0, 0};
	uint16_t bad = row->head != 0 ? row->head : driver.packed ? 5 : 1;
	uint32_t at = 1;

	for (uint32_t i = 0; i < RTE_DIM(row->table); i++)
		put(TABLE, i, &row->table[i], 0xffff);
	put(driver.desc, 0, &good, 7);
	for (; at < SIZE && (row->chain[at - 1].addr != 0 || row->chain[at - 1].len != 0); at++)
		put(driver.desc, at, &row->chain[at - 1], row->chain[at - 1].flags & NEXT ? 0xffff : bad);
	placed.slot[2] = placed.id[2] = at;
	good.addr = THIRD;
	if (at < SIZE) {
		put(driver.desc, at, &good, 6);
		placed.n = 3;
	}
	if (driver.packed) {
		placed.id[0] = 7;
		placed.id[1] = bad;
		placed.id[2] = 6;
	}
	put_avail(0, 0);
	put_avail(1, bad);
	put_avail(2, (uint16_t)at);
	put_avail_idx(placed.n);
	return placed;
}

static void check_case_rx(const struct guest_case *row, const struct placed *placed)
{
	uint16_t n = device_rx(&driver, &burst);
	uint32_t id, len;

	if (row->fault != HD_VRING_SOUND) {
		ck_assert_uint_eq(n, 1);
		device_rx_done(&driver);
		check_used(0, placed->slot[0], placed->id[0], 0);
		ck_assert(!used(1, placed->slot[1], &id, &len));
		ck_assert_uint_eq(device_rx(&driver, &burst), 0); /* it stays where it is */
		ck_assert_uint_eq(fault(), row->fault);
		return;
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(burst.n, row->rx == HD_DROP_NONE ? 3 : 2);
	ck_assert_uint_eq(burst.n_refused, row->rx == HD_DROP_NONE ? 0 : 1);
	if (burst.n_refused != 0)
		ck_assert_uint_eq(burst.refused[0], row->rx);
	for (uint16_t i = 0; i < burst.n; i++)
		ck_assert_uint_eq(burst.pkt[i].len, LENGTH - 12);
	device_rx_done(&driver);
	for (uint16_t i = 0; i < 3; i++)
		check_used(i, placed->slot[i], placed->id[i], 0);
}

static void check_case_tx(const struct guest_case *row, const struct placed *placed)
{
	struct hd_pkt *pkts[] = {&sent, &sent, &sent};
	enum hd_drop why = HD_DROP_NONE;
	uint16_t n = device_tx(&driver, pkts, 3, &why);
	uint32_t id, len;

	check_used(0, placed->slot[0], placed->id[0], LENGTH);
	if (row->fault != HD_VRING_SOUND) {
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(why, HD_DROP_TX_BROKEN);
		ck_assert(!used(1, placed->slot[1], &id, &len));
		ck_assert_uint_eq(device_tx(&driver, pkts, 3, &why), 0);
		ck_assert_uint_eq(why, HD_DROP_TX_BROKEN);
		return;
	}
	if (row->tx != HD_DROP_NONE) {
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(why, row->tx);
		ck_assert_uint_eq(device_tx(&driver, pkts, 2, &why), 1);
		ck_assert_uint_eq(why, HD_DROP_TX_FULL);
	} else {
		ck_assert_uint_eq(n, 3);
	}
	check_used(1, placed->slot[1], placed->id[1], row->tx != HD_DROP_NONE ? 0 : LENGTH);
	check_used(2, placed->slot[2], placed->id[2], LENGTH);
}

START_TEST(test_case)
{
	const struct guest_case *row = &cases[_i];

	printf("%s\n", row->what);
	fflush(stdout);
	for (int kind = 0; kind < 4; kind++) {
		bool packed = kind % 2;
		struct placed placed;

		if (!(row->formats & (packed ? PACKED : SPLIT)))
			continue;
		start(packed, kind / 2, row->not_negotiated ? 0 : BIT64(VIRTIO_RING_F_INDIRECT_DESC), SIZE);
		placed = place(row);
		if (driver.receive)
			check_case_rx(row, &placed);
		else
			check_case_tx(row, &placed);
		ck_assert_uint_eq(fault(), row->fault);
		if (row->what[1] == '7')
			ck_assert_uint_ge(hd_counted(&driver.ring->empty_buffers), 1);
		stop();
	}
}
END_TEST

/* 1: the driver's index jumps. _i: direction. */
START_TEST(test_index_jumps)
{
	static const uint16_t jumps[] = {SIZE + 1, 1000, 32768, 65535};
	struct hd_pkt *pkts[] = {&sent};
	enum hd_drop why;

	for (size_t i = 0; i < RTE_DIM(jumps); i++) {
		struct raw raw = {BUFFER, LENGTH, 0, 0};

		start(false, _i, 0, SIZE);
		for (uint32_t j = 0; j < SIZE; j++) /* it would go on, if it went on */
			put(driver.desc, j, &raw, 0);
		put_avail_idx(jumps[i]);
		if (_i) {
			ck_assert_uint_eq(device_rx(&driver, &burst), 0);
		} else {
			ck_assert_uint_eq(device_tx(&driver, pkts, 1, &why), 0);
			ck_assert_uint_eq(why, HD_DROP_TX_BROKEN);
		}
		ck_assert_uint_eq(fault(), HD_VRING_AVAIL);
		guest_check(&guest);
		stop();
	}
}
END_TEST

/* 5: a chain as long as the ring is one; a longer one is none. _i: direction. */
START_TEST(test_chain_round_the_ring)
{
	struct hd_pkt *pkts[] = {&sent};
	enum hd_drop why;

	for (int kind = 0; kind < 4; kind++) {
		bool packed = kind % 2, longer = kind / 2;

		start(packed, _i, 0, SIZE);
		for (uint32_t i = 0; i < SIZE; i++) {
			bool next = i + 1 < SIZE || longer;
			struct raw raw = {BUFFER + i * 25, 25, next ? NEXT : 0, (uint16_t)((i + 1) % SIZE)};

			put(driver.desc, i, &raw, next ? 0xffff : 2);
		}
		put_avail_idx(1);
		if (_i)
			ck_assert_uint_eq(device_rx(&driver, &burst), !longer);
		else
			ck_assert_uint_eq(device_tx(&driver, pkts, 1, &why), !longer);
		if (_i && !longer)
			device_rx_done(&driver);
		if (!longer)
			check_used(0, 0, packed ? 2 : 0, _i ? 0 : LENGTH);
		ck_assert_uint_eq(fault(), longer ? HD_VRING_LOOP : HD_VRING_SOUND);
		stop();
	}
}
END_TEST

/* 34: marks of another round are not looked behind; within a chain they are wrong. */
START_TEST(test_wrong_wrap)
{
	static const uint16_t marks[] = {0, PACKED_USED, PACKED_AVAIL | PACKED_USED};
	struct raw raw = {BUFFER, 100, NEXT, 0};

	for (size_t i = 0; i < RTE_DIM(marks); i++) {
		start(true, true, 0, SIZE);
		put(driver.desc, 0, &raw, 1);
		guest_put(&guest, driver.desc + 14, &marks[i], 2);
		ck_assert_uint_eq(device_rx(&driver, &burst), 0);
		ck_assert_uint_eq(fault(), HD_VRING_SOUND);
		put(driver.desc, 0, &raw, 1);
		guest_put(&guest, driver.desc + 16 + 14, &marks[i], 2);
		ck_assert_uint_eq(device_rx(&driver, &burst), 0);
		ck_assert_uint_eq(fault(), HD_VRING_NEXT);
		guest_check(&guest);
		stop();
	}
}
END_TEST

static Suite *ring_hostile_suite(void)
{
	Suite *suite = suite_create("ring_hostile");
	TCase *tcase = tcase_create("ring_hostile");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_case, 0, RTE_DIM(cases));
	tcase_add_loop_test(tcase, test_index_jumps, 0, 2);
	tcase_add_loop_test(tcase, test_chain_round_the_ring, 0, 2);
	tcase_add_test(tcase, test_wrong_wrap);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_suite(ring_hostile_suite());
}
