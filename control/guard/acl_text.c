/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of access lists' rules. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"

/* A word of the text; `length` 0 at its end. Commas belong to words, blanks around them too. */
struct word {
	const char *at;
	size_t length;
};

struct parser {
	const char *text, *next;
	struct word word; /* that is looked at */
	struct hd_acl_error *error;
	struct hd_acl_rule *rule;
	bool from_seen, to_seen;
	struct hd_acl_side *ports_of; /* whose ports "port" means here */
};

static const char blanks[] = " \t";

static int __attribute__((format(printf, 3, 4))) refuse(struct parser *p, const char *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error->text, sizeof(p->error->text), format, args);
	va_end(args);
	p->error->column = (size_t)(at - p->text) + 1;
	return -EINVAL;
}

static void advance(struct parser *p)
{
	const char *at = p->next + strspn(p->next, blanks);

	p->word = (struct word){at, strcspn(at, " \t,")};
	p->next = at + p->word.length;
}

static bool is(const struct parser *p, const char *word)
{
	return p->word.length == strlen(word) && strncmp(p->word.at, word, p->word.length) == 0;
}

/* A word for messages: cut, without what terminals would act on. */
struct shown {
	char text[48];
};

static struct shown show(const struct word *word)
{
	struct shown shown;
	size_t n = word->length < sizeof(shown.text) ? word->length : sizeof(shown.text) - 1;

	memcpy(shown.text, word->at, n);
	shown.text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)shown.text[i] < 0x20 || shown.text[i] == 0x7f)
			shown.text[i] = '?';
	return shown;
}

/* Is there another item of the list that the last word was part of? Steps over the comma, to the item. */
static bool more(struct parser *p)
{
	const char *comma = p->next + strspn(p->next, blanks);

	if (*comma != ',')
		return false;
	p->next = comma + 1;
	advance(p);
	return true;
}

static int read_number(struct parser *p, const char *at, size_t length, unsigned int max, unsigned int *number)
{
	struct word word = {at, length};

	*number = 0;
	if (length == 0)
		return refuse(p, at, "a number is missing");
	for (size_t i = 0; i < length; i++) {
		if (at[i] < '0' || at[i] > '9')
			return refuse(p, at, "%s is not a number", show(&word).text);
		*number = *number * 10 + (unsigned int)(at[i] - '0');
		if (*number > max)
			return refuse(p, at, "%s is not 0..%u", show(&word).text, max);
	}
	return 0;
}

/* ---- Lists. ---- */

static int addr_order(const void *a, const void *b)
{
	const struct hd_prefix *x = a, *y = b;
	int order = x->family - y->family;

	if (order == 0)
		order = memcmp(x->addr, y->addr, sizeof(x->addr));
	return order != 0 ? order : x->length - y->length;
}

static void sort_addrs(struct hd_acl_side *side)
{
	uint16_t n = 0;

	qsort(side->addrs, side->n_addrs, sizeof(side->addrs[0]), addr_order);
	for (uint16_t i = 0; i < side->n_addrs; i++)
		if (n == 0 || !hd_prefix_equal(&side->addrs[n - 1], &side->addrs[i]))
			side->addrs[n++] = side->addrs[i];
	side->n_addrs = n;
}

static int read_addrs(struct parser *p, struct hd_acl_side *side)
{
	const char *first;
	bool any = false;

	advance(p);
	first = p->word.at;
	side->addrs = calloc(HD_ACL_ADDRS_MAX, sizeof(side->addrs[0]));
	if (!side->addrs)
		return -ENOMEM;
	do {
		const char *wrong;

		if (is(p, "any")) {
			any = true;
			continue;
		}
		if (p->word.length == 0)
			return refuse(p, p->word.at, "an address is missing, or any");
		if (side->n_addrs == HD_ACL_ADDRS_MAX)
			return refuse(p, p->word.at, "more than %d addresses", HD_ACL_ADDRS_MAX);
		wrong = hd_prefix_parse(p->word.at, p->word.length, &side->addrs[side->n_addrs++]);
		if (wrong)
			return refuse(p, p->word.at, "%s: %s", show(&p->word).text, wrong);
	} while (more(p));
	if (any && side->n_addrs != 0)
		return refuse(p, first, "any goes with no other address");
	sort_addrs(side);
	return 0;
}

static int range_order(const void *a, const void *b)
{
	return ((const struct hd_acl_range *)a)->first - ((const struct hd_acl_range *)b)->first;
}

