/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the carrying out of programs, operation by operation. */
#include <errno.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

#include "../bridge.h"
#include "../dataplane.h"
#include "../mbuf.h"
#include "../tx.h"
#include "rewrite.h"
#include "state.h"

static hd_u128 slot(const struct hd_op *op)
{
	hd_u128 value;

	memcpy(&value, op, sizeof(value));
	return value;
}

/* The packet may change, or leave by other rules: what waits for it goes out first. */
static void settle(struct hd_run *run)
{
	if (!run->waiting)
		return;
	hd_tx_flush(run->pmd);
	run->waiting = false;
}

static void drop(struct hd_run *run, enum hd_drop reason)
{
	hd_pmd_drop_rule(run->pmd, run->in->port, reason, run->pkt, run->last->cookie, run->last->table);
	run->outcomes++;
}

static void give_up(struct hd_run *run, enum hd_drop reason)
{
	drop(run, reason);
	run->dead = true;
}

/* Unless this is the last of it, the packet is needed afterwards: a port must not take its buffer. */
static void share(struct hd_run *run, bool last)
{
	if (run->shared || !last)
		run->pkt->flags |= HD_PKT_SHARED;
}

static void output(struct hd_run *run, uint16_t port, bool last)
{
	if (!(run->pkt->flags & HD_PKT_RAW)) {
		settle(run);
		run->pkt->flags |= HD_PKT_RAW;
	}
	if (unlikely(run->pmd->out[port].n == HD_BURST))
		hd_tx_flush(run->pmd);
	share(run, last);
	hd_pmd_output(run->pmd, port, run->pkt);
	run->waiting = true;
	run->outcomes++;
}

/* The frame's beginning is a packet of its own, and on its way at once: nobody else has its description. */
static void output_cut(struct hd_run *run, uint16_t id, uint32_t len)
{
	const struct hd_snapshot_port *to = run->pmd->snapshot->ports[id];
	struct hd_pkt copy = *run->pkt;
	struct hd_out out = {.n = 1, .pkts = {&copy}};

	hd_tx_flush(run->pmd); /* what came before it leaves before it */
	run->waiting = false;
	run->outcomes++;
	copy.flags = (uint8_t)((copy.flags & ~HD_PKT_SHARED) | HD_PKT_RAW);
	hd_pkt_cut(&copy, len);
	copy.mbuf = hd_mbuf_copy(&copy, to->port->pool);
	if (unlikely(copy.mbuf == NULL)) {
		hd_pmd_drop_pkt(run->pmd, to->port, HD_DROP_TX_NO_BUFFER, run->pkt);
		return;
	}
	hd_pkt_in_mbuf(&copy);
	hd_tx_port(run->pmd, to, &out);
	rte_pktmbuf_free(copy.mbuf); /* NULL if an ethdev took it */
}

static void flood(struct hd_run *run)
{
	const struct hd_snapshot_bridge *bridge = run->in->bridge;
	uint16_t before = run->outcomes;

	for (uint16_t i = 0; i < bridge->n_ports; i++) {
		const struct hd_snapshot_port *out = run->pmd->snapshot->ports[bridge->ports[i]];

		if (out != run->in && atomic_load_explicit(&out->port->up, memory_order_relaxed))
			output(run, out->port->id, false);
	}
	if (run->outcomes == before)
		drop(run, HD_DROP_NO_DESTINATION);
}

/* The bridge puts a packet into a list once, but rules may have put others there more than once. */
static void make_room(struct hd_pmd *pmd, uint16_t n)
{
	for (uint16_t i = 0; i < pmd->n_active; i++) {
		if (pmd->out[pmd->active[i]].n + n > HD_BURST) {
			hd_tx_flush(pmd);
			return;
		}
	}
}

void hd_run_normals(struct hd_run *run)
{
	if (run->onward->n == 0)
		return;
	make_room(run->pmd, run->onward->n);
	hd_bridge_forward(run->pmd, run->in, run->onward->pkts, run->onward->n);
	run->onward->n = 0;
}

