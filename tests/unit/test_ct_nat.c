/* SPDX-License-Identifier: BSD-3-Clause */
/* Translation: the choice of tuples, packets of both directions, errors and fragments, and what is left unchanged. */
#include <check.h>

#include "ct_world.h"

struct result {
	int commit;
	struct hd_ct_view view;
	struct flow flow; /* as it went out */
};

static struct hd_nat nat_of(uint8_t flags, const char *min, const char *max, uint16_t port_min, uint16_t port_max)
{
	struct hd_nat nat = {.flags = flags, .port_min = port_min, .port_max = port_max};

	if (min == NULL)
		return nat;
	nat.family = strchr(min, ':') != NULL ? 6 : 4;
	ck_assert_int_eq(inet_pton(nat.family == 6 ? AF_INET6 : AF_INET, min, nat.min), 1);
	ck_assert_int_eq(inet_pton(nat.family == 6 ? AF_INET6 : AF_INET, max, nat.max), 1);
	return nat;
}

/* As a rule ct(commit,nat(...)) would. */
static struct result commit_nat(struct hd_ct *ct, const struct flow *flow, const struct hd_nat *nat)
{
	struct packet packet;
	struct result result;

	packet_make(&packet, flow, NULL, 10);
	hd_ct_track(ct, 0, &packet.pkt, 1, HD_CT_HINT_NONE, true, START, &result.view);
	result.commit = hd_ct_commit(ct, 0, &packet.pkt, HD_CT_ACT_COMMIT | HD_CT_ACT_NAT, nat, START, &result.view);
	packet_check_sums(&packet);
	result.flow = packet_flow(&packet);
	packet_free(&packet);
	return result;
}

/* As ct(nat) would; by hint, too. */
static struct result track_nat(struct hd_ct *ct, const struct flow *flow)
{
	struct packet packet;
	struct result result = {0}, again = {0};

	packet_make(&packet, flow, NULL, 10);
	hd_ct_track(ct, 0, &packet.pkt, 1, HD_CT_HINT_NONE, true, START, &result.view);
	packet_check_sums(&packet);
	result.flow = packet_flow(&packet);
	packet_free(&packet);
	packet_make(&packet, flow, NULL, 10);
	hd_ct_track(ct, 0, &packet.pkt, 1, result.view.hint, true, START, &again.view);
	again.flow = packet_flow(&packet);
	packet_free(&packet);
	ck_assert(flow_same(&result.flow, &again.flow));
	ck_assert_uint_eq(result.view.state & ~(HD_CT_NEW | HD_CT_EST), again.view.state & ~(HD_CT_NEW | HD_CT_EST));
	return result;
}

/* The answer to what went out comes back as the answer to what came in; and the next one goes out as the first did. */
static void check_both_ways(struct hd_ct *ct, const struct flow *flow, const struct result *first, bool source)
{
	struct flow wire = flow_back(&first->flow), back = flow_back(flow);
	struct result result = track_nat(ct, &wire);

	ck_assert_uint_eq(result.view.state, REPLY | (source ? HD_CT_DNAT : HD_CT_SNAT));
	ck_assert(flow_same(&result.flow, &back));
	result = track_nat(ct, flow);
	ck_assert_uint_eq(result.view.state, EST | (source ? HD_CT_SNAT : HD_CT_DNAT));
	ck_assert(flow_same(&result.flow, &first->flow));
}

static bool within(const uint8_t *address, const struct hd_nat *nat)
{
	size_t n = nat->family == 6 ? 16 : 4;

	return memcmp(address, nat->min, n) >= 0 && memcmp(address, nat->max, n) <= 0;
}

