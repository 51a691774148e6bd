/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the store of a PMD's programs. */
#include <errno.h>
#include <string.h>

#include "../recorder.h"
#include "memory_map.h"
#include "program.h"

#define CELL sizeof(struct hd_rule_cell *)

int hd_programs_init(struct hd_programs *programs, size_t bytes)
{
	memset(programs, 0, sizeof(*programs));
	programs->memory = hd_memory_map(bytes);
	if (programs->memory == NULL)
		return -ENOMEM;
	programs->size = (uint32_t)(bytes / 64);
	return 0;
}

void hd_programs_fini(struct hd_programs *programs)
{
	hd_memory_unmap(programs->memory, (size_t)programs->size * 64);
	programs->memory = NULL;
}

void hd_draft_init(struct hd_draft *draft)
{
	draft->n_ops = 0;
	draft->n_cells = 0;
	draft->n_out = 0;
	draft->n_tracks = 0;
	draft->reason = HD_DROP_FLOW_MISS;
	draft->overflow = false;
	draft->unstorable = false;
	draft->own = false;
	draft->n_watches = 0;
	draft->last = (struct hd_last){.table = HD_RECORD_NO_TABLE};
}

struct hd_op *hd_draft_op(struct hd_draft *draft, enum hd_op_type type, uint32_t slots)
{
	struct hd_op *op = &draft->op[draft->n_ops];

	if (draft->n_ops + 1 + slots > HD_DRAFT_OPS) {
		draft->overflow = true;
		return NULL;
	}
	memset(op, 0, (1 + slots) * sizeof(*op));
	op->type = (uint8_t)type;
	draft->n_ops += 1 + slots;
	return op;
}

void hd_draft_cell(struct hd_draft *draft, struct hd_rule_cell *cell)
{
	if (draft->n_cells == HD_DRAFT_CELLS)
		draft->overflow = true;
	else
		draft->cell[draft->n_cells++] = cell;
}

void hd_draft_watch(struct hd_draft *draft, uint16_t port, bool up)
{
	if (draft->n_watches == HD_DRAFT_WATCHES)
		draft->overflow = true;
	else
		draft->watch[draft->n_watches++] = (struct hd_watch){.port = port, .up = up};
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word) * 0x9e3779b97f4a7c15ull;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_draft(const struct hd_draft *draft)
{
	uint64_t hash = mix((uint64_t)draft->n_ops << 32 | draft->n_cells, (uint64_t)draft->reason + 1);

	for (uint32_t i = 0; i < draft->n_ops; i++) {
		uint64_t words[2];

		memcpy(words, &draft->op[i], sizeof(words));
		hash = mix(mix(hash, words[0] + 1), words[1] + 2);
	}
	for (uint32_t i = 0; i < draft->n_cells; i++)
		hash = mix(hash, (uint64_t)(uintptr_t)draft->cell[i]);
	for (uint32_t i = 0; i < draft->n_watches; i++)
		hash = mix(hash, (uint64_t)draft->watch[i].port << 1 | draft->watch[i].up);
	return hash;
}

static bool same(const struct hd_program *program, const struct hd_draft *draft, uint64_t hash)
{
	return program->hash == hash && program->n_ops == draft->n_ops && program->n_cells == draft->n_cells &&
	       program->n_out == draft->n_out && program->reason == draft->reason &&
	       program->n_watches == draft->n_watches &&
	       memcmp(program->op, draft->op, draft->n_ops * sizeof(draft->op[0])) == 0 &&
	       memcmp(hd_program_cells(program), draft->cell, draft->n_cells * CELL) == 0 &&
	       memcmp(hd_program_watches(program), draft->watch, draft->n_watches * sizeof(draft->watch[0])) == 0;
}

/* Where the program's last op is if it tracks first, without translation, and does no more than that; or 0. */
static uint32_t behind_tracking(const struct hd_draft *draft)
{
	if (draft->n_ops < 2 || draft->op[0].type != HD_OP_CT_TRACK || draft->op[0].a != 0 ||
	    draft->op[1].type != HD_OP_CT_EXPECT)
		return 0;
	return 2 + hd_op_slots(&draft->op[1]);
}

