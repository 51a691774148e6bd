/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow mods: add, modify and delete, strict and loose, as OpenFlow 1.3 (6.4) has them. */
#include <errno.h>

#include "tables_private.h"

int hd_tables_check_actions(const struct hd_tables *tables, const struct hd_actions *actions, const char **reason)
{
	for (uint32_t i = 0; i < actions->n; i++) {
		const struct hd_action *action = &actions->action[i];

		if (action->type == HD_ACT_GROUP && hd_id_map_find(&tables->groups, action->id) == NULL) {
			*reason = "no such group";
			return -ENOENT;
		}
		if (action->type == HD_ACT_METER && hd_id_map_find(&tables->meters, action->id) == NULL) {
			*reason = "no such meter";
			return -ENOENT;
		}
	}
	return 0;
}

int hd_tables_check_spec(struct hd_rule_spec *spec, const char **reason)
{
	if (spec->table >= HD_TABLES) {
		*reason = "no such table";
		return -EINVAL;
	}
	for (int i = 0; i < HD_KEY_WORDS; i++)
		spec->match.key.word[i] &= spec->match.mask.word[i];
	return 0;
}

/* May a packet match both, neither being the other? */
static bool overlaps(const struct hd_match *a, const struct hd_match *b)
{
	uint64_t differs = 0, other = 0;

	for (int i = 0; i < HD_KEY_WORDS; i++) {
		differs |= (a->key.word[i] ^ b->key.word[i]) & a->mask.word[i] & b->mask.word[i];
		other |= (a->mask.word[i] ^ b->mask.word[i]) | (a->key.word[i] ^ b->key.word[i]);
	}
	return differs == 0 && other != 0;
}

static bool is_overlapped(const struct hd_tables *tables, const struct hd_rule_spec *spec)
{
	const struct hd_classifier_table *table = &tables->classifier.table[spec->table];
	const struct hd_rule_node *node;

	for (uint32_t i = 0; i < table->n; i++)
		LIST_FOREACH(node, &table->tuple[i]->rules, in_tuple)
	if (node->rule.spec.priority == spec->priority && node->rule.spec.hidden == spec->hidden &&
	    hd_rule_in_force(&node->rule) && overlaps(&node->rule.spec.match, &spec->match))
		return true;
	return false;
}

static int add(struct hd_change *change, struct hd_flow_mod *mod)
{
	struct hd_shared_actions *shared;

	if (mod->spec.check_overlap && is_overlapped(change->tables, &mod->spec)) {
		change->result->reason = "overlaps a rule of the same priority";
		return -EEXIST;
	}
	shared = hd_change_share(change, &mod->spec.actions);
	if (shared == NULL) {
		change->result->reason = "out of memory";
		return -ENOMEM;
	}
	return hd_change_add(change, &mod->spec, shared, hd_classifier_find(&change->tables->classifier, &mod->spec));
}

static bool outputs_to(const struct hd_actions *actions, uint16_t ofport)
{
	for (uint32_t i = 0; i < actions->n; i++)
		if (actions->action[i].type == HD_ACT_OUTPUT && actions->action[i].output.ofport == ofport)
			return true;
	return false;
}

static inline bool is_delete(const struct hd_flow_mod *mod)
{
	return mod->command == HD_MOD_DELETE || mod->command == HD_MOD_DELETE_STRICT;
}

/* Of what the match selects, is this one meant? */
static bool is_selected(const struct hd_flow_mod *mod, const struct hd_rule_spec *spec)
{
	return spec->hidden == mod->spec.hidden && ((spec->cookie ^ mod->spec.cookie) & mod->cookie_mask) == 0 &&
	       (!is_delete(mod) || mod->out_port == HD_OFPORT_NONE || outputs_to(spec->actions, mod->out_port));
}

/* A modify keeps timeouts, and the cookie unless it brings one that it does not select by. */
static int modify(struct hd_change *change, const struct hd_flow_mod *mod, struct hd_shared_actions *shared,
		  struct hd_rule_node *node)
{
	struct hd_rule_spec spec = node->rule.spec;

	if (mod->cookie_mask == 0 && mod->spec.cookie != 0)
		spec.cookie = mod->spec.cookie;
	spec.reset_counts = mod->spec.reset_counts;
	return hd_change_modify(change, &spec, shared, node);
}

