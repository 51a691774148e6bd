/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules that learn() actions make: from PMDs' lessons to the flow tables. Control thread. */
#ifndef HD_FLOW_LEARN_H
#define HD_FLOW_LEARN_H

#include "runtime.h"

/* Put at most `budget` lessons of a PMD into the tables. True if there are more. */
bool hd_flow_learn(struct hd_runtime *runtime, unsigned int pmd, unsigned int budget);

#endif
