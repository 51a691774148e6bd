/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests the pcapng writer: its bytes, and that blocks of all lengths keep the format's rules. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pcapng.h"

static char *bytes;
static size_t size;
static FILE *file;

static void setup(void)
{
	file = open_memstream(&bytes, &size);
	ck_assert_ptr_nonnull(file);
}

static void teardown(void)
{
	free(bytes);
}

static void same(const char *expected, size_t length)
{
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_uint_eq(size, length);
	ck_assert_mem_eq(bytes, expected, length);
}

START_TEST(header_bytes)
{
	static const char expected[] =
		"\x0a\x0d\x0d\x0a\x30\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
		"\4\0\x0a\0heddle 1.0\0\0"
		"\0\0\0\0\x30\0\0\0";

	hd_pcapng_header(file, "heddle 1.0");
	same(expected, sizeof(expected) - 1);
}
END_TEST

START_TEST(interface_bytes)
{
	static const char expected[] = "\1\0\0\0\x28\0\0\0\1\0\0\0\x80\0\0\0"
				       "\2\0\3\0vm1\0\x09\0\1\0\x09\0\0\0\0\0\0\0\x28\0\0\0";

	hd_pcapng_interface(file, "vm1", 128);
	same(expected, sizeof(expected) - 1);
}
END_TEST

START_TEST(packet_bytes)
{
	static const char expected[] = "\6\0\0\0\x34\0\0\0\2\0\0\0\x44\x33\x22\x11\x88\x77\x66\x55\5\0\0\0\xea\5\0\0"
				       "abcde\0\0\0"
				       "\1\0\3\0why\0\0\0\0\0\x34\0\0\0";
	struct hd_pcapng_packet packet = {
		.interface = 2,
		.ns = UINT64_C(0x1122334455667788),
		.len = 1514,
		.captured = 5,
		.data = (const uint8_t *)"abcde",
		.comment = "why",
	};

	hd_pcapng_packet(file, &packet);
	same(expected, sizeof(expected) - 1);
}
END_TEST

static uint32_t get32(size_t at)
{
	uint32_t value = 0;

	ck_assert_uint_le(at + 4, size);
	for (int i = 3; i >= 0; i--)
		value = value << 8 | (uint8_t)bytes[at + (size_t)i];
	return value;
}

/* Blocks follow each other without gaps, each with its length at both ends. Returns how many. */
static unsigned int count_blocks(void)
{
	unsigned int n = 0;
	uint32_t length;

	for (size_t at = 0; at < size; at += length) {
		length = get32(at + 4);
		ck_assert_uint_ge(length, 12);
		ck_assert_uint_eq(length % 4, 0);
		ck_assert_uint_eq(get32(at + length - 4), length);
		n++;
	}
	return n;
}

START_TEST(all_lengths)
{
	uint8_t data[128];
	char text[2100];

	memset(data, 0xa5, sizeof(data));
	memset(text, 'x', sizeof(text));
	for (uint32_t i = 0; i < 128; i++) {
		struct hd_pcapng_packet packet = {
			.len = 200, .captured = i, .data = data, .comment = text + 2099 - i * 16};

		text[2099] = '\0';
		hd_pcapng_packet(file, &packet);
		packet.comment = NULL;
		hd_pcapng_packet(file, &packet);
		hd_pcapng_header(file, text + 2099 - i);
		hd_pcapng_interface(file, text + 2099 - i, 0);
	}
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_uint_eq(count_blocks(), 512);
}
END_TEST

/* Cut before a character, not inside it. */
START_TEST(long_comment_stays_utf8)
{
	char text[HD_PCAPNG_TEXT_MAX + 4];
	struct hd_pcapng_packet packet = {.comment = text};

	memset(text, 'x', sizeof(text));
	memcpy(text + HD_PCAPNG_TEXT_MAX - 1, "\xc3\xa4", 3);
	hd_pcapng_packet(file, &packet);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_uint_eq(count_blocks(), 1);
	ck_assert_uint_eq(get32(28), 1 | (HD_PCAPNG_TEXT_MAX - 1) << 16);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pcapng");
	TCase *cases = tcase_create("pcapng");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, header_bytes);
	tcase_add_test(cases, interface_bytes);
	tcase_add_test(cases, packet_bytes);
	tcase_add_test(cases, all_lengths);
	tcase_add_test(cases, long_comment_stays_utf8);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
