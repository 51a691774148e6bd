/* SPDX-License-Identifier: BSD-3-Clause */
/* One change of rules, groups or meters: built up unseen, then published as a version, or undone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "tables_private.h"

void hd_change_begin(struct hd_change *change, struct hd_tables *tables, struct hd_mod_result *result)
{
	hd_retire_reclaim(&tables->queue);
	*result = (struct hd_mod_result){.reason = ""};
	*change = (struct hd_change){
		.tables = tables,
		.version = atomic_load_explicit(&tables->version, memory_order_relaxed) + 1,
		.writes = tables->writes.any,
		.n_reenters = tables->n_reenters,
		.result = result,
	};
}

struct hd_shared_actions *hd_change_share(struct hd_change *change, struct hd_actions **origin)
{
	struct hd_shared_actions *shared = malloc(sizeof(*shared));

	if (shared == NULL)
		return NULL;
	/* The change itself is a user until it ends. */
	*shared = (struct hd_shared_actions){1, *origin, origin, change->shared};
	change->shared = shared;
	return shared;
}

static void drop_actions(struct hd_shared_actions *shared)
{
	if (--shared->users > 0)
		return;
	hd_actions_free(shared->actions);
	free(shared);
}

/* Are the actions the rules' from now on, or the caller's again? */
static void end_sharing(struct hd_change *change, bool taken)
{
	while (change->shared != NULL) {
		struct hd_shared_actions *shared = change->shared;

		change->shared = shared->next;
		if (taken && shared->users > 1)
			*shared->origin = NULL;
		else
			shared->actions = NULL;
		drop_actions(shared);
	}
}

void hd_change_count(struct hd_change *change, const struct hd_effects *effects)
{
	struct hd_tables *tables = change->tables;

	hd_counted_mask_add(&tables->reads, &effects->reads);
	hd_counted_mask_add(&tables->writes, &effects->writes);
	tables->n_tracks += effects->tracks;
	tables->n_reenters += effects->reenters;
	hd_key_or(&change->needs, &effects->reads);
}

void hd_change_discount(struct hd_change *change, const struct hd_effects *effects)
{
	struct hd_tables *tables = change->tables;

	hd_counted_mask_remove(&tables->reads, &effects->reads);
	hd_counted_mask_remove(&tables->writes, &effects->writes);
	tables->n_tracks -= effects->tracks;
	tables->n_reenters -= effects->reenters;
}

static void note(struct hd_change *change, const struct hd_rule_spec *spec)
{
	/* Nothing has happened to a packet before table 0 unless something leads back to it. */
	bool pristine = spec->table == 0 && change->n_reenters == 0;

	hd_change_note(&change->notes, &spec->match, pristine ? NULL : &change->writes);
}

static inline bool has_timeout(const struct hd_rule_node *node)
{
	return node->rule.spec.idle_timeout != 0 || node->rule.spec.hard_timeout != 0;
}

/* Into force: from here on the change's own eyes see it. */
static void enter(struct hd_change *change, struct hd_rule_node *node, const struct hd_actions *actions)
{
	struct hd_effects effects;

	if (has_timeout(node))
		LIST_INSERT_HEAD(&change->tables->timeouts, node, with_timeout);
	hd_effects_of_actions(actions, &effects);
	hd_change_count(change, &effects);
}

static void leave(struct hd_change *change, struct hd_rule_node *node)
{
	struct hd_effects effects;

	if (has_timeout(node))
		LIST_REMOVE(node, with_timeout);
	hd_effects_of_actions(node->shared->actions, &effects);
	hd_change_discount(change, &effects);
}

static void set_index(struct hd_tables *tables, struct hd_rule_node *node, uint32_t index)
{
	tables->rules[index] = node;
	node->index = index;
}

static void append(struct hd_tables *tables, struct hd_rule_node *node)
{
	set_index(tables, node, tables->n_rules++);
}

static void take_out(struct hd_tables *tables, struct hd_rule_node *node)
{
	set_index(tables, tables->rules[--tables->n_rules], node->index);
}

static int make_room(struct hd_tables *tables)
{
	uint32_t capacity = RTE_MAX(tables->capacity * 2, 16U);
	struct hd_rule_node **grown;

	if (tables->n_rules < tables->capacity)
		return 0;
	grown = realloc(tables->rules, capacity * sizeof(struct hd_rule_node *));
	if (grown == NULL)
		return -ENOMEM;
	tables->rules = grown;
	tables->capacity = capacity;
	return 0;
}

