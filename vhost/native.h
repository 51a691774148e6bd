/* SPDX-License-Identifier: BSD-3-Clause */
/* A vhost-user port on our own back-end, as port_native.c (which owns it) and native_status.c know it. */
#ifndef HD_NATIVE_H
#define HD_NATIVE_H

#include <stdalign.h>

#include "endpoint.h"
#include "port_vhost.h"
#include "session.h"

#define HD_ANNOUNCEMENT 60 /* bytes of the frame, the shortest there are */

struct hd_dataplane;

/* A rx queue's, of the PMD that polls it. */
struct hd_native_queue {
	alignas(64) struct hd_vring *polled; /* what rx took its burst from; NULL: it made it itself */
};

/* What a ring did before it was made anew: rings come and go with every change, people want to see a ring. */
struct hd_native_past {
	struct hd_vring *retired; /* no longer published, and not remembered yet */
	uint64_t stalls, stalled, interrupts, suppressed;
	enum hd_vring_fault fault;
};

struct hd_native {
	struct hd_port port;

	/* Read by PMDs. */
	alignas(64) struct hd_native_queue *queue;
	_Atomic uint64_t announce; /* MAC address to announce, its bytes in order; 0: none. Writer: control; PMD: 0 */

	/* Control thread. */
	alignas(64) struct hd_session session;
	struct hd_endpoint *endpoint;
	struct hd_dataplane *dataplane;
	struct hd_native_past *past; /* 2 * n_queues */
	uint16_t mtu;                /* the port's */
	uint16_t told_mtu;           /* the guest's, as last seen */
	uint16_t told_pairs;         /* queue pairs, as logged; 0: no guest */
	unsigned int reserved;       /* buffers */

	/* Read by PMDs. Writer: control (publish). By vhost's index. */
	alignas(64) _Atomic(struct hd_vring *) ring[];
};

static inline struct hd_native *hd_native_of(struct hd_port *port)
{
	return (struct hd_native *)port;
}

/* Control thread. Add up what rings that no PMD sees any more have counted, before they are freed. */
void hd_native_remember(struct hd_native *nat);
void hd_native_status(struct hd_port *port, struct hd_port_status *status);
void hd_native_ring_status(struct hd_port *port, enum hd_port_direction direction, uint16_t queue,
			   struct hd_ring_status *status);

#endif
