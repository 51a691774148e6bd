/* SPDX-License-Identifier: BSD-3-Clause */
/* Carries out a guard's rules on a key, as pipeline.h says, one rule after the other; tracking is told what to say. */
#ifndef TEST_GUARD_WALK_H
#define TEST_GUARD_WALK_H

#include <check.h>

#include "guard/rules.h"

struct guard_walk {
	const struct hd_guard_rules *rules;
	struct hd_key key;
	uint8_t ct_state; /* what tracking says, and */
	uint32_t ct_mark;
	/* What came of it. */
	bool passed, tracked, committed;
	uint16_t zone;
	uint32_t mark; /* that was committed */
	enum hd_drop reason;
	uint64_t cookie; /* of the last rule that matched */
	unsigned int depth;
};

static const struct hd_rule_spec *guard_walk_find(const struct guard_walk *walk, uint8_t table)
{
	const struct hd_rule_spec *best = NULL;

	for (size_t i = 0; i < walk->rules->n; i++) {
		const struct hd_rule_spec *spec = &walk->rules->specs[i];

		if (spec->table != table || !hd_match_covers(&spec->match, &walk->key))
			continue;
		/* Two rules of one priority may only both match if they do the same. */
		ck_assert(best == NULL || best->priority != spec->priority ||
			  hd_actions_equal(best->actions, spec->actions));
		if (best == NULL || spec->priority > best->priority)
			best = spec;
	}
	return best;
}

static void guard_walk_table(struct guard_walk *walk, uint8_t table);

static void guard_walk_ct(struct guard_walk *walk, const struct hd_ct_action *ct)
{
	ck_assert(walk->zone == 0 || walk->zone == ct->zone);
	walk->zone = ct->zone;
	if (ct->flags & HD_CT_ACT_COMMIT) {
		ck_assert(walk->tracked);
		walk->committed = true;
		ck_assert_uint_eq(ct->exec->n, 1);
		walk->mark = (uint32_t)ct->exec->action[0].set.value;
	}
	if (!ct->has_table)
		return;
	walk->tracked = true;
	walk->key.ct_state = walk->ct_state | HD_CT_TRK;
	walk->key.ct_mark = walk->ct_mark;
	walk->key.ct_zone = ct->zone;
	guard_walk_table(walk, ct->table);
}

static void guard_walk_table(struct guard_walk *walk, uint8_t table)
{
	const struct hd_rule_spec *spec = guard_walk_find(walk, table);

	ck_assert_uint_lt(walk->depth++, 16);
	if (spec == NULL)
		return;
	walk->cookie = spec->cookie;
	for (uint32_t i = 0; i < spec->actions->n; i++) {
		const struct hd_action *action = &spec->actions->action[i];

		switch (action->type) {
		case HD_ACT_PASS:
			walk->passed = true;
			break;
		case HD_ACT_BLAME:
			walk->reason = (enum hd_drop)action->id;
			break;
		case HD_ACT_RESUBMIT:
			guard_walk_table(walk, action->resubmit.table);
			break;
		default:
			ck_assert_int_eq(action->type, HD_ACT_CT);
			guard_walk_ct(walk, action->ct);
		}
	}
}

/* HD_DROP_NONE, or what the packet is dropped for. */
static enum hd_drop guard_walk(struct guard_walk *walk, uint8_t table)
{
	walk->reason = HD_DROP_FLOW_MISS;
	guard_walk_table(walk, table);
	return walk->passed ? HD_DROP_NONE : walk->reason;
}

#endif
