/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst: up to HD_BURST packets that came in together by one rx queue, and what they are made of.
 *
 * A PMD owns one; port rx fills it, the stages read and rewrite its packets, port rx_done gives back their memory.
 *
 * Packets that are not mbufs have their first bytes in `snapshot`, private to the switch, and their other pieces
 * listed in `seg`.
 */
#ifndef HD_BURST_H
#define HD_BURST_H

#include <stdalign.h>

#include <rte_mbuf.h>

#include "drop.h"
#include "pkt.h"

/* Guests' packets may have this many pieces, all of a burst together; a burst ends early where they do not suffice. */
#define HD_BURST_SEGS 2048

/*
 * A guest's packet begins with its virtio-net header, 12 bytes that lie in front of the frame: header and frame start
 * on a cache line, like the guest's buffer, and are copied together, in and out. In front of them is room for tags.
 */
#define HD_SNAPSHOT_FRAME 76                       /* offset of the frame's first byte */
#define HD_SNAPSHOT_ROOM (384 - HD_SNAPSHOT_FRAME) /* bytes of it that a snapshot can hold */

struct hd_snapshot_buffer {
	alignas(64) uint8_t bytes[HD_SNAPSHOT_FRAME + HD_SNAPSHOT_ROOM];
};

struct hd_burst {
	alignas(64) struct hd_pkt pkt[HD_BURST];
	struct rte_mbuf *mbufs[HD_BURST]; /* of mbuf ports: pkt[i]'s */
	uint16_t n;
	uint16_t n_refused;                           /* frames that rx took and could not make packets of ... */
	uint8_t refused[HD_BURST];                    /* ... and why: enum hd_drop */
	uint16_t n_seg;                               /* of seg, in use */
	struct hd_snapshot_buffer snapshot[HD_BURST]; /* of other ports: pkt[i]'s first bytes */
	struct hd_seg seg[HD_BURST_SEGS];
};

/* A frame that rx had to refuse: received and dropped. */
static inline void hd_burst_refuse(struct hd_burst *burst, enum hd_drop why)
{
	burst->refused[burst->n_refused++] = (uint8_t)why;
}

/* Describe a received mbuf. Offloads are the port's business. */
static inline void hd_pkt_from_mbuf(struct hd_pkt *pkt, struct rte_mbuf *mbuf)
{
	*pkt = (struct hd_pkt){
		.hdr = rte_pktmbuf_mtod(mbuf, uint8_t *),
		.mbuf = mbuf,
		.len = mbuf->pkt_len,
		.hdr_len = mbuf->data_len,
	};
}

/* The packet was copied to pkt->mbuf: that is where it lies now. */
static inline void hd_pkt_in_mbuf(struct hd_pkt *pkt)
{
	pkt->hdr = rte_pktmbuf_mtod(pkt->mbuf, uint8_t *);
	pkt->hdr_len = pkt->mbuf->data_len;
	pkt->seg = NULL;
	pkt->n_seg = 0;
}

/* rx_done of mbuf ports: frees the mbufs that no port's tx took. */
void hd_burst_free(struct hd_burst *burst);

#endif
