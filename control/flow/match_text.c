/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading what flows match: protocols, fields, VLAN tags. */
#include "match_text.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	uint16_t eth_type;
	int16_t proto; /* -1: any */
} protocols[] = {
	{"ip", 0x0800, -1},    {"tcp", 0x0800, 6},     {"udp", 0x0800, 17}, {"icmp", 0x0800, 1},
	{"sctp", 0x0800, 132}, {"ipv6", 0x86dd, -1},   {"tcp6", 0x86dd, 6}, {"udp6", 0x86dd, 17},
	{"icmp6", 0x86dd, 58}, {"sctp6", 0x86dd, 132}, {"arp", 0x0806, -1}, {"rarp", 0x8035, -1},
};

/* Bits that another term has fixed to something else? */
static int apply(struct hd_match_reader *reader, const struct hd_scan *scan, struct hd_word name,
		 enum hd_field_id field, const hd_u128 bits[2])
{
	hd_u128 value = hd_field_get(&reader->match.key, field), mask = hd_field_get(&reader->match.mask, field);

	if ((value ^ bits[0]) & mask & bits[1])
		return hd_scan_fail(scan, name.text, "%.*s contradicts what stands before it", HD_WORD(name));
	hd_field_set(&reader->match.key, field, value | (bits[0] & bits[1]));
	hd_field_set(&reader->match.mask, field, mask | bits[1]);
	return 0;
}

static int apply_exact(struct hd_match_reader *reader, const struct hd_scan *scan, struct hd_word name,
		       enum hd_field_id field, uint16_t value)
{
	return apply(reader, scan, name, field, (hd_u128[2]){value, hd_field_mask(field)});
}

/* 1 if the term is no protocol. */
static int scan_protocol(struct hd_match_reader *reader, const struct hd_scan *scan, struct hd_word name)
{
	if (hd_word_is(name, "mpls") || hd_word_is(name, "mplsm"))
		return hd_scan_fail(scan, name.text, "%.*s is not supported: Heddle does not look into MPLS",
				    HD_WORD(name));
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (!hd_word_is(name, protocols[i].name))
			continue;
		if (apply_exact(reader, scan, name, HD_FIELD_ETH_TYPE, protocols[i].eth_type) < 0)
			return -EINVAL;
		if (protocols[i].proto < 0)
			return 0;
		return apply_exact(reader, scan, name, HD_FIELD_IP_PROTO, (uint16_t)protocols[i].proto);
	}
	return 1;
}

static bool any(struct hd_word value)
{
	return hd_word_is(value, "*") || hd_word_is_nocase(value, "any");
}

/* dl_vlan: 12 bits, of a tag that is there; 0xffff: there is none. */
static int scan_dl_vlan(const struct hd_scan *scan, const struct hd_term *term, hd_u128 bits[2])
{
	uint64_t vid;
	hd_u128 number;

	bits[1] = 0x1fff;
	if (hd_word_number(term->value, &number) && number == 0xffff) {
		bits[0] = 0;
		return 0;
	}
	if (hd_scan_number(scan, term->value, "dl_vlan", 0, 4095, &vid) < 0)
		return -EINVAL;
	bits[0] = HD_KEY_VLAN_PRESENT | vid;
	return 0;
}

/* vlan_vid: 13 bits, the upper one the tag's presence, as OpenFlow has it. */
static int scan_vlan_vid(const struct hd_scan *scan, const struct hd_term *term, hd_u128 bits[2])
{
	struct hd_word value, mask;
	uint64_t number = 0x1fff;

	if (hd_word_split(term->value, "/", &value, &mask) &&
	    hd_scan_number(scan, mask, "vlan_vid's mask", 0, 0x1fff, &number) < 0)
		return -EINVAL;
	bits[1] = number;
	if (hd_scan_number(scan, value, "vlan_vid", 0, 0x1fff, &number) < 0)
		return -EINVAL;
	bits[0] = number & bits[1];
	return 0;
}

static int scan_vlan_pcp(const struct hd_scan *scan, const struct hd_term *term, hd_u128 bits[2])
{
	uint64_t pcp;

	if (hd_scan_number(scan, term->value, "vlan_pcp", 0, 7, &pcp) < 0)
		return -EINVAL;
	bits[0] = pcp << 13 | HD_KEY_VLAN_PRESENT;
	bits[1] = 0xf000;
	return 0;
}

static bool inner(enum hd_field_id field)
{
	return hd_fields[field].offset == offsetof(struct hd_key, vlan_tci2);
}

/* All of these are bits of a TCI. */
static int scan_vlan(struct hd_match_reader *reader, const struct hd_scan *scan, const struct hd_term *term,
		     enum hd_field_id field)
{
	hd_u128 bits[2] = {0, 0};
	int ret;

