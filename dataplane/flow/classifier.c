/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuple-space search: look-up, and the chains of rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tuple.h"

int hd_classifier_init(struct hd_classifier *classifier, struct hd_retire_queue *queue)
{
	classifier->queue = queue;
	return hd_heads_init(&classifier->heads, queue);
}

void hd_classifier_fini(struct hd_classifier *classifier)
{
	for (uint32_t i = 0; i < HD_TABLES; i++) {
		struct hd_classifier_table *table = &classifier->table[i];

		for (uint32_t j = 0; j < table->n; j++)
			hd_tuple_free(table->tuple[j]);
		free(table->tuple);
		free(atomic_load_explicit(&table->published, memory_order_relaxed));
	}
	free(classifier->index);
	hd_heads_fini(&classifier->heads);
}

static inline struct hd_rule *follow(const hd_rule_link *link)
{
	/* Pairs with the release in hd_classifier_link and unlink. */
	return atomic_load_explicit(link, memory_order_acquire);
}

/* Where the chain begins that the key belongs to, or NULL. */
static inline hd_rule_link *find_chain(const struct hd_classifier *classifier, const struct hd_tuple *tuple,
				       const struct hd_key *key)
{
	struct hd_heads_key compact;

	if (tuple->n == 0)
		return (hd_rule_link *)&tuple->head;
	hd_tuple_key(tuple, key, &compact);
	return hd_heads_find(&classifier->heads, &compact);
}

static inline bool is_visible(const struct hd_rule *rule, uint64_t version)
{
	return atomic_load_explicit(&rule->added, memory_order_relaxed) <= version &&
	       atomic_load_explicit(&rule->removed, memory_order_relaxed) > version;
}

static const struct hd_rule *search(const struct hd_classifier *classifier, const struct hd_tuple *tuple,
				    const struct hd_key *key, uint64_t version)
{
	const hd_rule_link *link = find_chain(classifier, tuple, key);
	const struct hd_rule *rule = link != NULL ? follow(link) : NULL;

	while (rule != NULL && !is_visible(rule, version))
		rule = follow(&rule->next);
	return rule;
}

const struct hd_rule *hd_classifier_lookup(const struct hd_classifier *classifier, uint64_t version, uint8_t table,
					   const struct hd_key *key)
{
	const struct hd_tuple_array *array;
	const struct hd_rule *best = NULL;

	if (table >= HD_TABLES)
		return NULL;
	/* Pairs with the release in hd_classifier_publish. */
	array = atomic_load_explicit(&classifier->table[table].published, memory_order_acquire);
	if (array == NULL)
		return NULL;
	for (uint32_t i = 0; i < array->n; i++) {
		const struct hd_rule *rule;

		if (best != NULL && best->spec.priority >= array->entry[i].max_priority)
			break;
		rule = search(classifier, array->entry[i].tuple, key, version);
		if (rule != NULL && (best == NULL || rule->spec.priority > best->spec.priority))
			best = rule;
	}
	return best;
}

/* The order of a chain. */
static inline uint32_t rank(const struct hd_rule_spec *spec)
{
	return (uint32_t)spec->priority << 1 | spec->hidden;
}

struct hd_rule_node *hd_classifier_find(const struct hd_classifier *classifier, const struct hd_rule_spec *spec)
{
	const struct hd_tuple *tuple = hd_tuple_find(classifier, spec->table, &spec->match.mask);
	const hd_rule_link *link = tuple != NULL ? find_chain(classifier, tuple, &spec->match.key) : NULL;
	struct hd_rule *rule = link != NULL ? follow(link) : NULL;

	while (rule != NULL && rank(&rule->spec) >= rank(spec)) {
		if (rank(&rule->spec) == rank(spec) && hd_rule_in_force(rule))
			return hd_rule_node(rule);
		rule = follow(&rule->next);
	}
	return NULL;
}

static hd_rule_link *insert_chain(struct hd_classifier *classifier, struct hd_tuple *tuple, const struct hd_key *key)
{
	struct hd_heads_key compact;

	if (tuple->n == 0)
		return &tuple->head;
	hd_tuple_key(tuple, key, &compact);
	return hd_heads_insert(&classifier->heads, &compact);
}

int hd_classifier_link(struct hd_classifier *classifier, struct hd_rule_node *node)
{
	struct hd_rule *rule = &node->rule;
	struct hd_tuple *tuple = hd_tuple_find_or_create(classifier, rule->spec.table, &rule->spec.match.mask);
	hd_rule_link *link;

	if (tuple == NULL)
		return -ENOMEM;
	link = insert_chain(classifier, tuple, &rule->spec.match.key);
	if (link == NULL) {
		classifier->table[rule->spec.table].dirty = true; /* the tuple may have no rules */
		return -ENOMEM;
	}
	while (follow(link) != NULL && rank(&follow(link)->spec) > rank(&rule->spec))
		link = &follow(link)->next;
	atomic_store_explicit(&rule->next, follow(link), memory_order_relaxed);
	atomic_store_explicit(link, rule, memory_order_release); /* pairs with follow() */
	node->tuple = tuple;
	hd_tuple_added(classifier, tuple, node);
	return 0;
}

void hd_classifier_unlink(struct hd_classifier *classifier, struct hd_rule_node *node)
{
	struct hd_rule *rule = &node->rule;
	struct hd_tuple *tuple = node->tuple;
	hd_rule_link *head = find_chain(classifier, tuple, &rule->spec.match.key), *link = head;
	struct hd_heads_key compact;

	while (follow(link) != rule)
		link = &follow(link)->next;
	atomic_store_explicit(link, follow(&rule->next), memory_order_release); /* pairs with follow() */
	if (tuple->n > 0 && follow(head) == NULL) {
		hd_tuple_key(tuple, &rule->spec.match.key, &compact);
		hd_heads_erase(&classifier->heads, &compact, &node->place);
	}
	hd_tuple_unlinked(classifier, tuple, node);
}

uint64_t hd_classifier_bytes(const struct hd_classifier *classifier)
{
	uint64_t bytes = hd_heads_bytes(&classifier->heads) + classifier->n_index * sizeof(struct hd_tuple *) +
			 classifier->n_tuples * sizeof(struct hd_tuple);

	for (uint32_t i = 0; i < HD_TABLES; i++)
		bytes += classifier->table[i].capacity * (sizeof(struct hd_tuple *) + 16);
	return bytes;
}
