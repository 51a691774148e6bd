/* SPDX-License-Identifier: BSD-3-Clause */
/* Software checksums and segmentation: random packets in random pieces against naive sums and the original payload. */
#include <check.h>
#include <errno.h>
#include <stdio.h>

#include <rte_mempool.h>
#include <rte_tcp.h>

#include "eal.h"
#include "frames.h"
#include "offload.h"

#define ROUNDS 200
#define FIN_PSH_CWR (RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_CWR_FLAG)

static struct rte_mempool *pool, *scarce;
static struct frame frame;
static struct pieces pieces;
static uint8_t flat[HD_FRAME_MAX + 4]; /* a packet read back */

/* The whole frame of a packet, in `flat`. */
static uint32_t flatten(const struct hd_pkt *pkt)
{
	ck_assert_uint_le(pkt->len, sizeof(flat));
	ck_assert(hd_pkt_read(pkt, 0, pkt->len, flat));
	return pkt->len;
}

/* Does the sum over the pseudo-header and everything from L4 on come out right? */
static bool checksum_right(uint32_t len, const struct hd_pkt *pkt)
{
	bool ipv6 = pkt->eth_type == 0x86dd;
	uint32_t l4_len = len - pkt->l4;
	uint32_t sum = naive_pseudo(flat, pkt->l3, l4_len, ipv6, pkt->l4_proto);

	return naive_sum(flat + pkt->l4, l4_len, sum) == 0xffff;
}

/* Random size: short ones often, since that is where the corners are. */
static uint32_t payload_len(struct random *random)
{
	return between(random, 0, 1) ? between(random, 0, 100) : between(random, 0, UINT16_MAX);
}

START_TEST(test_checksum)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t field;

		frame_make(&random, &frame, payload_len(&random), between(&random, 0, 1));
		pieces_make(&random, &pieces, &frame, round % 2 ? pool : NULL);
		field = frame.l4 + (frame.udp ? 6 : 16);
		ck_assert(hd_offload_checksum(&pieces.pkt));
		ck_assert(checksum_right(flatten(&pieces.pkt), &pieces.pkt));
		ck_assert_uint_eq(pieces.pkt.off.flags, 0);
		ck_assert(!frame.udp || get16(flat + field) != 0);
		put16(flat + field, get16(frame.bytes + field)); /* the field, and nothing else, has changed */
		ck_assert_mem_eq(flat, frame.bytes, frame.len);
		pieces_free(&pieces);
	}
}
END_TEST

/* Bytes appended so that the sum over all is 0xffff: UDP then says 0xffff, TCP 0. */
START_TEST(test_checksum_zero)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t sum;

		do {
			frame_make(&random, &frame, 2 * between(&random, 1, 600), round & 1);
		} while (frame.len % 2 != frame.l4 % 2);
		put16(frame.bytes + frame.len - 2, 0);
		sum = naive_sum(frame.bytes + frame.l4, frame.len - frame.l4, 0);
		put16(frame.bytes + frame.len - 2, ~sum);
		pieces_make(&random, &pieces, &frame, round & 2 ? pool : NULL);
		ck_assert(hd_offload_checksum(&pieces.pkt));
		flatten(&pieces.pkt);
		ck_assert_uint_eq(get16(flat + frame.l4 + (frame.udp ? 6 : 16)), frame.udp ? 0xffff : 0);
		pieces_free(&pieces);
	}
}
END_TEST

START_TEST(test_checksum_not_asked_for)
{
	struct random random;

	random_start(&random, __func__);
	frame_make(&random, &frame, 100, false);
	pieces_make(&random, &pieces, &frame, NULL);
	pieces.pkt.off = (struct hd_offload){.flags = HD_OFF_CSUM_VALID};
	ck_assert(hd_offload_checksum(&pieces.pkt));
	flatten(&pieces.pkt);
	ck_assert_mem_eq(flat, frame.bytes, frame.len);
	ck_assert_uint_eq(pieces.pkt.off.flags, HD_OFF_CSUM_VALID);
	pieces_free(&pieces);
}
END_TEST

