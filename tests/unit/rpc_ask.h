/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks hd_rpc_handle, for tests of methods and of the protocol. Included by one file a program. */
#ifndef RPC_ASK_H
#define RPC_ASK_H

#include <check.h>
#include <heddle/protocol.h>
#include <stdio.h>

#include "fake_control.h"
#include "log.h"
#include "rpc.h"

static struct hd_control control;

static inline void setup(void)
{
	fake_control_init(&control);
	hd_log_set_level(HD_LOG_ERROR);
}

static inline void teardown(void)
{
	fake_control_clear(&control);
}

/* The answer as a tree; NULL if none. Every answer must be one line of valid JSON. */
static inline json_t *ask_bytes(const char *text, size_t length)
{
	char *line = hd_rpc_handle(&control, "test", text, length);
	json_t *answer;

	if (line == NULL)
		return NULL;
	ck_assert_ptr_null(strchr(line, '\n'));
	answer = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(answer != NULL, "not JSON: %s", line);
	free(line);
	return answer;
}

static inline json_t *ask(const char *text)
{
	return ask_bytes(text, strlen(text));
}

static inline void check_error(const json_t *answer, int code, const char *message)
{
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "message"));

	ck_assert_str_eq(json_string_value(json_object_get(answer, "jsonrpc")), "2.0");
	ck_assert_ptr_null(json_object_get(answer, "result"));
	ck_assert_ptr_nonnull(json_object_get(answer, "id"));
	ck_assert_msg(json_integer_value(json_object_get(error, "code")) == code, "%s", text);
	ck_assert_msg(strstr(text, message) != NULL, "\"%s\" is not in \"%s\"", message, text);
}

/* A call that must succeed; its result, a new reference. */
static inline json_t *call(const char *method, const char *params)
{
	char *text;
	json_t *answer, *result;

	ck_assert_int_ge(
		asprintf(&text, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"%s\",\"params\":%s}", method, params), 0);
	answer = ask(text);
	result = json_incref(json_object_get(answer, "result"));
	ck_assert_msg(result != NULL, "%s: %s", text,
		      json_string_value(json_object_get(json_object_get(answer, "error"), "message")));
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "id")), 7);
	json_decref(answer);
	free(text);
	return result;
}

static inline void done(const char *method, const char *params)
{
	json_decref(call(method, params));
}

static inline void refused(const char *method, const char *params, int code, const char *message)
{
	char *text;
	json_t *answer;

	ck_assert_int_ge(
		asprintf(&text, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"%s\",\"params\":%s}", method, params),
		0);
	answer = ask(text);
	check_error(answer, code, message);
	ck_assert_str_eq(json_string_value(json_object_get(answer, "id")), "x");
	json_decref(answer);
	free(text);
}

#endif
