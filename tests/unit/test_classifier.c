/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests flow tables' look-ups and change log against the naive twin: random changes, every version that may be asked.
 */
#include <check.h>

#include "eal.h"
#include "naive_tables.h"

#define CHANGES 1500
#define VERSIONS 160 /* that fates are remembered of */
#define KEYS 40      /* packets whose fates are followed */

struct world {
	struct rte_rcu_qsbr *rcu;
	struct hd_tables *tables;
	struct naive naive;
	struct random random;
	uint16_t number;             /* of the latest rule */
	uint64_t oldest;             /* version that may still be looked up with */
	uint64_t base;               /* version before the first change */
	uint32_t unchanged, changed; /* fates of which the log said so */
	struct hd_key key[KEYS];
	uint64_t fate[VERSIONS][KEYS];
	uint64_t serial[VERSIONS]; /* of the shape */
};

static struct world *create_world(const char *name)
{
	struct world *world = calloc(1, sizeof(*world));
	struct hd_flow_mod mod = {.command = HD_MOD_DELETE};
	struct hd_mod_result result;

	random_start(&world->random, name);
	world->rcu = make_rcu(1);
	world->tables = hd_tables_create(world->rcu, 2, 1000000000);
	ck_assert_ptr_nonnull(world->tables);
	ck_assert_int_eq(hd_tables_apply(world->tables, &mod, 1, &result), 0);
	ck_assert_uint_eq(result.removed, 1);
	world->base = world->oldest = hd_tables_version(world->tables);
	world->number = 16;
	for (int i = 0; i < KEYS; i++)
		world->key[i] = naive_key(&world->random);
	return world;
}

static void destroy_world(struct world *world)
{
	hd_tables_destroy(world->tables);
	free(world->rcu);
	free(world);
}

static enum naive_deed random_deed(struct world *world, uint8_t table)
{
	uint32_t dice = random_below(&world->random, 1000);

	if (table + 1 == NAIVE_TABLES || dice < 300)
		return dice == 0 ? DEED_AGAIN : DEED_OUTPUT;
	return DEED_SET_AND_ON + (dice - 300) % 4;
}

/* What may follow `mod` in a bundle sees it. */
static void random_mod(struct world *world, struct hd_flow_mod *mod, uint64_t version)
{
	struct random *random = &world->random;
	uint32_t dice = random_below(random, 100);
	uint16_t number = ++world->number;
	enum naive_deed deed;

	*mod = (struct hd_flow_mod){.command = HD_MOD_ADD};
	mod->spec.table = (uint8_t)random_below(random, NAIVE_TABLES);
	mod->spec.cookie = random_below(random, 4);
	naive_match(random, &mod->spec);
	deed = random_deed(world, mod->spec.table);
	if (dice < 60) {
		mod->spec.actions = naive_actions(mod->spec.table, deed, number);
		naive_put(&world->naive, &mod->spec, deed, number, version);
		return;
	}
	if (dice < 90) {
		struct naive_rule *rule;

		mod->command = dice < 75 ? HD_MOD_DELETE_STRICT : HD_MOD_MODIFY_STRICT;
		/* Mostly of one that is there. */
		if (world->naive.n > world->naive.first && random_below(random, 4)) {
			rule = &world->naive.rule[world->naive.first +
						  random_below(random, world->naive.n - world->naive.first)];
			mod->spec.match = rule->match;
			mod->spec.priority = rule->priority;
			mod->spec.table = rule->table;
			deed = random_deed(world, rule->table);
		}
		mod->spec.cookie = 0;
		rule = naive_find(&world->naive, &mod->spec);
		if (mod->command == HD_MOD_DELETE_STRICT) {
			if (rule != NULL)
				rule->removed = version;
			return;
		}
		mod->spec.actions = naive_actions(mod->spec.table, deed, number);
		if (rule != NULL) {
			mod->spec.cookie = rule->cookie;
			naive_put(&world->naive, &mod->spec, deed, number, version);
			mod->spec.cookie = 0;
		}
		return;
	}
	/* Loose ones with at least two fields most of the time, or there would be no rules. */
	mod->command = dice < 96 ? HD_MOD_DELETE : HD_MOD_MODIFY;
	mod->cookie_mask = random_below(random, 2) ? 3 : 0;
	if (mod->cookie_mask == 0)
		mod->spec.cookie = 0;
	mod->any_table = mod->command == HD_MOD_DELETE && random_below(random, 2);
	if (mod->command == HD_MOD_DELETE && random_below(random, 3) == 0)
		mod->out_port = (uint16_t)(number - random_below(random, 40));
	else if (random_below(random, 20) && mod->spec.match.mask.tp_dst == 0)
		mod->spec.match.mask.tp_dst = mod->spec.match.key.tp_dst = UINT16_MAX; /* nothing has it */
	if (mod->command == HD_MOD_MODIFY)
		mod->spec.actions = naive_actions(mod->spec.table, deed, number);
	naive_loose(&world->naive, mod, deed, number, version);
}

