/* SPDX-License-Identifier: BSD-3-Clause */
/* The YAML reader and writer: what plain text means, what is refused and where, and that they agree. */
#include "yaml.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arbitrary.h"

static int parse(const char *text, json_t **document, struct hd_marks **marks, struct hd_error *error)
{
	memset(error, 0, sizeof(*error));
	return hd_yaml_parse(text, strlen(text), "f.yaml", document, marks, error);
}

static const struct {
	const char *text, *json;
} values[] = {
	{"10", "10"},
	{"-10", "-10"},
	{"0", "0"},
	{"\"10\"", "\"10\""},
	{"'10'", "\"10\""},
	{"0660", "\"0660\""},
	{"+5", "\"+5\""},
	{"0x10", "\"0x10\""},
	{"1_000", "\"1_000\""},
	{"99999999999999999999", "\"99999999999999999999\""},
	{"1.5", "1.5"},
	{"1e5", "\"1e5\""},
	{"true", "true"},
	{"false", "false"},
	{"yes", "\"yes\""},
	{"null", "null"},
	{"~", "null"},
	{"", "{}"},
	{"# only a comment\n", "{}"},
	{"---\n...\n", "null"},
	{"\xef\xbb\xbfx: 1\n", "{\"x\": 1}"},
	{"0000:01:00.0", "\"0000:01:00.0\""},
	{"52:54:00:00:00:01", "\"52:54:00:00:00:01\""},
	{"12:30:45", "\"12:30:45\""},
	{"100-200", "\"100-200\""},
	{"[10, 20, 100-200]", "[10, 20, \"100-200\"]"},
	{"a: 1\r\nb:\r\n  - x\r\n  - {c: null}\r\n", "{\"a\": 1, \"b\": [\"x\", {\"c\": null}]}"},
	{"10: x\ntrue: y\n", "{\"10\": \"x\", \"true\": \"y\"}"},
	{"a: |\n  two\n  lines\n", "{\"a\": \"two\\nlines\\n\"}"},
	{"br0:\n  ports:\n", "{\"br0\": {\"ports\": null}}"},
};

START_TEST(test_values)
{
	json_t *expected = json_loads(values[_i].json, JSON_DECODE_ANY, NULL), *document;
	struct hd_marks *marks;
	struct hd_error error;

	ck_assert_ptr_nonnull(expected);
	ck_assert_msg(parse(values[_i].text, &document, &marks, &error) == 0, "%s: %s", values[_i].text, error.text);
	ck_assert_msg(json_equal(document, expected), "%s is not %s", values[_i].text, values[_i].json);
	json_decref(document);
	json_decref(expected);
	hd_marks_free(marks);
}
END_TEST

