/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the last stage: shape, queue, send and count the packets that leave. */
#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_ether.h>

#include "flow/pipeline.h"
#include "offload.h"
#include "parse.h"
#include "tag.h"
#include "tx.h"

static inline void count_sent(struct hd_queue_stats *stats, struct hd_pkt **pkts, uint16_t n)
{
	uint64_t bytes = 0, multicast = 0, broadcast = 0;

	for (uint16_t i = 0; i < n; i++) {
		bytes += pkts[i]->len;
		multicast += (pkts[i]->flags & HD_PKT_MULTICAST) != 0;
		broadcast += (pkts[i]->flags & HD_PKT_BROADCAST) != 0;
	}
	hd_count(&stats->packets, n);
	hd_count(&stats->bytes, bytes);
	if (unlikely(multicast + broadcast != 0)) {
		hd_count(&stats->multicast, multicast);
		hd_count(&stats->broadcast, broadcast);
	}
}

/* Sends on one queue; counts what went out, and what did not as a drop. */
static void send_queue(struct hd_pmd *pmd, struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n)
{
	struct hd_queue_stats *stats = hd_port_tx_stats(port, pmd->id, queue);
	enum hd_drop why = HD_DROP_TX_FULL;
	uint16_t sent = port->ops->tx(port, queue, pkts, n, &why);

	count_sent(stats, pkts, sent);
	while (unlikely(sent < n)) {
		uint16_t lost = why == HD_DROP_TX_SMALL ? 1 : (uint16_t)(n - sent);

		hd_pmd_drop_pkts(pmd, port, why, pkts + sent, lost);
		pkts += sent + lost;
		n = (uint16_t)(n - sent - lost);
		if (n == 0)
			break;
		sent = port->ops->tx(port, queue, pkts, n, &why);
		count_sent(stats, pkts, sent);
	}
	hd_pmd_touch(pmd, port, HD_PORT_TX, queue);
}

/* Spreads flows over n_tx queues; a flow keeps its queue and its order. */
static_assert(HD_BURST <= 64, "send_hashed has a bit for each packet");
static void send_hashed(struct hd_pmd *pmd, struct hd_port *port, struct hd_pkt **pkts, uint16_t n, uint16_t n_tx)
{
	struct hd_pkt *group[HD_BURST];
	uint64_t left = n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX; /* n <= HD_BURST */
	uint16_t lane[HD_BURST];

	for (uint16_t i = 0; i < n; i++) {
		uint32_t hash = pkts[i]->hash != 0 ? pkts[i]->hash : hd_parse_hash(pkts[i]);

		lane[i] = (uint16_t)((uint64_t)hash * n_tx >> 32);
	}
	while (left != 0) {
		uint16_t first = lane[__builtin_ctzll(left)];
		uint16_t size = 0;

		for (uint16_t i = 0; i < n; i++) {
			if ((left >> i & 1) && lane[i] == first) {
				group[size++] = pkts[i];
				left &= ~(UINT64_C(1) << i);
			}
		}
		send_queue(pmd, port, atomic_load_explicit(&port->tx_queue[first], memory_order_relaxed), group, size);
	}
}

static void send_port(struct hd_pmd *pmd, struct hd_port *port, struct hd_pkt **pkts, uint16_t n)
{
	/* Pairs with hd_port_set_tx_queues. */
	uint16_t n_tx = atomic_load_explicit(&port->n_tx, memory_order_acquire);
	uint16_t lane = 0;

	if (n == 0)
		return;
	if (unlikely(n_tx == 0)) {
		hd_pmd_drop_pkts(pmd, port, HD_DROP_TX_DISABLED, pkts, n);
		return;
	}
	if (n_tx > 1 && port->steer == HD_STEER_HASH) {
		send_hashed(pmd, port, pkts, n, n_tx);
		return;
	}
	if (n_tx > 1)
		lane = pmd->id % n_tx;
	send_queue(pmd, port, atomic_load_explicit(&port->tx_queue[lane], memory_order_relaxed), pkts, n);
}

