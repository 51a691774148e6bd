/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns tags that rules put on, change and take off. */
#include <rte_mbuf.h>

#include "../parse.h"
#include "../tag.h"
#include "rewrite_impl.h"

#define ADDRESSES 12     /* bytes in front of a tag */
#define TCI_MASK 0xefffu /* without DEI */

/* What the bridge knows of the outer tag. */
static void note_outer_tag(struct hd_pkt *pkt)
{
	bool tagged = hd_headers_tags(pkt) > 0 && hd_load16(pkt->hdr + ADDRESSES) == HD_TYPE_VLAN;

	pkt->flags &= (uint8_t)~HD_PKT_TAGGED;
	pkt->tci = 0;
	if (tagged) {
		pkt->flags |= HD_PKT_TAGGED;
		pkt->tci = hd_load16(pkt->hdr + HD_ETHER_LEN);
	}
}

/* For this tag, and for one that the port it leaves by may put in front of a service tag. */
static bool has_room(const struct hd_pkt *pkt)
{
	return pkt->mbuf == NULL || rte_pktmbuf_headroom(pkt->mbuf) >= 2 * HD_TAG_LEN;
}

bool hd_rewrite_push_vlan(struct hd_pkt *pkt, uint16_t ethertype)
{
	uint32_t tags = hd_headers_tags(pkt);
	uint16_t tci = tags > 0 ? hd_load16(pkt->hdr + HD_ETHER_LEN) : 0;

	if (!hd_type_is_tag(ethertype) || tags == HD_TAGS_MAX || !has_room(pkt))
		return false;
	memmove(pkt->hdr - HD_TAG_LEN, pkt->hdr, ADDRESSES);
	hd_tag_shift(pkt, HD_TAG_LEN);
	hd_store16(pkt->hdr + ADDRESSES, ethertype);
	hd_store16(pkt->hdr + HD_ETHER_LEN, tci);
	note_outer_tag(pkt);
	return true;
}

/* A third tag's type was the Ethernet type, now it is a tag again: nobody has looked behind it yet. */
static void look_behind(struct hd_pkt *pkt)
{
	if (hd_parse(pkt) != HD_DROP_NONE) {
		pkt->l3 = 0; /* no IP that anyone may read */
		pkt->l4 = 0;
	}
}

bool hd_rewrite_pop_vlan(struct hd_pkt *pkt)
{
	if (hd_headers_tags(pkt) == 0)
		return false;
	memmove(pkt->hdr + HD_TAG_LEN, pkt->hdr, ADDRESSES);
	hd_tag_shift(pkt, -HD_TAG_LEN);
	if (unlikely(hd_type_is_tag(pkt->eth_type)))
		look_behind(pkt);
	note_outer_tag(pkt);
	return true;
}

bool hd_rewrite_tci(struct hd_pkt *pkt, uint32_t n, uint16_t value, uint16_t mask)
{
	uint8_t *tci = pkt->hdr + HD_ETHER_LEN + (size_t)n * HD_TAG_LEN;

	if (hd_headers_tags(pkt) <= n)
		return false;
	hd_merge(tci, tci, 2, value, mask & TCI_MASK);
	note_outer_tag(pkt);
	return true;
}
