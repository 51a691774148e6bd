/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands with texts of flows: sends them, files in pieces, and shows where in a text a refusal points. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "run.h"
#include "show.h"

#define PIECE 262144       /* bytes of a file in a request, about */
#define PAGE 4096          /* rules an answer: the most */
#define LINE_LONGEST 65536 /* bytes of a line: what a flow may have */
#define SHOWN 100          /* characters of a text around the column */

/* The text, or the part of it around `column` (1..), and a mark below. */
static void point_at(const char *text, size_t length, size_t column)
{
	size_t at = column > 0 ? column - 1 : 0, from, to, mark = 0;

	if (at > length)
		at = length;
	from = at > SHOWN * 3 / 4 ? at - SHOWN * 3 / 4 : 0;
	to = length - from > SHOWN ? from + SHOWN : length;
	fprintf(stderr, "  %s", from > 0 ? "..." : "");
	for (size_t i = from; i < to; i++) {
		unsigned char c = (unsigned char)text[i];

		fputc(c < 0x20 || c == 0x7f ? ' ' : c, stderr);
		mark += i < at && (c & 0xc0) != 0x80; /* a character of UTF-8 takes one place */
	}
	fprintf(stderr, "%s\n  %*s^\n", to < length ? "..." : "", (int)(mark + (from > 0 ? 3 : 0)), "");
}

/* The number behind `word` in what the daemon said; 0 if it is not there. */
static unsigned long said(const struct hd_cli *cli, const char *word)
{
	const char *at = strstr(cli->refusal, word);

	return at != NULL ? strtoul(at + strlen(word), NULL, 10) : 0;
}

/* Which of the request's texts the refusal is about. */
static const json_t *culprit(const struct hd_cli *cli, const json_t *params)
{
	static const char *const members[] = {"flow", "group", "meter", "match"};
	const json_t *list = json_object_get(params, "flows");

	if (list != NULL)
		return json_array_get(list, said(cli, "flows["));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_object_get(params, members[i]) != NULL)
			return json_object_get(params, members[i]);
	return NULL;
}

static void explain(const struct hd_cli *cli, const json_t *params)
{
	const json_t *text = culprit(cli, params);
	unsigned long column = said(cli, "column ");

	if (column > 0 && text != NULL)
		point_at(json_string_value(text), json_string_length(text), column);
}

int hd_run_text(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	int code = hd_run(cli, command, json_incref(params));

	if (code == HD_EXIT_REFUSED)
		explain(cli, params);
	json_decref(params);
	return code;
}

/* One text goes by itself, so that messages need not say which it was. */
int hd_run_flow_texts(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	const json_t *list = json_object_get(params, "flows");

	if (json_array_size(list) == 1) {
		json_object_set(params, "flow", json_array_get(list, 0));
		json_object_del(params, "flows");
	}
	return hd_run_text(cli, command, params);
}

/* A file on its way to the daemon. */
struct upload {
	struct hd_cli *cli;
	const char *name; /* in messages */
	FILE *file;
	json_t *bundle;
	char *text; /* the piece */
	size_t length, room;
	unsigned long line, first; /* read so far; of the piece */
};

static int complain(const struct upload *upload, unsigned long line, const char *why)
{
	fprintf(stderr, "heddle: %s:%lu: %s\n", upload->name, line, why);
	return HD_EXIT_REFUSED;
}

static int append(struct upload *upload, const char *line, size_t length)
{
	char *text;

	if (length > LINE_LONGEST + 1)
		return complain(upload, upload->line, "line too long");
	if (upload->length + length > upload->room) {
		upload->room = upload->length + length + PIECE;
		text = realloc(upload->text, upload->room);
		if (text == NULL)
			return complain(upload, upload->line, "out of memory");
		upload->text = text;
	}
	memcpy(upload->text + upload->length, line, length);
	upload->length += length;
	return HD_EXIT_OK;
}

/* Lines of the piece, one by one: calls until one returns true. */
static void find_line(const struct upload *upload,
		      bool (*found)(const char *text, size_t length, unsigned long line, void *arg), void *arg)
{
	const char *at = upload->text, *end = at + upload->length;
	unsigned long line = upload->first;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline != NULL ? newline : end) - at);

		if (found(at, length, line++, arg))
			return;
		at += length + 1;
	}
}

static bool is_not_utf8(const char *text, size_t length, unsigned long line, void *arg)
{
	json_t *value = memchr(text, '\0', length) == NULL ? json_stringn(text, length) : NULL;

	*(unsigned long *)arg = line;
	json_decref(value);
	return value == NULL;
}

/* Where a refusal points: a line and a column. */
struct place {
	unsigned long line, column;
};

static bool show_place(const char *text, size_t length, unsigned long line, void *arg)
{
	const struct place *place = arg;

	if (line == place->line)
		point_at(text, length, place->column);
	return line == place->line;
}

