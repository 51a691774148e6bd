/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's rings as PMDs have them: where a ring lies, starting, stopping, and those that the guest broke. */
#include "session_impl.h"

#include <errno.h>
#include <heddle/limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define PACKED_INDEX 0x7fffu

bool hd_session_placeable(const struct hd_session *session, const struct hd_session_ring *ring)
{
	return ring->sized && ring->placed && session->features_set && session->memory != NULL &&
	       session->memory->n > 0;
}

/* What a ring of this index is called in the log: "ring 1 (transmit queue 0)", as the guest has it. */
#define RING_FORMAT "ring %u (%s queue %u)"
#define RING_NAME(index) (index), ((index) % 2 != 0 ? "transmit" : "receive"), (index) / 2

static void tell_error(const struct hd_session_ring *ring)
{
	uint64_t one = 1;

	/* Non-blocking, or ended by the thread's timer (nudge.h); a counter that is full has been signalled. */
	if (ring->error >= 0)
		(void)!write(ring->error, &one, sizeof(one));
}

/* One part of a ring. Returns where it lies, or NULL and the reason. */
static void *part(const struct hd_session *session, const char *what, uint64_t uva, uint64_t len, uint32_t align,
		  char reason[HD_SESSION_REASON_MAX])
{
	void *host = hd_memory_at_uva(session->memory, uva, len);

	if (host == NULL) {
		snprintf(reason, HD_SESSION_REASON_MAX,
			 "the %s at 0x%" PRIx64 " with %" PRIu64 " bytes is not in one memory region", what, uva, len);
		return NULL;
	}
	/* Ours too: a region may begin anywhere in its page. */
	if (((uva | (uintptr_t)host) & (align - 1)) != 0) {
		snprintf(reason, HD_SESSION_REASON_MAX, "the %s at 0x%" PRIx64 " is not aligned to %u", what, uva,
			 align);
		return NULL;
	}
	return host;
}

/* The guest's address of what lies at the front-end's. */
static uint64_t gpa_of(const struct hd_memory *memory, uint64_t uva)
{
	for (uint32_t i = 0; i < memory->n; i++)
		if (uva - memory->region[i].uva < memory->region[i].size)
			return memory->region[i].gpa + (uva - memory->region[i].uva);
	return 0;
}

static int check_size(const struct hd_session_ring *ring, uint32_t base, bool packed,
		      char reason[HD_SESSION_REASON_MAX])
{
	if (!packed && (ring->size & (ring->size - 1)) != 0) {
		snprintf(reason, HD_SESSION_REASON_MAX, "size %u is not a power of two", ring->size);
		return -EINVAL;
	}
	if (packed && ((base & PACKED_INDEX) >= ring->size || (base >> 16 & PACKED_INDEX) >= ring->size)) {
		snprintf(reason, HD_SESSION_REASON_MAX, "base 0x%x is beyond the ring, size %u", base, ring->size);
		return -EINVAL;
	}
	return 0;
}

/*
 * The used ring's guest address, if it is to be logged: in memory, or at least in the log. A packed ring is written
 * where its descriptors are, while front-ends tell where the device's event suppression is: we look it up.
 */
static int check_log(const struct hd_session *session, const struct hd_session_ring *ring, uint64_t used_len,
		     char reason[HD_SESSION_REASON_MAX])
{
	uint64_t last = ring->log_gpa + used_len - 1;

	if (!ring->log || hd_session_has(session, VIRTIO_F_RING_PACKED) ||
	    hd_memory_holds_gpa(session->memory, ring->log_gpa, used_len))
		return 0;
	if (session->log != NULL && last >= ring->log_gpa && last >> HD_LOG_PAGE_SHIFT >> 3 < session->log->size)
		return 0;
	snprintf(reason, HD_SESSION_REASON_MAX, "the used ring's log address 0x%" PRIx64 " is not in guest memory",
		 ring->log_gpa);
	return -EINVAL;
}

int hd_session_place(const struct hd_session *session, uint32_t index, const struct hd_session_ring *ring,
		     struct hd_vring_setup *setup, char reason[HD_SESSION_REASON_MAX])
{
	bool packed = hd_session_has(session, VIRTIO_F_RING_PACKED);
	bool logging = session->log != NULL && hd_session_has(session, VHOST_F_LOG_ALL);
	struct hd_vring_layout layout;
	void *desc, *avail, *used;

