/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of fields, and reading and writing them in keys. */
#include "field.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

#define BITS(member, low, n)                                                                                           \
	.offset = offsetof(struct hd_key, member), .n_bytes = sizeof(((struct hd_key *)NULL)->member), .shift = (low), \
	.bits = (n)
#define ALL(member) BITS(member, 0, 8 * sizeof(((struct hd_key *)NULL)->member))
#define NETWORK .host_order = false
#define HOST .host_order = true
/* What may be done to a field. */
#define NONE .maskable = false, .writable = false
#define MASK .maskable = true, .writable = false
#define WRITE .maskable = false, .writable = true
#define BOTH .maskable = true, .writable = true
#define NEEDS(what) .prereq = HD_PRE_##what
#define FORM(what) .form = HD_FORM_##what

#define REG(n)                                                                                                         \
	[HD_FIELD_REG0 + (n)] = {"reg" #n, NULL, "NXM_NX_REG" #n, ALL(reg[n]), HOST, BOTH, NEEDS(NONE), FORM(HEX)}
#define REGS(name, nxm, first, n)                                                                                      \
	{                                                                                                              \
		name, NULL, nxm, .offset = offsetof(struct hd_key, reg) + 4 * (first), .n_bytes = 4 * (n),             \
				 .bits = 32 * (n), HOST, BOTH, NEEDS(NONE), FORM(HEX)                                  \
	}
#define XREG(n) [HD_FIELD_XREG0 + (n)] = REGS("xreg" #n, "OXM_OF_PKT_REG" #n, 2 * (n), 2)
#define XXREG(n) [HD_FIELD_XXREG0 + (n)] = REGS("xxreg" #n, "NXM_NX_XXREG" #n, 4 * (n), 4)

const struct hd_field hd_fields[HD_FIELD_COUNT] = {
	[HD_FIELD_IN_PORT] = {"in_port", NULL, "NXM_OF_IN_PORT OXM_OF_IN_PORT", ALL(in_port), HOST, WRITE, NEEDS(NONE),
			      FORM(PORT)},
	[HD_FIELD_ETH_SRC] = {"dl_src", "eth_src", "NXM_OF_ETH_SRC OXM_OF_ETH_SRC", ALL(eth_src), NETWORK, BOTH,
			      NEEDS(NONE), FORM(MAC)},
	[HD_FIELD_ETH_DST] = {"dl_dst", "eth_dst", "NXM_OF_ETH_DST OXM_OF_ETH_DST", ALL(eth_dst), NETWORK, BOTH,
			      NEEDS(NONE), FORM(MAC)},
	[HD_FIELD_ETH_TYPE] = {"dl_type", "eth_type", "NXM_OF_ETH_TYPE OXM_OF_ETH_TYPE", ALL(eth_type), NETWORK, NONE,
			       NEEDS(NONE), FORM(HEX)},
	[HD_FIELD_VLAN_TCI] = {"vlan_tci", NULL, "NXM_OF_VLAN_TCI", ALL(vlan_tci), NETWORK, BOTH, NEEDS(NONE),
			       FORM(HEX)},
	[HD_FIELD_VLAN_VID] = {"vlan_vid", "dl_vlan", "OXM_OF_VLAN_VID", BITS(vlan_tci, 0, 12), NETWORK, BOTH,
			       NEEDS(VLAN), FORM(DECIMAL)},
	[HD_FIELD_VLAN_PCP] = {"vlan_pcp", "dl_vlan_pcp", "OXM_OF_VLAN_PCP", BITS(vlan_tci, 13, 3), NETWORK, WRITE,
			       NEEDS(VLAN), FORM(DECIMAL)},
	[HD_FIELD_VLAN_TCI2] = {"vlan_tci2", NULL, NULL, ALL(vlan_tci2), NETWORK, MASK, NEEDS(NONE), FORM(HEX)},
	[HD_FIELD_VLAN_VID2] = {"vlan_vid2", "dl_vlan2", NULL, BITS(vlan_tci2, 0, 12), NETWORK, MASK, NEEDS(VLAN),
				FORM(DECIMAL)},
	[HD_FIELD_VLAN_PCP2] = {"vlan_pcp2", "dl_vlan_pcp2", NULL, BITS(vlan_tci2, 13, 3), NETWORK, NONE, NEEDS(VLAN),
				FORM(DECIMAL)},
	[HD_FIELD_IPV4_SRC] = {"nw_src", "ip_src ipv4_src", "NXM_OF_IP_SRC OXM_OF_IPV4_SRC", ALL(ipv4_src), NETWORK,
			       BOTH, NEEDS(IPV4), FORM(IPV4)},
	[HD_FIELD_IPV4_DST] = {"nw_dst", "ip_dst ipv4_dst", "NXM_OF_IP_DST OXM_OF_IPV4_DST", ALL(ipv4_dst), NETWORK,
			       BOTH, NEEDS(IPV4), FORM(IPV4)},
	[HD_FIELD_IPV6_SRC] = {"ipv6_src", NULL, "NXM_NX_IPV6_SRC OXM_OF_IPV6_SRC", ALL(ipv6_src), NETWORK, BOTH,
			       NEEDS(IPV6), FORM(IPV6)},
	[HD_FIELD_IPV6_DST] = {"ipv6_dst", NULL, "NXM_NX_IPV6_DST OXM_OF_IPV6_DST", ALL(ipv6_dst), NETWORK, BOTH,
			       NEEDS(IPV6), FORM(IPV6)},
	[HD_FIELD_IPV6_LABEL] = {"ipv6_label", NULL, "NXM_NX_IPV6_LABEL OXM_OF_IPV6_FLABEL", BITS(ipv6_label, 0, 20),
				 NETWORK, BOTH, NEEDS(IPV6), FORM(HEX)},
	[HD_FIELD_IP_PROTO] = {"nw_proto", "ip_proto", "NXM_OF_IP_PROTO OXM_OF_IP_PROTO", ALL(ip_proto), NETWORK, NONE,
			       NEEDS(IP), FORM(DECIMAL)},
	[HD_FIELD_IP_TOS] = {"nw_tos", NULL, "NXM_OF_IP_TOS", ALL(ip_tos), NETWORK, WRITE, NEEDS(IP), FORM(DECIMAL)},
	[HD_FIELD_IP_DSCP] = {"ip_dscp", NULL, "OXM_OF_IP_DSCP", BITS(ip_tos, 2, 6), NETWORK, WRITE, NEEDS(IP),
			      FORM(DECIMAL)},
	[HD_FIELD_IP_ECN] = {"nw_ecn", "ip_ecn", "NXM_NX_IP_ECN OXM_OF_IP_ECN", BITS(ip_tos, 0, 2), NETWORK, WRITE,
			     NEEDS(IP), FORM(DECIMAL)},
	[HD_FIELD_IP_TTL] = {"nw_ttl", "ip_ttl", "NXM_NX_IP_TTL", ALL(ip_ttl), NETWORK, WRITE, NEEDS(IP),
			     FORM(DECIMAL)},
	[HD_FIELD_IP_FRAG] = {"ip_frag", "nw_frag", "NXM_NX_IP_FRAG", BITS(ip_frag, 0, 2), NETWORK, MASK, NEEDS(IP),
			      FORM(FRAG)},
	[HD_FIELD_ARP_OP] = {"arp_op", NULL, "NXM_OF_ARP_OP OXM_OF_ARP_OP", ALL(ip_proto), NETWORK, WRITE, NEEDS(ARP),
			     FORM(DECIMAL)},
	[HD_FIELD_ARP_SPA] = {"arp_spa", NULL, "NXM_OF_ARP_SPA OXM_OF_ARP_SPA", ALL(ipv4_src), NETWORK, BOTH,
			      NEEDS(ARP), FORM(IPV4)},
	[HD_FIELD_ARP_TPA] = {"arp_tpa", NULL, "NXM_OF_ARP_TPA OXM_OF_ARP_TPA", ALL(ipv4_dst), NETWORK, BOTH,
			      NEEDS(ARP), FORM(IPV4)},
	[HD_FIELD_ARP_SHA] = {"arp_sha", NULL, "NXM_NX_ARP_SHA OXM_OF_ARP_SHA", ALL(arp_sha), NETWORK, BOTH, NEEDS(ARP),
			      FORM(MAC)},
	[HD_FIELD_ARP_THA] = {"arp_tha", NULL, "NXM_NX_ARP_THA OXM_OF_ARP_THA", ALL(arp_tha), NETWORK, BOTH, NEEDS(ARP),
			      FORM(MAC)},
	[HD_FIELD_TCP_SRC] = {"tcp_src", NULL, "NXM_OF_TCP_SRC OXM_OF_TCP_SRC", ALL(tp_src), NETWORK, BOTH, NEEDS(TCP),
			      FORM(DECIMAL)},
	[HD_FIELD_TCP_DST] = {"tcp_dst", NULL, "NXM_OF_TCP_DST OXM_OF_TCP_DST", ALL(tp_dst), NETWORK, BOTH, NEEDS(TCP),
			      FORM(DECIMAL)},
	[HD_FIELD_TCP_FLAGS] = {"tcp_flags", NULL, "NXM_NX_TCP_FLAGS OXM_ET_TCP_FLAGS OXM_OF_TCP_FLAGS",
				BITS(tcp_flags, 0, 12), NETWORK, MASK, NEEDS(TCP), FORM(TCP_FLAGS)},
	[HD_FIELD_UDP_SRC] = {"udp_src", NULL, "NXM_OF_UDP_SRC OXM_OF_UDP_SRC", ALL(tp_src), NETWORK, BOTH, NEEDS(UDP),
			      FORM(DECIMAL)},
	[HD_FIELD_UDP_DST] = {"udp_dst", NULL, "NXM_OF_UDP_DST OXM_OF_UDP_DST", ALL(tp_dst), NETWORK, BOTH, NEEDS(UDP),
			      FORM(DECIMAL)},
	[HD_FIELD_SCTP_SRC] = {"sctp_src", NULL, "OXM_OF_SCTP_SRC", ALL(tp_src), NETWORK, BOTH, NEEDS(SCTP),
			       FORM(DECIMAL)},
	[HD_FIELD_SCTP_DST] = {"sctp_dst", NULL, "OXM_OF_SCTP_DST", ALL(tp_dst), NETWORK, BOTH, NEEDS(SCTP),
			       FORM(DECIMAL)},
	[HD_FIELD_TP_SRC] = {"tp_src", NULL, NULL, ALL(tp_src), NETWORK, BOTH, NEEDS(L4), FORM(DECIMAL)},
	[HD_FIELD_TP_DST] = {"tp_dst", NULL, NULL, ALL(tp_dst), NETWORK, BOTH, NEEDS(L4), FORM(DECIMAL)},
	[HD_FIELD_ICMP_TYPE] = {"icmp_type", "icmpv4_type", "NXM_OF_ICMP_TYPE OXM_OF_ICMPV4_TYPE", BITS(tp_src, 0, 8),
				NETWORK, WRITE, NEEDS(ICMP4), FORM(DECIMAL)},
	[HD_FIELD_ICMP_CODE] = {"icmp_code", "icmpv4_code", "NXM_OF_ICMP_CODE OXM_OF_ICMPV4_CODE", BITS(tp_dst, 0, 8),
				NETWORK, WRITE, NEEDS(ICMP4), FORM(DECIMAL)},
	[HD_FIELD_ICMP6_TYPE] = {"icmpv6_type", NULL, "NXM_NX_ICMPV6_TYPE OXM_OF_ICMPV6_TYPE", BITS(tp_src, 0, 8),
				 NETWORK, WRITE, NEEDS(ICMP6), FORM(DECIMAL)},
	[HD_FIELD_ICMP6_CODE] = {"icmpv6_code", NULL, "NXM_NX_ICMPV6_CODE OXM_OF_ICMPV6_CODE", BITS(tp_dst, 0, 8),
				 NETWORK, WRITE, NEEDS(ICMP6), FORM(DECIMAL)},
	[HD_FIELD_ND_TARGET] = {"nd_target", NULL, "NXM_NX_ND_TARGET OXM_OF_IPV6_ND_TARGET", ALL(nd_target), NETWORK,
				BOTH, NEEDS(ND), FORM(IPV6)},
	[HD_FIELD_ND_SLL] = {"nd_sll", NULL, "NXM_NX_ND_SLL OXM_OF_IPV6_ND_SLL", ALL(arp_sha), NETWORK, BOTH,
			     NEEDS(ND_NS), FORM(MAC)},
	[HD_FIELD_ND_TLL] = {"nd_tll", NULL, "NXM_NX_ND_TLL OXM_OF_IPV6_ND_TLL", ALL(arp_tha), NETWORK, BOTH,
			     NEEDS(ND_NA), FORM(MAC)},
	[HD_FIELD_CT_STATE] = {"ct_state", NULL, "NXM_NX_CT_STATE", ALL(ct_state), HOST, MASK, NEEDS(NONE),
			       FORM(CT_STATE)},
	[HD_FIELD_CT_ZONE] = {"ct_zone", NULL, "NXM_NX_CT_ZONE", ALL(ct_zone), HOST, NONE, NEEDS(NONE), FORM(DECIMAL)},
	[HD_FIELD_CT_MARK] = {"ct_mark", NULL, "NXM_NX_CT_MARK", ALL(ct_mark), HOST, BOTH, NEEDS(NONE), FORM(HEX)},
	[HD_FIELD_CT_LABEL] = {"ct_label", NULL, "NXM_NX_CT_LABEL", ALL(ct_label), HOST, BOTH, NEEDS(NONE), FORM(HEX)},
	[HD_FIELD_METADATA] = {"metadata", NULL, "OXM_OF_METADATA", ALL(metadata), HOST, BOTH, NEEDS(NONE), FORM(HEX)},
	REG(0),
	REG(1),
	REG(2),
	REG(3),
	REG(4),
	REG(5),
	REG(6),
	REG(7),
	REG(8),
	REG(9),
	REG(10),
	REG(11),
	REG(12),
	REG(13),
	REG(14),
	REG(15),
	XREG(0),
	XREG(1),
	XREG(2),
	XREG(3),
	XREG(4),
	XREG(5),
	XREG(6),
	XREG(7),
	XXREG(0),
	XXREG(1),
	XXREG(2),
	XXREG(3),
};

/* Names to fields: open addressing, filled once, at most half full. */
#define NAMES 512 /* a power of two */

static struct {
	const char *name;
	uint16_t length, field;
} names[NAMES];
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static uint32_t hash(const char *name, size_t length)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/* Each of the words separated by spaces. */
static void add_names(const char *words, unsigned int field)
{
	while (words && *words) {
		size_t length = strcspn(words, " ");
		uint32_t slot = hash(words, length) % NAMES;

		while (names[slot].name)
			slot = (slot + 1) % NAMES;
		names[slot].name = words;
		names[slot].length = (uint16_t)length;
		names[slot].field = (uint16_t)field;
		words += length;
		words += *words == ' ';
	}
}

static void fill_names(void)
{
	for (unsigned int i = 0; i < HD_FIELD_COUNT; i++) {
		add_names(hd_fields[i].name, i);
		add_names(hd_fields[i].alias, i);
		add_names(hd_fields[i].nxm, i);
	}
}

int hd_field_find(const char *name, size_t length)
{
	pthread_once(&names_once, fill_names);
	for (uint32_t slot = hash(name, length) % NAMES; names[slot].name; slot = (slot + 1) % NAMES)
		if (names[slot].length == length && memcmp(names[slot].name, name, length) == 0)
			return names[slot].field;
	return -1;
}

/* Bytes of one host-order number among those that hold the field. */
static unsigned int piece(const struct hd_field *f)
{
	if (f->offset >= offsetof(struct hd_key, reg))
		return sizeof(uint32_t);
	return f->n_bytes < sizeof(uint64_t) ? f->n_bytes : sizeof(uint64_t);
}

static uint64_t read_piece(const uint8_t *at, unsigned int size)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} number = {.u64 = 0};

	memcpy(&number, at, size);
	switch (size) {
	case 1:
		return number.u8;
	case 2:
		return number.u16;
	case 4:
		return number.u32;
	default:
		return number.u64;
	}
}

