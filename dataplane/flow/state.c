/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what a PMD has for flow tables, and brings it up to date between bursts. */
#include <stdlib.h>

#include "../dataplane.h"
#include "key_extract.h"
#include "state.h"

struct hd_flow_state *hd_flow_state_create(void)
{
	struct hd_flow_state *state = aligned_alloc(64, (sizeof(*state) + 63) / 64 * 64);

	if (state == NULL)
		return NULL;
	memset(state, 0, sizeof(*state));
	if (hd_cache_init(&state->cache) < 0 || hd_programs_init(&state->programs, HD_PROGRAMS_BYTES) < 0) {
		hd_flow_state_destroy(state);
		return NULL;
	}
	return state;
}

void hd_flow_state_destroy(struct hd_flow_state *state)
{
	if (state == NULL)
		return;
	hd_programs_fini(&state->programs);
	hd_cache_fini(&state->cache);
	free(state);
}

void hd_flow_state_round(struct hd_pmd *pmd)
{
	struct hd_flow_state *state = pmd->flow;
	/* Pairs with hd_dataplane_fold. */
	uint64_t fold = atomic_load_explicit(&pmd->dataplane->fold, memory_order_acquire);

	/* Pairs with hd_dataplane_set_ct_limit. */
	pmd->ct = atomic_load_explicit(&pmd->dataplane->ct, memory_order_acquire);
	if (fold != state->fold) {
		hd_programs_fold(&state->programs);
		state->fold = fold;
	}
	if (pmd->snapshot->serial != state->snapshot || state->programs.full) {
		/* Programs name ports by id, bridges are known by their place. */
		hd_programs_reset(&state->programs);
		hd_cache_flush(&state->cache);
		memset(state->bridge, 0, sizeof(state->bridge));
		state->snapshot = pmd->snapshot->serial;
	}
	hd_cache_adopt(&state->cache, pmd->seconds);
}

static void lay_out(struct hd_flow_bridge *bridge, const struct hd_shape *shape)
{
	static const uint32_t words[HD_CLASSES] = {
		[HD_CLASS_OTHER] = HD_KEY_WORDS_OTHER,
		[HD_CLASS_ARP] = HD_KEY_WORDS_ARP,
		[HD_CLASS_IPV4] = HD_KEY_WORDS_IPV4,
		[HD_CLASS_IPV6] = HD_KEY_WORDS_ND,
	};

	bridge->far = false;
	for (int class = 0; class < HD_CLASSES; class ++) {
		struct hd_layout *layout = &bridge->layout[class];

		layout->n = 0;
		for (int word = 0; word < HD_KEY_PACKET_WORDS; word++) {
			/* IPv4 has all of its words, so that the code for it knows where they are. */
			if (!(words[class] >> word & 1) || (shape->mask.word[word] == 0 && class != HD_CLASS_IPV4))
				continue;
			layout->word[layout->n] = (uint8_t)word;
			layout->mask[layout->n++] = shape->mask.word[word];
		}
		bridge->far |= layout->n > HD_CACHE_NEAR;
	}
	bridge->shape = shape->serial;
}

static const struct hd_tables *tables_of(const struct hd_snapshot_bridge *bridge, enum hd_pass pass)
{
	switch (pass) {
	case HD_PASS_IN:
		return bridge->guard[HD_GUARD_IN];
	case HD_PASS_OUT:
		return bridge->guard[HD_GUARD_OUT];
	default:
		return bridge->tables;
	}
}

struct hd_flow_bridge *hd_flow_state_bridge(struct hd_pmd *pmd, const struct hd_snapshot_bridge *from,
					    enum hd_pass pass)
{
	struct hd_flow_bridge *bridge = &pmd->flow->bridge[from - pmd->snapshot->bridges][pass];
	const struct hd_tables *tables = tables_of(from, pass);
	uint64_t version = hd_tables_version(tables);
	const struct hd_shape *shape;

	if (bridge->version == version && bridge->tables == tables)
		return bridge;
	/* Rules that are gone get their last counts before anybody can believe that they have them. */
	hd_programs_fold(&pmd->flow->programs);
	shape = hd_tables_shape(tables);
	if (shape->serial != bridge->shape) {
		lay_out(bridge, shape);
		bridge->valid_from = version;
		if (bridge->far)
			atomic_store_explicit(&pmd->flow->cache.wants_far, true, memory_order_relaxed);
	}
	bridge->tables = tables;
	bridge->version = version;
	return bridge;
}
