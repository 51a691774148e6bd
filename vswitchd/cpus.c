/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading and writing of CPU lists. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpus.h"

/* A number and what follows it, or -1. */
static long number(const char **text)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)**text))
		return -1;
	value = strtol(*text, &end, 10);
	*text = end;
	return value >= CPU_SETSIZE ? CPU_SETSIZE : value; /* a CPU that can't be ours, whatever was written */
}

static int parse_set(const char *text, cpu_set_t *set)
{
	CPU_ZERO(set);
	for (;;) {
		long first = number(&text), last = first;

		if (first < 0)
			return -EINVAL;
		if (*text == '-') {
			text++;
			last = number(&text);
		}
		if (last < first)
			return -EINVAL;
		for (long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
			CPU_SET((size_t)cpu, set);
		if (last >= CPU_SETSIZE)
			return -ERANGE;
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}

int hd_cpus_parse(const char *text, struct hd_cpus *cpus, char *reason, size_t size)
{
	char mine[64];
	cpu_set_t set, allowed;
	int rc = parse_set(text, &set);

	if (rc == -EINVAL) {
		snprintf(reason, size, "is not a list of CPUs such as 2,4-6");
		return rc;
	}
	sched_getaffinity(0, sizeof(allowed), &allowed);
	hd_cpus_text(&allowed, mine, sizeof(mine));
	cpus->n = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &set))
			continue;
		if (!CPU_ISSET((size_t)cpu, &allowed)) {
			snprintf(reason, size, "CPU %d does not exist or is not ours; there are %s", cpu, mine);
			return -EINVAL;
		}
		if (cpus->n == HD_PMDS_MAX) {
			snprintf(reason, size, "more than %d CPUs", HD_PMDS_MAX);
			return -EINVAL;
		}
		cpus->cpu[cpus->n++] = cpu;
	}
	if (rc == -ERANGE) {
		snprintf(reason, size, "names a CPU that does not exist; there are %s", mine);
		return -EINVAL;
	}
	return 0;
}

void hd_cpus_default(struct hd_cpus *cpus)
{
	cpu_set_t allowed;
	int cpu = CPU_SETSIZE - 1;

	sched_getaffinity(0, sizeof(allowed), &allowed);
	while (cpu > 0 && !CPU_ISSET((size_t)cpu, &allowed))
		cpu--;
	cpus->n = 1;
	cpus->cpu[0] = cpu;
}

void hd_cpus_text(const cpu_set_t *set, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && used + 16 < size; cpu++) {
		int last = cpu;

		if (!CPU_ISSET((size_t)cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET((size_t)last + 1, set))
			last++;
		used += (size_t)snprintf(text + used, size - used, last > cpu ? "%s%d-%d" : "%s%d",
					 used != 0 ? "," : "", cpu, last);
		cpu = last;
	}
}
