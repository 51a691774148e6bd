/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PMD's FDB cache: where in the FDB the two addresses of a packet are.
 *
 * The key is what a bridge without rules looks at, both addresses and the VLAN, as a 64-bit hash of the FDB keys. A way
 * is one 64-bit word: a signature of 22 bits and the two positions in the FDB. Eight ways make a set, one cache line. A
 * way is a hint and is never trusted: whoever follows it compares the FDB entries' own keys with the packet's addresses
 * (hd_fdb_match), so a wrong signature, a moved, aged or reused entry costs a look-up and never a wrong decision.
 * That is why nothing ever invalidates the cache.
 *
 * One PMD reads and writes it: no synchronisation. Cost: one cache line a packet, and the two FDB entries.
 */
#ifndef HD_FDB_CACHE_H
#define HD_FDB_CACHE_H

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#define HD_FDB_CACHE_WAYS 8
#define HD_FDB_CACHE_SETS 65536u /* 4 MiB: half a million flows */
#define HD_FDB_CACHE_POSITION_BITS 21
#define HD_FDB_CACHE_POSITION_MASK ((1u << HD_FDB_CACHE_POSITION_BITS) - 1)
#define HD_FDB_CACHE_NONE UINT64_MAX

struct hd_fdb_cache_set {
	alignas(64) uint64_t way[HD_FDB_CACHE_WAYS];
};
static_assert(sizeof(struct hd_fdb_cache_set) == 64, "a set is one cache line");

struct hd_fdb_cache {
	struct hd_fdb_cache_set
		*sets; /* HD_FDB_CACHE_SETS, zeroed: position 0 for all, which is as good a hint as any */
	uint32_t victim;
};

/* Hash of the FDB keys of both addresses; `seed` tells bridges apart. */
static inline uint64_t hd_fdb_cache_hash(uint64_t destination, uint64_t source, uint32_t seed)
{
	/* Both halves of one product: every bit of the keys reaches every bit of the hash. */
	unsigned __int128 product =
		(unsigned __int128)(destination ^ (0x9e3779b97f4a7c15ull + seed)) * (source ^ 0xc2b2ae3d27d4eb4full);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline struct hd_fdb_cache_set *hd_fdb_cache_set(const struct hd_fdb_cache *cache, uint64_t hash)
{
	return &cache->sets[(hash >> 24) % HD_FDB_CACHE_SETS];
}

static inline uint64_t hd_fdb_cache_signature(uint64_t hash)
{
	return hash & ~(uint64_t)0 << (2 * HD_FDB_CACHE_POSITION_BITS);
}

static inline uint32_t hd_fdb_cache_source(uint64_t way)
{
	return (uint32_t)(way >> HD_FDB_CACHE_POSITION_BITS) & HD_FDB_CACHE_POSITION_MASK;
}

static inline uint32_t hd_fdb_cache_destination(uint64_t way)
{
	return (uint32_t)way & HD_FDB_CACHE_POSITION_MASK;
}

/* A bit for each way with this signature. */
static inline uint32_t hd_fdb_cache_hits(const struct hd_fdb_cache_set *set, uint64_t signature)
{
	uint32_t hits = 0;

#ifdef __SSE4_1__
	const __m128i wanted = _mm_set1_epi64x((long long)signature);
	const __m128i mask = _mm_set1_epi64x((long long)hd_fdb_cache_signature(UINT64_MAX));

	for (int way = 0; way < HD_FDB_CACHE_WAYS; way += 2) {
		__m128i pair = _mm_load_si128((const __m128i *)&set->way[way]);
		__m128i equal = _mm_cmpeq_epi64(_mm_and_si128(pair, mask), wanted);

		hits |= (uint32_t)_mm_movemask_pd(_mm_castsi128_pd(equal)) << way;
	}
#else
	for (int way = 0; way < HD_FDB_CACHE_WAYS; way++)
		hits |= (uint32_t)(hd_fdb_cache_signature(set->way[way]) == signature) << way;
#endif
	return hits;
}

/* The way with this signature, or HD_FDB_CACHE_NONE. */
static inline uint64_t hd_fdb_cache_find(const struct hd_fdb_cache_set *set, uint64_t hash)
{
	uint32_t hits = hd_fdb_cache_hits(set, hd_fdb_cache_signature(hash));

	return hits != 0 ? set->way[__builtin_ctz(hits)] : HD_FDB_CACHE_NONE;
}

/* Remember; replaces the way with the same signature, or any other. */
static inline void hd_fdb_cache_insert(struct hd_fdb_cache *cache, uint64_t hash, uint32_t source, uint32_t destination)
{
	struct hd_fdb_cache_set *set = hd_fdb_cache_set(cache, hash);
	uint64_t signature = hd_fdb_cache_signature(hash);
	uint32_t hits = hd_fdb_cache_hits(set, signature);
	int way = hits != 0 ? __builtin_ctz(hits) : (int)(cache->victim++ % HD_FDB_CACHE_WAYS);

	set->way[way] = signature | (uint64_t)source << HD_FDB_CACHE_POSITION_BITS | destination;
}

#endif
