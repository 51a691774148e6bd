/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PMD's flow cache: from what the rules can see of a packet to its program.
 *
 * KEY. The packet's fields under the union of all that the rules of its bridge look at (hd_shape), as few words as
 * that leaves for a packet of this class: an IPv6 word is no part of an IPv4 packet's key. The input port is always a
 * part, and with it the bridge.
 *
 * PLACE. Sets of eight ways. A set's signatures, 32 bits each, fill half a line; entries are a line each and hold the
 * whole key, so nothing depends on hashes being different. Keys of more than HD_CACHE_NEAR words go on in a line of a
 * second array, which is there once a bridge's rules need it. So an IPv4 packet costs two lines, both asked for
 * early: signatures (1 MiB for 262,144 flows), and its entry.
 *
 * TRUTH. An entry says in which version of the tables it was made. In another version it is as good as a miss, unless
 * the change log proves that no change since then can concern it. `epoch` does the same for all that is not in tables:
 * ports, bridges, programs' memory. Nothing ever walks the cache to remove something.
 *
 * SIZE. The control thread makes a larger one when it fills up, within the limit that is configured, and hands it over
 * (`offered`); the PMD takes it between two bursts, brings over what it still meets in the former one for some seconds,
 * and then gives that back. One PMD reads and writes it. Counters are read by the control thread.
 */
#ifndef HD_FLOW_CACHE_H
#define HD_FLOW_CACHE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include "../stats.h"
#include "key.h"

#define HD_CACHE_WAYS 8
#define HD_CACHE_NEAR 6 /* words of a key in an entry's own line */
#define HD_CACHE_FAR 8  /* words in the second line */
#define HD_CACHE_NONE UINT32_MAX
#define HD_CACHE_SETS_MIN 4096u /* 32,768 flows: 2 MiB and 128 KiB */
#define HD_CACHE_VERSION_BITS 44
#define HD_CACHE_SECRETS 4

static_assert(HD_CACHE_NEAR + HD_CACHE_FAR == HD_KEY_PACKET_WORDS, "room for all that a packet has");

struct hd_cache_signatures {
	alignas(32) uint32_t way[HD_CACHE_WAYS]; /* 0: empty */
};

struct hd_cache_entry {
	alignas(64) uint64_t key[HD_CACHE_NEAR];
	uint64_t stamp;   /* epoch and version: hd_cache_stamp */
	uint32_t program; /* index: hd_program_at */
	uint32_t hint;    /* where connection tracking found it */
};
static_assert(sizeof(struct hd_cache_entry) == 64, "an entry is one cache line");

struct hd_cache_far {
	alignas(64) uint64_t key[HD_CACHE_FAR];
};

/* The memory of a cache. */
struct hd_cache_tables {
	struct hd_cache_signatures *signatures;
	struct hd_cache_entry *entries;
	struct hd_cache_far *far; /* NULL: no bridge needs it */
	uint32_t n_sets;          /* a power of two */
	size_t bytes;
};

struct hd_cache {
	/* The PMD's. */
	struct hd_cache_tables *tables;
	struct hd_cache_tables *former; /* or NULL: smaller ones, from which entries are brought over ... */
	uint32_t former_until;          /* ... until this second */
	uint64_t epoch;
	uint64_t secret[HD_CACHE_SECRETS]; /* guests choose keys, but not the sets that they share */
	uint32_t victim;
	uint32_t puts; /* entries written: one that was found before may be another's since */
	hd_counter lookups, hits, revalidated, misses, evictions, flushes, entries;
	/* Shared. */
	_Atomic(struct hd_cache_tables *) offered; /* control stores (release), PMD takes (acquire) */
	_Atomic(struct hd_cache_tables *) retired; /* PMD stores (release), control frees (acquire) */
	_Atomic bool wants_far;                    /* PMD: a bridge's keys need second lines */
	/* The control thread's. */
	size_t limit;     /* bytes */
	uint64_t evicted; /* evictions at the last look */
	bool settling;    /* larger ones were offered: what was evicted before says nothing of them */
	uint32_t n_sets;  /* of the newest tables, offered ones included */
	bool has_far;
};

