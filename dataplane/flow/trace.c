/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way of imagined packets: the translator without a packet, and what the bridge would decide. */
#include <errno.h>
#include <stdlib.h>

#include <rte_byteorder.h>

#include "../fdb.h"
#include "../vlan.h"
#include "translate.h"

static void tell(const struct hd_trace *trace, const struct hd_key *key, struct hd_trace_step step)
{
	step.key = key;
	step.depth = 1;
	trace->step(trace->context, &step);
}

static void tell_drop(const struct hd_trace *trace, const struct hd_key *key, enum hd_drop reason)
{
	tell(trace, key, (struct hd_trace_step){.kind = HD_TRACE_DROP, .reason = reason});
}

static enum hd_drop leaves(const struct hd_snapshot_port *in, const struct hd_snapshot_port *out, uint16_t vlan)
{
	if (in->isolated && out->isolated)
		return HD_DROP_ISOLATED;
	return hd_vlan_allowed(&out->vlan, vlan) ? HD_DROP_NONE : HD_DROP_EGRESS_VLAN;
}

static void flood(const struct hd_snapshot *snapshot, const struct hd_snapshot_port *in, const struct hd_key *key,
		  uint16_t vlan, const struct hd_trace *trace)
{
	unsigned int n = 0;

	for (uint16_t i = 0; i < in->bridge->n_ports; i++) {
		const struct hd_snapshot_port *out = snapshot->ports[in->bridge->ports[i]];

		if (out == in || !atomic_load(&out->port->up) || leaves(in, out, vlan) != HD_DROP_NONE)
			continue;
		tell(trace, key, (struct hd_trace_step){.kind = HD_TRACE_FLOOD, .port = out->port->id});
		n++;
	}
	if (n == 0)
		tell_drop(trace, key, HD_DROP_NO_DESTINATION);
}

/* As hd_bridge_forward decides, read again from the key. */
static void explain_normal(const struct hd_snapshot *snapshot, const struct hd_snapshot_port *in,
			   const struct hd_key *key, const struct hd_trace *trace)
{
	bool tagged = key->vlan_tci != 0;
	uint16_t vlan = 0, id;
	enum hd_drop drop = hd_vlan_classify(&in->vlan, tagged, rte_be_to_cpu_16(key->vlan_tci), &vlan);
	int32_t place;

	if (drop == HD_DROP_NONE && (key->eth_src[0] & 1))
		drop = HD_DROP_SOURCE_MULTICAST;
	if (drop != HD_DROP_NONE) {
		tell_drop(trace, key, drop);
		return;
	}
	tell(trace, key, (struct hd_trace_step){.kind = HD_TRACE_NORMAL, .port = vlan});
	place = hd_fdb_key(key->eth_dst, vlan) != 0 ? hd_fdb_find(in->bridge->fdb, hd_fdb_key(key->eth_dst, vlan)) : -1;
	if ((key->eth_dst[0] & 1) || place < 0) {
		flood(snapshot, in, key, vlan, trace);
		return;
	}
	id = atomic_load((_Atomic uint16_t *)(uintptr_t)&in->bridge->entries[place].port);
	if (id == in->port->id)
		drop = HD_DROP_SAME_PORT;
	else if (snapshot->ports[id] == NULL || snapshot->ports[id]->bridge != in->bridge)
		drop = HD_DROP_NO_BRIDGE;
	else
		drop = leaves(in, snapshot->ports[id], vlan);
	if (drop != HD_DROP_NONE)
		tell_drop(trace, key, drop);
	else
		tell(trace, key, (struct hd_trace_step){.kind = HD_TRACE_OUTPUT, .port = id});
}

/* The translator's steps, with the bridge's own after each NORMAL. */
struct relay {
	const struct hd_snapshot *snapshot;
	const struct hd_snapshot_port *in;
	const struct hd_trace *trace;
};

static void relay(void *context, const struct hd_trace_step *step)
{
	const struct relay *relay = context;

	if (step->kind == HD_TRACE_NORMAL)
		explain_normal(relay->snapshot, relay->in, step->key, relay->trace);
	else
		relay->trace->step(relay->trace->context, step);
}

int hd_pipeline_trace(const struct hd_snapshot *snapshot, const struct hd_snapshot_port *in, const struct hd_key *key,
		      const struct hd_trace *trace)
{
	struct hd_translation *t = calloc(1, sizeof(*t));
	struct hd_draft *draft = calloc(1, sizeof(*draft));
	struct relay context = {.snapshot = snapshot, .in = in, .trace = trace};
	const struct hd_trace through = {
		.step = relay,
		.context = &context,
		.ct_next = trace->ct_next,
		.n_ct_next = trace->n_ct_next,
	};

	if (t == NULL || draft == NULL) {
		free(t);
		free(draft);
		return -ENOMEM;
	}
	t->snapshot = snapshot;
	t->in = in;
	t->tables = in->bridge->tables;
	t->shape = hd_tables_shape(t->tables);
	t->version = hd_tables_version(t->tables);
	t->key = *key;
	t->draft = draft;
	t->trace = &through;
	hd_translate(t);
	if (draft->n_out == 0)
		tell_drop(trace, &t->key, draft->reason);
	free(t);
	free(draft);
	return 0;
}
