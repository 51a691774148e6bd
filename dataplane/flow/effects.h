/* SPDX-License-Identifier: BSD-3-Clause */
/* What a list of actions looks at, what it may change, and which groups and meters it names. No DPDK; any thread. */
#ifndef HD_FLOW_EFFECTS_H
#define HD_FLOW_EFFECTS_H

#include "group.h"

struct hd_effects {
	struct hd_key reads;  /* bits that decide, beyond what rules match, where the packet goes */
	struct hd_key writes; /* bits that later tables may find changed */
	bool tracks;          /* ct */
	bool reenters;        /* may go on in table 0 */
};

void hd_effects_of_actions(const struct hd_actions *actions, struct hd_effects *effects);
/* Of choosing a bucket, and of all buckets' actions. */
void hd_effects_of_group(const struct hd_group *group, struct hd_effects *effects);

/* Do the actions name this group (HD_ACT_GROUP) or meter (HD_ACT_METER)? UINT32_MAX: any. */
bool hd_effects_refer(const struct hd_actions *actions, enum hd_action_type type, uint32_t id);

#endif
