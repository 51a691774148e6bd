/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests the rules that access lists become against an interpreter of the lists, packet by random packet. */
#include <errno.h>
#include <netinet/in.h>

#include "guard/acl_compile.h"
#include "guard_walk.h"
#include "random.h"

#define OFPORT 7

/* ---- A plain interpreter. ---- */

struct view {
	uint8_t state;
	uint32_t mark;
};

struct verdict {
	enum hd_drop drop;
	uint64_t rule;   /* cookie of the list's rule that decided, or 0 */
	uint32_t commit; /* mark that the connection gets, or 0 */
};

static bool addr_in(const uint8_t *addr, const struct hd_prefix *prefix)
{
	for (unsigned int bit = 0; bit < prefix->length; bit++)
		if (((addr[bit / 8] ^ prefix->addr[bit / 8]) & (0x80 >> bit % 8)) != 0)
			return false;
	return true;
}

static bool side_fits(const struct hd_acl_side *side, uint8_t family, const uint8_t *addr, uint16_t port)
{
	bool addr_fits = side->n_addrs == 0, port_fits = side->n_ranges == 0;

	for (uint16_t i = 0; i < side->n_addrs; i++)
		addr_fits |= side->addrs[i].family == family && addr_in(addr, &side->addrs[i]);
	for (uint16_t i = 0; i < side->n_ranges; i++)
		port_fits |= ntohs(port) >= side->ranges[i].first && ntohs(port) <= side->ranges[i].last;
	return addr_fits && port_fits;
}

static bool fits(const struct hd_acl_rule *rule, const struct hd_key *key)
{
	uint16_t type = ntohs(key->eth_type);
	uint8_t family = type == HD_ETH_IPV6 ? 6 : 4;
	bool needs_l4 = rule->from.n_ranges != 0 || rule->to.n_ranges != 0 || rule->type >= 0;

	if (rule->what == HD_ACL_ARP ? type != HD_ETH_ARP : type != HD_ETH_IPV4 && type != HD_ETH_IPV6)
		return false;
	if (!(rule->families & (family == 4 ? HD_ACL_V4 : HD_ACL_V6)))
		return false;
	if (rule->what == HD_ACL_PROTO && rule->proto != key->ip_proto)
		return false;
	if (needs_l4 && (key->ip_frag & HD_KEY_FRAG_LATER))
		return false;
	if (rule->type >= 0 && ntohs(key->tp_src) != rule->type)
		return false;
	if (rule->code >= 0 && ntohs(key->tp_dst) != rule->code)
		return false;
	return side_fits(&rule->from, family, family == 4 ? (const uint8_t *)&key->ipv4_src : key->ipv6_src,
			 key->tp_src) &&
	       side_fits(&rule->to, family, family == 4 ? (const uint8_t *)&key->ipv4_dst : key->ipv6_dst, key->tp_dst);
}

static bool is_nd(const struct hd_key *key)
{
	return ntohs(key->eth_type) == HD_ETH_IPV6 && key->ip_proto == IPPROTO_ICMPV6 && ntohs(key->tp_src) >= 133 &&
	       ntohs(key->tp_src) <= 137;
}

static bool hides(const struct hd_key *key)
{
	bool v6 = ntohs(key->eth_type) == HD_ETH_IPV6;

	if ((!v6 && ntohs(key->eth_type) != HD_ETH_IPV4) || (key->ip_frag & HD_KEY_FRAG_LATER))
		return false;
	switch (key->ip_proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return key->tp_src == 0 && key->tp_dst == 0;
	case IPPROTO_ICMPV6:
		return v6 && key->tp_src == 0;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case IPPROTO_FRAGMENT:
		return v6;
	default:
		return false;
	}
}

static bool in_list(uint16_t type, const uint16_t *list)
{
	for (; *list != UINT16_MAX; list++)
		if (*list == type)
			return true;
	return false;
}

static bool is_tracked(const struct hd_key *key)
{
	static const uint16_t v4[] = {0, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, UINT16_MAX};
	static const uint16_t v6[] = {1, 2, 3, 4, 128, 129, UINT16_MAX};

	if (ntohs(key->eth_type) == HD_ETH_IPV4)
		return key->ip_proto != IPPROTO_ICMP || in_list(ntohs(key->tp_src), v4);
	if (ntohs(key->eth_type) == HD_ETH_IPV6)
		return key->ip_proto != IPPROTO_ICMPV6 || in_list(ntohs(key->tp_src), v6);
	return false;
}

