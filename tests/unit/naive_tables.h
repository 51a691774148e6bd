/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The naive twin of flow tables: an array of all rules there have ever been, and a walk through it for everything.
 *
 * Its rules carry a number, the ofport of their one output, and do one of a few things. Rules of different matches
 * never have the same priority, so which one wins is never open.
 */
#ifndef TEST_NAIVE_TABLES_H
#define TEST_NAIVE_TABLES_H

#include <check.h>

#include "flow_make.h"
#include "random.h"

#define NAIVE_RULES 60000
#define NAIVE_TABLES 3
#define NAIVE_SHAPES 24 /* of matches, each with its own priorities */
#define NAIVE_DEPTH 6   /* of resubmits */

enum naive_deed { DEED_OUTPUT, DEED_SET_AND_ON, DEED_ON, DEED_REG_AND_ON, DEED_PORT_AND_ON, DEED_AGAIN, DEEDS };

struct naive_rule {
	uint8_t table;
	uint16_t priority, number;
	uint64_t cookie;
	struct hd_match match;
	enum naive_deed deed;
	uint64_t added, removed;
};

struct naive {
	struct naive_rule rule[NAIVE_RULES];
	uint32_t n;
	uint32_t first; /* those before are gone for good */
};

static inline bool naive_visible(const struct naive_rule *rule, uint64_t version)
{
	return rule->added <= version && rule->removed > version;
}

static inline const struct naive_rule *naive_lookup(const struct naive *naive, uint64_t version, uint8_t table,
						    const struct hd_key *key)
{
	const struct naive_rule *best = NULL;

	for (uint32_t i = naive->first; i < naive->n; i++) {
		const struct naive_rule *rule = &naive->rule[i];

		if (rule->table == table && naive_visible(rule, version) && hd_match_covers(&rule->match, key) &&
		    (best == NULL || rule->priority > best->priority))
			best = rule;
	}
	return best;
}

/* What a packet meets: a number made of the rules' numbers. */
static inline uint64_t naive_fate(const struct naive *naive, uint64_t version, uint8_t table, struct hd_key key,
				  int depth)
{
	const struct naive_rule *rule = naive_lookup(naive, version, table, &key);
	uint64_t fate = rule != NULL ? rule->number : 7;

	if (rule == NULL || depth == NAIVE_DEPTH || rule->deed == DEED_OUTPUT)
		return fate;
	if (rule->deed == DEED_SET_AND_ON)
		key.eth_dst[5] = 2;
	if (rule->deed == DEED_REG_AND_ON)
		key.reg[0] = 1;
	if (rule->deed == DEED_PORT_AND_ON)
		key.in_port = 2;
	fate = fate * 0x9e3779b97f4a7c15 ^
	       naive_fate(naive, version, rule->deed == DEED_AGAIN ? 0 : (uint8_t)(table + 1), key, depth + 1);
	return fate;
}

static inline struct hd_actions *naive_actions(uint8_t table, enum naive_deed deed, uint16_t number)
{
	const struct hd_action on = {.type = HD_ACT_RESUBMIT, .resubmit.table = (uint8_t)(table + 1)};
	struct hd_action action[3] = {[2] = {.type = HD_ACT_OUTPUT, .output.ofport = number}};

	action[0].type = HD_ACT_DROP;
	action[1] = on;
	if (deed == DEED_SET_AND_ON)
		action[0] = (struct hd_action){
			.type = HD_ACT_SET,
			.set = {.field = HD_FIELD_ETH_DST, .value = 2, .mask = ((hd_u128)1 << 48) - 1}};
	if (deed == DEED_REG_AND_ON)
		action[0] = (struct hd_action){.type = HD_ACT_SET,
					       .set = {.field = HD_FIELD_REG0, .value = 1, .mask = UINT32_MAX}};
	if (deed == DEED_PORT_AND_ON)
		action[1].resubmit.ofport = 2;
	if (deed == DEED_AGAIN)
		action[1].resubmit.table = 0;
	if (deed == DEED_OUTPUT)
		action[1] = (struct hd_action){.type = HD_ACT_DROP};
	return make_actions(3, action);
}

static inline struct hd_key naive_key(struct random *random)
{
	struct hd_key key = {
		.in_port = (uint16_t)(1 + random_below(random, 2)),
		.eth_type = rte_cpu_to_be_16(0x0800),
		.eth_dst = {2, 0, 0, 0, 0, (uint8_t)random_below(random, 3)},
		.ipv4_dst = rte_cpu_to_be_32(0x0a000000 + random_below(random, 8)),
		.tp_dst = rte_cpu_to_be_16((uint16_t)random_below(random, 3)),
	};

	return key;
}

