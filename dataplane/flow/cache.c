/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns a PMD's flow cache: its memory, its growth, the choice of whom to replace. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_branch_prediction.h>

#include "cache.h"
#include "memory_map.h"

#define FORMER_SECONDS 3

static size_t bytes_of(uint32_t n_sets, bool far)
{
	size_t entry = sizeof(struct hd_cache_entry) + (far ? sizeof(struct hd_cache_far) : 0);

	return (size_t)n_sets * (sizeof(struct hd_cache_signatures) + HD_CACHE_WAYS * entry);
}

static void destroy(struct hd_cache_tables *tables)
{
	size_t n_entries;

	if (tables == NULL)
		return;
	n_entries = (size_t)tables->n_sets * HD_CACHE_WAYS;
	hd_memory_unmap(tables->signatures, tables->n_sets * sizeof(*tables->signatures));
	hd_memory_unmap(tables->entries, n_entries * sizeof(*tables->entries));
	hd_memory_unmap(tables->far, n_entries * sizeof(*tables->far));
	free(tables);
}

static struct hd_cache_tables *create(uint32_t n_sets, bool far)
{
	struct hd_cache_tables *tables = calloc(1, sizeof(*tables));
	size_t n_entries = (size_t)n_sets * HD_CACHE_WAYS;

	if (tables == NULL)
		return NULL;
	tables->n_sets = n_sets;
	tables->bytes = bytes_of(n_sets, far);
	tables->signatures = hd_memory_map(n_sets * sizeof(*tables->signatures));
	tables->entries = hd_memory_map(n_entries * sizeof(*tables->entries));
	tables->far = far ? hd_memory_map(n_entries * sizeof(*tables->far)) : NULL;
	if (tables->signatures == NULL || tables->entries == NULL || (far && tables->far == NULL)) {
		destroy(tables);
		return NULL;
	}
	return tables;
}

int hd_cache_init(struct hd_cache *cache)
{
	memset(cache, 0, sizeof(*cache));
	cache->tables = create(HD_CACHE_SETS_MIN, false);
	if (cache->tables == NULL)
		return -ENOMEM;
	cache->n_sets = HD_CACHE_SETS_MIN;
	cache->limit = bytes_of(HD_CACHE_SETS_MIN, true);
	if (getrandom(cache->secret, sizeof(cache->secret), 0) != sizeof(cache->secret)) {
		hd_cache_fini(cache);
		return -EIO;
	}
	cache->epoch = 1;
	return 0;
}

void hd_cache_fini(struct hd_cache *cache)
{
	destroy(atomic_load(&cache->offered));
	destroy(atomic_load(&cache->retired));
	destroy(cache->former);
	destroy(cache->tables);
	cache->former = NULL;
	cache->tables = NULL;
}

void hd_cache_limit(struct hd_cache *cache, size_t bytes)
{
	cache->limit = bytes;
}

size_t hd_cache_bytes(const struct hd_cache *cache)
{
	return bytes_of(cache->n_sets, cache->has_far);
}

/* Half of it in use: sets of eight begin to overflow. A quarter, and many do: its keys share sets. */
static bool crowded(struct hd_cache *cache)
{
	uint64_t capacity = (uint64_t)cache->n_sets * HD_CACHE_WAYS;
	uint64_t entries = hd_counted(&cache->entries);
	uint64_t evictions = hd_counted(&cache->evictions);
	uint64_t evicted = evictions - cache->evicted;

	cache->evicted = evictions;
	if (cache->settling) {
		cache->settling = false;
		return false;
	}
	return entries > capacity / 2 || (entries > capacity / 4 && evicted > cache->n_sets / 8);
}

void hd_cache_tick(struct hd_cache *cache)
{
	bool far = cache->has_far || atomic_load_explicit(&cache->wants_far, memory_order_relaxed);
	uint32_t n_sets = cache->n_sets;
	struct hd_cache_tables *tables;

	/* Pairs with hd_cache_adopt. */
	destroy(atomic_exchange_explicit(&cache->retired, NULL, memory_order_acquire));
	if (atomic_load_explicit(&cache->offered, memory_order_relaxed) != NULL)
		return;
	if (crowded(cache)) {
		if (bytes_of(n_sets * 4, far) <= cache->limit)
			n_sets *= 4;
		else if (bytes_of(n_sets * 2, far) <= cache->limit)
			n_sets *= 2;
	}
	if (n_sets == cache->n_sets && far == cache->has_far)
		return;
	tables = create(n_sets, far);
	if (tables == NULL)
		return; /* it goes on with what it has */
	cache->n_sets = n_sets;
	cache->has_far = far;
	cache->settling = true;
	/* Pairs with hd_cache_adopt. */
	atomic_store_explicit(&cache->offered, tables, memory_order_release);
}

