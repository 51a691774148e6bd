/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests the forwarding database against a plain array with random operations, and its limits one by one. */
#include <check.h>
#include <errno.h>

#include <rte_rcu_qsbr.h>

#include "eal.h"
#include "fdb.h"
#include "random.h"

static struct rte_rcu_qsbr *rcu;

static struct hd_fdb *create(uint32_t limit)
{
	struct hd_fdb *fdb = NULL;

	ck_assert_int_eq(hd_fdb_create("a bridge with a long name", limit, rcu, &fdb), 0);
	ck_assert_uint_eq(hd_fdb_limit(fdb), limit);
	ck_assert_uint_gt(hd_fdb_size(fdb), limit);
	return fdb;
}

/* The naive twin. */
#define KEYS 160
#define PORTS 6
#define VLANS 3

struct twin_entry {
	uint64_t key;
	bool present, is_static;
	uint16_t port;
	uint32_t last_seen;
};

struct twin {
	struct twin_entry entry[KEYS];
	uint32_t limit;
};

static void twin_init(struct twin *twin, struct random *random, uint32_t limit)
{
	*twin = (struct twin){.limit = limit};
	for (uint32_t i = 0; i < KEYS; i++)
		twin->entry[i].key = random_next(random) << 24 >> 16 | i | (uint64_t)(i % VLANS) << 48;
	twin->entry[0].key = 1; /* the smallest and the largest */
	twin->entry[VLANS - 1].key = (uint64_t)(VLANS - 1) << 48 | 0xffffffffffff;
}

static uint32_t twin_count(const struct twin *twin, bool statics_only, int port)
{
	uint32_t n = 0;

	for (int i = 0; i < KEYS; i++)
		n += twin->entry[i].present && (!statics_only || twin->entry[i].is_static) &&
		     (port < 0 || twin->entry[i].port == port);
	return n;
}

static int twin_learn(struct twin *twin, struct twin_entry *entry, uint16_t port, uint32_t now)
{
	if (!entry->present) {
		if (twin_count(twin, false, -1) == twin->limit)
			return -ENOSPC;
		*entry = (struct twin_entry){.key = entry->key, .present = true, .port = port, .last_seen = now};
		return 1;
	}
	if (entry->is_static && entry->port != port)
		return -EPERM;
	entry->last_seen = now;
	if (entry->port == port)
		return 0;
	entry->port = port;
	return 2;
}

/* The database chooses the learnt entry that makes room; the twin looks which one is gone. */
static void twin_evict(struct twin *twin, const struct hd_fdb *fdb)
{
	uint32_t gone = 0;

	for (int i = 0; i < KEYS; i++)
		if (twin->entry[i].present && hd_fdb_find(fdb, twin->entry[i].key) < 0) {
			ck_assert(!twin->entry[i].is_static);
			twin->entry[i].present = false;
			gone++;
		}
	ck_assert_uint_eq(gone, 1);
}

static void add_static(struct hd_fdb *fdb, struct twin *twin, struct twin_entry *entry, uint16_t port)
{
	bool full = !entry->present && twin_count(twin, false, -1) == twin->limit;

	if (full && twin_count(twin, true, -1) == twin->limit) {
		ck_assert_int_eq(hd_fdb_add_static(fdb, entry->key, port), -ENOSPC);
		return;
	}
	ck_assert_int_eq(hd_fdb_add_static(fdb, entry->key, port), 0);
	if (full)
		twin_evict(twin, fdb);
	if (!entry->present)
		entry->last_seen = 0;
	entry->present = entry->is_static = true;
	entry->port = port;
}

static void flush(struct hd_fdb *fdb, struct twin *twin, struct random *random)
{
	struct hd_fdb_filter filter = {
		.port = random_below(random, 3) ? (int)random_below(random, PORTS) : -1,
		.vlan = random_below(random, 3) ? (int)random_below(random, VLANS) : -1,
		.statics = random_below(random, 2),
	};
	uint32_t expected = 0;

	for (int i = 0; i < KEYS; i++) {
		struct twin_entry *entry = &twin->entry[i];

		if (!entry->present || (entry->is_static && !filter.statics) ||
		    (filter.port >= 0 && filter.port != entry->port) ||
		    (filter.vlan >= 0 && filter.vlan != hd_fdb_key_vlan(entry->key)))
			continue;
		entry->present = entry->is_static = false;
		expected++;
	}
	ck_assert_uint_eq(hd_fdb_flush(fdb, &filter), expected);
}

