/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the snapshots that a change publishes: the new one, and those in between. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static bool covers(const struct hd_mirror_conf *mirror, enum hd_port_direction direction, const char *port)
{
	return mirror->direction != (direction == HD_PORT_RX ? HD_MIRROR_TX : HD_MIRROR_RX) &&
	       hd_mirror_conf_covers(mirror, port);
}

/* Which of its bridge's mirrors copy the port's frames, or that it is one's destination. */
static void add_mirrors(struct hd_snapshot_port_in *in, const struct planned_bridge *bridge, const char *name)
{
	for (unsigned int i = 0; i < bridge->n_mirrors; i++) {
		const struct hd_mirror_conf *mirror = &bridge->mirrors[i].conf;

		in->output_only |= strcmp(mirror->to, name) == 0;
		in->mirrors[HD_PORT_RX] |= (uint32_t)covers(mirror, HD_PORT_RX, name) << i;
		in->mirrors[HD_PORT_TX] |= (uint32_t)covers(mirror, HD_PORT_TX, name) << i;
	}
	if (in->output_only)
		memset(in->mirrors, 0, sizeof(in->mirrors));
}

/* Mirrors whose destination is not there (for the moment of a change) lead nowhere. */
static void describe_mirrors(struct hd_snapshot_mirror *out, const struct planned_bridge *bridge, unsigned int number,
			     const struct planned_port *ports, unsigned int n_ports)
{
	for (unsigned int i = 0; i < bridge->n_mirrors; i++) {
		const struct hd_run_mirror *mirror = &bridge->mirrors[i];

		out[i] = (struct hd_snapshot_mirror){
			.mirror = mirror->counters,
			.snap = mirror->conf.snap,
			.to = HD_PORTS_MAX,
			.vlan = mirror->conf.vlan,
		};
		for (unsigned int p = 0; p < n_ports; p++) {
			if (ports[p].bridge == number && strcmp(ports[p].conf->name, mirror->conf.to) == 0)
				out[i].to = ports[p].run->port->id;
		}
	}
}

struct hd_snapshot *hd_plan_snapshot(const struct planned_bridge *bridges, unsigned int n_bridges,
				     const struct planned_port *ports, unsigned int n_ports)
{
	struct hd_snapshot_bridge_in *bridge_in = calloc(n_bridges + 1, sizeof(*bridge_in));
	struct hd_snapshot_port_in *port_in = calloc(n_ports + 1, sizeof(*port_in));
	struct hd_snapshot_mirror *mirrors = calloc((size_t)(n_bridges + 1) * HD_MIRRORS_MAX, sizeof(*mirrors));
	struct hd_snapshot *snapshot = NULL;

	if (bridge_in == NULL || port_in == NULL || mirrors == NULL)
		goto out;
	for (unsigned int i = 0; i < n_bridges; i++) {
		bridge_in[i] = (struct hd_snapshot_bridge_in){
			.serial = bridges[i].run->serial,
			.fdb = bridges[i].fdb != NULL ? bridges[i].fdb : bridges[i].run->fdb,
			.tables = bridges[i].run->tables,
			.mirrors = mirrors + (size_t)i * HD_MIRRORS_MAX,
			.n_mirrors = (uint16_t)bridges[i].n_mirrors,
			.guard = {bridges[i].run->guard[HD_GUARD_IN], bridges[i].run->guard[HD_GUARD_OUT]},
		};
		describe_mirrors(mirrors + (size_t)i * HD_MIRRORS_MAX, &bridges[i], i, ports, n_ports);
	}
	for (unsigned int i = 0; i < n_ports; i++) {
		port_in[i] = (struct hd_snapshot_port_in){
			.port = ports[i].run->port,
			.bridge = (uint16_t)ports[i].bridge,
			.ofport = ports[i].run->ofport,
			.mtu = ports[i].conf->mtu,
			.isolated = ports[i].conf->isolated,
			.guarded = {ports[i].guarded[HD_GUARD_IN], ports[i].guarded[HD_GUARD_OUT]},
			.vlan = &ports[i].conf->vlan,
			.storm = ports[i].conf->storm,
			.pmd = ports[i].pmd,
		};
		add_mirrors(&port_in[i], &bridges[ports[i].bridge], ports[i].conf->name);
	}
	snapshot = hd_snapshot_build(bridge_in, (uint16_t)n_bridges, port_in, (uint16_t)n_ports);
out:
	free(bridge_in);
	free(port_in);
	free(mirrors);
	return snapshot;
}

int hd_plan_publish_without(struct plan *plan, const bool *leave)
{
	struct hd_runtime *runtime = plan->runtime;
	struct planned_bridge *bridges = calloc(runtime->n_bridges + 1, sizeof(*bridges));
	struct planned_port *ports = calloc(HD_PORTS_MAX, sizeof(*ports));
	struct hd_snapshot *snapshot = NULL;
	unsigned int n = 0;

	if (bridges == NULL || ports == NULL)
		goto out;
	for (unsigned int i = 0; i < runtime->n_bridges; i++) {
		bridges[i].run = runtime->bridges[i];
		bridges[i].mirrors = runtime->bridges[i]->mirrors;
		bridges[i].n_mirrors = runtime->bridges[i]->n_mirrors;
	}
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++) {
		struct hd_run_port *run = runtime->ports[id];

		if (run == NULL || run->port == NULL || run->bridge == NULL || leave[id])
			continue;
		ports[n].conf = &run->conf;
		ports[n].run = run;
		memcpy(ports[n].pmd, run->pmd, sizeof(run->pmd));
		memcpy(ports[n].guarded, run->guarded, sizeof(run->guarded));
		while (bridges[ports[n].bridge].run != run->bridge)
			ports[n].bridge++;
		n++;
	}
	snapshot = hd_plan_snapshot(bridges, runtime->n_bridges, ports, n);
	if (snapshot != NULL)
		hd_dataplane_publish(runtime->dataplane, snapshot);
	plan->resting |= snapshot != NULL;
out:
	free(bridges);
	free(ports);
	return snapshot != NULL ? 0 : -ENOMEM;
}

int hd_plan_rest_moving(struct plan *plan)
{
	bool leave[HD_PORTS_MAX] = {false};
	bool any = false;

	for (unsigned int i = 0; i < plan->n_ports; i++) {
		struct planned_port *port = &plan->ports[i];

		if (port->opened || memcmp(port->pmd, port->run->pmd, port->conf->queues * sizeof(port->pmd[0])) == 0)
			continue;
		leave[port->run->port->id] = true;
		any = true;
	}
	return any ? hd_plan_publish_without(plan, leave) : 0;
}
