/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of port security and access lists, which are lists and groups, from and to JSON. */
#include "schema_field.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes one item of a list. */
typedef int (*take_item)(void *list, const char *text, struct hd_error *error);

/* Items of a text, separated by commas and blanks around them. */
static int read_text(const json_t *item, void *list, take_item take, struct hd_error *error)
{
	const char *text = json_string_value(item);
	char *copy, *rest, *part;
	int rc = 0;

	if (!text || strlen(text) != json_string_length(item)) {
		hd_error_set(error, "%s is not text", hd_schema_show(item).text);
		return -EINVAL;
	}
	copy = strdup(text);
	rest = copy;
	while (rc == 0 && rest) {
		part = strsep(&rest, ",");
		part += strspn(part, " ");
		while (*part != '\0' && part[strlen(part) - 1] == ' ')
			part[strlen(part) - 1] = '\0';
		rc = take(list, part, error);
	}
	free(copy);
	return copy ? rc : -ENOMEM;
}

/* A list of texts, or one. */
static int read_list(const json_t *value, void *list, take_item take, struct hd_error *error)
{
	int rc = 0;

	if (!json_is_array(value))
		return read_text(value, list, take, error);
	for (size_t i = 0; rc == 0 && i < json_array_size(value); i++)
		rc = read_text(json_array_get(value, i), list, take, error);
	return rc;
}

/* Takes the reference to the item. False, and the list is no more, if memory is short. */
static bool append(json_t **list, json_t *item)
{
	if (json_array_append_new(*list, item) == 0)
		return true;
	json_decref(*list);
	*list = NULL;
	return false;
}

/* ---- Port security. ---- */

static int take_mac(void *list, const char *text, struct hd_error *error)
{
	struct hd_secure_conf *conf = list;
	uint8_t mac[6] = {0};

	if (hd_schema_parse_mac(text, mac, error) < 0)
		return -EINVAL;
	for (uint8_t i = 0; i < conf->n_macs; i++)
		if (memcmp(conf->macs[i], mac, sizeof(mac)) == 0)
			return 0;
	if (conf->n_macs == HD_SECURE_MACS_MAX) {
		hd_error_set(error, "more than %d addresses", HD_SECURE_MACS_MAX);
		return -EINVAL;
	}
	memcpy(conf->macs[conf->n_macs++], mac, sizeof(mac));
	return 0;
}

int hd_schema_read_macs(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_secure_conf *conf = object;

	(void)key;
	conf->n_macs = 0;
	return read_list(value, conf, take_mac, error);
}

json_t *hd_schema_write_macs(const struct hd_schema_key *key, const void *object)
{
	const struct hd_secure_conf *conf = object;
	json_t *list = conf->n_macs ? json_array() : json_null();

	(void)key;
	for (uint8_t i = 0; list && i < conf->n_macs; i++) {
		const uint8_t *mac = conf->macs[i];

		if (!append(&list, json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
						mac[5])))
			return NULL;
	}
	return list;
}

static int take_addr(void *list, const char *text, struct hd_error *error)
{
	struct hd_secure_conf *conf = list;
	struct hd_prefix prefix;
	const char *what = hd_prefix_parse(text, strlen(text), &prefix);

	if (what) {
		json_t *shown = json_string(text);

		hd_error_set(error, "%s: %s", hd_schema_show(shown).text, what);
		json_decref(shown);
		return -EINVAL;
	}
	for (uint8_t i = 0; i < conf->n_ips; i++)
		if (hd_prefix_equal(&conf->ips[i], &prefix))
			return 0;
	if (conf->n_ips == HD_SECURE_IPS_MAX) {
		hd_error_set(error, "more than %d addresses", HD_SECURE_IPS_MAX);
		return -EINVAL;
	}
	conf->ips[conf->n_ips++] = prefix;
	return 0;
}

int hd_schema_read_addrs(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_secure_conf *conf = object;

	(void)key;
	conf->n_ips = 0;
	return read_list(value, conf, take_addr, error);
}

json_t *hd_schema_write_addrs(const struct hd_schema_key *key, const void *object)
{
	const struct hd_secure_conf *conf = object;
	json_t *list = conf->n_ips ? json_array() : json_null();
	char text[HD_PREFIX_TEXT_MAX];

	(void)key;
	for (uint8_t i = 0; list && i < conf->n_ips; i++) {
		hd_prefix_format(&conf->ips[i], text);
		if (!append(&list, json_string(text)))
			return NULL;
	}
	return list;
}

/* ---- Access lists. ---- */

