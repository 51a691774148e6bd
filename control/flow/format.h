/* SPDX-License-Identifier: BSD-3-Clause */
/* What the writers of flows, matches and actions share. */
#ifndef HD_FLOW_FORMAT_H
#define HD_FLOW_FORMAT_H

#include "flow/field.h"
#include "text.h"

/* Is it `first`? Else a comma, before the next term. */
void hd_text_comma(struct hd_text *text, bool *first);
void hd_text_hex(struct hd_text *text, hd_u128 number);
/* A port's name, in quotes where it would be read as something else, or its number. */
void hd_text_port(struct hd_text *text, const struct hd_flow_names *names, uint16_t ofport);
/* Does it have a name that can be read back? */
bool hd_text_port_named(const struct hd_flow_names *names, uint16_t ofport);
/* A value as the field's form is, with "/MASK" if the mask is not all ones. */
void hd_text_value(struct hd_text *text, const struct hd_flow_names *names, enum hd_field_id field,
		   const hd_u128 bits[2]);
/* "reg0[0..15]" */
void hd_text_subfield(struct hd_text *text, const struct hd_subfield *sub);

/* The terms of a match; *first as for hd_text_comma. */
void hd_text_match(struct hd_text *text, const struct hd_match *match, const struct hd_flow_names *names, bool *first);

void hd_text_ct(struct hd_text *text, const struct hd_ct_action *ct, const struct hd_flow_names *names);
void hd_text_learn(struct hd_text *text, const struct hd_learn *learn, const struct hd_flow_names *names);

#endif
