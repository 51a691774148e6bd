/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuples: found by mask, and what is counted of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "tuple.h"

#define INDEX_MIN 64u

static uint32_t hash_mask(uint8_t table, const struct hd_key *mask)
{
	uint64_t hash = table;

	for (int i = 0; i < HD_KEY_WORDS; i++)
		hash = (hash ^ mask->word[i] ^ hash >> 29) * 0x9e3779b97f4a7c15;
	return (uint32_t)(hash >> 32);
}

static struct hd_tuple *find(const struct hd_classifier *classifier, uint8_t table, const struct hd_key *mask,
			     uint32_t hash)
{
	struct hd_tuple *tuple;

	if (classifier->n_index == 0)
		return NULL;
	tuple = classifier->index[hash & (classifier->n_index - 1)];
	while (tuple != NULL &&
	       !(tuple->hash == hash && tuple->table == table && memcmp(&tuple->whole_mask, mask, sizeof(*mask)) == 0))
		tuple = tuple->next;
	return tuple;
}

struct hd_tuple *hd_tuple_find(const struct hd_classifier *classifier, uint8_t table, const struct hd_key *mask)
{
	return find(classifier, table, mask, hash_mask(table, mask));
}

static int grow_index(struct hd_classifier *classifier)
{
	uint32_t n = RTE_MAX(classifier->n_index * 2, INDEX_MIN);
	struct hd_tuple **index;

	if (classifier->n_tuples < classifier->n_index)
		return 0;
	index = calloc(n, sizeof(struct hd_tuple *));
	if (index == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < classifier->n_index; i++) {
		struct hd_tuple *tuple = classifier->index[i], *next;

		for (; tuple != NULL; tuple = next) {
			next = tuple->next;
			tuple->next = index[tuple->hash & (n - 1)];
			index[tuple->hash & (n - 1)] = tuple;
		}
	}
	free(classifier->index);
	classifier->index = index;
	classifier->n_index = n;
	return 0;
}

static int grow_table(struct hd_classifier_table *table)
{
	uint32_t capacity = RTE_MAX(table->capacity * 2, 4U);
	struct hd_tuple **grown;

	if (table->n < table->capacity)
		return 0;
	grown = realloc(table->tuple, capacity * sizeof(struct hd_tuple *));
	if (grown == NULL)
		return -ENOMEM;
	table->tuple = grown;
	table->capacity = capacity;
	return 0;
}

static struct hd_tuple *create(struct hd_classifier *classifier, uint8_t table, const struct hd_key *mask)
{
	struct hd_tuple *tuple = calloc(1, sizeof(*tuple));

	if (tuple == NULL)
		return NULL;
	tuple->id = classifier->next_id++;
	tuple->table = table;
	tuple->whole_mask = *mask;
	LIST_INIT(&tuple->rules);
	for (uint8_t i = 0; i < HD_KEY_WORDS; i++)
		if (mask->word[i] != 0) {
			tuple->word[tuple->n] = i;
			tuple->mask[tuple->n++] = mask->word[i];
		}
	if (hd_masked_words_take(classifier, tuple) != 0) {
		free(tuple);
		return NULL;
	}
	return tuple;
}

void hd_tuple_free(struct hd_tuple *tuple)
{
	free(tuple);
}

struct hd_tuple *hd_tuple_find_or_create(struct hd_classifier *classifier, uint8_t table, const struct hd_key *mask)
{
	uint32_t hash = hash_mask(table, mask);
	struct hd_tuple *tuple = find(classifier, table, mask, hash);

	if (tuple != NULL)
		return tuple;
	if (grow_index(classifier) != 0 || grow_table(&classifier->table[table]) != 0)
		return NULL;
	tuple = create(classifier, table, mask);
	if (tuple == NULL)
		return NULL;
	tuple->hash = hash;
	tuple->next = classifier->index[hash & (classifier->n_index - 1)];
	classifier->index[hash & (classifier->n_index - 1)] = tuple;
	classifier->table[table].tuple[classifier->table[table].n++] = tuple;
	classifier->n_tuples++;
	return tuple;
}

static void touch(struct hd_classifier *classifier, const struct hd_tuple *tuple)
{
	classifier->table[tuple->table].dirty = true;
	classifier->table[tuple->table].n_changed++;
}

void hd_tuple_added(struct hd_classifier *classifier, struct hd_tuple *tuple, struct hd_rule_node *node)
{
	uint16_t priority = node->rule.spec.priority;

	LIST_INSERT_HEAD(&tuple->rules, node, in_tuple);
	hd_masked_words_added(classifier, tuple, &node->rule.spec.match.key);
	if (tuple->n_rules++ == 0 || priority > tuple->max_priority) {
		tuple->max_priority = priority;
		touch(classifier, tuple);
	}
}

/* Not at every chance: then unlinking n rules would cost n * n. */
static void find_max_priority(struct hd_classifier *classifier, struct hd_tuple *tuple)
{
	uint16_t former = tuple->max_priority;
	struct hd_rule_node *node;

	tuple->max_priority = 0;
	tuple->n_unlinked = 0;
	LIST_FOREACH(node, &tuple->rules, in_tuple)
	tuple->max_priority = RTE_MAX(tuple->max_priority, node->rule.spec.priority);
	if (tuple->max_priority != former)
		touch(classifier, tuple);
}

void hd_tuple_unlinked(struct hd_classifier *classifier, struct hd_tuple *tuple, struct hd_rule_node *node)
{
	LIST_REMOVE(node, in_tuple);
	hd_masked_words_unlinked(classifier, tuple);
	tuple->n_rules--;
	tuple->n_unlinked++;
	if (tuple->n_rules == 0)
		touch(classifier, tuple);
	else if (tuple->n_unlinked > tuple->n_rules / 4)
		find_max_priority(classifier, tuple);
}

static void release_tuple(struct hd_retired *retired, void *context)
{
	hd_tuple_free(container_of(retired, struct hd_tuple, retired));
}

void hd_tuple_retire(struct hd_classifier *classifier, struct hd_tuple *tuple)
{
	struct hd_tuple **link = &classifier->index[tuple->hash & (classifier->n_index - 1)];

	while (*link != tuple)
		link = &(*link)->next;
	*link = tuple->next;
	classifier->n_tuples--;
	hd_masked_words_drop(classifier, tuple);
	hd_retire(classifier->queue, &tuple->retired, release_tuple);
}