static int take_acl(void *list, const char *text, struct hd_error *error)
{
	struct hd_acl_names *names = list;

	if (!hd_schema_name_valid(text)) {
		json_t *shown = json_string(text);

		hd_error_set(error, "%s is not the name of an access list", hd_schema_show(shown).text);
		json_decref(shown);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < names->n; i++) {
		if (strcmp(names->name[i], text) == 0) {
			hd_error_set(error, "%s is there twice", text);
			return -EINVAL;
		}
	}
	if (names->n == HD_ACL_LISTS_MAX) {
		hd_error_set(error, "more than %d access lists", HD_ACL_LISTS_MAX);
		return -EINVAL;
	}
	snprintf(names->name[names->n++], sizeof(names->name[0]), "%s", text);
	return 0;
}

int hd_schema_read_acls(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_acl_names *names = (struct hd_acl_names *)(void *)((char *)object + key->offset);

	memset(names, 0, sizeof(*names));
	return read_list(value, names, take_acl, error);
}

json_t *hd_schema_write_acls(const struct hd_schema_key *key, const void *object)
{
	const struct hd_acl_names *names =
		(const struct hd_acl_names *)(const void *)((const char *)object + key->offset);
	json_t *list = names->n ? json_array() : json_null();

	for (unsigned int i = 0; list && i < names->n; i++)
		if (!append(&list, json_string(names->name[i])))
			return NULL;
	return list;
}

static int read_rule(struct hd_acl *acl, const json_t *item, struct hd_error *error)
{
	struct hd_acl_error reason;
	int rc;

	if (!json_is_string(item) || strlen(json_string_value(item)) != json_string_length(item)) {
		hd_error_set(error, "%s is not text", hd_schema_show(item).text);
		return -EINVAL;
	}
	rc = hd_acl_rule_parse(json_string_value(item), &acl->rules[acl->n_rules], &reason);
	if (rc == 0)
		acl->n_rules++;
	else if (rc == -EINVAL)
		hd_error_set(error, "column %zu: %s", reason.column, reason.text);
	return rc;
}

int hd_schema_read_rules(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_acl *acl = object;
	int rc = 0;

	(void)key;
	if (!json_is_array(value)) {
		hd_error_set(error, "%s is not a list", hd_schema_show(value).text);
		return -EINVAL;
	}
	if (json_array_size(value) > HD_ACL_RULES_MAX) {
		hd_error_set(error, "%zu rules, at most %d", json_array_size(value), HD_ACL_RULES_MAX);
		return -EINVAL;
	}
	acl->rules = calloc(json_array_size(value) + 1, sizeof(acl->rules[0]));
	if (!acl->rules)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < json_array_size(value); i++)
		rc = read_rule(acl, json_array_get(value, i), error);
	return rc;
}

json_t *hd_schema_write_rules(const struct hd_schema_key *key, const void *object)
{
	const struct hd_acl *acl = object;
	json_t *list = acl->n_rules ? json_array() : json_null();

	(void)key;
	for (uint16_t i = 0; list && i < acl->n_rules; i++) {
		char *text = hd_acl_rule_format(&acl->rules[i]);
		bool done = append(&list, text ? json_string(text) : NULL);

		free(text);
		if (!done)
			return NULL;
	}
	return list;
}

/* ---- Groups of keys. ---- */

static int refuse_member(const struct hd_schema_key *key, const char *name, struct hd_error *error)
{
	const char *nearest = hd_schema_nearest(key->group, name);
	json_t *shown = json_string(name);

	hd_error_set(error, "%s: unknown key%s%s%s", hd_schema_show(shown).text, nearest ? " (did you mean " : "",
		     nearest ? nearest : "", nearest ? "?)" : "");
	json_decref(shown);
	return -EINVAL;
}

int hd_schema_read_group(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	void *group = (char *)object + key->offset;
	struct hd_error reason = {""};
	const char *name;
	json_t *field;

	if (!json_is_object(value)) {
		hd_error_set(error, "%s is not a mapping", hd_schema_show(value).text);
		return -EINVAL;
	}
	json_object_foreach ((json_t *)value, name, field)
		if (!hd_schema_find(key->group, name))
			return refuse_member(key, name, error);
	hd_schema_defaults(key->group, group);
	for (const struct hd_schema_key *k = key->group; k->name; k++) {
		int rc;

		field = json_object_get(value, k->name);
		if (!field || json_is_null(field))
			continue;
		rc = hd_schema_read(k, field, group, &reason);
		if (rc == -EINVAL)
			hd_error_set(error, "%s: %.400s", k->name, reason.text);
		if (rc < 0)
			return rc;
	}
	return 0;
}

json_t *hd_schema_write_group(const struct hd_schema_key *key, const void *object)
{
	json_t *document = hd_schema_document(key->group, (const char *)object + key->offset);

	if (!document || json_object_size(document) > 0)
		return document;
	json_decref(document);
	return json_null();
}
