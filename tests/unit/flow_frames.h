/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random frames of all the kinds that rules tell apart, with right checksums; and a naive reading of them, written
 * without a look at dataplane/flow/headers.c. Include after <check.h>.
 */
#ifndef FLOW_FRAMES_H
#define FLOW_FRAMES_H

#include "frames.h"

#define FLOW_FRAME_MAX 4096

struct flow_frame {
	uint8_t bytes[FLOW_FRAME_MAX];
	uint32_t len;
	uint32_t first;  /* bytes that are in hdr */
	uint32_t hidden; /* sum of what further fragments hold */
};

/* Where things are. Offsets, 0: not there. */
struct layout {
	uint32_t n_tags, type, l3; /* l3: what follows Ethernet */
	bool ipv4, ipv6, arp;
	uint32_t l4, end; /* end: of the datagram, wherever its bytes are */
	uint32_t proto;
	bool fragment, later, lost, routed;
	uint32_t last_dst; /* the address that the pseudo-header has */
	uint32_t nd_target, nd_sll, nd_tll;
};

static inline bool naive_tag(const uint8_t *at)
{
	return get16(at) == 0x8100 || get16(at) == 0x88a8;
}

/* Up to eight extension headers. Returns the offset behind them. */
static inline uint32_t naive_chain(const struct flow_frame *f, struct layout *l, uint32_t reach)
{
	uint32_t at = l->l3 + 40;

	for (int n = 0; l->proto == 0 || l->proto == 43 || l->proto == 44 || l->proto == 51 || l->proto == 60; n++) {
		const uint8_t *x = f->bytes + at;
		uint32_t size;

		l->lost = n == 8 || at + 8 > reach;
		if (l->lost)
			return 0;
		size = l->proto == 44 ? 8 : l->proto == 51 ? 4 * (x[1] + 2u) : 8 * (x[1] + 1u);
		l->lost = at + size > reach;
		if (l->lost)
			return 0;
		if (l->proto == 43 && x[3] > 0) {
			l->routed = true;
			l->last_dst = at + size - 16;
		}
		if (l->proto == 44 && (get16(x + 2) & 0xfff9) != 0) {
			l->fragment = true;
			if (get16(x + 2) >= 8) {
				l->later = true;
				return 0;
			}
		}
		l->proto = x[0];
		at += size;
	}
	return at;
}

static inline void naive_options(const struct flow_frame *f, struct layout *l, uint32_t reach)
{
	const uint8_t *icmp = f->bytes + l->l4;
	uint32_t type = icmp[0] == 135 ? 1 : 2, found = 0, where = 0, n = 0;
	bool bad = false;

	if (l->proto != 58 || (icmp[0] != 135 && icmp[0] != 136) || icmp[1] != 0 || l->l4 + 24 > reach)
		return;
	for (uint32_t at = l->l4 + 24; at + 8 <= reach && n < 16 && !bad; n++) {
		bad = f->bytes[at + 1] == 0;
		if (f->bytes[at] == type && f->bytes[at + 1] == 1) {
			found++;
			where = at + 2;
		}
		at += 8u * f->bytes[at + 1];
	}
	if (bad || found > 1)
		return;
	l->nd_target = l->l4 + 8;
	if (type == 1)
		l->nd_sll = where;
	else
		l->nd_tll = where;
}

/* Read as far as `first` bytes go. The frame was accepted by hd_parse with as many. */
static inline struct layout naive_layout(const struct flow_frame *f, uint32_t first)
{
	static const uint8_t sizes[256] = {[6] = 20, [17] = 8, [132] = 12, [1] = 4, [58] = 4};
	const uint8_t *ip;
	struct layout l = {.l3 = 14};
	uint32_t reach, at = 0;

	for (; l.n_tags < 2 && naive_tag(f->bytes + l.l3 - 2) && l.l3 + 4 <= first; l.n_tags++)
		l.l3 += 4;
	l.type = get16(f->bytes + l.l3 - 2);
	ip = f->bytes + l.l3;
	l.ipv4 = l.type == 0x0800;
	l.ipv6 = l.type == 0x86dd;
	l.arp = l.type == 0x0806 && l.l3 + 28 <= first && get32(ip) == 0x00010800 && get16(ip + 4) == 0x0604;
	if (!l.ipv4 && !l.ipv6)
		return l;
	l.end = l.l3 + (l.ipv4 ? get16(ip + 2) : 40 + get16(ip + 4));
	reach = l.end < first ? l.end : first;
	l.proto = ip[l.ipv4 ? 9 : 6];
	l.last_dst = l.l3 + (l.ipv4 ? 16 : 24);
	if (l.ipv4) {
		l.fragment = (get16(ip + 6) & 0x3fff) != 0;
		l.later = (get16(ip + 6) & 0x1fff) != 0;
		at = l.later ? 0 : l.l3 + 4 * (ip[0] % 16u);
	} else {
		at = naive_chain(f, &l, reach);
	}
	if (at == 0 || sizes[l.proto] == 0 || at + sizes[l.proto] > reach || l.proto == (l.ipv4 ? 58 : 1))
		return l;
	l.l4 = at;
	naive_options(f, &l, reach);
	return l;
}

