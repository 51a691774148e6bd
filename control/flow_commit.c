/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the change of a bridge's tables to a whole set: what rules refer to comes before them and goes after them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_plan.h"

static int set_group(const struct hd_run_bridge *bridge, struct hd_group **group, struct hd_error *error)
{
	const struct hd_group *former = hd_tables_group(bridge->tables, (*group)->id);
	struct hd_mod_result result = {.reason = NULL};
	int rc = 0;

	if (former == NULL)
		rc = hd_tables_group_add(bridge->tables, *group, &result);
	else if (!hd_flow_same_group(former, *group))
		rc = hd_tables_group_mod(bridge->tables, *group, &result);
	else
		hd_group_free(*group);
	if (rc < 0)
		hd_error_set(error, "bridges.%s.groups: group %u: %s", bridge->name, (*group)->id,
			     result.reason != NULL ? result.reason : strerror(-rc));
	else
		*group = NULL;
	return rc;
}

/*
 * Groups may refer to groups, in any order of the list: round after round those go in whose turn has come, until a
 * round brings none further.
 */
static int set_groups(struct hd_flow_conf *set, const struct hd_run_bridge *bridge, struct hd_error *error)
{
	bool moved;
	int rc;

	do {
		moved = false;
		rc = 0;
		for (size_t i = 0; i < set->n_groups; i++) {
			int why;

			if (set->groups[i] == NULL)
				continue;
			why = set_group(bridge, &set->groups[i], error);
			moved |= why == 0;
			rc = why < 0 ? why : rc;
		}
	} while (rc < 0 && moved);
	return rc;
}

static int set_meters(const struct hd_flow_conf *set, const struct hd_run_bridge *bridge, struct hd_error *error)
{
	for (size_t i = 0; i < set->n_meters; i++) {
		const struct hd_meter_conf *former = hd_flow_find_meter(bridge->tables, set->meters[i].id);
		int rc;

		if (former != NULL && hd_flow_same_meter(former, &set->meters[i]))
			continue;
		rc = hd_tables_meter_set(bridge->tables, &set->meters[i], former != NULL);
		if (rc < 0) {
			hd_error_set(error, "bridges.%s.meters: meter %u: %s", bridge->name, set->meters[i].id,
				     strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static int set_rules(struct hd_flow_conf *set, const struct hd_run_bridge *bridge, struct hd_error *error)
{
	struct hd_mod_result result = {.reason = NULL};
	int rc = hd_tables_replace(bridge->tables, false, set->rules, set->n_rules, &result);

	if (rc < 0)
		hd_error_set(error, "bridges.%s.flows[%zu]: %s", bridge->name, result.failed,
			     result.reason != NULL ? result.reason : strerror(-rc));
	return rc;
}

static bool lists_id(const uint32_t *ids, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* One of the groups that are not listed, and that no other group names. False if there is none. */
static bool drop_group(const struct hd_run_bridge *bridge, const uint32_t *ids, size_t n)
{
	struct hd_mod_result result;
	const struct hd_group *group;
	uint32_t cursor = 0;

	while ((group = hd_tables_group_next(bridge->tables, &cursor)) != NULL)
		if (!lists_id(ids, n, group->id) && hd_tables_group_del(bridge->tables, group->id, &result) == 0)
			return true;
	return false;
}

static bool lists_meter(const struct hd_flow_conf *set, uint32_t id)
{
	for (size_t i = 0; i < set->n_meters; i++)
		if (set->meters[i].id == id)
			return true;
	return false;
}

static bool drop_meter(const struct hd_flow_conf *set, const struct hd_run_bridge *bridge)
{
	struct hd_mod_result result;
	struct hd_meter *meter;
	uint32_t cursor = 0;

	while ((meter = hd_tables_meter_next(bridge->tables, &cursor)) != NULL) {
		uint32_t id = hd_meter_conf(meter)->id;

		if (!lists_meter(set, id) && hd_tables_meter_del(bridge->tables, id, &result) == 0)
			return true;
	}
	return false;
}

int hd_flow_conf_commit(struct hd_flow_conf *set, const struct hd_run_bridge *bridge, struct hd_error *error)
{
	uint32_t *ids = calloc(set->n_groups + 1, sizeof(*ids)); /* set_groups hands the groups over */
	int rc;

	if (ids == NULL) {
		hd_error_set(error, "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < set->n_groups; i++)
		ids[i] = set->groups[i]->id;
	rc = set_meters(set, bridge, error);
	if (rc == 0)
		rc = set_groups(set, bridge, error);
	if (rc == 0)
		rc = set_rules(set, bridge, error);
	if (rc == 0) {
		while (drop_group(bridge, ids, set->n_groups))
			; /* no rule refers to them any more, and none of those that stay */
		while (drop_meter(set, bridge))
			;
	}
	free(ids);
	return rc;
}
