/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes to a packet's headers: fields, tags, TTL. Checksums that cover what is changed are kept right: IPv4's header
 * checksum, TCP's, UDP's (0, "none", stays none) and ICMPv6's by RFC 1624, also when the packet's checksum is still to
 * be completed (HD_OFF_NEEDS_CSUM: then the field holds the pseudo-header's sum and only addresses count).
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
 * Set the bits `mask` of a field to `value`. Fields that are the switch's own (registers, metadata...) are not the
 * packet's and are ignored. Returns false, and changes nothing, if the packet does not have the field or it is out of
 * reach.
 */
bool hd_rewrite_set(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask);

/* A new outer tag, VLAN 0 and priority 0 (a copy of the former outer tag's, as 802.1Q and OVS do, if there is one).
 * False if there is no room in front of hdr or there are two tags already. ethertype: 0x8100 or 0x88a8. */
bool hd_rewrite_push_vlan(struct hd_pkt *pkt, uint16_t ethertype);
/* Remove the outer tag. False if there is none. */
bool hd_rewrite_pop_vlan(struct hd_pkt *pkt);

/* Less one. False, and unchanged, if it is 0 or 1: the packet is to be dropped. */
bool hd_rewrite_dec_ttl(struct hd_pkt *pkt);

/* For NAT: both addresses' and ports' changes at once; network order; ports are L4's (ICMP: the identifier, in both).
 */
struct hd_rewrite_tuple {
	const uint8_t *src, *dst;    /* 4 or 16 bytes, as the packet's version; NULL: leave */
	uint16_t src_port, dst_port; /* network order */
	bool set_src_port, set_dst_port;
};
bool hd_rewrite_tuple(struct hd_pkt *pkt, const struct hd_rewrite_tuple *tuple);

#endif
