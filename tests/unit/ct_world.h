/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection tracker in simulated time, and packets for it: flat frames in memory of exactly their size, read by
 * hd_parse, with right checksums. Include after <check.h>.
 */
#ifndef CT_WORLD_H
#define CT_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ct/ct.h"
#include "flow/key.h"
#include "frames.h"
#include "parse.h"
#include "random.h"

#define HZ 1000 /* of the simulated clock: milliseconds */
#define SECOND ((uint64_t)HZ)
#define START (1000 * SECOND)

#define NEW (HD_CT_TRK | HD_CT_NEW)
#define EST (HD_CT_TRK | HD_CT_EST)
#define REPLY (HD_CT_TRK | HD_CT_EST | HD_CT_RPL)
#define INV (HD_CT_TRK | HD_CT_INV)

/* Who sends to whom; ports in host order. ICMP: src_port is the identifier, dst_port type << 8 | code. */
struct flow {
	uint8_t family, proto;
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
};

static inline struct flow flow_of(uint8_t proto, const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct flow flow = {.proto = proto, .src_port = src_port, .dst_port = dst_port};

	flow.family = strchr(src, ':') != NULL ? 6 : 4;
	ck_assert_int_eq(inet_pton(flow.family == 6 ? AF_INET6 : AF_INET, src, flow.src), 1);
	ck_assert_int_eq(inet_pton(flow.family == 6 ? AF_INET6 : AF_INET, dst, flow.dst), 1);
	return flow;
}

static inline bool flow_is_icmp(const struct flow *flow)
{
	return flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6;
}

/* The answer's: of ICMP, echo's. */
static inline struct flow flow_back(const struct flow *flow)
{
	struct flow back = *flow;

	memcpy(back.src, flow->dst, 16);
	memcpy(back.dst, flow->src, 16);
	back.src_port = flow->dst_port;
	back.dst_port = flow->src_port;
	if (flow_is_icmp(flow)) {
		back.src_port = flow->src_port;
		back.dst_port = flow->dst_port == 0x800 ? 0 : flow->dst_port == 0 ? 0x800 : flow->dst_port ^ 0x100;
	}
	return back;
}

struct segment {
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t window;
	int scale; /* of an option; < 0: none */
};

struct packet {
	struct hd_pkt pkt;
	uint8_t *memory;
};

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static inline uint32_t l4_length(const struct flow *flow, const struct segment *segment)
{
	if (flow->proto == IPPROTO_TCP)
		return segment != NULL && segment->scale >= 0 ? 24 : 20;
	return 8;
}

static inline void write_l4(uint8_t *l4, const struct flow *flow, const struct segment *segment, uint32_t length)
{
	if (flow_is_icmp(flow)) {
		put16(l4, flow->dst_port);
		put16(l4 + 4, flow->src_port);
		return;
	}
	put16(l4, flow->src_port);
	put16(l4 + 2, flow->dst_port);
	if (flow->proto == IPPROTO_UDP)
		put16(l4 + 4, length);
	if (flow->proto != IPPROTO_TCP)
		return;
	l4[12] = 5 << 4;
	l4[13] = 0x10;
	if (segment == NULL)
		return;
	put32(l4 + 4, segment->seq);
	put32(l4 + 8, segment->ack);
	l4[13] = segment->flags;
	put16(l4 + 14, segment->window);
	if (segment->scale < 0)
		return;
	l4[12] = 6 << 4;
	put32(l4 + 20, 0x03030001 | (uint32_t)segment->scale << 8);
}

/* Where the checksum of the L4 header is, from its start; -1: none. */
static inline int checksum_at(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return -1;
	}
}

static inline void write_ip(uint8_t *ip, const struct flow *flow, uint32_t payload)
{
	if (flow->family == 6) {
		ip[0] = 0x60;
		put16(ip + 4, payload);
		ip[6] = flow->proto;
		ip[7] = 64;
		memcpy(ip + 8, flow->src, 16);
		memcpy(ip + 24, flow->dst, 16);
		return;
	}
	ip[0] = 0x45;
	put16(ip + 2, 20 + payload);
	ip[8] = 64;
	ip[9] = flow->proto;
	memcpy(ip + 12, flow->src, 4);
	memcpy(ip + 16, flow->dst, 4);
	put16(ip + 10, ~naive_sum(ip, 20, 0));
}

static inline uint32_t l4_sum(const uint8_t *frame, uint32_t l3, uint32_t l4, uint32_t length, uint8_t proto)
{
	bool v6 = frame[l3] >> 4 == 6;
	uint32_t sum = proto == IPPROTO_ICMP ? 0 : naive_pseudo(frame, l3, length, v6, proto);

	return naive_sum(frame + l4, length, sum);
}

static inline void packet_free(struct packet *packet)
{
	free(packet->memory);
	packet->memory = NULL;
}

static inline void packet_parse(struct packet *packet, uint32_t length)
{
	packet->pkt = (struct hd_pkt){.hdr = packet->memory, .hdr_len = (uint16_t)length, .len = length};
	ck_assert_int_eq(hd_parse(&packet->pkt), HD_DROP_NONE);
}

