/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns vhost-user ports on librte_vhost. */
#include <errno.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_malloc.h>
#include <rte_vhost.h>

#include "dataplane.h"
#include "log.h"
#include "mbuf.h"
#include "pool.h"
#include "port_librte.h"
#include "unix_path.h"
#include "virtio_caps.h"

#define BUFFER (RTE_MBUF_DEFAULT_BUF_SIZE - RTE_PKTMBUF_HEADROOM)
/* Buffers of a queue: a burst of the largest frames, and what ethdevs may hold of it for a while. */
#define BUFFERS_QUEUE (HD_BURST * (HD_FRAME_MAX / BUFFER + 1) + 1024)

#define MESSAGE_SECONDS 1 /* for a whole message, once it has begun */

struct librte {
	struct hd_port port;
	_Atomic int vid;                        /* -1: no device. Writer: vhost thread; readers: PMDs */
	_Atomic int connection;                 /* the front-end's vid, -1: none. Vhost thread */
	bool turned_away;                       /* a second front-end, since the first came. Vhost thread */
	_Atomic bool enabled[HD_QUEUES_MAX][2]; /* by HD_PORT_RX, HD_PORT_TX. As vid */
	_Atomic bool quiet[HD_QUEUES_MAX];      /* the guest need not kick us. Set by the PMD, cleared with enabled */
	_Atomic uint64_t features;              /* negotiated; writer: vhost thread */
	_Atomic uint16_t guest_mtu;             /* as the front-end told, 0: nothing. As features */
	struct hd_dataplane *dataplane;
	bool client;
	bool registered;
	unsigned int reserved; /* buffers */
	uint16_t mtu;
	char path[HD_PATH_MAX + 1];
	LIST_ENTRY(librte) next;
};

/* Ports by path, for the callbacks. The lock is never held while librte_vhost is called. */
static LIST_HEAD(, librte) ports = LIST_HEAD_INITIALIZER(ports);
static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;

static inline struct librte *of(struct hd_port *port)
{
	return (struct librte *)port;
}

static struct librte *find(int vid)
{
	char path[PATH_MAX];
	struct librte *dev;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) < 0)
		return NULL;
	pthread_mutex_lock(&ports_lock);
	LIST_FOREACH(dev, &ports, next)
	{
		if (strcmp(dev->path, path) == 0)
			break;
	}
	pthread_mutex_unlock(&ports_lock);
	return dev;
}

/* Data path. */

/*
 * librte_vhost says in the mbuf's transmit flags what the guest's header asked for, where it could make sense of it.
 * parse checks it again against the frame.
 */
static inline void take_offload(struct hd_pkt *pkt, const struct rte_mbuf *mbuf)
{
	uint64_t l4 = mbuf->ol_flags & RTE_MBUF_F_TX_L4_MASK;

	if (likely(mbuf->ol_flags == 0))
		return;
	if (mbuf->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		pkt->off.gso = mbuf->ol_flags & RTE_MBUF_F_TX_IPV6 ? HD_GSO_TCP6 : HD_GSO_TCP4;
		pkt->off.gso_size = mbuf->tso_segsz;
		l4 = RTE_MBUF_F_TX_TCP_CKSUM;
	}
	if (l4 == 0)
		return;
	pkt->off.flags = HD_OFF_NEEDS_CSUM;
	pkt->off.csum_start = (uint16_t)(mbuf->l2_len + mbuf->l3_len);
	pkt->off.csum_offset = l4 == RTE_MBUF_F_TX_UDP_CKSUM ? 6 : 16;
}

/* We poll: the guest need not tell us what it sends. Not from a callback: librte_vhost holds the ring's lock there. */
static void silence(struct librte *dev, int vid, uint16_t queue)
{
	atomic_store_explicit(&dev->quiet[queue], true, memory_order_relaxed);
	rte_vhost_enable_guest_notification(vid, hd_vhost_ring(HD_PORT_RX, queue), 0);
	rte_vhost_enable_guest_notification(vid, hd_vhost_ring(HD_PORT_TX, queue), 0);
}

