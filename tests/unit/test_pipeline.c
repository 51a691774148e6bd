/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pipeline against the naive flow tables: rules, groups, links and ports change at random under traffic, and every
 * packet's fate is compared.
 */
#include <check.h>

#include "pipeline_world.h"

#define ROUNDS 4000

/* ---- Random rules. ---- */

static int maybe(uint32_t one_in, uint32_t below)
{
	return chance(one_in) ? (int)random_below(&dice, below) : -1;
}

static uint32_t random_ip(void)
{
	return 0x0a000000 | random_below(&dice, 3) << 8 | random_below(&dice, 3);
}

/* What is sure of the packets: rules may only change what those that they match have. */
static struct nf_act random_act(const struct nf_rule *rule, bool in_group)
{
	struct nf_act act;
	bool again = true;

	while (again) {
		act = (struct nf_act){.type = random_below(&dice, NF_ACT_TYPES), .arg = between(&dice, 1, NF_PORTS)};
		again = false;
		switch (act.type) {
		case NF_SET_NW_DST:
			act.arg = random_ip();
			again = rule->eth_type != 0x0800;
			break;
		case NF_SET_TP_DST:
			again = rule->tp < 0;
			break;
		case NF_SET_VID:
			act.arg = random_below(&dice, 3);
			again = rule->tagged != 1;
			break;
		case NF_RESUBMIT:
			act.arg = in_group ? NF_TABLES - 1 : between(&dice, rule->table + 1u, NF_TABLES - 1);
			again = rule->table == NF_TABLES - 1;
			break;
		case NF_GROUP:
			act.arg = between(&dice, 1, NF_GROUPS);
			again = in_group || rule->table == NF_TABLES - 1 || !nf.group[act.arg].used;
			break;
		default:
			break;
		}
	}
	return act;
}

/* A tag that is taken off may have been the one that is known to be there. */
static void random_acts(struct nf_list *list, const struct nf_rule *of, bool in_group)
{
	struct nf_rule rule = *of;

	list->n = random_below(&dice, NF_ACTS + 1);
	for (unsigned int i = 0; i < list->n; i++) {
		list->act[i] = random_act(&rule, in_group);
		if (list->act[i].type == NF_POP)
			rule.tagged = -1;
		if (list->act[i].type == NF_PUSH)
			rule.tagged = 1;
		if (list->act[i].type == NF_RESUBMIT || list->act[i].type == NF_GROUP)
			rule.tagged = -1; /* they may change it as well */
	}
}

static void random_rule(struct nf_rule *rule)
{
	*rule = (struct nf_rule){
		.used = true,
		.table = (uint8_t)(chance(2) ? 0 : random_below(&dice, NF_TABLES)),
		.priority = (uint16_t)random_below(&dice, 1000),
		.in_port = maybe(3, NF_PORTS) + 1,
		.mac = maybe(3, NF_PORTS + 2),
		.tagged = maybe(3, 2),
		.vid = -1,
		.eth_type = chance(2)   ? 0x0800
			    : chance(4) ? 0x0806
					: -1,
		.ttl = -1,
		.tp = -1,
		.reg = maybe(4, NF_PORTS + 1),
	};
	rule->in_port = rule->in_port == 0 ? -1 : rule->in_port;
	if (rule->tagged == 1 && chance(2))
		rule->vid = (int)random_below(&dice, 3);
	if (rule->eth_type != 0x0800)
		return;
	rule->ip_bits = chance(2) ? 0 : (int)between(&dice, 20, 32);
	rule->ip = rule->ip_bits != 0 ? random_ip() & ~((UINT64_C(1) << (32 - rule->ip_bits)) - 1) : 0;
	if (chance(6))
		rule->ttl = (int)between(&dice, 1, 3);
	if (chance(3))
		rule->tp = (int)between(&dice, 1, 4);
}

/* ---- The same, as the tables have it. ---- */

