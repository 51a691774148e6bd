/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers of ports against a naive twin: names in an array, the lowest free number by looking. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ofport.h"
#include "random.h"

#define NAMES 12
#define STEPS 20000

static struct random source;

static struct {
	uint16_t number[NAMES]; /* 0: none */
	bool port[NAMES], ruled[NAMES], held[NAMES];
} twin;

static void used(void *context, struct hd_ofport_set *set)
{
	for (int i = 0; i < NAMES; i++)
		if (twin.ruled[i])
			hd_ofport_set_add(set, twin.number[i]);
}

static void give_up_idle(void)
{
	for (int i = 0; i < NAMES; i++)
		if (!twin.port[i] && !twin.ruled[i] && !twin.held[i])
			twin.number[i] = 0;
}

static uint16_t lowest_free(void)
{
	for (uint16_t number = 1;; number++) {
		bool taken = false;

		for (int i = 0; i < NAMES; i++)
			taken |= twin.number[i] == number;
		if (!taken)
			return number;
	}
}

static size_t name_of(int i, char *name)
{
	/* Names that begin alike, and one of the greatest length. */
	return (size_t)sprintf(name, i == 0 ? "v%030d" : "vm%d", i);
}

static void check_all(const struct hd_ofports *ofports)
{
	char name[64];

	for (int i = 0; i < NAMES; i++) {
		size_t length = name_of(i, name);
		uint16_t number = hd_ofports_find(ofports, name, length);

		ck_assert_uint_eq(number, twin.number[i]);
		if (number != 0) {
			ck_assert_str_eq(hd_ofports_name(ofports, number), name);
			ck_assert_uint_eq(hd_ofports_bridge(ofports, number), twin.port[i] ? (uint32_t)i + 1 : 0);
		}
	}
}

static void rebind(struct hd_ofports *ofports)
{
	hd_ofports_unbind_all(ofports);
	for (int i = 0; i < NAMES; i++)
		if (twin.port[i])
			hd_ofports_bind(ofports, twin.number[i], (uint32_t)i + 1);
}

static void step(struct hd_ofports *ofports)
{
	int i = (int)random_below(&source, NAMES);
	char name[64];
	size_t length = name_of(i, name);

	switch (random_below(&source, 5)) {
	case 0:
		if (twin.number[i] == 0) {
			give_up_idle();
			twin.number[i] = lowest_free();
		}
		twin.held[i] = true;
		ck_assert_uint_eq(hd_ofports_take(ofports, name, length), twin.number[i]);
		break;
	case 1:
		twin.port[i] = twin.number[i] != 0 && !twin.port[i];
		rebind(ofports);
		break;
	case 2:
		twin.ruled[i] = twin.number[i] != 0 && !twin.ruled[i];
		break;
	case 3:
		memset(twin.held, 0, sizeof(twin.held));
		hd_ofports_settle(ofports);
		break;
	default:
		check_all(ofports);
	}
}

START_TEST(test_random)
{
	struct hd_ofports *ofports = hd_ofports_create(used, NULL);

	random_start(&source, "ofport");
	memset(&twin, 0, sizeof(twin));
	for (int i = 0; i < STEPS; i++)
		step(ofports);
	hd_ofports_destroy(ofports);
}
END_TEST

static void all_used(void *context, struct hd_ofport_set *set)
{
	memset(set, 0xff, sizeof(*set));
}

/* All numbers kept by rules: there is none for another name; names that are none get none. */
START_TEST(test_full)
{
	struct hd_ofports *ofports = hd_ofports_create(all_used, NULL);
	char name[64];

	for (unsigned int i = 1; i <= HD_OFPORT_MAX; i++) {
		size_t length = (size_t)sprintf(name, "p%u", i);

		ck_assert_uint_eq(hd_ofports_take(ofports, name, length), i);
		hd_ofports_settle(ofports);
	}
	ck_assert_uint_eq(hd_ofports_take(ofports, "more", 4), HD_OFPORT_NONE);
	ck_assert_uint_eq(hd_ofports_find(ofports, "p4095", 5), 4095);
	ck_assert_uint_eq(hd_ofports_find(ofports, "p4095", 4), 409);
	ck_assert_uint_eq(hd_ofports_take(ofports, "", 0), HD_OFPORT_NONE);
	memset(name, 'x', sizeof(name));
	ck_assert_uint_eq(hd_ofports_take(ofports, name, sizeof(name)), HD_OFPORT_NONE);
	ck_assert_ptr_null(hd_ofports_name(ofports, 0xfffe));
	hd_ofports_destroy(ofports);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ofport");
	TCase *tcase = tcase_create("ofport");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_random);
	tcase_add_test(tcase, test_full);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
