/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing: the growing text, numbers, ports, and fields' values. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format.h"
#include "value_text.h"

/* Room for `more` bytes and a NUL. */
static bool reserve(struct hd_text *text, size_t more)
{
	size_t room = text->room ? text->room : 128;
	char *larger;

	if (text->failed)
		return false;
	while (room < text->length + more + 1)
		room *= 2;
	if (room == text->room)
		return true;
	larger = realloc(text->data, room);
	if (!larger) {
		text->failed = true;
		return false;
	}
	text->data = larger;
	text->room = room;
	return true;
}

void hd_text_add(struct hd_text *text, const char *format, ...)
{
	va_list args;
	int n;

	for (int i = 0; i < 2; i++) {
		size_t left = text->room - text->length;

		va_start(args, format);
		n = vsnprintf(text->data ? text->data + text->length : NULL, text->data ? left : 0, format, args);
		va_end(args);
		if (n < 0 || (text->data && (size_t)n < left) || !reserve(text, (size_t)n))
			break;
	}
	if (n < 0)
		text->failed = true;
	if (text->failed && text->data)
		text->data[text->length] = '\0';
	if (!text->failed)
		text->length += (size_t)n;
}

void hd_text_clear(struct hd_text *text)
{
	text->length = 0;
	if (text->data)
		text->data[0] = '\0';
}

void hd_text_comma(struct hd_text *text, bool *first)
{
	if (!*first)
		hd_text_add(text, ",");
	*first = false;
}

void hd_text_hex(struct hd_text *text, hd_u128 number)
{
	uint64_t high = (uint64_t)(number >> 64), low = (uint64_t)number;

	if (high)
		hd_text_add(text, "0x%llx%016llx", (unsigned long long)high, (unsigned long long)low);
	else
		hd_text_add(text, "0x%llx", (unsigned long long)low);
}

/* Words that mean something else where a port may stand. */
static bool reserved(const char *name)
{
	static const char *const words[] = {"all", "any", "controller", "flood", "in_port", "local", "normal"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(name, words[i]) == 0)
			return true;
	return false;
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A port's name if it is of the characters that names have. */
static const char *port_name(const struct hd_flow_names *names, uint16_t ofport)
{
	const char *name = names && names->name ? names->name(names->context, ofport) : NULL;

	if (!name || !*name)
		return NULL;
	for (const char *c = name; *c; c++)
		if (!letter(*c) && !(*c >= '0' && *c <= '9') && *c != '.' && *c != '-')
			return NULL;
	return name;
}

bool hd_text_port_named(const struct hd_flow_names *names, uint16_t ofport)
{
	return ofport == HD_OFPORT_LOCAL || port_name(names, ofport) != NULL;
}

void hd_text_port(struct hd_text *text, const struct hd_flow_names *names, uint16_t ofport)
{
	const char *name = port_name(names, ofport);

	if (ofport == HD_OFPORT_LOCAL)
		hd_text_add(text, "LOCAL");
	else if (!name)
		hd_text_add(text, "%u", ofport);
	else if (letter(name[0]) && !reserved(name))
		hd_text_add(text, "%s", name);
	else
		hd_text_add(text, "\"%s\"", name);
}

static void add_mac(struct hd_text *text, hd_u128 number)
{
	uint64_t mac = (uint64_t)number;

	hd_text_add(text, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned int)(mac >> 40 & 0xff),
		    (unsigned int)(mac >> 32 & 0xff), (unsigned int)(mac >> 24 & 0xff),
		    (unsigned int)(mac >> 16 & 0xff), (unsigned int)(mac >> 8 & 0xff), (unsigned int)(mac & 0xff));
}

