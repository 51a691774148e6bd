/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A control thread's state without data path: the real model, validator and difference, and made-up figures. Stands
 * in for control.h and state.h in tests of the socket, the methods and the CLI. Included by one file a program.
 */
#ifndef FAKE_CONTROL_H
#define FAKE_CONTROL_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "state.h"

struct hd_control {
	json_t *document, *previous;
	struct hd_config *config;
	const char *file;
	int pending;               /* seconds left, -1: none */
	bool broken;               /* every change fails */
	unsigned int learnt;       /* made-up addresses in every bridge, behind its first port, VLAN 7 */
	unsigned int rounds;       /* how often counters were read: they grow */
	unsigned int changes_made; /* committed */
	struct hd_runtime runtime; /* nothing runs */
};

static inline void fake_control_init(struct hd_control *control)
{
	struct hd_error error;

	memset(control, 0, sizeof(*control));
	control->document = json_pack("{s:{}}", "bridges");
	control->pending = -1;
	if (hd_config_parse(control->document, NULL, &control->config, &error) < 0)
		abort();
}

static inline void fake_control_clear(struct hd_control *control)
{
	json_decref(control->document);
	json_decref(control->previous);
	hd_config_free(control->config);
}

struct hd_runtime *hd_control_runtime(const struct hd_control *control)
{
	return (struct hd_runtime *)(uintptr_t)&control->runtime;
}

struct hd_dataplane *hd_control_dataplane(const struct hd_control *control)
{
	return NULL;
}

json_t *hd_control_whole(const struct hd_control *control)
{
	return json_deep_copy(control->document);
}

const char *hd_control_file(const struct hd_control *control)
{
	return control->file;
}

const json_t *hd_control_document(const struct hd_control *control)
{
	return control->document;
}

const struct hd_config *hd_control_config(const struct hd_control *control)
{
	return control->config;
}

int hd_control_change(struct hd_control *control, const json_t *document, const struct hd_marks *marks, bool dry_run,
		      json_t **changes, struct hd_error *error)
{
	struct hd_config *config;
	struct hd_diff diff;
	int rc = hd_config_parse(document, marks, &config, error);

	if (rc < 0)
		return rc;
	if (control->broken) {
		hd_config_free(config);
		hd_error_set(error, "bridges.br0.ports.vm1.vhost: /run/x: Address already in use");
		return -EADDRINUSE;
	}
	if (hd_diff_compute(control->config, config, &diff) < 0)
		abort();
	if (changes != NULL)
		*changes = hd_diff_document(&diff);
	hd_diff_clear(&diff);
	if (dry_run) {
		hd_config_free(config);
		return 0;
	}
	json_decref(control->previous);
	control->previous = control->document;
	control->document = hd_config_document(config);
	hd_config_free(control->config);
	control->config = config;
	control->changes_made++;
	return 0;
}

int hd_control_replace(struct hd_control *control, const json_t *document, const struct hd_marks *marks, bool dry_run,
		       json_t **changes, struct hd_error *error)
{
	return hd_control_change(control, document, marks, dry_run, changes, error);
}

int hd_control_arm(struct hd_control *control, unsigned int seconds, struct hd_error *error)
{
	control->pending = (int)seconds;
	return 0;
}

int hd_control_confirm(struct hd_control *control, struct hd_error *error)
{
	if (control->pending < 0) {
		hd_error_set(error, "nothing to confirm");
		return -ENOENT;
	}
	control->pending = -1;
	return 0;
}

int hd_control_rollback(struct hd_control *control, json_t **changes, struct hd_error *error)
{
	json_t *to = json_incref(control->previous);
	int rc;

	if (to == NULL) {
		hd_error_set(error, "nothing to return to");
		return -ENOENT;
	}
	control->pending = -1;
	rc = hd_control_change(control, to, NULL, false, changes, error);
	json_decref(to);
	return rc;
}

int hd_control_pending(const struct hd_control *control)
{
	return control->pending;
}

json_t *hd_state_port(struct hd_control *control, const struct hd_port_conf *port)
{
	return json_pack("{s:i, s:b, s:s, s:i, s:[s, s], s:[{s:i, s:b, s:i}, {s:i, s:b}]}", "id", 1, "up", 0, "reason",
			 "guest not connected", "mtu", (int)port->mtu, "features", "mrg_rxbuf", "csum", "queues",
			 "queue", 0, "enabled", 1, "pmd", 2, "queue", 1, "enabled", 0);
}

static inline json_t *fake_counters(int packets)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "packets", packets, "bytes", packets * 60, "unicast",
			 packets, "multicast", 0, "broadcast", 0, "errors", 0);
}

json_t *hd_state_port_stats(struct hd_control *control, const struct hd_port_conf *port)
{
	int packets = 1000 * (int)++control->rounds;

	return json_pack("{s:o, s:o, s:{s:i}, s:[{s:i, s:i, s:o, s:o}]}", "rx", fake_counters(packets), "tx",
			 fake_counters(packets * 2), "drops", "tx-full", 12, "queues", "queue", 0, "pmd", 2, "rx",
			 fake_counters(packets), "tx", fake_counters(packets * 2));
}

json_t *hd_state_bridge(struct hd_control *control, const struct hd_bridge_conf *bridge)
{
	return json_pack("{s:{s:i, s:i, s:i, s:i}}", "fdb", "entries", (int)(bridge->n_fdb + control->learnt), "static",
			 (int)bridge->n_fdb, "limit", (int)bridge->fdb_limit, "refused", 0);
}