/* "rules.txt:17: column 12: ..." */
static void explain_piece(const struct upload *upload)
{
	struct place place = {.column = said(upload->cli, ": column ")};
	const char *at = strstr(upload->cli->refusal, ": column ");

	if (at == NULL || place.column == 0)
		return;
	while (at > upload->cli->refusal && at[-1] >= '0' && at[-1] <= '9')
		at--;
	place.line = strtoul(at, NULL, 10);
	find_line(upload, show_place, &place);
}

static int send_piece(struct upload *upload)
{
	json_t *text, *result;
	unsigned long bad = 0;
	int code;

	if (upload->length == 0)
		return HD_EXIT_OK;
	text = memchr(upload->text, '\0', upload->length) == NULL ? json_stringn(upload->text, upload->length) : NULL;
	if (text == NULL) {
		find_line(upload, is_not_utf8, &bad);
		return complain(upload, bad, "not valid UTF-8");
	}
	code = hd_client_call(
		upload->cli, "flow.stage",
		json_pack("{s:O, s:o, s:I}", "bundle", upload->bundle, "text", text, "line", (json_int_t)upload->first),
		&result);
	json_decref(result);
	if (code == HD_EXIT_REFUSED)
		explain_piece(upload);
	upload->length = 0;
	return code;
}

static int send_lines(struct upload *upload)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int code = HD_EXIT_OK;

	errno = 0;
	while (code == HD_EXIT_OK && (length = getline(&line, &size, upload->file)) > 0) {
		if (upload->length == 0)
			upload->first = upload->line + 1;
		upload->line++;
		code = append(upload, line, (size_t)length);
		if (code == HD_EXIT_OK && upload->length >= PIECE)
			code = send_piece(upload);
	}
	free(line);
	if (code == HD_EXIT_OK && ferror(upload->file)) {
		fprintf(stderr, "heddle: %s: %s\n", upload->name, strerror(errno));
		code = HD_EXIT_REFUSED;
	}
	return code == HD_EXIT_OK ? send_piece(upload) : code;
}

static int send_file(struct upload *upload, const char *bridge, bool replace, json_t **result)
{
	json_t *begun;
	int code = hd_client_call(
		upload->cli, "flow.begin",
		json_pack("{s:s, s:b, s:s}", "bridge", bridge, "replace", (int)replace, "file", upload->name), &begun);

	if (code != HD_EXIT_OK)
		return code;
	upload->bundle = json_incref(json_object_get(begun, "bundle"));
	json_decref(begun);
	code = send_lines(upload);
	if (code == HD_EXIT_OK)
		code = hd_client_call(upload->cli, "flow.commit", json_pack("{s:O}", "bundle", upload->bundle), result);
	json_decref(upload->bundle);
	return code;
}

int hd_run_flow_file(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	const char *path = json_string_value(json_object_get(params, "file"));
	bool is_stdin = strcmp(path, "-") == 0;
	struct upload upload = {
		.cli = cli,
		.name = is_stdin ? "stdin" : path,
		.file = is_stdin ? stdin : fopen(path, "r"),
	};
	struct hd_view view = {.result = NULL};
	json_t *result = NULL;
	int code = HD_EXIT_REFUSED;

	if (upload.file == NULL)
		fprintf(stderr, "heddle: %s: %s\n", path, strerror(errno));
	else
		code = send_file(&upload, json_string_value(json_object_get(params, "bridge")),
				 strcmp(command->verb, "replace") == 0, &result);
	view.result = result;
	if (code == HD_EXIT_OK && cli->json)
		hd_run_print_json(cli, result);
	else if (code == HD_EXIT_OK)
		command->show(&view);
	if (upload.file != NULL && !is_stdin)
		fclose(upload.file);
	free(upload.text);
	json_decref(result);
	json_decref(params);
	return code;
}

static int fetch_flows(struct hd_cli *cli, const struct hd_command *command, json_t *params, json_t **result)
{
	int code;

	*result = json_array();
	json_object_set_new(params, "max", json_integer(PAGE));
	code = hd_run_pages(cli, command->method, params, "flows", *result);
	if (code == HD_EXIT_OK)
		return code;
	if (code == HD_EXIT_REFUSED)
		explain(cli, params);
	json_decref(*result);
	*result = NULL;
	return code;
}

int hd_run_flow_show(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	struct hd_command shown = *command;

	if (json_is_true(json_object_get(params, "ofctl")))
		shown.show = hd_show_flows_ofctl;
	json_object_del(params, "ofctl");
	return hd_run_rounds(cli, &shown, params, fetch_flows);
}

static int fetch_connections(struct hd_cli *cli, const struct hd_command *command, json_t *params, json_t **result)
{
	int code;

	*result = json_array();
	code = hd_run_pages(cli, command->method, params, "connections", *result);
	if (code != HD_EXIT_OK) {
		json_decref(*result);
		*result = NULL;
	}
	return code;
}

int hd_run_ct_show(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	return hd_run_rounds(cli, command, params, fetch_connections);
}
