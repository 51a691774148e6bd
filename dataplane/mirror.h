/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mirrors: copies of what ports receive and send, put out by a port of their own.
 *
 * A copy is taken of each sound frame as it came in, before the bridge looks at it, and of each frame as it is to go
 * out, tagged as that port wants it and not yet segmented. Copies go out at once and untouched: no tag is added or
 * taken off. They are mbufs of the destination's pool, independent of the packet, which is not changed: a mirror costs
 * its ports' frames one copy each.
 *
 * The destination puts out copies only: what it receives is dropped, nothing is flooded or switched to it, and it is
 * mirrored by nobody, so a copy is never copied.
 *
 * In the balance of all packets a copy is a copy: counted as `copies` at the port whose frame it is of, and as sent or
 * dropped at the destination.
 */
#ifndef HD_MIRROR_H
#define HD_MIRROR_H

#include <heddle/limits.h>

#include "port.h"

struct hd_pmd;
struct hd_snapshot_port;

/* Its counters. They outlive snapshots. Control thread, but for the PMDs' counting. */
struct hd_mirror {
	struct {
		alignas(64) hd_counter packets; /* frames that were copied */
		hd_counter bytes;               /* of the copies, cut as they may be */
		hd_counter dropped;             /* copies, or segments of copies, that did not go out */
	} pmd[HD_PMDS_MAX];                     /* writer: that PMD */
};

struct hd_mirror_totals {
	uint64_t packets, bytes, dropped;
};

/* NULL if out of memory. */
struct hd_mirror *hd_mirror_create(void);
/* No snapshot names it any more. Accepts NULL. */
void hd_mirror_destroy(struct hd_mirror *mirror);
void hd_mirror_totals(const struct hd_mirror *mirror, struct hd_mirror_totals *totals);

/* A mirror as PMDs see it: immutable, part of the snapshot. */
struct hd_snapshot_mirror {
	struct hd_mirror *mirror;
	uint32_t snap; /* bytes that are kept of a frame; 0: all */
	uint16_t to;   /* a port's id */
	uint16_t vlan; /* only frames of this VLAN; 0: of any */
};

/*
 * PMD thread. Copy packets that `port` received (HD_PORT_RX, accepted by parse) or is to send (HD_PORT_TX, shaped) to
 * the destinations of its mirrors.
 */
void hd_mirror_copy(struct hd_pmd *pmd, const struct hd_snapshot_port *port, enum hd_port_direction direction,
		    struct hd_pkt **pkts, uint16_t n);

#endif
