/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What test_rewrite compares with: changes of flat frames, after which every checksum is computed from scratch. Include
 * after <check.h>.
 */
#ifndef NAIVE_REWRITE_H
#define NAIVE_REWRITE_H

#include "flow/rewrite.h"
#include "flow_frames.h"

/* Bit by bit, from the last of `bits`, which end `below` bits above the last of the `n` bytes at `at`. */
static inline void naive_bits(uint8_t *at, uint32_t n, uint32_t below, uint32_t bits, hd_u128 value, hd_u128 mask)
{
	for (uint32_t i = 0; i < bits; i++) {
		uint32_t bit = below + i;
		uint8_t *byte = at + n - 1 - bit / 8;

		if (mask >> i & 1)
			*byte = (uint8_t)((*byte & ~(1 << bit % 8)) | (int)(value >> i & 1) << bit % 8);
	}
}

/* A field that is plain bytes at `at`, if that is not 0. */
static inline bool naive_put(struct flow_frame *f, uint32_t at, uint32_t n, hd_u128 value, hd_u128 mask)
{
	if (at != 0)
		naive_bits(f->bytes + at, n, 0, 8 * n, value, mask);
	return at != 0;
}

static inline bool naive_set_tag(struct flow_frame *f, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	bool inner = field >= HD_FIELD_VLAN_TCI2;
	uint8_t *tci = f->bytes + (inner ? 18 : 14);

	if (naive_layout(f, f->first).n_tags <= inner)
		return false;
	if (field == HD_FIELD_VLAN_TCI || field == HD_FIELD_VLAN_TCI2) {
		if ((mask >> 12 & 1) && !(value >> 12 & 1))
			return false;
		naive_bits(tci, 2, 13, 3, value >> 13, mask >> 13);
	} else if (field == HD_FIELD_VLAN_PCP || field == HD_FIELD_VLAN_PCP2) {
		naive_bits(tci, 2, 13, 3, value, mask);
		return true;
	}
	naive_bits(tci, 2, 0, 12, value, mask);
	return true;
}

static inline bool naive_set_arp(struct flow_frame *f, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	struct layout l = naive_layout(f, f->first);

	if (!l.arp)
		return false;
	switch (field) {
	case HD_FIELD_ARP_OP:
		if (f->bytes[l.l3 + 6] != 0)
			put16(f->bytes + l.l3 + 6, 0);
		return naive_put(f, l.l3 + 7, 1, value, mask);
	case HD_FIELD_ARP_SPA:
		return naive_put(f, l.l3 + 14, 4, value, mask);
	case HD_FIELD_ARP_TPA:
		return naive_put(f, l.l3 + 24, 4, value, mask);
	case HD_FIELD_ARP_SHA:
		return naive_put(f, l.l3 + 8, 6, value, mask);
	default:
		return naive_put(f, l.l3 + 18, 6, value, mask);
	}
}

/* May addresses change? */
static inline bool naive_address_ok(const struct layout *l)
{
	bool summed = l->lost || l->proto == 6 || l->proto == 17 || (l->proto == 58 && l->ipv6);

	return l->l4 != 0 || l->later || !summed;
}

static inline bool naive_set_ip(struct flow_frame *f, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	struct layout l = naive_layout(f, f->first);
	uint8_t *ip = f->bytes + l.l3;
	uint32_t below = l.ipv4 ? 0 : 4; /* where the traffic class ends */

	if (!l.ipv4 && !l.ipv6)
		return false;
	switch (field) {
	case HD_FIELD_IPV4_SRC:
		return l.ipv4 && naive_address_ok(&l) && naive_put(f, l.l3 + 12, 4, value, mask);
	case HD_FIELD_IPV4_DST:
		return l.ipv4 && naive_address_ok(&l) && naive_put(f, l.l3 + 16, 4, value, mask);
	case HD_FIELD_IPV6_SRC:
		return l.ipv6 && naive_address_ok(&l) && naive_put(f, l.l3 + 8, 16, value, mask);
	case HD_FIELD_IPV6_DST:
		return l.ipv6 && naive_address_ok(&l) && naive_put(f, l.l3 + 24, 16, value, mask);
	case HD_FIELD_IPV6_LABEL:
		if (l.ipv6)
			naive_bits(ip, 4, 0, 20, value, mask);
		return l.ipv6;
	case HD_FIELD_IP_TOS:
		naive_bits(ip, 2, below + 2, 6, value >> 2, mask >> 2);
		return true;
	case HD_FIELD_IP_DSCP:
		naive_bits(ip, 2, below + 2, 6, value, mask);
		return true;
	case HD_FIELD_IP_ECN:
		naive_bits(ip, 2, below, 2, value, mask);
		return true;
	default: /* TTL */
		return naive_put(f, l.l3 + (l.ipv4 ? 8 : 7), 1, value, mask);
	}
}

/* The place of a port, or 0. */
static inline uint32_t naive_port_at(const struct layout *l, bool dst, uint32_t proto)
{
	bool ports = l->proto == 6 || l->proto == 17 || (l->proto == 132 && !l->fragment);

	if (l->l4 == 0 || !ports || (proto != 0 && proto != l->proto))
		return 0;
	return l->l4 + (dst ? 2 : 0);
}