static void change(struct world *world)
{
	struct hd_flow_mod mods[8];
	struct hd_mod_result result;
	uint32_t n = 1 + random_below(&world->random, random_below(&world->random, 10) ? 3 : RTE_DIM(mods));
	uint64_t version = hd_tables_version(world->tables) + 1;

	for (uint32_t i = 0; i < n; i++)
		random_mod(world, &mods[i], version);
	ck_assert_int_eq(hd_tables_apply(world->tables, mods, n, &result), 0);
	for (uint32_t i = 0; i < n; i++)
		hd_actions_free(mods[i].spec.actions);
	ck_assert_uint_eq(hd_tables_count(world->tables), naive_count(&world->naive));
}

static void compare_lookups(struct world *world, uint64_t version, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct hd_key key = naive_key(&world->random);
		uint8_t table = (uint8_t)random_below(&world->random, NAIVE_TABLES);
		const struct naive_rule *expected;
		const struct hd_rule *rule;

		key.reg[0] = random_below(&world->random, 2);
		expected = naive_lookup(&world->naive, version, table, &key);
		rule = hd_tables_lookup(world->tables, version, table, &key);
		ck_assert_int_eq(rule == NULL, expected == NULL);
		if (rule == NULL)
			continue;
		ck_assert_uint_eq(rule->spec.actions->action[2].output.ofport, expected->number);
		ck_assert_uint_eq(rule->spec.priority, expected->priority);
		ck_assert_uint_eq(rule->spec.cookie, expected->cookie);
	}
}

/* What the log says of each followed packet, from every version it may remember. */
static void compare_fates(struct world *world)
{
	uint64_t now = hd_tables_version(world->tables),
		 first = now > VERSIONS + world->base ? now - VERSIONS + 1 : world->base + 1;
	const struct hd_shape *shape = hd_tables_shape(world->tables);

	world->serial[now % VERSIONS] = shape->serial;
	for (int i = 0; i < KEYS; i++)
		world->fate[now % VERSIONS][i] = naive_fate(&world->naive, now, 0, world->key[i], 0);
	for (uint64_t since = first; since <= now; since += 1 + random_below(&world->random, 8)) {
		if (world->serial[since % VERSIONS] != shape->serial)
			continue;
		for (int i = 0; i < KEYS; i++) {
			struct hd_key masked = world->key[i];

			for (int j = 0; j < HD_KEY_WORDS; j++)
				masked.word[j] &= shape->mask.word[j];
			if (hd_tables_untouched(world->tables, since, now, &masked)) {
				ck_assert_uint_le(now - since, HD_CHANGES);
				ck_assert_uint_eq(world->fate[since % VERSIONS][i], world->fate[now % VERSIONS][i]);
				world->unchanged += since != now;
			} else {
				ck_assert_uint_ne(since, now);
				world->changed++;
			}
		}
	}
}

/* All masks, and so the shape, are there from the beginning, or there would be little for the log to say. */
static void add_all_masks(struct world *world)
{
	struct hd_flow_mod mod = {.command = HD_MOD_ADD};
	struct hd_mod_result result;
	uint64_t version = hd_tables_version(world->tables) + 1;

	mod.spec.table = NAIVE_TABLES - 1;
	mod.spec.match.mask.in_port = mod.spec.match.mask.tp_dst = UINT16_MAX;
	mod.spec.match.mask.ipv4_dst = mod.spec.match.mask.reg[0] = UINT32_MAX;
	mod.spec.match.mask.eth_dst[5] = UINT8_MAX;
	mod.spec.match.key.tp_dst = UINT16_MAX;
	mod.spec.match.key.in_port = 99; /* no packet has it, and no mod covers it */
	mod.spec.actions = naive_actions(NAIVE_TABLES - 1, DEED_OUTPUT, 1);
	naive_put(&world->naive, &mod.spec, DEED_OUTPUT, 1, version);
	ck_assert_int_eq(hd_tables_apply(world->tables, &mod, 1, &result), 0);
}

/* Rules of versions before `oldest` can be left out of the twin. */
static void forget(struct world *world)
{
	while (world->naive.first < world->naive.n && world->naive.rule[world->naive.first].removed < world->oldest)
		world->naive.first++;
}

START_TEST(agrees_with_naive_twin)
{
	struct world *world = create_world("agrees_with_naive_twin");

	ck_assert_int_eq(rte_rcu_qsbr_thread_register(world->rcu, 0), 0);
	rte_rcu_qsbr_thread_online(world->rcu, 0);
	add_all_masks(world);
	for (int i = 0; i < CHANGES; i++) {
		uint64_t now;

		change(world);
		now = hd_tables_version(world->tables);
		compare_lookups(world, now, 60);
		/* This thread is a reader that may look up with any version since it was last quiescent. */
		compare_lookups(world, now - 1 >= world->oldest ? now - 1 : now, 30);
		compare_lookups(world,
				world->oldest + random_below(&world->random, (uint32_t)(now - world->oldest + 1)), 30);
		compare_fates(world);
		if (random_below(&world->random, 4) == 0) {
			rte_rcu_qsbr_quiescent(world->rcu, 0);
			world->oldest = now;
			forget(world);
		}
		if (random_below(&world->random, 4) == 0)
			hd_tables_reclaim(world->tables);
	}
	printf("%" PRIu32 " rules; the log: %" PRIu32 " untouched, %" PRIu32 " not\n", hd_tables_count(world->tables),
	       world->unchanged, world->changed);
	ck_assert_uint_gt(world->unchanged, CHANGES);
	ck_assert_uint_gt(world->changed, CHANGES);
	rte_rcu_qsbr_thread_offline(world->rcu, 0);
	rte_rcu_qsbr_thread_unregister(world->rcu, 0);
	destroy_world(world);
}
END_TEST

