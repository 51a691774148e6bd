/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading of flow keys: a table of frames made by hand, and random frames, whole, cut and mutated, against a naive
 * reading. hdr is heap memory of exactly its size, so that a sanitizer sees each byte read beyond it.
 */
#include <check.h>
#include <ctype.h>

#include "flow/key_extract.h"
#include "flow_frames.h"
#include "parse.h"

#define ROUNDS 30000
#define OFPORT 0x0123

/* ---- By hand ---- */

#define MACS "02 00 00 00 00 01  02 00 00 00 00 02 "
#define IP4 "45 b9 00 28 00 01 40 00 40 06 00 00 0a 00 00 01 0a 00 00 02 "
#define TCP "12 34 00 50 00 00 00 01 00 00 00 02 51 12 00 00 00 00 00 00 "
#define IP6_HEAD "6a b1 23 45 "
#define IP6_ADDRESSES "fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 "
#define TARGET "fe 80 00 00 00 00 00 00 00 00 00 00 00 00 00 09 "

struct row {
	const char *what;
	const char *frame; /* hexadecimal; "xx" pads with zero bytes to hdr_len */
	struct hd_key key; /* in_port and the MACs are filled in */
};

#define BE16(x) ((uint16_t)((x) >> 8 | ((x)&0xff) << 8))
#define BE32(x) ((uint32_t)BE16((x) >> 16) | (uint32_t)BE16((x)&0xffff) << 16)
#define IP4_KEY                                                                                                        \
	.eth_type = BE16(0x0800), .ip_tos = 0xb9, .ip_ttl = 0x40, .ipv4_src = BE32(0x0a000001),                        \
	.ipv4_dst = BE32(0x0a000002)
#define TCP_KEY .ip_proto = 6, .tp_src = BE16(0x1234), .tp_dst = BE16(80), .tcp_flags = BE16(0x112)
#define IP6_KEY                                                                                                        \
	.eth_type = BE16(0x86dd), .ip_tos = 0xab, .ip_ttl = 0xff, .ipv6_label = BE32(0x12345),                         \
	.ipv6_src = {0xfd, [15] = 1}, .ipv6_dst = {0xfd, [15] = 2}
#define TARGET_KEY .nd_target = {0xfe, 0x80, [15] = 9}
#define LLADDR                                                                                                         \
	{                                                                                                              \
		6, 5, 4, 3, 2, 1                                                                                       \
	}

