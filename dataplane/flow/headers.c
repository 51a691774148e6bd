/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the search for headers beyond those that hd_parse finds. */
#include "headers.h"

#define EXTENSIONS_MAX 8 /* as hd_parse */
#define ND_OPTIONS_MAX 16
#define ND_LEN 24 /* ICMPv6 header and target */
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_OPTION_SLL 1
#define ND_OPTION_TLL 2

#define IPV4_MF 0x2000
#define IPV4_OFFSET 0x1fff
#define IPV6_MF 0x0001
#define IPV6_OFFSET 0xfff8

uint32_t hd_headers_arp(const struct hd_pkt *pkt)
{
	static const uint8_t ethernet_ipv4[6] = {0, 1, 0x08, 0x00, 6, 4};
	uint32_t off = HD_ETHER_LEN + HD_TAG_LEN * hd_headers_tags(pkt);

	if (pkt->eth_type != HD_TYPE_ARP || off + HD_ARP_LEN > pkt->hdr_len ||
	    memcmp(pkt->hdr + off, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0)
		return 0;
	return off;
}

/* Bytes of the L4 header without options; 0: not one of ours. */
static uint32_t l4_len(uint8_t proto, bool ipv6)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
		return 8;
	case IPPROTO_SCTP:
		return 12;
	case IPPROTO_ICMP:
		return ipv6 ? 0 : 4;
	case IPPROTO_ICMPV6:
		return ipv6 ? 4 : 0;
	default:
		return 0;
	}
}

static void place_l4(struct hd_headers *headers, uint32_t off, bool ipv6)
{
	uint32_t len = l4_len(headers->proto, ipv6);

	if (len != 0 && off + len <= headers->end)
		headers->l4 = off;
}

static void find_ipv4(struct hd_headers *headers, const struct hd_pkt *pkt)
{
	const uint8_t *ip = pkt->hdr + pkt->l3;
	uint32_t end = pkt->l3 + (uint32_t)hd_load16(ip + 2);
	uint16_t fragment = hd_load16(ip + 6);

	headers->end = end < pkt->hdr_len ? end : pkt->hdr_len;
	headers->proto = ip[9];
	if (fragment & (IPV4_MF | IPV4_OFFSET))
		headers->frag = HD_KEY_FRAG_ANY;
	if (fragment & IPV4_OFFSET)
		headers->frag |= HD_KEY_FRAG_LATER;
	else
		place_l4(headers, pkt->l3 + (ip[0] & 0xfu) * 4, false);
}

/* Bytes of an extension header whose first two are there; 0: it is none. */
static uint32_t extension_len(uint8_t proto, const uint8_t *extension)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (extension[1] + 1u) * 8;
	case IPPROTO_AH:
		return (extension[1] + 2u) * 4;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

/* What a header that is all there says. False: the walk ends, this is a later fragment. */
static bool take_extension(struct hd_headers *headers, const uint8_t *extension)
{
	uint16_t fragment;

	if (headers->proto == IPPROTO_ROUTING && extension[3] != 0)
		headers->routed = true;
	if (headers->proto == IPPROTO_FRAGMENT) {
		fragment = hd_load16(extension + 2);
		if (fragment & (IPV6_MF | IPV6_OFFSET)) /* else an atomic fragment: whole (RFC 6946) */
			headers->frag |= HD_KEY_FRAG_ANY;
		if (fragment & IPV6_OFFSET) {
			headers->frag |= HD_KEY_FRAG_LATER;
			return false;
		}
	}
	headers->proto = extension[0];
	return true;
}

static void find_ipv6(struct hd_headers *headers, const struct hd_pkt *pkt)
{
	const uint8_t *ip = pkt->hdr + pkt->l3;
	uint32_t at = pkt->l3 + HD_IPV6_LEN, end = at + hd_load16(ip + 4);
	static const uint8_t shortest[2] = {0, 0};

	headers->end = end < pkt->hdr_len ? end : pkt->hdr_len;
	headers->proto = ip[6];
	for (int i = 0; extension_len(headers->proto, shortest) != 0; i++) {
		uint32_t len = at + 8 <= headers->end ? extension_len(headers->proto, pkt->hdr + at) : 8;

		if (i == EXTENSIONS_MAX || at + len > headers->end) {
			headers->lost = true;
			return;
		}
		if (!take_extension(headers, pkt->hdr + at))
			return;
		at += len;
	}
	place_l4(headers, at, true);
}

void hd_headers_find(struct hd_headers *headers, const struct hd_pkt *pkt)
{
	*headers = (struct hd_headers){0};
	if (pkt->eth_type == HD_TYPE_IPV4)
		find_ipv4(headers, pkt);
	else
		find_ipv6(headers, pkt);
}

/*
 * The address in the one option of this type (RFC 4861 section 4.6.1), or 0. False if there are two, or one of length
 * zero: such a packet is to be ignored.
 */
static bool find_option(const struct hd_pkt *pkt, uint32_t at, uint32_t end, uint8_t type, uint32_t *address)
{
	for (int i = 0; i < ND_OPTIONS_MAX && at + 8 <= end; i++) {
		uint32_t len = pkt->hdr[at + 1] * 8u;

		if (len == 0)
			return false;
		if (pkt->hdr[at] == type && len == 8) {
			if (*address != 0)
				return false;
			*address = at + 2;
		}
		at += len;
	}
	return true;
}

bool hd_headers_find_nd(struct hd_headers_nd *nd, const struct hd_pkt *pkt, const struct hd_headers *headers)
{
	const uint8_t *icmp = pkt->hdr + headers->l4;
	bool sound;

	*nd = (struct hd_headers_nd){0};
	if (headers->l4 == 0 || headers->proto != IPPROTO_ICMPV6 || headers->l4 + ND_LEN > headers->end ||
	    (icmp[0] != ND_SOLICITATION && icmp[0] != ND_ADVERTISEMENT) || icmp[1] != 0)
		return false;
	nd->target = headers->l4 + 8;
	if (icmp[0] == ND_SOLICITATION)
		sound = find_option(pkt, headers->l4 + ND_LEN, headers->end, ND_OPTION_SLL, &nd->sll);
	else
		sound = find_option(pkt, headers->l4 + ND_LEN, headers->end, ND_OPTION_TLL, &nd->tll);
	if (!sound)
		*nd = (struct hd_headers_nd){0};
	return sound;
}
