/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwarding against the naive bridge of naive_bridge.h: random topologies, frames and FDB changes. Each burst goes
 * through hd_pmd_run, one round of it, so parse, flow cache, bridge, tx and all counters are the real ones. After each:
 * every frame that left, byte for byte, every counter of every port, the balance, what was learnt, and the FDB.
 */
#include "bridge_world.h"

#define TOPOLOGIES 60
#define BURSTS 60
#define MACS 14

/* --- Frames. --- */

static void random_mac(uint8_t *mac)
{
	memcpy(mac, "\x02\0\0\0\0", 5);
	mac[5] = (uint8_t)random_below(&dice, MACS);
}

static void random_destination(uint8_t *mac)
{
	random_mac(mac);
	if (chance(6))
		memset(mac, 0xff, 6);
	else if (chance(8))
		memcpy(mac, "\x01\0\x5e\x01\x02", 5);
	else if (chance(20))
		memcpy(mac, chance(2) ? "\x01\x80\xc2\0\0\x0f" : "\x01\x80\xc2\0\0\x10", 6);
	else if (chance(30))
		memset(mac, 0, 6);
}

static uint32_t random_payload(void)
{
	if (chance(40))
		return between(&dice, 9000, 9400);
	if (chance(6))
		return between(&dice, 1200, 1600);
	return random_below(&dice, 400);
}

static void random_offload(struct naive_frame *to, const struct frame *frame)
{
	struct hd_offload *off = &to->off;

	if (chance(2))
		return;
	*off = (struct hd_offload){
		.flags = HD_OFF_NEEDS_CSUM, .csum_start = (uint16_t)frame->l4, .csum_offset = frame->udp ? 6 : 16};
	if (!frame->udp && chance(2)) {
		off->gso = frame->ipv6 ? HD_GSO_TCP6 : HD_GSO_TCP4;
		off->gso_size = (uint16_t)between(&dice, to->len / 100 + 8, 1500);
	}
	switch (random_below(&dice, 30)) {
	case 0:
		off->csum_start++;
		break;
	case 1:
		off->csum_offset ^= 2;
		break;
	case 2:
		off->gso ^= HD_GSO_TCP4 | HD_GSO_TCP6;
		break;
	case 3:
		off->gso_size = 7;
		break;
	case 4:
		off->flags = HD_OFF_CSUM_VALID;
		break;
	}
}

/* Something wrong or unusual, in the bytes. */
static void spoil(struct naive_frame *to, const struct frame *frame)
{
	switch (random_below(&dice, 12)) {
	case 0:
		to->len = random_below(&dice, to->len + 1);
		break;
	case 1:
		to->bytes[between(&dice, 12, frame->header_len - 1)] ^= (uint8_t)(1u << random_below(&dice, 8));
		break;
	case 2:
		put16(to->bytes + frame->l3 - 2, chance(2) ? 0x0806 : 0x88cc);
		break;
	case 3:
		if (!frame->ipv6)
			put16(to->bytes + frame->l3 + 6, chance(2) ? 0x2000 : 0x0010);
		break;
	case 4:
		to->bytes[frame->l3 + (frame->ipv6 ? 6 : 9)] = frame->ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		break;
	case 5:
		memset(to->bytes + 6, chance(2) ? 0 : 0xff, 6);
		break;
	}
}

/* One tag more, in front: of a customer's VLAN or of a service's. */
static void wrap(struct frame *frame)
{
	memmove(frame->bytes + 16, frame->bytes + 12, frame->len - 12);
	frame->tagged = chance(2);
	put16(frame->bytes + 12, frame->tagged ? 0x8100 : 0x88a8);
	frame->len += 4;
	frame->l3 += 4;
	frame->l4 += 4;
	frame->header_len += 4;
}