static void write_piece(uint8_t *at, unsigned int size, uint64_t value)
{
	uint64_t wide = htole64(value);

	/* The low `size` bytes, in host order. */
#if __BYTE_ORDER == __LITTLE_ENDIAN
	memcpy(at, &wide, size);
#else
	wide = value << 8 * (sizeof(wide) - size);
	memcpy(at, &wide, size);
#endif
}

/* All the bytes that hold the field, as one number. */
static hd_u128 read_whole(const struct hd_key *key, const struct hd_field *f)
{
	const uint8_t *at = (const uint8_t *)key + f->offset;
	hd_u128 whole = 0;

	if (!f->host_order) {
		for (unsigned int i = 0; i < f->n_bytes; i++)
			whole = whole << 8 | at[i];
		return whole;
	}
	for (unsigned int i = 0, size = piece(f); i < f->n_bytes; i += size) {
		/* One piece of 8 bytes is shifted by 64, never a number out by its whole width. */
		whole = whole << 8 * size | read_piece(at + i, size);
	}
	return whole;
}

static void write_whole(struct hd_key *key, const struct hd_field *f, hd_u128 whole)
{
	uint8_t *at = (uint8_t *)key + f->offset;

	if (!f->host_order) {
		for (unsigned int i = f->n_bytes; i-- > 0; whole >>= 8)
			at[i] = (uint8_t)whole;
		return;
	}
	for (unsigned int size = piece(f), i = f->n_bytes; i > 0; whole >>= 8 * size) {
		i -= size;
		write_piece(at + i, size, (uint64_t)whole);
	}
}

