/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the check that what flows and groups refer to is there, before anything is changed. */
#include <errno.h>
#include <stdlib.h>

#include "flow_plan.h"

struct ids {
	uint32_t *groups, *meters; /* sorted */
	size_t n_groups, n_meters;
};

static int order_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool has_id(const uint32_t *ids, size_t n, uint32_t id)
{
	return n != 0 && bsearch(&id, ids, n, sizeof(id), order_ids) != NULL;
}

/* What an action refers to and is not there: the word for it, or NULL. */
static const char *missing(const struct ids *ids, const struct hd_action *action)
{
	if (action->type == HD_ACT_GROUP && !has_id(ids->groups, ids->n_groups, action->id))
		return "group";
	if (action->type == HD_ACT_METER && !has_id(ids->meters, ids->n_meters, action->id))
		return "meter";
	return NULL;
}

static int check_actions(const struct ids *ids, const struct hd_actions *actions, const char *list, size_t index,
			 struct hd_error *error)
{
	for (uint32_t i = 0; i < actions->n; i++) {
		const char *what = missing(ids, &actions->action[i]);

		if (what == NULL)
			continue;
		hd_error_set(error, "%s[%zu]: there is no %s %u", list, index, what, actions->action[i].id);
		return -EINVAL;
	}
	return 0;
}

static int check_group(const struct ids *ids, const struct hd_group *group, size_t index, struct hd_error *error)
{
	for (uint32_t i = 0; i < group->n_buckets; i++) {
		const struct hd_bucket *bucket = &group->bucket[i];

		if (bucket->watch_group != UINT32_MAX && !has_id(ids->groups, ids->n_groups, bucket->watch_group)) {
			hd_error_set(error, "groups[%zu]: there is no group %u to watch", index, bucket->watch_group);
			return -EINVAL;
		}
		if (bucket->actions != NULL && check_actions(ids, bucket->actions, "groups", index, error) < 0)
			return -EINVAL;
	}
	return 0;
}

static int collect(struct ids *ids, const struct hd_flow_conf *set)
{
	ids->groups = calloc(set->n_groups + 1, sizeof(*ids->groups));
	ids->meters = calloc(set->n_meters + 1, sizeof(*ids->meters));
	if (ids->groups == NULL || ids->meters == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_groups; i++)
		ids->groups[ids->n_groups++] = set->groups[i]->id;
	for (size_t i = 0; i < set->n_meters; i++)
		ids->meters[ids->n_meters++] = set->meters[i].id;
	qsort(ids->groups, ids->n_groups, sizeof(*ids->groups), order_ids);
	qsort(ids->meters, ids->n_meters, sizeof(*ids->meters), order_ids);
	return 0;
}

int hd_flow_conf_check(const struct hd_flow_conf *set, struct hd_error *error)
{
	struct ids ids = {0};
	int rc = collect(&ids, set);

	hd_error_set(error, "out of memory");
	for (size_t i = 0; rc == 0 && i < set->n_groups; i++)
		rc = check_group(&ids, set->groups[i], i, error);
	for (size_t i = 0; rc == 0 && i < set->n_rules; i++)
		rc = check_actions(&ids, set->rules[i].actions, "flows", i, error);
	free(ids.groups);
	free(ids.meters);
	return rc;
}
