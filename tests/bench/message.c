/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending vhost-user messages and reading their replies. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "message.h"

#define VERSION 0x1u
#define FLAG_REPLY 0x4u
#define FLAG_NEED_REPLY 0x8u

static const char *const request_names[] = {
	[HD_GET_FEATURES] = "GET_FEATURES",
	[HD_SET_FEATURES] = "SET_FEATURES",
	[HD_SET_OWNER] = "SET_OWNER",
	[HD_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[HD_SET_VRING_NUM] = "SET_VRING_NUM",
	[HD_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[HD_SET_VRING_BASE] = "SET_VRING_BASE",
	[HD_GET_VRING_BASE] = "GET_VRING_BASE",
	[HD_SET_VRING_KICK] = "SET_VRING_KICK",
	[HD_SET_VRING_CALL] = "SET_VRING_CALL",
	[HD_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[HD_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[HD_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
};

#define HEADER_LEN 12u

static int send_message(const struct hd_channel *ch, const struct hd_message *msg, int fd)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)msg, .iov_len = HEADER_LEN + msg->size};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		hdr.msg_control = control.bytes;
		hdr.msg_controllen = sizeof(control.bytes);
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	if (sendmsg(ch->fd, &hdr, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

static int receive_exact(int fd, void *to, size_t len)
{
	ssize_t n = recv(fd, to, len, MSG_WAITALL);

	if (n == (ssize_t)len)
		return 0;
	return n < 0 ? -errno : -ECONNRESET;
}

static int receive_reply(const struct hd_channel *ch, uint32_t request, struct hd_message *reply)
{
	int rc = receive_exact(ch->fd, reply, HEADER_LEN);

	if (rc != 0)
		return rc;
	if (reply->request != request || (reply->flags & FLAG_REPLY) == 0 || reply->size > sizeof(reply->body))
		return -EPROTO;
	return receive_exact(ch->fd, &reply->body, reply->size);
}

static int complain(const struct hd_channel *ch, uint32_t request, int rc)
{
	if (rc != 0)
		fprintf(stderr, "heddle-bench: %s: %s: %s\n", ch->path, request_names[request], strerror(-rc));
	return rc;
}

/* Sends a message that has no reply of its own, and waits for its acknowledgement where that was negotiated. */
int hd_message_set(const struct hd_channel *ch, struct hd_message *msg, int fd)
{
	struct hd_message reply;
	uint32_t request = msg->request;
	int rc;

	msg->flags = VERSION | (ch->ack ? FLAG_NEED_REPLY : 0);
	rc = send_message(ch, msg, fd);
	if (rc == 0 && ch->ack) {
		rc = receive_reply(ch, request, &reply);
		if (rc == 0 && reply.body.u64 != 0)
			rc = -EREMOTEIO;
	}
	return complain(ch, request, rc);
}

int hd_message_set_u64(const struct hd_channel *ch, uint32_t request, uint64_t value, int fd)
{
	struct hd_message msg = {.request = request, .size = sizeof(value), .body.u64 = value};

	return hd_message_set(ch, &msg, fd);
}

int hd_message_set_state(const struct hd_channel *ch, uint32_t request, uint32_t index, uint32_t num)
{
	struct hd_message msg = {
		.request = request,
		.size = sizeof(msg.body.state),
		.body.state = {.index = index, .num = num},
	};

	return hd_message_set(ch, &msg, -1);
}

int hd_message_get(const struct hd_channel *ch, struct hd_message *msg)
{
	uint32_t request = msg->request;
	int rc;

	msg->flags = VERSION;
	rc = send_message(ch, msg, -1);
	if (rc == 0)
		rc = receive_reply(ch, request, msg);
	return complain(ch, request, rc);
}
