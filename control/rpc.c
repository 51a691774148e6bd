/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC 2.0: decodes a request line, checks it, calls the method, encodes the answer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/protocol.h>

#include "control.h"
#include "flow_bundle.h"
#include "log.h"
#include "rpc.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))
#define LOGGED_MAX 200 /* bytes of a change's parameters in the log */

static int call_help(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error);

static const struct hd_rpc_method own[] = {
	{"help", "", call_help, "The methods: [{method, params, help}]."},
	{NULL},
};

static const struct hd_rpc_method *const tables[] = {
	hd_cmd_bridge,      hd_cmd_port,  hd_cmd_fdb,    hd_cmd_mirror, hd_cmd_acl,     hd_cmd_flow,
	hd_cmd_flow_bundle, hd_cmd_group, hd_cmd_meter,  hd_cmd_trace,  hd_cmd_cache,   hd_cmd_ct,
	hd_cmd_pmd,         hd_cmd_drop,  hd_cmd_config, hd_cmd_log,    hd_cmd_version, own,
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

void hd_rpc_each(void (*visit)(const struct hd_rpc_method *method, void *arg), void *arg)
{
	for (size_t i = 0; i < N_TABLES; i++)
		for (const struct hd_rpc_method *method = tables[i]; method->name != NULL; method++)
			visit(method, arg);
}

static const struct hd_rpc_method *find_method(const char *name)
{
	for (size_t i = 0; i < N_TABLES; i++)
		for (const struct hd_rpc_method *method = tables[i]; method->name != NULL; method++)
			if (strcmp(method->name, name) == 0)
				return method;
	return NULL;
}

static void list_method(const struct hd_rpc_method *method, void *list)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "method", method->name, "params", method->params,
					      "help", method->help));
}

static int call_help(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	*result = json_array();
	hd_rpc_each(list_method, *result);
	return 0;
}

/* A client's text may come back in a message cut inside a character, or not be UTF-8 at all. */
static json_t *message_string(const char *text)
{
	json_t *string = json_string(text);
	char copy[HD_ERROR_MAX];
	size_t i;

	if (string != NULL)
		return string;
	for (i = 0; i < sizeof(copy) - 1 && text[i] != '\0'; i++)
		copy[i] = text[i] & 0x80 ? '?' : text[i];
	copy[i] = '\0';
	return json_string(copy);
}

static json_t *answer_error(json_t *id, int code, const char *text)
{
	return json_pack("{s:s, s:O?, s:{s:i, s:o}}", "jsonrpc", "2.0", "id", id != NULL ? id : json_null(), "error",
			 "code", code, "message", message_string(text));
}

static json_t *answer_result(json_t *id, json_t *result)
{
	return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result",
			 result != NULL ? result : json_object());
}

/* One member as declared: "name", optional or not, its type. */
struct declared {
	char name[HD_NAME_MAX + 1];
	char type[HD_NAME_MAX + 1];
	bool optional;
};

/* Takes the next declaration off *spec. Returns false at the end; '*' leaves name "*". */
static bool next_declared(const char **spec, struct declared *decl)
{
	const char *at = *spec + strspn(*spec, ", ");
	size_t name = strcspn(at, "?:,");
	size_t type;

	if (*at == '\0')
		return false;
	memset(decl, 0, sizeof(*decl));
	memcpy(decl->name, at, name < HD_NAME_MAX ? name : HD_NAME_MAX);
	at += name;
	decl->optional = *at == '?';
	at += strspn(at, "?: ");
	type = strcspn(at, ",");
	memcpy(decl->type, at, type < HD_NAME_MAX ? type : HD_NAME_MAX);
	*spec = at + type;
	return true;
}

static bool has_type(const json_t *value, const char *type)
{
	switch (type[0]) {
	case 's':
		return json_is_string(value);
	case 'i':
		return json_is_integer(value);
	case 'b':
		return json_is_boolean(value);
	case 'a':
		return json_is_array(value);
	default:
		return json_is_object(value);
	}
}

static bool is_declared(const char *spec, const char *key)
{
	struct declared decl;

	while (next_declared(&spec, &decl))
		if (strcmp(decl.name, "*") == 0 || strcmp(decl.name, key) == 0)
			return true;
	return false;
}

/* A value as text, cut to fit. */
static void describe(const json_t *value, char *text, size_t size)
{
	size_t n;

	memset(text, 0, size); /* json_dumpb leaves out what does not fit */
	if (json_dumpb(value, text, size - 1, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) < size)
		return;
	n = strlen(text);
	memcpy(text + (n < size - 4 ? n : size - 4), "...", 4);
}

static int check_params(const struct hd_rpc_method *method, json_t *params, struct hd_error *error)
{
	const char *spec = method->params, *key;
	struct declared decl;
	json_t *value;
	char text[64];

	while (next_declared(&spec, &decl)) {
		value = json_object_get(params, decl.name);
		if (strcmp(decl.name, "*") == 0 || (value == NULL && decl.optional))
			continue;
		if (value == NULL) {
			hd_error_set(error, "%s: %s: missing, it takes %s", method->name, decl.name, method->params);
			return HD_RPC_INVALID_PARAMS;
		}
		if (!has_type(value, decl.type)) {
			describe(value, text, sizeof(text));
			hd_error_set(error, "%s: %s: %s is not of type %s", method->name, decl.name, text, decl.type);
			return HD_RPC_INVALID_PARAMS;
		}
	}
	json_object_foreach (params, key, value) {
		if (is_declared(method->params, key))
			continue;
		hd_error_set(error, "%s: %.64s: unknown parameter, it takes %s", method->name, key,
			     method->params[0] != '\0' ? method->params : "none");
		return HD_RPC_INVALID_PARAMS;
	}
	return 0;
}