static const struct {
	const char *text, *error;
} refusals[] = {
	{"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key \"a\" stands here twice"},
	{"x:\n  a: &n 1\n", "f.yaml:2:6: anchors (&) are not supported"},
	{"x: *n\n", "f.yaml:1:4: aliases (*) are not supported"},
	{"x: !!str 10\n", "f.yaml:1:4: tags (!) are not supported"},
	{"x: ! 10\n", "f.yaml:1:4: tags (!) are not supported"},
	{"x: !!python/object:os.system {}\n", "f.yaml:1:4: tags (!) are not supported"},
	{"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document (---)"},
	{"? [a]\n: 1\n", "f.yaml:1:3: a key must be text"},
	{"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "f.yaml:1:17: nested too deep"},
	{"a:\n  b: [1, 2\n", "f.yaml:3:1: while parsing a flow sequence: did not find expected ',' or ']'"},
	{"a:\n\tb: 1\n", "f.yaml:2:1: while scanning for the next token: found character that cannot start any token"},
	{"a: \"x\\0y\"\n", "f.yaml:1:4: NUL in text"},
	{"a: \"unfinished\n", "f.yaml:2:1: while scanning a quoted scalar: found unexpected end of stream"},
	{"a: \xff\xfe\n", "f.yaml: byte 3: invalid leading UTF-8 octet"},
	{"a: \x01\n", "f.yaml: byte 3: control characters are not allowed"},
};

START_TEST(test_refusals)
{
	json_t *document;
	struct hd_marks *marks;
	struct hd_error error;

	ck_assert_int_eq(parse(refusals[_i].text, &document, &marks, &error), -EINVAL);
	ck_assert_str_eq(error.text, refusals[_i].error);
	ck_assert_ptr_null(document);
	ck_assert_ptr_null(marks);
}
END_TEST

START_TEST(test_marks)
{
	static const char text[] = "bridges:\n  br0:\n    fdb:\n      - mac: a\n      - port: x\n        mac: b\n"
				   "    ports:\n      a.b:\n        mtu: 1\n      a:\n        vlan: 3\n";
	static const struct {
		const char *path;
		unsigned int line;
	} lines[] = {
		{"", 1},
		{"nothing", 1},
		{"bridges", 1},
		{"bridges.br0", 2},
		{"bridges.br00", 1},
		{"bridges.br0.fdb[0].mac", 4},
		{"bridges.br0.fdb[1].mac", 6},
		{"bridges.br0.fdb[1].vlan", 5},
		{"bridges.br0.fdb[7]", 3},
		{"bridges.br0.ports.a.b.mtu", 9},
		{"bridges.br0.ports.a.b.vlan", 8},
		{"bridges.br0.ports.a.vlan", 11},
		{"bridges.br0.ports.a.mtu", 10},
	};
	json_t *document;
	struct hd_marks *marks;
	struct hd_error error;

	ck_assert_int_eq(parse(text, &document, &marks, &error), 0);
	ck_assert_str_eq(hd_marks_file(marks), "f.yaml");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(hd_marks_line(marks, lines[i].path) == lines[i].line, "%s: line %u, not %u",
			      lines[i].path, hd_marks_line(marks, lines[i].path), lines[i].line);
	ck_assert_uint_eq(hd_marks_line(NULL, "bridges"), 0);
	ck_assert_ptr_null(hd_marks_file(NULL));
	json_decref(document);
	hd_marks_free(marks);
}
END_TEST

static void assert_round_trip(const json_t *document)
{
	char *text = hd_yaml_dump(document);
	json_t *again;
	struct hd_marks *marks;
	struct hd_error error;

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(parse(text, &again, &marks, &error) == 0, "%s\n%s", error.text, text);
	ck_assert_msg(json_equal(document, again), "read back different:\n%s", text);
	json_decref(again);
	hd_marks_free(marks);
	free(text);
}

START_TEST(test_round_trip)
{
	random_start(&arbitrary_random, "yaml round trip");
	for (int i = 0; i < 20000; i++) {
		json_t *document = i % 4 ? arbitrary_json(5) : arbitrary_config();

		assert_round_trip(document);
		json_decref(document);
	}
}
END_TEST

START_TEST(test_style)
{
	json_t *document =
		json_loads("{\"bridges\": {\"br0\": {\"fdb\": [{\"mac\": \"52:54:00:00:00:01\", \"vlan\": 10, "
			   "\"port\": \"vm1\"}], \"ports\": {\"vm1\": {\"vhost\": \"/run/vm1.sock\", "
			   "\"socket-mode\": \"0660\", \"trunk\": [10, \"100-200\"], \"isolated\": true}, "
			   "\"no\": {\"device\": \"0000:01:00.0\"}}}, \"br1\": {}}}",
			   0, NULL);
	char *text = hd_yaml_dump(document);

	ck_assert_str_eq(text, "bridges:\n"
			       "  br0:\n"
			       "    fdb:\n"
			       "    - {mac: \"52:54:00:00:00:01\", vlan: 10, port: vm1}\n"
			       "    ports:\n"
			       "      vm1:\n"
			       "        vhost: /run/vm1.sock\n"
			       "        socket-mode: \"0660\"\n"
			       "        trunk: [10, 100-200]\n"
			       "        isolated: true\n"
			       "      \"no\":\n"
			       "        device: \"0000:01:00.0\"\n"
			       "  br1: {}\n");
	free(text);
	json_decref(document);
}
END_TEST

/* Random bytes changed, removed or doubled in valid text: never a crash, and a refusal says something. */
START_TEST(test_mutations)
{
	random_start(&arbitrary_random, "yaml mutations");
	for (int i = 0; i < 5000; i++) {
		json_t *document = arbitrary_config(), *again;
		char *text = hd_yaml_dump(document);
		size_t length = strlen(text);
		struct hd_marks *marks;
		struct hd_error error = {0};

		for (uint32_t n = 1 + below(4); n > 0 && length > 0; n--)
			text[below((uint32_t)length)] = "\n :-[]{}&*!|>'\"%#,?\t\xff"[below(22)];
		if (hd_yaml_parse(text, below(4) ? length : below((uint32_t)length + 1), "m", &again, &marks, &error) ==
		    0)
			ck_assert_ptr_nonnull(again);
		else
			ck_assert_msg(strncmp(error.text, "m:", 2) == 0, "%s", error.text);
		json_decref(again);
		hd_marks_free(marks);
		free(text);
		json_decref(document);
	}
}
END_TEST

static char directory[] = "/tmp/hd-yaml-XXXXXX";

static void write_file(const char *name, const char *text, off_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (size > 0)
		ck_assert_int_eq(ftruncate(fd, size), 0);
	close(fd);
}

static int load(const char *name, json_t **document, struct hd_error *error)
{
	struct hd_marks *marks;
	int rc = hd_yaml_load(name, document, &marks, error);

	hd_marks_free(marks);
	return rc;
}

START_TEST(test_load)
{
	json_t *document;
	struct hd_error error;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	write_file("good", "bridges:\n  br0: {}\n", 0);
	ck_assert_int_eq(load("good", &document, &error), 0);
	json_decref(document);
	write_file("big", "a: 1\n", 100 << 20);
	ck_assert_int_eq(load("big", &document, &error), -E2BIG);
	ck_assert_str_eq(error.text, "big: larger than 33554432 bytes");
	ck_assert_int_eq(load("absent", &document, &error), -ENOENT);
	ck_assert_str_eq(error.text, "absent: No such file or directory");
	ck_assert_int_eq(load(".", &document, &error), -EINVAL);
	ck_assert_str_eq(error.text, ".: not a regular file");
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(load("fifo", &document, &error), -EINVAL);
	ck_assert_str_eq(error.text, "fifo: not a regular file");
	ck_assert_int_eq(load("/dev/zero", &document, &error), -EINVAL);
	unlink("good");
	unlink("big");
	unlink("fifo");
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* As large as allowed, of the shapes that cost most: read or refused, in bounded time and memory. */
START_TEST(test_bombs)
{
	static const char *const parts[] = {"[",    "{a: ", "- ",   "a,",     "[a, ", "? ",
					    "\"\n", "#\n",  "a:\n", "x: y\n", "|\n"};
	size_t length = HD_YAML_MAX;
	char *text = malloc(length + 1);
	json_t *document;
	struct hd_marks *marks;
	struct hd_error error = {0};

	for (size_t i = 0; i < length; i++)
		text[i] = parts[_i][i % strlen(parts[_i])];
	if (hd_yaml_parse(text, length, "bomb", &document, &marks, &error) < 0)
		ck_assert_str_ne(error.text, "");
	json_decref(document);
	hd_marks_free(marks);
	ck_assert_int_eq(hd_yaml_parse(text, length + 1, "bomb", &document, &marks, &error), -E2BIG);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("yaml");
	TCase *tests = tcase_create("yaml");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_values, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_loop_test(tests, test_refusals, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tests, test_marks);
	tcase_add_test(tests, test_round_trip);
	tcase_add_test(tests, test_style);
	tcase_add_test(tests, test_mutations);
	tcase_add_test(tests, test_load);
	tcase_add_loop_test(tests, test_bombs, 0, 11);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
