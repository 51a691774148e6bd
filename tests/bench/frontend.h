/* SPDX-License-Identifier: BSD-3-Clause */
/* The vhost-user front-end's session: connects to (or waits for) a switch and hands it memory and one queue pair. */
#ifndef HD_BENCH_FRONTEND_H
#define HD_BENCH_FRONTEND_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"
#include "message.h"
#include "vring.h"

struct hd_frontend {
	struct hd_channel channel;
	int listener;      /* -1 unless the switch connects to us */
	uint64_t features; /* negotiated */
};

/* Creates the listening socket, if listen; a stale socket of that name is replaced. 0 or -errno. */
int hd_frontend_open(struct hd_frontend *fe, const char *path, bool listen);

/* Connects or accepts within wait_ns. 0 or -errno, -ETIMEDOUT when the switch did not show up. */
int hd_frontend_connect(struct hd_frontend *fe, uint64_t wait_ns);

/* Negotiates and starts the queue pair: rings[0] receives, rings[1] transmits. required features that are missing are
 * -ENOTSUP. Says on stderr which message failed. */
int hd_frontend_start(struct hd_frontend *fe, uint64_t required, const struct hd_memory *mem,
		      const struct hd_vring *const rings[2]);

/* Stops both rings (GET_VRING_BASE) if the connection still stands. */
void hd_frontend_stop(struct hd_frontend *fe);

/* Whether the switch still holds its end. */
bool hd_frontend_alive(const struct hd_frontend *fe);

void hd_frontend_close(struct hd_frontend *fe);

#endif
