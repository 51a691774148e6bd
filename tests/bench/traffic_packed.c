/* SPDX-License-Identifier: BSD-3-Clause */
/* The hot path of the source over packed rings: as over split ones (traffic.c), step for step. */
#include "packed.h"
#include "traffic.h"

static void prefetch(const struct hd_guest *g, const struct hd_vring *vr, unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		uint16_t at = (uint16_t)(vr->used_idx + i * vr->chain);
		const uint8_t *buf = hd_vring_buffer(vr, hd_packed_peek(vr, at)->id);

		__builtin_prefetch(buf);
		if (g->paced)
			__builtin_prefetch(buf + HD_FRAME_STAMP);
	}
}

/* One frame: its buffers go back to the switch. Returns how many there were. */
static unsigned int receive_frame(struct hd_guest *g)
{
	uint32_t len = hd_packed_peek(&g->rx, g->rx.used_idx)->len;
	uint32_t id = hd_packed_take(&g->rx);
	const uint8_t *buf = hd_vring_buffer(&g->rx, id);
	unsigned int buffers = g->mergeable ? ((const struct hd_line *)buf)->num_buffers : 1;
	unsigned int i;

	hd_packed_give(&g->rx, id);
	for (i = 1; i < buffers && hd_packed_poll(&g->rx, 1) > 0; i++) {
		len += hd_packed_peek(&g->rx, g->rx.used_idx)->len;
		hd_packed_give(&g->rx, hd_packed_take(&g->rx));
	}
	hd_traffic_judge(g, buf, len);
	return i;
}

unsigned int hd_traffic_receive_packed(struct hd_guest *g)
{
	/* what was seen and prefetched during the last call is taken in this one */
	unsigned int ready = g->rx.packed.ready;
	unsigned int taken = 0;

	prefetch(g, &g->rx, ready, hd_packed_poll(&g->rx, ready + HD_BURST));
	while (taken < ready)
		taken += receive_frame(g);
	if (taken > 0)
		hd_packed_publish(&g->rx);
	return taken;
}

static uint32_t take_slot(struct hd_vring *tx)
{
	if (tx->fresh < tx->slots)
		return (uint32_t)tx->fresh++ * tx->chain;
	return hd_packed_take(tx);
}

unsigned int hd_traffic_send_packed(struct hd_guest *g, uint64_t want)
{
	unsigned int n = want < g->burst ? (unsigned int)want : g->burst;
	unsigned int left;
	unsigned int i;

	if (n == 0)
		return 0;
	g->count.attempts++;
	if (hd_packed_poll(&g->tx, n + HD_BURST) + (unsigned int)(g->tx.slots - g->tx.fresh) < n) {
		g->count.full++;
		return 0;
	}
	for (i = 0; i < n; i++) {
		uint32_t id = take_slot(&g->tx);

		hd_traffic_write(g, hd_vring_buffer(&g->tx, id));
		hd_packed_give(&g->tx, id);
	}
	hd_packed_publish(&g->tx);
	g->count.sent += n;
	left = g->tx.packed.ready;
	prefetch(g, &g->tx, 0, left < HD_BURST ? left : HD_BURST);
	return n;
}
