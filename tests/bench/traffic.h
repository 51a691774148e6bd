/* SPDX-License-Identifier: BSD-3-Clause */
/* What the hot paths over split and over packed rings have in common: judging a received frame and writing one. */
#ifndef HD_BENCH_TRAFFIC_H
#define HD_BENCH_TRAFFIC_H

#include "guest.h"
#include "ticks.h"

/* See hd_guest_receive and hd_guest_send. */
unsigned int hd_traffic_receive_split(struct hd_guest *g);
unsigned int hd_traffic_send_split(struct hd_guest *g, uint64_t want);
unsigned int hd_traffic_receive_packed(struct hd_guest *g);
unsigned int hd_traffic_send_packed(struct hd_guest *g, uint64_t want);

static inline void hd_traffic_count(struct hd_guest *g, const uint8_t *buf, uint64_t seq)
{
	uint64_t sent_at;

	g->count.received++;
	if (seq < g->in.seq) {
		g->count.reordered++;
		g->count.reordered_flow += g->in.seq - 1 - seq >= g->in.flows;
	} else {
		hd_stream_expect(&g->in, seq);
	}
	if (g->paced) {
		memcpy(&sent_at, buf + HD_FRAME_STAMP, sizeof(sent_at));
		hd_histogram_add(g->latency, hd_ticks() - sent_at);
	}
}

static inline void hd_traffic_judge(struct hd_guest *g, const uint8_t *buf, uint32_t len)
{
	const struct hd_line *line = (const struct hd_line *)buf;
	uint64_t seq = 0;

	switch (hd_stream_check(&g->in, line, &seq)) {
	case HD_FRAME_OURS:
		if (len == g->bytes)
			hd_traffic_count(g, buf, seq);
		else
			g->count.bad++;
		break;
	case HD_FRAME_STALE:
		g->count.stale++;
		break;
	case HD_FRAME_FOREIGN:
		g->count.foreign++;
		break;
	case HD_FRAME_BAD:
		g->count.bad++;
		break;
	}
}

static inline void hd_traffic_write(struct hd_guest *g, uint8_t *buf)
{
	hd_stream_write(&g->out, (struct hd_line *)buf);
	if (g->paced) {
		uint64_t now = hd_ticks();

		memcpy(buf + HD_FRAME_STAMP, &now, sizeof(now));
	}
}

#endif
