/* SPDX-License-Identifier: BSD-3-Clause */
/* What separates two configurations: the list of changes that `config apply --dry-run` prints and apply acts on. */
#ifndef HD_DIFF_H
#define HD_DIFF_H

#include "model.h"

/*
 * Every object that differs is listed once, none is implied: with a bridge that is added or deleted come its ports and
 * its static entries and mirrors. A static entry whose port changed is a deletion and an addition. What is unchanged in
 * the configuration is not listed, although it may have to be done again (a replaced port's static entries).
 */
enum hd_change_kind {
	HD_CHANGE_CONFIG_SET, /* the switch's own settings */
	HD_CHANGE_BRIDGE_ADD,
	HD_CHANGE_BRIDGE_SET, /* its own settings */
	HD_CHANGE_BRIDGE_DEL,
	HD_CHANGE_PORT_ADD,
	HD_CHANGE_PORT_SET, /* settings that change under traffic: vlan, trunk, native, isolated, storm, mtu, pmd */
	/*
	 * What the port is (socket, device, mode, queues, engine): closed and opened anew. Its bridge and its other
	 * settings may have changed too.
	 */
	HD_CHANGE_PORT_REPLACE,
	HD_CHANGE_PORT_MOVE, /* to another bridge, with or without settings */
	HD_CHANGE_PORT_DEL,
	HD_CHANGE_FDB_ADD,
	HD_CHANGE_FDB_DEL,
	HD_CHANGE_MIRROR_ADD,
	HD_CHANGE_MIRROR_SET,
	HD_CHANGE_MIRROR_DEL,
	HD_CHANGE_ACL_ADD,
	HD_CHANGE_ACL_SET,
	HD_CHANGE_ACL_DEL,
};

/* "port set". */
const char *hd_change_name(enum hd_change_kind kind);

struct hd_change {
	enum hd_change_kind kind;
	const struct hd_config *old_config, *new_config;      /* HD_CHANGE_CONFIG_SET only */
	const struct hd_bridge_conf *old_bridge, *new_bridge; /* NULL where there is none */
	const struct hd_port_conf *old_port, *new_port;
	const struct hd_fdb_conf *old_fdb, *new_fdb;
	const struct hd_mirror_conf *old_mirror, *new_mirror;
	const struct hd_acl *old_acl, *new_acl; /* without a bridge */
};

struct hd_diff {
	unsigned int n;
	struct hd_change *changes; /* sorted by kind: bridges added first, deleted things last is up to apply */
};

/* Points into both configurations, which must outlive it. Either may be NULL: an empty one. */
int hd_diff_compute(const struct hd_config *from, const struct hd_config *to, struct hd_diff *diff);
void hd_diff_clear(struct hd_diff *diff);
/* Is a port that becomes `to` closed and opened anew, by the schema's `replaces`? 1, 0, or -ENOMEM. */
int hd_diff_replaces(const struct hd_port_conf *from, const struct hd_port_conf *to);
/*
 * For people and for -j: [{"change": "port set", "bridge": "br0", "port": "vm1", "keys": {"vlan": [10, 20]}}, ...].
 * "keys" holds what each key was and is; "from" the bridge that a port leaves; static entries have "mac", "vlan",
 * "port", mirrors "mirror", access lists "acl" and no bridge.
 */
json_t *hd_diff_document(const struct hd_diff *diff);

#endif
