/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large tables of a PMD: anonymous memory, there from the start (a PMD never waits for a page), on transparent huge
 * pages where the kernel has them. Not from DPDK's heap, which without hugepages is small and fixed. Control thread.
 */
#ifndef HD_FLOW_MEMORY_MAP_H
#define HD_FLOW_MEMORY_MAP_H

#include <stddef.h>

/* Zeroed; NULL if there is none. */
void *hd_memory_map(size_t bytes);
void hd_memory_unmap(void *memory, size_t bytes); /* accepts NULL */

#endif
