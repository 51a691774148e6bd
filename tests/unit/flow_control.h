/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A real control thread with real tables over ports in memory, asked by JSON-RPC. For tests of what flows, groups and
 * meters do there. Included by one file a program, which starts the EAL and does not fork.
 */
#ifndef FLOW_CONTROL_H
#define FLOW_CONTROL_H

#include <check.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/protocol.h>

#include "control.h"
#include "eal.h"
#include "fake_port.h"
#include "log.h"
#include "rpc.h"

static struct {
	struct event_base *base;
	struct hd_dataplane *dataplane;
	struct hd_control *control;
	const char *client; /* who asks */
} world;

static inline json_t *answer(const char *method, json_t *params)
{
	json_t *request =
		json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", method, "params", params);
	char *text = json_dumps(request, JSON_COMPACT), *line;
	json_t *reply;

	ck_assert_ptr_nonnull(text);
	line = hd_rpc_handle(world.control, world.client, text, strlen(text));
	ck_assert_ptr_nonnull(line);
	reply = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(reply);
	free(line);
	free(text);
	json_decref(request);
	return reply;
}

/* A call that must succeed; its result, a new reference. Takes the reference to params. */
static inline json_t *call(const char *method, json_t *params)
{
	json_t *reply = answer(method, params), *result = json_incref(json_object_get(reply, "result"));

	ck_assert_msg(result != NULL, "%s: %s", method,
		      json_string_value(json_object_get(json_object_get(reply, "error"), "message")));
	json_decref(reply);
	return result;
}

static inline void done(const char *method, json_t *params)
{
	json_decref(call(method, params));
}

/* A call that must be refused in these words. */
static inline void refused(const char *method, json_t *params, const char *words)
{
	json_t *reply = answer(method, params), *error = json_object_get(reply, "error");
	const char *said = json_string_value(json_object_get(error, "message"));

	ck_assert_msg(error != NULL, "%s: not refused", method);
	ck_assert_msg(strstr(said, words) != NULL, "%s: not \"%s\" but \"%s\"", method, words, said);
	json_decref(reply);
}

static inline json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* {"bridge": "br0", key: text} */
static inline json_t *with(const char *key, const char *text)
{
	return json_pack("{s:s, s:s}", "bridge", "br0", key, text);
}

static inline struct hd_run_bridge *run_bridge(const char *name)
{
	return hd_runtime_bridge(hd_control_runtime(world.control), name);
}

static inline void add_port(const char *bridge, const char *name)
{
	done("port.add",
	     json_pack("{s:s, s:s, s:o}", "name", name, "bridge", bridge, "vhost", json_sprintf("/run/%s", name)));
}

/* The rules of br0 as config.show has them, "match -> text" of the sorted list. */
static inline json_t *shown_flows(void)
{
	json_t *result = call("config.show", json_object());
	json_t *document = json_object_get(result, "document");
	json_t *flows =
		json_incref(json_object_get(json_object_get(json_object_get(document, "bridges"), "br0"), "flows"));

	json_decref(result);
	return flows;
}

static inline void check_flows(const char *expected)
{
	json_t *flows = shown_flows(), *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
	char *text = flows != NULL ? json_dumps(flows, 0) : strdup("none");

	ck_assert_ptr_nonnull(wanted);
	ck_assert_msg(flows != NULL ? json_equal(flows, wanted) : json_is_null(wanted), "not %s but %s", expected,
		      text);
	free(text);
	json_decref(flows);
	json_decref(wanted);
}

static inline void world_stop(void)
{
	hd_control_destroy(world.control);
	hd_dataplane_destroy(world.dataplane);
	event_base_free(world.base);
	world.control = NULL;
	ck_assert_uint_eq(fake.n, 0);
}

static inline void world_start(void)
{
	if (world.control != NULL) /* of a test that failed */
		world_stop();
	fake_reset();
	hd_log_set_level(HD_LOG_ERROR);
	world.client = "tester";
	world.base = event_base_new();
	ck_assert_ptr_nonnull(world.base);
	ck_assert_int_eq(hd_dataplane_create(&world.dataplane), 0);
	ck_assert_int_eq(hd_control_create(world.base, world.dataplane, fake_open, world.dataplane, &world.control), 0);
	done("bridge.add", json_pack("{s:s}", "name", "br0"));
	add_port("br0", "vm1");
	add_port("br0", "vm2");
}

#endif