static int take_slot(struct hd_tables *tables, struct hd_rule_node *node, const struct hd_rule_node *former)
{
	if (former == NULL || node->rule.spec.reset_counts)
		return hd_cells_take(&tables->cells, &node->rule.slot);
	node->rule.slot = former->rule.slot;
	hd_cells_share(&tables->cells, node->rule.slot);
	return 0;
}

static struct hd_rule_node *create_node(struct hd_change *change, const struct hd_rule_spec *spec,
					struct hd_shared_actions *shared, const struct hd_rule_node *former)
{
	struct hd_rule_node *node = calloc(1, sizeof(*node));
	struct hd_rule *rule;

	if (node == NULL)
		return NULL;
	rule = &node->rule;
	rule->spec = *spec;
	rule->spec.actions = shared->actions;
	atomic_store_explicit(&rule->added, change->version, memory_order_relaxed);
	atomic_store_explicit(&rule->removed, UINT64_MAX, memory_order_relaxed);
	rule->created = rule->modified = rte_rdtsc();
	if (take_slot(change->tables, node, former) != 0) {
		free(node);
		return NULL;
	}
	if (hd_classifier_link(&change->tables->classifier, node) != 0) {
		hd_cells_drop(&change->tables->cells, rule->slot);
		free(node);
		return NULL;
	}
	node->shared = shared;
	shared->users++;
	change->tables->n_nodes++;
	return node;
}

void hd_rule_node_free(struct hd_tables *tables, struct hd_rule_node *node)
{
	hd_heads_release(&node->place);
	hd_cells_drop(&tables->cells, node->rule.slot);
	drop_actions(node->shared);
	tables->n_nodes--;
	free(node);
}

static void mark_removed(struct hd_change *change, struct hd_rule_node *node)
{
	leave(change, node);
	note(change, &node->rule.spec);
	atomic_store_explicit(&node->rule.removed, change->version, memory_order_relaxed);
	node->next_removed = change->removed;
	change->removed = node;
}

void hd_change_remove(struct hd_change *change, struct hd_rule_node *node)
{
	mark_removed(change, node);
	take_out(change->tables, node);
	change->result->removed++;
}

static int add(struct hd_change *change, const struct hd_rule_spec *spec, struct hd_shared_actions *shared,
	       struct hd_rule_node *former, bool keep_created)
{
	struct hd_rule_node *node;

	if (former == NULL && change->tables->n_rules >= HD_RULES_MAX) {
		change->result->reason = "too many rules";
		return -ENOSPC;
	}
	node = make_room(change->tables) == 0 ? create_node(change, spec, shared, former) : NULL;
	if (node == NULL) {
		change->result->reason = "out of memory";
		return -ENOMEM;
	}
	if (former != NULL) {
		if (keep_created)
			node->rule.created = former->rule.created;
		mark_removed(change, former);
		set_index(change->tables, node, former->index);
		change->result->modified++;
	} else {
		append(change->tables, node);
		change->result->added++;
	}
	node->next_added = change->added;
	change->added = node;
	enter(change, node, shared->actions);
	note(change, spec);
	hd_key_or(&change->needs, &spec->match.mask);
	return 0;
}

int hd_change_add(struct hd_change *change, const struct hd_rule_spec *spec, struct hd_shared_actions *shared,
		  struct hd_rule_node *former)
{
	return add(change, spec, shared, former, false);
}

int hd_change_modify(struct hd_change *change, const struct hd_rule_spec *spec, struct hd_shared_actions *shared,
		     struct hd_rule_node *former)
{
	return add(change, spec, shared, former, true);
}

void hd_change_remove_users(struct hd_change *change, enum hd_action_type type, uint32_t id)
{
	/* Downwards: the last one takes the place of the one that goes. */
	for (uint32_t i = change->tables->n_rules; i-- > 0;)
		if (hd_effects_refer(change->tables->rules[i]->rule.spec.actions, type, id))
			hd_change_remove(change, change->tables->rules[i]);
}

static void release_node(struct hd_retired *retired, void *tables)
{
	hd_rule_node_free(tables, container_of(retired, struct hd_rule_node, retired));
}

/* No PMD looks up with a version that has it. */
static void release_visible(struct hd_retired *retired, void *context)
{
	struct hd_tables *tables = context;
	struct hd_rule_node *node = container_of(retired, struct hd_rule_node, retired);

	hd_classifier_unlink(&tables->classifier, node);
	hd_retire(&tables->queue, retired, release_node);
}