static void to_match(const struct nf_rule *rule, struct hd_match *match)
{
	struct hd_key *key = &match->key, *mask = &match->mask;

	memset(match, 0, sizeof(*match));
	if (rule->in_port >= 0) {
		key->in_port = (uint16_t)rule->in_port;
		mask->in_port = 0xffff;
	}
	if (rule->mac >= 0) {
		nf_mac(key->eth_dst, (unsigned int)rule->mac);
		memset(mask->eth_dst, 0xff, 6);
	}
	if (rule->tagged >= 0) {
		put16((uint8_t *)&key->vlan_tci, rule->tagged ? HD_KEY_VLAN_PRESENT : 0);
		put16((uint8_t *)&mask->vlan_tci, HD_KEY_VLAN_PRESENT);
	}
	if (rule->vid >= 0) {
		put16((uint8_t *)&key->vlan_tci, HD_KEY_VLAN_PRESENT | (uint32_t)rule->vid);
		put16((uint8_t *)&mask->vlan_tci, HD_KEY_VLAN_PRESENT | 0xfff);
	}
	if (rule->eth_type >= 0) {
		put16((uint8_t *)&key->eth_type, (uint32_t)rule->eth_type);
		mask->eth_type = 0xffff;
	}
	if (rule->ip_bits > 0) {
		key->ipv4_dst = rte_cpu_to_be_32(rule->ip);
		mask->ipv4_dst = rte_cpu_to_be_32((uint32_t) ~((UINT64_C(1) << (32 - rule->ip_bits)) - 1));
	}
	if (rule->ttl >= 0) {
		key->ip_ttl = (uint8_t)rule->ttl;
		mask->ip_ttl = 0xff;
	}
	if (rule->tp >= 0) {
		key->ip_proto = 17;
		mask->ip_proto = 0xff;
		put16((uint8_t *)&key->tp_dst, (uint32_t)rule->tp);
		mask->tp_dst = 0xffff;
	}
	if (rule->reg >= 0) {
		key->reg[0] = (uint32_t)rule->reg;
		mask->reg[0] = UINT32_MAX;
	}
}

static void set_field(struct hd_action *action, enum hd_field_id field, hd_u128 value)
{
	action->type = HD_ACT_SET;
	action->set.field = (uint16_t)field;
	action->set.value = value;
	action->set.mask = hd_field_mask(field);
}

static void to_action(const struct nf_act *act, struct hd_action *action)
{
	static const enum hd_action_type plain[NF_ACT_TYPES] = {
		[NF_OUTPUT] = HD_ACT_OUTPUT,         [NF_IN_PORT] = HD_ACT_IN_PORT,   [NF_NORMAL] = HD_ACT_NORMAL,
		[NF_FLOOD] = HD_ACT_FLOOD,           [NF_PUSH] = HD_ACT_PUSH_VLAN,    [NF_POP] = HD_ACT_POP_VLAN,
		[NF_DEC_TTL] = HD_ACT_DEC_TTL,       [NF_RESUBMIT] = HD_ACT_RESUBMIT, [NF_GROUP] = HD_ACT_GROUP,
		[NF_OUTPUT_REG] = HD_ACT_OUTPUT_REG,
	};

	memset(action, 0, sizeof(*action));
	action->type = plain[act->type];
	switch (act->type) {
	case NF_OUTPUT:
		action->output.ofport = (uint16_t)act->arg;
		break;
	case NF_SET_DST:
		set_field(action, HD_FIELD_ETH_DST, (hd_u128)0x525400000000 | act->arg);
		break;
	case NF_SET_NW_DST:
		set_field(action, HD_FIELD_IPV4_DST, act->arg);
		break;
	case NF_SET_TP_DST:
		set_field(action, HD_FIELD_UDP_DST, act->arg);
		break;
	case NF_SET_VID:
		set_field(action, HD_FIELD_VLAN_VID, act->arg);
		break;
	case NF_SET_REG:
		set_field(action, HD_FIELD_REG0, act->arg);
		break;
	case NF_PUSH:
		action->ethertype = 0x8100;
		break;
	case NF_OUTPUT_REG:
		action->src = (struct hd_subfield){.field = HD_FIELD_REG0, .n_bits = 32};
		break;
	case NF_RESUBMIT:
		action->resubmit.table = (uint8_t)act->arg;
		break;
	case NF_GROUP:
		action->id = act->arg;
		break;
	default:
		break;
	}
}

