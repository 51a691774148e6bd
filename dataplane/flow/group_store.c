/* SPDX-License-Identifier: BSD-3-Clause */
/* The groups of a bridge: that they refer to what is there, and never to themselves. */
#include <errno.h>
#include <stdlib.h>

#include "tables_private.h"

static void destroy_group(void *group)
{
	hd_group_free(group);
}

const struct hd_group *hd_tables_group(const struct hd_tables *tables, uint32_t id)
{
	return hd_id_map_find(&tables->groups, id);
}

const struct hd_group *hd_tables_group_next(const struct hd_tables *tables, uint32_t *cursor)
{
	return hd_id_map_next(&tables->groups, cursor);
}

/* Does any bucket's action name it? UINT32_MAX: any. */
static bool group_refers(const struct hd_group *group, enum hd_action_type type, uint32_t id)
{
	for (uint32_t i = 0; i < group->n_buckets; i++)
		if (hd_effects_refer(group->bucket[i].actions, type, id))
			return true;
	return false;
}

/* Or watch it? */
static bool depends_on(const struct hd_group *group, uint32_t id)
{
	for (uint32_t i = 0; i < group->n_buckets; i++)
		if (group->bucket[i].watch_group == id)
			return true;
	return group_refers(group, HD_ACT_GROUP, id);
}

/* The groups that were found to lead to the new one. */
struct reachers {
	uint32_t n;
	uint32_t *id;
};

/* Does this one depend on one of them? */
static bool reaches(const struct hd_group *group, const struct reachers *reachers)
{
	for (uint32_t i = 0; i < reachers->n; i++)
		if (depends_on(group, reachers->id[i]))
			return true;
	return false;
}

static bool is_one(uint32_t id, const struct reachers *reachers)
{
	for (uint32_t i = 0; i < reachers->n; i++)
		if (reachers->id[i] == id)
			return true;
	return false;
}

static bool depends_on_any(const struct hd_group *group)
{
	for (uint32_t i = 0; i < group->n_buckets; i++)
		if (group->bucket[i].watch_group != UINT32_MAX)
			return true;
	return group_refers(group, HD_ACT_GROUP, UINT32_MAX);
}

/*
 * There is no circle without `group`, so there is one with it just if a group that leads to it is one that it depends
 * on. Those that lead to it are gathered round by round, since buckets may refer to any depth.
 */
static int check_loop(const struct hd_tables *tables, const struct hd_group *group, struct hd_mod_result *result)
{
	struct reachers reachers = {1, NULL};
	uint32_t n = 1, before, cursor = 0;
	const struct hd_group *other;
	int ret;

	if (!depends_on_any(group))
		return 0;
	while (hd_tables_group_next(tables, &cursor) != NULL)
		n++;
	reachers.id = malloc(n * sizeof(*reachers.id));
	if (reachers.id == NULL) {
		result->reason = "out of memory";
		return -ENOMEM;
	}
	reachers.id[0] = group->id;
	do {
		before = reachers.n;
		cursor = 0;
		while ((other = hd_tables_group_next(tables, &cursor)) != NULL)
			if (!is_one(other->id, &reachers) && reaches(other, &reachers))
				reachers.id[reachers.n++] = other->id;
	} while (reachers.n != before);
	ret = reaches(group, &reachers) ? -ELOOP : 0;
	if (ret != 0)
		result->reason = "groups refer to each other in a circle";
	free(reachers.id);
	return ret;
}

static int check_group(const struct hd_tables *tables, const struct hd_group *group, struct hd_mod_result *result)
{
	int ret = 0;

	if (group->id > HD_GROUP_MAX) {
		result->reason = "no such group number";
		return -EINVAL;
	}
	/* Before: one that names itself is a circle, though it may not be there yet. */
	ret = check_loop(tables, group, result);
	for (uint32_t i = 0; i < group->n_buckets && ret == 0; i++)
		if (group->bucket[i].actions != NULL)
			ret = hd_tables_check_actions(tables, group->bucket[i].actions, &result->reason);
	return ret;
}

