/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests tables of many tuples, and the filters of their masked words, against the naive twin: random rules come and go.
 */
#include "flow/tables_private.h"
#include "naive_tables.h"
#include "tables_world.h"

#define CHANGES 1200
#define PHASE 100 /* changes in which rules become more, then fewer; then with other masks */
#define ADDRESSES 5
#define STRANGERS 100 /* values that no rule has; an eighth squared of them, and some, may pass a filter */

static struct naive naive;
static struct random generator;
static uint64_t oldest; /* version that may still be looked up with */
static uint16_t number;
static uint32_t most_tuples, most_masked, n_found;

static inline uint32_t below(uint32_t limit)
{
	return random_below(&generator, limit);
}

static const struct hd_classifier_table *table_0(void)
{
	return &tables->classifier.table[0];
}

/* Few values, so that packets meet rules in spite of 1,089 pairs of prefixes. */
static struct hd_key random_key(void)
{
	return (struct hd_key){
		.in_port = (uint16_t)(1 + below(2)),
		.eth_type = rte_cpu_to_be_16(0x0800),
		.ip_proto = below(2) ? 6 : 17,
		.ipv4_src = rte_cpu_to_be_32(0x0a010000 + below(ADDRESSES) * 0x01010101),
		.ipv4_dst = rte_cpu_to_be_32(0x0a020000 + below(ADDRESSES) * 0x01010101),
		.tp_dst = rte_cpu_to_be_16((uint16_t)below(200)),
	};
}

enum masks { MANY, SOME, FEW, MASKS };

static uint32_t random_prefix(enum masks masks)
{
	static const uint32_t steps[MASKS] = {1, 8, 32};
	uint32_t bits = below(32 / steps[masks] + 1) * steps[masks];

	return bits == 0 ? 0 : rte_cpu_to_be_32(UINT32_MAX << (32 - bits));
}

/* Each has its own priority. */
static void random_spec(struct hd_rule_spec *spec, enum masks masks)
{
	struct hd_key key = random_key(), *mask = &spec->match.mask;

	if (below(100) > 0) {
		mask->eth_type = UINT16_MAX;
		mask->ipv4_src = random_prefix(masks);
		mask->ipv4_dst = random_prefix(masks);
	}
	if (mask->eth_type != 0 && masks != FEW) {
		mask->ip_proto = below(4) ? UINT8_MAX : 0;
		mask->in_port = below(4) ? 0 : UINT16_MAX;
		mask->tp_dst = below(2) ? UINT16_MAX : 0;
	}
	for (int i = 0; i < HD_KEY_WORDS; i++)
		spec->match.key.word[i] = key.word[i] & mask->word[i];
	spec->priority = (uint16_t)(++number * 40503U);
	spec->cookie = below(16);
}

static void add_some(struct hd_flow_mod *mod, enum masks masks, uint64_t version)
{
	*mod = (struct hd_flow_mod){.command = HD_MOD_ADD};
	random_spec(&mod->spec, masks);
	mod->spec.actions = naive_actions(0, DEED_OUTPUT, number);
	naive_put(&naive, &mod->spec, DEED_OUTPUT, number, version);
}

static void remove_some(struct hd_flow_mod *mod, uint64_t version)
{
	struct naive_rule *rule = &naive.rule[naive.first + below(naive.n - naive.first)];

	*mod = (struct hd_flow_mod){.command = HD_MOD_DELETE_STRICT};
	mod->spec.match = rule->match;
	mod->spec.priority = rule->priority;
	if (rule->removed == UINT64_MAX)
		rule->removed = version;
}

static void remove_many(struct hd_flow_mod *mod, uint64_t version)
{
	*mod = (struct hd_flow_mod){.command = HD_MOD_DELETE, .cookie_mask = 15};
	mod->spec.cookie = below(16);
	naive_loose(&naive, mod, DEED_OUTPUT, 0, version);
}

static void change(uint32_t i)
{
	struct hd_flow_mod mods[16];
	uint32_t n = 1 + below(RTE_DIM(mods));
	uint64_t version = hd_tables_version(tables) + 1;
	bool grow = i / PHASE % 2 == 0;

	for (uint32_t j = 0; j < n; j++)
		if (naive.n == naive.first || below(10) < (grow ? 9 : 2))
			add_some(&mods[j], i / PHASE / 2 % MASKS, version);
		else if (!grow && below(100) == 0)
			remove_many(&mods[j], version);
		else
			remove_some(&mods[j], version);
	ck_assert_int_eq(hd_tables_apply(tables, mods, n, &result), 0);
	ck_assert_uint_eq(hd_tables_count(tables), naive_count(&naive));
}

