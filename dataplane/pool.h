/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers. Ports reserve what they may hold at once; pools grow by whole mempools as ports come.
 *
 * A mempool lives until the daemon stops, because its buffers may lie in any device's transmit ring long after the
 * port that received them is gone. What a removed port had reserved is free for the next one. Control thread only.
 */
#ifndef HD_POOL_H
#define HD_POOL_H

#include <stddef.h>

struct rte_mempool;

#define HD_POOL_CHUNK 16384u /* buffers of a mempool, at least */

/*
 * Reserve `n` buffers on a NUMA node (or SOCKET_ID_ANY) for a port. Returns 0 and the mempool to take them from, or
 * -ENOMEM and the reason: what is missing and how to get it.
 */
int hd_pool_reserve(unsigned int n, int socket, struct rte_mempool **pool, char *reason, size_t size);
void hd_pool_release(struct rte_mempool *pool, unsigned int n);

/* Bytes of memory that a reservation of n buffers needs when no mempool has room. */
unsigned long hd_pool_bytes(unsigned int n);

/* Free everything. Only when all devices are closed. */
void hd_pool_fini(void);

#endif
