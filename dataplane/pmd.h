/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A poll-mode (PMD) thread: polls its receive queues and takes each burst through parse, bridge and tx.
 *
 * Everything here but the statistics belongs to that one thread.
 */
#ifndef HD_PMD_H
#define HD_PMD_H

#include "burst.h"
#include "fdb_cache.h"
#include "learn.h"
#include "recorder.h"
#include "snapshot.h"

struct hd_dataplane;
struct hd_ct;
struct hd_flow_state;

#define HD_NOTICES 64

/* Packets of the burst that leave by one port. */
struct hd_out {
	uint16_t n;
	struct hd_pkt *pkts[HD_BURST];
};

/* A queue whose user may wait for an interrupt. */
struct hd_notice {
	struct hd_port *port;
	enum hd_port_direction direction;
	uint16_t queue;
};

struct hd_pmd_stats {
	hd_counter busy;    /* TSC cycles of polls that brought packets, their switching included */
	hd_counter idle;    /* TSC cycles of the others */
	hd_counter packets; /* received */
	hd_counter bursts;  /* polls that brought packets */
	hd_counter rounds;  /* times all receive queues were polled */
	hd_counter misses;  /* packets that the FDB cache did not serve */
};

struct hd_pmd {
	struct hd_dataplane *dataplane;
	const struct hd_snapshot *snapshot; /* of this round */
	uint64_t now;                       /* TSC of this burst's arrival */
	uint32_t seconds;                   /* the data path's clock, for FDB stamps */
	uint16_t id;
	uint16_t n_active; /* ports with something in out[] */
	uint16_t active[HD_PORTS_MAX];
	uint16_t n_notices;
	struct hd_notice notice[HD_NOTICES]; /* of this round; the same queue may be there twice */
	struct hd_fdb_cache fdb_cache;
	struct hd_flow_state *flow; /* of bridges with flow tables */
	struct hd_ct *ct;           /* of this round */
	struct hd_burst burst;
	struct hd_out out[HD_PORTS_MAX]; /* by port id */
	alignas(64) struct hd_pmd_stats stats;
	alignas(64) struct hd_learner learner;
	alignas(64) struct hd_recorder recorder;

	/* Control thread. */
	int cpu;
	unsigned int lcore;
};

/* Allocates a PMD of a data path. Returns NULL if out of memory. */
struct hd_pmd *hd_pmd_create(struct hd_dataplane *dataplane, uint16_t id, int cpu, unsigned int lcore);
void hd_pmd_destroy(struct hd_pmd *pmd);

/* The thread's body, an lcore function; returns when the data path stops. */
int hd_pmd_run(void *pmd);

/* PMD thread. Queue a packet for a port; a packet goes to a port once. */
static inline void hd_pmd_output(struct hd_pmd *pmd, uint16_t port, struct hd_pkt *pkt)
{
	struct hd_out *out = &pmd->out[port];

	if (out->n == 0)
		pmd->active[pmd->n_active++] = port;
	out->pkts[out->n++] = pkt;
}

/* PMD thread. Interrupt the users of all queues that were touched: one fence for all of them. */
void hd_pmd_notify(struct hd_pmd *pmd);

/* PMD thread. Something was put into the queue: its user is to be interrupted before the round ends. */
static inline void hd_pmd_touch(struct hd_pmd *pmd, struct hd_port *port, enum hd_port_direction direction,
				uint16_t queue)
{
	if (port->ops->notify == NULL)
		return;
	if (pmd->n_notices == HD_NOTICES)
		hd_pmd_notify(pmd);
	pmd->notice[pmd->n_notices++] = (struct hd_notice){port, direction, queue};
}

/* PMD thread. Count drops of frames that are not at hand. */
static inline void hd_pmd_drop(struct hd_pmd *pmd, struct hd_port *port, enum hd_drop reason, uint64_t n)
{
	hd_count(&port->stats[pmd->id]->drops[reason], n);
}

/* PMD thread. Count a drop that a rule asked for, and record the frame. */
static inline void hd_pmd_drop_rule(struct hd_pmd *pmd, struct hd_port *port, enum hd_drop reason, struct hd_pkt *pkt,
				    uint64_t cookie, uint8_t table)
{
	hd_pmd_drop(pmd, port, reason, 1);
	if (hd_recorder_wants(&pmd->recorder, reason, pmd->now)) {
		struct hd_dropped dropped = {port->name, cookie, reason, table};

		hd_recorder_add(&pmd->recorder, pmd->now, &dropped, &pkt, 1);
	}
}

/* PMD thread. Count `n` drops, and record the frames, or the first of them. */
static inline void hd_pmd_drop_pkts(struct hd_pmd *pmd, struct hd_port *port, enum hd_drop reason,
				    struct hd_pkt *const *pkts, uint16_t n)
{
	hd_pmd_drop(pmd, port, reason, n);
	if (hd_recorder_wants(&pmd->recorder, reason, pmd->now)) {
		struct hd_dropped dropped = {port->name, 0, reason, HD_RECORD_NO_TABLE};

		hd_recorder_add(&pmd->recorder, pmd->now, &dropped, pkts, n);
	}
}

static inline void hd_pmd_drop_pkt(struct hd_pmd *pmd, struct hd_port *port, enum hd_drop reason, struct hd_pkt *pkt)
{
	hd_pmd_drop_pkts(pmd, port, reason, &pkt, 1);
}

#endif
