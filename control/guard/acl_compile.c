/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules that access lists are compiled to. */
#include "acl_compile.h"

#include <netinet/in.h>

#include "acl_match.h"

/* Priorities in table ENTRY. */
enum { OTHERS, TRACKABLE, ICMP, ICMP_TRACKABLE, HIDING };

/* In table RULES, below the rules'. */
enum { DEFAULT, DEFAULT_FIRST, DEFAULT_ARP };

struct compiler {
	struct hd_guard_rules *rules;
	const struct hd_acl_port *port;
	enum hd_acl_dir dir;
	bool filtered, tracks;
	enum hd_drop reason;
	struct hd_match base; /* the port */
};

struct pass {
	struct compiler *c;
	struct hd_guard_place place;
	const struct hd_action *actions;
	uint32_t n;
};

static void add(struct compiler *c, struct hd_guard_place place, const struct hd_match *match, struct hd_action action)
{
	hd_guard_rules_add(c->rules, place, match, &action, 1);
}

static void add_match(void *context, const struct hd_match *match)
{
	struct pass *pass = context;

	hd_guard_rules_add(pass->c->rules, pass->place, match, pass->actions, pass->n);
}

static void match_state(struct hd_match *match, uint8_t set, uint8_t clear)
{
	match->key.ct_state |= set;
	match->mask.ct_state |= set | clear;
}

/* ---- Tracking. ---- */

/* ct(commit,zone=...,exec(set mark)), on the caller's stack: hd_guard_rules_add copies it. */
struct commit {
	struct hd_ct_action ct;
	struct {
		struct hd_actions list;
		struct hd_action set;
	} exec;
};

static struct hd_action commit(const struct compiler *c, struct commit *commit, uint32_t mark)
{
	*commit = (struct commit){
		.ct = {.flags = HD_CT_ACT_COMMIT, .zone = hd_acl_zone(c->port->ofport), .exec = &commit->exec.list},
		.exec = {.list = {.n = 1},
			 .set = {.type = HD_ACT_SET,
				 .set = {.field = HD_FIELD_CT_MARK, .value = mark, .mask = UINT32_MAX}}},
	};
	return (struct hd_action){.type = HD_ACT_CT, .ct = &commit->ct};
}
static_assert(offsetof(struct commit, exec.set) == offsetof(struct commit, exec.list) + sizeof(struct hd_actions),
	      "the action is the list's first");

static void track(struct compiler *c, uint16_t priority, const struct hd_match *match)
{
	struct hd_ct_action ct = {
		.has_table = true, .table = HD_ACL_TABLE_TRACKED, .zone = hd_acl_zone(c->port->ofport)};
	struct hd_guard_place place = {HD_ACL_TABLE_ENTRY, priority, hd_guard_cookie(HD_GUARD_ESTABLISHED)};

	add(c, place, match, (struct hd_action){.type = HD_ACT_CT, .ct = &ct});
}

/* ---- Table ENTRY. ---- */

static void enter(struct compiler *c, uint16_t priority, const struct hd_match *match, struct hd_action action)
{
	add(c, (struct hd_guard_place){HD_ACL_TABLE_ENTRY, priority, hd_guard_cookie(HD_GUARD_ESTABLISHED)}, match,
	    action);
}