/* A packet of the flow, `payload` bytes behind its L4 header. */
static inline void packet_make(struct packet *packet, const struct flow *flow, const struct segment *segment,
			       uint32_t payload)
{
	uint32_t l4 = 14 + (flow->family == 6 ? 40u : 20u), length = l4_length(flow, segment) + payload;
	int checksum = checksum_at(flow->proto);

	packet->memory = calloc(1, l4 + length);
	ck_assert_ptr_nonnull(packet->memory);
	memset(packet->memory + l4, 0x5a, length);
	memset(packet->memory + l4, 0, length - payload);
	put16(packet->memory + 12, flow->family == 6 ? 0x86dd : 0x0800);
	write_ip(packet->memory + 14, flow, length);
	write_l4(packet->memory + l4, flow, segment, length);
	if (checksum >= 0)
		put16(packet->memory + l4 + checksum, ~l4_sum(packet->memory, 14, l4, length, flow->proto));
	packet_parse(packet, l4 + length);
}

/* What a packet made so says now. */
static inline struct flow packet_flow(const struct packet *packet)
{
	const uint8_t *ip = packet->memory + 14;
	bool v6 = ip[0] >> 4 == 6;
	const uint8_t *l4 = ip + (v6 ? 40 : 20);
	struct flow flow = {.family = v6 ? 6 : 4, .proto = v6 ? ip[6] : ip[9]};

	memcpy(flow.src, ip + (v6 ? 8 : 12), v6 ? 16 : 4);
	memcpy(flow.dst, ip + (v6 ? 24 : 16), v6 ? 16 : 4);
	flow.src_port = (uint16_t)get16(flow_is_icmp(&flow) ? l4 + 4 : l4);
	flow.dst_port = (uint16_t)get16(flow_is_icmp(&flow) ? l4 : l4 + 2);
	return flow;
}

static inline bool flow_same(const struct flow *a, const struct flow *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Checksums of a whole, unfragmented packet. */
static inline void packet_check_sums(const struct packet *packet)
{
	const uint8_t *ip = packet->memory + 14;
	bool v6 = ip[0] >> 4 == 6;
	uint32_t length = v6 ? get16(ip + 4) : get16(ip + 2) - 20;
	uint8_t proto = v6 ? ip[6] : ip[9];

	if (!v6)
		ck_assert_uint_eq(naive_sum(ip, 20, 0), 0xffff);
	if (checksum_at(proto) >= 0)
		ck_assert_uint_eq(l4_sum(packet->memory, 14, 14 + (v6 ? 40 : 20), length, proto), 0xffff);
}

static inline struct flow udp(void)
{
	return flow_of(IPPROTO_UDP, "10.0.0.1", 1000, "10.0.0.2", 53);
}

/* One of each kind. */
static inline const struct flow *examples(size_t *n)
{
	static struct flow flows[5];

	flows[0] = udp();
	flows[1] = flow_of(IPPROTO_UDP, "fd00::1", 1000, "fd00::2", 53);
	flows[2] = flow_of(IPPROTO_ICMP, "10.0.0.1", 77, "10.0.0.2", 0x800);
	flows[3] = flow_of(IPPROTO_ICMPV6, "fd00::1", 77, "fd00::2", 0x8000);
	flows[4] = flow_of(IPPROTO_GRE, "10.0.0.1", 0, "10.0.0.2", 0);
	*n = 5;
	return flows;
}

static inline struct hd_ct *ct_make(uint32_t limit)
{
	struct hd_ct_conf conf = {.limit = limit, .tsc_hz = HZ, .n_pmds = 1};
	struct hd_ct *ct;

	ck_assert_int_eq(hd_ct_create(&conf, &ct), 0);
	return ct;
}

/* A packet of the flow is tracked. */
static inline struct hd_ct_view track(struct hd_ct *ct, uint16_t zone, const struct flow *flow, uint64_t now)
{
	struct packet packet;
	struct hd_ct_view view;

	packet_make(&packet, flow, NULL, 10);
	hd_ct_track(ct, 0, &packet.pkt, zone, HD_CT_HINT_NONE, false, now, &view);
	packet_free(&packet);
	return view;
}

/* Tracked and committed: what commit returns. */
static inline int commit(struct hd_ct *ct, uint16_t zone, const struct flow *flow, uint64_t now)
{
	struct packet packet;
	struct hd_ct_view view;
	int result;

	packet_make(&packet, flow, NULL, 10);
	hd_ct_track(ct, 0, &packet.pkt, zone, HD_CT_HINT_NONE, false, now, &view);
	result = hd_ct_commit(ct, 0, &packet.pkt, HD_CT_ACT_COMMIT, NULL, now, &view);
	packet_free(&packet);
	return result;
}

static inline uint32_t ct_count(const struct hd_ct *ct)
{
	struct hd_ct_stats stats;

	hd_ct_stats(ct, &stats);
	return stats.connections;
}

/* Ticks until everything was looked at. */
static inline void ct_sweep(struct hd_ct *ct, uint64_t now)
{
	for (int i = 0; i < 4; i++)
		hd_ct_tick(ct, now);
}

static inline int ct_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#endif
