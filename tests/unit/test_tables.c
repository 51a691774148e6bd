/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests what mods do to rules: replacing, loose and strict selection, refusals, counters, timeouts. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "tables_world.h"

START_TEST(begins_plain)
{
	struct hd_tables *fresh = hd_tables_create(rcu, 1, HZ);
	struct hd_flow_mod mod = add(0, 1, MATCH(in_port, 1), make_output(1));
	const struct hd_shape *shape = hd_tables_shape(fresh);
	uint32_t cursor = 0;

	ck_assert(hd_tables_plain(fresh));
	ck_assert_uint_eq(hd_tables_count(fresh), 1);
	ck_assert_int_eq(hd_tables_next(fresh, &cursor)->spec.actions->action[0].type, HD_ACT_NORMAL);
	ck_assert_ptr_null(hd_tables_next(fresh, &cursor));
	ck_assert_uint_eq(shape->mask.in_port, UINT16_MAX);
	ck_assert_uint_eq(shape->mask.eth_type, UINT16_MAX);
	ck_assert_uint_eq(shape->mask.vlan_tci, rte_cpu_to_be_16(HD_KEY_VLAN_PRESENT));
	ck_assert_uint_eq(shape->mask.word[1] | shape->mask.word[3], 0);
	ck_assert_int_eq(hd_tables_apply(fresh, &mod, 1, &result), 0);
	ck_assert(!hd_tables_plain(fresh));
	hd_tables_destroy(fresh);
	hd_tables_destroy(NULL);
}
END_TEST

START_TEST(plain_is_one_normal_catch_all)
{
	static const struct {
		enum hd_action_type type;
		uint8_t table;
		uint16_t in_port, idle, priority;
		bool plain;
	} cases[] = {
		{HD_ACT_NORMAL, 0, 0, 0, 0, true},  {HD_ACT_NORMAL, 0, 0, 0, 7, true},
		{HD_ACT_FLOOD, 0, 0, 0, 0, false},  {HD_ACT_NORMAL, 1, 0, 0, 0, false},
		{HD_ACT_NORMAL, 0, 1, 0, 0, false}, {HD_ACT_NORMAL, 0, 0, 9, 0, false},
	};
	struct hd_match match = cases[_i].in_port != 0 ? MATCH(in_port, cases[_i].in_port) : (struct hd_match){0};
	struct hd_action action = {.type = cases[_i].type};
	struct hd_flow_mod mod = add(cases[_i].table, cases[_i].priority, match, make_actions(1, &action));

	ck_assert(!hd_tables_plain(tables));
	mod.spec.idle_timeout = cases[_i].idle;
	apply_one(mod, 0);
	ck_assert_int_eq(hd_tables_plain(tables), cases[_i].plain);
}
END_TEST

START_TEST(highest_priority_wins)
{
	struct hd_key key = packet(1, 0x0a000001);

	apply_one(add(0, 10, MATCH(in_port, 1), make_output(10)), 0);
	ck_assert_uint_eq(look_up(0, &key), 10);
	apply_one(add(0, 5, match_prefix(0x0a000000, 8), make_output(5)), 0);
	ck_assert_uint_eq(look_up(0, &key), 10);
	apply_one(add(0, 11, match_prefix(0x0a000000, 16), make_output(11)), 0);
	ck_assert_uint_eq(look_up(0, &key), 11);
	apply_one(add(0, 65535, (struct hd_match){0}, make_output(12)), 0);
	ck_assert_uint_eq(look_up(0, &key), 12);
	apply_one(add(0, 0, (struct hd_match){0}, make_output(13)), 0);
	ck_assert_uint_eq(look_up(0, &key), 12);
	ck_assert_uint_eq(look_up(1, &key), 0);
	ck_assert_ptr_null(hd_tables_lookup(tables, hd_tables_version(tables), 255, &key));
}
END_TEST