static struct hd_actions *to_actions(const struct nf_list *list)
{
	struct hd_actions *actions = calloc(1, sizeof(*actions) + list->n * sizeof(actions->action[0]));

	actions->n = list->n;
	for (unsigned int i = 0; i < list->n; i++)
		to_action(&list->act[i], &actions->action[i]);
	return actions;
}

static void to_mod(const struct nf_rule *rule, enum hd_mod_command command, struct hd_flow_mod *mod)
{
	*mod = (struct hd_flow_mod){
		.command = command,
		.spec = {.table = rule->table, .priority = rule->priority},
	};
	to_match(rule, &mod->spec.match);
	if (command == HD_MOD_ADD)
		mod->spec.actions = to_actions(&rule->acts);
}

/* ---- Changes. ---- */

/* A priority that no other rule of the table has: which of two equal ones wins is not said. */
static bool unique(const struct nf_rule *rule)
{
	for (int i = 0; i < NF_RULES; i++)
		if (&nf.rule[i] != rule && nf.rule[i].used && nf.rule[i].table == rule->table &&
		    nf.rule[i].priority == rule->priority)
			return false;
	return true;
}

/* Some rules are replaced, as one change. */
static void change_rules(void)
{
	unsigned int n = between(&dice, 1, chance(4) ? 10 : 2), n_mods = 0;
	struct hd_flow_mod mods[20];
	struct hd_mod_result result;

	for (unsigned int i = 0; i < n; i++) {
		struct nf_rule *rule = &nf.rule[random_below(&dice, NF_RULES)];

		if (rule->used)
			to_mod(rule, HD_MOD_DELETE_STRICT, &mods[n_mods++]);
		rule->used = false;
		if (chance(4))
			continue;
		do {
			random_rule(rule);
		} while (!unique(rule));
		random_acts(&rule->acts, rule, false);
		to_mod(rule, HD_MOD_ADD, &mods[n_mods++]);
	}
	ck_assert_int_eq(hd_tables_apply(tables, mods, n_mods, &result), 0);
}

static void change_group(void)
{
	uint32_t id = between(&dice, 1, NF_GROUPS);
	struct nf_group *group = &nf.group[id];
	struct hd_group *new = calloc(1, sizeof(*new) + NF_BUCKETS * sizeof(new->bucket[0]));
	const struct nf_rule anything = {.eth_type = -1, .tp = -1, .tagged = -1};
	struct hd_mod_result result;
	bool had = group->used;

	group->type = (enum hd_group_type[]){HD_GROUP_ALL, HD_GROUP_FF, HD_GROUP_INDIRECT}[random_below(&dice, 3)];
	group->n = group->type == HD_GROUP_INDIRECT ? 1 : between(&dice, 1, NF_BUCKETS);
	group->used = true;
	new->id = id;
	new->type = group->type;
	new->n_buckets = group->n;
	for (unsigned int i = 0; i < group->n; i++) {
		group->bucket[i].watch = group->type == HD_GROUP_FF ? (int)between(&dice, 1, NF_PORTS) : -1;
		random_acts(&group->bucket[i].acts, &anything, true);
		new->bucket[i] = (struct hd_bucket){
			.id = i,
			.weight = 1,
			.watch_port = group->bucket[i].watch > 0 ? (uint16_t)group->bucket[i].watch : HD_OFPORT_NONE,
			.watch_group = UINT32_MAX,
			.actions = to_actions(&group->bucket[i].acts),
		};
	}
	if (had)
		ck_assert_int_eq(hd_tables_group_mod(tables, new, &result), 0);
	else
		ck_assert_int_eq(hd_tables_group_add(tables, new, &result), 0);
}

static void change_link(void)
{
	unsigned int port = between(&dice, 1, NF_PORTS);

	nf.up[port] = !nf.up[port];
	atomic_store(&ports[port]->up, nf.up[port]);
}