START_TEST(test_checksum_of_cut_frame)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		frame_make(&random, &frame, payload_len(&random), between(&random, 0, 1));
		pieces_make(&random, &pieces, &frame, round % 2 ? pool : NULL);
		pieces.pkt.len += between(&random, 1, 3);
		ck_assert(!hd_offload_checksum(&pieces.pkt));
		ck_assert_mem_eq(pieces.pkt.hdr, frame.bytes, pieces.pkt.hdr_len);
		ck_assert_uint_eq(pieces.pkt.off.flags, HD_OFF_NEEDS_CSUM);
		pieces_free(&pieces);
	}
}
END_TEST

/* A TCP packet to be segmented; gso_size is at most 9000 and makes at least two segments. */
static void make_gso(struct random *random, uint32_t gso_size, uint32_t payload, struct rte_mempool *from)
{
	struct hd_pkt *pkt = &pieces.pkt;

	frame_make(random, &frame, payload, false);
	pieces_make(random, &pieces, &frame, from);
	pkt->off.gso = frame.ipv6 ? HD_GSO_TCP6 : HD_GSO_TCP4;
	pkt->off.gso_size = (uint16_t)gso_size;
	pkt->flags |= HD_PKT_SHARED;
	pkt->in_port = 7;
	pkt->vlan = 42;
	pkt->tci = 0x602a;
	pkt->hash = 0x12345678;
	if (gso_size >= HD_GSO_SIZE_MIN)
		ck_assert_int_eq(hd_offload_sanitise(pkt), HD_DROP_NONE);
	ck_assert_int_ne(pkt->off.gso, HD_GSO_NONE);
}

static void check_description(const struct hd_pkt *out, uint32_t len, bool checksum)
{
	uint32_t total = 0, n = 0;

	ck_assert_uint_eq(out->len, len);
	ck_assert_ptr_eq(out->hdr, rte_pktmbuf_mtod(out->mbuf, uint8_t *));
	ck_assert_uint_eq(out->hdr_len, out->mbuf->data_len);
	ck_assert_uint_ge(out->hdr_len, frame.header_len);
	ck_assert_uint_eq(out->mbuf->data_off, RTE_PKTMBUF_HEADROOM);
	ck_assert_uint_eq(rte_pktmbuf_pkt_len(out->mbuf), len);
	for (struct rte_mbuf *mbuf = out->mbuf; mbuf != NULL; mbuf = mbuf->next) {
		ck_assert_uint_gt(mbuf->data_len, 0);
		total += mbuf->data_len;
		n++;
	}
	ck_assert_uint_eq(total, len);
	ck_assert_uint_eq(out->mbuf->nb_segs, n);
	ck_assert_uint_eq(out->n_seg, 0);
	ck_assert_uint_eq(out->flags, frame.tagged ? HD_PKT_TAGGED : 0);
	ck_assert_uint_eq(out->in_port, 7);
	ck_assert_uint_eq(out->vlan, 42);
	ck_assert_uint_eq(out->tci, 0x602a);
	ck_assert_uint_eq(out->hash, 0x12345678);
	ck_assert_uint_eq(out->eth_type, frame.ipv6 ? 0x86dd : 0x0800);
	ck_assert_uint_eq(out->l3, frame.l3);
	ck_assert_uint_eq(out->l4, frame.l4);
	ck_assert_uint_eq(out->l4_proto, IPPROTO_TCP);
	ck_assert_uint_eq(out->off.gso, HD_GSO_NONE);
	ck_assert_uint_eq(out->off.gso_size, 0);
	ck_assert_uint_eq(out->off.flags, checksum ? 0 : HD_OFF_NEEDS_CSUM);
	ck_assert_uint_eq(out->off.csum_start, checksum ? 0 : frame.l4);
	ck_assert_uint_eq(out->off.csum_offset, checksum ? 0 : 16);
}

