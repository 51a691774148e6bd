/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports in memory, for tests of what the control thread and PMDs do with ports. Included by one file a program.
 *
 * fake_open is an hd_open_port; its opener is the data path. As with real ones, a socket or device can't be opened
 * twice. What is open is listed in `fake`; opening and setting an MTU fail on request. What ports receive and send is
 * the test's: it sets fake.ops.rx, rx_done and tx before it opens any.
 */
#ifndef FAKE_PORT_H
#define FAKE_PORT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_malloc.h>

#include "runtime.h"

#define FAKE_PORTS_MAX (2 * HD_PORTS_MAX)

struct fake_port {
	struct hd_port port;
	struct hd_port_conf conf; /* as opened */
	uint64_t serial;          /* unique: tells a port from one opened anew at its address */
	uint16_t mtu;
	void *own;                          /* the test's; freed */
	_Atomic bool polled[HD_QUEUES_MAX]; /* a PMD is in rx or works on what it brought */
};

static struct {
	struct hd_port_ops ops;
	unsigned int n;
	struct fake_port *open[FAKE_PORTS_MAX];
	uint64_t opened, closed, mtus_set;
	unsigned int fail_open;       /* the n-th open from now fails; 0: none */
	unsigned int fail_mtu;        /* the same of set_mtu */
	bool fail_on;                 /* and all opens after it */
	unsigned int failed;          /* how often that came to pass */
	_Atomic unsigned int clashes; /* a queue polled by two at a time */
} fake;

static inline struct fake_port *fake_of(struct hd_port *port)
{
	return (struct fake_port *)port;
}

/* Around rx and rx_done: is the queue this PMD's alone? */
static inline void fake_enter(struct hd_port *port, uint16_t queue)
{
	if (atomic_exchange_explicit(&fake_of(port)->polled[queue], true, memory_order_relaxed))
		atomic_fetch_add(&fake.clashes, 1);
}

static inline void fake_leave(struct hd_port *port, uint16_t queue)
{
	atomic_store_explicit(&fake_of(port)->polled[queue], false, memory_order_relaxed);
}

static inline bool fake_fails(unsigned int *countdown)
{
	bool now = *countdown == 1;

	if (*countdown > 1 || (now && !(fake.fail_on && countdown == &fake.fail_open)))
		--*countdown;
	fake.failed += now;
	return now;
}

static inline int fake_set_mtu(struct hd_port *port, uint16_t mtu)
{
	if (fake_fails(&fake.fail_mtu))
		return -EINVAL;
	fake.mtus_set++;
	fake_of(port)->mtu = mtu;
	return 0;
}

static inline bool fake_queue_enabled(struct hd_port *port, enum hd_port_direction direction, uint16_t queue)
{
	return true;
}

static inline void fake_status(struct hd_port *port, struct hd_port_status *status)
{
	memset(status, 0, sizeof(*status));
}

static inline void fake_close(struct hd_port *port)
{
	unsigned int i = 0;

	while (fake.open[i] != fake_of(port))
		i++; /* beyond the end, caught by a sanitizer, if it is not open */
	fake.open[i] = fake.open[--fake.n];
	fake.closed++;
	hd_port_fini(port);
	free(fake_of(port)->own);
	free(port);
}

/* The socket or device that the two would share. */
static inline bool fake_contend(const struct hd_port_conf *a, const struct hd_port_conf *b)
{
	size_t a_len = strcspn(a->device, ","), b_len = strcspn(b->device, ",");

	if (a->kind != b->kind)
		return false;
	return a->kind == HD_PORT_VHOST ? strcmp(a->socket, b->socket) == 0
					: a_len == b_len && memcmp(a->device, b->device, a_len) == 0;
}

static inline int fake_open(void *opener, const struct hd_port_conf *conf, struct hd_port **port,
			    char reason[HD_REASON_MAX])
{
	const struct hd_dataplane *dataplane = opener;
	struct fake_port *new;
	uint16_t queues[HD_QUEUES_MAX];

	if (fake_fails(&fake.fail_open)) {
		snprintf(reason, HD_REASON_MAX, "made to fail");
		return -EIO;
	}
	for (unsigned int i = 0; i < fake.n; i++) {
		if (fake_contend(&fake.open[i]->conf, conf)) {
			snprintf(reason, HD_REASON_MAX, "in use by %s", fake.open[i]->conf.name);
			return -EADDRINUSE;
		}
	}
	new = aligned_alloc(alignof(struct fake_port), sizeof(*new));
	if (new == NULL)
		abort();
	memset(new, 0, sizeof(*new));
	if (hd_port_init(&new->port, &fake.ops, conf->name, conf->queues, dataplane->n_pmds) < 0)
		abort();
	new->conf = *conf;
	new->mtu = conf->mtu;
	new->serial = ++fake.opened;
	for (uint16_t queue = 0; queue < conf->queues; queue++)
		queues[queue] = queue;
	hd_port_set_tx_queues(&new->port, queues, conf->queues);
	atomic_store(&new->port.up, true);
	fake.open[fake.n++] = new;
	*port = &new->port;
	return 0;
}

static inline uint16_t fake_rx_nothing(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	return 0;
}

static inline void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.ops = (struct hd_port_ops){
		.kind = "fake",
		.rx = fake_rx_nothing,
		.set_mtu = fake_set_mtu,
		.queue_enabled = fake_queue_enabled,
		.status = fake_status,
		.close = fake_close,
	};
}

/* Bytes that DPDK's allocator has given out: equal before and after whatever cleans up. */
static inline size_t fake_heap_used(void)
{
	struct rte_malloc_socket_stats stats;
	size_t used = 0;

	for (unsigned int i = 0; i < rte_socket_count(); i++)
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			used += stats.heap_allocsz_bytes;
	return used;
}

#endif
