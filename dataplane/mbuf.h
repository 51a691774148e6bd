/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets to mbufs, for the ports that send mbufs: ethdev and librte_vhost. PMD threads. */
#ifndef HD_MBUF_H
#define HD_MBUF_H

#include <rte_mbuf.h>

#include "pkt.h"

/* A copy of the whole frame in fresh mbufs, or NULL if the pool is empty or payload could not be read. */
struct rte_mbuf *hd_mbuf_copy(const struct hd_pkt *pkt, struct rte_mempool *pool);

/* What a packet that needs its checksum filled in asks for, in the mbuf's terms. */
void hd_mbuf_request_offload(struct rte_mbuf *mbuf, const struct hd_pkt *pkt);

/* Express the packet's offload request in the mbuf's terms; a packet without one gets no flags. */
static inline void hd_mbuf_set_offload(struct rte_mbuf *mbuf, const struct hd_pkt *pkt)
{
	if (unlikely(pkt->off.flags & HD_OFF_NEEDS_CSUM))
		hd_mbuf_request_offload(mbuf, pkt);
	else
		mbuf->ol_flags = 0;
}

#endif