/* Sorted, and one where there were several that touch or overlap. */
static void sort_ranges(struct hd_acl_side *side)
{
	uint16_t n = 0;

	qsort(side->ranges, side->n_ranges, sizeof(side->ranges[0]), range_order);
	for (uint16_t i = 0; i < side->n_ranges; i++) {
		struct hd_acl_range *before = n > 0 ? &side->ranges[n - 1] : NULL;

		if (before && side->ranges[i].first <= before->last + 1) {
			if (side->ranges[i].last > before->last)
				before->last = side->ranges[i].last;
		} else {
			side->ranges[n++] = side->ranges[i];
		}
	}
	side->n_ranges = n;
}

static int read_range(struct parser *p, struct hd_acl_range *range)
{
	const char *dash = memchr(p->word.at, '-', p->word.length);
	size_t length = dash ? (size_t)(dash - p->word.at) : p->word.length;
	unsigned int first, last;

	if (p->word.length == 0)
		return refuse(p, p->word.at, "a port is missing");
	if (read_number(p, p->word.at, length, 65535, &first) < 0)
		return -EINVAL;
	last = first;
	if (dash && read_number(p, dash + 1, p->word.length - length - 1, 65535, &last) < 0)
		return -EINVAL;
	if (last < first)
		return refuse(p, p->word.at, "%s runs backwards", show(&p->word).text);
	*range = (struct hd_acl_range){.first = (uint16_t)first, .last = (uint16_t)last};
	return 0;
}

static bool has_ports(const struct hd_acl_rule *rule)
{
	return rule->what == HD_ACL_PROTO &&
	       (rule->proto == IPPROTO_TCP || rule->proto == IPPROTO_UDP || rule->proto == IPPROTO_SCTP);
}

static int read_ports(struct parser *p)
{
	struct hd_acl_side *side = p->ports_of;

	if (!has_ports(p->rule))
		return refuse(p, p->word.at, "only tcp, udp and sctp have ports");
	if (side->ranges)
		return refuse(p, p->word.at, "port: given twice");
	side->ranges = calloc(HD_ACL_RANGES_MAX, sizeof(side->ranges[0]));
	if (!side->ranges)
		return -ENOMEM;
	advance(p);
	do {
		if (side->n_ranges == HD_ACL_RANGES_MAX)
			return refuse(p, p->word.at, "more than %d ports and ranges", HD_ACL_RANGES_MAX);
		if (read_range(p, &side->ranges[side->n_ranges++]) < 0)
			return -EINVAL;
	} while (more(p));
	sort_ranges(side);
	return 0;
}

/* ---- Parts of a rule. ---- */

static int read_action(struct parser *p)
{
	advance(p);
	p->rule->allow = is(p, "allow");
	if (p->rule->allow || is(p, "deny"))
		return 0;
	if (p->word.length == 0)
		return refuse(p, p->word.at, "a rule begins with allow or deny");
	return refuse(p, p->word.at, "%s: a rule begins with allow or deny", show(&p->word).text);
}

static int read_proto(struct parser *p)
{
	static const struct {
		const char *name;
		enum hd_acl_what what;
		uint8_t proto, families;
	} protos[] = {
		{"any", HD_ACL_ANY, 0, HD_ACL_V4 | HD_ACL_V6},
		{"arp", HD_ACL_ARP, 0, HD_ACL_V4},
		{"tcp", HD_ACL_PROTO, IPPROTO_TCP, HD_ACL_V4 | HD_ACL_V6},
		{"udp", HD_ACL_PROTO, IPPROTO_UDP, HD_ACL_V4 | HD_ACL_V6},
		{"sctp", HD_ACL_PROTO, IPPROTO_SCTP, HD_ACL_V4 | HD_ACL_V6},
		{"icmp", HD_ACL_PROTO, IPPROTO_ICMP, HD_ACL_V4},
		{"icmp6", HD_ACL_PROTO, IPPROTO_ICMPV6, HD_ACL_V6},
	};
	struct hd_acl_rule *rule = p->rule;
	unsigned int number;

	advance(p);
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (!is(p, protos[i].name))
			continue;
		rule->what = protos[i].what;
		rule->proto = protos[i].proto;
		rule->families = protos[i].families;
		return 0;
	}
	if (p->word.length == 0 || p->word.at[0] < '0' || p->word.at[0] > '9')
		return refuse(p, p->word.at, "%s%sa protocol: any, tcp, udp, sctp, icmp, icmp6, arp or a number",
			      show(&p->word).text, p->word.length ? " is not " : "what is missing is ");
	if (read_number(p, p->word.at, p->word.length, 255, &number) < 0)
		return -EINVAL;
	rule->what = HD_ACL_PROTO;
	rule->proto = (uint8_t)number;
	rule->families = HD_ACL_V4 | HD_ACL_V6;
	return 0;
}

