/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the check of offload requests and the software that fulfils them: checksums and TCP segmentation. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "offload.h"

#define CHUNK 2048 /* bytes of foreign memory copied at a time to be summed */

#define IPV4_LENGTH offsetof(struct rte_ipv4_hdr, total_length)
#define IPV4_ID offsetof(struct rte_ipv4_hdr, packet_id)
#define IPV4_CKSUM offsetof(struct rte_ipv4_hdr, hdr_checksum)
#define IPV6_LENGTH offsetof(struct rte_ipv6_hdr, payload_len)
#define TCP_SEQ offsetof(struct rte_tcp_hdr, sent_seq)
#define TCP_OFFSET offsetof(struct rte_tcp_hdr, data_off)
#define TCP_FLAGS offsetof(struct rte_tcp_hdr, tcp_flags)
#define TCP_CKSUM offsetof(struct rte_tcp_hdr, cksum)
#define UDP_CKSUM offsetof(struct rte_udp_hdr, dgram_cksum)

/* Header fields, in network order and aligned to nothing. */
static inline uint16_t load16(const uint8_t *field)
{
	uint16_t value;

	memcpy(&value, field, sizeof(value));
	return rte_be_to_cpu_16(value);
}

static inline void store16(uint8_t *field, uint16_t value)
{
	value = rte_cpu_to_be_16(value);
	memcpy(field, &value, sizeof(value));
}

static inline void add32(uint8_t *field, uint32_t addend)
{
	uint32_t value;

	memcpy(&value, field, sizeof(value));
	value = rte_cpu_to_be_32(rte_be_to_cpu_32(value) + addend);
	memcpy(field, &value, sizeof(value));
}

/* Ones' complement addition of 16-bit words, folded (RFC 1071). */
static inline uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static bool valid_checksum(const struct hd_pkt *pkt)
{
	const struct hd_offload *off = &pkt->off;

	if (pkt->l4 == 0 || off->csum_start != pkt->l4)
		return false;
	if (pkt->l4_proto == IPPROTO_TCP)
		return off->csum_offset == TCP_CKSUM && pkt->l4 + sizeof(struct rte_tcp_hdr) <= pkt->hdr_len;
	if (pkt->l4_proto == IPPROTO_UDP)
		return off->csum_offset == UDP_CKSUM && pkt->l4 + sizeof(struct rte_udp_hdr) <= pkt->hdr_len;
	return false;
}

/* NEEDS_CSUM has been found valid. */
static bool valid_gso(const struct hd_pkt *pkt)
{
	uint32_t header_len;

	if (!(pkt->off.flags & HD_OFF_NEEDS_CSUM) || pkt->l4_proto != IPPROTO_TCP)
		return false;
	if (pkt->off.gso != (pkt->eth_type == RTE_ETHER_TYPE_IPV4 ? HD_GSO_TCP4 : HD_GSO_TCP6))
		return false;
	header_len = hd_offload_header_len(pkt);
	return header_len >= pkt->l4 + sizeof(struct rte_tcp_hdr) && header_len <= pkt->hdr_len &&
	       pkt->hdr_len <= pkt->len && pkt->len - pkt->l3 <= UINT16_MAX && pkt->off.gso_size >= HD_GSO_SIZE_MIN;
}

enum hd_drop hd_offload_sanitise(struct hd_pkt *pkt)
{
	struct hd_offload *off = &pkt->off;

	off->flags &= HD_OFF_NEEDS_CSUM | HD_OFF_CSUM_VALID;
	if (!(off->flags & HD_OFF_NEEDS_CSUM))
		off->csum_start = off->csum_offset = 0;
	else if (!valid_checksum(pkt))
		return HD_DROP_BAD_OFFLOAD;
	if (off->gso != HD_GSO_NONE && !valid_gso(pkt))
		return HD_DROP_BAD_OFFLOAD;
	if (off->gso == HD_GSO_NONE || pkt->len <= hd_offload_segment_len(pkt)) {
		off->gso = HD_GSO_NONE;
		off->gso_size = 0;
	}
	return HD_DROP_NONE;
}

