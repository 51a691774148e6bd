/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes what a packet meets first: the reading of its headers, the check of its offload request, and the software
 * that fulfils it.
 *
 * An input is a struct recipe and the frame's bytes. Every piece of the packet lies in heap memory of exactly its
 * size, so that AddressSanitizer sees each byte read beyond it.
 *
 *   CC=clang meson setup build -Dfuzz=true && ninja -C build && build/tests/fuzz/fuzz_parse tests/fuzz/corpus/parse
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "../unit/eal.h"
#include "offload.h"
#include "parse.h"

#define PIECES_MAX 64
#define SEGMENTS_MAX 128 /* looked at, of one packet */
#define FRAME_MAX (HD_FRAME_MAX + 64)

enum { CONTIGUOUS, CHAIN, SNAPSHOT, KINDS };

struct recipe {
	uint8_t kind;  /* of packet, modulo KINDS */
	uint8_t gso;   /* offload request, as it is */
	uint8_t flags; /* likewise */
	uint8_t unused;
	uint16_t gso_size; /* likewise an offload request, little endian as all here */
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t hdr_len; /* wanted */
	uint16_t piece;   /* bytes of a piece behind it */
	uint16_t more;    /* bytes to add to the frame */
};
static_assert(sizeof(struct recipe) == 16, "no holes");

struct target {
	struct hd_pkt pkt;
	struct hd_seg seg[PIECES_MAX];
	struct rte_mbuf *mbuf[PIECES_MAX];
	uint8_t *memory[PIECES_MAX];
	uint32_t n;
};

static struct rte_mempool *pool;
static uint8_t frame[FRAME_MAX];

#define must(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: must be: %s\n", __func__, __LINE__, #condition);                       \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	eal_start();
	pool = rte_pktmbuf_pool_create("fuzz", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	must(pool != NULL);
	return 0;
}

static void add_piece(struct target *target, const uint8_t *from, uint32_t len, bool mbuf)
{
	uint32_t n = target->n++;

	target->memory[n] = malloc(len);
	must(target->memory[n] != NULL || len == 0);
	if (len > 0)
		memcpy(target->memory[n], from, len);
	if (n > 0)
		target->seg[n - 1] = (struct hd_seg){target->memory[n], len};
	if (!mbuf)
		return;
	target->mbuf[n] = calloc(1, sizeof(struct rte_mbuf));
	must(target->mbuf[n] != NULL);
	target->mbuf[n]->buf_addr = target->memory[n];
	target->mbuf[n]->buf_len = (uint16_t)len;
	target->mbuf[n]->data_len = (uint16_t)len;
	if (n > 0)
		target->mbuf[n - 1]->next = target->mbuf[n];
}

/* Cuts frame[0..len) into pieces; an mbuf's is no longer than 65,535 bytes, so the last may be needed for the rest. */
static void build(struct target *target, const struct recipe *recipe, uint32_t len)
{
	uint32_t kind = recipe->kind % KINDS, most = kind == SNAPSHOT ? HD_SNAPSHOT : UINT16_MAX;
	uint32_t at = RTE_MIN(kind == CONTIGUOUS ? len : recipe->hdr_len, RTE_MIN(len, most));
	uint32_t least = (len - at) / (PIECES_MAX - 2) + 1; /* so that the pieces suffice */
	struct hd_pkt *pkt = &target->pkt;

	add_piece(target, frame, at, kind != SNAPSHOT);
	*pkt = (struct hd_pkt){.hdr = target->memory[0], .mbuf = target->mbuf[0], .len = len, .hdr_len = (uint16_t)at};
	while (at < len) {
		uint32_t n = RTE_MIN(RTE_MAX(recipe->piece, least), len - at);

		add_piece(target, frame + at, n, kind != SNAPSHOT);
		at += n;
	}
	if (kind == SNAPSHOT) {
		pkt->seg = target->seg;
		pkt->n_seg = (uint16_t)(target->n - 1);
	}
	pkt->off = (struct hd_offload){
		.gso = recipe->gso,
		.flags = recipe->flags,
		.gso_size = recipe->gso_size,
		.csum_start = recipe->csum_start,
		.csum_offset = recipe->csum_offset,
	};
}

