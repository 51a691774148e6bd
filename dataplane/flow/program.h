/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program: what the tables decided about packets, written down so that it can be done again without the tables.
 *
 * The translator (translate.h) writes a draft while it walks the tables for one packet. A finished draft becomes a
 * program in its PMD's store; drafts that say the same are one program, so a million flows that meet the same rules and
 * leave the same way share one. Programs belong to one PMD: nobody else reads or writes them.
 *
 * COUNTING. A packet is counted once, at its program; hd_programs_fold adds what programs have counted to the cells of
 * their rules. So a packet that passed 64 tables costs no more than one that passed one.
 *
 * MEMORY is taken at creation. When it is full, nothing more is stored until the owner, between two bursts, forgets all
 * programs (hd_programs_reset) and with them all flows.
 */
#ifndef HD_FLOW_PROGRAM_H
#define HD_FLOW_PROGRAM_H

#include <stdalign.h>

#include "../drop.h"
#include "../pkt.h"
#include "../stats.h"
#include "tables.h"

enum hd_op_type {
	HD_OP_OUTPUT,    /* b: id of the port; the frame as it is, or its first c bytes */
	HD_OP_NORMAL,    /* the learning bridge decides */
	HD_OP_PASS,      /* a guard lets it pass */
	HD_OP_FLOOD,     /* every port of the bridge but the one it came in by */
	HD_OP_DROP,      /* b: enum hd_drop; one outcome, counted */
	HD_OP_SET,       /* b: field; two slots follow: value, mask */
	HD_OP_PUSH_VLAN, /* c: ethertype */
	HD_OP_POP_VLAN,
	HD_OP_DEC_TTL,
	HD_OP_SAVE,      /* a: which; the headers, to be restored */
	HD_OP_RESTORE,   /* a: which */
	HD_OP_METER,     /* d: struct hd_meter */
	HD_OP_CT_TRACK,  /* b: zone; a: translate addresses as the connection has it */
	HD_OP_CT_COMMIT, /* b: zone; d: struct hd_ct_action */
	HD_OP_CT_MARK,   /* c: value; d: mask */
	HD_OP_CT_LABEL,  /* two slots follow: value, mask */
	HD_OP_CT_EXPECT, /* c: slots that follow: struct hd_expect */
	HD_OP_CT_CLEAR,
	HD_OP_LEARN, /* d: struct hd_learn; c: the second of its last lesson; slots follow: the key it learns from */
};

struct hd_op {
	uint8_t type; /* enum hd_op_type */
	uint8_t a;
	uint16_t b;
	uint32_t c;
	uint64_t d;
};
static_assert(sizeof(struct hd_op) == 16, "a slot");

/* What follows the op and is its own. */
static inline uint32_t hd_op_slots(const struct hd_op *op)
{
	switch (op->type) {
	case HD_OP_SET:
	case HD_OP_CT_LABEL:
		return 2;
	case HD_OP_CT_EXPECT:
		return op->c;
	case HD_OP_LEARN:
		return sizeof(struct hd_key) / sizeof(*op);
	default:
		return 0;
	}
}

/* A list of actions that is not finished, in the translator's stack. */
struct hd_frame {
	const struct hd_actions *actions;
	uint32_t next;
	uint8_t table;
	uint8_t pad[3]; /* zero: programs are compared byte by byte */
};
#define HD_FRAMES_MAX 64

/*
 * What tracking must have said for the rest of the program to be right, and where the translator stood, so that it can
 * go on from there when tracking says something else.
 */
struct hd_expect {
	uint64_t label[2], label_mask[2];
	uint32_t mark, mark_mask;
	uint8_t state, state_mask;
	uint8_t table; /* where it goes on */
	uint8_t n_frames;
	/* The draft's, when it stood here. */
	uint16_t n_cells, n_out, n_tracks;
	uint16_t in_port, zone;
	enum hd_drop reason;
	uint64_t metadata;
	uint32_t reg[HD_KEY_REGS];
	struct hd_frame frame[];
};

#define HD_DRAFT_OPS 1024
#define HD_DRAFT_CELLS 1024
#define HD_DRAFT_WATCHES 64
#define HD_TRACKS_MAX 8 /* times that a packet may go through ct(table=...) */

/* A port that a group looked at: what was decided is right while it is as it was. */
struct hd_watch {
	uint16_t port; /* id */
	uint16_t up;
};

/* The last rule that a packet met: who is to blame if it is dropped. */
struct hd_last {
	uint64_t cookie;
	uint8_t table;
};