/* Puts the original's value where a segment's may differ, after having checked that. */
static void check_headers(uint32_t len, uint32_t index, uint32_t done, bool last)
{
	const uint8_t *ip = frame.bytes + frame.l3, *tcp = frame.bytes + frame.l4;
	uint8_t *seg_ip = flat + frame.l3, *seg_tcp = flat + frame.l4;
	uint8_t flags = tcp[13];

	if (frame.ipv6) {
		ck_assert_uint_eq(get16(seg_ip + 4), len - frame.l3 - 40);
		memcpy(seg_ip + 4, ip + 4, 2);
	} else {
		ck_assert_uint_eq(get16(seg_ip + 2), len - frame.l3);
		ck_assert_uint_eq(get16(seg_ip + 4), (get16(ip + 4) + index) & 0xffff);
		ck_assert_uint_eq(naive_sum(seg_ip, frame.l4 - frame.l3, 0), 0xffff);
		memcpy(seg_ip + 2, ip + 2, 4);
		memcpy(seg_ip + 10, ip + 10, 2);
	}
	ck_assert_uint_eq(get32(seg_tcp + 4), get32(tcp + 4) + done);
	memcpy(seg_tcp + 4, tcp + 4, 4);
	flags &= (uint8_t) ~(last ? 0 : RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	flags &= (uint8_t) ~(index == 0 ? 0 : RTE_TCP_CWR_FLAG);
	ck_assert_uint_eq(seg_tcp[13], flags);
	seg_tcp[13] = tcp[13];
	memcpy(seg_tcp + 16, tcp + 16, 2);
	ck_assert_mem_eq(flat, frame.bytes, frame.header_len); /* nothing else has changed */
}

/* One segment: the `index`th, behind `done` bytes of payload. Returns the bytes it carries. */
static uint32_t check_segment(struct hd_pkt *out, uint32_t index, uint32_t done, bool checksum)
{
	uint32_t payload = frame.len - frame.header_len;
	uint32_t chunk = RTE_MIN((uint32_t)pieces.pkt.off.gso_size, payload - done);
	uint32_t len = frame.header_len + chunk;

	check_description(out, len, checksum);
	if (!checksum)
		ck_assert(hd_offload_checksum(out)); /* what the destination will do */
	flatten(out);
	ck_assert(checksum_right(len, out));
	check_headers(len, index, done, done + chunk == payload);
	ck_assert_mem_eq(flat + frame.header_len, frame.bytes + frame.header_len + done, chunk);
	return chunk;
}

static void check_segmentation(bool checksum)
{
	uint32_t index, done = 0, longest = 0, free_before = rte_mempool_avail_count(pool);
	struct hd_segmenter segmenter;
	struct hd_pkt out;

	hd_segmenter_init(&segmenter, &pieces.pkt, checksum);
	for (index = 0; hd_segmenter_next(&segmenter, pool, &out) == 1; index++) {
		longest = RTE_MAX(longest, out.len);
		done += check_segment(&out, index, done, checksum);
		rte_pktmbuf_free(out.mbuf);
	}
	ck_assert_int_eq(hd_segmenter_next(&segmenter, pool, &out), 0);
	ck_assert_uint_eq(done, frame.len - frame.header_len);
	ck_assert_uint_eq(index, hd_offload_segments(&pieces.pkt));
	ck_assert_uint_eq(longest, hd_offload_segment_len(&pieces.pkt));
	ck_assert_uint_eq(rte_mempool_avail_count(pool), free_before);
	ck_assert_mem_eq(pieces.pkt.hdr, frame.bytes, pieces.pkt.hdr_len); /* the source is as it was */
}

START_TEST(test_segments)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t gso_size = between(&random, 1, between(&random, 0, 1) ? 200 : 9000);
		uint32_t payload = between(&random, gso_size + 1, RTE_MIN(UINT16_MAX, gso_size * 100));

		make_gso(&random, gso_size, payload, round & 1 ? pool : NULL);
		check_segmentation(round & 2);
		pieces_free(&pieces);
	}
}
END_TEST

