/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bridge's flow tables: rules, groups and meters, changed by the control thread while PMDs look them up.
 *
 * VERSIONS. A change, of however many rules, applies whole: it makes one new version. Rules say in which versions they
 * are there (added <= v < removed). A PMD loads the version once a burst and looks up with it, so it sees all of a
 * change or nothing. Rules that are gone are unlinked and freed after a grace period that nobody waits for
 * (hd_tables_reclaim).
 *
 * WHAT RULES LOOK AT. `shape` is the union of the masks of all rules and of what actions read (move, select groups,
 * ct): what a packet's fate can depend on. PMDs' flow caches key on it. It grows at once when a change needs it (and is
 * published with the change, before the version: load the version first, then the shape), and shrinks, some seconds
 * later and when no PMD uses a former version any more, by hd_tables_expire.
 *
 * CHANGE LOG. For each of the last HD_CHANGES versions: the matches that were added, removed or changed, with all that
 * actions may have rewritten before table n > 0 left out (wildcards; of table 0 as well if anything can lead back to
 * it), so that a cached flow which agrees with none of them is as good as ever: hd_tables_untouched. A version that
 * changed many rules, a group or a meter, or made more rewritable, is said to have touched everything.
 *
 * HIDDEN RULES are a world of their own: a mod sees only rules whose `hidden` is as its own, so rules of both kinds may
 * have the same match and priority; then the hidden one wins.
 *
 * THREADS. "Control": one thread. "PMD": any registered PMD thread, between two quiescent states.
 */
#ifndef HD_FLOW_TABLES_H
#define HD_FLOW_TABLES_H

#include <stdatomic.h>

#include <heddle/limits.h>

#include "action.h"
#include "group.h"
#include "meter.h"

#define HD_TABLES 255 /* 0..254 */
#define HD_CHANGES 64 /* versions that the change log remembers; a power of two */
#define HD_RULES_MAX 4194304u

struct rte_rcu_qsbr;

/* What a rule is, apart from its place in a bridge. */
struct hd_rule_spec {
	uint8_t table;
	uint16_t priority;
	uint16_t idle_timeout, hard_timeout; /* seconds, 0: none */
	uint64_t cookie;
	bool check_overlap; /* refuse if a rule of the same priority may match the same packet */
	bool reset_counts;  /* an add that replaces, or a modify, zeroes counters (they are kept otherwise) */
	bool hidden;        /* compiled by the switch (port security, ACLs): shown on request, not saved */
	struct hd_match match;
	struct hd_actions *actions; /* never NULL */
};

/* What a rule has seen, of one PMD. Writer: that PMD, or the control thread while no version has the rule. */
struct hd_rule_cell {
	uint64_t packets, bytes;
	uint64_t used; /* TSC of the last packet, 0: none */
};

struct hd_rule {
	struct hd_rule_spec spec;
	_Atomic uint64_t added, removed; /* versions; removed: UINT64_MAX while it stays. Writer: control */
	uint32_t slot;                   /* of its counters */
	uint64_t created;                /* TSC */
	uint64_t modified;               /* TSC, for hard timeouts */
	/* Of the same table and match, by falling priority. Writer: control (release); pairs with lookups' acquire. */
	_Atomic(struct hd_rule *) next;
};

struct hd_rule_stats {
	uint64_t packets, bytes;
	uint64_t used; /* TSC, 0: never */
};

/* What packets' fates can depend on. Immutable; replaced after a grace period. */
struct hd_shape {
	uint64_t serial; /* unique: cached flows of another shape are void */
	struct hd_key mask;
	bool tracks; /* some rule uses ct: the mask has addresses, ports, protocol and fragments then */
};

enum hd_mod_command {
	HD_MOD_ADD, /* replaces a rule of the same table, priority and match */
	/* Actions of all rules that the match covers, and the cookie if cookie_mask is 0 and it is not; adds nothing.
	 * Timeouts and age stay. */
	HD_MOD_MODIFY,
	HD_MOD_MODIFY_STRICT, /* of the rule with this priority and match */
	HD_MOD_DELETE,
	HD_MOD_DELETE_STRICT,
};

struct hd_flow_mod {
	enum hd_mod_command command;
	bool any_table;           /* modify, delete: of all tables */
	uint64_t cookie_mask;     /* modify, delete: only rules whose cookie agrees under it */
	uint16_t out_port;        /* delete: only rules that output there; HD_OFPORT_NONE: whatever */
	struct hd_rule_spec spec; /* modify, delete: actions may be NULL for delete */
};

struct hd_mod_result {
	uint32_t added, modified, removed; /* rules; modified: also those that an add replaced */
	size_t failed;                     /* which of the mods, when refused */
	const char *reason; /* why: constant text; overlap, too many rules, no such group or meter, group loop... */
};

struct hd_tables;

/* ---- Control ---- */

/* `rcu` is the data path's: grace periods are asked of it. `tsc_hz` is the clock's. NULL if out of memory. */
struct hd_tables *hd_tables_create(struct rte_rcu_qsbr *rcu, unsigned int n_pmds, uint64_t tsc_hz);
void hd_tables_destroy(struct hd_tables *tables); /* no snapshot has it; accepts NULL */

