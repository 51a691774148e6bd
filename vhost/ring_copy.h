/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both ring formats do with guest memory: pieces of buffers, snapshots of frames, the one copy.
 *
 * Rx: a chain's buffers become pieces in burst->seg (hd_source_add); when all chains of a burst are known and their
 * first lines on their way into the cache, their first bytes are copied into snapshots (hd_source_snapshot), the pieces
 * left describe the rest. Tx: a frame goes into one buffer with hd_frame_put, or, where that does not fit, into a sink
 * of several pieces. PMD threads.
 */
#ifndef HD_RING_COPY_H
#define HD_RING_COPY_H

#include <assert.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "vnet.h"
#include "vring.h"

/*
 * A function whose copies are worth wide registers: compiled for AVX2 too, chosen at start. Sanitizers and this do not
 * go together.
 */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HD_WIDE __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define HD_WIDE
#endif

#define HD_GUEST_FRAME_MAX (HD_FRAME_MAX + 4) /* with a tag */
#define HD_SINK_PIECES 256                    /* of one frame's receive buffers; 64 KiB in Linux' smallest take 43 */

#define HD_LINE 64u
#define HD_SNAPSHOT_LINES (2 * HD_LINE) /* read of a buffer at first: header and HD_SNAPSHOT bytes of the frame */
static_assert(HD_SNAPSHOT + HD_VNET_MAX == HD_SNAPSHOT_LINES, "a snapshot is whole lines of the buffer");
static_assert((HD_SNAPSHOT_FRAME - HD_VNET_MAX) % HD_LINE == 0, "the header begins a line");
static_assert(HD_SNAPSHOT_FRAME >= HD_HEADROOM + HD_VNET_MAX, "room for tags in front of the header");

typedef uint8_t hd_half_line __attribute__((vector_size(HD_LINE / 2), aligned(1), may_alias));

static __rte_always_inline void hd_copy_half(uint8_t *to, const uint8_t *from)
{
	*(hd_half_line *)to = *(const hd_half_line *)from;
}

/* Copy exactly `n` bytes, mostly two lines or less. May read and write bytes twice, never others. */
static __rte_always_inline void hd_copy_short(uint8_t *to, const uint8_t *from, uint32_t n)
{
	const uint32_t half = HD_LINE / 2;

	if (unlikely(n < HD_LINE)) {
		memcpy(to, from, n);
		return;
	}
	hd_copy_half(to, from);
	hd_copy_half(to + half, from + half);
	if (unlikely(n > 2 * HD_LINE)) {
		memcpy(to + HD_LINE, from + HD_LINE, n - HD_LINE);
		return;
	}
	if (n > 3 * half)
		hd_copy_half(to + 2 * half, from + 2 * half);
	hd_copy_half(to + n - half, from + n - half);
}

/* Two lines. */
static __rte_always_inline void hd_copy_snapshot(uint8_t *to, const uint8_t *from)
{
	for (uint32_t i = 0; i < HD_SNAPSHOT_LINES; i += HD_LINE / 2)
		hd_copy_half(to + i, from + i);
}

/* Fetch a line for writing. The compiler makes that of __builtin_prefetch only for processors named to it. */
static __rte_always_inline void hd_prefetch_line(const uint8_t *at)
{
#ifdef __x86_64__
	__asm__ volatile("prefetchw %0" : : "m"(*at));
#else
	__builtin_prefetch(at, 1, 3);
#endif
}

static __rte_always_inline void hd_prefetch_write(const uint8_t *at, uint32_t len)
{
	hd_prefetch_line(at);
	if (len > HD_LINE)
		hd_prefetch_line(at + HD_LINE);
}

static __rte_always_inline void hd_prefetch_read(const uint8_t *at, uint32_t len)
{
	rte_prefetch0(at);
	if (len > HD_LINE)
		rte_prefetch0(at + HD_LINE);
}

/* Rx. A chain being taken: its pieces are burst->seg[first .. burst->n_seg - 1]. */
struct hd_source {
	uint16_t first;
	uint64_t len; /* of all pieces */
};

/*
 * One buffer of the chain. HD_DROP_NONE, or why the frame is to be refused. The chain has at most HD_VRING_PIECES
 * buffers and the caller has seen that as many pieces are free in the burst; regions may make more of them.
 */
enum hd_drop hd_source_add(struct hd_vring *ring, struct hd_burst *burst, struct hd_source *source, uint64_t gpa,
			   uint32_t len);
