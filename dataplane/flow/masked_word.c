/* SPDX-License-Identifier: BSD-3-Clause */
/* Masked words of tables, and the making of their filters. */
#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>

#include "tuple.h"

#define WORDS_MIN 8u
#define BITS_FULL 8u   /* a bit set has fewer others: time for a larger one */
#define BITS_NEW 16u   /* of a filter just made, for each that is set */
#define BITS_LARGE 64u /* of a filter far too large, for each that rules can have set */
#define BITS_RULE 2u   /* that a rule sets, or fewer */
#define RULES_A_BIT 4u /* of a filter just made, however few values rules have */

static inline uint64_t n_words(const struct hd_word_filter *filter)
{
	return UINT64_C(1) << (64 - filter->shift);
}

static inline uint64_t n_bits(const struct hd_word_filter *filter)
{
	return n_words(filter) * 64;
}

static inline void set_bits(struct hd_word_filter *filter, uint64_t at, uint64_t bits)
{
	uint64_t former = atomic_load_explicit(&filter->word[at], memory_order_relaxed);

	if ((bits & ~former) == 0)
		return;
	filter->n_set += (uint32_t)__builtin_popcountll(bits & ~former);
	/* The version that has the rule is published later, with release. */
	atomic_store_explicit(&filter->word[at], former | bits, memory_order_relaxed);
}

static uint64_t hash_value(const struct hd_classifier *classifier, const struct hd_tuple *tuple,
			   const struct hd_masked_word *masked, const struct hd_key *key)
{
	struct hd_heads_key compact;

	if (masked->word != HD_WHOLE_KEY)
		return hd_heads_hash_word(&classifier->heads, key->word[masked->word] & masked->mask);
	hd_tuple_key(tuple, key, &compact);
	return hd_heads_hash(&classifier->heads, compact.word, compact.n);
}

static inline void set(struct hd_word_filter *filter, uint64_t hash)
{
	set_bits(filter, hash >> filter->shift, hd_word_filter_pattern(hash));
}

static inline bool is_full(const struct hd_word_filter *filter)
{
	return filter->n_set > n_bits(filter) / BITS_FULL;
}

static inline bool is_large(const struct hd_masked_word *masked)
{
	return n_words(masked->filter) > WORDS_MIN &&
	       (uint64_t)masked->n_rules * BITS_RULE < n_bits(masked->filter) / BITS_LARGE;
}

/* NULL with *ret 0: there are too many already. */
static struct hd_masked_word *find_or_create(struct hd_classifier_table *table, uint8_t word, uint64_t mask, int *ret)
{
	struct hd_masked_word *masked;

	*ret = 0;
	LIST_FOREACH(masked, &table->masked, in_table)
	if (masked->word == word && masked->mask == mask)
		return masked;
	if (table->n_masked == HD_MASKED_WORDS_MAX)
		return NULL;
	masked = calloc(1, sizeof(*masked));
	if (masked == NULL) {
		*ret = -ENOMEM;
		return NULL;
	}
	masked->word = word;
	masked->mask = mask;
	LIST_INSERT_HEAD(&table->masked, masked, in_table);
	table->n_masked++;
	return masked;
}

int hd_masked_words_take(struct hd_classifier *classifier, struct hd_tuple *tuple)
{
	struct hd_classifier_table *table = &classifier->table[tuple->table];

	tuple->n_masked = tuple->n > 0 ? tuple->n + 1 : 0;
	for (uint32_t i = 0; i < tuple->n_masked; i++) {
		int ret;

		if (i == 0)
			tuple->masked[i] = find_or_create(table, HD_WHOLE_KEY, 0, &ret);
		else
			tuple->masked[i] = find_or_create(table, tuple->word[i - 1], tuple->mask[i - 1], &ret);
		if (ret != 0) {
			hd_masked_words_drop(classifier, tuple);
			return ret;
		}
		if (tuple->masked[i] != NULL)
			tuple->masked[i]->n_tuples++;
	}
	return 0;
}

static void release_filter(struct hd_retired *retired, void *context)
{
	free(container_of(retired, struct hd_word_filter, retired));
}

static void retire_filter(struct hd_classifier *classifier, struct hd_word_filter *filter)
{
	if (filter != NULL)
		hd_retire(classifier->queue, &filter->retired, release_filter);
}

static void remove_unused(struct hd_classifier *classifier, struct hd_classifier_table *table,
			  struct hd_masked_word *masked)
{
	LIST_REMOVE(masked, in_table);
	table->n_masked--;
	retire_filter(classifier, masked->filter);
	free(masked);
}

void hd_masked_words_drop(struct hd_classifier *classifier, struct hd_tuple *tuple)
{
	for (uint32_t i = 0; i < tuple->n_masked; i++)
		if (tuple->masked[i] != NULL && --tuple->masked[i]->n_tuples == 0)
			remove_unused(classifier, &classifier->table[tuple->table], tuple->masked[i]);
}