static void random_frame(struct naive_frame *to)
{
	static struct frame frame;

	frame_make(&dice, &frame, chance(60) ? between(&dice, 20000, 65000) : random_payload(), chance(3));
	while (chance(8))
		wrap(&frame);
	random_destination(frame.bytes);
	random_mac(frame.bytes + 6);
	if (frame.tagged)
		put16(frame.bytes + 14, random_below(&dice, 16) << 12 | (chance(30) ? 4095 : random_below(&dice, 6)));
	*to = (struct naive_frame){.bytes = malloc(frame.len + 4), .len = frame.len};
	memcpy(to->bytes, frame.bytes, frame.len);
	random_offload(to, &frame);
	if (chance(3))
		spoil(to, &frame);
	to->first = to->len;
	if (chance(2))
		to->first = RTE_MIN(to->len, HD_SNAPSHOT);
	if (chance(20))
		to->first = random_below(&dice, to->len + 1);
	to->first = RTE_MIN(to->first, 60000u);
	to->snapshot = to->first > 1900 || chance(2); /* mbufs' first buffers hold no more */
}

/* --- A round. --- */

/* Wrong positions under right signatures: what a collision looks like. */
static void poison_cache(void)
{
	for (uint16_t i = 0; i < input.n; i++)
		for (uint16_t vlan = 0; vlan < 6 && input.frames[i].first >= 14; vlan++) {
			uint32_t seed = (uint32_t)naive.ports[input.port].bridge + 1;
			uint64_t destination = hd_fdb_key(input.frames[i].bytes, vlan);
			uint64_t source = hd_fdb_key(input.frames[i].bytes + 6, vlan);

			hd_fdb_cache_insert(&dataplane->pmds[0]->fdb_cache,
					    hd_fdb_cache_hash(destination, source, seed),
					    random_below(&dice, chance(2) ? 100 : HD_FDB_CACHE_POSITION_MASK + 1),
					    random_below(&dice, chance(2) ? 100 : HD_FDB_CACHE_POSITION_MASK + 1));
		}
}

/* Is this what should have left? The checksum of a flooded frame may have been completed for another port. */
static bool equal(const struct sent *is, const struct naive_out *should)
{
	struct naive_frame complete = should->frame;
	const struct hd_offload *a = &is->frame.off, *b = &should->frame.off;
	bool same = is->frame.len == should->frame.len && a->gso == b->gso && a->gso_size == b->gso_size;

	if (is->matched || is->port != should->port || !same)
		return false;
	if ((a->flags & HD_OFF_NEEDS_CSUM) == (b->flags & HD_OFF_NEEDS_CSUM))
		return a->csum_start == b->csum_start && a->csum_offset == b->csum_offset &&
		       memcmp(is->frame.bytes, should->frame.bytes, is->frame.len) == 0;
	if (!should->flooded || (a->flags & HD_OFF_NEEDS_CSUM))
		return false;
	complete.bytes = exact_copy(should->frame.bytes, should->frame.len);
	naive_checksum(&complete, b->csum_offset == 6);
	same = memcmp(is->frame.bytes, complete.bytes, complete.len) == 0;
	free(complete.bytes);
	return same;
}

/* All that should have left did, by a queue in use, in order on every queue; and nothing else. */
static void check_sent(void)
{
	unsigned int last[NAIVE_PORTS][3];

	memset(last, 0, sizeof(last));
	for (unsigned int i = 0; i < naive.n_out; i++) {
		const struct naive_out *out = &naive.out[i];
		unsigned int found = 0;
		bool used = false;

		while (found < n_sent && !equal(&sent[found], out))
			found++;
		ck_assert_msg(found < n_sent, "port %u: a frame of %u bytes did not leave as it should", out->port,
			      out->frame.len);
		sent[found].matched = true;
		ck_assert_uint_ge(found + 1, last[out->port][sent[found].queue]);
		last[out->port][sent[found].queue] = found + 1;
		for (uint16_t q = 0; q < naive.ports[out->port].n_tx; q++)
			used |= atomic_load(&ports[out->port]->tx_queue[q]) == sent[found].queue;
		ck_assert(used);
	}
	ck_assert_uint_eq(n_sent, naive.n_out);
	for (unsigned int i = 0; i < n_sent; i++) {
		free(sent[i].frame.bytes);
		free(naive.out[i].frame.bytes);
	}
	n_sent = naive.n_out = 0;
}