static int read_side(struct parser *p, struct hd_acl_side *side, bool *seen)
{
	if (*seen)
		return refuse(p, p->word.at, "%s: given twice", show(&p->word).text);
	*seen = true;
	p->ports_of = side;
	return read_addrs(p, side);
}

static bool is_icmp(const struct hd_acl_rule *rule)
{
	return rule->what == HD_ACL_PROTO && ((rule->proto == IPPROTO_ICMP && rule->families == HD_ACL_V4) ||
					      (rule->proto == IPPROTO_ICMPV6 && rule->families == HD_ACL_V6));
}

static int read_icmp(struct parser *p, int16_t *field)
{
	const char *at = p->word.at;
	unsigned int number;

	if (!is_icmp(p->rule))
		return refuse(p, at, "only icmp and icmp6 have a %s", show(&p->word).text);
	if (*field >= 0)
		return refuse(p, at, "%s: given twice", show(&p->word).text);
	advance(p);
	if (read_number(p, p->word.at, p->word.length, 255, &number) < 0)
		return -EINVAL;
	*field = (int16_t)number;
	return 0;
}

static int read_part(struct parser *p)
{
	struct hd_acl_rule *rule = p->rule;

	if (is(p, "from"))
		return read_side(p, &rule->from, &p->from_seen);
	if (is(p, "to"))
		return read_side(p, &rule->to, &p->to_seen);
	if (is(p, "port"))
		return read_ports(p);
	if (is(p, "type"))
		return read_icmp(p, &rule->type);
	if (is(p, "code"))
		return read_icmp(p, &rule->code);
	if (!is(p, "stateless"))
		return refuse(p, p->word.at,
			      "%s is not expected here: there may be from, to, port, type, code, stateless",
			      p->word.length ? show(&p->word).text : ",");
	rule->stateless = true;
	return 0;
}

/* ---- The whole. ---- */

/* Versions of IP that a side's addresses are of. */
static uint8_t families_of(const struct hd_acl_side *side)
{
	uint8_t families = side->n_addrs == 0 ? HD_ACL_V4 | HD_ACL_V6 : 0;

	for (uint16_t i = 0; i < side->n_addrs; i++)
		families |= side->addrs[i].family == 4 ? HD_ACL_V4 : HD_ACL_V6;
	return families;
}

static unsigned int addrs_of(const struct hd_acl_side *side, unsigned int family)
{
	unsigned int n = 0;

	for (uint16_t i = 0; i < side->n_addrs; i++)
		n += side->addrs[i].family == family;
	return side->n_addrs == 0 ? 1 : n;
}

static int check(struct parser *p)
{
	struct hd_acl_rule *rule = p->rule;
	uint64_t pairs = 0;

	rule->families &= families_of(&rule->from) & families_of(&rule->to);
	if (rule->families == 0)
		return refuse(p, p->text, "no packet has such addresses: IPv4 and IPv6 don't mix%s",
			      rule->what == HD_ACL_ANY ? "" : ", and the protocol may be of one only");
	if (rule->code >= 0 && rule->type < 0)
		return refuse(p, p->text, "code needs type");
	if (rule->families & HD_ACL_V4)
		pairs += (uint64_t)addrs_of(&rule->from, 4) * addrs_of(&rule->to, 4);
	if (rule->families & HD_ACL_V6)
		pairs += (uint64_t)addrs_of(&rule->from, 6) * addrs_of(&rule->to, 6);
	pairs *= (uint64_t)hd_acl_side_masks(&rule->from) * hd_acl_side_masks(&rule->to);
	if (pairs > HD_ACL_ALTERNATIVES)
		return refuse(p, p->text, "it needs %" PRIu64 " matches, at most %d: split it", pairs,
			      HD_ACL_ALTERNATIVES);
	return 0;
}

static int parse(struct parser *p)
{
	int rc;

	if (strlen(p->text) > HD_ACL_TEXT_MAX)
		return refuse(p, p->text, "longer than %d bytes", HD_ACL_TEXT_MAX);
	rc = read_action(p);
	if (rc == 0)
		rc = read_proto(p);
	for (; rc == 0; rc = read_part(p)) {
		advance(p);
		if (*p->word.at == '\0')
			return check(p);
	}
	return rc;
}

int hd_acl_rule_parse(const char *text, struct hd_acl_rule *rule, struct hd_acl_error *error)
{
	struct parser p = {.text = text, .next = text, .error = error, .rule = rule, .ports_of = &rule->to};
	int rc;

	*rule = (struct hd_acl_rule){.type = -1, .code = -1};
	rc = parse(&p);
	if (rc < 0)
		hd_acl_rule_clear(rule);
	return rc;
}