START_TEST(both_directions_are_translated)
{
	struct {
		struct flow flow;
		struct hd_nat nat;
		bool port_stays;
	} rows[] = {
		{flow_of(IPPROTO_TCP, "10.0.0.1", 4000, "10.0.0.2", 80),
		 nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 0, 0), true},
		{flow_of(IPPROTO_TCP, "10.0.0.1", 4000, "10.0.0.2", 80),
		 nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.200", 5000, 6000), false},
		{flow_of(IPPROTO_TCP, "10.0.0.1", 4000, "10.0.0.2", 80),
		 nat_of(HD_NAT_DST, "192.0.2.1", "192.0.2.1", 0, 0), true},
		{flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80),
		 nat_of(HD_NAT_DST, "192.0.2.1", "192.0.2.9", 8080, 8080), false},
		{flow_of(IPPROTO_UDP, "fd00::1", 4000, "fd00::2", 80),
		 nat_of(HD_NAT_SRC, "2001:db8::1", "2001:db8::ffff", 0, 0), true},
		{flow_of(IPPROTO_TCP, "fd00::1", 4000, "fd00::2", 80),
		 nat_of(HD_NAT_DST, "2001:db8::1", "2001:db8:1::", 9000, 9100), false},
		{flow_of(IPPROTO_ICMP, "10.0.0.1", 44, "10.0.0.2", 0x800),
		 nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 0, 0), true},
		{flow_of(IPPROTO_ICMP, "10.0.0.1", 44, "10.0.0.2", 0x800),
		 nat_of(HD_NAT_DST, "192.0.2.1", "192.0.2.1", 100, 200), true},
		{flow_of(IPPROTO_ICMPV6, "fd00::1", 44, "fd00::2", 0x8000),
		 nat_of(HD_NAT_SRC, "2001:db8::1", "2001:db8::1", 100, 200), false},
		{flow_of(IPPROTO_GRE, "10.0.0.1", 0, "10.0.0.2", 0),
		 nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 100, 200), true},
		{flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80), nat_of(HD_NAT_SRC, NULL, NULL, 100, 200),
		 false},
	};

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		bool source = rows[i].nat.flags & HD_NAT_SRC;
		struct hd_ct *ct = ct_make(100);
		struct result first = commit_nat(ct, &rows[i].flow, &rows[i].nat);
		const uint8_t *changed = source ? first.flow.src : first.flow.dst;
		const uint8_t *kept = source ? first.flow.dst : first.flow.src;
		uint16_t port = source ? first.flow.src_port : first.flow.dst_port;
		uint16_t before = source ? rows[i].flow.src_port : rows[i].flow.dst_port;

		ck_assert_int_eq(first.commit, 0);
		ck_assert_uint_eq(first.view.state, NEW | (source ? HD_CT_SNAT : HD_CT_DNAT));
		ck_assert(rows[i].nat.family == 0 || within(changed, &rows[i].nat));
		ck_assert_mem_eq(kept, source ? rows[i].flow.dst : rows[i].flow.src, 16);
		if (rows[i].port_stays)
			ck_assert_uint_eq(port, before);
		else
			ck_assert(port >= rows[i].nat.port_min && port <= rows[i].nat.port_max);
		check_both_ways(ct, &rows[i].flow, &first, source);
		hd_ct_destroy(ct);
	}
}
END_TEST

