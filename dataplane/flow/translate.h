/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The translator: walks a bridge's tables for one packet and writes down, as a draft of a program, what is to be done.
 *
 * Decisions depend only on the key, of which only bits in the shape count, and on what connection tracking says. So
 * tracking is carried out while it walks: the draft up to there first, then the walk goes on with what came of it.
 * What else actions do, it only writes down.
 *
 * Work is bounded: HD_RESUBMITS_MAX tables, HD_FRAMES_MAX lists of actions in one another, HD_RUN_SAVES groups in one
 * another, HD_DRAFT_OPS operations. What exceeds that drops the packet (flow-depth).
 *
 * Without a run (trace) nothing is carried out, and tracking finds what the trace says.
 */
#ifndef HD_FLOW_TRANSLATE_H
#define HD_FLOW_TRANSLATE_H

#include "pipeline.h"
#include "run.h"

#define HD_RESUBMITS_MAX 4096
#define HD_STACK_MAX 32

/* A group whose buckets are being carried out. */
struct hd_group_frame {
	const struct hd_group *group;
	uint32_t bucket;   /* the next one */
	uint32_t depth;    /* of frames, below its own */
	uint32_t saved_at; /* where the draft says HD_OP_SAVE */
	bool only;         /* one bucket, not all */
	struct hd_key key; /* as it came */
};

struct hd_translation {
	const struct hd_snapshot *snapshot;
	const struct hd_snapshot_port *in;
	const struct hd_tables *tables;
	const struct hd_shape *shape;
	uint64_t version;
	uint16_t pmd;
	struct hd_key key;
	struct hd_draft *draft;
	struct hd_run *run;           /* NULL: nothing is carried out */
	const struct hd_trace *trace; /* or NULL */
	uint32_t done;                /* ops of the draft that were carried out */
	uint32_t resubmits;
	uint32_t depth, n_groups, n_stack, n_tracked;
	bool ended;
	struct hd_frame frame[HD_FRAMES_MAX];
	struct hd_group_frame group[HD_RUN_SAVES];
	hd_u128 stack[HD_STACK_MAX];
};

/* From table 0 (or wherever the switch's own rules begin), with t->key as extracted. What is left of the draft is
 * carried out as well, if there is a run. */
void hd_translate(struct hd_translation *t);
/* Go on from where a program's expectation did not hold; t->draft was resumed there, its ops are done. */
void hd_translate_resume(struct hd_translation *t, const struct hd_expect *expect);

#endif
