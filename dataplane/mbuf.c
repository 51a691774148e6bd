/* SPDX-License-Identifier: BSD-3-Clause */
/* Turns described packets into mbufs. */
#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "mbuf.h"
#include "offload.h"

struct rte_mbuf *hd_mbuf_copy(const struct hd_pkt *pkt, struct rte_mempool *pool)
{
	struct rte_mbuf *head = NULL, **link = &head, *mbuf;
	struct hd_pkt_cursor cursor;
	uint32_t left = pkt->len;

	hd_pkt_cursor_init(&cursor, pkt);
	while (left > 0) {
		uint32_t n;

		mbuf = rte_pktmbuf_alloc(pool);
		if (mbuf == NULL)
			goto err;
		*link = mbuf;
		link = &mbuf->next;
		n = RTE_MIN(left, (uint32_t)rte_pktmbuf_tailroom(mbuf));
		if (!hd_pkt_cursor_read(&cursor, n, rte_pktmbuf_mtod(mbuf, void *)))
			goto err;
		mbuf->data_len = (uint16_t)n;
		if (mbuf != head)
			head->nb_segs++;
		left -= n;
	}
	if (head != NULL)
		head->pkt_len = pkt->len;
	return head;
err:
	rte_pktmbuf_free(head); /* follows the links, whatever nb_segs */
	return NULL;
}

void hd_mbuf_request_offload(struct rte_mbuf *mbuf, const struct hd_pkt *pkt)
{
	uint64_t flags;

	flags = pkt->l4_proto == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
	flags |= pkt->eth_type == RTE_ETHER_TYPE_IPV4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
	mbuf->l2_len = pkt->l3;
	mbuf->l3_len = (uint16_t)(pkt->l4 - pkt->l3) & 0x1ff;
	mbuf->l4_len = 0;
	if (pkt->off.gso != HD_GSO_NONE) {
		flags |= RTE_MBUF_F_TX_TCP_SEG;
		if (pkt->off.gso == HD_GSO_TCP4)
			flags |= RTE_MBUF_F_TX_IP_CKSUM; /* every segment has another length and id */
		mbuf->l4_len = (uint8_t)(hd_offload_header_len(pkt) - pkt->l4);
		mbuf->tso_segsz = pkt->off.gso_size;
	}
	mbuf->ol_flags = flags;
}
