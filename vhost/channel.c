/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection to a front-end: messages and their descriptors in pieces, as the socket has them. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

static uint64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int fail(struct hd_channel *channel, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct hd_channel *channel, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(channel->reason, sizeof(channel->reason), format, args);
	va_end(args);
	return error;
}

void hd_channel_open(struct hd_channel *channel, int fd)
{
	memset(channel, 0, sizeof(*channel));
	channel->fd = fd;
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void close_fds(const int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		close(fds[i]);
}

void hd_channel_close(struct hd_channel *channel)
{
	/* Those of a whole message are the caller's. */
	if (channel->got > 0)
		close_fds(channel->in.fds, channel->in.n_fds);
	channel->in.n_fds = 0;
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
	channel->got = 0;
	channel->left = channel->sent = 0;
	channel->in_since = channel->out_since = 0;
}

/* What the kernel has installed for us. `fds` has room for one more than a message may have. */
static unsigned int gather_fds(struct msghdr *msg, int fds[HD_MESSAGE_FDS + 1])
{
	unsigned int n = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(msg); part != NULL; part = CMSG_NXTHDR(msg, part)) {
		unsigned int here = (unsigned int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		/* The control buffer holds no more than `fds` does. */
		for (unsigned int i = 0; i < here && n <= HD_MESSAGE_FDS; i++)
			memcpy(&fds[n++], CMSG_DATA(part) + i * sizeof(int), sizeof(int));
	}
	return n;
}

static int take_fds(struct hd_channel *channel, struct msghdr *msg)
{
	int fds[HD_MESSAGE_FDS + 1];
	unsigned int n = gather_fds(msg, fds);

	if ((msg->msg_flags & MSG_CTRUNC) != 0 || n > HD_MESSAGE_FDS) {
		close_fds(fds, n);
		return fail(channel, -EPROTO, "a message with more descriptors than %u, or than we can open",
			    HD_MESSAGE_FDS);
	}
	if (n > 0 && channel->got > 0) {
		close_fds(fds, n);
		return fail(channel, -EPROTO, "descriptors in the middle of a message");
	}
	if (channel->got == 0) {
		memcpy(channel->in.fds, fds, n * sizeof(fds[0]));
		channel->in.n_fds = n;
	}
	return 0;
}

/* Where the next byte of the message goes, and how many are wanted there. */
static size_t wanted(struct hd_channel *channel, uint8_t **to)
{
	if (channel->got < HD_MESSAGE_HEADER) {
		*to = (uint8_t *)&channel->in + channel->got;
		return HD_MESSAGE_HEADER - channel->got;
	}
	*to = channel->in.bytes + (channel->got - HD_MESSAGE_HEADER);
	return HD_MESSAGE_HEADER + channel->in.size - channel->got;
}

/* Returns bytes read, 0: none there; or -errno. */
static int read_some(struct hd_channel *channel)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * (HD_MESSAGE_FDS + 1))];
	struct msghdr msg = {.msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = CMSG_LEN(sizeof(int) * (HD_MESSAGE_FDS + 1))};
	struct iovec piece;
	ssize_t n;
	int rc;

	piece.iov_len = wanted(channel, (uint8_t **)&piece.iov_base);
	msg.msg_iov = &piece;
	do
		n = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0)
		return fail(channel, -errno, "reading: %s", strerror(errno));
	if (n == 0)
		return fail(channel, -ECONNRESET, "closed by the front-end%s",
			    channel->got > 0 ? " in the middle of a message" : "");
	rc = take_fds(channel, &msg);
	if (rc < 0)
		return rc;
	if (channel->got == 0)
		channel->in_since = monotonic();
	channel->got += (size_t)n;
	return (int)n;
}

static int check_header(struct hd_channel *channel)
{
	const struct hd_message *in = &channel->in;

	if ((in->flags & HD_MESSAGE_VERSION_MASK) != HD_MESSAGE_VERSION)
		return fail(channel, -EPROTO, "a message of version %u: only 1 is known",
			    in->flags & HD_MESSAGE_VERSION_MASK);
	if (in->size > sizeof(in->bytes))
		return fail(channel, -EMSGSIZE, "a message of %u bytes: no message has more than %zu", in->size,
			    sizeof(in->bytes));
	return 0;
}

int hd_channel_receive(struct hd_channel *channel)
{
	int rc;

	if (hd_channel_pending(channel))
		return 0;
	for (;;) {
		rc = read_some(channel);
		if (rc <= 0)
			return rc;
		if (channel->got == HD_MESSAGE_HEADER) {
			rc = check_header(channel);
			if (rc < 0)
				return rc;
		}
		if (channel->got >= HD_MESSAGE_HEADER && channel->got == HD_MESSAGE_HEADER + channel->in.size)
			break;
	}
	channel->got = 0;
	channel->in_since = 0;
	return 1;
}

bool hd_channel_pending(const struct hd_channel *channel)
{
	return channel->left > 0;
}

int hd_channel_send(struct hd_channel *channel, const struct hd_message *message)
{
	if (hd_channel_pending(channel))
		return fail(channel, -EBUSY, "a reply while another is under way");
	channel->out = *message;
	channel->sent = 0;
	channel->left = HD_MESSAGE_HEADER + message->size;
	channel->out_since = monotonic();
	return hd_channel_flush(channel);
}

/* What is left of the header, and of the payload. */
static int pieces_left(struct hd_channel *channel, struct iovec pieces[2])
{
	size_t header = channel->sent < HD_MESSAGE_HEADER ? HD_MESSAGE_HEADER - channel->sent : 0;
	int n = 0;

	if (header > 0)
		pieces[n++] = (struct iovec){(uint8_t *)&channel->out + channel->sent, header};
	if (channel->left > header)
		pieces[n++] = (struct iovec){channel->out.bytes + channel->out.size - (channel->left - header),
					     channel->left - header};
	return n;
}

int hd_channel_flush(struct hd_channel *channel)
{
	while (channel->left > 0) {
		struct iovec pieces[2];
		struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = (size_t)pieces_left(channel, pieces)};
		ssize_t n = sendmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0)
			return fail(channel, -errno, "replying: %s", strerror(errno));
		channel->sent += (size_t)n;
		channel->left -= (size_t)n;
	}
	channel->out_since = 0;
	return 0;
}

int64_t hd_channel_deadline(const struct hd_channel *channel, uint64_t now)
{
	uint64_t since = channel->out_since != 0 ? channel->out_since : channel->in_since;
	uint64_t end = since + HD_CHANNEL_SECONDS * NS_PER_S;

	if (since == 0)
		return -1;
	return now >= end ? 0 : (int64_t)(end - now);
}