void hd_state_acl_sums(struct hd_control *control, struct hd_acl_sums *sums)
{
	(void)control;
	sums->n = 0;
}

json_t *hd_state_mirror(struct hd_control *control, const struct hd_bridge_conf *bridge,
			const struct hd_mirror_conf *mirror)
{
	return json_pack("{s:i, s:i, s:i}", "packets", 7, "bytes", 420, "dropped", 1);
}

json_t *hd_state_pmds(struct hd_control *control)
{
	return json_pack("[{s:i, s:i, s:I, s:I, s:I, s:i, s:i, s:f, s:f, s:i, s:[{s:s, s:i, s:i}]}]", "cpu", 2, "id", 0,
			 "hz", (json_int_t)2400000000, "busy_cycles", (json_int_t)91500, "idle_cycles",
			 (json_int_t)91500, "packets", 1000, "bursts", 80, "cycles_per_packet", 91.5,
			 "packets_per_burst", 12.5, "learn_dropped", 0, "rxqs", "port", "vm1", "queue", 0,
			 "busy_cycles", 91500);
}

json_t *hd_state_drops(struct hd_control *control)
{
	return json_pack("{s:{s:i, s:i, s:i, s:i, s:i, s:i}, s:[{s:s, s:s, s:s, s:i}]}", "balance", "rx", 100, "copies",
			 3, "segments", 2, "tx", 92, "drops", 13, "difference", 0, "drops", "port", "vm1", "reason",
			 "tx-full", "text", "transmit ring full", "packets", 13);
}

/* Two made-up frames, of vm1 (which a rule dropped) and of a port that is gone. */
json_t *hd_state_drop_frames(struct hd_control *control, const struct hd_state_frames *filter)
{
	json_t *list = json_array();

	if ((filter->port == NULL || strcmp(filter->port, "vm1") == 0) &&
	    (filter->reason == HD_DROP_NONE || filter->reason == HD_DROP_VLAN_TAGGED))
		json_array_append_new(list, json_pack("{s:I, s:f, s:s, s:s, s:s, s:i, s:s, s:i, s:s}", "time",
						      (json_int_t)1767225600000000001, "age", 3.25, "port", "vm1",
						      "reason", "vlan-tagged", "text", "tagged frame on an access port",
						      "length", 60, "frame", "ffffffffffff0200000000018100000a88b5",
						      "table", 3, "cookie", "0x1f"));
	if ((filter->port == NULL || strcmp(filter->port, "old") == 0) &&
	    (filter->reason == HD_DROP_NONE || filter->reason == HD_DROP_TX_FULL))
		json_array_append_new(list, json_pack("{s:I, s:f, s:s, s:s, s:s, s:i, s:s}", "time",
						      (json_int_t)1767225600000000000, "age", 75.0, "port", "old",
						      "reason", "tx-full", "text", "transmit ring full", "length", 1514,
						      "frame", "02000000000202000000000188b5"));
	while (json_array_size(list) > filter->max)
		json_array_remove(list, json_array_size(list) - 1);
	return list;
}

json_t *hd_state_daemon(struct hd_control *control)
{
	return json_pack("{s:s, s:i, s:i, s:s}", "dpdk", "DPDK 22.11.5", "pid", 42, "uptime", 12, "memory", "ordinary");
}

static inline json_t *fake_entry(const uint8_t *mac, int vlan, const char *port, bool fixed)
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return json_pack("{s:s, s:i, s:s, s:b}", "mac", text, "vlan", vlan, "port", port, "static", (int)fixed);
}

/* Entry i of a bridge: static ones, then the made-up ones 02:00:00:00:xx:xx. */
int hd_state_fdb(struct hd_control *control, const struct hd_state_fdb *filter, uint32_t cursor, uint32_t max,
		 json_t **page)
{
	const struct hd_bridge_conf *bridge = hd_config_bridge(control->config, filter->bridge);
	unsigned int total = bridge->n_fdb + (bridge->n_ports > 0 ? control->learnt : 0), i;
	json_t *entries = json_array();

	*page = json_pack("{s:o}", "entries", entries);
	for (i = cursor; i < total && json_array_size(entries) < max; i++) {
		unsigned int n = i - bridge->n_fdb;
		uint8_t made[6] = {2, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n};
		bool fixed = i < bridge->n_fdb;
		const uint8_t *mac = fixed ? bridge->fdb[i].mac : made;
		const char *port = fixed ? bridge->fdb[i].port : bridge->ports[0].name;
		int vlan = fixed ? bridge->fdb[i].vlan : 7;

		if ((filter->port != NULL && strcmp(filter->port, port) != 0) ||
		    (filter->vlan >= 0 && filter->vlan != vlan) ||
		    (filter->mac != NULL && memcmp(filter->mac, mac, 6) != 0))
			continue;
		json_array_append_new(entries, fake_entry(mac, vlan, port, fixed));
	}
	if (i < total)
		json_object_set_new(*page, "cursor", json_integer(i));
	return 0;
}

int hd_state_fdb_flush(struct hd_control *control, const struct hd_state_fdb *filter, uint32_t *flushed)
{
	*flushed = control->learnt;
	control->learnt = 0;
	return 0;
}

int hd_state_fdb_del(struct hd_control *control, const char *bridge, const uint8_t mac[6], uint16_t vlan)
{
	if (mac[0] != 2 || vlan != 7 || control->learnt == 0)
		return -ENOENT;
	control->learnt--;
	return 0;
}

#endif
