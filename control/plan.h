/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plan: the ports and bridges that there shall be, on the way from one configuration to the next.
 *
 * hd_plan_make lists them and takes over what runs already; hd_plan_prepare opens and creates what is new and may
 * fail: then hd_plan_take_back undoes it. Once all is prepared, apply.c commits. Control thread only.
 */
#ifndef HD_PLAN_H
#define HD_PLAN_H

#include "runtime.h"

struct planned_port {
	const struct hd_port_conf *conf;
	unsigned int bridge;     /* index into the plan's */
	struct hd_run_port *run; /* that carries on, or was opened for the plan */
	bool opened, mtu_set;
	bool guarded[HD_GUARDS], tracked; /* as of hd_run_port */
	uint16_t pmd[HD_QUEUES_MAX];
};

struct planned_bridge {
	const struct hd_bridge_conf *conf;
	struct hd_run_bridge *run; /* that carries on, or was created for the plan */
	struct hd_fdb *fdb;        /* created for the plan: a new bridge's, or one with a new limit */
	bool created;
	unsigned int n_mirrors;
	struct hd_run_mirror *mirrors; /* with counters that carry on, or were made for the plan */
};

struct plan {
	struct hd_runtime *runtime;
	struct hd_error *error;
	const struct hd_config *to;
	unsigned int n_bridges, n_ports;
	struct planned_bridge *bridges;
	struct planned_port *ports;
	bool resting; /* ports have been taken out of the snapshot in force for a moment */
};

/* plan.c */
int hd_plan_make(struct plan *plan, const struct hd_config *to);
void hd_plan_clear(struct plan *plan);
/* Refuses CPUs without a PMD. */
int hd_plan_check(struct plan *plan);
/* Which PMD polls which queue: as configured, as before, or the least loaded. */
void hd_plan_place(struct plan *plan);
struct planned_port *hd_plan_port(struct plan *plan, const char *name);
/* Sets the plan's error to the path of a port, or of its key, and the reason; returns rc. */
int hd_plan_refuse(struct plan *plan, int rc, const struct planned_port *port, const char *key, const char *reason);

/* prepare.c */
int hd_plan_prepare(struct plan *plan);
void hd_plan_take_back(struct plan *plan);

/* plan_snapshot.c */
struct hd_snapshot *hd_plan_snapshot(const struct planned_bridge *bridges, unsigned int n_bridges,
				     const struct planned_port *ports, unsigned int n_ports);
/*
 * Publish what is in force, less the ports that `leave` (by id) names. For the moment in which a port is closed early,
 * is stopped, or a queue changes its PMD.
 */
int hd_plan_publish_without(struct plan *plan, const bool *leave);
/* A queue that changes its PMD rests for a grace period: never do two PMDs poll it. */
int hd_plan_rest_moving(struct plan *plan);

/* plan_mirror.c */
int hd_plan_prepare_mirrors(struct plan *plan);
/* Put the plan's mirrors in force; destroys the counters of those that are gone. No PMD knows them any more. */
void hd_plan_settle_mirrors(struct plan *plan);
void hd_plan_take_back_mirrors(struct plan *plan);
/* Frees a bridge's mirrors and their counters. */
void hd_run_mirrors_free(struct hd_run_bridge *bridge);

/* plan_guard.c */
/* Says which ports are guarded, and gives bridges of such ports the tables, if they have none. */
int hd_plan_guards(struct plan *plan);
/*
 * Make the guards what they are to be; between the snapshots, of which neither lets a port's packets pass unguarded.
 * 0, or -errno and the error: then they are as they were.
 */
int hd_plan_fill_guards(struct plan *plan);
/* The new snapshot is in force. Forgets connections that are no longer tracked, or not yet. */
void hd_plan_settle_guards(struct plan *plan);
void hd_run_guards_free(struct hd_run_bridge *bridge);

/* run_port.c */
uint16_t hd_run_port_free_id(const struct hd_runtime *runtime);
/* Opens a port under an id that is free. Returns 0, or -errno and the reason. */
int hd_run_port_open(struct hd_runtime *runtime, uint16_t id, const struct hd_port_conf *conf, struct hd_run_port **out,
		     char reason[HD_REASON_MAX]);
/* Adds a port's counters to those of the ports that are gone. */
void hd_run_port_retire(struct hd_runtime *runtime, const struct hd_port *port);
/* Retires, closes and frees it. No snapshot names it any more. */
void hd_run_port_close(struct hd_runtime *runtime, struct hd_run_port *run);

#endif
