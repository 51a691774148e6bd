/* SPDX-License-Identifier: BSD-3-Clause */
/* What a vhost-user port is opened with, whichever engine serves it. */
#ifndef HD_PORT_VHOST_H
#define HD_PORT_VHOST_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct hd_dataplane;

struct hd_vhost_args {
	struct event_base *base;        /* for sessions of engine native */
	struct hd_dataplane *dataplane; /* for grace periods */
	const char *name;               /* of the port */
	const char *path;               /* of the socket */
	bool client;                    /* connect to it, again and again, instead of listening */
	const char *owner, *group;      /* of the socket we listen on; "": left */
	unsigned int socket_mode;
	uint16_t queues, mtu;
};

#endif