/* The corners: the longest packet there is, the longest and shortest segments, one byte over, a multiple. */
START_TEST(test_segments_extreme)
{
	static const struct {
		uint32_t gso_size, payload;
	} table[] = {
		{1, 2},
		{1, 3000},
		{HD_GSO_SIZE_MIN, UINT16_MAX},
		{1448, UINT16_MAX},
		{9000, UINT16_MAX},
		{60000, 65000},
		{1460, 1461},
		{1460, 2920},
		{1460, 2921},
		{1461, 14610},
	};
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < 8; round++) {
		for (size_t i = 0; i < RTE_DIM(table); i++) {
			make_gso(&random, table[i].gso_size, table[i].payload, round & 1 ? pool : NULL);
			check_segmentation(round & 2);
			pieces_free(&pieces);
		}
	}
}
END_TEST

START_TEST(test_segments_ack_flags)
{
	static const uint8_t flags[] = {RTE_TCP_ACK_FLAG, RTE_TCP_ACK_FLAG | FIN_PSH_CWR, 0xff, 0};
	struct random random;

	random_start(&random, __func__);
	for (size_t i = 0; i < RTE_DIM(flags); i++) {
		make_gso(&random, 100, 250, NULL);
		frame.bytes[frame.l4 + 13] = pieces.pkt.hdr[frame.l4 + 13] = flags[i];
		check_segmentation(true);
		pieces_free(&pieces);
	}
}
END_TEST

/* Without GSO there is nothing to cut. */
START_TEST(test_segments_none)
{
	struct random random;
	struct hd_segmenter segmenter;
	struct hd_pkt out;

	random_start(&random, __func__);
	frame_make(&random, &frame, 1000, false);
	pieces_make(&random, &pieces, &frame, NULL);
	ck_assert_uint_eq(hd_offload_segments(&pieces.pkt), 1);
	ck_assert_uint_eq(hd_offload_segment_len(&pieces.pkt), frame.len);
	hd_segmenter_init(&segmenter, &pieces.pkt, true);
	ck_assert_int_eq(hd_segmenter_next(&segmenter, pool, &out), 0);
	pieces_free(&pieces);
}
END_TEST

START_TEST(test_segments_of_cut_frame)
{
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t gso_size = between(&random, HD_GSO_SIZE_MIN, 9000), free_before;
		struct hd_segmenter segmenter;
		struct hd_pkt out;
		int rc;

		make_gso(&random, gso_size, between(&random, gso_size + 1, gso_size * 5), round & 1 ? pool : NULL);
		pieces.pkt.len += between(&random, 1, 3);
		free_before = rte_mempool_avail_count(pool);
		hd_segmenter_init(&segmenter, &pieces.pkt, true);
		for (rc = hd_segmenter_next(&segmenter, pool, &out); rc == 1;
		     rc = hd_segmenter_next(&segmenter, pool, &out))
			rte_pktmbuf_free(out.mbuf);
		ck_assert_int_eq(rc, -EFAULT);
		ck_assert_uint_eq(rte_mempool_avail_count(pool), free_before);
		pieces_free(&pieces);
	}
}
END_TEST

/* The pool runs dry again and again; each time what it gave is put back, and the segmenter goes on where it was. */
START_TEST(test_segments_out_of_memory)
{
	struct random random;
	uint32_t whole = rte_mempool_avail_count(scarce), dry = 0;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS / 4; round++) {
		struct rte_mbuf *held[64];
		struct hd_segmenter segmenter;
		uint32_t n = 0, index = 0, done = 0;
		struct hd_pkt out;
		int rc;

		make_gso(&random, between(&random, 1000, 9000), UINT16_MAX, round & 1 ? pool : NULL);
		hd_segmenter_init(&segmenter, &pieces.pkt, true);
		do {
			uint32_t before = rte_mempool_avail_count(scarce);

			rc = hd_segmenter_next(&segmenter, scarce, &out);
			if (rc == 1) {
				done += check_segment(&out, index++, done, true);
				held[n++] = out.mbuf;
				ck_assert_uint_lt(n, RTE_DIM(held));
				continue;
			}
			ck_assert(rc == 0 || rc == -ENOMEM);
			ck_assert_uint_eq(rte_mempool_avail_count(scarce), before);
			rte_pktmbuf_free_bulk(held, n);
			n = 0;
			ck_assert_uint_eq(rte_mempool_avail_count(scarce), whole);
			dry += rc == -ENOMEM;
		} while (rc != 0);
		ck_assert_uint_eq(done, frame.len - frame.header_len);
		pieces_free(&pieces);
	}
	ck_assert_uint_ge(dry, ROUNDS / 4);
}
END_TEST

