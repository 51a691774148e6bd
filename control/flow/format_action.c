/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing actions. */
#include "drop.h"
#include "format.h"

static void add_output(struct hd_text *text, const struct hd_action *action, const struct hd_flow_names *names)
{
	if (action->output.max_len) {
		hd_text_add(text, "output(port=");
		hd_text_port(text, names, action->output.ofport);
		hd_text_add(text, ",max_len=%u)", action->output.max_len);
		return;
	}
	if (action->output.ofport != HD_OFPORT_LOCAL)
		hd_text_add(text, "output:");
	hd_text_port(text, names, action->output.ofport);
}

/* A part of a field that takes no masks. */
static void add_load(struct hd_text *text, const struct hd_action *action)
{
	struct hd_subfield dst = {.field = action->set.field};
	hd_u128 mask = action->set.mask;

	while (!(mask >> dst.ofs & 1))
		dst.ofs++;
	for (mask >>= dst.ofs; mask; mask >>= 1)
		dst.n_bits++;
	hd_text_add(text, "load:");
	hd_text_hex(text, action->set.value >> dst.ofs);
	hd_text_add(text, "->");
	hd_text_subfield(text, &dst);
}

static void add_set(struct hd_text *text, const struct hd_action *action, const struct hd_flow_names *names)
{
	enum hd_field_id id = (enum hd_field_id)action->set.field;
	hd_u128 all = hd_field_mask(id), bits[2] = {action->set.value, action->set.mask};
	const struct hd_field *field = &hd_fields[id];

	if (bits[1] == 0)
		return;
	if ((bits[1] != all && !field->maskable) ||
	    (field->form == HD_FORM_PORT && !hd_text_port_named(names, (uint16_t)bits[0]))) {
		add_load(text, action);
		return;
	}
	hd_text_add(text, "set_field:");
	if (id != HD_FIELD_VLAN_VID)
		hd_text_value(text, names, id, bits);
	else if (bits[1] == all) /* with OpenFlow's bit that there is a tag, so that others can read it */
		hd_text_add(text, "%u", HD_KEY_VLAN_PRESENT | (unsigned int)bits[0]);
	else
		hd_text_add(text, "0x%x/0x%x", HD_KEY_VLAN_PRESENT | (unsigned int)bits[0],
			    HD_KEY_VLAN_PRESENT | (unsigned int)bits[1]);
	hd_text_add(text, "->%s", field->name);
}

static void add_resubmit(struct hd_text *text, const struct hd_action *action, const struct hd_flow_names *names)
{
	hd_text_add(text, "resubmit(");
	if (action->resubmit.ofport != HD_OFPORT_NONE)
		hd_text_port(text, names, action->resubmit.ofport);
	hd_text_add(text, ",%u)", action->resubmit.table);
}

/* Those that are a word. */
static const char *const words[HD_ACT_COUNT] = {
	[HD_ACT_NORMAL] = "NORMAL",   [HD_ACT_FLOOD] = "FLOOD",       [HD_ACT_ALL] = "ALL",
	[HD_ACT_IN_PORT] = "IN_PORT", [HD_ACT_DROP] = "drop",         [HD_ACT_POP_VLAN] = "pop_vlan",
	[HD_ACT_DEC_TTL] = "dec_ttl", [HD_ACT_CT_CLEAR] = "ct_clear", [HD_ACT_PASS] = "pass",
};

static void add_move(struct hd_text *text, const struct hd_action *action)
{
	hd_text_add(text, "move:");
	hd_text_subfield(text, &action->move.src);
	hd_text_add(text, "->");
	hd_text_subfield(text, &action->move.dst);
}

static void add_sub(struct hd_text *text, const char *name, const struct hd_subfield *sub)
{
	hd_text_add(text, "%s:", name);
	hd_text_subfield(text, sub);
}

void hd_flow_format_action(struct hd_text *text, const struct hd_action *action, const struct hd_flow_names *names)
{
	switch (action->type) {
	case HD_ACT_OUTPUT:
		add_output(text, action, names);
		return;
	case HD_ACT_OUTPUT_REG:
		add_sub(text, "output", &action->src);
		return;
	case HD_ACT_CONTROLLER:
		hd_text_add(text, "CONTROLLER:%u", action->output.max_len ? action->output.max_len : UINT16_MAX);
		return;
	case HD_ACT_SET:
		add_set(text, action, names);
		return;
	case HD_ACT_MOVE:
		add_move(text, action);
		return;
	case HD_ACT_PUSH_VLAN:
		hd_text_add(text, "push_vlan:0x%04x", action->ethertype);
		return;
	case HD_ACT_RESUBMIT:
		add_resubmit(text, action, names);
		return;
	case HD_ACT_GOTO:
		hd_text_add(text, "goto_table:%u", action->table);
		return;
	case HD_ACT_GROUP:
		hd_text_add(text, "group:%u", action->id);
		return;
	case HD_ACT_METER:
		hd_text_add(text, "meter:%u", action->id);
		return;
	case HD_ACT_CT:
		hd_text_ct(text, action->ct, names);
		return;
	case HD_ACT_BLAME:
		hd_text_add(text, "drop:%s", hd_drop_name((enum hd_drop)action->id));
		return;
	case HD_ACT_LEARN:
		hd_text_learn(text, action->learn, names);
		return;
	case HD_ACT_STACK_PUSH:
		add_sub(text, "push", &action->src);
		return;
	case HD_ACT_STACK_POP:
		add_sub(text, "pop", &action->dst);
		return;
	default:
		if (action->type < HD_ACT_COUNT && words[action->type])
			hd_text_add(text, "%s", words[action->type]);
	}
}

void hd_flow_format_actions(struct hd_text *text, const struct hd_actions *actions, const struct hd_flow_names *names)
{
	bool first = true;

	for (uint32_t i = 0; i < actions->n; i++) {
		hd_text_comma(text, &first);
		hd_flow_format_action(text, &actions->action[i], names);
	}
	if (first)
		hd_text_add(text, "drop");
}
