/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns vhost-user ports on our own back-end. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>

#include <rte_malloc.h>

#include "dataplane.h"
#include "log.h"
#include "native.h"
#include "pool.h"
#include "port_native.h"
#include "virtio_caps.h"

#define BIT(n) (UINT64_C(1) << (n))

/*
 * What the switch can do with a guest's packets, and what QEMU does itself if only the back-end agrees: more queues,
 * the control queue, announcements. Not the UDP fragmentation, the ECN and the "any GSO" of old.
 */
#define OFFER                                                                                                          \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |     \
	 BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_NET_F_MRG_RXBUF) |               \
	 BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) |                          \
	 BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |                  \
	 BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) |                                \
	 BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_MTU))

#ifndef VIRTIO_F_IN_ORDER
#define VIRTIO_F_IN_ORDER 35 /* newer than the kernel's header */
#endif

/* A PMD cuts one packet at a time into segments of a burst, two buffers each: headers, and up to an MTU of payload. */
#define BUFFERS_PMD (HD_BURST * (2 + HD_MTU_MAX / 2048))

/* Data path. */

/* The frame that tells the network where a guest is that can't say it itself: a RARP request as it would send it. */
static uint16_t put_announcement(struct hd_burst *burst, uint64_t mac)
{
	uint8_t *frame = burst->snapshot[0].bytes + HD_SNAPSHOT_FRAME;
	static const uint8_t rarp[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3}; /* RFC 903; Ethernet, IPv4, request */
	const uint8_t *address = (const uint8_t *)&mac;

	memset(frame, 0, HD_ANNOUNCEMENT);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, address, 6);
	memcpy(frame + 12, rarp, sizeof(rarp));
	memcpy(frame + 22, address, 6); /* sender's and target's hardware address; the others stay 0 */
	memcpy(frame + 32, address, 6);
	burst->pkt[0] = (struct hd_pkt){.hdr = frame, .len = HD_ANNOUNCEMENT, .hdr_len = HD_ANNOUNCEMENT};
	burst->n_seg = 0;
	burst->n = 1;
	return 1;
}

/* What came on a ring that the guest has disabled is taken all the same, and goes nowhere. */
static void refuse_all(struct hd_burst *burst)
{
	for (uint16_t i = 0; i < burst->n; i++)
		hd_burst_refuse(burst, HD_DROP_RX_DISABLED);
	burst->n = 0;
}

static inline struct hd_vring *load_ring(struct hd_native *nat, uint16_t index)
{
	return atomic_load_explicit(&nat->ring[index], memory_order_acquire); /* pairs with publish */
}

static uint16_t rx(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	struct hd_native *nat = hd_native_of(port);
	struct hd_vring *ring = load_ring(nat, hd_vhost_ring(HD_PORT_RX, queue));
	uint16_t n;

	burst->n = 0;
	if (unlikely(atomic_load_explicit(&nat->announce, memory_order_relaxed) != 0) && queue == 0) {
		nat->queue[queue].polled = NULL;
		return put_announcement(burst, atomic_exchange_explicit(&nat->announce, 0, memory_order_relaxed));
	}
	if (ring == NULL || unlikely(hd_vring_broken(ring)))
		return 0;
	n = ring->packed ? hd_packed_rx(ring, burst) : hd_split_rx(ring, burst);
	if (n == 0)
		return 0;
	nat->queue[queue].polled = ring;
	if (unlikely(!atomic_load_explicit(&ring->enabled, memory_order_relaxed)))
		refuse_all(burst);
	return n;
}

/* The ring is the one that rx had: it may have been taken away since, but lives until this round's end. */
static void rx_done(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	struct hd_vring *ring = hd_native_of(port)->queue[queue].polled;

	if (unlikely(ring == NULL))
		return;
	if (ring->packed)
		hd_packed_rx_done(ring);
	else
		hd_split_rx_done(ring);
}

/* Several PMDs may send on the ring, if there are several. */
static inline void lock(struct hd_vring *ring)
{
	if (unlikely(ring->shared))
		rte_spinlock_lock(&ring->lock);
}

static inline void unlock(struct hd_vring *ring)
{
	if (unlikely(ring->shared))
		rte_spinlock_unlock(&ring->lock);
}

