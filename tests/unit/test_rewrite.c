/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes to headers: random packets, whole or with only some bytes in hdr, as mbufs and as snapshots, and random
 * series of changes, against a naive twin that changes flat frames and computes all checksums from scratch.
 */
#include <check.h>

#include "eal.h"
#include "naive_rewrite.h"
#include "offload.h"
#include "parse.h"

#define ROUNDS 40000
#define STEPS_MAX 6
#define FRONT 8  /* bytes in front of a snapshot that two tags may take */
#define DEEP 220 /* from here on l4 may come too near to its highest value for hd_parse */

static struct rte_mempool *pool;
static struct random dice;
static struct flow_frame model;
static uint8_t flat[FLOW_FRAME_MAX + 2 * FRONT];

static struct {
	struct hd_pkt pkt;
	struct hd_seg seg;
	uint8_t *memory, *rest;
	bool finish; /* NEEDS_CSUM: the checksum is not there yet */
} packet;
static uint32_t applied[HD_FIELD_COUNT], refused[HD_FIELD_COUNT], finished;

static bool chance(uint32_t one_in)
{
	return random_below(&dice, one_in) == 0;
}

/* ---- Packets ---- */

static void describe_mbuf(const struct flow_frame *f)
{
	static const uint16_t headrooms[] = {RTE_PKTMBUF_HEADROOM, RTE_PKTMBUF_HEADROOM, 0, 4, 7, 8, 12};
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool), *tail;

	ck_assert_ptr_nonnull(head);
	head->data_off = headrooms[random_below(&dice, RTE_DIM(headrooms))];
	memcpy(rte_pktmbuf_append(head, (uint16_t)f->first), f->bytes, f->first);
	if (f->first < f->len) {
		tail = rte_pktmbuf_alloc(pool);
		ck_assert_ptr_nonnull(tail);
		memcpy(rte_pktmbuf_append(tail, (uint16_t)(f->len - f->first)), f->bytes + f->first, f->len - f->first);
		rte_pktmbuf_chain(head, tail);
	}
	packet.pkt = (struct hd_pkt){.mbuf = head, .hdr = rte_pktmbuf_mtod(head, uint8_t *)};
}

static void describe(const struct flow_frame *f)
{
	memset(&packet, 0, sizeof(packet));
	if (chance(2)) {
		describe_mbuf(f);
	} else {
		packet.memory = malloc(FRONT + f->first);
		memcpy(packet.memory + FRONT, f->bytes, f->first);
		packet.rest = exact_copy(f->bytes + f->first, f->len - f->first);
		packet.seg = (struct hd_seg){packet.rest, f->len - f->first};
		packet.pkt = (struct hd_pkt){.hdr = packet.memory + FRONT, .seg = &packet.seg, .n_seg = 1};
	}
	packet.pkt.len = f->len;
	packet.pkt.hdr_len = (uint16_t)f->first;
	packet.pkt.off.flags = chance(2) ? HD_OFF_CSUM_VALID : 0;
}

static void discard(void)
{
	rte_pktmbuf_free(packet.pkt.mbuf);
	free(packet.memory);
	free(packet.rest);
}

/* Takes the L4 checksum away again, if the packet can be one whose source left it to others. */
static void leave_checksum(void)
{
	struct layout l = naive_layout(&model, model.first);
	uint32_t field = l.proto == 6 ? 16 : 6;
	uint8_t *at = packet.pkt.hdr + l.l4 + field;

	if (l.l4 == 0 || (l.proto != 6 && l.proto != 17) || l.fragment || l.end != model.len || packet.pkt.l4 == 0)
		return;
	put16(model.bytes + l.l4 + field, 1); /* not 0, which would stay */
	flow_frame_sum(&model);
	put16(at, naive_pseudo_of(&model, &l));
	packet.pkt.off = (struct hd_offload){
		.flags = HD_OFF_NEEDS_CSUM, .csum_start = (uint16_t)l.l4, .csum_offset = (uint16_t)field};
	ck_assert_int_eq(hd_parse(&packet.pkt), HD_DROP_NONE);
	packet.finish = true;
}

/* A new packet, and its twin in `model`, accepted by hd_parse. */
static void make(void)
{
	for (;;) {
		struct layout l;

		flow_frame_make(&dice, &model);
		l = naive_layout(&model, model.len);
		if (l.l4 != 0 && l.proto == 17 && chance(4)) {
			put16(model.bytes + l.l4 + 6, 0); /* no checksum */
		}
		if (chance(3))
			model.first = between(&dice, 14, RTE_MIN(model.len, 200));
		describe(&model);
		if (hd_parse(&packet.pkt) == HD_DROP_NONE)
			break;
		discard();
	}
	if (chance(2))
		leave_checksum();
}

/* ---- Comparing ---- */

