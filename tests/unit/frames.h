/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random frames with correct headers, packets that describe them in random pieces, and naive checksums.
 *
 * Include after <check.h>. A frame is flat; a packet made of it is an mbuf chain or a snapshot with segments, each
 * piece in memory of exactly its size, so that a sanitizer sees every over-read.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "pkt.h"
#include "random.h"

#define FRAME_PIECES_MAX 600

struct frame {
	uint8_t bytes[HD_FRAME_MAX + 4];
	uint32_t len, l3, l4, header_len; /* header_len: to the end of TCP or UDP */
	bool tagged, ipv6, udp;
};

static inline void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

/* RFC 1071 as written: big-endian words, one after the other, an odd byte padded with zero. Returns the folded sum. */
static inline uint32_t naive_sum(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* The pseudo-header's sum of a frame without routing headers. */
static inline uint32_t naive_pseudo(const uint8_t *frame, uint32_t l3, uint32_t l4_len, bool ipv6, uint8_t proto)
{
	uint8_t tail[4] = {0, proto, (uint8_t)(l4_len >> 8), (uint8_t)l4_len};
	uint32_t sum = naive_sum(frame + l3 + (ipv6 ? 8 : 12), ipv6 ? 32 : 8, 0);

	return naive_sum(tail, 4, sum);
}

static inline uint32_t between(struct random *random, uint32_t low, uint32_t high)
{
	return low + random_below(random, high - low + 1);
}

static inline void frame_ipv4(struct random *random, struct frame *frame, uint32_t l4_len)
{
	uint8_t *ip = frame->bytes + frame->l3;
	uint32_t ihl = between(random, 0, 3) == 0 ? between(random, 5, 15) : 5;

	ip[0] = (uint8_t)(0x40 | ihl);
	put16(ip + 2, ihl * 4 + l4_len);
	put16(ip + 6, 0x4000);
	ip[9] = frame->udp ? IPPROTO_UDP : IPPROTO_TCP;
	put16(ip + 10, 0);
	put16(ip + 10, ~naive_sum(ip, ihl * 4, 0));
	frame->l4 = frame->l3 + ihl * 4;
}

static inline void frame_ipv6(struct random *random, struct frame *frame, uint32_t l4_len)
{
	uint8_t *ip = frame->bytes + frame->l3;
	uint32_t extension = between(random, 0, 3) == 0 ? 8 * between(random, 1, 3) : 0;

	ip[0] = 0x60;
	put16(ip + 4, extension + l4_len);
	ip[6] = frame->udp ? IPPROTO_UDP : IPPROTO_TCP;
	if (extension != 0) {
		ip[40] = ip[6];
		ip[41] = (uint8_t)(extension / 8 - 1);
		ip[6] = IPPROTO_HOPOPTS;
	}
	frame->l4 = frame->l3 + 40 + extension;
}

/* A frame of about `payload` bytes (fewer, if IP's length or the buffer says so), with NEEDS_CSUM's seed in place. */
static inline void frame_make(struct random *random, struct frame *frame, uint32_t payload, bool udp)
{
	uint32_t header, room, l4_len;

	for (size_t i = 0; i < sizeof(frame->bytes) && i < payload + 256; i++) /* 256: more than all headers */
		frame->bytes[i] = (uint8_t)random_next(random);
	frame->tagged = between(random, 0, 1);
	frame->ipv6 = between(random, 0, 1);
	frame->udp = udp;
	frame->bytes[0] &= 0xfe;
	frame->l3 = frame->tagged ? 18 : 14;
	if (frame->tagged)
		put16(frame->bytes + 12, 0x8100);
	put16(frame->bytes + frame->l3 - 2, frame->ipv6 ? 0x86dd : 0x0800);
	header = udp ? 8 : 4 * (between(random, 0, 1) ? between(random, 5, 15) : 5);
	room = UINT16_MAX - 64 - header; /* 64: the longest IP header */
	l4_len = header + (payload < room ? payload : room);
	if (frame->ipv6)
		frame_ipv6(random, frame, l4_len);
	else
		frame_ipv4(random, frame, l4_len);
	frame->header_len = frame->l4 + header;
	frame->len = frame->l4 + l4_len;
	if (udp)
		put16(frame->bytes + frame->l4 + 4, l4_len);
	else
		frame->bytes[frame->l4 + 12] = (uint8_t)(header / 4 << 4 | (frame->bytes[frame->l4 + 12] & 0xf));
	put16(frame->bytes + frame->l4 + (udp ? 6 : 16),
	      naive_pseudo(frame->bytes, frame->l3, l4_len, frame->ipv6, udp ? IPPROTO_UDP : IPPROTO_TCP));
}

/* A packet and what it is made of. */
struct pieces {
	struct hd_pkt pkt;
	struct hd_seg seg[FRAME_PIECES_MAX];
	uint8_t *memory[FRAME_PIECES_MAX]; /* of seg, and of the snapshot */
	uint32_t n;
};

/* The length of the next piece; now and then 0. */
static inline uint32_t piece_len(struct random *random, uint32_t longest, uint32_t left)
{
	uint32_t len = between(random, 0, 9) == 0 ? 0 : between(random, longest / 2, longest);

	return len < left ? len : left;
}

static inline void pieces_mbuf(struct random *random, struct pieces *pieces, const struct frame *frame,
			       uint32_t hdr_len, uint32_t longest, struct rte_mempool *pool)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool), *tail = head;
	uint32_t at = hdr_len;

	ck_assert_ptr_nonnull(head);
	memcpy(rte_pktmbuf_append(head, (uint16_t)hdr_len), frame->bytes, hdr_len);
	while (at < frame->len) {
		uint32_t len = piece_len(random, RTE_MIN(longest, 2000u), frame->len - at);
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

		ck_assert_ptr_nonnull(mbuf);
		mbuf->data_off = (uint16_t)(mbuf->data_off + between(random, 0, 1)); /* odd addresses as well */
		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), frame->bytes + at, len);
		tail->next = mbuf;
		tail = mbuf;
		head->nb_segs++;
		head->pkt_len += len;
		at += len;
	}
	pieces->pkt.mbuf = head;
	pieces->pkt.hdr = rte_pktmbuf_mtod(head, uint8_t *);
}