static void check_direction(const struct hd_queue_totals *is, const struct hd_queue_totals *should)
{
	ck_assert_uint_eq(is->packets, should->packets);
	ck_assert_uint_eq(is->bytes, should->bytes);
	ck_assert_uint_eq(is->multicast, should->multicast);
	ck_assert_uint_eq(is->broadcast, should->broadcast);
}

static void check_counters(void)
{
	uint64_t in = 0, out = 0;

	for (unsigned int id = 0; id < naive.n_ports; id++) {
		const struct hd_port_totals *should = &naive.ports[id].totals;
		struct hd_port_totals is;

		hd_port_totals(ports[id], &is);
		check_direction(&is.rx, &should->rx);
		check_direction(&is.tx, &should->tx);
		ck_assert_uint_eq(is.copies, should->copies);
		ck_assert_uint_eq(is.segments, should->segments);
		in += is.rx.packets + is.copies + is.segments;
		out += is.tx.packets;
		for (int reason = 0; reason < HD_DROP_COUNT; reason++) {
			ck_assert_msg(is.drops[reason] == should->drops[reason],
				      "port %u: %" PRIu64 " dropped as %s, not %" PRIu64, id, is.drops[reason],
				      hd_drop_name((enum hd_drop)reason), should->drops[reason]);
			out += is.drops[reason];
		}
	}
	ck_assert_uint_eq(in, out);
}

static unsigned int count_entries(int bridge)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < naive.n_entries; i++)
		n += naive.entries[i].bridge == bridge;
	return n;
}

static void check_fdb(void)
{
	for (int b = 0; b < BRIDGES; b++)
		ck_assert_uint_eq(hd_fdb_count(fdbs[b]), count_entries(b));
	for (unsigned int i = 0; i < naive.n_entries; i++) {
		const struct naive_entry *should = &naive.entries[i];
		int32_t at = hd_fdb_find(fdbs[should->bridge], hd_fdb_key(should->mac, should->vlan));
		struct hd_fdb_entry *is;

		ck_assert_int_ge(at, 0);
		is = (struct hd_fdb_entry *)(uintptr_t)&hd_fdb_entries(fdbs[should->bridge])[at];
		ck_assert_uint_eq(atomic_load(&is->port), should->port);
		ck_assert_int_eq((atomic_load(&is->flags) & HD_FDB_STATIC) != 0, should->fixed);
		if (!should->fixed)
			ck_assert_uint_eq(atomic_load(&is->last_seen), should->last_seen);
	}
}

/* The control thread hears of an address: both FDBs. */
static void learn(int bridge, const uint8_t *mac, uint16_t vlan, uint16_t port)
{
	struct naive_entry *entry = naive_find(bridge, mac, vlan);
	int rc = hd_fdb_learn(fdbs[bridge], hd_fdb_key(mac, vlan), port, naive.now);

	if (entry == NULL && count_entries(bridge) >= limits[bridge]) {
		ck_assert_int_eq(rc, -ENOSPC);
		return;
	}
	if (entry == NULL) {
		ck_assert_uint_lt(naive.n_entries, NAIVE_ENTRIES);
		entry = &naive.entries[naive.n_entries++];
		*entry = (struct naive_entry){.bridge = bridge, .vlan = vlan};
		memcpy(entry->mac, mac, 6);
	}
	if (entry->fixed && entry->port != port)
		return;
	entry->port = port;
	entry->last_seen = naive.now;
}

