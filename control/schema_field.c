/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields of the model from and to JSON, by the type of their key. */
#include "schema_field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_NAME_MAX 63 /* RTE_DEV_NAME_MAX_LEN less its NUL */

struct hd_schema_shown hd_schema_show(const json_t *value)
{
	struct hd_schema_shown shown;
	char *text = NULL;

	if (json_is_object(value))
		text = strdup("an object");
	else if (json_is_array(value) && json_array_size(value) > 8)
		text = strdup("a list");
	else
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
	if (!text)
		snprintf(shown.text, sizeof(shown.text), "the value");
	else if (strlen(text) < sizeof(shown.text))
		snprintf(shown.text, sizeof(shown.text), "%s", text);
	else
		snprintf(shown.text, sizeof(shown.text), "%.*s...", (int)sizeof(shown.text) - 4, text);
	free(text);
	return shown;
}

static int wrong(struct hd_error *error, const json_t *value, const char *what)
{
	hd_error_set(error, "%s is not %s", hd_schema_show(value).text, what);
	return -EINVAL;
}

/* Fields of numbers are of different widths. */
static void store(const struct hd_schema_key *key, void *object, int64_t number)
{
	char *field = (char *)object + key->offset;

	switch (key->size) {
	case sizeof(uint8_t):
		*(uint8_t *)field = (uint8_t)number;
		break;
	case sizeof(uint16_t):
		*(uint16_t *)field = (uint16_t)number;
		break;
	case sizeof(uint32_t):
		*(uint32_t *)field = (uint32_t)number;
		break;
	}
}

static int64_t load(const struct hd_schema_key *key, const void *object)
{
	const char *field = (const char *)object + key->offset;

	switch (key->size) {
	case sizeof(uint8_t):
		return *(const uint8_t *)field;
	case sizeof(uint16_t):
		return *(const uint16_t *)field;
	default:
		return *(const uint32_t *)field;
	}
}

static char *text_field(const struct hd_schema_key *key, void *object)
{
	return (char *)object + key->offset;
}

static const char *text_of(const struct hd_schema_key *key, const void *object)
{
	return (const char *)object + key->offset;
}

int hd_schema_read_number(const struct hd_schema_key *key, const json_t *value, int64_t *number, struct hd_error *error)
{
	if (!json_is_integer(value))
		return wrong(error, value, "a whole number");
	*number = json_integer_value(value);
	if (*number < key->min || *number > key->max) {
		hd_error_set(error, "%" PRId64 " is not %" PRId64 "..%" PRId64, *number, key->min, key->max);
		return -EINVAL;
	}
	return 0;
}

static int read_int(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	int64_t number;
	int rc = hd_schema_read_number(key, value, &number, error);

	if (rc < 0)
		return rc;
	store(key, object, number);
	return 0;
}

static json_t *write_int(const struct hd_schema_key *key, const void *object)
{
	return json_integer(load(key, object));
}

static int read_bool(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	if (!json_is_boolean(value))
		return wrong(error, value, "true or false");
	store(key, object, json_is_true(value));
	return 0;
}

static json_t *write_bool(const struct hd_schema_key *key, const void *object)
{
	return json_boolean(load(key, object));
}

static int read_enum(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	char what[64];

	for (int i = 0; json_is_string(value) && key->words[i]; i++) {
		if (strcmp(key->words[i], json_string_value(value)) == 0) {
			store(key, object, i);
			return 0;
		}
	}
	hd_schema_type_text(key, what, sizeof(what));
	return wrong(error, value, what);
}

static json_t *write_enum(const struct hd_schema_key *key, const void *object)
{
	return json_string(key->words[load(key, object)]);
}

/* The value's text if it is a string that fits the field and has no NUL inside, else the error. */
static const char *read_text(const struct hd_schema_key *key, const json_t *value, struct hd_error *error)
{
	const char *text = json_string_value(value);

	if (!text) {
		hd_error_set(error, "%s is not text%s", hd_schema_show(value).text,
			     json_is_number(value) ? ": put it in quotes" : "");
		return NULL;
	}
	if (text[0] == '\0') {
		hd_error_set(error, "is empty");
		return NULL;
	}
	if (json_string_length(value) >= key->size) {
		hd_error_set(error, "%s has %zu bytes, at most %zu fit", hd_schema_show(value).text,
			     json_string_length(value), key->size - 1);
		return NULL;
	}
	for (size_t i = 0; i < json_string_length(value); i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			hd_error_set(error, "%s has a control character", hd_schema_show(value).text);
			return NULL;
		}
	}
	return text;
}

