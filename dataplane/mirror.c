/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the copying of packets to mirrors' destinations. */
#include <rte_branch_prediction.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "mbuf.h"
#include "mirror.h"
#include "parse.h"
#include "pmd.h"
#include "tx.h"

/* Copies that are in buffers at a time: few enough for what ports reserve. */
#define BATCH 32
#define BATCH_BYTES 65536

struct hd_mirror *hd_mirror_create(void)
{
	return rte_zmalloc("mirror", sizeof(struct hd_mirror), RTE_CACHE_LINE_SIZE);
}

void hd_mirror_destroy(struct hd_mirror *mirror)
{
	rte_free(mirror);
}

void hd_mirror_totals(const struct hd_mirror *mirror, struct hd_mirror_totals *totals)
{
	*totals = (struct hd_mirror_totals){.packets = 0};
	for (unsigned int pmd = 0; pmd < HD_PMDS_MAX; pmd++) {
		totals->packets += hd_counted(&mirror->pmd[pmd].packets);
		totals->bytes += hd_counted(&mirror->pmd[pmd].bytes);
		totals->dropped += hd_counted(&mirror->pmd[pmd].dropped);
	}
}

/* Copies on their way to one destination. */
struct batch {
	struct hd_pmd *pmd;
	const struct hd_snapshot_port *to;
	const struct hd_snapshot_mirror *mirror;
	uint32_t bytes;
	struct hd_pkt copy[BATCH];
	struct hd_out out;
};

/* Those of this PMD at the destination, on the way out. */
static uint64_t count_lost(const struct batch *batch)
{
	const struct hd_port_stats *stats = batch->to->port->stats[batch->pmd->id];
	uint64_t sum = 0;

	for (int reason = HD_DROP_LAST_INGRESS + 1; reason < HD_DROP_COUNT; reason++)
		sum += hd_counted(&stats->drops[reason]);
	return sum;
}

static void flush(struct batch *batch)
{
	uint64_t before;

	if (batch->out.n == 0)
		return;
	before = count_lost(batch);
	hd_tx_port(batch->pmd, batch->to, &batch->out);
	hd_count(&batch->mirror->mirror->pmd[batch->pmd->id].dropped, count_lost(batch) - before);
	for (uint16_t i = 0; i < batch->out.n; i++)
		rte_pktmbuf_free(batch->copy[i].mbuf); /* NULL if an ethdev took it */
	batch->out.n = 0;
	batch->bytes = 0;
}

/* The packet, or its beginning, for which no offload makes sense. */
static void describe(struct hd_pkt *copy, const struct hd_pkt *pkt, uint32_t snap)
{
	*copy = *pkt;
	copy->flags &= HD_PKT_TAGGED | HD_PKT_MULTICAST | HD_PKT_BROADCAST;
	/* What decides about tags at the destination: none is added or taken off. */
	copy->vlan = copy->flags & HD_PKT_TAGGED ? 1 : HD_VLAN_NONE;
	hd_parse_hash(copy); /* a flow's copies stay in order, however short they are */
	if (snap != 0)
		hd_pkt_cut(copy, snap);
}

static void add(struct batch *batch, struct hd_pkt *pkt)
{
	struct hd_pkt *copy = &batch->copy[batch->out.n];
	struct hd_mirror *mirror = batch->mirror->mirror;
	uint16_t id = batch->pmd->id;

	describe(copy, pkt, batch->mirror->snap);
	hd_count(&mirror->pmd[id].packets, 1);
	hd_count(&mirror->pmd[id].bytes, copy->len);
	copy->mbuf = hd_mbuf_copy(copy, batch->to->port->pool);
	if (unlikely(copy->mbuf == NULL)) {
		hd_count(&mirror->pmd[id].dropped, 1);
		hd_pmd_drop_pkt(batch->pmd, batch->to->port, HD_DROP_TX_NO_BUFFER, pkt);
		return;
	}
	hd_pkt_in_mbuf(copy);
	batch->out.pkts[batch->out.n++] = copy;
	batch->bytes += copy->len;
	if (batch->out.n == BATCH || batch->bytes >= BATCH_BYTES)
		flush(batch);
}

/* The VLAN of a frame that came in is only found out by the bridge, later. */
static bool of_vlan(const struct hd_snapshot_port *port, enum hd_port_direction direction, const struct hd_pkt *pkt,
		    uint16_t wanted)
{
	uint16_t vlan = pkt->vlan;

	if (wanted == 0)
		return true;
	if (direction == HD_PORT_RX &&
	    hd_vlan_classify(&port->vlan, pkt->flags & HD_PKT_TAGGED, pkt->tci, &vlan) != HD_DROP_NONE)
		return false;
	return vlan == wanted;
}

static void copy_to(struct batch *batch, const struct hd_snapshot_port *port, enum hd_port_direction direction,
		    struct hd_pkt **pkts, uint16_t n)
{
	uint64_t copies = 0;

	batch->out.n = 0;
	batch->bytes = 0;
	for (uint16_t i = 0; i < n; i++) {
		if (!of_vlan(port, direction, pkts[i], batch->mirror->vlan))
			continue;
		add(batch, pkts[i]);
		copies++;
	}
	flush(batch);
	hd_count(&port->port->stats[batch->pmd->id]->copies, copies);
}

void hd_mirror_copy(struct hd_pmd *pmd, const struct hd_snapshot_port *port, enum hd_port_direction direction,
		    struct hd_pkt **pkts, uint16_t n)
{
	struct batch batch;

	batch.pmd = pmd;
	for (uint32_t left = port->mirrors[direction]; left != 0; left &= left - 1) {
		batch.mirror = &port->mirror[__builtin_ctz(left)];
		/* It may be missing for the moment of a change. */
		batch.to = batch.mirror->to < HD_PORTS_MAX ? pmd->snapshot->ports[batch.mirror->to] : NULL;
		if (batch.to != NULL && batch.to->output_only)
			copy_to(&batch, port, direction, pkts, n);
	}
}
