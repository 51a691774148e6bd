/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP: tables of segments and what they are taken for.
 *
 * A row is a segment from A (who starts) or B, with sequence numbers relative to the first numbers of either side,
 * which are such that they wrap; then the ct_state that it gets and the connection's state behind it.
 */
#include <check.h>

#include "ct_world.h"

#define F 0x01
#define S 0x02
#define R 0x04
#define P 0x08
#define A 0x10

#define NO_SCALE -1
#define ROWS_MAX 24

struct row {
	char from; /* 'A', 'B'; 'w': wait seq seconds */
	uint8_t flags;
	uint32_t seq, ack;
	uint32_t length;
	uint16_t window;
	int scale;
	uint8_t state;
	const char *tcp; /* NULL: no connection */
};

struct sequence {
	const char *name;
	bool strict;
	struct row rows[ROWS_MAX];
};

/* SYN, SYN and ACK, ACK: windows of 1000 without scale. */
#define HANDSHAKE                                                                                                      \
	{'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"}, {'B', S | A, 0, 1, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},  \
	{                                                                                                              \
		'A', A, 1, 1, 0, 1000, NO_SCALE, EST, "ESTABLISHED"                                                    \
	}

static const struct sequence sequences[] = {
	{"open, talk, close by A",
	 false,
	 {
		 HANDSHAKE,
		 {'A', P | A, 1, 1, 100, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', A, 1, 101, 0, 1000, NO_SCALE, REPLY, "ESTABLISHED"},
		 {'B', P | A, 1, 101, 500, 1000, NO_SCALE, REPLY, "ESTABLISHED"},
		 {'A', A, 101, 501, 0, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'A', F | A, 101, 501, 0, 1000, NO_SCALE, EST, "FIN_WAIT"},
		 {'A', F | A, 101, 501, 0, 1000, NO_SCALE, EST, "FIN_WAIT"}, /* again */
		 {'B', A, 501, 102, 0, 1000, NO_SCALE, REPLY, "CLOSE_WAIT"},
		 {'B', P | A, 501, 102, 300, 1000, NO_SCALE, REPLY, "CLOSE_WAIT"}, /* half open */
		 {'A', A, 102, 801, 0, 1000, NO_SCALE, EST, "CLOSE_WAIT"},
		 {'B', F | A, 801, 102, 0, 1000, NO_SCALE, REPLY, "LAST_ACK"},
		 {'A', A, 102, 802, 0, 1000, NO_SCALE, EST, "TIME_WAIT"},
		 {'B', F | A, 801, 102, 0, 1000, NO_SCALE, REPLY, "TIME_WAIT"},
		 {'A', A, 102, 802, 0, 1000, NO_SCALE, EST, "TIME_WAIT"},
		 {'w', 0, 63, 0, 0, 0, 0, 0, NULL},
	 }},
	{"close by B, FIN and ACK in one",
	 false,
	 {
		 HANDSHAKE,
		 {'B', F | A, 1, 1, 0, 1000, NO_SCALE, REPLY, "FIN_WAIT"},
		 {'A', F | A, 1, 2, 0, 1000, NO_SCALE, EST, "LAST_ACK"},
		 {'B', A, 2, 2, 0, 1000, NO_SCALE, REPLY, "TIME_WAIT"},
	 }},
	{"both close at once",
	 false,
	 {
		 HANDSHAKE,
		 {'A', F | A, 1, 1, 0, 1000, NO_SCALE, EST, "FIN_WAIT"},
		 {'B', F | A, 1, 1, 0, 1000, NO_SCALE, REPLY, "LAST_ACK"},
		 {'A', A, 2, 2, 0, 1000, NO_SCALE, EST, "LAST_ACK"},
		 {'B', A, 2, 2, 0, 1000, NO_SCALE, REPLY, "TIME_WAIT"},
	 }},
	{"both open at once",
	 false,
	 {
		 {'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'B', S, 0, 0, 0, 1000, NO_SCALE, REPLY, "SYN_SENT2"},
		 {'A', A, 1, 1, 0, 1000, NO_SCALE, INV, "SYN_SENT2"},
		 {'A', S | A, 0, 1, 0, 1000, NO_SCALE, EST, "SYN_RECV"},
		 {'B', S | A, 0, 1, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
		 {'B', A, 1, 1, 10, 1000, NO_SCALE, REPLY, "ESTABLISHED"},
	 }},
	{"segments sent again",
	 false,
	 {
		 {'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'A', S, 5000, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},  /* another attempt */
		 {'B', S | A, 0, 1, 0, 1000, NO_SCALE, INV, "SYN_SENT"}, /* answers the former */
		 {'B', S | A, 0, 5001, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
		 {'B', S | A, 0, 5001, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
		 {'A', A, 5001, 1, 0, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'A', A, 5001, 1, 400, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'A', A, 5001, 1, 400, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', S | A, 0, 5001, 0, 1000, NO_SCALE, REPLY, "ESTABLISHED"},
	 }},
	{"before the answer",
	 false,
	 {
		 {'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'A', A, 1, 1, 0, 1000, NO_SCALE, INV, "SYN_SENT"},
		 {'A', F | A, 1, 1, 0, 1000, NO_SCALE, INV, "SYN_SENT"},
		 {'A', S | A, 0, 1, 0, 1000, NO_SCALE, INV, "SYN_SENT"},
		 {'B', S | A, 0, 2, 0, 1000, NO_SCALE, INV, "SYN_SENT"},
		 {'B', R, 0, 0, 0, 0, NO_SCALE, INV, "SYN_SENT"},
		 {'B', R | A, 0, 99, 0, 0, NO_SCALE, INV, "SYN_SENT"},
		 {'B', R | A, 0, 1, 0, 0, NO_SCALE, REPLY, "CLOSE"},
	 }},
	{"the server still has an old connection",
	 false,
	 {
		 {'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'B', A, 7777, 8888, 0, 1000, NO_SCALE, REPLY, "SYN_SENT"},
		 {'A', R, 9999, 0, 0, 0, NO_SCALE, INV, "SYN_SENT"},
		 {'A', R, 8888, 0, 0, 0, NO_SCALE, NEW, "SYN_SENT"},
		 {'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'B', S | A, 0, 1, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
	 }},
	{"data with the SYN",
	 false,
	 {
		 {'A', S, 0, 0, 100, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'B', S | A, 0, 101, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
		 {'B', P | A, 1, 101, 50, 1000, NO_SCALE, REPLY, "ESTABLISHED"},
	 }},
	{"data with the SYN, which is not taken",
	 false,
	 {
		 {'A', S, 0, 0, 100, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'B', S | A, 0, 1, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
		 {'A', A, 1, 1, 100, 1000, NO_SCALE, EST, "ESTABLISHED"},
	 }},
	{"outside of the window",
	 false,
	 {
		 HANDSHAKE,
		 {'A', A, 1002, 1, 10, 1000, NO_SCALE, INV, "ESTABLISHED"},  /* more than B allows */
		 {'A', A, 1, 2, 0, 1000, NO_SCALE, INV, "ESTABLISHED"},      /* acknowledges what was never sent */
		 {'A', A, 100000, 1, 0, 1000, NO_SCALE, INV, "ESTABLISHED"}, /* far ahead */
		 {'A', A, (uint32_t)-5000, 1, 0, 1000, NO_SCALE, INV, "ESTABLISHED"},  /* far behind */
		 {'A', A, 1, (uint32_t)-80000, 0, 1000, NO_SCALE, INV, "ESTABLISHED"}, /* very old */
		 {'B', F | A, 5000, 1, 0, 1000, NO_SCALE, INV, "ESTABLISHED"},
		 {'A', A, 1, 1, 1000, 1000, NO_SCALE, EST, "ESTABLISHED"}, /* all that B allows */
		 {'A', A, 1001, 1, 1, 1000, NO_SCALE, EST, "ESTABLISHED"}, /* a probe */
		 {'B', A, 1, 1002, 0, 0, NO_SCALE, REPLY, "ESTABLISHED"},  /* closes the window */
		 {'A', A, 1001, 1, 1, 1000, NO_SCALE, EST, "ESTABLISHED"}, /* a keepalive */
		 {'A', A, 2500, 1, 1, 1000, NO_SCALE, INV, "ESTABLISHED"},
		 {'B', A, 1, 1002, 0, 2000, NO_SCALE, REPLY, "ESTABLISHED"},
		 {'A', A, 2500, 1, 1, 1000, NO_SCALE, EST, "ESTABLISHED"},
	 }},
	{"window scales",
	 false,
	 {
		 {'A', S, 0, 0, 0, 1000, 7, NEW, "SYN_SENT"},
		 {'B', S | A, 0, 1, 0, 1000, 3, REPLY, "SYN_RECV"}, /* of a SYN: not scaled */
		 {'A', A, 1, 1, 0, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', A, 100000, 1, 100, 1000, NO_SCALE, REPLY, "ESTABLISHED"}, /* 128,000 allowed */
		 {'B', A, 128002, 1, 100, 1000, NO_SCALE, INV, "ESTABLISHED"},
		 {'A', A, 8002, 1, 1, 1000, NO_SCALE, INV, "ESTABLISHED"}, /* 8,000 allowed */
		 {'A', A, 7000, 1, 1, 1000, NO_SCALE, EST, "ESTABLISHED"},
	 }},
	{"a scale of one side alone is none",
	 false,
	 {
		 {'A', S, 0, 0, 0, 1000, 7, NEW, "SYN_SENT"},
		 {'B', S | A, 0, 1, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
		 {'A', A, 1, 1, 0, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', A, 2000, 1, 100, 1000, NO_SCALE, INV, "ESTABLISHED"},
	 }},
	{"nor is one of the answer",
	 false,
	 {
		 {'A', S, 0, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'B', S | A, 0, 1, 0, 1000, 7, REPLY, "SYN_RECV"},
		 {'A', A, 1, 1, 0, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', A, 1, 1, 0, 1000, NO_SCALE, REPLY, "ESTABLISHED"},
		 {'A', A, 2000, 1, 100, 1000, NO_SCALE, INV, "ESTABLISHED"},
	 }},
	{"resets",
	 false,
	 {
		 HANDSHAKE,
		 {'B', R, 500, 0, 0, 0, NO_SCALE, REPLY, "ESTABLISHED"}, /* in the window: a challenge follows */
		 {'B', R, 5000, 0, 0, 0, NO_SCALE, INV, "ESTABLISHED"},
		 {'A', A, 1, 1, 10, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', R, 1, 0, 0, 0, NO_SCALE, REPLY, "CLOSE"},
		 {'w', 0, 13, 0, 0, 0, 0, 0, NULL},
	 }},
	{"a reset of what was acknowledged",
	 false,
	 {
		 HANDSHAKE,
		 {'A', A, 1, 1, 500, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', A, 1, 301, 0, 1000, NO_SCALE, REPLY, "ESTABLISHED"},
		 {'A', R | A, 301, 1, 0, 0, NO_SCALE, EST, "CLOSE"},
	 }},
	{"a SYN begins again after the end",
	 false,
	 {
		 HANDSHAKE,
		 {'B', R, 1, 0, 0, 0, NO_SCALE, REPLY, "CLOSE"},
		 {'A', S, 70000, 0, 0, 1000, NO_SCALE, NEW, "SYN_SENT"},
		 {'B', S | A, 90000, 70001, 0, 1000, NO_SCALE, REPLY, "SYN_RECV"},
	 }},
	{"a SYN in the middle changes nothing",
	 false,
	 {
		 HANDSHAKE,
		 {'A', S, 70000, 0, 0, 1000, NO_SCALE, EST, "ESTABLISHED"},
		 {'B', A, 1, 1, 0, 1000, NO_SCALE, REPLY, "ESTABLISHED"}, /* the challenge */
		 {'A', R, 1, 0, 0, 0, NO_SCALE, EST, "CLOSE"},
	 }},
	{"bad flags",
	 false,
	 {
		 {'A', 0, 1, 1, 0, 1000, NO_SCALE, INV, NULL},
		 {'A', F, 1, 1, 0, 1000, NO_SCALE, INV, NULL},
		 {'A', F | P | 0x20, 1, 1, 0, 1000, NO_SCALE, INV, NULL},
		 {'A', S | F, 0, 0, 0, 1000, NO_SCALE, INV, NULL},
		 {'A', S | R, 0, 0, 0, 1000, NO_SCALE, INV, NULL},
		 {'A', S | A, 0, 0, 0, 1000, NO_SCALE, INV, NULL},
		 {'A', R, 0, 0, 0, 1000, NO_SCALE, INV, NULL},
		 {'A', R | A, 0, 0, 0, 1000, NO_SCALE, INV, NULL},
		 HANDSHAKE,
		 {'A', 0, 1, 1, 0, 1000, NO_SCALE, INV, "ESTABLISHED"},
		 {'A', S | F | A, 1, 1, 0, 1000, NO_SCALE, INV, "ESTABLISHED"},
		 {'A', R | F, 1, 1, 0, 1000, NO_SCALE, INV, "ESTABLISHED"},
	 }},
	{"picked up in the middle",
	 false,
	 {
		 {'A', P | A, 5000, 7000, 100, 50, NO_SCALE, NEW, "ESTABLISHED"},
		 {'A', P | A, 5100, 7000, 60000, 50, NO_SCALE, NEW, "ESTABLISHED"},
		 {'B', A, 7000, 5100, 0, 50, NO_SCALE, REPLY, "ESTABLISHED"},
		 {'B', A, 7000, 0x90000000, 0, 50, NO_SCALE, INV, "ESTABLISHED"},
		 {'A', A, 65100, 7000, 10, 50, NO_SCALE, EST, "ESTABLISHED"},
		 {'A', F | A, 65110, 7000, 0, 50, NO_SCALE, EST, "FIN_WAIT"},
		 {'B', F | A, 7000, 65111, 0, 50, NO_SCALE, REPLY, "LAST_ACK"},
		 {'A', A, 65111, 7001, 0, 50, NO_SCALE, EST, "TIME_WAIT"},
	 }},
	{"picked up: the other side must fit",
	 false,
	 {
		 {'A', A, 5000, 7000, 100, 50, NO_SCALE, NEW, "ESTABLISHED"},
		 {'B', A, 0x80000000, 5000, 0, 50, NO_SCALE, INV, "ESTABLISHED"},
		 {'B', A, 7000, 0x80000000, 0, 50, NO_SCALE, INV, "ESTABLISHED"},
		 {'B', R, 7000, 0, 0, 0, NO_SCALE, REPLY, "CLOSE"},
	 }},
	{"strict: nothing is picked up",
	 true,
	 {
		 {'A', A, 5000, 7000, 100, 50, NO_SCALE, INV, NULL},
		 {'A', F | A, 5000, 7000, 100, 50, NO_SCALE, INV, NULL},
		 HANDSHAKE,
	 }},
};

#define BASE_A 0xfffffff0u
#define BASE_B 0xffffff00u

struct world {
	struct hd_ct *ct;
	struct flow flow;
	uint64_t now;
	uint32_t hint[2];
	bool hints;
};

static const char *tcp_state(const struct hd_ct *ct)
{
	struct hd_ct_entry entry;
	uint64_t cursor = 0;

	return hd_ct_next(ct, &cursor, &entry) ? entry.state : NULL;
}

static void play(struct world *world, const struct sequence *sequence, const struct row *row)
{
	unsigned int side = row->from == 'B';
	struct flow back = flow_back(&world->flow);
	struct segment segment = {
		.flags = row->flags,
		.seq = row->seq + (side ? BASE_B : BASE_A),
		.ack = row->flags & A ? row->ack + (side ? BASE_A : BASE_B) : 0,
		.window = row->window,
		.scale = row->scale,
	};
	struct packet packet;
	struct hd_ct_view view;

	packet_make(&packet, side ? &back : &world->flow, &segment, row->length);
	hd_ct_track(world->ct, 0, &packet.pkt, 5, world->hints ? world->hint[side] : 0, false, world->now, &view);
	ck_assert_msg(view.state == row->state, "%s: row %d: %#x, not %#x", sequence->name, (int)(row - sequence->rows),
		      view.state, row->state);
	if (view.state == NEW)
		ck_assert_int_eq(hd_ct_commit(world->ct, 0, &packet.pkt, HD_CT_ACT_COMMIT, NULL, world->now, &view), 0);
	if (view.conn != NULL)
		world->hint[side] = view.hint;
	packet_free(&packet);
}

static void run(const struct sequence *sequence, const char *src, const char *dst, bool hints)
{
	struct hd_ct_conf conf = {.limit = 10, .tsc_hz = HZ, .n_pmds = 1, .tcp_strict = sequence->strict};
	struct world world = {.flow = flow_of(IPPROTO_TCP, src, 4000, dst, 80), .now = START, .hints = hints};

	ck_assert_int_eq(hd_ct_create(&conf, &world.ct), 0);
	for (const struct row *row = sequence->rows; row < sequence->rows + ROWS_MAX && row->from != '\0'; row++) {
		const char *state;

		if (row->from == 'w') {
			world.now += row->seq * SECOND;
			ct_sweep(world.ct, world.now);
		} else {
			play(&world, sequence, row);
		}
		state = tcp_state(world.ct);
		ck_assert_msg((state == NULL) == (row->tcp == NULL) && (state == NULL || strcmp(state, row->tcp) == 0),
			      "%s: row %d: %s, not %s", sequence->name, (int)(row - sequence->rows), state, row->tcp);
	}
	hd_ct_destroy(world.ct);
}

START_TEST(sequences_are_followed)
{
	for (size_t i = 0; i < RTE_DIM(sequences); i++) {
		run(&sequences[i], "10.0.0.1", "10.0.0.2", false);
		run(&sequences[i], "10.0.0.1", "10.0.0.2", true);
		run(&sequences[i], "fd00::1", "fd00::2", false);
		run(&sequences[i], "fd00::1", "fd00::2", true);
	}
}
END_TEST

static struct hd_ct_view talk(struct world *world, unsigned int side, struct segment segment, uint32_t length)
{
	struct flow back = flow_back(&world->flow);
	struct packet packet;
	struct hd_ct_view view;

	segment.scale = NO_SCALE;
	segment.window = 1000;
	packet_make(&packet, side ? &back : &world->flow, &segment, length);
	hd_ct_track(world->ct, 0, &packet.pkt, 5, world->hint[side], false, world->now, &view);
	if (view.state == NEW && view.conn == NULL)
		ck_assert_int_eq(hd_ct_commit(world->ct, 0, &packet.pkt, HD_CT_ACT_COMMIT, NULL, world->now, &view), 0);
	world->hint[side] = view.hint;
	packet_free(&packet);
	return view;
}

START_TEST(only_what_is_valid_keeps_a_connection)
{
	struct world world = {.ct = ct_make(10), .flow = flow_of(IPPROTO_TCP, "10.0.0.1", 4000, "10.0.0.2", 80)};

	world.now = START;
	hd_ct_set_timeout(world.ct, HD_CT_TCP_ESTABLISHED, 100);
	talk(&world, 0, (struct segment){S, 0, 0, 0, 0}, 0);
	talk(&world, 1, (struct segment){S | A, 0, 1, 0, 0}, 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(talk(&world, 0, (struct segment){A, 1, 1, 0, 0}, 0).state, EST);
		world.now += 90 * SECOND;
	}
	ck_assert_uint_eq(talk(&world, 0, (struct segment){A, 90000, 1, 0, 0}, 0).state, INV);
	world.now += 15 * SECOND;
	ct_sweep(world.ct, world.now);
	ck_assert_uint_eq(ct_count(world.ct), 0);
	hd_ct_destroy(world.ct);
}
END_TEST

/* A first fragment does not say how long the segment is, so what acknowledges all of it must pass. */
START_TEST(fragments_free_a_connection_of_its_windows)
{
	for (int opened = 0; opened < 2; opened++) {
		struct world world = {.ct = ct_make(10),
				      .flow = flow_of(IPPROTO_TCP, "10.0.0.1", 4000, "10.0.0.2", 80)};
		struct segment segment = {A, 1, 1, 1000, NO_SCALE};
		struct packet packet;
		struct hd_ct_view view;

		world.now = START;
		if (opened) {
			talk(&world, 0, (struct segment){S, 0, 0, 0, 0}, 0);
			talk(&world, 1, (struct segment){S | A, 0, 1, 0, 0}, 0);
			ck_assert_uint_eq(talk(&world, 1, (struct segment){A, 1, 500, 0, 0}, 0).state, INV);
		}
		packet_make(&packet, &world.flow, &segment, 80);
		put16(packet.memory + 20, 0x2000);
		packet_parse(&packet, packet.pkt.len);
		hd_ct_track(world.ct, 0, &packet.pkt, 5, HD_CT_HINT_NONE, false, world.now, &view);
		ck_assert_uint_eq(view.state, opened ? EST : NEW);
		ck_assert_int_eq(hd_ct_commit(world.ct, 0, &packet.pkt, HD_CT_ACT_COMMIT, NULL, world.now, &view), 0);
		packet_free(&packet);
		ck_assert_uint_eq(talk(&world, 1, (struct segment){A, 1, 500, 0, 0}, 0).state, REPLY);
		hd_ct_destroy(world.ct);
	}
}
END_TEST

/* A long transfer, with losses and repetitions but no segment that a TCP would not send, is valid all the way. */
START_TEST(a_transfer_is_valid_throughout)
{
	struct world world = {.ct = ct_make(10), .flow = flow_of(IPPROTO_TCP, "10.0.0.1", 4000, "10.0.0.2", 80)};
	uint32_t base = 0xfff00000, acked = base + 1, next = base + 1, received = base + 1;
	struct random random;

	random_start(&random, "a_transfer_is_valid_throughout");
	world.now = START;
	talk(&world, 0, (struct segment){S, base, 0, 0, 0}, 0);
	talk(&world, 1, (struct segment){S | A, 7, base + 1, 0, 0}, 0);
	talk(&world, 0, (struct segment){A, base + 1, 8, 0, 0}, 0);
	for (int i = 0; i < 200000; i++) {
		uint32_t from = random_below(&random, 5) ? next : acked + random_below(&random, next - acked + 1);
		uint32_t room = acked + 1000 - from, length = random_below(&random, (room < 200 ? room : 200) + 1);

		ck_assert_uint_eq(talk(&world, 0, (struct segment){A, from, 8, 0, 0}, length).state, EST);
		if ((int32_t)(from + length - next) > 0)
			next = from + length;
		if (from == received || random_below(&random, 3) == 0)
			received = next;
		if (random_below(&random, 3))
			continue;
		ck_assert_uint_eq(talk(&world, 1, (struct segment){A, 8, received, 0, 0}, 0).state, REPLY);
		acked = received;
	}
	ck_assert_str_eq(tcp_state(world.ct), "ESTABLISHED");
	hd_ct_destroy(world.ct);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ct_tcp");
	TCase *cases = tcase_create("ct_tcp");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, sequences_are_followed);
	tcase_add_test(cases, only_what_is_valid_keeps_a_connection);
	tcase_add_test(cases, fragments_free_a_connection_of_its_windows);
	tcase_add_test(cases, a_transfer_is_valid_throughout);
	suite_add_tcase(suite, cases);
	return ct_run(suite);
}