/* What allow means for a packet of a tracked port. */
static struct verdict allow(bool tracked, const struct view *view)
{
	if (!tracked)
		return (struct verdict){.drop = HD_DROP_NONE};
	if (view->state & HD_CT_INV)
		return (struct verdict){.drop = HD_DROP_CT_INVALID};
	if ((view->state & (HD_CT_REL | HD_CT_RPL)) || view->mark == HD_ACL_ALLOWED)
		return (struct verdict){.drop = HD_DROP_NONE};
	return (struct verdict){.drop = HD_DROP_NONE, .commit = HD_ACL_ALLOWED};
}

static struct verdict deny(enum hd_acl_dir dir, bool tracked, const struct view *view)
{
	struct verdict verdict = {.drop = dir == HD_ACL_IN ? HD_DROP_ACL_IN : HD_DROP_ACL_OUT};

	if (tracked && !(view->state & (HD_CT_INV | HD_CT_REL | HD_CT_RPL)) && view->mark == HD_ACL_ALLOWED)
		verdict.commit = HD_ACL_DENIED;
	return verdict;
}

static bool stateful(const struct hd_acl *list, const struct hd_acl_rule *rule)
{
	return !list->stateless && !rule->stateless && rule->what != HD_ACL_ARP;
}

static bool any_stateful(const struct hd_acl_port *port)
{
	for (int dir = 0; dir < HD_ACL_DIRS; dir++)
		for (uint8_t i = 0; i < port->n_lists[dir]; i++)
			for (uint16_t r = 0; r < port->lists[dir][i]->n_rules; r++)
				if (stateful(port->lists[dir][i], &port->lists[dir][i]->rules[r]))
					return true;
	return false;
}

static struct verdict ask_lists(const struct hd_acl_port *port, enum hd_acl_dir dir, const struct hd_key *key,
				bool tracked, const struct view *view)
{
	bool tracks = any_stateful(port);

	for (uint8_t i = 0; i < port->n_lists[dir]; i++) {
		const struct hd_acl *list = port->lists[dir][i];

		for (uint16_t r = 0; r < list->n_rules; r++) {
			const struct hd_acl_rule *rule = &list->rules[r];
			struct verdict verdict = {.drop = HD_DROP_NONE};

			if (!fits(rule, key))
				continue;
			if (!rule->allow)
				verdict = deny(dir, tracked, view);
			else if (tracks && stateful(list, rule))
				verdict = allow(tracked, view);
			verdict.rule = hd_guard_cookie_rule(list->name, (uint16_t)(r + 1));
			return verdict;
		}
	}
	if (ntohs(key->eth_type) == HD_ETH_ARP)
		return (struct verdict){.drop = HD_DROP_NONE};
	if (port->n_lists[dir] != 0 && !port->default_allow)
		return deny(dir, tracked, view);
	if (tracked && (view->state & HD_CT_INV))
		return (struct verdict){.drop = HD_DROP_NONE};
	return allow(tracked, view);
}

static struct verdict interpret(const struct hd_acl_port *port, enum hd_acl_dir dir, const struct hd_key *key,
				const struct view *view)
{
	bool tracked = any_stateful(port) && is_tracked(key);

	if (ntohs(key->eth_type) == HD_ETH_RARP || is_nd(key))
		return (struct verdict){.drop = HD_DROP_NONE};
	if (port->n_lists[dir] == 0 && !any_stateful(port))
		return (struct verdict){.drop = HD_DROP_NONE};
	if (port->n_lists[dir] != 0 && hides(key))
		return (struct verdict){.drop = dir == HD_ACL_IN ? HD_DROP_ACL_IN : HD_DROP_ACL_OUT};
	if (tracked && view->mark == HD_ACL_ALLOWED && !(view->state & HD_CT_INV) &&
	    ((view->state & HD_CT_REL) || (view->state & (HD_CT_EST | HD_CT_RPL)) == (HD_CT_EST | HD_CT_RPL) ||
	     (key->ip_frag & HD_KEY_FRAG_LATER)))
		return (struct verdict){.drop = HD_DROP_NONE};
	return ask_lists(port, dir, key, tracked, view);
}

