/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules that port security is compiled to. */
#include "secure.h"

#include <netinet/in.h>

enum {
	START,      /* by source MAC */
	KIND,       /* what is it, and what is never allowed */
	ARP,        /* sender's hardware address */
	ARP_SENDER, /* sender's protocol address */
	ND,         /* link-layer address options */
	SOLICITED,  /* neighbour solicitation: who asks */
	ADVERTISED, /* neighbour advertisement: what for */
	SOURCE,     /* of IPv4 and IPv6 */
};

/* Priorities in table KIND. */
enum { OTHER, BY_TYPE, BY_ND, REFUSED };

#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136

struct compiler {
	struct hd_guard_rules *rules;
	const struct hd_secure_conf *conf;
	uint16_t ofport;
	uint8_t n_ips;
	struct hd_prefix ips[HD_SECURE_IPS_MAX + HD_SECURE_MACS_MAX]; /* with link-local ones */
};

static struct hd_match match_port(const struct compiler *c)
{
	struct hd_match match = {0};

	HD_MATCH(&match, in_port, c->ofport);
	return match;
}

static void add(struct compiler *c, uint8_t table, uint16_t priority, const struct hd_match *match,
		const struct hd_action *actions, uint32_t n)
{
	struct hd_guard_place place = {table, priority, hd_guard_cookie(HD_GUARD_SECURE)};

	hd_guard_rules_add(c->rules, place, match, actions, n);
}

static void go(struct compiler *c, uint8_t table, const struct hd_match *match, uint8_t to)
{
	struct hd_action action = hd_guard_table(to);

	add(c, table, 1, match, &action, 1);
}

static void refuse(struct compiler *c, uint8_t table, uint16_t priority, const struct hd_match *match,
		   enum hd_drop reason)
{
	struct hd_action action = hd_guard_blame(reason);

	add(c, table, priority, match, &action, 1);
}

/* Go on in a table that lets pass what it knows: the rest is dropped for `reason`. */
static void examine(struct compiler *c, uint16_t priority, const struct hd_match *match, enum hd_drop reason,
		    uint8_t table)
{
	struct hd_action actions[] = {hd_guard_blame(reason), hd_guard_table(table)};

	add(c, KIND, priority, match, actions, 2);
}

/* ---- Addresses. ---- */

static void link_local(const uint8_t mac[6], struct hd_prefix *prefix)
{
	*prefix = (struct hd_prefix){.family = 6, .length = 128, .addr = {0xfe, 0x80}};
	memcpy(prefix->addr + 8, mac, 3);
	prefix->addr[8] ^= 0x02; /* universal/local, inverted */
	prefix->addr[11] = 0xff;
	prefix->addr[12] = 0xfe;
	memcpy(prefix->addr + 13, mac + 3, 3);
}

/* Once each: two rules with one match would be one too many. */
static void know(struct compiler *c, const struct hd_prefix *prefix)
{
	for (uint8_t i = 0; i < c->n_ips; i++)
		if (hd_prefix_equal(&c->ips[i], prefix))
			return;
	c->ips[c->n_ips++] = *prefix;
}

static void know_all(struct compiler *c)
{
	struct hd_prefix own;

	for (uint8_t i = 0; i < c->conf->n_ips; i++)
		know(c, &c->conf->ips[i]);
	for (uint8_t i = 0; i < c->conf->n_macs; i++) {
		link_local(c->conf->macs[i], &own);
		know(c, &own);
	}
}

static bool repeated(const struct hd_secure_conf *conf, uint8_t at)
{
	for (uint8_t i = 0; i < at; i++)
		if (memcmp(conf->macs[i], conf->macs[at], 6) == 0)
			return true;
	return false;
}

/* ---- Tables. ---- */

static void start(struct compiler *c)
{
	struct hd_match match = match_port(c);

	refuse(c, START, 0, &match, HD_DROP_SECURE_MAC);
	for (uint8_t i = 0; i < c->conf->n_macs; i++) {
		if (repeated(c->conf, i))
			continue;
		hd_match_mac(match.key.eth_src, match.mask.eth_src, c->conf->macs[i]);
		go(c, START, &match, KIND);
	}
}

static void refuse_l4(struct compiler *c, uint16_t eth_type, uint8_t proto, const uint16_t *ports, enum hd_drop reason)
{
	struct hd_match match = match_port(c);

	hd_match_proto(&match, eth_type, proto);
	hd_match_not_later(&match);
	if (proto == IPPROTO_UDP)
		HD_MATCH(&match, tp_dst, htons(ports[1]));
	if (proto != IPPROTO_UDP || ports[1] == 0)
		HD_MATCH(&match, tp_src, htons(ports[0]));
	refuse(c, KIND, REFUSED, &match, reason);
}

