/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests what PMDs are told of changes: the shape, and which packets a version may concern. */
#include <check.h>

#include <rte_cycles.h>

#include "tables_world.h"

static struct hd_actions *make_move(void)
{
	return make_actions(
		1, &(struct hd_action){.type = HD_ACT_MOVE,
				       .move = {.src = {HD_FIELD_IPV4_SRC, 0, 8}, .dst = {HD_FIELD_REG0, 0, 8}}});
}

START_TEST(shape_grows_at_once_and_shrinks_later)
{
	uint64_t serial = hd_tables_shape(tables)->serial, now = rte_rdtsc();
	const struct hd_shape *shape;

	apply_one(add(0, 1, MATCH(tp_dst, 80), make_move()), 0);
	shape = hd_tables_shape(tables);
	ck_assert_uint_ne(shape->serial, serial);
	ck_assert_uint_eq(shape->mask.tp_dst, UINT16_MAX);
	ck_assert_uint_eq(rte_be_to_cpu_32(shape->mask.ipv4_src), 0xff);
	ck_assert_uint_eq(shape->mask.ipv4_dst, 0);
	ck_assert(!shape->tracks);
	serial = shape->serial;
	apply_one(add(0, 1, MATCH(tp_dst, 81), make_output(1)), 0); /* nothing new */
	ck_assert_uint_eq(hd_tables_shape(tables)->serial, serial);
	apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE}, 0);
	hd_tables_expire(tables, now, NULL, NULL);
	hd_tables_reclaim(tables);
	hd_tables_expire(tables, now + 1 * HZ, NULL, NULL);
	ck_assert_uint_eq(hd_tables_shape(tables)->serial, serial);
	hd_tables_expire(tables, now + 7 * HZ, NULL, NULL);
	shape = hd_tables_shape(tables);
	ck_assert_uint_ne(shape->serial, serial);
	ck_assert_uint_eq(shape->mask.tp_dst, 0);
	ck_assert_uint_eq(shape->mask.ipv4_src, 0);
	ck_assert_uint_eq(shape->mask.in_port, UINT16_MAX);
}
END_TEST

START_TEST(tracking_and_groups_shape)
{
	struct hd_ct_action *ct = calloc(1, sizeof(*ct));
	const struct hd_shape *shape;

	ck_assert_int_eq(hd_tables_group_add(tables, make_group(HD_GROUP_ALL, 1, make_output(1)), &result), 0);
	ck_assert_uint_eq(hd_tables_shape(tables)->mask.eth_src[0], 0);
	ck_assert_int_eq(hd_tables_group_add(tables, make_group(HD_GROUP_SELECT, 2, make_output(1)), &result), 0);
	shape = hd_tables_shape(tables);
	ck_assert_uint_eq(shape->mask.eth_src[0], UINT8_MAX);
	ck_assert_uint_eq(shape->mask.ipv6_dst[15], UINT8_MAX);
	ck_assert(!shape->tracks);
	apply_one(add(0, 1, MATCH(in_port, 1), make_actions(1, &(struct hd_action){.type = HD_ACT_CT, .ct = ct})), 0);
	ck_assert(hd_tables_shape(tables)->tracks);
	apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE}, 0);
	ck_assert_int_eq(hd_tables_group_del(tables, UINT32_MAX, &result), 0);
	hd_tables_reclaim(tables);
	hd_tables_expire(tables, HZ, NULL, NULL);
	hd_tables_expire(tables, 10 * HZ, NULL, NULL);
	shape = hd_tables_shape(tables);
	ck_assert(!shape->tracks);
	ck_assert_uint_eq(shape->mask.eth_src[0], 0);
	ck_assert_uint_eq(shape->mask.tp_dst, 0);
}
END_TEST

/* What brings the inner tag to light lets later tables look at it. */
START_TEST(tags_shape)
{
	const struct hd_action action[] = {
		{.type = HD_ACT_SET, .set = {.field = HD_FIELD_IP_TOS, .mask = 0xff}},
		{.type = HD_ACT_SET, .set = {.field = HD_FIELD_VLAN_TCI, .mask = HD_KEY_VLAN_PRESENT}},
		{.type = HD_ACT_PUSH_VLAN},
		{.type = HD_ACT_POP_VLAN},
	};

	apply_one(add(0, 1, MATCH(in_port, 1), make_actions(1, &action[_i])), 0);
	ck_assert_uint_eq(hd_tables_shape(tables)->mask.vlan_tci2, _i > 0 ? UINT16_MAX : 0);
	ck_assert_uint_eq(hd_tables_shape(tables)->mask.ip_tos, 0);
}
END_TEST

static bool untouched_by(struct hd_flow_mod mod, const struct hd_key *key)
{
	uint64_t version = hd_tables_version(tables);

	apply_one(mod, 0);
	ck_assert_uint_eq(hd_tables_version(tables), version + 1);
	return hd_tables_untouched(tables, version, version + 1, key);
}

