/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading and flushing of forwarding databases on behalf of clients. */
#include <errno.h>
#include <string.h>

#include "control.h"
#include "fdb.h"
#include "runtime.h"
#include "state.h"

struct entry {
	uint64_t key;
	uint32_t last_seen;
	uint16_t port, flags;
};

static struct entry read_entry(const struct hd_fdb_entry *from)
{
	struct hd_fdb_entry *shared = (struct hd_fdb_entry *)(uintptr_t)from; /* atomic_load takes no const in C11 */

	return (struct entry){
		.key = atomic_load(&shared->key),
		.last_seen = atomic_load(&shared->last_seen),
		.port = atomic_load(&shared->port),
		.flags = atomic_load(&shared->flags),
	};
}

/* The bridge and, if one is named, the port's id (else -1). */
static int resolve(const struct hd_runtime *runtime, const struct hd_state_fdb *filter, struct hd_run_bridge **bridge,
		   int *port)
{
	const struct hd_run_port *run;

	*bridge = hd_runtime_bridge(runtime, filter->bridge);
	*port = -1;
	if (*bridge == NULL)
		return -ENOENT;
	if (filter->port == NULL)
		return 0;
	run = hd_runtime_port(runtime, filter->port);
	if (run == NULL || run->port == NULL || run->bridge != *bridge)
		return -ENOENT;
	*port = run->port->id;
	return 0;
}

static bool wanted(const struct hd_state_fdb *filter, int port, const struct entry *entry)
{
	uint8_t mac[6];

	hd_fdb_key_mac(entry->key, mac);
	return (port < 0 || entry->port == port) && (filter->vlan < 0 || hd_fdb_key_vlan(entry->key) == filter->vlan) &&
	       (filter->mac == NULL || memcmp(filter->mac, mac, sizeof(mac)) == 0);
}

static json_t *describe(const struct hd_runtime *runtime, const struct entry *entry, uint32_t now)
{
	const struct hd_run_port *run = runtime->ports[entry->port];
	bool fixed = entry->flags & HD_FDB_STATIC;
	uint8_t mac[6];
	json_t *out;

	hd_fdb_key_mac(entry->key, mac);
	out = json_pack("{s:o, s:i, s:s, s:b}", "mac",
			json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]),
			"vlan", hd_fdb_key_vlan(entry->key), "port", run != NULL ? run->conf.name : "?", "static",
			fixed);
	if (!fixed)
		json_object_set_new(out, "age", json_integer(now > entry->last_seen ? now - entry->last_seen : 0));
	return out;
}

int hd_state_fdb(struct hd_control *control, const struct hd_state_fdb *filter, uint32_t cursor, uint32_t max,
		 json_t **page)
{
	const struct hd_runtime *runtime = hd_control_runtime(control);
	uint32_t now = atomic_load(&runtime->dataplane->seconds);
	const struct hd_fdb_entry *shared;
	struct hd_run_bridge *bridge;
	json_t *list = json_array();
	bool more = false;
	int port;
	int rc = resolve(runtime, filter, &bridge, &port);

	if (rc < 0 || list == NULL) {
		json_decref(list);
		return rc < 0 ? rc : -ENOMEM;
	}
	while (json_array_size(list) < max) {
		struct entry entry;

		more = hd_fdb_next(bridge->fdb, &cursor, &shared);
		if (!more)
			break;
		entry = read_entry(shared);
		if (wanted(filter, port, &entry))
			json_array_append_new(list, describe(runtime, &entry, now));
	}
	*page = json_pack("{s:o}", "entries", list);
	if (more)
		json_object_set_new(*page, "cursor", json_integer(cursor));
	return *page != NULL ? 0 : -ENOMEM;
}

int hd_state_fdb_flush(struct hd_control *control, const struct hd_state_fdb *filter, uint32_t *flushed)
{
	struct hd_fdb_filter what = {.vlan = filter->vlan, .statics = false};
	struct hd_run_bridge *bridge;
	int rc = resolve(hd_control_runtime(control), filter, &bridge, &what.port);

	if (rc == 0)
		*flushed = hd_fdb_flush(bridge->fdb, &what);
	return rc;
}

int hd_state_fdb_del(struct hd_control *control, const char *name, const uint8_t mac[6], uint16_t vlan)
{
	struct hd_run_bridge *bridge = hd_runtime_bridge(hd_control_runtime(control), name);
	uint64_t key = hd_fdb_key(mac, vlan);
	int32_t position = bridge != NULL ? hd_fdb_find(bridge->fdb, key) : -ENOENT;

	if (position < 0)
		return -ENOENT;
	if (read_entry(&hd_fdb_entries(bridge->fdb)[position]).flags & HD_FDB_STATIC)
		return -EPERM;
	return hd_fdb_del(bridge->fdb, key);
}