static uint16_t tx(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	struct hd_vring *ring = load_ring(hd_native_of(port), hd_vhost_ring(HD_PORT_TX, queue));

	if (unlikely(ring == NULL || !atomic_load_explicit(&ring->enabled, memory_order_relaxed))) {
		*why = HD_DROP_TX_DISABLED;
		return 0;
	}
	if (unlikely(hd_vring_broken(ring))) {
		*why = HD_DROP_TX_BROKEN;
		return 0;
	}
	lock(ring);
	n = ring->packed ? hd_packed_tx(ring, pkts, n, why) : hd_split_tx(ring, pkts, n, why);
	unlock(ring);
	return n;
}

static void notify(struct hd_port *port, enum hd_port_direction direction, uint16_t queue)
{
	struct hd_vring *ring = load_ring(hd_native_of(port), hd_vhost_ring(direction, queue));

	if (unlikely(ring == NULL))
		return; /* whoever makes it anew looks at it from the start */
	lock(ring);
	if (ring->packed)
		hd_packed_notify(ring);
	else
		hd_split_notify(ring);
	unlock(ring);
}

/* What the session asks for. */

static void publish(void *arg, uint16_t index, struct hd_vring *ring)
{
	struct hd_native *nat = arg;
	struct hd_vring *former = load_ring(nat, index);

	if (former != NULL)
		nat->past[index].retired = former;
	if (ring != NULL)
		nat->past[index].fault = HD_VRING_SOUND;
	atomic_store_explicit(&nat->ring[index], ring, memory_order_release); /* pairs with load_ring */
}

static void synchronize(void *arg)
{
	struct hd_native *nat = arg;

	hd_dataplane_synchronize(nat->dataplane);
	hd_native_remember(nat);
}