static void change_something(void)
{
	switch (random_below(&dice, 16)) {
	case 0:
		change_group();
		break;
	case 1:
		change_link();
		break;
	case 2:
		publish();
		break;
	default:
		change_rules();
		break;
	}
	hd_tables_reclaim(tables);
}

/* ---- Traffic. ---- */

static void random_frame(struct nf_frame *frame)
{
	uint32_t at = 14, tags = chance(2) ? 0 : random_below(&dice, 3);

	memset(frame, 0, sizeof(*frame));
	nf_mac(frame->bytes, random_below(&dice, NF_PORTS + 2));
	nf_mac(frame->bytes + 6, between(&dice, 16, 18));
	for (uint32_t i = 0; i < tags; i++) {
		put16(&frame->bytes[at - 2], 0x8100);
		put16(&frame->bytes[at], random_below(&dice, 8) << 13 | random_below(&dice, 3));
		at += 4;
	}
	frame->len = at + 46;
	if (chance(4)) {
		put16(&frame->bytes[at - 2], chance(2) ? 0x0806 : 0x1234);
		put16(&frame->bytes[at], 1);
		put16(&frame->bytes[at + 2], 0x0800);
		put16(&frame->bytes[at + 4], 0x0604);
		put16(&frame->bytes[at + 6], 1);
		return;
	}
	put16(&frame->bytes[at - 2], 0x0800);
	frame->bytes[at] = 0x45;
	put16(&frame->bytes[at + 2], 28 + random_below(&dice, 19));
	frame->bytes[at + 8] = (uint8_t)(chance(2) ? 64 : random_below(&dice, 4));
	frame->bytes[at + 9] = chance(4) ? 6 : 17;
	put16(&frame->bytes[at + 12], random_ip() >> 16);
	put16(&frame->bytes[at + 14], random_ip() & 0xffff);
	put16(&frame->bytes[at + 16], random_ip() >> 16);
	put16(&frame->bytes[at + 18], random_ip() & 0xffff);
	put16(&frame->bytes[at + 20], between(&dice, 1, 4));
	put16(&frame->bytes[at + 22], between(&dice, 1, 4));
	if (frame->bytes[at + 9] == 17) {
		put16(&frame->bytes[at + 24], get16(&frame->bytes[at + 2]) - 20);
		put16(&frame->bytes[at + 26], !chance(4));
	} else {
		put16(&frame->bytes[at + 2], 40);
		frame->bytes[at + 32] = 0x50;
	}
	nf_checksums(frame);
}

static void send_burst(void)
{
	input.port = between(&dice, 1, NF_PORTS);
	input.snapshots = chance(2);
	input.n = between(&dice, 1, 40);
	nf.n_out = 0;
	sent.n = 0;
	for (unsigned int i = 0; i < input.n; i++) {
		if (i != 0 && chance(3))
			input.frame[i] = input.frame[random_below(&dice, i)];
		else
			random_frame(&input.frame[i]);
		if (nf.n_out > NF_OUT - 200) {
			input.n = i;
			break;
		}
		nf.packet = i;
		nf_forward(&input.frame[i], input.port);
	}
	input.n_sent = input.n;
}

/* One round of the PMD, as it makes it. */
static void run_pmd(void)
{
	atomic_store(&dataplane->stop, false);
	hd_pmd_run(dataplane->pmds[0]);
}

static bool take(unsigned int port, const struct nf_frame *frame)
{
	for (unsigned int i = 0; i < sent.n; i++) {
		if (sent.frame[i].matched || sent.frame[i].port != port || sent.frame[i].frame.len != frame->len ||
		    memcmp(sent.frame[i].frame.bytes, frame->bytes, frame->len) != 0)
			continue;
		sent.frame[i].matched = true;
		return true;
	}
	return false;
}

static void show(const char *what, unsigned int port, const struct nf_frame *frame)
{
	printf("%s p%u", what, port);
	for (uint32_t i = 0; i < frame->len; i++)
		printf("%s%02x", i % 4 == 0 ? " " : "", frame->bytes[i]);
	printf("\n");
}

