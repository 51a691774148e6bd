/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of CPUs: "2,4-6". */
#ifndef HD_CPUS_H
#define HD_CPUS_H

#include <sched.h>
#include <stddef.h>

#include <heddle/limits.h>

struct hd_cpus {
	unsigned int n;
	int cpu[HD_PMDS_MAX]; /* ascending */
};

/* Returns 0, or -EINVAL and the reason: syntax, a CPU that this process may not use, too many. */
int hd_cpus_parse(const char *text, struct hd_cpus *cpus, char *reason, size_t size);
/* The last CPU that this process may use. */
void hd_cpus_default(struct hd_cpus *cpus);
/* "0-1,4": what a CPU set holds. */
void hd_cpus_text(const cpu_set_t *set, char *text, size_t size);

#endif