START_TEST(without_nat_nothing_is_rewritten)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80), wire;
	struct hd_nat nat = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 0, 0), bare = {0};
	struct result first = commit_nat(ct, &flow, &nat);
	struct packet packet;
	struct hd_ct_view view;

	wire = flow_back(&first.flow);
	packet_make(&packet, &wire, NULL, 0);
	hd_ct_track(ct, 0, &packet.pkt, 1, HD_CT_HINT_NONE, false, START, &view);
	ck_assert_uint_eq(view.state, REPLY);
	wire = packet_flow(&packet);
	ck_assert_mem_eq(wire.dst, nat.min, 4);
	packet_free(&packet);
	/* Bare nat stores what comes. */
	flow.src_port++;
	first = commit_nat(ct, &flow, &bare);
	ck_assert_int_eq(first.commit, 0);
	ck_assert_uint_eq(first.view.state, NEW);
	ck_assert(flow_same(&first.flow, &flow));
	/* Of the other family. */
	flow = flow_of(IPPROTO_UDP, "fd00::1", 4000, "fd00::2", 80);
	ck_assert_int_eq(commit_nat(ct, &flow, &nat).commit, -EINVAL);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(a_translated_packet_is_still_its_connections)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80), back = flow_back(&flow);
	struct hd_nat nat = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 7000, 7000);
	struct result first = commit_nat(ct, &flow, &nat), again;

	again = track_nat(ct, &first.flow);
	ck_assert_ptr_eq(again.view.conn, first.view.conn);
	ck_assert_uint_eq(again.view.state, NEW | HD_CT_SNAT);
	ck_assert(flow_same(&again.flow, &first.flow));
	again = track_nat(ct, &back);
	ck_assert_ptr_eq(again.view.conn, first.view.conn);
	ck_assert_uint_eq(again.view.state, REPLY | HD_CT_DNAT);
	ck_assert(flow_same(&again.flow, &back));
	ck_assert_uint_eq(track(ct, 1, &back, START).state, REPLY | HD_CT_DNAT);
	ck_assert_uint_eq(track(ct, 1, &first.flow, START).state, EST | HD_CT_SNAT);
	ck_assert_uint_eq(track(ct, 1, &flow, START).state, EST); /* is not */
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(tuples_are_unique_and_ranges_end)
{
	struct hd_ct *ct = ct_make(1000);
	struct hd_nat nat = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.2", 5000, 5019);
	bool taken[2][20] = {{false}};
	struct hd_ct_stats stats;
	struct flow flow;
	int done = 0;

	for (uint16_t i = 0; i < 60; i++) {
		struct result result;

		flow = flow_of(IPPROTO_UDP, "10.0.0.1", (uint16_t)(4000 + i), "10.0.0.2", 80);
		result = commit_nat(ct, &flow, &nat);
		if (result.commit != 0) {
			ck_assert_int_eq(result.commit, -EADDRINUSE);
			ck_assert(flow_same(&result.flow, &flow));
			continue;
		}
		ck_assert(within(result.flow.src, &nat));
		ck_assert(result.flow.src_port >= 5000 && result.flow.src_port < 5020);
		ck_assert(!taken[result.flow.src[3] - 1][result.flow.src_port - 5000]);
		taken[result.flow.src[3] - 1][result.flow.src_port - 5000] = true;
		check_both_ways(ct, &flow, &result, true);
		done++;
	}
	ck_assert_int_eq(done, 40); /* all there are */
	hd_ct_stats(ct, &stats);
	ck_assert_uint_eq(stats.refused_nat, 20);
	ck_assert_uint_eq(stats.connections, 40);
	/* Another destination has them all again; and so have these when they are over. */
	flow = flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.3", 80);
	ck_assert_int_eq(commit_nat(ct, &flow, &nat).commit, 0);
	hd_ct_flush(ct, -1, NULL);
	flow = flow_of(IPPROTO_UDP, "10.0.0.1", 4100, "10.0.0.2", 80);
	ck_assert_int_eq(commit_nat(ct, &flow, &nat).commit, 0);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(a_port_is_kept_if_it_is_free)
{
	struct hd_ct *ct = ct_make(1000);
	struct hd_nat nat = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 0, 0);
	static const uint16_t ports[][3] = {{4000, 1024, 65535}, {700, 600, 1023}, {100, 1, 511}};

	for (size_t i = 0; i < RTE_DIM(ports); i++) {
		struct flow a = flow_of(IPPROTO_TCP, "10.0.0.1", ports[i][0], "10.0.0.9", 80);
		struct flow b = flow_of(IPPROTO_TCP, "10.0.0.2", ports[i][0], "10.0.0.9", 80);
		struct result first = commit_nat(ct, &a, &nat), second = commit_nat(ct, &b, &nat);

		ck_assert_int_eq(first.commit, 0);
		ck_assert_int_eq(second.commit, 0);
		ck_assert_uint_eq(first.flow.src_port, ports[i][0]);
		ck_assert_uint_ne(second.flow.src_port, ports[i][0]);
		ck_assert(second.flow.src_port >= ports[i][1] && second.flow.src_port <= ports[i][2]);
		check_both_ways(ct, &b, &second, true);
	}
	hd_ct_destroy(ct);
}
END_TEST

