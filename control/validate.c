/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator: a document becomes a model, or the first error in it is named by its path. */
#include "validate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A socket's path or a device's name. */
static int take_resource(struct hd_check *check, const char *name, json_t *taken, const char *value)
{
	char what[HD_DEVICE_MAX + 32];
	size_t before = hd_check_enter(check, name);
	int rc;

	snprintf(what, sizeof(what), "%s is already used by", value);
	rc = hd_check_take(check, taken, value, what);

	hd_check_leave(check, before);
	return rc;
}

static int check_kind(struct hd_check *check, const json_t *value, struct hd_port_conf *port)
{
	bool vhost = hd_check_member(value, "vhost"), device = hd_check_member(value, "device");

	if (vhost && device)
		return hd_check_fail_at(check, "device", "a port has either vhost or device, not both");
	if (!vhost && !device)
		return hd_check_fail(check, "needs vhost (a socket's path) or device (a PCI address or device string)");
	port->kind = vhost ? HD_PORT_VHOST : HD_PORT_ETHDEV;
	return 0;
}

/* Keys that mean nothing for this kind of port are refused rather than ignored. */
static int check_scopes(struct hd_check *check, const json_t *value, const struct hd_port_conf *port)
{
	for (const struct hd_schema_key *key = hd_schema_port; key->name; key++) {
		if (key->scope == HD_SCHEMA_ANY || !hd_check_member(value, key->name))
			continue;
		if (port->kind != HD_PORT_VHOST)
			return hd_check_fail_at(check, key->name, "only a vhost port has this");
		if (key->scope == HD_SCHEMA_SERVER && port->mode != HD_VHOST_SERVER)
			return hd_check_fail_at(check, key->name,
						"only with mode server: in mode client the other end creates "
						"the socket");
	}
	return 0;
}

static int check_vlans(struct hd_check *check, const json_t *value)
{
	if (hd_check_member(value, "vlan") && hd_check_member(value, "trunk"))
		return hd_check_fail_at(check, "trunk", "a port has either vlan (access) or trunk, not both");
	if (hd_check_member(value, "vlan") && hd_check_member(value, "native"))
		return hd_check_fail_at(check, "native", "goes with trunk, not with vlan");
	if (hd_check_member(value, "native") && !hd_check_member(value, "trunk"))
		return hd_check_fail_at(check, "native", "needs trunk");
	return 0;
}

/* A message that names a ring has 8 bits for it (QEMU's VHOST_USER_VRING_IDX_MASK), and a pair has two rings. */
static int check_queues(struct hd_check *check, const struct hd_port_conf *port)
{
	char what[128];

	if (port->kind != HD_PORT_VHOST || port->queues <= HD_VHOST_QUEUES_MAX)
		return 0;
	snprintf(what, sizeof(what), "%u is not 1..%d: vhost-user, and engine dpdk, know no more than %d queue pairs",
		 port->queues, HD_VHOST_QUEUES_MAX, HD_VHOST_QUEUES_MAX);
	return hd_check_fail_at(check, "queues", what);
}

/* Devices are one if their names are; arguments don't count. */
static int take_device(struct hd_check *check, const struct hd_port_conf *port)
{
	char name[HD_DEVICE_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(port->device, ","), port->device);
	return take_resource(check, "device", check->devices, name);
}

static int read_port(struct hd_check *check, const char *name, const json_t *value, struct hd_port_conf *port)
{
	int rc = hd_check_name(check, name);

	if (rc == 0)
		rc = hd_check_object(check, value);
	if (rc == 0)
		rc = hd_check_keys(check, hd_schema_port, value);
	if (rc == 0)
		rc = check_kind(check, value, port);
	if (rc == 0)
		rc = check_vlans(check, value);
	if (rc == 0)
		rc = hd_check_read(check, hd_schema_port, value, port);
	if (rc == 0)
		rc = check_scopes(check, value, port);
	if (rc == 0)
		rc = check_queues(check, port);
	if (rc < 0)
		return rc;
	snprintf(port->name, sizeof(port->name), "%s", name);
	rc = hd_validate_guard(check, port);
	if (rc < 0)
		return rc;
	rc = hd_check_take(check, check->ports, name, "a port's name is unique; it is also");
	if (rc < 0)
		return rc;
	return port->kind == HD_PORT_VHOST ? take_resource(check, "vhost", check->sockets, port->socket)
					   : take_device(check, port);
}

