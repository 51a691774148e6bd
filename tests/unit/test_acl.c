/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests the text of access lists: what rules mean, what is wrong with them and where, and ports as masks. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard/acl.h"
#include "random.h"

static const struct {
	const char *text, *canonical;
} good[] = {
	{"allow any", "allow any from any to any"},
	{"deny any from any to any", "deny any from any to any"},
	{"allow tcp from any to any port 80,443", "allow tcp from any to any port 80,443"},
	{"  allow\ttcp  port 443 , 80 ", "allow tcp from any to any port 80,443"},
	{"allow tcp from 10.0.0.0/8 port 1000-2000 to fd00::/8,10.1.2.3 port 80",
	 "allow tcp from 10.0.0.0/8 port 1000-2000 to 10.1.2.3,fd00::/8 port 80"},
	{"allow udp from 10.0.0.1, 10.0.0.2,10.0.0.1", "allow udp from 10.0.0.1,10.0.0.2 to any"},
	{"allow tcp port 1-10,5-20,21,30", "allow tcp from any to any port 1-21,30"},
	{"allow tcp port 0-65535", "allow tcp from any to any port 0-65535"},
	{"allow icmp type 8", "allow icmp from any to any type 8"},
	{"deny icmp6 type 128 code 0 stateless", "deny icmp6 from any to any type 128 code 0 stateless"},
	{"allow 47 from 10.0.0.0/8", "allow 47 from 10.0.0.0/8 to any"},
	{"allow 6 port 80", "allow tcp from any to any port 80"},
	{"allow sctp to FD00::0:1 port 36412", "allow sctp from any to fd00::1 port 36412"},
	{"deny arp from 10.0.0.1 to any", "deny arp from 10.0.0.1 to any"},
	{"allow any from 0.0.0.0/0 to any stateless", "allow any from 0.0.0.0/0 to any stateless"},
};

START_TEST(rules_have_one_text)
{
	struct hd_acl_error error = {0};
	struct hd_acl_rule rule, again;
	char *text, *second;

	ck_assert_int_eq(hd_acl_rule_parse(good[_i].text, &rule, &error), 0);
	text = hd_acl_rule_format(&rule);
	ck_assert_str_eq(text, good[_i].canonical);
	ck_assert_int_eq(hd_acl_rule_parse(text, &again, &error), 0);
	second = hd_acl_rule_format(&again);
	ck_assert_str_eq(second, text);
	free(text);
	free(second);
	hd_acl_rule_clear(&rule);
	hd_acl_rule_clear(&again);
}
END_TEST

static const struct {
	const char *text;
	size_t column;
	const char *error; /* a part of it */
} bad[] = {
	{"", 1, "begins with allow or deny"},
	{"permit tcp", 1, "permit: a rule begins with allow or deny"},
	{"allow", 6, "missing is a protocol"},
	{"allow tpc", 7, "tpc is not a protocol"},
	{"allow 256", 7, "256 is not 0..255"},
	{"allow 6x", 7, "6x is not a number"},
	{"allow tcp frm any", 11, "frm is not expected here"},
	{"allow tcp from", 15, "an address is missing"},
	{"allow tcp from 10.0.0.256", 16, "10.0.0.256: not an IP address or prefix"},
	{"allow tcp from 10.0.0.5/8", 16, "has bits behind its prefix"},
	{"allow tcp from 10.0.0.0/33", 16, "0..32"},
	{"allow tcp from fd00::/129", 16, "0..128"},
	{"allow tcp from 10.0.0.1,", 25, "an address is missing"},
	{"allow tcp from any,10.0.0.1", 16, "any goes with no other address"},
	{"allow tcp from any from any", 20, "from: given twice"},
	{"allow tcp port", 15, "a port is missing"},
	{"allow tcp port 80-", 19, "a number is missing"},
	{"allow tcp port 80,", 19, "a port is missing"},
	{"allow tcp port 90-80", 16, "90-80 runs backwards"},
	{"allow tcp port 65536", 16, "65536 is not 0..65535"},
	{"allow tcp port 99999999999999999999", 16, "is not 0..65535"},
	{"allow tcp port 80 port 81", 19, "port: given twice"},
	{"allow tcp port http", 16, "http is not a number"},
	{"allow any port 80", 11, "only tcp, udp and sctp have ports"},
	{"allow tcp type 8", 11, "only icmp and icmp6 have a type"},
	{"allow icmp code 1", 1, "code needs type"},
	{"allow icmp type 8 type 9", 19, "type: given twice"},
	{"allow tcp from 10.0.0.1 to fd00::1", 1, "IPv4 and IPv6 don't mix"},
	{"allow icmp from fd00::1", 1, "IPv4 and IPv6 don't mix"},
	{"allow arp from fd00::1", 1, "IPv4 and IPv6 don't mix"},
	{"allow tcp , port 80", 11, ", is not expected here"},
	{"allow tcp \x1b[31m", 11, "?[31m is not expected"},
};

