/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of fields: names as in ovs-fields(7), where they are in a key, what they need, what may be done to
 * them. Parser, formatter, set-field, trace and documentation walk it. Constant data: any thread. No DPDK.
 */
#ifndef HD_FLOW_FIELD_H
#define HD_FLOW_FIELD_H

#include "key.h"

typedef unsigned __int128 hd_u128;

/* What must be matched exactly for a field to mean anything. */
enum hd_prereq {
	HD_PRE_NONE,
	HD_PRE_VLAN, /* a tag */
	HD_PRE_ARP,
	HD_PRE_IPV4,
	HD_PRE_IPV6,
	HD_PRE_IP, /* either */
	HD_PRE_TCP,
	HD_PRE_UDP,
	HD_PRE_SCTP,
	HD_PRE_L4, /* TCP, UDP or SCTP */
	HD_PRE_ICMP4,
	HD_PRE_ICMP6,
	HD_PRE_ND,    /* neighbour solicitation or advertisement */
	HD_PRE_ND_NS, /* solicitation */
	HD_PRE_ND_NA, /* advertisement */
};

/* How a value is written. */
enum hd_field_form {
	HD_FORM_DECIMAL,
	HD_FORM_HEX,
	HD_FORM_MAC,
	HD_FORM_IPV4,
	HD_FORM_IPV6,
	HD_FORM_PORT,
	HD_FORM_FRAG,
	HD_FORM_TCP_FLAGS,
	HD_FORM_CT_STATE,
};

enum hd_field_id {
	HD_FIELD_IN_PORT,
	HD_FIELD_ETH_SRC,
	HD_FIELD_ETH_DST,
	HD_FIELD_ETH_TYPE,
	HD_FIELD_VLAN_TCI,
	HD_FIELD_VLAN_VID,
	HD_FIELD_VLAN_PCP,
	HD_FIELD_VLAN_TCI2, /* Heddle's own: the inner tag */
	HD_FIELD_VLAN_VID2,
	HD_FIELD_VLAN_PCP2,
	HD_FIELD_IPV4_SRC,
	HD_FIELD_IPV4_DST,
	HD_FIELD_IPV6_SRC,
	HD_FIELD_IPV6_DST,
	HD_FIELD_IPV6_LABEL,
	HD_FIELD_IP_PROTO,
	HD_FIELD_IP_TOS, /* nw_tos: 8 bits of which the upper 6 */
	HD_FIELD_IP_DSCP,
	HD_FIELD_IP_ECN,
	HD_FIELD_IP_TTL,
	HD_FIELD_IP_FRAG,
	HD_FIELD_ARP_OP,
	HD_FIELD_ARP_SPA,
	HD_FIELD_ARP_TPA,
	HD_FIELD_ARP_SHA,
	HD_FIELD_ARP_THA,
	HD_FIELD_TCP_SRC,
	HD_FIELD_TCP_DST,
	HD_FIELD_TCP_FLAGS,
	HD_FIELD_UDP_SRC,
	HD_FIELD_UDP_DST,
	HD_FIELD_SCTP_SRC,
	HD_FIELD_SCTP_DST,
	HD_FIELD_TP_SRC, /* tp_src, tp_dst: of whatever L4 protocol is matched */
	HD_FIELD_TP_DST,
	HD_FIELD_ICMP_TYPE,
	HD_FIELD_ICMP_CODE,
	HD_FIELD_ICMP6_TYPE,
	HD_FIELD_ICMP6_CODE,
	HD_FIELD_ND_TARGET,
	HD_FIELD_ND_SLL,
	HD_FIELD_ND_TLL,
	HD_FIELD_CT_STATE,
	HD_FIELD_CT_ZONE,
	HD_FIELD_CT_MARK,
	HD_FIELD_CT_LABEL,
	HD_FIELD_METADATA,
	HD_FIELD_REG0, /* .. REG0 + 15 */
	HD_FIELD_REG15 = HD_FIELD_REG0 + 15,
	HD_FIELD_XREG0, /* .. XREG0 + 7: pairs of registers, the even one on top */
	HD_FIELD_XREG7 = HD_FIELD_XREG0 + 7,
	HD_FIELD_XXREG0, /* .. XXREG0 + 3: fours, the first on top */
	HD_FIELD_XXREG3 = HD_FIELD_XXREG0 + 3,
	HD_FIELD_COUNT,
};

struct hd_field {
	const char *name;    /* as Heddle writes it */
	const char *alias;   /* other names that it reads, separated by spaces; may be NULL */
	const char *nxm;     /* NXM_ and OXM_ names that load, move and learn use, separated by spaces; may be NULL */
	uint8_t offset;      /* of the first byte in struct hd_key that holds it */
	uint8_t n_bytes;     /* that hold it */
	uint8_t shift, bits; /* within those bytes, read as one big-endian (or host_order) number */
	bool host_order;     /* one number of 1, 2, 4 or 8 bytes in host order (registers: see hd_field_get) */
	bool maskable, writable;
	enum hd_prereq prereq;
	enum hd_field_form form;
};

extern const struct hd_field hd_fields[HD_FIELD_COUNT];

/* By any of its names, or -1. */
int hd_field_find(const char *name, size_t length);

/* A field of a key (or of a mask) as a number, right-aligned; and back: other bits of the key stay. */
hd_u128 hd_field_get(const struct hd_key *key, enum hd_field_id field);
void hd_field_set(struct hd_key *key, enum hd_field_id field, hd_u128 value);

/* All ones of the field's width. */
hd_u128 hd_field_mask(enum hd_field_id field);

/* Does the match fix what the field needs? */
bool hd_field_prereq_met(enum hd_field_id field, const struct hd_match *match);
/* "tcp or tcp6", for messages. */
const char *hd_prereq_text(enum hd_prereq prereq);

/* n_bits of a field, from bit ofs on; reg0[3..7] has ofs 3 and n_bits 5. */
struct hd_subfield {
	uint16_t field; /* enum hd_field_id */
	uint8_t ofs, n_bits;
};

hd_u128 hd_subfield_get(const struct hd_key *key, const struct hd_subfield *sub);
void hd_subfield_set(struct hd_key *key, const struct hd_subfield *sub, hd_u128 value);

#endif
