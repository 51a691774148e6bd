/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port that watches its session for fuzz_session.c: rings are sound when they are made, and what they stand on lives
 * as long as a PMD may be in them. The linker puts the functions here in front of those that they call (--wrap).
 */
#ifndef FUZZ_SESSION_WATCH_H
#define FUZZ_SESSION_WATCH_H

#include <fcntl.h>
#include <poll.h>

#include "input.h"
#include "session_impl.h"

#define PAIRS_MAX 3
#define RINGS_MAX (2 * PAIRS_MAX)
#define WATCHED 48 /* descriptors */

static struct {
	struct hd_session session;
	struct hd_vring *published[RINGS_MAX], *withdrawn[RINGS_MAX]; /* withdrawn: and no grace period since */
	unsigned int rings;                                           /* that are there */
} world;

struct hd_vring *__real_hd_vring_create(const struct hd_vring_setup *setup);
struct hd_vring *__wrap_hd_vring_create(const struct hd_vring_setup *setup);
void __real_hd_vring_destroy(struct hd_vring *ring);
void __wrap_hd_vring_destroy(struct hd_vring *ring);
void __real_hd_memory_destroy(struct hd_memory *memory);
void __wrap_hd_memory_destroy(struct hd_memory *memory);
void __real_hd_dirty_log_destroy(struct hd_dirty_log *log);
void __wrap_hd_dirty_log_destroy(struct hd_dirty_log *log);

/* What the session may do with its rings. */

static bool in_memory(const struct hd_memory *memory, const void *at, uint64_t len)
{
	for (uint32_t i = 0; i < memory->n; i++) {
		uint64_t off = (uintptr_t)at - (uintptr_t)memory->region[i].host;

		if (off < memory->region[i].size && len <= memory->region[i].size - off)
			return true;
	}
	return false;
}

struct hd_vring *__wrap_hd_vring_create(const struct hd_vring_setup *setup)
{
	bool packed = setup->features >> VIRTIO_F_RING_PACKED & 1;
	struct hd_vring_layout layout;

	must(setup->size > 0 && setup->size <= HD_VRING_SIZE_MAX);
	must(packed || (setup->size & (setup->size - 1)) == 0);
	hd_vring_layout(setup->size, packed, setup->features >> VIRTIO_RING_F_EVENT_IDX & 1, &layout);
	must(in_memory(setup->memory, setup->desc, layout.desc_len));
	must(in_memory(setup->memory, setup->avail, layout.avail_len));
	must(in_memory(setup->memory, setup->used, layout.used_len));
	must((uintptr_t)setup->desc % layout.desc_align == 0 && (uintptr_t)setup->avail % layout.avail_align == 0 &&
	     (uintptr_t)setup->used % layout.used_align == 0);
	must(!packed || (setup->base & 0x7fff) < setup->size);
	world.rings++;
	return __real_hd_vring_create(setup);
}

void __wrap_hd_vring_destroy(struct hd_vring *ring)
{
	world.rings -= ring != NULL;
	for (unsigned int i = 0; ring != NULL && i < RINGS_MAX; i++)
		must(world.published[i] != ring && world.withdrawn[i] != ring);
	__real_hd_vring_destroy(ring);
}

/* What a ring stands on is there as long as a PMD may be in it. */
void __wrap_hd_memory_destroy(struct hd_memory *memory)
{
	for (unsigned int i = 0; i < RINGS_MAX; i++) {
		must(world.published[i] == NULL || world.published[i]->memory != memory);
		must(world.withdrawn[i] == NULL || world.withdrawn[i]->memory != memory);
	}
	__real_hd_memory_destroy(memory);
}

void __wrap_hd_dirty_log_destroy(struct hd_dirty_log *log)
{
	for (unsigned int i = 0; log != NULL && i < RINGS_MAX; i++) {
		must(world.published[i] == NULL || world.published[i]->log != log);
		must(world.withdrawn[i] == NULL || world.withdrawn[i]->log != log);
	}
	__real_hd_dirty_log_destroy(log);
}

static void publish(void *port, uint16_t index, struct hd_vring *ring)
{
	must(index < RINGS_MAX && world.withdrawn[index] == NULL);
	must((ring == NULL) != (world.published[index] == NULL));
	if (ring == NULL)
		world.withdrawn[index] = world.published[index];
	world.published[index] = ring;
}

static void synchronize(void *port)
{
	memset(world.withdrawn, 0, sizeof(world.withdrawn));
}

static void changed(void *port)
{
}

static void announce(void *port, const uint8_t mac[6])
{
}

static const struct hd_session_ops ops = {publish, synchronize, changed, announce};

/* After each message. */
static void check_session(void)
{
	const struct hd_session *session = &world.session;

	must(memchr(session->reason, 0, sizeof(session->reason)) != NULL);
	for (uint32_t i = 0; i < RINGS_MAX; i++) {
		const struct hd_session_ring *ring = &session->ring[i];

		must(world.withdrawn[i] == NULL);
		if (i >= hd_session_rings(session)) {
			must(world.published[i] == NULL);
			continue;
		}
		must(ring->vring == world.published[i]);
		if (ring->vring == NULL)
			continue;
		must(ring->sized && ring->placed && ring->kicked && !ring->failed && session->features_set);
		must(ring->vring->size == ring->size && ring->vring->call == ring->call);
		must(ring->vring->memory == session->memory);
		must(ring->vring->log == NULL || ring->vring->log == session->log);
		must(atomic_load(&ring->vring->enabled) == ring->enabled);
		must(ring->call < 0 || fcntl(ring->call, F_GETFD) >= 0);
	}
}

/* Which descriptors are open: the lowest are given out first. */
static uint64_t open_descriptors(void)
{
	struct pollfd fds[WATCHED];
	uint64_t open = 0;

	for (int i = 0; i < WATCHED; i++)
		fds[i] = (struct pollfd){.fd = i};
	must(poll(fds, WATCHED, 0) >= 0);
	for (int i = 0; i < WATCHED; i++)
		open |= (uint64_t)((fds[i].revents & POLLNVAL) == 0) << i;
	return open;
}

#endif
