/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the copying to and from guest memory that is not a plain buffer's, and the interrupts. */
#include <errno.h>
#include <sys/eventfd.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "ring_copy.h"

enum hd_drop hd_source_add(struct hd_vring *ring, struct hd_burst *burst, struct hd_source *source, uint64_t gpa,
			   uint32_t len)
{
	source->len += len;
	while (len > 0) {
		uint64_t run = len;
		const uint8_t *addr = hd_memory_find(ring->memory, &ring->window, gpa, &run);

		if (addr == NULL)
			return HD_DROP_RX_ADDRESS;
		if (burst->n_seg == HD_BURST_SEGS - HD_BURST) /* a burst's plain packets find room in any case */
			return HD_DROP_RX_PIECES;
		burst->seg[burst->n_seg++] = (struct hd_seg){.addr = addr, .len = (uint32_t)run};
		gpa += run;
		len -= (uint32_t)run;
	}
	return HD_DROP_NONE;
}

void hd_source_gather(struct hd_burst *burst, uint16_t i, uint32_t vnet_len)
{
	struct hd_pkt *pkt = &burst->pkt[i];

	/* The header counts as part of the frame while it is pulled. */
	pkt->hdr = burst->snapshot[i].bytes + HD_SNAPSHOT_FRAME - vnet_len;
	pkt->mbuf = NULL;
	pkt->hdr_len = 0;
	hd_pkt_pull(pkt, (uint16_t)(HD_SNAPSHOT + vnet_len));
	pkt->hdr_len = (uint16_t)(pkt->hdr_len - vnet_len);
}

void hd_payload_put(uint8_t *to, const struct hd_pkt *pkt)
{
	if (pkt->mbuf != NULL) {
		for (const struct rte_mbuf *mbuf = pkt->mbuf->next; mbuf != NULL; mbuf = mbuf->next) {
			memcpy(to, rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len);
			to += mbuf->data_len;
		}
		return;
	}
	for (uint16_t i = 0; i < pkt->n_seg; i++) {
		memcpy(to, pkt->seg[i].addr, pkt->seg[i].len);
		to += pkt->seg[i].len;
	}
}

bool hd_sink_add(struct hd_vring *ring, struct hd_sink *sink, uint64_t gpa, uint32_t len)
{
	while (len > 0) {
		uint64_t run = len;
		uint8_t *addr = hd_memory_find(ring->memory, &ring->window, gpa, &run);

		if (addr == NULL || sink->n == HD_SINK_PIECES)
			return false;
		sink->piece[sink->n].addr = addr;
		sink->piece[sink->n].len = (uint32_t)run;
		sink->piece[sink->n++].gpa = gpa;
		sink->len += run;
		gpa += run;
		len -= (uint32_t)run;
	}
	return true;
}

void hd_sink_put(const struct hd_vring *ring, const struct hd_sink *sink, const struct hd_pkt *pkt,
		 uint16_t num_buffers)
{
	uint8_t header[HD_VNET_MAX];
	struct hd_pkt_cursor cursor;
	uint32_t head = 0, left = pkt->len;

	hd_vnet_give(header, pkt, ring->vnet_len, ring->csum_valid, num_buffers);
	hd_pkt_cursor_init(&cursor, pkt);
	for (uint32_t i = 0; i < sink->n && (head < ring->vnet_len || left > 0); i++) {
		uint32_t n = RTE_MIN(sink->piece[i].len, ring->vnet_len - head);
		uint32_t rest = RTE_MIN(sink->piece[i].len - n, left);

		memcpy(sink->piece[i].addr, header + head, n);
		head += n;
		hd_pkt_cursor_read(&cursor, rest, sink->piece[i].addr + n);
		left -= rest;
		if (unlikely(ring->log != NULL))
			hd_dirty_log_mark(ring->log, sink->piece[i].gpa, (uint64_t)n + rest);
	}
}

bool hd_guest_read(struct hd_vring *ring, uint64_t gpa, uint32_t len, void *to)
{
	uint8_t *at = to;

	while (len > 0) {
		uint64_t run = len;
		const uint8_t *from = hd_memory_find(ring->memory, &ring->window, gpa, &run);

		if (from == NULL)
			return false;
		memcpy(at, from, run);
		at += run;
		gpa += run;
		len -= (uint32_t)run;
	}
	return true;
}

void hd_vring_stall(struct hd_vring *ring)
{
	if (ring->stalled_since != 0)
		return;
	ring->stalled_since = rte_rdtsc();
	hd_count(&ring->stalls, 1);
}

void hd_vring_unstall(struct hd_vring *ring)
{
	hd_count(&ring->stalled, rte_rdtsc() - ring->stalled_since);
	ring->stalled_since = 0;
}

void hd_vring_interrupt(struct hd_vring *ring)
{
	if (ring->call < 0)
		return;
	/*
	 * Non-blocking, unless the front-end has made it blocking again; then the PMD's timer ends the wait. A counter
	 * that is full has interrupted already.
	 */
	if (unlikely(eventfd_write(ring->call, 1) < 0 && errno == EINTR))
		hd_vring_break(ring, HD_VRING_CALL);
	hd_count(&ring->interrupts, 1);
}