/* ---- Control ---- */

int hd_cache_init(struct hd_cache *cache); /* 0, -ENOMEM or -EIO */
void hd_cache_fini(struct hd_cache *cache);
/* Bytes that the cache may take; it does not shrink by itself below what it has. */
void hd_cache_limit(struct hd_cache *cache, size_t bytes);
/* Offer larger tables if these are filling up; free what the PMD gave back. A few times a second. */
void hd_cache_tick(struct hd_cache *cache);

/* Bytes that the newest tables take. */
size_t hd_cache_bytes(const struct hd_cache *cache);

/* ---- PMD ---- */

/* Take what was offered, and give back what is done with, between bursts. `seconds` is the data path's clock. */
void hd_cache_adopt(struct hd_cache *cache, uint32_t seconds);
/* The entry with this key in the former tables, brought over; or HD_CACHE_NONE. There are former tables. */
uint32_t hd_cache_recall(struct hd_cache *cache, uint64_t hash, const uint64_t *key, uint32_t n);

/* Everything that it holds is void. */
void hd_cache_flush(struct hd_cache *cache);

static inline uint64_t hd_cache_stamp(const struct hd_cache *cache, uint64_t version)
{
	return cache->epoch << HD_CACHE_VERSION_BITS | (version & (((uint64_t)1 << HD_CACHE_VERSION_BITS) - 1));
}

static inline uint64_t hd_cache_product(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hd_cache_mix(uint64_t hash, uint64_t word)
{
	return hd_cache_product(hash ^ word, 0x9e3779b97f4a7c15ull);
}

static inline uint32_t hd_cache_set(const struct hd_cache_tables *tables, uint64_t hash)
{
	return (uint32_t)hash & (tables->n_sets - 1);
}

static inline uint32_t hd_cache_signature(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

/* A bit for each way of the set with this signature. */
static inline uint32_t hd_cache_ways(const struct hd_cache_signatures *set, uint32_t signature)
{
#ifdef __SSE4_1__
	const __m128i wanted = _mm_set1_epi32((int)signature);
	__m128i low = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)&set->way[0]), wanted);
	__m128i high = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)&set->way[4]), wanted);

	return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(low)) | (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(high))
									  << 4;
#else
	uint32_t ways = 0;

	for (int way = 0; way < HD_CACHE_WAYS; way++)
		ways |= (uint32_t)(set->way[way] == signature) << way;
	return ways;
#endif
}

/* Is it the key of n words? */
static inline bool hd_cache_holds(const struct hd_cache_tables *tables, uint32_t entry, const uint64_t *key, uint32_t n)
{
	const struct hd_cache_entry *near = &tables->entries[entry];
	uint64_t differs = 0;
	uint32_t i = 0;

	for (; i < n && i < HD_CACHE_NEAR; i++)
		differs |= near->key[i] ^ key[i];
	for (; i < n; i++)
		differs |= tables->far[entry].key[i - HD_CACHE_NEAR] ^ key[i];
	return differs == 0;
}

/* The entry with this key, or HD_CACHE_NONE. Keys of more than HD_CACHE_NEAR words only if there is `far`. */
static inline uint32_t hd_cache_find(const struct hd_cache_tables *tables, uint64_t hash, const uint64_t *key,
				     uint32_t n)
{
	uint32_t set = hd_cache_set(tables, hash);
	uint32_t ways = hd_cache_ways(&tables->signatures[set], hd_cache_signature(hash));

	for (; ways != 0; ways &= ways - 1) {
		uint32_t entry = set * HD_CACHE_WAYS + (uint32_t)__builtin_ctz(ways);

		if (hd_cache_holds(tables, entry, key, n))
			return entry;
	}
	return HD_CACHE_NONE;
}

/* An entry for this key: its own, an empty or void one, or another's. Its stamp and program are the caller's to set. */
struct hd_cache_entry *hd_cache_put(struct hd_cache *cache, uint64_t hash, const uint64_t *key, uint32_t n);

#endif