static void age(struct hd_fdb *fdb, struct twin *twin, uint32_t now, uint32_t ageing)
{
	uint32_t expected = 0, deleted = 0;

	for (int i = 0; i < KEYS; i++) {
		struct twin_entry *entry = &twin->entry[i];

		if (!entry->present || entry->is_static || ageing == 0 || (int64_t)now - entry->last_seen < ageing)
			continue;
		entry->present = false;
		expected++;
	}
	/* In pieces that do not divide the number of slots. */
	for (uint32_t seen = 0; seen < hd_fdb_size(fdb); seen += 7)
		deleted += hd_fdb_age(fdb, now, ageing, 7);
	ck_assert_uint_eq(deleted, expected);
}

static void check_entry(const struct hd_fdb *fdb, const struct twin_entry *expected)
{
	int32_t position = hd_fdb_find(fdb, expected->key);
	const struct hd_fdb_entry *entry;

	if (!expected->present) {
		ck_assert_int_eq(position, -ENOENT);
		return;
	}
	ck_assert_int_ge(position, 0);
	ck_assert_uint_lt((uint32_t)position, hd_fdb_size(fdb));
	entry = &hd_fdb_entries(fdb)[position];
	ck_assert(hd_fdb_match(entry, expected->key));
	ck_assert(!hd_fdb_match(entry, expected->key ^ 1));
	ck_assert_uint_eq(entry->port, expected->port);
	ck_assert_uint_eq(entry->last_seen, expected->last_seen);
	ck_assert_uint_eq(entry->flags, expected->is_static ? HD_FDB_STATIC : 0);
}

static void check_bulk(const struct hd_fdb *fdb, const struct twin *twin, struct random *random)
{
	uint64_t keys[HD_FDB_BULK];
	int32_t positions[HD_FDB_BULK];
	uint32_t n = random_below(random, HD_FDB_BULK + 1);

	for (uint32_t i = 0; i < n; i++)
		keys[i] = twin->entry[random_below(random, KEYS)].key;
	hd_fdb_find_bulk(fdb, keys, n, positions);
	for (uint32_t i = 0; i < n; i++) {
		int32_t position = hd_fdb_find(fdb, keys[i]);

		ck_assert_int_eq(positions[i], position < 0 ? -1 : position);
	}
}

/* Everything there is to see. */
static void check_all(const struct hd_fdb *fdb, const struct twin *twin)
{
	const struct hd_fdb_entry *entry;
	uint32_t cursor = 0, n = 0;

	for (int i = 0; i < KEYS; i++)
		check_entry(fdb, &twin->entry[i]);
	while (hd_fdb_next(fdb, &cursor, &entry)) {
		ck_assert_uint_ne(entry->key, 0);
		n++;
	}
	ck_assert_uint_eq(n, twin_count(twin, false, -1)); /* all found above, so no others */
	ck_assert_uint_eq(hd_fdb_count(fdb), n);
	ck_assert_uint_eq(hd_fdb_count_static(fdb), twin_count(twin, true, -1));
	for (int port = 0; port < PORTS; port++)
		ck_assert_uint_eq(hd_fdb_count_port(fdb, (uint16_t)port), twin_count(twin, false, port));
}

static void operate(struct hd_fdb *fdb, struct twin *twin, struct random *random, uint32_t now)
{
	struct twin_entry *entry = &twin->entry[random_below(random, KEYS)];
	uint16_t port = (uint16_t)random_below(random, PORTS);
	uint32_t dice = random_below(random, 1000);

	if (dice < 700) {
		ck_assert_int_eq(hd_fdb_learn(fdb, entry->key, port, now), twin_learn(twin, entry, port, now));
	} else if (dice < 760) {
		add_static(fdb, twin, entry, port);
	} else if (dice < 970) {
		ck_assert_int_eq(hd_fdb_del(fdb, entry->key), entry->present ? 0 : -ENOENT);
		entry->present = entry->is_static = false;
	} else if (dice < 990) {
		flush(fdb, twin, random);
	} else {
		age(fdb, twin, now, random_below(random, 300));
	}
	check_entry(fdb, entry);
}