	if (any(term->value))
		return 0;
	if (field == HD_FIELD_VLAN_TCI || field == HD_FIELD_VLAN_TCI2)
		ret = hd_scan_value(scan, field, term->value, &bits[0], &bits[1]);
	else if (field == HD_FIELD_VLAN_PCP || field == HD_FIELD_VLAN_PCP2)
		ret = scan_vlan_pcp(scan, term, bits);
	else if (term->name.text[0] == 'd')
		ret = scan_dl_vlan(scan, term, bits);
	else
		ret = scan_vlan_vid(scan, term, bits);
	if (ret < 0)
		return ret;
	return apply(reader, scan, term->name, inner(field) ? HD_FIELD_VLAN_TCI2 : HD_FIELD_VLAN_TCI, bits);
}

/* nw_tos: the DSCP where it is in the byte; the lower two bits are ECN's. */
static int scan_tos(struct hd_match_reader *reader, const struct hd_scan *scan, const struct hd_term *term)
{
	uint64_t tos;

	if (any(term->value))
		return 0;
	if (hd_scan_number(scan, term->value, "nw_tos", 0, 255, &tos) < 0)
		return -EINVAL;
	return apply_exact(reader, scan, term->name, HD_FIELD_IP_DSCP, (uint16_t)(tos >> 2));
}

static bool vlan_field(enum hd_field_id field)
{
	return field >= HD_FIELD_VLAN_TCI && field <= HD_FIELD_VLAN_PCP2;
}

int hd_match_reader_term(struct hd_match_reader *reader, const struct hd_scan *scan, const struct hd_term *term)
{
	static const char *const others[] = {"actions", "cookie", "hard_timeout", "idle_timeout", "priority", "table",
					     "ip",      "ipv6",   "tcp",          "tcp6",         "udp",      "udp6",
					     "icmp",    "icmp6",  "sctp",         "sctp6",        "arp",      NULL};
	int found = hd_field_find(term->name.text, term->name.length), ret;
	enum hd_field_id field = (enum hd_field_id)found;
	hd_u128 bits[2];

	if (term->form == 0) {
		ret = scan_protocol(reader, scan, term->name);
		if (ret <= 0)
			return ret;
	}
	if (found < 0)
		return hd_scan_unknown(scan, term->name, others);
	if (term->form != '=' && term->form != ':')
		return hd_scan_fail(scan, term->name.text, "%.*s needs a value", HD_WORD(term->name));
	if (reader->seen[field / 64] >> field % 64 & 1)
		return hd_scan_fail(scan, term->name.text, "%.*s is given twice", HD_WORD(term->name));
	reader->seen[field / 64] |= UINT64_C(1) << field % 64;
	reader->where[field] = term->name.text;
	if (vlan_field(field))
		return scan_vlan(reader, scan, term, field);
	if (field == HD_FIELD_IP_TOS)
		return scan_tos(reader, scan, term);
	if (hd_scan_value(scan, field, term->value, &bits[0], &bits[1]) < 0)
		return -EINVAL;
	return apply(reader, scan, term->name, field, bits);
}

/* Names that mean another field with another protocol, as ovs-fields(7) has it. The bits are the same. */
static enum hd_field_id meant(enum hd_field_id field, const struct hd_match *match)
{
	if (match->mask.eth_type != UINT16_MAX)
		return field;
	if (be16toh(match->key.eth_type) == 0x0806) {
		switch (field) {
		case HD_FIELD_IPV4_SRC:
			return HD_FIELD_ARP_SPA;
		case HD_FIELD_IPV4_DST:
			return HD_FIELD_ARP_TPA;
		case HD_FIELD_IP_PROTO:
			return HD_FIELD_ARP_OP;
		default:
			return field;
		}
	}
	if (be16toh(match->key.eth_type) == 0x86dd && field == HD_FIELD_ICMP_TYPE)
		return HD_FIELD_ICMP6_TYPE;
	if (be16toh(match->key.eth_type) == 0x86dd && field == HD_FIELD_ICMP_CODE)
		return HD_FIELD_ICMP6_CODE;
	return field;
}

static int check_field(const struct hd_match_reader *reader, const struct hd_scan *scan, enum hd_field_id field)
{
	const struct hd_match *match = &reader->match;

	if (vlan_field(field)) {
		uint16_t tci = be16toh(inner(field) ? match->key.vlan_tci2 : match->key.vlan_tci);
		uint16_t mask = be16toh(inner(field) ? match->mask.vlan_tci2 : match->mask.vlan_tci);

		if ((mask & ~tci & HD_KEY_VLAN_PRESENT) && tci)
			return hd_scan_fail(
				scan, reader->where[field],
				"never matches: bit 0x1000 (there is a tag) is missing; dl_vlan does without");
		return 0;
	}
	if (!hd_field_prereq_met(meant(field, match), match))
		return hd_scan_fail(scan, reader->where[field], "%s needs %s", hd_fields[field].name,
				    hd_prereq_text(hd_fields[field].prereq));
	return 0;
}

int hd_match_reader_finish(struct hd_match_reader *reader, const struct hd_scan *scan)
{
	for (size_t i = 0; i < sizeof(reader->seen) / sizeof(reader->seen[0]); i++) {
		for (uint64_t left = reader->seen[i]; left; left &= left - 1) {
			unsigned int field = i * 64 + (unsigned int)__builtin_ctzll(left);

			if (check_field(reader, scan, (enum hd_field_id)field) < 0)
				return -EINVAL;
		}
	}
	return 0;
}