/* ---- Random lists and packets, of a world so small that they meet. ---- */

static const char *const addrs[] = {"any",
				    "any",
				    "10.0.0.1",
				    "10.0.0.0/30",
				    "10.0.0.2,10.0.0.9",
				    "fd00::1",
				    "fd00::/126",
				    "10.0.0.0/29,fd00::/124",
				    "0.0.0.0/0",
				    "::/0,10.0.0.3"};
static const char *const protos[] = {"any", "tcp", "udp", "icmp", "icmp6", "47", "58", "1", "arp", "sctp"};
static const char *const ports[] = {"1", "0", "80-85", "79,81,83-90", "0-65535", "1-65535", "84,8000-9000"};

#define PICK(random, list) ((list)[random_below(random, sizeof(list) / sizeof((list)[0]))])

static void random_rule(struct random *random, struct hd_acl_rule *rule)
{
	struct hd_acl_error error;
	char text[256];

	do {
		const char *proto = PICK(random, protos);
		bool l4 = strcmp(proto, "tcp") == 0 || strcmp(proto, "udp") == 0 || strcmp(proto, "sctp") == 0;
		bool icmp = strncmp(proto, "icmp", 4) == 0;
		int n = snprintf(text, sizeof(text), "%s %s from %s", random_below(random, 2) ? "allow" : "deny", proto,
				 PICK(random, addrs));

		if (l4 && random_below(random, 4) == 0)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " port %s", PICK(random, ports));
		n += snprintf(text + n, sizeof(text) - (size_t)n, " to %s", PICK(random, addrs));
		if (l4 && random_below(random, 2) == 0)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " port %s", PICK(random, ports));
		if (icmp && random_below(random, 2) == 0)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " type %u", random_below(random, 2) * 128);
		if (random_below(random, 6) == 0)
			snprintf(text + n, sizeof(text) - (size_t)n, " stateless");
	} while (hd_acl_rule_parse(text, rule, &error) < 0); /* addresses of two versions */
}

static void random_addr(struct random *random, uint8_t *v4, uint8_t *v6)
{
	if (v4 != NULL)
		memcpy(v4, (const uint8_t[]){10, 0, 0, (uint8_t)random_below(random, 12)}, 4);
	if (v6 == NULL)
		return;
	memset(v6, 0, 16);
	v6[0] = 0xfd;
	v6[15] = (uint8_t)random_below(random, 20);
}

static void random_l4(struct random *random, struct hd_key *key)
{
	static const uint16_t numbers[] = {0, 1, 79, 80, 81, 84, 85, 90, 91, 8000, 8500, 9001, 65535};
	static const uint16_t types[] = {0, 1, 3, 8, 128, 129, 130, 133, 134, 137, 138, 143};

	if (key->ip_frag & HD_KEY_FRAG_LATER)
		return;
	if (key->ip_proto == IPPROTO_TCP || key->ip_proto == IPPROTO_UDP || key->ip_proto == IPPROTO_SCTP) {
		key->tp_src = htons(PICK(random, numbers));
		key->tp_dst = htons(PICK(random, numbers));
	} else if (key->ip_proto == IPPROTO_ICMP || key->ip_proto == IPPROTO_ICMPV6) {
		key->tp_src = htons(PICK(random, types));
		key->tp_dst = htons((uint16_t)random_below(random, 2));
	}
}

