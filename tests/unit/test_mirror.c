/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mirrors' copies against a naive account of them: random frames, described in all ways, with and without offloads,
 * to destinations that can do more or less. What left, byte for byte, every counter, the balance, no packet changed
 * and no buffer lost. And what a configuration with mirrors makes of the snapshot.
 */
#include <check.h>
#include <event2/event.h>

#include <rte_mempool.h>

#include "control.h"
#include "eal.h"
#include "fake_port.h"
#include "fdb.h"
#include "frames.h"
#include "offload.h"

#define ROUNDS 4000
#define BUFFERS 16383
#define PACKETS 20 /* of a burst */

static struct random dice;
static struct rte_mempool *pool;
static struct hd_dataplane *dataplane;

/* What the destination has sent. */
static struct {
	unsigned int n;
	struct hd_pkt pkt[4 * HD_BURST];
	uint8_t *bytes[4 * HD_BURST];
	uint64_t packets;
} sent;

static uint16_t tx(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	for (uint16_t i = 0; i < n; i++) {
		sent.packets++;
		ck_assert_ptr_nonnull(pkts[i]->mbuf);
		ck_assert_uint_eq(pkts[i]->mbuf->pkt_len, pkts[i]->len);
		rte_mbuf_sanity_check(pkts[i]->mbuf, 1);
		if (sent.n < RTE_DIM(sent.pkt)) {
			sent.pkt[sent.n] = *pkts[i];
			sent.bytes[sent.n] = malloc(pkts[i]->len);
			ck_assert(hd_pkt_read(pkts[i], 0, pkts[i]->len, sent.bytes[sent.n++]));
		}
		if (random_below(&dice, 2)) { /* as an ethdev does */
			rte_pktmbuf_free(pkts[i]->mbuf);
			pkts[i]->mbuf = NULL;
		}
	}
	return n;
}

static struct hd_port *make_port(const char *name, uint16_t id)
{
	struct hd_port_conf conf = {.kind = HD_PORT_VHOST, .queues = 1};
	char reason[HD_REASON_MAX];
	struct hd_port *port;

	snprintf(conf.name, sizeof(conf.name), "%s", name);
	snprintf(conf.socket, sizeof(conf.socket), "/%s", name);
	ck_assert_int_eq(fake_open(dataplane, &conf, &port, reason), 0);
	port->id = id;
	port->pool = pool;
	return port;
}

/* One round's burst and where its copies go. */
struct round {
	struct hd_port *ports[2]; /* whose frames, and the destination */
	struct hd_snapshot_mirror mirror;
	enum hd_port_direction direction;
	uint16_t n, mtu;
	bool up;
	uint8_t caps;
	struct frame *frames;   /* PACKETS of them */
	struct pieces *packets; /* of which these are made */
	struct hd_pkt *pkts[PACKETS];
	struct hd_pkt before[PACKETS];
	/* What should be. */
	uint64_t copies, bytes, segments, dropped;
	unsigned int at; /* in `sent` */
};

static void make_packet(struct round *round, uint16_t i)
{
	struct frame *frame = &round->frames[i];
	struct hd_pkt *pkt = &round->packets[i].pkt;
	bool udp = random_below(&dice, 2);

	frame_make(&dice, frame, random_below(&dice, random_below(&dice, 10) ? 1500 : 20000), udp);
	if (frame->tagged)
		put16(frame->bytes + 14, random_below(&dice, 4) << 12 | random_below(&dice, 3));
	pieces_make(&dice, &round->packets[i], frame, random_below(&dice, 2) ? pool : NULL);
	pkt->tci = frame->tagged ? (uint16_t)get16(frame->bytes + 14) : 0;
	pkt->vlan = round->direction == HD_PORT_TX ? pkt->tci & 0xfff : 77;
	if (random_below(&dice, 3) == 0)
		pkt->off = (struct hd_offload){.gso = HD_GSO_NONE};
	else if (!udp && frame->len - frame->header_len > 300 && random_below(&dice, 2)) {
		pkt->off.gso = frame->ipv6 ? HD_GSO_TCP6 : HD_GSO_TCP4;
		pkt->off.gso_size = (uint16_t)between(&dice, 200 + frame->len / 100, 1400);
	}
	pkt->flags |= random_below(&dice, 2) ? HD_PKT_SHARED : 0;
	round->pkts[i] = pkt;
	round->before[i] = *pkt;
}

