/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns which port numbers rules name, and which ports the text of a rule may name. */
#include <string.h>

#include "flow_names.h"

static void mark_actions(const struct hd_actions *actions, struct hd_ofport_set *set);

static void mark_learn(const struct hd_learn *learn, struct hd_ofport_set *set)
{
	for (uint32_t i = 0; i < learn->n_specs; i++) {
		const struct hd_learn_spec *spec = &learn->spec[i];

		/* A constant in_port, or output to a port: what else constants are can't be told, and does no harm. */
		if (spec->dst.field == HD_FIELD_IN_PORT || (spec->kind == HD_LEARN_OUTPUT && spec->src.n_bits == 0))
			hd_ofport_set_add(set, spec->value <= HD_OFPORT_MAX ? (uint64_t)spec->value : 0);
	}
}

static void mark_action(const struct hd_action *action, struct hd_ofport_set *set)
{
	switch (action->type) {
	case HD_ACT_OUTPUT:
		hd_ofport_set_add(set, action->output.ofport);
		break;
	case HD_ACT_RESUBMIT:
		hd_ofport_set_add(set, action->resubmit.ofport);
		break;
	case HD_ACT_SET:
		if (action->set.field == HD_FIELD_IN_PORT)
			hd_ofport_set_add(set, (uint64_t)action->set.value);
		break;
	case HD_ACT_CT:
		mark_actions(action->ct->exec, set);
		break;
	case HD_ACT_LEARN:
		mark_learn(action->learn, set);
		break;
	default:
		break;
	}
}

static void mark_actions(const struct hd_actions *actions, struct hd_ofport_set *set)
{
	for (uint32_t i = 0; actions != NULL && i < actions->n; i++)
		mark_action(&actions->action[i], set);
}

static void mark_group(const struct hd_group *group, struct hd_ofport_set *set)
{
	for (uint32_t i = 0; i < group->n_buckets; i++) {
		hd_ofport_set_add(set, group->bucket[i].watch_port);
		mark_actions(group->bucket[i].actions, set);
	}
}

void hd_flow_names_of_bridge(const struct hd_run_bridge *bridge, struct hd_ofport_set *set)
{
	const struct hd_group *group;
	const struct hd_rule *rule;
	uint32_t cursor = 0;

	for (rule = hd_tables_next(bridge->tables, &cursor); rule != NULL;
	     rule = hd_tables_next(bridge->tables, &cursor)) {
		hd_ofport_set_add(set, rule->spec.match.key.in_port);
		mark_actions(rule->spec.actions, set);
	}
	cursor = 0;
	for (group = hd_tables_group_next(bridge->tables, &cursor); group != NULL;
	     group = hd_tables_group_next(bridge->tables, &cursor))
		mark_group(group, set);
}

void hd_flow_names_used(void *runtime, struct hd_ofport_set *set)
{
	const struct hd_runtime *all = runtime;

	for (unsigned int i = 0; i < all->n_bridges; i++)
		hd_flow_names_of_bridge(all->bridges[i], set);
}

/* A port of the candidate, open or not: its number is taken now. */
static bool is_planned(const struct hd_flow_resolver *resolver, const char *name, size_t length)
{
	char text[HD_NAME_MAX + 1];

	if (length > HD_NAME_MAX)
		return false;
	memcpy(text, name, length);
	text[length] = '\0';
	return hd_bridge_conf_port(resolver->conf, text) != NULL;
}

static uint16_t port_of(void *context, const char *name, size_t length)
{
	struct hd_flow_resolver *resolver = context;
	struct hd_ofports *ofports = resolver->runtime->ofports;
	uint16_t ofport = hd_ofports_find(ofports, name, length);

	if (resolver->conf != NULL) {
		if (is_planned(resolver, name, length))
			return hd_ofports_take(ofports, name, length);
	} else if (ofport != HD_OFPORT_NONE && hd_ofports_bridge(ofports, ofport) == resolver->bridge->serial) {
		return ofport;
	}
	if (ofport == HD_OFPORT_NONE)
		return HD_OFPORT_NONE;
	if (resolver->bridge != NULL && !resolver->asked) {
		hd_flow_names_of_bridge(resolver->bridge, &resolver->absent);
		resolver->asked = true;
	}
	return hd_ofport_set_has(&resolver->absent, ofport) ? ofport : HD_OFPORT_NONE;
}

static const char *name_of(void *context, uint16_t ofport)
{
	const struct hd_flow_resolver *resolver = context;

	return hd_ofports_name(resolver->runtime->ofports, ofport);
}

void hd_flow_resolver_init(struct hd_flow_resolver *resolver, struct hd_runtime *runtime,
			   const struct hd_run_bridge *bridge, const struct hd_bridge_conf *conf)
{
	memset(resolver, 0, sizeof(*resolver));
	resolver->runtime = runtime;
	resolver->bridge = bridge;
	resolver->conf = conf;
	resolver->names = (struct hd_flow_names){.port = port_of, .name = name_of, .context = resolver};
}
