/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports by name, for the text of flows (flow/text.h).
 *
 * A rule may name the ports of its bridge, and such as rules of the bridge name already although they are gone. While
 * a configuration is being prepared, "the ports of its bridge" are those of the candidate. Control thread only.
 */
#ifndef HD_FLOW_NAMES_H
#define HD_FLOW_NAMES_H

#include "flow/text.h"
#include "runtime.h"

struct hd_flow_resolver {
	struct hd_runtime *runtime;
	const struct hd_run_bridge *bridge; /* NULL: it is yet to be made */
	const struct hd_bridge_conf *conf;  /* the candidate; NULL: the ports in force */
	struct hd_ofport_set absent;        /* may be named although they are no ports */
	bool asked;                         /* `absent` has what rules of the bridge name */
	struct hd_flow_names names;         /* that go by this resolver */
};

/* The resolver must stay where it is. */
void hd_flow_resolver_init(struct hd_flow_resolver *resolver, struct hd_runtime *runtime,
			   const struct hd_run_bridge *bridge, const struct hd_bridge_conf *conf);

/* Add the numbers that the bridge's rules and groups name. Takes time in proportion to the rules. */
void hd_flow_names_of_bridge(const struct hd_run_bridge *bridge, struct hd_ofport_set *set);
/* Those of all bridges; `runtime` is a struct hd_runtime. For hd_ofports_create. */
void hd_flow_names_used(void *runtime, struct hd_ofport_set *set);

#endif
