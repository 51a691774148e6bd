/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests VLAN membership against tables written from the rules in vlan.h, and all VLANs against plain sets. */
#include <check.h>
#include <string.h>

#include <heddle/limits.h>

#include "random.h"
#include "vlan.h"

#define UNTAGGED -1
#define OK HD_DROP_NONE

static const uint16_t members[] = {1, 10, 63, 64, 127, 4094};

enum port { ACCESS_10, ACCESS_4094, TRUNK, TRUNK_NATIVE_10, TRUNK_NATIVE_77, TRANSPARENT, PORTS };

static struct hd_vlan_conf make(enum port port)
{
	static const struct {
		enum hd_vlan_mode mode;
		uint16_t pvid;
	} kinds[PORTS] = {
		[ACCESS_10] = {HD_VLAN_ACCESS, 10},      [ACCESS_4094] = {HD_VLAN_ACCESS, 4094},
		[TRUNK] = {HD_VLAN_TRUNK, HD_VLAN_NONE}, [TRUNK_NATIVE_10] = {HD_VLAN_TRUNK, 10},
		[TRUNK_NATIVE_77] = {HD_VLAN_TRUNK, 77}, [TRANSPARENT] = {HD_VLAN_TRANSPARENT, 0},
	};
	struct hd_vlan_conf conf;

