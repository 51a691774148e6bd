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
		hd_masked_words_free(table);
		free(table->tuple);
		free(atomic_load_explicit(&table->published, memory_order_relaxed));
	}
	free(classifier->index);
	hd_heads_fini(&classifier->heads);
}

struct hd_lookup {
	const struct hd_classifier *classifier;
	const struct hd_tuple_array *array;
	const struct hd_key *key;
	uint64_t version;
};

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
	return hd_heads_find(&classifier->heads, &compact, hd_heads_hash(&classifier->heads, compact.word, compact.n));
}

static inline bool is_visible(const struct hd_rule *rule, uint64_t version)
{
	return atomic_load_explicit(&rule->added, memory_order_relaxed) <= version &&
	       atomic_load_explicit(&rule->removed, memory_order_relaxed) > version;
}

static inline bool passes(const struct hd_tuple_probe *probe, uint64_t hash)
{
	uint64_t pattern = hd_word_filter_pattern(hash);

	return (pattern & ~atomic_load_explicit(&probe->filter[hash >> probe->shift], memory_order_relaxed)) == 0;
}

/* As find_chain. */
static inline hd_rule_link *find_filtered(const struct hd_lookup *lookup, const struct hd_tuple *tuple)
{
	struct hd_heads_key compact;
	uint64_t hash;

	if (tuple->n == 0)
		return (hd_rule_link *)&tuple->head;
	hd_tuple_key(tuple, lookup->key, &compact);
	hash = hd_heads_hash(&lookup->classifier->heads, compact.word, compact.n);
	return passes(&lookup->array->whole, hash) ? hd_heads_find(&lookup->classifier->heads, &compact, hash) : NULL;
}

/* The better one of `best` and what the chain has. */
static inline const struct hd_rule *improve(const struct hd_lookup *lookup, const hd_rule_link *link,
					    const struct hd_rule *best)
{
	const struct hd_rule *rule = link != NULL ? follow(link) : NULL;

	while (rule != NULL && !is_visible(rule, lookup->version))
		rule = follow(&rule->next);
	return rule != NULL && (best == NULL || rule->spec.priority > best->spec.priority) ? rule : best;
}

/* Has neither this tuple nor one behind it a better rule? */
static inline bool is_best(const struct hd_lookup *lookup, uint32_t i, const struct hd_rule *best)
{
	return best != NULL && best->spec.priority >= lookup->array->entry[i].max_priority;
}

static const struct hd_rule *look_up_all(const struct hd_lookup *lookup)
{
	const struct hd_rule *best = NULL;

	for (uint32_t i = 0; i < lookup->array->n && !is_best(lookup, i, best); i++)
		best = improve(lookup, find_chain(lookup->classifier, lookup->array->entry[i].tuple, lookup->key),
			       best);
	return best;
}

/* All ones if no rule has the packet's value, else 0. */
static inline uint64_t find_absent(const struct hd_lookup *lookup, const struct hd_tuple_probe *probe)
{
	uint64_t value = lookup->key->word[probe->word] & probe->mask;

	return passes(probe, hd_heads_hash_word(&lookup->classifier->heads, value)) ? 0 : UINT64_MAX;
}

/* The first tuple on its own: where most packets end there, masked words are not worth the while. */
static const struct hd_rule *look_up_filtered(const struct hd_lookup *lookup)
{
	const struct hd_tuple_array *array = lookup->array;
	const struct hd_rule *best = improve(lookup, find_filtered(lookup, array->entry[0].tuple), NULL);
	uint64_t absent[HD_MASKED_WORDS_MAX], done = 1;
	uint32_t n_probed = 0, next = 1;

	for (uint32_t first = 0; first < array->n && !is_best(lookup, next, best); first += 64) {
		const struct hd_tuple_block *block = &array->block[first / 64];

		if (array->n - first < 64)
			done |= ~UINT64_C(0) << (array->n - first);
		for (; n_probed < block->n_probes; n_probed++)
			absent[n_probed] = find_absent(lookup, &array->probe[n_probed]);
		for (uint32_t i = 0; i < block->n_probes; i++)
			done |= absent[i] & block->users[i];
		for (uint64_t left = ~done; left != 0; left &= left - 1) {
			uint32_t i = first + (uint32_t)__builtin_ctzll(left);

			if (is_best(lookup, i, best))
				return best;
			best = improve(lookup, find_filtered(lookup, array->entry[i].tuple), best);
		}
		done = 0;
		next = first + 64;
	}
	return best;
}

const struct hd_rule *hd_classifier_lookup(const struct hd_classifier *classifier, uint64_t version, uint8_t table,
					   const struct hd_key *key)
{
	struct hd_lookup lookup = {.classifier = classifier, .key = key, .version = version};

	if (table >= HD_TABLES)
		return NULL;
	/* Pairs with the release in hd_classifier_publish. */
	lookup.array = atomic_load_explicit(&classifier->table[table].published, memory_order_acquire);
	if (lookup.array == NULL)
		return NULL;
	return lookup.array->block != NULL ? look_up_filtered(&lookup) : look_up_all(&lookup);
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

	for (uint32_t i = 0; i < HD_TABLES; i++) {
		const struct hd_classifier_table *table = &classifier->table[i];
		const struct hd_tuple_array *array = atomic_load_explicit(&table->published, memory_order_relaxed);

		bytes += table->capacity * sizeof(struct hd_tuple *) + hd_masked_words_bytes(table);
		if (array != NULL)
			bytes += array->bytes;
	}
	return bytes;
}
