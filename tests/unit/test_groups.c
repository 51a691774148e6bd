/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests groups and meters of a bridge: what may refer to what, and what goes with them. */
#include <check.h>
#include <errno.h>

#include "tables_world.h"

START_TEST(groups)
{
	struct hd_group *group = make_group(HD_GROUP_ALL, 7, make_output(1));
	struct hd_key key = packet(1, 0);
	uint64_t version;
	uint32_t cursor = 0;

	apply_one(add(0, 1, MATCH(in_port, 1), make_reference(HD_ACT_GROUP, 7)), -ENOENT);
	ck_assert_int_eq(hd_tables_group_add(tables, group, &result), 0);
	ck_assert_ptr_eq(hd_tables_group(tables, 7), group);
	ck_assert_ptr_null(hd_tables_group(tables, 8));
	ck_assert_int_eq(hd_tables_group_add(tables, group, &result), -EEXIST);
	apply_one(add(0, 1, MATCH(in_port, 1), make_reference(HD_ACT_GROUP, 7)), 0);
	apply_one(add(0, 1, MATCH(in_port, 2), make_output(2)), 0);

	/* A change of a group makes everything doubtful. */
	version = hd_tables_version(tables);
	ck_assert(hd_tables_untouched(tables, version, version, &key));
	group = make_group(HD_GROUP_ALL, 7, make_output(2));
	ck_assert_int_eq(hd_tables_group_mod(tables, group, &result), 0);
	ck_assert_ptr_eq(hd_tables_group(tables, 7), group);
	ck_assert(!hd_tables_untouched(tables, version, version + 1, &key));
	group = make_group(HD_GROUP_ALL, 3, make_reference(HD_ACT_GROUP, 7));
	ck_assert_int_eq(hd_tables_group_mod(tables, group, &result), -ENOENT);
	ck_assert_int_eq(hd_tables_group_add(tables, group, &result), 0);

	ck_assert_uint_eq(hd_tables_group_next(tables, &cursor)->id, 3);
	ck_assert_uint_eq(hd_tables_group_next(tables, &cursor)->id, 7);
	ck_assert_ptr_null(hd_tables_group_next(tables, &cursor));

	ck_assert_int_eq(hd_tables_group_del(tables, 7, &result), -EBUSY);
	ck_assert_int_eq(hd_tables_group_del(tables, 3, &result), 0);
	ck_assert_int_eq(hd_tables_group_del(tables, 3, &result), -ENOENT);
	ck_assert_int_eq(hd_tables_group_del(tables, 7, &result), 0);
	ck_assert_uint_eq(result.removed, 1);
	ck_assert_uint_eq(hd_tables_count(tables), 1);
	ck_assert_int_eq(hd_tables_group_del(tables, UINT32_MAX, &result), 0);
}
END_TEST

START_TEST(group_circles_are_refused)
{
	struct hd_group *group = make_group(HD_GROUP_ALL, 1, make_reference(HD_ACT_GROUP, 1));

	ck_assert_int_eq(hd_tables_group_add(tables, group, &result), -ELOOP);
	hd_group_free(group);
	group = make_group(HD_GROUP_ALL, 2, make_reference(HD_ACT_GROUP, 1));
	ck_assert_int_eq(hd_tables_group_add(tables, group, &result), -ENOENT);
	hd_group_free(group);
	ck_assert_int_eq(hd_tables_group_add(tables, make_group(HD_GROUP_ALL, 1, make_output(1)), &result), 0);
	for (uint32_t i = 2; i < 10; i++) {
		group = make_group(HD_GROUP_ALL, i, make_reference(HD_ACT_GROUP, i - 1));
		ck_assert_int_eq(hd_tables_group_add(tables, group, &result), 0);
	}
	group = make_group(HD_GROUP_ALL, 1, make_reference(HD_ACT_GROUP, 9));
	ck_assert_int_eq(hd_tables_group_mod(tables, group, &result), -ELOOP);
	hd_group_free(group);
	group = make_group(HD_GROUP_FF, 1, make_output(1)); /* by way of what it watches */
	group->bucket[0].watch_group = 5;
	ck_assert_int_eq(hd_tables_group_mod(tables, group, &result), -ELOOP);
	hd_group_free(group);
	group = make_group(HD_GROUP_ALL, 9, make_reference(HD_ACT_GROUP, 1));
	ck_assert_int_eq(hd_tables_group_mod(tables, group, &result), 0);
}
END_TEST

START_TEST(meters)
{
	struct hd_meter_conf conf = {.id = 4, .packets = true, .rate = 1000, .burst = 100};
	struct hd_meter_stats stats;
	uint32_t cursor = 0;

	apply_one(add(0, 1, MATCH(in_port, 1), make_reference(HD_ACT_METER, 4)), -ENOENT);
	ck_assert_int_eq(hd_tables_meter_set(tables, &conf, true), -ENOENT);
	ck_assert_int_eq(hd_tables_meter_set(tables, &conf, false), 0);
	ck_assert_int_eq(hd_tables_meter_set(tables, &conf, false), -EEXIST);
	hd_meter_admit(hd_tables_meter(tables, 4), 1, 60, 1);
	conf.rate = 2000;
	ck_assert_int_eq(hd_tables_meter_set(tables, &conf, true), 0);
	ck_assert_uint_eq(hd_meter_conf(hd_tables_meter(tables, 4))->rate, 2000);
	hd_meter_stats(hd_tables_meter(tables, 4), &stats);
	ck_assert_uint_eq(stats.packets, 1);
	conf.rate = 0;
	ck_assert_int_eq(hd_tables_meter_set(tables, &conf, true), -EINVAL);
	ck_assert_ptr_eq(hd_tables_meter_next(tables, &cursor), hd_tables_meter(tables, 4));
	ck_assert_ptr_null(hd_tables_meter_next(tables, &cursor));
	apply_one(add(0, 1, MATCH(in_port, 1), make_reference(HD_ACT_METER, 4)), 0);
	ck_assert_int_eq(hd_tables_meter_del(tables, 5, &result), -ENOENT);
	ck_assert_int_eq(hd_tables_meter_del(tables, 4, &result), 0);
	ck_assert_uint_eq(result.removed, 1);
	ck_assert_int_eq(hd_tables_meter_del(tables, 0, &result), 0);
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("groups");

	tcase_add_test(cases, groups);
	tcase_add_test(cases, group_circles_are_refused);
	tcase_add_test(cases, meters);
	return run_cases("groups", cases);
}
