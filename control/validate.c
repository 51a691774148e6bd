/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator: a document becomes a model, or the first error in it is named by its path. */
#include "model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"
#include "yaml.h"

#define PATH_TEXT_MAX 320
#define PART_MAX 64    /* bytes of a key that messages show */
#define FILE_SHOWN 100 /* last bytes of the file's name that messages show */

/* State of one validation. Where it stands in the document is `path`. */
struct check {
	const struct hd_marks *marks;
	struct hd_error *error;
	char path[PATH_TEXT_MAX];
	size_t length;
	unsigned int n_ports;
	json_t *ports, *sockets, *devices, *mirrors; /* what is taken: value -> path of who took it */
};

static int __attribute__((format(printf, 2, 3))) fail(struct check *check, const char *format, ...)
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

/* Make the path longer; the result is for `leave`. Hostile keys are cut and shown without control characters. */
static size_t extend(struct check *check, const char *dot, const char *part)
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

static size_t enter(struct check *check, const char *name)
{
	return extend(check, check->length ? "." : "", name);
}

static size_t enter_index(struct check *check, size_t index)
{
	char part[24];

	snprintf(part, sizeof(part), "[%zu]", index);
	return extend(check, "", part);
}

static void leave(struct check *check, size_t before)
{
	check->length = before;
	check->path[before] = '\0';
}

/* fail() about a member of where we are. */
static int fail_at(struct check *check, const char *name, const char *what)
{
	size_t before = enter(check, name);

	fail(check, "%s", what);
	leave(check, before);
	return -EINVAL;
}

/* A value that is null counts as not there: it means the default. */
static const json_t *member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

static int check_object(struct check *check, const json_t *value)
{
	if (!value || json_is_null(value) || json_is_object(value))
		return 0;
	return fail(check, "%s is not a mapping", hd_schema_show(value).text);
}

static int check_keys(struct check *check, const struct hd_schema_key *table, const json_t *object)
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
		return fail_at(check, name, what);
	}
	return 0;
}

/* An object's keys into the struct that its table describes. */
static int read_keys(struct check *check, const struct hd_schema_key *table, const json_t *value, void *object)
{
	struct hd_error reason;

	hd_schema_defaults(table, object);
	if (check_object(check, value) < 0 || check_keys(check, table, value) < 0)
		return -EINVAL;
	for (const struct hd_schema_key *key = table; key->name; key++) {
		const json_t *field = member(value, key->name);

		if (!field && key->required)
			return fail(check, "%s is missing", key->name);
		if (!field || key->type == HD_SCHEMA_NESTED)
			continue;
		if (hd_schema_read(key, field, object, &reason) < 0)
			return fail_at(check, key->name, reason.text);
	}
	return 0;
}

static int check_name(struct check *check, const char *name)
{
	if (hd_schema_name_valid(name))
		return 0;
	return fail(check,
		    "not a name: 1 to %d letters, digits, \"_\", \".\" and \"-\", the first a letter or digit, "
		    "none of the commands' words",
		    HD_NAME_MAX);
}

/* Take a value that only one may have. */
static int take(struct check *check, json_t *taken, const char *value, const char *what)
{
	const char *owner = json_string_value(json_object_get(taken, value));

	if (owner)
		return fail(check, "%s %s", what, owner);
	return json_object_set_new(taken, value, json_string(check->path)) < 0 ? -ENOMEM : 0;
}

/* A socket's path or a device's name. */
static int take_resource(struct check *check, const char *name, json_t *taken, const char *value)
{
	char what[HD_DEVICE_MAX + 32];
	size_t before = enter(check, name);
	int rc;

	snprintf(what, sizeof(what), "%s is already used by", value);
	rc = take(check, taken, value, what);

	leave(check, before);
	return rc;
}

static int check_kind(struct check *check, const json_t *value, struct hd_port_conf *port)
{
	bool vhost = member(value, "vhost"), device = member(value, "device");

	if (vhost && device)
		return fail_at(check, "device", "a port has either vhost or device, not both");
	if (!vhost && !device)
		return fail(check, "needs vhost (a socket's path) or device (a PCI address or device string)");
	port->kind = vhost ? HD_PORT_VHOST : HD_PORT_ETHDEV;
	return 0;
}

/* Keys that mean nothing for this kind of port are refused rather than ignored. */
static int check_scopes(struct check *check, const json_t *value, const struct hd_port_conf *port)
{
	for (const struct hd_schema_key *key = hd_schema_port; key->name; key++) {
		if (key->scope == HD_SCHEMA_ANY || !member(value, key->name))
			continue;
		if (port->kind != HD_PORT_VHOST)
			return fail_at(check, key->name, "only a vhost port has this");
		if (key->scope == HD_SCHEMA_SERVER && port->mode != HD_VHOST_SERVER)
			return fail_at(check, key->name,
				       "only with mode server: in mode client the other end creates "
				       "the socket");
	}
	return 0;
}