static void check_mbuf(const struct hd_pkt *pkt)
{
	uint32_t total = 0;

	for (const struct rte_mbuf *mbuf = pkt->mbuf; mbuf != NULL; mbuf = mbuf->next)
		total += mbuf->data_len;
	ck_assert_uint_eq(pkt->mbuf->pkt_len, total);
	ck_assert_uint_eq(total, pkt->len);
	ck_assert_uint_eq(pkt->mbuf->data_len, pkt->hdr_len);
	ck_assert_ptr_eq(pkt->hdr, rte_pktmbuf_mtod(pkt->mbuf, uint8_t *));
}

/* What is said of the packet is what hd_parse would say. False if it would refuse it (behind a third tag). */
static bool check_description(const struct hd_pkt *pkt)
{
	struct hd_pkt again = *pkt;

	ck_assert_uint_eq(pkt->len, model.len);
	ck_assert_uint_eq(pkt->hdr_len, model.first);
	if (pkt->mbuf != NULL)
		check_mbuf(pkt);
	if (hd_parse(&again) != HD_DROP_NONE)
		return false;
	ck_assert_uint_eq(pkt->eth_type, again.eth_type);
	ck_assert_uint_eq(pkt->tci, again.tci);
	ck_assert_uint_eq(pkt->flags, again.flags);
	ck_assert_uint_eq(pkt->l3, again.l3);
	if (pkt->l4 != again.l4)
		ck_assert(pkt->l4 > DEEP || again.l4 > DEEP);
	else if (pkt->l4 != 0)
		ck_assert_uint_eq(pkt->l4_proto, again.l4_proto);
	ck_assert_mem_eq(&pkt->off, &again.off, sizeof(pkt->off));
	return true;
}

static void check_bytes(const char *what)
{
	ck_assert(hd_pkt_read(&packet.pkt, 0, packet.pkt.len, flat));
	for (uint32_t i = 0; i < model.len; i++)
		if (flat[i] != model.bytes[i])
			ck_abort_msg("%s: byte %u (l3 %u, l4 %u) is %02x, should be %02x", what, i, packet.pkt.l3,
				     packet.pkt.l4, flat[i], model.bytes[i]);
}

/* ---- Steps: each returns what the packet and the model should agree on. ---- */

static hd_u128 any_number(void)
{
	return (hd_u128)random_next(&dice) << 64 | random_next(&dice);
}

static hd_u128 any_mask(void)
{
	switch (random_below(&dice, 4)) {
	case 0:
		return any_number();
	case 1:
		return any_number() & any_number() & any_number();
	default:
		return ~(hd_u128)0;
	}
}

static bool step_set(void)
{
	enum hd_field_id field = (enum hd_field_id)random_below(&dice, HD_FIELD_REG0 + 1);
	hd_u128 value = chance(5) ? 0 : any_number(), mask = any_mask();
	bool is, should;

	if (naive_layout(&model, model.first).nd_target != 0 && chance(2)) /* they are rare */
		field = (enum hd_field_id)between(&dice, HD_FIELD_ND_TARGET, HD_FIELD_ND_TLL);
	is = hd_rewrite_set(&packet.pkt, field, value, mask);
	should = naive_set(&model, field, value, mask);
	ck_assert_msg(is == should, "field %d: %s", (int)field, is ? "set, is not there" : "not set, is there");
	*(is ? &applied[field] : &refused[field]) += 1;
	return is;
}

static bool step_tuple(void)
{
	uint8_t addresses[2][16];
	struct hd_rewrite_tuple tuple = {
		.src = chance(2) ? addresses[0] : NULL,
		.dst = chance(2) ? addresses[1] : NULL,
		.src_port = (uint16_t)random_next(&dice),
		.dst_port = (uint16_t)random_next(&dice),
		.set_src_port = chance(2),
		.set_dst_port = chance(2),
	};
	bool is;

	for (size_t i = 0; i < sizeof(addresses); i++)
		addresses[i / 16][i % 16] = (uint8_t)random_next(&dice);
	is = hd_rewrite_tuple(&packet.pkt, &tuple);
	ck_assert_int_eq(is, naive_tuple(&model, &tuple));
	return is;
}

static bool step_push(void)
{
	static const uint16_t types[] = {0x8100, 0x8100, 0x88a8, 0x88a8, 0x9100};
	uint16_t type = types[random_below(&dice, RTE_DIM(types))];
	bool room = packet.pkt.mbuf == NULL || packet.pkt.mbuf->data_off >= 8;
	bool is = hd_rewrite_push_vlan(&packet.pkt, type);

	ck_assert_int_eq(is, room && naive_push(&model, type));
	return is;
}

static void step(void)
{
	switch (random_below(&dice, 8)) {
	case 0:
		step_push();
		break;
	case 1:
		ck_assert_int_eq(hd_rewrite_pop_vlan(&packet.pkt), naive_pop(&model));
		break;
	case 2:
		ck_assert_int_eq(hd_rewrite_dec_ttl(&packet.pkt), naive_dec_ttl(&model));
		break;
	case 3:
		step_tuple();
		break;
	default:
		step_set();
		break;
	}
}

/* ---- */