/* Buffers too small for the headers can't hold a segment. */
START_TEST(test_segments_tiny_buffers)
{
	struct rte_mempool *tiny = rte_pktmbuf_pool_create("tiny", 15, 0, 0, RTE_PKTMBUF_HEADROOM + 48, SOCKET_ID_ANY);
	struct random random;
	struct hd_segmenter segmenter;
	struct hd_pkt out;

	random_start(&random, __func__);
	ck_assert_ptr_nonnull(tiny);
	make_gso(&random, 1000, 3000, NULL);
	hd_segmenter_init(&segmenter, &pieces.pkt, true);
	ck_assert_int_eq(hd_segmenter_next(&segmenter, tiny, &out), -ENOMEM);
	ck_assert_uint_eq(rte_mempool_avail_count(tiny), 15);
	pieces_free(&pieces);
	rte_mempool_free(tiny);
}
END_TEST

/* A good request, a 2,000-byte TCP payload in IPv4, untagged, no options, NEEDS_CSUM and GSO; and what to change in it.
 */
enum field {
	NOTHING,
	CSUM_START,
	CSUM_OFFSET,
	GSO,
	GSO_SIZE,
	FLAGS,
	ETH_TYPE,
	L4,
	L4_PROTO,
	DATA_OFF,
	HDR_LEN,
	LEN,
	FIELDS
};
static const int good[FIELDS] = {
	[CSUM_START] = 34,
	[CSUM_OFFSET] = 16,
	[GSO] = HD_GSO_TCP4,
	[GSO_SIZE] = 1000,
	[FLAGS] = HD_OFF_NEEDS_CSUM,
	[ETH_TYPE] = 0x0800,
	[L4] = 34,
	[L4_PROTO] = IPPROTO_TCP,
	[DATA_OFF] = 5,
	[HDR_LEN] = 128,
	[LEN] = 2054,
};
struct request {
	const char *what;
	int gso_after; /* or REFUSED */
	struct {
		enum field field;
		int value;
	} change[4];
};
#define REFUSED (-1)

