/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing what flows match. */
#include <endian.h>

#include "format.h"

struct writer {
	struct hd_text *text;
	const struct hd_match *match;
	const struct hd_flow_names *names;
	bool *first;
};

static void add_field(const struct writer *writer, enum hd_field_id field)
{
	hd_u128 bits[2] = {0, hd_field_get(&writer->match->mask, field)};

	if (bits[1] == 0)
		return;
	bits[0] = hd_field_get(&writer->match->key, field) & bits[1];
	hd_text_comma(writer->text, writer->first);
	hd_text_add(writer->text, "%s=", hd_fields[field].name);
	hd_text_value(writer->text, writer->names, field, bits);
}

static void add_fields(const struct writer *writer, enum hd_field_id from, enum hd_field_id to)
{
	for (unsigned int i = from; i <= to; i++)
		add_field(writer, (enum hd_field_id)i);
}

static void add_word(const struct writer *writer, const char *word)
{
	hd_text_comma(writer->text, writer->first);
	hd_text_add(writer->text, "%s", word);
}

/* Their names with IPv4, and, longer by a 6, with IPv6. */
static const struct {
	uint8_t proto;
	const char *v4, *v6;
} protocols[] = {
	{6, "tcp", "tcp6"}, {17, "udp", "udp6"}, {132, "sctp", "sctp6"}, {1, "icmp", NULL}, {58, NULL, "icmp6"}};

static void add_ip(const struct writer *writer, bool v6)
{
	const struct hd_match *match = writer->match;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		const char *name = v6 ? protocols[i].v6 : protocols[i].v4;

		if (name && match->mask.ip_proto == UINT8_MAX && match->key.ip_proto == protocols[i].proto) {
			add_word(writer, name);
			return;
		}
	}
	add_word(writer, v6 ? "ipv6" : "ip");
	add_field(writer, HD_FIELD_IP_PROTO);
}

/* dl_vlan, dl_vlan_pcp where these say it all, else the TCI. */
static void add_vlan(const struct writer *writer, enum hd_field_id field, const char *suffix)
{
	uint16_t tci = (uint16_t)hd_field_get(&writer->match->key, field);
	uint16_t mask = (uint16_t)hd_field_get(&writer->match->mask, field);
	bool vid = (mask & 0xfff) == 0xfff, pcp = (mask & 0xe000) == 0xe000;
	bool whole = (vid || !(mask & 0xfff)) && (pcp || !(mask & 0xe000)) && (vid || pcp);

	if (!(mask & tci & HD_KEY_VLAN_PRESENT) || !whole) {
		if (mask == 0)
			return;
		hd_text_comma(writer->text, writer->first);
		hd_text_add(writer->text, "vlan_tci%s=0x%04x", suffix, tci & mask);
		if (mask != UINT16_MAX)
			hd_text_add(writer->text, "/0x%04x", mask);
		return;
	}
	if (vid) {
		hd_text_comma(writer->text, writer->first);
		hd_text_add(writer->text, "dl_vlan%s=%u", suffix, tci & 0xfff);
	}
	if (pcp) {
		hd_text_comma(writer->text, writer->first);
		hd_text_add(writer->text, "dl_vlan_pcp%s=%u", suffix, tci >> 13);
	}
}

static void add_tos(const struct writer *writer)
{
	uint8_t mask = writer->match->mask.ip_tos;

	if ((mask & 0xfc) == 0xfc) {
		hd_text_comma(writer->text, writer->first);
		hd_text_add(writer->text, "nw_tos=%u", writer->match->key.ip_tos & 0xfc);
	} else {
		add_field(writer, HD_FIELD_IP_DSCP);
	}
	add_field(writer, HD_FIELD_IP_ECN);
}

/* What the packet's protocol calls them. */
static void add_l4(const struct writer *writer, uint16_t eth_type)
{
	const struct hd_match *match = writer->match;
	uint8_t proto = match->mask.ip_proto == UINT8_MAX ? match->key.ip_proto : 0;
	enum hd_field_id type = HD_FIELD_TP_SRC;

	if (eth_type == 0x0800 && proto == 1)
		type = HD_FIELD_ICMP_TYPE;
	else if (eth_type == 0x86dd && proto == 58)
		type = HD_FIELD_ICMP6_TYPE;
	add_field(writer, type);
	add_field(writer, type + 1);
	add_field(writer, HD_FIELD_TCP_FLAGS);
}

static void add_network(const struct writer *writer, uint16_t eth_type)
{
	if (eth_type == 0x0806) {
		add_fields(writer, HD_FIELD_ARP_SPA, HD_FIELD_ARP_THA);
		return;
	}
	add_fields(writer, HD_FIELD_IPV4_SRC, HD_FIELD_IPV6_LABEL);
	add_tos(writer);
	add_field(writer, HD_FIELD_IP_TTL);
	add_field(writer, HD_FIELD_IP_FRAG);
	add_l4(writer, eth_type);
	add_fields(writer, HD_FIELD_ND_TARGET, HD_FIELD_ND_TLL);
}

void hd_text_match(struct hd_text *text, const struct hd_match *match, const struct hd_flow_names *names, bool *first)
{
	const struct writer writer = {text, match, names, first};
	uint16_t eth_type = match->mask.eth_type == UINT16_MAX ? be16toh(match->key.eth_type) : 0;

	add_fields(&writer, HD_FIELD_CT_STATE, HD_FIELD_CT_LABEL);
	if (eth_type == 0x0800 || eth_type == 0x86dd)
		add_ip(&writer, eth_type == 0x86dd);
	else if (eth_type == 0x8035)
		add_word(&writer, "rarp");
	else if (eth_type == 0x0806) {
		add_word(&writer, "arp");
		add_field(&writer, HD_FIELD_ARP_OP);
	}
	add_field(&writer, HD_FIELD_METADATA);
	add_fields(&writer, HD_FIELD_REG0, HD_FIELD_REG15);
	add_field(&writer, HD_FIELD_IN_PORT);
	add_vlan(&writer, HD_FIELD_VLAN_TCI, "");
	add_vlan(&writer, HD_FIELD_VLAN_TCI2, "2");
	add_field(&writer, HD_FIELD_ETH_SRC);
	add_field(&writer, HD_FIELD_ETH_DST);
	if (eth_type != 0x0800 && eth_type != 0x86dd && eth_type != 0x0806 && eth_type != 0x8035) {
		add_field(&writer, HD_FIELD_ETH_TYPE);
		add_field(&writer, HD_FIELD_IP_PROTO);
	}
	add_network(&writer, eth_type);
}

void hd_flow_format_match(struct hd_text *text, const struct hd_match *match, const struct hd_flow_names *names)
{
	bool first = true;

	hd_text_match(text, match, names, &first);
}
