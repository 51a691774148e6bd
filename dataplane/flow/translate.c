/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the walk through a bridge's tables that makes a program. */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_ether.h>

#include "translate_impl.h"

void hd_translate_tell(struct hd_translation *t, struct hd_trace_step step)
{
	if (likely(t->trace == NULL))
		return;
	step.depth = t->depth;
	step.key = &t->key;
	t->trace->step(t->trace->context, &step);
}

void hd_translate_refuse(struct hd_translation *t, enum hd_drop reason)
{
	struct hd_op *op = hd_draft_op(t->draft, HD_OP_DROP, 0);

	hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_DROP, .reason = reason});
	if (op != NULL) {
		op->b = (uint16_t)reason;
		t->draft->n_out++;
	}
	t->ended = true;
}

/* What the packet is dropped for if nothing else happens to it. The first such thing is the reason. */
void hd_translate_blame(struct hd_translation *t, enum hd_drop reason)
{
	if (t->draft->reason == HD_DROP_FLOW_DROP || t->draft->reason == HD_DROP_FLOW_MISS)
		t->draft->reason = reason;
}

void hd_translate_list(struct hd_translation *t, const struct hd_actions *actions, uint8_t table)
{
	/* A list that is done needs no place in the stack: a chain of tables is as deep as one. */
	while (t->depth > (t->n_groups != 0 ? t->group[t->n_groups - 1].depth : 0) &&
	       t->frame[t->depth - 1].next == t->frame[t->depth - 1].actions->n)
		t->depth--;
	if (t->depth == HD_FRAMES_MAX) {
		hd_translate_refuse(t, HD_DROP_FLOW_DEPTH);
		return;
	}
	t->frame[t->depth++] = (struct hd_frame){.actions = actions, .table = table};
}

void hd_translate_table(struct hd_translation *t, uint8_t table, uint16_t in_port)
{
	uint16_t own = t->key.in_port;
	const struct hd_rule *rule;

	if (++t->resubmits > HD_RESUBMITS_MAX) {
		hd_translate_refuse(t, HD_DROP_FLOW_DEPTH);
		return;
	}
	if (in_port != HD_OFPORT_NONE)
		t->key.in_port = in_port;
	rule = hd_tables_lookup(t->tables, t->version, table, &t->key);
	t->key.in_port = own;
	hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_RULE, .table = table, .rule = rule});
	if (rule == NULL)
		return;
	if (t->draft->reason == HD_DROP_FLOW_MISS)
		t->draft->reason = HD_DROP_FLOW_DROP;
	t->draft->last = (struct hd_last){.cookie = rule->spec.cookie, .table = table};
	hd_draft_cell(t->draft, hd_tables_cell(t->tables, rule, t->pmd));
	hd_translate_list(t, rule->spec.actions, table);
}

/* ---- Outcomes. ---- */

static void outcome(struct hd_translation *t, enum hd_op_type type, uint16_t port, uint16_t max_len)
{
	struct hd_op *op = hd_draft_op(t->draft, type, 0);

	if (op == NULL)
		return;
	op->b = port;
	op->c = max_len;
	t->draft->n_out++;
}

static void output(struct hd_translation *t, uint16_t ofport, bool back, uint16_t max_len)
{
	uint16_t place = ofport <= HD_OFPORT_MAX ? t->snapshot->by_ofport[ofport] : 0;
	const struct hd_snapshot_port *port = place != 0 ? t->snapshot->ports[place - 1] : NULL;

	if (port == NULL || port->bridge != t->in->bridge) {
		hd_translate_blame(t, HD_DROP_FLOW_NO_PORT);
		hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_DROP, .reason = HD_DROP_FLOW_NO_PORT});
		return;
	}
	if (ofport == t->key.in_port && !back) {
		hd_translate_blame(t, HD_DROP_FLOW_SAME_PORT);
		hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_DROP, .reason = HD_DROP_FLOW_SAME_PORT});
		return;
	}
	hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_OUTPUT, .port = port->port->id});
	outcome(t, HD_OP_OUTPUT, port->port->id, max_len);
}

static void flood(struct hd_translation *t)
{
	const struct hd_snapshot_bridge *bridge = t->in->bridge;

	outcome(t, HD_OP_FLOOD, 0, 0);
	t->draft->n_out++; /* several, as a rule */
	for (uint16_t i = 0; t->trace != NULL && i < bridge->n_ports; i++)
		if (t->snapshot->ports[bridge->ports[i]] != t->in)
			hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_FLOOD, .port = bridge->ports[i]});
}

/* ---- Headers. ---- */

static bool of_packet(enum hd_field_id field)
{
	return hd_fields[field].offset < HD_KEY_PACKET_WORDS * sizeof(uint64_t) && field != HD_FIELD_IN_PORT;
}

