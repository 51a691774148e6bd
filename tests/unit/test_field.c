/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of fields: names, places, and accessors against ones that work bit by bit. */
#include "flow/field.h"

#include <check.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "flow/action.h"
#include "flow/group.h"
#include "random.h"

static void fill(struct random *random, struct hd_key *key)
{
	for (int i = 0; i < HD_KEY_WORDS; i++)
		key->word[i] = random_next(random);
}

/* Which byte of the key, counted from the field's most significant one; and back. */
static unsigned int byte_at(const struct hd_field *field, unsigned int i)
{
	unsigned int piece = field->offset >= offsetof(struct hd_key, reg) ? 4
			     : field->n_bytes < 8                          ? field->n_bytes
									   : 8;

	if (!field->host_order || __BYTE_ORDER == __BIG_ENDIAN)
		return field->offset + i;
	return field->offset + i / piece * piece + (piece - 1 - i % piece);
}

static bool naive_bit(const struct hd_key *key, const struct hd_field *field, unsigned int bit)
{
	unsigned int at = bit + field->shift;

	return ((const uint8_t *)key)[byte_at(field, field->n_bytes - 1 - at / 8)] >> at % 8 & 1;
}

static void naive_put(struct hd_key *key, const struct hd_field *field, unsigned int bit, bool value)
{
	unsigned int at = bit + field->shift;
	uint8_t *byte = (uint8_t *)key + byte_at(field, field->n_bytes - 1 - at / 8);

	*byte = (uint8_t)((*byte & ~(1u << at % 8)) | (unsigned int)value << at % 8);
}

START_TEST(test_accessors)
{
	struct random random;

	random_start(&random, "accessors");
	for (int round = 0; round < 20000; round++) {
		enum hd_field_id id = random_below(&random, HD_FIELD_COUNT);
		hd_u128 value = (hd_u128)random_next(&random) << 64 | random_next(&random), expected = 0;
		const struct hd_field *field = &hd_fields[id];
		struct hd_subfield sub = {.field = id};
		struct hd_key key, twin;

		sub.ofs = (uint8_t)random_below(&random, field->bits);
		sub.n_bits = (uint8_t)(1 + random_below(&random, field->bits - sub.ofs));
		fill(&random, &key);
		twin = key;
		for (unsigned int i = 0; i < field->bits; i++)
			expected |= (hd_u128)naive_bit(&key, field, i) << i;
		ck_assert(hd_field_get(&key, id) == expected);
		for (unsigned int i = 0; i < sub.n_bits; i++)
			naive_put(&twin, field, sub.ofs + i, value >> i & 1);
		hd_subfield_set(&key, &sub, value);
		ck_assert_msg(memcmp(&key, &twin, sizeof(key)) == 0, "%s", field->name);
		if (sub.n_bits < 128)
			value &= ((hd_u128)1 << sub.n_bits) - 1;
		ck_assert(hd_subfield_get(&key, &sub) == value);
	}
}
END_TEST

/* Every name leads to its field, and no two fields share one. */
static void check_names(const char *words, int field)
{
	while (words && *words) {
		size_t length = strcspn(words, " ");

		ck_assert_msg(hd_field_find(words, length) == field, "%.*s", (int)length, words);
		ck_assert_int_ne(hd_field_find(words, length - 1), field);
		words += length;
		words += *words == ' ';
	}
}

START_TEST(test_table)
{
	for (int i = 0; i < HD_FIELD_COUNT; i++) {
		const struct hd_field *field = &hd_fields[i];

		ck_assert_ptr_nonnull(field->name);
		check_names(field->name, i);
		check_names(field->alias, i);
		ck_assert_ptr_nonnull(hd_prereq_text(field->prereq));
		ck_assert_uint_ge(field->bits, 1);
		ck_assert_uint_le(field->shift + field->bits, 8 * field->n_bytes);
		ck_assert_uint_le(field->offset + field->n_bytes, sizeof(struct hd_key));
	}
	ck_assert_int_eq(hd_field_find("NXM_NX_XXREG3", 13), HD_FIELD_XXREG3);
	ck_assert_int_eq(hd_field_find("", 0), -1);
	ck_assert_int_eq(hd_field_find("tcp", 3), -1);
}
END_TEST