static int port_order(const void *a, const void *b)
{
	return strcmp(((const struct hd_port_conf *)a)->name, ((const struct hd_port_conf *)b)->name);
}

static int read_ports(struct hd_check *check, const json_t *ports, struct hd_bridge_conf *bridge)
{
	const char *name;
	json_t *value;

	if (hd_check_object(check, ports) < 0)
		return -EINVAL;
	if (json_object_size(ports) == 0)
		return 0;
	check->n_ports += json_object_size(ports);
	if (check->n_ports > HD_PORTS_MAX)
		return hd_check_fail(check, "more than %d ports in all", HD_PORTS_MAX);
	bridge->ports = calloc(json_object_size(ports), sizeof(bridge->ports[0]));
	if (!bridge->ports)
		return -ENOMEM;
	json_object_foreach ((json_t *)ports, name, value) {
		size_t before = hd_check_enter(check, name);
		int rc = read_port(check, name, value, &bridge->ports[bridge->n_ports]);

		hd_check_leave(check, before);
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

static int read_entry(struct hd_check *check, const json_t *value, const struct hd_bridge_conf *bridge, json_t *taken,
		      struct hd_fdb_conf *entry)
{
	const struct hd_port_conf *port;
	char address[32], what[128];
	size_t before;
	int rc;

	if (!json_is_object(value))
		return hd_check_fail(check, "%s is not a mapping", hd_schema_show(value).text);
	rc = hd_check_read(check, hd_schema_fdb, value, entry);
	if (rc < 0)
		return rc;
	port = hd_bridge_conf_port(bridge, entry->port);
	if (!port) {
		snprintf(what, sizeof(what), "no port %s in bridge %s", entry->port, bridge->name);
		return hd_check_fail_at(check, "port", what);
	}
	if (!carries(port, entry->vlan)) {
		snprintf(what, sizeof(what), "port %s does not carry VLAN %u", port->name, entry->vlan);
		return hd_check_fail_at(check, "vlan", what);
	}
	snprintf(address, sizeof(address), "%02x%02x%02x%02x%02x%02x %u", entry->mac[0], entry->mac[1], entry->mac[2],
		 entry->mac[3], entry->mac[4], entry->mac[5], entry->vlan);
	before = hd_check_enter(check, "mac");
	rc = hd_check_take(check, taken, address, "already used by");
	hd_check_leave(check, before);
	return rc;
}

static int fdb_order(const void *a, const void *b)
{
	return hd_fdb_conf_order(a, b);
}

static int read_entries(struct hd_check *check, const json_t *list, struct hd_bridge_conf *bridge, json_t *taken)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		size_t before = hd_check_enter_index(check, i);
		int rc = read_entry(check, json_array_get(list, i), bridge, taken, &bridge->fdb[i]);

		hd_check_leave(check, before);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_fdb(struct hd_check *check, const json_t *list, struct hd_bridge_conf *bridge)
{
	json_t *taken;
	int rc;

	if (list && !json_is_array(list))
		return hd_check_fail(check, "%s is not a list", hd_schema_show(list).text);
	if (json_array_size(list) == 0)
		return 0;
	if (json_array_size(list) > bridge->fdb_limit)
		return hd_check_fail(check, "%zu static entries, fdb-limit is %u", json_array_size(list),
				     bridge->fdb_limit);
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

/* A list of texts, of flows and what goes with them: what they mean is found out where rules are known. */
static int check_texts(struct hd_check *check, const json_t *value, const char *name)
{
	const json_t *list = hd_check_member(value, name);
	size_t before = hd_check_enter(check, name);
	int rc = 0;

	if (list && !json_is_array(list))
		rc = hd_check_fail(check, "%s is not a list", hd_schema_show(list).text);
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		size_t list_end = hd_check_enter_index(check, i);

		if (!json_is_string(item))
			rc = hd_check_fail(check, "%s is not text", hd_schema_show(item).text);
		else if (strcmp(name, "absent-ports") == 0)
			rc = hd_check_name(check, json_string_value(item));
		hd_check_leave(check, list_end);
	}
	hd_check_leave(check, before);
	return rc;
}

static int check_flows(struct hd_check *check, const json_t *value)
{
	static const char *const lists[] = {"absent-ports", "meters", "groups", "flows"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
		rc = check_texts(check, value, lists[i]);
	return rc;
}

static int read_bridge(struct hd_check *check, const char *name, const json_t *value, struct hd_bridge_conf *bridge)
{
	size_t before;
	int rc;

	rc = hd_check_name(check, name);
	if (rc == 0)
		rc = hd_check_read(check, hd_schema_bridge, value, bridge);
	if (rc < 0)
		return rc;
	snprintf(bridge->name, sizeof(bridge->name), "%s", name);
	before = hd_check_enter(check, "ports");
	rc = read_ports(check, hd_check_member(value, "ports"), bridge);
	hd_check_leave(check, before);
	if (rc == 0)
		rc = check_flows(check, value);
	if (rc < 0)
		return rc;
	before = hd_check_enter(check, "fdb");
	rc = read_fdb(check, hd_check_member(value, "fdb"), bridge);
	hd_check_leave(check, before);
	if (rc < 0)
		return rc;
	before = hd_check_enter(check, "mirrors");
	rc = hd_validate_mirrors(check, hd_check_member(value, "mirrors"), bridge);
	hd_check_leave(check, before);
	return rc;
}

static int bridge_order(const void *a, const void *b)
{
	return strcmp(((const struct hd_bridge_conf *)a)->name, ((const struct hd_bridge_conf *)b)->name);
}

static int read_bridges(struct hd_check *check, const json_t *bridges, struct hd_config *config)
{
	const char *name;
	json_t *value;

	if (hd_check_object(check, bridges) < 0)
		return -EINVAL;
	if (json_object_size(bridges) > HD_BRIDGES_MAX)
		return hd_check_fail(check, "%zu bridges, at most %d", json_object_size(bridges), HD_BRIDGES_MAX);
	config->bridges = calloc(json_object_size(bridges) + 1, sizeof(config->bridges[0]));
	if (!config->bridges)
		return -ENOMEM;
	json_object_foreach ((json_t *)bridges, name, value) {
		size_t before = hd_check_enter(check, name);
		/* Counted first: what a half-read bridge holds is freed with the rest. */
		int rc = read_bridge(check, name, value, &config->bridges[config->n_bridges++]);

		hd_check_leave(check, before);
		if (rc < 0)
			return rc;
	}
	qsort(config->bridges, config->n_bridges, sizeof(config->bridges[0]), bridge_order);
	return 0;
}

static int read_document(struct hd_check *check, const json_t *document, struct hd_config *config)
{
	size_t before;
	int rc;

	if (hd_check_read(check, hd_schema_root, document, config) < 0)
		return -EINVAL;
	check->config = config;
	before = hd_check_enter(check, "acls");
	rc = hd_validate_acls(check, hd_check_member(document, "acls"), config);
	hd_check_leave(check, before);
	if (rc < 0)
		return rc;
	before = hd_check_enter(check, "bridges");
	rc = read_bridges(check, hd_check_member(document, "bridges"), config);
	hd_check_leave(check, before);
	return rc;
}

int hd_config_parse(const json_t *document, const struct hd_marks *marks, struct hd_config **config,
		    struct hd_error *error)
{
	struct hd_check check = {.marks = marks, .error = error};
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