	if (check_size(ring, hd_session_base(session, ring), packed, reason) < 0)
		return -EINVAL;
	hd_vring_layout(ring->size, packed, hd_session_has(session, VIRTIO_RING_F_EVENT_IDX), &layout);
	desc = part(session, packed ? "descriptor ring" : "descriptor table", ring->desc_uva, layout.desc_len,
		    layout.desc_align, reason);
	if (desc == NULL)
		return -EINVAL;
	avail = part(session, packed ? "driver event area" : "available ring", ring->avail_uva, layout.avail_len,
		     layout.avail_align, reason);
	if (avail == NULL)
		return -EINVAL;
	used = part(session, packed ? "device event area" : "used ring", ring->used_uva, layout.used_len,
		    layout.used_align, reason);
	if (used == NULL || check_log(session, ring, layout.used_len, reason) < 0)
		return -EINVAL;
	if (setup != NULL)
		*setup = (struct hd_vring_setup){
			.desc = desc,
			.avail = avail,
			.used = used,
			.size = ring->size,
			.base = hd_session_base(session, ring),
			.features = session->features,
			.memory = session->memory,
			.log = logging ? session->log : NULL,
			.log_gpa = packed ? gpa_of(session->memory, ring->desc_uva) : ring->log_gpa,
			.log_used = logging && ring->log,
			.call = ring->call,
			.enabled = ring->enabled,
			.shared = session->shared && index % 2 == 0,
			.receive = index % 2 != 0,
		};
	return 0;
}

static void start(struct hd_session *session, uint32_t index)
{
	struct hd_session_ring *ring = &session->ring[index];
	char reason[HD_SESSION_REASON_MAX] = "out of memory";
	struct hd_vring_setup setup;

	if (hd_session_place(session, index, ring, &setup, reason) == 0)
		ring->vring = hd_vring_create(&setup);
	if (ring->vring != NULL) {
		ring->told = false;
		session->ops->publish(session->port, (uint16_t)index, ring->vring);
		return;
	}
	if (!ring->told) {
		hd_warning(session->name, RING_FORMAT " is not started: %s", RING_NAME(index), reason);
		tell_error(ring);
	}
	ring->told = true;
}

void hd_session_settle(struct hd_session *session)
{
	for (uint32_t i = 0; i < hd_session_rings(session); i++) {
		const struct hd_session_ring *ring = &session->ring[i];

		if (ring->vring == NULL && ring->kicked && !ring->failed && hd_session_placeable(session, ring))
			start(session, i);
	}
}

/* No PMD has it any more. */
static void retire(struct hd_session *session, uint32_t index)
{
	struct hd_session_ring *ring = &session->ring[index];
	enum hd_vring_fault fault = atomic_load_explicit(&ring->vring->broken, memory_order_relaxed);

	ring->base = hd_vring_base(ring->vring);
	ring->based = true;
	hd_vring_destroy(ring->vring);
	ring->vring = NULL;
	if (fault == HD_VRING_SOUND)
		return;
	ring->failed = true;
	session->blocked |= fault == HD_VRING_CALL;
	hd_warning(session->name, "the guest broke " RING_FORMAT ": %s; the queue is stopped", RING_NAME(index),
		   hd_vring_fault_text(fault));
	tell_error(ring);
}

/* Take those rings away that run and that `chosen` wants. Returns whether there were any. */
static bool stop(struct hd_session *session, bool (*chosen)(const struct hd_session_ring *ring), uint32_t index)
{
	uint8_t stopped[2 * HD_VHOST_QUEUES_MAX] = {0};
	bool any = false;

	for (uint32_t i = 0; i < hd_session_rings(session); i++) {
		const struct hd_session_ring *ring = &session->ring[i];

		if (ring->vring == NULL || (index != HD_ALL_RINGS && index != i) || (chosen != NULL && !chosen(ring)))
			continue;
		session->ops->publish(session->port, (uint16_t)i, NULL);
		stopped[i] = 1;
		any = true;
	}
	if (!any)
		return false;
	session->ops->synchronize(session->port);
	for (uint32_t i = 0; i < hd_session_rings(session); i++)
		if (stopped[i])
			retire(session, i);
	return true;
}

void hd_session_stop(struct hd_session *session, uint32_t index)
{
	stop(session, NULL, index);
}

static bool broken(const struct hd_session_ring *ring)
{
	return hd_vring_broken(ring->vring);
}

int hd_session_check(struct hd_session *session)
{
	if (session->memory != NULL && hd_memory_poisoned(session->memory))
		return hd_session_refuse(session, -EFAULT, "the front-end truncated its memory");
	if (hd_dirty_log_poisoned(session->log))
		return hd_session_refuse(session, -EFAULT, "the front-end truncated its log");
	if (stop(session, broken, HD_ALL_RINGS))
		session->ops->changed(session->port);
	if (session->blocked)
		return hd_session_refuse(session, -EFAULT,
					 "the front-end made a call descriptor blocking, and filled it");
	return 0;
}

void hd_session_ring_clear(struct hd_session *session, uint32_t index)
{
	struct hd_session_ring *ring = &session->ring[index];

	if (ring->kick >= 0)
		close(ring->kick);
	*ring = (struct hd_session_ring){.kick = -1, .call = ring->call, .error = ring->error};
}
