/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests port security, frame by frame: what a secured port may say, and for what each thing that it may not is dropped.
 */
#include <netinet/in.h>

#include "guard/secure.h"
#include "guard_walk.h"
#include "random.h"

#define OFPORT 5

#define OWN "\x52\x54\x00\x00\x00\x01"
#define ALIEN "\x52\x54\x00\x00\x00\x02"
#define NONE "\0\0\0\0\0\0"
#define LINK_LOCAL "fe80::5054:ff:fe00:1" /* of OWN */

enum what { FRAME, ARP, IP4, IP6, TCP4, UDP4, UDP6, ICMP6, NS, NA };

#define FIRST HD_KEY_FRAG_ANY
#define LATER (HD_KEY_FRAG_ANY | HD_KEY_FRAG_LATER)

struct frame {
	const char *name;
	enum what what;
	const char *eth_src; /* NULL: OWN */
	const char *src;     /* of IP; ARP's sender */
	const char *target;  /* of neighbour discovery */
	const char *option;  /* the link-layer address option; ARP's sender's hardware address */
	uint16_t type;       /* Ethernet type; protocol; ARP's opcode; ICMPv6's type */
	uint16_t sport, dport;
	uint8_t frag;
	enum hd_drop drop, mac_only; /* HD_DROP_NONE: passes */
};

#define PASS HD_DROP_NONE
#define MAC HD_DROP_SECURE_MAC
#define IP HD_DROP_SECURE_IP
#define BAD_ARP HD_DROP_SECURE_ARP
#define ND HD_DROP_SECURE_ND
#define DHCP HD_DROP_SECURE_DHCP
#define RA HD_DROP_SECURE_RA