/* Modify or delete one rule. `shared` is NULL for delete. */
static int carry_out(struct hd_change *change, const struct hd_flow_mod *mod, struct hd_shared_actions *shared,
		     struct hd_rule_node *node)
{
	if (!is_selected(mod, &node->rule.spec))
		return 0;
	if (shared != NULL)
		return modify(change, mod, shared, node);
	hd_change_remove(change, node);
	return 0;
}

static inline bool is_covered(const struct hd_key *key, const struct hd_match *match)
{
	uint64_t differs = 0;

	for (int i = 0; i < HD_KEY_WORDS; i++)
		differs |= (key->word[i] & match->mask.word[i]) ^ match->key.word[i];
	return differs == 0;
}

static int carry_out_tuple(struct hd_change *change, const struct hd_flow_mod *mod, struct hd_shared_actions *shared,
			   const struct hd_tuple *tuple)
{
	struct hd_rule_node *node;
	int ret = 0;

	if (!hd_key_includes(&tuple->whole_mask, &mod->spec.match.mask))
		return 0;
	/* A rule that a modify brings in is put in front, so it is not met. Those removed stay in the list. */
	LIST_FOREACH(node, &tuple->rules, in_tuple)
	{
		if (hd_rule_in_force(&node->rule) && is_covered(&node->rule.spec.match.key, &mod->spec.match))
			ret = carry_out(change, mod, shared, node);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static int carry_out_table(struct hd_change *change, const struct hd_flow_mod *mod, struct hd_shared_actions *shared,
			   uint8_t table)
{
	const struct hd_classifier_table *tuples = &change->tables->classifier.table[table];
	int ret = 0;

	for (uint32_t i = 0; i < tuples->n && ret == 0; i++)
		ret = carry_out_tuple(change, mod, shared, tuples->tuple[i]);
	return ret;
}

static int carry_out_loose(struct hd_change *change, const struct hd_flow_mod *mod, struct hd_shared_actions *shared)
{
	int ret = 0;

	if (!mod->any_table)
		return carry_out_table(change, mod, shared, mod->spec.table);
	for (uint8_t table = 0; table < HD_TABLES && ret == 0; table++)
		ret = carry_out_table(change, mod, shared, table);
	return ret;
}

static int carry_out_strict(struct hd_change *change, const struct hd_flow_mod *mod, struct hd_shared_actions *shared)
{
	struct hd_rule_spec wanted = mod->spec;
	struct hd_rule_node *node;
	int ret = 0;

	for (uint8_t table = mod->any_table ? 0 : wanted.table; table < HD_TABLES && ret == 0; table++) {
		wanted.table = table;
		node = hd_classifier_find(&change->tables->classifier, &wanted);
		if (node != NULL)
			ret = carry_out(change, mod, shared, node);
		if (!mod->any_table)
			break;
	}
	return ret;
}

static int modify_or_delete(struct hd_change *change, struct hd_flow_mod *mod)
{
	struct hd_shared_actions *shared = NULL;

	if (!is_delete(mod)) {
		shared = hd_change_share(change, &mod->spec.actions);
		if (shared == NULL) {
			change->result->reason = "out of memory";
			return -ENOMEM;
		}
	}
	if (mod->command == HD_MOD_MODIFY || mod->command == HD_MOD_DELETE)
		return carry_out_loose(change, mod, shared);
	return carry_out_strict(change, mod, shared);
}

static int apply_one(struct hd_change *change, struct hd_flow_mod *mod)
{
	const char **reason = &change->result->reason;
	int ret;

	if (mod->any_table && mod->command != HD_MOD_ADD)
		mod->spec.table = 0;
	ret = hd_tables_check_spec(&mod->spec, reason);
	if (ret == 0 && !is_delete(mod))
		ret = hd_tables_check_actions(change->tables, mod->spec.actions, reason);
	if (ret != 0)
		return ret;
	return mod->command == HD_MOD_ADD ? add(change, mod) : modify_or_delete(change, mod);
}

int hd_tables_apply(struct hd_tables *tables, struct hd_flow_mod *mods, size_t n, struct hd_mod_result *result)
{
	struct hd_change change;
	int ret = 0;

	hd_change_begin(&change, tables, result);
	for (size_t i = 0; i < n && ret == 0; i++) {
		ret = apply_one(&change, &mods[i]);
		if (ret != 0)
			result->failed = i;
	}
	return hd_change_end(&change, ret);
}