/* One of NAIVE_SHAPES kinds of masks on a random packet's key; the priority belongs to the match. */
static inline void naive_match(struct random *random, struct hd_rule_spec *spec)
{
	struct hd_key key = naive_key(random), *mask = &spec->match.mask;
	uint32_t kind = random_below(random, NAIVE_SHAPES), value;

	*mask = (struct hd_key){0};
	mask->in_port = kind & 1 ? UINT16_MAX : 0;
	mask->eth_dst[5] = kind & 2 ? UINT8_MAX : 0;
	mask->ipv4_dst = kind & 4 ? rte_cpu_to_be_32(kind & 1 ? 0xfffffffc : 0xffffffff) : 0;
	mask->tp_dst = kind & 8 ? UINT16_MAX : 0;
	mask->reg[0] = kind & 16 ? UINT32_MAX : 0;
	key.reg[0] = random_below(random, 2);
	for (int i = 0; i < HD_KEY_WORDS; i++)
		spec->match.key.word[i] = key.word[i] & mask->word[i];
	/* in_port 2 bits, eth_dst 2, ipv4_dst 3, tp_dst 2, reg0 1, kind 5: no two matches share a number. */
	value = (uint32_t)spec->match.key.in_port | (uint32_t)(spec->match.key.eth_dst[5] << 2) |
		(rte_be_to_cpu_32(spec->match.key.ipv4_dst) & 7) << 4 |
		(uint32_t)rte_be_to_cpu_16(spec->match.key.tp_dst) << 7 | spec->match.key.reg[0] << 9 | kind << 10;
	spec->priority = (uint16_t)((value * 40503U & 0x7fff) << 1 | random_below(random, 2));
}

static inline struct naive_rule *naive_find(struct naive *naive, const struct hd_rule_spec *spec)
{
	for (uint32_t i = naive->first; i < naive->n; i++) {
		struct naive_rule *rule = &naive->rule[i];

		if (rule->removed == UINT64_MAX && rule->table == spec->table && rule->priority == spec->priority &&
		    memcmp(&rule->match, &spec->match, sizeof(rule->match)) == 0)
			return rule;
	}
	return NULL;
}

static inline void naive_put(struct naive *naive, const struct hd_rule_spec *spec, enum naive_deed deed,
			     uint16_t number, uint64_t version)
{
	struct naive_rule *former = naive_find(naive, spec);

	if (former != NULL)
		former->removed = version;
	ck_assert_uint_lt(naive->n, NAIVE_RULES);
	naive->rule[naive->n++] = (struct naive_rule){spec->table, spec->priority, number,  spec->cookie,
						      spec->match, deed,           version, UINT64_MAX};
}

static inline bool naive_selected(const struct naive_rule *rule, const struct hd_flow_mod *mod)
{
	const struct hd_match *match = &mod->spec.match;

	if (rule->removed != UINT64_MAX || (!mod->any_table && rule->table != mod->spec.table) ||
	    ((rule->cookie ^ mod->spec.cookie) & mod->cookie_mask) != 0)
		return false;
	if (mod->command == HD_MOD_DELETE && mod->out_port != HD_OFPORT_NONE && mod->out_port != rule->number)
		return false;
	for (int i = 0; i < HD_KEY_WORDS; i++)
		if ((rule->match.mask.word[i] & match->mask.word[i]) != match->mask.word[i] ||
		    (rule->match.key.word[i] & match->mask.word[i]) != match->key.word[i])
			return false;
	return true;
}

/* Loose modify or delete. */
static inline void naive_loose(struct naive *naive, const struct hd_flow_mod *mod, enum naive_deed deed,
			       uint16_t number, uint64_t version)
{
	uint32_t n = naive->n;

	for (uint32_t i = naive->first; i < n; i++) {
		struct naive_rule *rule = &naive->rule[i];

		if (!naive_selected(rule, mod))
			continue;
		rule->removed = version;
		if (mod->command == HD_MOD_DELETE)
			continue;
		ck_assert_uint_lt(naive->n, NAIVE_RULES);
		naive->rule[naive->n] = *rule;
		naive->rule[naive->n].deed = deed;
		naive->rule[naive->n].number = number;
		naive->rule[naive->n].added = version;
		naive->rule[naive->n++].removed = UINT64_MAX;
	}
}

static inline uint32_t naive_count(const struct naive *naive)
{
	uint32_t n = 0;

	for (uint32_t i = naive->first; i < naive->n; i++)
		n += naive->rule[i].removed == UINT64_MAX;
	return n;
}

#endif
