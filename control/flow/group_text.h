/* SPDX-License-Identifier: BSD-3-Clause */
/* Words that reading and writing groups share. */
#ifndef HD_FLOW_GROUP_TEXT_H
#define HD_FLOW_GROUP_TEXT_H

#include "flow/group.h"

/* By enum hd_group_type. */
extern const char *const hd_group_types[];

#endif