/* Three rules; which of them does a mod meet? */
static const struct {
	const char *what;
	enum hd_mod_command command;
	bool any_table;
	uint8_t table;
	uint16_t priority, in_port;
	bool prefix; /* of the mod's match: 10.0.0.0/8 */
	uint64_t cookie, cookie_mask;
	uint16_t out_port;
	bool hidden;
	unsigned int met; /* bits: the rules */
} selections[] = {
	{"everything of table 0", HD_MOD_DELETE, false, 0, 0, 0, false, 0, 0, 0, false, 3},
	{"everything", HD_MOD_DELETE, true, 9, 0, 0, false, 0, 0, 0, false, 7},
	{"by port", HD_MOD_DELETE, true, 0, 0, 1, false, 0, 0, 0, false, 5},
	{"by prefix: covers longer ones", HD_MOD_DELETE, true, 0, 0, 0, true, 0, 0, 0, false, 2},
	{"by what nothing has", HD_MOD_DELETE, true, 0, 0, 7, false, 0, 0, 0, false, 0},
	{"by cookie", HD_MOD_DELETE, true, 0, 0, 0, false, 2, UINT64_MAX, 0, false, 2},
	{"by a bit of the cookie", HD_MOD_DELETE, true, 0, 0, 0, false, 1, 1, 0, false, 5},
	{"by output", HD_MOD_DELETE, true, 0, 0, 0, false, 0, 0, 3, false, 4},
	{"strictly", HD_MOD_DELETE_STRICT, false, 0, 10, 1, false, 0, 0, 0, false, 1},
	{"strictly, other table", HD_MOD_DELETE_STRICT, false, 3, 10, 1, false, 0, 0, 0, false, 4},
	{"strictly, any table", HD_MOD_DELETE_STRICT, true, 0, 10, 1, false, 0, 0, 0, false, 5},
	{"strictly, other priority", HD_MOD_DELETE_STRICT, false, 0, 11, 1, false, 0, 0, 0, false, 0},
	{"strictly, other mask", HD_MOD_DELETE_STRICT, false, 0, 10, 0, true, 0, 0, 0, false, 0},
	{"strictly, other cookie", HD_MOD_DELETE_STRICT, false, 0, 10, 1, false, 2, 3, 0, false, 0},
	{"hidden ones only", HD_MOD_DELETE, true, 0, 0, 0, false, 0, 0, 0, true, 8},
	{"hidden, strictly", HD_MOD_DELETE_STRICT, false, 0, 10, 1, false, 0, 0, 0, true, 8},
	{"modify all", HD_MOD_MODIFY, true, 0, 0, 0, false, 0, 0, 0, false, 7},
	{"modify by prefix", HD_MOD_MODIFY, false, 0, 0, 0, true, 0, 0, 0, false, 2},
	{"modify looks at no output", HD_MOD_MODIFY, false, 0, 0, 0, false, 0, 0, 99, false, 3},
	{"modify strictly", HD_MOD_MODIFY_STRICT, false, 0, 10, 1, false, 0, 0, 0, false, 1},
	{"modify strictly what is not there", HD_MOD_MODIFY_STRICT, false, 2, 10, 1, false, 0, 0, 0, false, 0},
};

static unsigned int rules_with(uint16_t changed_to)
{
	const struct hd_rule *rule;
	unsigned int found = 0;
	uint32_t cursor = 0;

	while ((rule = hd_tables_next(tables, &cursor)) != NULL)
		if (changed_to == 0 || rule->spec.actions->action[0].output.ofport == changed_to)
			found |= 1U << (rule->spec.idle_timeout - 1);
	return found;
}

START_TEST(mods_select)
{
	__typeof__(&selections[0]) selection = &selections[_i];
	struct hd_flow_mod mods[] = {
		add(0, 10, MATCH(in_port, 1), make_output(1)),
		add(0, 20, match_prefix(0x0a010000, 16), make_output(2)),
		add(3, 10, MATCH(in_port, 1), make_output(3)),
		add(0, 10, MATCH(in_port, 1), make_output(4)),
	};
	struct hd_flow_mod mod = {.command = selection->command,
				  .any_table = selection->any_table,
				  .cookie_mask = selection->cookie_mask,
				  .out_port = selection->out_port};
	bool modifies = selection->command == HD_MOD_MODIFY || selection->command == HD_MOD_MODIFY_STRICT;
	unsigned int n = (unsigned int)__builtin_popcount(selection->met);

	for (uint16_t i = 0; i < 4; i++) {
		mods[i].spec.idle_timeout = i + 1; /* says which is which */
		mods[i].spec.cookie = i + 1;
	}
	mods[3].spec.hidden = true;
	ck_assert_int_eq(hd_tables_apply(tables, mods, 4, &result), 0);
	ck_assert_uint_eq(result.added, 4);
	mod.spec = (struct hd_rule_spec){.table = selection->table,
					 .priority = selection->priority,
					 .cookie = selection->cookie,
					 .hidden = selection->hidden};
	if (selection->in_port != 0)
		mod.spec.match = MATCH(in_port, selection->in_port);
	if (selection->prefix)
		mod.spec.match = match_prefix(0x0a000000, 8);
	if (modifies)
		mod.spec.actions = make_output(77);
	ck_assert_int_eq(hd_tables_apply(tables, &mod, 1, &result), 0);
	ck_assert_msg(result.modified + result.removed == n, "%s: %u, %u", selection->what, result.modified,
		      result.removed);
	ck_assert_int_eq(mod.spec.actions == NULL, !modifies || n > 0);
	hd_actions_free(mod.spec.actions);
	if (modifies)
		ck_assert_uint_eq(rules_with(77), selection->met);
	else
		ck_assert_uint_eq(rules_with(0), 15 & ~selection->met);
}
END_TEST

