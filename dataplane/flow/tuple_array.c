/* SPDX-License-Identifier: BSD-3-Clause */
/* The arrays of a table's tuples that PMDs see: sorted, filled, published. */
#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>

#include "tuple.h"

#define INSERTIONS 16u /* up to so many changed tuples are sorted in one by one */
#define NO_INDEX UINT32_MAX

/* Of equal ones the older first: that stays the same whatever else changes. */
static inline bool goes_before(const struct hd_tuple *a, const struct hd_tuple *b)
{
	return a->max_priority != b->max_priority ? a->max_priority > b->max_priority : a->id < b->id;
}

static int compare(const void *a, const void *b)
{
	const struct hd_tuple *const *left = a, *const *right = b;

	if (*left == *right)
		return 0;
	return goes_before(*left, *right) ? -1 : 1;
}

static void sort(struct hd_classifier_table *table)
{
	if (table->n_changed > INSERTIONS) {
		qsort(table->tuple, table->n, sizeof(struct hd_tuple *), compare);
	} else {
		for (uint32_t i = 1; i < table->n; i++) {
			struct hd_tuple *tuple = table->tuple[i];
			uint32_t at = i;

			for (; at > 0 && goes_before(tuple, table->tuple[at - 1]); at--)
				table->tuple[at] = table->tuple[at - 1];
			table->tuple[at] = tuple;
		}
	}
	table->n_changed = 0;
}

static uint32_t count_tuples(const struct hd_classifier_table *table)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < table->n; i++)
		n += table->tuple[i]->n_rules > 0;
	return n;
}

/* One piece of memory: entries, blocks, probes, then the blocks' users. */
static struct hd_tuple_array *create(uint32_t n, uint32_t n_probes)
{
	size_t n_blocks = n_probes > 0 ? (n + 63) / 64 : 0, bytes;
	struct hd_tuple_array *array;

	bytes = sizeof(*array) + n * sizeof(array->entry[0]) + n_blocks * sizeof(array->block[0]) +
		n_probes * sizeof(array->probe[0]) + n_blocks * n_probes * sizeof(uint64_t);
	array = calloc(1, bytes);
	if (array == NULL)
		return NULL;
	array->bytes = bytes;
	if (n_probes == 0)
		return array;
	array->block = (struct hd_tuple_block *)&array->entry[n];
	array->probe = (struct hd_tuple_probe *)&array->block[n_blocks];
	for (size_t i = 0; i < n_blocks; i++)
		array->block[i].users = (uint64_t *)&array->probe[n_probes] + i * n_probes;
	return array;
}

static void set_probe(struct hd_tuple_probe *probe, const struct hd_masked_word *masked)
{
	const struct hd_word_filter *filter = masked->prepared != NULL ? masked->prepared : masked->filter;

	*probe = (struct hd_tuple_probe){masked->mask, filter->word, filter->shift, masked->word};
}

/* Say of which masked words the tuple at `index` is a user. Returns how many there are up to there. */
static uint32_t set_users(struct hd_tuple_array *array, uint32_t index, uint32_t n_probes)
{
	const struct hd_tuple *tuple = array->entry[index].tuple;

	for (uint32_t i = 0; i < tuple->n_masked; i++) {
		struct hd_masked_word *masked = tuple->masked[i];

		if (masked == NULL)
			continue;
		if (masked->word == HD_WHOLE_KEY) {
			set_probe(&array->whole, masked);
			continue;
		}
		if (masked->index == NO_INDEX) {
			set_probe(&array->probe[n_probes], masked);
			masked->index = n_probes++;
		}
		array->block[index / 64].users[masked->index] |= UINT64_C(1) << index % 64;
	}
	return n_probes;
}

static void set_blocks(struct hd_tuple_array *array, struct hd_classifier_table *table)
{
	struct hd_masked_word *masked;
	uint32_t n_probes = 0;

	LIST_FOREACH(masked, &table->masked, in_table)
	masked->index = NO_INDEX;
	for (uint32_t i = 0; i < array->n; i++) {
		n_probes = set_users(array, i, n_probes);
		array->block[i / 64].n_probes = n_probes;
	}
}

static int prepare(const struct hd_classifier *classifier, struct hd_classifier_table *table)
{
	uint32_t n = count_tuples(table);
	bool filters = n >= HD_FILTERED_TUPLES;

	table->filtered |= filters;
	if (table->filtered && hd_masked_words_prepare(classifier, table) != 0)
		return -ENOMEM;
	table->prepared = create(n, filters ? table->n_masked : 0);
	if (table->prepared == NULL)
		return -ENOMEM;
	sort(table);
	for (uint32_t i = 0; i < table->n; i++) {
		struct hd_tuple *tuple = table->tuple[i];

		if (tuple->n_rules > 0)
			table->prepared->entry[table->prepared->n++] =
				(struct hd_tuple_entry){tuple, tuple->max_priority};
	}
	if (table->prepared->block != NULL)
		set_blocks(table->prepared, table);
	return 0;
}

int hd_classifier_prepare(struct hd_classifier *classifier)
{
	for (uint32_t i = 0; i < HD_TABLES; i++)
		if (classifier->table[i].dirty && prepare(classifier, &classifier->table[i]) != 0) {
			hd_classifier_discard(classifier);
			return -ENOMEM;
		}
	return 0;
}

void hd_classifier_discard(struct hd_classifier *classifier)
{
	for (uint32_t i = 0; i < HD_TABLES; i++) {
		free(classifier->table[i].prepared);
		classifier->table[i].prepared = NULL;
		hd_masked_words_discard(&classifier->table[i]);
	}
}

static void release_array(struct hd_retired *retired, void *context)
{
	free(container_of(retired, struct hd_tuple_array, retired));
}

/* No PMD finds them any more. */
static void retire_empty(struct hd_classifier *classifier, struct hd_classifier_table *table)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < table->n; i++) {
		struct hd_tuple *tuple = table->tuple[i];

		if (tuple->n_rules > 0) {
			table->tuple[kept++] = tuple;
			continue;
		}
		hd_tuple_retire(classifier, tuple);
	}
	table->n = kept;
}

static void publish(struct hd_classifier *classifier, struct hd_classifier_table *table)
{
	/* Pairs with the acquire in hd_classifier_lookup. */
	struct hd_tuple_array *former =
		atomic_exchange_explicit(&table->published, table->prepared, memory_order_acq_rel);

	table->prepared = NULL;
	table->dirty = false;
	if (former != NULL)
		hd_retire(classifier->queue, &former->retired, release_array);
	hd_masked_words_publish(classifier, table);
	retire_empty(classifier, table);
	table->filtered &= table->n > 0;
}

void hd_classifier_publish(struct hd_classifier *classifier)
{
	for (uint32_t i = 0; i < HD_TABLES; i++)
		if (classifier->table[i].prepared != NULL)
			publish(classifier, &classifier->table[i]);
}
