/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the flow tables share: tables.c (life, queries), tables_change.c (one change: all or nothing),
 * tables_mod.c and tables_replace.c (what to change), tables_expire.c, shape.c, group_store.c, meter_store.c.
 *
 * A CHANGE. begin; add, remove and replace rules as often as needed, each seeing what the former ones did; then commit
 * or abort. Added rules are linked at once, with a version that is not published yet; removed ones are only marked.
 * What can fail happens before the first thing that PMDs may notice: commit allocates all it needs, then publishes
 * tuple arrays, shape, groups and meters, the log's entry, and last the version.
 */
#ifndef HD_FLOW_TABLES_PRIVATE_H
#define HD_FLOW_TABLES_PRIVATE_H

#include "cells.h"
#include "change_log.h"
#include "classifier.h"
#include "counted_mask.h"
#include "effects.h"
#include "id_map.h"

/* A list of actions with all the rules that carry it out. Control thread. */
struct hd_shared_actions {
	uint32_t users;
	struct hd_actions *actions;     /* NULL: given back, as the change was refused */
	struct hd_actions **origin;     /* where the caller has it, while the change is at work */
	struct hd_shared_actions *next; /* of the same change */
};

struct hd_shape_published {
	struct hd_shape shape; /* first */
	struct hd_retired retired;
};

struct hd_tables {
	/* Writer: control. Readers: PMDs. */
	_Atomic uint64_t version;
	_Atomic(struct hd_shape_published *) shape;
	_Atomic bool plain;
	struct hd_cells cells;
	struct hd_id_map groups, meters;
	struct hd_change_log log;
	struct hd_classifier classifier;

	/* Control. */
	struct hd_retire_queue queue;
	uint64_t tsc_hz;
	struct hd_rule_node **rules; /* in force */
	uint32_t n_rules, capacity;
	uint32_t n_nodes; /* with those that wait for a grace period */
	struct hd_rule_list timeouts;
	uint64_t n_replaces; /* numbers hd_tables_replace's runs */
	/* Of actions of rules in force and of groups. */
	struct hd_counted_mask reads, writes;
	uint32_t n_tracks, n_reenters;
	uint64_t shrink_since; /* TSC since when the shape could be smaller, 0: it could not */
};

struct hd_change {
	struct hd_tables *tables;
	uint64_t version;
	struct hd_rule_node *added, *removed; /* latest first */
	struct hd_shared_actions *shared;
	struct hd_key needs; /* of the shape, for what is added */
	/* Before the change. */
	struct hd_key writes;
	uint32_t n_reenters;
	struct hd_change_notes notes;
	/* Of groups or meters to publish with it, if not NULL. */
	struct hd_id_map *map;
	struct hd_id_array *array;
	struct hd_mod_result *result; /* counts and reason; never NULL */
};

/* ---- tables_change.c ---- */

/* Zeroes the result. */
void hd_change_begin(struct hd_change *change, struct hd_tables *tables, struct hd_mod_result *result);
/* Hold *origin's actions for the rules of this change; on success the first use is counted. NULL if out of memory. */
struct hd_shared_actions *hd_change_share(struct hd_change *change, struct hd_actions **origin);
/* Add a rule, in place of `former` if that is not NULL: it keeps counters (unless spec->reset_counts). -ENOMEM... */
int hd_change_add(struct hd_change *change, const struct hd_rule_spec *spec, struct hd_shared_actions *shared,
		  struct hd_rule_node *former);
/* As hd_change_add for the spec of the former with other actions, cookie and so on; keeps its creation time too. */
int hd_change_modify(struct hd_change *change, const struct hd_rule_spec *spec, struct hd_shared_actions *shared,
		     struct hd_rule_node *former);
void hd_change_remove(struct hd_change *change, struct hd_rule_node *node);
/* All rules whose actions name this group or meter (UINT32_MAX: any). */
void hd_change_remove_users(struct hd_change *change, enum hd_action_type type, uint32_t id);
/* What a group's or rule's actions look at and change counts from now on (or no more). */
void hd_change_count(struct hd_change *change, const struct hd_effects *effects);
void hd_change_discount(struct hd_change *change, const struct hd_effects *effects);
/* Returns 0, or -ENOMEM: then it was aborted. */
int hd_change_commit(struct hd_change *change);
void hd_change_abort(struct hd_change *change);
/* End with `ret`: commit if it is 0, else abort and return it. */
int hd_change_end(struct hd_change *change, int ret);

/* Retired rules have passed their first grace period: unlink; the second one: free. */
void hd_rule_node_free(struct hd_tables *tables, struct hd_rule_node *node);

/* ---- tables_mod.c ---- */

/* Do all groups and meters that the actions name exist? Returns 0 or -ENOENT with a reason. */
int hd_tables_check_actions(const struct hd_tables *tables, const struct hd_actions *actions, const char **reason);
/* Table and mask are in order; key bits outside the mask are made zero. Returns 0 or -EINVAL with a reason. */
int hd_tables_check_spec(struct hd_rule_spec *spec, const char **reason);

/* ---- shape.c ---- */

/* The shape before there are rules. NULL if out of memory. */
struct hd_shape_published *hd_shape_create(const struct hd_key *mask, bool tracks);
/* A shape with what the change needs besides, or NULL with *ret 0 (not needed) or -ENOMEM. */
struct hd_shape_published *hd_shape_grown(const struct hd_tables *tables, const struct hd_key *needs, int *ret);
void hd_shape_publish(struct hd_tables *tables, struct hd_shape_published *shape);
/* Publish a smaller one if it could have been smaller for some seconds. */
void hd_shape_shrink(struct hd_tables *tables, uint64_t now);

static inline const struct hd_shape *hd_shape_of(const struct hd_tables *tables)
{
	/* Pairs with the release in hd_shape_publish. */
	return &atomic_load_explicit(&tables->shape, memory_order_acquire)->shape;
}

#endif
