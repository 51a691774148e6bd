/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to a front-end, as far as messages go: never blocks, and never holds more than one message each way.
 *
 * A message's descriptors come with its first byte; descriptors anywhere else, more than HD_MESSAGE_FDS of them, a
 * payload larger than any message has, or another version end the connection. So does a message that takes longer than
 * HD_CHANNEL_SECONDS to arrive once it has begun, and a reply that is not taken within that time: the caller watches
 * hd_channel_deadline. Control thread.
 */
#ifndef HD_CHANNEL_H
#define HD_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

#define HD_CHANNEL_SECONDS 1
#define HD_CHANNEL_REASON_MAX 128

struct hd_channel {
	int fd; /* -1: none */
	struct hd_message in;
	size_t got;                   /* bytes of `in`, header included */
	struct hd_message out;        /* being sent */
	size_t left, sent;            /* bytes of `out` still to go, and gone */
	uint64_t in_since, out_since; /* monotonic ns of the first byte; 0: nothing is under way */
	char reason[HD_CHANNEL_REASON_MAX];
};

/* Takes fd and makes it non-blocking. */
void hd_channel_open(struct hd_channel *channel, int fd);
/* Closes it, and the descriptors of a message that was not taken. */
void hd_channel_close(struct hd_channel *channel);

/*
 * Read on. Returns 1: a whole message is in channel->in, its descriptors are the caller's; 0: not yet, come back when
 * readable; -errno: the connection is at its end (-ECONNRESET: the peer closed it) and channel->reason says why.
 * While a reply is under way nothing is read (returns 0): a peer that does not read its replies gets no more.
 */
int hd_channel_receive(struct hd_channel *channel);
/* Begin to send. Returns 0 (sent, or under way: hd_channel_pending), or -errno. */
int hd_channel_send(struct hd_channel *channel, const struct hd_message *message);
/* Go on when writable. As hd_channel_send. */
int hd_channel_flush(struct hd_channel *channel);
bool hd_channel_pending(const struct hd_channel *channel);

/* Nanoseconds until the peer is too slow, 0: it is; -1: nothing is under way. `now`: CLOCK_MONOTONIC ns. */
int64_t hd_channel_deadline(const struct hd_channel *channel, uint64_t now);

#endif
