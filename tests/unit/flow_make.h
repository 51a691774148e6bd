/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes actions, rules and groups for tests of flow tables. */
#ifndef TEST_FLOW_MAKE_H
#define TEST_FLOW_MAKE_H

#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_rcu_qsbr.h>

#include "flow/tables.h"

static inline struct hd_actions *make_actions(uint32_t n, const struct hd_action *action)
{
	struct hd_actions *actions = calloc(1, sizeof(*actions) + n * sizeof(*action));

	actions->n = n;
	memcpy(actions->action, action, n * sizeof(*action));
	return actions;
}

static inline struct hd_actions *make_output(uint16_t ofport)
{
	return make_actions(1, &(struct hd_action){.type = HD_ACT_OUTPUT, .output.ofport = ofport});
}

/* An action that has an id: group or meter. */
static inline struct hd_actions *make_reference(enum hd_action_type type, uint32_t id)
{
	return make_actions(1, &(struct hd_action){.type = type, .id = id});
}

static inline struct hd_group *make_group(enum hd_group_type type, uint32_t id, struct hd_actions *actions)
{
	struct hd_group *group = calloc(1, sizeof(*group) + sizeof(group->bucket[0]));

	group->id = id;
	group->type = type;
	group->n_buckets = 1;
	group->bucket[0] = (struct hd_bucket){.weight = 1, .watch_group = UINT32_MAX, .actions = actions};
	return group;
}

static inline struct rte_rcu_qsbr *make_rcu(uint32_t threads)
{
	size_t size = RTE_ALIGN_CEIL(rte_rcu_qsbr_get_memsize(threads), RTE_CACHE_LINE_SIZE);
	struct rte_rcu_qsbr *rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, size);

	rte_rcu_qsbr_init(rcu, threads);
	return rcu;
}

/* Matches that tests like, as compound literals of struct hd_match: field and mask. */
#define MATCH(field, value)                                                                                            \
	(struct hd_match)                                                                                              \
	{                                                                                                              \
		.key.field = (value), .mask.field = (__typeof__(((struct hd_key *)0)->field))~0ULL                     \
	}

static inline struct hd_match match_prefix(uint32_t address, unsigned int bits)
{
	struct hd_match match = MATCH(eth_type, rte_cpu_to_be_16(0x0800));

	match.mask.ipv4_dst = bits == 0 ? 0 : rte_cpu_to_be_32(~0U << (32 - bits));
	match.key.ipv4_dst = rte_cpu_to_be_32(address) & match.mask.ipv4_dst;
	return match;
}

#endif
