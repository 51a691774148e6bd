/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that need a closer look to be tracked: ICMP errors, fragments, and hostile ones. */
#include <check.h>

#include "ct_world.h"

START_TEST(errors_are_related)
{
	struct hd_ct *ct = ct_make(100);
	size_t n;
	const struct flow *flows = examples(&n);

	for (size_t i = 0; i < n; i++) {
		bool v6 = flows[i].family == 6;
		struct flow error = flow_of(v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, v6 ? "fd00::9" : "10.0.0.9", 0,
					    v6 ? "fd00::1" : "10.0.0.1", v6 ? 0x0100 : 0x0301);
		struct packet inner, packet;
		struct hd_ct_view view;
		uint32_t length, l4 = v6 ? 54 : 34;

		packet_make(&inner, &flows[i], NULL, 20);
		length = inner.pkt.len - 14;
		packet_make(&packet, &error, NULL, length);
		memcpy(packet.memory + l4 + 8, inner.memory + 14, length);
		hd_ct_track(ct, 0, &packet.pkt, 0, HD_CT_HINT_NONE, false, START, &view);
		ck_assert_uint_eq(view.state, INV);
		ck_assert_int_eq(commit(ct, 0, &flows[i], START), 0);
		hd_ct_track(ct, 0, &packet.pkt, 0, HD_CT_HINT_NONE, false, START, &view);
		ck_assert_uint_eq(view.state, HD_CT_TRK | HD_CT_REL | HD_CT_RPL);
		ck_assert_int_eq(hd_ct_commit(ct, 0, &packet.pkt, HD_CT_ACT_COMMIT, NULL, START, &view), 0);
		ck_assert_uint_eq(track(ct, 0, &flows[i], START).state, NEW); /* it is no answer */
		/* It does not keep it alive. */
		hd_ct_track(ct, 0, &packet.pkt, 0, HD_CT_HINT_NONE, false, START + 29 * SECOND, &view);
		ck_assert_uint_eq(view.state, HD_CT_TRK | HD_CT_REL | HD_CT_RPL);
		if (flows[i].proto != IPPROTO_GRE)
			ck_assert_ptr_null(track(ct, 0, &flows[i], START + 33 * SECOND).conn);
		packet_free(&inner);
		packet_free(&packet);
	}
	hd_ct_destroy(ct);
}
END_TEST

/* ---- Fragments ---- */

struct fragment {
	bool first;
	uint32_t id;
};

/* A fragment of a UDP datagram. */
static void fragment_make(struct packet *packet, const struct flow *flow, struct fragment fragment)
{
	struct packet whole;
	bool v6 = flow->family == 6;
	uint32_t l4 = v6 ? 54 : 34, extra = v6 ? 8 : 0, payload;

	packet_make(&whole, flow, NULL, 24);
	payload = whole.pkt.len - l4;
	packet->memory = calloc(1, whole.pkt.len + extra);
	memcpy(packet->memory, whole.memory, l4);
	memcpy(packet->memory + l4 + extra, whole.memory + l4, payload);
	if (!fragment.first)
		memset(packet->memory + l4 + extra, 0xff, payload); /* would be a header if it were looked at */
	if (v6) {
		put16(packet->memory + 18, payload + 8);
		packet->memory[20] = IPPROTO_FRAGMENT;
		packet->memory[l4] = flow->proto;
		put16(packet->memory + l4 + 2, fragment.first ? 1 : 32 << 3);
		put32(packet->memory + l4 + 4, fragment.id);
	} else {
		put16(packet->memory + 18, fragment.id);
		put16(packet->memory + 20, fragment.first ? 0x2000 : 32);
		put16(packet->memory + 24, 0);
		put16(packet->memory + 24, ~naive_sum(packet->memory + 14, 20, 0));
	}
	packet_free(&whole);
	packet_parse(packet, l4 + extra + payload);
	ck_assert_uint_eq(packet->pkt.l4, 0);
}

static uint8_t track_fragment(struct hd_ct *ct, uint16_t zone, const struct flow *flow, struct fragment fragment,
			      uint64_t now)
{
	struct packet packet;
	struct hd_ct_view view;

	fragment_make(&packet, flow, fragment);
	hd_ct_track(ct, 0, &packet.pkt, zone, HD_CT_HINT_NONE, false, now, &view);
	packet_free(&packet);
	return view.state;
}

