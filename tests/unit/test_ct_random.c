/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random traffic of many flows in several zones, with time passing, sweeps and flushes, against a naive twin: a row for
 * each flow that says whether it is stored and in which state.
 *
 * A packet of a flow whose end is a matter of rounding (a tick and a late stamp) is not sent.
 */
#include <check.h>

#include "ct_world.h"

#define FLOWS 300
#define ZONES 3
#define OPERATIONS 400000
#define ROUNDING (SECOND + SECOND / 2)

#define F 0x01
#define S 0x02
#define R 0x04
#define A 0x10

enum tcp { NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE };

struct side {
	uint32_t next; /* sequence number */
	bool fin, fin_acked;
};

struct twin {
	struct flow flow; /* as its first packet, or as the next first one may be */
	uint16_t zone;
	bool stored, replied;
	enum tcp tcp;
	struct side side[2];
	uint64_t last;
	uint32_t mark;
	uint32_t hint[2];
};

struct world {
	struct hd_ct *ct;
	struct random random;
	struct twin twin[FLOWS];
	uint64_t now;
	uint64_t sent[3]; /* new, established, invalid */
	uint64_t ended;
};

static uint64_t timeout_of(const struct world *world, const struct twin *twin)
{
	static const enum hd_ct_timeout tcp[] = {
		[SYN_SENT] = HD_CT_TCP_SYN_SENT,       [SYN_RECV] = HD_CT_TCP_SYN_RECV,
		[ESTABLISHED] = HD_CT_TCP_ESTABLISHED, [FIN_WAIT] = HD_CT_TCP_FIN_WAIT,
		[CLOSE_WAIT] = HD_CT_TCP_CLOSE_WAIT,   [LAST_ACK] = HD_CT_TCP_LAST_ACK,
		[TIME_WAIT] = HD_CT_TCP_TIME_WAIT,     [CLOSE] = HD_CT_TCP_CLOSE,
	};
	enum hd_ct_timeout which;

	if (twin->flow.proto == IPPROTO_TCP)
		which = tcp[twin->tcp];
	else if (twin->flow.proto == IPPROTO_UDP)
		which = twin->replied ? HD_CT_UDP_MULTIPLE : HD_CT_UDP_SINGLE;
	else
		which = twin->replied ? HD_CT_ICMP_REPLY : HD_CT_ICMP_FIRST;
	return hd_ct_timeout(world->ct, which) * SECOND;
}

/* Forget it if it is over. False if that can't be told. */
static bool settle(struct world *world, struct twin *twin)
{
	uint64_t age = world->now - twin->last, timeout = timeout_of(world, twin);

	if (!twin->stored || age <= timeout)
		return true;
	if (age <= timeout + ROUNDING)
		return false;
	twin->stored = twin->replied = false;
	twin->tcp = NONE;
	world->ended++;
	return true;
}

static struct hd_ct_view talk(struct world *world, struct twin *twin, unsigned int dir, const struct segment *segment,
			      bool store)
{
	bool nat = random_below(&world->random, 2); /* there is nothing to translate */
	struct flow back = flow_back(&twin->flow);
	uint32_t hint = random_below(&world->random, 3) ? twin->hint[dir] : (uint32_t)random_below(&world->random, 800);
	struct packet packet;
	struct hd_ct_view view;

	packet_make(&packet, dir ? &back : &twin->flow, segment, twin->flow.proto == IPPROTO_TCP ? 0 : 3);
	hd_ct_track(world->ct, 0, &packet.pkt, twin->zone, hint, nat, world->now, &view);
	if (store && view.state == NEW)
		ck_assert_int_eq(hd_ct_commit(world->ct, 0, &packet.pkt, HD_CT_ACT_COMMIT, NULL, world->now, &view), 0);
	twin->hint[dir] = view.hint;
	packet_free(&packet);
	world->sent[view.state & HD_CT_NEW ? 0 : view.state & HD_CT_EST ? 1 : 2]++;
	return view;
}

