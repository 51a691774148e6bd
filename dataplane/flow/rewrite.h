/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes to a packet's headers: fields, tags, TTL. Checksums that cover what is changed are kept right: IPv4's header
 * checksum, TCP's, UDP's (0, "none", stays none) and ICMPv6's by RFC 1624, SCTP's as CRCs allow; also when the packet's
 * checksum is still to be completed (HD_OFF_NEEDS_CSUM: then the field holds the pseudo-header's sum and only addresses
 * count). A checksum that was wrong stays wrong. Nothing behind the L4 header is looked at: addresses in the packets
 * that ICMP errors quote stay.
 *
 * The packet was accepted by hd_parse; hdr, l3, l4, l4_proto, eth_type, tci and flags are kept right, as hd_parse and
 * hd_key_extract would find them. Bytes behind hdr are never touched: a header that lies there can't be changed.
 * PMD threads.
 */
#ifndef HD_FLOW_REWRITE_H
#define HD_FLOW_REWRITE_H

#include "../pkt.h"
#include "field.h"

/*
 * Set the bits `mask` of a field to `value`; other bits of `value` don't matter. Fields that are the switch's own
 * (in_port, registers, metadata, ct_*...) are not the packet's and are ignored. Returns false, and changes nothing, if
 * the packet does not have the field, it is out of reach, or it is not writable: eth_type, ip_proto, ip_frag,
 * tcp_flags.
 *
 * vlan_tci, vlan_vid and vlan_pcp need a tag, and keep its DEI; vlan_tci without HD_KEY_VLAN_PRESENT (where the mask
 * has it) is refused: pop the tag. Of nw_tos the upper six bits are set. ND link-layer addresses need the option.
 * SCTP's ports can't be set in fragments: the checksum covers the whole. IPv6 addresses of packets whose L4 header is
 * behind more extension headers than we follow, or behind hdr, can't be set.
 */
bool hd_rewrite_set(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask);

/*
 * A new outer tag, VLAN 0 and priority 0 (a copy of the former outer tag's, as 802.1Q and OVS do, if there is one).
 * False if there is no room in front of hdr (mbufs only: HD_HEADROOM is enough, as packets have at most two tags after
 * a push) or there are two tags already. ethertype: 0x8100 or 0x88a8, others are refused.
 */
bool hd_rewrite_push_vlan(struct hd_pkt *pkt, uint16_t ethertype);
/* Remove the outer tag. False if there is none. */
bool hd_rewrite_pop_vlan(struct hd_pkt *pkt);

/* Less one. False, and unchanged, if it is 0 or 1: the packet is to be dropped. False as well if it is not IP. */
bool hd_rewrite_dec_ttl(struct hd_pkt *pkt);

/*
 * For NAT: both addresses' and ports' changes at once, or none (false). Ports are L4's: of TCP, UDP, SCTP; of ICMP and
 * ICMPv6 the identifier, in both (src_port, if both are set), of those types that have one. Later fragments have no
 * ports: theirs are not looked at.
 */
struct hd_rewrite_tuple {
	const uint8_t *src, *dst;    /* 4 or 16 bytes, as the packet's version; NULL: leave */
	uint16_t src_port, dst_port; /* network order */
	bool set_src_port, set_dst_port;
};
bool hd_rewrite_tuple(struct hd_pkt *pkt, const struct hd_rewrite_tuple *tuple);

#endif
