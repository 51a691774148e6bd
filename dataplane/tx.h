/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Puts a burst's packets out: gives each the shape its port wants (tag, MTU, offloads), chooses the queue, sends,
 * counts.
 */
#ifndef HD_TX_H
#define HD_TX_H

#include "pmd.h"

/* PMD thread. Sends or drops everything in pmd->out. */
void hd_tx_flush(struct hd_pmd *pmd);

/* PMD thread. Sends or drops `out`, to a port of this round's snapshot. */
void hd_tx_port(struct hd_pmd *pmd, const struct hd_snapshot_port *dst, struct hd_out *out);

#endif