static void random_key(struct random *random, struct hd_key *key)
{
	static const uint16_t types[] = {HD_ETH_IPV4, HD_ETH_IPV4, HD_ETH_IPV4, HD_ETH_IPV6,
					 HD_ETH_IPV6, HD_ETH_ARP,  HD_ETH_RARP, 0x88cc};
	static const uint8_t ip_protos[] = {IPPROTO_TCP, IPPROTO_UDP,  IPPROTO_ICMP,    IPPROTO_ICMPV6,
					    IPPROTO_GRE, IPPROTO_SCTP, IPPROTO_HOPOPTS, IPPROTO_FRAGMENT};
	uint16_t type = PICK(random, types);

	*key = (struct hd_key){.in_port = OFPORT, .eth_type = htons(type)};
	if (type == HD_ETH_ARP) {
		key->ip_proto = (uint8_t)(1 + random_below(random, 2));
		random_addr(random, (uint8_t *)&key->ipv4_src, NULL);
		random_addr(random, (uint8_t *)&key->ipv4_dst, NULL);
	}
	if (type != HD_ETH_IPV4 && type != HD_ETH_IPV6)
		return;
	key->ip_proto = PICK(random, ip_protos);
	if (random_below(random, 6) == 0)
		key->ip_frag = random_below(random, 2) ? HD_KEY_FRAG_ANY : HD_KEY_FRAG_ANY | HD_KEY_FRAG_LATER;
	random_addr(random, type == HD_ETH_IPV4 ? (uint8_t *)&key->ipv4_src : NULL,
		    type == HD_ETH_IPV6 ? key->ipv6_src : NULL);
	random_addr(random, type == HD_ETH_IPV4 ? (uint8_t *)&key->ipv4_dst : NULL,
		    type == HD_ETH_IPV6 ? key->ipv6_dst : NULL);
	random_l4(random, key);
}

/* What tracking can say (ct.h). */
static struct view random_view(struct random *random)
{
	static const uint8_t states[] = {HD_CT_NEW, HD_CT_EST, HD_CT_EST | HD_CT_RPL, HD_CT_REL, HD_CT_REL | HD_CT_RPL,
					 HD_CT_INV};
	struct view view = {.state = PICK(random, states), .mark = random_below(random, 3)};

	if (view.state & HD_CT_INV)
		view.mark = 0;
	return view;
}

#define LISTS 4
#define RULES 6

struct world {
	struct hd_acl list[LISTS];
	struct hd_acl_rule rule[LISTS][RULES];
	struct hd_acl_port port;
	struct hd_guard_rules rules[HD_ACL_DIRS];
};

static void make_world(struct world *world, struct random *random)
{
	for (int i = 0; i < LISTS; i++) {
		struct hd_acl *list = &world->list[i];

		snprintf(list->name, sizeof(list->name), "list%d", i);
		list->stateless = random_below(random, 4) == 0;
		list->n_rules = (uint16_t)random_below(random, RULES + 1);
		list->rules = world->rule[i];
		for (uint16_t r = 0; r < list->n_rules; r++)
			random_rule(random, &list->rules[r]);
	}
	world->port = (struct hd_acl_port){.ofport = OFPORT, .default_allow = random_below(random, 2)};
	for (int dir = 0; dir < HD_ACL_DIRS; dir++) {
		world->port.n_lists[dir] = (uint8_t)random_below(random, 3);
		for (uint8_t i = 0; i < world->port.n_lists[dir]; i++)
			world->port.lists[dir][i] = &world->list[2 * dir + i];
	}
	for (int dir = 0; dir < HD_ACL_DIRS; dir++) {
		hd_acl_compile(&world->rules[dir], &world->port, (enum hd_acl_dir)dir);
		ck_assert(!world->rules[dir].failed);
	}
}

static void end_world(struct world *world)
{
	for (int i = 0; i < LISTS; i++)
		for (uint16_t r = 0; r < world->list[i].n_rules; r++)
			hd_acl_rule_clear(&world->rule[i][r]);
	for (int dir = 0; dir < HD_ACL_DIRS; dir++)
		hd_guard_rules_clear(&world->rules[dir]);
}

static void compare(struct world *world, enum hd_acl_dir dir, struct random *random)
{
	struct guard_walk walk = {.rules = &world->rules[dir]};
	struct view view = random_view(random);
	struct verdict verdict;
	enum hd_drop drop;

	random_key(random, &walk.key);
	walk.ct_state = view.state;
	walk.ct_mark = view.mark;
	verdict = interpret(&world->port, dir, &walk.key, &view);
	drop = guard_walk(&walk, HD_ACL_TABLE_ENTRY);
	ck_assert_int_eq(drop, verdict.drop);
	ck_assert_uint_eq(walk.committed ? walk.mark : 0, verdict.commit);
	if (walk.tracked)
		ck_assert_uint_eq(walk.zone, hd_acl_zone(OFPORT));
	/* Who is to blame is known. */
	if (verdict.rule != 0 && verdict.drop != HD_DROP_NONE && verdict.drop != HD_DROP_CT_INVALID)
		ck_assert_uint_eq(walk.cookie, verdict.rule);
}