START_TEST(agrees_with_plain_array)
{
	static const uint32_t limits[] = {16, 56, KEYS - 1, KEYS, 1000};
	struct random random;
	struct twin twin;
	uint32_t now = 1;
	struct hd_fdb *fdb = create(limits[_i]);

	random_start(&random, "agrees_with_plain_array");
	twin_init(&twin, &random, limits[_i]);
	for (int i = 0; i < 60000; i++) {
		now += random_below(&random, 10) == 0;
		operate(fdb, &twin, &random, now);
		if (i % 32 == 0)
			check_bulk(fdb, &twin, &random);
		if (i % 64 == 0)
			check_all(fdb, &twin);
	}
	hd_fdb_destroy(fdb);
}
END_TEST

START_TEST(refuses_limits_out_of_range)
{
	struct hd_fdb *fdb = NULL;

	ck_assert_int_eq(hd_fdb_create("x", HD_FDB_LIMIT_MIN - 1, rcu, &fdb), -EINVAL);
	ck_assert_int_eq(hd_fdb_create("x", HD_FDB_LIMIT_MAX + 1, rcu, &fdb), -EINVAL);
	ck_assert_ptr_null(fdb);
	hd_fdb_destroy(NULL);
}
END_TEST

START_TEST(refuses_what_is_no_entry)
{
	struct hd_fdb *fdb = create(16);

	ck_assert_int_eq(hd_fdb_learn(fdb, 0, 1, 1), -EINVAL);
	ck_assert_int_eq(hd_fdb_learn(fdb, 5, HD_PORTS_MAX, 1), -EINVAL);
	ck_assert_int_eq(hd_fdb_add_static(fdb, 0, 1), -EINVAL);
	ck_assert_int_eq(hd_fdb_add_static(fdb, 5, UINT16_MAX), -EINVAL);
	ck_assert_int_eq(hd_fdb_find(fdb, 0), -ENOENT);
	ck_assert_int_eq(hd_fdb_del(fdb, 0), -ENOENT);
	ck_assert_uint_eq(hd_fdb_count(fdb), 0);
	ck_assert_uint_eq(hd_fdb_count_port(fdb, UINT16_MAX), 0);
	hd_fdb_destroy(fdb);
}
END_TEST

START_TEST(makes_keys)
{
	static const uint8_t mac[8] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0xee, 0xee};
	uint64_t key = hd_fdb_key(mac, 4094);
	uint8_t back[6];

	hd_fdb_key_mac(key, back);
	ck_assert_mem_eq(mac, back, 6);
	ck_assert_uint_eq(hd_fdb_key_vlan(key), 4094);
	ck_assert_uint_ne(key, hd_fdb_key(mac, 4093));
}
END_TEST

