/* SPDX-License-Identifier: BSD-3-Clause */
/* The model: looking things up in it, its canonical document, its end. */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

void hd_error_set(struct hd_error *error, const char *format, ...)
{
	va_list args;

	if (!error)
		return;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
}

void hd_config_free(struct hd_config *config)
{
	if (!config)
		return;
	for (unsigned int i = 0; i < config->n_bridges; i++) {
		free(config->bridges[i].ports);
		free(config->bridges[i].fdb);
		free(config->bridges[i].mirrors);
	}
	free(config->bridges);
	for (unsigned int i = 0; i < config->n_acls; i++)
		hd_acl_clear(&config->acls[i]);
	free(config->acls);
	free(config);
}

static int bridge_compare(const void *name, const void *bridge)
{
	return strcmp(name, ((const struct hd_bridge_conf *)bridge)->name);
}

static int port_compare(const void *name, const void *port)
{
	return strcmp(name, ((const struct hd_port_conf *)port)->name);
}

static int acl_compare(const void *name, const void *acl)
{
	return strcmp(name, ((const struct hd_acl *)acl)->name);
}

const struct hd_acl *hd_config_acl(const struct hd_config *config, const char *name)
{
	if (config->n_acls == 0)
		return NULL;
	return bsearch(name, config->acls, config->n_acls, sizeof(config->acls[0]), acl_compare);
}

const struct hd_bridge_conf *hd_config_bridge(const struct hd_config *config, const char *name)
{
	if (config->n_bridges == 0)
		return NULL;
	return bsearch(name, config->bridges, config->n_bridges, sizeof(config->bridges[0]), bridge_compare);
}

const struct hd_port_conf *hd_bridge_conf_port(const struct hd_bridge_conf *bridge, const char *name)
{
	if (bridge->n_ports == 0)
		return NULL;
	return bsearch(name, bridge->ports, bridge->n_ports, sizeof(bridge->ports[0]), port_compare);
}

const struct hd_port_conf *hd_config_port(const struct hd_config *config, const char *name,
					  const struct hd_bridge_conf **bridge)
{
	for (unsigned int i = 0; i < config->n_bridges; i++) {
		const struct hd_port_conf *port = hd_bridge_conf_port(&config->bridges[i], name);

		if (port) {
			if (bridge)
				*bridge = &config->bridges[i];
			return port;
		}
	}
	return NULL;
}

const struct hd_mirror_conf *hd_config_mirror(const struct hd_config *config, const char *name,
					      const struct hd_bridge_conf **bridge)
{
	for (unsigned int i = 0; i < config->n_bridges; i++) {
		const struct hd_bridge_conf *of = &config->bridges[i];

		for (unsigned int j = 0; j < of->n_mirrors; j++) {
			if (strcmp(of->mirrors[j].name, name) != 0)
				continue;
			if (bridge)
				*bridge = of;
			return &of->mirrors[j];
		}
	}
	return NULL;
}

bool hd_bridge_conf_mirrors_to(const struct hd_bridge_conf *bridge, const char *port)
{
	for (unsigned int i = 0; i < bridge->n_mirrors; i++)
		if (strcmp(bridge->mirrors[i].to, port) == 0)
			return true;
	return false;
}

bool hd_mirror_conf_covers(const struct hd_mirror_conf *mirror, const char *port)
{
	for (unsigned int i = 0; i < mirror->n_ports; i++)
		if (strcmp(mirror->ports[i], port) == 0)
			return true;
	return mirror->n_ports == 0;
}

int hd_fdb_conf_order(const struct hd_fdb_conf *a, const struct hd_fdb_conf *b)
{
	int order = memcmp(a->mac, b->mac, sizeof(a->mac));

	return order ? order : (int)a->vlan - (int)b->vlan;
}

static json_t *fdb_document(const struct hd_bridge_conf *bridge)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < bridge->n_fdb; i++) {
		if (json_array_append_new(list, hd_schema_document(hd_schema_fdb, &bridge->fdb[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *ports_document(const struct hd_bridge_conf *bridge)
{
	json_t *ports = json_object();

	for (unsigned int i = 0; ports && i < bridge->n_ports; i++) {
		const struct hd_port_conf *port = &bridge->ports[i];

		if (json_object_set_new(ports, port->name, hd_schema_document(hd_schema_port, port)) < 0) {
			json_decref(ports);
			ports = NULL;
		}
	}
	return ports;
}

static json_t *mirrors_document(const struct hd_bridge_conf *bridge)
{
	json_t *mirrors = json_object();

	for (unsigned int i = 0; mirrors && i < bridge->n_mirrors; i++) {
		const struct hd_mirror_conf *mirror = &bridge->mirrors[i];

		if (json_object_set_new(mirrors, mirror->name, hd_schema_document(hd_schema_mirror, mirror)) < 0) {
			json_decref(mirrors);
			mirrors = NULL;
		}
	}
	return mirrors;
}

static json_t *bridge_document(const struct hd_bridge_conf *bridge)
{
	json_t *document = hd_schema_document(hd_schema_bridge, bridge);

	if (!document)
		return NULL;
	if ((bridge->n_fdb > 0 && json_object_set_new(document, "fdb", fdb_document(bridge)) < 0) ||
	    (bridge->n_ports > 0 && json_object_set_new(document, "ports", ports_document(bridge)) < 0) ||
	    (bridge->n_mirrors > 0 && json_object_set_new(document, "mirrors", mirrors_document(bridge)) < 0)) {
		json_decref(document);
		return NULL;
	}
	return document;
}

static json_t *acls_document(const struct hd_config *config)
{
	json_t *acls = json_object();

	for (unsigned int i = 0; acls && i < config->n_acls; i++) {
		const struct hd_acl *acl = &config->acls[i];

		if (json_object_set_new(acls, acl->name, hd_schema_document(hd_schema_acl, acl)) < 0) {
			json_decref(acls);
			acls = NULL;
		}
	}
	return acls;
}

json_t *hd_config_document(const struct hd_config *config)
{
	json_t *bridges = json_object(), *document;

	for (unsigned int i = 0; bridges && i < config->n_bridges; i++) {
		const struct hd_bridge_conf *bridge = &config->bridges[i];

		if (json_object_set_new(bridges, bridge->name, bridge_document(bridge)) < 0) {
			json_decref(bridges);
			bridges = NULL;
		}
	}
	document = bridges ? hd_schema_document(hd_schema_root, config) : NULL;
	if (!document || (config->n_acls > 0 && json_object_set_new(document, "acls", acls_document(config)) < 0) ||
	    json_object_set_new(document, "bridges", bridges) < 0) {
		json_decref(document ? document : bridges);
		return NULL;
	}
	return document;
}
