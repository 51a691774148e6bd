/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a command: asks the daemon and shows the answer, once or in rounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "run.h"
#include "save.h"
#include "show.h"
#include "version.h"
#include "yaml.h"

static double clock_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void wait_until(double when)
{
	struct timespec at = {.tv_sec = (time_t)when, .tv_nsec = (long)((when - (double)(time_t)when) * 1e9)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

void hd_run_print_json(const struct hd_cli *cli, const json_t *value)
{
	/* In rounds, a line each. */
	size_t flags = cli->interval > 0 ? JSON_COMPACT : JSON_INDENT(2);

	json_dumpf(value, stdout, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	putchar('\n');
	fflush(stdout);
}

static void show_round(const struct hd_cli *cli, const struct hd_command *command, const struct hd_view *view)
{
	if (cli->json) {
		hd_run_print_json(cli, view->result);
		return;
	}
	if (cli->interval > 0 && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout); /* home, clear */
	else if (view->before != NULL)
		putchar('\n');
	if (command->show != NULL)
		command->show(view);
	fflush(stdout);
}

int hd_run_pages(struct hd_cli *cli, const char *method, json_t *params, const char *key, json_t *list)
{
	json_t *page, *cursor;
	int code = HD_EXIT_OK;

	json_object_del(params, "cursor");
	while (code == HD_EXIT_OK) {
		code = hd_client_call(cli, method, json_incref(params), &page);
		json_array_extend(list, json_object_get(page, key));
		cursor = json_incref(json_object_get(page, "cursor"));
		json_decref(page);
		if (cursor == NULL)
			break;
		json_object_set_new(params, "cursor", cursor);
	}
	return code;
}

static int fetch_once(struct hd_cli *cli, const struct hd_command *command, json_t *params, json_t **result)
{
	return hd_client_call(cli, command->method, json_incref(params), result);
}

int hd_run(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	return hd_run_rounds(cli, command, params, fetch_once);
}

int hd_run_rounds(struct hd_cli *cli, const struct hd_command *command, json_t *params, hd_run_fetch fetch)
{
	struct hd_view view = {.one = json_object_get(params, "name") != NULL};
	double asked = 0, before;
	json_t *result = NULL, *last = NULL;
	int code = HD_EXIT_OK;

	for (unsigned int round = 0; code == HD_EXIT_OK; round++) {
		before = asked;
		code = fetch(cli, command, params, &result);
		if (code != HD_EXIT_OK)
			break;
		asked = clock_seconds();
		view.result = result;
		view.before = last;
		view.seconds = round > 0 ? asked - before : cli->interval;
		show_round(cli, command, &view);
		json_decref(last);
		last = result;
		if (cli->interval <= 0 || round + 1 == cli->rounds)
			break;
		wait_until(asked + cli->interval);
	}
	json_decref(last);
	json_decref(params);
	return code;
}

/* All pages of one bridge's addresses, each with the bridge's name, onto the end of `list`. */
static int add_pages(struct hd_cli *cli, json_t *params, const char *bridge, json_t *list)
{
	size_t i = json_array_size(list);
	int code;

	json_object_set_new(params, "bridge", json_string(bridge));
	code = hd_run_pages(cli, "fdb.show", params, "entries", list);
	for (; i < json_array_size(list); i++)
		json_object_set_new(json_array_get(list, i), "bridge", json_string(bridge));
	return code;
}

int hd_run_fdb_show(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	const char *named = json_string_value(json_object_get(params, "bridge"));
	struct hd_view view = {.result = json_array()};
	json_t *bridges = NULL, *bridge;
	int code;
	size_t i;

	if (named != NULL) {
		code = add_pages(cli, params, strdupa(named), (json_t *)view.result);
	} else {
		code = hd_client_call(cli, "bridge.show", NULL, &bridges);
		json_array_foreach (bridges, i, bridge)
			if (code == HD_EXIT_OK)
				code = add_pages(cli, params, hd_show_text(bridge, "name"), (json_t *)view.result);
	}
	if (code == HD_EXIT_OK)
		show_round(cli, command, &view);
	json_decref(bridges);
	json_decref((json_t *)view.result);
	json_decref(params);
	return code;
}

int hd_run_config_show(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	json_t *result;
	int code = hd_client_call(cli, command->method, params, &result);

	if (code != HD_EXIT_OK)
		return code;
	if (cli->json)
		hd_run_print_json(cli, json_object_get(result, "document"));
	else
		fputs(hd_show_text(result, "yaml"), stdout);
	if (!cli->json && json_object_get(result, "pending") != NULL)
		fprintf(stderr, "heddle: rolled back in %lld s unless confirmed: heddle config confirm\n",
			(long long)hd_show_count(result, "pending"));
	json_decref(result);
	return HD_EXIT_OK;
}

/* A file's text, "-": stdin. NULL, having said why. */
static char *read_text(const char *file, size_t *length)
{
	FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
	char *text = in != NULL ? malloc(HD_YAML_MAX + 2) : NULL;
	unsigned long long size = 0;
	char rest[65536];
	size_t n;

	if (text == NULL) {
		fprintf(stderr, "heddle: %s: %s\n", file, strerror(errno));
		if (in != NULL && in != stdin)
			fclose(in);
		return NULL;
	}
	errno = 0;
	*length = fread(text, 1, HD_YAML_MAX + 1, in);
	if (ferror(in)) {
		fprintf(stderr, "heddle: %s: %s\n", file, strerror(errno));
	} else if (*length > HD_YAML_MAX) {
		size = *length;
		for (n = fread(rest, 1, sizeof(rest), in); n > 0; n = fread(rest, 1, sizeof(rest), in))
			size += n;
		fprintf(stderr, "heddle: %s: %llu bytes, a configuration has at most %u\n", file, size, HD_YAML_MAX);
	}
	if (ferror(in) || size > 0) {
		free(text);
		text = NULL;
	}
	if (in != stdin)
		fclose(in);
	return text;
}

/* JSON can't carry what is not UTF-8: the YAML parser says where it is. */
static json_t *text_value(const char *text, size_t length, const char *file)
{
	json_t *value = memchr(text, '\0', length) == NULL ? json_stringn(text, length) : NULL, *document = NULL;
	struct hd_marks *marks = NULL;
	struct hd_error error = {""};

	if (value != NULL)
		return value;
	if (hd_yaml_parse(text, length, file, &document, &marks, &error) == 0)
		snprintf(error.text, sizeof(error.text), "%s: not valid UTF-8", file);
	fprintf(stderr, "heddle: %s\n", error.text);
	json_decref(document);
	hd_marks_free(marks);
	return NULL;
}

int hd_run_config_apply(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	const char *file = json_string_value(json_object_get(params, "file"));
	size_t length;
	char *text = read_text(file, &length);
	json_t *value = text != NULL ? text_value(text, length, file) : NULL;

	free(text);
	if (value == NULL) {
		json_decref(params);
		return HD_EXIT_REFUSED;
	}
	json_object_set_new(params, "yaml", value);
	if (strcmp(file, "-") == 0)
		json_object_set_new(params, "file", json_string("stdin"));
	return hd_run(cli, command, params);
}

/* To a file of the user's: written by the user, not by the daemon. */
static int save_to(struct hd_cli *cli, const char *file)
{
	struct hd_error error;
	json_t *result;
	int code = hd_client_call(cli, "config.show", NULL, &result);

	if (code != HD_EXIT_OK)
		return code;
	if (hd_save(file, hd_show_text(result, "yaml"), &error) < 0) {
		fprintf(stderr, "heddle: %s\n", error.text);
		code = HD_EXIT_REFUSED;
	}
	json_decref(result);
	return code;
}

int hd_run_config_save(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	const char *file = json_string_value(json_object_get(params, "file"));
	json_t *result = NULL;
	int code;

	if (file != NULL) {
		code = save_to(cli, file);
		result = json_pack("{s:s}", "file", file);
	} else {
		code = hd_client_call(cli, command->method, NULL, &result);
	}
	if (code == HD_EXIT_OK && cli->json)
		hd_run_print_json(cli, result);
	else if (code == HD_EXIT_OK)
		printf("saved to %s\n", hd_show_text(result, "file"));
	json_decref(result);
	json_decref(params);
	return code;
}

int hd_run_version(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	json_t *result;
	int code = hd_client_call(cli, command->method, params, &result);

	if (code != HD_EXIT_OK) {
		if (!cli->json)
			printf("heddle %s\n", HD_VERSION);
		return code;
	}
	if (cli->json) {
		json_object_set_new(result, "cli", json_string(HD_VERSION));
		hd_run_print_json(cli, result);
	} else {
		printf("heddle           %s\n", HD_VERSION);
		printf("heddle-vswitchd  %s, %s, pid %lld, up %lld s, memory: %s\n", hd_show_text(result, "version"),
		       hd_show_text(result, "dpdk"), (long long)hd_show_count(result, "pid"),
		       (long long)hd_show_count(result, "uptime"), hd_show_text(result, "memory"));
	}
	json_decref(result);
	return HD_EXIT_OK;
}
