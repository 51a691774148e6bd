/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns ports on DPDK Ethernet devices. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_spinlock.h>

#include "log.h"
#include "mbuf.h"
#include "pool.h"
#include "port_ethdev.h"

#define DESCRIPTORS 1024 /* of a ring, if the device allows */

struct ethdev {
	struct hd_port port;
	uint16_t id; /* DPDK's */
	bool multi_segs, tx_shared;
	rte_spinlock_t tx_lock[HD_QUEUES_MAX]; /* taken if tx_shared: more PMDs than queues */
	unsigned int reserved;                 /* buffers */
	uint16_t n_rxd, n_txd;
	unsigned int if_index; /* of the kernel interface whose link is ours; 0: the driver knows the link */
	bool started;
};

static inline struct ethdev *of(struct hd_port *port)
{
	return (struct ethdev *)port;
}

/* Data path. */

static uint16_t rx(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	uint16_t n = rte_eth_rx_burst(of(port)->id, queue, burst->mbufs, HD_BURST);

	for (uint16_t i = 0; i < n; i++) {
		if (i + 4 < n)
			rte_prefetch0(rte_pktmbuf_mtod(burst->mbufs[i + 4], void *));
		hd_pkt_from_mbuf(&burst->pkt[i], burst->mbufs[i]);
	}
	burst->n = n;
	return n;
}

/* The packet's own mbuf if we may take it, else a copy. */
static struct rte_mbuf *to_mbuf(struct ethdev *dev, const struct hd_pkt *pkt, enum hd_drop *why)
{
	bool take = pkt->mbuf != NULL && !(pkt->flags & HD_PKT_SHARED);
	struct rte_mbuf *mbuf = take ? pkt->mbuf : hd_mbuf_copy(pkt, dev->port.pool);

	if (unlikely(mbuf == NULL)) {
		*why = HD_DROP_TX_NO_BUFFER;
		return NULL;
	}
	hd_mbuf_set_offload(mbuf, pkt);
	if (unlikely(mbuf->nb_segs > 1 && !dev->multi_segs) && rte_pktmbuf_linearize(mbuf) < 0) {
		*why = HD_DROP_TX_OFFLOAD;
		if (!take)
			rte_pktmbuf_free(mbuf);
		return NULL;
	}
	return mbuf;
}

static uint16_t transmit(struct ethdev *dev, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n, enum hd_drop *why)
{
	uint16_t prepared = n, sent;
	uint64_t offloads = 0;

	for (uint16_t i = 0; i < n; i++)
		offloads |= mbufs[i]->ol_flags;
	if (offloads != 0)
		prepared = rte_eth_tx_prepare(dev->id, queue, mbufs, n);
	sent = rte_eth_tx_burst(dev->id, queue, mbufs, prepared);
	if (unlikely(sent < n))
		*why = sent < prepared ? HD_DROP_TX_FULL : HD_DROP_TX_OFFLOAD;
	return sent;
}

static uint16_t tx(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	struct rte_mbuf *mbufs[HD_BURST];
	struct ethdev *dev = of(port);
	uint16_t ready = 0, sent;

	while (ready < n) {
		mbufs[ready] = to_mbuf(dev, pkts[ready], why);
		if (mbufs[ready] == NULL)
			break;
		ready++;
	}
	if (dev->tx_shared)
		rte_spinlock_lock(&dev->tx_lock[queue]);
	sent = transmit(dev, queue, mbufs, ready, why);
	if (dev->tx_shared)
		rte_spinlock_unlock(&dev->tx_lock[queue]);
	for (uint16_t i = 0; i < ready; i++) {
		bool taken = mbufs[i] == pkts[i]->mbuf;

		if (i < sent && taken)
			pkts[i]->mbuf = NULL;
		else if (i >= sent && !taken)
			rte_pktmbuf_free(mbufs[i]);
	}
	return sent;
}

/* Control. */

