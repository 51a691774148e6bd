/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a port meets its front-end: a socket that we listen on, or one that we connect to again and again.
 *
 * One front-end at a time: while one is connected, another is accepted and closed at once (QEMU would wait for ever
 * in the backlog), told in the log once. After a connection that ended badly, and after a failed try to connect, the
 * next is not taken before a pause that doubles from 10 ms (client mode 100 ms) up to 1 s, and starts anew after a
 * connection that lasted longer than that. The session's messages go through a channel. Control thread (libevent).
 */
#ifndef HD_ENDPOINT_H
#define HD_ENDPOINT_H

#include <stdbool.h>

#include "channel.h"
#include "port.h"

struct event_base;
struct hd_endpoint;

struct hd_endpoint_args {
	struct event_base *base;
	const char *name; /* of the port, for the log */
	const char *path;
	bool client;               /* connect */
	const char *owner, *group; /* of the socket we listen on; "": left */
	unsigned int socket_mode;

	void *arg;
	/* A front-end has come. */
	void (*connected)(void *arg);
	/* As hd_session_handle. `reason` (the session's) is asked for after an error. */
	int (*message)(void *arg, struct hd_message *message, struct hd_message *reply);
	const char *(*reason)(void *arg);
	/* It has gone, or was sent away: release everything it gave. */
	void (*disconnected)(void *arg);
};

/* Returns 0 or -errno and the reason. */
int hd_endpoint_create(const struct hd_endpoint_args *args, struct hd_endpoint **endpoint, char reason[HD_REASON_MAX]);
/* Disconnects, if connected; unlinks the socket it listens on. Accepts NULL. */
void hd_endpoint_destroy(struct hd_endpoint *endpoint);

/* End the connection, if there is one, because of `why` (logged); the front-end may come again after the pause. */
void hd_endpoint_disconnect(struct hd_endpoint *endpoint, const char *why);
bool hd_endpoint_connected(const struct hd_endpoint *endpoint);
/* Why it is not connected, in words a person can act upon; how the last connection ended. */
const char *hd_endpoint_state(const struct hd_endpoint *endpoint);

#endif