static int keep_text(const struct hd_schema_key *key, void *object, const char *text)
{
	snprintf(text_field(key, object), key->size, "%s", text);
	return 0;
}

static json_t *write_text(const struct hd_schema_key *key, const void *object)
{
	return text_of(key, object)[0] ? json_string(text_of(key, object)) : json_null();
}

static int read_name(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	const char *text = read_text(key, value, error);

	if (!text)
		return -EINVAL;
	return hd_schema_name_valid(text) ? keep_text(key, object, text) : wrong(error, value, "a port's name");
}

/* Names as useradd allows them; whether there is such an account is found out when the socket is made. */
static int read_account(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	const char *text;

	if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < UINT32_MAX) {
		snprintf(text_field(key, object), key->size, "%" PRId64, (int64_t)json_integer_value(value));
		return 0;
	}
	text = read_text(key, value, error);
	if (!text)
		return -EINVAL;
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-$") != strlen(text) ||
	    text[0] == '-')
		return wrong(error, value, "the name of a user or group");
	return keep_text(key, object, text);
}

/* Only one spelling of a path, so that equal paths are equal text. */
static bool path_plain(const char *path)
{
	size_t length = strlen(path);

	if (strstr(path, "//") || strstr(path, "/./") || strstr(path, "/../"))
		return false;
	for (const char *const *end = (const char *const[]){"/", "/.", "/..", NULL}; *end; end++)
		if (length >= strlen(*end) && strcmp(path + length - strlen(*end), *end) == 0)
			return false;
	return true;
}

static int read_path(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	const char *text = read_text(key, value, error);

	if (!text)
		return -EINVAL;
	if (text[0] != '/')
		return wrong(error, value, "an absolute path");
	if (!path_plain(text))
		return wrong(error, value, "a plain path to a file, without \"//\", \"/.\" and \"/..\"");
	return keep_text(key, object, text);
}

static bool all_hex(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdefABCDEF") >= length;
}

/* "01:00.0": bus, device and function of a PCI address, and nothing else. */
static bool pci_short(const char *name, size_t length)
{
	return length == 7 && all_hex(name, 2) && name[2] == ':' && all_hex(name + 3, 2) && name[5] == '.' &&
	       name[6] >= '0' && name[6] <= '7';
}

/*
 * A device's arguments follow a comma. PCI addresses get their domain and lower case, as DPDK names such devices, so
 * that two spellings of one device are found equal.
 */
static int read_device(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	const char *text = read_text(key, value, error);
	size_t name;
	char full[HD_DEVICE_MAX + 1];

	if (!text)
		return -EINVAL;
	if (strncmp(text, "pci:", 4) == 0)
		text += 4;
	name = strcspn(text, ",");
	if (name == 0 || name > DEVICE_NAME_MAX || strcspn(text, " ") < name)
		return wrong(error, value, "a PCI address or device string");
	if (pci_short(text, name)) {
		if ((size_t)snprintf(full, sizeof(full), "0000:%s", text) >= sizeof(full))
			return wrong(error, value, "short enough with its PCI domain");
		name += 5;
	} else {
		snprintf(full, sizeof(full), "%s", text);
	}
	if (name == 12 && all_hex(full, 4) && full[4] == ':' && pci_short(full + 5, 7))
		for (size_t i = 0; i < name; i++)
			full[i] = full[i] >= 'A' && full[i] <= 'F' ? full[i] - 'A' + 'a' : full[i];
	return keep_text(key, object, full);
}

static int read_mode(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	const char *text = json_string_value(value);

	/* A number could be meant in decimal (JSON) or in octal (habit): refused rather than guessed. */
	if (!text || strlen(text) < 3 || strlen(text) > 4 || strspn(text, "01234567") != strlen(text) ||
	    strtol(text, NULL, 8) > key->max)
		return wrong(error, value, "permissions in octal such as \"0660\"");
	store(key, object, strtol(text, NULL, 8));
	return 0;
}

static json_t *write_mode(const struct hd_schema_key *key, const void *object)
{
	return json_sprintf("%04o", (unsigned int)load(key, object));
}

