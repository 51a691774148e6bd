/* SPDX-License-Identifier: BSD-3-Clause */
/* What packets' fates can depend on: the union of what rules match and what actions read. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_rcu_qsbr.h>

#include "tables_private.h"

#define SHRINK_SECONDS 5

/* What every shape has. */
static void add_always(struct hd_key *mask)
{
	mask->in_port = UINT16_MAX;
	mask->eth_type = UINT16_MAX;
	mask->vlan_tci |= htons(HD_KEY_VLAN_PRESENT);
}

struct hd_shape_published *hd_shape_create(const struct hd_key *mask, bool tracks)
{
	static _Atomic uint64_t serial;
	struct hd_shape_published *published = malloc(sizeof(*published));

	if (published == NULL)
		return NULL;
	published->shape.serial = atomic_fetch_add(&serial, 1) + 1;
	published->shape.mask = *mask;
	published->shape.tracks = tracks;
	add_always(&published->shape.mask);
	return published;
}

struct hd_shape_published *hd_shape_grown(const struct hd_tables *tables, const struct hd_key *needs, int *ret)
{
	const struct hd_shape *present = hd_shape_of(tables);
	struct hd_shape_published *grown;
	struct hd_key mask;

	*ret = 0;
	if (hd_key_includes(&present->mask, needs) && (present->tracks || tables->n_tracks == 0))
		return NULL;
	mask = present->mask;
	hd_key_or(&mask, needs);
	grown = hd_shape_create(&mask, present->tracks || tables->n_tracks > 0);
	if (grown == NULL)
		*ret = -ENOMEM;
	return grown;
}

static void release_shape(struct hd_retired *retired, void *context)
{
	free(container_of(retired, struct hd_shape_published, retired));
}

void hd_shape_publish(struct hd_tables *tables, struct hd_shape_published *shape)
{
	/* Pairs with the acquire in hd_shape_of. */
	struct hd_shape_published *former = atomic_exchange_explicit(&tables->shape, shape, memory_order_acq_rel);

	hd_retire(&tables->queue, &former->retired, release_shape);
}

/* Union of all there is now. */
static void add_up(const struct hd_tables *tables, struct hd_key *mask)
{
	*mask = tables->reads.any;
	add_always(mask);
	for (uint32_t i = 0; i < HD_TABLES; i++) {
		const struct hd_classifier_table *table = &tables->classifier.table[i];

		for (uint32_t j = 0; j < table->n; j++)
			if (table->tuple[j]->n_rules > 0)
				hd_key_or(mask, &table->tuple[j]->whole_mask);
	}
}

/*
 * Only when no PMD looks up with a former version any more: what it decided by rules that are gone, it must not cache
 * under a mask that leaves out what these looked at.
 */
static bool is_settled(const struct hd_tables *tables)
{
	return rte_rcu_qsbr_check(tables->queue.rcu, tables->queue.newest, false) == 1;
}

void hd_shape_shrink(struct hd_tables *tables, uint64_t now)
{
	const struct hd_shape *present = hd_shape_of(tables);
	struct hd_shape_published *smaller;
	struct hd_key mask;

	add_up(tables, &mask);
	if (hd_key_includes(&mask, &present->mask) && present->tracks == (tables->n_tracks > 0)) {
		tables->shrink_since = 0;
		return;
	}
	if (tables->shrink_since == 0)
		tables->shrink_since = now;
	if (now - tables->shrink_since < SHRINK_SECONDS * tables->tsc_hz || !is_settled(tables))
		return;
	smaller = hd_shape_create(&mask, tables->n_tracks > 0);
	if (smaller == NULL)
		return; /* tried again */
	hd_shape_publish(tables, smaller);
	tables->shrink_since = 0;
}
