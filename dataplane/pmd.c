/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the poll loop. */
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_rcu_qsbr.h>

#include "bridge.h"
#include "dataplane.h"
#include "flow/state.h"
#include "log.h"
#include "nudge.h"
#include "parse.h"
#include "pmd.h"
#include "tx.h"

struct hd_pmd *hd_pmd_create(struct hd_dataplane *dataplane, uint16_t id, int cpu, unsigned int lcore)
{
	int socket = (int)rte_lcore_to_socket_id(lcore);
	struct hd_pmd *pmd = rte_zmalloc_socket("pmd", sizeof(*pmd), RTE_CACHE_LINE_SIZE, socket);

	if (pmd == NULL)
		return NULL;
	pmd->fdb_cache.sets = rte_zmalloc_socket("FDB cache", HD_FDB_CACHE_SETS * sizeof(struct hd_fdb_cache_set),
						 RTE_CACHE_LINE_SIZE, socket);
	pmd->flow = hd_flow_state_create();
	if (pmd->fdb_cache.sets == NULL || pmd->flow == NULL) {
		hd_pmd_destroy(pmd);
		return NULL;
	}
	pmd->dataplane = dataplane;
	pmd->id = id;
	pmd->cpu = cpu;
	pmd->lcore = lcore;
	hd_recorder_init(&pmd->recorder, rte_get_tsc_hz());
	return pmd;
}

void hd_pmd_destroy(struct hd_pmd *pmd)
{
	if (pmd == NULL)
		return;
	hd_learner_fini(&pmd->learner);
	hd_flow_state_destroy(pmd->flow);
	rte_free(pmd->fdb_cache.sets);
	rte_free(pmd);
}

void hd_pmd_notify(struct hd_pmd *pmd)
{
	/* What was published must be visible before we look whether anybody waits: pairs with the drivers' fence
	 * between saying that they do and looking at the ring a last time. */
	atomic_thread_fence(memory_order_seq_cst);
	for (uint16_t i = 0; i < pmd->n_notices; i++) {
		const struct hd_notice *notice = &pmd->notice[i];

		notice->port->ops->notify(notice->port, notice->direction, notice->queue);
	}
	pmd->n_notices = 0;
}

/* What the port itself refused was received all the same, and is dropped here. */
static void count_refused(struct hd_pmd *pmd, const struct hd_rxq *rxq)
{
	struct hd_burst *burst = &pmd->burst;

	for (uint16_t i = 0; i < burst->n_refused; i++)
		hd_pmd_drop(pmd, rxq->port, burst->refused[i], 1);
	hd_count(&hd_port_rx_stats(rxq->port, pmd->id, rxq->queue)->packets, burst->n_refused);
	burst->n_refused = 0;
}

/* As hd_parse, with more of a guest's frame read where its headers are longer than what was read first. */
static inline enum hd_drop parse(struct hd_pkt *pkt)
{
	enum hd_drop drop = hd_parse(pkt);

	if (unlikely(drop != HD_DROP_NONE) && hd_pkt_pull(pkt, HD_SNAPSHOT_ROOM))
		drop = hd_parse(pkt);
	return drop;
}

/* Parses the burst; returns the packets that are sound. Counts everything received. */
static uint16_t receive(struct hd_pmd *pmd, const struct hd_rxq *rxq, struct hd_pkt **sound)
{
	struct hd_queue_stats *stats = hd_port_rx_stats(rxq->port, pmd->id, rxq->queue);
	struct hd_burst *burst = &pmd->burst;
	uint64_t bytes = 0, multicast = 0, broadcast = 0;
	uint16_t n = 0;

	for (uint16_t i = 0; i < burst->n; i++) {
		struct hd_pkt *pkt = &burst->pkt[i];
		enum hd_drop drop = parse(pkt);

		bytes += pkt->len;
		multicast += (pkt->flags & HD_PKT_MULTICAST) != 0;
		broadcast += (pkt->flags & HD_PKT_BROADCAST) != 0;
		if (unlikely(drop != HD_DROP_NONE)) {
			hd_pmd_drop_pkt(pmd, rxq->port, drop, pkt);
			continue;
		}
		sound[n++] = pkt;
	}
	hd_count(&stats->packets, burst->n);
	hd_count(&stats->bytes, bytes);
	if (unlikely(multicast + broadcast != 0)) {
		hd_count(&stats->multicast, multicast);
		hd_count(&stats->broadcast, broadcast);
	}
	return n;
}

