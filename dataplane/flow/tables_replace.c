/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes a list of rules the rules there are, by touching only what differs. */
#include <errno.h>

#include "tables_private.h"

static bool is_same(const struct hd_rule_spec *a, const struct hd_rule_spec *b)
{
	return a->idle_timeout == b->idle_timeout && a->hard_timeout == b->hard_timeout && a->cookie == b->cookie &&
	       hd_actions_equal(a->actions, b->actions);
}

static int put(struct hd_change *change, struct hd_rule_spec *spec)
{
	struct hd_tables *tables = change->tables;
	struct hd_rule_node *node = hd_classifier_find(&tables->classifier, spec);
	struct hd_shared_actions *shared;
	int ret;

	if (node == NULL || !is_same(&node->rule.spec, spec)) {
		shared = hd_change_share(change, &spec->actions);
		if (shared == NULL) {
			change->result->reason = "out of memory";
			return -ENOMEM;
		}
		ret = hd_change_add(change, spec, shared, node);
		if (ret != 0)
			return ret;
		node = change->added;
	}
	node->kept = tables->n_replaces;
	return 0;
}

static void remove_others(struct hd_change *change, bool hidden)
{
	struct hd_tables *tables = change->tables;

	/* Downwards: the last one takes the place of the one that goes. */
	for (uint32_t i = tables->n_rules; i-- > 0;) {
		struct hd_rule_node *node = tables->rules[i];

		if (node->rule.spec.hidden == hidden && node->kept != tables->n_replaces)
			hd_change_remove(change, node);
	}
}

int hd_tables_replace(struct hd_tables *tables, bool hidden, struct hd_rule_spec *specs, size_t n,
		      struct hd_mod_result *result)
{
	struct hd_change change;
	int ret = 0;

	hd_change_begin(&change, tables, result);
	tables->n_replaces++;
	for (size_t i = 0; i < n && ret == 0; i++) {
		specs[i].hidden = hidden;
		ret = hd_tables_check_spec(&specs[i], &result->reason);
		if (ret == 0)
			ret = hd_tables_check_actions(tables, specs[i].actions, &result->reason);
		if (ret == 0)
			ret = put(&change, &specs[i]);
		if (ret != 0)
			result->failed = i;
	}
	if (ret == 0)
		remove_others(&change, hidden);
	return hd_change_end(&change, ret);
}
