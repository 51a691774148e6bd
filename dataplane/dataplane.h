/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data path as a whole: its PMD threads, the snapshot they run on, and their grace periods.
 *
 * Functions are for the control thread, save hd_dataplane_synchronize, which any thread but a PMD may call.
 */
#ifndef HD_DATAPLANE_H
#define HD_DATAPLANE_H

#include "pmd.h"

struct hd_ct;
struct rte_rcu_qsbr;

struct hd_dataplane {
	/* Read by PMDs every round. Writer: control. */
	_Atomic(const struct hd_snapshot *) snapshot;
	_Atomic uint32_t seconds; /* coarse monotonic clock for FDB stamps; hd_dataplane_tick */
	_Atomic bool stop;
	_Atomic uint64_t fold;      /* raised to ask PMDs to add up what flows have counted */
	_Atomic(struct hd_ct *) ct; /* connections, of all bridges. Writer: control */
	struct rte_rcu_qsbr *rcu;   /* PMDs report under their id */

	/* Control thread. */
	alignas(64) unsigned int n_pmds;
	struct hd_pmd *pmds[HD_PMDS_MAX];
	int learn_fd; /* readable when a PMD has learnt something */
	bool running;
};

/* One PMD for each worker lcore of the EAL. Returns 0 or -errno. */
int hd_dataplane_create(struct hd_dataplane **dataplane);
void hd_dataplane_destroy(struct hd_dataplane *dataplane); /* accepts NULL */

/* Start and stop the PMD threads. They run an empty snapshot until one is published. */
int hd_dataplane_start(struct hd_dataplane *dataplane);
void hd_dataplane_stop(struct hd_dataplane *dataplane);

/*
 * Make `snapshot` the one in force, wait until no PMD uses the former one, free it. What the former one pointed to
 * (ports, FDBs) may be closed afterwards.
 */
void hd_dataplane_publish(struct hd_dataplane *dataplane, struct hd_snapshot *snapshot);
/* Wait until every PMD has begun a new round. Sleeps in between: PMDs may share our CPU. */
void hd_dataplane_synchronize(struct hd_dataplane *dataplane);
/* Advance the coarse clock; call several times a second. Returns its value. */
uint32_t hd_dataplane_tick(struct hd_dataplane *dataplane);

/* PMDs add what their cached flows have counted to the rules' counters; when this returns they all have. */
void hd_dataplane_fold(struct hd_dataplane *dataplane);
/* MiB that each PMD's flow cache may grow to. */
void hd_dataplane_set_flow_cache(struct hd_dataplane *dataplane, uint32_t mib);
/*
 * Connections that may be tracked. Another limit means another table: connections and limits of zones are forgotten,
 * timeouts stay. Returns 0, or -ENOMEM and all is as it was.
 */
int hd_dataplane_set_ct_limit(struct hd_dataplane *dataplane, uint32_t limit);

/* The id of the PMD on a CPU, or -ENOENT. */
int hd_dataplane_pmd_of(const struct hd_dataplane *dataplane, int cpu);

#endif