/* CRC-32C as RFC 9260 appendix A has it, bit by bit. */
static inline uint32_t naive_crc(const uint8_t *data, uint32_t len)
{
	uint32_t crc = 0xffffffff;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static inline uint32_t naive_pseudo_of(const struct flow_frame *f, const struct layout *l)
{
	uint32_t len = l->end - l->l4;
	uint8_t tail[4] = {0, (uint8_t)l->proto, (uint8_t)(len >> 8), (uint8_t)len};
	uint32_t sum = naive_sum(f->bytes + l->l3 + (l->ipv4 ? 12 : 8), l->ipv4 ? 4 : 16, 0);

	sum = naive_sum(f->bytes + l->last_dst, l->ipv4 ? 4 : 16, sum);
	return naive_sum(tail, 4, sum);
}

/* All checksums from scratch. UDP's stays none if it is. */
static inline void flow_frame_sum(struct flow_frame *f)
{
	struct layout l = naive_layout(f, f->len);
	uint32_t ihl = 4 * (f->bytes[l.l3] % 16u), field, crc, sum;
	uint8_t *l4 = f->bytes + l.l4;

	if (l.ipv4) {
		put16(f->bytes + l.l3 + 10, 0);
		put16(f->bytes + l.l3 + 10, ~naive_sum(f->bytes + l.l3, ihl, 0));
	}
	if (l.l4 == 0)
		return;
	if (l.proto == 132) {
		put16(l4 + 8, 0);
		put16(l4 + 10, 0);
		crc = naive_crc(l4, l.end - l.l4);
		for (int i = 0; i < 4; i++)
			l4[8 + i] = (uint8_t)(crc >> 8 * i);
		return;
	}
	field = l.proto == 6 ? 16 : l.proto == 17 ? 6 : 2;
	if (l.proto == 17 && get16(l4 + field) == 0)
		return;
	put16(l4 + field, 0);
	sum = naive_sum(l4, l.end - l.l4, l.proto == 1 ? 0 : naive_pseudo_of(f, &l));
	if (l.fragment)
		sum = naive_sum((const uint8_t[]){(uint8_t)(f->hidden >> 8), (uint8_t)f->hidden}, 2, sum);
	sum = ~sum & 0xffff;
	put16(l4 + field, l.proto == 17 && sum == 0 ? 0xffff : sum);
}

/* ---- Making them: bytes are random before. Each returns where it ends. ---- */

static inline uint32_t flow_l4(struct random *random, struct flow_frame *f, uint32_t at, uint32_t proto)
{
	static const uint8_t icmp6_types[] = {1, 128, 129, 135, 135, 135, 136, 136, 136, 200};
	static const uint8_t icmp_types[] = {0, 3, 8, 8, 13, 14, 200};
	uint32_t payload = between(random, 0, 1) ? between(random, 0, 3) : between(random, 0, 1200);
	uint8_t *l4 = f->bytes + at;

	switch (proto) {
	case 6:
		l4[12] = (uint8_t)((l4[12] & 15) | between(random, 5, 15) << 4);
		return at + 4 * (l4[12] >> 4) + payload;
	case 17:
		put16(l4 + 4, 8 + payload);
		return at + 8 + payload;
	case 132:
		return at + 12 + payload;
	case 1:
		l4[0] = icmp_types[between(random, 0, sizeof(icmp_types) - 1)];
		return at + 4 + payload;
	case 58:
		l4[0] = icmp6_types[between(random, 0, sizeof(icmp6_types) - 1)];
		l4[1] = between(random, 0, 9) == 0;
		if (l4[0] != 135 && l4[0] != 136)
			return at + 4 + payload;
		at += 24;
		for (uint32_t n = between(random, 0, 3); n > 0; n--) {
			f->bytes[at] = (uint8_t)between(random, 1, 3);
			f->bytes[at + 1] = (uint8_t)between(random, between(random, 0, 9) ? 1 : 0, 2);
			at += 8u * (f->bytes[at + 1] ? f->bytes[at + 1] : 1u);
		}
		return at;
	default:
		return at + payload;
	}
}

static inline uint32_t flow_ipv4(struct random *random, struct flow_frame *f, uint32_t l3)
{
	static const uint8_t protos[] = {6, 6, 6, 17, 17, 17, 132, 1, 1, 47, 58, 2};
	uint32_t ihl = between(random, 0, 2) ? 5 : between(random, 5, 15), end;
	uint8_t *ip = f->bytes + l3;

	ip[0] = (uint8_t)(0x40 | ihl);
	ip[8] = (uint8_t)(between(random, 0, 3) ? ip[8] : between(random, 0, 2));
	ip[9] = protos[between(random, 0, sizeof(protos) - 1)];
	put16(ip + 6, between(random, 0, 4) ? 0x4000 : between(random, 0, 1) ? 0x2000 : between(random, 0, 0x3fff));
	end = flow_l4(random, f, l3 + 4 * ihl, ip[9]);
	put16(ip + 2, end - l3);
	return end;
}

static inline uint32_t flow_ipv6(struct random *random, struct flow_frame *f, uint32_t l3)
{
	static const uint8_t protos[] = {6, 6, 6, 17, 17, 17, 132, 58, 58, 58, 58, 47, 1, 59};
	static const uint8_t extensions[] = {0, 60, 43, 43, 44, 51};
	uint32_t n = between(random, 0, 2) ? 0 : between(random, 0, 9) ? between(random, 1, 4) : between(random, 7, 10);
	uint8_t *ip = f->bytes + l3, *next = ip + 6;
	uint32_t at = l3 + 40, end;

	ip[0] = (uint8_t)(0x60 | (ip[0] & 15));
	ip[7] = (uint8_t)(between(random, 0, 3) ? ip[7] : between(random, 0, 2));
	for (; n > 0; n--) {
		uint8_t *x = f->bytes + at, type = extensions[between(random, 0, sizeof(extensions) - 1)];

		*next = type;
		next = x;
		x[1] = (uint8_t)(type == 43 ? between(random, 2, 4) : between(random, 0, 3));
		x[3] &= type == 43 ? between(random, 0, 1) : 0xff;
		if (type == 44)
			put16(x + 2, between(random, 0, 1) ? 1 : between(random, 0, 2) ? 0 : get16(x + 2));
		at += type == 44 ? 8 : type == 51 ? 4 * (x[1] + 2u) : 8 * (x[1] + 1u);
	}
	*next = protos[between(random, 0, sizeof(protos) - 1)];
	end = flow_l4(random, f, at, *next);
	put16(ip + 4, end - l3 - 40);
	return end;
}

static inline uint32_t flow_arp(struct random *random, struct flow_frame *f, uint32_t at)
{
	static const uint8_t head[6] = {0, 1, 8, 0, 6, 4};

	memcpy(f->bytes + at, head, sizeof(head));
	if (between(random, 0, 3))
		put16(f->bytes + at + 6, between(random, 0, 4));
	return at + 28;
}

/* A frame, padded or not, with up to three tags; all of it is in hdr. */
static inline void flow_frame_make(struct random *random, struct flow_frame *f)
{
	static const uint16_t others[] = {0x0026, 0x05ff, 0x0600, 0x8847, 0x8035, 0x88cc};
	static const uint8_t tags[] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 3};
	uint32_t n_tags = tags[between(random, 0, sizeof(tags) - 1)], at = 14, kind = between(random, 0, 19), end;

	for (size_t i = 0; i < sizeof(f->bytes); i++)
		f->bytes[i] = (uint8_t)random_next(random);
	if (between(random, 0, 9) == 0)
		memset(f->bytes, 0xff, 6);
	for (uint32_t n = RTE_MIN(n_tags, 2u); n > 0; n--, at += 4)
		put16(f->bytes + at - 2, between(random, 0, 1) ? 0x8100 : 0x88a8);
	if (kind < 9) {
		put16(f->bytes + at - 2, 0x0800);
		end = flow_ipv4(random, f, at);
	} else if (kind < 17) {
		put16(f->bytes + at - 2, 0x86dd);
		end = flow_ipv6(random, f, at);
	} else if (kind < 19) {
		put16(f->bytes + at - 2, 0x0806);
		end = flow_arp(random, f, at);
	} else {
		put16(f->bytes + at - 2, others[between(random, 0, RTE_DIM(others) - 1)]);
		end = at + between(random, 0, 100);
	}
	f->len = end + (between(random, 0, 3) ? 0 : between(random, 0, 46));
	f->first = f->len;
	f->hidden = (uint32_t)(random_next(random) & 0xffff);
	flow_frame_sum(f);
	if (n_tags == 3) {
		memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
		f->len += 4;
		f->first += 4;
	}
}

#endif
