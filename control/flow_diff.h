/* SPDX-License-Identifier: BSD-3-Clause */
/* What separates the rules, groups and meters of a bridge from those that there shall be. Control thread only. */
#ifndef HD_FLOW_DIFF_H
#define HD_FLOW_DIFF_H

#include "flow/text.h"

struct hd_flow_counts {
	uint32_t added, changed, removed, kept;
};

static inline bool hd_flow_counts_differ(const struct hd_flow_counts *counts)
{
	return counts->added + counts->changed + counts->removed != 0;
}

/*
 * Of specs with the same table, priority and match only the last one stays, as ovs-ofctl does it: moved together,
 * *n becomes how many are left. Then count what hd_tables_replace would do with them; `tables` NULL: there are none.
 * Returns 0 or -ENOMEM.
 */
int hd_flow_diff_rules(const struct hd_tables *tables, struct hd_rule_spec *specs, size_t *n,
		       struct hd_flow_counts *counts);

bool hd_flow_same_group(const struct hd_group *a, const struct hd_group *b);
bool hd_flow_same_meter(const struct hd_meter_conf *a, const struct hd_meter_conf *b);
/* A group or meter of the tables by its id, or NULL. */
const struct hd_group *hd_flow_find_group(const struct hd_tables *tables, uint32_t id);
const struct hd_meter_conf *hd_flow_find_meter(const struct hd_tables *tables, uint32_t id);

/* Frees the actions of specs that were not taken over, and the array. */
void hd_flow_specs_free(struct hd_rule_spec *specs, size_t n);

#endif