static void check_view(const struct twin *twin, const struct hd_ct_view *view, uint8_t state)
{
	ck_assert_uint_eq(view->state, state);
	ck_assert_uint_eq(view->mark, state & HD_CT_INV ? 0 : twin->mark);
	ck_assert_int_eq(view->conn != NULL, twin->stored && !(state & HD_CT_INV));
}

static void stored(struct world *world, struct twin *twin)
{
	twin->stored = true;
	twin->last = world->now;
}

static void begin(struct twin *twin)
{
	twin->stored = twin->replied = false;
	twin->mark = 0;
}

/* ---- UDP and ICMP ---- */

static void plain_packet(struct world *world, struct twin *twin)
{
	unsigned int dir = random_below(&world->random, 2);
	bool store = random_below(&world->random, 2);
	struct hd_ct_view view;

	if (!twin->stored) {
		begin(twin);
		if (dir == 1 && !flow_is_icmp(&twin->flow)) { /* anybody may begin */
			twin->flow = flow_back(&twin->flow);
			dir = 0;
		}
		view = talk(world, twin, dir, NULL, store);
		if (dir == 0 && store)
			stored(world, twin);
		check_view(twin, &view, dir == 0 ? NEW : INV);
		return;
	}
	view = talk(world, twin, dir, NULL, store);
	twin->replied = twin->replied || dir == 1;
	twin->last = world->now;
	check_view(twin, &view, dir == 1 ? REPLY : twin->replied ? EST : NEW);
}

/* ---- TCP ---- */

static uint8_t expected(const struct twin *twin, unsigned int dir)
{
	return dir == 1 ? REPLY : twin->replied ? EST : NEW;
}

static void tcp_begin(struct world *world, struct twin *twin)
{
	struct segment segment = {
		.flags = S, .seq = (uint32_t)random_next(&world->random), .window = 60000, .scale = -1};
	struct hd_ct_view view;

	begin(twin);
	if (random_below(&world->random, 2))
		twin->flow = flow_back(&twin->flow);
	twin->side[0] = (struct side){.next = segment.seq};
	twin->side[1] = (struct side){.next = (uint32_t)random_next(&world->random)};
	view = talk(world, twin, 0, &segment, true);
	twin->tcp = SYN_SENT;
	stored(world, twin);
	check_view(twin, &view, NEW);
}

static enum tcp closing(const struct twin *twin)
{
	const struct side *a = &twin->side[0], *b = &twin->side[1];

	if (a->fin && b->fin)
		return a->fin_acked && b->fin_acked ? TIME_WAIT : LAST_ACK;
	if (a->fin || b->fin)
		return a->fin_acked || b->fin_acked ? CLOSE_WAIT : FIN_WAIT;
	return ESTABLISHED;
}

/* A segment that this side may send now, and what it makes of the connection. */
static void tcp_segment(struct world *world, struct twin *twin, unsigned int dir, uint8_t flags)
{
	struct side *mine = &twin->side[dir], *other = &twin->side[!dir];
	struct segment segment = {.flags = flags, .seq = mine->next, .ack = other->next, .window = 60000, .scale = -1};
	struct hd_ct_view view;

	if (mine->fin && (flags & F))
		segment.seq--; /* again */
	view = talk(world, twin, dir, &segment, false);
	if (dir == 1)
		twin->replied = true;
	twin->last = world->now;
	if ((flags & F) && !mine->fin) {
		mine->fin = true;
		mine->next++;
	}
	if (other->fin && (flags & A))
		other->fin_acked = true;
	check_view(twin, &view, expected(twin, dir));
}

