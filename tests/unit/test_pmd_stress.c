/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two PMD threads under traffic while the control thread changes whatever it can: ports added, removed, replaced and
 * moved between bridges, VLANs, MTUs, queues moved from PMD to PMD, addresses learnt and aged, frames mirrored.
 *
 *      quiet0 <---- br0 ----> quiet1       wild0..wild5: in br0 or br1, or not there
 *
 * quiet0 and quiet1 stay as they are and number the frames that they send each other: none may be missing, none may
 * change its place. Every queue notices two PMDs in it at a time. In the end, the books must balance.
 */
#include <check.h>
#include <event2/event.h>
#include <time.h>

#include <rte_rcu_qsbr.h>

#include "control.h"
#include "eal.h"
#include "fake_port.h"
#include "fdb.h"
#include "random.h"

#define WILD 6
#define QUEUES 2
#define MACS 40
#define CHANGES 8000
#define SECONDS 3
#define LEN 64

/* What one receive queue brings. Used by the PMD that polls it; handed over by grace periods. */
struct source {
	struct random random;
	uint64_t serial; /* of the next frame between the quiet ports */
	uint8_t memory[HD_BURST][HD_HEADROOM + LEN];
};

struct own {
	int quiet; /* 0 or 1; -1: a wild port */
	struct source sources[QUEUES];
	_Atomic uint64_t generated;
};

/* The numbered frames that reach a quiet port: one PMD at a time, since one queue of the other sends them. */
struct sink {
	_Atomic uint64_t next, lost, in_order;
};

static struct sink sinks[2];
static struct random dice;
static struct rte_mempool *pool; /* for copies */
static uint64_t seeds;           /* of the sources */

static struct own *own_of(struct hd_port *port)
{
	return fake_of(port)->own;
}

static void random_address(struct random *random, uint8_t *mac)
{
	memcpy(mac, "\x02\0\0\0\0", 5);
	mac[5] = (uint8_t)random_below(random, MACS);
	if (random_below(random, 16) == 0)
		memset(mac, 0xff, 6);
}

static void write_frame(struct own *own, struct source *source, uint8_t *frame)
{
	memset(frame, 0, LEN);
	frame[12] = 0x88; /* IEEE 802 local experimental */
	frame[13] = 0xb5;
	if (own->quiet >= 0) {
		memcpy(frame, "\x06\0\0\0\0", 5);
		memcpy(frame + 6, "\x06\0\0\0\0", 5);
		frame[5] = (uint8_t)!own->quiet;
		frame[11] = (uint8_t)own->quiet;
		memcpy(frame + 32, &source->serial, sizeof(source->serial));
		source->serial++;
		return;
	}
	random_address(&source->random, frame);
	random_address(&source->random, frame + 6);
	frame[6] &= 0xfe; /* a broadcast source becomes fe:ff:... */
	if (random_below(&source->random, 4) == 0)
		memcpy(frame + 12, "\x81\0\0\1\x88\xb5", 6);
}

static uint16_t rx(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	struct own *own = own_of(port);
	struct source *source = &own->sources[queue];

	if (own->quiet >= 0 && queue > 0)
		return 0; /* one queue numbers the frames */
	fake_enter(port, queue);
	burst->n = (uint16_t)random_below(&source->random, HD_BURST + 1);
	for (uint16_t i = 0; i < burst->n; i++) {
		write_frame(own, source, source->memory[i] + HD_HEADROOM);
		burst->pkt[i] = (struct hd_pkt){.hdr = source->memory[i] + HD_HEADROOM, .hdr_len = LEN, .len = LEN};
	}
	atomic_fetch_add_explicit(&own->generated, burst->n, memory_order_relaxed);
	if (burst->n == 0)
		fake_leave(port, queue);
	return burst->n;
}

static void rx_done(struct hd_port *port, uint16_t queue, struct hd_burst *burst)
{
	fake_leave(port, queue);
}