/* Who is no server and no router can't speak as one, nor hide what it says behind headers that we don't see. */
static void refuse_rogues(struct compiler *c)
{
	static const uint8_t extensions[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_AH, IPPROTO_DSTOPTS,
					     IPPROTO_FRAGMENT};
	static const uint16_t types[] = {134, 137, 0}; /* advertisement, redirect; 0: the header is out of sight */

	refuse_l4(c, HD_ETH_IPV4, IPPROTO_UDP, (const uint16_t[]){0, 68}, HD_DROP_SECURE_DHCP);
	refuse_l4(c, HD_ETH_IPV6, IPPROTO_UDP, (const uint16_t[]){0, 546}, HD_DROP_SECURE_DHCP);
	refuse_l4(c, HD_ETH_IPV4, IPPROTO_UDP, (const uint16_t[]){0, 0}, HD_DROP_SECURE_DHCP);
	refuse_l4(c, HD_ETH_IPV6, IPPROTO_UDP, (const uint16_t[]){0, 0}, HD_DROP_SECURE_DHCP);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		refuse_l4(c, HD_ETH_IPV6, IPPROTO_ICMPV6, &types[i], HD_DROP_SECURE_RA);
	for (size_t i = 0; i < sizeof(extensions); i++) {
		struct hd_match match = match_port(c);

		hd_match_proto(&match, HD_ETH_IPV6, extensions[i]);
		hd_match_not_later(&match);
		refuse(c, KIND, REFUSED, &match, HD_DROP_SECURE_RA);
	}
}

static struct hd_match match_nd(const struct compiler *c, uint8_t type)
{
	struct hd_match match = match_port(c);

	hd_match_proto(&match, HD_ETH_IPV6, IPPROTO_ICMPV6);
	HD_MATCH(&match, tp_src, htons(type));
	return match;
}

static void examine_type(struct compiler *c, uint16_t eth_type, enum hd_drop reason, uint8_t table)
{
	struct hd_match match = match_port(c);

	HD_MATCH(&match, eth_type, htons(eth_type));
	examine(c, BY_TYPE, &match, reason, table);
}

static void kind(struct compiler *c)
{
	bool ips = c->conf->n_ips != 0;
	struct hd_action action = hd_guard_table(HD_GUARD_ACL);
	struct hd_match match = match_port(c);

	refuse_rogues(c);
	for (uint8_t type = ND_SOLICITATION; type <= ND_ADVERTISEMENT; type++) {
		match = match_nd(c, type);
		examine(c, BY_ND, &match, HD_DROP_SECURE_ND, ND);
	}
	examine_type(c, HD_ETH_ARP, HD_DROP_SECURE_ARP, ARP);
	match = match_port(c);
	if (!ips) {
		add(c, KIND, OTHER, &match, &action, 1);
		return;
	}
	examine_type(c, HD_ETH_IPV4, HD_DROP_SECURE_IP, SOURCE);
	examine_type(c, HD_ETH_IPV6, HD_DROP_SECURE_IP, SOURCE);
	refuse(c, KIND, OTHER, &match, HD_DROP_SECURE_IP);
	/* What a switch announces a migrated guest by; of its addresses, only the source was looked at. */
	HD_MATCH(&match, eth_type, htons(HD_ETH_RARP));
	add(c, KIND, BY_TYPE, &match, &action, 1);
}

static void arp(struct compiler *c)
{
	uint8_t to = c->conf->n_ips != 0 ? ARP_SENDER : HD_GUARD_ACL;
	struct hd_match match = match_port(c);

	HD_MATCH(&match, eth_type, htons(HD_ETH_ARP));
	for (uint8_t i = 0; i < c->conf->n_macs; i++) {
		if (repeated(c->conf, i))
			continue;
		hd_match_mac(match.key.arp_sha, match.mask.arp_sha, c->conf->macs[i]);
		go(c, ARP, &match, to);
	}
}

static void arp_sender(struct compiler *c)
{
	struct hd_match match;
	bool any = false;

	for (uint8_t i = 0; i < c->n_ips; i++) {
		if (c->ips[i].family != 4)
			continue;
		match = match_port(c);
		HD_MATCH(&match, eth_type, htons(HD_ETH_ARP));
		hd_match_prefix(&match.key.ipv4_src, &match.mask.ipv4_src, c->ips[i].addr, 4, c->ips[i].length);
		go(c, ARP_SENDER, &match, HD_GUARD_ACL);
		any = true;
	}
	if (!any)
		return;
	match = match_port(c); /* a probe (RFC 5227 section 2.1.1) */
	HD_MATCH(&match, eth_type, htons(HD_ETH_ARP));
	HD_MATCH(&match, ip_proto, 1);
	HD_MATCH(&match, ipv4_src, 0);
	add(c, ARP_SENDER, 2, &match, &(struct hd_action){.type = HD_ACT_RESUBMIT, .resubmit = {.table = HD_GUARD_ACL}},
	    1);
}

