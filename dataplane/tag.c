/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rewriting of 802.1Q tags. */
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "tag.h"

#define TAG ((int)sizeof(struct rte_vlan_hdr))
#define ADDRESSES (2 * RTE_ETHER_ADDR_LEN)

void hd_tag_shift(struct hd_pkt *pkt, int by)
{
	pkt->hdr -= by;
	pkt->len += (uint32_t)by;
	pkt->hdr_len = (uint16_t)(pkt->hdr_len + by);
	if (pkt->l3 != 0)
		pkt->l3 = (uint8_t)(pkt->l3 + by);
	if (pkt->l4 != 0)
		pkt->l4 = (uint8_t)(pkt->l4 + by);
	if (pkt->off.flags & HD_OFF_NEEDS_CSUM)
		pkt->off.csum_start = (uint16_t)(pkt->off.csum_start + by);
	if (pkt->mbuf != NULL) {
		pkt->mbuf->data_off = (uint16_t)(pkt->mbuf->data_off - by);
		pkt->mbuf->data_len = (uint16_t)(pkt->mbuf->data_len + by);
		pkt->mbuf->pkt_len += (uint32_t)by;
	}
}

void hd_tag_push(struct hd_pkt *pkt, uint16_t vid)
{
	uint16_t tci = (uint16_t)((pkt->tci & 0xf000) | vid);

	memmove(pkt->hdr - TAG, pkt->hdr, ADDRESSES);
	hd_tag_shift(pkt, TAG);
	pkt->hdr[12] = RTE_ETHER_TYPE_VLAN >> 8;
	pkt->hdr[13] = RTE_ETHER_TYPE_VLAN & 0xff;
	pkt->hdr[14] = (uint8_t)(tci >> 8);
	pkt->hdr[15] = (uint8_t)tci;
	pkt->flags |= HD_PKT_TAGGED;
}

void hd_tag_pop(struct hd_pkt *pkt)
{
	memmove(pkt->hdr + TAG, pkt->hdr, ADDRESSES);
	hd_tag_shift(pkt, -TAG);
	pkt->flags &= (uint8_t)~HD_PKT_TAGGED;
}