static const struct row rows[] = {
	{"TCP", MACS "08 00" IP4 TCP, {.word = {0}, IP4_KEY, TCP_KEY}},
	{"TCP, tag", MACS "81 00 a0 0a 08 00" IP4 TCP, {.word = {0}, IP4_KEY, TCP_KEY, .vlan_tci = BE16(0xb00a)}},
	{"TCP, service tag",
	 MACS "88 a8 00 0a 08 00" IP4 TCP,
	 {.word = {0}, IP4_KEY, TCP_KEY, .vlan_tci = BE16(0x100a)}},
	{"TCP, two tags",
	 MACS "88 a8 00 0a 81 00 e0 0b 08 00" IP4 TCP,
	 {.word = {0}, IP4_KEY, TCP_KEY, .vlan_tci = BE16(0x100a), .vlan_tci2 = BE16(0xf00b)}},
	{"TCP, two tags of one kind",
	 MACS "81 00 00 0a 81 00 e0 0b 08 00" IP4 TCP,
	 {.word = {0}, IP4_KEY, TCP_KEY, .vlan_tci = BE16(0x100a), .vlan_tci2 = BE16(0xf00b)}},
	{"TCP, three tags",
	 MACS "88 a8 00 0a 81 00 e0 0b 81 00 00 01 08 00" IP4 TCP,
	 {.word = {0}, .eth_type = BE16(0x8100), .vlan_tci = BE16(0x100a), .vlan_tci2 = BE16(0xf00b)}},
	{"VLAN 0 is a tag",
	 MACS "81 00 00 00 08 00" IP4 TCP,
	 {.word = {0}, IP4_KEY, TCP_KEY, .vlan_tci = BE16(0x1000)}},
	{"first fragment",
	 MACS "08 00 45 b9 00 28 00 01 20 00 40 06 00 00 0a 00 00 01 0a 00 00 02" TCP,
	 {.word = {0}, IP4_KEY, TCP_KEY, .ip_frag = 1}},
	{"later fragment",
	 MACS "08 00 45 b9 00 28 00 01 20 05 40 06 00 00 0a 00 00 01 0a 00 00 02" TCP,
	 {.word = {0}, IP4_KEY, .ip_proto = 6, .ip_frag = 3}},
	{"last fragment",
	 MACS "08 00 45 b9 00 28 00 01 00 05 40 06 00 00 0a 00 00 01 0a 00 00 02" TCP,
	 {.word = {0}, IP4_KEY, .ip_proto = 6, .ip_frag = 3}},
	{"first fragment, TCP header not whole",
	 MACS "08 00 45 b9 00 24 00 01 20 00 40 06 00 00 0a 00 00 01 0a 00 00 02" TCP,
	 {.word = {0}, IP4_KEY, .ip_proto = 6, .ip_frag = 1}},
	{"UDP, options",
	 MACS "08 00 46 b9 00 20 00 01 00 00 40 11 00 00 0a 00 00 01 0a 00 00 02 94 04 00 00 00 35 12 34 00 08 00 00",
	 {.word = {0}, IP4_KEY, .ip_proto = 17, .tp_src = BE16(0x35), .tp_dst = BE16(0x1234)}},
	{"SCTP",
	 MACS "08 00 45 b9 00 20 00 01 00 00 40 84 00 00 0a 00 00 01 0a 00 00 02 00 35 12 34 00 00 00 01 00 00 00 02",
	 {.word = {0}, IP4_KEY, .ip_proto = 132, .tp_src = BE16(0x35), .tp_dst = BE16(0x1234)}},
	{"SCTP, header not whole",
	 MACS "08 00 45 b9 00 1f 00 01 00 00 40 84 00 00 0a 00 00 01 0a 00 00 02 00 35 12 34 00 00 00 01 00 00 00 02",
	 {.word = {0}, IP4_KEY, .ip_proto = 132}},
	{"ICMP",
	 MACS "08 00 45 b9 00 1c 00 01 00 00 40 01 00 00 0a 00 00 01 0a 00 00 02 08 07 00 00 00 01 00 02",
	 {.word = {0}, IP4_KEY, .ip_proto = 1, .tp_src = BE16(8), .tp_dst = BE16(7)}},
	{"ICMPv6 in IPv4",
	 MACS "08 00 45 b9 00 1c 00 01 00 00 40 3a 00 00 0a 00 00 01 0a 00 00 02 87 00 00 00 00 01 00 02",
	 {.word = {0}, IP4_KEY, .ip_proto = 58}},
	{"GRE",
	 MACS "08 00 45 b9 00 1c 00 01 00 00 40 2f 00 00 0a 00 00 01 0a 00 00 02 00 00 08 00 00 01 00 02",
	 {.word = {0}, IP4_KEY, .ip_proto = 47}},
	{"ARP",
	 MACS "08 06 00 01 08 00 06 04 00 02 06 05 04 03 02 01 0a 00 00 01 11 12 13 14 15 16 0a 00 00 02",
	 {.word = {0},
	  .eth_type = BE16(0x0806),
	  .ip_proto = 2,
	  .ipv4_src = BE32(0x0a000001),
	  .ipv4_dst = BE32(0x0a000002),
	  .arp_sha = LLADDR,
	  .arp_tha = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16}}},
	{"ARP, opcode of two bytes",
	 MACS "08 06 00 01 08 00 06 04 01 02 06 05 04 03 02 01 0a 00 00 01 11 12 13 14 15 16 0a 00 00 02",
	 {.word = {0},
	  .eth_type = BE16(0x0806),
	  .ipv4_src = BE32(0x0a000001),
	  .ipv4_dst = BE32(0x0a000002),
	  .arp_sha = LLADDR,
	  .arp_tha = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16}}},
	{"ARP, not of Ethernet",
	 MACS "08 06 00 02 08 00 06 04 00 02 06 05 04 03 02 01 0a 00 00 01 11 12 13 14 15 16 0a 00 00 02",
	 {.word = {0}, .eth_type = BE16(0x0806)}},
	{"ARP, cut off",
	 MACS "08 06 00 01 08 00 06 04 00 02 06 05 04 03 02 01 0a 00 00 01 11 12 13 14 15 16 0a 00 00",
	 {.word = {0}, .eth_type = BE16(0x0806)}},
	{"802.3", MACS "00 26 42 42 03 00 00 00 00 00", {.word = {0}, .eth_type = BE16(0x05ff)}},
	{"802.3, longest", MACS "05 dc 42 42 03", {.word = {0}, .eth_type = BE16(0x05ff)}},
	{"Ethernet II, lowest", MACS "06 00 42 42 03", {.word = {0}, .eth_type = BE16(0x0600)}},
	{"other, tag", MACS "81 00 00 0a 88 cc 42", {.word = {0}, .eth_type = BE16(0x88cc), .vlan_tci = BE16(0x100a)}},
	{"IPv6 TCP", MACS "86 dd" IP6_HEAD "00 14 06 ff" IP6_ADDRESSES TCP, {.word = {0}, IP6_KEY, TCP_KEY}},
	{"IPv6 TCP, extensions",
	 MACS "86 dd" IP6_HEAD "00 34 00 ff" IP6_ADDRESSES "2b 00 00 00 00 00 00 00 33 00 00 00 00 00 00 00"
	      "06 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00" TCP,
	 {.word = {0}, IP6_KEY, TCP_KEY}},
	{"IPv6 TCP, first fragment",
	 MACS "86 dd" IP6_HEAD "00 1c 2c ff" IP6_ADDRESSES "06 00 00 01 00 00 00 00" TCP,
	 {.word = {0}, IP6_KEY, TCP_KEY, .ip_frag = 1}},
	{"IPv6 TCP, atomic fragment",
	 MACS "86 dd" IP6_HEAD "00 1c 2c ff" IP6_ADDRESSES "06 00 00 00 00 00 00 00" TCP,
	 {.word = {0}, IP6_KEY, TCP_KEY}},
	{"IPv6 TCP, later fragment",
	 MACS "86 dd" IP6_HEAD "00 1c 2c ff" IP6_ADDRESSES "06 00 00 08 00 00 00 00" TCP,
	 {.word = {0}, IP6_KEY, .ip_proto = 44, .ip_frag = 3}},
	{"ICMP in IPv6",
	 MACS "86 dd" IP6_HEAD "00 08 01 ff" IP6_ADDRESSES "08 07 00 00 00 01 00 02",
	 {.word = {0}, IP6_KEY, .ip_proto = 1}},
	{"ICMPv6",
	 MACS "86 dd" IP6_HEAD "00 08 3a ff" IP6_ADDRESSES "80 07 00 00 00 01 00 02",
	 {.word = {0}, IP6_KEY, .ip_proto = 58, .tp_src = BE16(128), .tp_dst = BE16(7)}},
	{"ND solicitation",
	 MACS "86 dd" IP6_HEAD "00 20 3a ff" IP6_ADDRESSES "87 00 00 00 00 00 00 00" TARGET "01 01 06 05 04 03 02 01",
	 {.word = {0}, IP6_KEY, TARGET_KEY, .ip_proto = 58, .tp_src = BE16(135), .arp_sha = LLADDR}},
	{"ND solicitation, no option",
	 MACS "86 dd" IP6_HEAD "00 18 3a ff" IP6_ADDRESSES "87 00 00 00 00 00 00 00" TARGET,
	 {.word = {0}, IP6_KEY, TARGET_KEY, .ip_proto = 58, .tp_src = BE16(135)}},
	{"ND advertisement, second option",
	 MACS "86 dd" IP6_HEAD "00 28 3a ff" IP6_ADDRESSES "88 00 00 00 00 00 00 00" TARGET
	      "01 01 00 00 00 00 00 00 02 01 06 05 04 03 02 01",
	 {.word = {0}, IP6_KEY, TARGET_KEY, .ip_proto = 58, .tp_src = BE16(136), .arp_tha = LLADDR}},
	{"ND, option twice",
	 MACS "86 dd" IP6_HEAD "00 28 3a ff" IP6_ADDRESSES "88 00 00 00 00 00 00 00" TARGET
	      "02 01 00 00 00 00 00 00 02 01 06 05 04 03 02 01",
	 {.word = {0}, IP6_KEY, .ip_proto = 58, .tp_src = BE16(136)}},
	{"ND, option of no length",
	 MACS "86 dd" IP6_HEAD "00 20 3a ff" IP6_ADDRESSES "88 00 00 00 00 00 00 00" TARGET "05 00 06 05 04 03 02 01",
	 {.word = {0}, IP6_KEY, .ip_proto = 58, .tp_src = BE16(136)}},
	{"ND, code",
	 MACS "86 dd" IP6_HEAD "00 20 3a ff" IP6_ADDRESSES "88 01 00 00 00 00 00 00" TARGET "02 01 06 05 04 03 02 01",
	 {.word = {0}, IP6_KEY, .ip_proto = 58, .tp_src = BE16(136), .tp_dst = BE16(1)}},
	{"ND, target cut off",
	 MACS "86 dd" IP6_HEAD "00 17 3a ff" IP6_ADDRESSES "87 00 00 00 00 00 00 00" TARGET,
	 {.word = {0}, IP6_KEY, .ip_proto = 58, .tp_src = BE16(135)}},
};

