/* SPDX-License-Identifier: BSD-3-Clause */
/* What vhost-user ports have in common, whichever engine serves them. */
#ifndef HD_PORT_VHOST_H
#define HD_PORT_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "port.h"

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

/* vhost numbers rings as the guest sees them: what it transmits on is what we receive from. */
static inline uint16_t hd_vhost_ring(enum hd_port_direction direction, uint16_t queue)
{
	return (uint16_t)(2 * queue + (direction == HD_PORT_RX));
}

/* `told`: what the guest was told, 0: nothing; `mtu`: the port's. */
static inline void hd_vhost_check_mtu(const char *name, uint16_t told, uint16_t mtu)
{
	if (told > mtu)
		hd_warning(name, "the guest was told an MTU of %u, the port takes %u", told, mtu);
}

#endif