START_TEST(agrees_with_an_interpreter)
{
	struct random random;

	random_start(&random, "agrees_with_an_interpreter");
	for (int i = 0; i < 1500; i++) {
		struct world world = {0};

		make_world(&world, &random);
		for (int k = 0; k < 200; k++)
			compare(&world, (enum hd_acl_dir)random_below(&random, 2), &random);
		end_world(&world);
	}
}
END_TEST

/* ---- By hand. ---- */

static struct hd_acl_rule parsed(const char *text)
{
	struct hd_acl_error error = {0};
	struct hd_acl_rule rule;

	ck_assert_msg(hd_acl_rule_parse(text, &rule, &error) == 0, "%s", error.text);
	return rule;
}

/* All rules of a port match it: ports share tables. No two have one place and match. */
START_TEST(rules_are_the_ports_own)
{
	struct random random;

	random_start(&random, "rules_are_the_ports_own");
	for (int w = 0; w < 100; w++) {
		struct world world = {0};

		make_world(&world, &random);
		for (int dir = 0; dir < HD_ACL_DIRS; dir++) {
			const struct hd_guard_rules *rules = &world.rules[dir];

			for (size_t i = 0; i < rules->n; i++) {
				const struct hd_rule_spec *a = &rules->specs[i];

				ck_assert_uint_eq(a->match.key.in_port, OFPORT);
				ck_assert_uint_eq(a->match.mask.in_port, UINT16_MAX);
				ck_assert(a->hidden);
				for (int word = 0; word < HD_KEY_WORDS; word++)
					ck_assert_uint_eq(a->match.key.word[word] & ~a->match.mask.word[word], 0);
				for (size_t j = 0; j < i; j++)
					ck_assert(a->table != rules->specs[j].table ||
						  a->priority != rules->specs[j].priority ||
						  memcmp(&a->match, &rules->specs[j].match, sizeof(a->match)) != 0);
			}
		}
		end_world(&world);
	}
}
END_TEST

static void grow_world(struct world *world, const char *in, const char *out)
{
	const char *const texts[HD_ACL_DIRS] = {in, out};

	world->port = (struct hd_acl_port){.ofport = OFPORT};
	for (int dir = 0; dir < HD_ACL_DIRS; dir++) {
		if (texts[dir] == NULL)
			continue;
		world->rule[dir][0] = parsed(texts[dir]);
		world->list[dir] = (struct hd_acl){.n_rules = 1, .rules = world->rule[dir]};
		world->port.n_lists[dir] = 1;
		world->port.lists[dir][0] = &world->list[dir];
	}
	for (int dir = 0; dir < HD_ACL_DIRS; dir++)
		hd_acl_compile(&world->rules[dir], &world->port, (enum hd_acl_dir)dir);
}

static struct hd_key tcp(uint16_t from, uint16_t to)
{
	struct hd_key key = {.in_port = OFPORT, .eth_type = htons(HD_ETH_IPV4), .ip_proto = IPPROTO_TCP};

	key.tp_src = htons(from);
	key.tp_dst = htons(to);
	return key;
}

static enum hd_drop judge(const struct world *world, enum hd_acl_dir dir, const struct hd_key *key, struct view view,
			  uint32_t *mark)
{
	struct guard_walk walk = {
		.rules = &world->rules[dir], .key = *key, .ct_state = view.state, .ct_mark = view.mark};
	enum hd_drop drop = guard_walk(&walk, HD_ACL_TABLE_ENTRY);

	if (walk.committed)
		*mark = walk.mark;
	return drop;
}