static uint16_t rx(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	struct librte *dev = of(port);
	int vid = atomic_load_explicit(&dev->vid, memory_order_acquire); /* pairs with new_device */
	uint16_t n;

	burst->n = 0;
	if (vid < 0 || !atomic_load_explicit(&dev->enabled[queue][HD_PORT_RX], memory_order_relaxed))
		return 0;
	if (unlikely(!atomic_load_explicit(&dev->quiet[queue], memory_order_relaxed)))
		silence(dev, vid, queue);
	n = rte_vhost_dequeue_burst(vid, hd_vhost_ring(HD_PORT_RX, queue), port->pool, burst->mbufs, HD_BURST);
	for (uint16_t i = 0; i < n; i++) {
		hd_pkt_from_mbuf(&burst->pkt[i], burst->mbufs[i]);
		take_offload(&burst->pkt[i], burst->mbufs[i]);
	}
	burst->n = n;
	return n;
}

static uint16_t tx(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	struct librte *dev = of(port);
	int vid = atomic_load_explicit(&dev->vid, memory_order_acquire); /* pairs with new_device */
	struct rte_mbuf *mbufs[HD_BURST];
	uint16_t ready = 0, sent;

	if (unlikely(vid < 0)) {
		*why = HD_DROP_TX_DOWN;
		return 0;
	}
	*why = HD_DROP_TX_FULL;
	while (ready < n) {
		struct hd_pkt *pkt = pkts[ready];

		mbufs[ready] = likely(pkt->mbuf != NULL) ? pkt->mbuf : hd_mbuf_copy(pkt, port->pool);
		if (unlikely(mbufs[ready] == NULL)) {
			*why = HD_DROP_TX_NO_BUFFER;
			break;
		}
		hd_mbuf_set_offload(mbufs[ready++], pkt);
	}
	sent = rte_vhost_enqueue_burst(vid, hd_vhost_ring(HD_PORT_TX, queue), mbufs, ready); /* copies */
	for (uint16_t i = 0; i < ready; i++) {
		if (unlikely(mbufs[i] != pkts[i]->mbuf))
			rte_pktmbuf_free(mbufs[i]);
	}
	return sent;
}

/* Callbacks: on librte_vhost's thread, or on the control thread while it unregisters. */

static void publish_tx_queues(struct librte *dev)
{
	uint16_t queues[HD_QUEUES_MAX];
	uint16_t n = 0;

	for (uint16_t queue = 0; queue < dev->port.n_queues; queue++) {
		if (atomic_load(&dev->enabled[queue][HD_PORT_TX]))
			queues[n++] = queue;
	}
	hd_port_set_tx_queues(&dev->port, queues, n);
}

static void check_mtu(struct librte *dev)
{
	hd_vhost_check_mtu(dev->port.name, atomic_load(&dev->guest_mtu), dev->mtu);
}

static int new_device(int vid)
{
	struct librte *dev = find(vid);
	uint64_t features = 0;
	uint16_t mtu;

	if (dev == NULL || atomic_load(&dev->connection) != vid)
		return -1;
	rte_vhost_get_negotiated_features(vid, &features);
	atomic_store(&dev->features, features);
	/* Kept: the control thread must not ask librte_vhost, which may be freeing the device. */
	atomic_store(&dev->guest_mtu, rte_vhost_get_mtu(vid, &mtu) == 0 ? mtu : 0);
	atomic_store(&dev->port.caps, hd_virtio_guest_caps(features));
	for (uint16_t queue = 0; queue < dev->port.n_queues; queue++)
		atomic_store(&dev->quiet[queue], false);
	publish_tx_queues(dev);
	atomic_store_explicit(&dev->vid, vid, memory_order_release); /* pairs with rx and tx */
	atomic_store(&dev->port.up, true);
	check_mtu(dev);
	hd_info(dev->port.name, "guest connected, %u queue pair%s", rte_vhost_get_vring_num(vid) / 2,
		rte_vhost_get_vring_num(vid) / 2 == 1 ? "" : "s");
	return 0;
}

static void destroy_device(int vid)
{
	struct librte *dev = find(vid);

	if (dev == NULL)
		return;
	atomic_store(&dev->port.up, false);
	atomic_store(&dev->vid, -1);
	hd_dataplane_synchronize(dev->dataplane); /* no PMD is inside the rings any more */
	hd_info(dev->port.name, "guest disconnected");
}

