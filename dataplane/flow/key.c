/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of flow keys from packets. */
#include "headers.h"
#include "key_extract.h"

#define TYPE_802_3 0x05ff    /* what the key says of frames with a length instead of a type */
#define TYPE_MIN 0x0600      /* IEEE 802.3-2018 section 3.2.6 */
#define TCP_FLAGS_MASK 0xfff /* the data offset is in front of them */

/* With its TCI, a tag is there: the bit that says so is where CFI and DEI are. */
static uint16_t tag_of(const uint8_t *tci)
{
	return (uint16_t)htons(hd_load16(tci) | HD_KEY_VLAN_PRESENT);
}

static void extract_ethernet(struct hd_key *key, const struct hd_pkt *pkt)
{
	uint32_t tags = hd_headers_tags(pkt);

	memcpy(key->eth_dst, pkt->hdr, 6);
	memcpy(key->eth_src, pkt->hdr + 6, 6);
	key->eth_type = htons(pkt->eth_type < TYPE_MIN ? TYPE_802_3 : pkt->eth_type);
	if (tags > 0)
		key->vlan_tci = tag_of(pkt->hdr + HD_ETHER_LEN);
	if (tags > 1)
		key->vlan_tci2 = tag_of(pkt->hdr + HD_ETHER_LEN + HD_TAG_LEN);
}

static void extract_arp(struct hd_key *key, const uint8_t *arp)
{
	uint16_t op = hd_load16(arp + 6);

	key->ip_proto = op <= UINT8_MAX ? (uint8_t)op : 0;
	memcpy(key->arp_sha, arp + 8, 6);
	memcpy(&key->ipv4_src, arp + 14, 4);
	memcpy(key->arp_tha, arp + 18, 6);
	memcpy(&key->ipv4_dst, arp + 24, 4);
}

static void extract_nd(struct hd_key *key, const struct hd_pkt *pkt, const struct hd_headers *headers)
{
	struct hd_headers_nd nd;

	if (!hd_headers_find_nd(&nd, pkt, headers))
		return;
	memcpy(key->nd_target, pkt->hdr + nd.target, 16);
	if (nd.sll != 0)
		memcpy(key->arp_sha, pkt->hdr + nd.sll, 6);
	if (nd.tll != 0)
		memcpy(key->arp_tha, pkt->hdr + nd.tll, 6);
}

static void extract_l4(struct hd_key *key, const struct hd_pkt *pkt, const struct hd_headers *headers)
{
	const uint8_t *l4 = pkt->hdr + headers->l4;

	switch (headers->proto) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		key->tp_src = htons(l4[0]);
		key->tp_dst = htons(l4[1]);
		extract_nd(key, pkt, headers);
		break;
	case IPPROTO_TCP:
		key->tcp_flags = htons(hd_load16(l4 + 12) & TCP_FLAGS_MASK);
		/* fall through */
	default:
		memcpy(&key->tp_src, l4, 2);
		memcpy(&key->tp_dst, l4 + 2, 2);
		break;
	}
}

static void extract_ip(struct hd_key *key, const struct hd_pkt *pkt)
{
	const uint8_t *ip = pkt->hdr + pkt->l3;
	struct hd_headers headers;

	if (pkt->eth_type == HD_TYPE_IPV4) {
		key->ip_tos = ip[1];
		key->ip_ttl = ip[8];
		memcpy(&key->ipv4_src, ip + 12, 4);
		memcpy(&key->ipv4_dst, ip + 16, 4);
	} else {
		key->ip_tos = (uint8_t)(hd_load16(ip) >> 4);
		key->ip_ttl = ip[7];
		key->ipv6_label = htonl((uint32_t)(ip[1] & 0xf) << 16 | hd_load16(ip + 2));
		memcpy(key->ipv6_src, ip + 8, 16);
		memcpy(key->ipv6_dst, ip + 24, 16);
	}
	hd_headers_find(&headers, pkt);
	key->ip_proto = headers.proto;
	key->ip_frag = headers.frag;
	if (headers.l4 != 0)
		extract_l4(key, pkt, &headers);
}

void hd_key_extract(struct hd_key *key, const struct hd_pkt *pkt, uint16_t ofport)
{
	uint32_t arp;

	memset(key->word, 0, HD_KEY_IPV4_WORDS * sizeof(key->word[0]));
	hd_key_zero_rest(key);
	key->in_port = ofport;
	extract_ethernet(key, pkt);
	if (pkt->l3 != 0) {
		extract_ip(key, pkt);
		return;
	}
	arp = hd_headers_arp(pkt);
	if (arp != 0)
		extract_arp(key, pkt->hdr + arp);
}
