/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the forwarding decision of learning bridges. */
#include <rte_branch_prediction.h>
#include <rte_ether.h>
#include <rte_prefetch.h>

#include "bridge.h"
#include "offload.h"
#include "tag.h"

/* A position that no FDB has. */
#define NOWHERE HD_FDB_CACHE_POSITION_MASK

enum { DESTINATION, SOURCE };

/* Packets in a row with the same addresses and VLAN: looked up and decided upon once. */
struct run {
	uint64_t hash;
	uint64_t key[2];      /* of the FDB: destination, source */
	uint32_t position[2]; /* in the FDB, of the same; NOWHERE: not there */
	uint16_t first, n;    /* its packets: work.pkt[first..first+n-1] */
};

/* What the stages know of the packets that are still alive. */
struct work {
	struct hd_pmd *pmd;
	const struct hd_snapshot_port *in;
	const struct hd_snapshot_bridge *bridge;
	uint16_t n, n_runs;
	struct hd_pkt *pkt[HD_BURST];
	struct run run[HD_BURST];
};

/* A destination with the group bit: the lowest of the address's first byte. */
static inline bool multicast(const struct run *run)
{
	return run->key[DESTINATION] & 1;
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

/* Into the run of the packet before it, or a new one. */
static inline void add(struct work *work, struct hd_pkt *pkt)
{
	uint64_t destination = hd_fdb_key(pkt->hdr, pkt->vlan);
	uint64_t source = hd_fdb_key(pkt->hdr + RTE_ETHER_ADDR_LEN, pkt->vlan);
	struct run *run = &work->run[work->n_runs];
	uint16_t at = work->n++;

	work->pkt[at] = pkt;
	if (at != 0 && run[-1].key[DESTINATION] == destination && run[-1].key[SOURCE] == source) {
		run[-1].n++;
		return;
	}
	run->key[DESTINATION] = destination;
	run->key[SOURCE] = source;
	run->hash = hd_fdb_cache_hash(destination, source, work->bridge->serial);
	run->first = at;
	run->n = 1;
	work->n_runs++;
	rte_prefetch0(hd_fdb_cache_set(&work->pmd->fdb_cache, run->hash));
}

static void stage_admit(struct work *work, struct hd_pkt **pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		enum hd_drop drop = admit(work->in, pkts[i]);

		if (likely(drop == HD_DROP_NONE))
			add(work, pkts[i]);
		else
			hd_pmd_drop_pkt(work->pmd, work->in->port, drop, pkts[i]);
	}
}

static void stage_cache(struct work *work)
{
	for (uint16_t i = 0; i < work->n_runs; i++) {
		struct run *run = &work->run[i];
		uint64_t way = hd_fdb_cache_find(hd_fdb_cache_set(&work->pmd->fdb_cache, run->hash), run->hash);

		run->position[DESTINATION] = hd_fdb_cache_destination(way);
		run->position[SOURCE] = hd_fdb_cache_source(way);
		for (int side = 0; side < 2; side++) {
			if (likely(run->position[side] < work->bridge->fdb_size))
				rte_prefetch0(&work->bridge->entries[run->position[side]]);
		}
	}
}

/* Is the remembered position that of the address still? */
static inline bool holds(const struct hd_snapshot_bridge *bridge, const struct run *run, int side)
{
	uint32_t position = run->position[side];

	/* Key 0, the zero address, would match an empty entry. */
	return position < bridge->fdb_size && run->key[side] != 0 &&
	       hd_fdb_match(&bridge->entries[position], run->key[side]);
}

static_assert(HD_BURST <= HD_FDB_BULK, "a burst is one look-up");

