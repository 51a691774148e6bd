/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the translator's dealings with connection tracking, and going on where tracking said something else. */
#include <string.h>

#include "translate_impl.h"

void hd_translate_run(struct hd_translation *t, bool last)
{
	if (t->run == NULL)
		return;
	/* Before the end nobody knows what else will leave. */
	t->run->shared |= !last || t->draft->n_out > 1;
	t->done = hd_run_ops(t->run, t->draft->op, t->done, t->draft->n_ops);
	if (t->run->dead) {
		t->ended = true;
		t->draft->unstorable = true;
	}
}

/* What the trace says that tracking finds. */
static void imagine(struct hd_translation *t, struct hd_ct_view *view)
{
	*view = (struct hd_ct_view){.state = HD_CT_TRK | HD_CT_NEW};
	if (t->trace != NULL && t->n_tracked < t->trace->n_ct_next)
		view->state = t->trace->ct_next[t->n_tracked] | HD_CT_TRK;
	t->n_tracked++;
}

/* The packet's part of the key anew: its addresses may have been translated. */
static void read_again(struct hd_translation *t)
{
	struct hd_key now;

	if (t->run == NULL)
		return;
	hd_key_extract(&now, t->run->pkt, t->key.in_port);
	memcpy(t->key.word, now.word, HD_KEY_PACKET_WORDS * sizeof(uint64_t));
}

/* The key as it is behind ct(table=...). */
static void take_view(struct hd_translation *t, const struct hd_ct_view *view, uint16_t zone)
{
	read_again(t);
	t->key.ct_state = view->state;
	t->key.ct_zone = zone;
	t->key.ct_mark = view->mark;
	t->key.ct_label[0] = view->label[0];
	t->key.ct_label[1] = view->label[1];
	hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_CT});
}

/* Write down what tracking said and where the walk stands. */
static void expect(struct hd_translation *t, const struct hd_ct_view *view, uint16_t zone, uint8_t table)
{
	size_t bytes = sizeof(struct hd_expect) + t->depth * sizeof(struct hd_frame);
	uint32_t slots = (uint32_t)((bytes + sizeof(struct hd_op) - 1) / sizeof(struct hd_op));
	const struct hd_key *mask = &t->shape->mask;
	struct hd_op *op = hd_draft_op(t->draft, HD_OP_CT_EXPECT, slots);
	struct hd_expect *expect;

	if (op == NULL)
		return;
	op->c = slots;
	expect = (struct hd_expect *)(void *)(op + 1);
	for (int i = 0; i < 2; i++) {
		expect->label_mask[i] = mask->ct_label[i];
		expect->label[i] = view->label[i] & mask->ct_label[i];
	}
	expect->mark_mask = mask->ct_mark;
	expect->mark = view->mark & mask->ct_mark;
	expect->state_mask = mask->ct_state;
	expect->state = view->state & mask->ct_state;
	expect->table = table;
	expect->n_frames = (uint8_t)t->depth;
	expect->n_cells = (uint16_t)t->draft->n_cells;
	expect->n_out = t->draft->n_out;
	expect->n_tracks = t->draft->n_tracks;
	expect->in_port = t->key.in_port;
	expect->zone = zone;
	expect->reason = t->draft->reason;
	expect->metadata = t->key.metadata;
	memcpy(expect->reg, t->key.reg, sizeof(expect->reg));
	memcpy(expect->frame, t->frame, t->depth * sizeof(t->frame[0]));
	if (t->n_groups != 0 || t->n_stack != 0)
		t->draft->unstorable = true; /* the walk could not go on from here another time */
	t->done = t->draft->n_ops;
}

static void track_and_go_on(struct hd_translation *t, const struct hd_ct_action *action, uint16_t zone)
{
	struct hd_ct_view imagined;
	const struct hd_ct_view *view = &imagined;

	if (++t->draft->n_tracks > HD_TRACKS_MAX) {
		hd_translate_refuse(t, HD_DROP_FLOW_DEPTH);
		return;
	}
	if (t->run != NULL) {
		hd_translate_run(t, false);
		view = &t->run->view;
	} else {
		imagine(t, &imagined);
	}
	if (t->ended)
		return;
	expect(t, view, zone, action->table);
	take_view(t, view, zone);
	hd_translate_table(t, action->table, HD_OFPORT_NONE);
}

