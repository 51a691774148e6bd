/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One writer and two readers on flow tables. Every change gives all rules of table 0 a new output, the same for all,
 * and now and then adds and removes others beside and above them; a reader must find, with the one version that it
 * loaded, the same output wherever it looks, and never a hole. Rules, groups, meters and shapes are freed all the time.
 */
#include <check.h>
#include <time.h>

#include "eal.h"
#include "flow/counted_mask.h"
#include "flow_make.h"
#include "random.h"

#define READERS 2
#define RULES 24
#define OTHERS 300
#define SECONDS 3
#define BURST 16

struct stress {
	struct rte_rcu_qsbr *rcu;
	struct hd_tables *tables;
	_Atomic bool stop;
};

struct reader {
	struct stress *stress;
	struct random random;
	unsigned int id;
	pthread_t thread;
	uint64_t bursts, changes, wrong, groups, untouched;
	uint64_t last; /* version */
};

/* In a bundle: all or nothing. */
static uint32_t add_rules(struct hd_flow_mod *mods, uint16_t output)
{
	for (uint16_t i = 0; i < RULES; i++) {
		mods[i] = (struct hd_flow_mod){.command = HD_MOD_ADD};
		mods[i].spec.priority = 10;
		mods[i].spec.match = i % 2 ? MATCH(in_port, i) : match_prefix((uint32_t)i << 8, 24);
		mods[i].spec.actions = make_output(output);
	}
	return RULES;
}

static const struct hd_rule *find(const struct reader *reader, uint64_t version, uint16_t number)
{
	struct hd_key key = {.eth_type = rte_cpu_to_be_16(0x0800), .in_port = number};

	if (number % 2 == 0) {
		key.in_port = RULES;
		key.ipv4_dst = rte_cpu_to_be_32((uint32_t)number << 8 | (uint32_t)reader->bursts % 256);
	}
	return hd_tables_lookup(reader->stress->tables, version, 0, &key);
}

static void read_burst(struct reader *reader)
{
	const struct hd_tables *tables = reader->stress->tables;
	uint64_t version = hd_tables_version(tables);
	const struct hd_shape *shape = hd_tables_shape(tables);
	const struct hd_group *group = hd_tables_group(tables, 1 + (uint32_t)(reader->bursts % 4));
	struct hd_meter *meter = hd_tables_meter(tables, 1);
	struct hd_key key = {.in_port = (uint16_t)random_below(&reader->random, RULES)};
	uint16_t output = 0;

	reader->changes += version != reader->last;
	for (int i = 0; i < BURST; i++) {
		const struct hd_rule *rule = find(reader, version, (uint16_t)random_below(&reader->random, RULES));

		if (rule == NULL || (output != 0 && rule->spec.actions->action[0].output.ofport != output)) {
			reader->wrong++;
			continue;
		}
		output = rule->spec.actions->action[0].output.ofport;
		reader->wrong += !hd_key_includes(&shape->mask, &rule->spec.match.mask);
		hd_count((hd_counter *)&hd_tables_cell(tables, rule, (uint16_t)reader->id)->packets, 1);
	}
	if (group != NULL)
		reader->groups += group->bucket[0].actions->n;
	if (meter != NULL)
		hd_meter_admit(meter, (uint16_t)reader->id, 60, version);
	/* Each version changed all of table 0. */
	if (version != reader->last && reader->last != 0)
		reader->untouched += hd_tables_untouched(tables, reader->last, version, &key);
	reader->last = version;
	reader->bursts++;
}

static void *run_reader(void *arg)
{
	struct reader *reader = arg;
	struct rte_rcu_qsbr *rcu = reader->stress->rcu;

	rte_rcu_qsbr_thread_register(rcu, reader->id);
	rte_rcu_qsbr_thread_online(rcu, reader->id);
	while (!atomic_load_explicit(&reader->stress->stop, memory_order_relaxed)) {
		read_burst(reader);
		rte_rcu_qsbr_quiescent(rcu, reader->id);
	}
	rte_rcu_qsbr_thread_offline(rcu, reader->id);
	rte_rcu_qsbr_thread_unregister(rcu, reader->id);
	return NULL;
}