/* Packets whose L4 header is out of sight can be anything: rules that deny would not see it. */
static void refuse_hiding(struct compiler *c)
{
	static const uint8_t extensions[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_AH, IPPROTO_DSTOPTS,
					     IPPROTO_FRAGMENT};
	static const uint8_t with_ports[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
	static const uint16_t types[] = {HD_ETH_IPV4, HD_ETH_IPV6};
	struct hd_match match;

	for (size_t i = 0; i < sizeof(extensions); i++) {
		match = c->base;
		hd_match_proto(&match, HD_ETH_IPV6, extensions[i]);
		hd_match_not_later(&match);
		enter(c, HIDING, &match, hd_guard_blame(c->reason));
	}
	for (size_t i = 0; i < 2 * sizeof(with_ports); i++) {
		match = c->base;
		hd_match_proto(&match, types[i % 2], with_ports[i / 2]);
		hd_match_not_later(&match);
		HD_MATCH(&match, tp_src, 0);
		HD_MATCH(&match, tp_dst, 0);
		enter(c, HIDING, &match, hd_guard_blame(c->reason));
	}
	match = c->base;
	hd_match_proto(&match, HD_ETH_IPV6, IPPROTO_ICMPV6);
	hd_match_not_later(&match);
	HD_MATCH(&match, tp_src, 0);
	enter(c, HIDING, &match, hd_guard_blame(c->reason));
}

/* Of ICMP, what asks, answers or reports an error has a connection. The rest is judged for itself. */
static void enter_icmp(struct compiler *c)
{
	static const struct {
		uint16_t eth_type;
		uint8_t proto, type;
	} tracked[] = {
		{HD_ETH_IPV4, IPPROTO_ICMP, 0},     {HD_ETH_IPV4, IPPROTO_ICMP, 3},
		{HD_ETH_IPV4, IPPROTO_ICMP, 4},     {HD_ETH_IPV4, IPPROTO_ICMP, 5},
		{HD_ETH_IPV4, IPPROTO_ICMP, 8},     {HD_ETH_IPV4, IPPROTO_ICMP, 11},
		{HD_ETH_IPV4, IPPROTO_ICMP, 12},    {HD_ETH_IPV4, IPPROTO_ICMP, 13},
		{HD_ETH_IPV4, IPPROTO_ICMP, 14},    {HD_ETH_IPV4, IPPROTO_ICMP, 15},
		{HD_ETH_IPV4, IPPROTO_ICMP, 16},    {HD_ETH_IPV6, IPPROTO_ICMPV6, 1},
		{HD_ETH_IPV6, IPPROTO_ICMPV6, 2},   {HD_ETH_IPV6, IPPROTO_ICMPV6, 3},
		{HD_ETH_IPV6, IPPROTO_ICMPV6, 4},   {HD_ETH_IPV6, IPPROTO_ICMPV6, 128},
		{HD_ETH_IPV6, IPPROTO_ICMPV6, 129},
	};
	struct hd_match match = c->base;

	for (size_t i = 0; i < sizeof(tracked) / sizeof(tracked[0]); i++) {
		hd_match_proto(&match, tracked[i].eth_type, tracked[i].proto);
		HD_MATCH(&match, tp_src, htons(tracked[i].type));
		track(c, ICMP_TRACKABLE, &match);
	}
	match = c->base;
	hd_match_proto(&match, HD_ETH_IPV4, IPPROTO_ICMP);
	enter(c, ICMP, &match, hd_guard_table(HD_ACL_TABLE_RULES));
	hd_match_proto(&match, HD_ETH_IPV6, IPPROTO_ICMPV6);
	enter(c, ICMP, &match, hd_guard_table(HD_ACL_TABLE_RULES));
}

static void compile_entry(struct compiler *c)
{
	struct hd_match match = c->base;

	HD_MATCH(&match, eth_type, htons(HD_ETH_RARP));
	enter(c, TRACKABLE, &match, hd_guard_pass());
	for (uint16_t type = 133; type <= 137; type++) { /* RFC 4861 */
		match = c->base;
		hd_match_proto(&match, HD_ETH_IPV6, IPPROTO_ICMPV6);
		HD_MATCH(&match, tp_src, htons(type));
		enter(c, ICMP_TRACKABLE, &match, hd_guard_pass());
	}
	if (c->filtered)
		refuse_hiding(c);
	enter(c, OTHERS, &c->base, hd_guard_table(HD_ACL_TABLE_RULES));
	if (!c->tracks)
		return;
	enter_icmp(c);
	match = c->base;
	HD_MATCH(&match, eth_type, htons(HD_ETH_IPV4));
	track(c, TRACKABLE, &match);
	HD_MATCH(&match, eth_type, htons(HD_ETH_IPV6));
	track(c, TRACKABLE, &match);
}

/* ---- Table TRACKED. ---- */

static void compile_tracked(struct compiler *c)
{
	struct hd_guard_place place = {HD_ACL_TABLE_TRACKED, 1, hd_guard_cookie(HD_GUARD_ESTABLISHED)};
	struct hd_match match = c->base, allowed = c->base;

	HD_MATCH(&allowed, ct_mark, HD_ACL_ALLOWED);
	match = allowed;
	match_state(&match, HD_CT_EST | HD_CT_RPL, HD_CT_INV);
	add(c, place, &match, hd_guard_pass());
	match = allowed; /* errors */
	match_state(&match, HD_CT_REL, HD_CT_INV);
	add(c, place, &match, hd_guard_pass());
	match = allowed;
	match_state(&match, HD_CT_TRK, HD_CT_INV);
	match.key.ip_frag = HD_KEY_FRAG_LATER;
	match.mask.ip_frag = HD_KEY_FRAG_LATER;
	add(c, place, &match, hd_guard_pass());
	place.priority = 0;
	add(c, place, &c->base, hd_guard_table(HD_ACL_TABLE_RULES));
}

/* ---- Table RULES. ---- */

/* Of the side that opened an allowed connection: its answers are not to pass any more either. */
static struct hd_match match_allowed(const struct compiler *c)
{
	struct hd_match match = c->base;

	match_state(&match, HD_CT_TRK, HD_CT_INV | HD_CT_REL | HD_CT_RPL);
	HD_MATCH(&match, ct_mark, HD_ACL_ALLOWED);
	return match;
}

static void compile_rule(struct compiler *c, const struct hd_acl *list, uint16_t index, uint16_t priority)
{
	const struct hd_acl_rule *rule = &list->rules[index];
	bool stateless = rule->stateless || list->stateless || rule->what == HD_ACL_ARP;
	uint64_t cookie = hd_guard_cookie_rule(list->name, (uint16_t)(index + 1));
	struct hd_match allowed = match_allowed(c);
	struct commit memory;
	struct hd_action revoke[2] = {commit(c, &memory, HD_ACL_DENIED), hd_guard_blame(c->reason)};
	struct hd_action decide = hd_guard_blame(c->reason);
	struct pass pass = {c, {HD_ACL_TABLE_RULES, priority, cookie}, &decide, 1};

	if (rule->allow)
		decide = c->tracks && !stateless ? hd_guard_table(HD_ACL_TABLE_ACCEPT) : hd_guard_pass();
	hd_acl_rule_matches(rule, &c->base, add_match, &pass);
	if (rule->allow || !c->tracks || rule->what == HD_ACL_ARP)
		return;
	pass = (struct pass){c, {HD_ACL_TABLE_RULES, (uint16_t)(priority + 1), cookie}, revoke, 2};
	hd_acl_rule_matches(rule, &allowed, add_match, &pass);
}

static void compile_lists(struct compiler *c)
{
	uint16_t priority = UINT16_MAX;

	for (uint8_t i = 0; i < c->port->n_lists[c->dir]; i++) {
		const struct hd_acl *list = c->port->lists[c->dir][i];

		for (uint16_t r = 0; r < list->n_rules; r++) {
			priority = (uint16_t)(priority - 2);
			compile_rule(c, list, r, priority);
		}
	}
}

static void compile_default(struct compiler *c)
{
	struct hd_guard_place place = {HD_ACL_TABLE_RULES, DEFAULT, hd_guard_cookie(HD_GUARD_DEFAULT)};
	struct hd_guard_place first = {HD_ACL_TABLE_RULES, DEFAULT_FIRST, hd_guard_cookie(HD_GUARD_DEFAULT)};
	struct hd_guard_place arp = {HD_ACL_TABLE_RULES, DEFAULT_ARP, hd_guard_cookie(HD_GUARD_ESTABLISHED)};
	bool allow = !c->filtered || c->port->default_allow;
	struct hd_match match = c->base;
	struct commit memory;

	HD_MATCH(&match, eth_type, htons(HD_ETH_ARP));
	add(c, arp, &match, hd_guard_pass());
	if (!c->tracks) {
		add(c, place, &c->base, allow ? hd_guard_pass() : hd_guard_blame(c->reason));
	} else if (allow) {
		match = c->base;
		match_state(&match, HD_CT_INV, 0);
		add(c, first, &match, hd_guard_pass());
		add(c, place, &c->base, hd_guard_table(HD_ACL_TABLE_ACCEPT));
	} else {
		struct hd_action revoke[2] = {commit(c, &memory, HD_ACL_DENIED), hd_guard_blame(c->reason)};

		match = match_allowed(c);
		hd_guard_rules_add(c->rules, first, &match, revoke, 2);
		add(c, place, &c->base, hd_guard_blame(c->reason));
	}
}

/* ---- Table ACCEPT. ---- */

static void compile_accept(struct compiler *c)
{
	struct hd_guard_place place = {HD_ACL_TABLE_ACCEPT, 2, hd_guard_cookie(HD_GUARD_ESTABLISHED)};
	struct hd_match match = c->base;
	struct commit memory;
	struct hd_action actions[2] = {commit(c, &memory, HD_ACL_ALLOWED), hd_guard_pass()};

	match_state(&match, 0, HD_CT_TRK);
	add(c, place, &match, hd_guard_pass());
	match = c->base;
	match_state(&match, HD_CT_REL, HD_CT_INV);
	add(c, place, &match, hd_guard_pass());
	match = c->base;
	match_state(&match, HD_CT_RPL, HD_CT_INV);
	add(c, place, &match, hd_guard_pass());
	match = c->base;
	match_state(&match, HD_CT_TRK, HD_CT_INV);
	HD_MATCH(&match, ct_mark, HD_ACL_ALLOWED);
	add(c, place, &match, hd_guard_pass());
	place.priority = 1;
	match = c->base;
	match_state(&match, HD_CT_TRK, HD_CT_INV);
	hd_guard_rules_add(c->rules, place, &match, actions, 2);
	place.priority = 0;
	add(c, place, &c->base, hd_guard_blame(HD_DROP_CT_INVALID));
}

/* ---- The whole. ---- */

static bool is_stateful(const struct hd_acl *list)
{
	for (uint16_t i = 0; i < list->n_rules && !list->stateless; i++)
		if (!list->rules[i].stateless && list->rules[i].what != HD_ACL_ARP)
			return true;
	return false;
}

bool hd_acl_tracks(const struct hd_acl_port *port)
{
	for (int dir = 0; dir < HD_ACL_DIRS; dir++)
		for (uint8_t i = 0; i < port->n_lists[dir]; i++)
			if (is_stateful(port->lists[dir][i]))
				return true;
	return false;
}

bool hd_acl_guards(const struct hd_acl_port *port, enum hd_acl_dir dir)
{
	return port->n_lists[dir] != 0 || hd_acl_tracks(port);
}

void hd_acl_compile(struct hd_guard_rules *rules, const struct hd_acl_port *port, enum hd_acl_dir dir)
{
	struct hd_guard_place open = {HD_ACL_TABLE_ENTRY, 0, hd_guard_cookie(HD_GUARD_OPEN)};
	struct compiler c = {
		.rules = rules,
		.port = port,
		.dir = dir,
		.filtered = port->n_lists[dir] != 0,
		.tracks = hd_acl_tracks(port),
		.reason = dir == HD_ACL_IN ? HD_DROP_ACL_IN : HD_DROP_ACL_OUT,
	};

	HD_MATCH(&c.base, in_port, port->ofport);
	if (!hd_acl_guards(port, dir)) {
		add(&c, open, &c.base, hd_guard_pass());
		return;
	}
	compile_entry(&c);
	compile_lists(&c);
	compile_default(&c);
	if (!c.tracks)
		return;
	compile_tracked(&c);
	compile_accept(&c);
}