/* The option that a message of this type has, or none; of one whose options contradict themselves nothing is known. */
static void nd(struct compiler *c, uint8_t type, uint8_t to)
{
	static const uint8_t none[6] = {0};
	bool sender = type == ND_SOLICITATION;
	struct hd_match match = match_nd(c, type);

	for (int i = -1; i < c->conf->n_macs; i++) {
		const uint8_t *mac = i < 0 ? none : c->conf->macs[i];

		if (i >= 0 && repeated(c->conf, (uint8_t)i))
			continue;
		if (sender)
			hd_match_mac(match.key.arp_sha, match.mask.arp_sha, mac);
		else
			hd_match_mac(match.key.arp_tha, match.mask.arp_tha, mac);
		go(c, ND, &match, to);
	}
	match = match_nd(c, type);
	memset(match.mask.nd_target, 0xff, sizeof(match.mask.nd_target));
	refuse(c, ND, 2, &match, HD_DROP_SECURE_ND);
	/* Nobody takes neighbour discovery in fragments (RFC 6980). */
	match = match_nd(c, type);
	HD_MATCH(&match, ip_frag, HD_KEY_FRAG_ANY);
	refuse(c, ND, 3, &match, HD_DROP_SECURE_ND);
}

/* Neighbour discovery that names one of the port's IPv6 addresses as its target. */
static void nd_targets(struct compiler *c)
{
	for (uint8_t i = 0; i < c->n_ips; i++) {
		const struct hd_prefix *ip = &c->ips[i];
		struct hd_match match;

		if (ip->family != 6)
			continue;
		match = match_nd(c, ND_ADVERTISEMENT);
		hd_match_prefix(match.key.nd_target, match.mask.nd_target, ip->addr, 16, ip->length);
		go(c, ADVERTISED, &match, SOURCE);
		/* Is the address taken? (RFC 4862 section 5.4.2: from no address, without the option.) */
		match = match_nd(c, ND_SOLICITATION);
		hd_match_prefix(match.key.nd_target, match.mask.nd_target, ip->addr, 16, ip->length);
		memset(match.mask.ipv6_src, 0xff, sizeof(match.mask.ipv6_src));
		memset(match.mask.arp_sha, 0xff, sizeof(match.mask.arp_sha));
		add(c, SOLICITED, 3, &match,
		    &(struct hd_action){.type = HD_ACT_RESUBMIT, .resubmit = {.table = HD_GUARD_ACL}}, 1);
	}
}

static void solicited(struct compiler *c)
{
	struct hd_match match = match_nd(c, ND_SOLICITATION);

	go(c, SOLICITED, &match, SOURCE);
	memset(match.mask.ipv6_src, 0xff, sizeof(match.mask.ipv6_src));
	refuse(c, SOLICITED, 2, &match, HD_DROP_SECURE_ND);
}

static void sources(struct compiler *c)
{
	for (uint8_t i = 0; i < c->n_ips; i++) {
		const struct hd_prefix *ip = &c->ips[i];
		struct hd_match match = match_port(c);

		HD_MATCH(&match, eth_type, htons(ip->family == 4 ? HD_ETH_IPV4 : HD_ETH_IPV6));
		if (ip->family == 4)
			hd_match_prefix(&match.key.ipv4_src, &match.mask.ipv4_src, ip->addr, 4, ip->length);
		else
			hd_match_prefix(match.key.ipv6_src, match.mask.ipv6_src, ip->addr, 16, ip->length);
		go(c, SOURCE, &match, HD_GUARD_ACL);
	}
}

/* What a station says before it has an address. */
static void beginners(struct compiler *c)
{
	static const uint8_t types[] = {131, 133, 143}; /* MLD reports, router solicitation */
	struct hd_action action = hd_guard_table(HD_GUARD_ACL);
	struct hd_match match = match_port(c);
	bool v4 = false;

	for (uint8_t i = 0; i < c->n_ips; i++)
		v4 |= c->ips[i].family == 4;
	hd_match_proto(&match, HD_ETH_IPV4, IPPROTO_UDP);
	hd_match_not_later(&match);
	HD_MATCH(&match, ipv4_src, 0);
	HD_MATCH(&match, tp_src, htons(68));
	HD_MATCH(&match, tp_dst, htons(67));
	if (v4)
		add(c, SOURCE, 2, &match, &action, 1);
	for (size_t i = 0; i < sizeof(types); i++) {
		match = match_nd(c, types[i]);
		hd_match_not_later(&match);
		memset(match.mask.ipv6_src, 0xff, sizeof(match.mask.ipv6_src));
		add(c, SOURCE, 2, &match, &action, 1);
	}
}

void hd_secure_compile(struct hd_guard_rules *rules, const struct hd_secure_conf *conf, uint16_t ofport)
{
	struct compiler c = {.rules = rules, .conf = conf, .ofport = ofport};
	struct hd_match match = match_port(&c);
	bool ips = conf->n_ips != 0;

	if (conf->n_macs == 0) {
		go(&c, START, &match, HD_GUARD_ACL);
		return;
	}
	know_all(&c);
	start(&c);
	kind(&c);
	arp(&c);
	nd(&c, ND_SOLICITATION, ips ? SOLICITED : HD_GUARD_ACL);
	nd(&c, ND_ADVERTISEMENT, ips ? ADVERTISED : HD_GUARD_ACL);
	if (!ips)
		return;
	arp_sender(&c);
	nd_targets(&c);
	solicited(&c);
	sources(&c);
	beginners(&c);
}
