/* SPDX-License-Identifier: BSD-3-Clause */
/* One guest: its memory, session, queue pair, the frames it sends and those it expects, and what it counted. */
#ifndef HD_BENCH_GUEST_H
#define HD_BENCH_GUEST_H

#include "frame.h"
#include "frontend.h"
#include "histogram.h"
#include "memory.h"
#include "options.h"
#include "vring.h"

/* Counted since the start of the phase. */
struct hd_counters {
	uint64_t sent;
	uint64_t attempts;       /* to send a burst */
	uint64_t full;           /* attempts that found no room for it */
	uint64_t received;       /* ours, of this phase */
	uint64_t reordered;      /* came after a later one */
	uint64_t reordered_flow; /* came so late that a later one of its own flow may have come before it */
	uint64_t foreign;
	uint64_t bad;
	uint64_t stale;
};

struct hd_guest {
	struct hd_vring rx;
	struct hd_vring tx;
	struct hd_stream out;
	struct hd_stream in; /* the peer's stream, at the frame expected next */
	struct hd_counters count;
	uint32_t bytes;         /* of a frame with its virtio header */
	uint16_t burst;         /* frames sent at once */
	uint16_t rx_prefetched; /* used elements below this index have been prefetched */
	bool mergeable;
	bool paced; /* frames carry a time stamp */
	bool sends;
	struct hd_histogram *latency;
	struct hd_frontend session;
	struct hd_memory memory;
};

/* Prepares guest number index of the run: memory, rings, streams and the listening socket if there is one. 0 or -errno.
 */
int hd_guest_init(struct hd_guest *g, const struct hd_options *opts, unsigned int index);

/* Connects to the switch and starts the rings. 0 or -errno. */
int hd_guest_start(struct hd_guest *g, const struct hd_options *opts);

/* Stops the rings, closes everything; fine on a guest whose initialisation failed or never happened (all zero). */
void hd_guest_close(struct hd_guest *g);

/* A new phase: counters to zero, sequence 0. */
void hd_guest_restart(struct hd_guest *g, const struct hd_stream_start *start);

/* Takes a burst from the receive ring. Returns how many buffers it took. */
unsigned int hd_guest_receive(struct hd_guest *g);

/* Sends up to want frames, at most a burst; nothing when a burst (or want, if less) does not fit. Returns how many. */
unsigned int hd_guest_send(struct hd_guest *g, uint64_t want);

#endif
