/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading ct(...), with its nat(...) and exec(...). */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "action_text.h"

/* "10.0.0.1-10.0.0.9" or one address. */
static int scan_addresses(const struct hd_scan *scan, struct hd_word word, struct hd_nat *nat)
{
	bool v6 = memchr(word.text, ':', word.length) != NULL;
	struct hd_word low, high;

	if (!hd_word_split(word, "-", &low, &high))
		high = low;
	for (unsigned int i = 0; i < 2; i++) {
		struct hd_word one = i == 0 ? low : high;
		uint8_t *to = i == 0 ? nat->min : nat->max;

		if (one.length >= 2 && one.text[0] == '[' && one.text[one.length - 1] == ']')
			one = (struct hd_word){one.text + 1, one.length - 2};
		if (v6 ? !hd_word_ipv6(one, to) : !hd_word_ipv4(one, to))
			return hd_scan_fail(scan, one.text, "nat: %.*s is not an address", HD_WORD(one));
	}
	nat->family = v6 ? 6 : 4;
	if (memcmp(nat->min, nat->max, sizeof(nat->min)) > 0)
		return hd_scan_fail(scan, high.text, "nat: the range ends before it begins");
	return 0;
}

static int scan_ports(const struct hd_scan *scan, struct hd_word word, struct hd_nat *nat)
{
	struct hd_word low, high;
	uint64_t min, max;

	if (!hd_word_split(word, "-", &low, &high))
		high = low;
	if (hd_scan_number(scan, low, "nat's port", 1, UINT16_MAX, &min) < 0 ||
	    hd_scan_number(scan, high, "nat's port", min, UINT16_MAX, &max) < 0)
		return -EINVAL;
	nat->port_min = (uint16_t)min;
	nat->port_max = (uint16_t)max;
	return 0;
}

/* The ':' in front of ports, or NULL. IPv6 has ports behind brackets only. */
static const char *ports_at(struct hd_word word)
{
	const char *colon = memrchr(word.text, ':', word.length);

	if (!colon)
		return NULL;
	if (word.text[0] == '[')
		return colon > word.text && colon[-1] == ']' ? colon : NULL;
	return memchr(word.text, ':', word.length) == colon ? colon : NULL;
}

static int scan_range(const struct hd_scan *scan, struct hd_word word, struct hd_nat *nat)
{
	const char *colon = ports_at(word);
	struct hd_word addresses = word;

	if (colon) {
		const char *end = word.text + word.length;

		addresses.length = (size_t)(colon - word.text);
		if (scan_ports(scan, (struct hd_word){colon + 1, (size_t)(end - colon - 1)}, nat) < 0)
			return -EINVAL;
	}
	return scan_addresses(scan, addresses, nat);
}

static int scan_nat_term(const struct hd_scan *scan, const struct hd_term *term, struct hd_nat *nat)
{
	bool src = hd_word_is(term->name, "src");

	if (src || hd_word_is(term->name, "dst")) {
		if (nat->flags & (HD_NAT_SRC | HD_NAT_DST))
			return hd_scan_fail(scan, term->name.text, "nat takes src or dst, once");
		nat->flags |= src ? HD_NAT_SRC : HD_NAT_DST;
		return term->form == 0 ? 0 : scan_range(scan, term->value, nat);
	}
	if (term->form == 0 && hd_word_is(term->name, "random"))
		nat->flags |= HD_NAT_RANDOM;
	else if (term->form == 0 && hd_word_is(term->name, "persistent"))
		nat->flags |= HD_NAT_PERSISTENT;
	else if (term->form != 0 || !hd_word_is(term->name, "hash")) /* hash is what is done without random */
		return hd_scan_fail(scan, term->name.text, "nat takes src, dst, random, hash and persistent, not %.*s",
				    HD_WORD(term->name));
	return 0;
}

static int scan_nat(const struct hd_list *list, const struct hd_scan *scan, const struct hd_term *nat_term,
		    struct hd_ct_action *ct)
{
	struct hd_scan part = hd_scan_part(scan, nat_term->value);
	uint16_t type = list->match ? be16toh(list->match->key.eth_type) : 0;
	struct hd_nat *nat = &ct->nat;
	struct hd_term term;
	int ret;

	ct->flags |= HD_CT_ACT_NAT;
	if (nat_term->form == 0)
		return 0;
	while ((ret = hd_scan_term(&part, &term)) > 0)
		if (scan_nat_term(&part, &term, nat) < 0)
			return -EINVAL;
	if (ret < 0)
		return ret;
	if ((nat->flags & (HD_NAT_RANDOM | HD_NAT_PERSISTENT)) && !(nat->flags & (HD_NAT_SRC | HD_NAT_DST)))
		return hd_scan_fail(scan, nat_term->value.text, "nat: random and persistent go with src or dst");
	if (nat->family && type && (nat->family == 6) != (type == 0x86dd))
		return hd_scan_fail(scan, nat_term->value.text, "nat: an IPv%u address, but the flow matches %s",
				    nat->family, type == 0x86dd ? "ipv6" : "ip");
	return 0;
}

static int scan_zone(const struct hd_list *list, const struct hd_scan *scan, struct hd_word word,
		     struct hd_ct_action *ct)
{
	uint64_t zone;