static void check_series(void)
{
	uint32_t steps = between(&dice, 1, STEPS_MAX);
	struct hd_pkt pkt;

	for (uint32_t i = 0; i < steps; i++) {
		bool third = packet.pkt.eth_type == 0x8100 || packet.pkt.eth_type == 0x88a8;

		step();
		if (!packet.finish)
			check_bytes("after a step");
		if (!check_description(&packet.pkt)) {
			ck_assert(third && packet.pkt.l3 == 0);
			return;
		}
	}
	if (!packet.finish)
		return;
	pkt = packet.pkt;
	ck_assert(hd_offload_checksum(&pkt));
	check_bytes("finished");
	finished++;
}

START_TEST(test_random)
{
	random_start(&dice, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		make();
		check_series();
		discard();
	}
	ck_assert_uint_gt(finished, ROUNDS / 20);
	for (int field = 0; field < HD_FIELD_REG0; field++) {
		bool fixed = field == HD_FIELD_ETH_TYPE || field == HD_FIELD_IP_PROTO || field == HD_FIELD_IP_FRAG ||
			     field == HD_FIELD_TCP_FLAGS;

		ck_assert_msg(fixed ? applied[field] == 0 && refused[field] > 0 : applied[field] > 20,
			      "field %d: set %u times, refused %u", field, applied[field], refused[field]);
	}
}
END_TEST

/* What was wrong by so much stays so, for the receiver to see. */
START_TEST(test_wrong_stays_wrong)
{
	random_start(&dice, __func__);
	for (int round = 0; round < ROUNDS / 4; round++) {
		uint32_t error = between(&dice, 1, 0xfffe), is, should, field;
		struct layout l;

		make();
		l = naive_layout(&model, model.first);
		field = l.l4 + (l.proto == 6 ? 16 : 2);
		if (packet.finish || l.l4 == 0 || (l.proto != 6 && l.proto != 58 && l.proto != 1)) {
			discard();
			continue;
		}
		put16(packet.pkt.hdr + field, naive_sum(packet.pkt.hdr + field, 2, error));
		for (int i = 0; i < 3; i++) {
			hd_u128 value = any_number(), mask = any_mask();
			enum hd_field_id id = between(&dice, HD_FIELD_IPV4_SRC, HD_FIELD_ND_TLL);

			ck_assert_int_eq(hd_rewrite_set(&packet.pkt, id, value, mask),
					 naive_set(&model, id, value, mask));
		}
		is = get16(packet.pkt.hdr + field);
		should = get16(model.bytes + field);
		ck_assert_uint_eq((is + 0xffff - should) % 0xffff, error);
		discard();
	}
}
END_TEST

/* The port that makes the sum all ones: UDP says 0xffff then, as 0 means that there is no checksum. */
START_TEST(test_udp_zero)
{
	uint32_t done = 0;

	random_start(&dice, __func__);
	while (done < 200) {
		const uint8_t *udp;
		struct layout l;
		uint32_t port;

		make();
		l = naive_layout(&model, model.first);
		udp = packet.pkt.hdr + l.l4;
		if (!packet.finish && l.l4 != 0 && l.proto == 17 && get16(udp + 6) != 0) {
			port = naive_sum(udp + 6, 2, get16(udp));
			ck_assert(hd_rewrite_set(&packet.pkt, HD_FIELD_UDP_SRC, port, UINT16_MAX));
			ck_assert(naive_set(&model, HD_FIELD_UDP_SRC, port, UINT16_MAX));
			ck_assert_uint_eq(get16(udp + 6), 0xffff);
			check_bytes("sum of all ones");
			done++;
		}
		discard();
	}
}
END_TEST

/* An ICMP message that becomes all zeros: of a sum of 0 the checksum is 0xffff. */
START_TEST(test_icmp_zero)
{
	static const uint8_t frame[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 28, 0, 0, 0,
					0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0,    0, 0, 0,  0, 0, 0};

	random_start(&dice, __func__);
	memcpy(model.bytes, frame, sizeof(frame));
	model.len = model.first = sizeof(frame);
	flow_frame_sum(&model);
	describe(&model);
	ck_assert_int_eq(hd_parse(&packet.pkt), HD_DROP_NONE);
	ck_assert(hd_rewrite_set(&packet.pkt, HD_FIELD_ICMP_TYPE, 0, UINT8_MAX));
	ck_assert(naive_set(&model, HD_FIELD_ICMP_TYPE, 0, UINT8_MAX));
	ck_assert_uint_eq(get16(packet.pkt.hdr + 36), 0xffff);
	check_bytes("message of zeros");
	discard();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rewrite");
	TCase *tcase = tcase_create("rewrite");
	SRunner *runner;
	int failed;

	eal_start();
	pool = rte_pktmbuf_pool_create("test", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		return EXIT_FAILURE;
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_random);
	tcase_add_test(tcase, test_udp_zero);
	tcase_add_test(tcase, test_icmp_zero);
	tcase_add_test(tcase, test_wrong_stays_wrong);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
