/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections of UDP, ICMP and others: life, states, limits, listing, settings. */
#include <check.h>

#include "ct_world.h"

START_TEST(a_connection_is_new_until_answered)
{
	struct hd_ct *ct = ct_make(100);
	size_t n;
	const struct flow *flows = examples(&n);

	for (size_t i = 0; i < n; i++) {
		struct flow back = flow_back(&flows[i]);

		ck_assert_uint_eq(track(ct, 1, &flows[i], START).state, NEW);
		ck_assert_uint_eq(track(ct, 1, &flows[i], START).state, NEW);
		ck_assert_int_eq(commit(ct, 1, &flows[i], START), 0);
		ck_assert_uint_eq(ct_count(ct), i + 1);
		ck_assert_uint_eq(track(ct, 1, &flows[i], START).state, NEW);
		ck_assert_ptr_nonnull(track(ct, 1, &flows[i], START).conn);
		ck_assert_uint_eq(track(ct, 1, &back, START).state, REPLY);
		ck_assert_uint_eq(track(ct, 1, &back, START).reverse, 1);
		ck_assert_uint_eq(track(ct, 1, &flows[i], START).state, EST);
		ck_assert_uint_eq(track(ct, 1, &flows[i], START).reverse, 0);
		ck_assert_uint_eq(track(ct, 2, &flows[i], START).state, NEW);
		ck_assert_int_eq(commit(ct, 1, &flows[i], START), 0);
		ck_assert_uint_eq(ct_count(ct), i + 1);
	}
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(hints_find_the_same_and_wrong_ones_do_no_harm)
{
	struct hd_ct *ct = ct_make(1000);
	struct random random;
	struct hd_ct_view view;
	uint32_t hints[2][200];

	random_start(&random, "hints");
	for (uint16_t i = 0; i < 200; i++) {
		struct flow flow = udp(), back;

		flow.src_port = i;
		back = flow_back(&flow);
		ck_assert_int_eq(commit(ct, i % 3, &flow, START), 0);
		hints[0][i] = track(ct, i % 3, &flow, START).hint;
		hints[1][i] = track(ct, i % 3, &back, START).hint;
		ck_assert_uint_ne(hints[0][i], HD_CT_HINT_NONE);
		ck_assert_uint_eq(hints[0][i] ^ hints[1][i], 1);
	}
	for (int i = 0; i < 20000; i++) {
		uint16_t which = (uint16_t)random_below(&random, 200), zone = which % 3;
		uint32_t dice = random_below(&random, 4), hint = (uint32_t)random_next(&random);
		struct flow flow = udp();
		struct packet packet;

		flow.src_port = which;
		if (dice == 0)
			hint = hints[0][which];
		else if (dice == 1)
			hint = hints[random_below(&random, 2)][random_below(&random, 200)];
		hd_ct_prefetch(ct, hint);
		packet_make(&packet, &flow, NULL, 0);
		hd_ct_track(ct, 0, &packet.pkt, zone, hint, false, START, &view);
		packet_free(&packet);
		ck_assert_uint_eq(view.state, EST);
		ck_assert_uint_eq(view.hint, hints[0][which]);
		ck_assert_uint_eq(view.zone, zone);
	}
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(connections_end_after_their_timeouts)
{
	static const struct {
		bool answered;
		enum hd_ct_timeout timeout[3]; /* UDP, ICMP, GRE */
	} rows[] = {
		{false, {HD_CT_UDP_SINGLE, HD_CT_ICMP_FIRST, HD_CT_OTHER}},
		{true, {HD_CT_UDP_MULTIPLE, HD_CT_ICMP_REPLY, HD_CT_OTHER}},
	};
	size_t n;
	const struct flow *flows = examples(&n);

	for (unsigned int i = 0; i < 6; i++) {
		const struct flow *flow = &flows[(i / 2) * 2];
		struct flow back = flow_back(flow);
		struct hd_ct *ct = ct_make(100);
		uint64_t timeout = (uint64_t)hd_ct_timeout(ct, rows[i % 2].timeout[i / 2]) * SECOND;
		uint64_t now = START;

		ck_assert_int_eq(commit(ct, 1, flow, now), 0);
		for (int again = 0; again < 3; again++) {
			if (rows[i % 2].answered)
				ck_assert_uint_eq(track(ct, 1, &back, now).state, REPLY);
			now += timeout - 1; /* refreshed each time */
			ct_sweep(ct, now);
			ck_assert_ptr_nonnull(track(ct, 1, flow, now).conn);
		}
		now += timeout + 2 * SECOND;
		ck_assert_ptr_null(track(ct, 1, flow, now).conn); /* swept or not */
		ct_sweep(ct, now);
		ck_assert_uint_eq(ct_count(ct), 0);
		ck_assert_uint_eq(hd_ct_zone_count(ct, 1), 0);
		hd_ct_destroy(ct);
	}
}
END_TEST

START_TEST(a_sweep_deletes_only_what_is_over)
{
	struct hd_ct *ct = ct_make(20000);
	struct flow flow = udp(), back;
	struct hd_ct_stats stats;

	for (uint16_t i = 0; i < 10000; i++) {
		flow.src_port = i;
		ck_assert_int_eq(commit(ct, 1, &flow, START), 0);
		back = flow_back(&flow);
		if (i % 2)
			ck_assert_uint_eq(track(ct, 1, &back, START).state, REPLY);
	}
	ct_sweep(ct, START + 60 * SECOND);
	hd_ct_stats(ct, &stats);
	ck_assert_uint_eq(stats.connections, 5000);
	ck_assert_uint_eq(stats.expired, 5000);
	ck_assert_uint_eq(stats.created, 10000);
	ck_assert_uint_eq(hd_ct_zone_count(ct, 1), 5000);
	hd_ct_set_timeout(ct, HD_CT_UDP_MULTIPLE, 5); /* also for those there are */
	ct_sweep(ct, START + 60 * SECOND);
	ck_assert_uint_eq(ct_count(ct), 0);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(pings_in_both_directions_are_two_connections)
{
	struct hd_ct *ct = ct_make(100);
	struct flow ping = flow_of(IPPROTO_ICMP, "10.0.0.1", 5, "10.0.0.2", 0x800);
	struct flow pong = flow_back(&ping);
	struct flow other = flow_of(IPPROTO_ICMP, "10.0.0.2", 5, "10.0.0.1", 0x800);
	struct flow wrong = pong;

	ck_assert_uint_eq(track(ct, 0, &pong, START).state, INV); /* nobody asked */
	ck_assert_int_eq(commit(ct, 0, &ping, START), 0);
	ck_assert_uint_eq(track(ct, 0, &other, START).state, NEW);
	ck_assert_int_eq(commit(ct, 0, &other, START), 0);
	ck_assert_uint_eq(ct_count(ct), 2);
	ck_assert_uint_eq(track(ct, 0, &pong, START).state, REPLY);
	ck_assert_uint_eq(track(ct, 0, &other, START).state, NEW);
	wrong.src_port = 6;
	ck_assert_uint_eq(track(ct, 0, &wrong, START).state, INV);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(what_cannot_be_tracked_is_invalid)
{
	struct hd_ct *ct = ct_make(100);
	struct flow types[] = {
		flow_of(IPPROTO_ICMP, "10.0.0.1", 5, "10.0.0.2", 0x0900),   /* router advertisement */
		flow_of(IPPROTO_ICMP, "10.0.0.1", 5, "10.0.0.2", 0x0300),   /* an error about nothing */
		flow_of(IPPROTO_ICMPV6, "fd00::1", 5, "fd00::2", 135 << 8), /* neighbour solicitation */
		flow_of(IPPROTO_ICMPV6, "fd00::1", 5, "fd00::2", 1 << 8),
	};
	uint8_t arp[60] = {[12] = 0x08, [13] = 0x06};
	struct hd_pkt pkt = {.hdr = arp, .hdr_len = 60, .len = 60};
	struct hd_ct_view view = {.state = 0};
	struct hd_ct_stats stats;

	for (size_t i = 0; i < RTE_DIM(types); i++) {
		ck_assert_uint_eq(track(ct, 0, &types[i], START).state, INV);
		ck_assert_int_eq(commit(ct, 0, &types[i], START), -EINVAL);
	}
	ck_assert_int_eq(hd_parse(&pkt), HD_DROP_NONE);
	ck_assert_int_eq(hd_ct_commit(ct, 0, &pkt, 0, NULL, START, &view), -EINVAL);
	hd_ct_track(ct, 0, &pkt, 0, HD_CT_HINT_NONE, true, START, &view);
	ck_assert_uint_eq(view.state, INV);
	hd_ct_stats(ct, &stats);
	ck_assert_uint_eq(stats.invalid, 2 * RTE_DIM(types) + 1);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(a_full_table_refuses_but_for_what_may_go)
{
	struct hd_ct *ct = ct_make(2000);
	struct flow flow = udp(), back;
	struct hd_ct_stats stats;
	uint32_t done = 0;

	for (uint16_t i = 0; i < 2000; i++) {
		flow.src_port = i;
		back = flow_back(&flow);
		ck_assert_int_eq(commit(ct, 7, &flow, START), 0);
		ck_assert_uint_eq(track(ct, 7, &back, START).state, REPLY);
	}
	for (uint16_t i = 2000; i < 3000; i++) {
		flow.src_port = i;
		ck_assert_int_eq(commit(ct, 7, &flow, START), -ENOSPC);
	}
	hd_ct_stats(ct, &stats);
	ck_assert_uint_eq(stats.connections, 2000);
	ck_assert_uint_eq(stats.refused_full, 1000);
	ck_assert_uint_eq(hd_ct_zone_count(ct, 7), 2000);
	/* A flood of unanswered ones: it may push out its own, and nothing else. */
	ck_assert_uint_eq(hd_ct_flush(ct, 7, &(struct hd_ct_tuple){.src_port = 5}), 1);
	for (uint32_t i = 0; i < 20000; i++) {
		flow.src_port = (uint16_t)(3000 + i);
		done += commit(ct, 8, &flow, START) == 0;
	}
	ck_assert_uint_ge(done, 1);
	hd_ct_stats(ct, &stats);
	ck_assert_uint_eq(stats.connections, 2000);
	ck_assert_uint_eq(stats.evicted + 1, done);
	for (uint16_t i = 0; i < 2000; i++) {
		flow.src_port = i;
		ck_assert_uint_eq(track(ct, 7, &flow, START).state, i == 5 ? NEW : EST);
	}
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(a_flood_is_served_by_evicting_itself)
{
	struct hd_ct *ct = ct_make(1000);
	struct flow flow = udp();
	struct hd_ct_stats stats;

	for (uint32_t i = 0; i < 100000; i++) {
		flow.src_port = (uint16_t)i;
		flow.dst_port = (uint16_t)(i >> 16);
		commit(ct, 0, &flow, START);
	}
	hd_ct_stats(ct, &stats);
	ck_assert_uint_eq(stats.connections, 1000);
	ck_assert_uint_eq(stats.created + stats.refused_full, 100000);
	ck_assert_uint_gt(stats.evicted, 90000);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(a_zone_has_its_own_limit)
{
	struct hd_ct *ct = ct_make(1000);
	struct flow flow = udp();
	struct hd_ct_stats stats;

	hd_ct_set_zone_limit(ct, 3, 10);
	for (uint16_t i = 0; i < 20; i++) {
		flow.src_port = i;
		ck_assert_int_eq(commit(ct, 3, &flow, START), i < 10 ? 0 : -ENOSPC);
		ck_assert_int_eq(commit(ct, 4, &flow, START), 0);
	}
	ck_assert_uint_eq(hd_ct_zone_count(ct, 3), 10);
	ck_assert_uint_eq(hd_ct_zone_count(ct, 4), 20);
	hd_ct_stats(ct, &stats);
	ck_assert_uint_eq(stats.refused_zone, 10);
	ck_assert_uint_eq(hd_ct_flush(ct, 3, NULL), 10);
	ck_assert_uint_eq(hd_ct_zone_count(ct, 3), 0);
	ck_assert_int_eq(commit(ct, 3, &flow, START), 0);
	hd_ct_set_zone_limit(ct, 3, 0);
	for (uint16_t i = 0; i < 20; i++) {
		flow.src_port = i;
		ck_assert_int_eq(commit(ct, 3, &flow, START), 0);
	}
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(marks_and_labels_are_set_under_masks)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = udp();
	struct hd_ct_view view, none = {0};
	const uint64_t label[2] = {0x1122334455667788, 0x99aabbccddeeff00}, mask[2] = {0xff00, 0xff};

	ck_assert_int_eq(commit(ct, 0, &flow, START), 0);
	view = track(ct, 0, &flow, START);
	ck_assert_uint_eq(view.mark, 0);
	hd_ct_set_mark(ct, &view, 0xaabbccdd, 0xffff);
	ck_assert_uint_eq(view.mark, 0xccdd);
	hd_ct_set_mark(ct, &view, 0x11111111, 0xff00ff00);
	hd_ct_set_label(ct, &view, label, (const uint64_t[2]){UINT64_MAX, UINT64_MAX});
	hd_ct_set_label(ct, &view, (const uint64_t[2]){0, UINT64_MAX}, mask);
	hd_ct_set_mark(ct, &none, 1, 1);
	hd_ct_set_label(ct, &none, label, mask);
	view = track(ct, 0, &flow, START);
	ck_assert_uint_eq(view.mark, 0x110011dd);
	ck_assert_uint_eq(view.label[0], 0x1122334455660088);
	ck_assert_uint_eq(view.label[1], 0x99aabbccddeeffff);
	hd_ct_flush(ct, -1, NULL);
	ck_assert_int_eq(commit(ct, 0, &flow, START), 0);
	view = track(ct, 0, &flow, START);
	ck_assert_uint_eq(view.mark | view.label[0] | view.label[1], 0);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(force_turns_a_connection_round)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = udp(), back = flow_back(&flow);
	struct packet packet;
	struct hd_ct_view view;

	ck_assert_int_eq(commit(ct, 0, &flow, START), 0);
	packet_make(&packet, &back, NULL, 4);
	hd_ct_track(ct, 0, &packet.pkt, 0, HD_CT_HINT_NONE, false, START, &view);
	ck_assert_uint_eq(view.state, REPLY);
	ck_assert_int_eq(hd_ct_commit(ct, 0, &packet.pkt, HD_CT_ACT_COMMIT, NULL, START, &view), 0);
	ck_assert_uint_eq(view.state, REPLY);
	ck_assert_int_eq(hd_ct_commit(ct, 0, &packet.pkt, HD_CT_ACT_COMMIT | HD_CT_ACT_FORCE, NULL, START, &view), 0);
	ck_assert_uint_eq(view.state, NEW);
	ck_assert_uint_eq(view.reverse, 0);
	packet_free(&packet);
	ck_assert_uint_eq(ct_count(ct), 1);
	ck_assert_uint_eq(track(ct, 0, &flow, START).state, REPLY);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(two_new_packets_of_a_burst_make_one_connection)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = udp(), back = flow_back(&flow);
	struct hd_ct_view view[3];
	struct packet packet[3];

	for (int i = 0; i < 3; i++) {
		packet_make(&packet[i], i == 2 ? &back : &flow, NULL, 4);
		hd_ct_track(ct, 0, &packet[i].pkt, 9, HD_CT_HINT_NONE, false, START, &view[i]);
		ck_assert_uint_eq(view[i].state, NEW);
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(hd_ct_commit(ct, 0, &packet[i].pkt, HD_CT_ACT_COMMIT, NULL, START, &view[i]), 0);
	ck_assert_uint_eq(view[0].state, NEW);
	ck_assert_uint_eq(view[1].state, NEW);
	ck_assert_uint_eq(view[2].state, REPLY);
	ck_assert_ptr_eq(view[0].conn, view[1].conn);
	ck_assert_ptr_eq(view[0].conn, view[2].conn);
	ck_assert_uint_eq(ct_count(ct), 1);
	for (int i = 0; i < 3; i++)
		packet_free(&packet[i]);
	hd_ct_destroy(ct);
}
END_TEST

static size_t list(const struct hd_ct *ct, struct hd_ct_entry *entries, size_t room)
{
	uint64_t cursor = 0;
	size_t n = 0;

	while (n < room && hd_ct_next(ct, &cursor, &entries[n]))
		n++;
	return n;
}

START_TEST(connections_are_listed_as_they_are)
{
	struct hd_ct *ct = ct_make(100);
	struct hd_ct_entry entries[10];
	size_t n;
	const struct flow *flows = examples(&n);

	hd_ct_tick(ct, START);
	for (size_t i = 0; i < n; i++) {
		struct hd_ct_view view;

		ck_assert_int_eq(commit(ct, (uint16_t)(i + 1), &flows[i], START), 0);
		view = track(ct, (uint16_t)(i + 1), &flows[i], START);
		hd_ct_set_mark(ct, &view, (uint32_t)(i * 7), UINT32_MAX);
	}
	hd_ct_tick(ct, START + 10 * SECOND);
	ck_assert_uint_eq(list(ct, entries, 10), n);
	for (size_t i = 0; i < n; i++) {
		const struct hd_ct_entry *entry = &entries[i];
		const struct flow *flow = &flows[entry->zone - 1];
		struct flow back = flow_back(flow);
		uint32_t timeout = flow->proto == IPPROTO_GRE ? 600 : 30;

		ck_assert_uint_eq(entry->orig.family, flow->family);
		ck_assert_uint_eq(entry->orig.proto, flow->proto);
		ck_assert_mem_eq(entry->orig.src, flow->src, 16);
		ck_assert_mem_eq(entry->orig.dst, flow->dst, 16);
		ck_assert_uint_eq(entry->orig.src_port, flow->src_port);
		ck_assert_uint_eq(entry->orig.dst_port, flow->dst_port);
		ck_assert_mem_eq(entry->reply.src, back.src, 16);
		ck_assert_mem_eq(entry->reply.dst, back.dst, 16);
		ck_assert_uint_eq(entry->reply.src_port, back.src_port);
		ck_assert_uint_eq(entry->reply.dst_port, back.dst_port);
		ck_assert_uint_eq(entry->mark, (entry->zone - 1u) * 7);
		ck_assert_uint_ge(entry->timeout, timeout - 11);
		ck_assert_uint_le(entry->timeout, timeout - 9);
		ck_assert_ptr_null(entry->state);
		ck_assert(!entry->seen_reply);
	}
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(a_flush_takes_what_it_names)
{
	static const struct {
		int zone;
		struct hd_ct_tuple tuple;
		uint32_t flushed;
	} rows[] = {
		{-1, {0}, 5},
		{1, {0}, 5},
		{2, {0}, 0},
		{-1, {.family = 6}, 2},
		{-1, {.proto = IPPROTO_UDP}, 2},
		{-1, {.family = 4, .proto = IPPROTO_UDP}, 1},
		{1, {.src = {10, 0, 0, 1}}, 3},
		{1, {.dst = {10, 0, 0, 1}}, 3}, /* replies go there */
		{1, {.src = {10, 0, 0, 3}}, 0},
		{1, {.dst_port = 53}, 2},
		{1, {.src_port = 53}, 2},
		{1, {.dst_port = 0x800}, 1},
	};
	size_t n;
	const struct flow *flows = examples(&n);

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		struct hd_ct *ct = ct_make(100);

		for (size_t k = 0; k < n; k++)
			ck_assert_int_eq(commit(ct, 1, &flows[k], START), 0);
		ck_assert_uint_eq(hd_ct_flush(ct, rows[i].zone, i < 3 ? NULL : &rows[i].tuple), rows[i].flushed);
		ck_assert_uint_eq(ct_count(ct), n - rows[i].flushed);
		ck_assert_uint_eq(hd_ct_flush(ct, -1, NULL), n - rows[i].flushed);
		hd_ct_destroy(ct);
	}
}
END_TEST

/* ---- Settings and documentation ---- */

START_TEST(settings_have_ranges)
{
	struct hd_ct_conf conf = {.limit = 100, .tsc_hz = HZ, .n_pmds = 1}, bad[4] = {conf, conf, conf, conf};
	struct hd_ct *ct;

	bad[0].limit = 0;
	bad[1].tsc_hz = 0;
	bad[2].n_pmds = 0;
	bad[3].n_pmds = HD_PMDS_MAX + 1;
	for (size_t i = 0; i < RTE_DIM(bad); i++)
		ck_assert_int_eq(hd_ct_create(&bad[i], &ct), -EINVAL);
	ck_assert_int_eq(hd_ct_create(&conf, &ct), 0);
	for (unsigned int i = 0; i < HD_CT_TIMEOUTS; i++) {
		ck_assert_uint_eq(hd_ct_timeout(ct, i), hd_ct_timeout_defaults[i]);
		hd_ct_set_timeout(ct, i, 17 + i);
		ck_assert_uint_eq(hd_ct_timeout(ct, i), 17 + i);
	}
	hd_ct_destroy(ct);
	hd_ct_destroy(NULL);
}
END_TEST

START_TEST(the_manual_has_all_timeouts)
{
	FILE *file = fopen(HD_SOURCE_ROOT "/docs/conntrack.md", "r");
	static char manual[65536];
	char row[100];

	ck_assert_ptr_nonnull(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	for (unsigned int i = 0; i < HD_CT_TIMEOUTS; i++) {
		snprintf(row, sizeof(row), "\n| `%s` | %u |", hd_ct_timeout_names[i], hd_ct_timeout_defaults[i]);
		ck_assert_msg(strstr(manual, row) != NULL, "docs/conntrack.md lacks: %s", row + 1);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ct");
	TCase *cases = tcase_create("ct");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_connection_is_new_until_answered);
	tcase_add_test(cases, hints_find_the_same_and_wrong_ones_do_no_harm);
	tcase_add_test(cases, connections_end_after_their_timeouts);
	tcase_add_test(cases, a_sweep_deletes_only_what_is_over);
	tcase_add_test(cases, pings_in_both_directions_are_two_connections);
	tcase_add_test(cases, what_cannot_be_tracked_is_invalid);
	tcase_add_test(cases, a_full_table_refuses_but_for_what_may_go);
	tcase_add_test(cases, a_flood_is_served_by_evicting_itself);
	tcase_add_test(cases, a_zone_has_its_own_limit);
	tcase_add_test(cases, marks_and_labels_are_set_under_masks);
	tcase_add_test(cases, force_turns_a_connection_round);
	tcase_add_test(cases, two_new_packets_of_a_burst_make_one_connection);
	tcase_add_test(cases, connections_are_listed_as_they_are);
	tcase_add_test(cases, a_flush_takes_what_it_names);
	tcase_add_test(cases, settings_have_ranges);
	tcase_add_test(cases, the_manual_has_all_timeouts);
	suite_add_tcase(suite, cases);
	return ct_run(suite);
}