/* Cuts a packet into segments and sends them in bursts. Receive counted one: `segments` gets the others. */
static void send_segmented(struct hd_pmd *pmd, struct hd_port *port, struct hd_pkt *pkt, uint8_t caps)
{
	uint32_t segments = hd_offload_segments(pkt);
	struct hd_pkt segment[HD_BURST];
	struct hd_pkt *batch[HD_BURST];
	struct hd_segmenter cut;
	uint32_t done = 0;
	int more = 1;

	hd_count(&port->stats[pmd->id]->segments, segments - 1);
	hd_segmenter_init(&cut, pkt, !(caps & HD_CAP_CSUM));
	while (more > 0) {
		uint16_t n = 0;

		while (n < HD_BURST) {
			more = hd_segmenter_next(&cut, port->pool, &segment[n]);
			if (more <= 0)
				break;
			batch[n] = &segment[n];
			n++;
		}
		send_port(pmd, port, batch, n);
		for (uint16_t i = 0; i < n; i++)
			rte_pktmbuf_free(segment[i].mbuf); /* NULL if an ethdev took it */
		done += n;
	}
	if (unlikely(done < segments)) {
		enum hd_drop drop = more == -ENOMEM ? HD_DROP_TX_NO_BUFFER : HD_DROP_TX_OFFLOAD;

		hd_pmd_drop(pmd, port, drop, segments - done - 1);
		hd_pmd_drop_pkt(pmd, port, drop, pkt);
	}
}

/* Tag as the port wants it, no longer than its MTU, checksum complete if it can't complete it. */
static inline enum hd_drop shape(const struct hd_snapshot_port *out, struct hd_pkt *pkt, uint8_t caps)
{
	bool tagged = pkt->flags & HD_PKT_TAGGED;
	bool wanted = unlikely(pkt->flags & HD_PKT_RAW) ? tagged : hd_vlan_tags(&out->vlan, pkt->vlan);
	uint32_t max_len = out->max_len + (wanted ? sizeof(struct rte_vlan_hdr) : 0);

	if (unlikely(tagged != wanted)) {
		if (wanted)
			hd_tag_push(pkt, pkt->vlan);
		else
			hd_tag_pop(pkt);
	}
	if (unlikely(pkt->len > max_len) && hd_offload_segment_len(pkt) > max_len)
		return HD_DROP_EGRESS_MTU;
	if (unlikely((pkt->off.flags & HD_OFF_NEEDS_CSUM) && pkt->off.gso == HD_GSO_NONE && !(caps & HD_CAP_CSUM)) &&
	    !hd_offload_checksum(pkt))
		return HD_DROP_TX_OFFLOAD;
	return HD_DROP_NONE;
}

static inline bool must_segment(const struct hd_pkt *pkt, uint8_t caps)
{
	return (pkt->off.gso == HD_GSO_TCP4 && !(caps & HD_CAP_TSO4)) ||
	       (pkt->off.gso == HD_GSO_TCP6 && !(caps & HD_CAP_TSO6));
}

/* Shaped packets leave the switch: this way or that, mirrored first if somebody watches. */
static void emit(struct hd_pmd *pmd, const struct hd_snapshot_port *dst, struct hd_pkt **pkts, uint16_t n)
{
	if (n == 0)
		return;
	if (unlikely(dst->mirrors[HD_PORT_TX] != 0))
		hd_mirror_copy(pmd, dst, HD_PORT_TX, pkts, n);
	send_port(pmd, dst->port, pkts, n);
}

void hd_tx_port(struct hd_pmd *pmd, const struct hd_snapshot_port *dst, struct hd_out *out)
{
	struct hd_port *port = dst->port;
	uint8_t caps = atomic_load_explicit(&port->caps, memory_order_relaxed);
	struct hd_pkt *ready[HD_BURST];
	uint16_t n = 0;

	if (unlikely(!atomic_load_explicit(&port->up, memory_order_relaxed))) {
		hd_pmd_drop_pkts(pmd, port, HD_DROP_TX_DOWN, out->pkts, out->n);
		return;
	}
	if (unlikely(dst->guarded[HD_GUARD_OUT]))
		out->n = hd_pipeline_guard(pmd, dst, HD_GUARD_OUT, out->pkts, out->n);
	for (uint16_t i = 0; i < out->n; i++) {
		struct hd_pkt *pkt = out->pkts[i];
		enum hd_drop drop = shape(dst, pkt, caps);

		if (unlikely(drop != HD_DROP_NONE)) {
			hd_pmd_drop_pkt(pmd, port, drop, pkt);
			continue;
		}
		if (unlikely(must_segment(pkt, caps))) {
			emit(pmd, dst, ready, n); /* what came before it leaves before it */
			n = 0;
			if (unlikely(dst->mirrors[HD_PORT_TX] != 0))
				hd_mirror_copy(pmd, dst, HD_PORT_TX, &pkt, 1);
			send_segmented(pmd, port, pkt, caps);
			continue;
		}
		ready[n++] = pkt;
	}
	emit(pmd, dst, ready, n);
}

void hd_tx_flush(struct hd_pmd *pmd)
{
	for (uint16_t i = 0; i < pmd->n_active; i++) {
		uint16_t id = pmd->active[i];
		struct hd_out *out = &pmd->out[id];

		hd_tx_port(pmd, pmd->snapshot->ports[id], out);
		out->n = 0;
	}
	pmd->n_active = 0;
}
