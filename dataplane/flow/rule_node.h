/* SPDX-License-Identifier: BSD-3-Clause */
/* A rule and what the control thread keeps about it. Private to the flow tables. */
#ifndef HD_FLOW_RULE_NODE_H
#define HD_FLOW_RULE_NODE_H

#include <sys/queue.h>

#include "retire.h"
#include "rule_heads.h"
#include "tables.h"

struct hd_tuple;
struct hd_shared_actions;

struct hd_rule_node {
	struct hd_rule rule; /* first; PMDs read it */

	/* Control. */
	struct hd_shared_actions *shared; /* rule.spec.actions is theirs */
	struct hd_tuple *tuple;
	LIST_ENTRY(hd_rule_node) in_tuple;              /* while linked: until the versions that have it are gone */
	LIST_ENTRY(hd_rule_node) with_timeout;          /* while in force, if it has any */
	uint32_t index;                                 /* in hd_tables.rules, while in force */
	uint64_t kept;                                  /* by the hd_tables_replace of this number */
	struct hd_rule_node *next_added, *next_removed; /* by the change at work */
	struct hd_heads_place place;                    /* of its key, if it was the last one with it */
	struct hd_retired retired;
};

LIST_HEAD(hd_rule_list, hd_rule_node);

static inline struct hd_rule_node *hd_rule_node(const struct hd_rule *rule)
{
	return (struct hd_rule_node *)rule;
}

static inline bool hd_rule_in_force(const struct hd_rule *rule)
{
	return atomic_load_explicit(&rule->removed, memory_order_relaxed) == UINT64_MAX;
}

#endif