/* Clients that use many ports side by side, as they do, behind one address with much room. */
START_TEST(ports_side_by_side_do_not_end_a_range)
{
	struct hd_nat nat = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 0, 0);
	struct hd_ct *ct = ct_make(30000);
	struct flow flow = flow_of(IPPROTO_UDP, "10.0.0.1", 0, "10.0.0.2", 80);

	for (uint32_t i = 0; i < 25000; i++) {
		flow.src[3] = (uint8_t)(i / 500);
		flow.src_port = (uint16_t)(20000 + i % 500);
		ck_assert_int_eq(commit_nat(ct, &flow, &nat).commit, 0);
	}
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(random_and_persistent)
{
	struct hd_ct *ct = ct_make(1000);
	struct hd_nat persistent = nat_of(HD_NAT_SRC | HD_NAT_PERSISTENT, "192.0.2.1", "192.0.2.200", 0, 0);
	struct hd_nat hash = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.200", 0, 0);
	struct hd_nat random = nat_of(HD_NAT_SRC | HD_NAT_RANDOM, "192.0.2.1", "192.0.2.200", 0, 0);
	uint8_t address[4];
	int others = 0, kept = 0;

	for (uint16_t i = 0; i < 100; i++) {
		struct flow flow = flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80);
		struct result result;

		flow.dst[3] = (uint8_t)(i + 2);
		result = commit_nat(ct, &flow, &persistent);
		ck_assert_int_eq(result.commit, 0);
		if (i == 0)
			memcpy(address, result.flow.src, 4);
		ck_assert_mem_eq(result.flow.src, address, 4);
		flow.src[3] = 2;
		others += memcmp(commit_nat(ct, &flow, &hash).flow.src, address, 4) != 0;
		flow.src[3] = 3;
		kept += commit_nat(ct, &flow, &random).flow.src_port == 4000;
	}
	ck_assert_int_gt(others, 80);
	ck_assert_int_lt(kept, 5);
	hd_ct_destroy(ct);
}
END_TEST

/* An error about `inner`, from a router or the other end. */
static void error_make(struct packet *packet, const struct flow *inner, const char *from)
{
	bool v6 = inner->family == 6;
	struct flow error = flow_of(v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, from, 0, from, v6 ? 0x0100 : 0x0301);
	uint32_t l4 = v6 ? 54 : 34;
	struct packet about;

	memcpy(error.dst, inner->src, 16);
	packet_make(&about, inner, NULL, 10);
	packet_make(packet, &error, NULL, about.pkt.len - 14);
	memcpy(packet->memory + l4 + 8, about.memory + 14, about.pkt.len - 14);
	put16(packet->memory + l4 + 2, 0);
	put16(packet->memory + l4 + 2, ~l4_sum(packet->memory, 14, l4, packet->pkt.len - l4, error.proto));
	packet_check_sums(packet);
	packet_free(&about);
}

/* The packet in an error, as a packet of its own. */
static struct flow error_inner(const struct packet *error)
{
	uint32_t l4 = error->memory[14] >> 4 == 6 ? 54 : 34;
	struct packet inner = {.memory = calloc(1, error->pkt.len)};
	struct flow flow;

	memcpy(inner.memory + 14, error->memory + l4 + 8, error->pkt.len - l4 - 8);
	packet_check_sums(&inner);
	flow = packet_flow(&inner);
	packet_free(&inner);
	return flow;
}