static hd_u128 ones(unsigned int bits)
{
	return bits >= 128 ? ~(hd_u128)0 : ((hd_u128)1 << bits) - 1;
}

hd_u128 hd_field_mask(enum hd_field_id field)
{
	return ones(hd_fields[field].bits);
}

hd_u128 hd_field_get(const struct hd_key *key, enum hd_field_id field)
{
	const struct hd_field *f = &hd_fields[field];

	return read_whole(key, f) >> f->shift & ones(f->bits);
}

void hd_field_set(struct hd_key *key, enum hd_field_id field, hd_u128 value)
{
	const struct hd_field *f = &hd_fields[field];
	hd_u128 mask = ones(f->bits) << f->shift;

	write_whole(key, f, (read_whole(key, f) & ~mask) | (value << f->shift & mask));
}

hd_u128 hd_subfield_get(const struct hd_key *key, const struct hd_subfield *sub)
{
	return hd_field_get(key, sub->field) >> sub->ofs & ones(sub->n_bits);
}

void hd_subfield_set(struct hd_key *key, const struct hd_subfield *sub, hd_u128 value)
{
	hd_u128 mask = ones(sub->n_bits) << sub->ofs;

	hd_field_set(key, sub->field, (hd_field_get(key, sub->field) & ~mask) | (value << sub->ofs & mask));
}