static void tcp_invalid(struct world *world, struct twin *twin)
{
	unsigned int dir = random_below(&world->random, 2);
	struct segment segment = {.flags = A, .window = 60000, .scale = -1};
	struct hd_ct_view view;

	segment.seq = twin->side[dir].next + 500000 + random_below(&world->random, 1000000);
	segment.ack = twin->side[!dir].next;
	if (random_below(&world->random, 2))
		segment.flags = (uint8_t[]){0, S | F, S | R, F, R | F}[random_below(&world->random, 5)];
	view = talk(world, twin, dir, &segment, true);
	check_view(twin, &view, INV);
}

static void tcp_open(struct world *world, struct twin *twin)
{
	struct segment segment = {.flags = S, .window = 60000, .scale = -1};
	struct hd_ct_view view;

	if (twin->tcp == SYN_SENT && random_below(&world->random, 4) == 0) {
		segment.seq = twin->side[0].next; /* again */
		view = talk(world, twin, 0, &segment, true);
		check_view(twin, &view, NEW);
	} else if (twin->tcp == SYN_SENT) {
		segment.flags = S | A;
		segment.seq = twin->side[1].next;
		segment.ack = twin->side[0].next + 1;
		view = talk(world, twin, 1, &segment, true);
		twin->side[0].next++;
		twin->side[1].next++;
		twin->tcp = SYN_RECV;
		twin->replied = true;
		check_view(twin, &view, REPLY);
	} else {
		tcp_segment(world, twin, 0, A);
		twin->tcp = ESTABLISHED;
		return;
	}
	twin->last = world->now;
}

static void tcp_packet(struct world *world, struct twin *twin)
{
	uint32_t dice = random_below(&world->random, 100);
	unsigned int dir = random_below(&world->random, 2);

	if (!twin->stored || ((twin->tcp == TIME_WAIT || twin->tcp == CLOSE) && dice < 50)) {
		tcp_begin(world, twin);
	} else if (dice < 10 && twin->tcp >= SYN_RECV) {
		tcp_invalid(world, twin);
	} else if (twin->tcp == SYN_SENT || twin->tcp == SYN_RECV) {
		tcp_open(world, twin);
	} else if (dice < 13) {
		tcp_segment(world, twin, dir, R | A);
		twin->side[!dir].fin_acked = false;
		twin->tcp = CLOSE;
	} else {
		tcp_segment(world, twin, dir, dice < 25 ? F | A : A);
		if (twin->tcp != CLOSE)
			twin->tcp = closing(twin);
	}
}

/* ---- Everything else ---- */

static void set_mark(struct world *world, struct twin *twin)
{
	struct hd_ct_view view;
	struct segment segment = {
		.flags = A, .seq = twin->side[0].next, .ack = twin->side[1].next, .window = 60000, .scale = -1};

	if (!twin->stored || (twin->flow.proto == IPPROTO_TCP && twin->tcp != ESTABLISHED))
		return;
	view = talk(world, twin, 0, &segment, false);
	ck_assert_ptr_nonnull(view.conn);
	twin->last = world->now;
	twin->mark = (uint32_t)random_next(&world->random);
	hd_ct_set_mark(world->ct, &view, twin->mark, UINT32_MAX);
}

static void flush(struct world *world)
{
	uint16_t zone = (uint16_t)random_below(&world->random, ZONES);

	hd_ct_flush(world->ct, zone, NULL);
	ck_assert_uint_eq(hd_ct_zone_count(world->ct, zone), 0);
	for (int i = 0; i < FLOWS; i++) {
		if (world->twin[i].zone != zone)
			continue;
		world->twin[i].stored = world->twin[i].replied = false;
		world->twin[i].tcp = NONE;
	}
}

static bool is_entry(const struct twin *twin, const struct hd_ct_entry *entry)
{
	return twin->zone == entry->zone && twin->flow.proto == entry->orig.proto &&
	       twin->flow.family == entry->orig.family && memcmp(twin->flow.src, entry->orig.src, 16) == 0 &&
	       memcmp(twin->flow.dst, entry->orig.dst, 16) == 0 && twin->flow.src_port == entry->orig.src_port &&
	       twin->flow.dst_port == entry->orig.dst_port;
}