static const struct request requests[] = {
	{"as it is", HD_GSO_TCP4},
	{"no request", HD_GSO_NONE, {{FLAGS, 0}, {GSO, 0}}},
	{"checksum only", HD_GSO_NONE, {{GSO, 0}}},
	{"checksum known good", HD_GSO_NONE, {{FLAGS, HD_OFF_CSUM_VALID}, {GSO, 0}}},
	{"checksum known good, garbage around",
	 HD_GSO_NONE,
	 {{FLAGS, 0xfe}, {GSO, 0}, {CSUM_START, 9999}, {GSO_SIZE, 77}}},
	{"csum_start past the end", REFUSED, {{CSUM_START, 3000}}},
	{"csum_start the last byte", REFUSED, {{CSUM_START, 2053}}},
	{"csum_start 65535: wraps", REFUSED, {{CSUM_START, 65535}}},
	{"csum_start before L4", REFUSED, {{CSUM_START, 14}}},
	{"csum_start 0", REFUSED, {{CSUM_START, 0}}},
	{"csum_start one off", REFUSED, {{CSUM_START, 35}}},
	{"csum_start inside, offset makes up for it", REFUSED, {{CSUM_START, 33}, {CSUM_OFFSET, 17}}},
	{"csum_offset of UDP", REFUSED, {{CSUM_OFFSET, 6}}},
	{"csum_offset past the end", REFUSED, {{CSUM_OFFSET, 3000}}},
	{"csum_offset wraps", REFUSED, {{CSUM_OFFSET, 65535}}},
	{"csum_offset wraps to the field", REFUSED, {{CSUM_START, 34}, {CSUM_OFFSET, 65534}}},
	{"no L4", REFUSED, {{L4, 0}}},
	{"no L4, csum_start 0", REFUSED, {{L4, 0}, {CSUM_START, 0}}},
	{"neither TCP nor UDP", REFUSED, {{L4_PROTO, IPPROTO_ICMP}, {GSO, 0}}},
	{"TCP header not in hdr", REFUSED, {{HDR_LEN, 53}, {GSO, 0}}},
	{"UDP", HD_GSO_NONE, {{L4_PROTO, IPPROTO_UDP}, {CSUM_OFFSET, 6}, {GSO, 0}}},
	{"UDP with TCP's csum_offset", REFUSED, {{L4_PROTO, IPPROTO_UDP}, {GSO, 0}}},
	{"UDP header not in hdr", REFUSED, {{L4_PROTO, IPPROTO_UDP}, {CSUM_OFFSET, 6}, {GSO, 0}, {HDR_LEN, 41}}},
	{"GSO without NEEDS_CSUM", REFUSED, {{FLAGS, 0}}},
	{"GSO with CSUM_VALID only", REFUSED, {{FLAGS, HD_OFF_CSUM_VALID}}},
	{"GSO on UDP", REFUSED, {{L4_PROTO, IPPROTO_UDP}, {CSUM_OFFSET, 6}}},
	{"GSO of UDP (type 3)", REFUSED, {{GSO, 3}}},
	{"GSO of UDP L4 (type 5)", REFUSED, {{GSO, 5}}},
	{"GSO with the ECN bit", REFUSED, {{GSO, HD_GSO_TCP4 | 0x80}}},
	{"GSO of no type", REFUSED, {{GSO, 255}}},
	{"GSO of IPv6 on IPv4", REFUSED, {{GSO, HD_GSO_TCP6}}},
	{"GSO of IPv4 on IPv6", REFUSED, {{ETH_TYPE, 0x86dd}}},
	{"GSO of IPv6 on IPv6", HD_GSO_TCP6, {{ETH_TYPE, 0x86dd}, {GSO, HD_GSO_TCP6}}},
	{"gso_size 0", REFUSED, {{GSO_SIZE, 0}}},
	{"gso_size too small", REFUSED, {{GSO_SIZE, HD_GSO_SIZE_MIN - 1}}},
	{"gso_size smallest", HD_GSO_TCP4, {{GSO_SIZE, HD_GSO_SIZE_MIN}}},
	{"one segment exactly", HD_GSO_NONE, {{GSO_SIZE, 2000}}},
	{"less than a segment", HD_GSO_NONE, {{GSO_SIZE, 65535}}},
	{"one byte more than a segment", HD_GSO_TCP4, {{GSO_SIZE, 1999}}},
	{"no payload", HD_GSO_NONE, {{LEN, 54}, {HDR_LEN, 54}}},
	{"TCP data offset too small", REFUSED, {{DATA_OFF, 4}}},
	{"TCP data offset 0", REFUSED, {{DATA_OFF, 0}}},
	{"TCP options past hdr", REFUSED, {{DATA_OFF, 15}, {HDR_LEN, 93}}},
	{"TCP options up to hdr's end", HD_GSO_TCP4, {{DATA_OFF, 15}, {HDR_LEN, 94}}},
	{"frame shorter than its headers", REFUSED, {{DATA_OFF, 15}, {LEN, 80}}},
	{"datagram longer than IP can say", REFUSED, {{LEN, 14 + 65536}}},
	{"datagram as long as IP can say", HD_GSO_TCP4, {{LEN, 14 + 65535}}},
};

