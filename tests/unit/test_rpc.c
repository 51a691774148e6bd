/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC: request lines and the answers they must get, with a data path that is made up. */
#include "rpc_ask.h"

/* Whole answers, as JSON-RPC 2.0 section 7 shows them where it does. NULL: none. */
static const struct {
	const char *request, *answer;
} exact[] = {
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"log.level\"}",
	 "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"level\":\"error\"}}"},
	{" {\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"log.level\",\"params\":{}} \r",
	 "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{\"level\":\"error\"}}"},
	{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"log.level\"}",
	 "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{\"level\":\"error\"}}"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"log.level\"}",
	 "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"result\":{\"level\":\"error\"}}"},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"log.level\"}", NULL},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}", NULL},
	{"[{\"jsonrpc\":\"2.0\",\"method\":\"log.level\"},{\"jsonrpc\":\"2.0\",\"method\":\"version\"}]", NULL},
	{"[{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"log.level\"},{\"jsonrpc\":\"2.0\",\"method\":\"version\"},"
	 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"config.confirm\"}]",
	 "[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"level\":\"error\"}},"
	 "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"nothing to confirm\"}}]"},
	{"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"bridge.add\",\"params\":{\"name\":\"br0\"}}",
	 "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{\"changes\":[{\"change\":\"bridge add\",\"bridge\":\"br0\"}]}}"},
};

START_TEST(test_exact)
{
	json_t *answer = ask(exact[_i].request), *wanted;

	if (exact[_i].answer == NULL) {
		ck_assert_ptr_null(answer);
		return;
	}
	wanted = json_loads(exact[_i].answer, 0, NULL);
	ck_assert_msg(json_equal(answer, wanted), "%s", json_dumps(answer, 0));
	json_decref(answer);
	json_decref(wanted);
}
END_TEST

static const struct {
	const char *request;
	int code;
	const char *message;
} wrong[] = {
	{"", HD_RPC_PARSE, "parse error"},
	{"{", HD_RPC_PARSE, "parse error"},
	{"{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]", HD_RPC_PARSE, "parse error"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"version\"}", HD_RPC_PARSE, "duplicate"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"} x", HD_RPC_PARSE, "parse error"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}", HD_RPC_PARSE, "parse error"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u0000b\"}", HD_RPC_PARSE, "parse error"},
	{"{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"version\"}", HD_RPC_PARSE, "parse error"},
	{"1", HD_RPC_INVALID_REQUEST, "object"},
	{"\"x\"", HD_RPC_INVALID_REQUEST, "object"},
	{"null", HD_RPC_INVALID_REQUEST, "object"},
	{"[]", HD_RPC_INVALID_REQUEST, "empty batch"},
	{"{}", HD_RPC_INVALID_REQUEST, "jsonrpc"},
	{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"version\"}", HD_RPC_INVALID_REQUEST, "2.0"},
	{"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"version\"}", HD_RPC_INVALID_REQUEST, "2.0"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", HD_RPC_INVALID_REQUEST, "method"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1}", HD_RPC_INVALID_REQUEST, "method"},
	{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"version\"}", HD_RPC_INVALID_REQUEST, "id"},
	{"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"version\"}", HD_RPC_INVALID_REQUEST, "id"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"params\":1}", HD_RPC_INVALID_REQUEST, "params"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"params\":[1]}", HD_RPC_INVALID_PARAMS, "by name"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.ad\"}", HD_RPC_NO_METHOD, "bridge.ad"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", HD_RPC_NO_METHOD, "no such method"},
};

START_TEST(test_wrong)
{
	json_t *answer = ask(wrong[_i].request);

	check_error(answer, wrong[_i].code, wrong[_i].message);
	json_decref(answer);
}
END_TEST

START_TEST(test_batch_of_wrong)
{
	json_t *answer = ask("[1,{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"x\"},[]]");

	ck_assert_uint_eq(json_array_size(answer), 3);
	check_error(json_array_get(answer, 0), HD_RPC_INVALID_REQUEST, "object");
	check_error(json_array_get(answer, 1), HD_RPC_NO_METHOD, "x");
	check_error(json_array_get(answer, 2), HD_RPC_INVALID_REQUEST, "object");
	json_decref(answer);
}
END_TEST

