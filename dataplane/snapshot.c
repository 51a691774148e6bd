/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds and frees the immutable configuration that PMD threads read. */
#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_malloc.h>

#include "snapshot.h"

static void *zalloc(size_t size)
{
	return rte_zmalloc("snapshot", size, RTE_CACHE_LINE_SIZE);
}

static int add_bridge(struct hd_snapshot_bridge *bridge, const struct hd_snapshot_bridge_in *in, uint16_t n_ports)
{
	bridge->serial = in->serial;
	bridge->fdb = in->fdb;
	bridge->entries = hd_fdb_entries(in->fdb);
	bridge->fdb_size = hd_fdb_size(in->fdb);
	bridge->tables = in->tables;
	memcpy(bridge->guard, in->guard, sizeof(bridge->guard));
	bridge->ports = zalloc(n_ports * sizeof(*bridge->ports) + 1);
	bridge->mirrors = zalloc(in->n_mirrors * sizeof(*bridge->mirrors) + 1);
	if (bridge->ports == NULL || bridge->mirrors == NULL)
		return -1;
	for (uint16_t i = 0; i < in->n_mirrors; i++)
		bridge->mirrors[i] = in->mirrors[i];
	return 0;
}

/* Nothing is switched or flooded to it, and what it puts out keeps its tag or has none. */
static void make_output_only(struct hd_snapshot_port *port)
{
	port->output_only = true;
	memset(port->guarded, 0, sizeof(port->guarded));
	port->bridge = NULL;
	hd_vlan_init(&port->vlan, HD_VLAN_TRANSPARENT, HD_VLAN_NONE);
}

static int add_port(struct hd_snapshot *snapshot, const struct hd_snapshot_port_in *in)
{
	struct hd_snapshot_bridge *bridge = &snapshot->bridges[in->bridge];
	struct hd_snapshot_port *port = zalloc(sizeof(*port));

	if (port == NULL)
		return -1;
	port->port = in->port;
	port->bridge = bridge;
	port->max_len = (uint32_t)in->mtu + RTE_ETHER_HDR_LEN;
	port->ofport = in->ofport;
	port->isolated = in->isolated;
	for (int guard = 0; guard < HD_GUARDS; guard++)
		port->guarded[guard] = in->guarded[guard] && bridge->guard[guard] != NULL;
	port->vlan = *in->vlan;
	port->mirrors[HD_PORT_RX] = in->mirrors[HD_PORT_RX];
	port->mirrors[HD_PORT_TX] = in->mirrors[HD_PORT_TX];
	port->mirror = bridge->mirrors;
	for (int class = 0; class < HD_STORM_CLASSES; class ++) {
		hd_storm_limit_init(&port->storm[class], in->storm[class], rte_get_tsc_hz());
		port->storm_limited |= in->storm[class] != 0;
	}
	snapshot->ports[in->port->id] = port;
	if (in->ofport != HD_OFPORT_NONE && in->ofport <= HD_OFPORT_MAX)
		snapshot->by_ofport[in->ofport] = (uint16_t)(in->port->id + 1);
	if (in->output_only)
		make_output_only(port);
	else
		bridge->ports[bridge->n_ports++] = in->port->id;
	for (uint16_t queue = 0; queue < in->port->n_queues; queue++)
		snapshot->pmds[in->pmd[queue]].n_rxqs++;
	return 0;
}

/* The queues of a PMD, in the order of ports; add_port has counted them. */
static int add_rxqs(struct hd_snapshot *snapshot, const struct hd_snapshot_port_in *ports, uint16_t n_ports)
{
	for (unsigned int pmd = 0; pmd < HD_PMDS_MAX; pmd++) {
		struct hd_snapshot_pmd *mine = &snapshot->pmds[pmd];

		mine->rxqs = mine->n_rxqs != 0 ? zalloc(mine->n_rxqs * sizeof(*mine->rxqs)) : NULL;
		if (mine->n_rxqs != 0 && mine->rxqs == NULL)
			return -1;
		mine->n_rxqs = 0;
	}
	for (uint16_t i = 0; i < n_ports; i++) {
		for (uint16_t queue = 0; queue < ports[i].port->n_queues; queue++) {
			struct hd_snapshot_pmd *pmd = &snapshot->pmds[ports[i].pmd[queue]];

			pmd->rxqs[pmd->n_rxqs++] = (struct hd_rxq){.port = ports[i].port, .queue = queue};
		}
	}
	return 0;
}

struct hd_snapshot *hd_snapshot_build(const struct hd_snapshot_bridge_in *bridges, uint16_t n_bridges,
				      const struct hd_snapshot_port_in *ports, uint16_t n_ports)
{
	static uint64_t serial;
	struct hd_snapshot *snapshot = zalloc(sizeof(*snapshot));

	if (snapshot == NULL)
		return NULL;
	snapshot->serial = ++serial;
	snapshot->bridges = zalloc(n_bridges * sizeof(*snapshot->bridges) + 1);
	if (snapshot->bridges == NULL)
		goto err;
	snapshot->n_bridges = n_bridges;
	for (uint16_t i = 0; i < n_bridges; i++) {
		if (add_bridge(&snapshot->bridges[i], &bridges[i], n_ports) < 0)
			goto err;
	}
	for (uint16_t i = 0; i < n_ports; i++) {
		if (add_port(snapshot, &ports[i]) < 0)
			goto err;
	}
	if (add_rxqs(snapshot, ports, n_ports) < 0)
		goto err;
	return snapshot;
err:
	hd_snapshot_free(snapshot);
	return NULL;
}

void hd_snapshot_free(struct hd_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	for (unsigned int pmd = 0; pmd < HD_PMDS_MAX; pmd++)
		rte_free(snapshot->pmds[pmd].rxqs);
	for (unsigned int id = 0; id < HD_PORTS_MAX; id++)
		rte_free((void *)(uintptr_t)snapshot->ports[id]);
	for (uint16_t i = 0; snapshot->bridges != NULL && i < snapshot->n_bridges; i++) {
		rte_free(snapshot->bridges[i].ports);
		rte_free(snapshot->bridges[i].mirrors);
	}
	rte_free(snapshot->bridges);
	rte_free(snapshot);
}
