/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow key: everything that a rule can look at, of one packet at one moment of its way through the tables.
 *
 * The first HD_KEY_PACKET_WORDS words are read from the packet; the others are the switch's own and zero when a packet
 * comes in. Fields of packets are in network byte order, the switch's own in host order. Fields that a packet does not
 * have are zero, so a key can be hashed and compared word by word. A match is a key and a mask of the same shape; key
 * bits outside the mask are zero.
 *
 * The names of fields, and which bits of which word they are, are in field.h.
 */
#ifndef HD_FLOW_KEY_H
#define HD_FLOW_KEY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HD_KEY_WORDS 26
#define HD_KEY_PACKET_WORDS 14
#define HD_KEY_REGS 16

/* ofports: what rules call a port. Numbers belong to names and stay while a rule uses them. */
#define HD_OFPORT_MAX 4095u /* of ports; 0: no port */
#define HD_OFPORT_NONE 0u
#define HD_OFPORT_LOCAL 0xfffeu /* the bridge's own interface */

#define HD_KEY_VLAN_PRESENT 0x1000 /* in vlan_tci (host order): there is a tag */

/* ip_frag */
#define HD_KEY_FRAG_ANY 0x01   /* a fragment */
#define HD_KEY_FRAG_LATER 0x02 /* not the first one: no L4 header */

/* ct_state, as in ovs-fields(7) */
#define HD_CT_NEW 0x01
#define HD_CT_EST 0x02
#define HD_CT_REL 0x04
#define HD_CT_RPL 0x08
#define HD_CT_INV 0x10
#define HD_CT_TRK 0x20
#define HD_CT_SNAT 0x40
#define HD_CT_DNAT 0x80

struct hd_key {
	union {
		uint64_t word[HD_KEY_WORDS];
		struct {
			/* 0 */
			uint16_t in_port;   /* ofport, host order */
			uint16_t eth_type;  /* behind the tags, network order as all that follows; 0x05ff: 802.3 */
			uint16_t vlan_tci;  /* outer tag with HD_KEY_VLAN_PRESENT set, 0: untagged */
			uint16_t vlan_tci2; /* inner tag, likewise */
			/* 1 */
			uint8_t eth_dst[6];
			uint8_t ip_proto; /* behind IPv6's extension headers (44: a later fragment); ARP: opcode */
			uint8_t ip_frag;
			/* 2 */
			uint8_t eth_src[6];
			uint8_t ip_tos; /* DSCP and ECN */
			uint8_t ip_ttl; /* or hop limit */
			/* 3 */
			uint32_t ipv4_src; /* ARP: the sender's protocol address */
			uint32_t ipv4_dst; /* ARP: the target's */
			/* 4 */
			uint16_t tp_src;    /* ICMP, ICMPv6: type */
			uint16_t tp_dst;    /* ICMP, ICMPv6: code */
			uint16_t tcp_flags; /* the low 12 bits */
			uint16_t pad4;
			/* 5 */
			uint8_t ipv6_src[16];
			uint8_t ipv6_dst[16];
			/* 9 */
			uint8_t nd_target[16];
			/* 11 */
			uint8_t arp_sha[6]; /* ND: source link-layer address option */
			uint16_t pad11;
			uint8_t arp_tha[6]; /* ND: target link-layer address option */
			uint16_t pad12;
			/* 13 */
			uint32_t ipv6_label; /* 20 bits */
			uint32_t pad13;
			/* 14: host order from here on */
			uint8_t ct_state; /* HD_CT_* */
			uint8_t pad14;
			uint16_t ct_zone;
			uint32_t ct_mark;
			/* 15 */
			uint64_t ct_label[2]; /* high word, low word */
			/* 17 */
			uint64_t metadata;
			/* 18 */
			uint32_t reg[HD_KEY_REGS];
		};
	};
};
static_assert(sizeof(struct hd_key) == HD_KEY_WORDS * sizeof(uint64_t), "no padding of the compiler's");
static_assert(offsetof(struct hd_key, ct_state) == HD_KEY_PACKET_WORDS * sizeof(uint64_t), "the packet's part");
static_assert(offsetof(struct hd_key, reg) == 18 * sizeof(uint64_t), "as the comments say");

struct hd_match {
	struct hd_key key;
	struct hd_key mask;
};

static inline bool hd_match_covers(const struct hd_match *match, const struct hd_key *key)
{
	uint64_t differs = 0;

	for (int i = 0; i < HD_KEY_WORDS; i++)
		differs |= (key->word[i] & match->mask.word[i]) ^ match->key.word[i];
	return differs == 0;
}

struct hd_pkt;

/*
 * Read a packet's key. The packet was accepted by hd_parse; this looks deeper: at a second tag, the L4 header of first
 * fragments, ND options. Only hdr is read: what lies behind it counts as not there. The switch's own fields are zeroed.
 * `ofport` is the port it came in by. Any thread; no allocation; work bounded by a constant. For code that runs once a
 * packet, and for which words can be other than zero: key_extract.h.
 *
 * As OVS does it: an ARP opcode above 255 is 0; behind more than two tags eth_type is the third tag's; an IPv6 fragment
 * header of offset 0 without more to come is no fragment; an L4 header that is not all there (in hdr, in the datagram)
 * is none; ND's target and options are zero if an option has no length or comes twice. Unlike OVS, 802.3 frames are
 * 0x05ff whatever LLC and SNAP say.
 */
void hd_key_extract(struct hd_key *key, const struct hd_pkt *pkt, uint16_t ofport);

#endif
