/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding database of one bridge: which port a MAC address of a VLAN lives behind.
 *
 * An entry is found by its key in an rte_hash (lock-free readers, one writer); the hash's position is the index
 * of the entry in a fixed array of 16-byte entries, four to a cache line. The entry repeats the key. So whoever
 * remembers an index (the PMDs' FDB cache does) checks the remembered index against the entry's key and needs no
 * version, generation or invalidation: a moved address shows its new port, a deleted one has key 0 and no longer
 * matches.
 *
 * Threads: hd_fdb_find* and the entry accessors from PMD threads (registered with the RCU variable and quiescent
 * between bursts); everything else from the control thread, the one writer. A deleted entry's slot is used again
 * only after a grace period, so a reader that has matched a key reads that key's port.
 *
 * The hash is keyed with a secret of each database: a guest chooses its addresses, but not the buckets they share.
 * It has slots for the limit and an eighth more (at least 64), for those that wait for their grace period; with
 * extendable buckets any set of `limit` keys fits.
 *
 * Cost: a find is two or three cache lines of the hash and one of the array; through a remembered index, one.
 */
#ifndef HD_FDB_H
#define HD_FDB_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <heddle/limits.h>

struct rte_rcu_qsbr;
struct hd_fdb;

#define HD_FDB_STATIC (1u << 0) /* configured, never aged, never moved */
#define HD_FDB_BULK 64          /* keys of one hd_fdb_find_bulk */

struct hd_fdb_entry {
	_Atomic uint64_t key;       /* writer: control; 0: empty. Stored last (release), pairs with hd_fdb_match */
	_Atomic uint32_t last_seen; /* seconds of hd_clock; writers: control and PMDs, at most once a second */
	_Atomic uint16_t port;      /* writer: control */
	_Atomic uint16_t flags;     /* HD_FDB_*; writer: control */
};
static_assert(sizeof(struct hd_fdb_entry) == 16, "four entries a cache line");

/*
 * The key of an address in a VLAN: never 0 for an address that may be learnt (0 matches an
 * empty entry: do not look for it). Reads 6 bytes at mac.
 */
static inline uint64_t hd_fdb_key(const uint8_t *mac, uint16_t vlan)
{
	uint32_t high;
	uint16_t low;

	memcpy(&high, mac, 4);
	memcpy(&low, mac + 4, 2);
	return (uint64_t)high | (uint64_t)low << 32 | (uint64_t)vlan << 48;
}

static inline void hd_fdb_key_mac(uint64_t key, uint8_t mac[6])
{
	memcpy(mac, &key, 6); /* little endian, as is every machine with a supported DPDK vhost */
}

static inline uint16_t hd_fdb_key_vlan(uint64_t key)
{
	return (uint16_t)(key >> 48);
}

/*
 * A database of at most `limit` entries. `name` shows up in the names of DPDK's objects and need not be unique; `rcu`
 * is the variable PMDs report to. Returns 0, -ENOMEM, or -EINVAL (limit out of HD_FDB_LIMIT_MIN..MAX).
 */
int hd_fdb_create(const char *name, uint32_t limit, struct rte_rcu_qsbr *rcu, struct hd_fdb **fdb);
/* No reader may be left. Accepts NULL. */
void hd_fdb_destroy(struct hd_fdb *fdb);

/* PMD threads. The entry array; any of its hd_fdb_size entries may be read, and tells with its key whose it is. */
const struct hd_fdb_entry *hd_fdb_entries(const struct hd_fdb *fdb);
/* How many entries the array has, taken or not: more than the limit. */
uint32_t hd_fdb_size(const struct hd_fdb *fdb);
/* The index of a key's entry, or -ENOENT. */
int32_t hd_fdb_find(const struct hd_fdb *fdb, uint64_t key);
/* The indices of n (0..HD_FDB_BULK) keys, -1 for those without an entry: their cache misses overlap. */
void hd_fdb_find_bulk(const struct hd_fdb *fdb, const uint64_t *keys, uint32_t n, int32_t *positions);

/* Does the entry (at a remembered index) still hold `key`? Then its port may be read. */
static inline bool hd_fdb_match(const struct hd_fdb_entry *entry, uint64_t key)
{
	return atomic_load_explicit((_Atomic uint64_t *)&entry->key, memory_order_acquire) == key;
}

/* Control thread from here on. */

/*
 * What a PMD saw: `key` came in by `port` at `now`. Adds, refreshes or moves the entry.
 * Returns 0 (known), 1 (added), 2 (moved), -EPERM (static elsewhere: left alone), -ENOSPC (limit reached, or all free
 * slots are waiting for their grace period), -EINVAL (key 0, or port out of 0..HD_PORTS_MAX-1).
 */
int hd_fdb_learn(struct hd_fdb *fdb, uint64_t key, uint16_t port, uint32_t now);
/*
 * A static entry; takes over a learnt or static one of the same key. At the limit it replaces some learnt entry, so
 * that guests can't keep a configuration from being applied. If all free slots are waiting for their grace period, so
 * does this call: the caller must not itself be an online reader. Returns 0, -ENOSPC (all entries are static), or
 * -EINVAL as learn does.
 */
int hd_fdb_add_static(struct hd_fdb *fdb, uint64_t key, uint16_t port);
/* Returns 0 or -ENOENT. */
int hd_fdb_del(struct hd_fdb *fdb, uint64_t key);

struct hd_fdb_filter {
	int port;     /* only of this port; -1: any */
	int vlan;     /* only of this VLAN; -1: any */
	bool statics; /* static entries as well */
};
/* Delete what matches; returns how many. */
uint32_t hd_fdb_flush(struct hd_fdb *fdb, const struct hd_fdb_filter *filter);
/*
 * Delete learnt entries not seen for `ageing` seconds; none if that is 0. Looks at no more than `budget` slots a call,
 * going on where the last call ended, so that the control thread stays responsive. Returns how many were deleted.
 */
uint32_t hd_fdb_age(struct hd_fdb *fdb, uint32_t now, uint32_t ageing, uint32_t budget);
/* Give back slots whose grace period is over. Never waits. Called by age, and by learn when short of slots. */
void hd_fdb_reclaim(struct hd_fdb *fdb);

/*
 * Copy what `from` holds to `to`, which no reader knows yet (the limit changed): static entries first, then learnt
 * ones, the most recently seen first, as far as they fit. Entries that `to` has already stay as they are.
 * Returns 0, -ENOSPC if not even the static ones fit, or -ENOMEM; `to` is then to be destroyed.
 */
int hd_fdb_copy(struct hd_fdb *to, const struct hd_fdb *from);

/* Entries present, and how many of them are static. */
uint32_t hd_fdb_count(const struct hd_fdb *fdb);
uint32_t hd_fdb_count_static(const struct hd_fdb *fdb);
uint32_t hd_fdb_limit(const struct hd_fdb *fdb);
/* Entries of a port, static and learnt. */
uint32_t hd_fdb_count_port(const struct hd_fdb *fdb, uint16_t port);

/* Visit every entry: start with *cursor = 0; false at the end. */
bool hd_fdb_next(const struct hd_fdb *fdb, uint32_t *cursor, const struct hd_fdb_entry **entry);

#endif
