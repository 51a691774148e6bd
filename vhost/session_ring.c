/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages about one ring. */
#include "session_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The ring of a message; NULL: there is none of that index, and the reason is told. */
static struct hd_session_ring *ring_of(struct hd_session *session, uint32_t index)
{
	if (index < hd_session_rings(session))
		return &session->ring[index];
	hd_session_refuse(session, -EINVAL, "ring %u: there are %u", index, hd_session_rings(session));
	return NULL;
}

/* Whether the ring can be with these values, as far as can be known by now. */
static int check_place(struct hd_session *session, uint32_t index, const struct hd_session_ring *ring)
{
	char reason[HD_SESSION_REASON_MAX];

	if (!hd_session_placeable(session, ring) || hd_session_place(session, index, ring, NULL, reason) == 0)
		return 0;
	return hd_session_refuse(session, -EINVAL, "ring %u: %.150s", index, reason);
}

int hd_session_set_num(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	uint32_t index = message->state.index, size = message->state.num;
	struct hd_session_ring *ring = ring_of(session, index);
	bool split = session->features_set && !hd_session_has(session, VIRTIO_F_RING_PACKED);

	if (ring == NULL)
		return -EINVAL;
	if (size == 0 || size > HD_VRING_SIZE_MAX)
		return hd_session_refuse(session, -EINVAL, "ring %u: size %u is not from 1 to %u", index, size,
					 HD_VRING_SIZE_MAX);
	if (split && (size & (size - 1)) != 0)
		return hd_session_refuse(session, -EINVAL, "ring %u: size %u is not a power of two", index, size);
	if (ring->vring != NULL && size != ring->size)
		return hd_session_refuse(session, -EBUSY, "ring %u: size %u while it runs with %u", index, size,
					 ring->size);
	ring->size = size;
	ring->sized = true;
	hd_session_settle(session);
	return 0;
}

int hd_session_set_addr(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	const struct vhost_vring_addr *addr = &message->addr;
	struct hd_session_ring *ring = ring_of(session, addr->index);
	struct hd_session_ring next;
	int rc;

	if (ring == NULL)
		return -EINVAL;
	next = *ring;
	next.desc_uva = addr->desc_user_addr;
	next.avail_uva = addr->avail_user_addr;
	next.used_uva = addr->used_user_addr;
	next.log_gpa = addr->log_guest_addr;
	next.log = (addr->flags & 1u << VHOST_VRING_F_LOG) != 0;
	next.placed = true;
	rc = check_place(session, addr->index, &next);
	if (rc < 0)
		return rc;
	hd_session_stop(session, addr->index);
	/* Where it stands is known only now. */
	next.base = ring->base;
	next.based = ring->based;
	next.failed = ring->failed;
	next.vring = ring->vring;
	*ring = next;
	hd_session_settle(session);
	return 0;
}

int hd_session_set_base(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	uint32_t index = message->state.index, base = message->state.num;
	struct hd_session_ring *ring = ring_of(session, index);
	bool split = session->features_set && !hd_session_has(session, VIRTIO_F_RING_PACKED);
	struct hd_session_ring next;
	int rc;

	if (ring == NULL)
		return -EINVAL;
	if (ring->vring != NULL)
		return hd_session_refuse(session, -EBUSY, "ring %u: it runs", index);
	if (split && base > UINT16_MAX)
		return hd_session_refuse(session, -EINVAL, "ring %u: base %u is not from 0 to %u", index, base,
					 UINT16_MAX);
	next = *ring;
	next.base = base;
	next.based = true;
	rc = check_place(session, index, &next);
	if (rc < 0)
		return rc;
	*ring = next;
	hd_session_settle(session);
	return 0;
}

/* A stopped ring runs again when it has been kicked again. */
static void await_kick(struct hd_session_ring *ring)
{
	if (ring->kick >= 0)
		close(ring->kick);
	ring->kick = -1;
	ring->kicked = ring->failed = ring->told = false;
}

