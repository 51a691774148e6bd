/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the forwarding decision of learning bridges. */
#include <rte_branch_prediction.h>
#include <rte_ether.h>
#include <rte_prefetch.h>

#include "bridge.h"
#include "offload.h"
#include "tag.h"

/* A position that no FDB has. */
#define NOWHERE HD_FLOW_POSITION_MASK

/* What the stages know of the packets that are still alive, index by index. */
struct work {
	struct hd_pmd *pmd;
	const struct hd_snapshot_port *in;
	const struct hd_snapshot_bridge *bridge;
	uint16_t n;
	struct hd_pkt *pkt[HD_BURST];
	uint64_t hash[HD_BURST];
	uint64_t key[HD_BURST][2];      /* FDB keys: destination, source */
	uint32_t position[HD_BURST][2]; /* in the FDB, of the same; NOWHERE: not there */
};

enum { DESTINATION, SOURCE };

static inline bool multicast(const struct hd_pkt *pkt)
{
	return pkt->flags & (HD_PKT_MULTICAST | HD_PKT_BROADCAST);
}

/* 802.1Q-2018 table 8-1: 01-80-c2-00-00-00 to -0f stay on their link. */
static bool link_local(const uint8_t *mac)
{
	return mac[0] == 0x01 && mac[1] == 0x80 && mac[2] == 0xc2 && mac[3] == 0 && mac[4] == 0 && mac[5] <= 0x0f;
}

/* What can be said of the packet from itself and its input port. Sets its VLAN. */
static inline enum hd_drop admit(const struct hd_snapshot_port *in, struct hd_pkt *pkt)
{
	const uint8_t *source = pkt->hdr + RTE_ETHER_ADDR_LEN;
	bool tagged = pkt->flags & HD_PKT_TAGGED;
	uint32_t tag = tagged ? sizeof(struct rte_vlan_hdr) : 0;
	enum hd_drop drop;

	if (unlikely((source[0] & 1) || hd_fdb_key(source, 0) == 0))
		return HD_DROP_SOURCE_MULTICAST;
	if (unlikely(pkt->flags & HD_PKT_MULTICAST) && link_local(pkt->hdr))
		return HD_DROP_LINK_LOCAL;
	if (unlikely(pkt->len > in->max_len + tag) && hd_offload_segment_len(pkt) > in->max_len + tag)
		return HD_DROP_OVERSIZE;
	drop = hd_vlan_classify(&in->vlan, tagged, pkt->tci, &pkt->vlan);
	if (unlikely(drop != HD_DROP_NONE))
		return drop;
	if (unlikely(tagged && (pkt->tci & 0xfff) == 0))
		hd_tag_pop(pkt); /* a priority tag: its PCP lives on in tci */
	return HD_DROP_NONE;
}

static void stage_admit(struct work *work, struct hd_pkt **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct hd_pkt *pkt = pkts[i];
		enum hd_drop drop = admit(work->in, pkt);
		uint16_t at = work->n;

		if (unlikely(drop != HD_DROP_NONE)) {
			hd_pmd_drop(work->pmd, work->in->port, drop, 1);
			continue;
		}
		work->pkt[at] = pkt;
		work->key[at][DESTINATION] = hd_fdb_key(pkt->hdr, pkt->vlan);
		work->key[at][SOURCE] = hd_fdb_key(pkt->hdr + RTE_ETHER_ADDR_LEN, pkt->vlan);
		work->hash[at] = hd_flow_hash(pkt->hdr, pkt->vlan, work->bridge->serial << 16);
		rte_prefetch0(hd_flow_set(&work->pmd->flows, work->hash[at]));
		work->n++;
	}
}

