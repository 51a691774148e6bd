/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules whose time is over. */
#include <rte_cycles.h>

#include "tables_private.h"

/* A PMD's clock may be a little ahead of `now`. */
static inline bool is_past(const struct hd_tables *tables, uint64_t since, uint16_t seconds, uint64_t now)
{
	return seconds != 0 && (int64_t)(now - since) >= (int64_t)(seconds * tables->tsc_hz);
}

static bool is_idle(const struct hd_tables *tables, const struct hd_rule *rule, uint64_t now)
{
	struct hd_rule_stats stats;

	if (!is_past(tables, rule->modified, rule->spec.idle_timeout, now))
		return false;
	hd_cells_sum(&tables->cells, rule->slot, &stats);
	return stats.used == 0 || is_past(tables, stats.used, rule->spec.idle_timeout, now);
}

/* The first of those from `node` on, or NULL. */
static struct hd_rule_node *find_expired(const struct hd_tables *tables, struct hd_rule_node *node, uint64_t now,
					 bool *idle)
{
	for (; node != NULL; node = LIST_NEXT(node, with_timeout)) {
		*idle = false;
		if (is_past(tables, node->rule.modified, node->rule.spec.hard_timeout, now))
			return node;
		*idle = true;
		if (is_idle(tables, &node->rule, now))
			return node;
	}
	return NULL;
}

bool hd_tables_refresh(struct hd_tables *tables, const struct hd_rule_spec *spec)
{
	struct hd_rule_node *node = hd_classifier_find(&tables->classifier, spec);

	if (node == NULL || node->rule.spec.cookie != spec->cookie ||
	    node->rule.spec.idle_timeout != spec->idle_timeout || node->rule.spec.hard_timeout != spec->hard_timeout ||
	    !hd_actions_equal(node->rule.spec.actions, spec->actions))
		return false;
	node->rule.modified = rte_rdtsc();
	return true;
}

uint32_t hd_tables_expire(struct hd_tables *tables, uint64_t now,
			  void (*expired)(void *context, const struct hd_rule *rule, bool idle), void *context)
{
	struct hd_rule_node *node, *next;
	struct hd_mod_result result = {0};
	struct hd_change change;
	bool idle;

	node = find_expired(tables, LIST_FIRST(&tables->timeouts), now, &idle);
	if (node != NULL) {
		hd_change_begin(&change, tables, &result);
		for (; node != NULL; node = find_expired(tables, next, now, &idle)) {
			next = LIST_NEXT(node, with_timeout);
			if (expired != NULL)
				expired(context, &node->rule, idle);
			hd_change_remove(&change, node);
		}
		/* Without memory it is tried again. */
		if (hd_change_commit(&change) != 0)
			return 0;
	}
	hd_shape_shrink(tables, now);
	return result.removed;
}
