/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns where a validation stands in its document, and the errors that name the place. */
#include "checker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "yaml.h"

#define PART_MAX 64    /* bytes of a key that messages show */
#define FILE_SHOWN 100 /* last bytes of the file's name that messages show */

int hd_check_fail(struct hd_check *check, const char *format, ...)
{
	const char *file = hd_marks_file(check->marks);
	char what[HD_ERROR_MAX / 2], where[FILE_SHOWN + 32] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (file) {
		size_t length = strlen(file);

		snprintf(where, sizeof(where), "%s%s:%u: ", length > FILE_SHOWN ? "..." : "",
			 length > FILE_SHOWN ? file + length - FILE_SHOWN : file,
			 hd_marks_line(check->marks, check->path));
	}
	hd_error_set(check->error, "%s%s%s%s", where, check->path, check->length ? ": " : "", what);
	return -EINVAL;
}

/* Make the path longer; the result is for hd_check_leave. Hostile keys are cut and shown without control characters. */
static size_t extend(struct hd_check *check, const char *dot, const char *part)
{
	size_t before = check->length;
	int length = snprintf(check->path + before, sizeof(check->path) - before, "%s%.*s", dot, PART_MAX, part);

	if (length > 0)
		check->length += (size_t)length;
	if (check->length >= sizeof(check->path))
		check->length = sizeof(check->path) - 1;
	for (size_t i = before; i < check->length; i++)
		if ((unsigned char)check->path[i] < 0x20 || check->path[i] == 0x7f)
			check->path[i] = '?';
	return before;
}

size_t hd_check_enter(struct hd_check *check, const char *name)
{
	return extend(check, check->length ? "." : "", name);
}

size_t hd_check_enter_index(struct hd_check *check, size_t index)
{
	char part[24];

	snprintf(part, sizeof(part), "[%zu]", index);
	return extend(check, "", part);
}

void hd_check_leave(struct hd_check *check, size_t before)
{
	check->length = before;
	check->path[before] = '\0';
}

/* hd_check_fail() about a member of where we are. */
int hd_check_fail_at(struct hd_check *check, const char *name, const char *what)
{
	size_t before = hd_check_enter(check, name);

	hd_check_fail(check, "%s", what);
	hd_check_leave(check, before);
	return -EINVAL;
}

const json_t *hd_check_member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

int hd_check_object(struct hd_check *check, const json_t *value)
{
	if (!value || json_is_null(value) || json_is_object(value))
		return 0;
	return hd_check_fail(check, "%s is not a mapping", hd_schema_show(value).text);
}

int hd_check_keys(struct hd_check *check, const struct hd_schema_key *table, const json_t *object)
{
	const char *name;
	json_t *value;
	char what[96] = "unknown key";

	json_object_foreach ((json_t *)object, name, value) {
		const char *nearest;

		if (hd_schema_find(table, name))
			continue;
		nearest = hd_schema_nearest(table, name);
		if (nearest)
			snprintf(what, sizeof(what), "unknown key (did you mean %s?)", nearest);
		return hd_check_fail_at(check, name, what);
	}
	return 0;
}

/* Of an access list's rules it is told which one: those in front of it were read. */
static int fail_value(struct hd_check *check, const struct hd_schema_key *key, const void *object,
		      const struct hd_error *reason)
{
	const struct hd_acl *acl = object;
	size_t before;

	if (key->type != HD_SCHEMA_RULES || !acl->rules)
		return hd_check_fail_at(check, key->name, reason->text);
	before = hd_check_enter(check, key->name);
	hd_check_enter_index(check, acl->n_rules);
	hd_check_fail(check, "%s", reason->text);
	hd_check_leave(check, before);
	return -EINVAL;
}

int hd_check_read(struct hd_check *check, const struct hd_schema_key *table, const json_t *value, void *object)
{
	struct hd_error reason;
	int rc;

	hd_schema_defaults(table, object);
	if (hd_check_object(check, value) < 0 || hd_check_keys(check, table, value) < 0)
		return -EINVAL;
	for (const struct hd_schema_key *key = table; key->name; key++) {
		const json_t *field = hd_check_member(value, key->name);

		if (!field && key->required)
			return hd_check_fail(check, "%s is missing", key->name);
		if (!field || key->type == HD_SCHEMA_NESTED)
			continue;
		rc = hd_schema_read(key, field, object, &reason);
		if (rc < 0)
			return rc == -ENOMEM ? rc : fail_value(check, key, object, &reason);
	}
	return 0;
}

int hd_check_name(struct hd_check *check, const char *name)
{
	if (hd_schema_name_valid(name))
		return 0;
	return hd_check_fail(
		check,
		"not a name: 1 to %d letters, digits, \"_\", \".\" and \"-\", the first a letter or digit, "
		"none of the commands' words",
		HD_NAME_MAX);
}

int hd_check_take(struct hd_check *check, json_t *taken, const char *value, const char *what)
{
	const char *owner = json_string_value(json_object_get(taken, value));

	if (owner)
		return hd_check_fail(check, "%s %s", what, owner);
	return json_object_set_new(taken, value, json_string(check->path)) < 0 ? -ENOMEM : 0;
}
