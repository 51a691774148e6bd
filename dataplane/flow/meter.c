/* SPDX-License-Identifier: BSD-3-Clause */
/* Meters: one token bucket for all PMDs, small stocks of tokens for each, and what each has counted. */
#include <stdlib.h>

#include "../burst.h"
#include "meter.h"

/*
 * Tokens are time: a packet costs the time in which the rate allows one like it. Unit: 2^-10 TSC cycles, so that a
 * packet's cost is exact to 0.1 % even at a packet per cycle. The bucket is the time at which it is full again, as in
 * storm control (GCRA), which does with whole cycles because it need not be exact.
 */
#define FRACTION_BITS 10
#define COST_BITS 20      /* further bits of the cost of a byte */
#define STOCK_PER_S 50000 /* a stock is what the rate allows in 20 us: then rates up to 50,000 packets/s need none */
#define LONGEST 65536     /* bytes of a packet */
#define FRAME 1518        /* bytes of a usual long one */
#define BURSTS_MIN 4      /* that the bucket holds by default: packets of a burst come at the same moment */
#define APART_S 60        /* seconds: PMDs' clocks, when one was long interrupted, are not further apart */
#define DEPTH_MAX (UINT64_C(1) << 61)

/* What one PMD has. Writer: that PMD; the counters are read by the control thread. */
struct share {
	alignas(64) uint64_t stock; /* tokens taken from the bucket and not used yet */
	hd_counter packets, bytes, dropped_packets, dropped_bytes;
};

struct shares {
	uint32_t users; /* meters, one after the other. Control */
	struct share of[HD_PMDS_MAX];
};

struct hd_meter {
	/* Constant. */
	struct hd_meter_conf conf;
	uint64_t cost;     /* of a packet, or of a byte times 2^COST_BITS */
	uint64_t depth;    /* what the bucket holds */
	uint64_t batch;    /* what a PMD takes at a time */
	uint64_t debt_max; /* full_at is never further ahead of a PMD's clock */
	struct shares *shares;
	/* Writers: PMDs. */
	alignas(64) _Atomic uint64_t full_at;
};

static inline uint64_t cost_of(const struct hd_meter *meter, uint32_t bytes)
{
	if (meter->conf.packets)
		return meter->cost;
	return (uint64_t)((unsigned __int128)meter->cost * bytes >> COST_BITS);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void set_costs(struct hd_meter *meter, uint64_t tsc_hz)
{
	const struct hd_meter_conf *conf = &meter->conf;
	uint64_t hz = tsc_hz << FRACTION_BITS;
	unsigned __int128 depth;

	/* bytes/s = rate * 1000 / 8 */
	meter->cost = conf->packets ? (hz + conf->rate / 2) / conf->rate
				    : (uint64_t)(((unsigned __int128)hz << COST_BITS) / ((uint64_t)conf->rate * 125));
	depth = conf->burst != 0 ? (unsigned __int128)conf->burst * hz / conf->rate : hz / 100;
	if (conf->burst == 0 && depth < cost_of(meter, FRAME) * BURSTS_MIN * HD_BURST)
		depth = cost_of(meter, FRAME) * BURSTS_MIN * HD_BURST;
	meter->depth = depth < DEPTH_MAX ? (uint64_t)depth : DEPTH_MAX;
	meter->batch = min_u64(hz / STOCK_PER_S, meter->depth / 16);
	meter->debt_max = meter->depth + cost_of(meter, LONGEST) + meter->batch + APART_S * hz;
}

struct hd_meter *hd_meter_create(const struct hd_meter_conf *conf, uint64_t tsc_hz)
{
	struct hd_meter *meter = aligned_alloc(alignof(struct hd_meter), sizeof(*meter));
	struct shares *shares = aligned_alloc(alignof(struct shares), sizeof(*shares));

	if (meter == NULL || shares == NULL) {
		free(meter);
		free(shares);
		return NULL;
	}
	*meter = (struct hd_meter){.conf = *conf, .shares = shares};
	*shares = (struct shares){.users = 1};
	set_costs(meter, tsc_hz);
	return meter;
}

static void drop_shares(struct shares *shares)
{
	if (--shares->users == 0)
		free(shares);
}

void hd_meter_destroy(struct hd_meter *meter)
{
	if (meter == NULL)
		return;
	drop_shares(meter->shares);
	free(meter);
}

const struct hd_meter_conf *hd_meter_conf(const struct hd_meter *meter)
{
	return &meter->conf;
}

void hd_meter_stats(const struct hd_meter *meter, struct hd_meter_stats *stats)
{
	*stats = (struct hd_meter_stats){0};
	for (int pmd = 0; pmd < HD_PMDS_MAX; pmd++) {
		const struct share *share = &meter->shares->of[pmd];

		stats->packets += hd_counted(&share->packets);
		stats->bytes += hd_counted(&share->bytes);
		stats->dropped_packets += hd_counted(&share->dropped_packets);
		stats->dropped_bytes += hd_counted(&share->dropped_bytes);
	}
}

/* PMDs go on counting where they were, whichever of the two they still see. */
void hd_meter_inherit(struct hd_meter *meter, const struct hd_meter *former)
{
	drop_shares(meter->shares);
	meter->shares = former->shares;
	meter->shares->users++;
}

/*
 * Take at least `cost` from the bucket, and up to a batch if it has as much. Returns what was taken, 0 for nothing. A
 * packet that costs more than the bucket holds passes when it is full, and leaves a debt.
 */
static uint64_t take(struct hd_meter *meter, uint64_t cost, uint64_t now)
{
	uint64_t full_at = atomic_load_explicit(&meter->full_at, memory_order_relaxed), debt, taken;

	do {
		debt = full_at - now;
		/* Full since then; times wrap after weeks, and a debt that can't be is one of those. */
		if (debt > meter->debt_max)
			debt = 0;
		if (debt + min_u64(cost, meter->depth) > meter->depth)
			return 0;
		taken = cost >= meter->batch ? cost : min_u64(meter->batch, meter->depth - debt);
	} while (!atomic_compare_exchange_weak_explicit(&meter->full_at, &full_at, now + debt + taken,
							memory_order_relaxed, memory_order_relaxed));
	return taken;
}

static inline bool pay(struct hd_meter *meter, struct share *share, uint64_t cost, uint64_t now)
{
	if (share->stock < cost) {
		uint64_t taken = take(meter, cost - share->stock, now);

		if (taken == 0)
			return false;
		share->stock += taken;
	}
	share->stock -= cost;
	return true;
}

bool hd_meter_admit(struct hd_meter *meter, uint16_t pmd, uint32_t bytes, uint64_t now)
{
	struct share *share = &meter->shares->of[pmd];
	bool admitted = pay(meter, share, cost_of(meter, bytes), now << FRACTION_BITS);

	hd_count(&share->packets, 1);
	hd_count(&share->bytes, bytes);
	if (!admitted) {
		hd_count(&share->dropped_packets, 1);
		hd_count(&share->dropped_bytes, bytes);
	}
	return admitted;
}