static void show_list(const struct nf_list *list)
{
	static const char *const names[NF_ACT_TYPES] = {"output",     "in_port", "normal",     "flood",    "set_mac",
							"set_nw_dst", "set_tp",  "set_vid",    "push",     "pop",
							"dec_ttl",    "set_reg", "output_reg", "resubmit", "group"};

	for (unsigned int i = 0; i < list->n; i++)
		printf(" %s:%x", names[list->act[i].type], list->act[i].arg);
	printf("\n");
}

/* What one needs to find out why: what came in, what should have come out, what did, and all rules. */
static void show_all(unsigned int packet)
{
	show("in", input.port, &input.frame[packet]);
	for (unsigned int i = 0; i < nf.n_out; i++)
		if (nf.out[i].packet == packet)
			show("expected", nf.out[i].port, &nf.out[i].frame);
	for (unsigned int i = 0; i < sent.n; i++)
		if (!sent.frame[i].matched)
			show("unexpected", sent.frame[i].port, &sent.frame[i].frame);
	for (int i = 0; i < NF_RULES; i++) {
		const struct nf_rule *rule = &nf.rule[i];

		if (!rule->used)
			continue;
		printf("table=%u priority=%u in_port=%d mac=%d tagged=%d vid=%d type=%x ip=%x/%d ttl=%d tp=%d reg=%d:",
		       rule->table, rule->priority, rule->in_port, rule->mac, rule->tagged, rule->vid,
		       (unsigned int)rule->eth_type, rule->ip, rule->ip_bits, rule->ttl, rule->tp, rule->reg);
		show_list(&rule->acts);
	}
	for (int i = 1; i <= NF_GROUPS; i++)
		for (unsigned int b = 0; nf.group[i].used && b < nf.group[i].n; b++) {
			printf("group=%d type=%d watch=%d:", i, nf.group[i].type, nf.group[i].bucket[b].watch);
			show_list(&nf.group[i].bucket[b].acts);
		}
}

static void compare(void)
{
	for (unsigned int i = 0; i < nf.n_out; i++) {
		if (take(nf.out[i].port, &nf.out[i].frame))
			continue;
		show_all(nf.out[i].packet);
		ck_abort_msg("packet %u did not leave by p%u as it should", nf.out[i].packet, nf.out[i].port);
	}
	if (sent.n == nf.n_out)
		return;
	for (unsigned int packet = 0; packet < input.n_sent; packet++)
		show_all(packet);
	ck_abort_msg("%u frames left, %u should have", sent.n, nf.n_out);
}

static void check_balance(void)
{
	uint64_t in = 0, out = 0;

	for (unsigned int i = 1; i <= NF_PORTS; i++) {
		struct hd_port_totals totals;

		hd_port_totals(ports[i], &totals);
		in += totals.rx.packets + totals.copies + totals.segments;
		out += totals.tx.packets;
		for (int reason = 0; reason < HD_DROP_COUNT; reason++)
			out += totals.drops[reason];
	}
	ck_assert_uint_eq(in, out);
}

START_TEST(agrees_with_naive_tables)
{
	struct hd_cache_stats stats;

	random_start(&dice, "agrees_with_naive_tables");
	set_up();
	for (int round = 0; round < ROUNDS; round++) {
		if (chance(3))
			change_something();
		send_burst();
		run_pmd();
		compare();
	}
	check_balance();
	hd_pipeline_cache_stats(dataplane->pmds[0], &stats);
	/* The test is worth something only if the cache was. */
	ck_assert_uint_gt(stats.hits, stats.lookups / 10);
	ck_assert_uint_gt(stats.revalidated, 0);
	ck_assert_uint_gt(stats.misses, 0);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pipeline");
	TCase *tcase = tcase_create("pipeline");
	SRunner *runner;
	int failed;

	eal_start_workers(1);
	pool = rte_pktmbuf_pool_create("pool", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, agrees_with_naive_tables);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
