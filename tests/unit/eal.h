/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's environment for unit tests: ordinary memory, no files, no devices, quiet.
 *
 * Start it once, in main, and run the suite with srunner_set_fork_status(runner, CK_NOFORK): the environment's
 * memory is shared with children and its threads are not there in them.
 */
#ifndef TEST_EAL_H
#define TEST_EAL_H

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

/* With one main lcore, this thread, and `workers` others, which share CPUs if there are fewer. */
static inline void eal_start_workers(unsigned int workers)
{
	char lcores[256] = "0@0";
	/* --in-memory, which would say the same, does not go with --no-huge. */
	char *argv[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
			"-m",   "512",       "--lcores",    lcores,     "--log-level=error"};
	unsigned int next = 0, n_cpus = 0;
	int usable[CPU_SETSIZE];
	size_t used = 0;
	cpu_set_t cpus;

	if (pthread_getaffinity_np(pthread_self(), sizeof(cpus), &cpus) != 0)
		CPU_ZERO(&cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			usable[n_cpus++] = cpu;
	for (unsigned int lcore = 0; n_cpus > 0 && lcore <= workers && used < sizeof(lcores); lcore++) {
		used += (size_t)snprintf(lcores + used, sizeof(lcores) - used, "%s%u@%d", lcore > 0 ? "," : "", lcore,
					 usable[next % n_cpus]);
		next += lcore > 0; /* the main lcore sleeps most of the time */
	}
	if (rte_eal_init(RTE_DIM(argv), argv) < 0) {
		fprintf(stderr, "DPDK's environment does not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	/* It has pinned this thread, and threads started from here would share its CPU. */
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

static inline void eal_start(void)
{
	eal_start_workers(0);
}

#endif
