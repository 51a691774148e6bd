/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What PMDs may still be reading after it was replaced: it waits here, in order, until each of them has been quiescent.
 * Nobody waits for it, and nothing is allocated: what is to be freed carries its own place in the queue.
 *
 * Control thread. A release function may retire more (a rule is first unlinked, then freed).
 */
#ifndef HD_FLOW_RETIRE_H
#define HD_FLOW_RETIRE_H

#include <stdint.h>

struct rte_rcu_qsbr;

struct hd_retired {
	struct hd_retired *next;
	uint64_t token;
	void (*release)(struct hd_retired *retired, void *context);
};

struct hd_retire_queue {
	struct rte_rcu_qsbr *rcu;
	void *context; /* for the release functions */
	struct hd_retired *first, **last;
	uint64_t newest; /* token */
};

void hd_retire_init(struct hd_retire_queue *queue, struct rte_rcu_qsbr *rcu, void *context);
/* PMDs can't find it any more: after the grace period that begins now, call release. */
void hd_retire(struct hd_retire_queue *queue, struct hd_retired *retired,
	       void (*release)(struct hd_retired *retired, void *context));
/* Release all whose grace period is over. */
void hd_retire_reclaim(struct hd_retire_queue *queue);
/* Release all: no PMD reads any of it. */
void hd_retire_drain(struct hd_retire_queue *queue);

#endif
