/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests frames' one-line descriptions: what they say, and that no frame, however cut or wrong, is read beyond its end.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "summary.h"

#define MACS "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1"
#define SAID "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, "
#define V4(fragment, protocol) "\x08\0\x45\0\0\x28\0\0" fragment "\x40" protocol "\0\0\x0a\0\0\1\x0a\0\0\2"
#define V6(next) "\x86\xdd\x60\0\0\0\0\x14" next "\x40" A6 "\1" A6 "\2"
#define A6 "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define PORTS "\x04\xd2\0\x50"
#define TCP(flags) PORTS "\0\0\0\0\0\0\0\0\x50" flags

static const struct {
	const char *frame;
	size_t n;
	const char *said;
} lines[] = {
#define LINE(bytes, text)                                                                                              \
	{                                                                                                              \
		bytes, sizeof(bytes) - 1, text                                                                         \
	}
	LINE("", "0 bytes"),
	LINE(MACS "\x88", "13 bytes"),
	LINE(MACS "\x88\xb5", SAID "type 0x88b5"),
	LINE(MACS "\0\x26", SAID "802.3 length 38"),
	LINE(MACS "\x81\0\xa0\x0a\x88\xb5", SAID "VLAN 10, type 0x88b5"),
	LINE(MACS "\x88\xa8\0\x0a\x81\0\0\x14\x88\xb5", SAID "VLAN 10, VLAN 20, type 0x88b5"),
	LINE(MACS "\x81\0\xa0", "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, cut off"),
	LINE(MACS "\x08\6\0\1\x08\0\6\4\0\1\2\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\2",
	     SAID "ARP who-has 10.0.0.2 tell 10.0.0.1"),
	LINE(MACS "\x08\6\0\1\x08\0\6\4\0\2\2\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\2",
	     SAID "ARP 10.0.0.1 is-at 02:00:00:00:00:01"),
	LINE(MACS "\x08\6\0\1\x08\0\6\4\0\3\2\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\2", SAID "ARP operation 3"),
	LINE(MACS V4("\0\0", "\6") TCP("\2"), SAID "IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP [S]"),
	LINE(MACS V4("\x40\0", "\6") TCP("\x12"), SAID "IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP [S.]"),
	LINE(MACS V4("\0\0", "\6") PORTS, SAID "IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP, cut off"),
	LINE(MACS V4("\0\0", "\x11") PORTS, SAID "IPv4 10.0.0.1:1234 > 10.0.0.2:80 UDP"),
	LINE(MACS V4("\0\0", "\1") "\x08\0", SAID "IPv4 10.0.0.1 > 10.0.0.2 ICMP type 8 code 0"),
	LINE(MACS V4("\0\0", "\x2f") "", SAID "IPv4 10.0.0.1 > 10.0.0.2 protocol 47"),
	LINE(MACS V4("\x20\0", "\x11") PORTS, SAID "IPv4 10.0.0.1:1234 > 10.0.0.2:80 UDP, fragment at 0"),
	LINE(MACS V4("\0\xb9", "\x11") PORTS, SAID "IPv4 10.0.0.1 > 10.0.0.2 UDP, fragment at 1480"),
	LINE(MACS "\x08\0\x45\0\0", SAID ", cut off"),
	LINE(MACS "\x08\0\x41\0\0\x28\0\0\0\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2", SAID "IPv4, bad header"),
	LINE(MACS V6("\6") TCP("\x18"), SAID "IPv6 [fe80::1]:1234 > [fe80::2]:80 TCP [P.]"),
	LINE(MACS V6("\x3a") "\x87\0", SAID "IPv6 fe80::1 > fe80::2 ICMPv6 type 135 code 0"),
	LINE(MACS V6("\0") "\x11\0\1\4\0\0\0\0" PORTS, SAID "IPv6 [fe80::1]:1234 > [fe80::2]:80 UDP"),
	LINE(MACS V6("\x2c") "\x11\0\5\xc8\0\0\0\0" PORTS, SAID "IPv6 fe80::1 > fe80::2 UDP, fragment at 1480"),
};
#define N_LINES (sizeof(lines) / sizeof(lines[0]))

START_TEST(says)
{
	char text[HD_SUMMARY_MAX];

	hd_summary_frame((const uint8_t *)lines[_i].frame, lines[_i].n, text);
	ck_assert_str_eq(text, lines[_i].said);
}
END_TEST

/* In memory of exactly its size, so that a sanitizer sees every over-read. */
static void check_exact(const char *frame, size_t n)
{
	uint8_t *copy = malloc(n);
	char text[HD_SUMMARY_MAX];

	ck_assert(copy != NULL || n == 0);
	if (n > 0)
		memcpy(copy, frame, n);
	memset(text, 'x', sizeof(text));
	hd_summary_frame(copy, n, text);
	ck_assert_uint_lt(strnlen(text, sizeof(text)), sizeof(text));
	free(copy);
}

START_TEST(every_prefix)
{
	for (size_t i = 0; i < N_LINES; i++)
		for (size_t n = 0; n <= lines[i].n; n++)
			check_exact(lines[i].frame, n);
}
END_TEST

START_TEST(any_bytes)
{
	struct random dice;
	char frame[256];

	random_start(&dice, "any_bytes");
	for (int i = 0; i < 200000; i++) {
		size_t line = random_below(&dice, N_LINES), n = random_below(&dice, sizeof(frame));

		for (size_t at = 0; at < sizeof(frame); at++)
			frame[at] = (char)random_next(&dice);
		memcpy(frame, lines[line].frame, lines[line].n);
		for (int spoilt = (int)random_below(&dice, 4); spoilt > 0; spoilt--)
			frame[random_below(&dice, 80)] = (char)random_next(&dice);
		check_exact(frame, n);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("summary");
	TCase *cases = tcase_create("summary");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, says, 0, (int)N_LINES);
	tcase_add_test(cases, every_prefix);
	tcase_add_test(cases, any_bytes);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
