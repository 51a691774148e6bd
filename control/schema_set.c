/* SPDX-License-Identifier: BSD-3-Clause */
/* A port's VLANs and CPUs and a mirror's ports, the keys whose values are sets and lists, from and to JSON. */
#include "schema_field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hd_schema_read_access(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_port_conf *port = object;
	int64_t vlan;
	int rc = hd_schema_read_number(key, value, &vlan, error);

	if (rc < 0)
		return rc;
	hd_vlan_init(&port->vlan, HD_VLAN_ACCESS, (uint16_t)vlan);
	return 0;
}

json_t *hd_schema_write_access(const struct hd_schema_key *key, const void *object)
{
	const struct hd_port_conf *port = object;

	return port->vlan.mode == HD_VLAN_ACCESS ? json_integer(port->vlan.pvid) : json_null();
}

static int allow_range(const struct hd_schema_key *key, struct hd_vlan_conf *conf, const json_t *from, const json_t *to,
		       struct hd_error *error)
{
	int64_t first, last;

	if (hd_schema_read_number(key, from, &first, error) < 0 || hd_schema_read_number(key, to, &last, error) < 0)
		return -EINVAL;
	if (first > last) {
		hd_error_set(error, "\"%d-%d\" runs backwards", (int)first, (int)last);
		return -EINVAL;
	}
	for (int64_t vlan = first; vlan <= last; vlan++)
		hd_vlan_allow(conf, (uint16_t)vlan);
	return 0;
}

/* Decimal digits, at most 9 of them. Returns what follows, NULL if there are none. */
static const char *digits(const char *text, json_t **number)
{
	size_t length = strspn(text, "0123456789");

	if (length == 0 || length > 9)
		return NULL;
	*number = json_integer(strtol(text, NULL, 10));
	return *number ? text + length : NULL;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " ");
}

static int refuse_item(const json_t *item, struct hd_error *error)
{
	hd_error_set(error, "%s is not a VLAN or a range such as \"100-200\"", hd_schema_show(item).text);
	return -EINVAL;
}

/* "10" or "100-200" at the start of *text, which moves behind it. `item` is the whole of it, for the error. */
static int allow_part(const struct hd_schema_key *key, struct hd_vlan_conf *conf, const json_t *item, const char **text,
		      struct hd_error *error)
{
	json_t *from = NULL, *to = NULL;
	const char *end = digits(*text, &from);
	int rc = -EINVAL;

	if (end && *end == '-')
		end = digits(end + 1, &to);
	if (end)
		end = skip_blanks(end);
	if (end && (*end == '\0' || *end == ',')) {
		*text = end;
		rc = allow_range(key, conf, from, to ? to : from, error);
	} else {
		refuse_item(item, error);
	}
	json_decref(from);
	json_decref(to);
	return rc;
}

static int allow_text(const struct hd_schema_key *key, struct hd_vlan_conf *conf, const json_t *item,
		      struct hd_error *error)
{
	const char *text = json_string_value(item);

	if (strcmp(text, "all") == 0) {
		for (int vlan = HD_VLAN_MIN; vlan <= HD_VLAN_MAX; vlan++)
			hd_vlan_allow(conf, (uint16_t)vlan);
		return 0;
	}
	for (;; text++) { /* over the comma */
		text = skip_blanks(text);
		if (allow_part(key, conf, item, &text, error) < 0)
			return -EINVAL;
		if (*text == '\0')
			return 0;
	}
}

static int allow_item(const struct hd_schema_key *key, struct hd_vlan_conf *conf, const json_t *item,
		      struct hd_error *error)
{
	if (json_is_integer(item))
		return allow_range(key, conf, item, item, error);
	return json_is_string(item) ? allow_text(key, conf, item, error) : refuse_item(item, error);
}

int hd_schema_read_trunk(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_port_conf *port = object;

	hd_vlan_init(&port->vlan, HD_VLAN_TRUNK, HD_VLAN_NONE);
	if (!json_is_array(value))
		return allow_item(key, &port->vlan, value, error);
	if (json_array_size(value) == 0) {
		hd_error_set(error, "is empty: name VLANs, or \"all\"");
		return -EINVAL;
	}
	for (size_t i = 0; i < json_array_size(value); i++)
		if (allow_item(key, &port->vlan, json_array_get(value, i), error) < 0)
			return -EINVAL;
	return 0;
}

/* Is the VLAN one of those that "trunk" names? */
static bool listed(const struct hd_port_conf *port, int vlan)
{
	return hd_vlan_allowed(&port->vlan, (uint16_t)vlan) && (vlan != port->vlan.pvid || port->native_listed);
}

static json_t *range(int from, int to)
{
	return from == to ? json_integer(from) : json_sprintf("%d-%d", from, to);
}

