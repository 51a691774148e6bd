/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what is told to people of a vhost-user port on our own back-end. */
#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#include "native.h"

static uint64_t microseconds(uint64_t cycles)
{
	uint64_t hz = rte_get_tsc_hz();

	return hz == 0 ? 0 : cycles / hz * 1000000 + cycles % hz * 1000000 / hz;
}

void hd_native_remember(struct hd_native *nat)
{
	for (uint16_t index = 0; index < 2 * nat->port.n_queues; index++) {
		struct hd_native_past *past = &nat->past[index];
		const struct hd_vring *ring = past->retired;

		if (ring == NULL)
			continue;
		past->stalls += hd_counted(&ring->stalls);
		past->stalled += hd_counted(&ring->stalled);
		past->interrupts += hd_counted(&ring->interrupts);
		past->suppressed += hd_counted(&ring->suppressed);
		past->fault = atomic_load_explicit(&ring->broken, memory_order_relaxed);
		past->retired = NULL;
	}
}

static void add_memory(const struct hd_memory *memory, struct hd_port_status *status)
{
	if (memory == NULL)
		return;
	status->n_regions = memory->n;
	for (uint32_t i = 0; i < memory->n; i++)
		status->memory += memory->region[i].size;
}

void hd_native_status(struct hd_port *port, struct hd_port_status *status)
{
	const struct hd_native *nat = hd_native_of(port);

	memset(status, 0, sizeof(*status));
	if (!hd_endpoint_connected(nat->endpoint)) {
		snprintf(status->reason, sizeof(status->reason), "%s", hd_endpoint_state(nat->endpoint));
		return;
	}
	if (!atomic_load(&port->up))
		snprintf(status->reason, sizeof(status->reason),
			 "a front-end is connected, the guest's driver is not ready");
	status->features = nat->session.features;
	status->has_features = nat->session.features_set;
	status->guest_mtu = nat->session.mtu;
	status->protocol_features = nat->session.protocol_features;
	status->has_session = true;
	add_memory(nat->session.memory, status);
}

/* In guest memory, which may change at any time: read once, and only told. */
static bool interruptible(const struct hd_vring *ring)
{
	uint16_t event, used;

	if (ring->packed)
		return (__atomic_load_n(&ring->driver_event->flags, __ATOMIC_RELAXED) & 3) !=
		       VRING_PACKED_EVENT_FLAG_DISABLE;
	if (!ring->event_idx)
		return !(__atomic_load_n(&ring->avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT);
	/* Wanted when the used index passes the event's, which therefore is not behind it. */
	event = __atomic_load_n(&ring->avail->ring[ring->size], __ATOMIC_RELAXED);
	used = __atomic_load_n(&ring->used->idx, __ATOMIC_RELAXED);
	return (uint16_t)(event - used) < ring->size;
}

static void add_live(const struct hd_vring *ring, struct hd_ring_status *status, enum hd_vring_fault *fault,
		     uint64_t *stalled)
{
	status->packed = ring->packed;
	status->size = ring->size;
	status->running = !hd_vring_broken(ring);
	status->interruptible = interruptible(ring);
	status->stalls += hd_counted(&ring->stalls);
	status->interrupts += hd_counted(&ring->interrupts);
	status->suppressed += hd_counted(&ring->suppressed);
	*stalled += hd_counted(&ring->stalled);
	*fault = atomic_load_explicit(&ring->broken, memory_order_relaxed);
}

void hd_native_ring_status(struct hd_port *port, enum hd_port_direction direction, uint16_t queue,
			   struct hd_ring_status *status)
{
	struct hd_native *nat = hd_native_of(port);
	uint16_t index = hd_vhost_ring(direction, queue);
	const struct hd_session_ring *told = &nat->session.ring[index];
	const struct hd_vring *ring = atomic_load_explicit(&nat->ring[index], memory_order_relaxed);
	const struct hd_native_past *past = &nat->past[index];
	enum hd_vring_fault fault = past->fault;
	uint64_t stalled = past->stalled;

	*status = (struct hd_ring_status){
		.stalls = past->stalls,
		.interrupts = past->interrupts,
		.suppressed = past->suppressed,
		.size = told->sized ? told->size : 0,
		.enabled = told->enabled,
		.packed = nat->session.features >> VIRTIO_F_RING_PACKED & 1,
	};
	if (ring != NULL)
		add_live(ring, status, &fault, &stalled);
	status->stalled_us = microseconds(stalled);
	status->broken = fault != HD_VRING_SOUND ? hd_vring_fault_text(fault) : NULL;
}