static int vring_state_changed(int vid, uint16_t ring, int enable)
{
	struct librte *dev = find(vid);
	enum hd_port_direction direction = ring & 1 ? HD_PORT_RX : HD_PORT_TX;

	if (dev == NULL || atomic_load(&dev->connection) != vid || ring / 2 >= dev->port.n_queues)
		return 0;
	atomic_store(&dev->enabled[ring / 2][direction], enable != 0);
	publish_tx_queues(dev);
	atomic_store(&dev->quiet[ring / 2], false);
	hd_debug(dev->port.name, "%s queue %u %s", direction == HD_PORT_RX ? "rx" : "tx", ring / 2,
		 enable ? "enabled" : "disabled");
	return 0;
}

static void forget_queues(struct librte *dev)
{
	for (uint16_t queue = 0; queue < dev->port.n_queues; queue++) {
		atomic_store(&dev->enabled[queue][HD_PORT_RX], false);
		atomic_store(&dev->enabled[queue][HD_PORT_TX], false);
	}
	publish_tx_queues(dev);
}

/* A message's head as the vhost-user specification has it, and the payload of the one that we answer. */
struct message {
	uint32_t request, flags, size;
	uint64_t u64;
} __attribute__((packed));
#define SET_OWNER 3
#define GET_QUEUE_NUM 17

/*
 * librte_vhost serves any number of front-ends on a socket, a port has rings for one: the first to speak while there is
 * none. (Not the first to connect: when a front-end is restarted, the new one may connect before librte_vhost has seen
 * the former one go.)
 */
static bool admit(struct librte *dev, int vid)
{
	int owner = -1;

	if (atomic_compare_exchange_strong(&dev->connection, &owner, vid))
		dev->turned_away = false;
	else if (owner != vid && !dev->turned_away) {
		hd_warning(dev->port.name, "a second front-end is turned away");
		dev->turned_away = true; /* said once */
	}
	return owner == -1 || owner == vid;
}

/*
 * Another front-end is refused with one of the messages that begin every session. Not with others: librte_vhost would
 * lose the descriptors they may carry.
 *
 * Says how many queue pairs the port was given: librte_vhost would let the guest send on queues that nobody polls.
 */
static enum rte_vhost_msg_result before_message(int vid, void *data)
{
	struct librte *dev = find(vid);
	struct message *message = data;

	if (dev == NULL)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	if (!admit(dev, vid))
		return message->request <= SET_OWNER ? RTE_VHOST_MSG_RESULT_ERR : RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	if (message->request != GET_QUEUE_NUM)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	message->u64 = dev->port.n_queues;
	message->size = sizeof(message->u64);
	return RTE_VHOST_MSG_RESULT_REPLY;
}

static const struct rte_vhost_user_extern_ops message_handlers = {.pre_msg_handle = before_message};

/*
 * librte_vhost reads and writes messages on its one thread, with the rings locked: a front-end that sends half a
 * message or does not read its replies would stop the sessions of all ports, and a PMD that waits for a ring's lock.
 */
static int new_connection(int vid)
{
	const struct librte *dev = find(vid);

	if (dev == NULL)
		return -1;
	hd_unix_path_set_deadline(dev->path, MESSAGE_SECONDS);
	return rte_vhost_extern_callback_register(vid, &message_handlers, NULL);
}

static void destroy_connection(int vid)
{
	struct librte *dev = find(vid);

	if (dev == NULL || atomic_load(&dev->connection) != vid)
		return;
	forget_queues(dev);
	atomic_store(&dev->connection, -1);
}

static const struct rte_vhost_device_ops callbacks = {
	.new_device = new_device,
	.destroy_device = destroy_device,
	.vring_state_changed = vring_state_changed,
	.new_connection = new_connection,
	.destroy_connection = destroy_connection,
};

/* Control. */

static int set_mtu(struct hd_port *port, uint16_t mtu)
{
	of(port)->mtu = mtu;
	if (atomic_load(&of(port)->vid) >= 0)
		check_mtu(of(port));
	return 0;
}

static bool queue_enabled(struct hd_port *port, enum hd_port_direction direction, uint16_t queue)
{
	return atomic_load(&port->up) && atomic_load(&of(port)->enabled[queue][direction]);
}

static void status(struct hd_port *port, struct hd_port_status *status)
{
	struct librte *dev = of(port);

	memset(status, 0, sizeof(*status));
	if (atomic_load(&dev->vid) < 0) {
		snprintf(status->reason, sizeof(status->reason), "%s",
			 dev->client ? "nobody listens on the socket, or the guest's driver is not ready"
				     : "no guest is connected, or its driver is not ready");
		return;
	}
	status->features = atomic_load(&dev->features);
	status->has_features = true;
	status->guest_mtu = atomic_load(&dev->guest_mtu);
}

