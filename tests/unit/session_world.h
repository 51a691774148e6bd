/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session with a port that writes down what it is asked for, a guest's memory in a file, and messages in one line.
 *
 * Guest memory: REGION_SIZE bytes at GPA and UVA. Ring i's descriptors, available and used parts lie in it at
 * RING_AT(i), 16 KiB apart.
 */
#ifndef TEST_SESSION_WORLD_H
#define TEST_SESSION_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptors.h"
#include "log.h"
#include "session.h"

#define BIT(n) (UINT64_C(1) << (n))
#define QUEUE_PAIRS 2
#define RINGS (2 * QUEUE_PAIRS)
#define OFFER (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_NET_F_MRG_RXBUF))
#define SPLIT (BIT(VIRTIO_F_VERSION_1) | BIT(HD_F_PROTOCOL_FEATURES))
#define PACKED (SPLIT | BIT(VIRTIO_F_RING_PACKED))
#define LOGGING BIT(VHOST_F_LOG_ALL)
#define ALL_PROTOCOL UINT64_C(0x1a01f) /* MQ, log, RARP, acknowledgements, MTU, reset, memory slots, status */

#define GPA UINT64_C(0x100000)
#define UVA UINT64_C(0x7f5500000000)
#define REGION_SIZE UINT64_C(0x100000)
#define RING_AT(i) ((uint64_t)(i)*0x10000)
#define AVAIL 0x4000
#define USED 0x8000
#define SIZE 256 /* of a ring */
#define LOG_SIZE 4096

static struct {
	struct hd_session session;
	struct hd_message reply;
	struct hd_vring *ring[RINGS];      /* published */
	struct hd_vring *withdrawn[RINGS]; /* and no grace period since */
	unsigned int published, graces, changes, announced;
	uint8_t mac[6];

	int memory; /* the guest's */
	uint8_t *guest;
	int event[RINGS][3]; /* kick, call, error */
	unsigned int open_before;
} world;

static void world_publish(void *port, uint16_t index, struct hd_vring *ring)
{
	ck_assert_ptr_eq(port, &world);
	ck_assert_uint_lt(index, RINGS);
	/* Never one after the other: a grace period lies between. */
	ck_assert(ring == NULL || world.withdrawn[index] == NULL);
	if (ring == NULL) {
		ck_assert_ptr_nonnull(world.ring[index]);
		world.withdrawn[index] = world.ring[index];
	} else
		world.published++;
	world.ring[index] = ring;
}

/* PMDs may have used them until now: they are whole (freed memory is cleared). */
static void world_synchronize(void *port)
{
	world.graces++;
	for (unsigned int i = 0; i < RINGS; i++) {
		if (world.withdrawn[i] != NULL)
			ck_assert_uint_gt(world.withdrawn[i]->size, 0);
		world.withdrawn[i] = NULL;
	}
}

static void world_changed(void *port)
{
	world.changes++;
}

static void world_announce(void *port, const uint8_t mac[6])
{
	world.announced++;
	memcpy(world.mac, mac, 6);
}

static const struct hd_session_ops world_ops = {
	.publish = world_publish,
	.synchronize = world_synchronize,
	.changed = world_changed,
	.announce = world_announce,
};

