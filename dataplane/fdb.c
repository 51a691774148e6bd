/* SPDX-License-Identifier: BSD-3-Clause */
/* The forwarding database of a bridge: an rte_hash over an array of entries, and the slots waiting for reuse. */
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>

#include "fdb.h"

#define SPARE_MIN 64 /* slots more than the limit, at least */

/* The slot of a deleted entry: free once all readers have passed the token. */
struct retired {
	uint64_t token;
	int32_t position;
};

struct hd_fdb {
	/* Read by PMDs, constant. */
	struct rte_hash *hash;
	struct hd_fdb_entry *entries;
	uint64_t secret[2];

	/* Control thread. */
	alignas(64) uint32_t limit;
	uint32_t slots; /* of entries and of the hash; count + n_retired of them are taken */
	uint32_t count;
	uint32_t n_static;
	uint32_t age_cursor;
	uint32_t evict_cursor;
	struct rte_rcu_qsbr *rcu;
	struct retired *retired; /* FIFO, a ring of `slots` places */
	uint32_t first_retired;
	uint32_t n_retired;
	uint32_t n_port[HD_PORTS_MAX]; /* entries of each port */
};
static_assert(HD_FDB_BULK <= RTE_HASH_LOOKUP_BULK_MAX, "a bulk is one call");

static inline uint64_t load_key(const struct hd_fdb_entry *entry)
{
	return atomic_load_explicit((_Atomic uint64_t *)&entry->key, memory_order_acquire);
}

static inline uint16_t load_port(const struct hd_fdb_entry *entry)
{
	return atomic_load_explicit((_Atomic uint16_t *)&entry->port, memory_order_relaxed);
}

static inline bool is_static(const struct hd_fdb_entry *entry)
{
	return atomic_load_explicit((_Atomic uint16_t *)&entry->flags, memory_order_relaxed) & HD_FDB_STATIC;
}

static inline uint32_t load_last_seen(const struct hd_fdb_entry *entry)
{
	return atomic_load_explicit((_Atomic uint32_t *)&entry->last_seen, memory_order_relaxed);
}

/*
 * Not CRC32: whoever knows the function can make thousands of addresses that share a bucket, whatever the seed,
 * because CRC is linear. The two halves of a product with secret factors can't be steered without the secret.
 */
static inline hash_sig_t hash_key(const struct hd_fdb *fdb, uint64_t key)
{
	unsigned __int128 product = (unsigned __int128)(key ^ fdb->secret[0]) * fdb->secret[1];
	uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);

	return (hash_sig_t)(folded ^ folded >> 32);
}

/* For rte_hash: 0 if equal. Saves a call of memcmp. */
static int compare_keys(const void *a, const void *b, size_t len __rte_unused)
{
	uint64_t left, right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	return left != right;
}