/* clang-format off */
static const struct frame frames[] = {
	{"own", TCP4, .src = "10.0.0.5", .drop = PASS, .mac_only = PASS},
	{"own prefix", TCP4, .src = "10.1.7.7", .drop = PASS, .mac_only = PASS},
	{"own, later fragment", IP4, .src = "10.0.0.5", .type = 17, .frag = LATER, .drop = PASS, .mac_only = PASS},
	{"another's MAC", TCP4, .eth_src = ALIEN, .src = "10.0.0.5", .drop = MAC, .mac_only = MAC},
	{"another's MAC, other type", FRAME, .eth_src = ALIEN, .type = 0x88cc, .drop = MAC, .mac_only = MAC},
	{"multicast MAC", TCP4, .eth_src = "\x01\x00\x5e\x00\x00\x01", .src = "10.0.0.5", .drop = MAC, .mac_only = MAC},
	{"another's address", TCP4, .src = "10.0.0.6", .drop = IP, .mac_only = PASS},
	{"beside the prefix", TCP4, .src = "10.2.0.1", .drop = IP, .mac_only = PASS},
	{"another's, later fragment", IP4, .src = "10.0.0.6", .type = 17, .frag = LATER, .drop = IP, .mac_only = PASS},
	{"no address", TCP4, .src = "0.0.0.0", .drop = IP, .mac_only = PASS},
	{"IPv6", IP6, .src = "fd00::5", .type = 6, .drop = PASS, .mac_only = PASS},
	{"another's IPv6", IP6, .src = "fd00::6", .type = 6, .drop = IP, .mac_only = PASS},
	{"own link-local", UDP6, .src = LINK_LOCAL, .sport = 546, .dport = 547, .drop = PASS, .mac_only = PASS},
	{"another link-local", UDP6, .src = "fe80::1", .sport = 546, .dport = 547, .drop = IP, .mac_only = PASS},
	{"no IPv6 address", IP6, .src = "::", .type = 6, .drop = IP, .mac_only = PASS},
	{"other type", FRAME, .type = 0x88cc, .drop = IP, .mac_only = PASS},
	{"third tag", FRAME, .type = 0x8100, .drop = IP, .mac_only = PASS},
	{"RARP", FRAME, .type = 0x8035, .drop = PASS, .mac_only = PASS},

	{"ARP", ARP, .src = "10.0.0.5", .option = OWN, .type = 2, .drop = PASS, .mac_only = PASS},
	{"ARP probe", ARP, .src = "0.0.0.0", .option = OWN, .type = 1, .drop = PASS, .mac_only = PASS},
	{"ARP answer from no address", ARP, .src = "0.0.0.0", .option = OWN, .type = 2, .drop = BAD_ARP, .mac_only = PASS},
	{"ARP for another's address", ARP, .src = "10.0.0.6", .option = OWN, .type = 2, .drop = BAD_ARP, .mac_only = PASS},
	{"ARP for another's MAC", ARP, .src = "10.0.0.5", .option = ALIEN, .type = 2, .drop = BAD_ARP, .mac_only = BAD_ARP},
	{"ARP that is not of Ethernet", ARP, .src = "0.0.0.0", .option = NONE, .drop = BAD_ARP, .mac_only = BAD_ARP},

	{"DHCP request", UDP4, .src = "0.0.0.0", .sport = 68, .dport = 67, .drop = PASS, .mac_only = PASS},
	{"DHCP renewal", UDP4, .src = "10.0.0.5", .sport = 68, .dport = 67, .drop = PASS, .mac_only = PASS},
	{"no address, other port", UDP4, .src = "0.0.0.0", .sport = 68, .dport = 53, .drop = IP, .mac_only = PASS},
	{"DHCP offer", UDP4, .src = "10.0.0.5", .sport = 67, .dport = 68, .drop = DHCP, .mac_only = DHCP},
	{"DHCP offer, odd port", UDP4, .src = "10.0.0.5", .sport = 1067, .dport = 68, .drop = DHCP, .mac_only = DHCP},
	{"DHCP offer, first fragment", UDP4, .src = "10.0.0.5", .sport = 67, .dport = 68, .frag = FIRST, .drop = DHCP, .mac_only = DHCP},
	{"UDP without a header", UDP4, .src = "10.0.0.5", .frag = FIRST, .drop = DHCP, .mac_only = DHCP},
	{"DHCPv6 request", UDP6, .src = LINK_LOCAL, .sport = 546, .dport = 547, .drop = PASS, .mac_only = PASS},
	{"DHCPv6 advertisement", UDP6, .src = LINK_LOCAL, .sport = 547, .dport = 546, .drop = DHCP, .mac_only = DHCP},
	{"UDP without a header, IPv6", UDP6, .src = "fd00::5", .drop = DHCP, .mac_only = DHCP},
	{"port 546 of IPv4", UDP4, .src = "10.0.0.5", .sport = 1, .dport = 546, .drop = PASS, .mac_only = PASS},

	{"router solicitation", ICMP6, .src = LINK_LOCAL, .type = 133, .drop = PASS, .mac_only = PASS},
	{"router solicitation, no address", ICMP6, .src = "::", .type = 133, .drop = PASS, .mac_only = PASS},
	{"router advertisement", ICMP6, .src = LINK_LOCAL, .type = 134, .drop = RA, .mac_only = RA},
	{"router advertisement, first fragment", ICMP6, .src = LINK_LOCAL, .type = 134, .frag = FIRST, .drop = RA, .mac_only = RA},
	{"redirect", ICMP6, .src = LINK_LOCAL, .type = 137, .drop = RA, .mac_only = RA},
	{"ICMPv6 without a header", ICMP6, .src = LINK_LOCAL, .type = 0, .drop = RA, .mac_only = RA},
	{"extension headers without end", IP6, .src = "fd00::5", .type = 60, .drop = RA, .mac_only = RA},
	{"hop-by-hop, cut off", IP6, .src = "fd00::5", .type = 0, .drop = RA, .mac_only = RA},
	{"fragment header, cut off", IP6, .src = "fd00::5", .type = 44, .drop = RA, .mac_only = RA},
	{"IPv6, later fragment", IP6, .src = "fd00::5", .type = 44, .frag = LATER, .drop = PASS, .mac_only = PASS},
	{"MLD report", ICMP6, .src = LINK_LOCAL, .type = 143, .drop = PASS, .mac_only = PASS},
	{"MLD report, no address", ICMP6, .src = "::", .type = 143, .drop = PASS, .mac_only = PASS},
	{"echo", ICMP6, .src = "fd00::5", .type = 128, .drop = PASS, .mac_only = PASS},
	{"echo, no address", ICMP6, .src = "::", .type = 128, .drop = IP, .mac_only = PASS},

	{"solicitation", NS, .src = "fd00::5", .target = "fd00::9", .option = OWN, .drop = PASS, .mac_only = PASS},
	{"solicitation without option", NS, .src = LINK_LOCAL, .target = "fe80::1", .drop = PASS, .mac_only = PASS},
	{"solicitation, another's MAC", NS, .src = "fd00::5", .target = "fd00::9", .option = ALIEN, .drop = ND, .mac_only = ND},
	{"solicitation, another's address", NS, .src = "fd00::9", .target = "fd00::5", .option = OWN, .drop = ND, .mac_only = PASS},
	{"solicitation, the router's address", NS, .src = "fe80::1", .target = "fd00::9", .option = OWN, .drop = ND, .mac_only = PASS},
	{"is my address taken?", NS, .src = "::", .target = "fd00::5", .drop = PASS, .mac_only = PASS},
	{"is my link-local address taken?", NS, .src = "::", .target = LINK_LOCAL, .drop = PASS, .mac_only = PASS},
	{"is another's address taken?", NS, .src = "::", .target = "fd00::9", .drop = ND, .mac_only = PASS},
	{"from no address with option", NS, .src = "::", .target = "fd00::5", .option = OWN, .drop = ND, .mac_only = PASS},
	{"advertisement", NA, .src = "fd00::5", .target = "fd00::5", .option = OWN, .drop = PASS, .mac_only = PASS},
	{"advertisement, link-local", NA, .src = LINK_LOCAL, .target = "fd00::5", .option = OWN, .drop = PASS, .mac_only = PASS},
	{"advertisement without option", NA, .src = "fd00::5", .target = "fd00::5", .drop = PASS, .mac_only = PASS},
	{"advertisement, another's MAC", NA, .src = "fd00::5", .target = "fd00::5", .option = ALIEN, .drop = ND, .mac_only = ND},
	{"advertisement, another's target", NA, .src = "fd00::5", .target = "fd00::9", .option = OWN, .drop = ND, .mac_only = PASS},
	{"advertisement, the router's target", NA, .src = LINK_LOCAL, .target = "fe80::1", .option = OWN, .drop = ND, .mac_only = PASS},
	{"advertisement, another's source", NA, .src = "fd00::9", .target = "fd00::5", .option = OWN, .drop = ND, .mac_only = PASS},
	{"advertisement with contradicting options", NA, .src = "fd00::5", .target = "::", .drop = ND, .mac_only = ND},
	{"advertisement, first fragment", NA, .src = "fd00::5", .target = "fd00::5", .option = OWN, .frag = FIRST, .drop = ND, .mac_only = ND},
};
/* clang-format on */

