/* SPDX-License-Identifier: BSD-3-Clause */
/* The hot path of the source over split rings: a guest's bursts to and from them, each prefetched a burst ahead. */
#include "traffic.h"

/* Prefetches the buffers of what the switch has returned, up to a burst past what was prefetched before. */
static void prefetch_received(struct hd_guest *g)
{
	uint16_t ahead = (uint16_t)(g->rx.used_end - g->rx_prefetched);
	uint16_t i;

	if (ahead > HD_BURST)
		ahead = HD_BURST;
	for (i = 0; i < ahead; i++) {
		const uint8_t *buf = hd_vring_buffer(&g->rx, hd_vring_peek(&g->rx, g->rx_prefetched++)->id);

		__builtin_prefetch(buf);
		if (g->paced)
			__builtin_prefetch(buf + HD_FRAME_STAMP);
	}
}

/* One frame: its buffers go back to the switch. Returns how many there were. */
static unsigned int receive_frame(struct hd_guest *g)
{
	uint32_t len = hd_vring_peek(&g->rx, g->rx.used_idx)->len;
	uint32_t id = hd_vring_take(&g->rx);
	const uint8_t *buf = hd_vring_buffer(&g->rx, id);
	unsigned int buffers = g->mergeable ? ((const struct hd_line *)buf)->num_buffers : 1;
	unsigned int i;

	hd_vring_give(&g->rx, id);
	for (i = 1; i < buffers && g->rx.used_idx != g->rx.used_end; i++) {
		len += hd_vring_peek(&g->rx, g->rx.used_idx)->len;
		hd_vring_give(&g->rx, hd_vring_take(&g->rx));
	}
	hd_traffic_judge(g, buf, len);
	return i;
}

unsigned int hd_traffic_receive_split(struct hd_guest *g)
{
	uint16_t ready;
	unsigned int taken = 0;

	if (hd_vring_poll(&g->rx) == 0)
		return 0;
	/* what was prefetched during the last call is taken in this one */
	ready = (uint16_t)(g->rx_prefetched - g->rx.used_idx);
	prefetch_received(g);
	while (taken < ready)
		taken += receive_frame(g);
	/* a frame of several buffers may reach past what was prefetched */
	if (taken > ready && (int16_t)(g->rx.used_idx - g->rx_prefetched) > 0)
		g->rx_prefetched = g->rx.used_idx;
	if (taken > 0)
		hd_vring_publish(&g->rx);
	return taken;
}

static void prefetch_sent(const struct hd_guest *g)
{
	uint16_t ahead = (uint16_t)(g->tx.used_end - g->tx.used_idx);
	uint16_t i;

	if (ahead > HD_BURST)
		ahead = HD_BURST;
	for (i = 0; i < ahead; i++) {
		uint8_t *buf = hd_vring_buffer(&g->tx, hd_vring_peek(&g->tx, (uint16_t)(g->tx.used_idx + i))->id);

		__builtin_prefetch(buf, 1);
		if (g->paced)
			__builtin_prefetch(buf + HD_FRAME_STAMP, 1);
	}
}

/* The next free slot's first descriptor: one never used, else the one that the switch returned first. */
static uint32_t take_slot(struct hd_vring *tx)
{
	if (tx->fresh < tx->slots)
		return (uint32_t)tx->fresh++ * tx->chain;
	return hd_vring_take(tx);
}

unsigned int hd_traffic_send_split(struct hd_guest *g, uint64_t want)
{
	unsigned int n = want < g->burst ? (unsigned int)want : g->burst;
	unsigned int i;

	if (n == 0)
		return 0;
	g->count.attempts++;
	if (hd_vring_poll(&g->tx) + (unsigned int)(g->tx.slots - g->tx.fresh) < n) {
		g->count.full++;
		return 0;
	}
	for (i = 0; i < n; i++) {
		uint32_t id = take_slot(&g->tx);
		hd_traffic_write(g, hd_vring_buffer(&g->tx, id));
		hd_vring_give(&g->tx, id);
	}
	hd_vring_publish(&g->tx);
	g->count.sent += n;
	prefetch_sent(g);
	return n;
}