static void discard(struct target *target)
{
	for (uint32_t i = 0; i < target->n; i++) {
		free(target->mbuf[i]);
		free(target->memory[i]);
	}
}

/* At most two; a third is an Ethernet type. */
static uint32_t n_tags(const uint8_t *hdr)
{
	uint32_t n = 0;

	while (n < 2 && ((hdr[12 + 4 * n] == 0x81 && hdr[13 + 4 * n] == 0) ||
			 (hdr[12 + 4 * n] == 0x88 && hdr[13 + 4 * n] == 0xa8)))
		n++;
	return n;
}

static void check_parsed(const struct hd_pkt *pkt)
{
	const struct hd_offload *off = &pkt->off;
	uint32_t ethernet = 14 + 4 * n_tags(pkt->hdr);
	bool ip = pkt->eth_type == 0x0800 || pkt->eth_type == 0x86dd;

	must(pkt->hdr_len >= ethernet && pkt->hdr_len <= pkt->len);
	must(pkt->l3 == (ip ? ethernet : 0));
	must(!ip || pkt->l3 + (pkt->eth_type == 0x0800 ? 20u : 40u) <= pkt->hdr_len);
	must(pkt->l4 == 0 || (pkt->l3 < pkt->l4 && pkt->l4 + 4u <= pkt->hdr_len));
	must((off->flags & ~(HD_OFF_NEEDS_CSUM | HD_OFF_CSUM_VALID)) == 0);
	if (off->flags & HD_OFF_NEEDS_CSUM) {
		must(pkt->l4 != 0 && off->csum_start == pkt->l4);
		must(off->csum_offset == (pkt->l4_proto == IPPROTO_TCP ? 16 : 6));
		must(off->csum_start + off->csum_offset + 2u <= pkt->hdr_len);
	}
	if (off->gso != HD_GSO_NONE) {
		must(off->flags & HD_OFF_NEEDS_CSUM && pkt->l4_proto == IPPROTO_TCP);
		must(hd_offload_header_len(pkt) <= pkt->hdr_len);
		must(hd_offload_segments(pkt) > 1 && hd_offload_segment_len(pkt) < pkt->len);
	} else {
		must(hd_offload_segments(pkt) == 1 && hd_offload_segment_len(pkt) == pkt->len);
	}
}

/* The sum of 16-bit words of the packet from `off` on, modulo 65535. */
static uint32_t sum_from(const struct hd_pkt *pkt, uint32_t off)
{
	uint8_t *copy = malloc(pkt->len - off);
	uint64_t sum = 0;

	must(hd_pkt_read(pkt, off, pkt->len - off, copy));
	for (uint32_t i = 0; i < pkt->len - off; i++)
		sum += i % 2 == 0 ? (uint32_t)copy[i] << 8 : copy[i];
	free(copy);
	return (uint32_t)(sum % 65535);
}

/* A right checksum makes the sum of all what the pseudo-header's lacks. */
static void check_checksum(struct hd_pkt *pkt)
{
	const uint8_t *field = pkt->hdr + pkt->off.csum_start + pkt->off.csum_offset;
	uint32_t seed = (uint32_t)(field[0] << 8 | field[1]), start = pkt->off.csum_start;

	must(hd_offload_checksum(pkt));
	must(!(pkt->off.flags & HD_OFF_NEEDS_CSUM));
	must((sum_from(pkt, start) + seed) % 65535 == 0);
	must(pkt->l4_proto != IPPROTO_UDP || field[0] != 0 || field[1] != 0);
}