json_t *hd_schema_write_trunk(const struct hd_schema_key *key, const void *object)
{
	const struct hd_port_conf *port = object;
	json_t *list;
	int count = 0;

	if (port->vlan.mode != HD_VLAN_TRUNK)
		return json_null();
	list = json_array();
	for (int vlan = HD_VLAN_MIN; list && vlan <= HD_VLAN_MAX; vlan++) {
		int first = vlan;

		if (!listed(port, vlan))
			continue;
		while (vlan < HD_VLAN_MAX && listed(port, vlan + 1))
			vlan++;
		count += vlan - first + 1;
		if (vlan == first + 1) /* two neighbours read better as two */
			json_array_append_new(list, json_integer(first++));
		if (json_array_append_new(list, range(first, vlan)) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	if (count < HD_VLAN_MAX)
		return list;
	json_decref(list);
	return json_string("all");
}

int hd_schema_read_native(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_port_conf *port = object;
	int64_t vlan;
	int rc = hd_schema_read_number(key, value, &vlan, error);

	if (rc < 0)
		return rc;
	port->vlan.pvid = (uint16_t)vlan;
	port->native_listed = hd_vlan_allowed(&port->vlan, (uint16_t)vlan);
	hd_vlan_allow(&port->vlan, (uint16_t)vlan);
	return 0;
}

json_t *hd_schema_write_native(const struct hd_schema_key *key, const void *object)
{
	const struct hd_port_conf *port = object;

	return port->vlan.mode == HD_VLAN_TRUNK && port->vlan.pvid != HD_VLAN_NONE ? json_integer(port->vlan.pvid)
										   : json_null();
}

int hd_schema_read_cpus(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_port_conf *port = object;
	size_t n = json_is_array(value) ? json_array_size(value) : port->queues;

	if (json_is_array(value) && n == 0) {
		hd_error_set(error, "is empty: name CPUs");
		return -EINVAL;
	}
	if (n > port->queues) {
		hd_error_set(error, "%zu CPUs for %u queue%s", n, port->queues, port->queues == 1 ? "" : "s");
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		int64_t cpu;

		if (hd_schema_read_number(key, json_is_array(value) ? json_array_get(value, i) : value, &cpu, error) <
		    0)
			return -EINVAL;
		port->pmd[i] = (int)cpu;
	}
	return 0;
}

json_t *hd_schema_write_cpus(const struct hd_schema_key *key, const void *object)
{
	const struct hd_port_conf *port = object;
	unsigned int n = 0;
	bool same = true;
	json_t *list;

	while (n < port->queues && port->pmd[n] >= 0) {
		same = same && port->pmd[n] == port->pmd[0];
		n++;
	}
	if (n == 0)
		return json_null();
	if (same && n == port->queues)
		return json_integer(port->pmd[0]);
	list = json_array();
	for (unsigned int i = 0; list && i < n; i++) {
		if (json_array_append_new(list, json_integer(port->pmd[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

/* A name into its place in the order; twice is as good as once. `item` is what it comes from, for the error. */
static int add_port(struct hd_mirror_conf *mirror, const json_t *item, const char *name, size_t length,
		    struct hd_error *error)
{
	char text[HD_NAME_MAX + 1] = "";
	unsigned int at = 0;

	if (length < sizeof(text))
		memcpy(text, name, length);
	if (strlen(text) != length || !hd_schema_name_valid(text)) {
		hd_error_set(error, "%s is not a port's name", hd_schema_show(item).text);
		return -EINVAL;
	}
	while (at < mirror->n_ports && strcmp(mirror->ports[at], text) < 0)
		at++;
	if (at < mirror->n_ports && strcmp(mirror->ports[at], text) == 0)
		return 0;
	if (mirror->n_ports == HD_MIRROR_PORTS_MAX) {
		hd_error_set(error, "more than %d ports: \"all\" takes all of the bridge", HD_MIRROR_PORTS_MAX);
		return -EINVAL;
	}
	memmove(mirror->ports[at + 1], mirror->ports[at], (mirror->n_ports - at) * sizeof(mirror->ports[0]));
	memcpy(mirror->ports[at], text, sizeof(text));
	mirror->n_ports++;
	return 0;
}

/* "vm1,vm2" */
static int add_ports(struct hd_mirror_conf *mirror, const json_t *item, struct hd_error *error)
{
	const char *text = json_string_value(item), *end = text + json_string_length(item);

	for (;; text++) { /* over the comma */
		const char *comma = memchr(text, ',', (size_t)(end - text));
		size_t length = (size_t)((comma ? comma : end) - text);

		if (add_port(mirror, item, text, length, error) < 0)
			return -EINVAL;
		text += length;
		if (text == end)
			return 0;
	}
}

int hd_schema_read_ports(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error)
{
	struct hd_mirror_conf *mirror = object;

	mirror->n_ports = 0;
	memset(mirror->ports, 0, sizeof(mirror->ports));
	if (json_is_string(value))
		return strcmp(json_string_value(value), "all") == 0 ? 0 : add_ports(mirror, value, error);
	if (!json_is_array(value) || json_array_size(value) == 0) {
		hd_error_set(error, "%s is not a list of ports, or \"all\"", hd_schema_show(value).text);
		return -EINVAL;
	}
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *name = json_array_get(value, i);

		if (!json_is_string(name)) {
			hd_error_set(error, "%s is not a port's name", hd_schema_show(name).text);
			return -EINVAL;
		}
		if (add_port(mirror, name, json_string_value(name), json_string_length(name), error) < 0)
			return -EINVAL;
	}
	return 0;
}

json_t *hd_schema_write_ports(const struct hd_schema_key *key, const void *object)
{
	const struct hd_mirror_conf *mirror = object;
	json_t *list;

	if (mirror->n_ports == 0)
		return json_null();
	list = json_array();
	for (unsigned int i = 0; list && i < mirror->n_ports; i++) {
		if (json_array_append_new(list, json_string(mirror->ports[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}