static void save(struct hd_run *run, uint8_t which)
{
	struct hd_saved *saved = &run->pmd->flow->saved[which];
	uint16_t n = run->pkt->hdr_len < HD_SNAPSHOT_ROOM ? run->pkt->hdr_len : HD_SNAPSHOT_ROOM;

	saved->pkt = *run->pkt;
	saved->data_off = run->pkt->mbuf != NULL ? run->pkt->mbuf->data_off : 0;
	memcpy(saved->bytes, run->pkt->hdr, n);
}

static void restore(struct hd_run *run, uint8_t which)
{
	const struct hd_saved *saved = &run->pmd->flow->saved[which];
	uint16_t n = saved->pkt.hdr_len < HD_SNAPSHOT_ROOM ? saved->pkt.hdr_len : HD_SNAPSHOT_ROOM;
	struct rte_mbuf *mbuf = run->pkt->mbuf;
	uint8_t flags = run->pkt->flags & (HD_PKT_SHARED | HD_PKT_RAW);

	settle(run);
	*run->pkt = saved->pkt;
	run->pkt->flags = (uint8_t)((saved->pkt.flags & ~(HD_PKT_SHARED | HD_PKT_RAW)) | flags);
	memcpy(run->pkt->hdr, saved->bytes, n);
	run->pkt->mbuf = mbuf;
	if (mbuf == NULL)
		return;
	mbuf->data_len = (uint16_t)(mbuf->data_len + mbuf->data_off - saved->data_off);
	mbuf->pkt_len = (uint32_t)((int64_t)mbuf->pkt_len + mbuf->data_off - saved->data_off);
	mbuf->data_off = saved->data_off;
}

/* The bridge's turn: at the end of the burst, with the others, if nothing else happens to the packet. */
static void normal(struct hd_run *run, bool last)
{
	settle(run);
	run->pkt->flags &= (uint8_t)~HD_PKT_RAW;
	share(run, last);
	run->outcomes++;
	if (!last)
		save(run, HD_RUN_SAVES);
	run->onward->pkts[run->onward->n++] = run->pkt;
	if (last)
		return;
	/* The bridge and its ports change tags as they want them. */
	hd_run_normals(run);
	run->waiting = true;
	restore(run, HD_RUN_SAVES);
}

static void change(struct hd_run *run, const struct hd_op *op)
{
	enum hd_drop reason = HD_DROP_FLOW_HEADER;
	bool done = true;

	settle(run);
	switch (op->type) {
	case HD_OP_SET:
		done = hd_rewrite_set(run->pkt, op->b, slot(op + 1), slot(op + 2));
		break;
	case HD_OP_PUSH_VLAN:
		done = hd_rewrite_push_vlan(run->pkt, (uint16_t)op->c);
		break;
	case HD_OP_POP_VLAN:
		done = hd_rewrite_pop_vlan(run->pkt);
		break;
	default:
		done = hd_rewrite_dec_ttl(run->pkt);
		reason = HD_DROP_FLOW_TTL;
		break;
	}
	run->pkt->hash = 0;
	if (!done)
		give_up(run, reason);
}

static void track(struct hd_run *run, uint16_t zone, bool nat)
{
	struct hd_pmd *pmd = run->pmd;

	if (nat)
		settle(run);
	hd_ct_track(pmd->ct, pmd->id, run->pkt, zone, run->hint != NULL ? *run->hint : HD_CT_HINT_NONE, nat, pmd->now,
		    &run->view);
	if (run->hint != NULL && *run->hint != run->view.hint)
		*run->hint = run->view.hint;
	if (nat)
		run->pkt->hash = 0;
}

