/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What surrounds the pipeline in test_pipeline.c: a bridge of fake ports in the real data path, what they receive and
 * what they have sent. Included by one file a program.
 */
#ifndef PIPELINE_WORLD_H
#define PIPELINE_WORLD_H

#include <check.h>

#include <rte_cycles.h>
#include <rte_mempool.h>

#include "dataplane.h"
#include "eal.h"
#include "fake_port.h"
#include "flow/pipeline.h"
#include "flow/state.h"
#include "naive_flows.h"

#define BUFFERS 4095

static struct random dice;
static struct rte_mempool *pool;
static struct hd_dataplane *dataplane;
static struct hd_tables *tables;
static struct hd_fdb *fdb;
static struct hd_port *ports[NF_PORTS + 1]; /* by ofport */

static struct {
	unsigned int port, n, n_sent;
	bool snapshots;
	struct nf_frame frame[HD_BURST];
	uint8_t memory[HD_BURST][HD_SNAPSHOT_FRAME + HD_SNAPSHOT_ROOM];
} input;

static struct {
	unsigned int n;
	struct {
		unsigned int port;
		bool matched;
		struct nf_frame frame;
	} frame[4 * NF_OUT];
} sent;

static bool chance(uint32_t one_in)
{
	return random_below(&dice, one_in) == 0;
}

/* ---- Ports. ---- */

static uint16_t rx(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	atomic_store(&dataplane->stop, true);
	if (input.n == 0 || port != ports[input.port])
		return 0;
	for (unsigned int i = 0; i < input.n; i++) {
		const struct nf_frame *frame = &input.frame[i];

		if (input.snapshots) {
			memcpy(&input.memory[i][HD_SNAPSHOT_FRAME], frame->bytes, frame->len);
			burst->pkt[i] = (struct hd_pkt){
				.hdr = &input.memory[i][HD_SNAPSHOT_FRAME],
				.hdr_len = (uint16_t)frame->len,
				.len = frame->len,
			};
		} else {
			struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

			ck_assert_ptr_nonnull(mbuf);
			memcpy(rte_pktmbuf_append(mbuf, (uint16_t)frame->len), frame->bytes, frame->len);
			hd_pkt_from_mbuf(&burst->pkt[i], mbuf);
		}
	}
	burst->n = (uint16_t)input.n;
	input.n = 0;
	return burst->n;
}

static void rx_done(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	hd_burst_free(burst);
}

static uint16_t tx(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	for (uint16_t i = 0; i < n; i++) {
		struct nf_frame *frame = &sent.frame[sent.n].frame;

		sent.frame[sent.n].port = (unsigned int)(strchr(port->name, 'p')[1] - '0');
		sent.frame[sent.n].matched = false;
		frame->len = pkts[i]->len;
		ck_assert_uint_le(frame->len, NF_FRAME);
		ck_assert(hd_pkt_read(pkts[i], 0, pkts[i]->len, frame->bytes));
		sent.n++;
		if (pkts[i]->mbuf != NULL && !(pkts[i]->flags & HD_PKT_SHARED) && chance(2)) {
			rte_pktmbuf_free(pkts[i]->mbuf);
			pkts[i]->mbuf = NULL;
		}
	}
	return n;
}

static void publish(void)
{
	static const uint32_t no_limits[HD_STORM_CLASSES];
	static const uint16_t pmd[HD_QUEUES_MAX];
	struct hd_snapshot_bridge_in bridge = {.serial = 1, .fdb = fdb, .tables = tables};
	struct hd_snapshot_port_in in[NF_PORTS];
	static struct hd_vlan_conf vlan;

	hd_vlan_init(&vlan, HD_VLAN_TRANSPARENT, 0);
	for (unsigned int i = 0; i < NF_PORTS; i++)
		in[i] = (struct hd_snapshot_port_in){
			.port = ports[i + 1],
			.mtu = 1500,
			.ofport = (uint16_t)(i + 1),
			.vlan = &vlan,
			.storm = no_limits,
			.pmd = pmd,
		};
	hd_dataplane_publish(dataplane, hd_snapshot_build(&bridge, 1, in, NF_PORTS));
}

static void set_up(void)
{
	struct hd_flow_mod everything = {.command = HD_MOD_DELETE, .any_table = true};
	struct hd_mod_result result;

	fake_reset();
	fake.ops.rx = rx;
	fake.ops.rx_done = rx_done;
	fake.ops.tx = tx;
	memset(&nf, 0, sizeof(nf));
	ck_assert_int_eq(hd_dataplane_create(&dataplane), 0);
	ck_assert_int_eq(hd_fdb_create("test", 64, dataplane->rcu, &fdb), 0);
	tables = hd_tables_create(dataplane->rcu, 1, rte_get_tsc_hz());
	ck_assert_ptr_nonnull(tables);
	ck_assert_int_eq(hd_tables_apply(tables, &everything, 1, &result), 0);
	for (uint16_t i = 1; i <= NF_PORTS; i++) {
		struct hd_port_conf conf = {.kind = HD_PORT_VHOST, .queues = 1};
		char reason[HD_REASON_MAX];
		uint8_t mac[6];

		snprintf(conf.name, sizeof(conf.name), "p%u", i);
		snprintf(conf.socket, sizeof(conf.socket), "/p%u", i);
		ck_assert_int_eq(fake_open(dataplane, &conf, &ports[i], reason), 0);
		ports[i]->id = (uint16_t)(i + 10);
		ports[i]->pool = pool;
		nf.up[i] = true;
		nf_mac(mac, i);
		ck_assert_int_eq(hd_fdb_add_static(fdb, hd_fdb_key(mac, 0), ports[i]->id), 0);
	}
	publish();
}

static void tear_down(void)
{
	hd_dataplane_publish(dataplane, hd_snapshot_build(NULL, 0, NULL, 0));
	for (unsigned int i = 1; i <= NF_PORTS; i++)
		ports[i]->ops->close(ports[i]);
	hd_fdb_destroy(fdb);
	hd_tables_destroy(tables);
	hd_dataplane_destroy(dataplane);
	ck_assert_uint_eq(rte_mempool_avail_count(pool), BUFFERS);
}

#endif
