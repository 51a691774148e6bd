/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and joining log-linear histograms. */
#include "histogram.h"

void hd_histogram_merge(struct hd_histogram *into, const struct hd_histogram *from)
{
	unsigned int i;

	for (i = 0; i < HD_HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->total += from->total;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t hd_histogram_percentile(const struct hd_histogram *h, double fraction)
{
	uint64_t rank = (uint64_t)((double)h->total * fraction);
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < HD_HISTOGRAM_BUCKETS; i++) {
		unsigned int shift = i / HD_HISTOGRAM_SUB;
		uint64_t low = (uint64_t)(i % HD_HISTOGRAM_SUB) << shift;

		seen += h->buckets[i];
		if (seen > rank)
			return low + ((UINT64_C(1) << shift) >> 1);
	}
	return h->max;
}
