/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns changes to IP headers that are nobody else's business: TTL, DSCP and ECN, flow label. */
#include "rewrite_impl.h"

#define IPV4_TTL 8 /* in a word with the protocol */
#define IPV4_CHECKSUM 10
#define IPV6_HOP_LIMIT 7

/* Replace a 16-bit word of an IPv4 header. */
static void replace_word(uint8_t *ip, uint32_t off, uint8_t high, uint8_t low)
{
	const uint8_t word[2] = {high, low};

	hd_sum_update(ip + IPV4_CHECKSUM, hd_sum_replace(ip + off, word, sizeof(word)));
}

bool hd_rewrite_ttl(struct hd_pkt *pkt, uint8_t value, uint8_t mask)
{
	uint8_t *ip = pkt->hdr + pkt->l3;

	if (hd_pkt_is_ipv4(pkt))
		replace_word(ip, IPV4_TTL, (uint8_t)((ip[IPV4_TTL] & ~mask) | (value & mask)), ip[IPV4_TTL + 1]);
	else if (hd_pkt_is_ipv6(pkt))
		ip[IPV6_HOP_LIMIT] = (uint8_t)((ip[IPV6_HOP_LIMIT] & ~mask) | (value & mask));
	return pkt->l3 != 0;
}

bool hd_rewrite_dec_ttl(struct hd_pkt *pkt)
{
	uint8_t ttl = pkt->hdr[pkt->l3 + (hd_pkt_is_ipv4(pkt) ? IPV4_TTL : IPV6_HOP_LIMIT)];

	return pkt->l3 != 0 && ttl > 1 && hd_rewrite_ttl(pkt, ttl - 1, UINT8_MAX);
}

bool hd_rewrite_tos(struct hd_pkt *pkt, uint8_t value, uint8_t mask)
{
	uint8_t *ip = pkt->hdr + pkt->l3;

	if (hd_pkt_is_ipv4(pkt))
		replace_word(ip, 0, ip[0], (uint8_t)((ip[1] & ~mask) | (value & mask)));
	else if (hd_pkt_is_ipv6(pkt)) /* the traffic class is across two bytes */
		hd_merge(ip, ip, 2, (uint32_t)value << 4, (uint32_t)mask << 4);
	return pkt->l3 != 0;
}

bool hd_rewrite_label(struct hd_pkt *pkt, uint32_t value, uint32_t mask)
{
	uint8_t *label = pkt->hdr + pkt->l3 + 1;

	if (!hd_pkt_is_ipv6(pkt))
		return false;
	hd_merge(label, label, 3, value, mask & 0xfffff);
	return true;
}