static void check_chain(const struct hd_pkt *pkt)
{
	uint32_t total = 0, n = 0;

	for (const struct rte_mbuf *mbuf = pkt->mbuf; mbuf != NULL; mbuf = mbuf->next) {
		must(mbuf->data_off + mbuf->data_len <= mbuf->buf_len);
		total += mbuf->data_len;
		n++;
	}
	must(total == pkt->len && pkt->mbuf->pkt_len == total && pkt->mbuf->nb_segs == n);
	must(pkt->hdr_len == pkt->mbuf->data_len && pkt->hdr == rte_pktmbuf_mtod(pkt->mbuf, uint8_t *));
}

/* One segment, with `payload` bytes before it: well formed, and with the right part of the payload. */
static uint32_t check_segment(struct hd_pkt *out, const struct hd_pkt *pkt, uint32_t payload)
{
	uint32_t header_len = hd_offload_header_len(pkt), n = out->len - header_len;
	uint8_t *got = malloc(out->len);
	struct hd_pkt again = *out;

	check_chain(out);
	must(out->len > header_len && n <= pkt->off.gso_size);
	must(hd_pkt_read(out, header_len, n, got));
	must(memcmp(got, frame + header_len + payload, n) == 0);
	free(got);
	must(hd_parse(&again) == HD_DROP_NONE);
	must(again.l3 == pkt->l3 && again.l4 == pkt->l4 && again.flags == pkt->flags);
	if (out->off.flags & HD_OFF_NEEDS_CSUM)
		check_checksum(out);
	return n;
}

static void check_segments(const struct hd_pkt *pkt, bool checksum)
{
	struct hd_segmenter segmenter;
	struct hd_pkt out;
	uint32_t payload = 0, n;
	int rc = 1;

	hd_segmenter_init(&segmenter, pkt, checksum);
	for (n = 0; n < SEGMENTS_MAX && rc == 1; n++) {
		rc = hd_segmenter_next(&segmenter, pool, &out);
		if (rc != 1)
			break;
		must(!checksum || !(out.off.flags & HD_OFF_NEEDS_CSUM));
		payload += check_segment(&out, pkt, payload);
		rte_pktmbuf_free(out.mbuf);
	}
	must(rc >= 0);
	must(rc == 1 || (n == hd_offload_segments(pkt) && payload == pkt->len - hd_offload_header_len(pkt)));
	must(rte_mempool_avail_count(pool) == 255);
}

static void check_packet(struct hd_pkt *pkt)
{
	enum hd_drop drop = hd_parse(pkt);
	struct hd_pkt again;

	must(drop == HD_DROP_NONE || drop <= HD_DROP_LAST_INGRESS);
	if (drop != HD_DROP_NONE)
		return;
	check_parsed(pkt);
	again = *pkt;
	must(hd_parse(&again) == HD_DROP_NONE);
	must(again.l3 == pkt->l3 && again.l4 == pkt->l4 && again.flags == pkt->flags && again.tci == pkt->tci);
	must(memcmp(&again.off, &pkt->off, sizeof(again.off)) == 0);
	must(hd_parse_hash(pkt) != 0);
	if (pkt->off.gso != HD_GSO_NONE) {
		check_segments(pkt, false);
		check_segments(pkt, true);
	} else if (pkt->off.flags & HD_OFF_NEEDS_CSUM) {
		check_checksum(pkt);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target target = {.n = 0};
	struct recipe recipe;
	uint32_t len;

	if (size < sizeof(recipe))
		return 0;
	memcpy(&recipe, data, sizeof(recipe));
	len = (uint32_t)RTE_MIN(size - sizeof(recipe), (size_t)FRAME_MAX);
	memcpy(frame, data + sizeof(recipe), len);
	for (uint32_t i = 0; i < recipe.more && len < FRAME_MAX; i++)
		frame[len++] = (uint8_t)(i * 7);
	build(&target, &recipe, len);
	check_packet(&target.pkt);
	discard(&target);
	return 0;
}