static inline bool naive_set_l4(struct flow_frame *f, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	struct layout l = naive_layout(f, f->first);

	switch (field) {
	case HD_FIELD_TCP_SRC:
	case HD_FIELD_TCP_DST:
		return naive_put(f, naive_port_at(&l, field == HD_FIELD_TCP_DST, 6), 2, value, mask);
	case HD_FIELD_UDP_SRC:
	case HD_FIELD_UDP_DST:
		return naive_put(f, naive_port_at(&l, field == HD_FIELD_UDP_DST, 17), 2, value, mask);
	case HD_FIELD_SCTP_SRC:
	case HD_FIELD_SCTP_DST:
		return naive_put(f, naive_port_at(&l, field == HD_FIELD_SCTP_DST, 132), 2, value, mask);
	case HD_FIELD_TP_SRC:
	case HD_FIELD_TP_DST:
		return naive_put(f, naive_port_at(&l, field == HD_FIELD_TP_DST, 0), 2, value, mask);
	case HD_FIELD_ICMP_TYPE:
		return l.proto == 1 && naive_put(f, l.l4, 1, value, mask);
	case HD_FIELD_ICMP_CODE:
		return l.proto == 1 && l.l4 != 0 && naive_put(f, l.l4 + 1, 1, value, mask);
	case HD_FIELD_ICMP6_TYPE:
		return l.proto == 58 && naive_put(f, l.l4, 1, value, mask);
	case HD_FIELD_ICMP6_CODE:
		return l.proto == 58 && l.l4 != 0 && naive_put(f, l.l4 + 1, 1, value, mask);
	case HD_FIELD_ND_TARGET:
		return naive_put(f, l.nd_target, 16, value, mask);
	case HD_FIELD_ND_SLL:
		return naive_put(f, l.nd_sll, 6, value, mask);
	case HD_FIELD_ND_TLL:
		return naive_put(f, l.nd_tll, 6, value, mask);
	default: /* tcp_flags */
		return false;
	}
}

static inline bool naive_set(struct flow_frame *f, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	bool done = true;

	if (field == HD_FIELD_ETH_TYPE || field == HD_FIELD_IP_PROTO || field == HD_FIELD_IP_FRAG)
		return false;
	if (field == HD_FIELD_ETH_SRC || field == HD_FIELD_ETH_DST)
		naive_bits(f->bytes, 12, field == HD_FIELD_ETH_SRC ? 0 : 48, 48, value, mask);
	else if (field >= HD_FIELD_VLAN_TCI && field <= HD_FIELD_VLAN_PCP2)
		done = naive_set_tag(f, field, value, mask);
	else if (field >= HD_FIELD_IPV4_SRC && field <= HD_FIELD_IP_TTL)
		done = naive_set_ip(f, field, value, mask);
	else if (field >= HD_FIELD_ARP_OP && field <= HD_FIELD_ARP_THA)
		done = naive_set_arp(f, field, value, mask);
	else if (field >= HD_FIELD_TCP_SRC && field <= HD_FIELD_ND_TLL)
		done = naive_set_l4(f, field, value, mask);
	flow_frame_sum(f);
	return done;
}

static inline bool naive_push(struct flow_frame *f, uint16_t type)
{
	uint32_t n = naive_layout(f, f->first).n_tags;

	if (n == 2 || (type != 0x8100 && type != 0x88a8))
		return false;
	memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
	put16(f->bytes + 12, type);
	put16(f->bytes + 14, n > 0 ? get16(f->bytes + 18) : 0);
	f->len += 4;
	f->first += 4;
	return true;
}

static inline bool naive_pop(struct flow_frame *f)
{
	if (naive_layout(f, f->first).n_tags == 0)
		return false;
	memmove(f->bytes + 12, f->bytes + 16, f->len - 16);
	f->len -= 4;
	f->first -= 4;
	return true;
}

static inline bool naive_dec_ttl(struct flow_frame *f)
{
	struct layout l = naive_layout(f, f->first);
	uint8_t *ttl = f->bytes + l.l3 + (l.ipv4 ? 8 : 7);

	if ((!l.ipv4 && !l.ipv6) || *ttl <= 1)
		return false;
	--*ttl;
	flow_frame_sum(f);
	return true;
}

/* The place of an ICMP message's identifier, or 0. */
static inline uint32_t naive_identifier_at(const struct flow_frame *f, const struct layout *l)
{
	static const uint8_t icmp[] = {0, 8, 13, 14, 15, 16, 17, 18}, icmp6[] = {128, 129};
	uint32_t reach = RTE_MIN(l->end, f->first);

	if (l->l4 == 0 || l->l4 + 6 > reach || (l->proto != 1 && l->proto != 58))
		return 0;
	if (l->ipv4)
		return memchr(icmp, f->bytes[l->l4], sizeof(icmp)) != NULL ? l->l4 + 4 : 0;
	return memchr(icmp6, f->bytes[l->l4], sizeof(icmp6)) != NULL ? l->l4 + 4 : 0;
}

static inline bool naive_tuple(struct flow_frame *f, const struct hd_rewrite_tuple *tuple)
{
	struct layout l = naive_layout(f, f->first);
	uint32_t src = naive_port_at(&l, false, 0), dst = naive_port_at(&l, true, 0), size = l.ipv4 ? 4 : 16;
	uint32_t id = naive_identifier_at(f, &l);
	bool ports = (tuple->set_src_port || tuple->set_dst_port) && !l.later;

	if ((!l.ipv4 && !l.ipv6) || ((tuple->src != NULL || tuple->dst != NULL) && !naive_address_ok(&l)) ||
	    (ports && src == 0 && id == 0))
		return false;
	if (tuple->src != NULL)
		memcpy(f->bytes + l.l3 + (l.ipv4 ? 12 : 8), tuple->src, size);
	if (tuple->dst != NULL)
		memcpy(f->bytes + l.l3 + (l.ipv4 ? 16 : 24), tuple->dst, size);
	if (ports && tuple->set_dst_port)
		memcpy(f->bytes + (dst != 0 ? dst : id), &tuple->dst_port, 2);
	if (ports && tuple->set_src_port)
		memcpy(f->bytes + (src != 0 ? src : id), &tuple->src_port, 2);
	flow_frame_sum(f);
	return true;
}

#endif
