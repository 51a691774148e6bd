/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a packet's bytes: packets in random pieces against the flat frames they were made of. */
#include <check.h>

#include "burst.h"
#include "eal.h"
#include "frames.h"

#define ROUNDS 300
#define READS 40

static struct rte_mempool *pool;
static struct frame frame;
static struct pieces pieces;

static void make(struct random *random, int round)
{
	frame_make(random, &frame, between(random, 0, 1) ? between(random, 0, 300) : between(random, 0, UINT16_MAX),
		   between(random, 0, 1));
	pieces_make(random, &pieces, &frame, round % 2 ? pool : NULL);
}

START_TEST(test_read_anywhere)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		make(&random, round);
		for (int i = 0; i < READS; i++) {
			uint32_t off = between(&random, 0, frame.len), len = between(&random, 0, frame.len - off);
			uint8_t *copy = malloc(len + 1);

			ck_assert(hd_pkt_read(&pieces.pkt, off, len, copy));
			ck_assert_mem_eq(copy, frame.bytes + off, len);
			free(copy);
		}
		pieces_free(&pieces);
	}
}
END_TEST

START_TEST(test_read_beyond_end)
{
	static uint8_t copy[sizeof(frame.bytes) + 1];
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t len = between(&random, 1, 64);

		make(&random, round);
		ck_assert(hd_pkt_read(&pieces.pkt, frame.len, 0, copy));
		ck_assert(!hd_pkt_read(&pieces.pkt, frame.len + 1 - len, len, copy));
		ck_assert(!hd_pkt_read(&pieces.pkt, frame.len + 1, 0, copy));
		ck_assert(!hd_pkt_read(&pieces.pkt, 0, frame.len + 1, copy));
		ck_assert(!hd_pkt_read(&pieces.pkt, UINT32_MAX, 2, copy));
		ck_assert(!hd_pkt_read(&pieces.pkt, 1, UINT32_MAX, copy));
		pieces_free(&pieces);
	}
}
END_TEST

/* len is the frame's length, whatever the pieces hold: neither more of them nor fewer are believed. */
START_TEST(test_length_and_pieces_differ)
{
	static uint8_t copy[sizeof(frame.bytes) + 1];
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t cut = between(&random, 1, 14);

		make(&random, round);
		pieces.pkt.len = frame.len - cut;
		ck_assert(hd_pkt_read(&pieces.pkt, 0, frame.len - cut, copy));
		ck_assert(!hd_pkt_read(&pieces.pkt, 0, frame.len - cut + 1, copy));
		pieces.pkt.len = frame.len + cut;
		ck_assert(hd_pkt_read(&pieces.pkt, 0, frame.len, copy));
		ck_assert(!hd_pkt_read(&pieces.pkt, 0, frame.len + 1, copy));
		pieces_free(&pieces);
	}
}
END_TEST

START_TEST(test_cursor_reads_on)
{
	static uint8_t copy[sizeof(frame.bytes)];
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		struct hd_pkt_cursor cursor;
		uint32_t at = 0;

		make(&random, round);
		hd_pkt_cursor_init(&cursor, &pieces.pkt);
		while (at < frame.len) {
			uint32_t len = RTE_MIN(between(&random, 0, 1500), frame.len - at);

			ck_assert_uint_eq(cursor.todo, frame.len - at);
			ck_assert(hd_pkt_cursor_read(&cursor, len, between(&random, 0, 3) ? copy : NULL));
			at += len;
			len = RTE_MIN(16u, frame.len - at);
			ck_assert(hd_pkt_cursor_read(&cursor, len, copy));
			ck_assert_mem_eq(copy, frame.bytes + at, len);
			at += len;
		}
		ck_assert_uint_eq(cursor.todo, 0);
		ck_assert(!hd_pkt_cursor_read(&cursor, 1, copy));
		pieces_free(&pieces);
	}
}
END_TEST

START_TEST(test_cursor_steps_within_pieces)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		struct hd_pkt_cursor cursor;
		const uint8_t *addr;
		uint32_t at = 0, n, max;

		make(&random, round);
		hd_pkt_cursor_init(&cursor, &pieces.pkt);
		max = between(&random, 1, 3000);
		for (n = hd_pkt_cursor_next(&cursor, max, &addr); n != 0; n = hd_pkt_cursor_next(&cursor, max, &addr)) {
			ck_assert_uint_le(n, max);
			ck_assert_mem_eq(addr, frame.bytes + at, n);
			at += n;
		}
		ck_assert_uint_eq(at, frame.len);
		pieces_free(&pieces);
	}
}
END_TEST

/* Pulled bytes are the frame's next; what follows is the rest of it; mbufs have nothing to pull. */
START_TEST(test_pull)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		uint16_t len = (uint16_t)between(&random, 0, HD_SNAPSHOT_ROOM), before;
		static uint8_t room[UINT16_MAX + HD_SNAPSHOT_ROOM];
		struct hd_pkt *pkt = &pieces.pkt;
		uint8_t *copy;

		make(&random, round);
		before = pkt->hdr_len;
		if (pkt->mbuf != NULL) {
			ck_assert(!hd_pkt_pull(pkt, len));
			pieces_free(&pieces);
			continue;
		}
		memcpy(room, pkt->hdr, pkt->hdr_len);
		pkt->hdr = room;
		ck_assert_int_eq(hd_pkt_pull(pkt, len), len > before && before < frame.len);
		ck_assert_uint_eq(pkt->hdr_len, RTE_MAX(before, RTE_MIN(len, frame.len)));
		ck_assert_mem_eq(pkt->hdr, frame.bytes, pkt->hdr_len);
		copy = malloc(frame.len + 1);
		ck_assert(hd_pkt_read(pkt, 0, frame.len, copy));
		ck_assert_mem_eq(copy, frame.bytes, frame.len);
		free(copy);
		pieces_free(&pieces);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pkt");
	TCase *tcase = tcase_create("read");
	SRunner *runner;
	int failed;

	eal_start();
	pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		return EXIT_FAILURE;
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_read_anywhere);
	tcase_add_test(tcase, test_read_beyond_end);
	tcase_add_test(tcase, test_length_and_pieces_differ);
	tcase_add_test(tcase, test_cursor_reads_on);
	tcase_add_test(tcase, test_cursor_steps_within_pieces);
	tcase_add_test(tcase, test_pull);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
