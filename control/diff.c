/* SPDX-License-Identifier: BSD-3-Clause */
/* The difference between two configurations: both are sorted, so it is found by merging them. */
#include "diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "schema.h"

static const char *const names[] = {
	[HD_CHANGE_CONFIG_SET] = "config set",     [HD_CHANGE_BRIDGE_ADD] = "bridge add",
	[HD_CHANGE_BRIDGE_SET] = "bridge set",     [HD_CHANGE_BRIDGE_DEL] = "bridge del",
	[HD_CHANGE_PORT_ADD] = "port add",         [HD_CHANGE_PORT_SET] = "port set",
	[HD_CHANGE_PORT_REPLACE] = "port replace", [HD_CHANGE_PORT_MOVE] = "port move",
	[HD_CHANGE_PORT_DEL] = "port del",         [HD_CHANGE_FDB_ADD] = "fdb add",
	[HD_CHANGE_FDB_DEL] = "fdb del",           [HD_CHANGE_MIRROR_ADD] = "mirror add",
	[HD_CHANGE_MIRROR_SET] = "mirror set",     [HD_CHANGE_MIRROR_DEL] = "mirror del",
	[HD_CHANGE_ACL_ADD] = "acl add",           [HD_CHANGE_ACL_SET] = "acl set",
	[HD_CHANGE_ACL_DEL] = "acl del",
};

static const struct hd_config nothing = {.flow_cache = HD_FLOW_CACHE_DEFAULT, .ct_limit = HD_CT_LIMIT_DEFAULT};

const char *hd_change_name(enum hd_change_kind kind)
{
	return names[kind];
}

/* How two objects of one table differ: a bit of each. */
enum { SAME = 0, DIFFERS = 1, REPLACES = 2 };

static int compare_key(const struct hd_schema_key *key, const void *a, const void *b, int *how)
{
	json_t *before = hd_schema_write(key, a), *after = hd_schema_write(key, b);
	int rc = before && after ? 0 : -ENOMEM;

	if (rc == 0 && !json_equal(before, after))
		*how |= key->replaces ? DIFFERS | REPLACES : DIFFERS;
	json_decref(before);
	json_decref(after);
	return rc;
}

static int compare(const struct hd_schema_key *table, const void *a, const void *b, int *how)
{
	int rc = 0;

	*how = SAME;
	for (const struct hd_schema_key *key = table; rc == 0 && key->name; key++)
		if (key->type != HD_SCHEMA_NESTED)
			rc = compare_key(key, a, b, how);
	return rc;
}

static int compare_ports(const struct hd_port_conf *a, const struct hd_port_conf *b, int *how)
{
	*how = SAME;
	/* Most ports are untouched: bytes that are equal need no closer look. Padding that differs costs one. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
	return memcmp(a, b, sizeof(*a)) == 0 ? 0 : compare(hd_schema_port, a, b, how);
}

int hd_diff_replaces(const struct hd_port_conf *from, const struct hd_port_conf *to)
{
	int how;
	int rc = compare_ports(from, to, &how);

	return rc < 0 ? rc : (how & REPLACES) != 0;
}

static int append(struct hd_diff *diff, const struct hd_change *change)
{
	/* The room is doubled at each power of two. */
	if ((diff->n & (diff->n - 1)) == 0) {
		size_t room = diff->n ? 2 * (size_t)diff->n : 1;
		struct hd_change *more = reallocarray(diff->changes, room, sizeof(diff->changes[0]));

		if (!more)
			return -ENOMEM;
		diff->changes = more;
	}
	diff->changes[diff->n++] = *change;
	return 0;
}

