/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the mempools that packet buffers come from, and who has reserved how many. */
#include <errno.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "log.h"
#include "pool.h"

#define POOLS_MAX 256
#define CACHE 256 /* buffers in an lcore's cache; up to 1.5 times as many hide there from the other lcores */

struct pool {
	struct rte_mempool *mempool;
	unsigned int size, reserved;
	int socket;
};

static struct pool pools[POOLS_MAX];
static unsigned int n_pools;

static unsigned int hidden(void)
{
	return rte_lcore_count() * CACHE * 3 / 2;
}

unsigned long hd_pool_bytes(unsigned int n)
{
	unsigned int size = RTE_MAX(n + hidden(), HD_POOL_CHUNK);

	return (unsigned long)size *
	       rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 0, NULL);
}

static struct pool *grow(unsigned int n, int socket)
{
	struct pool *pool = &pools[n_pools];
	char name[RTE_MEMPOOL_NAMESIZE];

	if (n_pools == POOLS_MAX)
		return NULL;
	snprintf(name, sizeof(name), "packets%u", n_pools);
	pool->size = RTE_MAX(n + hidden(), HD_POOL_CHUNK);
	pool->mempool = rte_pktmbuf_pool_create(name, pool->size, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, socket);
	if (pool->mempool == NULL)
		return NULL;
	pool->reserved = hidden();
	pool->socket = socket;
	n_pools++;
	hd_debug("pool", "%u packet buffers, %lu MiB", pool->size, hd_pool_bytes(n) >> 20);
	return pool;
}

int hd_pool_reserve(unsigned int n, int socket, struct rte_mempool **mempool, char *reason, size_t size)
{
	struct pool *pool = NULL;

	for (unsigned int i = 0; i < n_pools && pool == NULL; i++) {
		if ((socket == SOCKET_ID_ANY || pools[i].socket == socket) && pools[i].size - pools[i].reserved >= n)
			pool = &pools[i];
	}
	if (pool == NULL)
		pool = grow(n, socket);
	if (pool == NULL) {
		snprintf(reason, size, "%u packet buffers need %lu MiB more memory: %s", n,
			 (hd_pool_bytes(n) >> 20) + 1,
			 rte_eal_has_hugepages() ? "reserve more hugepages, or start with --no-huge"
						 : "restart with the port configured, so that memory is sized for it");
		return -ENOMEM;
	}
	pool->reserved += n;
	*mempool = pool->mempool;
	return 0;
}

void hd_pool_release(struct rte_mempool *mempool, unsigned int n)
{
	for (unsigned int i = 0; i < n_pools; i++) {
		if (pools[i].mempool == mempool)
			pools[i].reserved -= n;
	}
}

void hd_pool_fini(void)
{
	while (n_pools > 0)
		rte_mempool_free(pools[--n_pools].mempool);
}