int hd_schema_parse_mac(const char *text, uint8_t mac[6], struct hd_error *error)
{
	json_t *value = json_string(text);
	const char *what = NULL;
	uint8_t sum = 0;
	int rc = 0;

	for (int i = 0; i < 6 && !what; i++) {
		if (strlen(text) != 17 || !all_hex(text + 3 * i, 2) || (i < 5 && text[3 * i + 2] != ':'))
			what = "a MAC address such as 52:54:00:00:00:01";
		else
			mac[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
		sum |= mac[i];
	}
	if (!what && (mac[0] & 1))
		what = "a unicast address: its multicast bit is set";
	if (!what && sum == 0)
		what = "an address of a station";
	if (what)
		rc = wrong(error, value, what);
	json_decref(value);
	return rc;
}

static int read_mac(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	if (!json_is_string(value))
		return wrong(error, value, "a MAC address such as 52:54:00:00:00:01");
	return hd_schema_parse_mac(json_string_value(value), (uint8_t *)object + key->offset, error);
}

static json_t *write_mac(const struct hd_schema_key *key, const void *object)
{
	const uint8_t *mac = (const uint8_t *)object + key->offset;

	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static const struct {
	int (*read)(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
	json_t *(*write)(const struct hd_schema_key *key, const void *object);
} types[] = {
	[HD_SCHEMA_INT] = {read_int, write_int},
	[HD_SCHEMA_BOOL] = {read_bool, write_bool},
	[HD_SCHEMA_ENUM] = {read_enum, write_enum},
	[HD_SCHEMA_NAME] = {read_name, write_text},
	[HD_SCHEMA_ACCOUNT] = {read_account, write_text},
	[HD_SCHEMA_PATH] = {read_path, write_text},
	[HD_SCHEMA_DEVICE] = {read_device, write_text},
	[HD_SCHEMA_MODE] = {read_mode, write_mode},
	[HD_SCHEMA_MAC] = {read_mac, write_mac},
	[HD_SCHEMA_ACCESS] = {hd_schema_read_access, hd_schema_write_access},
	[HD_SCHEMA_TRUNK] = {hd_schema_read_trunk, hd_schema_write_trunk},
	[HD_SCHEMA_NATIVE] = {hd_schema_read_native, hd_schema_write_native},
	[HD_SCHEMA_CPUS] = {hd_schema_read_cpus, hd_schema_write_cpus},
	[HD_SCHEMA_PORTS] = {hd_schema_read_ports, hd_schema_write_ports},
	[HD_SCHEMA_MACS] = {hd_schema_read_macs, hd_schema_write_macs},
	[HD_SCHEMA_ADDRS] = {hd_schema_read_addrs, hd_schema_write_addrs},
	[HD_SCHEMA_ACLS] = {hd_schema_read_acls, hd_schema_write_acls},
	[HD_SCHEMA_RULES] = {hd_schema_read_rules, hd_schema_write_rules},
	[HD_SCHEMA_GROUP] = {hd_schema_read_group, hd_schema_write_group},
};

void hd_schema_defaults(const struct hd_schema_key *table, void *object)
{
	for (const struct hd_schema_key *key = table; key->name; key++) {
		switch (key->type) {
		case HD_SCHEMA_INT:
		case HD_SCHEMA_BOOL:
		case HD_SCHEMA_ENUM:
		case HD_SCHEMA_MODE:
			store(key, object, key->initial);
			break;
		case HD_SCHEMA_CPUS: /* -1 each */
			memset(text_field(key, object), 0xff, key->size);
			break;
		case HD_SCHEMA_TRUNK:
			hd_vlan_init((struct hd_vlan_conf *)text_field(key, object), HD_VLAN_TRANSPARENT, HD_VLAN_NONE);
			break;
		case HD_SCHEMA_NESTED:
		case HD_SCHEMA_ACCESS:
		case HD_SCHEMA_NATIVE:
			break;
		default:
			memset(text_field(key, object), 0, key->size);
		}
	}
}

int hd_schema_read(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	return types[key->type].read(key, value, object, error);
}

json_t *hd_schema_write(const struct hd_schema_key *key, const void *object)
{
	return types[key->type].write(key, object);
}

static bool is_default(const struct hd_schema_key *key, const json_t *value)
{
	switch (key->type) {
	case HD_SCHEMA_INT:
		return json_integer_value(value) == key->initial;
	case HD_SCHEMA_BOOL:
		return json_is_true(value) == (key->initial != 0);
	case HD_SCHEMA_ENUM:
		return strcmp(json_string_value(value), key->words[key->initial]) == 0;
	case HD_SCHEMA_MODE:
		return strtol(json_string_value(value), NULL, 8) == key->initial;
	default:
		return json_is_null(value);
	}
}

json_t *hd_schema_document(const struct hd_schema_key *table, const void *object)
{
	json_t *document = json_object();

	for (const struct hd_schema_key *key = table; document && key->name; key++) {
		json_t *value = key->type == HD_SCHEMA_NESTED ? json_null() : hd_schema_write(key, object);

		if (value && is_default(key, value)) {
			json_decref(value);
		} else if (json_object_set_new(document, key->name, value) < 0) {
			json_decref(document);
			document = NULL;
		}
	}
	return document;
}