static void stage_cache(struct work *work)
{
	for (uint16_t i = 0; i < work->n; i++) {
		uint64_t way = hd_flow_find(hd_flow_set(&work->pmd->flows, work->hash[i]), work->hash[i]);

		work->position[i][DESTINATION] = hd_flow_destination(way);
		work->position[i][SOURCE] = hd_flow_source(way);
		for (int side = 0; side < 2; side++) {
			if (likely(work->position[i][side] < work->bridge->fdb_size))
				rte_prefetch0(&work->bridge->entries[work->position[i][side]]);
		}
	}
}

/* Is the remembered position that of the address still? */
static inline bool holds(const struct work *work, uint16_t i, int side)
{
	uint32_t position = work->position[i][side];

	/* Key 0, the zero address, would match an empty entry. */
	return position < work->bridge->fdb_size && work->key[i][side] != 0 &&
	       hd_fdb_match(&work->bridge->entries[position], work->key[i][side]);
}

/* Ask the FDB for the packets in missed[]; remember what it knows. */
static void look_up(struct work *work, const uint8_t *missed, uint16_t n)
{
	uint64_t keys[2 * HD_BURST];
	int32_t found[2 * HD_BURST];

	for (uint16_t m = 0; m < n; m++) {
		keys[m] = work->key[missed[m]][DESTINATION];
		keys[n + m] = work->key[missed[m]][SOURCE];
	}
	hd_fdb_find_bulk(work->bridge->fdb, keys, n, found);
	hd_fdb_find_bulk(work->bridge->fdb, keys + n, n, found + n);
	for (uint16_t m = 0; m < n; m++) {
		uint16_t i = missed[m];
		bool known = found[m] >= 0 || multicast(work->pkt[i]);

		work->position[i][DESTINATION] = found[m] >= 0 ? (uint32_t)found[m] : NOWHERE;
		work->position[i][SOURCE] = found[n + m] >= 0 ? (uint32_t)found[n + m] : NOWHERE;
		if (known && found[n + m] >= 0)
			hd_flow_insert(&work->pmd->flows, work->hash[i], work->position[i][SOURCE],
				       work->position[i][DESTINATION]);
	}
	hd_count(&work->pmd->stats.misses, n);
}

static void stage_fdb(struct work *work)
{
	uint8_t missed[HD_BURST];
	uint16_t n = 0;

	for (uint16_t i = 0; i < work->n; i++) {
		bool known = holds(work, i, SOURCE) && (holds(work, i, DESTINATION) || multicast(work->pkt[i]));

		missed[n] = (uint8_t)i;
		n += !known;
	}
	if (unlikely(n != 0))
		look_up(work, missed, n);
}

/* Tell the control thread of a source that is new or has moved; stamp one that is neither. */
static inline void learn(struct work *work, uint16_t i)
{
	uint32_t position = work->position[i][SOURCE];
	struct hd_fdb_entry *entry;

	if (likely(position != NOWHERE)) {
		entry = (struct hd_fdb_entry *)(uintptr_t)&work->bridge->entries[position];
		if (likely(atomic_load_explicit(&entry->port, memory_order_relaxed) == work->in->port->id)) {
			if (unlikely(atomic_load_explicit(&entry->last_seen, memory_order_relaxed) !=
				     work->pmd->seconds))
				atomic_store_explicit(&entry->last_seen, work->pmd->seconds, memory_order_relaxed);
			return;
		}
		if (atomic_load_explicit(&entry->flags, memory_order_relaxed) & HD_FDB_STATIC)
			return;
	}
	hd_learner_push(&work->pmd->learner, work->key[i][SOURCE], work->bridge->serial, work->in->port->id,
			work->pmd->seconds);
}

/* May the packet leave by `out` at all? */
static inline enum hd_drop leave(const struct hd_snapshot_port *in, const struct hd_snapshot_port *out,
				 const struct hd_pkt *pkt)
{
	if (unlikely(in->isolated && out->isolated))
		return HD_DROP_ISOLATED;
	if (unlikely(!hd_vlan_allowed(&out->vlan, pkt->vlan)))
		return HD_DROP_EGRESS_VLAN;
	return HD_DROP_NONE;
}

