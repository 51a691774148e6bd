/* SPDX-License-Identifier: BSD-3-Clause */
/* What a PMD has for bridges with flow tables: cache, programs, and room to work. The PMD's own. */
#ifndef HD_FLOW_STATE_H
#define HD_FLOW_STATE_H

#include "cache.h"
#include "lesson.h"
#include "run.h"
#include "translate.h"

#define HD_PROGRAMS_BYTES ((size_t)8 << 20)

/* Classes of packets: which words of the key can be other than zero. */
enum hd_class { HD_CLASS_OTHER, HD_CLASS_ARP, HD_CLASS_IPV4, HD_CLASS_IPV6, HD_CLASSES };

/* The words of a class that a shape looks at. */
struct hd_layout {
	uint8_t n;
	uint8_t word[HD_KEY_PACKET_WORDS];
	uint64_t mask[HD_KEY_PACKET_WORDS];
};

/* A bridge as this PMD last saw it. */
struct hd_flow_bridge {
	const struct hd_tables *tables;
	uint64_t version;
	uint64_t shape;      /* serial; 0: none yet */
	uint64_t valid_from; /* version: older entries have another shape */
	bool far;            /* keys of some class need second lines */
	struct hd_layout layout[HD_CLASSES];
};

/* Which tables a packet passes: a bridge's guard, its flow tables, its other guard. */
enum hd_pass { HD_PASS_FLOWS, HD_PASS_IN, HD_PASS_OUT, HD_PASSES };

/* Room for one translation. Packets leave, past a guard, while another is under way: so there are two. */
struct hd_flow_scratch {
	struct hd_draft draft;
	struct hd_translation translation;
	struct hd_onward onward;
};

struct hd_flow_state {
	uint64_t snapshot; /* serial of the snapshot that bridge[] and all entries are of */
	uint64_t fold;     /* the last fold that was asked for and done */
	struct hd_cache cache;
	struct hd_programs programs;
	struct hd_flow_bridge bridge[HD_BRIDGES_MAX][HD_PASSES]; /* by place in the snapshot */
	struct hd_saved saved[HD_RUN_SAVES + 1];
	struct hd_flow_scratch scratch[2]; /* of what comes in, of what leaves */
	struct hd_lessons lessons;
};

struct hd_flow_state *hd_flow_state_create(void);        /* NULL if out of memory */
void hd_flow_state_destroy(struct hd_flow_state *state); /* accepts NULL */

/* PMD, between bursts: another snapshot, a fold that was asked for, larger tables. */
void hd_flow_state_round(struct hd_pmd *pmd);
/* PMD: the tables of a pass through the bridge, and what this PMD knows of them, brought up to date. */
struct hd_flow_bridge *hd_flow_state_bridge(struct hd_pmd *pmd, const struct hd_snapshot_bridge *bridge,
					    enum hd_pass pass);

#endif