static uint32_t read_hex(const char *text, uint8_t *to)
{
	uint32_t n = 0;

	for (; *text != '\0'; text++) {
		if (isspace((unsigned char)*text))
			continue;
		ck_assert(isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]));
		to[n++] = (uint8_t)strtoul((const char[]){text[0], text[1], '\0'}, NULL, 16);
		text++;
	}
	return n;
}

static void check_equal(const struct hd_key *is, const struct hd_key *should, const char *what)
{
	for (int i = 0; i < HD_KEY_WORDS; i++)
		if (is->word[i] != should->word[i])
			ck_abort_msg("%s: word %d is %016" PRIx64 ", should be %016" PRIx64, what, i, is->word[i],
				     should->word[i]);
}

/* Both ways to read it. */
static void check_key(const struct hd_pkt *pkt, const struct hd_key *should, const char *what)
{
	struct hd_key key;

	memset(&key, 0xa5, sizeof(key));
	hd_key_extract(&key, pkt, OFPORT);
	check_equal(&key, should, what);
	memset(&key, 0x5a, sizeof(key));
	hd_key_extract_fast(&key, pkt, OFPORT);
	check_equal(&key, should, what);
}

START_TEST(test_by_hand)
{
	const struct row *row = &rows[_i];
	uint8_t bytes[256];
	uint32_t len = read_hex(row->frame, bytes);
	struct hd_pkt pkt = {.hdr = exact_copy(bytes, len), .len = len, .hdr_len = (uint16_t)len};
	struct hd_key should = row->key;

	should.in_port = OFPORT;
	memcpy(should.eth_dst, bytes, 6);
	memcpy(should.eth_src, bytes + 6, 6);
	ck_assert_msg(hd_parse(&pkt) == HD_DROP_NONE, "%s: refused", row->what);
	check_key(&pkt, &should, row->what);
	free(pkt.hdr);
}
END_TEST

