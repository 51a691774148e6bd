/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts DPDK's environment: memory, one lcore for each PMD, no device. */
#ifndef HD_EAL_H
#define HD_EAL_H

#include "model.h"
#include "options.h"

/*
 * Decide on hugepages or ordinary memory, say so in the log, start the EAL. The calling thread becomes the main lcore,
 * on the CPUs that no PMD has. Returns 0 or -errno; the reason is in the log.
 */
int hd_eal_start(const struct hd_options *options, const struct hd_config *config);
void hd_eal_stop(void);

#endif
