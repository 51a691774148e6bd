/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows, groups and meters as text, in the syntax of ovs-ofctl(8), ovs-fields(7) and ovs-actions(7); and back.
 *
 * What is written can be read again and means the same. Where Heddle differs, docs/flows.md has a table and the error
 * says so. Errors name the column (1 is the first character of the text) and what stands there. Control thread; no
 * state of their own; time in proportion to the text's length.
 */
#ifndef HD_FLOW_TEXT_H
#define HD_FLOW_TEXT_H

#include <stddef.h>

#include "flow/tables.h"

/* How ports are called; NULL instead of one: by number only. Numbers (1..HD_OFPORT_MAX) are read as ofports if `port`
 * knows them by that text. */
struct hd_flow_names {
	/* Its ofport, or HD_OFPORT_NONE. Quotes around the name are gone. */
	uint16_t (*port)(void *context, const char *name, size_t length);
	const char *(*name)(void *context, uint16_t ofport); /* or NULL: written as a number */
	void *context;
};

#define HD_FLOW_TEXT_MAX 65536u /* bytes of one flow */
#define HD_FLOW_ERROR_MAX 384

struct hd_flow_error {
	size_t column;                /* 1.. */
	char text[HD_FLOW_ERROR_MAX]; /* "unknown field tp_dts (did you mean tp_dst?)"; without column */
};

/*
 * "table=0,priority=100,tcp,tp_dst=80,actions=output:vm2", or in `command` MODIFY and DELETE the forms that
 * `ovs-ofctl mod-flows` and `del-flows` take (cookie=1/-1, out_port=vm2; no actions for DELETE; empty: everything).
 * Without table=, any_table is set but for ADD. An empty list of actions is one DROP.
 * Returns 0 and *mod (its actions are the caller's, hd_actions_free), -EINVAL and the error, or -ENOMEM.
 */
int hd_flow_parse(const char *text, size_t length, enum hd_mod_command command, const struct hd_flow_names *names,
		  struct hd_flow_mod *mod, struct hd_flow_error *error);
/* Only a match ("in_port=vm1,tcp,nw_src=10.0.0.1"), as trace and filters take it. */
int hd_flow_parse_match(const char *text, size_t length, const struct hd_flow_names *names, struct hd_match *match,
			struct hd_flow_error *error);
/* "group_id=1,type=select,bucket=weight:10,actions=output:vm1,bucket=..." */
int hd_flow_parse_group(const char *text, size_t length, const struct hd_flow_names *names, struct hd_group **group,
			struct hd_flow_error *error);
/* "meter=1,pktps,burst,band=type=drop,rate=1000,burst_size=100" or "meter=1,kbps,..." */
int hd_flow_parse_meter(const char *text, size_t length, struct hd_meter_conf *conf, struct hd_flow_error *error);

/* A growing text: zero it to begin, free text.data at the end. Allocation failure is remembered in `failed`. */
struct hd_text {
	char *data; /* always ends with NUL, once something was added */
	size_t length, room;
	bool failed;
};
void hd_text_add(struct hd_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hd_text_clear(struct hd_text *text);

/*
 * The canonical text: "table=1,priority=5,ip,nw_dst=10.0.0.0/8 actions=drop"; table 0 and priority 32768 left out. What
 * is about the change and not the rule (check_overlap, reset_counts) is not in it.
 */
void hd_flow_format(struct hd_text *text, const struct hd_rule_spec *spec, const struct hd_flow_names *names);
void hd_flow_format_match(struct hd_text *text, const struct hd_match *match, const struct hd_flow_names *names);
void hd_flow_format_actions(struct hd_text *text, const struct hd_actions *actions, const struct hd_flow_names *names);
void hd_flow_format_action(struct hd_text *text, const struct hd_action *action, const struct hd_flow_names *names);
void hd_flow_format_group(struct hd_text *text, const struct hd_group *group, const struct hd_flow_names *names);
void hd_flow_format_meter(struct hd_text *text, const struct hd_meter_conf *conf);

#endif