/* A bundle is refused: what it had added to filters on its way does no harm. */
static void refuse(void)
{
	struct hd_flow_mod mods[40];

	for (uint32_t i = 0; i < RTE_DIM(mods); i++) {
		mods[i] = (struct hd_flow_mod){.command = HD_MOD_ADD};
		random_spec(&mods[i].spec, MANY);
		mods[i].spec.actions = i < RTE_DIM(mods) - 1 ? make_output(1) : make_reference(HD_ACT_GROUP, 9);
	}
	ck_assert_int_eq(hd_tables_apply(tables, mods, RTE_DIM(mods), &result), -ENOENT);
	for (uint32_t i = 0; i < RTE_DIM(mods); i++)
		hd_actions_free(mods[i].spec.actions);
}

/* Of a packet that meets a rule that is there, or was, if no other takes it. */
static struct hd_key likely_key(void)
{
	const struct naive_rule *rule;
	struct hd_key key = random_key();

	if (naive.n == naive.first || below(4) == 0)
		return key;
	rule = &naive.rule[naive.first + below(naive.n - naive.first)];
	for (int i = 0; i < HD_KEY_WORDS; i++)
		key.word[i] = (key.word[i] & ~rule->match.mask.word[i]) | rule->match.key.word[i];
	return key;
}

static void compare(uint64_t version, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct hd_key key = likely_key();
		const struct naive_rule *expected = naive_lookup(&naive, version, 0, &key);
		const struct hd_rule *rule = hd_tables_lookup(tables, version, 0, &key);

		ck_assert_int_eq(rule == NULL, expected == NULL);
		if (rule == NULL)
			continue;
		ck_assert_uint_eq(rule->spec.priority, expected->priority);
		ck_assert_uint_eq(rule->spec.actions->action[2].output.ofport, expected->number);
		n_found++;
	}
}

/* Returns how many of STRANGERS random values it lets pass. */
static uint32_t check_filter(const struct hd_masked_word *masked)
{
	const struct hd_word_filter *filter = masked->filter;
	uint64_t n_words = UINT64_C(1) << (64 - filter->shift);
	uint32_t n_set = 0, n_passed = 0;

	for (uint64_t i = 0; i < n_words; i++)
		n_set += (uint32_t)__builtin_popcountll(atomic_load(&filter->word[i]));
	ck_assert_uint_eq(n_set, filter->n_set);
	ck_assert_uint_le(n_set, n_words * 64 / 8);
	ck_assert(n_words <= 8 || n_words <= masked->n_rules * 2);
	for (uint32_t i = 0; i < STRANGERS; i++) {
		uint64_t hash = random_next(&generator), pattern = hd_word_filter_pattern(hash);

		n_passed += (pattern & ~atomic_load(&filter->word[hash >> filter->shift])) == 0;
	}
	return n_passed;
}

static void check_filters(void)
{
	const struct hd_masked_word *masked;
	uint32_t n = 0, n_filters = 0, n_passed = 0;

	LIST_FOREACH(masked, &table_0()->masked, in_table)
	{
		n++;
		if (!table_0()->filtered || masked->n_rules == 0)
			continue;
		n_passed += check_filter(masked);
		n_filters++;
	}
	ck_assert_uint_le(n_passed, n_filters * STRANGERS / 20 + STRANGERS / 4);
	ck_assert_uint_eq(n, table_0()->n_masked);
	ck_assert_uint_le(n, HD_MASKED_WORDS_MAX);
	most_masked = RTE_MAX(most_masked, n);
	most_tuples = RTE_MAX(most_tuples, table_0()->n);
}

static void quiesce(uint64_t now)
{
	rte_rcu_qsbr_quiescent(rcu, 0);
	oldest = now;
	while (naive.first < naive.n && naive.rule[naive.first].removed < oldest)
		naive.first++;
}

static void start(const char *name)
{
	random_start(&generator, name);
	naive.n = naive.first = 0;
	number = 16;
	oldest = hd_tables_version(tables);
	most_tuples = most_masked = n_found = 0;
	ck_assert_int_eq(rte_rcu_qsbr_thread_register(rcu, 0), 0);
	rte_rcu_qsbr_thread_online(rcu, 0);
}

static void stop(void)
{
	rte_rcu_qsbr_thread_offline(rcu, 0);
	rte_rcu_qsbr_thread_unregister(rcu, 0);
}

/* This thread is a reader that may look up with any version since it was last quiescent. */
START_TEST(many_tuples_agree_with_naive_twin)
{
	start("many_tuples_agree_with_naive_twin");
	for (uint32_t i = 0; i < CHANGES; i++) {
		uint64_t now;

		change(i);
		if (below(20) == 0)
			refuse();
		now = hd_tables_version(tables);
		compare(now, 30);
		compare(oldest + below((uint32_t)(now - oldest + 1)), 30);
		if (below(4) == 0)
			quiesce(now);
		if (below(4) == 0) {
			hd_tables_reclaim(tables);
			check_filters();
		}
	}
	printf("%" PRIu32 " tuples, %" PRIu32 " masked words, %" PRIu32 " found\n", most_tuples, most_masked, n_found);
	ck_assert_uint_gt(most_tuples, 256);
	ck_assert_uint_eq(most_masked, HD_MASKED_WORDS_MAX);
	ck_assert_uint_gt(n_found, CHANGES);
	apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE}, 0);
	stop();
	for (int i = 0; i < 3; i++)
		hd_tables_reclaim(tables);
	ck_assert_uint_eq(table_0()->n_masked, 0);
	ck_assert(!table_0()->filtered);
}
END_TEST