static void check_entry(struct world *world, const struct hd_ct_entry *entry)
{
	static const char *const names[] = {NULL,         "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
					    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"};

	for (int i = 0; i < FLOWS; i++) {
		struct twin *twin = &world->twin[i];

		if (!is_entry(twin, entry))
			continue;
		if (!twin->stored)
			return; /* of rounding: checked by number */
		ck_assert_uint_eq(entry->mark, twin->mark);
		ck_assert_int_eq(entry->seen_reply, twin->replied);
		ck_assert((entry->state == NULL) == (twin->flow.proto != IPPROTO_TCP));
		if (entry->state != NULL)
			ck_assert_str_eq(entry->state, names[twin->tcp]);
		return;
	}
	ck_abort_msg("a connection that nobody has made");
}

static void compare(struct world *world)
{
	uint32_t certain = 0, doubtful = 0, n = 0;
	struct hd_ct_entry entry;
	uint64_t cursor = 0;

	ct_sweep(world->ct, world->now);
	for (int i = 0; i < FLOWS; i++) {
		if (!settle(world, &world->twin[i]))
			doubtful++;
		else
			certain += world->twin[i].stored;
	}
	for (; hd_ct_next(world->ct, &cursor, &entry); n++)
		check_entry(world, &entry);
	ck_assert_uint_ge(n, certain);
	ck_assert_uint_le(n, certain + doubtful);
	ck_assert_uint_eq(n, ct_count(world->ct));
}

static void prepare(struct world *world)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	for (int i = 0; i < FLOWS; i++) {
		struct twin *twin = &world->twin[i];
		uint8_t proto = protos[random_below(&world->random, 3)];
		bool v6 = random_below(&world->random, 2);

		*twin = (struct twin){.zone = (uint16_t)(i % ZONES)};
		if (proto == IPPROTO_ICMP && v6)
			proto = IPPROTO_ICMPV6;
		twin->flow =
			flow_of(proto, v6 ? "fd00::1" : "10.0.0.1", (uint16_t)(i / ZONES), v6 ? "fd00::2" : "10.0.0.2",
				proto == IPPROTO_ICMP     ? 0x800
				: proto == IPPROTO_ICMPV6 ? 0x8000
							  : 80);
	}
	hd_ct_set_timeout(world->ct, HD_CT_TCP_ESTABLISHED, 150);
}

START_TEST(traffic_is_tracked_as_by_the_twin)
{
	static struct world world;

	random_start(&world.random, "traffic_is_tracked_as_by_the_twin");
	world.ct = ct_make(4 * FLOWS);
	world.now = START;
	prepare(&world);
	for (int i = 0; i < OPERATIONS; i++) {
		struct twin *twin = &world.twin[random_below(&world.random, FLOWS)];
		uint32_t dice = random_below(&world.random, 10000);

		world.now += random_below(&world.random, random_below(&world.random, 50) ? 30 : 3000);
		if (dice < 5)
			flush(&world);
		else if (dice < 50)
			compare(&world);
		else if (dice < 300)
			hd_ct_tick(world.ct, world.now);
		else if (!settle(&world, twin))
			continue;
		else if (dice < 600)
			set_mark(&world, twin);
		else if (twin->flow.proto == IPPROTO_TCP)
			tcp_packet(&world, twin);
		else
			plain_packet(&world, twin);
	}
	printf("%" PRIu64 " new, %" PRIu64 " established, %" PRIu64 " invalid; %" PRIu64 " connections timed out\n",
	       world.sent[0], world.sent[1], world.sent[2], world.ended);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_gt(world.sent[i], 1000);
	ck_assert_uint_gt(world.ended, 100);
	hd_ct_destroy(world.ct);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ct_random");
	TCase *cases = tcase_create("ct_random");

	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, traffic_is_tracked_as_by_the_twin);
	suite_add_tcase(suite, cases);
	return ct_run(suite);
}