/* `group` becomes what its number means; former is what it meant. */
static int put(struct hd_tables *tables, struct hd_group *group, const struct hd_group *former,
	       struct hd_mod_result *result)
{
	struct hd_id_item *item = hd_id_item_create(group, destroy_group);
	struct hd_effects effects, former_effects = {0};
	struct hd_change change;
	int ret;

	hd_change_begin(&change, tables, result);
	change.map = &tables->groups;
	change.array = item != NULL ? hd_id_map_with(&tables->groups, group->id, item) : NULL;
	if (change.array == NULL) {
		free(item);
		result->reason = "out of memory";
		return hd_change_end(&change, -ENOMEM);
	}
	hd_effects_of_group(group, &effects);
	if (former != NULL)
		hd_effects_of_group(former, &former_effects);
	hd_change_count(&change, &effects);
	hd_change_discount(&change, &former_effects);
	change.notes.everything = true;
	ret = hd_change_commit(&change);
	if (ret != 0) {
		hd_change_count(&change, &former_effects);
		hd_change_discount(&change, &effects);
		free(change.array);
		free(item);
	}
	return ret;
}

int hd_tables_group_add(struct hd_tables *tables, struct hd_group *group, struct hd_mod_result *result)
{
	int ret;

	*result = (struct hd_mod_result){.reason = ""};
	if (hd_tables_group(tables, group->id) != NULL) {
		result->reason = "the group is there already";
		return -EEXIST;
	}
	ret = check_group(tables, group, result);
	return ret != 0 ? ret : put(tables, group, NULL, result);
}

int hd_tables_group_mod(struct hd_tables *tables, struct hd_group *group, struct hd_mod_result *result)
{
	const struct hd_group *former = hd_tables_group(tables, group->id);
	int ret;

	*result = (struct hd_mod_result){.reason = ""};
	if (former == NULL) {
		result->reason = "no such group";
		return -ENOENT;
	}
	ret = check_group(tables, group, result);
	return ret != 0 ? ret : put(tables, group, former, result);
}

/* Effects of the group (UINT32_MAX: all) come to count, or no longer do. */
static void count_groups(struct hd_change *change, uint32_t id,
			 void (*count)(struct hd_change *change, const struct hd_effects *effects))
{
	const struct hd_group *group;
	struct hd_effects effects;
	uint32_t cursor = 0;

	while ((group = hd_tables_group_next(change->tables, &cursor)) != NULL)
		if (id == UINT32_MAX || group->id == id) {
			hd_effects_of_group(group, &effects);
			count(change, &effects);
		}
}

static int check_delete(const struct hd_tables *tables, uint32_t id, struct hd_mod_result *result)
{
	const struct hd_group *group;
	uint32_t cursor = 0;

	if (id == UINT32_MAX)
		return 0;
	if (hd_tables_group(tables, id) == NULL) {
		result->reason = "no such group";
		return -ENOENT;
	}
	while ((group = hd_tables_group_next(tables, &cursor)) != NULL)
		if (group_refers(group, HD_ACT_GROUP, id)) {
			result->reason = "a group refers to it"; /* OpenFlow 1.3 6.4: chained group */
			return -EBUSY;
		}
	return 0;
}

int hd_tables_group_del(struct hd_tables *tables, uint32_t id, struct hd_mod_result *result)
{
	struct hd_change change;
	int ret;

	*result = (struct hd_mod_result){.reason = ""};
	ret = check_delete(tables, id, result);
	if (ret != 0)
		return ret;
	hd_change_begin(&change, tables, result);
	change.map = &tables->groups;
	if (id != UINT32_MAX) {
		change.array = hd_id_map_with(&tables->groups, id, NULL);
		if (change.array == NULL) {
			result->reason = "out of memory";
			return hd_change_end(&change, -ENOMEM);
		}
	}
	hd_change_remove_users(&change, HD_ACT_GROUP, id);
	count_groups(&change, id, hd_change_discount);
	change.notes.everything = true;
	ret = hd_change_commit(&change);
	if (ret != 0) {
		count_groups(&change, id, hd_change_count);
		free(change.array);
	}
	return ret;
}
