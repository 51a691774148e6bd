/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What rules do: a list of actions in the order in which they are carried out, as ovs-actions(7) describes them.
 *
 * Built by the control thread, then immutable and shared with PMDs; freed after a grace period. No DPDK.
 */
#ifndef HD_FLOW_ACTION_H
#define HD_FLOW_ACTION_H

#include "field.h"

enum hd_action_type {
	HD_ACT_OUTPUT,     /* output */
	HD_ACT_OUTPUT_REG, /* src: the ofport's number */
	HD_ACT_NORMAL,
	HD_ACT_FLOOD, /* all ports of the bridge that flooding reaches, but the input port */
	HD_ACT_ALL,   /* as FLOOD */
	HD_ACT_IN_PORT,
	HD_ACT_DROP,       /* written out; carried out as nothing */
	HD_ACT_CONTROLLER, /* punt to the bridge's exception port; output.max_len */
	HD_ACT_SET,        /* set; vlan_tci with bit 0x1000 in the mask: the bit adds a tag (0x8100) or removes it */
	HD_ACT_MOVE,       /* src, dst */
	HD_ACT_PUSH_VLAN,  /* ethertype */
	HD_ACT_POP_VLAN,
	HD_ACT_DEC_TTL,
	HD_ACT_RESUBMIT, /* resubmit */
	HD_ACT_GOTO,     /* table */
	HD_ACT_GROUP,    /* id */
	HD_ACT_METER,    /* id */
	HD_ACT_CT,       /* ct */
	HD_ACT_CT_CLEAR,
	HD_ACT_LEARN,      /* learn */
	HD_ACT_STACK_PUSH, /* src */
	HD_ACT_STACK_POP,  /* dst */
	HD_ACT_PASS,       /* of the switch's own rules in guards: the packet goes on */
	HD_ACT_BLAME,      /* the same: what it is dropped for if it does not; id: enum hd_drop */
	HD_ACT_COUNT,
};

struct hd_actions;

#define HD_NAT_SRC 0x01
#define HD_NAT_DST 0x02
#define HD_NAT_RANDOM 0x04
#define HD_NAT_PERSISTENT 0x08

struct hd_nat {
	uint8_t flags;  /* HD_NAT_*; neither SRC nor DST: only translate as the connection has it (bare "nat") */
	uint8_t family; /* 0: none given, 4, 6 */
	uint8_t min[16], max[16];    /* addresses, IPv4 in the first four bytes, network order; min <= max */
	uint16_t port_min, port_max; /* host order; 0, 0: any */
};

#define HD_CT_ACT_COMMIT 0x01
#define HD_CT_ACT_FORCE 0x02
#define HD_CT_ACT_NAT 0x04 /* nat is given */

struct hd_ct_action {
	uint8_t flags;
	bool has_table;
	uint8_t table; /* where the tracked packet goes on, if has_table */
	uint16_t zone; /* if zone_src.n_bits is 0 */
	struct hd_subfield zone_src;
	uint16_t alg_port; /* refused by the parser unless 0 */
	struct hd_nat nat;
	struct hd_actions *exec; /* SET and MOVE to ct_mark and ct_label, or NULL */
};

/* learn(): what a new rule gets from the packet. */
enum hd_learn_kind {
	HD_LEARN_MATCH_FIELD,
	HD_LEARN_MATCH_VALUE,
	HD_LEARN_LOAD_FIELD,
	HD_LEARN_LOAD_VALUE,
	HD_LEARN_OUTPUT
};

struct hd_learn_spec {
	enum hd_learn_kind kind;
	struct hd_subfield src, dst;
	hd_u128 value;
};

#define HD_LEARN_SPECS_MAX 16 /* of one learn() */

struct hd_learn {
	uint8_t table;
	uint16_t priority, idle_timeout, hard_timeout;
	uint64_t cookie;
	uint32_t limit; /* rules of this cookie in the table, 0: none */
	bool delete_learned;
	uint32_t n_specs;
	struct hd_learn_spec spec[];
};

struct hd_action {
	enum hd_action_type type;
	union {
		struct {
			uint16_t ofport;
			uint16_t max_len; /* bytes, 0: all */
		} output;
		struct {
			hd_u128 value, mask; /* of the field; mask: the bits that are set */
			uint16_t field;
		} set;
		struct {
			struct hd_subfield src, dst;
		} move;
		struct hd_subfield src, dst;
		uint16_t ethertype; /* host order: 0x8100 or 0x88a8 */
		struct {
			uint16_t ofport; /* the packet's in_port meanwhile; HD_OFPORT_NONE: as it is */
			uint8_t table;
		} resubmit;
		uint8_t table;
		uint32_t id;
		struct hd_ct_action *ct;
		struct hd_learn *learn;
	};
};

struct hd_actions {
	uint32_t n;
	struct hd_action action[];
};

/* Frees what it points to as well. Accepts NULL. */
void hd_actions_free(struct hd_actions *actions);
bool hd_actions_equal(const struct hd_actions *a, const struct hd_actions *b);
/* Does any action, or learn's output, or resubmit's in_port, name this ofport? */
bool hd_actions_name_port(const struct hd_actions *actions, uint16_t ofport);

#endif
