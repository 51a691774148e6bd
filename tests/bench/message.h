/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-user messages as a front-end sends them: one at a time, each with its reply or acknowledgement. */
#ifndef HD_BENCH_MESSAGE_H
#define HD_BENCH_MESSAGE_H

#include <linux/vhost_types.h>
#include <stdbool.h>
#include <stdint.h>

enum hd_request {
	HD_GET_FEATURES = 1,
	HD_SET_FEATURES = 2,
	HD_SET_OWNER = 3,
	HD_SET_MEM_TABLE = 5,
	HD_SET_VRING_NUM = 8,
	HD_SET_VRING_ADDR = 9,
	HD_SET_VRING_BASE = 10,
	HD_GET_VRING_BASE = 11,
	HD_SET_VRING_KICK = 12,
	HD_SET_VRING_CALL = 13,
	HD_GET_PROTOCOL_FEATURES = 15,
	HD_SET_PROTOCOL_FEATURES = 16,
	HD_SET_VRING_ENABLE = 18,
};

struct hd_region_table {
	uint32_t count;
	uint32_t padding;
	uint64_t gpa;
	uint64_t size;
	uint64_t user;
	uint64_t offset;
};

struct hd_message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct hd_region_table memory;
	} __attribute__((packed)) body;
} __attribute__((packed));

/* The connection as far as messages go. */
struct hd_channel {
	const char *path; /* for messages to the user */
	int fd;           /* -1 when there is no connection */
	bool ack;         /* REPLY_ACK was negotiated */
};

/* Sends msg, whose request, size and body are set, with fd unless it is -1, and waits for the acknowledgement where
 * that was negotiated. 0 or -errno, -EREMOTEIO when the switch refused; failures are told on stderr. */
int hd_message_set(const struct hd_channel *ch, struct hd_message *msg, int fd);
int hd_message_set_u64(const struct hd_channel *ch, uint32_t request, uint64_t value, int fd);
int hd_message_set_state(const struct hd_channel *ch, uint32_t request, uint32_t index, uint32_t num);

/* Sends msg and reads its reply into it. 0 or -errno, told on stderr. */
int hd_message_get(const struct hd_channel *ch, struct hd_message *msg);

#endif
