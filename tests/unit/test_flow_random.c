/* SPDX-License-Identifier: BSD-3-Clause */
/* Random matches and actions, written and read again, are what they were. */
#include "flow/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "flow_ports.h"
#include "random.h"

#define ROUNDS 20000
#define ACTIONS_MAX 6

static hd_u128 wide(struct random *random)
{
	return (hd_u128)random_next(random) << 64 | random_next(random);
}

static bool coin(struct random *random)
{
	return random_below(random, 2);
}

static void set_exact(struct hd_match *match, enum hd_field_id field, hd_u128 value)
{
	hd_field_set(&match->key, field, value);
	hd_field_set(&match->mask, field, ~(hd_u128)0);
}

/* What other fields may need; then any of those that the match allows. */
static void add_protocols(struct random *random, struct hd_match *match)
{
	static const uint16_t types[] = {0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x88cc};
	static const uint8_t protos[] = {6, 17, 132, 1, 58, 47};

	if (random_below(random, 4) == 0)
		return;
	set_exact(match, HD_FIELD_ETH_TYPE, types[random_below(random, 7)]);
	if (hd_field_prereq_met(HD_FIELD_IP_PROTO, match) && coin(random))
		set_exact(match, HD_FIELD_IP_PROTO, protos[random_below(random, 6)]);
	if (hd_field_prereq_met(HD_FIELD_ICMP6_TYPE, match) && coin(random))
		set_exact(match, HD_FIELD_ICMP6_TYPE, 135 + random_below(random, 2));
}

static void add_vlan(struct random *random, struct hd_match *match, enum hd_field_id field)
{
	static const uint16_t masks[] = {0x1000, 0x1fff, 0xf000, 0xffff, 0x10ff, 0x3fff, 0x0fff, 0xe000};
	uint16_t mask = masks[random_below(random, 8)], value = (uint16_t)random_next(random) & mask;

	/* One without the bit that there is a tag is 0, or never matches. */
	if (!(value & HD_KEY_VLAN_PRESENT) && (mask & HD_KEY_VLAN_PRESENT))
		value = 0;
	hd_field_set(&match->key, field, value);
	hd_field_set(&match->mask, field, mask);
}

static hd_u128 random_mask(struct random *random, const struct hd_field *field)
{
	hd_u128 all = field->bits == 128 ? ~(hd_u128)0 : ((hd_u128)1 << field->bits) - 1;

	if (!field->maskable || coin(random))
		return all;
	if (coin(random))
		return all << random_below(random, field->bits) & all;
	return wide(random) & all;
}

static void add_field(struct random *random, struct hd_match *match, enum hd_field_id id)
{
	static const uint8_t frags[][2] = {{0, 3}, {1, 1}, {1, 3}, {3, 3}, {0, 2}};
	const struct hd_field *field = &hd_fields[id];
	hd_u128 mask = random_mask(random, field), value = wide(random) & mask;
	uint32_t frag = random_below(random, 5);

	if (hd_field_get(&match->mask, id) || !hd_field_prereq_met(id, match))
		return;
	if (id == HD_FIELD_IN_PORT)
		value = random_below(random, 8) ? 1 + random_below(random, FLOW_PORTS) : HD_OFPORT_LOCAL;
	else if (id == HD_FIELD_IP_TOS)
		return; /* DSCP and ECN are */
	else if (id == HD_FIELD_IP_FRAG) {
		value = frags[frag][0];
		mask = frags[frag][1];
	}
	if (id >= HD_FIELD_VLAN_TCI && id <= HD_FIELD_VLAN_PCP2) {
		if (id == HD_FIELD_VLAN_TCI || id == HD_FIELD_VLAN_TCI2)
			add_vlan(random, match, id);
		return;
	}
	hd_field_set(&match->key, id, value);
	hd_field_set(&match->mask, id, mask);
}

static void make_match(struct random *random, struct hd_match *match)
{
	uint32_t n = random_below(random, 12);

	memset(match, 0, sizeof(*match));
	add_protocols(random, match);
	for (uint32_t i = 0; i < n; i++) {
		enum hd_field_id id = random_below(random, HD_FIELD_COUNT);

		/* ICMP's 16 bits that a key has are 8 in a packet. */
		if (id != HD_FIELD_ETH_TYPE && id != HD_FIELD_IP_PROTO && id != HD_FIELD_ARP_OP)
			add_field(random, match, id);
	}
}

