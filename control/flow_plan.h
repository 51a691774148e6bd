/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a configuration says of flows, groups and meters, on the way into the bridges' tables.
 *
 * Rules live in the tables alone: the document in force has none, so that a change of a port costs the same with a
 * hundred thousand rules as with one. A document that a change brings may have a bridge's "flows", "groups", "meters"
 * and "absent-ports"; hd_flow_plan_make reads them before anything is changed, hd_flow_plan_commit makes them the ones
 * there are once the bridges and ports are. Control thread only.
 */
#ifndef HD_FLOW_PLAN_H
#define HD_FLOW_PLAN_H

#include "flow_diff.h"
#include "runtime.h"

/* Of one bridge. */
struct hd_flow_conf {
	size_t n_rules, n_groups, n_meters;
	struct hd_rule_spec *rules;
	struct hd_group **groups; /* NULL: taken over by the tables */
	struct hd_meter_conf *meters;
	struct hd_flow_counts rule_counts, group_counts, meter_counts;
};

struct hd_flow_plan {
	struct hd_runtime *runtime;
	unsigned int n;
	struct planned_flows {
		char bridge[HD_NAME_MAX + 1];
		bool created; /* the bridge is not there yet */
		struct hd_flow_conf set;
	} * bridges;
	json_t *former; /* what the change takes away: bridge -> hd_flow_dump */
};

/*
 * Read and check what `document` says of the bridges of `to`. A bridge of which it says nothing gets the default (one
 * rule, NORMAL) if `whole` or if it is new, else it stays as it is. Returns 0, or -EINVAL and the error with file (if
 * `marks` knows), path, and column; -ENOMEM.
 */
int hd_flow_plan_make(struct hd_flow_plan *plan, struct hd_runtime *runtime, const struct hd_config *to,
		      const json_t *document, const struct hd_marks *marks, bool whole, struct hd_error *error);
void hd_flow_plan_clear(struct hd_flow_plan *plan);

/* Does it change nothing in bridges that there are? */
bool hd_flow_plan_empty(const struct hd_flow_plan *plan);
/* Append {"change": "flow set", "bridge", ["flows", "groups", "meters": {"added", "changed", "removed"}]} a bridge. */
void hd_flow_plan_tell(const struct hd_flow_plan *plan, json_t *changes);
/* Keep in plan->former, as text, the flows that will be changed or go with their bridge. -ENOMEM. */
int hd_flow_plan_keep(struct hd_flow_plan *plan, const struct hd_config *to);
/*
 * Make them the ones there are. Returns 0, or -errno and the error: then some bridges may have been changed, and a plan
 * from `former` brings them back.
 */
int hd_flow_plan_commit(struct hd_flow_plan *plan, struct hd_error *error);

/* flow_refs.c: do all groups and meters that are named exist in the set? -EINVAL, and the error, which begins with
 * "flows[3]: " or "groups[1]: ". */
int hd_flow_conf_check(const struct hd_flow_conf *set, struct hd_error *error);

/* flow_commit.c: make the set the bridge's; see hd_flow_plan_commit. */
int hd_flow_conf_commit(struct hd_flow_conf *set, const struct hd_run_bridge *bridge, struct hd_error *error);

/* ---- flow_dump.c: from the tables to a document ---- */

/*
 * A bridge's part of the document: {"flows": [texts], ["groups"], ["meters"], ["absent-ports"]}, in order of table,
 * falling priority. Without rules that are hidden or have timeouts. If it is the default, {} unless `always`. A new
 * reference, NULL if out of memory.
 */
json_t *hd_flow_dump(struct hd_runtime *runtime, const struct hd_run_bridge *bridge, bool always);
/* Put all bridges' parts into a document that has the bridges. -ENOMEM. */
int hd_flow_dump_into(struct hd_runtime *runtime, json_t *document);

/* The rule that bridges without "flows" have: priority 0, NORMAL. Its actions are the caller's; -ENOMEM. */
int hd_flow_default(struct hd_rule_spec *spec);

#endif