static void announce(void *arg, const uint8_t mac[6])
{
	struct hd_native *nat = arg;
	uint64_t value = 0;

	memcpy(&value, mac, 6);
	atomic_store_explicit(&nat->announce, value, memory_order_relaxed); /* it is all there is to be seen */
	hd_info(nat->port.name, "announcing %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

static void changed(void *arg)
{
	struct hd_native *nat = arg;
	bool running = hd_session_running(&nat->session);
	uint16_t queues[HD_QUEUES_MAX];
	uint16_t n = 0;

	for (uint16_t queue = 0; queue < nat->port.n_queues; queue++) {
		if (hd_session_ring_usable(&nat->session, hd_vhost_ring(HD_PORT_TX, queue)))
			queues[n++] = queue;
	}
	atomic_store(&nat->port.caps, hd_virtio_guest_caps(nat->session.features));
	hd_port_set_tx_queues(&nat->port, queues, n);
	atomic_store(&nat->port.up, running);
	if (nat->session.mtu != nat->told_mtu)
		hd_vhost_check_mtu(nat->port.name, nat->session.mtu, nat->mtu);
	nat->told_mtu = nat->session.mtu;
	if (!running && nat->told_pairs != 0) {
		hd_info(nat->port.name, "guest disconnected");
		nat->told_pairs = 0;
	}
}

static const struct hd_session_ops session_ops = {
	.publish = publish,
	.synchronize = synchronize,
	.changed = changed,
	.announce = announce,
};

/* What the endpoint tells. */

static void connected(void *arg)
{
	struct hd_native *nat = arg;

	for (uint16_t index = 0; index < 2 * nat->port.n_queues; index++)
		nat->past[index].fault = HD_VRING_SOUND;
	hd_info(nat->port.name, "front-end connected");
}

static int message(void *arg, struct hd_message *message, struct hd_message *reply)
{
	struct hd_native *nat = arg;

	return hd_session_handle(&nat->session, message, reply);
}

static const char *reason_of(void *arg)
{
	const struct hd_native *nat = arg;

	return nat->session.reason;
}

static void disconnected(void *arg)
{
	struct hd_native *nat = arg;

	hd_session_reset(&nat->session);
	changed(nat);
}

/* Control. */

/*
 * Rings come one by one, so that the guest is there is told when it is all there. Faults are found by PMDs: they tell
 * nobody, we look.
 */
static void poll_port(struct hd_port *port)
{
	struct hd_native *nat = hd_native_of(port);
	uint16_t n = atomic_load(&port->n_tx);

	if (hd_endpoint_connected(nat->endpoint) && hd_session_check(&nat->session) < 0)
		hd_endpoint_disconnect(nat->endpoint, nat->session.reason);
	if (!atomic_load(&port->up) || n == 0 || n == nat->told_pairs)
		return;
	hd_info(port->name, "guest %s, %u queue pair%s", nat->told_pairs == 0 ? "connected" : "changed", n,
		n == 1 ? "" : "s");
	nat->told_pairs = n;
}

static int set_mtu(struct hd_port *port, uint16_t mtu)
{
	hd_native_of(port)->mtu = mtu;
	hd_vhost_check_mtu(port->name, hd_native_of(port)->session.mtu, mtu);
	return 0;
}

static bool queue_enabled(struct hd_port *port, enum hd_port_direction direction, uint16_t queue)
{
	return hd_session_ring_usable(&hd_native_of(port)->session, hd_vhost_ring(direction, queue));
}

static void destroy(struct hd_port *port)
{
	struct hd_native *nat = hd_native_of(port);

	hd_endpoint_destroy(nat->endpoint);
	hd_session_fini(&nat->session);
	if (port->pool != NULL)
		hd_pool_release(port->pool, nat->reserved);
	hd_port_fini(port);
	rte_free(nat->queue);
	rte_free(nat->past);
	rte_free(nat);
}

static const struct hd_port_ops ops = {
	.kind = "vhost",
	.rx = rx,
	.rx_done = rx_done,
	.tx = tx,
	.notify = notify,
	.set_mtu = set_mtu,
	.poll = poll_port,
	.queue_enabled = queue_enabled,
	.status = hd_native_status,
	.ring_status = hd_native_ring_status,
	.close = destroy,
};

/* With all that its destruction needs, or NULL. */
static struct hd_native *create(const struct hd_vhost_args *args)
{
	size_t rings = 2u * args->queues;
	bool shared = args->dataplane->n_pmds > 1;
	struct hd_native *nat =
		rte_zmalloc("vhost port", sizeof(*nat) + rings * sizeof(nat->ring[0]), RTE_CACHE_LINE_SIZE);

	if (nat == NULL)
		return NULL;
	nat->queue = rte_zmalloc("vhost queues", args->queues * sizeof(nat->queue[0]), RTE_CACHE_LINE_SIZE);
	nat->past = rte_zmalloc("vhost rings", rings * sizeof(nat->past[0]), 0);
	if (nat->queue == NULL || nat->past == NULL)
		goto err_alloc;
	if (hd_port_init(&nat->port, &ops, args->name, args->queues, args->dataplane->n_pmds) < 0)
		goto err_alloc;
	if (hd_session_init(&nat->session, &session_ops, nat, nat->port.name, OFFER, args->queues, shared) < 0)
		goto err_port;
	nat->port.steer = HD_STEER_HASH;
	nat->dataplane = args->dataplane;
	nat->mtu = args->mtu;
	return nat;
err_port:
	hd_port_fini(&nat->port);
err_alloc:
	rte_free(nat->queue);
	rte_free(nat->past);
	rte_free(nat);
	return NULL;
}

static int reserve(struct hd_native *nat, char reason[HD_REASON_MAX])
{
	unsigned int buffers = nat->dataplane->n_pmds * BUFFERS_PMD;
	int rc = hd_pool_reserve(buffers, SOCKET_ID_ANY, &nat->port.pool, reason, HD_REASON_MAX);

	if (rc == 0)
		nat->reserved = buffers;
	return rc;
}

static int open_endpoint(struct hd_native *nat, const struct hd_vhost_args *args, char reason[HD_REASON_MAX])
{
	const struct hd_endpoint_args endpoint = {
		.base = args->base,
		.name = args->name,
		.path = args->path,
		.client = args->client,
		.owner = args->owner,
		.group = args->group,
		.socket_mode = args->socket_mode,
		.arg = nat,
		.connected = connected,
		.message = message,
		.reason = reason_of,
		.disconnected = disconnected,
	};

	return hd_endpoint_create(&endpoint, &nat->endpoint, reason);
}

int hd_port_native_open(const struct hd_vhost_args *args, struct hd_port **port, char reason[HD_REASON_MAX])
{
	struct hd_native *nat = create(args);
	int rc;

	if (nat == NULL) {
		snprintf(reason, HD_REASON_MAX, "out of memory");
		return -ENOMEM;
	}
	rc = reserve(nat, reason);
	if (rc == 0)
		rc = open_endpoint(nat, args, reason);
	if (rc < 0) {
		destroy(&nat->port);
		return rc;
	}
	*port = &nat->port;
	return 0;
}
