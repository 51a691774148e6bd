/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields by name, parts of fields, and their values as text. */
#include "value_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../nearest.h"

const char *const hd_ct_state_names[HD_FLAG_NAMES] = {"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"};
const char *const hd_tcp_flag_names[HD_FLAG_NAMES] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"};

const struct hd_frag_word hd_frag_words[HD_FRAG_WORDS] = {
	{"no", 0, HD_KEY_FRAG_ANY | HD_KEY_FRAG_LATER},
	{"yes", HD_KEY_FRAG_ANY, HD_KEY_FRAG_ANY},
	{"first", HD_KEY_FRAG_ANY, HD_KEY_FRAG_ANY | HD_KEY_FRAG_LATER},
	{"later", HD_KEY_FRAG_ANY | HD_KEY_FRAG_LATER, HD_KEY_FRAG_ANY | HD_KEY_FRAG_LATER},
	{"not_later", 0, HD_KEY_FRAG_LATER},
};

/* Fields of Open vSwitch, by their beginnings, that Heddle does not have. */
static const char *const unsupported[] = {
	"actset_output", "conj_id",    "ct_ipv6_", "ct_nw_",    "ct_tp_",       "dp_hash",      "erspan_",
	"gtpu_",         "icmpv6_nd_", "mpls_",    "nd_option", "nsh_",         "nd_reserved",  "packet_type",
	"pkt_mark",      "recirc_id",  "skb_",     "tun_",      "tunnel_",      "NXM_NX_TUN_",  "OXM_OF_MPLS_",
	"NXM_NX_PKT_",   "NXM_NX_CT_", "OXM_NSH_", "OXM_ET_",   "NXM_NX_CONJ_", "NXM_NX_MPLS_", "OXM_OF_TUNNEL_",
};

static void try_names(struct hd_nearest *nearest, const char *words)
{
	while (words && *words) {
		size_t length = strcspn(words, " ");

		hd_nearest_try(nearest, words, length);
		words += length;
		words += *words == ' ';
	}
}

int hd_scan_unknown(const struct hd_scan *scan, struct hd_word word, const char *const *others)
{
	struct hd_nearest nearest;

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (word.length >= strlen(unsupported[i]) &&
		    memcmp(word.text, unsupported[i], strlen(unsupported[i])) == 0)
			return hd_scan_fail(scan, word.text, "field %.*s is not supported", HD_WORD(word));
	hd_nearest_init(&nearest, word.text, word.length);
	for (; others && *others; others++)
		hd_nearest_try(&nearest, *others, strlen(*others));
	for (int i = 0; i < HD_FIELD_COUNT; i++) {
		try_names(&nearest, hd_fields[i].name);
		try_names(&nearest, hd_fields[i].alias);
	}
	if (nearest.found)
		return hd_scan_fail(scan, word.text, "unknown field %.*s (did you mean %.*s?)", HD_WORD(word),
				    (int)nearest.found_length, nearest.found);
	return hd_scan_fail(scan, word.text, "unknown field %.*s", HD_WORD(word));
}

int hd_scan_field(const struct hd_scan *scan, struct hd_word word, enum hd_field_id *field)
{
	int found = hd_field_find(word.text, word.length);

	if (found < 0)
		return hd_scan_unknown(scan, word, NULL);
	*field = (enum hd_field_id)found;
	return 0;
}

/* "a..b", "a", or all of them: nothing or "..". */
static int scan_bits(const struct hd_scan *scan, struct hd_word word, const char *name, struct hd_subfield *sub)
{
	unsigned int width = hd_fields[sub->field].bits;
	struct hd_word low, high;
	uint64_t from, to;

	if (word.length == 0 || hd_word_is(word, ".."))
		return 0;
	if (!hd_word_split(word, "..", &low, &high))
		high = low;
	if (hd_scan_number(scan, low, name, 0, width - 1, &from) < 0 ||
	    hd_scan_number(scan, high, name, from, width - 1, &to) < 0)
		return -EINVAL;
	sub->ofs = (uint8_t)from;
	sub->n_bits = (uint8_t)(to - from + 1);
	return 0;
}

int hd_scan_subfield(const struct hd_scan *scan, struct hd_word word, bool bare, struct hd_subfield *sub)
{
	struct hd_word name, bits;
	bool bracket = hd_word_split(word, "[", &name, &bits);
	enum hd_field_id field = HD_FIELD_COUNT;

	if (hd_scan_field(scan, name, &field) < 0)
		return -EINVAL;
	*sub = (struct hd_subfield){.field = field, .n_bits = hd_fields[field].bits};
	if (!bracket && bare)
		return 0;
	if (!bracket || bits.length == 0 || bits.text[bits.length - 1] != ']')
		return hd_scan_fail(scan, name.text + name.length, "%.*s: which bits? [] or [a..b]", HD_WORD(name));
	bits.length--;
	return scan_bits(scan, bits, hd_fields[field].name, sub);
}

static int scan_flag(const struct hd_scan *scan, struct hd_word word, const char *const *names, const char *field,
		     hd_u128 *flag)
{
	for (unsigned int i = 0; i < HD_FLAG_NAMES; i++)
		if (names[i] && hd_word_is(word, names[i])) {
			*flag = (hd_u128)1 << i;
			return 0;
		}
	return hd_scan_fail(scan, word.text, "unknown %s flag %.*s", field, HD_WORD(word));
}

