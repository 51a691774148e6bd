/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Carrying out the operations of a program, or of a draft, on one packet. PMD threads.
 *
 * OUTCOMES. Whatever ends a packet's way, or a copy's, is one: an output, the bridge's decision, a drop. A packet
 * without any is dropped for the program's reason; each beyond the first counts as a copy (stats.h).
 *
 * A packet that waits in an output list is described by the one description there is: before its headers change, or
 * it is to leave by the bridge's rules and not as it is, what waits is sent (settle).
 */
#ifndef HD_FLOW_RUN_H
#define HD_FLOW_RUN_H

#include "../burst.h"
#include "../ct/ct.h"
#include "../pmd.h"
#include "program.h"

#define HD_RUN_SAVES 4 /* groups within groups */

/* Headers as they were, to be restored: those of one packet at a time. */
struct hd_saved {
	struct hd_pkt pkt;
	uint16_t data_off;
	uint8_t bytes[HD_SNAPSHOT_ROOM];
};

/* Packets of this burst that go on together at its end: to the bridge, or past a guard. */
struct hd_onward {
	uint16_t n;
	struct hd_pkt *pkts[HD_BURST];
};

struct hd_run {
	struct hd_pmd *pmd;
	const struct hd_snapshot_port *in;
	struct hd_onward *onward;
	struct hd_pkt *pkt;
	const struct hd_last *last; /* the rule to blame for drops */
	uint32_t *hint;             /* of the flow; where tracking leaves its own */
	uint16_t outcomes;
	bool waiting; /* in an output list */
	bool shared;  /* there will be several outcomes */
	bool dead;    /* dropped half way: the rest is not carried out */
	struct hd_ct_view view;
};

static inline void hd_run_init(struct hd_run *run, struct hd_pkt *pkt, const struct hd_last *last, uint32_t *hint)
{
	run->last = last;
	run->pkt = pkt;
	run->hint = hint;
	run->outcomes = 0;
	run->waiting = false;
	run->shared = false;
	run->dead = false;
	run->view.state = 0;
}

/* Has tracking said what the HD_OP_CT_EXPECT wants? */
static inline bool hd_run_expected(const struct hd_run *run, const struct hd_op *op)
{
	const struct hd_expect *expect = (const struct hd_expect *)(const void *)(op + 1);
	const struct hd_ct_view *view = &run->view;

	return ((view->state ^ expect->state) & expect->state_mask) == 0 &&
	       ((view->mark ^ expect->mark) & expect->mark_mask) == 0 &&
	       (((view->label[0] ^ expect->label[0]) & expect->label_mask[0]) |
		((view->label[1] ^ expect->label[1]) & expect->label_mask[1])) == 0;
}

/*
 * Carry out ops[from..to). Returns `to`, or the index of the HD_OP_CT_EXPECT that does not hold:
 * nothing behind it was done.
 */
uint32_t hd_run_ops(struct hd_run *run, struct hd_op *ops, uint32_t from, uint32_t to);

/* Everything was done: count, or drop for `reason` if there was no outcome. */
void hd_run_finish(struct hd_run *run, enum hd_drop reason);

/* Let the bridge decide about what was put aside for it. */
void hd_run_normals(struct hd_run *run);

#endif
