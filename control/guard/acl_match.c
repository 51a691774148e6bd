/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the multiplying out of a rule's versions, addresses and ports. */
#include "acl_match.h"

struct product {
	const struct hd_acl_rule *rule;
	void (*each)(void *context, const struct hd_match *match);
	void *context;
	uint8_t family; /* 4 or 6 */
};

static void with_port(const struct product *product, const struct hd_match *base, bool to)
{
	const struct hd_acl_side *side = to ? &product->rule->to : &product->rule->from;
	struct hd_acl_mask masks[HD_ACL_MASKS_MAX];

	if (side->n_ranges == 0) {
		if (to)
			product->each(product->context, base);
		else
			with_port(product, base, true);
		return;
	}
	for (uint16_t i = 0; i < side->n_ranges; i++) {
		unsigned int n = hd_acl_range_masks(side->ranges[i], masks);

		for (unsigned int m = 0; m < n; m++) {
			struct hd_match match = *base;
			uint16_t *key = to ? &match.key.tp_dst : &match.key.tp_src;
			uint16_t *mask = to ? &match.mask.tp_dst : &match.mask.tp_src;

			*key = htons(masks[m].value);
			*mask = htons(masks[m].mask);
			hd_match_not_later(&match);
			if (to)
				product->each(product->context, &match);
			else
				with_port(product, &match, true);
		}
	}
}

static void match_addr(struct hd_match *match, const struct hd_prefix *addr, bool to)
{
	struct hd_key *key = &match->key, *mask = &match->mask;

	if (addr->family == 4)
		hd_match_prefix(to ? &key->ipv4_dst : &key->ipv4_src, to ? &mask->ipv4_dst : &mask->ipv4_src,
				addr->addr, 4, addr->length);
	else
		hd_match_prefix(to ? key->ipv6_dst : key->ipv6_src, to ? mask->ipv6_dst : mask->ipv6_src, addr->addr,
				16, addr->length);
}

static void with_addr(const struct product *product, const struct hd_match *base, bool to)
{
	const struct hd_acl_side *side = to ? &product->rule->to : &product->rule->from;

	if (side->n_addrs == 0) {
		if (to)
			with_port(product, base, false);
		else
			with_addr(product, base, true);
		return;
	}
	for (uint16_t i = 0; i < side->n_addrs; i++) {
		struct hd_match match = *base;

		if (side->addrs[i].family != product->family)
			continue;
		match_addr(&match, &side->addrs[i], to);
		if (to)
			with_port(product, &match, false);
		else
			with_addr(product, &match, true);
	}
}

static void with_family(struct product *product, const struct hd_match *base, uint8_t family)
{
	const struct hd_acl_rule *rule = product->rule;
	struct hd_match match = *base;

	product->family = family;
	if (rule->what == HD_ACL_ARP)
		HD_MATCH(&match, eth_type, htons(HD_ETH_ARP));
	else
		HD_MATCH(&match, eth_type, htons(family == 4 ? HD_ETH_IPV4 : HD_ETH_IPV6));
	if (rule->what == HD_ACL_PROTO)
		HD_MATCH(&match, ip_proto, rule->proto);
	if (rule->type >= 0) {
		HD_MATCH(&match, tp_src, htons((uint16_t)rule->type));
		hd_match_not_later(&match);
	}
	if (rule->code >= 0)
		HD_MATCH(&match, tp_dst, htons((uint16_t)rule->code));
	with_addr(product, &match, false);
}

void hd_acl_rule_matches(const struct hd_acl_rule *rule, const struct hd_match *base,
			 void (*each)(void *context, const struct hd_match *match), void *context)
{
	struct product product = {.rule = rule, .each = each, .context = context};

	if (rule->families & HD_ACL_V4)
		with_family(&product, base, 4);
	if (rule->families & HD_ACL_V6)
		with_family(&product, base, 6);
}