static void count(const struct hd_rule *rule, uint16_t pmd, uint64_t packets, uint64_t used)
{
	struct hd_rule_cell *cell = hd_tables_cell(tables, rule, pmd);

	cell->packets += packets;
	cell->bytes += packets * 100;
	cell->used = used;
}

static uint64_t packets_of(const struct hd_rule *rule)
{
	struct hd_rule_stats stats;

	hd_tables_stats(tables, rule, &stats);
	ck_assert_uint_eq(stats.bytes, stats.packets * 100);
	return stats.packets;
}

START_TEST(counters_follow_the_rule)
{
	struct hd_key key = packet(1, 0x0a000001);
	struct hd_flow_mod mod = add(0, 10, MATCH(in_port, 1), make_output(1));
	const struct hd_rule *rule;
	uint64_t created;

	mod.spec.cookie = 5;
	apply_one(mod, 0);
	rule = rule_of(0, &key);
	created = rule->created;
	count(rule, 0, 3, 1);
	count(rule, 1, 4, 2);
	ck_assert_uint_eq(packets_of(rule), 7);

	/* A modify keeps counters, timeouts, cookie and age. */
	mod = (struct hd_flow_mod){.command = HD_MOD_MODIFY, .spec.actions = make_output(2)};
	apply_one(mod, 0);
	rule = rule_of(0, &key);
	ck_assert_uint_eq(look_up(0, &key), 2);
	ck_assert_uint_eq(packets_of(rule), 7);
	ck_assert_uint_eq(rule->created, created);
	ck_assert_uint_gt(rule->modified, created);
	ck_assert_uint_eq(rule->spec.cookie, 5);
	mod.spec.actions = make_output(2);
	mod.spec.cookie = 6;
	apply_one(mod, 0);
	ck_assert_uint_eq(rule_of(0, &key)->spec.cookie, 6);

	/* An add that replaces keeps counters only. */
	apply_one(add(0, 10, MATCH(in_port, 1), make_output(3)), 0);
	ck_assert_uint_eq(result.modified, 1);
	ck_assert_uint_eq(result.added, 0);
	rule = rule_of(0, &key);
	ck_assert_uint_eq(packets_of(rule), 7);
	ck_assert_uint_gt(rule->created, created);
	ck_assert_uint_eq(rule->spec.cookie, 0);

	mod = add(0, 10, MATCH(in_port, 1), make_output(4));
	mod.spec.reset_counts = true;
	apply_one(mod, 0);
	ck_assert_uint_eq(packets_of(rule_of(0, &key)), 0);
	ck_assert_uint_eq(hd_tables_count(tables), 1);
}
END_TEST

START_TEST(slots_are_used_again_and_zeroed)
{
	struct hd_key key = packet(1, 0x0a000001);
	uint32_t highest = 0;

	for (int i = 0; i < 10000; i++) {
		const struct hd_rule *rule;

		apply_one(add(0, 10, MATCH(in_port, 1), make_output(1)), 0);
		rule = rule_of(0, &key);
		highest = RTE_MAX(highest, rule->slot);
		ck_assert_uint_eq(packets_of(rule), 0);
		count(rule, 1, 9, 9);
		apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE}, 0);
	}
	ck_assert_uint_lt(highest, 16);
}
END_TEST

