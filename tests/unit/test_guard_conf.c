/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator's part for port security and access lists: what is refused, and where it says that it was. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "model.h"
#include "yaml.h"

#define PORT(keys) "bridges: {br0: {ports: {p: {vhost: /a, " keys "}}}}"
#define BEGIN "bridges: {br0: {ports: {p: {vhost: /a, "
#define IN_PORT "f:1: bridges.br0.ports.p"

static int parse(const char *text, struct hd_config **config, struct hd_error *error)
{
	struct hd_marks *marks;
	json_t *document;
	int rc;

	ck_assert_msg(hd_yaml_parse(text, strlen(text), "f", &document, &marks, error) == 0, "%s", error->text);
	rc = hd_config_parse(document, marks, config, error);
	json_decref(document);
	hd_marks_free(marks);
	return rc;
}

static const struct {
	const char *text, *error;
} refusals[] = {
	{PORT("secure: on"), IN_PORT ".secure: \"on\" is not a mapping"},
	{PORT("secure: {ip: 10.0.0.1}"), IN_PORT ".secure: ip needs mac: whose addresses they are"},
	{PORT("secure: {mca: 1}"), IN_PORT ".secure: \"mca\": unknown key (did you mean mac?)"},
	{PORT("secure: {mac: 01:00:5e:00:00:01}"),
	 IN_PORT ".secure: mac: \"01:00:5e:00:00:01\" is not a unicast address: its multicast bit is set"},
	{PORT("secure: {mac: 52:54:00:00:00:01, ip: [10.0.0.5/8]}"), IN_PORT
	 ".secure: ip: \"10.0.0.5/8\": has bits behind its prefix: give the address alone, or the prefix with zeros"},
	{PORT("secure: {mac: 52:54:00:00:00:01, ip: [1]}"), IN_PORT ".secure: ip: 1 is not text"},
	{PORT("acl-in: web"), IN_PORT ".acl-in: no access list web"},
	{PORT("acl-out: [a b]"), IN_PORT ".acl-out: \"a b\" is not the name of an access list"},
	{PORT("acl-in: [a, a]"), IN_PORT ".acl-in: a is there twice"},
	{PORT("acl-default: drop"), IN_PORT ".acl-default: \"drop\" is not deny or allow"},
	{"acls: {web: {rules: [allow any, allow tpc]}}", "f:1: acls.web.rules[1]: column 7: tpc is not a "
							 "protocol: any, tcp, udp, sctp, icmp, icmp6, arp or a number"},
	{"acls:\n  web:\n    rules:\n    - allow any\n    - deny any port 1\n",
	 "f:5: acls.web.rules[1]: column 10: only tcp, udp and sctp have ports"},
	{"acls: {web: {rules: allow any}}", "f:1: acls.web.rules: \"allow any\" is not a list"},
	{"acls: {web: {rules: [7]}}", "f:1: acls.web.rules[0]: 7 is not text"},
	{"acls: {none: {}}", "f:1: acls.none: not a name: 1 to 31 letters, digits, \"_\", \".\" and \"-\", the first a "
			     "letter or digit, none of the commands' words"},
	{"acls: {web: {rule: []}}", "f:1: acls.web.rule: unknown key (did you mean rules?)"},
};

START_TEST(test_refusals)
{
	struct hd_config *config;
	struct hd_error error = {0};

	ck_assert_int_eq(parse(refusals[_i].text, &config, &error), -EINVAL);
	ck_assert_str_eq(error.text, refusals[_i].error);
	ck_assert_ptr_null(config);
}
END_TEST

/* One more than fits is refused, wherever there is a limit. */
START_TEST(test_limits)
{
	static const struct {
		const char *before, *item, *after;
		int most;
		const char *error;
	} limits[] = {
		{BEGIN "secure: {mac: [52:54:00:00:00:01", ", 52:54:00:00:01:%02x", "]}}}}}", HD_SECURE_MACS_MAX - 1,
		 "more than 16 addresses"},
		{BEGIN "secure: {mac: 52:54:00:00:00:01, ip: [1.0.0.0", ", 10.0.0.%d", "]}}}}}", HD_SECURE_IPS_MAX - 1,
		 "more than 64 addresses"},
		{BEGIN "acl-in: [a", ", b%d", "]}}}}", HD_ACL_LISTS_MAX - 1, "more than 8 access lists"},
		{"acls: {a: {rules: [deny any", ", allow tcp port %d", "]}}", HD_ACL_RULES_MAX - 1,
		 "4001 rules, at most 4000"},
		{"acls: {a: {}", ", b%d: {}", "}", HD_ACLS_MAX - 1, "1025 access lists, at most 1024"},
	};
	static char text[1 << 18];
	struct hd_error error = {0};
	struct hd_config *config;
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "%s", limits[_i].before);
	for (int i = 0; i <= limits[_i].most; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, limits[_i].item, i);
	snprintf(text + n, sizeof(text) - n, "%s", limits[_i].after);
	ck_assert_int_eq(parse(text, &config, &error), -EINVAL);
	ck_assert_msg(strstr(error.text, limits[_i].error) != NULL, "%s", error.text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guard_conf");
	TCase *tests = tcase_create("guard_conf");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, test_refusals, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_loop_test(tests, test_limits, 0, 5);
	suite_add_tcase(suite, tests);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
