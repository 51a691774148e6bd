/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the making of rules from what learn() actions have to say. */
#include "flow_learn.h"

#include <stdlib.h>

#include "flow/lesson.h"
#include "flow/state.h"
#include "log.h"

static hd_u128 ones(uint8_t n_bits)
{
	return n_bits < 128 ? ((hd_u128)1 << n_bits) - 1 : ~(hd_u128)0;
}

static hd_u128 value_of(const struct hd_lesson *lesson, const struct hd_learn_spec *spec)
{
	if (spec->kind == HD_LEARN_MATCH_VALUE || spec->kind == HD_LEARN_LOAD_VALUE)
		return spec->value & ones(spec->dst.n_bits);
	return hd_subfield_get(&lesson->key, &spec->src);
}

static void add_match(struct hd_match *match, const struct hd_subfield *dst, hd_u128 value)
{
	hd_subfield_set(&match->key, dst, value);
	hd_subfield_set(&match->mask, dst, ones(dst->n_bits));
}

static void add_action(struct hd_actions *actions, const struct hd_learn_spec *spec, hd_u128 value)
{
	struct hd_action *action = &actions->action[actions->n++];

	if (spec->kind == HD_LEARN_OUTPUT) {
		action->type = HD_ACT_OUTPUT;
		action->output.ofport = (uint16_t)value;
		return;
	}
	action->type = HD_ACT_SET;
	action->set.field = spec->dst.field;
	action->set.value = value << spec->dst.ofs;
	action->set.mask = ones(spec->dst.n_bits) << spec->dst.ofs;
}

/* The lesson as a rule; false if out of memory. */
static bool make_rule(const struct hd_lesson *lesson, struct hd_rule_spec *spec)
{
	struct hd_actions *actions =
		calloc(1, sizeof(*actions) + (lesson->learn.n_specs + 1) * sizeof(actions->action[0]));

	if (actions == NULL)
		return false;
	*spec = (struct hd_rule_spec){
		.table = lesson->learn.table,
		.priority = lesson->learn.priority,
		.idle_timeout = lesson->learn.idle_timeout,
		.hard_timeout = lesson->learn.hard_timeout,
		.cookie = lesson->learn.cookie,
		.actions = actions,
	};
	for (uint32_t i = 0; i < lesson->learn.n_specs; i++) {
		const struct hd_learn_spec *learn = &lesson->spec[i];
		hd_u128 value = value_of(lesson, learn);

		if (learn->kind == HD_LEARN_MATCH_FIELD || learn->kind == HD_LEARN_MATCH_VALUE)
			add_match(&spec->match, &learn->dst, value);
		else
			add_action(actions, learn, value);
	}
	if (actions->n == 0)
		actions->action[actions->n++].type = HD_ACT_DROP;
	return true;
}

/* A learn() that says how many rules of its cookie its table may have. */
static bool is_full(const struct hd_tables *tables, const struct hd_learn *learn)
{
	const struct hd_rule *rule;
	uint32_t cursor = 0, n = 0;

	if (learn->limit == 0)
		return false;
	while (n < learn->limit && (rule = hd_tables_next(tables, &cursor)) != NULL)
		n += rule->spec.table == learn->table && rule->spec.cookie == learn->cookie && !rule->spec.hidden;
	return n == learn->limit;
}

static struct hd_run_bridge *bridge_of(const struct hd_runtime *runtime, uint32_t serial)
{
	for (unsigned int i = 0; i < runtime->n_bridges; i++)
		if (runtime->bridges[i]->serial == serial)
			return runtime->bridges[i];
	return NULL;
}

static void learn_one(const struct hd_runtime *runtime, const struct hd_lesson *lesson)
{
	struct hd_run_bridge *bridge = bridge_of(runtime, lesson->bridge);
	struct hd_flow_mod mod = {.command = HD_MOD_ADD};
	struct hd_mod_result result = {0};

	if (bridge == NULL || !make_rule(lesson, &mod.spec))
		return;
	/* What is known already only stays for longer: no change, no new version. */
	if (!hd_tables_refresh(bridge->tables, &mod.spec) && !is_full(bridge->tables, &lesson->learn) &&
	    hd_tables_apply(bridge->tables, &mod, 1, &result) < 0)
		hd_debug(bridge->name, "not learnt: %s", result.reason);
	hd_actions_free(mod.spec.actions); /* NULL if they were taken over */
}

bool hd_flow_learn(struct hd_runtime *runtime, unsigned int pmd, unsigned int budget)
{
	struct hd_lessons *lessons = &runtime->dataplane->pmds[pmd]->flow->lessons;
	const struct hd_lesson *lesson;

	for (unsigned int n = 0; n < budget; n++) {
		lesson = hd_lessons_next(lessons);
		if (lesson == NULL)
			return false;
		learn_one(runtime, lesson);
		hd_lessons_done(lessons);
	}
	return true;
}