void hd_masked_words_added(struct hd_classifier *classifier, struct hd_tuple *tuple, const struct hd_key *key)
{
	for (uint32_t i = 0; i < tuple->n_masked; i++) {
		struct hd_masked_word *masked = tuple->masked[i];

		if (masked == NULL)
			continue;
		masked->n_rules++;
		if (masked->filter == NULL)
			continue; /* made with the array, if at all */
		set(masked->filter, hash_value(classifier, tuple, masked, key));
		if (is_full(masked->filter))
			classifier->table[tuple->table].dirty = true;
	}
}

void hd_masked_words_unlinked(struct hd_classifier *classifier, struct hd_tuple *tuple)
{
	for (uint32_t i = 0; i < tuple->n_masked; i++) {
		struct hd_masked_word *masked = tuple->masked[i];

		if (masked == NULL)
			continue;
		masked->n_rules--;
		if (masked->filter != NULL && is_large(masked))
			classifier->table[tuple->table].dirty = true;
	}
}

static struct hd_word_filter *create(uint64_t bits)
{
	uint64_t words = RTE_MAX(rte_align64pow2(bits) / 64, (uint64_t)WORDS_MIN);
	struct hd_word_filter *filter = calloc(1, sizeof(*filter) + words * sizeof(filter->word[0]));

	if (filter != NULL)
		filter->shift = (uint8_t)(64 - __builtin_ctzll(words));
	return filter;
}

/* As large as it may have to be; how many of the rules' values are the same shows later. */
static int create_missing(struct hd_classifier_table *table)
{
	struct hd_masked_word *masked;

	LIST_FOREACH(masked, &table->masked, in_table)
	{
		if (masked->n_rules == 0 || (masked->filter != NULL && !is_full(masked->filter) && !is_large(masked)))
			continue;
		masked->prepared = create((uint64_t)masked->n_rules * BITS_RULE * BITS_NEW);
		if (masked->prepared == NULL)
			return -ENOMEM;
	}
	return 0;
}

/* Into the filters that are being made. */
static void fill_from_tuple(const struct hd_classifier *classifier, const struct hd_tuple *tuple)
{
	const struct hd_masked_word *making[HD_KEY_WORDS + 1];
	const struct hd_rule_node *node;
	uint32_t n = 0;

	for (uint32_t i = 0; i < tuple->n_masked; i++)
		if (tuple->masked[i] != NULL && tuple->masked[i]->prepared != NULL)
			making[n++] = tuple->masked[i];
	if (n == 0)
		return;
	/* Those that were removed but are still linked as well: there may be lookups with a version that has them. */
	LIST_FOREACH(node, &tuple->rules, in_tuple)
	for (uint32_t i = 0; i < n; i++)
		set(making[i]->prepared, hash_value(classifier, tuple, making[i], &node->rule.spec.match.key));
}

/* Where a value is in a smaller filter are the top bits of where it is in this one. */
static void fold(struct hd_word_filter *to, const struct hd_word_filter *from)
{
	for (uint64_t i = 0; i < n_words(from); i++)
		set_bits(to, i >> (to->shift - from->shift),
			 atomic_load_explicit(&from->word[i], memory_order_relaxed));
}

static int make_fitting(struct hd_masked_word *masked)
{
	struct hd_word_filter *large = masked->prepared, *filter;

	filter = create(RTE_MAX((uint64_t)large->n_set * BITS_NEW, (uint64_t)masked->n_rules / RULES_A_BIT));
	if (filter == NULL)
		return -ENOMEM;
	fold(filter, large);
	free(large);
	masked->prepared = filter;
	return 0;
}

int hd_masked_words_prepare(const struct hd_classifier *classifier, struct hd_classifier_table *table)
{
	struct hd_masked_word *masked;
	int ret = create_missing(table);

	if (ret == 0)
		for (uint32_t i = 0; i < table->n; i++)
			fill_from_tuple(classifier, table->tuple[i]);
	LIST_FOREACH(masked, &table->masked, in_table)
	if (ret == 0 && masked->prepared != NULL)
		ret = make_fitting(masked);
	return ret;
}

void hd_masked_words_discard(struct hd_classifier_table *table)
{
	struct hd_masked_word *masked;

	LIST_FOREACH(masked, &table->masked, in_table)
	{
		free(masked->prepared);
		masked->prepared = NULL;
	}
}

void hd_masked_words_publish(struct hd_classifier *classifier, struct hd_classifier_table *table)
{
	struct hd_masked_word *masked;

	LIST_FOREACH(masked, &table->masked, in_table)
	{
		if (masked->prepared == NULL)
			continue;
		retire_filter(classifier, masked->filter);
		masked->filter = masked->prepared;
		masked->prepared = NULL;
	}
}

void hd_masked_words_free(struct hd_classifier_table *table)
{
	struct hd_masked_word *masked, *next;

	for (masked = LIST_FIRST(&table->masked); masked != NULL; masked = next) {
		next = LIST_NEXT(masked, in_table);
		free(masked->filter);
		free(masked);
	}
}

uint64_t hd_masked_words_bytes(const struct hd_classifier_table *table)
{
	const struct hd_masked_word *masked;
	uint64_t bytes = 0;

	LIST_FOREACH(masked, &table->masked, in_table)
	{
		bytes += sizeof(*masked);
		if (masked->filter != NULL)
			bytes += sizeof(*masked->filter) + n_bits(masked->filter) / 8;
	}
	return bytes;
}