static int world_file(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void world_setup(void)
{
	hd_log_set_level(HD_LOG_ERROR);
	memset(&world, 0, sizeof(world));
	world.open_before = descriptors_open();
	world.memory = world_file(2 * REGION_SIZE);
	world.guest = mmap(NULL, 2 * REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, world.memory, 0);
	ck_assert_ptr_ne(world.guest, MAP_FAILED);
	for (unsigned int i = 0; i < RINGS; i++)
		for (unsigned int k = 0; k < 3; k++)
			world.event[i][k] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(hd_session_init(&world.session, &world_ops, &world, "vm1", OFFER, QUEUE_PAIRS, true), 0);
}

static void world_teardown(void)
{
	hd_session_fini(&world.session);
	for (unsigned int i = 0; i < RINGS; i++) {
		ck_assert_ptr_null(world.ring[i]);
		ck_assert_ptr_null(world.withdrawn[i]);
		for (unsigned int k = 0; k < 3; k++)
			close(world.event[i][k]);
	}
	munmap(world.guest, 2 * REGION_SIZE);
	close(world.memory);
	ck_assert_uint_eq(descriptors_open(), world.open_before);
}

/* Messages. Each returns what hd_session_handle does; world.reply is the reply. */

static int ask(struct hd_message message)
{
	int rc;

	message.flags |= HD_MESSAGE_VERSION;
	rc = hd_session_handle(&world.session, &message, &world.reply);
	ck_assert_uint_eq(message.n_fds, 0);
	if (rc > 0) {
		ck_assert_int_eq(rc, 1);
		ck_assert_uint_eq(world.reply.request, message.request);
		ck_assert_uint_eq(world.reply.flags, HD_MESSAGE_VERSION | HD_MESSAGE_REPLY);
	}
	return rc;
}

static inline int ask_nothing(uint32_t request)
{
	return ask((struct hd_message){.request = request});
}

static inline int ask_u64(uint32_t request, uint64_t value)
{
	return ask((struct hd_message){.request = request, .size = 8, .u64 = value});
}

/* The answer of a request that has one. */
static inline uint64_t get_u64(uint32_t request)
{
	ck_assert_int_eq(ask_nothing(request), 1);
	ck_assert_uint_eq(world.reply.size, 8);
	return world.reply.u64;
}

static inline int ask_state(uint32_t request, uint32_t index, uint32_t num)
{
	return ask((struct hd_message){.request = request, .size = 8, .state = {.index = index, .num = num}});
}

/* fd stays the caller's. -1: none. */
static inline int ask_file(uint32_t request, uint32_t index, int fd)
{
	struct hd_message message = {.request = request, .size = 8, .u64 = index | (fd < 0 ? HD_MESSAGE_NOFD : 0)};

	if (fd >= 0)
		message.fds[message.n_fds++] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return ask(message);
}

static inline struct vhost_vring_addr addr_of(uint32_t index, uint64_t at)
{
	return (struct vhost_vring_addr){.index = index,
					 .desc_user_addr = UVA + at,
					 .avail_user_addr = UVA + at + AVAIL,
					 .used_user_addr = UVA + at + USED,
					 .log_guest_addr = GPA + at + USED};
}

static inline int ask_addr(uint32_t index, uint32_t flags)
{
	struct hd_message message = {.request = HD_SET_VRING_ADDR, .size = 40, .addr = addr_of(index, RING_AT(index))};

	message.addr.flags = flags;
	return ask(message);
}

/* The first region of the file, and the second right behind it if n is 2. */
static inline struct hd_message memory_message(uint32_t n, uint64_t gpa, uint64_t uva)
{
	struct hd_message message = {.request = HD_SET_MEM_TABLE, .size = 8 + 32 * n, .memory = {.n = n}};

	for (uint32_t i = 0; i < n; i++) {
		message.memory.region[i] = (struct hd_wire_region){.gpa = gpa + i * REGION_SIZE,
								   .size = REGION_SIZE,
								   .uva = uva + i * REGION_SIZE,
								   .offset = i * REGION_SIZE};
		message.fds[message.n_fds++] = fcntl(world.memory, F_DUPFD_CLOEXEC, 3);
	}
	return message;
}

static inline int ask_memory(void)
{
	return ask(memory_message(1, GPA, UVA));
}

static inline int ask_log(int file, uint64_t size, uint64_t offset)
{
	return ask((struct hd_message){.request = HD_SET_LOG_BASE,
				       .size = 16,
				       .log = {.size = size, .offset = offset},
				       .fds = {fcntl(file, F_DUPFD_CLOEXEC, 3)},
				       .n_fds = 1});
}

/* How far a front-end has got. */

static inline void world_agree(uint64_t features, uint64_t protocol)
{
	ck_assert_int_eq(ask_nothing(HD_SET_OWNER), 0);
	ck_assert_int_eq(ask_u64(HD_SET_PROTOCOL_FEATURES, protocol), 0);
	ck_assert_int_eq(ask_u64(HD_SET_FEATURES, features), 0);
}

/* All but the kick. */
static inline void world_prepare_ring(uint32_t index)
{
	ck_assert_int_eq(ask_state(HD_SET_VRING_NUM, index, SIZE), 0);
	ck_assert_int_eq(ask_addr(index, 0), 0);
	ck_assert_int_eq(ask_file(HD_SET_VRING_CALL, index, world.event[index][1]), 0);
	ck_assert_int_eq(ask_file(HD_SET_VRING_ERR, index, world.event[index][2]), 0);
	ck_assert_int_eq(ask_state(HD_SET_VRING_ENABLE, index, 1), 0);
}

static inline int world_kick(uint32_t index)
{
	return ask_file(HD_SET_VRING_KICK, index, world.event[index][0]);
}

/* Rings 0 and 1 run. */
static inline void world_start(uint64_t features)
{
	world_agree(features, ALL_PROTOCOL);
	ck_assert_int_eq(ask_memory(), 0);
	for (uint32_t i = 0; i < 2; i++) {
		world_prepare_ring(i);
		ck_assert_int_eq(world_kick(i), 0);
		ck_assert_ptr_nonnull(world.ring[i]);
	}
}

static inline struct vring_used *world_used(uint32_t index)
{
	return (struct vring_used *)(world.guest + RING_AT(index) + USED);
}

/* Whether the eventfd was written to since it was last asked. */
static inline bool world_signalled(int fd)
{
	uint64_t value;

	return read(fd, &value, sizeof(value)) == sizeof(value);
}

static inline void expect_reason(const char *part)
{
	ck_assert_msg(strstr(world.session.reason, part) != NULL, "\"%s\" is not in \"%s\"", part,
		      world.session.reason);
}

#endif
