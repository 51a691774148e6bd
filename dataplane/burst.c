/* SPDX-License-Identifier: BSD-3-Clause */
/* Frees what is left of a burst of mbufs. */
#include "burst.h"

void hd_burst_free(struct hd_burst *burst)
{
	struct rte_mbuf *left[HD_BURST];
	uint16_t n = 0;

	for (uint16_t i = 0; i < burst->n; i++) {
		left[n] = burst->pkt[i].mbuf;
		n += left[n] != NULL; /* NULL: taken by an ethdev's tx */
	}
	rte_pktmbuf_free_bulk(left, n);
	burst->n = 0;
}