static void forget(unsigned int i)
{
	const struct naive_entry *entry = &naive.entries[i];

	ck_assert_int_eq(hd_fdb_del(fdbs[entry->bridge], hd_fdb_key(entry->mac, entry->vlan)), 0);
	naive.entries[i] = naive.entries[--naive.n_entries];
}

static void age(void)
{
	uint32_t ageing = between(&dice, 1, 20);

	for (int b = 0; b < BRIDGES; b++)
		hd_fdb_age(fdbs[b], naive.now, ageing, UINT32_MAX);
	for (unsigned int i = 0; i < naive.n_entries;) {
		if (!naive.entries[i].fixed && naive.now - naive.entries[i].last_seen >= ageing)
			naive.entries[i] = naive.entries[--naive.n_entries];
		else
			i++;
	}
}

/* What nobody in the data path did. */
static void change_fdb(void)
{
	uint8_t mac[6];
	uint16_t port = (uint16_t)(chance(10) ? ABSENT : random_below(&dice, naive.n_ports));
	int bridge = chance(10) || port == ABSENT ? (int)random_below(&dice, BRIDGES) : naive.ports[port].bridge;
	uint16_t vlan = (uint16_t)random_below(&dice, 5);
	struct naive_entry *entry;

	random_mac(mac);
	entry = naive_find(bridge, mac, vlan);
	switch (random_below(&dice, 6)) {
	case 0:
		if (naive.n_entries > 0)
			forget(random_below(&dice, naive.n_entries));
		break;
	case 1:
		if (entry != NULL) { /* at the limit some other would have to go: not asked for here */
			hd_fdb_add_static(fdbs[bridge], hd_fdb_key(mac, vlan), port);
			entry->fixed = true;
			entry->port = port;
		}
		break;
	case 2:
		age();
		break;
	default:
		learn(bridge, mac, vlan, port);
	}
}

/* Addresses that the PMD should have told of in this second. */
struct told {
	uint64_t key;
	uint16_t port;
	bool now, was; /* in this burst, before it */
};

static struct told told[4096];
static unsigned int n_told;

static void expect_event(uint64_t key, uint16_t port)
{
	unsigned int i = 0;

	while (i < n_told && (told[i].key != key || told[i].port != port))
		i++;
	if (i == n_told)
		told[n_told++] = (struct told){.key = key, .port = port};
	told[i].now = true;
}

/* Each address told of at least once a second, none that need not be. */
static void check_events(void)
{
	struct hd_learn_event events[64];
	unsigned int n = hd_learner_pop(&dataplane->pmds[0]->learner, events, RTE_DIM(events));

	for (unsigned int e = 0; e < n; e++) {
		unsigned int i = 0;

		while (i < n_told && (!told[i].now || told[i].key != events[e].key || told[i].port != events[e].port))
			i++;
		ck_assert_uint_lt(i, n_told);
		ck_assert_uint_eq(events[e].bridge, (uint32_t)naive.ports[events[e].port].bridge + 1);
		told[i].was = true;
	}
	for (unsigned int i = 0; i < n_told; i++) {
		ck_assert(!told[i].now || told[i].was);
		told[i].now = false;
	}
	for (unsigned int e = 0; e < n; e++) {
		uint8_t mac[6];

		hd_fdb_key_mac(events[e].key, mac);
		if (!chance(5)) /* now and then the control thread is late */
			learn(naive.ports[events[e].port].bridge, mac, hd_fdb_key_vlan(events[e].key), events[e].port);
	}
}

/* The burst in `input`, through both. */
static void run_burst(void)
{
	for (uint16_t i = 0; i < input.n; i++)
		ck_assert_ptr_nonnull(input.frames[i].bytes);
	if (chance(2))
		poison_cache();
	if (chance(2)) {
		naive.now++;
		n_told = 0;
	}
	atomic_store(&dataplane->seconds, naive.now);
	atomic_store(&dataplane->stop, false);
	hd_pmd_run(dataplane->pmds[0]);
	for (uint16_t i = 0; i < input.n; i++) {
		uint16_t vlan = 0;
		bool event;

		naive_receive(input.port, &input.frames[i], &vlan, &event);
		if (event)
			expect_event(hd_fdb_key(input.frames[i].bytes + 6, vlan), input.port);
		free(input.frames[i].bytes);
	}
	check_sent();
	check_counters();
	check_events();
	check_fdb();
}