static void classify(struct hd_program *program, const struct hd_draft *draft)
{
	uint32_t at = behind_tracking(draft);

	program->kind = HD_PROGRAM_OPS;
	if (draft->n_watches != 0 || draft->n_ops > at + 1)
		return;
	if (draft->n_ops == at)
		program->kind = HD_PROGRAM_DROP;
	else if (draft->op[at].type == HD_OP_OUTPUT && draft->op[at].c == 0)
		program->kind = HD_PROGRAM_OUTPUT;
	else if (draft->op[at].type == HD_OP_PASS || draft->op[at].type == HD_OP_NORMAL)
		program->kind = HD_PROGRAM_ONWARD;
	program->tracks = at != 0 && program->kind != HD_PROGRAM_OPS;
	program->port = program->kind == HD_PROGRAM_OUTPUT ? draft->op[at].b : 0;
}

static struct hd_program *take(struct hd_programs *programs, const struct hd_draft *draft)
{
	size_t bytes = sizeof(struct hd_program) + draft->n_ops * sizeof(struct hd_op) + draft->n_cells * CELL +
		       sizeof(struct hd_last) + draft->n_watches * sizeof(struct hd_watch);
	uint32_t lines = (uint32_t)((bytes + 63) / 64);
	struct hd_program *program;

	if (programs->used + lines > programs->size) {
		programs->full = true;
		return NULL;
	}
	program = hd_program_at(programs, programs->used);
	programs->used += lines;
	hd_count(&programs->n, 1);
	return program;
}

struct hd_program *hd_programs_store(struct hd_programs *programs, const struct hd_draft *draft)
{
	uint64_t hash = hash_draft(draft);
	struct hd_program **bucket = &programs->bucket[hash % HD_PROGRAM_BUCKETS];
	struct hd_program *program;

	for (program = *bucket; program != NULL && !draft->own; program = program->next)
		if (same(program, draft, hash))
			return program;
	program = take(programs, draft);
	if (program == NULL)
		return NULL;
	*program = (struct hd_program){
		.next = *bucket,
		.hash = hash,
		.n_ops = (uint16_t)draft->n_ops,
		.n_cells = (uint16_t)draft->n_cells,
		.n_out = draft->n_out,
		.reason = (uint8_t)draft->reason,
		.n_watches = (uint8_t)draft->n_watches,
	};
	classify(program, draft);
	memcpy(program->op, draft->op, draft->n_ops * sizeof(draft->op[0]));
	memcpy(hd_program_cells(program), draft->cell, draft->n_cells * CELL);
	*hd_program_last(program) = draft->last;
	memcpy(hd_program_watches(program), draft->watch, draft->n_watches * sizeof(draft->watch[0]));
	*bucket = program;
	return program;
}

void hd_draft_resume(struct hd_draft *draft, const struct hd_program *program, uint32_t at)
{
	const struct hd_expect *expect = (const struct hd_expect *)(const void *)&program->op[at + 1];

	hd_draft_init(draft);
	draft->n_ops = at;
	draft->n_cells = expect->n_cells;
	draft->n_out = expect->n_out;
	draft->n_tracks = expect->n_tracks;
	draft->reason = expect->reason;
	memcpy(draft->op, program->op, at * sizeof(draft->op[0]));
	memcpy(draft->cell, hd_program_cells(program), expect->n_cells * CELL);
	draft->n_watches = program->n_watches; /* those met later do no harm */
	memcpy(draft->watch, hd_program_watches(program), program->n_watches * sizeof(draft->watch[0]));
}

static void count(struct hd_rule_cell *cell, uint64_t packets, uint64_t bytes, uint64_t now)
{
	cell->packets += packets;
	cell->bytes += bytes;
	if (cell->used < now)
		cell->used = now;
}

void hd_programs_fold(struct hd_programs *programs)
{
	while (programs->dirty != NULL) {
		struct hd_program *program = programs->dirty;

		programs->dirty = program->dirty;
		for (uint16_t i = 0; i < program->n_cells; i++)
			count(hd_program_cells(program)[i], program->packets, program->bytes, program->used);
		program->packets = 0;
		program->bytes = 0;
	}
}

void hd_programs_reset(struct hd_programs *programs)
{
	hd_programs_fold(programs);
	memset(programs->bucket, 0, sizeof(programs->bucket));
	programs->used = 0;
	atomic_store_explicit(&programs->n, 0, memory_order_relaxed);
	programs->full = false;
}

void hd_draft_count(const struct hd_draft *draft, uint64_t bytes, uint64_t now)
{
	for (uint32_t i = 0; i < draft->n_cells; i++)
		count(draft->cell[i], 1, bytes, now);
}
