/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Meters: token buckets that flows share. Packets above the rate are dropped.
 *
 * One meter may be used by all PMDs at once: tokens are taken by compare-and-swap on one word; a PMD that sends many
 * packets takes a batch at a time so that the word's line does not move for each packet, as long as this keeps the rate
 * within 2 % (docs/flows.md).
 */
#ifndef HD_FLOW_METER_H
#define HD_FLOW_METER_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <heddle/limits.h>

#include "../stats.h"

#define HD_METER_ID_MAX 65535u
#define HD_METER_RATE_MAX 1000000000u

struct hd_meter_conf {
	uint32_t id;    /* 1..HD_METER_ID_MAX */
	bool packets;   /* rate in packets/s, else kbit/s (1,000 bits, frame without FCS) */
	uint32_t rate;  /* 1..HD_METER_RATE_MAX */
	uint32_t burst; /* packets or kbit; 0: what the rate brings in 10 ms, at least four bursts of the switch */
};

struct hd_meter_stats {
	uint64_t packets, bytes; /* all that came */
	uint64_t dropped_packets, dropped_bytes;
};

struct hd_meter;

/* Control thread. NULL if out of memory. */
struct hd_meter *hd_meter_create(const struct hd_meter_conf *conf, uint64_t tsc_hz);
void hd_meter_destroy(struct hd_meter *meter); /* no PMD knows it any more; accepts NULL */
const struct hd_meter_conf *hd_meter_conf(const struct hd_meter *meter);
void hd_meter_stats(const struct hd_meter *meter, struct hd_meter_stats *stats); /* sums over PMDs */
/* Go on with the statistics of a meter that this one, not yet published, replaces: counts of both are added up. */
void hd_meter_inherit(struct hd_meter *meter, const struct hd_meter *former);

/* PMD threads. May a packet of `bytes` pass at TSC `now`? Counts it either way. */
bool hd_meter_admit(struct hd_meter *meter, uint16_t pmd, uint32_t bytes, uint64_t now);

#endif