/* What the match has as the field's exact value, or -1. */
static int fixed(const struct hd_match *match, enum hd_field_id field)
{
	if (hd_field_get(&match->mask, field) != hd_field_mask(field))
		return -1;
	return (int)hd_field_get(&match->key, field);
}

static bool tagged(enum hd_field_id field, const struct hd_match *match)
{
	bool inner = hd_fields[field].offset == offsetof(struct hd_key, vlan_tci2);
	uint16_t key = inner ? match->key.vlan_tci2 : match->key.vlan_tci;
	uint16_t mask = inner ? match->mask.vlan_tci2 : match->mask.vlan_tci;

	return be16toh(key & mask) & HD_KEY_VLAN_PRESENT;
}

static bool ip_met(enum hd_prereq prereq, int type)
{
	switch (prereq) {
	case HD_PRE_IPV4:
	case HD_PRE_ICMP4:
		return type == 0x0800;
	case HD_PRE_IPV6:
	case HD_PRE_ICMP6:
	case HD_PRE_ND:
	case HD_PRE_ND_NS:
	case HD_PRE_ND_NA:
		return type == 0x86dd;
	default:
		return type == 0x0800 || type == 0x86dd;
	}
}

static bool proto_met(enum hd_prereq prereq, int proto, int icmp)
{
	switch (prereq) {
	case HD_PRE_TCP:
		return proto == 6;
	case HD_PRE_UDP:
		return proto == 17;
	case HD_PRE_SCTP:
		return proto == 132;
	case HD_PRE_L4:
		return proto == 6 || proto == 17 || proto == 132;
	case HD_PRE_ICMP4:
		return proto == 1;
	case HD_PRE_ICMP6:
		return proto == 58;
	case HD_PRE_ND:
		return proto == 58 && (icmp == 135 || icmp == 136);
	case HD_PRE_ND_NS:
		return proto == 58 && icmp == 135;
	case HD_PRE_ND_NA:
		return proto == 58 && icmp == 136;
	default:
		return true;
	}
}