static void destroy(struct hd_port *port)
{
	struct librte *dev = of(port);

	if (dev->registered)
		rte_vhost_driver_unregister(dev->path); /* calls destroy_device; unlinks the socket */
	pthread_mutex_lock(&ports_lock);
	LIST_REMOVE(dev, next);
	pthread_mutex_unlock(&ports_lock);
	if (port->pool != NULL)
		hd_pool_release(port->pool, dev->reserved);
	hd_port_fini(port);
	rte_free(dev);
}

static const struct hd_port_ops ops = {
	.kind = "vhost",
	.rx = rx,
	.rx_done = hd_port_free_mbufs,
	.tx = tx,
	.set_mtu = set_mtu,
	.queue_enabled = queue_enabled,
	.status = status,
	.close = destroy,
};

/* What we offer the guest: all that librte_vhost can do for a network device but UDP fragmentation offload. */
static int offer(struct librte *dev)
{
	const uint64_t without = 1ull << VIRTIO_NET_F_HOST_UFO | 1ull << VIRTIO_NET_F_GUEST_UFO;
	int rc = rte_vhost_driver_disable_features(dev->path, without);

	return rc < 0 ? rc : rte_vhost_driver_callback_register(dev->path, &callbacks);
}

/* Listen or connect. In server mode nobody else can connect before the socket has its owner and mode. */
static int begin(struct librte *dev, const struct hd_vhost_args *args, char reason[HD_REASON_MAX])
{
	mode_t mask;
	int rc;

	if (dev->client)
		return rte_vhost_driver_start(dev->path);
	mask = umask(0177);
	rc = rte_vhost_driver_start(dev->path);
	umask(mask);
	if (rc < 0)
		return rc;
	return hd_unix_path_own(dev->path, args->owner, args->group, args->socket_mode, reason, HD_REASON_MAX);
}

static struct librte *create(const struct hd_vhost_args *args)
{
	struct librte *dev = rte_zmalloc("vhost port", sizeof(*dev), RTE_CACHE_LINE_SIZE);

	if (dev == NULL)
		return NULL;
	if (hd_port_init(&dev->port, &ops, args->name, args->queues, args->dataplane->n_pmds) < 0) {
		rte_free(dev);
		return NULL;
	}
	dev->port.steer = HD_STEER_HASH;
	dev->dataplane = args->dataplane;
	dev->client = args->client;
	dev->mtu = args->mtu;
	atomic_store(&dev->vid, -1);
	atomic_store(&dev->connection, -1);
	snprintf(dev->path, sizeof(dev->path), "%s", args->path);
	pthread_mutex_lock(&ports_lock);
	LIST_INSERT_HEAD(&ports, dev, next);
	pthread_mutex_unlock(&ports_lock);
	return dev;
}

static int reserve(struct librte *dev, char reason[HD_REASON_MAX])
{
	unsigned int buffers = dev->port.n_queues * BUFFERS_QUEUE;
	int rc = hd_pool_reserve(buffers, SOCKET_ID_ANY, &dev->port.pool, reason, HD_REASON_MAX);

	if (rc < 0)
		return rc;
	dev->reserved = buffers;
	return 0;
}

int hd_port_librte_open(const struct hd_vhost_args *args, struct hd_port **port, char reason[HD_REASON_MAX])
{
	struct librte *dev;
	int rc = args->client ? 0 : hd_unix_path_claim(args->path, reason, HD_REASON_MAX);

	if (rc < 0)
		return rc;
	snprintf(reason, HD_REASON_MAX, "%s: librte_vhost refuses the socket", args->path);
	dev = create(args);
	if (dev == NULL) {
		snprintf(reason, HD_REASON_MAX, "out of memory");
		return -ENOMEM;
	}
	rc = reserve(dev, reason);
	if (rc < 0)
		goto err;
	rc = rte_vhost_driver_register(dev->path, args->client ? RTE_VHOST_USER_CLIENT : 0);
	if (rc < 0) {
		rc = -EINVAL;
		goto err;
	}
	dev->registered = true;
	rc = offer(dev);
	if (rc == 0)
		rc = begin(dev, args, reason);
	if (rc < 0) {
		rc = rc == -1 ? -EINVAL : rc;
		goto err;
	}
	*port = &dev->port;
	return 0;
err:
	destroy(&dev->port);
	return rc;
}
