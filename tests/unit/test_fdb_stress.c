/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One writer and two readers on a forwarding database that is much smaller than the set of addresses, so that slots
 * are used again all the time. Every port that may be stored for a key belongs to that key alone: a reader that gets
 * the port of another key has been shown a slot before its time.
 */
#include <check.h>
#include <time.h>

#include <rte_rcu_qsbr.h>

#include "eal.h"
#include "fdb.h"
#include "random.h"

#define KEYS 400
#define PORTS_OF_KEY 2 /* of each key; it moves between them */
#define LIMIT 64
#define READERS 2
#define OPERATIONS 3000000
#define SECONDS 2
#define BURST 32

static_assert(KEYS * PORTS_OF_KEY <= HD_PORTS_MAX, "every key has ports of its own");

struct stress {
	struct hd_fdb *fdb;
	struct rte_rcu_qsbr *rcu;
	_Atomic bool stop;
};

struct reader {
	struct stress *stress;
	struct random random;
	unsigned int id;
	pthread_t thread;
	int32_t remembered[KEYS];
	uint64_t found, matched, wrong;
};

static uint64_t key_of(uint32_t number)
{
	return (uint64_t)(number % 4) << 48 | (number + 1);
}

static uint16_t random_port(struct random *random, uint32_t number)
{
	return (uint16_t)(number * PORTS_OF_KEY + random_below(random, PORTS_OF_KEY));
}

/* As the data path does: through the remembered index if it still matches, else by a find. */
static void read_one(struct reader *reader, uint32_t number, int32_t found)
{
	const struct hd_fdb_entry *entries = hd_fdb_entries(reader->stress->fdb);
	int32_t position = reader->remembered[number];
	struct hd_fdb_entry *entry;
	bool remembered = position >= 0 && hd_fdb_match(&entries[position], key_of(number));

	if (!remembered)
		position = reader->remembered[number] = found;
	if (position < 0)
		return;
	entry = (struct hd_fdb_entry *)&entries[position];
	if (atomic_load_explicit(&entry->port, memory_order_relaxed) / PORTS_OF_KEY != number)
		reader->wrong++;
	*(remembered ? &reader->matched : &reader->found) += 1;
	if (random_below(&reader->random, 64) == 0)
		atomic_store_explicit(&entry->last_seen, 2, memory_order_relaxed);
}

static void read_burst(struct reader *reader)
{
	uint32_t numbers[BURST];
	uint64_t keys[BURST];
	int32_t found[BURST];

	for (int i = 0; i < BURST; i++) {
		numbers[i] = random_below(&reader->random, KEYS);
		keys[i] = key_of(numbers[i]);
	}
	if (random_below(&reader->random, 2))
		hd_fdb_find_bulk(reader->stress->fdb, keys, BURST, found);
	else
		for (int i = 0; i < BURST; i++)
			found[i] = hd_fdb_find(reader->stress->fdb, keys[i]);
	for (int i = 0; i < BURST; i++)
		read_one(reader, numbers[i], found[i]);
}

static void *run_reader(void *arg)
{
	struct reader *reader = arg;
	struct rte_rcu_qsbr *rcu = reader->stress->rcu;

	for (int i = 0; i < KEYS; i++)
		reader->remembered[i] = -1;
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

static void write_one(struct hd_fdb *fdb, struct random *random)
{
	uint32_t number = random_below(random, KEYS), dice = random_below(random, 10000);
	uint64_t key = key_of(number);
	struct hd_fdb_filter filter = {
		.port = dice % 2 ? random_port(random, number) : -1,
		.vlan = dice % 3 ? (int)(number % 4) : -1,
		.statics = true,
	};

	if (dice < 6000)
		hd_fdb_learn(fdb, key, random_port(random, number), 1);
	else if (dice < 6050)
		hd_fdb_add_static(fdb, key, random_port(random, number));
	else if (dice < 9980)
		hd_fdb_del(fdb, key);
	else if (dice < 9990)
		hd_fdb_flush(fdb, &filter);
	else
		hd_fdb_age(fdb, 3, 2, 50);
}

/* Returns how many operations were done. */
static uint32_t run_writer(struct stress *stress, struct random *random)
{
	struct timespec now, end;
	uint32_t n;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += SECONDS;
	for (n = 0; n < OPERATIONS; n++) {
		write_one(stress->fdb, random);
		if (n % 1024 != 0)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec > end.tv_nsec))
			break;
	}
	return n;
}

START_TEST(readers_see_no_other_keys_port)
{
	static struct reader readers[READERS];
	struct stress stress = {0};
	struct random random;
	uint32_t operations;

	random_start(&random, "readers_see_no_other_keys_port");
	stress.rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(READERS));
	rte_rcu_qsbr_init(stress.rcu, READERS);
	ck_assert_int_eq(hd_fdb_create("stress", LIMIT, stress.rcu, &stress.fdb), 0);
	for (unsigned int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.stress = &stress, .id = i, .random = {random_next(&random)}};
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]), 0);
	}
	operations = run_writer(&stress, &random);
	atomic_store(&stress.stop, true);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(readers[i].thread, NULL);
	for (unsigned int i = 0; i < READERS; i++) {
		printf("reader %u: %" PRIu64 " found, %" PRIu64 " remembered; %" PRIu32 " writes\n", i,
		       readers[i].found, readers[i].matched, operations);
		ck_assert_uint_eq(readers[i].wrong, 0);
		ck_assert_uint_gt(readers[i].found, 0);
		ck_assert_uint_gt(readers[i].matched, 0);
	}
	hd_fdb_destroy(stress.fdb);
	free(stress.rcu);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fdb_stress");
	TCase *cases = tcase_create("stress");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start();
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, readers_see_no_other_keys_port);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
