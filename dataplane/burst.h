/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst: up to HD_BURST packets that came in together by one rx queue, and what they are made of.
 *
 * A PMD owns one; port rx fills it, the stages read and rewrite its packets, port rx_done gives back their memory.
 */
#ifndef HD_BURST_H
#define HD_BURST_H

#include <stdalign.h>

#include <rte_mbuf.h>

#include "pkt.h"

struct hd_burst {
	alignas(64) struct hd_pkt pkt[HD_BURST];
	struct rte_mbuf *mbufs[HD_BURST]; /* of mbuf ports: pkt[i]'s */
	uint16_t n;
};

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

/* rx_done of mbuf ports: frees the mbufs that no port's tx took. */
void hd_burst_free(struct hd_burst *burst);

#endif