/* Every reason of a plain bridge has come up: all but limits (test_storm), want of buffers and mirrors. */
static void check_covered(void)
{
	for (int reason = 0; reason < HD_DROP_COUNT; reason++) {
		bool other = (reason >= HD_DROP_STORM_BROADCAST && reason <= HD_DROP_STORM_UNKNOWN) ||
			     reason == HD_DROP_TX_NO_BUFFER || reason == HD_DROP_TX_OFFLOAD ||
			     reason == HD_DROP_MIRROR_PORT || reason == HD_DROP_ACL_OUT ||
			     (reason >= HD_DROP_SECURE_MAC && reason <= HD_DROP_CT_INVALID);

		ck_assert_msg(other || dropped[reason] > 0, "no frame was %s", hd_drop_name((enum hd_drop)reason));
	}
	ck_assert_uint_gt(segments, 0);
}

START_TEST(like_the_naive_bridge)
{
	random_start(&dice, "like_the_naive_bridge");
	for (int t = 0; t < TOPOLOGIES; t++) {
		build();
		n_told = 0;
		for (int b = 0; b < BURSTS; b++) {
			input.port = (uint16_t)random_below(&dice, naive.n_ports);
			input.queue = (uint16_t)random_below(&dice, ports[input.port]->n_queues);
			input.n = (uint16_t)between(&dice, 1, HD_BURST);
			for (uint16_t i = 0; i < input.n; i++)
				random_frame(&input.frames[i]);
			run_burst();
			while (chance(2))
				change_fdb();
		}
		tear_down();
	}
	check_covered();
}
END_TEST

/* Every prefix of a frame, alone in its memory or with the rest in another piece. */
static void send_prefixes(const struct frame *frame, bool split)
{
	uint32_t longest = RTE_MIN(frame->len, frame->header_len + 3);

	for (uint32_t len = 0; len <= longest;) {
		for (input.n = 0; input.n < HD_BURST && len <= longest; len++) {
			struct naive_frame *to = &input.frames[input.n++];

			*to = (struct naive_frame){
				.bytes = malloc(frame->len), .len = split ? frame->len : len, .first = len};
			memcpy(to->bytes, frame->bytes, frame->len);
			to->snapshot = to->first > 1900 || chance(2);
			if (chance(2))
				to->off = (struct hd_offload){.flags = HD_OFF_NEEDS_CSUM,
							      .csum_start = (uint16_t)frame->l4,
							      .csum_offset = frame->udp ? 6 : 16};
		}
		run_burst();
	}
}

START_TEST(every_prefix)
{
	static struct frame frame;
	unsigned int kinds = 0;

	random_start(&dice, "every_prefix");
	build();
	n_told = 0;
	for (int i = 0; i < 64 || kinds != 0xff; i++) {
		frame_make(&dice, &frame, random_below(&dice, 40), chance(2));
		random_destination(frame.bytes);
		random_mac(frame.bytes + 6);
		input.port = (uint16_t)random_below(&dice, naive.n_ports);
		input.queue = 0;
		send_prefixes(&frame, chance(2));
		kinds |= 1u << (frame.tagged * 4 + frame.ipv6 * 2 + frame.udp);
	}
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bridge");
	TCase *cases = tcase_create("oracle");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start_workers(1);
	pool = rte_pktmbuf_pool_create("test", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, like_the_naive_bridge);
	tcase_add_test(cases, every_prefix);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rte_mempool_free(pool);
	return failed != 0;
}
