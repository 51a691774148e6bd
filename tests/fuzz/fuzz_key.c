/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes what bridges with rules do to any frame that hd_parse accepts: read its key, change its headers.
 *
 * An input is an offload request, how much of the frame is in hdr, some changes, and the frame. hdr is heap memory of
 * exactly its size with room for two tags in front, so that AddressSanitizer sees each byte beyond it. A change that is
 * refused has changed nothing; one that is not keeps the sums that checksums make right, and the packet is described as
 * hd_parse would describe it.
 *
 *   CC=clang meson setup build -Dfuzz=true && ninja -C build && build/tests/fuzz/fuzz_key tests/fuzz/corpus/key
 */
#include <netinet/in.h>

#include "flow/key_extract.h"
#include "flow/rewrite.h"
#include "input.h"
#include "parse.h"

#define FRONT 8
#define STEPS_MAX 8
#define DEEP 220 /* from here on l4 may come too near to its highest value for hd_parse */

enum { SET, PUSH, POP, DEC_TTL, TUPLE, STEPS };

struct target {
	struct hd_pkt pkt;
	struct hd_seg seg;
	uint8_t *memory, *rest;
};

/* What changes of fields must leave as it is; modulo 65535. */
struct sums {
	uint32_t ipv4, l4;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

UNWATCHED_BEGIN

static uint64_t sum(const uint8_t *at, uint32_t n)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < n; i++)
		total += i % 2 == 0 ? (uint32_t)at[i] << 8 : at[i];
	return total;
}

UNWATCHED_END

/* The L4 checksum's field, less the addresses if it is still to be completed, plus all that it covers if it is not. */
static uint32_t l4_sum(const struct hd_pkt *pkt)
{
	bool ipv4 = pkt->eth_type == 0x0800;
	uint64_t addresses = sum(pkt->hdr + pkt->l3 + (ipv4 ? 12 : 8), ipv4 ? 8 : 32);
	const uint8_t *l4 = pkt->hdr + pkt->l4, *field = l4 + (pkt->l4_proto == IPPROTO_TCP ? 16 : 6);

	if (pkt->l4_proto != IPPROTO_TCP && pkt->l4_proto != IPPROTO_UDP)
		return 0;
	if (!ipv4 && pkt->l4 != pkt->l3 + 40)
		return 0; /* a routing header may have another destination */
	if (pkt->off.flags & HD_OFF_NEEDS_CSUM)
		return (uint32_t)((sum(field, 2) + 65535 - addresses % 65535) % 65535);
	if (sum(field, 2) == 0 && pkt->l4_proto == IPPROTO_UDP)
		return 0;
	return (uint32_t)((addresses + sum(l4, pkt->l4_proto == IPPROTO_TCP ? 20 : 8)) % 65535);
}

static struct sums sums_of(const struct hd_pkt *pkt)
{
	struct sums sums = {0};

	if (pkt->l3 != 0 && pkt->eth_type == 0x0800)
		sums.ipv4 = (uint32_t)(sum(pkt->hdr + pkt->l3, (pkt->hdr[pkt->l3] & 15u) * 4) % 65535);
	if (pkt->l4 != 0)
		sums.l4 = l4_sum(pkt);
	return sums;
}

static void check_key(const struct hd_pkt *pkt)
{
	struct hd_key slow, fast;
	uint32_t words = HD_KEY_WORDS_OTHER;

	memset(&fast, 0x5a, sizeof(fast));
	hd_key_extract(&slow, pkt, 7);
	hd_key_extract_fast(&fast, pkt, 7);
	must(memcmp(&slow, &fast, sizeof(slow)) == 0);
	if (pkt->l3 != 0)
		words = pkt->eth_type == 0x0800 ? HD_KEY_WORDS_IPV4 : HD_KEY_WORDS_ND;
	else if (pkt->eth_type == 0x0806)
		words = HD_KEY_WORDS_ARP;
	for (uint32_t i = 0; i < HD_KEY_WORDS; i++)
		must(slow.word[i] == 0 || (words >> i & 1));
}

/* False if hd_parse would refuse it now. */
static bool check_description(const struct hd_pkt *pkt)
{
	struct hd_pkt again = *pkt;

	if (hd_parse(&again) != HD_DROP_NONE)
		return false;
	must(again.eth_type == pkt->eth_type && again.l3 == pkt->l3 && again.tci == pkt->tci);
	must(again.flags == pkt->flags && memcmp(&again.off, &pkt->off, sizeof(again.off)) == 0);
	must(again.l4 == pkt->l4 || again.l4 > DEEP || pkt->l4 > DEEP);
	must(again.l4 == 0 || pkt->l4 == 0 || again.l4_proto == pkt->l4_proto);
	return true;
}

