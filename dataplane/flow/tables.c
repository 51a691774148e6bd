/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow tables: their life, what they say of themselves, and what PMDs ask them. */
#include <stdlib.h>

#include "tables_private.h"

/* A bridge begins as a plain one. */
static int add_normal(struct hd_tables *tables)
{
	struct hd_actions *actions = calloc(1, sizeof(*actions) + sizeof(actions->action[0]));
	struct hd_flow_mod mod = {.command = HD_MOD_ADD, .spec.actions = actions};
	struct hd_mod_result result;
	int ret = -1;

	if (actions != NULL) {
		actions->n = 1;
		actions->action[0].type = HD_ACT_NORMAL;
		ret = hd_tables_apply(tables, &mod, 1, &result);
	}
	if (ret != 0)
		hd_actions_free(actions);
	return ret;
}

struct hd_tables *hd_tables_create(struct rte_rcu_qsbr *rcu, unsigned int n_pmds, uint64_t tsc_hz)
{
	struct hd_tables *tables = calloc(1, sizeof(*tables));
	struct hd_shape_published *shape = hd_shape_create(&(struct hd_key){0}, false);

	if (tables == NULL || shape == NULL)
		goto err;
	tables->tsc_hz = tsc_hz;
	LIST_INIT(&tables->timeouts);
	hd_retire_init(&tables->queue, rcu, tables);
	hd_cells_init(&tables->cells, n_pmds);
	atomic_store_explicit(&tables->shape, shape, memory_order_relaxed);
	shape = NULL;
	if (hd_classifier_init(&tables->classifier, &tables->queue) == 0 && add_normal(tables) == 0)
		return tables;
	hd_tables_destroy(tables);
	return NULL;
err:
	free(shape);
	free(tables);
	return NULL;
}

void hd_tables_destroy(struct hd_tables *tables)
{
	if (tables == NULL)
		return;
	hd_retire_drain(&tables->queue);
	for (uint32_t i = 0; i < tables->n_rules; i++)
		hd_rule_node_free(tables, tables->rules[i]);
	free(tables->rules);
	hd_classifier_fini(&tables->classifier);
	hd_id_map_fini(&tables->groups);
	hd_id_map_fini(&tables->meters);
	hd_change_log_fini(&tables->log);
	hd_cells_fini(&tables->cells);
	free(atomic_load_explicit(&tables->shape, memory_order_relaxed));
	free(tables);
}

void hd_tables_reclaim(struct hd_tables *tables)
{
	hd_retire_reclaim(&tables->queue);
	/* Without memory, the next change or reclaim does it. */
	if (hd_classifier_prepare(&tables->classifier) == 0)
		hd_classifier_publish(&tables->classifier);
	hd_heads_shrink(&tables->classifier.heads);
}

const struct hd_rule *hd_tables_next(const struct hd_tables *tables, uint32_t *cursor)
{
	return *cursor < tables->n_rules ? &tables->rules[(*cursor)++]->rule : NULL;
}

uint32_t hd_tables_count(const struct hd_tables *tables)
{
	return tables->n_rules;
}

bool hd_tables_plain(const struct hd_tables *tables)
{
	return atomic_load_explicit(&tables->plain, memory_order_relaxed);
}

void hd_tables_stats(const struct hd_tables *tables, const struct hd_rule *rule, struct hd_rule_stats *stats)
{
	hd_cells_sum(&tables->cells, rule->slot, stats);
}

void hd_tables_usage(const struct hd_tables *tables, struct hd_tables_usage *usage)
{
	*usage = (struct hd_tables_usage){.rules = tables->n_rules};
	for (uint32_t i = 0; i < HD_TABLES; i++) {
		const struct hd_classifier_table *table = &tables->classifier.table[i];

		for (uint32_t j = 0; j < table->n; j++)
			usage->tuples[i] += table->tuple[j]->n_rules > 0;
	}
	/* Actions are small beside their rules, and often shared. */
	usage->bytes = sizeof(*tables) + tables->n_nodes * sizeof(struct hd_rule_node) +
		       tables->capacity * sizeof(struct hd_rule_node *) + hd_cells_bytes(&tables->cells) +
		       hd_classifier_bytes(&tables->classifier);
}

uint64_t hd_tables_version(const struct hd_tables *tables)
{
	/* Pairs with the release in hd_change_commit. */
	return atomic_load_explicit(&tables->version, memory_order_acquire);
}

const struct hd_shape *hd_tables_shape(const struct hd_tables *tables)
{
	return hd_shape_of(tables);
}

const struct hd_rule *hd_tables_lookup(const struct hd_tables *tables, uint64_t version, uint8_t table,
				       const struct hd_key *key)
{
	return hd_classifier_lookup(&tables->classifier, version, table, key);
}

struct hd_rule_cell *hd_tables_cell(const struct hd_tables *tables, const struct hd_rule *rule, uint16_t pmd)
{
	return hd_cells_at(&tables->cells, rule->slot, pmd);
}

bool hd_tables_untouched(const struct hd_tables *tables, uint64_t since, uint64_t now, const struct hd_key *key)
{
	return hd_change_log_untouched(&tables->log, since, now, key);
}
