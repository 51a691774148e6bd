/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which rule of a table a packet meets: tuple-space search.
 *
 * Rules of a table that have the same mask are a tuple. The words of the packet's key that the mask touches, masked,
 * lead through a hash (rule_heads.h) to the chain of rules with that very match: of other priorities, and of other
 * versions. PMDs walk an immutable array of the table's tuples, by falling highest priority, and stop where no tuple
 * can have a better rule than the one they have.
 *
 * Few of many tuples have a rule for a given packet, and there are far fewer masked words than tuples: a filter for
 * each of them (masked_word.h), tested once, says which tuples need not be looked at. The array says, for 64 tuples at
 * a time and each masked word, which of them look at it. A look-up so costs some 5 cycles for each masked word and one
 * look-up, of some 20 to 100, for each tuple that is left. Tables of fewer than HD_FILTERED_TUPLES tuples do without.
 *
 * What is linked is invisible until its version is published: lookups name the version that they want. The control
 * thread links rules first, then prepares arrays for the tables whose tuples have changed (this can fail) and publishes
 * them (this can't), then publishes the version. A rule that was removed stays linked until no PMD looks up with a
 * version that has it. A tuple's highest priority is therefore that of all linked rules; it may be too high for a
 * while after rules were unlinked, which costs time but is never wrong.
 *
 * Of equal priorities in one chain hidden rules come first, then later ones before earlier ones. Between tuples
 * OpenFlow leaves it open; here it is the tuple that is looked at first.
 */
#ifndef HD_FLOW_CLASSIFIER_H
#define HD_FLOW_CLASSIFIER_H

#include "masked_word.h"
#include "rule_node.h"

#define HD_FILTERED_TUPLES 4u

struct hd_tuple {
	/* Constant; read by PMDs. */
	uint64_t id; /* unique in the bridge, never used again */
	uint8_t n;   /* words that the mask touches */
	uint8_t word[HD_KEY_WORDS];
	uint64_t mask[HD_KEY_WORDS]; /* of those */
	/* The only chain there is if the mask is empty. Writer: control. Readers: PMDs. */
	hd_rule_link head;

	/* Control. */
	struct hd_key whole_mask;
	uint32_t n_masked; /* 0: the mask is empty */
	/* The whole key, then those of word[] and mask[]; NULL: there are too many in the table. */
	struct hd_masked_word *masked[HD_KEY_WORDS + 1];
	struct hd_rule_list rules; /* linked */
	uint32_t n_rules;
	uint32_t n_unlinked; /* since max_priority was last looked for */
	uint32_t hash;
	uint16_t max_priority; /* no linked rule has a higher one */
	uint8_t table;
	struct hd_tuple *next; /* in the index of masks */
	struct hd_retired retired;
};

struct hd_tuple_probe {
	uint64_t mask;
	const _Atomic uint64_t *filter; /* its words; they change */
	uint8_t shift;
	uint8_t word;
};

/* 64 tuples of an array. */
struct hd_tuple_block {
	uint32_t n_probes; /* those before look at masked words of these tuples, or of former ones */
	uint64_t *users;   /* for each of these probes: which of the tuples look at its masked word */
};

/* As PMDs see a table. Immutable. */
struct hd_tuple_array {
	struct hd_retired retired;
	uint32_t n;
	size_t bytes;
	struct hd_tuple_probe whole;  /* of whole keys */
	struct hd_tuple_block *block; /* NULL: without filters */
	struct hd_tuple_probe *probe; /* by the first tuple that looks at it; HD_MASKED_WORDS_MAX at most */
	struct hd_tuple_entry {
		struct hd_tuple *tuple;
		uint16_t max_priority; /* falling */
	} entry[];
};

struct hd_classifier_table {
	_Atomic(struct hd_tuple_array *) published; /* NULL: no rules. Writer: control. Readers: PMDs */
	/* Control. */
	struct hd_tuple_array *prepared;
	struct hd_tuple **tuple; /* all there are; sorted when prepared */
	uint32_t n, capacity;
	uint32_t n_changed; /* tuples that are new or have another max_priority */
	bool dirty;
	bool filtered; /* since it had many tuples, until it has none */
	struct hd_masked_list masked;
	uint32_t n_masked;
};

struct hd_classifier {
	struct hd_classifier_table table[HD_TABLES];
	struct hd_heads_set heads;

	/* Control. */
	struct hd_retire_queue *queue;
	struct hd_tuple **index; /* by table and mask; chains */
	uint32_t n_index;        /* a power of two */
	uint32_t n_tuples;
	uint64_t next_id;
};

int hd_classifier_init(struct hd_classifier *classifier, struct hd_retire_queue *queue);
void hd_classifier_fini(struct hd_classifier *classifier); /* rules are the caller's */

/* Any thread. See hd_tables_lookup. */
const struct hd_rule *hd_classifier_lookup(const struct hd_classifier *classifier, uint64_t version, uint8_t table,
					   const struct hd_key *key);

/* ---- Control thread ---- */

/* The rule in force with this table, match, priority and hidden, or NULL. */
struct hd_rule_node *hd_classifier_find(const struct hd_classifier *classifier, const struct hd_rule_spec *spec);
/* -ENOMEM. */
int hd_classifier_link(struct hd_classifier *classifier, struct hd_rule_node *node);
/* No version that PMDs look up with has it. To be retired at once: PMDs may still walk over it. */
void hd_classifier_unlink(struct hd_classifier *classifier, struct hd_rule_node *node);

/* New arrays for tables that have changed. -ENOMEM: none was made, all stays to be done. */
int hd_classifier_prepare(struct hd_classifier *classifier);
void hd_classifier_discard(struct hd_classifier *classifier); /* what was prepared */
void hd_classifier_publish(struct hd_classifier *classifier); /* the same */

uint64_t hd_classifier_bytes(const struct hd_classifier *classifier);

#endif
