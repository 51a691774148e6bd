/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of a port. Every PMD has its own copy, so no counter has two writers; readers add the copies up.
 *
 * In any quiet moment, over all ports: rx + copies + segments = tx + drops. A flooded packet is received once and
 * sent or dropped once a destination: `copies` counts the destinations beyond the first. A packet segmented in
 * software is received once and sent in parts: `segments` counts the parts beyond the first.
 */
#ifndef HD_STATS_H
#define HD_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "drop.h"

typedef _Atomic uint64_t hd_counter; /* one writer; relaxed */

static inline void hd_count(hd_counter *counter, uint64_t n)
{
	/* One writer: no read-modify-write needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t hd_counted(const hd_counter *counter)
{
	return atomic_load_explicit((hd_counter *)counter, memory_order_relaxed);
}

/* Traffic of one queue in one direction. Unicast is what is neither multicast nor broadcast. */
struct hd_queue_stats {
	hd_counter packets;
	hd_counter bytes; /* of frames without FCS, as they were on this port */
	hd_counter multicast;
	hd_counter broadcast;
};

/* One PMD's counters of one port. Writer: that PMD. */
struct hd_port_stats {
	hd_counter copies;
	hd_counter segments;
	hd_counter drops[HD_DROP_COUNT];
	struct hd_queue_stats queue[]; /* rx queues, then tx queues */
};

/* The same, summed up, for readers. */
struct hd_queue_totals {
	uint64_t packets, bytes, multicast, broadcast;
};

struct hd_port_totals {
	struct hd_queue_totals rx, tx;
	uint64_t copies, segments;
	uint64_t drops[HD_DROP_COUNT];
};

#endif