START_TEST(test_sanitise)
{
	const struct request *request = &requests[_i];
	struct hd_offload asked;
	struct hd_pkt pkt;
	int v[FIELDS];
	uint8_t *hdr;

	memcpy(v, good, sizeof(v));
	for (size_t i = 0; i < RTE_DIM(request->change); i++)
		v[request->change[i].field] = request->change[i].value;
	hdr = calloc(1, (size_t)v[HDR_LEN]);
	if (v[HDR_LEN] > good[L4] + 12)
		hdr[good[L4] + 12] = (uint8_t)(v[DATA_OFF] << 4);
	asked = (struct hd_offload){
		.flags = (uint8_t)v[FLAGS],
		.gso = (uint8_t)v[GSO],
		.gso_size = (uint16_t)v[GSO_SIZE],
		.csum_start = (uint16_t)v[CSUM_START],
		.csum_offset = (uint16_t)v[CSUM_OFFSET],
	};
	pkt = (struct hd_pkt){
		.hdr = hdr,
		.hdr_len = (uint16_t)v[HDR_LEN],
		.len = (uint32_t)v[LEN],
		.eth_type = (uint16_t)v[ETH_TYPE],
		.l3 = 14,
		.l4 = (uint8_t)v[L4],
		.l4_proto = (uint8_t)v[L4_PROTO],
		.off = asked,
	};
	ck_assert_msg(hd_offload_sanitise(&pkt) == (request->gso_after == REFUSED ? HD_DROP_BAD_OFFLOAD : HD_DROP_NONE),
		      "%s", request->what);
	free(hdr);
	if (request->gso_after == REFUSED)
		return;
	ck_assert_msg(pkt.off.gso == request->gso_after, "%s: gso %d", request->what, pkt.off.gso);
	ck_assert_uint_eq(pkt.off.gso_size, pkt.off.gso != 0 ? asked.gso_size : 0);
	ck_assert_uint_eq(pkt.off.flags, asked.flags & (HD_OFF_NEEDS_CSUM | HD_OFF_CSUM_VALID));
	ck_assert_uint_eq(pkt.off.csum_start, asked.flags & HD_OFF_NEEDS_CSUM ? 34 : 0);
	ck_assert_uint_eq(pkt.off.csum_offset, asked.flags & HD_OFF_NEEDS_CSUM ? asked.csum_offset : 0);
}
END_TEST

static Suite *offload_suite(void)
{
	Suite *suite = suite_create("offload");
	TCase *sanitise = tcase_create("sanitise"), *checksum = tcase_create("checksum"),
	      *segments = tcase_create("segments");

	tcase_add_loop_test(sanitise, test_sanitise, 0, RTE_DIM(requests));
	tcase_add_test(checksum, test_checksum);
	tcase_add_test(checksum, test_checksum_zero);
	tcase_add_test(checksum, test_checksum_not_asked_for);
	tcase_add_test(checksum, test_checksum_of_cut_frame);
	tcase_add_test(segments, test_segments);
	tcase_add_test(segments, test_segments_extreme);
	tcase_add_test(segments, test_segments_ack_flags);
	tcase_add_test(segments, test_segments_none);
	tcase_add_test(segments, test_segments_of_cut_frame);
	tcase_add_test(segments, test_segments_out_of_memory);
	tcase_add_test(segments, test_segments_tiny_buffers);
	tcase_set_timeout(checksum, 60);
	tcase_set_timeout(segments, 60);
	suite_add_tcase(suite, sanitise);
	suite_add_tcase(suite, checksum);
	suite_add_tcase(suite, segments);
	return suite;
}

int main(void)
{
	SRunner *runner;
	int failed;

	eal_start();
	pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	scarce = rte_pktmbuf_pool_create("scarce", 15, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL || scarce == NULL)
		return EXIT_FAILURE;
	runner = srunner_create(offload_suite());
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