/* Addresses as they come: one after the other from a vendor's range, or of any kind. */
static uint64_t nth_key(struct random *random, uint32_t n)
{
	uint8_t mac[6] = {0x52, 0x54, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return random == NULL ? hd_fdb_key(mac, 1) : random_next(random) | 1;
}

/* Limits that fill their hash least and most: slots just above and just below a power of two. */
static const uint32_t limits[] = {16, 17, 63, 64, 192, 448, 455, 910, 911, 4096, 29126, 29127, 233016, 1048576};

START_TEST(limit_always_fits)
{
	uint32_t limit = limits[_i / 2];
	struct random random, churn;
	struct random *source = _i % 2 ? &random : NULL;
	struct hd_fdb *fdb = create(limit);
	uint64_t start;

	random_start(&random, "limit_always_fits");
	start = random.state;
	for (uint32_t i = 0; i < limit; i++)
		ck_assert_int_eq(hd_fdb_learn(fdb, nth_key(source, i), (uint16_t)(i % 7), i), 1);
	ck_assert_int_eq(hd_fdb_learn(fdb, nth_key(source, limit), 1, 1), -ENOSPC);
	ck_assert_uint_eq(hd_fdb_count(fdb), limit);
	random.state = start;
	for (uint32_t i = 0; i < limit; i++)
		ck_assert_int_ge(hd_fdb_find(fdb, nth_key(source, i)), 0);
	/* And goes on to, when each that comes replaces one that goes. */
	random.state = start;
	churn.state = ~start;
	for (uint32_t i = 0; i < RTE_MIN(limit, 100000u); i++) {
		ck_assert_int_eq(hd_fdb_del(fdb, nth_key(source, i)), 0);
		ck_assert_int_eq(hd_fdb_learn(fdb, nth_key(&churn, 0) | 3ull << 62, 3, i), 1);
	}
	ck_assert_uint_eq(hd_fdb_count(fdb), limit);
	hd_fdb_destroy(fdb);
}
END_TEST

START_TEST(slot_waits_for_readers)
{
	struct hd_fdb *fdb = create(16);
	uint32_t spare = hd_fdb_size(fdb) - 16, turnover = 0;
	int32_t position;

	rte_rcu_qsbr_thread_register(rcu, 0);
	rte_rcu_qsbr_thread_online(rcu, 0);
	ck_assert_int_eq(hd_fdb_learn(fdb, 7, 1, 1), 1);
	position = hd_fdb_find(fdb, 7);
	ck_assert_int_eq(hd_fdb_del(fdb, 7), 0);
	ck_assert(!hd_fdb_match(&hd_fdb_entries(fdb)[position], 7));
	/* Everything else is used up before this slot is touched. */
	for (uint64_t key = 100; turnover < 1000 && hd_fdb_learn(fdb, key, 2, 1) == 1; key++, turnover++) {
		ck_assert_int_ne(hd_fdb_find(fdb, key), position);
		ck_assert_uint_eq(hd_fdb_entries(fdb)[position].key, 0);
		ck_assert_uint_eq(hd_fdb_entries(fdb)[position].port, 1);
		ck_assert_int_eq(hd_fdb_del(fdb, key), 0);
	}
	ck_assert_uint_eq(turnover, 16 + spare - 1);
	ck_assert_int_eq(hd_fdb_learn(fdb, 7, 1, 1), -ENOSPC);
	rte_rcu_qsbr_quiescent(rcu, 0);
	ck_assert_int_eq(hd_fdb_learn(fdb, 7, 1, 1), 1);
	rte_rcu_qsbr_thread_offline(rcu, 0);
	rte_rcu_qsbr_thread_unregister(rcu, 0);
	hd_fdb_destroy(fdb);
}
END_TEST

struct reader {
	pthread_t thread;
	_Atomic bool stop;
};

static void *stay_quiescent(void *arg)
{
	struct reader *reader = arg;

	while (!atomic_load(&reader->stop))
		rte_rcu_qsbr_quiescent(rcu, 0);
	rte_rcu_qsbr_thread_offline(rcu, 0);
	return NULL;
}

START_TEST(static_entry_waits_rather_than_fails)
{
	struct hd_fdb *fdb = create(16);
	struct reader reader = {0};

	rte_rcu_qsbr_thread_register(rcu, 0);
	rte_rcu_qsbr_thread_online(rcu, 0);
	for (uint64_t key = 100; key < 1000 && hd_fdb_learn(fdb, key, 2, 1) == 1; key++)
		hd_fdb_del(fdb, key);
	ck_assert_int_eq(hd_fdb_learn(fdb, 7, 1, 1), -ENOSPC);
	ck_assert_int_eq(pthread_create(&reader.thread, NULL, stay_quiescent, &reader), 0);
	ck_assert_int_eq(hd_fdb_add_static(fdb, 7, 1), 0);
	atomic_store(&reader.stop, true);
	pthread_join(reader.thread, NULL);
	rte_rcu_qsbr_thread_unregister(rcu, 0);
	hd_fdb_destroy(fdb);
}
END_TEST

START_TEST(clock_ahead_is_not_old)
{
	struct hd_fdb *fdb = create(16);

	hd_fdb_learn(fdb, 7, 1, 1001);
	ck_assert_uint_eq(hd_fdb_age(fdb, 1000, 10, UINT32_MAX), 0);
	ck_assert_uint_eq(hd_fdb_age(fdb, 1010, 10, UINT32_MAX), 0);
	ck_assert_uint_eq(hd_fdb_age(fdb, 1011, 0, UINT32_MAX), 0);
	ck_assert_uint_eq(hd_fdb_age(fdb, 1011, 10, UINT32_MAX), 1);
	hd_fdb_destroy(fdb);
}
END_TEST

START_TEST(ageing_keeps_to_its_budget)
{
	struct hd_fdb *fdb = create(1000);

	for (uint64_t key = 1; key <= 1000; key++)
		hd_fdb_learn(fdb, key, 1, 1);
	for (uint32_t seen = 0; seen < hd_fdb_size(fdb); seen += 10)
		ck_assert_uint_le(hd_fdb_age(fdb, 500, 300, 10), 10);
	ck_assert_uint_eq(hd_fdb_count(fdb), 0);
	hd_fdb_destroy(fdb);
}
END_TEST

/* Copy to a database of another limit: statics all, then as many of the latest learnt as fit. */
static const uint32_t copy_limits[] = {16, 20, 99, 160, 1000};

START_TEST(copies_the_latest)
{
	struct hd_fdb *from = create(KEYS), *to = create(copy_limits[_i]);
	uint32_t room = copy_limits[_i] - 10;

	for (uint32_t i = 0; i < KEYS; i++) /* scattered, so that the order of slots is of no help */
		ck_assert_int_eq(hd_fdb_learn(from, 1000 + i, (uint16_t)(i % PORTS), 1 + i * 37 % KEYS), 1);
	for (uint32_t i = 0; i < 10; i++)
		ck_assert_int_eq(hd_fdb_add_static(from, 1000 + i * 16, 9), 0);
	ck_assert_int_eq(hd_fdb_copy(to, from), 0);
	ck_assert_uint_eq(hd_fdb_count(to), RTE_MIN(copy_limits[_i], (uint32_t)KEYS));
	ck_assert_uint_eq(hd_fdb_count_static(to), 10);
	for (uint32_t i = 0; i < KEYS; i++) {
		bool is_static = i % 16 == 0;
		uint32_t seen = 1 + i * 37 % KEYS, later = 0;
		struct twin_entry expected = {
			.key = 1000 + i,
			.port = is_static ? 9 : (uint16_t)(i % PORTS),
			.is_static = is_static,
			.last_seen = is_static ? 0 : seen,
		};

		for (uint32_t j = 0; j < KEYS; j++)
			later += j % 16 != 0 && 1 + j * 37 % KEYS > seen;
		expected.present = is_static || later < room;
		check_entry(to, &expected);
	}
	hd_fdb_destroy(from);
	hd_fdb_destroy(to);
}
END_TEST

START_TEST(copy_refuses_too_many_statics)
{
	struct hd_fdb *from = create(100), *to = create(16);

	for (uint64_t key = 1; key <= 17; key++)
		ck_assert_int_eq(hd_fdb_add_static(from, key, 1), 0);
	ck_assert_int_eq(hd_fdb_copy(to, from), -ENOSPC);
	hd_fdb_destroy(from);
	hd_fdb_destroy(to);
}
END_TEST

START_TEST(copy_leaves_what_is_there)
{
	struct hd_fdb *from = create(100), *to = create(16);
	struct twin_entry kept = {.key = 5, .present = true, .is_static = true, .port = 3};

	ck_assert_int_eq(hd_fdb_add_static(to, 5, 3), 0);
	ck_assert_int_eq(hd_fdb_learn(from, 5, 1, 77), 1);
	ck_assert_int_eq(hd_fdb_learn(from, 6, 1, 77), 1);
	ck_assert_int_eq(hd_fdb_copy(to, from), 0);
	check_entry(to, &kept);
	ck_assert_uint_eq(hd_fdb_count(to), 2);
	hd_fdb_destroy(from);
	hd_fdb_destroy(to);
}
END_TEST

static void add_tests(TCase *cases)
{
	tcase_set_timeout(cases, 100);
	tcase_add_loop_test(cases, agrees_with_plain_array, 0, 5);
	tcase_add_test(cases, refuses_limits_out_of_range);
	tcase_add_test(cases, refuses_what_is_no_entry);
	tcase_add_test(cases, makes_keys);
	tcase_add_loop_test(cases, limit_always_fits, 0, 2 * RTE_DIM(limits));
	tcase_add_test(cases, slot_waits_for_readers);
	tcase_add_test(cases, static_entry_waits_rather_than_fails);
	tcase_add_test(cases, clock_ahead_is_not_old);
	tcase_add_test(cases, ageing_keeps_to_its_budget);
	tcase_add_loop_test(cases, copies_the_latest, 0, RTE_DIM(copy_limits));
	tcase_add_test(cases, copy_refuses_too_many_statics);
	tcase_add_test(cases, copy_leaves_what_is_there);
}

int main(void)
{
	Suite *suite = suite_create("fdb");
	TCase *cases = tcase_create("fdb");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start();
	rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(4));
	rte_rcu_qsbr_init(rcu, 4);
	add_tests(cases);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	free(rcu);
	return failed != 0;
}
