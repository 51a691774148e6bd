/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the configuration in force has become: open ports, forwarding databases, and which PMD polls which queue.
 *
 * Changed by hd_runtime_apply only, whole or not at all. Control thread only.
 */
#ifndef HD_RUNTIME_H
#define HD_RUNTIME_H

#include "dataplane.h"
#include "flow/tables.h"
#include "model.h"
#include "ofport.h"

/* A mirror in force. */
struct hd_run_mirror {
	struct hd_mirror_conf conf;
	struct hd_mirror *counters;
};

struct hd_run_bridge {
	char name[HD_NAME_MAX + 1];
	uint32_t serial;  /* unique over the daemon's life */
	uint32_t ageing;  /* seconds, 0: never */
	uint64_t refused; /* addresses not learnt: the limit was reached */
	struct hd_fdb *fdb;
	struct hd_tables *tables; /* its rules, groups and meters; a new bridge has none */
	unsigned int n_mirrors;
	struct hd_run_mirror *mirrors;
	struct hd_tables *guard[HD_GUARDS]; /* port security and access lists; NULL: no port has needed them yet */
};

struct hd_run_port {
	struct hd_port_conf conf; /* in force */
	struct hd_run_bridge *bridge;
	uint16_t ofport;              /* by which rules call it */
	bool guarded[HD_GUARDS];      /* packets must pass the bridge's guard */
	bool tracked;                 /* by its access lists, in hd_acl_zone(ofport) */
	struct hd_port *port;         /* NULL for the moment in which apply has closed it and its id is still taken */
	uint16_t pmd[HD_QUEUES_MAX];  /* id of the PMD that polls rx queue i */
	uint64_t busy[HD_QUEUES_MAX]; /* the queue's busy cycles at the last hd_runtime_measure */
	uint32_t load[HD_QUEUES_MAX]; /* parts of a million of a CPU, between the last two */
};

/*
 * Opens a port as configured, of whatever kind: vswitchd knows them all, and what they need, its `opener`. Returns 0
 * and the port, or -errno and the reason.
 */
typedef int (*hd_open_port)(void *opener, const struct hd_port_conf *conf, struct hd_port **port,
			    char reason[HD_REASON_MAX]);

struct hd_flow_bundle;

struct hd_runtime {
	struct hd_dataplane *dataplane;
	hd_open_port open;
	void *opener;
	unsigned int n_bridges;
	struct hd_run_bridge *bridges[HD_BRIDGES_MAX];
	struct hd_run_port *ports[HD_PORTS_MAX]; /* by id; NULL: free */
	struct hd_port_totals retired;           /* of ports that are gone */
	struct hd_ofports *ofports;
	struct hd_flow_bundle *bundles; /* what clients have sent of changes that are not complete (flow_bundle.h) */
	uint32_t serial;
	uint64_t measured; /* TSC */
};

struct hd_runtime *hd_runtime_create(struct hd_dataplane *dataplane, hd_open_port open, void *opener);
/* Closes everything. PMDs may still run. Accepts NULL. */
void hd_runtime_destroy(struct hd_runtime *runtime);

/*
 * Make `to` what is in force. Ports that are the same in both keep running untouched. Returns 0, or -errno and the
 * error: then everything is as it was.
 */
int hd_runtime_apply(struct hd_runtime *runtime, const struct hd_config *to, struct hd_error *error);
/* What can be refused without trying: -EINVAL and the error for a CPU that has no PMD. */
int hd_runtime_check(struct hd_runtime *runtime, const struct hd_config *to, struct hd_error *error);

struct hd_run_port *hd_runtime_port(const struct hd_runtime *runtime, const char *name);
struct hd_run_bridge *hd_runtime_bridge(const struct hd_runtime *runtime, const char *name);

/* Put what PMDs have learnt into the FDBs, at most `budget` events. True if there may be more. */
bool hd_runtime_learn(struct hd_runtime *runtime, unsigned int budget);
/* Ages FDBs, expires rules, follows links; several times a second. */
void hd_runtime_tick(struct hd_runtime *runtime, uint32_t now);
/* Updates the loads of queues; about once a second. */
void hd_runtime_measure(struct hd_runtime *runtime);

#endif
