/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of packet headers. */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "offload.h"
#include "parse.h"

#define TAGS_MAX 2
#define EXTENSIONS_MAX 8 /* IPv6 extension headers; a chain that is longer has no L4 for us */

/* Big-endian 16 bits at an offset that the caller has checked. */
static inline uint16_t be16(const uint8_t *hdr, uint32_t off)
{
	return (uint16_t)(hdr[off] << 8 | hdr[off + 1]);
}

static inline bool is_tag(uint16_t type)
{
	return type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ;
}

/* The L4 header starts at `off` and the datagram ends at `end`: does the header fit? */
static enum hd_drop parse_l4(struct hd_pkt *pkt, uint32_t off, uint32_t end, uint8_t proto)
{
	uint32_t need;

	switch (proto) {
	case IPPROTO_TCP:
		if (off + sizeof(struct rte_tcp_hdr) > end || off + sizeof(struct rte_tcp_hdr) > pkt->hdr_len)
			return HD_DROP_MALFORMED_L4;
		need = (uint32_t)(pkt->hdr[off + 12] >> 4) * 4;
		if (need < sizeof(struct rte_tcp_hdr))
			return HD_DROP_MALFORMED_L4;
		break;
	case IPPROTO_UDP:
		need = 8;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		need = 4;
		break;
	default:
		return HD_DROP_NONE;
	}
	if (off + need > end || off + need > pkt->hdr_len)
		return HD_DROP_MALFORMED_L4;
	pkt->l4 = (uint8_t)off;
	pkt->l4_proto = proto;
	return HD_DROP_NONE;
}

static enum hd_drop parse_ipv4(struct hd_pkt *pkt, uint32_t off)
{
	const uint8_t *ip = pkt->hdr + off;
	uint32_t header, total;

	if (off + sizeof(struct rte_ipv4_hdr) > pkt->hdr_len)
		return HD_DROP_MALFORMED_IP;
	header = (ip[0] & 0xfu) * 4;
	total = be16(ip, 2);
	if (ip[0] >> 4 != 4 || header < sizeof(struct rte_ipv4_hdr) || total < header || off + header > pkt->hdr_len ||
	    off + total > pkt->len)
		return HD_DROP_MALFORMED_IP;
	pkt->l3 = (uint8_t)off;
	if (be16(ip, 6) & RTE_IPV4_HDR_OFFSET_MASK)
		return HD_DROP_NONE; /* a later fragment: no L4 header */
	if (be16(ip, 6) & RTE_IPV4_HDR_MF_FLAG)
		return HD_DROP_NONE; /* the first: its L4 header says nothing of the others */
	return parse_l4(pkt, off + header, off + total, ip[9]);
}

/*
 * Steps over one extension header (RFC 8200 section 4). Returns its length, 0 if `proto` is none, or -1 if it is cut
 * off. The offset stays below 256 (l4 is a byte): a chain that is longer counts as cut off.
 */
static int skip_extension(const struct hd_pkt *pkt, uint32_t off, uint32_t end, uint8_t proto)
{
	uint32_t length;

	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		if (off + 8 > end || off + 8 > pkt->hdr_len)
			return -1;
		length = (pkt->hdr[off + 1] + 1u) * 8;
		break;
	default:
		return 0;
	}
	if (off + length > end || off + length > pkt->hdr_len)
		return -1;
	return (int)length;
}

static enum hd_drop parse_ipv6(struct hd_pkt *pkt, uint32_t off)
{
	const uint8_t *ip = pkt->hdr + off;
	uint32_t at = off + sizeof(struct rte_ipv6_hdr);
	uint32_t end;
	uint8_t proto;

	if (at > pkt->hdr_len || ip[0] >> 4 != 6)
		return HD_DROP_MALFORMED_IP;
	end = at + be16(ip, 4); /* jumbograms (0 with an option that says more) exceed every MTU: malformed here */
	if (end > pkt->len)
		return HD_DROP_MALFORMED_IP;
	pkt->l3 = (uint8_t)off;
	proto = ip[6];
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		int length = skip_extension(pkt, at, end, proto);

		if (length < 0)
			return HD_DROP_MALFORMED_IP;
		if (length == 0)
			break;
		proto = pkt->hdr[at];
		at += (uint32_t)length;
		if (at > UINT8_MAX - sizeof(struct rte_tcp_hdr))
			return HD_DROP_NONE; /* legal, but deeper than we look: forwarded without L4 */
	}
	return parse_l4(pkt, at, end, proto);
}

