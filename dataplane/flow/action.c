/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of actions and groups: freeing, comparing, what ports they name. */
#include "action.h"

#include <stdlib.h>
#include <string.h>

#include "group.h"

static void free_action(struct hd_action *action)
{
	if (action->type == HD_ACT_LEARN)
		free(action->learn);
	if (action->type != HD_ACT_CT || !action->ct)
		return;
	hd_actions_free(action->ct->exec); /* holds SET and MOVE only: no deeper */
	free(action->ct);
}

void hd_actions_free(struct hd_actions *actions)
{
	if (!actions)
		return;
	for (uint32_t i = 0; i < actions->n; i++)
		free_action(&actions->action[i]);
	free(actions);
}

static bool same_sub(const struct hd_subfield *a, const struct hd_subfield *b)
{
	return a->field == b->field && a->ofs == b->ofs && a->n_bits == b->n_bits;
}

static bool same_nat(const struct hd_nat *a, const struct hd_nat *b)
{
	return a->flags == b->flags && a->family == b->family && memcmp(a->min, b->min, sizeof(a->min)) == 0 &&
	       memcmp(a->max, b->max, sizeof(a->max)) == 0 && a->port_min == b->port_min && a->port_max == b->port_max;
}

static bool same_ct(const struct hd_ct_action *a, const struct hd_ct_action *b)
{
	if (a->flags != b->flags || a->has_table != b->has_table || (a->has_table && a->table != b->table))
		return false;
	if (a->zone_src.n_bits ? !same_sub(&a->zone_src, &b->zone_src) : b->zone_src.n_bits || a->zone != b->zone)
		return false;
	if (a->alg_port != b->alg_port || ((a->flags & HD_CT_ACT_NAT) && !same_nat(&a->nat, &b->nat)))
		return false;
	if (!a->exec || !b->exec)
		return a->exec == b->exec;
	return hd_actions_equal(a->exec, b->exec);
}

static bool same_spec(const struct hd_learn_spec *a, const struct hd_learn_spec *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case HD_LEARN_MATCH_VALUE:
	case HD_LEARN_LOAD_VALUE:
		return same_sub(&a->dst, &b->dst) && a->value == b->value;
	case HD_LEARN_OUTPUT:
		return same_sub(&a->src, &b->src);
	default:
		return same_sub(&a->src, &b->src) && same_sub(&a->dst, &b->dst);
	}
}

static bool same_learn(const struct hd_learn *a, const struct hd_learn *b)
{
	if (a->table != b->table || a->priority != b->priority || a->idle_timeout != b->idle_timeout ||
	    a->hard_timeout != b->hard_timeout || a->cookie != b->cookie || a->limit != b->limit ||
	    a->delete_learned != b->delete_learned || a->n_specs != b->n_specs)
		return false;
	for (uint32_t i = 0; i < a->n_specs; i++)
		if (!same_spec(&a->spec[i], &b->spec[i]))
			return false;
	return true;
}

/* Of the same type. */
static bool same_action(const struct hd_action *a, const struct hd_action *b)
{
	switch (a->type) {
	case HD_ACT_OUTPUT:
		return a->output.ofport == b->output.ofport && a->output.max_len == b->output.max_len;
	case HD_ACT_CONTROLLER:
		return a->output.max_len == b->output.max_len;
	case HD_ACT_OUTPUT_REG:
	case HD_ACT_STACK_PUSH:
		return same_sub(&a->src, &b->src);
	case HD_ACT_STACK_POP:
		return same_sub(&a->dst, &b->dst);
	case HD_ACT_SET:
		return a->set.field == b->set.field && a->set.value == b->set.value && a->set.mask == b->set.mask;
	case HD_ACT_MOVE:
		return same_sub(&a->move.src, &b->move.src) && same_sub(&a->move.dst, &b->move.dst);
	case HD_ACT_PUSH_VLAN:
		return a->ethertype == b->ethertype;
	case HD_ACT_RESUBMIT:
		return a->resubmit.ofport == b->resubmit.ofport && a->resubmit.table == b->resubmit.table;
	case HD_ACT_GOTO:
		return a->table == b->table;
	case HD_ACT_GROUP:
	case HD_ACT_METER:
		return a->id == b->id;
	case HD_ACT_CT:
		return same_ct(a->ct, b->ct);
	case HD_ACT_LEARN:
		return same_learn(a->learn, b->learn);
	default:
		return true;
	}
}

bool hd_actions_equal(const struct hd_actions *a, const struct hd_actions *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->action[i].type != b->action[i].type || !same_action(&a->action[i], &b->action[i]))
			return false;
	return true;
}

static bool learns_port(const struct hd_learn *learn, uint16_t ofport)
{
	for (uint32_t i = 0; i < learn->n_specs; i++) {
		const struct hd_learn_spec *spec = &learn->spec[i];

		if ((spec->kind == HD_LEARN_MATCH_VALUE || spec->kind == HD_LEARN_LOAD_VALUE) &&
		    spec->dst.field == HD_FIELD_IN_PORT && spec->value == ofport)
			return true;
	}
	return false;
}

static bool names_port(const struct hd_action *action, uint16_t ofport)
{
	switch (action->type) {
	case HD_ACT_OUTPUT:
		return action->output.ofport == ofport;
	case HD_ACT_RESUBMIT:
		return action->resubmit.ofport == ofport;
	case HD_ACT_SET:
		return action->set.field == HD_FIELD_IN_PORT && action->set.value == ofport;
	case HD_ACT_LEARN:
		return learns_port(action->learn, ofport);
	default:
		return false;
	}
}

bool hd_actions_name_port(const struct hd_actions *actions, uint16_t ofport)
{
	for (uint32_t i = 0; i < actions->n; i++)
		if (names_port(&actions->action[i], ofport))
			return true;
	return false;
}

void hd_group_free(struct hd_group *group)
{
	if (!group)
		return;
	for (uint32_t i = 0; i < group->n_buckets; i++)
		hd_actions_free(group->bucket[i].actions);
	free(group);
}