bool hd_field_prereq_met(enum hd_field_id field, const struct hd_match *match)
{
	enum hd_prereq prereq = hd_fields[field].prereq;
	int type;

	if (prereq == HD_PRE_NONE)
		return true;
	if (prereq == HD_PRE_VLAN)
		return tagged(field, match);
	type = fixed(match, HD_FIELD_ETH_TYPE);
	if (prereq == HD_PRE_ARP)
		return type == 0x0806;
	return ip_met(prereq, type) &&
	       proto_met(prereq, fixed(match, HD_FIELD_IP_PROTO), fixed(match, HD_FIELD_ICMP6_TYPE));
}

const char *hd_prereq_text(enum hd_prereq prereq)
{
	static const char *const texts[] = {
		[HD_PRE_NONE] = "nothing",
		[HD_PRE_VLAN] = "a VLAN tag (dl_vlan)",
		[HD_PRE_ARP] = "arp",
		[HD_PRE_IPV4] = "ip",
		[HD_PRE_IPV6] = "ipv6",
		[HD_PRE_IP] = "ip or ipv6",
		[HD_PRE_TCP] = "tcp or tcp6",
		[HD_PRE_UDP] = "udp or udp6",
		[HD_PRE_SCTP] = "sctp or sctp6",
		[HD_PRE_L4] = "tcp, udp, sctp, tcp6, udp6 or sctp6",
		[HD_PRE_ICMP4] = "icmp",
		[HD_PRE_ICMP6] = "icmp6",
		[HD_PRE_ND] = "icmp6 with icmpv6_type=135 or 136",
		[HD_PRE_ND_NS] = "icmp6 with icmpv6_type=135",
		[HD_PRE_ND_NA] = "icmp6 with icmpv6_type=136",
	};

	return texts[prereq];
}
