/* SPDX-License-Identifier: BSD-3-Clause */
/* What a figure of the traffic source rests on: frames that are right on the wire, a receiver that tells them from
 * others, percentiles that agree with sorting. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"
#include "handshake.h"
#include "histogram.h"

#define VALUES 20000

static struct hd_options options(bool tso)
{
	return (struct hd_options){.guests = 2, .size = tso ? 62000 : 60, .tso = tso, .macs = 300, .flows = 70000};
}

static void restart(struct hd_stream *s, uint8_t epoch)
{
	hd_stream_restart(s, &(struct hd_stream_start){.epoch = epoch});
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
	restart(&out, 3);
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
	restart(&out, 1);
	restart(&in, 1);
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
	restart(&in, 2);
	ck_assert_int_eq(hd_stream_check(&in, &lines[8], &seq), HD_FRAME_STALE);
}
END_TEST

/* What a switch that translates the source makes of a frame, and of its reply; the sums are none of this test's. */
static void translate(struct hd_line *line, const struct hd_options *opts, uint32_t client)
{
	if (line->mac.src[2] == 1)
		line->ip_src = opts->nat;
	else
		line->ip_dst = client;
}

START_TEST(translated_flows_are_checked)
{
	struct hd_options opts = options(false);
	unsigned int guest = (unsigned int)_i;
	struct hd_stream out;
	struct hd_stream in;
	struct hd_line line;
	uint64_t seq;

	opts.nat = inet_addr("192.0.2.1");
	hd_stream_init(&out, &opts, guest);
	hd_stream_init(&in, &opts, guest);
	restart(&out, 7);
	restart(&in, 7);
	for (seq = 0; seq < 100000; seq++) {
		uint32_t flow = (uint32_t)(seq % opts.flows);
		uint32_t client = htonl(10u << 24 | 1 << 16 | 0x8000 | flow >> 14);
		uint32_t server = htonl(10u << 24 | 2 << 16 | 0x8000 | flow >> 14);
		uint64_t got = 0;

		hd_stream_write(&out, &line);
		ck_assert_uint_eq(naive_sum(line.ip, 20, 0), 0xffff);
		ck_assert_uint_eq(line.ip_src, guest == 0 ? client : server);
		ck_assert_uint_eq(line.ip_dst, guest == 0 ? server : opts.nat);
		ck_assert_int_eq(hd_stream_check(&in, &line, &got), HD_FRAME_BAD);
		translate(&line, &opts, client);
		if (seq % 5 == 0)
			continue;
		ck_assert_int_eq(hd_stream_check(&in, &line, &got), HD_FRAME_OURS);
		line.port_src ^= guest == 0;
		line.port_dst ^= guest != 0;
		ck_assert_int_eq(hd_stream_check(&in, &line, &got), HD_FRAME_BAD);
		hd_stream_expect(&in, got);
	}
}
END_TEST

START_TEST(announcements_are_not_ip)
{
	struct hd_options opts = options(_i != 0);
	struct hd_stream out;
	struct hd_stream in;
	struct hd_line line;
	uint64_t seq;

	opts.nat = _i != 0 ? 0 : inet_addr("192.0.2.1");
	hd_stream_init(&out, &opts, 1);
	hd_stream_init(&in, &opts, 1);
	hd_stream_restart(&out, &(struct hd_stream_start){.epoch = 1, .announce = true});
	hd_stream_restart(&in, &(struct hd_stream_start){.epoch = 1, .announce = true});
	hd_stream_write(&out, &line);
	/* what is to be segmented is IP always */
	ck_assert_uint_eq(ntohs(line.ether_type), opts.tso ? 0x0800 : 0x88b5);
	ck_assert_int_eq(hd_stream_check(&in, &line, &seq), HD_FRAME_OURS);
	restart(&in, 2);
	ck_assert_int_eq(hd_stream_check(&in, &line, &seq), HD_FRAME_STALE);
	restart(&out, 2);
	hd_stream_write(&out, &line);
	ck_assert_uint_eq(ntohs(line.ether_type), 0x0800);
}
END_TEST

START_TEST(fresh_flows_are_other_flows)
{
	struct hd_options opts = options(false);
	struct hd_stream out;
	struct hd_line line;

	hd_stream_init(&out, &opts, 0);
	hd_stream_restart(&out, &(struct hd_stream_start){.epoch = 1, .first = 40000});
	hd_stream_write(&out, &line);
	ck_assert_uint_eq(ntohs(line.port_src), 1024 + (40000 & 0x3fff));
	ck_assert_uint_eq(ntohl(line.ip_src) & 0xff, 40000 >> 14);
	ck_assert_uint_eq(line.l4.udp.seq, 0);
}
END_TEST

/* Two ends over a wire that loses nothing and reorders nothing. */
struct end {
	struct hd_stream out;
	struct hd_stream in;
};