START_TEST(errors_are_translated_inside_and_out)
{
	struct {
		struct flow flow;
		struct hd_nat nat;
		const char *router;
	} rows[] = {
		{flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80),
		 nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 7000, 7000), "10.9.9.9"},
		{flow_of(IPPROTO_TCP, "10.0.0.1", 4000, "10.0.0.2", 80),
		 nat_of(HD_NAT_DST, "192.0.2.1", "192.0.2.1", 7000, 7000), "10.9.9.9"},
		{flow_of(IPPROTO_ICMP, "10.0.0.1", 5, "10.0.0.2", 0x800),
		 nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 7000, 7000), "10.9.9.9"},
		{flow_of(IPPROTO_UDP, "fd00::1", 4000, "fd00::2", 80),
		 nat_of(HD_NAT_SRC, "2001:db8::1", "2001:db8::1", 7000, 7000), "fd00::99"},
		{flow_of(IPPROTO_ICMPV6, "fd00::1", 5, "fd00::2", 0x8000),
		 nat_of(HD_NAT_SRC, "2001:db8::1", "2001:db8::1", 7000, 7000), "fd00::99"},
		{flow_of(IPPROTO_TCP, "fd00::1", 4000, "fd00::2", 80),
		 nat_of(HD_NAT_DST, "2001:db8::1", "2001:db8::1", 0, 0), "fd00::99"},
	};

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		bool source = rows[i].nat.flags & HD_NAT_SRC;
		struct hd_ct *ct = ct_make(100);
		struct result first = commit_nat(ct, &rows[i].flow, &rows[i].nat);
		struct flow inner, outer, back;
		struct packet packet;
		struct hd_ct_view view;

		error_make(&packet, &first.flow, rows[i].router); /* about what went out */
		hd_ct_track(ct, 0, &packet.pkt, 1, HD_CT_HINT_NONE, true, START, &view);
		ck_assert_uint_eq(view.state, HD_CT_TRK | HD_CT_REL | HD_CT_RPL | (source ? HD_CT_DNAT : HD_CT_SNAT));
		packet_check_sums(&packet);
		inner = error_inner(&packet);
		ck_assert(flow_same(&inner, &rows[i].flow));
		outer = packet_flow(&packet);
		ck_assert_mem_eq(outer.dst, rows[i].flow.src, 16);
		packet_free(&packet);

		/* About the answer, as the client saw it. */
		back = flow_back(&rows[i].flow);
		error_make(&packet, &back, rows[i].router);
		hd_ct_track(ct, 0, &packet.pkt, 1, HD_CT_HINT_NONE, true, START, &view);
		ck_assert_uint_eq(view.state, HD_CT_TRK | HD_CT_REL | (source ? HD_CT_SNAT : HD_CT_DNAT));
		packet_check_sums(&packet);
		inner = error_inner(&packet);
		back = flow_back(&first.flow);
		ck_assert(flow_same(&inner, &back));
		outer = packet_flow(&packet);
		ck_assert_mem_eq(outer.dst, first.flow.dst, 16);
		packet_free(&packet);
		hd_ct_destroy(ct);
	}
}
END_TEST

START_TEST(no_checksum_in_an_error_stays_none)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80);
	struct hd_nat nat = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 7000, 7000);
	struct result first = commit_nat(ct, &flow, &nat);
	struct packet packet;
	struct hd_ct_view view;

	error_make(&packet, &first.flow, "10.9.9.9");
	put16(packet.memory + 42 + 26, 0); /* the inner UDP's */
	put16(packet.memory + 36, 0);
	put16(packet.memory + 36, ~naive_sum(packet.memory + 34, packet.pkt.len - 34, 0));
	hd_ct_track(ct, 0, &packet.pkt, 1, HD_CT_HINT_NONE, true, START, &view);
	ck_assert_uint_eq(view.state, HD_CT_TRK | HD_CT_REL | HD_CT_RPL | HD_CT_DNAT);
	packet_check_sums(&packet);
	ck_assert_uint_eq(get16(packet.memory + 42 + 26), 0);
	packet_free(&packet);
	hd_ct_destroy(ct);
}
END_TEST

