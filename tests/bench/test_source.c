/* SPDX-License-Identifier: BSD-3-Clause */
/* What a figure of the traffic source rests on: frames that are right on the wire, a receiver that tells them from
 * others, percentiles that agree with sorting. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"
#include "histogram.h"

#define VALUES 20000

static struct hd_options options(bool tso)
{
	return (struct hd_options){.guests = 2, .size = tso ? 62000 : 60, .tso = tso, .macs = 300, .flows = 70000};
}

static uint16_t naive_sum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void check_line(const struct hd_line *line, const struct hd_options *opts, unsigned int guest, uint64_t seq)
{
	uint32_t flow = (uint32_t)(seq % opts->flows);
	uint32_t client = 10u << 24 | 1 << 16 | 0x8000 | flow >> 14;
	uint32_t server = 10u << 24 | 2 << 16 | 0x8000;
	uint16_t port = (uint16_t)(1024 + (flow & 0x3fff));
	uint32_t index = (uint32_t)(seq % opts->macs);

	ck_assert_uint_eq(naive_sum(line->ip, 20, 0), 0xffff);
	ck_assert_uint_eq(ntohl(guest == 0 ? line->ip_src : line->ip_dst), client);
	ck_assert_uint_eq(ntohl(guest == 0 ? line->ip_dst : line->ip_src), server);
	ck_assert_uint_eq(ntohs(guest == 0 ? line->port_src : line->port_dst), port);
	ck_assert_uint_eq(ntohs(guest == 0 ? line->port_dst : line->port_src), 9);
	ck_assert_uint_eq(line->mac.src[2], guest + 1);
	ck_assert_uint_eq(line->mac.dst[2], 2 - guest);
	ck_assert_uint_eq((uint32_t)line->mac.src[4] << 8 | line->mac.src[5], index);
	ck_assert_uint_eq((uint32_t)line->mac.dst[4] << 8 | line->mac.dst[5], index);
	if (opts->tso)
		ck_assert_uint_eq(naive_sum(&line->ip_src, 8, 6 + opts->size - 34), ntohs(line->l4.tcp.sum));
}

START_TEST(frames_are_right)
{
	struct hd_options opts = options(_i % 2 != 0);
	unsigned int guest = (unsigned int)_i / 2;
	struct hd_stream out;
	struct hd_line line;
	uint64_t seq;

	hd_stream_init(&out, &opts, guest);
	hd_stream_restart(&out, 3);
	for (seq = 0; seq < 150000; seq++) {
		hd_stream_write(&out, &line);
		if (seq % 13 == 0)
			check_line(&line, &opts, guest, seq);
	}
}
END_TEST

START_TEST(receiver_tells_frames_apart)
{
	struct hd_options opts = options(_i % 2 != 0);
	struct hd_stream out;
	struct hd_stream in;
	struct hd_line lines[1000];
	uint64_t seq = 0;
	unsigned int i;

	hd_stream_init(&out, &opts, 0);
	hd_stream_init(&in, &opts, 0);
	hd_stream_restart(&out, 1);
	hd_stream_restart(&in, 1);
	for (i = 0; i < 1000; i++)
		hd_stream_write(&out, &lines[i]);
	/* in order, then with holes: the expectation follows */
	for (i = 0; i < 1000; i += i < 500 ? 1 : 7) {
		ck_assert_int_eq(hd_stream_check(&in, &lines[i], &seq), HD_FRAME_OURS);
		ck_assert_uint_eq(seq, i);
		hd_stream_expect(&in, seq);
		ck_assert_uint_eq(in.seq, i + 1);
		ck_assert_uint_eq(in.mac, (i + 1) % opts.macs);
	}
	ck_assert_int_eq(hd_stream_check(&in, &lines[3], &seq), HD_FRAME_OURS);
	lines[3].mac.dst[5] ^= 1;
	ck_assert_int_eq(hd_stream_check(&in, &lines[3], &seq), HD_FRAME_BAD);
	lines[4].mac.src[0] = 0x06;
	ck_assert_int_eq(hd_stream_check(&in, &lines[4], &seq), HD_FRAME_BAD);
	lines[5].mac.dst[2] = 7;
	ck_assert_int_eq(hd_stream_check(&in, &lines[5], &seq), HD_FRAME_FOREIGN);
	lines[6].ether_type = htons(0x0806);
	ck_assert_int_eq(hd_stream_check(&in, &lines[6], &seq), HD_FRAME_FOREIGN);
	lines[7].vnet[1] = 0;
	ck_assert_int_eq(hd_stream_check(&in, &lines[7], &seq), opts.tso ? HD_FRAME_BAD : HD_FRAME_OURS);
	hd_stream_restart(&in, 2);
	ck_assert_int_eq(hd_stream_check(&in, &lines[8], &seq), HD_FRAME_STALE);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

START_TEST(percentiles_agree_with_sorting)
{
	static const double fractions[] = {0, 0.5, 0.9, 0.99, 0.999};
	struct hd_histogram *halves = calloc(2, sizeof(*halves));
	uint64_t *values = calloc(VALUES, sizeof(*values));
	unsigned int i;

	srand(1);
	for (i = 0; i < VALUES; i++) {
		values[i] = (uint64_t)rand() << (rand() % 33) >> (rand() % 31);
		hd_histogram_add(&halves[i % 2], values[i]);
	}
	hd_histogram_add(&halves[0], UINT64_MAX);
	hd_histogram_merge(&halves[0], &halves[1]);
	qsort(values, VALUES, sizeof(*values), compare);
	ck_assert_uint_eq(halves[0].total, VALUES + 1);
	ck_assert_uint_eq(halves[0].max, UINT64_MAX);
	for (i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++) {
		double want = (double)values[(size_t)((VALUES + 1) * fractions[i])];

		ck_assert_double_le(want * 0.984, (double)hd_histogram_percentile(&halves[0], fractions[i]));
		ck_assert_double_ge(want * 1.016, (double)hd_histogram_percentile(&halves[0], fractions[i]));
	}
	ck_assert_uint_eq(hd_histogram_percentile(&(struct hd_histogram){0}, 0.5), 0);
	free(values);
	free(halves);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("traffic source");
	TCase *tests = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, frames_are_right, 0, 4);
	tcase_add_loop_test(tests, receiver_tells_frames_apart, 0, 2);
	tcase_add_test(tests, percentiles_agree_with_sorting);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