/* From what came in to what leaves: mirrored, past the guard, by the rules or as a plain bridge does. */
static void forward(struct hd_pmd *pmd, const struct hd_snapshot_port *in, struct hd_pkt **pkts, uint16_t n)
{
	if (unlikely(in->output_only)) {
		hd_pmd_drop_pkts(pmd, in->port, HD_DROP_MIRROR_PORT, pkts, n);
		return;
	}
	if (unlikely(in->mirrors[HD_PORT_RX] != 0))
		hd_mirror_copy(pmd, in, HD_PORT_RX, pkts, n);
	if (unlikely(in->guarded[HD_GUARD_IN]))
		n = hd_pipeline_guard(pmd, in, HD_GUARD_IN, pkts, n);
	if (in->bridge->tables == NULL || hd_tables_plain(in->bridge->tables))
		hd_bridge_forward(pmd, in, pkts, n);
	else
		hd_pipeline_forward(pmd, in, pkts, n);
}

/* One receive queue: a burst all the way through. Returns packets received. */
static uint16_t poll_rxq(struct hd_pmd *pmd, const struct hd_rxq *rxq)
{
	const struct hd_snapshot_port *in = pmd->snapshot->ports[rxq->port->id];
	struct hd_pkt *sound[HD_BURST];
	uint16_t received = rxq->port->ops->rx(rxq->port, rxq->queue, &pmd->burst);
	uint16_t n;

	if (received == 0)
		return 0;
	if (unlikely(pmd->burst.n_refused != 0))
		count_refused(pmd, rxq);
	n = receive(pmd, rxq, sound);
	if (likely(n != 0)) {
		forward(pmd, in, sound, n);
		hd_tx_flush(pmd);
	}
	rxq->port->ops->rx_done(rxq->port, rxq->queue, &pmd->burst);
	hd_pmd_touch(pmd, rxq->port, HD_PORT_RX, rxq->queue);
	return received;
}

/* Every receive queue once. */
static void round_robin(struct hd_pmd *pmd)
{
	const struct hd_snapshot_pmd *mine = &pmd->snapshot->pmds[pmd->id];
	bool idle = true;
	uint64_t now;

	for (uint16_t i = 0; i < mine->n_rxqs; i++) {
		uint16_t n = poll_rxq(pmd, &mine->rxqs[i]);

		if (n == 0)
			continue;
		now = rte_rdtsc();
		hd_count(&pmd->stats.busy, now - pmd->now);
		hd_count(&mine->rxqs[i].port->busy[mine->rxqs[i].queue], now - pmd->now);
		hd_count(&pmd->stats.packets, n);
		hd_count(&pmd->stats.bursts, 1);
		pmd->now = now;
		idle = false;
	}
	if (pmd->n_notices != 0)
		hd_pmd_notify(pmd);
	hd_count(&pmd->stats.rounds, 1);
	if (idle) {
		now = rte_rdtsc();
		hd_count(&pmd->stats.idle, now - pmd->now);
		pmd->now = now;
	}
}

int hd_pmd_run(void *arg)
{
	struct hd_pmd *pmd = arg;
	struct hd_dataplane *dataplane = pmd->dataplane;
	timer_t nudge;
	int rc = hd_nudge_start(&nudge);

	if (rc < 0)
		hd_warning("PMD", "no timer (%s): a guest's interrupt descriptor may block it", strerror(-rc));
	rte_rcu_qsbr_thread_online(dataplane->rcu, pmd->id);
	pmd->now = rte_rdtsc();
	while (!atomic_load_explicit(&dataplane->stop, memory_order_relaxed)) {
		/* Pairs with hd_dataplane_publish. */
		pmd->snapshot = atomic_load_explicit(&dataplane->snapshot, memory_order_acquire);
		pmd->seconds = atomic_load_explicit(&dataplane->seconds, memory_order_relaxed);
		hd_flow_state_round(pmd);
		round_robin(pmd);
		rte_rcu_qsbr_quiescent(dataplane->rcu, pmd->id);
	}
	rte_rcu_qsbr_thread_offline(dataplane->rcu, pmd->id);
	if (rc == 0)
		hd_nudge_stop(nudge);
	return 0;
}