static void log_change(const char *client, const struct hd_rpc_method *method, const json_t *params, int code,
		       const struct hd_error *error)
{
	enum hd_log_level level = method->often ? HD_LOG_DEBUG : HD_LOG_INFO;
	char text[LOGGED_MAX];

	if (level > hd_log_get_level())
		return;
	describe(params, text, sizeof(text));
	if (code == 0)
		hd_log(level, "control", "%s: %s %s", client, method->name, text);
	else
		hd_log(level, "control", "%s: %s %s: refused: %s", client, method->name, text, error->text);
}

static int call_method(struct hd_control *control, const char *client, const char *name, json_t *params,
		       json_t **result, struct hd_error *error)
{
	const struct hd_rpc_method *method = find_method(name);
	json_t *empty = NULL;
	int code;

	if (method == NULL) {
		hd_error_set(error, "%.64s: no such method, \"help\" lists them", name);
		return HD_RPC_NO_METHOD;
	}
	if (params == NULL)
		params = empty = json_object();
	if (!json_is_object(params)) {
		hd_error_set(error, "%s: params are given by name, in an object", name);
		return HD_RPC_INVALID_PARAMS;
	}
	code = check_params(method, params, error);
	if (code == 0)
		code = method->call(control, params, result, error);
	if (method->changes)
		log_change(client, method, params, code, error);
	json_decref(empty);
	return code;
}

/* What is wrong with the request's envelope, or NULL. */
static const char *envelope_error(const json_t *request)
{
	const json_t *version = json_object_get(request, "jsonrpc");
	const json_t *params = json_object_get(request, "params");
	const json_t *id = json_object_get(request, "id");

	if (!json_is_object(request))
		return "a request is an object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "\"jsonrpc\" must be \"2.0\"";
	if (!json_is_string(json_object_get(request, "method")))
		return "\"method\" must be a string";
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "\"id\" must be a string, a number or null";
	if (params != NULL && !json_is_object(params) && !json_is_array(params))
		return "\"params\" must be an object";
	return NULL;
}

/* The answer to one request; NULL for a notification. */
static json_t *handle_request(struct hd_control *control, const char *client, json_t *request)
{
	const char *wrong = envelope_error(request);
	json_t *id = json_object_get(request, "id");
	struct hd_error error = {""};
	json_t *result = NULL;
	int code;

	if (wrong != NULL)
		return answer_error(json_is_string(id) || json_is_number(id) ? id : NULL, HD_RPC_INVALID_REQUEST,
				    wrong);
	code = call_method(control, client, json_string_value(json_object_get(request, "method")),
			   json_object_get(request, "params"), &result, &error);
	if (id == NULL) {
		json_decref(result);
		return NULL;
	}
	if (code != 0)
		return answer_error(id, code, error.text);
	return answer_result(id, result);
}

static json_t *handle_batch(struct hd_control *control, const char *client, const json_t *batch)
{
	json_t *answers, *answer, *request;
	struct hd_error error;
	size_t i;

	if (json_array_size(batch) == 0)
		return answer_error(NULL, HD_RPC_INVALID_REQUEST, "empty batch");
	if (json_array_size(batch) > HD_BATCH_MAX) {
		hd_error_set(&error, "batch of %zu requests, at most %d are allowed", json_array_size(batch),
			     HD_BATCH_MAX);
		return answer_error(NULL, HD_RPC_INVALID_REQUEST, error.text);
	}
	answers = json_array();
	json_array_foreach (batch, i, request) {
		answer = handle_request(control, client, request);
		if (answer != NULL)
			json_array_append_new(answers, answer);
	}
	if (json_array_size(answers) > 0)
		return answers;
	json_decref(answers);
	return NULL;
}

/* jansson decodes by recursion: the nesting is bounded before it starts. Brackets in strings do not count. */
static bool too_deep(const char *text, size_t length)
{
	bool string = false;
	unsigned int depth = 0;

	for (size_t i = 0; i < length; i++) {
		if (string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				string = false;
		} else if (text[i] == '"') {
			string = true;
		} else if (text[i] == '{' || text[i] == '[') {
			depth++;
			if (depth > HD_DEPTH_MAX)
				return true;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static json_t *decode(const char *text, size_t length, struct hd_error *error)
{
	json_error_t why;
	json_t *value;

	if (too_deep(text, length)) {
		hd_error_set(error, "parse error: nested deeper than %d", HD_DEPTH_MAX);
		return NULL;
	}
	value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (value == NULL)
		hd_error_set(error, "parse error: byte %d: %s", why.position, why.text);
	return value;
}

static const char *current = "";

const char *hd_rpc_client(void)
{
	return current;
}

void hd_rpc_gone(struct hd_control *control, const char *client)
{
	hd_flow_bundles_drop(hd_control_runtime(control), client);
}

char *hd_rpc_handle(struct hd_control *control, const char *client, const char *text, size_t length)
{
	struct hd_error error = {""};
	json_t *value = decode(text, length, &error);
	json_t *answer;
	char *line;

	current = client;
	if (value == NULL)
		answer = answer_error(NULL, HD_RPC_PARSE, error.text);
	else if (json_is_array(value))
		answer = handle_batch(control, client, value);
	else
		answer = handle_request(control, client, value);
	current = "";
	json_decref(value);
	line = answer != NULL ? json_dumps(answer, DUMP_FLAGS) : NULL;
	json_decref(answer);
	return line;
}

char *hd_rpc_error_line(int code, const char *text)
{
	json_t *answer = answer_error(NULL, code, text);
	char *line = json_dumps(answer, DUMP_FLAGS);

	json_decref(answer);
	return line;
}