static uint32_t add_others(struct random *random, struct hd_flow_mod *mods)
{
	uint32_t n = random_below(random, OTHERS);

	for (uint32_t i = 0; i < n; i++) {
		struct hd_rule_spec *spec = &mods[i].spec;

		mods[i] = (struct hd_flow_mod){.command = random_below(random, 3) ? HD_MOD_ADD : HD_MOD_DELETE_STRICT};
		spec->priority = (uint16_t)(random_below(random, 2) * 20);
		spec->match = match_prefix(0xc0000000 + random_below(random, 400), 32 - random_below(random, 4));
		spec->match.key.tp_dst = spec->match.mask.tp_dst = (uint16_t)random_below(random, 6);
		if (mods[i].command == HD_MOD_ADD)
			spec->actions = make_output(9);
	}
	return n;
}

static void change_group_or_meter(struct hd_tables *tables, struct random *random)
{
	struct hd_meter_conf conf = {.id = 1, .packets = true, .rate = 1000 + random_below(random, 1000)};
	uint32_t id = 1 + random_below(random, 4);
	struct hd_group *group = make_group(HD_GROUP_ALL, id, make_output(1));
	struct hd_mod_result result;

	if (hd_tables_group_add(tables, group, &result) != 0) {
		if (random_below(random, 2) && hd_tables_group_mod(tables, group, &result) == 0)
			return;
		hd_group_free(group);
		hd_tables_group_del(tables, id, &result);
	}
	hd_tables_meter_set(tables, &conf, hd_tables_meter(tables, 1) != NULL);
}

static void write_one(struct stress *stress, struct random *random, uint16_t output)
{
	struct hd_flow_mod mods[RULES + OTHERS + 1];
	uint32_t n = add_rules(mods, output);
	struct hd_mod_result result;

	if (random_below(random, 3) == 0)
		n += add_others(random, &mods[n]);
	if (random_below(random, 8) == 0)
		mods[n++] = (struct hd_flow_mod){.command = HD_MOD_DELETE, .out_port = 9};
	ck_assert_int_eq(hd_tables_apply(stress->tables, mods, n, &result), 0);
	if (random_below(random, 16) == 0)
		change_group_or_meter(stress->tables, random);
	if (random_below(random, 4) == 0)
		hd_tables_expire(stress->tables, (uint64_t)output * 1000, NULL, NULL);
	hd_tables_reclaim(stress->tables);
}

static uint32_t run_writer(struct stress *stress, struct random *random)
{
	struct timespec now, end;
	uint32_t n = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += SECONDS;
	do {
		write_one(stress, random, (uint16_t)(10 + n % 60000));
		n++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	return n;
}

START_TEST(readers_see_whole_changes)
{
	static struct reader readers[READERS];
	struct stress stress = {0};
	struct random random;
	uint32_t writes;

	random_start(&random, "readers_see_whole_changes");
	stress.rcu = make_rcu(READERS);
	stress.tables = hd_tables_create(stress.rcu, READERS, 1000);
	ck_assert_ptr_nonnull(stress.tables);
	write_one(&stress, &random, 10);
	for (unsigned int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.stress = &stress, .id = i, .random = {random_next(&random)}};
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]), 0);
	}
	writes = run_writer(&stress, &random);
	atomic_store(&stress.stop, true);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(readers[i].thread, NULL);
	for (unsigned int i = 0; i < READERS; i++) {
		printf("reader %u: %" PRIu64 " bursts, %" PRIu64 " versions, %" PRIu64 " groups; %" PRIu32 " writes\n",
		       i, readers[i].bursts, readers[i].changes, readers[i].groups, writes);
		ck_assert_uint_eq(readers[i].wrong, 0);
		ck_assert_uint_eq(readers[i].untouched, 0);
		ck_assert_uint_gt(readers[i].changes, 1);
	}
	hd_tables_destroy(stress.tables);
	free(stress.rcu);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tables_stress");
	TCase *cases = tcase_create("stress");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start();
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, readers_see_whole_changes);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