static bool set(struct hd_pkt *pkt, struct input *input)
{
	enum hd_field_id field = (enum hd_field_id)(take8(input) % (HD_FIELD_REG0 + 1));
	hd_u128 value, mask;

	take_bytes(input, &value, sizeof(value));
	take_bytes(input, &mask, sizeof(mask));
	return hd_rewrite_set(pkt, field, value, mask);
}

static bool change_tuple(struct hd_pkt *pkt, struct input *input)
{
	struct hd_rewrite_tuple tuple = {0};
	uint8_t src[16], dst[16], wants = take8(input);

	take_bytes(input, src, sizeof(src));
	take_bytes(input, dst, sizeof(dst));
	tuple.src = wants & 1 ? src : NULL;
	tuple.dst = wants & 2 ? dst : NULL;
	tuple.set_src_port = wants & 4;
	tuple.set_dst_port = wants & 8;
	tuple.src_port = take16(input);
	tuple.dst_port = take16(input);
	return hd_rewrite_tuple(pkt, &tuple);
}

static bool change(struct hd_pkt *pkt, struct input *input, uint8_t kind)
{
	switch (kind) {
	case SET:
		return set(pkt, input);
	case PUSH:
		return hd_rewrite_push_vlan(pkt, take16(input));
	case POP:
		return hd_rewrite_pop_vlan(pkt);
	case DEC_TTL:
		return hd_rewrite_dec_ttl(pkt);
	default:
		return change_tuple(pkt, input);
	}
}

/* False if what follows can't be told. */
static bool step(struct hd_pkt *pkt, struct input *input)
{
	bool third = pkt->eth_type == 0x8100 || pkt->eth_type == 0x88a8;
	struct sums before = sums_of(pkt), after;
	struct hd_pkt was = *pkt;
	uint8_t *bytes = malloc(pkt->hdr_len), kind = take8(input) % STEPS;
	bool sound;

	must(bytes != NULL);
	memcpy(bytes, pkt->hdr, pkt->hdr_len);
	if (!change(pkt, input, kind)) {
		must(memcmp(&was, pkt, sizeof(was)) == 0);
		must(memcmp(bytes, pkt->hdr, pkt->hdr_len) == 0);
	}
	free(bytes);
	sound = check_description(pkt);
	must(sound || (third && pkt->l3 == 0));
	after = sums_of(pkt);
	must(third || (before.ipv4 == after.ipv4 && before.l4 == after.l4));
	check_key(pkt);
	return sound;
}

static void build(struct target *target, const struct input *frame, uint32_t hdr_len)
{
	uint32_t rest = (uint32_t)frame->left - hdr_len;

	target->memory = malloc(FRONT + hdr_len);
	target->rest = malloc(rest);
	must(target->memory != NULL && (target->rest != NULL || rest == 0));
	memcpy(target->memory + FRONT, frame->at, hdr_len);
	if (rest > 0)
		memcpy(target->rest, frame->at + hdr_len, rest);
	target->seg = (struct hd_seg){target->rest, rest};
	target->pkt.hdr = target->memory + FRONT;
	target->pkt.hdr_len = (uint16_t)hdr_len;
	target->pkt.len = (uint32_t)frame->left;
	target->pkt.seg = &target->seg;
	target->pkt.n_seg = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size}, steps;
	struct target target = {.seg = {NULL, 0}};
	uint16_t hdr_len, steps_len;

	target.pkt.off.flags = take8(&input);
	target.pkt.off.gso = take8(&input);
	target.pkt.off.gso_size = take16(&input);
	target.pkt.off.csum_start = take16(&input);
	target.pkt.off.csum_offset = take16(&input);
	hdr_len = take16(&input);
	steps_len = take16(&input);
	if (input.left < steps_len)
		return 0;
	steps = (struct input){input.at, steps_len};
	input.at += steps_len;
	input.left -= steps_len;
	if (input.left > HD_FRAME_MAX)
		return 0;
	build(&target, &input,
	      hdr_len < input.left ? hdr_len : (uint32_t)(input.left < UINT16_MAX ? input.left : UINT16_MAX));
	if (hd_parse(&target.pkt) == HD_DROP_NONE) {
		check_key(&target.pkt);
		for (int i = 0; i < STEPS_MAX && steps.left > 0; i++)
			if (!step(&target.pkt, &steps))
				break;
	}
	free(target.memory);
	free(target.rest);
	return 0;
}