START_TEST(test_registers)
{
	struct hd_key key = {0};

	hd_field_set(&key, HD_FIELD_XREG0 + 1, (hd_u128)0x1111222233334444);
	ck_assert_uint_eq(key.reg[2], 0x11112222);
	ck_assert_uint_eq(key.reg[3], 0x33334444);
	hd_field_set(&key, HD_FIELD_XXREG0 + 3, (hd_u128)1 << 127 | 5);
	ck_assert_uint_eq(key.reg[12], 0x80000000);
	ck_assert_uint_eq(key.reg[15], 5);
	hd_field_set(&key, HD_FIELD_CT_LABEL, (hd_u128)7 << 64 | 9);
	ck_assert_uint_eq(key.ct_label[0], 7);
	ck_assert_uint_eq(key.ct_label[1], 9);
	hd_field_set(&key, HD_FIELD_VLAN_PCP, 5);
	ck_assert_uint_eq(be16toh(key.vlan_tci), 0xa000);
	hd_field_set(&key, HD_FIELD_ETH_SRC, 0x0102030405ff);
	ck_assert_uint_eq(key.eth_src[5], 0xff);
	ck_assert_uint_eq(key.eth_src[0], 1);
}
END_TEST

START_TEST(test_prereqs)
{
	struct hd_match match = {0};

	ck_assert(hd_field_prereq_met(HD_FIELD_REG0, &match));
	ck_assert(!hd_field_prereq_met(HD_FIELD_IPV4_SRC, &match));
	hd_field_set(&match.key, HD_FIELD_ETH_TYPE, 0x0800);
	ck_assert(!hd_field_prereq_met(HD_FIELD_IPV4_SRC, &match));
	hd_field_set(&match.mask, HD_FIELD_ETH_TYPE, 0xffff);
	ck_assert(hd_field_prereq_met(HD_FIELD_IPV4_SRC, &match));
	ck_assert(hd_field_prereq_met(HD_FIELD_IP_TTL, &match));
	ck_assert(!hd_field_prereq_met(HD_FIELD_IPV6_SRC, &match));
	hd_field_set(&match.key, HD_FIELD_IP_PROTO, 17);
	hd_field_set(&match.mask, HD_FIELD_IP_PROTO, 0xff);
	ck_assert(hd_field_prereq_met(HD_FIELD_UDP_SRC, &match));
	ck_assert(hd_field_prereq_met(HD_FIELD_TP_SRC, &match));
	ck_assert(!hd_field_prereq_met(HD_FIELD_TCP_SRC, &match));
	ck_assert(!hd_field_prereq_met(HD_FIELD_VLAN_PCP, &match));
	hd_field_set(&match.key, HD_FIELD_VLAN_TCI, HD_KEY_VLAN_PRESENT);
	hd_field_set(&match.mask, HD_FIELD_VLAN_TCI, HD_KEY_VLAN_PRESENT);
	ck_assert(hd_field_prereq_met(HD_FIELD_VLAN_PCP, &match));
	ck_assert(!hd_field_prereq_met(HD_FIELD_VLAN_PCP2, &match));
}
END_TEST

/* What names a port, by each kind of action that can. */
START_TEST(test_name_port)
{
	struct hd_actions *actions = calloc(1, sizeof(*actions) + 4 * sizeof(struct hd_action));
	struct hd_learn *learn = calloc(1, sizeof(*learn) + sizeof(struct hd_learn_spec));

	actions->n = 4;
	actions->action[0] = (struct hd_action){.type = HD_ACT_OUTPUT, .output.ofport = 1};
	actions->action[1] = (struct hd_action){.type = HD_ACT_RESUBMIT, .resubmit.ofport = 2};
	actions->action[2] = (struct hd_action){.type = HD_ACT_SET, .set = {3, 0xffff, HD_FIELD_IN_PORT}};
	actions->action[3] = (struct hd_action){.type = HD_ACT_LEARN, .learn = learn};
	learn->n_specs = 1;
	learn->spec[0] =
		(struct hd_learn_spec){.kind = HD_LEARN_MATCH_VALUE, .dst = {HD_FIELD_IN_PORT, 0, 16}, .value = 4};
	for (uint16_t i = 1; i <= 4; i++)
		ck_assert(hd_actions_name_port(actions, i));
	ck_assert(!hd_actions_name_port(actions, 5));
	ck_assert(hd_actions_equal(actions, actions));
	hd_actions_free(actions);
	hd_actions_free(NULL);
	hd_group_free(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("field");
	TCase *tests = tcase_create("field");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, test_table);
	tcase_add_test(tests, test_accessors);
	tcase_add_test(tests, test_registers);
	tcase_add_test(tests, test_prereqs);
	tcase_add_test(tests, test_name_port);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