/* ---- At random ---- */

/* By its words' classes, too: what key_extract.h says of them. */
static uint32_t words_of(const struct layout *l)
{
	if (l->ipv4)
		return HD_KEY_WORDS_IPV4;
	if (l->ipv6)
		return l->nd_target != 0 ? HD_KEY_WORDS_ND : HD_KEY_WORDS_IPV6;
	return l->arp ? HD_KEY_WORDS_ARP : HD_KEY_WORDS_OTHER;
}

static void naive_ip_key(const struct flow_frame *f, const struct layout *l, struct hd_key *key)
{
	const uint8_t *ip = f->bytes + l->l3, *l4 = f->bytes + l->l4;

	key->ip_tos = l->ipv4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	key->ip_ttl = ip[l->ipv4 ? 8 : 7];
	key->ip_proto = (uint8_t)(l->ipv6 && l->later ? 44 : l->proto);
	key->ip_frag = (uint8_t)(l->fragment + 2 * l->later);
	if (l->ipv4) {
		memcpy(&key->ipv4_src, ip + 12, 4);
		memcpy(&key->ipv4_dst, ip + 16, 4);
	} else {
		uint8_t label[4] = {0, ip[1] & 15, ip[2], ip[3]};

		memcpy(&key->ipv6_label, label, 4);
		memcpy(key->ipv6_src, ip + 8, 16);
		memcpy(key->ipv6_dst, ip + 24, 16);
	}
	if (l->l4 == 0)
		return;
	if (l->proto == 1 || l->proto == 58) {
		((uint8_t *)&key->tp_src)[1] = l4[0];
		((uint8_t *)&key->tp_dst)[1] = l4[1];
	} else {
		memcpy(&key->tp_src, l4, 2);
		memcpy(&key->tp_dst, l4 + 2, 2);
	}
	if (l->proto == 6) {
		memcpy(&key->tcp_flags, l4 + 12, 2);
		((uint8_t *)&key->tcp_flags)[0] &= 15;
	}
	if (l->nd_target != 0)
		memcpy(key->nd_target, f->bytes + l->nd_target, 16);
	if (l->nd_sll != 0)
		memcpy(key->arp_sha, f->bytes + l->nd_sll, 6);
	if (l->nd_tll != 0)
		memcpy(key->arp_tha, f->bytes + l->nd_tll, 6);
}

