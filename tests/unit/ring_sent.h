/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames on their way to a guest, for tests of virtqueues: random ones, with the room in front that tx may write to, in
 * random pieces, each in memory of exactly its size. Include after <check.h>.
 */
#ifndef RING_SENT_H
#define RING_SENT_H

#include <rte_mempool.h>

#include "frames.h"
#include "ring_guest.h"

static inline bool percent(struct random *random, uint32_t n)
{
	return random_below(random, 100) < n;
}

struct sent {
	struct hd_pkt pkt;
	uint8_t *memory[8];
	struct hd_seg seg[8];
	uint8_t *frame; /* flat */
};

static inline void sent_pieces(struct random *random, struct sent *sent, uint32_t hdr_len)
{
	uint32_t at = hdr_len;

	sent->memory[0] = malloc(HD_HEADROOM + hdr_len);
	memcpy(sent->memory[0] + HD_HEADROOM, sent->frame, hdr_len);
	sent->pkt.hdr = sent->memory[0] + HD_HEADROOM;
	sent->pkt.seg = sent->seg;
	while (at < sent->pkt.len) {
		uint32_t left = sent->pkt.len - at, len = sent->pkt.n_seg == 6 ? left : between(random, 0, left);
		uint8_t *copy = exact_copy(sent->frame + at, len);

		sent->seg[sent->pkt.n_seg++] = (struct hd_seg){copy, len};
		sent->memory[sent->pkt.n_seg] = copy;
		at += len;
	}
}

static inline void sent_mbufs(struct random *random, struct rte_mempool *pool, struct sent *sent, uint32_t hdr_len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool), *tail = head;
	uint32_t at = hdr_len;

	ck_assert_ptr_nonnull(head);
	if (percent(random, 20))
		head->data_off = (uint16_t)between(random, 0, 12); /* no room for a header, or just so */
	memcpy(rte_pktmbuf_append(head, (uint16_t)hdr_len), sent->frame, hdr_len);
	while (at < sent->pkt.len) {
		uint32_t len = RTE_MIN(sent->pkt.len - at, between(random, 1, 2000));
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

		must(mbuf != NULL);
		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), sent->frame + at, len);
		tail->next = mbuf;
		tail = mbuf;
		head->nb_segs++;
		head->pkt_len += len;
		at += len;
	}
	sent->pkt.mbuf = head;
	sent->pkt.hdr = rte_pktmbuf_mtod(head, uint8_t *);
}

static inline void sent_make(struct random *random, struct rte_mempool *pool, struct sent *sent, uint32_t len)
{
	uint32_t hdr_len = RTE_MIN(len, between(random, 60, 116));

	*sent = (struct sent){.pkt.len = len, .pkt.hdr_len = (uint16_t)hdr_len, .frame = malloc(len)};
	for (uint32_t i = 0; i < len; i++)
		sent->frame[i] = (uint8_t)random_next(random);
	if (len >= 60 && percent(random, 40)) {
		sent->pkt.l4 = 34;
		sent->pkt.off = (struct hd_offload){
			.gso = percent(random, 50)   ? HD_GSO_NONE
			       : percent(random, 50) ? HD_GSO_TCP4
						     : HD_GSO_TCP6,
			.flags = (uint8_t)between(random, 0, 3),
			.gso_size = (uint16_t)random_next(random),
			.csum_start = (uint16_t)random_next(random),
			.csum_offset = (uint16_t)random_next(random),
		};
		if (sent->pkt.off.gso == HD_GSO_NONE)
			sent->pkt.off.gso_size = 0;
	}
	if (percent(random, 40))
		sent_mbufs(random, pool, sent, hdr_len);
	else
		sent_pieces(random, sent, hdr_len);
}

static inline void sent_free(struct sent *sent)
{
	rte_pktmbuf_free(sent->pkt.mbuf);
	for (size_t i = 0; i < RTE_DIM(sent->memory); i++)
		free(sent->memory[i]);
	free(sent->frame);
}

#endif
