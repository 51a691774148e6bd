/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of a packet's bytes, wherever they lie. */
#include <string.h>

#include <rte_mbuf.h>

#include "pkt.h"

void hd_pkt_cursor_init(struct hd_pkt_cursor *cursor, const struct hd_pkt *pkt)
{
	*cursor = (struct hd_pkt_cursor){
		.pkt = pkt,
		.mbuf = pkt->mbuf != NULL ? pkt->mbuf->next : NULL,
		.addr = pkt->hdr,
		.left = pkt->hdr_len,
		.todo = pkt->len,
	};
}

/* Go to the next piece, which may be empty. False if there is none. */
static bool next_piece(struct hd_pkt_cursor *cursor)
{
	const struct hd_pkt *pkt = cursor->pkt;

	if (cursor->mbuf != NULL) {
		cursor->addr = rte_pktmbuf_mtod(cursor->mbuf, const uint8_t *);
		cursor->left = cursor->mbuf->data_len;
		cursor->mbuf = cursor->mbuf->next;
		return true;
	}
	if (pkt->mbuf != NULL || cursor->seg == pkt->n_seg)
		return false;
	cursor->addr = pkt->seg[cursor->seg].addr;
	cursor->left = pkt->seg[cursor->seg].len;
	cursor->seg++;
	return true;
}

uint32_t hd_pkt_cursor_next(struct hd_pkt_cursor *cursor, uint32_t max, const uint8_t **addr)
{
	uint32_t n = RTE_MIN(max, cursor->todo);

	if (n == 0)
		return 0;
	while (cursor->left == 0) {
		if (!next_piece(cursor))
			return 0;
	}
	n = RTE_MIN(n, cursor->left);
	*addr = cursor->addr;
	cursor->addr += n;
	cursor->left -= n;
	cursor->todo -= n;
	return n;
}

bool hd_pkt_cursor_read(struct hd_pkt_cursor *cursor, uint32_t len, void *dst)
{
	uint8_t *to = dst;

	while (len > 0) {
		const uint8_t *from;
		uint32_t n = hd_pkt_cursor_next(cursor, len, &from);

		if (n == 0)
			return false;
		if (to != NULL) {
			memcpy(to, from, n);
			to += n;
		}
		len -= n;
	}
	return true;
}

bool hd_pkt_read(const struct hd_pkt *pkt, uint32_t off, uint32_t len, void *dst)
{
	struct hd_pkt_cursor cursor;

	hd_pkt_cursor_init(&cursor, pkt);
	return hd_pkt_cursor_read(&cursor, off, NULL) && hd_pkt_cursor_read(&cursor, len, dst);
}

bool hd_pkt_pull(struct hd_pkt *pkt, uint16_t len)
{
	uint16_t before = pkt->hdr_len;

	if (pkt->mbuf != NULL)
		return false;
	while (pkt->n_seg > 0 && pkt->hdr_len < len) {
		uint32_t n = RTE_MIN(pkt->seg->len, (uint32_t)(len - pkt->hdr_len));

		memcpy(pkt->hdr + pkt->hdr_len, pkt->seg->addr, n);
		pkt->hdr_len = (uint16_t)(pkt->hdr_len + n);
		pkt->seg->addr = (const uint8_t *)pkt->seg->addr + n;
		pkt->seg->len -= n;
		if (pkt->seg->len != 0)
			break;
		pkt->seg++;
		pkt->n_seg--;
	}
	return pkt->hdr_len != before;
}