static void make_round(struct round *round)
{
	static const uint16_t mtus[] = {600, 1500, 9000, 1500};

	round->direction = random_below(&dice, 2) ? HD_PORT_RX : HD_PORT_TX;
	round->mirror.snap = random_below(&dice, 2) ? 64 + random_below(&dice, 2000) : 0;
	round->mirror.vlan = random_below(&dice, 3) ? 0 : 1;
	round->mirror.to = 1;
	round->mtu = mtus[random_below(&dice, RTE_DIM(mtus))];
	round->up = random_below(&dice, 10) != 0;
	round->caps = (uint8_t)(random_below(&dice, 2) ? random_below(&dice, 8) | HD_CAP_CSUM : 0);
	round->n = (uint16_t)(1 + random_below(&dice, PACKETS));
	atomic_store(&round->ports[1]->up, round->up);
	atomic_store(&round->ports[1]->caps, round->caps);
	for (uint16_t i = 0; i < round->n; i++)
		make_packet(round, i);
}

static bool is_tso(const struct round *round, const struct hd_pkt *pkt)
{
	return round->caps & (pkt->off.gso == HD_GSO_TCP4 ? HD_CAP_TSO4 : HD_CAP_TSO6);
}

/* The next frame that was sent is these bytes, with these offloads. */
static void expect(struct round *round, const uint8_t *bytes, uint32_t len, const struct hd_offload *off)
{
	const struct hd_pkt *pkt = &sent.pkt[round->at];

	ck_assert_uint_lt(round->at, sent.n);
	ck_assert_uint_eq(pkt->len, len);
	ck_assert_mem_eq(sent.bytes[round->at], bytes, len);
	ck_assert_uint_eq(pkt->off.gso, off->gso);
	ck_assert_uint_eq(pkt->off.flags, off->flags);
	round->at++;
}

/* A frame that the switch must finish in software: as if it lay in one piece. */
static void expect_checksummed(struct round *round, const struct frame *frame, const struct hd_pkt *pkt)
{
	uint8_t *flat = exact_copy(frame->bytes, frame->len);
	struct hd_pkt whole = *pkt;

	whole.mbuf = NULL;
	whole.n_seg = 0;
	whole.hdr = flat;
	whole.hdr_len = (uint16_t)RTE_MIN(frame->len, (uint32_t)UINT16_MAX);
	ck_assert(hd_offload_checksum(&whole));
	expect(round, flat, frame->len, &whole.off);
	free(flat);
}

static void account(struct round *round, uint16_t i)
{
	const struct frame *frame = &round->frames[i];
	const struct hd_pkt *pkt = &round->before[i];
	bool cut = round->mirror.snap != 0 && frame->len > round->mirror.snap;
	uint32_t len = cut ? round->mirror.snap : frame->len, wire = cut ? len : hd_offload_segment_len(pkt);
	static const struct hd_offload none = {.gso = HD_GSO_NONE};

	if (round->mirror.vlan != 0 && (pkt->tci & 0xfff) != round->mirror.vlan)
		return;
	round->copies++;
	round->bytes += len;
	if (!round->up || wire > round->mtu + 14u + (frame->tagged ? 4 : 0)) {
		round->dropped++;
	} else if (cut) {
		expect(round, frame->bytes, len, &none);
	} else if (pkt->off.gso != HD_GSO_NONE && !is_tso(round, pkt)) {
		round->segments += hd_offload_segments(pkt) - 1;
		round->at += hd_offload_segments(pkt); /* test_offload */
	} else if (pkt->off.gso == HD_GSO_NONE && pkt->off.flags != 0 && !(round->caps & HD_CAP_CSUM)) {
		expect_checksummed(round, frame, pkt);
	} else {
		expect(round, frame->bytes, len, &pkt->off);
	}
}

/* The packets are as they were. */
static void check_packets(struct round *round)
{
	static uint8_t bytes[HD_FRAME_MAX + 4];

	for (uint16_t i = 0; i < round->n; i++) {
		const struct frame *frame = &round->frames[i];

		ck_assert_mem_eq(round->pkts[i], &round->before[i], sizeof(struct hd_pkt));
		ck_assert(hd_pkt_read(round->pkts[i], 0, frame->len, bytes));
		ck_assert_mem_eq(bytes, frame->bytes, frame->len);
		pieces_free(&round->packets[i]);
	}
}

