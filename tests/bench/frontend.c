/* SPDX-License-Identifier: BSD-3-Clause */
/* The front-end's side of the vhost-user protocol, as far as starting and stopping one queue pair needs it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "frontend.h"
#include "message.h"
#include "ticks.h"

#define REPLY_SECONDS 10
/* Index 0 and wrap counter 1 (bit 15) of what is available, and the same of what is used in the upper half. */
#define PACKED_BASE 0x80008000u
#define FEATURE_PROTOCOL (UINT64_C(1) << 30)
#define PROTOCOL_MQ (UINT64_C(1) << 0)
#define PROTOCOL_REPLY_ACK (UINT64_C(1) << 3)

static int negotiate(struct hd_frontend *fe, uint64_t required)
{
	struct hd_message msg = {.request = HD_GET_FEATURES};
	struct hd_message owner = {.request = HD_SET_OWNER};
	uint64_t offered;
	int rc;

	rc = hd_message_set(&fe->channel, &owner, -1);
	if (rc == 0)
		rc = hd_message_get(&fe->channel, &msg);
	if (rc != 0)
		return rc;
	offered = msg.body.u64;
	if ((offered & required) != required) {
		fprintf(stderr, "heddle-bench: %s: the switch does not offer features %#llx\n", fe->channel.path,
			(unsigned long long)(required & ~offered));
		return -ENOTSUP;
	}
	fe->features = required | (offered & FEATURE_PROTOCOL);
	if ((fe->features & FEATURE_PROTOCOL) != 0) {
		uint64_t protocol;

		msg = (struct hd_message){.request = HD_GET_PROTOCOL_FEATURES};
		rc = hd_message_get(&fe->channel, &msg);
		if (rc != 0)
			return rc;
		protocol = msg.body.u64 & (PROTOCOL_MQ | PROTOCOL_REPLY_ACK);
		rc = hd_message_set_u64(&fe->channel, HD_SET_PROTOCOL_FEATURES, protocol, -1);
		if (rc != 0)
			return rc;
		fe->channel.ack = (protocol & PROTOCOL_REPLY_ACK) != 0;
	}
	return hd_message_set_u64(&fe->channel, HD_SET_FEATURES, fe->features, -1);
}

static int set_memory(const struct hd_frontend *fe, const struct hd_memory *mem)
{
	struct hd_message msg = {
		.request = HD_SET_MEM_TABLE,
		.size = sizeof(msg.body.memory),
		.body.memory = {.count = 1, .gpa = HD_MEMORY_GPA, .size = mem->size, .user = (uintptr_t)mem->base},
	};

	return hd_message_set(&fe->channel, &msg, mem->fd);
}

static int start_ring(const struct hd_frontend *fe, uint32_t index, const struct hd_vring *vr)
{
	struct hd_message addr = {
		.request = HD_SET_VRING_ADDR,
		.size = sizeof(addr.body.addr),
		.body.addr = {.index = index,
			      .desc_user_addr = (uintptr_t)vr->desc,
			      .avail_user_addr = (uintptr_t)vr->avail,
			      .used_user_addr = (uintptr_t)vr->used},
	};
	int rc = hd_message_set_state(&fe->channel, HD_SET_VRING_NUM, index, vr->mask + 1u);

	if (rc == 0)
		rc = hd_message_set_state(&fe->channel, HD_SET_VRING_BASE, index, vr->is_packed ? PACKED_BASE : 0);
	if (rc == 0)
		rc = hd_message_set(&fe->channel, &addr, -1);
	if (rc == 0)
		rc = hd_message_set_u64(&fe->channel, HD_SET_VRING_CALL, index, vr->call);
	if (rc == 0)
		rc = hd_message_set_u64(&fe->channel, HD_SET_VRING_KICK, index, vr->kick);
	return rc;
}

int hd_frontend_start(struct hd_frontend *fe, uint64_t required, const struct hd_memory *mem,
		      const struct hd_vring *const rings[2])
{
	uint32_t i;
	int rc = negotiate(fe, required);

	if (rc == 0)
		rc = set_memory(fe, mem);
	for (i = 0; rc == 0 && i < 2; i++)
		rc = start_ring(fe, i, rings[i]);
	/* without protocol features rings start enabled */
	for (i = 0; rc == 0 && i < 2 && (fe->features & FEATURE_PROTOCOL) != 0; i++)
		rc = hd_message_set_state(&fe->channel, HD_SET_VRING_ENABLE, i, 1);
	return rc;
}

void hd_frontend_stop(struct hd_frontend *fe)
{
	uint32_t i;

	if (fe->channel.fd < 0 || !hd_frontend_alive(fe))
		return;
	for (i = 0; i < 2; i++) {
		struct hd_message msg = {
			.request = HD_GET_VRING_BASE,
			.size = sizeof(msg.body.state),
			.body.state = {.index = i},
		};

		if (hd_message_get(&fe->channel, &msg) != 0)
			return;
	}
}

bool hd_frontend_alive(const struct hd_frontend *fe)
{
	struct pollfd pfd = {.fd = fe->channel.fd, .events = POLLIN | POLLRDHUP};

	/* the switch has nothing to say of itself: no back-end channel was negotiated */
	return poll(&pfd, 1, 0) == 0;
}

static int fill_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	strcpy(addr->sun_path, path);
	return 0;
}

int hd_frontend_open(struct hd_frontend *fe, const char *path, bool listening)
{
	struct sockaddr_un addr;
	struct stat stale;
	int rc = fill_address(&addr, path);

	*fe = (struct hd_frontend){.channel = {.path = path, .fd = -1}, .listener = -1};
	if (rc != 0 || !listening)
		return rc;
	fe->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fe->listener < 0)
		return -errno;
	if (lstat(path, &stale) == 0 && S_ISSOCK(stale.st_mode))
		unlink(path);
	if (bind(fe->listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fe->listener, 1) != 0)
		return -errno;
	return 0;
}

static int accept_one(const struct hd_frontend *fe, uint64_t wait_ns)
{
	struct pollfd pfd = {.fd = fe->listener, .events = POLLIN};
	int fd;

	if (poll(&pfd, 1, (int)(wait_ns / 1000000)) == 0)
		return -ETIMEDOUT;
	fd = accept4(fe->listener, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int connect_one(const struct hd_frontend *fe, uint64_t wait_ns)
{
	uint64_t deadline = hd_ticks_ns() + wait_ns;
	struct sockaddr_un addr;
	int rc = fill_address(&addr, fe->channel.path);
	int fd;

	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		rc = -errno;
		if ((rc != -ENOENT && rc != -ECONNREFUSED && rc != -EAGAIN) || hd_ticks_ns() >= deadline) {
			close(fd);
			return rc;
		}
		usleep(10000);
	}
	return fd;
}

int hd_frontend_connect(struct hd_frontend *fe, uint64_t wait_ns)
{
	struct timeval limit = {.tv_sec = REPLY_SECONDS};
	int fd = fe->listener >= 0 ? accept_one(fe, wait_ns) : connect_one(fe, wait_ns);

	if (fd < 0)
		return fd;
	fe->channel.fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return 0;
}

void hd_frontend_close(struct hd_frontend *fe)
{
	if (fe->channel.fd >= 0)
		close(fe->channel.fd);
	if (fe->listener >= 0) {
		close(fe->listener);
		unlink(fe->channel.path);
	}
	fe->channel.fd = -1;
	fe->listener = -1;
}
