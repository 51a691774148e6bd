/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of packets through a bridge that has flow tables: key, flow cache, program; on a miss the translator, which
 * walks the tables for one packet and writes down what happened to it as a program.
 */
#ifndef HD_FLOW_PIPELINE_H
#define HD_FLOW_PIPELINE_H

#include "../pmd.h"
#include "tables.h"

/* PMD thread. Packets of one receive queue, accepted by parse; each is put into pmd->out or dropped and counted. */
void hd_pipeline_forward(struct hd_pmd *pmd, const struct hd_snapshot_port *in, struct hd_pkt **pkts, uint16_t n);

/*
 * PMD thread. Packets that come in by, or are to leave by, a port that is guarded. Those that may not are dropped and
 * counted; the others, in their order, stay in `pkts`. Returns how many.
 */
uint16_t hd_pipeline_guard(struct hd_pmd *pmd, const struct hd_snapshot_port *port, enum hd_guard guard,
			   struct hd_pkt **pkts, uint16_t n);

/* ---- Control thread ---- */

/* What a PMD's cache has done and holds. Counters since the PMD's start. */
struct hd_cache_stats {
	uint64_t lookups, hits;
	uint64_t revalidated; /* hits of an older version that the change log found untouched */
	uint64_t misses;      /* packets that the translator saw */
	uint64_t evictions;   /* entries replaced by others while still valid */
	uint64_t flushes;     /* times that everything was forgotten: ports changed, programs' memory full */
	uint32_t entries;     /* in use, valid or not */
	uint32_t capacity;
	uint32_t programs;
	uint64_t bytes; /* of memory: entries, signatures, programs */
};
void hd_pipeline_cache_stats(const struct hd_pmd *pmd, struct hd_cache_stats *stats);

enum hd_trace_kind {
	HD_TRACE_RULE,   /* table, rule (NULL: no rule matches) */
	HD_TRACE_ACTION, /* action is about to be carried out */
	HD_TRACE_OUTPUT, /* port: id of the snapshot's */
	HD_TRACE_FLOOD,  /* port: one of those it is flooded to */
	HD_TRACE_DROP,   /* reason */
	HD_TRACE_CT,     /* key: with the ct_* fields that it goes on with */
	HD_TRACE_BUCKET, /* group's bucket, by index in `port` */
	HD_TRACE_NORMAL, /* the bridge decides: vlan in `port` */
	HD_TRACE_LEARN,
};

struct hd_trace_step {
	enum hd_trace_kind kind;
	unsigned int depth; /* of resubmits and groups */
	uint8_t table;
	const struct hd_rule *rule;
	const struct hd_action *action;
	uint16_t port;
	enum hd_drop reason;
	const struct hd_key *key; /* as it is at this step */
};

struct hd_trace {
	void (*step)(void *context, const struct hd_trace_step *step);
	void *context;
	const uint8_t *ct_next; /* ct_state that each ct action in turn finds; after n_ct_next: trk,new */
	unsigned int n_ct_next;
};

/*
 * The way of an imagined packet that comes in by `in`. Nothing is changed: no counter, no connection, nothing learnt,
 * no meter. Between two snapshots, on the control thread. Returns 0 or -ENOMEM.
 */
int hd_pipeline_trace(const struct hd_snapshot *snapshot, const struct hd_snapshot_port *in, const struct hd_key *key,
		      const struct hd_trace *trace);

#endif
