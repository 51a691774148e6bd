/* SPDX-License-Identifier: BSD-3-Clause */
/* The tuples of a classifier by their masks. Control thread. */
#ifndef HD_FLOW_TUPLE_H
#define HD_FLOW_TUPLE_H

#include "classifier.h"

/* NULL if there is none. */
struct hd_tuple *hd_tuple_find(const struct hd_classifier *classifier, uint8_t table, const struct hd_key *mask);
/* NULL if out of memory. */
struct hd_tuple *hd_tuple_find_or_create(struct hd_classifier *classifier, uint8_t table, const struct hd_key *mask);
void hd_tuple_free(struct hd_tuple *tuple);
/* It has no rules, and no array that PMDs see has it. */
void hd_tuple_retire(struct hd_classifier *classifier, struct hd_tuple *tuple);
/* A rule was linked or unlinked. */
void hd_tuple_added(struct hd_classifier *classifier, struct hd_tuple *tuple, struct hd_rule_node *node);
void hd_tuple_unlinked(struct hd_classifier *classifier, struct hd_tuple *tuple, struct hd_rule_node *node);

/* The part of `key` that the tuple looks at. */
static inline void hd_tuple_key(const struct hd_tuple *tuple, const struct hd_key *key, struct hd_heads_key *result)
{
	result->word[0] = tuple->id;
	result->n = tuple->n;
	for (uint32_t i = 0; i < tuple->n; i++)
		result->word[i + 1] = key->word[tuple->word[i]] & tuple->mask[i];
}

#endif