/*
 * Carry out `n` mods as one change. Actions of specs that were taken over are set to NULL in `mods` (of those refused
 * they stay the caller's, and so do those of modifies that met no rule). Each mod sees what those before it did.
 * Returns 0, or -errno with *result saying which and why: then nothing was changed. -EEXIST overlap, -ENOSPC too many
 * rules, -ENOENT no such group or meter, -EINVAL no such table, -ENOMEM. If no rule was met there is no new version.
 */
int hd_tables_apply(struct hd_tables *tables, struct hd_flow_mod *mods, size_t n, struct hd_mod_result *result);
/*
 * Make `specs` the rules there are (hidden ones: those whose `hidden` is as given), touching only what differs:
 * counters and ages of the others stay. As one change. Taken-over actions are set to NULL.
 */
int hd_tables_replace(struct hd_tables *tables, bool hidden, struct hd_rule_spec *specs, size_t n,
		      struct hd_mod_result *result);

/*
 * Groups and meters; rules name them by id. add: -EEXIST; mod: -ENOENT; both: -ELOOP groups refer to each other in a
 * circle. del of one that rules use: rules using it go too (as OpenFlow says); -EBUSY if another group's bucket names
 * it (OpenFlow's "chained group"). The group is taken over on success. meter_set: -EEXIST, or -ENOENT with `replace`,
 * -EINVAL; a meter that replaces another goes on with its statistics.
 */
int hd_tables_group_add(struct hd_tables *tables, struct hd_group *group, struct hd_mod_result *result);
int hd_tables_group_mod(struct hd_tables *tables, struct hd_group *group, struct hd_mod_result *result);
int hd_tables_group_del(struct hd_tables *tables, uint32_t id, struct hd_mod_result *result);  /* UINT32_MAX: all */
const struct hd_group *hd_tables_group_next(const struct hd_tables *tables, uint32_t *cursor); /* by id; start at 0 */
int hd_tables_meter_set(struct hd_tables *tables, const struct hd_meter_conf *conf, bool replace);
int hd_tables_meter_del(struct hd_tables *tables, uint32_t id, struct hd_mod_result *result); /* 0: all */
struct hd_meter *hd_tables_meter_next(const struct hd_tables *tables, uint32_t *cursor);

/* Rules in force, in no useful order; *cursor starts at 0. NULL at the end. Valid until the next change. */
const struct hd_rule *hd_tables_next(const struct hd_tables *tables, uint32_t *cursor);
uint32_t hd_tables_count(const struct hd_tables *tables);
/* Sums over PMDs, exact once PMDs have folded (hd_dataplane_fold). */
void hd_tables_stats(const struct hd_tables *tables, const struct hd_rule *rule, struct hd_rule_stats *stats);

/*
 * Remove rules whose idle or hard timeout has passed at TSC `now`; shrink the shape if it is time. A few times a
 * second, after a fold. Returns rules removed. `expired` (may be NULL) is called for each first.
 */
uint32_t hd_tables_expire(struct hd_tables *tables, uint64_t now,
			  void (*expired)(void *context, const struct hd_rule *rule, bool idle), void *context);
/* Free what no PMD can see any more; never waits. */
void hd_tables_reclaim(struct hd_tables *tables);

/*
 * A rule that is just like `spec`, if there is one, counts its timeouts from now on. True if there is; what is asked
 * often costs no version then.
 */
bool hd_tables_refresh(struct hd_tables *tables, const struct hd_rule_spec *spec);

struct hd_tables_usage {
	uint32_t rules, tuples[HD_TABLES];
	uint64_t bytes; /* of memory, rules and hash tables */
};
void hd_tables_usage(const struct hd_tables *tables, struct hd_tables_usage *usage);

/* ---- PMD (and control) ---- */

/* True if all there is is a table 0 of one catch-all NORMAL rule: a plain bridge. */
bool hd_tables_plain(const struct hd_tables *tables);
/* The version to look up with; acquire. */
uint64_t hd_tables_version(const struct hd_tables *tables);
const struct hd_shape *hd_tables_shape(const struct hd_tables *tables);
/* The rule of highest priority in `table` that matches, or NULL. */
const struct hd_rule *hd_tables_lookup(const struct hd_tables *tables, uint64_t version, uint8_t table,
				       const struct hd_key *key);
const struct hd_group *hd_tables_group(const struct hd_tables *tables, uint32_t id);
struct hd_meter *hd_tables_meter(const struct hd_tables *tables, uint32_t id);
/* Where PMD `pmd` counts for the rule. The memory lives as long as the tables. */
struct hd_rule_cell *hd_tables_cell(const struct hd_tables *tables, const struct hd_rule *rule, uint16_t pmd);
/*
 * Is what was decided about packets with this key (masked with the shape; packet words only) in version `since` still
 * right in version `now`? False also if the log does not reach back.
 */
bool hd_tables_untouched(const struct hd_tables *tables, uint64_t since, uint64_t now, const struct hd_key *key);

#endif
