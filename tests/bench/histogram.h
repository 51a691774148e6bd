/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A log-linear histogram: 64 buckets for each power of two, so a percentile is off by 1.6 % at most whatever its size.
 * Values are in whatever unit the caller adds.
 */
#ifndef HD_BENCH_HISTOGRAM_H
#define HD_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HD_HISTOGRAM_SUB_BITS 6
#define HD_HISTOGRAM_SUB (1u << HD_HISTOGRAM_SUB_BITS)
#define HD_HISTOGRAM_BUCKETS ((64 - HD_HISTOGRAM_SUB_BITS + 1) * HD_HISTOGRAM_SUB)

struct hd_histogram {
	uint64_t total;
	uint64_t max;
	uint64_t buckets[HD_HISTOGRAM_BUCKETS];
};

static inline void hd_histogram_add(struct hd_histogram *h, uint64_t value)
{
	unsigned int shift = 0;

	if (value >= HD_HISTOGRAM_SUB)
		shift = 63 - (unsigned int)__builtin_clzll(value) - HD_HISTOGRAM_SUB_BITS + 1;
	/* value >> shift is below 64 only for shift 0; above, its upper half is used: 32 to 63 */
	h->buckets[shift * HD_HISTOGRAM_SUB + (value >> shift)]++;
	h->total++;
	if (value > h->max)
		h->max = value;
}

void hd_histogram_merge(struct hd_histogram *into, const struct hd_histogram *from);

/* The middle of the bucket below which the fraction of the values lies; 0 when empty. */
uint64_t hd_histogram_percentile(const struct hd_histogram *h, double fraction);

#endif
