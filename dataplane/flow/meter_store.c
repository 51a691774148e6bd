/* SPDX-License-Identifier: BSD-3-Clause */
/* The meters of a bridge. */
#include <errno.h>
#include <stdlib.h>

#include "tables_private.h"

static void destroy_meter(void *meter)
{
	hd_meter_destroy(meter);
}

struct hd_meter *hd_tables_meter(const struct hd_tables *tables, uint32_t id)
{
	return hd_id_map_find(&tables->meters, id);
}

struct hd_meter *hd_tables_meter_next(const struct hd_tables *tables, uint32_t *cursor)
{
	return hd_id_map_next(&tables->meters, cursor);
}

static int put(struct hd_tables *tables, struct hd_meter *meter)
{
	uint32_t id = hd_meter_conf(meter)->id;
	struct hd_id_item *item = hd_id_item_create(meter, destroy_meter);
	struct hd_mod_result result;
	struct hd_change change;
	int ret;

	hd_change_begin(&change, tables, &result);
	change.map = &tables->meters;
	change.array = item != NULL ? hd_id_map_with(&tables->meters, id, item) : NULL;
	change.notes.everything = true;
	ret = hd_change_end(&change, change.array != NULL ? 0 : -ENOMEM);
	if (ret != 0) {
		free(change.array);
		free(item);
	}
	return ret;
}

int hd_tables_meter_set(struct hd_tables *tables, const struct hd_meter_conf *conf, bool replace)
{
	const struct hd_meter *former;
	struct hd_meter *meter;
	int ret;

	if (conf->id < 1 || conf->id > HD_METER_ID_MAX || conf->rate < 1 || conf->rate > HD_METER_RATE_MAX)
		return -EINVAL;
	former = hd_tables_meter(tables, conf->id);
	if (former != NULL && !replace)
		return -EEXIST;
	if (former == NULL && replace)
		return -ENOENT;
	meter = hd_meter_create(conf, tables->tsc_hz);
	if (meter == NULL)
		return -ENOMEM;
	if (former != NULL)
		hd_meter_inherit(meter, former);
	ret = put(tables, meter);
	if (ret != 0)
		hd_meter_destroy(meter);
	return ret;
}

static int check_delete(const struct hd_tables *tables, uint32_t id, struct hd_mod_result *result)
{
	const struct hd_group *group;
	uint32_t cursor = 0;

	if (id != 0 && hd_tables_meter(tables, id) == NULL) {
		result->reason = "no such meter";
		return -ENOENT;
	}
	while ((group = hd_tables_group_next(tables, &cursor)) != NULL)
		for (uint32_t i = 0; i < group->n_buckets; i++)
			if (hd_effects_refer(group->bucket[i].actions, HD_ACT_METER, id != 0 ? id : UINT32_MAX)) {
				result->reason = "a group refers to it";
				return -EBUSY;
			}
	return 0;
}

int hd_tables_meter_del(struct hd_tables *tables, uint32_t id, struct hd_mod_result *result)
{
	struct hd_change change;
	int ret;

	*result = (struct hd_mod_result){.reason = ""};
	ret = check_delete(tables, id, result);
	if (ret != 0)
		return ret;
	hd_change_begin(&change, tables, result);
	change.map = &tables->meters;
	if (id != 0) {
		change.array = hd_id_map_with(&tables->meters, id, NULL);
		if (change.array == NULL) {
			result->reason = "out of memory";
			return hd_change_end(&change, -ENOMEM);
		}
	}
	hd_change_remove_users(&change, HD_ACT_METER, id != 0 ? id : UINT32_MAX);
	change.notes.everything = true;
	ret = hd_change_commit(&change);
	if (ret != 0)
		free(change.array);
	return ret;
}
