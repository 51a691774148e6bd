/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules, what caches key on, and steps of packets, as the JSON that clients get. Control thread only. */
#ifndef HD_FLOW_SHOW_H
#define HD_FLOW_SHOW_H

#include <jansson.h>

#include "flow/text.h"

/*
 * {"table", "priority", "cookie": "0x2a", "packets", "bytes", "age": seconds, "idle": seconds since its last packet or
 *  else its creation, ["idle_timeout"], ["hard_timeout"], ["hidden": true], "match": text, "actions": text}
 */
json_t *hd_flow_show_rule(const struct hd_tables *tables, const struct hd_rule *rule,
			  const struct hd_flow_names *names);

/* The fields that a mask has, "nw_src/8", "tp_dst": a list of texts. */
json_t *hd_flow_show_mask(const struct hd_key *mask);

/* "+trk+est" */
void hd_flow_show_ct_state(uint8_t state, char text[64]);

#endif
