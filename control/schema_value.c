/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys' values as people type and read them: the CLI's text to JSON, types and defaults in words. */
#include "schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* A whole decimal number, all of the text. */
static json_t *number(const char *text)
{
	char *end;
	long long value;

	if (!strchr("-0123456789", text[0]) || text[0] == '\0')
		return NULL;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno || *end ? NULL : json_integer(value);
}

static json_t *numbers(const char *text)
{
	json_t *list = json_array();
	char *copy = strdup(text), *rest = copy;

	while (list && rest) {
		json_t *item = number(strsep(&rest, ","));

		if (!item || json_array_append_new(list, item) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	free(copy);
	return list;
}

static json_t *boolean(const char *text)
{
	if (one_of(text, (const char *const[]){"on", "true", "yes", NULL}))
		return json_true();
	if (one_of(text, (const char *const[]){"off", "false", "no", NULL}))
		return json_false();
	return NULL;
}

/* "mac 52:54:00:00:00:01 ip 10.0.0.5": keys of the group and their values. */
static json_t *group(const struct hd_schema_key *key, const char *text)
{
	json_t *object = json_object();
	char *copy = strdup(text), *rest = copy;

	while (object && rest) {
		const char *name = strsep(&rest, " "), *value = strsep(&rest, " ");
		const struct hd_schema_key *member = hd_schema_find(key->group, name);
		struct hd_error error;
		json_t *item = member && value ? hd_schema_value(member, value, &error) : NULL;

		if (!item || json_object_set_new(object, name, item) < 0) {
			json_decref(object);
			object = NULL;
		}
	}
	free(copy);
	return object;
}

static json_t *value_of(const struct hd_schema_key *key, const char *text)
{
	switch (key->type) {
	case HD_SCHEMA_INT:
	case HD_SCHEMA_ACCESS:
	case HD_SCHEMA_NATIVE:
		return number(text);
	case HD_SCHEMA_CPUS:
		return strchr(text, ',') ? numbers(text) : number(text);
	case HD_SCHEMA_BOOL:
		return boolean(text);
	case HD_SCHEMA_ENUM:
		return one_of(text, key->words) ? json_string(text) : NULL;
	case HD_SCHEMA_GROUP:
		return group(key, text);
	case HD_SCHEMA_RULES:
	case HD_SCHEMA_NESTED:
		return NULL;
	default:
		return json_string(text);
	}
}

json_t *hd_schema_value(const struct hd_schema_key *key, const char *text, struct hd_error *error)
{
	char what[96];
	json_t *value;

	if (!key->required && one_of(text, (const char *const[]){"none", "default", NULL}))
		return json_null();
	value = value_of(key, text);
	if (!value) {
		hd_schema_type_text(key, what, sizeof(what));
		hd_error_set(error, "%s: \"%.64s\" is not %s", key->name, text, what);
	}
	return value;
}

static void words_text(const struct hd_schema_key *key, char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (int i = 0; key->words[i] && length < size; i++) {
		const char *join = i == 0 ? "" : key->words[i + 1] ? ", " : " or ";
		int n = snprintf(text + length, size - length, "%s%s", join, key->words[i]);

		length += n > 0 ? (size_t)n : 0;
	}
}

static void group_text(const struct hd_schema_key *key, char *text, size_t size)
{
	int length = 0;

	for (const struct hd_schema_key *k = key->group; k->name; k++)
		length +=
			snprintf(text + length, size - (size_t)length, "%s%s", k == key->group ? "" : " and ", k->name);
}

void hd_schema_type_text(const struct hd_schema_key *key, char *text, size_t size)
{
	static const char *const names[] = {
		[HD_SCHEMA_BOOL] = "true or false",
		[HD_SCHEMA_NAME] = "a port's name",
		[HD_SCHEMA_ACCOUNT] = "a name or number",
		[HD_SCHEMA_PATH] = "an absolute path",
		[HD_SCHEMA_DEVICE] = "a PCI address or device string",
		[HD_SCHEMA_MODE] = "permissions in octal",
		[HD_SCHEMA_MAC] = "a MAC address",
		[HD_SCHEMA_ACCESS] = "a VLAN",
		[HD_SCHEMA_TRUNK] = "a list of VLANs and ranges, or all",
		[HD_SCHEMA_NATIVE] = "a VLAN",
		[HD_SCHEMA_CPUS] = "a CPU or a list of CPUs",
		[HD_SCHEMA_PORTS] = "a list of ports, or all",
		[HD_SCHEMA_MACS] = "MAC addresses",
		[HD_SCHEMA_ADDRS] = "IP addresses and prefixes",
		[HD_SCHEMA_ACLS] = "names of access lists",
		[HD_SCHEMA_RULES] = "a list of rules",
		[HD_SCHEMA_NESTED] = "a key of its own",
	};

	if (key->type == HD_SCHEMA_ENUM)
		words_text(key, text, size);
	else if (key->type == HD_SCHEMA_GROUP)
		group_text(key, text, size);
	else if (key->type == HD_SCHEMA_INT)
		snprintf(text, size, "a whole number %" PRId64 "..%" PRId64, key->min, key->max);
	else if (key->type == HD_SCHEMA_ACCESS || key->type == HD_SCHEMA_NATIVE)
		snprintf(text, size, "%s %" PRId64 "..%" PRId64, names[key->type], key->min, key->max);
	else
		snprintf(text, size, "%s", names[key->type]);
}

void hd_schema_default_text(const struct hd_schema_key *key, char *text, size_t size)
{
	switch (key->type) {
	case HD_SCHEMA_INT:
		snprintf(text, size, "%" PRId64, key->required ? 0 : key->initial);
		break;
	case HD_SCHEMA_BOOL:
		snprintf(text, size, "%s", key->initial ? "true" : "false");
		break;
	case HD_SCHEMA_ENUM:
		snprintf(text, size, "%s", key->words[key->initial]);
		break;
	case HD_SCHEMA_MODE:
		snprintf(text, size, "%04o", (unsigned int)key->initial);
		break;
	default:
		snprintf(text, size, "%s", key->required ? "required" : "none");
	}
}
