/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The masked words of a table: the distinct pairs of a key's word and a mask of it that its tuples look at, each with a
 * filter of the values that rules have there. A packet whose word, masked, is not in the filter has no rule in any of
 * the tuples that look at this masked word.
 *
 * Tuples have masked words in common, so not all that pass have a rule: one more filter, of whole masked keys, spares
 * most of them the hash table.
 *
 * A filter is a Bloom filter: a value has two bits, both in one 64-bit word, by a hash with a secret. An eighth of the
 * bits is set at most, so of values that no rule has one in 50 or so passes at worst, which costs time but is never
 * wrong. Bits are set before the version that needs them is published, and never cleared: a filter that fills up, be it
 * with values of rules that are gone, or that has become far too large is replaced, together with the table's array of
 * tuples, by one made of all rules that are linked then. That takes a walk over all rules with the masked word; so that
 * it is rare, a filter is made with room for as many other values, and for a share of the rules.
 *
 * Tables of few tuples have no filters. One that had many once keeps them until it is empty, or a rule that comes and
 * goes could make them anew each time.
 *
 * Control thread, but bits: read by PMDs.
 */
#ifndef HD_FLOW_MASKED_WORD_H
#define HD_FLOW_MASKED_WORD_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "key.h"
#include "retire.h"

#define HD_MASKED_WORDS_MAX 256u /* of a table; tuples are not filtered by those beyond */
#define HD_WHOLE_KEY 255u        /* instead of a word */

struct hd_classifier;
struct hd_classifier_table;
struct hd_tuple;

struct hd_word_filter {
	struct hd_retired retired;
	uint32_t n_set; /* bits. Control */
	uint8_t shift;  /* there are 2 ^ (64 - shift) words. Constant */
	_Atomic uint64_t word[];
};

struct hd_masked_word {
	uint64_t mask;
	uint8_t word;               /* HD_WHOLE_KEY: whatever tuples look at, and which tuple it is */
	uint32_t n_tuples, n_rules; /* which have it; rules: linked */
	uint32_t index;             /* in the array that is being prepared */
	struct hd_word_filter *filter, *prepared;
	LIST_ENTRY(hd_masked_word) in_table;
};

LIST_HEAD(hd_masked_list, hd_masked_word);

/* A tuple was made, or goes. take: -ENOMEM, and none was taken. */
int hd_masked_words_take(struct hd_classifier *classifier, struct hd_tuple *tuple);
void hd_masked_words_drop(struct hd_classifier *classifier, struct hd_tuple *tuple);
/* A rule of the tuple was linked, or unlinked. The table is made dirty if a filter has to be replaced. */
void hd_masked_words_added(struct hd_classifier *classifier, struct hd_tuple *tuple, const struct hd_key *key);
void hd_masked_words_unlinked(struct hd_classifier *classifier, struct hd_tuple *tuple);

/* New filters where there are none, or none that fit. -ENOMEM; what was made is to be discarded. */
int hd_masked_words_prepare(const struct hd_classifier *classifier, struct hd_classifier_table *table);
void hd_masked_words_discard(struct hd_classifier_table *table);
/* PMDs have an array of the new ones: the former are retired. */
void hd_masked_words_publish(struct hd_classifier *classifier, struct hd_classifier_table *table);

void hd_masked_words_free(struct hd_classifier_table *table);
uint64_t hd_masked_words_bytes(const struct hd_classifier_table *table);

/* A value's bits, by its hash; the top bits of that say in which word. */
static inline uint64_t hd_word_filter_pattern(uint64_t hash)
{
	return UINT64_C(1) << hash % 64 | UINT64_C(1) << hash / 64 % 64;
}

#endif