START_TEST(overlaps_are_refused)
{
	struct hd_flow_mod mod = add(0, 10, match_prefix(0x0a000000, 8), make_output(1));

	apply_one(mod, 0);
	mod = add(0, 10, MATCH(in_port, 1), make_output(2));
	mod.spec.check_overlap = true;
	ck_assert_int_eq(hd_tables_apply(tables, &mod, 1, &result), -EEXIST);
	ck_assert_ptr_nonnull(mod.spec.actions);
	ck_assert_str_ne(result.reason, "");
	mod.spec.priority = 11;
	ck_assert_int_eq(hd_tables_apply(tables, &mod, 1, &result), 0);

	mod = add(0, 10, match_prefix(0x0b000000, 8), make_output(3)); /* disjoint */
	mod.spec.check_overlap = true;
	apply_one(mod, 0);
	mod.spec.actions = make_output(4); /* identical: replaces */
	apply_one(mod, 0);
	ck_assert_uint_eq(hd_tables_count(tables), 3);
}
END_TEST

START_TEST(a_bundle_sees_itself)
{
	struct hd_flow_mod mods[] = {
		add(0, 10, MATCH(in_port, 1), make_output(1)),
		add(0, 10, MATCH(in_port, 1), make_output(2)),
		add(0, 11, MATCH(in_port, 2), make_output(3)),
		{.command = HD_MOD_DELETE, .spec.match = MATCH(in_port, 2)},
		{.command = HD_MOD_MODIFY, .spec = {.match = MATCH(in_port, 1), .actions = make_output(4)}},
	};
	uint64_t version = hd_tables_version(tables);
	struct hd_key key = packet(1, 1);

	ck_assert_int_eq(hd_tables_apply(tables, mods, RTE_DIM(mods), &result), 0);
	ck_assert_uint_eq(hd_tables_version(tables), version + 1);
	ck_assert_uint_eq(hd_tables_count(tables), 1);
	ck_assert_uint_eq(look_up(0, &key), 4);
	ck_assert_ptr_null(hd_tables_lookup(tables, version, 0, &key));
}
END_TEST

START_TEST(nothing_changed_is_no_version)
{
	uint64_t version = hd_tables_version(tables);

	apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE}, 0);
	apply_one((struct hd_flow_mod){.command = HD_MOD_MODIFY, .spec.actions = make_output(4)}, 0);
	ck_assert_uint_eq(hd_tables_version(tables), version);
	apply_one((struct hd_flow_mod){.command = HD_MOD_ADD, .spec = {.table = 255, .actions = make_output(1)}},
		  -EINVAL);
}
END_TEST

static void replace_with(uint16_t first, uint16_t n, uint16_t offset)
{
	struct hd_rule_spec specs[16] = {0};

	for (uint16_t i = 0; i < n; i++) {
		specs[i].match = MATCH(in_port, (uint16_t)(first + i));
		specs[i].priority = 3;
		specs[i].actions = make_output((uint16_t)(first + i + offset));
	}
	ck_assert_int_eq(hd_tables_replace(tables, false, specs, n, &result), 0);
	for (uint16_t i = 0; i < n; i++)
		hd_actions_free(specs[i].actions);
}

START_TEST(replace_touches_what_differs)
{
	struct hd_flow_mod hidden = add(0, 9, MATCH(in_port, 1), make_output(50));
	struct hd_key key = packet(4, 0);
	const struct hd_rule *rule;
	uint64_t version;

	hidden.spec.hidden = true;
	apply_one(hidden, 0);
	replace_with(1, 6, 0); /* 1..6 */
	ck_assert_uint_eq(result.added, 6);
	rule = rule_of(0, &key);
	count(rule, 0, 5, 5);
	version = hd_tables_version(tables);
	replace_with(1, 6, 0);
	ck_assert_uint_eq(result.added + result.modified + result.removed, 0);
	ck_assert_uint_eq(hd_tables_version(tables), version);
	replace_with(3, 6, 0); /* 3..8 */
	ck_assert_uint_eq(result.added, 2);
	ck_assert_uint_eq(result.modified, 0);
	ck_assert_uint_eq(result.removed, 2);
	ck_assert_ptr_eq(rule_of(0, &key), rule);
	replace_with(3, 6, 100); /* other actions */
	ck_assert_uint_eq(result.modified, 6);
	ck_assert_uint_eq(packets_of(rule_of(0, &key)), 5);
	ck_assert_uint_eq(hd_tables_count(tables), 7);
	replace_with(0, 0, 0);
	ck_assert_uint_eq(hd_tables_count(tables), 1); /* the hidden one */
}
END_TEST

static unsigned int n_expired, n_idle;

static void note_expired(void *context, const struct hd_rule *rule, bool idle)
{
	n_expired++;
	n_idle += idle;
}