static struct hd_actions *make_resubmit(uint16_t ofport, uint8_t table)
{
	return make_actions(
		1, &(struct hd_action){.type = HD_ACT_RESUBMIT, .resubmit = {.ofport = ofport, .table = table}});
}

START_TEST(log_names_what_changed)
{
	struct hd_key one = packet(1, 0x0a000001), two = packet(2, 0x0a000002);

	ck_assert(untouched_by(add(0, 1, MATCH(in_port, 1), make_output(1)), &two));
	ck_assert(!untouched_by(add(0, 2, MATCH(in_port, 1), make_output(1)), &one));
	ck_assert(untouched_by(add(3, 1, match_prefix(0x0a000002, 32), make_output(1)), &one));
	ck_assert(!untouched_by(add(3, 2, match_prefix(0x0a000000, 24), make_output(1)), &one));
	ck_assert(untouched_by((struct hd_flow_mod){.command = HD_MOD_DELETE, .spec.match = MATCH(in_port, 1)}, &two));
	/* What packets do not have when they come in says nothing. */
	ck_assert(!untouched_by(add(0, 1, MATCH(reg[3], 1), make_output(1)), &one));
}
END_TEST

START_TEST(log_leaves_out_what_is_rewritten)
{
	struct hd_key one = packet(1, 0x0a000001);
	struct hd_action set = {.type = HD_ACT_SET,
				.set = {.field = HD_FIELD_IPV4_DST, .value = 1, .mask = UINT32_MAX}};

	/* The first rule that rewrites makes everything doubtful. */
	ck_assert(!untouched_by(add(5, 1, MATCH(in_port, 9), make_actions(1, &set)), &one));
	ck_assert(!untouched_by(add(1, 1, match_prefix(0x0b000000, 8), make_output(1)), &one));
	/* Not in table 0: nothing comes back to it, until something does. */
	ck_assert(untouched_by(add(0, 1, match_prefix(0x0b000000, 8), make_output(1)), &one));
	ck_assert(!untouched_by(add(1, 1, MATCH(in_port, 9), make_resubmit(HD_OFPORT_NONE, 0)), &one));
	ck_assert(!untouched_by(add(0, 2, match_prefix(0x0b000000, 8), make_output(1)), &one));
	ck_assert(untouched_by(add(0, 3, MATCH(in_port, 9), make_output(1)), &one));
	ck_assert(!untouched_by(add(1, 2, MATCH(in_port, 9), make_resubmit(4, 0)), &one));
	ck_assert(!untouched_by(add(0, 4, MATCH(in_port, 9), make_output(1)), &one));
	/* All that rewrote is gone: one version later the log is precise again. */
	untouched_by((struct hd_flow_mod){.command = HD_MOD_DELETE, .any_table = true}, &one);
	ck_assert(untouched_by(add(1, 1, match_prefix(0x0b000000, 8), make_output(1)), &one));
}
END_TEST

START_TEST(log_is_exact_up_to_some_matches)
{
	struct hd_flow_mod mods[18];
	struct hd_key one = packet(1, 0x0a000001);

	for (uint32_t n = 15; n <= 18; n++) {
		uint64_t version = hd_tables_version(tables);

		for (uint32_t i = 0; i < n; i++)
			mods[i] = add(0, 1, MATCH(in_port, (uint16_t)(100 + i)), make_output((uint16_t)n));
		ck_assert_int_eq(hd_tables_apply(tables, mods, n, &result), 0);
		ck_assert_int_eq(hd_tables_untouched(tables, version, version + 1, &one), n <= 16);
	}
}
END_TEST

START_TEST(log_reaches_back_a_while)
{
	struct hd_key one = packet(1, 0);
	uint64_t now;

	for (uint16_t i = 0; i < 3 * HD_CHANGES; i++)
		apply_one(add(0, i, MATCH(in_port, 2), make_output(1)), 0);
	now = hd_tables_version(tables);
	ck_assert(hd_tables_untouched(tables, now - HD_CHANGES, now, &one));
	ck_assert(!hd_tables_untouched(tables, now - HD_CHANGES - 1, now, &one));
	/* A PMD that has not seen the newest version yet: what it would need is overwritten already. */
	ck_assert(!hd_tables_untouched(tables, now - 1 - HD_CHANGES, now - 1, &one));
	ck_assert(hd_tables_untouched(tables, now - HD_CHANGES, now - 1, &one));
	ck_assert(!hd_tables_untouched(tables, now + 1, now, &one));
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("log");

	tcase_add_test(cases, shape_grows_at_once_and_shrinks_later);
	tcase_add_test(cases, tracking_and_groups_shape);
	tcase_add_loop_test(cases, tags_shape, 0, 4);
	tcase_add_test(cases, log_names_what_changed);
	tcase_add_test(cases, log_leaves_out_what_is_rewritten);
	tcase_add_test(cases, log_is_exact_up_to_some_matches);
	tcase_add_test(cases, log_reaches_back_a_while);
	return run_cases("change_log", cases);
}