/* One is retired at a time: the next waits until the control thread has taken it. */
static bool retire_former(struct hd_cache *cache)
{
	if (atomic_load_explicit(&cache->retired, memory_order_relaxed) != NULL)
		return false;
	/* Pairs with hd_cache_tick. */
	atomic_store_explicit(&cache->retired, cache->former, memory_order_release);
	cache->former = NULL;
	return true;
}

void hd_cache_adopt(struct hd_cache *cache, uint32_t seconds)
{
	struct hd_cache_tables *tables;

	bool offered = atomic_load_explicit(&cache->offered, memory_order_relaxed) != NULL;

	if (likely(cache->former == NULL && !offered))
		return;
	if (cache->former != NULL && ((!offered && seconds < cache->former_until) || !retire_former(cache)))
		return;
	/* Pairs with hd_cache_tick. */
	tables = atomic_exchange_explicit(&cache->offered, NULL, memory_order_acquire);
	if (tables == NULL)
		return;
	cache->former = cache->tables;
	cache->former_until = seconds + FORMER_SECONDS;
	cache->tables = tables;
	atomic_store_explicit(&cache->entries, 0, memory_order_relaxed);
}

uint32_t hd_cache_recall(struct hd_cache *cache, uint64_t hash, const uint64_t *key, uint32_t n)
{
	const struct hd_cache_entry *entry;
	struct hd_cache_entry *copy;
	uint32_t at;

	if (n > HD_CACHE_NEAR && cache->former->far == NULL)
		return HD_CACHE_NONE;
	at = hd_cache_find(cache->former, hash, key, n);
	if (at == HD_CACHE_NONE)
		return HD_CACHE_NONE;
	entry = &cache->former->entries[at];
	copy = hd_cache_put(cache, hash, key, n);
	copy->stamp = entry->stamp;
	copy->program = entry->program;
	copy->hint = entry->hint;
	return (uint32_t)(copy - cache->tables->entries);
}

void hd_cache_flush(struct hd_cache *cache)
{
	const uint64_t epochs = (uint64_t)1 << (64 - HD_CACHE_VERSION_BITS);

	cache->epoch = (cache->epoch + 1) % epochs;
	cache->former_until = 0; /* nothing in it is worth bringing over */
	hd_count(&cache->flushes, 1);
	if (cache->epoch != 0)
		return;
	/* A stamp of a million flushes ago would look new. */
	memset(cache->tables->signatures, 0, cache->tables->n_sets * sizeof(*cache->tables->signatures));
	atomic_store_explicit(&cache->entries, 0, memory_order_relaxed);
	cache->epoch = 1;
}

/* Whose place to take: an empty or void entry's, or the next in turn. */
static uint32_t choose(struct hd_cache *cache, uint32_t set)
{
	struct hd_cache_tables *tables = cache->tables;
	const struct hd_cache_signatures *signatures = &tables->signatures[set];
	const struct hd_cache_entry *entries = &tables->entries[(size_t)set * HD_CACHE_WAYS];

	for (uint32_t way = 0; way < HD_CACHE_WAYS; way++) {
		if (signatures->way[way] == 0) {
			hd_count(&cache->entries, 1);
			return way;
		}
	}
	for (uint32_t way = 0; way < HD_CACHE_WAYS; way++)
		if (entries[way].stamp >> HD_CACHE_VERSION_BITS != cache->epoch)
			return way;
	hd_count(&cache->evictions, 1);
	return cache->victim++ % HD_CACHE_WAYS;
}

struct hd_cache_entry *hd_cache_put(struct hd_cache *cache, uint64_t hash, const uint64_t *key, uint32_t n)
{
	struct hd_cache_tables *tables = cache->tables;
	uint32_t at = hd_cache_find(tables, hash, key, n);
	uint32_t set = hd_cache_set(tables, hash);
	struct hd_cache_entry *entry;

	if (at == HD_CACHE_NONE) {
		uint32_t way = choose(cache, set);

		tables->signatures[set].way[way] = hd_cache_signature(hash);
		at = set * HD_CACHE_WAYS + way;
	}
	cache->puts++;
	entry = &tables->entries[at];
	for (uint32_t i = 0; i < HD_CACHE_NEAR; i++)
		entry->key[i] = i < n ? key[i] : 0;
	for (uint32_t i = HD_CACHE_NEAR; i < n; i++)
		tables->far[at].key[i - HD_CACHE_NEAR] = key[i];
	entry->hint = 0;
	return entry;
}