START_TEST(later_fragments_go_with_the_first)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct hd_ct *ct = ct_make(100);
		size_t n;
		const struct flow *flow = &examples(&n)[v6];
		struct flow back = flow_back(flow), other = *flow;
		const struct fragment first = {true, 7}, later = {false, 7}, stranger = {false, 8};

		other.dst_port++;
		ck_assert_uint_eq(track_fragment(ct, 1, flow, later, START), INV); /* too early */
		ck_assert_uint_eq(track_fragment(ct, 1, flow, first, START), NEW);
		ck_assert_uint_eq(track_fragment(ct, 1, flow, later, START), NEW);
		ck_assert_int_eq(commit(ct, 1, flow, START), 0);
		ck_assert_uint_eq(track_fragment(ct, 1, &back, later, START), INV);
		ck_assert_uint_eq(track_fragment(ct, 1, &back, first, START), REPLY);
		ck_assert_uint_eq(track_fragment(ct, 1, &back, later, START), REPLY);
		ck_assert_uint_eq(track_fragment(ct, 1, flow, later, START), EST);
		ck_assert_uint_eq(track_fragment(ct, 1, flow, stranger, START), INV);
		ck_assert_uint_eq(track_fragment(ct, 2, flow, later, START), INV);
		ck_assert_uint_eq(track_fragment(ct, 1, flow, later, START + 6 * SECOND), INV);
		/* The same datagram's number again, for another connection. */
		ck_assert_uint_eq(track_fragment(ct, 1, &other, first, START), NEW);
		ck_assert_uint_eq(track_fragment(ct, 1, &other, later, START), NEW);
		hd_ct_destroy(ct);
	}
}
END_TEST

START_TEST(fragments_in_flight_are_bounded)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = udp();
	uint32_t known = 0;

	for (uint32_t id = 0; id < 20000; id++)
		ck_assert_uint_eq(track_fragment(ct, 0, &flow, (struct fragment){true, id}, START + id / 10), NEW);
	for (uint32_t id = 0; id < 20000; id++)
		known += track_fragment(ct, 0, &flow, (struct fragment){false, id}, START + 2000) == NEW;
	ck_assert_uint_gt(known, 3000);
	ck_assert_uint_le(known, 4096);
	hd_ct_destroy(ct);
}
END_TEST

/* ---- Hostile packets ---- */

static void garbage_l3(struct random *random, uint8_t *frame, uint32_t length)
{
	static const uint8_t protos[] = {1, 6, 17, 44, 47, 58, 0, 43, 60, 132};
	bool v6 = random_below(random, 2);

	put16(frame + 12, v6 ? 0x86dd : 0x0800);
	if (length < 60)
		return;
	frame[14] = (uint8_t)(v6 ? 0x60 : 0x45 + random_below(random, 3));
	frame[v6 ? 20 : 23] = protos[random_below(random, RTE_DIM(protos))];
	put16(frame + (v6 ? 18 : 16), random_below(random, length - (v6 ? 53 : 13)));
	if (random_below(random, 4))
		put16(frame + 20, v6 ? get16(frame + 20) : 0);
	for (uint32_t i = 34; i < length; i++)
		if (random_below(random, 3) == 0)
			frame[i] =
				(uint8_t[]){0, 1, 3, 5, 8, 11, 0x45, 0x60, 58, 6, 17, 44, 60}[random_below(random, 13)];
}

START_TEST(garbage_does_no_harm)
{
	struct hd_ct *ct = ct_make(5000);
	struct hd_nat nat = {.flags = HD_NAT_SRC, .family = 4, .min = {192, 0, 2, 1}, .max = {192, 0, 2, 9}};
	uint64_t now = START, tracked = 0, committed = 0;
	struct random random;

	random_start(&random, "garbage_does_no_harm");
	for (int i = 0; i < 300000; i++) {
		uint32_t length = between(&random, 14, 150);
		uint8_t *frame = malloc(length); /* exactly */
		struct hd_pkt pkt = {.hdr = frame, .hdr_len = (uint16_t)length, .len = length};
		struct hd_ct_view view;

		for (uint32_t k = 0; k < length; k++)
			frame[k] = (uint8_t)random_next(&random);
		garbage_l3(&random, frame, length);
		/* Few addresses, so that answers and errors find what they are about. */
		if (length >= 60 && random_below(&random, 2))
			memset(frame + 22, random_below(&random, 2), 32);
		now += random_below(&random, 20);
		if (hd_parse(&pkt) == HD_DROP_NONE) {
			tracked++;
			hd_ct_track(ct, 0, &pkt, (uint16_t)random_below(&random, 2), (uint32_t)random_next(&random),
				    random_below(&random, 2), now, &view);
			ck_assert(view.state & HD_CT_TRK);
			committed += hd_ct_commit(ct, 0, &pkt, (uint8_t)random_below(&random, 4),
						  random_below(&random, 2) ? &nat : NULL, now, &view) == 0;
		}
		if (i % 4096 == 0)
			hd_ct_tick(ct, now);
		free(frame);
	}
	printf("%" PRIu64 " tracked, %" PRIu64 " committed\n", tracked, committed);
	ck_assert_uint_gt(tracked, 1000);
	ck_assert_uint_gt(committed, 100);
	hd_ct_destroy(ct);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ct_packet");
	TCase *cases = tcase_create("ct_packet");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, errors_are_related);
	tcase_add_test(cases, later_fragments_go_with_the_first);
	tcase_add_test(cases, fragments_in_flight_are_bounded);
	tcase_add_test(cases, garbage_does_no_harm);
	suite_add_tcase(suite, cases);
	return ct_run(suite);
}