static void receive_numbered(struct sink *sink, const struct hd_pkt *pkt)
{
	uint64_t serial, next = atomic_load_explicit(&sink->next, memory_order_relaxed);

	memcpy(&serial, pkt->hdr + 32, sizeof(serial));
	atomic_fetch_add_explicit(serial == next ? &sink->in_order : &sink->lost, 1, memory_order_relaxed);
	atomic_store_explicit(&sink->next, serial + 1, memory_order_relaxed);
}

static uint16_t tx(struct hd_port *port, uint16_t queue, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	const struct own *own = own_of(port);

	for (uint16_t i = 0; i < n && own->quiet >= 0; i++)
		if (pkts[i]->hdr[0] == 0x06 && pkts[i]->hdr[5] == own->quiet)
			receive_numbered(&sinks[own->quiet], pkts[i]);
	return n;
}

static int open_port(void *opener, const struct hd_port_conf *conf, struct hd_port **port, char reason[HD_REASON_MAX])
{
	int rc = fake_open(opener, conf, port, reason);
	struct own *own;

	if (rc < 0)
		return rc;
	own = calloc(1, sizeof(*own));
	if (own == NULL)
		abort();
	own->quiet = strncmp(conf->name, "quiet", 5) == 0 ? conf->name[5] - '0' : -1;
	for (int queue = 0; queue < QUEUES; queue++)
		own->sources[queue].random.state = seeds + fake_of(*port)->serial * QUEUES + (uint64_t)queue;
	fake_of(*port)->own = own;
	(*port)->pool = pool;
	return 0;
}

/* --- Changes. --- */

static json_t *random_wild(int number, const struct hd_dataplane *dataplane)
{
	json_t *port;

	if (random_below(&dice, 3) == 0)
		port = json_pack("{s:o}", "device", json_sprintf("net_null%d", number));
	else
		port = json_pack("{s:o}", "vhost", json_sprintf("/run/%u.sock", number + random_below(&dice, 2) * 10));
	json_object_set_new(port, "queues", json_integer(1 + random_below(&dice, QUEUES)));
	if (random_below(&dice, 3) == 0)
		json_object_set_new(port, "vlan", json_integer(1));
	else if (random_below(&dice, 2))
		json_object_set_new(port, "trunk", json_pack("[i, i]", 1, 2));
	if (random_below(&dice, 2))
		json_object_set_new(port, "mtu", json_integer(random_below(&dice, 4) ? 1500 : 9000));
	if (random_below(&dice, 2))
		json_object_set_new(port, "pmd", json_integer(dataplane->pmds[random_below(&dice, 2)]->cpu));
	if (random_below(&dice, 4) == 0)
		json_object_set_new(port, "isolated", json_true());
	if (random_below(&dice, 4) == 0)
		json_object_set_new(port, "storm-broadcast", json_integer(1000));
	return port;
}

static json_t *first_document(void)
{
	return json_pack("{s:{s:{s:{s:{s:s, s:i}, s:{s:s, s:i}}, s:i, s:i}, s:{s:{}, s:i}}}", "bridges", "br0", "ports",
			 "quiet0", "vhost", "/run/q0.sock", "mtu", 1500, "quiet1", "vhost", "/run/q1.sock", "mtu", 1500,
			 "ageing", 1, "fdb-limit", 32, "br1", "ports", "fdb-limit", 32);
}