/* A list for one direction only: the other one lets connections in and answers out. */
START_TEST(answers_pass_in_both_directions)
{
	struct hd_key out = tcp(1000, 22), in = tcp(22, 1000), other = tcp(1000, 80);
	struct world world = {0};
	uint32_t mark = 0;

	grow_world(&world, "allow tcp port 80", NULL);
	ck_assert(hd_acl_guards(&world.port, HD_ACL_IN) && hd_acl_guards(&world.port, HD_ACL_OUT));
	/* From outside, to the guest's port 22; it may not open such connections itself, but answer. */
	ck_assert_int_eq(judge(&world, HD_ACL_OUT, &out, (struct view){HD_CT_NEW, 0}, &mark), HD_DROP_NONE);
	ck_assert_uint_eq(mark, HD_ACL_ALLOWED);
	ck_assert_int_eq(judge(&world, HD_ACL_IN, &in, (struct view){HD_CT_EST | HD_CT_RPL, mark}, &mark),
			 HD_DROP_NONE);
	ck_assert_int_eq(judge(&world, HD_ACL_IN, &in, (struct view){HD_CT_NEW, 0}, &mark), HD_DROP_ACL_IN);
	ck_assert_int_eq(judge(&world, HD_ACL_IN, &other, (struct view){HD_CT_NEW, 0}, &mark), HD_DROP_NONE);
	end_world(&world);
}
END_TEST

/* A connection that the list no longer allows ends, in both directions. */
START_TEST(lists_change_under_connections)
{
	struct hd_key out = tcp(1000, 80), back = tcp(80, 1000);
	struct world before = {0}, after = {0};
	uint32_t mark = 0;

	grow_world(&before, "allow tcp port 80", "deny any");
	grow_world(&after, "allow tcp port 81", "deny any");
	ck_assert_int_eq(judge(&before, HD_ACL_IN, &out, (struct view){HD_CT_NEW, 0}, &mark), HD_DROP_NONE);
	ck_assert_int_eq(judge(&before, HD_ACL_OUT, &back, (struct view){HD_CT_EST | HD_CT_RPL, mark}, &mark),
			 HD_DROP_NONE);
	ck_assert_int_eq(judge(&after, HD_ACL_IN, &out, (struct view){HD_CT_EST, mark}, &mark), HD_DROP_ACL_IN);
	ck_assert_uint_eq(mark, HD_ACL_DENIED);
	ck_assert_int_eq(judge(&after, HD_ACL_OUT, &back, (struct view){HD_CT_EST | HD_CT_RPL, mark}, &mark),
			 HD_DROP_ACL_OUT);
	/* And is taken up again when it may. */
	ck_assert_int_eq(judge(&before, HD_ACL_IN, &out, (struct view){HD_CT_EST, mark}, &mark), HD_DROP_NONE);
	ck_assert_uint_eq(mark, HD_ACL_ALLOWED);
	end_world(&before);
	end_world(&after);
}
END_TEST

START_TEST(stateless_lists_do_not_track)
{
	struct world world = {0};

	grow_world(&world, "allow tcp port 80 stateless", NULL);
	ck_assert(!hd_acl_tracks(&world.port) && !hd_acl_guards(&world.port, HD_ACL_OUT));
	for (int dir = 0; dir < HD_ACL_DIRS; dir++)
		for (size_t i = 0; i < world.rules[dir].n; i++)
			ck_assert_int_ne(world.rules[dir].specs[i].actions->action[0].type, HD_ACT_CT);
	end_world(&world);
}
END_TEST

START_TEST(cookies_tell_rules_apart)
{
	uint64_t cookie = hd_guard_cookie_rule("web", 3);

	ck_assert_int_eq(hd_guard_cookie_kind(cookie), HD_GUARD_RULE);
	ck_assert_uint_eq(hd_guard_cookie_line(cookie), 3);
	ck_assert_uint_eq(cookie, hd_guard_cookie_rule("web", 3));
	ck_assert_uint_ne(cookie, hd_guard_cookie_rule("wep", 3));
	ck_assert_uint_ne(cookie, hd_guard_cookie_rule("web", 4));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("acl_compile");
	TCase *tcase = tcase_create("acl_compile");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, agrees_with_an_interpreter);
	tcase_add_test(tcase, rules_are_the_ports_own);
	tcase_add_test(tcase, answers_pass_in_both_directions);
	tcase_add_test(tcase, lists_change_under_connections);
	tcase_add_test(tcase, stateless_lists_do_not_track);
	tcase_add_test(tcase, cookies_tell_rules_apart);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
