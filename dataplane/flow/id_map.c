/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects by number: a sorted array that is replaced as a whole. */
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "id_map.h"

static inline struct hd_id_array *load(const struct hd_id_map *map)
{
	/* Pairs with the release in hd_id_map_publish. */
	return atomic_load_explicit(&map->array, memory_order_acquire);
}

/* Where the first id of at least `id` is. */
static uint32_t position_of(const struct hd_id_array *array, uint32_t id)
{
	uint32_t low = 0, high = array->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (array->entry[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *hd_id_map_next(const struct hd_id_map *map, uint32_t *cursor)
{
	const struct hd_id_array *array = load(map);
	uint32_t position = array != NULL ? position_of(array, *cursor) : 0;

	if (array == NULL || position == array->n)
		return NULL;
	*cursor = array->entry[position].id + 1;
	return array->entry[position].item->object;
}

void *hd_id_map_find(const struct hd_id_map *map, uint32_t id)
{
	uint32_t cursor = id;
	void *object = hd_id_map_next(map, &cursor);

	return object != NULL && cursor == id + 1 ? object : NULL;
}

struct hd_id_item *hd_id_item_create(void *object, void (*destroy)(void *object))
{
	struct hd_id_item *item = malloc(sizeof(*item));

	if (item == NULL)
		return NULL;
	item->object = object;
	item->destroy = destroy;
	return item;
}

struct hd_id_array *hd_id_map_with(const struct hd_id_map *map, uint32_t id, struct hd_id_item *item)
{
	const struct hd_id_array *former = load(map);
	uint32_t n = former != NULL ? former->n : 0;
	uint32_t before = former != NULL ? position_of(former, id) : 0;
	uint32_t after = before < n && former->entry[before].id == id ? before + 1 : before;
	struct hd_id_array *array = malloc(sizeof(*array) + (n + 1) * sizeof(array->entry[0]));

	if (array == NULL)
		return NULL;
	array->n = 0;
	for (; array->n < before; array->n++)
		array->entry[array->n] = former->entry[array->n];
	if (item != NULL) {
		array->entry[array->n].id = id;
		array->entry[array->n++].item = item;
	}
	for (; after < n; after++)
		array->entry[array->n++] = former->entry[after];
	return array;
}

static void destroy_item(struct hd_id_item *item)
{
	item->destroy(item->object);
	free(item);
}

static void release_item(struct hd_retired *retired, void *context)
{
	destroy_item(container_of(retired, struct hd_id_item, retired));
}

static void release_array(struct hd_retired *retired, void *context)
{
	free(container_of(retired, struct hd_id_array, retired));
}

void hd_id_map_publish(struct hd_id_map *map, struct hd_id_array *array, struct hd_retire_queue *queue)
{
	struct hd_id_array *former = load(map);
	uint32_t kept = 0;

	atomic_store_explicit(&map->array, array, memory_order_release); /* pairs with load() */
	if (former == NULL)
		return;
	for (uint32_t i = 0; i < former->n; i++) {
		while (array != NULL && kept < array->n && array->entry[kept].id < former->entry[i].id)
			kept++;
		if (array == NULL || kept == array->n || array->entry[kept].item != former->entry[i].item)
			hd_retire(queue, &former->entry[i].item->retired, release_item);
	}
	hd_retire(queue, &former->retired, release_array);
}

void hd_id_map_fini(struct hd_id_map *map)
{
	struct hd_id_array *array = load(map);

	for (uint32_t i = 0; array != NULL && i < array->n; i++)
		destroy_item(array->entry[i].item);
	free(array);
}