struct hd_draft {
	uint32_t n_ops, n_cells;
	uint16_t n_out;      /* outcomes: outputs, floods, the bridge's decisions, drops */
	uint16_t n_tracks;   /* HD_OP_CT_EXPECT */
	enum hd_drop reason; /* why it is dropped, if there is no outcome */
	bool overflow;       /* did not fit: the packet is dropped */
	bool unstorable;     /* good for this packet only */
	bool own;            /* not to be shared: its ops change */
	struct hd_op op[HD_DRAFT_OPS];
	struct hd_rule_cell *cell[HD_DRAFT_CELLS];
	uint32_t n_watches;
	struct hd_watch watch[HD_DRAFT_WATCHES];
	struct hd_last last;
};

/* How a program is carried out: what there is behind tracking, if it begins with that (`tracks`). */
enum hd_program_kind {
	HD_PROGRAM_OUTPUT, /* one output and nothing else */
	HD_PROGRAM_ONWARD, /* to the bridge, or past a guard, and nothing else */
	HD_PROGRAM_DROP,
	HD_PROGRAM_OPS, /* its ops, one after the other */
};

struct hd_program {
	alignas(64) uint64_t packets; /* since the last fold */
	uint64_t bytes;
	uint64_t used;            /* TSC of the last packet */
	struct hd_program *dirty; /* the next that has counted */
	struct hd_program *next;  /* of the same hash */
	uint64_t hash;
	uint16_t n_ops, n_cells, n_out;
	uint16_t port;  /* HD_PROGRAM_OUTPUT */
	uint8_t kind;   /* enum hd_program_kind */
	uint8_t reason; /* enum hd_drop: without an outcome */
	uint8_t n_watches;
	bool tracks; /* begins with HD_OP_CT_TRACK and HD_OP_CT_EXPECT, and goes on as `kind` says */
	struct hd_op op[];
	/* struct hd_rule_cell *cell[n_cells], struct hd_last, struct hd_watch guard[n_watches] */
};
static_assert(offsetof(struct hd_program, op) == 64, "one line, then what it does");

#define HD_PROGRAM_BUCKETS 8192u

struct hd_programs {
	uint8_t *memory;
	uint32_t size, used; /* in lines of 64 bytes */
	hd_counter n;
	bool full;
	struct hd_program *dirty; /* those that have counted since the last fold; a mark ends the list */
	struct hd_program *bucket[HD_PROGRAM_BUCKETS];
};

int hd_programs_init(struct hd_programs *programs, size_t bytes); /* 0 or -ENOMEM */
void hd_programs_fini(struct hd_programs *programs);

/* PMD. */
void hd_draft_init(struct hd_draft *draft);
/* One more op, and room for `slots` behind it; NULL if it overflows. */
struct hd_op *hd_draft_op(struct hd_draft *draft, enum hd_op_type type, uint32_t slots);
void hd_draft_cell(struct hd_draft *draft, struct hd_rule_cell *cell);
void hd_draft_watch(struct hd_draft *draft, uint16_t port, bool up);
/* The stored program that says the same, or a new one; NULL if there is no room. */
struct hd_program *hd_programs_store(struct hd_programs *programs, const struct hd_draft *draft);
/* The draft that a program was made from, up to the op at `at` (exclusive) and with all cells met before it. */
void hd_draft_resume(struct hd_draft *draft, const struct hd_program *program, uint32_t at);
/* Add all counts to the rules' cells. */
void hd_programs_fold(struct hd_programs *programs);
/* Fold and forget all programs: no flow may point to one. */
void hd_programs_reset(struct hd_programs *programs);
/* Count a packet of a draft that was not stored. */
void hd_draft_count(const struct hd_draft *draft, uint64_t bytes, uint64_t now);

static inline struct hd_rule_cell **hd_program_cells(const struct hd_program *program)
{
	return (struct hd_rule_cell **)(uintptr_t)&program->op[program->n_ops];
}

static inline struct hd_last *hd_program_last(const struct hd_program *program)
{
	return (struct hd_last *)(void *)(hd_program_cells(program) + program->n_cells);
}

static inline struct hd_watch *hd_program_watches(const struct hd_program *program)
{
	return (struct hd_watch *)(void *)(hd_program_last(program) + 1);
}

static inline uint32_t hd_program_index(const struct hd_programs *programs, const struct hd_program *program)
{
	return (uint32_t)(((const uint8_t *)program - programs->memory) / 64);
}

static inline struct hd_program *hd_program_at(const struct hd_programs *programs, uint32_t index)
{
	return (struct hd_program *)(void *)(programs->memory + (size_t)index * 64);
}

static inline void hd_program_count(struct hd_programs *programs, struct hd_program *program, uint64_t bytes,
				    uint64_t now)
{
	if (program->packets == 0) {
		program->dirty = programs->dirty;
		programs->dirty = program;
	}
	program->packets++;
	program->bytes += bytes;
	program->used = now;
}

#endif
