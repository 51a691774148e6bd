/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the setting of fields: which part of a packet each is. */
#include "rewrite_impl.h"

#define VID_MASK 0x0fffu
#define PCP_SHIFT 13
#define DSCP_SHIFT 2
#define DSCP_MASK 0xfcu
#define ECN_MASK 0x03u

#define ARP_OP 6
#define ARP_SHA 8
#define ARP_SPA 14
#define ARP_THA 18
#define ARP_TPA 24

static bool set_eth(struct hd_pkt *pkt, uint32_t off, hd_u128 value, hd_u128 mask)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t *mac = pkt->hdr + off;

	hd_merge(mac, mac, 6, value, mask);
	if (off != 0)
		return true;
	pkt->flags &= (uint8_t) ~(HD_PKT_MULTICAST | HD_PKT_BROADCAST);
	if (mac[0] & 1)
		pkt->flags |= memcmp(mac, broadcast, 6) == 0 ? HD_PKT_BROADCAST : HD_PKT_MULTICAST;
	return true;
}

static bool set_tci(struct hd_pkt *pkt, uint32_t n, hd_u128 value, hd_u128 mask)
{
	if ((mask & HD_KEY_VLAN_PRESENT) && !(value & HD_KEY_VLAN_PRESENT))
		return false;
	return hd_rewrite_tci(pkt, n, (uint16_t)value, (uint16_t)mask);
}

static bool set_vid(struct hd_pkt *pkt, uint32_t n, hd_u128 value, hd_u128 mask)
{
	return hd_rewrite_tci(pkt, n, (uint16_t)value, (uint16_t)(mask & VID_MASK));
}

static bool set_pcp(struct hd_pkt *pkt, uint32_t n, hd_u128 value, hd_u128 mask)
{
	return hd_rewrite_tci(pkt, n, (uint16_t)(value << PCP_SHIFT), (uint16_t)(mask << PCP_SHIFT));
}

static bool set_arp(struct hd_pkt *pkt, uint32_t field, uint32_t n, hd_u128 value, hd_u128 mask)
{
	uint32_t arp = hd_headers_arp(pkt);
	uint8_t *at = pkt->hdr + arp + field;

	if (arp == 0)
		return false;
	if (field == ARP_OP && at[0] != 0)
		hd_store16(at, 0); /* as keys have it */
	hd_merge(at, at, n, value, mask);
	return true;
}

/* Fields of Ethernet, tags and ARP. */
static bool set_l2(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	switch (field) {
	case HD_FIELD_ETH_SRC:
		return set_eth(pkt, 6, value, mask);
	case HD_FIELD_ETH_DST:
		return set_eth(pkt, 0, value, mask);
	case HD_FIELD_VLAN_TCI:
		return set_tci(pkt, 0, value, mask);
	case HD_FIELD_VLAN_VID:
		return set_vid(pkt, 0, value, mask);
	case HD_FIELD_VLAN_PCP:
		return set_pcp(pkt, 0, value, mask);
	case HD_FIELD_VLAN_TCI2:
		return set_tci(pkt, 1, value, mask);
	case HD_FIELD_VLAN_VID2:
		return set_vid(pkt, 1, value, mask);
	case HD_FIELD_VLAN_PCP2:
		return set_pcp(pkt, 1, value, mask);
	case HD_FIELD_ARP_OP:
		return set_arp(pkt, ARP_OP, 2, value, mask & UINT8_MAX);
	case HD_FIELD_ARP_SPA:
		return set_arp(pkt, ARP_SPA, 4, value, mask);
	case HD_FIELD_ARP_TPA:
		return set_arp(pkt, ARP_TPA, 4, value, mask);
	case HD_FIELD_ARP_SHA:
		return set_arp(pkt, ARP_SHA, 6, value, mask);
	case HD_FIELD_ARP_THA:
		return set_arp(pkt, ARP_THA, 6, value, mask);
	default: /* eth_type */
		return false;
	}
}

bool hd_rewrite_set(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	switch (field) {
	case HD_FIELD_IPV4_SRC:
	case HD_FIELD_IPV4_DST:
	case HD_FIELD_IPV6_SRC:
	case HD_FIELD_IPV6_DST:
		return hd_rewrite_address(pkt, field, value, mask);
	case HD_FIELD_IPV6_LABEL:
		return hd_rewrite_label(pkt, (uint32_t)value, (uint32_t)mask);
	case HD_FIELD_IP_TOS:
		return hd_rewrite_tos(pkt, (uint8_t)value, (uint8_t)(mask & DSCP_MASK));
	case HD_FIELD_IP_DSCP:
		return hd_rewrite_tos(pkt, (uint8_t)(value << DSCP_SHIFT), (uint8_t)(mask << DSCP_SHIFT));
	case HD_FIELD_IP_ECN:
		return hd_rewrite_tos(pkt, (uint8_t)value, (uint8_t)(mask & ECN_MASK));
	case HD_FIELD_IP_TTL:
		return hd_rewrite_ttl(pkt, (uint8_t)value, (uint8_t)mask);
	case HD_FIELD_TCP_SRC:
	case HD_FIELD_TCP_DST:
	case HD_FIELD_UDP_SRC:
	case HD_FIELD_UDP_DST:
	case HD_FIELD_SCTP_SRC:
	case HD_FIELD_SCTP_DST:
	case HD_FIELD_TP_SRC:
	case HD_FIELD_TP_DST:
		return hd_rewrite_port(pkt, field, value, mask);
	case HD_FIELD_ICMP_TYPE:
	case HD_FIELD_ICMP_CODE:
	case HD_FIELD_ICMP6_TYPE:
	case HD_FIELD_ICMP6_CODE:
		return hd_rewrite_icmp(pkt, field, value, mask);
	case HD_FIELD_ND_TARGET:
	case HD_FIELD_ND_SLL:
	case HD_FIELD_ND_TLL:
		return hd_rewrite_nd(pkt, field, value, mask);
	case HD_FIELD_IP_PROTO:
	case HD_FIELD_IP_FRAG:
	case HD_FIELD_TCP_FLAGS:
		return false;
	default:
		return field == HD_FIELD_IN_PORT || field >= HD_FIELD_CT_STATE || set_l2(pkt, field, value, mask);
	}
}