/* Ask the FDB for the runs in missed[]; remember what it knows. */
static void look_up(struct work *work, struct run **missed, uint16_t n)
{
	uint64_t keys[2 * HD_BURST];
	int32_t found[2 * HD_BURST];

	for (uint16_t i = 0; i < n; i++) {
		keys[i] = missed[i]->key[DESTINATION];
		keys[n + i] = missed[i]->key[SOURCE];
		hd_count(&work->pmd->stats.misses, missed[i]->n);
	}
	hd_fdb_find_bulk(work->bridge->fdb, keys, n, found);
	hd_fdb_find_bulk(work->bridge->fdb, keys + n, n, found + n);
	for (uint16_t i = 0; i < n; i++) {
		struct run *run = missed[i];
		bool known = found[i] >= 0 || multicast(run);

		run->position[DESTINATION] = found[i] >= 0 ? (uint32_t)found[i] : NOWHERE;
		run->position[SOURCE] = found[n + i] >= 0 ? (uint32_t)found[n + i] : NOWHERE;
		if (known && found[n + i] >= 0)
			hd_fdb_cache_insert(&work->pmd->fdb_cache, run->hash, run->position[SOURCE],
					    run->position[DESTINATION]);
	}
}

static void stage_fdb(struct work *work)
{
	struct run *missed[HD_BURST];
	uint16_t n = 0;

	for (uint16_t i = 0; i < work->n_runs; i++) {
		struct run *run = &work->run[i];
		bool known =
			holds(work->bridge, run, SOURCE) && (holds(work->bridge, run, DESTINATION) || multicast(run));

		missed[n] = run;
		n += !known;
	}
	if (unlikely(n != 0))
		look_up(work, missed, n);
}

/* Tell the control thread of a source that is new or has moved; stamp one that is neither. */
static inline void learn(struct work *work, const struct run *run)
{
	uint32_t position = run->position[SOURCE];
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
	hd_learner_push(&work->pmd->learner, run->key[SOURCE], work->bridge->serial, work->in->port->id,
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

/* Where the run's destination is: *port, or the reason to drop all of it. */
static inline enum hd_drop unicast(const struct work *work, const struct run *run, uint16_t *port)
{
	const struct hd_fdb_entry *entry = &work->bridge->entries[run->position[DESTINATION]];
	uint16_t id = atomic_load_explicit((_Atomic uint16_t *)(uintptr_t)&entry->port, memory_order_relaxed);
	const struct hd_snapshot_port *out = work->pmd->snapshot->ports[id];

	*port = id;
	if (unlikely(id == work->in->port->id))
		return HD_DROP_SAME_PORT;
	if (unlikely(out == NULL || out->bridge != work->bridge))
		return HD_DROP_NO_BRIDGE; /* its port is being removed, its entries soon are */
	return leave(work->in, out, work->pkt[run->first]);
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

static void forward(struct work *work, const struct run *run)
{
	uint16_t port;
	enum hd_drop drop = unicast(work, run, &port);

	if (unlikely(drop != HD_DROP_NONE)) {
		hd_pmd_drop_pkts(work->pmd, work->in->port, drop, &work->pkt[run->first], run->n);
		return;
	}
	for (uint16_t i = 0; i < run->n; i++)
		hd_pmd_output(work->pmd, port, work->pkt[run->first + i]);
}

static void stage_decide(struct work *work)
{
	for (uint16_t i = 0; i < work->n_runs; i++) {
		const struct run *run = &work->run[i];

		learn(work, run);
		if (likely(run->position[DESTINATION] != NOWHERE && !multicast(run))) {
			forward(work, run);
			continue;
		}
		for (uint16_t p = run->first; p < run->first + run->n; p++) {
			enum hd_drop drop = flood(work, work->pkt[p]);

			if (unlikely(drop != HD_DROP_NONE))
				hd_pmd_drop_pkt(work->pmd, work->in->port, drop, work->pkt[p]);
		}
	}
}

void hd_bridge_forward(struct hd_pmd *pmd, const struct hd_snapshot_port *in, struct hd_pkt **pkts, uint16_t n)
{
	struct work work;

	work.pmd = pmd;
	work.in = in;
	work.bridge = in->bridge;
	work.n = 0;
	work.n_runs = 0;
	stage_admit(&work, pkts, n);
	stage_cache(&work);
	stage_fdb(&work);
	stage_decide(&work);
}