START_TEST(fragments_are_translated)
{
	struct hd_ct *ct = ct_make(100);
	struct flow flow = flow_of(IPPROTO_UDP, "10.0.0.1", 4000, "10.0.0.2", 80);
	struct hd_nat nat = nat_of(HD_NAT_SRC, "192.0.2.1", "192.0.2.1", 7000, 7000);
	struct packet whole, packet;
	struct hd_ct_view view;
	uint32_t sum;

	commit_nat(ct, &flow, &nat);
	packet_make(&whole, &flow, NULL, 64);
	/* The first 24 bytes of UDP, then the other 48. */
	for (int later = 0; later < 2; later++) {
		uint32_t length = later ? 48 : 24;

		packet.memory = calloc(1, 34 + length);
		memcpy(packet.memory, whole.memory, 34);
		memcpy(packet.memory + 34, whole.memory + 34 + (later ? 24 : 0), length);
		put16(packet.memory + 16, 20 + length);
		put16(packet.memory + 20, later ? 3 : 0x2000);
		put16(packet.memory + 24, 0);
		put16(packet.memory + 24, ~naive_sum(packet.memory + 14, 20, 0));
		packet_parse(&packet, 34 + length);
		hd_ct_track(ct, 0, &packet.pkt, 1, HD_CT_HINT_NONE, true, START, &view);
		ck_assert_uint_eq(view.state, NEW | HD_CT_SNAT);
		ck_assert_uint_eq(naive_sum(packet.memory + 14, 20, 0), 0xffff);
		ck_assert_mem_eq(packet.memory + 26, nat.min, 4);
		ck_assert_uint_eq(packet.pkt.l4, 0);
		memcpy(whole.memory + 34 + (later ? 24 : 0), packet.memory + 34, length);
		if (later)
			memcpy(whole.memory + 26, packet.memory + 26, 8);
		packet_free(&packet);
	}
	/* Put together they are a datagram with a right checksum. */
	sum = l4_sum(whole.memory, 14, 34, 72, IPPROTO_UDP);
	ck_assert_uint_eq(sum, 0xffff);
	ck_assert_uint_eq(get16(whole.memory + 34), 7000);
	packet_free(&whole);
	hd_ct_destroy(ct);
}
END_TEST

/* Random clients behind few addresses: whatever is stored, no two have a tuple in common, and all come back right. */
START_TEST(no_two_connections_share_a_tuple)
{
	static struct {
		struct flow flow;
		struct result first;
	} known[2000];
	struct hd_ct *ct = ct_make(5000);
	struct random random;
	size_t n = 0;

	random_start(&random, "no_two_connections_share_a_tuple");
	for (int i = 0; i < 4000 && n < RTE_DIM(known); i++) {
		struct flow flow = flow_of(random_below(&random, 2) ? IPPROTO_UDP : IPPROTO_TCP, "10.0.0.1",
					   (uint16_t)(4000 + random_below(&random, 300)), "10.1.0.1", 80);
		struct hd_nat nat =
			nat_of(random_below(&random, 3) ? HD_NAT_SRC : HD_NAT_DST, "10.0.0.1", "10.0.0.3", 0, 0);

		flow.src[3] = (uint8_t)random_below(&random, 10);
		flow.dst[3] = (uint8_t)random_below(&random, 4);
		if (nat.flags & HD_NAT_DST) { /* servers of the other net */
			nat.min[1] = nat.max[1] = 1;
			nat.port_min = nat.port_max = (uint16_t)(80 + random_below(&random, 2));
		}
		if (track_nat(ct, &flow).view.conn != NULL)
			continue;
		known[n].flow = flow;
		known[n].first = commit_nat(ct, &flow, &nat);
		n += known[n].first.commit == 0;
	}
	ck_assert_uint_gt(n, 1000);
	ck_assert_uint_eq(ct_count(ct), n);
	for (size_t i = 0; i < n; i++) {
		struct flow wire = flow_back(&known[i].first.flow), back = flow_back(&known[i].flow);
		struct result reply = track_nat(ct, &wire);

		ck_assert_ptr_eq(reply.view.conn, known[i].first.view.conn);
		ck_assert(flow_same(&reply.flow, &back));
		ck_assert_ptr_eq(track_nat(ct, &known[i].flow).view.conn, known[i].first.view.conn);
	}
	hd_ct_destroy(ct);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ct_nat");
	TCase *cases = tcase_create("ct_nat");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, both_directions_are_translated);
	tcase_add_test(cases, without_nat_nothing_is_rewritten);
	tcase_add_test(cases, a_translated_packet_is_still_its_connections);
	tcase_add_test(cases, tuples_are_unique_and_ranges_end);
	tcase_add_test(cases, a_port_is_kept_if_it_is_free);
	tcase_add_test(cases, ports_side_by_side_do_not_end_a_range);
	tcase_add_test(cases, random_and_persistent);
	tcase_add_test(cases, errors_are_translated_inside_and_out);
	tcase_add_test(cases, no_checksum_in_an_error_stays_none);
	tcase_add_test(cases, fragments_are_translated);
	tcase_add_test(cases, no_two_connections_share_a_tuple);
	suite_add_tcase(suite, cases);
	return ct_run(suite);
}