static void run_round(struct round *round, const struct hd_fdb *fdb)
{
	struct hd_vlan_conf vlan;
	struct hd_snapshot_bridge_in bridge = {.serial = 1, .fdb = fdb, .mirrors = &round->mirror, .n_mirrors = 1};
	static const uint32_t no_limits[HD_STORM_CLASSES];
	static const uint16_t pmd[HD_QUEUES_MAX];
	struct hd_snapshot_port_in in[2] = {
		{.port = round->ports[0], .mtu = 1500, .vlan = &vlan, .storm = no_limits, .pmd = pmd},
		{.port = round->ports[1], .mtu = round->mtu, .vlan = &vlan, .storm = no_limits, .pmd = pmd},
	};
	struct hd_snapshot *snapshot;

	hd_vlan_init(&vlan, HD_VLAN_TRANSPARENT, HD_VLAN_NONE);
	in[0].mirrors[round->direction] = 1;
	in[1].output_only = true;
	snapshot = hd_snapshot_build(&bridge, 1, in, 2);
	ck_assert_ptr_nonnull(snapshot);
	dataplane->pmds[0]->snapshot = snapshot;
	hd_mirror_copy(dataplane->pmds[0], snapshot->ports[0], round->direction, round->pkts, round->n);
	hd_snapshot_free(snapshot);
}

static void check_counters(const struct round *round)
{
	struct hd_port_totals from, to;
	struct hd_mirror_totals mirror;
	uint64_t drops = 0;

	hd_port_totals(round->ports[0], &from);
	hd_port_totals(round->ports[1], &to);
	hd_mirror_totals(round->mirror.mirror, &mirror);
	for (int reason = 0; reason < HD_DROP_COUNT; reason++)
		drops += to.drops[reason];
	ck_assert_uint_eq(mirror.packets, round->copies);
	ck_assert_uint_eq(mirror.bytes, round->bytes);
	ck_assert_uint_eq(mirror.dropped, round->dropped);
	ck_assert_uint_eq(drops, round->dropped);
	ck_assert_uint_eq(from.copies, round->copies);
	ck_assert_uint_eq(to.segments, round->segments);
	ck_assert_uint_eq(to.tx.packets, sent.packets);
	ck_assert_uint_eq(from.copies + to.segments, to.tx.packets + drops);
}

START_TEST(copies_are_what_was)
{
	static struct frame frames[PACKETS];
	static struct pieces packets[PACKETS];
	struct round round = {.frames = frames, .packets = packets};
	struct hd_fdb *fdb;

	random_start(&dice, "copies_are_what_was");
	memset(&sent, 0, sizeof(sent));
	fake_reset();
	fake.ops.tx = tx;
	ck_assert_int_eq(hd_dataplane_create(&dataplane), 0);
	ck_assert_int_eq(hd_fdb_create("test", 16, dataplane->rcu, &fdb), 0);
	round.ports[0] = make_port("in", 0);
	round.ports[1] = make_port("to", 1);
	round.mirror.mirror = hd_mirror_create();
	for (int i = 0; i < ROUNDS; i++) {
		unsigned int available;

		make_round(&round);
		available = rte_mempool_avail_count(pool);
		run_round(&round, fdb);
		ck_assert_uint_eq(rte_mempool_avail_count(pool), available);
		round.at = 0;
		for (uint16_t p = 0; p < round.n; p++)
			account(&round, p);
		ck_assert_uint_eq(round.at, sent.n);
		check_packets(&round);
		check_counters(&round);
		while (sent.n > 0)
			free(sent.bytes[--sent.n]);
	}
	ck_assert_uint_gt(round.segments, 0);
	ck_assert_uint_gt(round.dropped, 0);
	hd_mirror_destroy(round.mirror.mirror);
	for (int i = 0; i < 2; i++)
		round.ports[i]->ops->close(round.ports[i]);
	hd_fdb_destroy(fdb);
	hd_dataplane_destroy(dataplane);
}
END_TEST

/* --- From the configuration to the snapshot. --- */

static struct hd_control *control;

static int change(const char *ports, const char *mirrors)
{
	char text[1024];
	struct hd_error error;
	json_t *document;
	int rc;

	snprintf(text, sizeof(text), "{\"bridges\":{\"br0\":{\"ports\":{%s},\"mirrors\":{%s}}}}", ports, mirrors);
	document = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(document);
	rc = hd_control_change(control, document, NULL, false, NULL, &error);
	json_decref(document);
	return rc;
}

static const struct hd_snapshot_port *snapshot_port(const char *name)
{
	const struct hd_run_port *run = hd_runtime_port(hd_control_runtime(control), name);

	return atomic_load(&dataplane->snapshot)->ports[run->port->id];
}

static const struct hd_run_mirror *run_mirror(const char *name)
{
	const struct hd_run_bridge *bridge = hd_control_runtime(control)->bridges[0];

	for (unsigned int i = 0; i < bridge->n_mirrors; i++)
		if (strcmp(bridge->mirrors[i].conf.name, name) == 0)
			return &bridge->mirrors[i];
	return NULL;
}

static void expect_port(const char *name, uint32_t rx, uint32_t send, bool output_only)
{
	const struct hd_snapshot_port *port = snapshot_port(name);

	ck_assert_uint_eq(port->mirrors[HD_PORT_RX], rx);
	ck_assert_uint_eq(port->mirrors[HD_PORT_TX], send);
	ck_assert(port->output_only == output_only);
	ck_assert((port->bridge == NULL) == output_only);
}