START_TEST(rules_expire)
{
	struct hd_flow_mod mods[] = {
		add(0, 1, MATCH(in_port, 1), make_output(1)), add(0, 1, MATCH(in_port, 2), make_output(1)),
		add(0, 1, MATCH(in_port, 3), make_output(1)), add(0, 1, MATCH(in_port, 4), make_output(1))};
	struct hd_key used = packet(2, 0);
	uint64_t start;

	mods[0].spec.idle_timeout = mods[1].spec.idle_timeout = 10;
	mods[2].spec.hard_timeout = 20;
	n_expired = n_idle = 0;
	ck_assert_int_eq(hd_tables_apply(tables, mods, 4, &result), 0);
	start = rule_of(0, &used)->modified + HZ / 10;
	count(rule_of(0, &used), 1, 1, start + 8 * HZ);
	ck_assert_uint_eq(hd_tables_expire(tables, start + 9 * HZ, note_expired, NULL), 0);
	ck_assert_uint_eq(hd_tables_expire(tables, start + 10 * HZ, note_expired, NULL), 1);
	ck_assert_uint_eq(n_expired, 1);
	ck_assert_uint_eq(n_idle, 1);
	ck_assert_uint_eq(hd_tables_expire(tables, start + 17 * HZ, note_expired, NULL), 0);
	ck_assert_uint_eq(hd_tables_expire(tables, start + 20 * HZ, note_expired, NULL), 2);
	ck_assert_uint_eq(n_idle, 2);
	ck_assert_uint_eq(hd_tables_count(tables), 1);
	ck_assert_uint_eq(hd_tables_expire(tables, start + 9999 * HZ, NULL, NULL), 0);
}
END_TEST

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* How long it takes, for the log of the tests: no promise, machines differ. */
START_TEST(speed)
{
	enum { N = 100000, SINGLE = 20000, MASKS = 16 };
	struct hd_flow_mod *mods = calloc(N, sizeof(*mods));
	struct hd_tables_usage usage;
	double start;

	for (uint32_t i = 0; i < N; i++) {
		mods[i] = add(0, (uint16_t)(i % 1000), match_prefix(i << 4, 32 - i % MASKS % 4), make_output(1));
		mods[i].spec.match.key.tp_dst = mods[i].spec.match.mask.tp_dst = (uint16_t)(i % MASKS);
	}
	start = seconds();
	ck_assert_int_eq(hd_tables_apply(tables, mods, N, &result), 0);
	printf("%d adds in one change: %.3f s\n", N, seconds() - start);
	hd_tables_usage(tables, &usage);
	printf("%" PRIu32 " rules, %" PRIu32 " masks: %" PRIu64 " bytes a rule\n", usage.rules, usage.tuples[0],
	       usage.bytes / usage.rules);
	start = seconds();
	for (uint32_t i = 0; i < SINGLE; i++) {
		struct hd_flow_mod mod = add(0, 7, match_prefix(0xc0000000 + i / 2, 32), NULL);

		if (i % 2 == 0)
			mod.spec.actions = make_output(2);
		else
			mod.command = HD_MOD_DELETE_STRICT;
		ck_assert_int_eq(hd_tables_apply(tables, &mod, 1, &result), 0);
	}
	printf("%d single changes: %.3f s\n", SINGLE, seconds() - start);
	start = seconds();
	for (uint32_t i = 0; i < N; i++) {
		struct hd_key key = packet(1, i << 4);

		key.tp_dst = (uint16_t)(i % MASKS);
		ck_assert_ptr_nonnull(rule_of(0, &key));
	}
	printf("%d look-ups: %.0f ns each\n", N, (seconds() - start) / N * 1e9);
	free(mods);
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("mods");

	tcase_add_test(cases, begins_plain);
	tcase_add_loop_test(cases, plain_is_one_normal_catch_all, 0, 6);
	tcase_add_test(cases, highest_priority_wins);
	tcase_add_loop_test(cases, mods_select, 0, RTE_DIM(selections));
	tcase_add_test(cases, counters_follow_the_rule);
	tcase_add_test(cases, slots_are_used_again_and_zeroed);
	tcase_add_test(cases, overlaps_are_refused);
	tcase_add_test(cases, a_bundle_sees_itself);
	tcase_add_test(cases, nothing_changed_is_no_version);
	tcase_add_test(cases, replace_touches_what_differs);
	tcase_add_test(cases, rules_expire);
	tcase_add_test(cases, speed);
	return run_cases("tables", cases);
}