static void commit(struct hd_run *run, const struct hd_op *op)
{
	const struct hd_ct_action *action = (const struct hd_ct_action *)(uintptr_t)op->d;
	struct hd_pmd *pmd = run->pmd;
	bool nat = action->flags & HD_CT_ACT_NAT;
	int rc;

	if (!(run->view.state & HD_CT_TRK) || run->view.zone != op->b)
		track(run, op->b, nat);
	if (nat)
		settle(run);
	rc = hd_ct_commit(pmd->ct, pmd->id, run->pkt, action->flags, nat ? &action->nat : NULL, pmd->now, &run->view);
	if (unlikely(rc < 0))
		give_up(run, rc == -ENOSPC ? HD_DROP_CT_FULL : rc == -EADDRINUSE ? HD_DROP_CT_NAT : HD_DROP_CT_INVALID);
	else if (run->hint != NULL)
		*run->hint = run->view.hint;
}

static void label(struct hd_run *run, const struct hd_op *op)
{
	uint64_t value[2], mask[2];

	memcpy(value, op + 1, sizeof(value));
	memcpy(mask, op + 2, sizeof(mask));
	hd_ct_set_label(run->pmd->ct, &run->view, value, mask);
}

static bool meter(const struct hd_run *run, const struct hd_op *op)
{
	return hd_meter_admit((struct hd_meter *)(uintptr_t)op->d, run->pmd->id, run->pkt->len, run->pmd->now);
}

/* Once a second is often enough for what is learnt to stay. */
static void learn(struct hd_run *run, struct hd_op *op)
{
	if (op->c == run->pmd->seconds)
		return;
	op->c = run->pmd->seconds;
	hd_lessons_push(&run->pmd->flow->lessons, run->in->bridge->serial, (const struct hd_learn *)(uintptr_t)op->d,
			(const struct hd_key *)(const void *)(op + 1));
	hd_learner_wake(&run->pmd->learner);
}

/* One that has no say in whether the next is carried out, unless it kills the packet. */
static void carry_out(struct hd_run *run, struct hd_op *op, bool last)
{
	switch (op->type) {
	case HD_OP_OUTPUT:
		if (unlikely(op->c != 0))
			output_cut(run, op->b, op->c);
		else
			output(run, op->b, last);
		break;
	case HD_OP_NORMAL:
		normal(run, last);
		break;
	case HD_OP_PASS:
		run->onward->pkts[run->onward->n++] = run->pkt;
		run->outcomes++;
		break;
	case HD_OP_FLOOD:
		flood(run);
		break;
	case HD_OP_DROP:
		drop(run, op->b);
		break;
	case HD_OP_SAVE:
		save(run, op->a);
		break;
	case HD_OP_RESTORE:
		restore(run, op->a);
		break;
	case HD_OP_METER:
		if (!meter(run, op))
			give_up(run, HD_DROP_FLOW_METER);
		break;
	case HD_OP_CT_TRACK:
		track(run, op->b, op->a != 0);
		break;
	case HD_OP_CT_COMMIT:
		commit(run, op);
		break;
	case HD_OP_CT_MARK:
		hd_ct_set_mark(run->pmd->ct, &run->view, op->c, (uint32_t)op->d);
		break;
	case HD_OP_CT_LABEL:
		label(run, op);
		break;
	case HD_OP_CT_CLEAR:
		run->view.state = 0;
		break;
	case HD_OP_LEARN:
		learn(run, op);
		break;
	default:
		change(run, op);
		break;
	}
}

uint32_t hd_run_ops(struct hd_run *run, struct hd_op *ops, uint32_t from, uint32_t to)
{
	while (from < to && !run->dead) {
		struct hd_op *op = &ops[from];
		uint32_t next = from + 1 + hd_op_slots(op);

		if (op->type == HD_OP_CT_EXPECT) {
			if (unlikely(!hd_run_expected(run, op)))
				return from;
		} else {
			carry_out(run, op, next == to);
		}
		from = next;
	}
	return to;
}

void hd_run_finish(struct hd_run *run, enum hd_drop reason)
{
	if (run->outcomes == 0)
		drop(run, reason);
	if (run->outcomes > 1)
		hd_count(&run->in->port->stats[run->pmd->id]->copies, run->outcomes - 1u);
}
