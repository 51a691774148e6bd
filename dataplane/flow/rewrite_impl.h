/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of hd_rewrite_* share: masked stores, sums of differences, and the parts of hd_rewrite_set. */
#ifndef HD_FLOW_REWRITE_IMPL_H
#define HD_FLOW_REWRITE_IMPL_H

#include <endian.h>

#include "headers.h"
#include "rewrite.h"

/* `n` bytes at `at` with the bits `mask` set to `value`, both right-aligned numbers, to `to`. 1 <= n <= 8. */
static inline void hd_merge64(uint8_t *to, const uint8_t *at, uint32_t n, uint64_t value, uint64_t mask)
{
	uint32_t shift = 64 - 8 * n;
	uint64_t bytes = 0;

	memcpy(&bytes, at, n);
	value = htobe64(value << shift); /* the first n bytes of it, as they lie in memory */
	mask = htobe64(mask << shift);
	bytes = (bytes & ~mask) | (value & mask);
	memcpy(to, &bytes, n);
}

/* The same with any n <= 16. */
static inline void hd_merge(uint8_t *to, const uint8_t *at, uint32_t n, hd_u128 value, hd_u128 mask)
{
	uint32_t high = n > 8 ? n - 8 : 0;

	if (high != 0)
		hd_merge64(to, at, high, (uint64_t)(value >> 64), (uint64_t)(mask >> 64));
	hd_merge64(to + high, at + high, n - high, (uint64_t)value, (uint64_t)mask);
}

/*
 * The sum of differences (RFC 1624): of each 16-bit word that is replaced, ~old + new, in the packet's byte order,
 * which ones' complement sums don't mind. Words lie at even distances from what the checksum covers. 0: no difference.
 */
static inline uint32_t hd_sum_replace(uint8_t *at, const uint8_t *with, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i += 2) {
		uint16_t old, new;

		memcpy(&old, at + i, 2);
		memcpy(&new, with + i, 2);
		if (old != new)
			sum += (uint16_t)~old + (uint32_t) new;
	}
	memcpy(at, with, n);
	return sum;
}

static inline uint16_t hd_sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Take the differences into a sum that is not complemented, as a pseudo-header's is. */
static inline void hd_sum_add(uint8_t *field, uint32_t sum)
{
	uint16_t was;

	memcpy(&was, field, 2);
	was = hd_sum_fold(was + sum);
	memcpy(field, &was, 2);
}

/* Take the differences into a checksum. */
static inline void hd_sum_update(uint8_t *field, uint32_t sum)
{
	uint16_t checksum;

	if (sum == 0)
		return; /* also leaves 0xffff, which the sum below would make 0 */
	memcpy(&checksum, field, 2);
	checksum = (uint16_t)~hd_sum_fold((uint16_t)~checksum + sum);
	memcpy(field, &checksum, 2);
}

static inline bool hd_pkt_is_ipv4(const struct hd_pkt *pkt)
{
	return pkt->l3 != 0 && pkt->eth_type == HD_TYPE_IPV4;
}

static inline bool hd_pkt_is_ipv6(const struct hd_pkt *pkt)
{
	return pkt->l3 != 0 && pkt->eth_type == HD_TYPE_IPV6;
}

/*
 * The L4 checksum takes in differences: `pseudo`, of the pseudo-header, and `own`, of L4's bytes. Does nothing where
 * there is none, and for SCTP.
 */
void hd_l4_checksum_update(struct hd_pkt *pkt, const struct hd_headers *headers, uint32_t pseudo, uint32_t own);

/* Parts of hd_rewrite_set; fields are those of each one's name. */
bool hd_rewrite_address(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask);
bool hd_rewrite_port(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask);
bool hd_rewrite_icmp(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask);
bool hd_rewrite_nd(struct hd_pkt *pkt, enum hd_field_id field, hd_u128 value, hd_u128 mask);
/* TTL, and DSCP and ECN as one byte. */
bool hd_rewrite_ttl(struct hd_pkt *pkt, uint8_t value, uint8_t mask);
bool hd_rewrite_tos(struct hd_pkt *pkt, uint8_t value, uint8_t mask);
bool hd_rewrite_label(struct hd_pkt *pkt, uint32_t value, uint32_t mask);
/* The `n`-th tag's TCI but DEI. */
bool hd_rewrite_tci(struct hd_pkt *pkt, uint32_t n, uint16_t value, uint16_t mask);

#endif