static inline uint8_t *exact_copy(const uint8_t *from, uint32_t len)
{
	uint8_t *memory = malloc(len);

	ck_assert(memory != NULL || len == 0);
	if (len != 0)
		memcpy(memory, from, len);
	return memory;
}

static inline void pieces_snapshot(struct random *random, struct pieces *pieces, const struct frame *frame,
				   uint32_t hdr_len, uint32_t longest)
{
	uint32_t at = hdr_len, n = 0;

	pieces->memory[n] = exact_copy(frame->bytes, hdr_len);
	pieces->pkt.hdr = pieces->memory[n++];
	while (at < frame->len) {
		uint32_t len = piece_len(random, longest, frame->len - at);

		ck_assert_uint_lt(n, FRAME_PIECES_MAX);
		pieces->memory[n] = exact_copy(frame->bytes + at, len);
		pieces->seg[n - 1] = (struct hd_seg){pieces->memory[n], len};
		n++;
		at += len;
	}
	pieces->n = n;
	pieces->pkt.seg = pieces->seg;
	pieces->pkt.n_seg = (uint16_t)(n - 1);
}

/* Describe the frame, as rx and parse would: by an mbuf chain if there is a pool, else by a snapshot. */
static inline void pieces_make(struct random *random, struct pieces *pieces, const struct frame *frame,
			       struct rte_mempool *pool)
{
	uint32_t hdr_len = between(random, frame->header_len, RTE_MIN(frame->len, frame->header_len + 200));
	uint32_t longest = between(random, frame->len / 128 + 1, frame->len / 4 + 32);

	pieces->n = 0;
	pieces->pkt = (struct hd_pkt){.len = frame->len, .hdr_len = (uint16_t)hdr_len};
	if (pool != NULL)
		pieces_mbuf(random, pieces, frame, hdr_len, longest, pool);
	else
		pieces_snapshot(random, pieces, frame, hdr_len, longest);
	pieces->pkt.eth_type = frame->ipv6 ? 0x86dd : 0x0800;
	pieces->pkt.l3 = (uint8_t)frame->l3;
	pieces->pkt.l4 = (uint8_t)frame->l4;
	pieces->pkt.l4_proto = frame->udp ? IPPROTO_UDP : IPPROTO_TCP;
	pieces->pkt.flags = frame->tagged ? HD_PKT_TAGGED : 0;
	pieces->pkt.off.flags = HD_OFF_NEEDS_CSUM;
	pieces->pkt.off.csum_start = (uint16_t)frame->l4;
	pieces->pkt.off.csum_offset = frame->udp ? 6 : 16;
}

static inline void pieces_free(struct pieces *pieces)
{
	rte_pktmbuf_free(pieces->pkt.mbuf);
	for (uint32_t i = 0; i < pieces->n; i++)
		free(pieces->memory[i]);
}

#endif
