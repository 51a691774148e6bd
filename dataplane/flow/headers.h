/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the headers that rules look at and change are in a packet: what key extraction and rewriting agree on.
 *
 * The packet was accepted by hd_parse. This looks further: at tags, at the L4 header of first fragments, behind
 * extension headers that hd_parse does not step over, at the options of neighbour discovery. Only hdr is read. No DPDK;
 * any thread; work bounded by constants.
 */
#ifndef HD_FLOW_HEADERS_H
#define HD_FLOW_HEADERS_H

#include <netinet/in.h>
#include <string.h>

#include "../pkt.h"
#include "key.h"

#define HD_TAGS_MAX 2 /* looked at: what lies behind them is an Ethernet type, whatever it is */
#define HD_TAG_LEN 4

#define HD_TYPE_IPV4 0x0800
#define HD_TYPE_ARP 0x0806
#define HD_TYPE_VLAN 0x8100
#define HD_TYPE_QINQ 0x88a8
#define HD_TYPE_IPV6 0x86dd

#define HD_ETHER_LEN 14
#define HD_ARP_LEN 28 /* of Ethernet and IPv4 */
#define HD_IPV6_LEN 40

static inline uint16_t hd_load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void hd_store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline bool hd_type_is_tag(uint16_t type)
{
	return type == HD_TYPE_VLAN || type == HD_TYPE_QINQ;
}

/* Tags that the packet wears, at most HD_TAGS_MAX; the n-th one's TCI is at 14 + 4 * n. */
static inline uint32_t hd_headers_tags(const struct hd_pkt *pkt)
{
	uint32_t n = 0, end = HD_ETHER_LEN;

	while (n < HD_TAGS_MAX && hd_type_is_tag(hd_load16(pkt->hdr + end - 2)) && end + HD_TAG_LEN <= pkt->hdr_len) {
		end += HD_TAG_LEN;
		n++;
	}
	return n;
}

/* Offset of the ARP packet, if it is one of Ethernet and IPv4 and all of it is in hdr; else 0. */
uint32_t hd_headers_arp(const struct hd_pkt *pkt);

/* Behind the IP header, of packets with l3. */
struct hd_headers {
	uint32_t l4;   /* offset of the L4 header; 0: a protocol we don't know, a later fragment, or not all in hdr */
	uint32_t end;  /* of the datagram, as far as it is in hdr */
	uint8_t proto; /* behind extension headers; of IPv6's later fragments 44, as in OVS */
	uint8_t frag;  /* HD_KEY_FRAG_* */
	bool routed;   /* IPv6: a routing header has segments left, so the IP header's destination is not the last */
	bool lost;     /* IPv6: a longer chain of extension headers than we follow, or cut off; proto is one of them */
};

void hd_headers_find(struct hd_headers *headers, const struct hd_pkt *pkt);

/* Neighbour discovery, of ICMPv6 with l4. Offsets, 0: not there. */
struct hd_headers_nd {
	uint32_t target;
	uint32_t sll, tll; /* addresses in the source's option of a solicitation, the target's of an advertisement */
};

/* False if it is something else, cut off, or its options contradict themselves (then nothing is there). */
bool hd_headers_find_nd(struct hd_headers_nd *nd, const struct hd_pkt *pkt, const struct hd_headers *headers);

#endif
