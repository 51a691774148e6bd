/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-user messages on the wire (QEMU docs/interop/vhost-user.rst): numbers, bits and payloads, in host byte order.
 */
#ifndef HD_PROTOCOL_H
#define HD_PROTOCOL_H

#include <assert.h>
#include <linux/vhost_types.h>
#include <stddef.h>
#include <stdint.h>

#define HD_MESSAGE_HEADER 12u /* bytes */
#define HD_MESSAGE_FDS 8u     /* descriptors that one message may carry: a region each of SET_MEM_TABLE */

#define HD_MESSAGE_VERSION 1u /* bits 0 and 1 of flags */
#define HD_MESSAGE_VERSION_MASK 3u
#define HD_MESSAGE_REPLY (1u << 2)
#define HD_MESSAGE_NEED_REPLY (1u << 3)

#define HD_MESSAGE_RING_MASK 0xffu /* of the u64 of SET_VRING_KICK, _CALL, _ERR */
#define HD_MESSAGE_NOFD (1u << 8)

#define HD_F_PROTOCOL_FEATURES 30 /* the virtio feature bit that vhost-user takes for itself */

/* X(request, number) */
#define HD_REQUEST_LIST(X)                                                                                             \
	X(GET_FEATURES, 1)                                                                                             \
	X(SET_FEATURES, 2)                                                                                             \
	X(SET_OWNER, 3)                                                                                                \
	X(RESET_OWNER, 4)                                                                                              \
	X(SET_MEM_TABLE, 5)                                                                                            \
	X(SET_LOG_BASE, 6)                                                                                             \
	X(SET_LOG_FD, 7)                                                                                               \
	X(SET_VRING_NUM, 8)                                                                                            \
	X(SET_VRING_ADDR, 9)                                                                                           \
	X(SET_VRING_BASE, 10)                                                                                          \
	X(GET_VRING_BASE, 11)                                                                                          \
	X(SET_VRING_KICK, 12)                                                                                          \
	X(SET_VRING_CALL, 13)                                                                                          \
	X(SET_VRING_ERR, 14)                                                                                           \
	X(GET_PROTOCOL_FEATURES, 15)                                                                                   \
	X(SET_PROTOCOL_FEATURES, 16)                                                                                   \
	X(GET_QUEUE_NUM, 17)                                                                                           \
	X(SET_VRING_ENABLE, 18)                                                                                        \
	X(SEND_RARP, 19)                                                                                               \
	X(NET_SET_MTU, 20)                                                                                             \
	X(GET_INFLIGHT_FD, 31)                                                                                         \
	X(SET_INFLIGHT_FD, 32)                                                                                         \
	X(RESET_DEVICE, 34)                                                                                            \
	X(GET_MAX_MEM_SLOTS, 36)                                                                                       \
	X(ADD_MEM_REG, 37)                                                                                             \
	X(REM_MEM_REG, 38)                                                                                             \
	X(SET_STATUS, 39)                                                                                              \
	X(GET_STATUS, 40)

enum hd_request {
#define X(request, number) HD_##request = number,
	HD_REQUEST_LIST(X)
#undef X
};

/* Bits of protocol features. */
enum hd_protocol_feature {
	HD_PROTOCOL_MQ = 0,
	HD_PROTOCOL_LOG_SHMFD = 1,
	HD_PROTOCOL_RARP = 2,
	HD_PROTOCOL_REPLY_ACK = 3,
	HD_PROTOCOL_MTU = 4,
	HD_PROTOCOL_INFLIGHT_SHMFD = 12,
	HD_PROTOCOL_RESET_DEVICE = 13,
	HD_PROTOCOL_CONFIGURE_MEM_SLOTS = 15,
	HD_PROTOCOL_STATUS = 16,
};

struct hd_wire_region {
	uint64_t gpa, size, uva, offset;
};

struct hd_wire_memory {
	uint32_t n, padding;
	struct hd_wire_region region[HD_MESSAGE_FDS];
};

struct hd_wire_single_region {
	uint64_t padding;
	struct hd_wire_region region;
};

struct hd_wire_log {
	uint64_t size, offset;
};

struct hd_wire_inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
};

/*
 * A message in memory. On the wire the payload follows the header at once; here it lies where its fields are aligned,
 * so header and payload are read and written one after the other (channel.c).
 */
struct hd_message {
	uint32_t request, flags, size; /* size: of the payload that is there */
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct hd_wire_memory memory;
		struct hd_wire_single_region region;
		struct hd_wire_log log;
		struct hd_wire_inflight inflight;
		uint8_t bytes[sizeof(struct hd_wire_memory)];
	};
	/* Not on the wire. */
	int fds[HD_MESSAGE_FDS];
	unsigned int n_fds;
};
static_assert(offsetof(struct hd_message, size) + sizeof(uint32_t) == HD_MESSAGE_HEADER, "the header as on the wire");

#endif
