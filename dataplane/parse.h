/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the headers of a packet: Ethernet, up to two tags, IPv4 or IPv6 with its extension headers, TCP, UDP, ICMP.
 *
 * Every length is checked against the bytes there are, in hdr. A frame whose headers are cut off or contradict
 * each other is refused with the reason; what is not IP is not looked into.
 */
#ifndef HD_PARSE_H
#define HD_PARSE_H

#include "drop.h"
#include "pkt.h"

/*
 * Tags are 802.1Q's (0x8100) and service tags (0x88a8), in any order; behind two, a third is an Ethernet type. Only an
 * outer 0x8100 is a VLAN to the bridge: HD_PKT_TAGGED and tci. The others are looked through.
 *
 * Fill in eth_type, tci, flags, l3, l4 and l4_proto, and make the offload request sane. hdr, hdr_len, len and off are
 * given. Returns HD_DROP_NONE or the reason to drop the packet. Any thread.
 */
enum hd_drop hd_parse(struct hd_pkt *pkt);

/* The flow's hash over addresses and ports, for choosing a queue; never 0. The packet was accepted by hd_parse. */
uint32_t hd_parse_hash(struct hd_pkt *pkt);

#endif
