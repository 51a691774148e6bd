/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash tables that lead from masked words to rules, and their growth. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_common.h>
#include <rte_hash.h>

#include "rule_heads.h"

#define ENTRIES_MIN 64u
#define ENTRIES_SHRINK 4096u /* smaller ones stay as they are */

static inline struct hd_heads *load(const struct hd_heads_set *set, uint32_t n)
{
	return atomic_load_explicit(&set->width[n], memory_order_acquire); /* pairs with the release in replace() */
}

/* What rte_hash is given of a hash. */
static inline hash_sig_t sign(uint64_t hash)
{
	return (hash_sig_t)(hash ^ hash >> 32);
}

static inline hash_sig_t hash_key(const struct hd_heads_set *set, const uint64_t *words, uint32_t n)
{
	return sign(hd_heads_hash(set, words, n));
}

int hd_heads_init(struct hd_heads_set *set, struct hd_retire_queue *queue)
{
	if (getrandom(set->secret, sizeof(set->secret), 0) != sizeof(set->secret))
		return -EIO;
	set->secret[1] |= 1;
	set->queue = queue;
	return 0;
}

static void destroy(struct hd_heads *heads)
{
	if (heads != NULL)
		rte_hash_free(heads->hash);
	free(heads);
}

void hd_heads_fini(struct hd_heads_set *set)
{
	for (uint32_t n = 0; n <= HD_KEY_WORDS; n++)
		destroy(load(set, n));
}

static struct hd_heads *create(uint32_t n, uint32_t entries)
{
	static _Atomic uint32_t serial;
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters params = {
		.name = name,
		.entries = entries,
		.key_len = (n + 1) * sizeof(uint64_t),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};
	/* rte_hash numbers its slots from 0 to one less than its entries. */
	struct hd_heads *heads = calloc(1, sizeof(*heads) + entries * sizeof(heads->head[0]));

	if (heads == NULL)
		return NULL;
	snprintf(name, sizeof(name), "%08x-rules", atomic_fetch_add(&serial, 1));
	heads->hash = rte_hash_create(&params);
	heads->entries = entries;
	if (heads->hash == NULL) {
		free(heads);
		return NULL;
	}
	return heads;
}

/* Returns -ENOSPC if the hash finds no room for the key: that can happen before it is full. */
static int32_t add_key(const struct hd_heads_set *set, struct hd_heads *heads, const uint64_t *words, uint32_t n)
{
	int32_t position = rte_hash_add_key_with_hash(heads->hash, words, hash_key(set, words, n));

	if (position < 0)
		return -ENOSPC;
	heads->live++;
	heads->taken++;
	return position;
}

static int copy(const struct hd_heads_set *set, const struct hd_heads *from, struct hd_heads *to, uint32_t n)
{
	const void *words;
	void *data;
	uint32_t cursor = 0;
	int32_t position;

	while ((position = rte_hash_iterate(from->hash, &words, &data, &cursor)) >= 0) {
		int32_t copied = add_key(set, to, words, n);

		if (copied < 0)
			return copied;
		atomic_store_explicit(&to->head[copied],
				      atomic_load_explicit(&from->head[position], memory_order_relaxed),
				      memory_order_release); /* pairs with lookups' acquire */
	}
	return 0;
}

static void release_heads(struct hd_retired *retired, void *context)
{
	destroy(container_of(retired, struct hd_heads, retired));
}

/* Put a table of at least `entries` in place of the present one, if any. NULL if out of memory. */
static struct hd_heads *replace(struct hd_heads_set *set, uint32_t n, uint32_t entries)
{
	struct hd_heads *former = load(set, n), *heads;

	for (entries = RTE_MAX(entries, ENTRIES_MIN); entries <= RTE_HASH_ENTRIES_MAX / 2; entries *= 2) {
		heads = create(n, entries);
		if (heads == NULL)
			return NULL;
		if (former == NULL || copy(set, former, heads, n) == 0) {
			atomic_store_explicit(&set->width[n], heads, memory_order_release); /* pairs with load() */
			if (former != NULL)
				hd_retire(set->queue, &former->retired, release_heads);
			return heads;
		}
		destroy(heads);
	}
	return NULL;
}

hd_rule_link *hd_heads_find(const struct hd_heads_set *set, const struct hd_heads_key *key, uint64_t hash)
{
	struct hd_heads *heads = load(set, key->n);
	int32_t position;

	if (heads == NULL)
		return NULL;
	position = rte_hash_lookup_with_hash(heads->hash, key->word, sign(hash));
	return position >= 0 ? &heads->head[position] : NULL;
}

hd_rule_link *hd_heads_insert(struct hd_heads_set *set, const struct hd_heads_key *key)
{
	hd_rule_link *found = hd_heads_find(set, key, hd_heads_hash(set, key->word, key->n));
	struct hd_heads *heads = load(set, key->n);
	int32_t position = -ENOSPC;

	if (found != NULL)
		return found;
	if (heads != NULL && heads->taken < heads->entries / 8 * 7)
		position = add_key(set, heads, key->word, key->n);
	while (position < 0) {
		uint32_t wanted = heads == NULL ? ENTRIES_MIN : rte_align32pow2(heads->live + 1) * 2;

		/* It was sparse already, and this key had no room all the same. */
		if (heads != NULL && heads->entries >= wanted && heads->taken == heads->live)
			wanted = heads->entries * 2;
		heads = replace(set, key->n, wanted);
		if (heads == NULL)
			return NULL;
		position = add_key(set, heads, key->word, key->n);
	}
	/* The slot's former key left it empty, a grace period ago. */
	return &heads->head[position];
}

void hd_heads_erase(struct hd_heads_set *set, const struct hd_heads_key *key, struct hd_heads_place *place)
{
	struct hd_heads *heads = load(set, key->n);

	place->heads = heads;
	place->position = rte_hash_del_key_with_hash(heads->hash, key->word, hash_key(set, key->word, key->n));
	heads->live--;
}

void hd_heads_release(struct hd_heads_place *place)
{
	if (place->heads == NULL)
		return;
	rte_hash_free_key_with_position(place->heads->hash, place->position);
	place->heads->taken--;
	place->heads = NULL;
}

void hd_heads_shrink(struct hd_heads_set *set)
{
	for (uint32_t n = 0; n <= HD_KEY_WORDS; n++) {
		struct hd_heads *heads = load(set, n);

		if (heads != NULL && heads->entries > ENTRIES_SHRINK && heads->taken < heads->entries / 16)
			replace(set, n, rte_align32pow2(heads->live + 1) * 2);
	}
}

uint64_t hd_heads_bytes(const struct hd_heads_set *set)
{
	uint64_t bytes = 0;

	/* What rte_hash takes: a slot of 16-byte steps with the key and a pointer, 8 bytes in buckets, 4 in its ring.
	 */
	for (uint32_t n = 0; n <= HD_KEY_WORDS; n++) {
		const struct hd_heads *heads = load(set, n);

		if (heads != NULL)
			bytes += sizeof(*heads) + (uint64_t)heads->entries * (sizeof(heads->head[0]) +
									      RTE_ALIGN_CEIL((n + 2) * 8, 16) + 8 + 4);
	}
	return bytes;
}
