/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Storm control: a port lets in at most so many broadcast, multicast and unknown-unicast packets a second.
 *
 * A token bucket per class in the form of GCRA (one 64-bit "theoretical arrival time"): no refill loop, one
 * compare-and-swap per admitted packet, so that several PMDs can share a port's bucket. The bucket holds a tenth of a
 * second's worth, at least HD_STORM_BURST_MIN packets: bursts of ARP pass. A bucket that a former, lower limit left
 * further in debt than the present one can starts afresh, so changing the limit needs no reset.
 */
#ifndef HD_STORM_H
#define HD_STORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum hd_storm_class { HD_STORM_BROADCAST, HD_STORM_MULTICAST, HD_STORM_UNKNOWN, HD_STORM_CLASSES };

#define HD_STORM_BURST_MIN 32 /* packets */

/* The limit of one class. Immutable, part of the snapshot. */
struct hd_storm_limit {
	uint64_t interval; /* TSC cycles a packet costs; 0: no limit */
	uint64_t depth;    /* TSC cycles the bucket holds */
};

/* The state of one class. Writers: every PMD that polls the port. */
struct hd_storm_bucket {
	_Atomic uint64_t arrival; /* TSC time at which the bucket is full again */
};

/* 0 packets per second is no limit. Cycles are rounded up: a packet costs less than one cycle more than its share. */
void hd_storm_limit_init(struct hd_storm_limit *limit, uint32_t packets_per_second, uint64_t tsc_hz);

/* May a packet that arrives at TSC time `now` pass? Takes its tokens if so. */
bool hd_storm_admit(const struct hd_storm_limit *limit, struct hd_storm_bucket *bucket, uint64_t now);

#endif
