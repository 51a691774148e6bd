/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow tables under test: created empty for each case. */
#ifndef TEST_TABLES_WORLD_H
#define TEST_TABLES_WORLD_H

#include <check.h>

#include "eal.h"
#include "flow_make.h"

#define HZ UINT64_C(1000000000)

static struct rte_rcu_qsbr *rcu;
static struct hd_tables *tables;
static struct hd_mod_result result;

static inline void apply_one(struct hd_flow_mod mod, int expected)
{
	ck_assert_int_eq(hd_tables_apply(tables, &mod, 1, &result), expected);
	if (expected == 0 && mod.command == HD_MOD_ADD)
		ck_assert_ptr_null(mod.spec.actions);
	hd_actions_free(mod.spec.actions);
}

/* Empty, without the rule that tables begin with. */
static inline void setup(void)
{
	tables = hd_tables_create(rcu, 2, HZ);
	ck_assert_ptr_nonnull(tables);
	apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE, .any_table = true}, 0);
}

static inline void teardown(void)
{
	hd_tables_destroy(tables);
}

static inline struct hd_flow_mod add(uint8_t table, uint16_t priority, struct hd_match match,
				     struct hd_actions *actions)
{
	return (struct hd_flow_mod){.command = HD_MOD_ADD,
				    .spec = {.table = table, .priority = priority, .match = match, .actions = actions}};
}

/* The rule's output, 0 if there is no rule. */
static inline uint16_t look_up(uint8_t table, const struct hd_key *key)
{
	const struct hd_rule *rule = hd_tables_lookup(tables, hd_tables_version(tables), table, key);

	return rule != NULL ? rule->spec.actions->action[0].output.ofport : 0;
}

static inline const struct hd_rule *rule_of(uint8_t table, const struct hd_key *key)
{
	return hd_tables_lookup(tables, hd_tables_version(tables), table, key);
}

static inline struct hd_key packet(uint16_t in_port, uint32_t ipv4_dst)
{
	return (struct hd_key){
		.in_port = in_port, .eth_type = rte_cpu_to_be_16(0x0800), .ipv4_dst = rte_cpu_to_be_32(ipv4_dst)};
}

/* The cases have been added; runs them. For main. */
static inline int run_cases(const char *name, TCase *cases)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start();
	rcu = make_rcu(1);
	tcase_set_timeout(cases, 100);
	tcase_add_checked_fixture(cases, setup, teardown);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	free(rcu);
	return failed != 0;
}

#endif
