/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the start of DPDK's environment. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "eal.h"
#include "fdb_cache.h"
#include "log.h"
#include "pkt.h"

#define HUGEPAGES "/sys/kernel/mm/hugepages"
#define MIB (UINT64_C(1) << 20)
#define ORDINARY_MIN (UINT64_C(1024) * MIB) /* reserved address space, taken as it is used */
#define BASE (UINT64_C(32) * MIB)           /* EAL, libraries, snapshots */
#define CHUNK (UINT64_C(48) * MIB)          /* a mempool, pool.c */
#define QUEUE (UINT64_C(6) * MIB)           /* buffers of a queue pair */
#define ADDRESS UINT64_C(96)                /* bytes for an FDB entry with its hash slots */

/* What the configuration will need, roughly and on the safe side. */
static uint64_t estimate(const struct hd_options *options, const struct hd_config *config)
{
	uint64_t bytes = BASE + CHUNK;
	uint64_t queues = 0;

	bytes += options->pmd_cpus.n * (HD_FDB_CACHE_SETS * sizeof(struct hd_fdb_cache_set) + MIB);
	for (unsigned int b = 0; b < config->n_bridges; b++) {
		bytes += config->bridges[b].fdb_limit * ADDRESS;
		for (unsigned int p = 0; p < config->bridges[b].n_ports; p++)
			queues += config->bridges[b].ports[p].queues;
	}
	return bytes + queues * QUEUE;
}

/* Bytes in free hugepages of every size. */
static uint64_t free_hugepages(void)
{
	DIR *dir = opendir(HUGEPAGES);
	struct dirent *entry;
	uint64_t bytes = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		char path[512];
		uint64_t kib, pages = 0;
		FILE *file;

		if (sscanf(entry->d_name, "hugepages-%lukB", &kib) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGES "/%s/free_hugepages", entry->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fscanf(file, "%lu", &pages) == 1)
			bytes += pages * kib * 1024;
		fclose(file);
	}
	closedir(dir);
	return bytes;
}

/* Says what memory it will be. */
static bool choose_hugepages(const struct hd_options *options, uint64_t need)
{
	uint64_t have = options->no_huge ? 0 : free_hugepages();

	if (options->no_huge)
		hd_info("memory", "ordinary memory, as told by --no-huge");
	else if (have == 0)
		hd_info("memory",
			"ordinary memory: the machine has no free hugepages; with %lu MiB of them it is faster",
			need / MIB);
	else if (have < need)
		hd_warning("memory", "ordinary memory: %lu MiB of hugepages are free, the configuration needs %lu MiB",
			   have / MIB, need / MIB);
	else
		hd_info("memory", "hugepages: %lu MiB free, about %lu MiB needed", have / MIB, need / MIB);
	return have >= need && have != 0;
}

static uint64_t ordinary_size(uint64_t need)
{
	uint64_t half = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
	uint64_t size = 4 * need > ORDINARY_MIN ? 4 * need : ORDINARY_MIN; /* room for ports that come later */

	if (size > half)
		size = half > need ? half : need;
	return size;
}

/* "0@(0,3),1@1,2@2": lcore 0 is the control thread's, the others a PMD each. */
static void lcores(const struct hd_cpus *pmds, char *text, size_t size)
{
	cpu_set_t control, all;
	char list[512];
	size_t used;

	sched_getaffinity(0, sizeof(all), &all);
	control = all;
	for (unsigned int i = 0; i < pmds->n; i++)
		CPU_CLR((size_t)pmds->cpu[i], &control);
	hd_cpus_text(CPU_COUNT(&control) != 0 ? &control : &all, list, sizeof(list));
	used = (size_t)snprintf(text, size, "0@(%s)", list);
	for (unsigned int i = 0; i < pmds->n; i++)
		used += (size_t)snprintf(text + used, size - used, ",%u@%d", i + 1, pmds->cpu[i]);
}

int hd_eal_start(const struct hd_options *options, const struct hd_config *config)
{
	uint64_t need = estimate(options, config);
	char lcore_map[2048], memory[32];
	/* A PCI address that is none: no device is probed. */
	char *argv[16] = {"heddle-vswitchd",       "--no-telemetry", "-a",     "0000:00:00.0",
			  "--log-level=*:warning", "--lcores",       lcore_map};
	int argc = 7;

	lcores(&options->pmd_cpus, lcore_map, sizeof(lcore_map));
	/* No files that two instances could fight over; DPDK has one option for each kind of memory. */
	if (choose_hugepages(options, need)) {
		argv[argc++] = "--in-memory";
	} else {
		snprintf(memory, sizeof(memory), "%lu", ordinary_size(need) / MIB);
		argv[argc++] = "--no-shconf";
		argv[argc++] = "--no-huge";
		argv[argc++] = "-m";
		argv[argc++] = memory;
	}
	rte_openlog_stream(stderr);
	if (rte_eal_init(argc, argv) < 0) {
		hd_error("DPDK", "can't start: %s", rte_strerror(rte_errno));
		return -EIO;
	}
	return 0;
}

void hd_eal_stop(void)
{
	rte_eal_cleanup();
}