static struct hd_key naive_key(const struct flow_frame *f, const struct layout *l)
{
	const uint8_t *arp = f->bytes + l->l3;
	struct hd_key key;

	memset(&key, 0, sizeof(key));
	key.in_port = OFPORT;
	memcpy(key.eth_dst, f->bytes, 6);
	memcpy(key.eth_src, f->bytes + 6, 6);
	put16((uint8_t *)&key.eth_type, l->type < 0x600 ? 0x05ff : l->type);
	if (l->n_tags > 0)
		put16((uint8_t *)&key.vlan_tci, get16(f->bytes + 14) | 0x1000);
	if (l->n_tags > 1)
		put16((uint8_t *)&key.vlan_tci2, get16(f->bytes + 18) | 0x1000);
	if (l->ipv4 || l->ipv6)
		naive_ip_key(f, l, &key);
	if (l->arp) {
		key.ip_proto = arp[6] == 0 ? arp[7] : 0;
		memcpy(key.arp_sha, arp + 8, 6);
		memcpy(&key.ipv4_src, arp + 14, 4);
		memcpy(key.arp_tha, arp + 18, 6);
		memcpy(&key.ipv4_dst, arp + 24, 4);
	}
	return key;
}

/* What hd_parse says of tags must be as it was, whatever is behind them. */
static void check_tagged(const struct flow_frame *f, const struct hd_pkt *pkt, const struct layout *l)
{
	bool tagged = get16(f->bytes + 12) == 0x8100;

	ck_assert_int_eq((pkt->flags & HD_PKT_TAGGED) != 0, tagged);
	ck_assert_uint_eq(pkt->tci, tagged ? get16(f->bytes + 14) : 0);
	ck_assert_uint_eq(pkt->eth_type, l->type);
	ck_assert_uint_eq(pkt->l3, l->ipv4 || l->ipv6 ? l->l3 : 0);
	if (pkt->l4 != 0 && (pkt->l4_proto == 6 || pkt->l4_proto == 17)) {
		ck_assert_uint_eq(pkt->l4, l->l4);
		ck_assert_uint_eq(pkt->l4_proto, l->proto);
	}
}

/* Returns whether hd_parse accepts it. */
static bool check_frame(const struct flow_frame *f)
{
	struct hd_pkt pkt = {.hdr = exact_copy(f->bytes, f->first), .len = f->len, .hdr_len = (uint16_t)f->first};
	bool sound = hd_parse(&pkt) == HD_DROP_NONE;

	if (sound) {
		struct layout l = naive_layout(f, f->first);
		struct hd_key key = naive_key(f, &l);

		check_tagged(f, &pkt, &l);
		check_key(&pkt, &key, "random frame");
		for (uint32_t i = 0; i < HD_KEY_WORDS; i++)
			if (key.word[i] != 0 && !(words_of(&l) >> i & 1))
				ck_abort_msg("word %u is not of this class", i);
	}
	free(pkt.hdr);
	return sound;
}

START_TEST(test_random)
{
	static struct flow_frame f;
	uint32_t sound = 0;
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		flow_frame_make(&random, &f);
		sound += check_frame(&f);
	}
	ck_assert_uint_gt(sound, ROUNDS * 9 / 10);
}
END_TEST

/* What is not in hdr is not there. */
START_TEST(test_random_cut)
{
	static struct flow_frame f;
	uint32_t sound = 0;
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		flow_frame_make(&random, &f);
		f.first = between(&random, 14, RTE_MIN(f.len, 200));
		sound += check_frame(&f);
	}
	ck_assert_uint_gt(sound, ROUNDS / 4);
}
END_TEST

START_TEST(test_random_mutated)
{
	static struct flow_frame f;
	uint32_t sound = 0;
	struct random random;

	random_start(&random, __func__);
	for (int round = 0; round < ROUNDS; round++) {
		flow_frame_make(&random, &f);
		for (uint32_t n = between(&random, 1, 4); n > 0; n--)
			f.bytes[between(&random, 12, RTE_MIN(f.len - 1, 120))] ^=
				(uint8_t)(1 << between(&random, 0, 7));
		f.first = between(&random, 0, 1) ? f.len : between(&random, 14, RTE_MIN(f.len, 200));
		sound += check_frame(&f);
	}
	ck_assert_uint_gt(sound, ROUNDS / 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("key");
	TCase *tcase = tcase_create("extract");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_by_hand, 0, RTE_DIM(rows));
	tcase_add_test(tcase, test_random);
	tcase_add_test(tcase, test_random_cut);
	tcase_add_test(tcase, test_random_mutated);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
