/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two PMDs with both directions of the same connections, while the control thread lets them expire, flushes and lists
 * them. Each connection's mark belongs to its tuple alone: a PMD that sees another one was shown a slot before its
 * time.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <rte_rcu_qsbr.h>

#include "ct_world.h"
#include "eal.h"

#define PMDS 2
#define FLOWS 512
#define LIMIT 300 /* fewer than flows: slots are used again all the time */
#define SECONDS 2
#define BURST 16

struct stress {
	struct hd_ct *ct;
	struct rte_rcu_qsbr *rcu;
	_Atomic uint64_t now;
	_Atomic bool stop;
};

struct pmd {
	struct stress *stress;
	struct random random;
	uint16_t id;
	pthread_t thread;
	uint32_t hint[FLOWS][2];
	uint64_t state[256], stored, refused, wrong;
};

static struct flow flow_number(uint32_t number)
{
	static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	struct flow flow = {.family = number % 8 == 0 ? 6 : 4, .proto = protos[number % 4]};

	flow.src[0] = 10;
	flow.src[3] = (uint8_t)number;
	flow.dst[0] = 10;
	flow.dst[3] = 254;
	flow.src_port = (uint16_t)(2000 + number);
	flow.dst_port = flow.proto == IPPROTO_ICMP ? 0x800 : 80;
	return flow;
}

static uint32_t mark_of(uint32_t number)
{
	return number * 2654435761u | 1;
}

static void one_packet(struct pmd *pmd, uint32_t number)
{
	static const struct hd_nat nat = {
		.flags = HD_NAT_SRC, .family = 4, .min = {192, 0, 2, 1}, .max = {192, 0, 2, 3}};
	struct hd_ct *ct = pmd->stress->ct;
	uint64_t now = atomic_load_explicit(&pmd->stress->now, memory_order_relaxed);
	struct flow flow = flow_number(number), back = flow_back(&flow);
	unsigned int dir = random_below(&pmd->random, 2);
	struct segment segment = {.flags = 0x10, .seq = 1000, .ack = 1000, .window = 1000, .scale = -1};
	bool translate = number % 16 == 2;
	struct packet packet;
	struct hd_ct_view view;
	int result;

	packet_make(&packet, dir ? &back : &flow, &segment, 0);
	hd_ct_track(ct, pmd->id, &packet.pkt, 3, pmd->hint[number][dir], translate, now, &view);
	pmd->state[view.state]++;
	pmd->hint[number][dir] = view.hint;
	if (view.conn != NULL && view.mark != 0 && view.mark != mark_of(number))
		pmd->wrong++;
	if ((view.state & HD_CT_NEW) && view.conn == NULL && dir == 0) {
		result = hd_ct_commit(ct, pmd->id, &packet.pkt, HD_CT_ACT_COMMIT, translate ? &nat : NULL, now, &view);
		if (result == 0) {
			hd_ct_set_mark(ct, &view, mark_of(number), UINT32_MAX);
			hd_ct_set_label(ct, &view, (uint64_t[]){number, number}, (uint64_t[]){UINT64_MAX, UINT64_MAX});
			pmd->stored++;
		} else {
			pmd->refused++;
		}
	}
	packet_free(&packet);
}

static void *run_pmd(void *arg)
{
	struct pmd *pmd = arg;
	struct rte_rcu_qsbr *rcu = pmd->stress->rcu;

	rte_rcu_qsbr_thread_register(rcu, pmd->id);
	rte_rcu_qsbr_thread_online(rcu, pmd->id);
	while (!atomic_load_explicit(&pmd->stress->stop, memory_order_relaxed)) {
		for (int i = 0; i < BURST; i++)
			one_packet(pmd, random_below(&pmd->random, FLOWS));
		rte_rcu_qsbr_quiescent(rcu, pmd->id);
	}
	rte_rcu_qsbr_thread_offline(rcu, pmd->id);
	rte_rcu_qsbr_thread_unregister(rcu, pmd->id);
	return NULL;
}