	if (!memchr(word.text, '[', word.length)) {
		if (hd_scan_number(scan, word, "ct's zone", 0, UINT16_MAX, &zone) < 0)
			return -EINVAL;
		ct->zone = (uint16_t)zone;
		return 0;
	}
	if (hd_list_source(list, scan, word, false, &ct->zone_src) < 0)
		return -EINVAL;
	if (ct->zone_src.n_bits != 16)
		return hd_scan_fail(scan, word.text, "a zone has 16 bits, not %u", ct->zone_src.n_bits);
	return 0;
}

static int scan_exec(const struct hd_list *list, const struct hd_scan *scan, struct hd_word word,
		     struct hd_ct_action *ct)
{
	struct hd_list inner = {.kind = HD_LIST_EXEC, .match = list->match, .table = -1};
	struct hd_scan part = hd_scan_part(scan, word);
	int ret = hd_list_parse(&inner, &part);

	ct->exec = inner.actions;
	return ret;
}

enum option {
	OPTION_COMMIT,
	OPTION_FORCE,
	OPTION_ZONE,
	OPTION_TABLE,
	OPTION_NAT,
	OPTION_EXEC,
	OPTIONS,
};

static const struct {
	const char *name;
	const char *forms; /* 0 is '0' here */
} options[OPTIONS] = {
	[OPTION_COMMIT] = {"commit", "0"}, [OPTION_FORCE] = {"force", "0"}, [OPTION_ZONE] = {"zone", "=:"},
	[OPTION_TABLE] = {"table", "=:"},  [OPTION_NAT] = {"nat", "0("},    [OPTION_EXEC] = {"exec", "("},
};

static int find_option(const struct hd_scan *scan, const struct hd_term *term, enum option *option)
{
	char form = term->form ? term->form : '0';

	for (unsigned int i = 0; i < OPTIONS; i++) {
		if (!hd_word_is(term->name, options[i].name))
			continue;
		*option = (enum option)i;
		if (strchr(options[i].forms, form))
			return 0;
		return hd_scan_fail(scan, term->name.text, "ct: what about %s?", options[i].name);
	}
	if (hd_word_is(term->name, "alg"))
		return hd_scan_fail(
			scan, term->name.text,
			"ct's alg is not supported: Heddle does not follow the protocols inside connections");
	return hd_scan_fail(scan, term->name.text, "ct: %.*s is not supported", HD_WORD(term->name));
}

static int scan_option(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, enum option option,
		       struct hd_ct_action *ct)
{
	uint64_t table;

	switch (option) {
	case OPTION_COMMIT:
		ct->flags |= HD_CT_ACT_COMMIT;
		return 0;
	case OPTION_FORCE:
		ct->flags |= HD_CT_ACT_FORCE;
		return 0;
	case OPTION_ZONE:
		return scan_zone(list, scan, term->value, ct);
	case OPTION_NAT:
		return scan_nat(list, scan, term, ct);
	case OPTION_EXEC:
		return scan_exec(list, scan, term->value, ct);
	default:
		if (hd_scan_number(scan, term->value, "ct's table", 0, HD_TABLES - 1, &table) < 0)
			return -EINVAL;
		ct->has_table = true;
		ct->table = (uint8_t)table;
		list->last = "ct(table=...): packets go on in that table, and only there";
		return 0;
	}
}

static int scan_options(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *ct_term,
			struct hd_ct_action *ct)
{
	struct hd_scan part = hd_scan_part(scan, ct_term->value);
	unsigned int seen = 0;
	struct hd_term term;
	enum option option = OPTION_COMMIT;
	int ret;

	while ((ret = hd_scan_term(&part, &term)) > 0) {
		ret = find_option(&part, &term, &option);
		if (ret == 0 && (seen >> option & 1))
			ret = hd_scan_fail(&part, term.name.text, "ct: %s twice", options[option].name);
		if (ret == 0)
			ret = scan_option(list, &part, &term, option, ct);
		if (ret < 0)
			return ret;
		seen |= 1u << option;
	}
	if (ret < 0 || (ct->flags & HD_CT_ACT_COMMIT))
		return ret;
	if ((ct->flags & HD_CT_ACT_FORCE) || ct->exec || ct->nat.flags)
		return hd_scan_fail(scan, ct_term->name.text, "ct: force, exec and nat(src or dst) need commit");
	return 0;
}

static void free_ct(struct hd_ct_action *ct)
{
	hd_actions_free(ct->exec);
	free(ct);
}

int hd_read_ct(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	uint16_t field = HD_FIELD_IP_PROTO; /* whatever all of IP has */
	struct hd_action *action;
	struct hd_ct_action *ct;
	int ret;

	if (list->match && !hd_field_prereq_met((enum hd_field_id)field, list->match))
		return hd_scan_fail(scan, term->name.text, "ct needs %s in the match", hd_prereq_text(HD_PRE_IP));
	ct = calloc(1, sizeof(*ct));
	if (!ct)
		return -ENOMEM;
	ret = term->form == 0 ? 0 : scan_options(list, scan, term, ct);
	if (ret < 0)
		goto err_free;
	action = hd_list_add(list, HD_ACT_CT);
	if (!action) {
		ret = -ENOMEM;
		goto err_free;
	}
	action->ct = ct;
	return 0;

err_free:
	free_ct(ct);
	return ret;
}