static void set_tci(struct hd_translation *t, hd_u128 value, hd_u128 mask);

static void set(struct hd_translation *t, enum hd_field_id field, hd_u128 value, hd_u128 mask)
{
	struct hd_op *op;

	if (field == HD_FIELD_VLAN_TCI && (mask & HD_KEY_VLAN_PRESENT)) {
		set_tci(t, value, mask & ~(hd_u128)HD_KEY_VLAN_PRESENT);
		return;
	}
	hd_field_set(&t->key, field, (hd_field_get(&t->key, field) & ~mask) | (value & mask));
	if (!of_packet(field))
		return;
	op = hd_draft_op(t->draft, HD_OP_SET, 2);
	if (op == NULL)
		return;
	op->b = (uint16_t)field;
	memcpy(op + 1, &value, sizeof(value));
	memcpy(op + 2, &mask, sizeof(mask));
}

static void push_vlan(struct hd_translation *t, uint16_t ethertype)
{
	struct hd_op *op = hd_draft_op(t->draft, HD_OP_PUSH_VLAN, 0);
	uint16_t present = __builtin_bswap16(HD_KEY_VLAN_PRESENT);

	if (op == NULL)
		return;
	op->c = ethertype;
	t->key.vlan_tci2 = t->key.vlan_tci;
	t->key.vlan_tci = t->key.vlan_tci != 0 ? t->key.vlan_tci : present;
}

static void pop_vlan(struct hd_translation *t)
{
	if (t->key.vlan_tci == 0)
		return; /* as OVS: there is nothing to remove */
	hd_draft_op(t->draft, HD_OP_POP_VLAN, 0);
	t->key.vlan_tci = t->key.vlan_tci2;
	t->key.vlan_tci2 = 0;
}

/* The bit that says whether there is a tag is written: it comes, or goes. */
static void set_tci(struct hd_translation *t, hd_u128 value, hd_u128 mask)
{
	if (!(value & HD_KEY_VLAN_PRESENT)) {
		pop_vlan(t);
		return;
	}
	if (t->key.vlan_tci == 0)
		push_vlan(t, RTE_ETHER_TYPE_VLAN);
	if (mask != 0)
		set(t, HD_FIELD_VLAN_TCI, value, mask);
}

static void set_sub(struct hd_translation *t, const struct hd_subfield *sub, hd_u128 value)
{
	hd_u128 ones = sub->n_bits < 128 ? ((hd_u128)1 << sub->n_bits) - 1 : ~(hd_u128)0;

	set(t, sub->field, (value & ones) << sub->ofs, ones << sub->ofs);
}

static void dec_ttl(struct hd_translation *t)
{
	bool ip = t->key.eth_type == __builtin_bswap16(0x0800) || t->key.eth_type == __builtin_bswap16(0x86dd);

	if (!ip)
		return;
	if (t->key.ip_ttl <= 1) {
		hd_translate_refuse(t, HD_DROP_FLOW_TTL);
		return;
	}
	hd_draft_op(t->draft, HD_OP_DEC_TTL, 0);
	t->key.ip_ttl--;
}

static void stack_push(struct hd_translation *t, const struct hd_subfield *src)
{
	if (t->n_stack == HD_STACK_MAX)
		hd_translate_refuse(t, HD_DROP_FLOW_DEPTH);
	else
		t->stack[t->n_stack++] = hd_subfield_get(&t->key, src);
}

static void stack_pop(struct hd_translation *t, const struct hd_subfield *dst)
{
	if (t->n_stack != 0) /* as OVS: an empty stack has nothing to give */
		set_sub(t, dst, t->stack[--t->n_stack]);
}

/* ---- The walk. ---- */

static void meter(struct hd_translation *t, uint32_t id)
{
	struct hd_meter *meter = hd_tables_meter(t->tables, id);
	struct hd_op *op = meter != NULL ? hd_draft_op(t->draft, HD_OP_METER, 0) : NULL;

	if (op != NULL)
		op->d = (uint64_t)(uintptr_t)meter;
}

static void learn(struct hd_translation *t, const struct hd_learn *learn)
{
	struct hd_op *op;

	hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_LEARN});
	op = hd_draft_op(t->draft, HD_OP_LEARN, sizeof(struct hd_key) / sizeof(struct hd_op));
	if (op == NULL)
		return;
	op->d = (uint64_t)(uintptr_t)learn;
	memcpy(op + 1, &t->key, sizeof(t->key));
	t->draft->own = true;
}

