/* SPDX-License-Identifier: BSD-3-Clause */
/* What all ports have in common: their statistics and their set of active transmit queues. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_malloc.h>

#include "port.h"

int hd_port_init(struct hd_port *port, const struct hd_port_ops *ops, const char *name, uint16_t n_queues,
		 unsigned int n_pmds)
{
	size_t size = sizeof(struct hd_port_stats) + 2 * n_queues * sizeof(struct hd_queue_stats);

	port->ops = ops;
	port->n_queues = n_queues;
	snprintf(port->name, sizeof(port->name), "%s", name);
	for (unsigned int pmd = 0; pmd < n_pmds; pmd++) {
		port->stats[pmd] = rte_zmalloc("port stats", size, RTE_CACHE_LINE_SIZE);
		if (port->stats[pmd] == NULL) {
			hd_port_fini(port);
			return -ENOMEM;
		}
	}
	return 0;
}

void hd_port_fini(struct hd_port *port)
{
	for (unsigned int pmd = 0; pmd < HD_PMDS_MAX; pmd++) {
		rte_free(port->stats[pmd]);
		port->stats[pmd] = NULL;
	}
}

void hd_port_free_mbufs(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	hd_burst_free(burst);
}

void hd_port_set_tx_queues(struct hd_port *port, const uint16_t *queues, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		atomic_store_explicit(&port->tx_queue[i], queues[i], memory_order_relaxed);
	/* Pairs with the load in tx.c: whoever sees n sees the queues. */
	atomic_store_explicit(&port->n_tx, n, memory_order_release);
}

static void add_queue(struct hd_queue_totals *totals, const struct hd_queue_stats *stats)
{
	totals->packets += hd_counted(&stats->packets);
	totals->bytes += hd_counted(&stats->bytes);
	totals->multicast += hd_counted(&stats->multicast);
	totals->broadcast += hd_counted(&stats->broadcast);
}

void hd_port_queue_totals(const struct hd_port *port, enum hd_port_direction direction, uint16_t queue,
			  struct hd_queue_totals *totals)
{
	uint16_t index = direction == HD_PORT_RX ? queue : port->n_queues + queue;

	memset(totals, 0, sizeof(*totals));
	for (unsigned int pmd = 0; pmd < HD_PMDS_MAX && port->stats[pmd] != NULL; pmd++)
		add_queue(totals, &port->stats[pmd]->queue[index]);
}

void hd_port_totals(const struct hd_port *port, struct hd_port_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	for (unsigned int pmd = 0; pmd < HD_PMDS_MAX && port->stats[pmd] != NULL; pmd++) {
		const struct hd_port_stats *stats = port->stats[pmd];

		totals->copies += hd_counted(&stats->copies);
		totals->segments += hd_counted(&stats->segments);
		for (unsigned int reason = 0; reason < HD_DROP_COUNT; reason++)
			totals->drops[reason] += hd_counted(&stats->drops[reason]);
		for (uint16_t queue = 0; queue < port->n_queues; queue++) {
			add_queue(&totals->rx, &stats->queue[queue]);
			add_queue(&totals->tx, &stats->queue[port->n_queues + queue]);
		}
	}
}