static struct hd_match numbered(uint32_t i)
{
	struct hd_match match = match_prefix(i * 2654435761U, 32);

	match.mask.in_port = (uint16_t)(i % 8);
	match.key.in_port = match.mask.in_port;
	return match;
}

static void expect_rules(uint32_t n, uint32_t step)
{
	for (uint32_t i = 0; i < n; i++) {
		struct hd_key key = numbered(i).key;
		const struct hd_rule *rule = rule_of(0, &key);

		ck_assert_int_eq(rule != NULL, i % step == 0);
		if (rule != NULL)
			ck_assert_uint_eq(rule->spec.actions->action[0].output.ofport, (uint16_t)i);
	}
}

/* With many rules in 8 tuples, added at once and one by one. */
START_TEST(filters_grow_and_shrink)
{
	enum { N = 30000, LEFT = 101 };
	struct hd_flow_mod *mods = calloc(N, sizeof(*mods));
	struct hd_tables_usage full, few;

	random_start(&generator, "filters_grow_and_shrink");
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < N; i++) {
			mods[i] = add(0, 5, numbered(i), make_output((uint16_t)i));
			mods[i].spec.cookie = i % LEFT == 0;
			if (round == 1)
				apply_one(mods[i], 0);
		}
		if (round == 0)
			ck_assert_int_eq(hd_tables_apply(tables, mods, N, &result), 0);
		expect_rules(N, 1);
		hd_tables_reclaim(tables);
		check_filters();
		hd_tables_usage(tables, &full);
		ck_assert_uint_eq(full.tuples[0], 8);
		apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE, .cookie_mask = 1}, 0);
		for (int i = 0; i < 3; i++)
			hd_tables_reclaim(tables);
		expect_rules(N, LEFT);
		check_filters();
		hd_tables_usage(tables, &few);
		ck_assert_uint_lt(few.bytes, full.bytes / 4);
		apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE}, 0);
		for (int i = 0; i < 3; i++)
			hd_tables_reclaim(tables);
		ck_assert_uint_eq(table_0()->n_masked, 0);
	}
	free(mods);
}
END_TEST

static const struct hd_word_filter *whole_filter(void)
{
	const struct hd_masked_word *masked;

	LIST_FOREACH(masked, &table_0()->masked, in_table)
	if (masked->word == HD_WHOLE_KEY)
		return masked->filter;
	return NULL;
}

/* Filters are replaced while a reader may look up with a version whose rules were removed since. */
START_TEST(new_filters_have_rules_of_former_versions)
{
	enum { N = 1000, MORE = 20000 };
	struct hd_flow_mod *mods = calloc(MORE, sizeof(*mods));
	const struct hd_word_filter *before;
	uint64_t version;

	start("new_filters_have_rules_of_former_versions");
	for (uint32_t i = 0; i < N; i++) {
		mods[i] = add(0, 5, numbered(i), make_output((uint16_t)i));
		mods[i].spec.cookie = i % 2;
	}
	ck_assert_int_eq(hd_tables_apply(tables, mods, N, &result), 0);
	before = whole_filter();
	version = hd_tables_version(tables);
	quiesce(version);
	apply_one((struct hd_flow_mod){.command = HD_MOD_DELETE, .spec.cookie = 1, .cookie_mask = 1}, 0);
	for (uint32_t i = 0; i < MORE; i++)
		mods[i] = add(0, 5, numbered(N + i), make_output(1));
	ck_assert_int_eq(hd_tables_apply(tables, mods, MORE, &result), 0);
	hd_tables_reclaim(tables);
	ck_assert_ptr_ne(whole_filter(), before);
	for (uint32_t i = 0; i < N; i++) {
		struct hd_key key = numbered(i).key;

		ck_assert_ptr_nonnull(hd_tables_lookup(tables, version, 0, &key));
		ck_assert_int_eq(rule_of(0, &key) != NULL, i % 2 == 0);
	}
	stop();
	free(mods);
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("filters");

	tcase_add_test(cases, many_tuples_agree_with_naive_twin);
	tcase_add_test(cases, filters_grow_and_shrink);
	tcase_add_test(cases, new_filters_have_rules_of_former_versions);
	return run_cases("masked_word", cases);
}
