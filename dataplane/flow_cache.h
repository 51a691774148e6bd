/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PMD's flow cache: where in the FDB the two addresses of a flow are.
 *
 * The key is what a bridge without rules looks at, both addresses and the VLAN, as a 64-bit hash. A way is one
 * 64-bit word: a signature of 22 bits and the two positions in the FDB. Eight ways make a set, one cache line. A way
 * is a hint and is never trusted: whoever follows it compares the FDB entries' own keys with the packet's addresses
 * (hd_fdb_match), so a wrong signature, a moved, aged or reused entry costs a look-up and never a wrong decision.
 * That is why nothing ever invalidates the cache.
 *
 * One PMD reads and writes it: no synchronisation. Cost: one cache line a packet, and the two FDB entries.
 */
#ifndef HD_FLOW_CACHE_H
#define HD_FLOW_CACHE_H

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include <rte_hash_crc.h>
#include <rte_prefetch.h>

#define HD_FLOW_WAYS 8
#define HD_FLOW_SETS 65536u /* 4 MiB: half a million flows */
#define HD_FLOW_POSITION_BITS 21
#define HD_FLOW_POSITION_MASK ((1u << HD_FLOW_POSITION_BITS) - 1)
#define HD_FLOW_NONE UINT64_MAX

struct hd_flow_set {
	alignas(64) uint64_t way[HD_FLOW_WAYS];
};
static_assert(sizeof(struct hd_flow_set) == 64, "a set is one cache line");

struct hd_flow_cache {
	struct hd_flow_set *sets; /* HD_FLOW_SETS, zeroed: position 0 for all, which is as good a hint as any */
	uint32_t victim;
};

/* Hash of the 12 address bytes at the front of a frame and the VLAN; `seed` tells bridges apart. */
static inline uint64_t hd_flow_hash(const uint8_t *addresses, uint16_t vlan, uint32_t seed)
{
	uint64_t low;
	uint32_t high;
	uint32_t a;

	memcpy(&low, addresses, 8);
	memcpy(&high, addresses + 8, 4);
	a = rte_hash_crc_8byte(low, seed ^ vlan);
	a = rte_hash_crc_4byte(high, a);
	return (uint64_t)a * 0x9e3779b97f4a7c15ull; /* spread 32 bits over set index and signature */
}

static inline struct hd_flow_set *hd_flow_set(const struct hd_flow_cache *cache, uint64_t hash)
{
	return &cache->sets[(hash >> 24) % HD_FLOW_SETS];
}

static inline uint64_t hd_flow_signature(uint64_t hash)
{
	return hash & ~(uint64_t)0 << (2 * HD_FLOW_POSITION_BITS);
}

static inline uint32_t hd_flow_source(uint64_t way)
{
	return (uint32_t)(way >> HD_FLOW_POSITION_BITS) & HD_FLOW_POSITION_MASK;
}

static inline uint32_t hd_flow_destination(uint64_t way)
{
	return (uint32_t)way & HD_FLOW_POSITION_MASK;
}

/* The way with this signature, or HD_FLOW_NONE. */
static inline uint64_t hd_flow_find(const struct hd_flow_set *set, uint64_t hash)
{
	uint64_t signature = hd_flow_signature(hash);
	uint32_t hits = 0;

	/* All eight, without branches. */
	for (int way = 0; way < HD_FLOW_WAYS; way++)
		hits |= (uint32_t)(hd_flow_signature(set->way[way]) == signature) << way;
	return hits != 0 ? set->way[__builtin_ctz(hits)] : HD_FLOW_NONE;
}

/* Remember; replaces the way with the same signature, or any other. */
static inline void hd_flow_insert(struct hd_flow_cache *cache, uint64_t hash, uint32_t source, uint32_t destination)
{
	struct hd_flow_set *set = hd_flow_set(cache, hash);
	uint64_t signature = hd_flow_signature(hash);
	int way = (int)(cache->victim++ % HD_FLOW_WAYS);

	for (int i = 0; i < HD_FLOW_WAYS; i++) {
		if (hd_flow_signature(set->way[i]) == signature)
			way = i;
	}
	set->way[way] = signature | (uint64_t)source << HD_FLOW_POSITION_BITS | destination;
}

#endif
