/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port: where packets come from and go to. The data path knows a port by this structure and its table of
 * operations, nothing else.
 *
 * Life: the control thread opens a port (hd_port_init by its driver), publishes it in a snapshot, and PMDs poll it. To
 * close it, the control thread publishes a snapshot without it, waits for a grace period, then calls ops->close.
 */
#ifndef HD_PORT_H
#define HD_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <heddle/limits.h>

#include "burst.h"
#include "stats.h"
#include "storm.h"

struct hd_port;

/* What a port's destination accepts; a packet that asks for more is finished in software first. */
#define HD_CAP_CSUM (1u << 0) /* packets with HD_OFF_NEEDS_CSUM */
#define HD_CAP_TSO4 (1u << 1)
#define HD_CAP_TSO6 (1u << 2)

#define HD_REASON_MAX 256 /* bytes for why a port could not be opened */

enum hd_port_direction { HD_PORT_RX, HD_PORT_TX };

struct hd_port_status {
	char reason[HD_REASON_MAX]; /* why it is down, or what it is connected to */
	uint64_t rx_errors;         /* frames the device lost or refused before the switch saw them */
	uint64_t features;          /* vhost: negotiated virtio features */
	uint64_t protocol_features; /* vhost, engine native: of the session, negotiated */
	uint64_t memory;            /* the same: bytes of the guest that it shares ... */
	uint32_t n_regions;         /* ... in so many regions */
	uint16_t guest_mtu;         /* vhost: what the front-end announced, 0: nothing */
	uint32_t speed;             /* ethdev: Mbit/s, 0: unknown */
	uint8_t mac[6];
	bool has_mac, has_features;
	bool has_session; /* protocol_features, memory and n_regions: a front-end is connected */
};

/* A virtqueue of a guest. Counters are from the port's creation on. */
struct hd_ring_status {
	const char *broken;  /* what the guest did that it was stopped for, or NULL */
	uint64_t stalls;     /* times that a guest's receive ring was full */
	uint64_t stalled_us; /* microseconds that it was */
	uint64_t interrupts; /* sent to the guest */
	uint64_t suppressed; /* not sent: the guest did not want them */
	uint32_t size;       /* descriptors, 0: not set up */
	bool packed, running, enabled;
	bool interruptible; /* the guest wants interrupts now */
};

struct hd_port_ops {
	const char *kind; /* "vhost", "ethdev" */

	/*
	 * PMD threads. Fill the burst from rx queue `queue`; returns burst->n + burst->n_refused (0 when called).
	 * Called by one PMD at a time a queue.
	 */
	uint16_t (*rx)(struct hd_port *port, uint16_t queue, struct hd_burst *burst);
	/* Give back what the burst was made of: mbufs, descriptors. After rx returned n > 0, always once. */
	void (*rx_done)(struct hd_port *port, uint16_t queue, struct hd_burst *burst);
	/*
	 * Put out packets on tx queue `queue`; any PMD at any time. Returns how many, from the front, went out; the
	 * others stay with the caller and *why says why. HD_DROP_TX_SMALL speaks of the first of them alone.
	 */
	uint16_t (*tx)(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why);
	/*
	 * Interrupt whoever waits for what rx_done or tx put into this queue, if anybody does. Called once a round or
	 * so, by the PMD that put it there, after a full fence. May be NULL.
	 */
	void (*notify)(struct hd_port *port, enum hd_port_direction direction, uint16_t queue);

	/* Control thread. */
	int (*set_mtu)(struct hd_port *port, uint16_t mtu); /* 0 or -errno */
	void (*poll)(struct hd_port *port);                 /* a few times a second: follow the link; may be NULL */
	bool (*queue_enabled)(struct hd_port *port, enum hd_port_direction direction, uint16_t queue);
	void (*status)(struct hd_port *port, struct hd_port_status *status);
	/* May be NULL: there are no rings to tell of. */
	void (*ring_status)(struct hd_port *port, enum hd_port_direction direction, uint16_t queue,
			    struct hd_ring_status *status);
	void (*close)(struct hd_port *port); /* no PMD knows it any more; frees it */
};

/* How tx chooses a queue: a flow's hash over the active queues, or one a PMD. */
enum hd_port_steer { HD_STEER_PMD, HD_STEER_HASH };

struct hd_port {
	/* Read by PMDs every burst. */
	const struct hd_port_ops *ops;
	uint16_t id;       /* index into snapshots; from hd_dataplane_port_id */
	uint16_t n_queues; /* of each direction */
	enum hd_port_steer steer;
	struct rte_mempool *pool; /* for packets that the switch makes towards this port: segments, copies */
	_Atomic uint16_t n_tx;    /* active tx queues, tx_queue[0..n_tx-1]. Writers: control or vhost thread */
	_Atomic uint8_t caps;     /* HD_CAP_*. Writers: as n_tx */
	_Atomic bool up;          /* connected, link up. Writers: as n_tx */
	_Atomic uint16_t tx_queue[HD_QUEUES_MAX];
	struct hd_port_stats *stats[HD_PMDS_MAX]; /* one a PMD */

	/* Written by the PMDs that poll the port. */
	alignas(64) struct hd_storm_bucket storm[HD_STORM_CLASSES];
	hd_counter busy[HD_QUEUES_MAX]; /* TSC cycles spent on packets of rx queue i */

	/* Control thread. */
	alignas(64) char name[HD_NAME_MAX + 1];
};

/* Fill the common part and allocate the statistics of `n_pmds` PMDs. Returns 0 or -ENOMEM. */
int hd_port_init(struct hd_port *port, const struct hd_port_ops *ops, const char *name, uint16_t n_queues,
		 unsigned int n_pmds);
void hd_port_fini(struct hd_port *port);

static inline struct hd_queue_stats *hd_port_rx_stats(struct hd_port *port, uint16_t pmd, uint16_t queue)
{
	return &port->stats[pmd]->queue[queue];
}

static inline struct hd_queue_stats *hd_port_tx_stats(struct hd_port *port, uint16_t pmd, uint16_t queue)
{
	return &port->stats[pmd]->queue[port->n_queues + queue];
}

/* The rx_done of ports that receive mbufs. PMD threads. */
void hd_port_free_mbufs(struct hd_port *port, uint16_t queue, struct hd_burst *burst);

/* Publish which tx queues are active, in order. Any one thread at a time. */
void hd_port_set_tx_queues(struct hd_port *port, const uint16_t *queues, uint16_t n);

/* Sums over PMDs. Control thread. */
void hd_port_totals(const struct hd_port *port, struct hd_port_totals *totals);
void hd_port_queue_totals(const struct hd_port *port, enum hd_port_direction direction, uint16_t queue,
			  struct hd_queue_totals *totals);

#endif
