/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What surrounds the bridge in test_bridge.c: random topologies of fake ports, in the real data path and in the naive
 * bridge, and what the ports have been given to receive and have sent. Included by one file a program.
 */
#ifndef BRIDGE_WORLD_H
#define BRIDGE_WORLD_H

#include <check.h>

#include <rte_mempool.h>

#include "dataplane.h"
#include "eal.h"
#include "fake_port.h"
#include "fdb.h"
#include "fdb_cache.h"
#include "naive_bridge.h"

#define BRIDGES 3
#define BUFFERS 8191
#define ABSENT 900 /* a port id that no snapshot has */

struct sent {
	uint16_t port, queue;
	bool matched;
	struct naive_frame frame;
};

static struct random dice;
static struct rte_mempool *pool;
static struct hd_dataplane *dataplane;
static struct hd_port *ports[NAIVE_PORTS];
static struct hd_fdb *fdbs[BRIDGES];
static uint32_t limits[BRIDGES];

/* What the next round brings, and by which port. */
static struct {
	uint16_t port, queue, n;
	struct naive_frame frames[HD_BURST];
	uint8_t *memory[HD_BURST][3]; /* of packets without an mbuf */
	struct hd_seg segs[HD_BURST][2];
} input;

static struct sent sent[NAIVE_OUT_MAX];
static unsigned int n_sent;
static uint64_t dropped[HD_DROP_COUNT], segments; /* over all topologies */

static bool chance(uint32_t one_in)
{
	return random_below(&dice, one_in) == 0;
}

/* --- Fake ports. --- */

static void describe_mbuf(struct hd_pkt *pkt, const struct naive_frame *frame)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool), *tail = head;

	ck_assert_ptr_nonnull(head);
	memcpy(rte_pktmbuf_append(head, (uint16_t)frame->first), frame->bytes, frame->first);
	for (uint32_t at = frame->first; at < frame->len;) {
		uint32_t n = RTE_MIN(frame->len - at, between(&dice, 1, 2000));

		tail->next = rte_pktmbuf_alloc(pool);
		ck_assert_ptr_nonnull(tail->next);
		tail = tail->next;
		memcpy(rte_pktmbuf_append(tail, (uint16_t)n), frame->bytes + at, n);
		head->nb_segs++;
		head->pkt_len += n;
		at += n;
	}
	hd_pkt_from_mbuf(pkt, head);
}

static void describe_snapshot(struct hd_pkt *pkt, uint16_t i, const struct naive_frame *frame)
{
	uint32_t rest = frame->len - frame->first, n = random_below(&dice, rest + 1);

	input.memory[i][0] = malloc(HD_HEADROOM + RTE_MAX(frame->first, (uint32_t)HD_SNAPSHOT_ROOM));
	memcpy(input.memory[i][0] + HD_HEADROOM, frame->bytes, frame->first);
	input.memory[i][1] = exact_copy(frame->bytes + frame->first, n);
	input.memory[i][2] = exact_copy(frame->bytes + frame->first + n, rest - n);
	input.segs[i][0] = (struct hd_seg){input.memory[i][1], n};
	input.segs[i][1] = (struct hd_seg){input.memory[i][2], rest - n};
	*pkt = (struct hd_pkt){
		.hdr = input.memory[i][0] + HD_HEADROOM,
		.hdr_len = (uint16_t)frame->first,
		.len = frame->len,
		.seg = input.segs[i],
		.n_seg = 2,
	};
}

/* Frames of which the port could make nothing: received, and dropped for its reasons. */
static void refuse(struct hd_burst *burst)
{
	struct hd_port_totals *totals = &naive.ports[input.port].totals;

	for (uint32_t n = chance(4) ? random_below(&dice, HD_BURST - input.n + 1u) : 0; n > 0; n--) {
		enum hd_drop why = HD_DROP_RX_ADDRESS +
				   (enum hd_drop)random_below(&dice, HD_DROP_RX_DISABLED - HD_DROP_RX_ADDRESS + 1);

		hd_burst_refuse(burst, why);
		totals->rx.packets++;
		totals->drops[why]++;
	}
}

static uint16_t rx(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	if (port != ports[input.port] || queue != input.queue)
		return 0;
	atomic_store(&dataplane->stop, true);
	for (uint16_t i = 0; i < input.n; i++) {
		if (input.frames[i].snapshot)
			describe_snapshot(&burst->pkt[i], i, &input.frames[i]);
		else
			describe_mbuf(&burst->pkt[i], &input.frames[i]);
		burst->pkt[i].off = input.frames[i].off;
	}
	burst->n = input.n;
	refuse(burst);
	return (uint16_t)(burst->n + burst->n_refused);
}

static void rx_done(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	hd_burst_free(burst);
	for (uint16_t i = 0; i < input.n; i++)
		for (int m = 0; m < 3; m++) {
			free(input.memory[i][m]);
			input.memory[i][m] = NULL;
		}
}

/* Keeps copies. Takes an mbuf, as an ethdev does, if it may; a port that is stuck takes nothing. */
static uint16_t tx(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	*why = naive.ports[port->id].stuck;
	if (*why != HD_DROP_NONE)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		struct sent *out;

		*why = HD_DROP_TX_SMALL;
		if (pkts[i]->len > naive.ports[port->id].room)
			return i;
		out = &sent[n_sent++];

		*out = (struct sent){.port = port->id, .queue = queue, .frame = {.len = pkts[i]->len}};
		out->frame.off = pkts[i]->off;
		out->frame.bytes = malloc(pkts[i]->len);
		ck_assert(hd_pkt_read(pkts[i], 0, pkts[i]->len, out->frame.bytes));
		if (pkts[i]->mbuf != NULL) {
			ck_assert_uint_eq(pkts[i]->mbuf->pkt_len, pkts[i]->len);
			rte_mbuf_sanity_check(pkts[i]->mbuf, 1);
		}
		if (pkts[i]->mbuf != NULL && !(pkts[i]->flags & HD_PKT_SHARED) && chance(2)) {
			rte_pktmbuf_free(pkts[i]->mbuf);
			pkts[i]->mbuf = NULL;
		}
	}
	return n;
}

