/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration as PMD threads see it: immutable, published by one pointer store (hd_dataplane_publish), freed
 * after a grace period.
 *
 * The control thread builds a whole new one for every change and shares nothing but the ports and FDBs that it points
 * to, which outlive it. A PMD loads the pointer once a poll round and reports a quiescent state after the round.
 */
#ifndef HD_SNAPSHOT_H
#define HD_SNAPSHOT_H

#include <stdalign.h>

#include "fdb.h"
#include "flow/key.h"
#include "mirror.h"
#include "port.h"
#include "storm.h"
#include "vlan.h"

struct hd_tables;

enum hd_guard { HD_GUARD_IN, HD_GUARD_OUT, HD_GUARDS };

struct hd_snapshot_bridge {
	uint32_t serial;   /* unique over the daemon's life; what the PMDs learn is addressed to it */
	uint32_t fdb_size; /* entries[0..fdb_size-1] may be read */
	const struct hd_fdb *fdb;
	const struct hd_fdb_entry *entries;
	struct hd_tables *tables; /* NULL: none, a plain learning bridge */
	/* What ports' security and access lists are compiled to: a packet must pass, as it comes in, as it leaves. */
	struct hd_tables *guard[HD_GUARDS];
	uint16_t n_ports;
	uint16_t *ports; /* ids, for flooding */
	struct hd_snapshot_mirror *mirrors;
};

struct hd_snapshot_port {
	alignas(64) struct hd_port *port;
	const struct hd_snapshot_bridge *bridge;
	uint32_t max_len;        /* bytes of the longest untagged frame: MTU and Ethernet header */
	uint16_t ofport;         /* what rules call it; HD_OFPORT_NONE: nothing */
	bool guarded[HD_GUARDS]; /* packets must pass the bridge's guard, as they come in here, as they leave */
	bool isolated;
	bool storm_limited;  /* any class has a limit */
	bool output_only;    /* a mirror's destination: `bridge` is NULL */
	uint32_t mirrors[2]; /* by enum hd_port_direction: a bit for each of ... */
	const struct hd_snapshot_mirror *mirror;
	struct hd_vlan_conf vlan;
	struct hd_storm_limit storm[HD_STORM_CLASSES];
};

/* A receive queue that a PMD polls. */
struct hd_rxq {
	struct hd_port *port;
	uint16_t queue;
};

struct hd_snapshot_pmd {
	uint16_t n_rxqs;
	struct hd_rxq *rxqs;
};

struct hd_snapshot {
	uint64_t serial;                                    /* new for each one that is built */
	const struct hd_snapshot_port *ports[HD_PORTS_MAX]; /* by id; NULL: no such port */
	uint16_t by_ofport[HD_OFPORT_MAX + 1];              /* id + 1, 0: no such port */
	struct hd_snapshot_pmd pmds[HD_PMDS_MAX];
	uint16_t n_bridges;
	struct hd_snapshot_bridge *bridges;
};

/* What a snapshot is built from; pointers are only read during the call. */
struct hd_snapshot_port_in {
	struct hd_port *port;
	uint16_t bridge; /* index */
	uint16_t mtu;
	uint16_t ofport; /* HD_OFPORT_NONE: rules can't name it */
	bool isolated;
	bool output_only;
	uint32_t mirrors[2];     /* of its bridge, by direction: a bit each */
	bool guarded[HD_GUARDS]; /* needs the bridge's guard */
	const struct hd_vlan_conf *vlan;
	const uint32_t *storm; /* packets per second, a class each */
	const uint16_t *pmd;   /* PMD id, a receive queue each */
};

struct hd_snapshot_bridge_in {
	uint32_t serial;
	const struct hd_fdb *fdb;
	const struct hd_snapshot_mirror *mirrors;
	uint16_t n_mirrors;                 /* at most HD_MIRRORS_MAX */
	struct hd_tables *tables;           /* may be NULL */
	struct hd_tables *guard[HD_GUARDS]; /* may be NULL, if no port is guarded */
};

/* Control thread. NULL if out of memory. */
struct hd_snapshot *hd_snapshot_build(const struct hd_snapshot_bridge_in *bridges, uint16_t n_bridges,
				      const struct hd_snapshot_port_in *ports, uint16_t n_ports);
/* No PMD may see it any more. Accepts NULL. */
void hd_snapshot_free(struct hd_snapshot *snapshot);

#endif