/* A field that may be read, or written, with this match; tp_src and tp_dst go by their protocol's names. */
static enum hd_field_id usable_field(struct random *random, const struct hd_match *match, bool write)
{
	for (;;) {
		enum hd_field_id id = random_below(random, HD_FIELD_COUNT);

		if (id == HD_FIELD_TP_SRC || id == HD_FIELD_TP_DST || !hd_field_prereq_met(id, match))
			continue;
		if (!write || (hd_fields[id].writable && id != HD_FIELD_CT_MARK && id != HD_FIELD_CT_LABEL &&
			       id != HD_FIELD_IP_TOS && id != HD_FIELD_VLAN_TCI))
			return id;
	}
}

static struct hd_subfield usable_sub(struct random *random, const struct hd_match *match, bool write, uint8_t n_bits)
{
	struct hd_subfield sub;

	do
		sub.field = (uint16_t)usable_field(random, match, write);
	while (hd_fields[sub.field].bits < n_bits);
	sub.n_bits = n_bits ? n_bits : (uint8_t)(1 + random_below(random, hd_fields[sub.field].bits));
	sub.ofs = (uint8_t)random_below(random, hd_fields[sub.field].bits - sub.n_bits + 1u);
	return sub;
}

static void make_set(struct random *random, const struct hd_match *match, struct hd_action *action)
{
	enum hd_field_id id = usable_field(random, match, true);
	hd_u128 mask;

	do
		mask = random_mask(random, &hd_fields[id]);
	while (mask == 0);
	action->set.field = (uint16_t)id;
	action->set.mask = mask;
	action->set.value = wide(random) & mask;
}

static void make_nat(struct random *random, const struct hd_match *match, struct hd_nat *nat)
{
	bool v6 = hd_field_prereq_met(HD_FIELD_IPV6_SRC, match);

	if (coin(random))
		return;
	nat->flags = coin(random) ? HD_NAT_SRC : HD_NAT_DST;
	nat->flags |= coin(random) ? HD_NAT_RANDOM : 0;
	nat->flags |= coin(random) ? HD_NAT_PERSISTENT : 0;
	if (coin(random))
		return;
	nat->family = v6 ? 6 : 4;
	for (int i = 0; i < (v6 ? 16 : 4); i++)
		nat->min[i] = nat->max[i] = (uint8_t)random_next(random);
	if (coin(random) && nat->max[v6 ? 15 : 3] < 255)
		nat->max[v6 ? 15 : 3]++;
	if (coin(random)) {
		nat->port_min = (uint16_t)(1 + random_below(random, 65535));
		nat->port_max = (uint16_t)(nat->port_min + random_below(random, 65536u - nat->port_min));
	}
}

static void make_ct(struct random *random, const struct hd_match *match, struct hd_ct_action *ct)
{
	ct->flags = coin(random) ? HD_CT_ACT_COMMIT : 0;
	if (coin(random))
		ct->zone = (uint16_t)random_next(random);
	else if (coin(random))
		ct->zone_src = usable_sub(random, match, false, 16);
	if (!(ct->flags & HD_CT_ACT_COMMIT)) {
		ct->flags |= coin(random) ? HD_CT_ACT_NAT : 0;
		return;
	}
	ct->flags |= coin(random) ? HD_CT_ACT_FORCE : 0;
	if (coin(random)) {
		ct->flags |= HD_CT_ACT_NAT;
		make_nat(random, match, &ct->nat);
	}
	if (coin(random)) {
		ct->exec = calloc(1, sizeof(*ct->exec) + sizeof(struct hd_action));
		ct->exec->n = 1;
		ct->exec->action[0].type = HD_ACT_SET;
		ct->exec->action[0].set.field = coin(random) ? HD_FIELD_CT_MARK : HD_FIELD_CT_LABEL;
		ct->exec->action[0].set.mask = 0xff;
		ct->exec->action[0].set.value = random_below(random, 256);
	}
}

static struct hd_learn *make_learn(struct random *random, const struct hd_match *match)
{
	uint32_t n = random_below(random, 4);
	struct hd_learn *learn = calloc(1, sizeof(*learn) + n * sizeof(learn->spec[0]));
	static const struct hd_match none;

	learn->table = (uint8_t)random_below(random, 255);
	learn->priority = (uint16_t)random_next(random);
	learn->idle_timeout = (uint16_t)random_below(random, 3);
	learn->cookie = random_below(random, 3);
	learn->limit = random_below(random, 3);
	learn->delete_learned = coin(random);
	learn->n_specs = n;
	for (uint32_t i = 0; i < n; i++) {
		struct hd_learn_spec *spec = &learn->spec[i];

		spec->kind = random_below(random, HD_LEARN_OUTPUT + 1);
		spec->src = usable_sub(random, match, false, 0);
		spec->dst = usable_sub(random, &none, true, spec->src.n_bits);
		if (spec->kind == HD_LEARN_MATCH_VALUE || spec->kind == HD_LEARN_LOAD_VALUE)
			spec->value = wide(random) >> (128 - spec->dst.n_bits);
	}
	return learn;
}