void hd_session_halt(struct hd_session *session)
{
	hd_session_stop(session, HD_ALL_RINGS);
	for (uint32_t i = 0; i < hd_session_rings(session); i++)
		await_kick(&session->ring[i]);
}

int hd_session_get_base(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	uint32_t index = message->state.index;
	struct hd_session_ring *ring = ring_of(session, index);

	if (ring == NULL)
		return -EINVAL;
	hd_session_stop(session, index);
	await_kick(ring);
	reply->state = (struct vhost_vring_state){.index = index, .num = hd_session_base(session, ring)};
	reply->size = sizeof(reply->state);
	return 0;
}

/* Rings are signalled by eventfds: writing to anything else could block, or harm. Returns 0 or -errno and the reason.
 */
static int check_eventfd(struct hd_session *session, uint32_t index, int fd)
{
	static const char wanted[] = "anon_inode:[eventfd]";
	char path[32], target[sizeof(wanted) + 1];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target));
	if (n != sizeof(wanted) - 1 || memcmp(target, wanted, sizeof(wanted) - 1) != 0)
		return hd_session_refuse(session, -EINVAL, "ring %u: the descriptor is not an eventfd", index);
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return hd_session_refuse(session, -errno, "ring %u: %s", index, strerror(errno));
	return 0;
}

/* The ring of SET_VRING_KICK, _CALL and _ERR and the descriptor that it brings (-1: none). NULL: refused. */
static struct hd_session_ring *file_of(struct hd_session *session, struct hd_message *message, int *fd)
{
	uint32_t index = (uint32_t)message->u64 & HD_MESSAGE_RING_MASK;
	struct hd_session_ring *ring;

	if ((message->u64 & ~(uint64_t)(HD_MESSAGE_RING_MASK | HD_MESSAGE_NOFD)) != 0) {
		hd_session_refuse(session, -EINVAL, "0x%" PRIx64 " has unknown bits", message->u64);
		return NULL;
	}
	ring = ring_of(session, index);
	if (ring == NULL || (message->n_fds > 0 && check_eventfd(session, index, message->fds[0]) < 0))
		return NULL;
	*fd = hd_session_take_fd(message, 0);
	return ring;
}

static void put_file(int *place, int fd)
{
	if (*place >= 0)
		close(*place);
	*place = fd;
}

int hd_session_set_kick(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	int fd;
	struct hd_session_ring *ring = file_of(session, message, &fd);

	if (ring == NULL)
		return -EINVAL;
	/* We poll: PMDs never read it. */
	put_file(&ring->kick, fd);
	ring->kicked = true;
	hd_session_settle(session);
	return 0;
}

int hd_session_set_call(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	int fd;
	struct hd_session_ring *ring = file_of(session, message, &fd);

	if (ring == NULL)
		return -EINVAL;
	/* A PMD may be about to write to the former one, whose number could be another file's by then. */
	hd_session_stop(session, (uint32_t)(ring - session->ring));
	put_file(&ring->call, fd);
	hd_session_settle(session);
	return 0;
}

int hd_session_set_error(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	int fd;
	struct hd_session_ring *ring = file_of(session, message, &fd);

	if (ring == NULL)
		return -EINVAL;
	put_file(&ring->error, fd);
	return 0;
}

int hd_session_set_enable(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	uint32_t index = message->state.index, on = message->state.num;
	struct hd_session_ring *ring = ring_of(session, index);

	if (ring == NULL)
		return -EINVAL;
	if (on > 1)
		return hd_session_refuse(session, -EINVAL, "ring %u: %u is neither 0 nor 1", index, on);
	/* QEMU enables rings before it sets features. */
	if (session->features_set && !hd_session_has(session, HD_F_PROTOCOL_FEATURES))
		return hd_session_refuse(session, -EOPNOTSUPP, "ring %u: protocol features were not negotiated", index);
	ring->enabled = on != 0;
	if (ring->vring != NULL)
		atomic_store_explicit(&ring->vring->enabled, ring->enabled, memory_order_relaxed);
	return 0;
}