static void set_l4(struct hd_key *key, const struct frame *frame)
{
	static const uint8_t protos[] = {[TCP4] = IPPROTO_TCP,     [UDP4] = IPPROTO_UDP,  [UDP6] = IPPROTO_UDP,
					 [ICMP6] = IPPROTO_ICMPV6, [NS] = IPPROTO_ICMPV6, [NA] = IPPROTO_ICMPV6};
	static const uint16_t types[] = {[NS] = 135, [NA] = 136};

	key->ip_frag = frame->frag;
	if (frame->what == IP4 || frame->what == IP6) {
		key->ip_proto = (uint8_t)frame->type;
		if (key->ip_proto == IPPROTO_TCP)
			key->tp_src = key->tp_dst = htons(80);
		return;
	}
	key->ip_proto = protos[frame->what];
	key->tp_src = htons(frame->what == TCP4 ? 1000 : frame->sport);
	key->tp_dst = htons(frame->what == TCP4 ? 80 : frame->dport);
	if (key->ip_proto == IPPROTO_ICMPV6)
		key->tp_src = htons(frame->what == ICMP6 ? frame->type : types[frame->what]);
}

static void set_addresses(struct hd_key *key, const struct frame *frame)
{
	bool v6 = frame->src != NULL && strchr(frame->src, ':') != NULL;

	if (frame->src != NULL)
		ck_assert_int_eq(inet_pton(v6 ? AF_INET6 : AF_INET, frame->src,
					   v6 ? (void *)key->ipv6_src : (void *)&key->ipv4_src),
				 1);
	if (frame->target != NULL)
		ck_assert_int_eq(inet_pton(AF_INET6, frame->target, key->nd_target), 1);
	if (frame->option != NULL)
		memcpy(frame->what == NA ? key->arp_tha : key->arp_sha, frame->option, 6);
}

