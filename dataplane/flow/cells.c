/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots of rules' counters, and the chunks that hold them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"

#define CHUNK_BYTES(cells) ((size_t)(cells)->n_pmds * HD_CELLS_CHUNK * sizeof(struct hd_rule_cell))
static_assert(HD_CELLS_CHUNK * sizeof(struct hd_rule_cell) % 64 == 0, "PMDs share no line");

void hd_cells_init(struct hd_cells *cells, unsigned int n_pmds)
{
	cells->n_pmds = n_pmds;
}

void hd_cells_fini(struct hd_cells *cells)
{
	for (uint32_t i = 0; i < cells->n_slots / HD_CELLS_CHUNK; i++)
		free(atomic_load_explicit(&cells->chunk[i], memory_order_relaxed));
	free(cells->free);
	free(cells->users);
}

static int add_chunk(struct hd_cells *cells)
{
	uint32_t n_slots = cells->n_slots + HD_CELLS_CHUNK;
	uint32_t *grown;
	void *chunk;

	if (cells->n_slots / HD_CELLS_CHUNK == HD_CELLS_CHUNKS)
		return -ENOMEM;
	grown = realloc(cells->free, n_slots * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	cells->free = grown;
	grown = realloc(cells->users, n_slots * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	cells->users = grown;
	chunk = aligned_alloc(64, CHUNK_BYTES(cells));
	if (chunk == NULL)
		return -ENOMEM;
	/* A version that has a rule of this chunk is published later, with release. */
	atomic_store_explicit(&cells->chunk[cells->n_slots / HD_CELLS_CHUNK], chunk, memory_order_relaxed);
	for (uint32_t slot = n_slots; slot-- > cells->n_slots;)
		cells->free[cells->n_free++] = slot;
	cells->n_slots = n_slots;
	return 0;
}

static inline void store(uint64_t *counter, uint64_t value)
{
	atomic_store_explicit((_Atomic uint64_t *)counter, value, memory_order_relaxed);
}

static inline uint64_t load(const uint64_t *counter)
{
	return atomic_load_explicit((const _Atomic uint64_t *)counter, memory_order_relaxed);
}

int hd_cells_take(struct hd_cells *cells, uint32_t *slot)
{
	if (cells->n_free == 0 && add_chunk(cells) != 0)
		return -ENOMEM;
	*slot = cells->free[--cells->n_free];
	cells->users[*slot] = 1;
	for (unsigned int pmd = 0; pmd < cells->n_pmds; pmd++) {
		struct hd_rule_cell *cell = hd_cells_at(cells, *slot, pmd);

		store(&cell->packets, 0);
		store(&cell->bytes, 0);
		store(&cell->used, 0);
	}
	return 0;
}

void hd_cells_share(struct hd_cells *cells, uint32_t slot)
{
	cells->users[slot]++;
}

void hd_cells_drop(struct hd_cells *cells, uint32_t slot)
{
	if (--cells->users[slot] == 0)
		cells->free[cells->n_free++] = slot;
}

uint64_t hd_cells_bytes(const struct hd_cells *cells)
{
	return cells->n_slots / HD_CELLS_CHUNK * CHUNK_BYTES(cells) + cells->n_slots * 2 * sizeof(uint32_t);
}

void hd_cells_sum(const struct hd_cells *cells, uint32_t slot, struct hd_rule_stats *stats)
{
	*stats = (struct hd_rule_stats){0};
	for (unsigned int pmd = 0; pmd < cells->n_pmds; pmd++) {
		const struct hd_rule_cell *cell = hd_cells_at(cells, slot, pmd);
		uint64_t used = load(&cell->used);

		stats->packets += load(&cell->packets);
		stats->bytes += load(&cell->bytes);
		if (used > stats->used)
			stats->used = used;
	}
}
