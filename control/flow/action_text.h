/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a list of actions. The list knows what the flow matches, so that an action on a field that a packet may not
 * have is refused, and what it has done to the VLAN tag so far.
 */
#ifndef HD_FLOW_ACTION_TEXT_H
#define HD_FLOW_ACTION_TEXT_H

#include "scan.h"

enum hd_list_kind {
	HD_LIST_FLOW,
	HD_LIST_BUCKET, /* ends at the next "bucket=" */
	HD_LIST_EXEC,   /* in ct(exec()) */
};

enum hd_list_vlan {
	HD_LIST_VLAN_UNKNOWN,
	HD_LIST_VLAN_NONE,
	HD_LIST_VLAN_TAGGED,
};

struct hd_list {
	enum hd_list_kind kind;
	const struct hd_match *match; /* NULL: not known, so what fields need is not checked */
	int table;                    /* the flow's, -1: not known */
	enum hd_list_vlan vlan;
	const char *last; /* an action that nothing may follow, or NULL */
	struct hd_actions *actions;
	uint32_t room;
};

/*
 * Reads to the scan's end (or bucket=). 0 and list->actions, never empty (an empty list reads as drop, but in exec);
 * or -EINVAL and the error, or -ENOMEM: list->actions is NULL then.
 */
int hd_list_parse(struct hd_list *list, struct hd_scan *scan);
/* One more action, zeroed but for its type, or NULL: out of memory. */
struct hd_action *hd_list_add(struct hd_list *list, enum hd_action_type type);

/* One action of a kind: 0, -EINVAL and the error, or -ENOMEM. `arg` is the table's. */
typedef int hd_action_reader(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg);

hd_action_reader hd_read_set_field, hd_read_load, hd_read_move, hd_read_push, hd_read_pop;
hd_action_reader hd_read_mod;       /* arg: field */
hd_action_reader hd_read_mod_vlan;  /* arg: HD_FIELD_VLAN_VID or PCP */
hd_action_reader hd_read_push_vlan; /* push_vlan */
hd_action_reader hd_read_pop_vlan;
hd_action_reader hd_read_metadata; /* write_metadata */
hd_action_reader hd_read_ct, hd_read_learn;

/*
 * May the list read (or write) this field here? Replaces tp_src and tp_dst by the protocol's own. 0, or -EINVAL and the
 * error at `where`.
 */
int hd_list_check(const struct hd_list *list, const struct hd_scan *scan, const char *where, uint16_t *field,
		  bool write);
/* "reg0[0..15]", checked for reading. */
int hd_list_source(const struct hd_list *list, const struct hd_scan *scan, struct hd_word word, bool bare,
		   struct hd_subfield *sub);

#endif
