/* SPDX-License-Identifier: BSD-3-Clause */
/* Storm control's token bucket. */
#include "storm.h"

void hd_storm_limit_init(struct hd_storm_limit *limit, uint32_t packets_per_second, uint64_t tsc_hz)
{
	*limit = (struct hd_storm_limit){0};
	if (packets_per_second == 0)
		return;
	limit->interval = (tsc_hz + packets_per_second - 1) / packets_per_second;
	limit->depth = tsc_hz / 10;
	if (limit->depth < HD_STORM_BURST_MIN * limit->interval)
		limit->depth = HD_STORM_BURST_MIN * limit->interval;
}

bool hd_storm_admit(const struct hd_storm_limit *limit, struct hd_storm_bucket *bucket, uint64_t now)
{
	uint64_t arrival, next;

	if (limit->interval == 0)
		return true;
	arrival = atomic_load_explicit(&bucket->arrival, memory_order_relaxed);
	do {
		/* Empty is now + depth; clocks of PMDs differ by far less than another depth: from a former limit. */
		bool stale = arrival > now + 2 * limit->depth;

		next = (arrival < now || stale ? now : arrival) + limit->interval;
		if (next > now + limit->depth)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&bucket->arrival, &arrival, next, memory_order_relaxed,
							memory_order_relaxed));
	return true;
}