/* Add up the frame from `cursor` on. False if the frame is shorter than it says. */
static bool sum_rest(struct hd_pkt_cursor *cursor, uint32_t *sum)
{
	bool foreign = cursor->pkt->mbuf == NULL;
	uint8_t copy[CHUNK];
	const uint8_t *addr;
	uint32_t total = 0, done = 0, n;

	for (n = hd_pkt_cursor_next(cursor, CHUNK, &addr); n != 0; n = hd_pkt_cursor_next(cursor, CHUNK, &addr)) {
		uint16_t part;

		if (foreign)
			addr = memcpy(copy, addr, n);
		part = rte_raw_cksum(addr, n);
		/* A piece that begins at an odd place has its bytes in the other halves of the words. */
		total += done % 2 != 0 ? rte_bswap16(part) : part;
		total = fold(total);
		done += n;
	}
	*sum = total;
	return cursor->todo == 0;
}

bool hd_offload_checksum(struct hd_pkt *pkt)
{
	struct hd_pkt_cursor cursor;
	uint32_t sum;
	uint16_t checksum;

	if (!(pkt->off.flags & HD_OFF_NEEDS_CSUM))
		return true;
	hd_pkt_cursor_init(&cursor, pkt);
	if (!hd_pkt_cursor_read(&cursor, pkt->off.csum_start, NULL) || !sum_rest(&cursor, &sum))
		return false;
	checksum = (uint16_t)~sum;
	if (checksum == 0 && pkt->l4_proto == IPPROTO_UDP)
		checksum = 0xffff; /* RFC 768: 0 says that there is none */
	memcpy(pkt->hdr + pkt->off.csum_start + pkt->off.csum_offset, &checksum, sizeof(checksum));
	pkt->off.flags &= (uint8_t)~HD_OFF_NEEDS_CSUM;
	pkt->off.csum_start = 0;
	pkt->off.csum_offset = 0;
	return true;
}

uint32_t hd_offload_header_len(const struct hd_pkt *pkt)
{
	return pkt->l4 + (uint32_t)(pkt->hdr[pkt->l4 + TCP_OFFSET] >> 4) * 4;
}

uint32_t hd_offload_segment_len(const struct hd_pkt *pkt)
{
	if (pkt->off.gso == HD_GSO_NONE)
		return pkt->len;
	return RTE_MIN(pkt->len, hd_offload_header_len(pkt) + pkt->off.gso_size);
}

uint32_t hd_offload_segments(const struct hd_pkt *pkt)
{
	uint32_t payload;

	if (pkt->off.gso == HD_GSO_NONE)
		return 1;
	payload = pkt->len - hd_offload_header_len(pkt);
	return (payload + pkt->off.gso_size - 1) / pkt->off.gso_size;
}

void hd_segmenter_init(struct hd_segmenter *seg, const struct hd_pkt *pkt, bool checksum)
{
	*seg = (struct hd_segmenter){.pkt = pkt, .checksum = checksum};
	hd_pkt_cursor_init(&seg->payload, pkt);
	if (pkt->off.gso == HD_GSO_NONE) {
		seg->payload.todo = 0;
		return;
	}
	seg->header_len = hd_offload_header_len(pkt);
	hd_pkt_cursor_read(&seg->payload, seg->header_len, NULL);
}

/* An empty chain with room for `len` bytes, the headers in its first buffer. NULL if the pool is short of buffers. */
static struct rte_mbuf *alloc_chain(struct rte_mempool *pool, uint32_t header_len, uint32_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *tail = head;
	uint32_t room;

	if (head == NULL)
		return NULL;
	room = rte_pktmbuf_tailroom(head);
	if (room < header_len)
		goto err_free;
	for (uint32_t left = len; left > room; left -= room) {
		tail->next = rte_pktmbuf_alloc(pool);
		if (tail->next == NULL)
			goto err_free;
		tail = tail->next;
		head->nb_segs++;
	}
	return head;

err_free:
	rte_pktmbuf_free(head);
	return NULL;
}