static struct hd_key key_of(const struct frame *frame)
{
	static const uint16_t types[] = {[ARP] = HD_ETH_ARP,   [IP4] = HD_ETH_IPV4,  [TCP4] = HD_ETH_IPV4,
					 [UDP4] = HD_ETH_IPV4, [UDP6] = HD_ETH_IPV6, [ICMP6] = HD_ETH_IPV6,
					 [IP6] = HD_ETH_IPV6,  [NS] = HD_ETH_IPV6,   [NA] = HD_ETH_IPV6};
	struct hd_key key = {.in_port = OFPORT};

	memcpy(key.eth_src, frame->eth_src != NULL ? frame->eth_src : OWN, 6);
	key.eth_type = htons(frame->what == FRAME ? frame->type : types[frame->what]);
	if (frame->what == ARP)
		key.ip_proto = (uint8_t)frame->type;
	else if (frame->what != FRAME)
		set_l4(&key, frame);
	set_addresses(&key, frame);
	return key;
}

static void know(struct hd_secure_conf *conf, const char *ip)
{
	ck_assert_ptr_null(hd_prefix_parse(ip, strlen(ip), &conf->ips[conf->n_ips++]));
}

static struct hd_secure_conf secured(bool ips)
{
	struct hd_secure_conf conf = {.n_macs = 2, .macs = {{0x52, 0x54, 0, 0, 0, 1}, {0x52, 0x54, 0, 0, 0, 1}}};

	if (!ips)
		return conf;
	know(&conf, "10.0.0.5");
	know(&conf, "10.1.0.0/16");
	know(&conf, "fd00::5");
	know(&conf, "10.0.0.5"); /* twice is once */
	return conf;
}

static void check_rules(const struct hd_guard_rules *rules)
{
	ck_assert(!rules->failed);
	for (size_t i = 0; i < rules->n; i++) {
		const struct hd_rule_spec *a = &rules->specs[i];

		ck_assert_uint_eq(a->match.mask.in_port, UINT16_MAX);
		ck_assert_uint_lt(a->table, HD_GUARD_ACL);
		for (int word = 0; word < HD_KEY_WORDS; word++)
			ck_assert_uint_eq(a->match.key.word[word] & ~a->match.mask.word[word], 0);
		for (size_t j = 0; j < i; j++)
			ck_assert(a->table != rules->specs[j].table || a->priority != rules->specs[j].priority ||
				  memcmp(&a->match, &rules->specs[j].match, sizeof(a->match)) != 0);
	}
}

/* What passes security goes on to the lists; here, to one that lets everything pass. */
static void add_exit(struct hd_guard_rules *rules)
{
	struct hd_action pass = hd_guard_pass();
	struct hd_match match = {0};

	hd_guard_rules_add(rules, (struct hd_guard_place){.table = HD_GUARD_ACL}, &match, &pass, 1);
}

static void judge(const struct hd_secure_conf *conf, const struct frame *frame, enum hd_drop expected)
{
	struct hd_guard_rules rules = {0};
	struct guard_walk walk = {.rules = &rules, .key = key_of(frame)};
	enum hd_drop drop;

	hd_secure_compile(&rules, conf, OFPORT);
	check_rules(&rules);
	add_exit(&rules);
	drop = guard_walk(&walk, 0);
	ck_assert_msg(drop == expected, "%s: %d, not %d", frame->name, drop, expected);
	hd_guard_rules_clear(&rules);
}