/* Returns how many listed connections were not whole. */
static uint32_t list(const struct stress *stress)
{
	struct hd_ct_entry entry;
	uint64_t cursor = 0;
	uint32_t wrong = 0;

	while (hd_ct_next(stress->ct, &cursor, &entry)) {
		uint32_t number = entry.orig.src_port - 2000u;

		wrong += number >= FLOWS || entry.zone != 3 || entry.orig.proto != flow_number(number).proto ||
			 (entry.mark != 0 && entry.mark != mark_of(number));
	}
	return wrong;
}

static uint32_t run_control(struct stress *stress, struct random *random)
{
	struct timespec now, end;
	uint32_t wrong = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += SECONDS;
	do {
		uint32_t dice = random_below(random, 100);
		struct flow flow = flow_number(random_below(random, FLOWS));
		struct hd_ct_tuple tuple = {.proto = flow.proto, .src_port = flow.src_port};

		atomic_fetch_add_explicit(&stress->now, SECOND / 10, memory_order_relaxed);
		if (dice < 1)
			hd_ct_flush(stress->ct, 3, NULL);
		else if (dice < 20)
			hd_ct_flush(stress->ct, -1, &tuple);
		else if (dice < 50)
			wrong += list(stress);
		hd_ct_tick(stress->ct, atomic_load_explicit(&stress->now, memory_order_relaxed));
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	return wrong;
}

static void start(struct stress *stress, struct pmd *pmds, struct random *random)
{
	struct hd_ct_conf conf = {.limit = LIMIT, .tsc_hz = HZ, .n_pmds = PMDS};

	stress->rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(PMDS));
	rte_rcu_qsbr_init(stress->rcu, PMDS);
	conf.rcu = stress->rcu;
	stress->now = START;
	ck_assert_int_eq(hd_ct_create(&conf, &stress->ct), 0);
	for (unsigned int i = 0; i < HD_CT_TIMEOUTS; i++)
		hd_ct_set_timeout(stress->ct, i, 20 + i);
	for (uint16_t i = 0; i < PMDS; i++) {
		pmds[i] = (struct pmd){.stress = stress, .id = i, .random = {random_next(random)}};
		ck_assert_int_eq(pthread_create(&pmds[i].thread, NULL, run_pmd, &pmds[i]), 0);
	}
}

START_TEST(connections_stay_whole)
{
	static struct pmd pmds[PMDS];
	struct stress stress = {0};
	struct hd_ct_stats stats;
	struct random random;
	uint32_t wrong;

	random_start(&random, "connections_stay_whole");
	start(&stress, pmds, &random);
	wrong = run_control(&stress, &random);
	atomic_store(&stress.stop, true);
	for (unsigned int i = 0; i < PMDS; i++)
		pthread_join(pmds[i].thread, NULL);
	hd_ct_stats(stress.ct, &stats);
	printf("%" PRIu64 " created, %" PRIu64 " expired, %" PRIu64 " evicted, %" PRIu64 " refused\n", stats.created,
	       stats.expired, stats.evicted, stats.refused_full);
	for (unsigned int i = 0; i < PMDS; i++) {
		printf("PMD %u: %" PRIu64 " new, %" PRIu64 " established, %" PRIu64 " replies, %" PRIu64 " stored\n", i,
		       pmds[i].state[NEW], pmds[i].state[EST], pmds[i].state[REPLY], pmds[i].stored);
		ck_assert_uint_eq(pmds[i].wrong, 0);
		ck_assert_uint_gt(pmds[i].stored, 0);
		ck_assert_uint_gt(pmds[i].state[REPLY], 0);
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_le(stats.connections, LIMIT);
	ck_assert_uint_eq(hd_ct_zone_count(stress.ct, 3), stats.connections);
	ck_assert_uint_eq(hd_ct_flush(stress.ct, -1, NULL), stats.connections);
	ck_assert_uint_eq(ct_count(stress.ct), 0);
	hd_ct_destroy(stress.ct);
	free(stress.rcu);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ct_stress");
	TCase *cases = tcase_create("ct_stress");

	eal_start();
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, connections_stay_whole);
	suite_add_tcase(suite, cases);
	return ct_run(suite);
}