/* A refused bundle leaves nothing behind, wherever in it the refusal comes. */
START_TEST(refused_changes_leave_nothing)
{
	struct world *world = create_world("refused_changes_leave_nothing");

	add_all_masks(world);
	for (int i = 0; i < CHANGES; i++) {
		struct hd_flow_mod mods[8];
		struct hd_mod_result result;
		uint32_t n = 1 + random_below(&world->random, RTE_DIM(mods)), bad = random_below(&world->random, n);
		uint32_t before = world->naive.n;
		struct naive_rule *kept;
		uint64_t version = hd_tables_version(world->tables);

		if (i % 3 == 0) {
			change(world);
			continue;
		}
		kept = malloc(sizeof(*kept) * (before + 1));
		memcpy(kept, world->naive.rule, sizeof(*kept) * before);
		for (uint32_t j = 0; j < n; j++)
			random_mod(world, &mods[j], version + 1);
		memcpy(world->naive.rule, kept, sizeof(*kept) * before);
		world->naive.n = before;
		free(kept);
		hd_actions_free(mods[bad].spec.actions);
		mods[bad].command = HD_MOD_ADD;
		mods[bad].spec.actions = make_reference(HD_ACT_GROUP, 99);
		ck_assert_int_eq(hd_tables_apply(world->tables, mods, n, &result), -ENOENT);
		ck_assert_uint_eq(result.failed, bad);
		ck_assert_uint_eq(result.added + result.modified + result.removed, 0);
		for (uint32_t j = 0; j < n; j++) {
			ck_assert(mods[j].spec.actions != NULL || mods[j].command == HD_MOD_DELETE ||
				  mods[j].command == HD_MOD_DELETE_STRICT);
			hd_actions_free(mods[j].spec.actions);
		}
		ck_assert_uint_eq(hd_tables_version(world->tables), version);
		ck_assert_uint_eq(hd_tables_count(world->tables), naive_count(&world->naive));
		compare_lookups(world, version, 60);
		compare_fates(world);
	}
	destroy_world(world);
}
END_TEST

/* A table with very many rules of one mask, so that hashes grow, empty, and shrink. */
START_TEST(hashes_grow_and_shrink)
{
	enum { N = 30000 };
	struct world *world = create_world("hashes_grow_and_shrink");
	struct hd_flow_mod *mods = calloc(N, sizeof(*mods));
	struct hd_tables_usage full, empty;
	struct hd_mod_result result;

	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < N; i++) {
			mods[i] = (struct hd_flow_mod){.command = HD_MOD_ADD};
			mods[i].spec.match = match_prefix(i * 2654435761U, 32);
			mods[i].spec.actions = make_output((uint16_t)i);
		}
		ck_assert_int_eq(hd_tables_apply(world->tables, mods, N, &result), 0);
		hd_tables_usage(world->tables, &full);
		ck_assert_uint_eq(full.rules, N);
		ck_assert_uint_eq(full.tuples[0], 1);
		for (uint32_t i = 0; i < N; i++) {
			struct hd_key key = {.eth_type = rte_cpu_to_be_16(0x0800),
					     .ipv4_dst = rte_cpu_to_be_32(i * 2654435761U)};
			const struct hd_rule *rule =
				hd_tables_lookup(world->tables, hd_tables_version(world->tables), 0, &key);

			ck_assert_ptr_nonnull(rule);
			ck_assert_uint_eq(rule->spec.actions->action[0].output.ofport, (uint16_t)i);
		}
		mods[0] = (struct hd_flow_mod){.command = HD_MOD_DELETE, .any_table = true};
		ck_assert_int_eq(hd_tables_apply(world->tables, mods, 1, &result), 0);
		ck_assert_uint_eq(result.removed, N);
		hd_tables_reclaim(world->tables);
		hd_tables_reclaim(world->tables);
		hd_tables_usage(world->tables, &empty);
		ck_assert_uint_eq(empty.tuples[0], 0);
		ck_assert_uint_lt(empty.bytes, full.bytes / 4);
	}
	free(mods);
	destroy_world(world);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("classifier");
	TCase *cases = tcase_create("twin");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start();
	tcase_set_timeout(cases, 100);
	tcase_add_test(cases, agrees_with_naive_twin);
	tcase_add_test(cases, refused_changes_leave_nothing);
	tcase_add_test(cases, hashes_grow_and_shrink);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