START_TEST(errors_say_where)
{
	struct hd_acl_error error = {0};
	struct hd_acl_rule rule;

	ck_assert_int_eq(hd_acl_rule_parse(bad[_i].text, &rule, &error), -EINVAL);
	ck_assert_msg(strstr(error.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, error.text);
	ck_assert_uint_eq(error.column, bad[_i].column);
}
END_TEST

static void expect_too_long(const char *prefix, const char *item, size_t n, const char *what)
{
	char *text = malloc(strlen(prefix) + n * (strlen(item) + 1) + 1);
	struct hd_acl_error error = {0};
	struct hd_acl_rule rule;

	strcpy(text, prefix);
	for (size_t i = 0; i < n; i++) {
		strcat(text, i ? "," : "");
		strcat(text, item);
	}
	ck_assert_int_eq(hd_acl_rule_parse(text, &rule, &error), -EINVAL);
	ck_assert_msg(strstr(error.text, what) != NULL, "%s", error.text);
	free(text);
}

START_TEST(sizes_are_bounded)
{
	struct hd_acl_error error = {0};
	struct hd_acl_rule rule;

	expect_too_long("allow any from ", "1.1.1.1", HD_ACL_ADDRS_MAX + 1, "more than 256 addresses");
	expect_too_long("allow tcp port ", "1", HD_ACL_RANGES_MAX + 1, "more than 64 ports");
	expect_too_long("allow any from ", "1.1.1.1", 2000, "longer than");
	/* 30 x 30 masks in two versions fit, what is more does not. */
	ck_assert_int_eq(hd_acl_rule_parse("allow tcp from any port 1-65534 to any port 1-65534", &rule, &error), 0);
	hd_acl_rule_clear(&rule);
	ck_assert_int_eq(
		hd_acl_rule_parse("allow tcp from 1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,"
				  "1.1.1.9,1.1.1.10,1.1.1.11,1.1.1.12,1.1.1.13,1.1.1.14,1.1.1.15,1.1.1.16,"
				  "1.1.1.17,1.1.1.18,1.1.1.19 port 1-65534 to any port 1-65534",
				  &rule, &error),
		-EINVAL);
	ck_assert_str_eq(error.text, "it needs 17100 matches, at most 16384: split it");
}
END_TEST

static bool in_masks(const struct hd_acl_mask *masks, unsigned int n, uint32_t port, unsigned int *times)
{
	*times = 0;
	for (unsigned int i = 0; i < n; i++)
		*times += (port & masks[i].mask) == masks[i].value;
	return *times != 0;
}

static void compare_range(uint16_t first, uint16_t last)
{
	struct hd_acl_mask masks[HD_ACL_MASKS_MAX];
	unsigned int n = hd_acl_range_masks((struct hd_acl_range){first, last}, masks), times;

	ck_assert_uint_le(n, HD_ACL_MASKS_MAX);
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		ck_assert(in_masks(masks, n, port, &times) == (port >= first && port <= last));
		ck_assert_uint_le(times, 1);
	}
}

START_TEST(ranges_become_masks)
{
	struct hd_acl_mask masks[HD_ACL_MASKS_MAX];
	struct random random;

	random_start(&random, "ranges_become_masks");
	ck_assert_uint_eq(hd_acl_range_masks((struct hd_acl_range){0, 65535}, masks), 1);
	ck_assert_uint_eq(hd_acl_range_masks((struct hd_acl_range){1, 65534}, masks), HD_ACL_MASKS_MAX);
	ck_assert_uint_eq(hd_acl_range_masks((struct hd_acl_range){1024, 2047}, masks), 1);
	compare_range(0, 65535);
	compare_range(0, 0);
	compare_range(65535, 65535);
	compare_range(1, 65534);
	for (int i = 0; i < 200; i++) {
		uint16_t a = (uint16_t)random_next(&random), b = (uint16_t)random_next(&random);

		compare_range(a < b ? a : b, a < b ? b : a);
	}
}
END_TEST

/* Whatever comes: no crash, and what is read is written the same again. */
START_TEST(random_texts)
{
	static const char *const parts[] = {"allow", "deny", "any",  "tcp",  "udp",       "icmp",     "from",
					    "to",    "port", "type", "code", "stateless", "10.0.0.1", "fd00::/8",
					    "80",    "1-5",  ",",    "x",    "-"};
	struct random random;
	unsigned int n_read = 0;

	random_start(&random, "random_texts");
	for (int i = 0; i < 200000; i++) {
		struct hd_acl_error error = {0};
		struct hd_acl_rule rule;
		char text[256] = "";

		for (uint32_t words = random_below(&random, 9); words > 0; words--) {
			strcat(text, parts[random_below(&random, sizeof(parts) / sizeof(parts[0]))]);
			strcat(text, random_below(&random, 8) ? " " : "");
		}
		if (hd_acl_rule_parse(text, &rule, &error) < 0) {
			ck_assert_uint_ge(error.column, 1);
			ck_assert_uint_le(error.column, strlen(text) + 1);
			continue;
		}
		n_read++;
		hd_acl_rule_clear(&rule);
	}
	ck_assert_uint_gt(n_read, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("acl");
	TCase *tcase = tcase_create("acl");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, rules_have_one_text, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, errors_say_where, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, sizes_are_bounded);
	tcase_add_test(tcase, ranges_become_masks);
	tcase_add_test(tcase, random_texts);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
