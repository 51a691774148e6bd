/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns changes to ICMP and ICMPv6: type, code, and what neighbour discovery says. */
#include "rewrite_impl.h"

bool hd_rewrite_icmp(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	bool ipv6 = field == HD_FIELD_ICMP6_TYPE || field == HD_FIELD_ICMP6_CODE;
	bool type = field == HD_FIELD_ICMP_TYPE || field == HD_FIELD_ICMP6_TYPE;
	struct hd_headers headers;
	uint8_t word[2], *icmp;

	if (ipv6 ? !hd_pkt_is_ipv6(pkt) : !hd_pkt_is_ipv4(pkt))
		return false;
	hd_headers_find(&headers, pkt);
	if (headers.l4 == 0 || headers.proto != (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return false;
	icmp = pkt->hdr + headers.l4;
	mask &= UINT8_MAX;
	hd_merge(word, icmp, 2, type ? value << 8 : value, type ? mask << 8 : mask);
	hd_l4_checksum_update(pkt, &headers, 0, hd_sum_replace(icmp, word, 2));
	return true;
}

bool hd_rewrite_nd(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	uint32_t n = field == HD_FIELD_ND_TARGET ? 16 : 6, off;
	struct hd_headers headers;
	struct hd_headers_nd nd;
	uint8_t address[16], *at;

	if (!hd_pkt_is_ipv6(pkt))
		return false;
	hd_headers_find(&headers, pkt);
	if (!hd_headers_find_nd(&nd, pkt, &headers))
		return false;
	off = field == HD_FIELD_ND_TARGET ? nd.target : field == HD_FIELD_ND_SLL ? nd.sll : nd.tll;
	if (off == 0)
		return false;
	at = pkt->hdr + off;
	hd_merge(address, at, n, value, mask);
	hd_l4_checksum_update(pkt, &headers, 0, hd_sum_replace(at, address, n));
	return true;
}
