/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects by number, for PMDs to find while the control thread changes which there are: a sorted array, replaced as a
 * whole. Made for the few thousands of groups and meters that a bridge has. A change costs time in proportion to them.
 */
#ifndef HD_FLOW_ID_MAP_H
#define HD_FLOW_ID_MAP_H

#include <stdatomic.h>

#include "retire.h"

/* An object, and how it is destroyed once no PMD reads it. */
struct hd_id_item {
	void *object;
	void (*destroy)(void *object);
	struct hd_retired retired;
};

struct hd_id_array {
	struct hd_retired retired;
	uint32_t n;
	struct {
		uint32_t id;
		struct hd_id_item *item;
	} entry[]; /* by id, rising */
};

struct hd_id_map {
	_Atomic(struct hd_id_array *) array; /* NULL: none. Writer: control */
};

/* Any thread. NULL if there is none. */
void *hd_id_map_find(const struct hd_id_map *map, uint32_t id);
/* Any thread. The first of at least *cursor, which is moved on; NULL at the end. Ids are below UINT32_MAX. */
void *hd_id_map_next(const struct hd_id_map *map, uint32_t *cursor);

/* ---- Control thread ---- */

struct hd_id_item *hd_id_item_create(void *object, void (*destroy)(void *object));
/* The map with `item` as what `id` means, or without `id` if item is NULL; NULL if out of memory. Not published. */
struct hd_id_array *hd_id_map_with(const struct hd_id_map *map, uint32_t id, struct hd_id_item *item);
/* Publish it (NULL: empty). The former array, and its items that are not in this one, go after a grace period. */
void hd_id_map_publish(struct hd_id_map *map, struct hd_id_array *array, struct hd_retire_queue *queue);
/* Destroys all that is in it. */
void hd_id_map_fini(struct hd_id_map *map);

#endif