static void act(struct hd_translation *t, const struct hd_action *action, uint8_t table)
{
	switch (action->type) {
	case HD_ACT_OUTPUT:
		output(t, action->output.ofport, false, action->output.max_len);
		break;
	case HD_ACT_OUTPUT_REG:
		output(t, (uint16_t)hd_subfield_get(&t->key, &action->src), false, 0);
		break;
	case HD_ACT_IN_PORT:
		output(t, t->key.in_port, true, 0);
		break;
	case HD_ACT_NORMAL:
		hd_translate_tell(t, (struct hd_trace_step){.kind = HD_TRACE_NORMAL});
		outcome(t, HD_OP_NORMAL, 0, 0);
		break;
	case HD_ACT_FLOOD:
	case HD_ACT_ALL:
		flood(t);
		break;
	case HD_ACT_CONTROLLER:
		hd_translate_blame(t, HD_DROP_FLOW_NO_PORT);
		break;
	case HD_ACT_SET:
		set(t, action->set.field, action->set.value, action->set.mask);
		break;
	case HD_ACT_MOVE:
		set_sub(t, &action->move.dst, hd_subfield_get(&t->key, &action->move.src));
		break;
	case HD_ACT_PUSH_VLAN:
		push_vlan(t, action->ethertype);
		break;
	case HD_ACT_POP_VLAN:
		pop_vlan(t);
		break;
	case HD_ACT_DEC_TTL:
		dec_ttl(t);
		break;
	case HD_ACT_RESUBMIT:
		hd_translate_table(t, action->resubmit.table, action->resubmit.ofport);
		break;
	case HD_ACT_GOTO:
		hd_translate_table(t, action->table, HD_OFPORT_NONE);
		break;
	case HD_ACT_GROUP:
		hd_translate_group(t, action->id);
		break;
	case HD_ACT_METER:
		meter(t, action->id);
		break;
	case HD_ACT_CT:
		hd_translate_ct(t, action->ct);
		break;
	case HD_ACT_CT_CLEAR:
		hd_translate_ct_clear(t);
		break;
	case HD_ACT_STACK_PUSH:
		stack_push(t, &action->src);
		break;
	case HD_ACT_STACK_POP:
		stack_pop(t, &action->dst);
		break;
	case HD_ACT_PASS:
		outcome(t, HD_OP_PASS, 0, 0);
		break;
	case HD_ACT_BLAME:
		t->draft->reason = action->id;
		break;
	case HD_ACT_LEARN:
		learn(t, action->learn);
		break;
	default: /* drop: nothing */
		break;
	}
}

/* Changes of headers that nobody will see. */
static void trim(struct hd_translation *t)
{
	uint32_t end = t->done;

	for (uint32_t i = t->done; i < t->draft->n_ops; i += 1 + hd_op_slots(&t->draft->op[i])) {
		switch (t->draft->op[i].type) {
		case HD_OP_SET:
		case HD_OP_PUSH_VLAN:
		case HD_OP_POP_VLAN:
		case HD_OP_DEC_TTL:
		case HD_OP_SAVE:
		case HD_OP_RESTORE:
			break;
		default:
			end = i + 1 + hd_op_slots(&t->draft->op[i]);
			break;
		}
	}
	t->draft->n_ops = end;
}

void hd_translate_walk(struct hd_translation *t)
{
	while (!t->ended && !t->draft->overflow) {
		uint32_t floor = t->n_groups != 0 ? t->group[t->n_groups - 1].depth : 0;
		struct hd_frame *frame;
		const struct hd_action *action;

		if (t->depth == floor) {
			if (t->n_groups == 0)
				break;
			hd_translate_leave_bucket(t);
			continue;
		}
		frame = &t->frame[t->depth - 1];
		if (frame->next == frame->actions->n) {
			t->depth--;
			continue;
		}
		action = &frame->actions->action[frame->next++];
		hd_translate_tell(
			t, (struct hd_trace_step){.kind = HD_TRACE_ACTION, .table = frame->table, .action = action});
		act(t, action, frame->table);
	}
	if (t->draft->overflow && t->draft->n_ops < HD_DRAFT_OPS)
		hd_translate_refuse(t, HD_DROP_FLOW_DEPTH);
	trim(t);
	t->ended = t->run != NULL && t->run->dead;
	if (!t->ended)
		hd_translate_run(t, true);
}

void hd_translate_begin(struct hd_translation *t)
{
	t->done = 0;
	t->resubmits = 0;
	t->depth = 0;
	t->n_groups = 0;
	t->n_stack = 0;
	t->n_tracked = 0;
	t->ended = false;
}

void hd_translate(struct hd_translation *t)
{
	hd_translate_begin(t);
	hd_draft_init(t->draft);
	hd_translate_table(t, 0, HD_OFPORT_NONE);
	hd_translate_walk(t);
}