/* What was added and is in force goes, what was removed and had been there before comes back. */
static void restore_rules(struct hd_change *change)
{
	struct hd_tables *tables = change->tables;
	struct hd_rule_node *node;

	for (node = change->added; node != NULL; node = node->next_added)
		if (hd_rule_in_force(&node->rule)) {
			leave(change, node);
			take_out(tables, node);
		}
	for (node = change->removed; node != NULL; node = node->next_removed) {
		if (atomic_load_explicit(&node->rule.added, memory_order_relaxed) == change->version)
			continue;
		atomic_store_explicit(&node->rule.removed, UINT64_MAX, memory_order_relaxed);
		append(tables, node);
		enter(change, node, node->shared->actions);
	}
}

void hd_change_abort(struct hd_change *change)
{
	struct hd_tables *tables = change->tables;
	struct hd_rule_node *node, *next;

	restore_rules(change);
	for (node = change->added; node != NULL; node = next) {
		next = node->next_added;
		atomic_store_explicit(&node->rule.added, UINT64_MAX, memory_order_relaxed); /* of no version */
		hd_classifier_unlink(&tables->classifier, node);
		hd_retire(&tables->queue, &node->retired, release_node);
	}
	end_sharing(change, false);
	change->result->added = change->result->modified = change->result->removed = 0;
}

/* Something may be rewritten, or reach table 0 again, that could not before: the log's wildcards were too few. */
static bool widens(const struct hd_change *change)
{
	return !hd_key_includes(&change->writes, &change->tables->writes.any) ||
	       (change->n_reenters == 0 && change->tables->n_reenters > 0);
}

static void retire_removed(struct hd_change *change)
{
	struct hd_rule_node *node, *next;

	for (node = change->removed; node != NULL; node = next) {
		next = node->next_removed;
		hd_retire(&change->tables->queue, &node->retired, release_visible);
	}
}

/* One rule, for whatever comes, that leaves it to the bridge. */
static bool is_plain(const struct hd_tables *tables)
{
	const struct hd_rule_spec *spec;
	uint64_t mask = 0;

	if (tables->n_rules != 1)
		return false;
	spec = &tables->rules[0]->rule.spec;
	for (int i = 0; i < HD_KEY_WORDS; i++)
		mask |= spec->match.mask.word[i];
	return mask == 0 && spec->table == 0 && spec->idle_timeout == 0 && spec->hard_timeout == 0 &&
	       spec->actions->n == 1 && spec->actions->action[0].type == HD_ACT_NORMAL;
}

static void publish(struct hd_change *change, struct hd_shape_published *shape, struct hd_change_entry *entry)
{
	struct hd_tables *tables = change->tables;
	bool plain = is_plain(tables);

	hd_classifier_publish(&tables->classifier);
	if (shape != NULL)
		hd_shape_publish(tables, shape);
	if (change->map != NULL)
		hd_id_map_publish(change->map, change->array, &tables->queue);
	hd_change_log_publish(&tables->log, entry, &tables->queue);
	/* While the two differ, a PMD walks tables that it could have passed by; never the other way round. */
	if (!plain)
		atomic_store_explicit(&tables->plain, false, memory_order_relaxed);
	/* Pairs with the acquire in hd_tables_version. */
	atomic_store_explicit(&tables->version, change->version, memory_order_release);
	if (plain)
		atomic_store_explicit(&tables->plain, true, memory_order_release);
	retire_removed(change);
}

/* Nothing changed: no version. */
static inline bool is_empty(const struct hd_change *change)
{
	return change->added == NULL && change->removed == NULL && change->map == NULL;
}

int hd_change_commit(struct hd_change *change)
{
	struct hd_tables *tables = change->tables;
	struct hd_shape_published *shape;
	struct hd_change_entry *entry;
	int ret;

	if (is_empty(change)) {
		end_sharing(change, false);
		return 0;
	}
	if (widens(change))
		change->notes.everything = true;
	entry = hd_change_entry_create(&change->notes, change->version);
	shape = hd_shape_grown(tables, &change->needs, &ret);
	if (entry == NULL || ret != 0 || hd_classifier_prepare(&tables->classifier) != 0) {
		free(entry);
		free(shape);
		hd_change_abort(change);
		change->result->reason = "out of memory";
		return -ENOMEM;
	}
	publish(change, shape, entry);
	end_sharing(change, true);
	return 0;
}

int hd_change_end(struct hd_change *change, int ret)
{
	if (ret == 0)
		return hd_change_commit(change);
	hd_change_abort(change);
	return ret;
}
