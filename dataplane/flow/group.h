/* SPDX-License-Identifier: BSD-3-Clause */
/* A group: sets of actions ("buckets") of which some are carried out. Immutable once published. No DPDK. */
#ifndef HD_FLOW_GROUP_H
#define HD_FLOW_GROUP_H

#include "action.h"

#define HD_GROUP_MAX 0xffffff00u /* highest group id */
#define HD_GROUP_BUCKETS_MAX 256

enum hd_group_type {
	HD_GROUP_ALL,
	HD_GROUP_SELECT, /* one, by weight and the flow's symmetric hash */
	HD_GROUP_FF,     /* the first one that is alive */
	HD_GROUP_INDIRECT,
};

struct hd_bucket {
	uint32_t id;
	uint16_t weight;      /* select: 0 is never chosen; default 1 */
	uint16_t watch_port;  /* ofport that must be up, or HD_OFPORT_NONE */
	uint32_t watch_group; /* group of which a bucket must be alive; UINT32_MAX: none */
	struct hd_actions *actions;
};

struct hd_group {
	uint32_t id;
	enum hd_group_type type;
	uint32_t n_buckets;
	struct hd_bucket bucket[];
};

void hd_group_free(struct hd_group *group); /* accepts NULL */

#endif