/* One wild port more, less, elsewhere or otherwise; or a bridge's own settings. */
static json_t *change_one(const json_t *from, const struct hd_dataplane *dataplane)
{
	json_t *document = json_deep_copy(from), *bridges = json_object_get(document, "bridges");
	json_t *br[2] = {json_object_get(bridges, "br0"), json_object_get(bridges, "br1")};
	int number = (int)random_below(&dice, WILD), to = (int)random_below(&dice, 2);
	char name[16];
	json_t *port = NULL, *ports;

	snprintf(name, sizeof(name), "wild%d", number);
	if (random_below(&dice, 10) == 0) {
		json_object_set_new(br[to], "fdb-limit", json_integer(16 + random_below(&dice, 50)));
		return document;
	}
	for (int b = 0; b < 2; b++) {
		ports = json_object_get(br[b], "ports");
		if (json_object_get(ports, name) != NULL)
			port = json_incref(json_object_get(ports, name));
		json_object_del(ports, name);
	}
	if (random_below(&dice, 4) == 0) {
		json_decref(port);
		return document; /* removed */
	}
	if (port == NULL || random_below(&dice, 2)) {
		json_decref(port);
		port = random_wild(number, dataplane);
	}
	if (json_object_get(br[to], "ports") == NULL)
		json_object_set_new(br[to], "ports", json_object());
	json_object_set_new(json_object_get(br[to], "ports"), name, port);
	return document;
}

/* Copies of br0's frames to one of its wild ports, or of no frames. The quiet ports must not notice. */
static void mirror_something(json_t *document)
{
	json_t *br0 = json_object_get(json_object_get(document, "bridges"), "br0"), *mirrors = json_object();
	const char *name, *to = NULL;
	json_t *port, *mirror;

	json_object_foreach (json_object_get(br0, "ports"), name, port)
		if (strncmp(name, "wild", 4) == 0 && (to == NULL || random_below(&dice, 2)))
			to = name;
	for (char id[] = "m0"; to != NULL && id[1] < '3'; id[1]++) {
		if (random_below(&dice, 2))
			continue;
		mirror = json_pack("{s:s, s:s}", "to", to, "ports", random_below(&dice, 2) ? "all" : "quiet0,quiet1");
		if (random_below(&dice, 2))
			json_object_set_new(mirror, "direction", json_string(random_below(&dice, 2) ? "rx" : "tx"));
		if (random_below(&dice, 2))
			json_object_set_new(mirror, "vlan", json_integer(1));
		json_object_set_new(mirrors, id, mirror);
	}
	json_object_set_new(br0, "mirrors", mirrors);
}

static bool time_is_up(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec > end->tv_nsec);
}

/* Returns how many changes were made. */
static unsigned int change_a_lot(struct hd_control *control)
{
	struct hd_runtime *runtime = hd_control_runtime(control);
	struct hd_dataplane *dataplane = hd_control_dataplane(control);
	struct timespec end;
	unsigned int n;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += SECONDS;
	for (n = 0; n < CHANGES && !time_is_up(&end); n++) {
		json_t *document = change_one(hd_control_document(control), dataplane);
		struct hd_error error = {""};
		int rc;

		mirror_something(document);
		fake.fail_open = random_below(&dice, 8) == 0;
		fake.failed = 0;
		rc = hd_control_change(control, document, NULL, false, NULL, &error);
		ck_assert_msg(rc == 0 || fake.failed > 0, "%s", error.text);
		json_decref(document);
		hd_runtime_learn(runtime, 1000);
		hd_runtime_tick(runtime, hd_dataplane_tick(dataplane) + random_below(&dice, 2));
		if (n % 16 == 0)
			hd_runtime_measure(runtime);
	}
	return n;
}

/* --- Afterwards. --- */

/*
 * DPDK's library, where hd_dataplane_stop waits for the threads, is not compiled with ThreadSanitizer: show it what
 * else orders their end and what follows. To go offline is a PMD's last act, and a release.
 */
static void join(const struct hd_dataplane *dataplane)
{
	for (unsigned int i = 0; i < dataplane->n_pmds; i++)
		ck_assert_uint_eq(__atomic_load_n(&dataplane->rcu->qsbr_cnt[i].cnt, __ATOMIC_ACQUIRE),
				  __RTE_QSBR_CNT_THR_OFFLINE);
}

