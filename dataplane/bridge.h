/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The learning bridge (IEEE 802.1Q-2018 8.6): which ports a packet leaves by.
 *
 * Stages over the burst: VLAN and hash, FDB cache, FDB entries, a bulk FDB look-up for those that the cache
 * missed, decision. Each prefetches what the next one reads.
 */
#ifndef HD_BRIDGE_H
#define HD_BRIDGE_H

#include "pmd.h"

/* PMD thread. Packets of one receive queue, accepted by parse; each is put into pmd->out or dropped and counted. */
void hd_bridge_forward(struct hd_pmd *pmd, const struct hd_snapshot_port *in, struct hd_pkt **pkts, uint16_t n);

#endif