START_TEST(frames_of_a_port_with_addresses)
{
	struct hd_secure_conf conf = secured(true);

	judge(&conf, &frames[_i], frames[_i].drop);
}
END_TEST

START_TEST(frames_of_a_port_with_a_mac)
{
	struct hd_secure_conf conf = secured(false);

	judge(&conf, &frames[_i], frames[_i].mac_only);
}
END_TEST

START_TEST(frames_of_an_open_port)
{
	struct hd_secure_conf conf = {0};

	judge(&conf, &frames[_i], HD_DROP_NONE);
}
END_TEST

/* Addresses of one version: the other is not for the port, but for link-local ones. */
START_TEST(one_version_only)
{
	static const struct frame v6 = {"v6", IP6, .src = "fd00::5", .type = 6}, v4 = {"v4", TCP4, .src = "10.0.0.5"};
	static const struct frame local = {"local", IP6, .src = LINK_LOCAL, .type = 6};
	static const struct frame probe = {"probe", ARP, .src = "0.0.0.0", .option = OWN, .type = 1};
	static const struct frame dhcp = {"dhcp", UDP4, .src = "0.0.0.0", .sport = 68, .dport = 67};
	struct hd_secure_conf four = secured(false), six = secured(false);

	know(&four, "10.0.0.5");
	know(&six, "fd00::5");
	judge(&four, &v4, HD_DROP_NONE);
	judge(&four, &v6, HD_DROP_SECURE_IP);
	judge(&four, &local, HD_DROP_NONE);
	judge(&six, &v6, HD_DROP_NONE);
	judge(&six, &v4, HD_DROP_SECURE_IP);
	judge(&six, &probe, HD_DROP_SECURE_ARP);
	judge(&six, &dhcp, HD_DROP_SECURE_IP);
}
END_TEST

/* As many addresses as fit, each of them let in, everything else kept out. */
START_TEST(many_addresses)
{
	struct hd_secure_conf conf = {.n_macs = HD_SECURE_MACS_MAX, .n_ips = HD_SECURE_IPS_MAX};
	struct hd_guard_rules rules = {0};
	struct random random;

	random_start(&random, "many_addresses");
	for (uint8_t i = 0; i < HD_SECURE_MACS_MAX; i++)
		memcpy(conf.macs[i], (const uint8_t[]){0x52, 0x54, 0, 0, 1, i}, 6);
	for (uint8_t i = 0; i < HD_SECURE_IPS_MAX; i++)
		conf.ips[i] = (struct hd_prefix){.family = 4, .length = 32, .addr = {10, 0, 0, i}};
	hd_secure_compile(&rules, &conf, OFPORT);
	check_rules(&rules);
	add_exit(&rules);
	for (int i = 0; i < 20000; i++) {
		struct guard_walk walk = {.rules = &rules, .key = {.in_port = OFPORT, .eth_type = htons(HD_ETH_IPV4)}};
		uint8_t mac = (uint8_t)random_below(&random, 32), ip = (uint8_t)random_below(&random, 128);
		enum hd_drop expected = ip < HD_SECURE_IPS_MAX ? HD_DROP_NONE : HD_DROP_SECURE_IP;

		memcpy(walk.key.eth_src, (const uint8_t[]){0x52, 0x54, 0, 0, 1, mac}, 6);
		memcpy(&walk.key.ipv4_src, (const uint8_t[]){10, 0, 0, ip}, 4);
		ck_assert_int_eq(guard_walk(&walk, 0), mac < HD_SECURE_MACS_MAX ? expected : HD_DROP_SECURE_MAC);
	}
	hd_guard_rules_clear(&rules);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("secure");
	TCase *tcase = tcase_create("secure");
	SRunner *runner = srunner_create(suite);
	const int n = sizeof(frames) / sizeof(frames[0]);
	int failed;

	tcase_add_loop_test(tcase, frames_of_a_port_with_addresses, 0, n);
	tcase_add_loop_test(tcase, frames_of_a_port_with_a_mac, 0, n);
	tcase_add_loop_test(tcase, frames_of_an_open_port, 0, n);
	tcase_add_test(tcase, one_version_only);
	tcase_add_test(tcase, many_addresses);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