/* ct(commit,exec(...)): constants by now, as all that moves read is in the key. */
static void write_exec(struct hd_translation *t, const struct hd_actions *exec)
{
	struct hd_key value = t->key, mask = {0};
	struct hd_op *op;

	for (uint32_t i = 0; exec != NULL && i < exec->n; i++) {
		const struct hd_action *action = &exec->action[i];

		if (action->type == HD_ACT_SET) {
			enum hd_field_id field = action->set.field;

			hd_field_set(&value, field,
				     (hd_field_get(&value, field) & ~action->set.mask) |
					     (action->set.value & action->set.mask));
			hd_field_set(&mask, field, hd_field_get(&mask, field) | action->set.mask);
		} else if (action->type == HD_ACT_MOVE) {
			hd_subfield_set(&value, &action->move.dst, hd_subfield_get(&value, &action->move.src));
			hd_subfield_set(&mask, &action->move.dst, ~(hd_u128)0);
		}
	}
	if (mask.ct_mark != 0) {
		op = hd_draft_op(t->draft, HD_OP_CT_MARK, 0);
		if (op != NULL) {
			op->c = value.ct_mark;
			op->d = mask.ct_mark;
		}
	}
	if ((mask.ct_label[0] | mask.ct_label[1]) != 0) {
		op = hd_draft_op(t->draft, HD_OP_CT_LABEL, 2);
		if (op != NULL) {
			memcpy(op + 1, value.ct_label, sizeof(value.ct_label));
			memcpy(op + 2, mask.ct_label, sizeof(mask.ct_label));
		}
	}
}

void hd_translate_ct(struct hd_translation *t, const struct hd_ct_action *action)
{
	uint16_t zone = action->zone;
	struct hd_op *op;

	if (action->zone_src.n_bits != 0)
		zone = (uint16_t)hd_subfield_get(&t->key, &action->zone_src);
	op = hd_draft_op(t->draft, HD_OP_CT_TRACK, 0);
	if (op == NULL)
		return;
	op->b = zone;
	op->a = (action->flags & HD_CT_ACT_NAT) != 0;
	if (action->flags & HD_CT_ACT_COMMIT) {
		op = hd_draft_op(t->draft, HD_OP_CT_COMMIT, 0);
		if (op == NULL)
			return;
		op->b = zone;
		op->d = (uint64_t)(uintptr_t)action;
		write_exec(t, action->exec);
	}
	if (action->has_table) {
		track_and_go_on(t, action, zone);
	} else if (action->flags & HD_CT_ACT_NAT) {
		hd_translate_run(t, false);
		if (!t->ended)
			read_again(t);
	}
}

void hd_translate_ct_clear(struct hd_translation *t)
{
	hd_draft_op(t->draft, HD_OP_CT_CLEAR, 0);
	t->key.ct_state = 0;
	t->key.ct_zone = 0;
	t->key.ct_mark = 0;
	t->key.ct_label[0] = 0;
	t->key.ct_label[1] = 0;
}

void hd_translate_resume(struct hd_translation *t, const struct hd_expect *former)
{
	const struct hd_ct_view *view = &t->run->view;

	hd_translate_begin(t);
	t->done = t->draft->n_ops;
	memcpy(t->frame, former->frame, former->n_frames * sizeof(t->frame[0]));
	t->depth = former->n_frames;
	t->key.in_port = former->in_port;
	t->key.metadata = former->metadata;
	memcpy(t->key.reg, former->reg, sizeof(former->reg));
	expect(t, view, former->zone, former->table);
	take_view(t, view, former->zone);
	hd_translate_table(t, former->table, HD_OFPORT_NONE);
	hd_translate_walk(t);
}