	memset(&conf, 0xa5, sizeof(conf)); /* init must not count on zeros */
	hd_vlan_init(&conf, kinds[port].mode, kinds[port].pvid);
	if (kinds[port].mode == HD_VLAN_TRUNK)
		for (unsigned int i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			hd_vlan_allow(&conf, members[i]);
	return conf;
}

/* What comes in: a frame's VID (or UNTAGGED) at a port, and its effective VLAN or the reason to drop it. */
static const struct {
	enum port port;
	int vid;
	enum hd_drop drop;
	uint16_t vlan;
} ingress[] = {
	{ACCESS_10, UNTAGGED, OK, 10},
	{ACCESS_10, 0, OK, 10},
	{ACCESS_10, 10, HD_DROP_VLAN_TAGGED, 0},
	{ACCESS_10, 11, HD_DROP_VLAN_TAGGED, 0},
	{ACCESS_10, 4095, HD_DROP_VLAN_TAGGED, 0},
	{ACCESS_4094, UNTAGGED, OK, 4094},
	{TRUNK, UNTAGGED, HD_DROP_VLAN_UNTAGGED, 0},
	{TRUNK, 0, HD_DROP_VLAN_UNTAGGED, 0},
	{TRUNK, 1, OK, 1},
	{TRUNK, 63, OK, 63},
	{TRUNK, 64, OK, 64},
	{TRUNK, 65, HD_DROP_VLAN_FILTERED, 0},
	{TRUNK, 77, HD_DROP_VLAN_FILTERED, 0},
	{TRUNK, 4094, OK, 4094},
	{TRUNK, 4095, HD_DROP_VLAN_FILTERED, 0},
	{TRUNK_NATIVE_10, UNTAGGED, OK, 10},
	{TRUNK_NATIVE_10, 0, OK, 10},
	{TRUNK_NATIVE_10, 10, OK, 10},
	{TRUNK_NATIVE_77, UNTAGGED, OK, 77},
	{TRUNK_NATIVE_77, 77, OK, 77},
	{TRUNK_NATIVE_77, 78, HD_DROP_VLAN_FILTERED, 0},
	{TRANSPARENT, UNTAGGED, OK, 0},
	{TRANSPARENT, 0, OK, 0},
	{TRANSPARENT, 1, OK, 1},
	{TRANSPARENT, 4094, OK, 4094},
	{TRANSPARENT, 4095, HD_DROP_VLAN_FILTERED, 0},
};

START_TEST(classifies)
{
	/* Priority and drop eligibility must not matter. */
	for (unsigned int high = 0; high < 16; high++) {
		struct hd_vlan_conf conf = make(ingress[_i].port);
		bool tagged = ingress[_i].vid != UNTAGGED;
		uint16_t tci = tagged ? (uint16_t)(high << 12 | (unsigned int)ingress[_i].vid) : (uint16_t)(high * 977);
		uint16_t vlan = 0xffff;

		ck_assert_int_eq(hd_vlan_classify(&conf, tagged, tci, &vlan), ingress[_i].drop);
		ck_assert_uint_eq(vlan, ingress[_i].drop == OK ? ingress[_i].vlan : 0xffff);
	}
}
END_TEST

enum egress { REFUSED, BARE, TAGGED };

/* What goes out: frames of an effective VLAN at a port. */
static const struct {
	enum port port;
	uint16_t vlan;
	enum egress way;
} egress[] = {
	{ACCESS_10, 10, BARE},
	{ACCESS_10, 0, REFUSED},
	{ACCESS_10, 11, REFUSED},
	{ACCESS_10, 4095, REFUSED},
	{ACCESS_4094, 4094, BARE},
	{TRUNK, 0, REFUSED},
	{TRUNK, 1, TAGGED},
	{TRUNK, 64, TAGGED},
	{TRUNK, 65, REFUSED},
	{TRUNK, 4094, TAGGED},
	{TRUNK, 4095, REFUSED},
	{TRUNK_NATIVE_10, 10, BARE},
	{TRUNK_NATIVE_10, 1, TAGGED},
	{TRUNK_NATIVE_10, 0, REFUSED},
	{TRUNK_NATIVE_77, 77, BARE},
	{TRUNK_NATIVE_77, 10, TAGGED},
	{TRUNK_NATIVE_77, 78, REFUSED},
	{TRANSPARENT, 0, BARE},
	{TRANSPARENT, 1, TAGGED},
	{TRANSPARENT, 4094, TAGGED},
	{TRANSPARENT, 4095, REFUSED},
};

START_TEST(carries)
{
	struct hd_vlan_conf conf = make(egress[_i].port);
	uint16_t vlan = egress[_i].vlan;

	ck_assert_int_eq(hd_vlan_allowed(&conf, vlan), egress[_i].way != REFUSED);
	if (egress[_i].way != REFUSED)
		ck_assert_int_eq(hd_vlan_tags(&conf, vlan), egress[_i].way == TAGGED);
}
END_TEST

START_TEST(ignores_vlans_out_of_range)
{
	struct hd_vlan_conf conf, before;

	hd_vlan_init(&conf, HD_VLAN_TRUNK, HD_VLAN_NONE);
	before = conf;
	hd_vlan_allow(&conf, 0);
	hd_vlan_allow(&conf, 4095);
	hd_vlan_allow(&conf, 4096);
	hd_vlan_allow(&conf, 65535);
	ck_assert_mem_eq(&conf, &before, sizeof(conf));
}
END_TEST

/* The rules once more, in their plainest form, over a set of bytes. */
struct twin {
	enum hd_vlan_mode mode;
	uint16_t pvid;
	bool member[HD_VLAN_IDS];
};

static enum hd_drop twin_classify(const struct twin *twin, bool tagged, uint16_t vid, uint16_t *vlan)
{
	if (!tagged || vid == 0) {
		*vlan = twin->mode == HD_VLAN_TRANSPARENT ? 0 : twin->pvid;
		return twin->mode == HD_VLAN_TRUNK && twin->pvid == 0 ? HD_DROP_VLAN_UNTAGGED : HD_DROP_NONE;
	}
	*vlan = vid;
	if (twin->mode == HD_VLAN_ACCESS)
		return HD_DROP_VLAN_TAGGED;
	if (twin->mode == HD_VLAN_TRANSPARENT)
		return vid == 4095 ? HD_DROP_VLAN_FILTERED : HD_DROP_NONE;
	return twin->member[vid] ? HD_DROP_NONE : HD_DROP_VLAN_FILTERED;
}

static bool twin_allowed(const struct twin *twin, uint16_t vid)
{
	if (twin->mode == HD_VLAN_TRANSPARENT)
		return vid != 4095;
	return twin->mode == HD_VLAN_ACCESS ? vid == twin->pvid : twin->member[vid];
}

static void make_pair(struct random *random, struct hd_vlan_conf *conf, struct twin *twin)
{
	memset(twin, 0, sizeof(*twin));
	twin->mode = random_below(random, 3);
	if (twin->mode == HD_VLAN_ACCESS || (twin->mode == HD_VLAN_TRUNK && random_below(random, 2)))
		twin->pvid = (uint16_t)(1 + random_below(random, HD_VLAN_MAX));
	twin->member[twin->pvid] = twin->pvid != 0;
	hd_vlan_init(conf, twin->mode, twin->pvid);
	for (uint32_t n = twin->mode == HD_VLAN_TRUNK ? random_below(random, 3000) : 0; n > 0; n--) {
		uint16_t vid = (uint16_t)(1 + random_below(random, HD_VLAN_MAX));

		twin->member[vid] = true;
		hd_vlan_allow(conf, vid);
	}
}

START_TEST(agrees_with_plain_sets)
{
	struct random random;
	struct hd_vlan_conf conf;
	struct twin twin;

	random_start(&random, "agrees_with_plain_sets");
	for (int round = 0; round < 200; round++) {
		make_pair(&random, &conf, &twin);
		for (uint16_t vid = 0; vid < HD_VLAN_IDS; vid++) {
			uint16_t tci = (uint16_t)(random_below(&random, 16) << 12 | vid), vlan = 0, expected;
			bool tagged = random_below(&random, 8) != 0;
			enum hd_drop drop = twin_classify(&twin, tagged, vid, &expected);

			ck_assert_int_eq(hd_vlan_classify(&conf, tagged, tci, &vlan), drop);
			if (drop == HD_DROP_NONE)
				ck_assert_uint_eq(vlan, expected);
			ck_assert_int_eq(hd_vlan_allowed(&conf, vid), twin_allowed(&twin, vid));
			if (twin_allowed(&twin, vid))
				ck_assert_int_eq(hd_vlan_tags(&conf, vid), vid != twin.pvid);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vlan");
	TCase *rules = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(rules, classifies, 0, sizeof(ingress) / sizeof(ingress[0]));
	tcase_add_loop_test(rules, carries, 0, sizeof(egress) / sizeof(egress[0]));
	tcase_add_test(rules, ignores_vlans_out_of_range);
	tcase_add_test(rules, agrees_with_plain_sets);
	suite_add_tcase(suite, rules);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
