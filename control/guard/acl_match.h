/* SPDX-License-Identifier: BSD-3-Clause */
/* The matches that one rule of an access list stands for. */
#ifndef HD_GUARD_ACL_MATCH_H
#define HD_GUARD_ACL_MATCH_H

#include "acl.h"
#include "rules.h"

/* Calls `each` with `base`, narrowed down to one alternative of the rule, for every one. No two are the same. */
void hd_acl_rule_matches(const struct hd_acl_rule *rule, const struct hd_match *base,
			 void (*each)(void *context, const struct hd_match *match), void *context);

#endif