/* Static entries of a bridge in both configurations; either may be NULL. */
static int diff_fdb(const struct hd_bridge_conf *from, const struct hd_bridge_conf *to, struct hd_diff *diff)
{
	unsigned int i = 0, j = 0, n_from = from ? from->n_fdb : 0, n_to = to ? to->n_fdb : 0;
	int rc = 0;

	while (rc == 0 && (i < n_from || j < n_to)) {
		const struct hd_fdb_conf *a = i < n_from ? &from->fdb[i] : NULL, *b = j < n_to ? &to->fdb[j] : NULL;
		int order = !a ? 1 : !b ? -1 : hd_fdb_conf_order(a, b);
		struct hd_change change = {.old_bridge = from, .new_bridge = to};

		i += order <= 0;
		j += order >= 0;
		if (order == 0 && strcmp(a->port, b->port) == 0)
			continue;
		if (order <= 0) {
			change.kind = HD_CHANGE_FDB_DEL;
			change.old_fdb = a;
			rc = append(diff, &change);
			change.old_fdb = NULL;
		}
		if (rc == 0 && order >= 0) {
			change.kind = HD_CHANGE_FDB_ADD;
			change.new_fdb = b;
			rc = append(diff, &change);
		}
	}
	return rc;
}

/* Mirrors of a bridge in both configurations; either may be NULL. */
static int diff_mirrors(const struct hd_bridge_conf *from, const struct hd_bridge_conf *to, struct hd_diff *diff)
{
	unsigned int i = 0, j = 0, n_from = from ? from->n_mirrors : 0, n_to = to ? to->n_mirrors : 0;
	int rc = 0, how;

	while (rc == 0 && (i < n_from || j < n_to)) {
		const struct hd_mirror_conf *a = i < n_from ? &from->mirrors[i] : NULL;
		const struct hd_mirror_conf *b = j < n_to ? &to->mirrors[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
		struct hd_change change = {
			.kind = order < 0   ? HD_CHANGE_MIRROR_DEL
				: order > 0 ? HD_CHANGE_MIRROR_ADD
					    : HD_CHANGE_MIRROR_SET,
			.old_bridge = from,
			.new_bridge = to,
			.old_mirror = order <= 0 ? a : NULL,
			.new_mirror = order >= 0 ? b : NULL,
		};

		i += order <= 0;
		j += order >= 0;
		how = DIFFERS;
		if (order == 0)
			rc = compare(hd_schema_mirror, a, b, &how);
		if (rc == 0 && how != SAME)
			rc = append(diff, &change);
	}
	return rc;
}

static int diff_bridges(const struct hd_config *from, const struct hd_config *to, struct hd_diff *diff)
{
	unsigned int i = 0, j = 0;
	int rc = 0, how;

	while (rc == 0 && (i < from->n_bridges || j < to->n_bridges)) {
		const struct hd_bridge_conf *a = i < from->n_bridges ? &from->bridges[i] : NULL;
		const struct hd_bridge_conf *b = j < to->n_bridges ? &to->bridges[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
		struct hd_change change = {.old_bridge = order <= 0 ? a : NULL, .new_bridge = order >= 0 ? b : NULL};

		i += order <= 0;
		j += order >= 0;
		how = DIFFERS;
		if (order == 0)
			rc = compare(hd_schema_bridge, a, b, &how);
		change.kind = order < 0   ? HD_CHANGE_BRIDGE_DEL
			      : order > 0 ? HD_CHANGE_BRIDGE_ADD
					  : HD_CHANGE_BRIDGE_SET;
		if (rc == 0 && how != SAME)
			rc = append(diff, &change);
		if (rc == 0)
			rc = diff_fdb(change.old_bridge, change.new_bridge, diff);
		if (rc == 0)
			rc = diff_mirrors(change.old_bridge, change.new_bridge, diff);
	}
	return rc;
}

/* A port of `to`, which may have been in any bridge before. */
static int diff_port(const struct hd_config *from, const struct hd_bridge_conf *bridge, const struct hd_port_conf *port,
		     struct hd_diff *diff)
{
	struct hd_change change = {.new_bridge = bridge, .new_port = port};
	int rc, how;

	change.old_port = hd_config_port(from, port->name, &change.old_bridge);
	if (!change.old_port) {
		change.kind = HD_CHANGE_PORT_ADD;
		return append(diff, &change);
	}
	rc = compare_ports(change.old_port, port, &how);
	if (rc < 0)
		return rc;
	if (how & REPLACES)
		change.kind = HD_CHANGE_PORT_REPLACE;
	else if (strcmp(change.old_bridge->name, bridge->name) != 0)
		change.kind = HD_CHANGE_PORT_MOVE;
	else if (how)
		change.kind = HD_CHANGE_PORT_SET;
	else
		return 0;
	return append(diff, &change);
}

static int diff_ports(const struct hd_config *from, const struct hd_config *to, struct hd_diff *diff)
{
	int rc = 0;

	for (unsigned int i = 0; i < to->n_bridges; i++)
		for (unsigned int j = 0; rc == 0 && j < to->bridges[i].n_ports; j++)
			rc = diff_port(from, &to->bridges[i], &to->bridges[i].ports[j], diff);
	for (unsigned int i = 0; i < from->n_bridges; i++) {
		const struct hd_bridge_conf *bridge = &from->bridges[i];

		for (unsigned int j = 0; rc == 0 && j < bridge->n_ports; j++) {
			struct hd_change change = {
				.kind = HD_CHANGE_PORT_DEL, .old_bridge = bridge, .old_port = &bridge->ports[j]};

			if (!hd_config_port(to, bridge->ports[j].name, NULL))
				rc = append(diff, &change);
		}
	}
	return rc;
}

static const char *bridge_name(const struct hd_change *change)
{
	if (!change->new_bridge && !change->old_bridge)
		return "";
	return change->new_bridge ? change->new_bridge->name : change->old_bridge->name;
}

static const char *port_name(const struct hd_change *change)
{
	const struct hd_port_conf *port = change->new_port ? change->new_port : change->old_port;

	return port ? port->name : "";
}

static const char *mirror_name(const struct hd_change *change)
{
	const struct hd_mirror_conf *mirror = change->new_mirror ? change->new_mirror : change->old_mirror;

	return mirror ? mirror->name : "";
}

static const char *acl_name(const struct hd_change *change)
{
	const struct hd_acl *acl = change->new_acl ? change->new_acl : change->old_acl;

	return acl ? acl->name : "";
}

static int change_order(const void *a, const void *b)
{
	const struct hd_change *x = a, *y = b;
	const struct hd_fdb_conf *p, *q;
	int order = (int)x->kind - (int)y->kind;

	if (order == 0)
		order = strcmp(bridge_name(x), bridge_name(y));
	if (order == 0)
		order = strcmp(port_name(x), port_name(y));
	if (order == 0)
		order = strcmp(mirror_name(x), mirror_name(y));
	if (order == 0)
		order = strcmp(acl_name(x), acl_name(y));
	p = x->new_fdb ? x->new_fdb : x->old_fdb;
	q = y->new_fdb ? y->new_fdb : y->old_fdb;
	return order == 0 && p && q ? hd_fdb_conf_order(p, q) : order;
}

static int diff_root(const struct hd_config *from, const struct hd_config *to, struct hd_diff *diff)
{
	struct hd_change change = {.kind = HD_CHANGE_CONFIG_SET, .old_config = from, .new_config = to};
	int how, rc = compare(hd_schema_root, from, to, &how);

	return rc < 0 || how == SAME ? rc : append(diff, &change);
}

static int diff_acls(const struct hd_config *from, const struct hd_config *to, struct hd_diff *diff)
{
	unsigned int i = 0, j = 0;
	int rc = 0, how;

	while (rc == 0 && (i < from->n_acls || j < to->n_acls)) {
		const struct hd_acl *a = i < from->n_acls ? &from->acls[i] : NULL;
		const struct hd_acl *b = j < to->n_acls ? &to->acls[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->name, b->name);
		struct hd_change change = {.old_acl = order <= 0 ? a : NULL, .new_acl = order >= 0 ? b : NULL};

		i += order <= 0;
		j += order >= 0;
		how = DIFFERS;
		if (order == 0)
			rc = compare(hd_schema_acl, a, b, &how);
		change.kind = order < 0 ? HD_CHANGE_ACL_DEL : order > 0 ? HD_CHANGE_ACL_ADD : HD_CHANGE_ACL_SET;
		if (rc == 0 && how != SAME)
			rc = append(diff, &change);
	}
	return rc;
}

int hd_diff_compute(const struct hd_config *from, const struct hd_config *to, struct hd_diff *diff)
{
	int rc;

	*diff = (struct hd_diff){0};
	from = from ? from : &nothing;
	to = to ? to : &nothing;
	rc = diff_root(from, to, diff);
	if (rc == 0)
		rc = diff_acls(from, to, diff);
	if (rc == 0)
		rc = diff_bridges(from, to, diff);
	if (rc == 0)
		rc = diff_ports(from, to, diff);
	if (rc < 0)
		hd_diff_clear(diff);
	else if (diff->n > 0)
		qsort(diff->changes, diff->n, sizeof(diff->changes[0]), change_order);
	return rc;
}

void hd_diff_clear(struct hd_diff *diff)
{
	free(diff->changes);
	*diff = (struct hd_diff){0};
}

/* {"vlan": [10, 20]}: what each key was and is. `before` is NULL for a new object: its defaults are not told. */
static json_t *keys_document(const struct hd_schema_key *table, const void *before, const void *after)
{
	json_t *keys, *pair;

	if (!before) {
		const char *name;
		json_t *value;

		keys = hd_schema_document(table, after);
		json_object_foreach (keys, name, value) {
			json_object_set_new(keys, name, json_pack("[n,O]", value));
		}
		return keys;
	}
	keys = json_object();
	for (const struct hd_schema_key *key = table; key->name; key++) {
		if (key->type == HD_SCHEMA_NESTED)
			continue;
		pair = json_pack("[o,o]", hd_schema_write(key, before), hd_schema_write(key, after));
		if (json_equal(json_array_get(pair, 0), json_array_get(pair, 1)))
			json_decref(pair);
		else
			json_object_set_new(keys, key->name, pair);
	}
	return keys;
}

/* Sets the member unless it is empty or NULL. Takes the reference. */
static void set_keys(json_t *document, json_t *keys)
{
	if (json_object_size(keys) > 0)
		json_object_set_new(document, "keys", keys);
	else
		json_decref(keys);
}

static void add_fdb(json_t *document, const struct hd_fdb_conf *fdb)
{
	json_t *entry = hd_schema_document(hd_schema_fdb, fdb);

	json_object_update(document, entry);
	json_decref(entry);
}

static json_t *change_document(const struct hd_change *change)
{
	json_t *document;

	if (change->kind == HD_CHANGE_CONFIG_SET) {
		document = json_pack("{s:s}", "change", names[change->kind]);
		set_keys(document, keys_document(hd_schema_root, change->old_config, change->new_config));
		return document;
	}
	if (change->new_acl || change->old_acl) {
		document = json_pack("{s:s,s:s}", "change", names[change->kind], "acl", acl_name(change));
		if (change->new_acl)
			set_keys(document, keys_document(hd_schema_acl, change->old_acl, change->new_acl));
		return document;
	}
	document = json_pack("{s:s,s:s}", "change", names[change->kind], "bridge", bridge_name(change));
	if (!document)
		return NULL;
	if (change->new_fdb || change->old_fdb) {
		add_fdb(document, change->new_fdb ? change->new_fdb : change->old_fdb);
		return document;
	}
	if (change->new_mirror || change->old_mirror) {
		json_object_set_new(document, "mirror", json_string(mirror_name(change)));
		if (change->new_mirror)
			set_keys(document, keys_document(hd_schema_mirror, change->old_mirror, change->new_mirror));
		return document;
	}
	if (!change->new_port && !change->old_port) {
		if (change->new_bridge)
			set_keys(document, keys_document(hd_schema_bridge, change->old_bridge, change->new_bridge));
		return document;
	}
	json_object_set_new(document, "port", json_string(port_name(change)));
	if (change->old_bridge && change->new_bridge && strcmp(change->old_bridge->name, bridge_name(change)) != 0)
		json_object_set_new(document, "from", json_string(change->old_bridge->name));
	if (change->new_port)
		set_keys(document, keys_document(hd_schema_port, change->old_port, change->new_port));
	return document;
}

json_t *hd_diff_document(const struct hd_diff *diff)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < diff->n; i++) {
		if (json_array_append_new(list, change_document(&diff->changes[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}