/* Copy the headers and the next `chunk` bytes of payload to the chain. */
static bool fill_chain(struct rte_mbuf *head, struct hd_segmenter *seg, uint32_t chunk)
{
	uint32_t at = seg->header_len;

	memcpy(rte_pktmbuf_mtod(head, uint8_t *), seg->pkt->hdr, at);
	head->pkt_len = at + chunk;
	for (struct rte_mbuf *mbuf = head; mbuf != NULL; mbuf = mbuf->next) {
		uint32_t n = RTE_MIN(chunk, rte_pktmbuf_tailroom(mbuf) - at);

		if (!hd_pkt_cursor_read(&seg->payload, n, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, at)))
			return false;
		mbuf->data_len = (uint16_t)(at + n);
		chunk -= n;
		at = 0;
	}
	return true;
}

static void rewrite_ip(const struct hd_segmenter *seg, struct hd_pkt *out)
{
	uint8_t *ip = out->hdr + out->l3;
	uint16_t checksum;

	if (out->eth_type == RTE_ETHER_TYPE_IPV6) {
		store16(ip + IPV6_LENGTH, (uint16_t)(out->len - out->l3 - sizeof(struct rte_ipv6_hdr)));
		return;
	}
	store16(ip + IPV4_LENGTH, (uint16_t)(out->len - out->l3));
	store16(ip + IPV4_ID, (uint16_t)(load16(ip + IPV4_ID) + seg->index));
	store16(ip + IPV4_CKSUM, 0);
	checksum = (uint16_t)~rte_raw_cksum(ip, out->l4 - out->l3);
	memcpy(ip + IPV4_CKSUM, &checksum, sizeof(checksum));
}

static void rewrite_tcp(const struct hd_segmenter *seg, struct hd_pkt *out, bool last)
{
	uint8_t *tcp = out->hdr + out->l4;
	uint32_t old_len = seg->pkt->len - out->l4, new_len = out->len - out->l4;

	add32(tcp + TCP_SEQ, (uint32_t)seg->index * seg->pkt->off.gso_size);
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	if (seg->index > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~RTE_TCP_CWR_FLAG;
	/* The field holds the pseudo-header's sum: exchange the length in it (right behind routing headers, too). */
	store16(tcp + TCP_CKSUM, fold(load16(tcp + TCP_CKSUM) + (uint16_t)~old_len + new_len));
}

static void describe(const struct hd_segmenter *seg, struct rte_mbuf *mbuf, struct hd_pkt *out)
{
	*out = *seg->pkt;
	out->hdr = rte_pktmbuf_mtod(mbuf, uint8_t *);
	out->mbuf = mbuf;
	out->seg = NULL;
	out->n_seg = 0;
	out->len = mbuf->pkt_len;
	out->hdr_len = mbuf->data_len;
	out->flags &= (uint8_t)~HD_PKT_SHARED;
	out->off.gso = HD_GSO_NONE;
	out->off.gso_size = 0;
}

int hd_segmenter_next(struct hd_segmenter *seg, struct rte_mempool *pool, struct hd_pkt *out)
{
	uint32_t chunk = RTE_MIN((uint32_t)seg->pkt->off.gso_size, seg->payload.todo);
	struct rte_mbuf *mbuf;

	if (chunk == 0)
		return 0;
	mbuf = alloc_chain(pool, seg->header_len, seg->header_len + chunk);
	if (mbuf == NULL)
		return -ENOMEM;
	if (!fill_chain(mbuf, seg, chunk)) {
		rte_pktmbuf_free(mbuf);
		return -EFAULT;
	}
	describe(seg, mbuf, out);
	rewrite_ip(seg, out);
	rewrite_tcp(seg, out, seg->payload.todo == 0);
	if (seg->checksum)
		hd_offload_checksum(out); /* can't fail: the chain holds out->len bytes */
	seg->index++;
	return 1;
}