static inline enum hd_drop parse_l3(struct hd_pkt *pkt, uint32_t off)
{
	if (pkt->eth_type == RTE_ETHER_TYPE_IPV4)
		return parse_ipv4(pkt, off);
	if (pkt->eth_type == RTE_ETHER_TYPE_IPV6)
		return parse_ipv6(pkt, off);
	return HD_DROP_NONE;
}

/*
 * The Ethernet header ends at `off` with the type of a tag that the bridge does not look at: the inner one of two, or
 * an outer service tag. What is behind it is found all the same.
 */
static __rte_noinline enum hd_drop parse_more_tags(struct hd_pkt *pkt, uint32_t off)
{
	const uint32_t last = RTE_ETHER_HDR_LEN + TAGS_MAX * sizeof(struct rte_vlan_hdr);

	while (off < last && is_tag(pkt->eth_type)) {
		off += sizeof(struct rte_vlan_hdr);
		if (pkt->hdr_len < off)
			return HD_DROP_MALFORMED_VLAN;
		pkt->eth_type = be16(pkt->hdr, off - 2);
	}
	return parse_l3(pkt, off);
}

static inline uint8_t address_class(const uint8_t *mac)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (likely((mac[0] & 1) == 0))
		return 0;
	return memcmp(mac, broadcast, 6) == 0 ? HD_PKT_BROADCAST : HD_PKT_MULTICAST;
}

enum hd_drop hd_parse(struct hd_pkt *pkt)
{
	uint32_t off = RTE_ETHER_HDR_LEN;
	enum hd_drop drop = HD_DROP_NONE;

	if (unlikely(pkt->hdr_len < off))
		return pkt->len < off ? HD_DROP_RUNT : HD_DROP_HEADER_SPLIT;
	pkt->flags = (uint8_t)((pkt->flags & ~(HD_PKT_TAGGED | HD_PKT_MULTICAST | HD_PKT_BROADCAST)) |
			       address_class(pkt->hdr));
	pkt->l3 = 0;
	pkt->l4 = 0;
	pkt->tci = 0;
	pkt->eth_type = be16(pkt->hdr, 12);
	if (pkt->eth_type == RTE_ETHER_TYPE_VLAN) {
		off += sizeof(struct rte_vlan_hdr);
		if (pkt->hdr_len < off)
			return HD_DROP_MALFORMED_VLAN;
		pkt->flags |= HD_PKT_TAGGED;
		pkt->tci = be16(pkt->hdr, 14);
		pkt->eth_type = be16(pkt->hdr, 16);
	}
	if (unlikely(is_tag(pkt->eth_type)))
		drop = parse_more_tags(pkt, off);
	else
		drop = parse_l3(pkt, off);
	if (drop == HD_DROP_NONE && unlikely(pkt->off.flags != 0 || pkt->off.gso != 0))
		drop = hd_offload_sanitise(pkt);
	return drop;
}

uint32_t hd_parse_hash(struct hd_pkt *pkt)
{
	uint64_t key[4] = {0}; /* aligned, as rte_hash_crc wants it */
	uint32_t hash;

	memcpy(key, pkt->hdr, 2 * RTE_ETHER_ADDR_LEN);
	hash = rte_hash_crc(key, 2 * RTE_ETHER_ADDR_LEN, pkt->vlan);
	if (pkt->l3 != 0 && pkt->eth_type == RTE_ETHER_TYPE_IPV4) {
		memcpy(key, pkt->hdr + pkt->l3 + 12, 8);
		hash = rte_hash_crc(key, 8, hash);
	} else if (pkt->l3 != 0) {
		memcpy(key, pkt->hdr + pkt->l3 + 8, 32);
		hash = rte_hash_crc(key, 32, hash);
	}
	if (pkt->l4 != 0 && (pkt->l4_proto == IPPROTO_TCP || pkt->l4_proto == IPPROTO_UDP)) {
		memcpy(key, pkt->hdr + pkt->l4, 4);
		hash = rte_hash_crc(key, 4, hash);
	}
	pkt->hash = hash != 0 ? hash : 1;
	return pkt->hash;
}
