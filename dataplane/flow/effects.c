/* SPDX-License-Identifier: BSD-3-Clause */
/* What actions look at and what they may change. */
#include <arpa/inet.h>
#include <string.h>

#include "counted_mask.h"
#include "effects.h"

#define ALL(mask, member) memset(&(mask)->member, 0xff, sizeof((mask)->member))

static void add_field(struct hd_key *mask, uint16_t field, hd_u128 bits)
{
	struct hd_key more = {0};

	hd_field_set(&more, field, bits);
	hd_key_or(mask, &more);
}

static void add_subfield(struct hd_key *mask, const struct hd_subfield *sub)
{
	struct hd_key more = {0};

	if (sub->n_bits == 0)
		return;
	hd_subfield_set(&more, sub, ~(hd_u128)0 >> (128 - sub->n_bits));
	hd_key_or(mask, &more);
}

static void add_addresses(struct hd_key *mask)
{
	ALL(mask, ipv4_src);
	ALL(mask, ipv4_dst);
	ALL(mask, ipv6_src);
	ALL(mask, ipv6_dst);
	ALL(mask, tp_src);
	ALL(mask, tp_dst);
}

/* What says which connection a packet belongs to. */
static void add_connection(struct hd_key *mask)
{
	add_addresses(mask);
	ALL(mask, eth_type);
	ALL(mask, ip_proto);
	ALL(mask, ip_frag);
}

static void look_at_list(const struct hd_actions *actions, struct hd_effects *effects);

static void look_at_ct(const struct hd_ct_action *ct, struct hd_effects *effects)
{
	effects->tracks = true;
	add_connection(&effects->reads);
	add_subfield(&effects->reads, &ct->zone_src);
	if (ct->flags & HD_CT_ACT_NAT)
		add_addresses(&effects->writes);
	if (ct->has_table && ct->table == 0)
		effects->reenters = true;
	if (ct->exec != NULL)
		look_at_list(ct->exec, effects);
}

static void look_at_learn(const struct hd_learn *learn, struct hd_effects *effects)
{
	for (uint32_t i = 0; i < learn->n_specs; i++) {
		const struct hd_learn_spec *spec = &learn->spec[i];

		switch (spec->kind) {
		case HD_LEARN_MATCH_FIELD:
		case HD_LEARN_OUTPUT:
			add_subfield(&effects->reads, &spec->src);
			break;
		case HD_LEARN_LOAD_FIELD:
			add_subfield(&effects->reads, &spec->src);
			add_subfield(&effects->writes, &spec->dst);
			break;
		case HD_LEARN_LOAD_VALUE:
			add_subfield(&effects->writes, &spec->dst);
			break;
		case HD_LEARN_MATCH_VALUE:
			break;
		}
	}
}

/* The inner tag becomes the outer one or the other way round: later tables find one where the other was. */
static void look_at_tags(struct hd_effects *effects)
{
	ALL(&effects->reads, vlan_tci);
	ALL(&effects->reads, vlan_tci2);
	ALL(&effects->writes, vlan_tci);
	ALL(&effects->writes, vlan_tci2);
	ALL(&effects->writes, eth_type);
}

static void look_at(const struct hd_action *action, struct hd_effects *effects)
{
	switch (action->type) {
	case HD_ACT_OUTPUT_REG:
	case HD_ACT_STACK_PUSH:
		add_subfield(&effects->reads, &action->src);
		break;
	case HD_ACT_SET:
		add_field(&effects->writes, action->set.field, action->set.mask);
		break;
	case HD_ACT_MOVE:
		add_subfield(&effects->reads, &action->move.src);
		add_subfield(&effects->writes, &action->move.dst);
		break;
	case HD_ACT_STACK_POP:
		add_subfield(&effects->writes, &action->dst);
		break;
	case HD_ACT_PUSH_VLAN:
	case HD_ACT_POP_VLAN:
		look_at_tags(effects);
		break;
	case HD_ACT_DEC_TTL:
		ALL(&effects->reads, ip_ttl);
		ALL(&effects->writes, ip_ttl);
		break;
	case HD_ACT_RESUBMIT:
		if (action->resubmit.ofport != HD_OFPORT_NONE)
			ALL(&effects->writes, in_port);
		if (action->resubmit.table == 0 || action->resubmit.table == UINT8_MAX)
			effects->reenters = true;
		break;
	case HD_ACT_GOTO:
		if (action->table == 0)
			effects->reenters = true;
		break;
	case HD_ACT_CT:
		look_at_ct(action->ct, effects);
		break;
	case HD_ACT_LEARN:
		look_at_learn(action->learn, effects);
		break;
	default:
		break;
	}
}

static void look_at_list(const struct hd_actions *actions, struct hd_effects *effects)
{
	for (uint32_t i = 0; i < actions->n; i++)
		look_at(&actions->action[i], effects);
}

/* A tag that is written may come to be there, or to go: then the inner one takes its place. */
static void round_up(struct hd_effects *effects)
{
	if (effects->writes.vlan_tci & htons(HD_KEY_VLAN_PRESENT))
		look_at_tags(effects);
	if (effects->writes.vlan_tci != 0)
		ALL(&effects->writes, vlan_tci);
	if (effects->writes.vlan_tci2 != 0)
		ALL(&effects->writes, vlan_tci2);
}

void hd_effects_of_actions(const struct hd_actions *actions, struct hd_effects *effects)
{
	*effects = (struct hd_effects){0};
	look_at_list(actions, effects);
	round_up(effects);
}

void hd_effects_of_group(const struct hd_group *group, struct hd_effects *effects)
{
	*effects = (struct hd_effects){0};
	if (group->type == HD_GROUP_SELECT) {
		add_connection(&effects->reads);
		ALL(&effects->reads, eth_src);
		ALL(&effects->reads, eth_dst);
		ALL(&effects->reads, vlan_tci);
	}
	for (uint32_t i = 0; i < group->n_buckets; i++)
		if (group->bucket[i].actions != NULL)
			look_at_list(group->bucket[i].actions, effects);
	round_up(effects);
}

bool hd_effects_refer(const struct hd_actions *actions, enum hd_action_type type, uint32_t id)
{
	if (actions == NULL)
		return false;
	for (uint32_t i = 0; i < actions->n; i++)
		if (actions->action[i].type == type && (id == UINT32_MAX || actions->action[i].id == id))
			return true;
	return false;
}