/* All of them are there: is it a frame at all? Makes it the burst's next packet, or refuses it (false). */
static __rte_always_inline bool hd_source_end(const struct hd_vring *ring, struct hd_burst *burst,
					      const struct hd_source *source)
{
	struct hd_pkt *pkt = &burst->pkt[burst->n];

	if (unlikely(source->len <= ring->vnet_len || source->len > HD_GUEST_FRAME_MAX + ring->vnet_len)) {
		hd_burst_refuse(burst, source->len <= ring->vnet_len ? HD_DROP_RX_SHORT : HD_DROP_RX_LONG);
		burst->n_seg = source->first;
		return false;
	}
	pkt->seg = &burst->seg[source->first];
	pkt->n_seg = (uint16_t)(burst->n_seg - source->first);
	pkt->len = (uint32_t)source->len - ring->vnet_len;
	burst->n++;
	return true;
}

/*
 * Read the first bytes of packet `i`: from its pieces, or, if it is one buffer behind which there is room to read two
 * lines, from there: `plain`. Such a packet has no piece yet.
 */
void hd_source_gather(struct hd_burst *burst, uint16_t i, uint32_t vnet_len);
static __rte_always_inline void hd_source_snapshot(struct hd_burst *burst, uint16_t i, const uint8_t *plain,
						   uint32_t vnet_len, uint8_t offloads)
{
	uint8_t *frame = burst->snapshot[i].bytes + HD_SNAPSHOT_FRAME;
	struct hd_pkt *pkt = &burst->pkt[i];
	uint32_t len = pkt->len + vnet_len;

	if (likely(plain != NULL)) {
		hd_copy_snapshot(frame - vnet_len, plain);
		pkt->hdr_len = (uint16_t)(RTE_MIN(len, HD_SNAPSHOT_LINES) - vnet_len);
		pkt->n_seg = 0;
		if (len > HD_SNAPSHOT_LINES) {
			pkt->n_seg = 1;
			pkt->seg = &burst->seg[burst->n_seg++];
			*pkt->seg = (struct hd_seg){plain + HD_SNAPSHOT_LINES, len - HD_SNAPSHOT_LINES};
		}
	} else {
		hd_source_gather(burst, i, vnet_len);
	}
	pkt->hdr = frame;
	pkt->mbuf = NULL;
	pkt->hash = 0;
	pkt->flags = 0;
	hd_vnet_take(frame - vnet_len, offloads, &pkt->off);
}

/* Tx. May a virtio-net header be written in front of hdr? An mbuf of a foreign driver's may lack the room. */
static __rte_always_inline bool hd_header_room(const struct hd_pkt *pkt)
{
	return likely(pkt->mbuf == NULL) || rte_pktmbuf_headroom(pkt->mbuf) >= HD_VNET_MAX;
}

/* Copy what follows hdr to `to`: the one copy of a payload. */
void hd_payload_put(uint8_t *to, const struct hd_pkt *pkt);
/* Header and frame into one buffer of the guest's that has room for them. Writes in front of pkt->hdr. */
static __rte_always_inline void hd_frame_put(uint8_t *to, const struct hd_pkt *pkt, uint32_t vnet_len)
{
	uint32_t first = vnet_len + pkt->hdr_len;

	hd_copy_short(to, pkt->hdr - vnet_len, first);
	if (pkt->hdr_len < pkt->len)
		hd_payload_put(to + first, pkt);
}

/* The receive buffers of one frame. */
struct hd_sink {
	uint32_t n;
	uint64_t len; /* of all pieces, as far as they were added */
	struct {
		uint8_t *addr;
		uint32_t len;
		uint64_t gpa;
	} piece[HD_SINK_PIECES];
};

/* One buffer. False if it is not in the guest's memory, or if there are too many pieces. */
bool hd_sink_add(struct hd_vring *ring, struct hd_sink *sink, uint64_t gpa, uint32_t len);
/* Header and frame into the pieces, whose len suffices; logs what was written. */
void hd_sink_put(const struct hd_vring *ring, const struct hd_sink *sink, const struct hd_pkt *pkt,
		 uint16_t num_buffers);

/*
 * Copy `len` bytes of guest memory to private memory, wherever the regions' borders are. False if not all of it is
 * there.
 */
bool hd_guest_read(struct hd_vring *ring, uint64_t gpa, uint32_t len, void *to);

/* After each tx: was the receive ring found full? How long guests let us wait. */
void hd_vring_stall(struct hd_vring *ring);
void hd_vring_unstall(struct hd_vring *ring);
static __rte_always_inline void hd_vring_follow(struct hd_vring *ring, bool full)
{
	if (unlikely(full))
		hd_vring_stall(ring);
	else if (unlikely(ring->stalled_since != 0))
		hd_vring_unstall(ring);
}

/* Interrupt the guest; the ring is broken if that would have blocked (nudge.h). */
void hd_vring_interrupt(struct hd_vring *ring);
/* The same if the guest wants it now; counted either way. */
static __rte_always_inline void hd_vring_signal(struct hd_vring *ring, bool wanted)
{
	if (unlikely(wanted))
		hd_vring_interrupt(ring);
	else
		hd_count(&ring->suppressed, 1);
}

#endif
