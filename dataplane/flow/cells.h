/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of rules: a cell for every PMD at a numbered slot. Slots come in chunks, in which the cells of one PMD lie
 * together, so that PMDs share no cache line. A chunk stays where it is until the end: PMDs may hold addresses of cells
 * for as long as they like. A rule that replaces another shares its slot: slots count their users.
 *
 * Control thread, but hd_cells_at: any.
 */
#ifndef HD_FLOW_CELLS_H
#define HD_FLOW_CELLS_H

#include "tables.h"

#define HD_CELLS_CHUNK 4096u
/* Rules that wait for a grace period have slots as well. */
#define HD_CELLS_CHUNKS (2 * HD_RULES_MAX / HD_CELLS_CHUNK)

struct hd_cells {
	/* Writer: control. Readers: PMDs, for slots of rules that they have found. */
	_Atomic(struct hd_rule_cell *) chunk[HD_CELLS_CHUNKS];
	unsigned int n_pmds;
	/* Control. */
	uint32_t n_slots, n_free;
	uint32_t *free; /* a stack with room for all slots */
	uint32_t *users;
};

void hd_cells_init(struct hd_cells *cells, unsigned int n_pmds);
void hd_cells_fini(struct hd_cells *cells);
/* A slot with one user, its cells zero. -ENOMEM. */
int hd_cells_take(struct hd_cells *cells, uint32_t *slot);
void hd_cells_share(struct hd_cells *cells, uint32_t slot);
void hd_cells_drop(struct hd_cells *cells, uint32_t slot);
uint64_t hd_cells_bytes(const struct hd_cells *cells);

static inline struct hd_rule_cell *hd_cells_at(const struct hd_cells *cells, uint32_t slot, unsigned int pmd)
{
	struct hd_rule_cell *chunk = atomic_load_explicit(&cells->chunk[slot / HD_CELLS_CHUNK], memory_order_relaxed);

	return &chunk[(size_t)pmd * HD_CELLS_CHUNK + slot % HD_CELLS_CHUNK];
}

/* Sum over PMDs. */
void hd_cells_sum(const struct hd_cells *cells, uint32_t slot, struct hd_rule_stats *stats);

#endif