/* "+a-b+c": a and c set, b not. */
static int scan_signs(const struct hd_scan *scan, struct hd_word word, const char *const *names, const char *field,
		      hd_u128 bits[2])
{
	const char *at = word.text, *end = word.text + word.length;

	for (bits[0] = bits[1] = 0; at < end;) {
		bool set = *at == '+';
		struct hd_word name = {++at, 0};
		hd_u128 flag = 0;

		while (at < end && *at != '+' && *at != '-')
			at++;
		name.length = (size_t)(at - name.text);
		if (scan_flag(scan, name, names, field, &flag) < 0)
			return -EINVAL;
		if (bits[1] & flag)
			return hd_scan_fail(scan, name.text, "%s flag %.*s twice", field, HD_WORD(name));
		bits[1] |= flag;
		bits[0] |= set ? flag : 0;
	}
	return 0;
}

/* "a|b": these and no others. */
static int scan_exact(const struct hd_scan *scan, struct hd_word word, const char *const *names, const char *field,
		      hd_u128 *value)
{
	struct hd_word name, rest = word;
	bool more;

	*value = 0;
	do {
		hd_u128 flag = 0;

		more = hd_word_split(rest, "|", &name, &rest);
		if (scan_flag(scan, name, names, field, &flag) < 0)
			return -EINVAL;
		*value |= flag;
	} while (more);
	return 0;
}

static int scan_plain(const struct hd_scan *scan, const struct hd_field *field, const struct hd_value_words *words,
		      hd_u128 *value, hd_u128 *mask)
{
	hd_u128 most = field->bits == 128 ? ~(hd_u128)0 : ((hd_u128)1 << field->bits) - 1;

	if (!hd_word_number(words->value, value) || *value > most) {
		if (field->bits > 64)
			return hd_scan_fail(scan, words->value.text, "%s: %.*s is not a number of %u bits", field->name,
					    HD_WORD(words->value), field->bits);
		return hd_scan_fail(scan, words->value.text, "%s: %.*s is not a number in 0..%llu", field->name,
				    HD_WORD(words->value), (unsigned long long)most);
	}
	if (words->masked && (!hd_word_number(words->mask, mask) || *mask > most))
		return hd_scan_fail(scan, words->mask.text, "%s: %.*s is not a mask of %u bits", field->name,
				    HD_WORD(words->mask), field->bits);
	return 0;
}

static int scan_flags(const struct hd_scan *scan, const struct hd_field *field, const struct hd_value_words *words,
		      hd_u128 *value, hd_u128 *mask)
{
	const char *const *names = field->form == HD_FORM_TCP_FLAGS ? hd_tcp_flag_names : hd_ct_state_names;
	char first = words->value.length > 0 ? words->value.text[0] : '\0';
	hd_u128 bits[2];

	if (first >= '0' && first <= '9')
		return scan_plain(scan, field, words, value, mask);
	if (words->masked)
		return hd_scan_fail(scan, words->mask.text, "%s: flags by name take no mask", field->name);
	if (first != '+' && first != '-')
		return scan_exact(scan, words->value, names, field->name, value);
	if (scan_signs(scan, words->value, names, field->name, bits) < 0)
		return -EINVAL;
	*value = bits[0];
	*mask = bits[1];
	return 0;
}

static int scan_frag(const struct hd_scan *scan, const struct hd_value_words *words, hd_u128 *value, hd_u128 *mask)
{
	for (unsigned int i = 0; i < HD_FRAG_WORDS && !words->masked; i++)
		if (hd_word_is(words->value, hd_frag_words[i].name)) {
			*value = hd_frag_words[i].value;
			*mask = hd_frag_words[i].mask;
			return 0;
		}
	return hd_scan_fail(scan, words->value.text, "ip_frag is no, yes, first, later or not_later, not %.*s",
			    HD_WORD(words->value));
}

static int scan_form(const struct hd_scan *scan, const struct hd_field *field, const struct hd_value_words *words,
		     hd_u128 *value, hd_u128 *mask)
{
	uint16_t ofport;

	switch (field->form) {
	case HD_FORM_MAC:
		return hd_value_mac(scan, words, value, mask);
	case HD_FORM_IPV4:
		return hd_value_ip(scan, words, 32, value, mask);
	case HD_FORM_IPV6:
		return hd_value_ip(scan, words, 128, value, mask);
	case HD_FORM_FRAG:
		return scan_frag(scan, words, value, mask);
	case HD_FORM_TCP_FLAGS:
	case HD_FORM_CT_STATE:
		return scan_flags(scan, field, words, value, mask);
	case HD_FORM_PORT:
		if (hd_scan_port(scan, words->value, &ofport) < 0)
			return -EINVAL;
		*value = ofport;
		return 0;
	default:
		return scan_plain(scan, field, words, value, mask);
	}
}

int hd_scan_value(const struct hd_scan *scan, enum hd_field_id field, struct hd_word word, hd_u128 *value,
		  hd_u128 *mask)
{
	const struct hd_field *f = &hd_fields[field];
	struct hd_value_words words;

	if (hd_word_is(word, "*") || hd_word_is_nocase(word, "any")) {
		*value = *mask = 0;
		return 0;
	}
	words.masked = hd_word_split(word, "/", &words.value, &words.mask);
	if (words.masked && !f->maskable)
		return hd_scan_fail(scan, words.mask.text, "%s takes no mask", f->name);
	if (words.value.length == 0)
		return hd_scan_fail(scan, word.text, "%s needs a value", f->name);
	*mask = hd_field_mask(field);
	if (scan_form(scan, f, &words, value, mask) < 0)
		return -EINVAL;
	*value &= *mask;
	return 0;
}