static void make_action(struct random *random, const struct hd_match *match, struct hd_action *action)
{
	static const enum hd_action_type plain[] = {HD_ACT_NORMAL, HD_ACT_FLOOD, HD_ACT_ALL, HD_ACT_IN_PORT,
						    HD_ACT_CT_CLEAR};

	memset(action, 0, sizeof(*action));
	action->type = random_below(random, HD_ACT_COUNT);
	switch (action->type) {
	case HD_ACT_OUTPUT:
		action->output.ofport = (uint16_t)(1 + random_below(random, FLOW_PORTS));
		action->output.max_len = coin(random) ? (uint16_t)(14 + random_below(random, 60000)) : 0;
		return;
	case HD_ACT_CONTROLLER:
		action->output.max_len = (uint16_t)random_below(random, 65535);
		return;
	case HD_ACT_OUTPUT_REG:
	case HD_ACT_STACK_PUSH:
		action->src = usable_sub(random, match, false, 0);
		return;
	case HD_ACT_STACK_POP:
		action->dst = usable_sub(random, match, true, 0);
		return;
	case HD_ACT_SET:
		make_set(random, match, action);
		return;
	case HD_ACT_MOVE:
		action->move.src = usable_sub(random, match, false, 0);
		action->move.dst = usable_sub(random, match, true, action->move.src.n_bits);
		return;
	case HD_ACT_PUSH_VLAN:
		action->ethertype = coin(random) ? 0x8100 : 0x88a8;
		return;
	case HD_ACT_RESUBMIT:
		action->resubmit.ofport = (uint16_t)random_below(random, FLOW_PORTS + 1);
		action->resubmit.table = (uint8_t)random_below(random, 255);
		return;
	case HD_ACT_GROUP:
	case HD_ACT_METER:
		action->id = 1 + random_below(random, 65535);
		return;
	case HD_ACT_CT:
		if (!hd_field_prereq_met(HD_FIELD_IP_PROTO, match))
			break;
		action->ct = calloc(1, sizeof(*action->ct));
		make_ct(random, match, action->ct);
		return;
	case HD_ACT_LEARN:
		action->learn = make_learn(random, match);
		return;
	default:
		break;
	}
	action->type = plain[random_below(random, 5)];
}

START_TEST(test_round_trip)
{
	struct hd_text text = {0}, second = {0};
	struct random random;

	random_start(&random, "round_trip");
	for (int round = 0; round < ROUNDS; round++) {
		struct hd_actions *actions = calloc(1, sizeof(*actions) + ACTIONS_MAX * sizeof(struct hd_action));
		struct hd_rule_spec spec = {.table = (uint8_t)random_below(&random, 3), .actions = actions};
		struct hd_flow_error error;
		struct hd_flow_mod mod;

		spec.priority = (uint16_t)random_next(&random);
		spec.cookie = random_below(&random, 3) ? 0 : random_next(&random);
		spec.idle_timeout = (uint16_t)random_below(&random, 3);
		make_match(&random, &spec.match);
		actions->n = 1 + random_below(&random, ACTIONS_MAX);
		for (uint32_t i = 0; i < actions->n; i++)
			make_action(&random, &spec.match, &actions->action[i]);
		hd_text_clear(&text);
		hd_flow_format(&text, &spec, &flow_names);
		ck_assert_msg(hd_flow_parse(text.data, text.length, HD_MOD_ADD, &flow_names, &mod, &error) == 0,
			      "%s\n%zu: %s", text.data, error.column, error.text);
		ck_assert_msg(memcmp(&mod.spec.match, &spec.match, sizeof(spec.match)) == 0, "%s", text.data);
		hd_text_clear(&second);
		hd_flow_format(&second, &mod.spec, &flow_names);
		ck_assert_str_eq(text.data, second.data);
		ck_assert_msg(hd_actions_equal(actions, mod.spec.actions), "%s", text.data);
		ck_assert(mod.spec.priority == spec.priority && mod.spec.table == spec.table &&
			  mod.spec.cookie == spec.cookie && mod.spec.idle_timeout == spec.idle_timeout);
		hd_actions_free(actions);
		hd_actions_free(mod.spec.actions);
	}
	free(text.data);
	free(second.data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_random");
	TCase *tests = tcase_create("flow_random");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_round_trip);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