/* --- Topologies. --- */

static void random_vlans(struct hd_vlan_conf *vlan)
{
	hd_vlan_init(vlan, (enum hd_vlan_mode)random_below(&dice, 3), (uint16_t)between(&dice, 1, 3));
	if (vlan->mode != HD_VLAN_TRUNK)
		return;
	if (chance(2))
		hd_vlan_init(vlan, HD_VLAN_TRUNK, HD_VLAN_NONE);
	for (uint16_t vid = 1; vid < 5; vid++)
		if (!chance(3))
			hd_vlan_allow(vlan, vid);
}

static void random_port(uint16_t id)
{
	static const uint16_t mtus[] = {68, 300, 1500, 1500, 9216};
	struct naive_port *port = &naive.ports[id];
	struct hd_port_conf conf = {.kind = HD_PORT_VHOST, .queues = (uint16_t)between(&dice, 1, 3)};
	uint16_t queues[] = {2, 1, 0};
	char reason[HD_REASON_MAX];

	snprintf(conf.name, sizeof(conf.name), "p%u", id);
	snprintf(conf.socket, sizeof(conf.socket), "/p%u", id);
	ck_assert_int_eq(fake_open(dataplane, &conf, &ports[id], reason), 0);
	*port = (struct naive_port){
		.bridge = (int)random_below(&dice, chance(3) ? BRIDGES : 1),
		.mtu = mtus[random_below(&dice, RTE_DIM(mtus))],
		.isolated = chance(3),
		.up = !chance(8),
		.stuck = !chance(12) ? HD_DROP_NONE
			 : chance(2) ? HD_DROP_TX_FULL
				     : HD_DROP_TX_BROKEN,
		.room = chance(4) ? 200 : UINT32_MAX,
		.n_tx = (uint16_t)random_below(&dice, conf.queues + 1u),
		.caps = (uint8_t)(chance(2) ? random_below(&dice, 8) | HD_CAP_CSUM : 0),
	};
	random_vlans(&port->vlan);
	if (port->n_tx == 0 && !chance(4))
		port->n_tx = 1;
	ports[id]->id = id;
	ports[id]->pool = pool;
	ports[id]->steer = chance(2) ? HD_STEER_HASH : HD_STEER_PMD;
	/* In reverse: queue numbers are not positions. */
	hd_port_set_tx_queues(ports[id], queues + 3 - conf.queues, port->n_tx);
	atomic_store(&ports[id]->caps, port->caps);
	atomic_store(&ports[id]->up, port->up);
}

static void publish(void)
{
	static const uint32_t no_limits[HD_STORM_CLASSES];
	static const uint16_t pmd[HD_QUEUES_MAX];
	struct hd_snapshot_bridge_in bridges[BRIDGES];
	struct hd_snapshot_port_in in[NAIVE_PORTS];

	for (uint32_t b = 0; b < BRIDGES; b++)
		bridges[b] = (struct hd_snapshot_bridge_in){.serial = b + 1, .fdb = fdbs[b]};
	for (unsigned int i = 0; i < naive.n_ports; i++)
		in[i] = (struct hd_snapshot_port_in){
			.port = ports[i],
			.bridge = (uint16_t)naive.ports[i].bridge,
			.mtu = naive.ports[i].mtu,
			.isolated = naive.ports[i].isolated,
			.vlan = &naive.ports[i].vlan,
			.storm = no_limits,
			.pmd = pmd,
		};
	hd_dataplane_publish(dataplane, hd_snapshot_build(bridges, BRIDGES, in, (uint16_t)naive.n_ports));
}

static void build(void)
{
	memset(&naive, 0, sizeof(naive));
	fake_reset();
	fake.ops.rx = rx;
	fake.ops.rx_done = rx_done;
	fake.ops.tx = tx;
	ck_assert_int_eq(hd_dataplane_create(&dataplane), 0);
	for (int b = 0; b < BRIDGES; b++) {
		limits[b] = chance(2) ? 16 : 200;
		ck_assert_int_eq(hd_fdb_create("test", limits[b], dataplane->rcu, &fdbs[b]), 0);
	}
	naive.n_ports = between(&dice, 2, NAIVE_PORTS);
	for (uint16_t id = 0; id < naive.n_ports; id++)
		random_port(id);
	naive.now = 1000;
	publish();
}

static void tear_down(void)
{
	hd_dataplane_publish(dataplane, hd_snapshot_build(NULL, 0, NULL, 0));
	for (unsigned int id = 0; id < naive.n_ports; id++) {
		ports[id]->ops->close(ports[id]);
		segments += naive.ports[id].totals.segments;
		for (int reason = 0; reason < HD_DROP_COUNT; reason++)
			dropped[reason] += naive.ports[id].totals.drops[reason];
	}
	for (int b = 0; b < BRIDGES; b++)
		hd_fdb_destroy(fdbs[b]);
	hd_dataplane_destroy(dataplane);
	ck_assert_uint_eq(rte_mempool_avail_count(pool), BUFFERS);
}

#endif
