/* SPDX-License-Identifier: BSD-3-Clause */
/* What the hot paths over split and over packed rings have in common: judging a received frame and writing one. */
#ifndef HD_BENCH_TRAFFIC_H
#define HD_BENCH_TRAFFIC_H

#include "guest.h"
#include "handshake.h"
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

/* Counts a verdict that is not HD_FRAME_OURS. */
static inline void hd_traffic_refuse(struct hd_guest *g, enum hd_verdict verdict)
{
	g->count.stale += verdict == HD_FRAME_STALE;
	g->count.foreign += verdict == HD_FRAME_FOREIGN;
	g->count.bad += verdict == HD_FRAME_BAD;
}

static inline void hd_traffic_judge_handshake(struct hd_guest *g, const struct hd_line *line, uint32_t len)
{
	uint32_t frame = 0;
	enum hd_verdict verdict = hd_handshake_check(&g->in, line, &frame);

	if (verdict == HD_FRAME_OURS && len != g->bytes)
		verdict = HD_FRAME_BAD;
	if (verdict != HD_FRAME_OURS) {
		hd_traffic_refuse(g, verdict);
		return;
	}
	g->count.received++;
	g->count.reordered += !hd_handshake_expect(&g->in, frame);
}

static inline void hd_traffic_judge(struct hd_guest *g, const uint8_t *buf, uint32_t len)
{
	const struct hd_line *line = (const struct hd_line *)buf;
	enum hd_verdict verdict;
	uint64_t seq = 0;

	if (g->in.handshake.total != 0) {
		hd_traffic_judge_handshake(g, line, len);
		return;
	}
	verdict = hd_stream_check(&g->in, line, &seq);
	if (verdict == HD_FRAME_OURS && len != g->bytes)
		verdict = HD_FRAME_BAD;
	if (verdict == HD_FRAME_OURS)
		hd_traffic_count(g, buf, seq);
	else
		hd_traffic_refuse(g, verdict);
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
