/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns rules of access lists as values: their lists in order, their ports as masks, their canonical text. */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "acl.h"

void hd_acl_rule_clear(struct hd_acl_rule *rule)
{
	free(rule->from.addrs);
	free(rule->from.ranges);
	free(rule->to.addrs);
	free(rule->to.ranges);
	*rule = (struct hd_acl_rule){0};
}

void hd_acl_clear(struct hd_acl *acl)
{
	for (uint16_t i = 0; i < acl->n_rules; i++)
		hd_acl_rule_clear(&acl->rules[i]);
	free(acl->rules);
	*acl = (struct hd_acl){0};
}

unsigned int hd_acl_range_masks(struct hd_acl_range range, struct hd_acl_mask masks[HD_ACL_MASKS_MAX])
{
	uint32_t at = range.first, end = (uint32_t)range.last + 1;
	unsigned int n = 0;

	while (at < end) {
		/* The largest block that begins here and does not reach beyond the end. */
		uint32_t block = at == 0 ? 0x10000 : at & -at;

		while (block > end - at)
			block >>= 1;
		masks[n++] = (struct hd_acl_mask){.value = (uint16_t)at, .mask = (uint16_t) ~(block - 1)};
		at += block;
	}
	return n;
}

unsigned int hd_acl_side_masks(const struct hd_acl_side *side)
{
	struct hd_acl_mask masks[HD_ACL_MASKS_MAX];
	unsigned int n = side->n_ranges == 0 ? 1 : 0;

	for (uint16_t i = 0; i < side->n_ranges; i++)
		n += hd_acl_range_masks(side->ranges[i], masks);
	return n;
}

static const char *proto_name(const struct hd_acl_rule *rule)
{
	if (rule->what != HD_ACL_PROTO)
		return rule->what == HD_ACL_ARP ? "arp" : "any";
	switch (rule->proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_ICMP:
		return rule->families == HD_ACL_V4 ? "icmp" : NULL;
	case IPPROTO_ICMPV6:
		return rule->families == HD_ACL_V6 ? "icmp6" : NULL;
	default:
		return NULL;
	}
}

static void print_side(FILE *out, const char *word, const struct hd_acl_side *side)
{
	char text[HD_PREFIX_TEXT_MAX];

	fprintf(out, " %s ", word);
	if (side->n_addrs == 0)
		fputs("any", out);
	for (uint16_t i = 0; i < side->n_addrs; i++) {
		hd_prefix_format(&side->addrs[i], text);
		fprintf(out, "%s%s", i ? "," : "", text);
	}
	for (uint16_t i = 0; i < side->n_ranges; i++) {
		const struct hd_acl_range *range = &side->ranges[i];

		fprintf(out, "%s%u", i ? "," : " port ", range->first);
		if (range->last != range->first)
			fprintf(out, "-%u", range->last);
	}
}

char *hd_acl_rule_format(const struct hd_acl_rule *rule)
{
	const char *proto = proto_name(rule);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s ", rule->allow ? "allow" : "deny");
	if (proto)
		fputs(proto, out);
	else
		fprintf(out, "%u", rule->proto);
	print_side(out, "from", &rule->from);
	print_side(out, "to", &rule->to);
	if (rule->type >= 0)
		fprintf(out, " type %d", rule->type);
	if (rule->code >= 0)
		fprintf(out, " code %d", rule->code);
	if (rule->stateless)
		fputs(" stateless", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