static int check_vlans(struct check *check, const json_t *value)
{
	if (member(value, "vlan") && member(value, "trunk"))
		return fail_at(check, "trunk", "a port has either vlan (access) or trunk, not both");
	if (member(value, "vlan") && member(value, "native"))
		return fail_at(check, "native", "goes with trunk, not with vlan");
	if (member(value, "native") && !member(value, "trunk"))
		return fail_at(check, "native", "needs trunk");
	return 0;
}

/* A message that names a ring has 8 bits for it (QEMU's VHOST_USER_VRING_IDX_MASK), and a pair has two rings. */
static int check_queues(struct check *check, const struct hd_port_conf *port)
{
	char what[128];

	if (port->kind != HD_PORT_VHOST || port->queues <= HD_VHOST_QUEUES_MAX)
		return 0;
	snprintf(what, sizeof(what), "%u is not 1..%d: vhost-user, and engine dpdk, know no more than %d queue pairs",
		 port->queues, HD_VHOST_QUEUES_MAX, HD_VHOST_QUEUES_MAX);
	return fail_at(check, "queues", what);
}

/* Devices are one if their names are; arguments don't count. */
static int take_device(struct check *check, const struct hd_port_conf *port)
{
	char name[HD_DEVICE_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(port->device, ","), port->device);
	return take_resource(check, "device", check->devices, name);
}

static int read_port(struct check *check, const char *name, const json_t *value, struct hd_port_conf *port)
{
	int rc = check_name(check, name);

	if (rc == 0)
		rc = check_object(check, value);
	if (rc == 0)
		rc = check_keys(check, hd_schema_port, value);
	if (rc == 0)
		rc = check_kind(check, value, port);
	if (rc == 0)
		rc = check_vlans(check, value);
	if (rc == 0)
		rc = read_keys(check, hd_schema_port, value, port);
	if (rc == 0)
		rc = check_scopes(check, value, port);
	if (rc == 0)
		rc = check_queues(check, port);
	if (rc < 0)
		return rc;
	snprintf(port->name, sizeof(port->name), "%s", name);
	rc = take(check, check->ports, name, "a port's name is unique; it is also");
	if (rc < 0)
		return rc;
	return port->kind == HD_PORT_VHOST ? take_resource(check, "vhost", check->sockets, port->socket)
					   : take_device(check, port);
}

static int port_order(const void *a, const void *b)
{
	return strcmp(((const struct hd_port_conf *)a)->name, ((const struct hd_port_conf *)b)->name);
}

static int read_ports(struct check *check, const json_t *ports, struct hd_bridge_conf *bridge)
{
	const char *name;
	json_t *value;

	if (check_object(check, ports) < 0)
		return -EINVAL;
	if (json_object_size(ports) == 0)
		return 0;
	check->n_ports += json_object_size(ports);
	if (check->n_ports > HD_PORTS_MAX)
		return fail(check, "more than %d ports in all", HD_PORTS_MAX);
	bridge->ports = calloc(json_object_size(ports), sizeof(bridge->ports[0]));
	if (!bridge->ports)
		return -ENOMEM;
	json_object_foreach ((json_t *)ports, name, value) {
		size_t before = enter(check, name);
		int rc = read_port(check, name, value, &bridge->ports[bridge->n_ports]);

		leave(check, before);
		if (rc < 0)
			return rc;
		bridge->n_ports++;
	}
	qsort(bridge->ports, bridge->n_ports, sizeof(bridge->ports[0]), port_order);
	return 0;
}

static bool carries(const struct hd_port_conf *port, uint16_t vlan)
{
	if (port->vlan.mode == HD_VLAN_TRANSPARENT)
		return true;
	return vlan != HD_VLAN_NONE && hd_vlan_allowed(&port->vlan, vlan);
}

static int read_entry(struct check *check, const json_t *value, const struct hd_bridge_conf *bridge, json_t *taken,
		      struct hd_fdb_conf *entry)
{
	const struct hd_port_conf *port;
	char address[32], what[128];
	size_t before;
	int rc;

	if (!json_is_object(value))
		return fail(check, "%s is not a mapping", hd_schema_show(value).text);
	rc = read_keys(check, hd_schema_fdb, value, entry);
	if (rc < 0)
		return rc;
	port = hd_bridge_conf_port(bridge, entry->port);
	if (!port) {
		snprintf(what, sizeof(what), "no port %s in bridge %s", entry->port, bridge->name);
		return fail_at(check, "port", what);
	}
	if (!carries(port, entry->vlan)) {
		snprintf(what, sizeof(what), "port %s does not carry VLAN %u", port->name, entry->vlan);
		return fail_at(check, "vlan", what);
	}
	snprintf(address, sizeof(address), "%02x%02x%02x%02x%02x%02x %u", entry->mac[0], entry->mac[1], entry->mac[2],
		 entry->mac[3], entry->mac[4], entry->mac[5], entry->vlan);
	before = enter(check, "mac");
	rc = take(check, taken, address, "already used by");
	leave(check, before);
	return rc;
}