#define PORTS "\"a\":{\"vhost\":\"/a\"},\"b\":{\"vhost\":\"/b\"},\"to\":{\"vhost\":\"/to\",\"vlan\":7}"

START_TEST(snapshot_has_mirrors)
{
	struct event_base *base = event_base_new();
	const struct hd_snapshot_bridge *bridge;
	const struct hd_mirror *counters;
	size_t heap;

	fake_reset();
	ck_assert_int_eq(hd_dataplane_create(&dataplane), 0);
	ck_assert_int_eq(hd_control_create(base, dataplane, fake_open, dataplane, &control), 0);
	heap = fake_heap_used();
	ck_assert_int_eq(change(PORTS, "\"all\":{\"to\":\"to\"}"), -EINVAL); /* no name */
	ck_assert_int_eq(change(PORTS, "\"m\":{\"to\":\"to\"}"), 0);
	expect_port("a", 1, 1, false);
	expect_port("b", 1, 1, false);
	expect_port("to", 0, 0, true);
	bridge = snapshot_port("a")->bridge;
	ck_assert_uint_eq(bridge->n_ports, 2);
	ck_assert_uint_eq(bridge->mirrors[0].to, snapshot_port("to")->port->id);
	counters = run_mirror("m")->counters;
	ck_assert_ptr_eq(bridge->mirrors[0].mirror, counters);
	/* One more, before it in the order: counters stay with their name. */
	ck_assert_int_eq(change(PORTS, "\"k\":{\"to\":\"to\",\"ports\":[\"b\"],\"direction\":\"tx\",\"snap\":99},"
				       "\"m\":{\"to\":\"to\",\"direction\":\"rx\",\"vlan\":5}"),
			 0);
	expect_port("a", 2, 0, false);
	expect_port("b", 2, 1, false);
	expect_port("to", 0, 0, true);
	bridge = snapshot_port("a")->bridge;
	ck_assert_uint_eq(bridge->mirrors[0].snap, 99);
	ck_assert_uint_eq(bridge->mirrors[1].vlan, 5);
	ck_assert_ptr_eq(bridge->mirrors[1].mirror, counters);
	ck_assert_ptr_eq(run_mirror("m")->counters, counters);
	/* A change that fails leaves all as it was. */
	fake.fail_open = 1;
	ck_assert_int_ne(change(PORTS ",\"c\":{\"vhost\":\"/c\"}", "\"n\":{\"to\":\"b\"}"), 0);
	ck_assert_ptr_eq(run_mirror("m")->counters, counters);
	expect_port("b", 2, 1, false);
	ck_assert_int_eq(change(PORTS, ""), 0);
	expect_port("to", 0, 0, false);
	ck_assert_uint_eq(snapshot_port("a")->bridge->n_ports, 3);
	hd_control_destroy(control);
	ck_assert_uint_le(fake_heap_used(), heap);
	ck_assert_uint_eq(fake.n, 0);
	hd_dataplane_destroy(dataplane);
	event_base_free(base);
}
END_TEST

/* What was known behind the port is forgotten when it becomes a destination, or frames to it would go nowhere. */
START_TEST(destination_is_forgotten)
{
	struct event_base *base = event_base_new();
	struct hd_fdb *fdb;

	fake_reset();
	ck_assert_int_eq(hd_dataplane_create(&dataplane), 0);
	ck_assert_int_eq(hd_control_create(base, dataplane, fake_open, dataplane, &control), 0);
	ck_assert_int_eq(change(PORTS, ""), 0);
	fdb = hd_control_runtime(control)->bridges[0]->fdb;
	ck_assert_int_ge(hd_fdb_learn(fdb, 2, snapshot_port("to")->port->id, 1), 0);
	ck_assert_int_ge(hd_fdb_learn(fdb, 4, snapshot_port("a")->port->id, 1), 0);
	ck_assert_int_eq(change(PORTS, "\"m\":{\"to\":\"to\"}"), 0);
	ck_assert_int_lt(hd_fdb_find(fdb, 2), 0);
	ck_assert_int_ge(hd_fdb_find(fdb, 4), 0);
	hd_control_destroy(control);
	hd_dataplane_destroy(dataplane);
	event_base_free(base);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mirror");
	TCase *cases = tcase_create("mirror");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start_workers(1);
	pool = rte_pktmbuf_pool_create("test", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return 1;
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, copies_are_what_was);
	tcase_add_test(cases, snapshot_has_mirrors);
	tcase_add_test(cases, destination_is_forgotten);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