/* False if the interface is gone, too. */
static bool kernel_link_up(unsigned int if_index)
{
	struct ifreq request = {.ifr_flags = 0};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = false;

	if (fd >= 0 && if_indextoname(if_index, request.ifr_name) != NULL && ioctl(fd, SIOCGIFFLAGS, &request) == 0)
		up = (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
	if (fd >= 0)
		close(fd);
	return up;
}

static bool link_up(const struct ethdev *dev, struct rte_eth_link *link)
{
	return rte_eth_link_get_nowait(dev->id, link) == 0 && link->link_status == RTE_ETH_LINK_UP &&
	       (dev->if_index == 0 || kernel_link_up(dev->if_index));
}

static void poll(struct hd_port *port)
{
	struct rte_eth_link link;
	bool up = link_up(of(port), &link);

	if (up == atomic_load(&port->up))
		return;
	atomic_store(&port->up, up);
	hd_info(port->name, "link %s", up ? "up" : "down");
}

static int set_mtu(struct hd_port *port, uint16_t mtu)
{
	int rc = rte_eth_dev_set_mtu(of(port)->id, mtu);

	if (rc == -EBUSY) { /* some drivers only while stopped */
		int started;

		rte_eth_dev_stop(of(port)->id);
		rc = rte_eth_dev_set_mtu(of(port)->id, mtu);
		started = rte_eth_dev_start(of(port)->id);
		rc = rc == 0 ? started : rc;
	}
	return rc == -ENOTSUP ? 0 : rc; /* net_null and such have no MTU of their own */
}

static bool queue_enabled(struct hd_port *port, enum hd_port_direction direction, uint16_t queue)
{
	return queue < port->n_queues;
}

static void status(struct hd_port *port, struct hd_port_status *status)
{
	struct rte_ether_addr mac;
	struct rte_eth_stats stats;
	struct rte_eth_link link;

	memset(status, 0, sizeof(*status));
	if (link_up(of(port), &link))
		status->speed = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	else
		snprintf(status->reason, sizeof(status->reason), "no link");
	if (rte_eth_stats_get(of(port)->id, &stats) == 0)
		status->rx_errors = stats.imissed + stats.ierrors + stats.rx_nombuf;
	if (rte_eth_macaddr_get(of(port)->id, &mac) == 0) {
		memcpy(status->mac, mac.addr_bytes, sizeof(status->mac));
		status->has_mac = true;
	}
}

static void destroy(struct hd_port *port)
{
	struct ethdev *dev = of(port);
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(dev->id, &info);

	if (dev->started)
		rte_eth_dev_stop(dev->id);
	rte_eth_dev_close(dev->id);
	if (rc == 0 && info.device != NULL)
		rte_dev_remove(info.device);
	if (port->pool != NULL)
		hd_pool_release(port->pool, dev->reserved);
	hd_port_fini(port);
	rte_free(dev);
}

static const struct hd_port_ops ops = {
	.kind = "ethdev",
	.rx = rx,
	.rx_done = hd_port_free_mbufs,
	.tx = tx,
	.set_mtu = set_mtu,
	.poll = poll,
	.queue_enabled = queue_enabled,
	.status = status,
	.close = destroy,
};

static const char *probe_error(int rc)
{
	switch (rc) {
	case -ENODEV:
	case -EFAULT: /* no driver knows the name */
		return "no such device";
	case -EPERM: /* what drivers return that have no errno to tell */
		return "its driver refuses it, the log may say why";
	default:
		return strerror(-rc);
	}
}

/* Probes the device; its DPDK id, or -errno and the reason. */
static int probe(const char *device, char reason[HD_REASON_MAX])
{
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t id;
	int rc;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	if (rte_eth_dev_get_port_by_name(name, &id) == 0) {
		snprintf(reason, HD_REASON_MAX, "device %s is in use already", name);
		return -EBUSY;
	}
	rc = rte_dev_probe(device);
	if (rc < 0) {
		snprintf(reason, HD_REASON_MAX, "device %s can't be opened: %s", device, probe_error(rc));
		return rc;
	}
	if (rte_eth_dev_get_port_by_name(name, &id) == 0)
		return id;
	snprintf(reason, HD_REASON_MAX, "device %s is no Ethernet device, or no driver took it", device);
	return -ENODEV;
}

/* As rte_eth_dev_configure will see it, but said in words. */
static uint32_t max_mtu(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	return RTE_MIN((uint32_t)info->max_mtu, info->max_rx_pktlen - overhead);
}

static int check_limits(const struct hd_ethdev_args *args, const struct rte_eth_dev_info *info,
			char reason[HD_REASON_MAX])
{
	if (args->queues > info->max_rx_queues || args->queues > info->max_tx_queues) {
		snprintf(reason, HD_REASON_MAX, "device %s has %u queues, %u were asked for", args->device,
			 RTE_MIN(info->max_rx_queues, info->max_tx_queues), args->queues);
		return -EINVAL;
	}
	if (args->mtu > max_mtu(info)) {
		snprintf(reason, HD_REASON_MAX, "device %s takes an MTU up to %u, %u was asked for", args->device,
			 max_mtu(info), args->mtu);
		return -EINVAL;
	}
	return 0;
}

static void choose_offloads(struct ethdev *dev, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	const uint64_t checksums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	const uint64_t segmentation = checksums | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO;
	uint64_t capa = info->tx_offload_capa;
	uint8_t caps = 0;

	conf->txmode.offloads = capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	/* net_pcap copies every frame together, and until DPDK 24 says nothing of it. */
	dev->multi_segs = conf->txmode.offloads != 0 || strcmp(info->driver_name, "net_pcap") == 0;
	/* net_tap segments and sums in software on our thread, and no better than we do. */
	if (strcmp(info->driver_name, "net_tap") != 0) {
		if ((capa & checksums) == checksums) {
			conf->txmode.offloads |= checksums;
			caps |= HD_CAP_CSUM;
		}
		if (dev->multi_segs && (capa & segmentation) == segmentation) {
			conf->txmode.offloads |= segmentation;
			caps |= HD_CAP_TSO4 | HD_CAP_TSO6;
		}
	}
	conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	atomic_store(&dev->port.caps, caps);
}

/* The drivers on kernel interfaces whose link, in DPDK 22.11, is up whatever happens. */
static bool link_is_fixed(const char *driver)
{
	return strcmp(driver, "net_af_packet") == 0 || strcmp(driver, "net_af_xdp") == 0 ||
	       strcmp(driver, "net_pcap") == 0;
}

static int set_up_queues(struct ethdev *dev, const struct rte_eth_conf *conf, const struct rte_eth_dev_info *info)
{
	int socket = rte_eth_dev_socket_id(dev->id);
	struct rte_eth_txconf txconf = info->default_txconf;
	struct rte_eth_rxconf rxconf = info->default_rxconf;

	txconf.offloads = conf->txmode.offloads;
	rxconf.offloads = conf->rxmode.offloads;
	for (uint16_t queue = 0; queue < dev->port.n_queues; queue++) {
		int rc = rte_eth_rx_queue_setup(dev->id, queue, dev->n_rxd, (unsigned int)socket, &rxconf,
						dev->port.pool);

		if (rc == 0)
			rc = rte_eth_tx_queue_setup(dev->id, queue, dev->n_txd, (unsigned int)socket, &txconf);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int configure(struct ethdev *dev, const struct hd_ethdev_args *args, const struct rte_eth_dev_info *info,
		     char reason[HD_REASON_MAX])
{
	struct rte_eth_conf conf = {.rxmode.mtu = args->mtu};
	int rc;

	if (args->queues > 1) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) & info->flow_type_rss_offloads;
		if (conf.rx_adv_conf.rss_conf.rss_hf == 0)
			conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	}
	choose_offloads(dev, info, &conf);
	dev->if_index = link_is_fixed(info->driver_name) ? info->if_index : 0;
	dev->n_rxd = DESCRIPTORS;
	dev->n_txd = DESCRIPTORS;
	rc = rte_eth_dev_configure(dev->id, args->queues, args->queues, &conf);
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(dev->id, &dev->n_rxd, &dev->n_txd);
	if (rc < 0)
		return rc;
	dev->reserved = args->queues * (2u * HD_BURST + dev->n_rxd + dev->n_txd);
	rc = hd_pool_reserve(dev->reserved, rte_eth_dev_socket_id(dev->id), &dev->port.pool, reason, HD_REASON_MAX);
	if (rc < 0)
		return rc;
	rc = set_up_queues(dev, &conf, info);
	return rc < 0 ? rc : set_mtu(&dev->port, args->mtu);
}

static int start(struct ethdev *dev)
{
	int rc = rte_eth_dev_start(dev->id);

	if (rc < 0)
		return rc;
	dev->started = true;
	/* A bridge port takes every frame. Some virtual devices can't be told and do so anyway. */
	rte_eth_promiscuous_enable(dev->id);
	rte_eth_allmulticast_enable(dev->id);
	return 0;
}

static void activate(struct ethdev *dev, const struct hd_ethdev_args *args)
{
	uint16_t queues[HD_QUEUES_MAX];

	dev->port.steer = HD_STEER_PMD;
	dev->tx_shared = args->n_pmds > args->queues;
	for (uint16_t queue = 0; queue < args->queues; queue++) {
		rte_spinlock_init(&dev->tx_lock[queue]);
		queues[queue] = queue;
	}
	hd_port_set_tx_queues(&dev->port, queues, args->queues);
	poll(&dev->port);
}

int hd_port_ethdev_open(const struct hd_ethdev_args *args, struct hd_port **port, char reason[HD_REASON_MAX])
{
	struct rte_eth_dev_info info;
	struct ethdev *dev;
	int rc = probe(args->device, reason);

	if (rc < 0)
		return rc;
	dev = rte_zmalloc("ethdev port", sizeof(*dev), RTE_CACHE_LINE_SIZE);
	if (dev == NULL) {
		rte_eth_dev_close((uint16_t)rc);
		snprintf(reason, HD_REASON_MAX, "out of memory");
		return -ENOMEM;
	}
	dev->id = (uint16_t)rc;
	snprintf(reason, HD_REASON_MAX, "device %s can't be set up", args->device);
	rc = hd_port_init(&dev->port, &ops, args->name, args->queues, args->n_pmds);
	if (rc == 0)
		rc = rte_eth_dev_info_get(dev->id, &info);
	if (rc == 0)
		rc = check_limits(args, &info, reason);
	if (rc == 0)
		rc = configure(dev, args, &info, reason);
	if (rc == 0)
		rc = start(dev);
	if (rc < 0) {
		size_t used = strlen(reason);

		snprintf(reason + used, HD_REASON_MAX - used, " (%s)", strerror(-rc));
		destroy(&dev->port);
		return rc;
	}
	activate(dev, args);
	*port = &dev->port;
	return 0;
}