static enum hd_drop unicast(struct work *work, uint16_t i)
{
	const struct hd_fdb_entry *entry = &work->bridge->entries[work->position[i][DESTINATION]];
	uint16_t id = atomic_load_explicit((_Atomic uint16_t *)(uintptr_t)&entry->port, memory_order_relaxed);
	const struct hd_snapshot_port *out = work->pmd->snapshot->ports[id];
	enum hd_drop drop;

	if (unlikely(id == work->in->port->id))
		return HD_DROP_SAME_PORT;
	if (unlikely(out == NULL || out->bridge != work->bridge))
		return HD_DROP_NO_BRIDGE; /* its port is being removed, its entries soon are */
	drop = leave(work->in, out, work->pkt[i]);
	if (unlikely(drop != HD_DROP_NONE))
		return drop;
	hd_pmd_output(work->pmd, id, work->pkt[i]);
	return HD_DROP_NONE;
}

static enum hd_drop storm(struct work *work, const struct hd_pkt *pkt)
{
	static const enum hd_drop drops[] = {
		[HD_STORM_BROADCAST] = HD_DROP_STORM_BROADCAST,
		[HD_STORM_MULTICAST] = HD_DROP_STORM_MULTICAST,
		[HD_STORM_UNKNOWN] = HD_DROP_STORM_UNKNOWN,
	};
	enum hd_storm_class class = HD_STORM_UNKNOWN;

	if (pkt->flags & HD_PKT_BROADCAST)
		class = HD_STORM_BROADCAST;
	else if (pkt->flags & HD_PKT_MULTICAST)
		class = HD_STORM_MULTICAST;
	if (hd_storm_admit(&work->in->storm[class], &work->in->port->storm[class], work->pmd->now))
		return HD_DROP_NONE;
	return drops[class];
}

/* To every port of the bridge that carries the VLAN and has somebody behind it. */
static enum hd_drop flood(struct work *work, struct hd_pkt *pkt)
{
	const struct hd_snapshot_port *in = work->in;
	enum hd_drop drop = in->storm_limited ? storm(work, pkt) : HD_DROP_NONE;
	uint16_t copies = 0;

	if (drop != HD_DROP_NONE)
		return drop;
	for (uint16_t i = 0; i < work->bridge->n_ports; i++) {
		const struct hd_snapshot_port *out = work->pmd->snapshot->ports[work->bridge->ports[i]];

		if (out == in || !atomic_load_explicit(&out->port->up, memory_order_relaxed) ||
		    leave(in, out, pkt) != HD_DROP_NONE)
			continue;
		hd_pmd_output(work->pmd, out->port->id, pkt);
		copies++;
	}
	if (copies == 0)
		return HD_DROP_NO_DESTINATION;
	if (copies > 1) {
		pkt->flags |= HD_PKT_SHARED;
		hd_count(&in->port->stats[work->pmd->id]->copies, copies - 1u);
	}
	return HD_DROP_NONE;
}

static void stage_decide(struct work *work)
{
	for (uint16_t i = 0; i < work->n; i++) {
		bool known = work->position[i][DESTINATION] != NOWHERE && !multicast(work->pkt[i]);
		enum hd_drop drop;

		learn(work, i);
		drop = likely(known) ? unicast(work, i) : flood(work, work->pkt[i]);
		if (unlikely(drop != HD_DROP_NONE))
			hd_pmd_drop(work->pmd, work->in->port, drop, 1);
	}
}

void hd_bridge_forward(struct hd_pmd *pmd, const struct hd_snapshot_port *in, struct hd_pkt **pkts, uint16_t n)
{
	struct work work;

	work.pmd = pmd;
	work.in = in;
	work.bridge = in->bridge;
	work.n = 0;
	stage_admit(&work, pkts, n);
	stage_cache(&work);
	stage_fdb(&work);
	stage_decide(&work);
}