static void add_ip(struct hd_text *text, hd_u128 number, unsigned int bits)
{
	char string[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	for (unsigned int i = bits / 8; i-- > 0; number >>= 8)
		bytes[i] = (uint8_t)number;
	if (bits == 32)
		hd_text_add(text, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
	else if (inet_ntop(AF_INET6, bytes, string, sizeof(string)))
		hd_text_add(text, "%s", string);
}

static void add_ip_masked(struct hd_text *text, const hd_u128 value[2], unsigned int bits)
{
	hd_u128 all = bits == 32 ? UINT32_MAX : ~(hd_u128)0, clear = ~value[1] & all;
	unsigned int ones = 0;

	add_ip(text, value[0], bits);
	if (value[1] == all)
		return;
	hd_text_add(text, "/");
	if (clear & (clear + 1)) { /* not a prefix */
		add_ip(text, value[1], bits);
		return;
	}
	for (hd_u128 mask = value[1]; mask; mask = mask << 1 & all)
		ones++;
	hd_text_add(text, "%u", ones);
}

static void add_frag(struct hd_text *text, const hd_u128 bits[2])
{
	for (unsigned int i = 0; i < HD_FRAG_WORDS; i++)
		if (hd_frag_words[i].mask == bits[1] && hd_frag_words[i].value == bits[0]) {
			hd_text_add(text, "%s", hd_frag_words[i].name);
			return;
		}
	hd_text_add(text, "%s", bits[0] ? "later" : "no"); /* what others mean, of packets that there are */
}

static void add_plain(struct hd_text *text, const struct hd_field *field, const hd_u128 bits[2], hd_u128 all)
{
	if (field->form == HD_FORM_DECIMAL && bits[1] == all)
		hd_text_add(text, "%u", (unsigned int)bits[0]);
	else if (field->n_bytes == 2 && field->form == HD_FORM_HEX)
		hd_text_add(text, "0x%04x", (unsigned int)bits[0]);
	else
		hd_text_hex(text, bits[0]);
	if (bits[1] != all) {
		hd_text_add(text, "/");
		hd_text_hex(text, bits[1]);
	}
}

static void add_flags(struct hd_text *text, const struct hd_field *field, const hd_u128 bits[2], hd_u128 all)
{
	const char *const *names = field->form == HD_FORM_TCP_FLAGS ? hd_tcp_flag_names : hd_ct_state_names;
	bool exact = bits[1] == all;
	hd_u128 named = 0;

	for (unsigned int i = 0; i < HD_FLAG_NAMES; i++)
		named |= names[i] ? (hd_u128)1 << i : 0;
	if ((exact ? bits[0] == 0 || bits[0] & ~named : bits[1] & ~named) != 0) {
		add_plain(text, field, bits, all);
		return;
	}
	for (unsigned int i = 0, n = 0; i < HD_FLAG_NAMES; i++) {
		bool set = bits[0] >> i & 1;

		if (exact ? !set : !(bits[1] >> i & 1))
			continue;
		if (!exact)
			hd_text_add(text, "%c%s", set ? '+' : '-', names[i]);
		else
			hd_text_add(text, "%s%s", n++ ? "|" : "", names[i]);
	}
}

void hd_text_value(struct hd_text *text, const struct hd_flow_names *names, enum hd_field_id field,
		   const hd_u128 bits[2])
{
	const struct hd_field *f = &hd_fields[field];
	hd_u128 all = hd_field_mask(field);

	switch (f->form) {
	case HD_FORM_MAC:
		add_mac(text, bits[0]);
		if (bits[1] == all)
			return;
		hd_text_add(text, "/");
		add_mac(text, bits[1]);
		return;
	case HD_FORM_IPV4:
		add_ip_masked(text, bits, 32);
		return;
	case HD_FORM_IPV6:
		add_ip_masked(text, bits, 128);
		return;
	case HD_FORM_PORT:
		hd_text_port(text, names, (uint16_t)bits[0]);
		return;
	case HD_FORM_FRAG:
		add_frag(text, bits);
		return;
	case HD_FORM_TCP_FLAGS:
	case HD_FORM_CT_STATE:
		add_flags(text, f, bits, all);
		return;
	default:
		add_plain(text, f, bits, all);
	}
}

void hd_text_subfield(struct hd_text *text, const struct hd_subfield *sub)
{
	const struct hd_field *f = &hd_fields[sub->field];

	if (sub->n_bits == f->bits)
		hd_text_add(text, "%s[]", f->name);
	else if (sub->n_bits == 1)
		hd_text_add(text, "%s[%u]", f->name, sub->ofs);
	else
		hd_text_add(text, "%s[%u..%u]", f->name, sub->ofs, sub->ofs + sub->n_bits - 1u);
}