static void start_end(struct end *end, const struct hd_options *opts, unsigned int guest, uint32_t total)
{
	const struct hd_stream_start start = {.epoch = 5, .first = 30000, .handshakes = total};

	hd_stream_init(&end->out, opts, guest);
	hd_stream_init(&end->in, opts, guest ^ 1);
	hd_stream_restart(&end->out, &start);
	hd_stream_restart(&end->in, &start);
}

static void check_segment(const struct hd_line *line, bool from_client, uint32_t total)
{
	uint32_t seq = ntohl((uint32_t)line->l4.tcp.seq);
	unsigned int flags = ntohs(line->l4.tcp.flags) & 0xfff;
	uint32_t connection = seq - (flags == 0x10);
	uint32_t flow = 30000 + connection;
	/* pseudo header, then ports and what follows; the urgent pointer is beyond the line, and 0 */
	uint16_t sum = naive_sum(&line->ip_src, sizeof(*line) - offsetof(struct hd_line, ip_src), 6 + 20);

	ck_assert_uint_eq(line->ip[9], 6);
	ck_assert_uint_eq((uint32_t)line->ip[2] << 8 | line->ip[3], 40);
	ck_assert_uint_eq(naive_sum(line->ip, 20, 0), 0xffff);
	ck_assert_uint_eq(sum, 0xffff);
	ck_assert_uint_lt(connection, total);
	ck_assert(from_client ? flags == 0x02 || flags == 0x10 : flags == 0x12);
	ck_assert_uint_eq(ntohl((uint32_t)(line->l4.tcp.seq >> 32)), flags == 0x02 ? 0 : connection + 1);
	ck_assert_uint_eq(ntohs(from_client ? line->port_src : line->port_dst), 1024 + (flow & 0x3fff));
	ck_assert_uint_eq(ntohl(from_client ? line->ip_src : line->ip_dst) & 0xffff, 0x8000 | flow >> 14);
}

/* Returns how many frames were sent. */
static unsigned int exchange(struct end *from, struct end *to, unsigned int limit, uint32_t total)
{
	struct hd_line line;
	uint32_t frame = 0;
	uint64_t credit;
	unsigned int i;

	from->out.handshake.seen = from->in.handshake.syn;
	credit = hd_handshake_credit(&from->out);
	for (i = 0; i < limit && i < credit; i++) {
		hd_stream_write(&from->out, &line);
		check_segment(&line, !from->out.reverse, total);
		ck_assert_int_eq(hd_handshake_check(&to->in, &line, &frame), HD_FRAME_OURS);
		ck_assert(hd_handshake_expect(&to->in, frame));
		ck_assert(!hd_handshake_expect(&to->in, frame));
		line.l4.tcp.epoch++;
		ck_assert_int_eq(hd_handshake_check(&to->in, &line, &frame), HD_FRAME_STALE);
		line.l4.tcp.epoch--;
		line.l4.tcp.seq ^= UINT64_C(1) << 56;
		ck_assert_int_eq(hd_handshake_check(&to->in, &line, &frame), HD_FRAME_BAD);
		line.mac.src[5] ^= 1;
		ck_assert_int_eq(hd_handshake_check(&to->in, &line, &frame), HD_FRAME_FOREIGN);
	}
	return i;
}

START_TEST(handshakes_end)
{
	const uint32_t totals[] = {1, 511, 512, 513, 40000};
	uint32_t total = totals[_i];
	struct hd_options opts = {.guests = 2, .size = 60, .macs = 1, .flows = 1 << 24, .handshake = true};
	struct end client;
	struct end server;
	unsigned int sent[2] = {0, 0};
	unsigned int rounds;

	srand(1);
	start_end(&client, &opts, 0, total);
	start_end(&server, &opts, 1, total);
	for (rounds = 0; server.in.handshake.ack < total && rounds < 100 * total; rounds++) {
		sent[0] += exchange(&client, &server, 1 + (unsigned int)rand() % 32, total);
		ck_assert_uint_le(client.out.handshake.syn - client.in.handshake.syn, HD_HANDSHAKE_WINDOW);
		sent[1] += exchange(&server, &client, 1 + (unsigned int)rand() % 32, total);
	}
	ck_assert_uint_eq(sent[0], 2 * total);
	ck_assert_uint_eq(sent[1], total);
	ck_assert_uint_eq(hd_handshake_credit(&client.out), 0);
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
	tcase_add_loop_test(tests, translated_flows_are_checked, 0, 2);
	tcase_add_loop_test(tests, announcements_are_not_ip, 0, 2);
	tcase_add_test(tests, fresh_flows_are_other_flows);
	tcase_add_loop_test(tests, handshakes_end, 0, 5);
	tcase_add_test(tests, percentiles_agree_with_sorting);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
