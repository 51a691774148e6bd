/* SPDX-License-Identifier: BSD-3-Clause */
/* What the translator's files share; nobody else's. */
#ifndef HD_FLOW_TRANSLATE_IMPL_H
#define HD_FLOW_TRANSLATE_IMPL_H

#include <rte_branch_prediction.h>

#include "translate.h"

/* translate.c */
void hd_translate_tell(struct hd_translation *t, struct hd_trace_step step);
/* The end: one more outcome, a drop. */
void hd_translate_refuse(struct hd_translation *t, enum hd_drop reason);
/* What the packet is dropped for if nothing else happens to it. The first such thing is the reason. */
void hd_translate_blame(struct hd_translation *t, enum hd_drop reason);
/* Carry out these actions, then go on with what is under way. */
void hd_translate_list(struct hd_translation *t, const struct hd_actions *actions, uint8_t table);
/* Look the packet up, as if it had come in by `in_port` (HD_OFPORT_NONE: as it did). */
void hd_translate_table(struct hd_translation *t, uint8_t table, uint16_t in_port);
void hd_translate_begin(struct hd_translation *t);
void hd_translate_walk(struct hd_translation *t);

/* translate_group.c */
void hd_translate_group(struct hd_translation *t, uint32_t id);
/* A bucket's actions are done: the packet is again as it was before. */
void hd_translate_leave_bucket(struct hd_translation *t);

/* translate_ct.c */
/* Carry out what the draft has gained. `last`: there will be no more. */
void hd_translate_run(struct hd_translation *t, bool last);
void hd_translate_ct(struct hd_translation *t, const struct hd_ct_action *action);
void hd_translate_ct_clear(struct hd_translation *t);

#endif