START_TEST(test_batch_limit)
{
	static const char one[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"log.level\"}";
	char *text = malloc((HD_BATCH_MAX + 1) * sizeof(one) + 3);
	json_t *answer;

	for (int n = HD_BATCH_MAX; n <= HD_BATCH_MAX + 1; n++) {
		strcpy(text, "[");
		for (int i = 0; i < n; i++)
			strcat(strcat(text, i > 0 ? "," : ""), one);
		answer = ask(strcat(text, "]"));
		if (n == HD_BATCH_MAX)
			ck_assert_uint_eq(json_array_size(answer), HD_BATCH_MAX);
		else
			check_error(answer, HD_RPC_INVALID_REQUEST, "batch of 101");
		json_decref(answer);
	}
	free(text);
}
END_TEST

static json_t *ask_nested(size_t depth, const char *open, const char *close)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\",\"params\":{\"x\":";
	char *text = malloc(sizeof(head) + depth * 8 + 8);
	json_t *answer;

	strcpy(text, head);
	for (size_t i = 0, at = strlen(text); i < depth; i++)
		at += (size_t)sprintf(text + at, "%s", open);
	if (close[0] != '\0')
		strcat(text, "1");
	for (size_t i = 0, at = strlen(text); i < depth; i++)
		at += (size_t)sprintf(text + at, "%s", close);
	answer = ask(strcat(text, "}}"));
	free(text);
	return answer;
}

START_TEST(test_nested)
{
	json_t *answer = ask_nested(HD_DEPTH_MAX - 2, "[", "]");

	check_error(answer, HD_RPC_INVALID_PARAMS, "x: unknown parameter");
	json_decref(answer);
	answer = ask_nested(HD_DEPTH_MAX - 1, "[", "]");
	check_error(answer, HD_RPC_PARSE, "nested deeper than 32");
	json_decref(answer);
	answer = ask_nested(400000, "[", "");
	check_error(answer, HD_RPC_PARSE, "nested deeper than 32");
	json_decref(answer);
	answer = ask_nested(100000, "{\"a\":", "}");
	check_error(answer, HD_RPC_PARSE, "nested deeper than 32");
	json_decref(answer);
	/* Brackets in a string are no nesting. */
	answer = ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"}");
	check_error(answer, HD_RPC_NO_METHOD, "[[[");
	json_decref(answer);
}
END_TEST

/* Every prefix of a request is a parse error, and so is the request with any byte replaced by 0xff or NUL. */
START_TEST(test_mutilated)
{
	static const char text[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"port.show\",\"params\":{\"name\":\"x\"}}";
	char copy[sizeof(text)];
	json_t *answer;

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		answer = ask_bytes(text, n);
		check_error(answer, HD_RPC_PARSE, "parse error");
		json_decref(answer);
		for (int byte = 0; byte < 256; byte += 255) {
			memcpy(copy, text, sizeof(text));
			copy[n] = (char)byte;
			answer = ask_bytes(copy, sizeof(text) - 1);
			check_error(answer, HD_RPC_PARSE, "parse error");
			json_decref(answer);
		}
	}
}
END_TEST

static void check_method(const struct hd_rpc_method *method, void *arg)
{
	const json_t *listed = json_array_get(arg, control.rounds++);

	ck_assert_str_eq(json_string_value(json_object_get(listed, "method")), method->name);
	ck_assert_ptr_nonnull(method->call);
	ck_assert_ptr_nonnull(method->help);
}

START_TEST(test_help)
{
	json_t *result = call("help", "{}");

	hd_rpc_each(check_method, result);
	ck_assert_uint_eq(control.rounds, json_array_size(result));
	ck_assert_uint_eq(control.rounds, 58);
	json_decref(result);
}
END_TEST

static char manual[1 << 20];

static void check_documented(const struct hd_rpc_method *method, void *arg)
{
	const char *quote = method->params[0] != '\0' ? "`" : "";
	char row[512];

	snprintf(row, sizeof(row), "\n| `%s` | %s%s%s | %s |\n", method->name, quote, method->params, quote,
		 method->help);
	ck_assert_msg(strstr(manual, row) != NULL, "docs/control-protocol.md lacks: %s", row);
}

START_TEST(test_manual)
{
	FILE *file = fopen(HD_SOURCE_ROOT "/docs/control-protocol.md", "r");

	ck_assert_ptr_nonnull(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	hd_rpc_each(check_documented, NULL);
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("rpc");
	TCase *tcase = tcase_create("rpc");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_exact, 0, N(exact));
	tcase_add_loop_test(tcase, test_wrong, 0, N(wrong));
	tcase_add_test(tcase, test_batch_of_wrong);
	tcase_add_test(tcase, test_batch_limit);
	tcase_add_test(tcase, test_nested);
	tcase_add_test(tcase, test_mutilated);
	tcase_add_test(tcase, test_help);
	tcase_add_test(tcase, test_manual);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
