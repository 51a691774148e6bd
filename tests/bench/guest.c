/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's way into being and out of it. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "traffic.h"

#define BIT(n) (UINT64_C(1) << (n))

static uint64_t required_features(const struct hd_options *opts)
{
	uint64_t features = BIT(VIRTIO_F_VERSION_1);

	if (opts->mergeable)
		features |= BIT(VIRTIO_NET_F_MRG_RXBUF);
	if (opts->packed)
		features |= BIT(VIRTIO_F_RING_PACKED);
	if (opts->indirect)
		features |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
	if (opts->tso)
		features |= BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
			    BIT(VIRTIO_NET_F_GUEST_TSO4);
	return features;
}

static int init_rings(struct hd_guest *g, const struct hd_options *opts)
{
	struct hd_vring_layout tx = {
		.size = opts->ring,
		.chain = (g->bytes + opts->buffer - 1) / opts->buffer,
		.bytes = g->bytes,
		.buffer = opts->buffer,
		.stride = opts->stride,
		.packed = opts->packed,
		.indirect = opts->indirect,
	};
	struct hd_vring_layout rx = {
		.size = opts->ring,
		.chain = 1,
		.bytes = opts->buffer,
		.buffer = opts->buffer,
		.stride = opts->stride,
		.packed = opts->packed,
		.receive = true,
	};
	int rc = hd_memory_open(&g->memory, hd_vring_memory(&tx) + hd_vring_memory(&rx), opts->huge);

	if (rc == 0)
		rc = hd_vring_init(&g->tx, &g->memory, &tx);
	if (rc == 0)
		rc = hd_vring_init(&g->rx, &g->memory, &rx);
	return rc;
}

int hd_guest_init(struct hd_guest *g, const struct hd_options *opts, unsigned int index)
{
	int rc = hd_frontend_open(&g->session, opts->sockets[index], opts->listen);

	if (rc != 0) {
		fprintf(stderr, "heddle-bench: %s: %s\n", opts->sockets[index], strerror(-rc));
		return rc;
	}
	g->bytes = opts->size + HD_VNET_LEN;
	g->mergeable = opts->mergeable;
	g->sends = index % 2 == 0 || !opts->one_way;
	rc = init_rings(g, opts);
	if (rc != 0) {
		fprintf(stderr, "heddle-bench: guest memory: %s\n", strerror(-rc));
		return rc;
	}
	/* half the ring at most, so that the switch has work while we write */
	g->burst = g->tx.slots / 2 < HD_BURST ? g->tx.slots / 2 : HD_BURST;
	hd_stream_init(&g->out, opts, index);
	hd_stream_init(&g->in, opts, index ^ 1);
	g->latency = calloc(1, sizeof(*g->latency));
	return g->latency != NULL ? 0 : -ENOMEM;
}

int hd_guest_start(struct hd_guest *g, const struct hd_options *opts)
{
	const struct hd_vring *const rings[2] = {&g->rx, &g->tx};
	int rc = hd_frontend_connect(&g->session, (uint64_t)(opts->wait * 1e9));

	if (rc != 0) {
		fprintf(stderr, "heddle-bench: %s: %s\n", g->session.channel.path, strerror(-rc));
		return rc;
	}
	return hd_frontend_start(&g->session, required_features(opts), &g->memory, rings);
}

void hd_guest_close(struct hd_guest *g)
{
	if (g->session.channel.path != NULL) {
		hd_frontend_stop(&g->session);
		hd_frontend_close(&g->session);
	}
	hd_vring_close(&g->rx);
	hd_vring_close(&g->tx);
	hd_memory_close(&g->memory);
	free(g->latency);
	g->latency = NULL;
}

void hd_guest_restart(struct hd_guest *g, const struct hd_stream_start *start)
{
	g->count = (struct hd_counters){0};
	memset(g->latency, 0, sizeof(*g->latency));
	hd_stream_restart(&g->out, start);
	hd_stream_restart(&g->in, start);
}

unsigned int hd_guest_receive(struct hd_guest *g)
{
	return g->rx.is_packed ? hd_traffic_receive_packed(g) : hd_traffic_receive_split(g);
}

unsigned int hd_guest_send(struct hd_guest *g, uint64_t want)
{
	return g->tx.is_packed ? hd_traffic_send_packed(g, want) : hd_traffic_send_split(g, want);
}
