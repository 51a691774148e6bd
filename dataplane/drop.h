/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a packet was dropped: the one list that gives the enum, the name in JSON, the text and the counter.
 *
 * Reasons up to HD_DROP_LAST_INGRESS are counted at the port the packet came in by, the others at the port
 * it should have left by.
 */
#ifndef HD_DROP_H
#define HD_DROP_H

#define HD_DROP_LIST(X)                                                                                                \
	X(RX_ADDRESS, "rx-address", "the guest's buffer is not in its memory")                                         \
	X(RX_SHORT, "rx-short", "the guest's buffer holds no more than a virtio-net header")                           \
	X(RX_LONG, "rx-long", "the guest's frame is longer than any frame")                                            \
	X(RX_PIECES, "rx-pieces", "the guest's frame is in too many pieces")                                           \
	X(RX_DISABLED, "rx-disabled", "the guest sent it on a queue that it has disabled")                             \
	X(RUNT, "runt", "shorter than an Ethernet header")                                                             \
	X(OVERSIZE, "oversize", "longer than the MTU of the port it came in by")                                       \
	X(MALFORMED_VLAN, "malformed-vlan", "ends inside its VLAN tag")                                                \
	X(MALFORMED_IP, "malformed-ip", "IP header truncated or inconsistent")                                         \
	X(MALFORMED_L4, "malformed-l4", "TCP, UDP or ICMP header truncated")                                           \
	X(BAD_OFFLOAD, "bad-offload", "checksum or segmentation request does not fit the frame")                       \
	X(HEADER_SPLIT, "header-split", "headers scattered over buffers")                                              \
	X(SOURCE_MULTICAST, "source-multicast", "multicast or zero source address")                                    \
	X(LINK_LOCAL, "link-local", "reserved 802.1Q address 01-80-c2-00-00-0x, never forwarded")                      \
	X(VLAN_TAGGED, "vlan-tagged", "tagged frame on an access port")                                                \
	X(VLAN_UNTAGGED, "vlan-untagged", "untagged frame on a trunk without a native VLAN")                           \
	X(VLAN_FILTERED, "vlan-filtered", "VLAN not allowed on the port it came in by")                                \
	X(MIRROR_PORT, "mirror-port", "came in by a port that only puts out a mirror's copies")                        \
	X(STORM_BROADCAST, "storm-broadcast", "over the port's broadcast limit")                                       \
	X(STORM_MULTICAST, "storm-multicast", "over the port's multicast limit")                                       \
	X(STORM_UNKNOWN, "storm-unknown", "over the port's unknown-unicast limit")                                     \
	X(SAME_PORT, "same-port", "its destination is at the port it came in by")                                      \
	X(NO_DESTINATION, "no-destination", "no other port to flood to")                                               \
	X(ISOLATED, "isolated", "from an isolated port to an isolated port")                                           \
	X(EGRESS_VLAN, "egress-vlan", "VLAN not allowed on the port it should leave by")                               \
	X(NO_BRIDGE, "no-bridge", "its destination's port is being taken away")                                        \
	X(SECURE_MAC, "secure-mac", "sender's MAC address is not the port's (secure)")                                 \
	X(SECURE_IP, "secure-ip", "sender's IP address is not the port's (secure)")                                    \
	X(SECURE_ARP, "secure-arp", "ARP with an address that is not the port's (secure)")                             \
	X(SECURE_ND, "secure-nd", "neighbour discovery with an address that is not the port's (secure)")               \
	X(SECURE_DHCP, "secure-dhcp", "a DHCP server's answer from a secured port")                                    \
	X(SECURE_RA, "secure-ra", "a router advertisement or redirect from a secured port")                            \
	X(ACL_IN, "acl-in", "denied by an access list of the port it came in by")                                      \
	X(FLOW_MISS, "flow-miss", "no rule of the table matches")                                                      \
	X(FLOW_DROP, "flow-drop", "rules drop it: their actions have no output")                                       \
	X(FLOW_SAME_PORT, "flow-same-port", "rules output it to the port it came in by")                               \
	X(FLOW_NO_PORT, "flow-no-port", "rules output it to a port that is not there")                                 \
	X(FLOW_DEPTH, "flow-depth", "too many resubmits, groups within groups, or actions")                            \
	X(FLOW_HEADER, "flow-header", "rules change or remove a header that it does not have")                         \
	X(FLOW_TTL, "flow-ttl", "rules decrement its TTL, which is used up")                                           \
	X(FLOW_METER, "flow-meter", "above a meter's rate")                                                            \
	X(FLOW_GROUP, "flow-group", "no bucket of its group is alive")                                                 \
	X(CT_FULL, "ct-full", "no room for its connection, in the table or in its zone")                               \
	X(CT_NAT, "ct-nat", "no address and port left to translate its connection to")                                 \
	X(CT_INVALID, "ct-invalid", "rules track a connection of it, and it can be of none")                           \
	X(ACL_OUT, "acl-out", "denied by an access list of the port it should leave by")                               \
	X(EGRESS_MTU, "egress-mtu", "longer than the MTU of the port it should leave by")                              \
	X(TX_DOWN, "tx-down", "link down or guest not connected")                                                      \
	X(TX_DISABLED, "tx-disabled", "the guest has not enabled the queue")                                           \
	X(TX_BROKEN, "tx-broken", "the guest broke the queue's rules, and the queue is stopped")                       \
	X(TX_SMALL, "tx-small", "the guest's receive buffer is too small, in too many pieces or not in its memory")    \
	X(TX_FULL, "tx-full", "transmit ring full")                                                                    \
	X(TX_OFFLOAD, "tx-offload", "frame could not be segmented or checksummed in software")                         \
	X(TX_NO_BUFFER, "tx-no-buffer", "out of packet buffers")

enum hd_drop {
#define X(id, name, text) HD_DROP_##id,
	HD_DROP_LIST(X)
#undef X
		HD_DROP_COUNT,
	HD_DROP_NONE = HD_DROP_COUNT,
	HD_DROP_LAST_INGRESS = HD_DROP_CT_INVALID,
};

/* "vlan-tagged"; the name of the counter. */
const char *hd_drop_name(enum hd_drop reason);
/* "tagged frame on an access port". */
const char *hd_drop_text(enum hd_drop reason);
/* The reason of that name, or HD_DROP_NONE. */
enum hd_drop hd_drop_find(const char *name);

#endif