static int fdb_order(const void *a, const void *b)
{
	return hd_fdb_conf_order(a, b);
}

static int read_entries(struct check *check, const json_t *list, struct hd_bridge_conf *bridge, json_t *taken)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		size_t before = enter_index(check, i);
		int rc = read_entry(check, json_array_get(list, i), bridge, taken, &bridge->fdb[i]);

		leave(check, before);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_fdb(struct check *check, const json_t *list, struct hd_bridge_conf *bridge)
{
	json_t *taken;
	int rc;

	if (list && !json_is_array(list))
		return fail(check, "%s is not a list", hd_schema_show(list).text);
	if (json_array_size(list) == 0)
		return 0;
	if (json_array_size(list) > bridge->fdb_limit)
		return fail(check, "%zu static entries, fdb-limit is %u", json_array_size(list), bridge->fdb_limit);
	bridge->fdb = calloc(json_array_size(list), sizeof(bridge->fdb[0]));
	taken = json_object();
	if (!bridge->fdb || !taken) {
		json_decref(taken);
		return -ENOMEM;
	}
	rc = read_entries(check, list, bridge, taken);
	json_decref(taken);
	if (rc < 0)
		return rc;
	bridge->n_fdb = json_array_size(list);
	qsort(bridge->fdb, bridge->n_fdb, sizeof(bridge->fdb[0]), fdb_order);
	return 0;
}

static int no_port(struct check *check, const char *key, const char *name, const struct hd_bridge_conf *bridge)
{
	char what[128];

	snprintf(what, sizeof(what), "no port %s in bridge %s", name, bridge->name);
	return fail_at(check, key, what);
}

static int fail_snap(struct check *check, uint32_t snap)
{
	char what[64];

	snprintf(what, sizeof(what), "%" PRIu32 " is less than %d", snap, HD_MIRROR_SNAP_MIN);
	return fail_at(check, "snap", what);
}

static int read_mirror(struct check *check, const char *name, const json_t *value, const struct hd_bridge_conf *bridge,
		       struct hd_mirror_conf *mirror)
{
	int rc = check_name(check, name);

	if (rc == 0)
		rc = read_keys(check, hd_schema_mirror, value, mirror);
	if (rc < 0)
		return rc;
	snprintf(mirror->name, sizeof(mirror->name), "%s", name);
	if (mirror->snap != 0 && mirror->snap < HD_MIRROR_SNAP_MIN)
		return fail_snap(check, mirror->snap);
	if (!hd_bridge_conf_port(bridge, mirror->to))
		return no_port(check, "to", mirror->to, bridge);
	for (unsigned int i = 0; i < mirror->n_ports; i++)
		if (!hd_bridge_conf_port(bridge, mirror->ports[i]))
			return no_port(check, "ports", mirror->ports[i], bridge);
	return take(check, check->mirrors, name, "a mirror's name is unique; it is also");
}

static int mirror_order(const void *a, const void *b)
{
	return strcmp(((const struct hd_mirror_conf *)a)->name, ((const struct hd_mirror_conf *)b)->name);
}

static int read_mirrors(struct check *check, const json_t *mirrors, struct hd_bridge_conf *bridge)
{
	const char *name;
	json_t *value;

	if (check_object(check, mirrors) < 0)
		return -EINVAL;
	if (json_object_size(mirrors) > HD_MIRRORS_MAX)
		return fail(check, "more than %d mirrors in a bridge", HD_MIRRORS_MAX);
	if (json_object_size(mirrors) == 0)
		return 0;
	bridge->mirrors = calloc(json_object_size(mirrors), sizeof(bridge->mirrors[0]));
	if (!bridge->mirrors)
		return -ENOMEM;
	json_object_foreach ((json_t *)mirrors, name, value) {
		size_t before = enter(check, name);
		int rc = read_mirror(check, name, value, bridge, &bridge->mirrors[bridge->n_mirrors]);

		leave(check, before);
		if (rc < 0)
			return rc;
		bridge->n_mirrors++;
	}
	qsort(bridge->mirrors, bridge->n_mirrors, sizeof(bridge->mirrors[0]), mirror_order);
	return 0;
}

