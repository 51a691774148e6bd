/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIGBUS: a front-end that truncates the file behind its memory makes our next access to it fail. The handler finds the
 * mapping, puts zeroed private memory in its place, raises the mapping's flag and lets the access go on; the control
 * thread then closes that session. A fault anywhere else ends the process as it would have.
 *
 * No thread that touches guest memory may block SIGBUS: the kernel then ends the process. A system call that is given
 * such memory says EFAULT instead, and no flag is raised.
 */
#ifndef HD_FAULT_H
#define HD_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* As many as the kernel has mappings for one process (vm.max_map_count), unless told otherwise. */
#define HD_FAULT_WATCHES 65536u

/* Install the handler; before the first mapping, and after DPDK's environment. Returns 0 or -errno. */
int hd_fault_init(void);

/* Watch [base, base + size), page-aligned. The flag is set when it faults. Control thread. Returns 0 or -ENOSPC. */
int hd_fault_watch(void *base, size_t size, _Atomic bool *flag);
/* Before it is unmapped. Nobody touches the memory any more. */
void hd_fault_forget(const void *base);

#endif