static void add_totals(struct hd_port_totals *sum, const struct hd_port_totals *totals)
{
	sum->rx.packets += totals->rx.packets;
	sum->tx.packets += totals->tx.packets;
	sum->copies += totals->copies;
	for (int reason = 0; reason < HD_DROP_COUNT; reason++)
		sum->drops[reason] += totals->drops[reason];
}

static void check_balance(const struct hd_runtime *runtime)
{
	struct hd_port_totals sum = runtime->retired, totals;
	uint64_t drops = 0;

	for (unsigned int id = 0; id < HD_PORTS_MAX; id++)
		if (runtime->ports[id] != NULL) {
			hd_port_totals(runtime->ports[id]->port, &totals);
			ck_assert_uint_eq(totals.rx.packets, atomic_load(&own_of(runtime->ports[id]->port)->generated));
			add_totals(&sum, &totals);
		}
	for (int reason = 0; reason < HD_DROP_COUNT; reason++)
		drops += sum.drops[reason];
	printf("%" PRIu64 " received, %" PRIu64 " copies, %" PRIu64 " sent, %" PRIu64 " dropped\n", sum.rx.packets,
	       sum.copies, sum.tx.packets, drops);
	ck_assert_uint_eq(sum.rx.packets + sum.copies, sum.tx.packets + drops);
}

static void check_quiet(const struct hd_runtime *runtime)
{
	for (int i = 0; i < 2; i++) {
		const struct hd_run_port *peer = hd_runtime_port(runtime, i == 0 ? "quiet1" : "quiet0");
		uint64_t generated = atomic_load(&own_of(peer->port)->generated);

		printf("quiet%d: %" PRIu64 " of %" PRIu64 " frames\n", i, atomic_load(&sinks[i].in_order), generated);
		ck_assert_uint_gt(generated, 0);
		ck_assert_uint_eq(atomic_load(&sinks[i].lost), 0);
		ck_assert_uint_eq(atomic_load(&sinks[i].in_order), generated);
	}
}

START_TEST(nothing_is_lost_between_quiet_ports)
{
	struct event_base *base = event_base_new();
	struct hd_dataplane *dataplane;
	struct hd_control *control;
	json_t *document = first_document();
	struct hd_error error = {""};
	unsigned int n;

	random_start(&dice, "nothing_is_lost_between_quiet_ports");
	seeds = random_next(&dice);
	fake_reset();
	fake.ops.rx = rx;
	fake.ops.rx_done = rx_done;
	fake.ops.tx = tx;
	ck_assert_int_eq(hd_dataplane_create(&dataplane), 0);
	ck_assert_uint_eq(dataplane->n_pmds, 2);
	/* On a machine with one CPU they share it, and are told apart all the same. */
	dataplane->pmds[0]->cpu = 0;
	dataplane->pmds[1]->cpu = 1;
	ck_assert_int_eq(hd_control_create(base, dataplane, open_port, dataplane, &control), 0);
	ck_assert_int_eq(hd_control_change(control, document, NULL, false, NULL, &error), 0);
	json_decref(document);
	ck_assert_int_eq(hd_dataplane_start(dataplane), 0);
	n = change_a_lot(control);
	hd_dataplane_stop(dataplane);
	join(dataplane);
	printf("%u changes, %" PRIu64 " ports opened\n", n, fake.opened);
	ck_assert_uint_gt(n, 20);
	ck_assert_uint_eq(atomic_load(&fake.clashes), 0);
	check_quiet(hd_control_runtime(control));
	check_balance(hd_control_runtime(control));
	fake.fail_open = 0;
	hd_control_destroy(control);
	ck_assert_uint_eq(fake.n, 0);
	hd_dataplane_destroy(dataplane);
	event_base_free(base);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pmd_stress");
	TCase *cases = tcase_create("stress");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start_workers(2);
	/* Caches so large that no buffer goes from PMD to PMD: ThreadSanitizer does not know rte_ring's barriers. */
	pool = rte_pktmbuf_pool_create("test", 4095, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL)
		return 1;
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, nothing_is_lost_between_quiet_ports);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