/* A destination is nothing else: copies are not copied, and no station is behind it. */
static int check_mirrors(struct check *check, const struct hd_bridge_conf *bridge)
{
	char what[128];

	for (unsigned int i = 0; i < bridge->n_mirrors; i++) {
		const struct hd_mirror_conf *mirror = &bridge->mirrors[i];
		size_t before = enter(check, mirror->name);
		int rc = 0;

		for (unsigned int p = 0; p < mirror->n_ports && rc == 0; p++) {
			snprintf(what, sizeof(what), "%s is a mirror's destination", mirror->ports[p]);
			if (hd_bridge_conf_mirrors_to(bridge, mirror->ports[p]))
				rc = fail_at(check, "ports", what);
		}
		snprintf(what, sizeof(what), "%s has a static address", mirror->to);
		for (unsigned int e = 0; e < bridge->n_fdb && rc == 0; e++)
			if (strcmp(bridge->fdb[e].port, mirror->to) == 0)
				rc = fail_at(check, "to", what);
		leave(check, before);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A list of texts, of flows and what goes with them: what they mean is found out where rules are known. */
static int check_texts(struct check *check, const json_t *list, const char *name)
{
	size_t before = enter(check, name);
	int rc = list && !json_is_array(list) ? fail(check, "%s is not a list", hd_schema_show(list).text) : 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		size_t list_end = enter_index(check, i);

		if (!json_is_string(item))
			rc = fail(check, "%s is not text", hd_schema_show(item).text);
		else if (strcmp(name, "absent-ports") == 0)
			rc = check_name(check, json_string_value(item));
		leave(check, list_end);
	}
	leave(check, before);
	return rc;
}

static int read_bridge(struct check *check, const char *name, const json_t *value, struct hd_bridge_conf *bridge)
{
	static const char *const lists[] = {"absent-ports", "meters", "groups", "flows"};
	size_t before;
	int rc;

	rc = check_name(check, name);
	if (rc == 0)
		rc = read_keys(check, hd_schema_bridge, value, bridge);
	if (rc < 0)
		return rc;
	snprintf(bridge->name, sizeof(bridge->name), "%s", name);
	before = enter(check, "ports");
	rc = read_ports(check, member(value, "ports"), bridge);
	leave(check, before);
	for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
		rc = check_texts(check, member(value, lists[i]), lists[i]);
	if (rc < 0)
		return rc;
	before = enter(check, "fdb");
	rc = read_fdb(check, member(value, "fdb"), bridge);
	leave(check, before);
	if (rc < 0)
		return rc;
	before = enter(check, "mirrors");
	rc = read_mirrors(check, member(value, "mirrors"), bridge);
	if (rc == 0)
		rc = check_mirrors(check, bridge);
	leave(check, before);
	return rc;
}

static int bridge_order(const void *a, const void *b)
{
	return strcmp(((const struct hd_bridge_conf *)a)->name, ((const struct hd_bridge_conf *)b)->name);
}

static int read_bridges(struct check *check, const json_t *bridges, struct hd_config *config)
{
	const char *name;
	json_t *value;

	if (check_object(check, bridges) < 0)
		return -EINVAL;
	if (json_object_size(bridges) > HD_BRIDGES_MAX)
		return fail(check, "%zu bridges, at most %d", json_object_size(bridges), HD_BRIDGES_MAX);
	config->bridges = calloc(json_object_size(bridges) + 1, sizeof(config->bridges[0]));
	if (!config->bridges)
		return -ENOMEM;
	json_object_foreach ((json_t *)bridges, name, value) {
		size_t before = enter(check, name);
		/* Counted first: what a half-read bridge holds is freed with the rest. */
		int rc = read_bridge(check, name, value, &config->bridges[config->n_bridges++]);

		leave(check, before);
		if (rc < 0)
			return rc;
	}
	qsort(config->bridges, config->n_bridges, sizeof(config->bridges[0]), bridge_order);
	return 0;
}

static int read_document(struct check *check, const json_t *document, struct hd_config *config)
{
	size_t before;
	int rc;

	if (read_keys(check, hd_schema_root, document, config) < 0)
		return -EINVAL;
	before = enter(check, "bridges");
	rc = read_bridges(check, member(document, "bridges"), config);
	leave(check, before);
	return rc;
}

int hd_config_parse(const json_t *document, const struct hd_marks *marks, struct hd_config **config,
		    struct hd_error *error)
{
	struct check check = {.marks = marks, .error = error};
	int rc = -ENOMEM;

	*config = calloc(1, sizeof(**config));
	check.ports = json_object();
	check.sockets = json_object();
	check.devices = json_object();
	check.mirrors = json_object();
	if (*config && check.ports && check.sockets && check.devices && check.mirrors)
		rc = read_document(&check, document, *config);
	json_decref(check.ports);
	json_decref(check.sockets);
	json_decref(check.devices);
	json_decref(check.mirrors);
	if (rc < 0) {
		if (rc == -ENOMEM)
			hd_error_set(error, "out of memory");
		hd_config_free(*config);
		*config = NULL;
	}
	return rc;
}
