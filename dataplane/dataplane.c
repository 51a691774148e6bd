/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the life of the PMD threads and the publication of snapshots. */
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "dataplane.h"
#include "flow/state.h"

static int create_rcu(struct hd_dataplane *dataplane)
{
	dataplane->rcu = rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(HD_PMDS_MAX), RTE_CACHE_LINE_SIZE);
	if (dataplane->rcu == NULL)
		return -ENOMEM;
	rte_rcu_qsbr_init(dataplane->rcu, HD_PMDS_MAX);
	return 0;
}

static int create_pmds(struct hd_dataplane *dataplane)
{
	unsigned int lcore;

	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		uint16_t id = (uint16_t)dataplane->n_pmds;
		rte_cpuset_t set = rte_lcore_cpuset(lcore);
		struct hd_pmd *pmd;
		int cpu = 0;

		while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
			cpu++;
		pmd = hd_pmd_create(dataplane, id, cpu, lcore);
		if (pmd == NULL)
			return -ENOMEM;
		dataplane->pmds[id] = pmd;
		dataplane->n_pmds++;
		if (hd_learner_init(&pmd->learner, id, dataplane->learn_fd) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int create_ct(struct hd_dataplane *dataplane, uint32_t limit, struct hd_ct **ct)
{
	const struct hd_ct_conf conf = {
		.limit = limit,
		.tsc_hz = rte_get_tsc_hz(),
		.n_pmds = dataplane->n_pmds,
		.rcu = dataplane->rcu,
	};

	return hd_ct_create(&conf, ct);
}

int hd_dataplane_create(struct hd_dataplane **out)
{
	struct hd_dataplane *dataplane = rte_zmalloc("dataplane", sizeof(*dataplane), RTE_CACHE_LINE_SIZE);
	struct hd_ct *ct;
	int rc;

	if (dataplane == NULL)
		return -ENOMEM;
	dataplane->learn_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (dataplane->learn_fd < 0) {
		rc = -errno;
		goto err;
	}
	rc = create_rcu(dataplane);
	if (rc < 0)
		goto err;
	rc = create_pmds(dataplane);
	if (rc == 0)
		rc = create_ct(dataplane, HD_CT_LIMIT_DEFAULT, &ct);
	if (rc < 0)
		goto err;
	atomic_store(&dataplane->ct, ct);
	hd_dataplane_set_flow_cache(dataplane, HD_FLOW_CACHE_DEFAULT);
	atomic_store(&dataplane->snapshot, hd_snapshot_build(NULL, 0, NULL, 0));
	if (atomic_load(&dataplane->snapshot) == NULL) {
		rc = -ENOMEM;
		goto err;
	}
	hd_dataplane_tick(dataplane);
	*out = dataplane;
	return 0;
err:
	hd_dataplane_destroy(dataplane);
	return rc;
}

void hd_dataplane_destroy(struct hd_dataplane *dataplane)
{
	if (dataplane == NULL)
		return;
	hd_dataplane_stop(dataplane);
	hd_snapshot_free((struct hd_snapshot *)(uintptr_t)atomic_load(&dataplane->snapshot));
	for (unsigned int i = 0; i < dataplane->n_pmds; i++)
		hd_pmd_destroy(dataplane->pmds[i]);
	hd_ct_destroy(atomic_load(&dataplane->ct));
	rte_free(dataplane->rcu);
	if (dataplane->learn_fd >= 0)
		close(dataplane->learn_fd);
	rte_free(dataplane);
}

int hd_dataplane_start(struct hd_dataplane *dataplane)
{
	atomic_store(&dataplane->stop, false);
	dataplane->running = true;
	for (unsigned int i = 0; i < dataplane->n_pmds; i++) {
		int rc;

		rte_rcu_qsbr_thread_register(dataplane->rcu, i);
		rc = rte_eal_remote_launch(hd_pmd_run, dataplane->pmds[i], dataplane->pmds[i]->lcore);
		if (rc < 0) {
			hd_dataplane_stop(dataplane);
			return rc;
		}
	}
	return 0;
}

void hd_dataplane_stop(struct hd_dataplane *dataplane)
{
	if (!dataplane->running)
		return;
	atomic_store(&dataplane->stop, true);
	for (unsigned int i = 0; i < dataplane->n_pmds; i++) {
		rte_eal_wait_lcore(dataplane->pmds[i]->lcore);
		rte_rcu_qsbr_thread_unregister(dataplane->rcu, i);
	}
	dataplane->running = false;
}

void hd_dataplane_publish(struct hd_dataplane *dataplane, struct hd_snapshot *snapshot)
{
	/* Pairs with the load in hd_pmd_run. */
	const struct hd_snapshot *former =
		atomic_exchange_explicit(&dataplane->snapshot, snapshot, memory_order_acq_rel);

	hd_dataplane_synchronize(dataplane);
	hd_snapshot_free((struct hd_snapshot *)(uintptr_t)former);
}

void hd_dataplane_synchronize(struct hd_dataplane *dataplane)
{
	static const struct timespec nap = {.tv_nsec = 20000};
	uint64_t token = rte_rcu_qsbr_start(dataplane->rcu);

	while (rte_rcu_qsbr_check(dataplane->rcu, token, false) == 0)
		nanosleep(&nap, NULL);
}

void hd_dataplane_fold(struct hd_dataplane *dataplane)
{
	/* Pairs with hd_flow_state_round. A round that began before this store may end after it: two of them. */
	atomic_fetch_add_explicit(&dataplane->fold, 1, memory_order_release);
	hd_dataplane_synchronize(dataplane);
	hd_dataplane_synchronize(dataplane);
}

void hd_dataplane_set_flow_cache(struct hd_dataplane *dataplane, uint32_t mib)
{
	for (unsigned int i = 0; i < dataplane->n_pmds; i++)
		hd_cache_limit(&dataplane->pmds[i]->flow->cache, (size_t)mib << 20);
}

int hd_dataplane_set_ct_limit(struct hd_dataplane *dataplane, uint32_t limit)
{
	struct hd_ct *former = atomic_load(&dataplane->ct), *ct;
	int rc = create_ct(dataplane, limit, &ct);

	if (rc < 0)
		return rc;
	for (int which = 0; which < HD_CT_TIMEOUTS; which++)
		hd_ct_set_timeout(ct, which, hd_ct_timeout(former, which));
	/* Pairs with hd_flow_state_round. */
	atomic_store_explicit(&dataplane->ct, ct, memory_order_release);
	hd_dataplane_synchronize(dataplane);
	hd_ct_destroy(former);
	return 0;
}

uint32_t hd_dataplane_tick(struct hd_dataplane *dataplane)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	atomic_store_explicit(&dataplane->seconds, (uint32_t)now.tv_sec, memory_order_relaxed);
	for (unsigned int i = 0; i < dataplane->n_pmds; i++)
		hd_cache_tick(&dataplane->pmds[i]->flow->cache);
	hd_ct_tick(atomic_load(&dataplane->ct), rte_rdtsc());
	return (uint32_t)now.tv_sec;
}

int hd_dataplane_pmd_of(const struct hd_dataplane *dataplane, int cpu)
{
	for (unsigned int i = 0; i < dataplane->n_pmds; i++) {
		if (dataplane->pmds[i]->cpu == cpu)
			return (int)i;
	}
	return -ENOENT;
}