static int create_hash(struct hd_fdb *fdb, const char *name)
{
	static _Atomic uint32_t serial; /* bridges of one name may overlap while one replaces the other */
	char unique[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters params = {
		.name = unique,
		.entries = fdb->slots,
		.key_len = sizeof(uint64_t),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	/* rte_hash puts up to 7 characters in front for its rings, whose names are shorter than its own. */
	snprintf(unique, sizeof(unique), "%08x-%.12s", atomic_fetch_add(&serial, 1), name);
	fdb->hash = rte_hash_create(&params);
	if (fdb->hash == NULL)
		return -ENOMEM;
	rte_hash_set_cmp_func(fdb->hash, compare_keys);
	return 0;
}

int hd_fdb_create(const char *name, uint32_t limit, struct rte_rcu_qsbr *rcu, struct hd_fdb **result)
{
	struct hd_fdb *fdb;

	if (limit < HD_FDB_LIMIT_MIN || limit > HD_FDB_LIMIT_MAX)
		return -EINVAL;
	fdb = rte_zmalloc("fdb", sizeof(*fdb), alignof(struct hd_fdb));
	if (fdb == NULL)
		return -ENOMEM;
	if (getrandom(fdb->secret, sizeof(fdb->secret), 0) != sizeof(fdb->secret))
		goto err;
	fdb->secret[1] |= 1;
	fdb->rcu = rcu;
	fdb->limit = limit;
	fdb->slots = limit + RTE_MAX(limit / 8, SPARE_MIN);
	fdb->entries = rte_zmalloc("fdb entries", fdb->slots * sizeof(*fdb->entries), RTE_CACHE_LINE_SIZE);
	fdb->retired = calloc(fdb->slots, sizeof(*fdb->retired));
	if (fdb->entries == NULL || fdb->retired == NULL || create_hash(fdb, name) != 0)
		goto err;
	*result = fdb;
	return 0;
err:
	hd_fdb_destroy(fdb);
	return -ENOMEM;
}

void hd_fdb_destroy(struct hd_fdb *fdb)
{
	if (fdb == NULL)
		return;
	rte_hash_free(fdb->hash);
	free(fdb->retired);
	rte_free(fdb->entries);
	rte_free(fdb);
}

const struct hd_fdb_entry *hd_fdb_entries(const struct hd_fdb *fdb)
{
	return fdb->entries;
}

uint32_t hd_fdb_size(const struct hd_fdb *fdb)
{
	return fdb->slots;
}

/* The position of a key in the hash, where its entry may not be filled yet or be empty already; or -ENOENT. */
static inline int32_t position_of(const struct hd_fdb *fdb, uint64_t key)
{
	return rte_hash_lookup_with_hash(fdb->hash, &key, hash_key(fdb, key));
}

int32_t hd_fdb_find(const struct hd_fdb *fdb, uint64_t key)
{
	int32_t position = position_of(fdb, key);

	if (position < 0 || !hd_fdb_match(&fdb->entries[position], key))
		return -ENOENT;
	return position;
}

void hd_fdb_find_bulk(const struct hd_fdb *fdb, const uint64_t *keys, uint32_t n, int32_t *positions)
{
	const void *pointers[HD_FDB_BULK];
	hash_sig_t hashes[HD_FDB_BULK];

	if (n == 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		pointers[i] = &keys[i];
		hashes[i] = hash_key(fdb, keys[i]);
	}
	rte_hash_lookup_with_hash_bulk(fdb->hash, pointers, hashes, n, positions);
	for (uint32_t i = 0; i < n; i++)
		if (positions[i] >= 0)
			rte_prefetch0(&fdb->entries[positions[i]]);
	for (uint32_t i = 0; i < n; i++)
		if (positions[i] < 0 || !hd_fdb_match(&fdb->entries[positions[i]], keys[i]))
			positions[i] = -1;
}

/* Is there a slot to take now? */
static inline bool has_slot(struct hd_fdb *fdb)
{
	if (fdb->count + fdb->n_retired == fdb->slots)
		hd_fdb_reclaim(fdb);
	return fdb->count + fdb->n_retired < fdb->slots;
}

/* A key that is not there, given a free slot. */
static int insert(struct hd_fdb *fdb, uint64_t key, uint16_t port, uint16_t flags, uint32_t last_seen)
{
	int32_t position = rte_hash_add_key_with_hash(fdb->hash, &key, hash_key(fdb, key));
	struct hd_fdb_entry *entry;

	if (position < 0)
		return -ENOSPC;
	entry = &fdb->entries[position];
	atomic_store_explicit(&entry->port, port, memory_order_relaxed);
	atomic_store_explicit(&entry->flags, flags, memory_order_relaxed);
	atomic_store_explicit(&entry->last_seen, last_seen, memory_order_relaxed);
	atomic_store_explicit(&entry->key, key, memory_order_release); /* pairs with hd_fdb_match */
	fdb->count++;
	fdb->n_port[port]++;
	if (flags & HD_FDB_STATIC)
		fdb->n_static++;
	return 0;
}

static void move(struct hd_fdb *fdb, struct hd_fdb_entry *entry, uint16_t port)
{
	fdb->n_port[load_port(entry)]--;
	fdb->n_port[port]++;
	atomic_store_explicit(&entry->port, port, memory_order_relaxed);
}

/* The entry's slot stays taken until the grace period is over. */
static void erase(struct hd_fdb *fdb, struct hd_fdb_entry *entry)
{
	uint64_t key = load_key(entry);
	struct retired *retired = &fdb->retired[(fdb->first_retired + fdb->n_retired) % fdb->slots];

	atomic_store_explicit(&entry->key, 0, memory_order_relaxed);
	rte_hash_del_key_with_hash(fdb->hash, &key, hash_key(fdb, key));
	retired->position = (int32_t)(entry - fdb->entries);
	retired->token = rte_rcu_qsbr_start(fdb->rcu);
	fdb->n_retired++;
	fdb->count--;
	fdb->n_port[load_port(entry)]--;
	if (is_static(entry))
		fdb->n_static--;
}

void hd_fdb_reclaim(struct hd_fdb *fdb)
{
	while (fdb->n_retired > 0) {
		const struct retired *oldest = &fdb->retired[fdb->first_retired];

		if (rte_rcu_qsbr_check(fdb->rcu, oldest->token, false) != 1)
			return;
		rte_hash_free_key_with_position(fdb->hash, oldest->position);
		fdb->first_retired = (fdb->first_retired + 1) % fdb->slots;
		fdb->n_retired--;
	}
}

static inline bool is_valid(uint64_t key, uint16_t port)
{
	return key != 0 && port < HD_PORTS_MAX;
}

int hd_fdb_learn(struct hd_fdb *fdb, uint64_t key, uint16_t port, uint32_t now)
{
	int32_t position;
	struct hd_fdb_entry *entry;
	int ret;

	if (!is_valid(key, port))
		return -EINVAL;
	position = position_of(fdb, key);
	if (position < 0) {
		if (fdb->count >= fdb->limit || !has_slot(fdb))
			return -ENOSPC;
		ret = insert(fdb, key, port, 0, now);
		return ret == 0 ? 1 : ret;
	}
	entry = &fdb->entries[position];
	if (load_port(entry) == port) {
		if (load_last_seen(entry) != now)
			atomic_store_explicit(&entry->last_seen, now, memory_order_relaxed);
		return 0;
	}
	if (is_static(entry))
		return -EPERM;
	move(fdb, entry, port);
	atomic_store_explicit(&entry->last_seen, now, memory_order_relaxed);
	return 2;
}

/* Make room for a static entry. Goes round the slots like the hand of a clock: cheap, and no address is spared. */
static bool evict(struct hd_fdb *fdb)
{
	struct hd_fdb_entry *entry;

	if (fdb->count == fdb->n_static)
		return false;
	do {
		entry = &fdb->entries[fdb->evict_cursor];
		fdb->evict_cursor = (fdb->evict_cursor + 1) % fdb->slots;
	} while (load_key(entry) == 0 || is_static(entry));
	erase(fdb, entry);
	return true;
}

int hd_fdb_add_static(struct hd_fdb *fdb, uint64_t key, uint16_t port)
{
	int32_t position;
	struct hd_fdb_entry *entry;

	if (!is_valid(key, port))
		return -EINVAL;
	position = position_of(fdb, key);
	if (position < 0) {
		if (fdb->count >= fdb->limit && !evict(fdb))
			return -ENOSPC;
		if (!has_slot(fdb)) {
			rte_rcu_qsbr_check(fdb->rcu, fdb->retired[fdb->first_retired].token, true);
			hd_fdb_reclaim(fdb);
		}
		return insert(fdb, key, port, HD_FDB_STATIC, 0);
	}
	entry = &fdb->entries[position];
	move(fdb, entry, port);
	if (!is_static(entry)) {
		atomic_store_explicit(&entry->flags, HD_FDB_STATIC, memory_order_relaxed);
		fdb->n_static++;
	}
	return 0;
}

int hd_fdb_del(struct hd_fdb *fdb, uint64_t key)
{
	int32_t position = hd_fdb_find(fdb, key);

	if (position < 0)
		return -ENOENT;
	erase(fdb, &fdb->entries[position]);
	return 0;
}

static bool is_selected(const struct hd_fdb_filter *filter, const struct hd_fdb_entry *entry)
{
	uint64_t key = load_key(entry);

	return key != 0 && (filter->statics || !is_static(entry)) &&
	       (filter->port < 0 || filter->port == load_port(entry)) &&
	       (filter->vlan < 0 || filter->vlan == hd_fdb_key_vlan(key));
}

uint32_t hd_fdb_flush(struct hd_fdb *fdb, const struct hd_fdb_filter *filter)
{
	uint32_t deleted = 0;

	for (uint32_t i = 0; i < fdb->slots; i++)
		if (is_selected(filter, &fdb->entries[i])) {
			erase(fdb, &fdb->entries[i]);
			deleted++;
		}
	return deleted;
}

static bool is_old(const struct hd_fdb_entry *entry, uint32_t now, uint32_t ageing)
{
	/* A PMD's clock may be a second ahead of `now`. */
	return load_key(entry) != 0 && !is_static(entry) && (int32_t)(now - load_last_seen(entry)) >= (int32_t)ageing;
}

uint32_t hd_fdb_age(struct hd_fdb *fdb, uint32_t now, uint32_t ageing, uint32_t budget)
{
	uint32_t deleted = 0;

	hd_fdb_reclaim(fdb);
	if (ageing == 0)
		return 0;
	for (uint32_t left = RTE_MIN(budget, fdb->slots); left > 0; left--) {
		struct hd_fdb_entry *entry = &fdb->entries[fdb->age_cursor];

		fdb->age_cursor = (fdb->age_cursor + 1) % fdb->slots;
		if (is_old(entry, now, ageing)) {
			erase(fdb, entry);
			deleted++;
		}
	}
	return deleted;
}

uint32_t hd_fdb_count(const struct hd_fdb *fdb)
{
	return fdb->count;
}

uint32_t hd_fdb_count_static(const struct hd_fdb *fdb)
{
	return fdb->n_static;
}

uint32_t hd_fdb_limit(const struct hd_fdb *fdb)
{
	return fdb->limit;
}

uint32_t hd_fdb_count_port(const struct hd_fdb *fdb, uint16_t port)
{
	return port < HD_PORTS_MAX ? fdb->n_port[port] : 0;
}

bool hd_fdb_next(const struct hd_fdb *fdb, uint32_t *cursor, const struct hd_fdb_entry **entry)
{
	while (*cursor < fdb->slots) {
		*entry = &fdb->entries[(*cursor)++];
		if (load_key(*entry) != 0)
			return true;
	}
	return false;
}
