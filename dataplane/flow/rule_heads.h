/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where chains of rules begin: rte_hash tables that lead from a tuple's number and a packet's masked words to the first
 * rule that has just these.
 *
 * All tuples of a bridge with the same number of words share one rte_hash, whose keys begin with the tuple's number.
 * One for each tuple would cost some 5 KiB and a memzone each, and a process has no more than 2,560 memzones
 * (RTE_MAX_MEMZONE) for all its rings, pools and hashes. A table that fills up is replaced by a larger one, which is
 * filled before PMDs see it; the old one goes after a grace period.
 *
 * One writer, the control thread; PMDs look up without locks. The hash is keyed with a secret, as the FDB's: guests
 * may have a say in what rules are learnt.
 */
#ifndef HD_FLOW_RULE_HEADS_H
#define HD_FLOW_RULE_HEADS_H

#include <stdatomic.h>

#include "key.h"
#include "retire.h"

struct hd_rule;
struct rte_hash;

typedef _Atomic(struct hd_rule *) hd_rule_link;

/* The hash of one width. */
struct hd_heads {
	struct rte_hash *hash;
	uint32_t entries; /* it has room for */
	uint32_t live;    /* keys. Control */
	uint32_t taken;   /* slots: keys, and those deleted whose grace period is not over. Control */
	struct hd_retired retired;
	hd_rule_link head[]; /* by the key's position in the hash */
};

/* word[0] is the tuple's number, n words follow. */
struct hd_heads_key {
	uint64_t word[1 + HD_KEY_WORDS];
	uint32_t n;
};

/* A deleted key's slot. */
struct hd_heads_place {
	struct hd_heads *heads; /* NULL: none */
	int32_t position;
};

struct hd_heads_set {
	_Atomic(struct hd_heads *) width[HD_KEY_WORDS + 1]; /* by n. Writer: control */
	uint64_t secret[2];
	struct hd_retire_queue *queue;
};

int hd_heads_init(struct hd_heads_set *set, struct hd_retire_queue *queue);
void hd_heads_fini(struct hd_heads_set *set);

/* As the FDB's: a product with secret factors can't be steered without the secret. */
static inline uint64_t hd_heads_hash_word(const struct hd_heads_set *set, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(word ^ set->secret[0]) * set->secret[1];

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The products don't wait for each other. */
static inline uint64_t hd_heads_hash(const struct hd_heads_set *set, const uint64_t *words, uint32_t n)
{
	uint64_t hash = hd_heads_hash_word(set, words[0]);

	for (uint32_t i = 1; i <= n; i++)
		hash = (hash << 23 | hash >> 41) ^ hd_heads_hash_word(set, words[i]);
	return hash;
}

/* Any thread. Where the chain of this key, with its hash, begins, or NULL. */
hd_rule_link *hd_heads_find(const struct hd_heads_set *set, const struct hd_heads_key *key, uint64_t hash);

/* Control thread. The same, made if it is not there (an empty chain). NULL if out of memory. */
hd_rule_link *hd_heads_insert(struct hd_heads_set *set, const struct hd_heads_key *key);
/* The chain is empty. The place is to be released after a grace period, which is to be asked for at once. */
void hd_heads_erase(struct hd_heads_set *set, const struct hd_heads_key *key, struct hd_heads_place *place);
void hd_heads_release(struct hd_heads_place *place);
/* Replace tables that have become far too large. */
void hd_heads_shrink(struct hd_heads_set *set);
uint64_t hd_heads_bytes(const struct hd_heads_set *set);

#endif
