/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration, typed. One model for the YAML file and for JSON-RPC.
 *
 * A configuration has two forms. The document is a JSON tree (json_t), what YAML and RPC speak and what is shown and
 * saved; keys at their default are left out. The model below is the document after validation, every default
 * filled in; everything that acts on a configuration (apply) reads the model. schema.c is the one table of keys; the
 * validator, the CLI's options, completion and docs/config.md come from it.
 */
#ifndef HD_MODEL_H
#define HD_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <heddle/limits.h>

#include "guard/acl.h"
#include "guard/secure_conf.h"
#include "storm.h"
#include "vlan.h"

#define HD_CPU_MAX 1023 /* highest number of a CPU that "pmd" takes */

enum hd_port_kind { HD_PORT_VHOST, HD_PORT_ETHDEV };
enum hd_vhost_mode { HD_VHOST_SERVER, HD_VHOST_CLIENT };
/* Access lists in the order in which they are asked. */
struct hd_acl_names {
	unsigned int n;
	char name[HD_ACL_LISTS_MAX][HD_NAME_MAX + 1];
};

enum hd_vhost_engine { HD_ENGINE_NATIVE, HD_ENGINE_DPDK };

struct hd_port_conf {
	char name[HD_NAME_MAX + 1];
	enum hd_port_kind kind;
	/* vhost */
	char socket[HD_PATH_MAX + 1];
	enum hd_vhost_mode mode;
	enum hd_vhost_engine engine;
	char owner[HD_NAME_MAX + 1]; /* of the socket in server mode; "": left as created */
	char group[HD_NAME_MAX + 1];
	uint16_t socket_mode; /* permission bits, default 0660 */
	/* ethdev */
	char device[HD_DEVICE_MAX + 1]; /* PCI address or device string "net_tap0,iface=x" */
	/* both */
	uint16_t queues;        /* pairs, default 1 */
	uint16_t mtu;           /* 68..9216, default 1500 */
	int pmd[HD_QUEUES_MAX]; /* CPU whose PMD polls rx queue i; -1: chosen by the switch */
	struct hd_vlan_conf vlan;
	bool native_listed; /* "trunk" names the native VLAN too: it stays when "native" is unset */
	bool isolated;
	uint32_t storm[HD_STORM_CLASSES]; /* packets per second; 0: no limit */
	struct hd_secure_conf secure;
	struct hd_acl_names acl[HD_ACL_DIRS];
	uint8_t acl_allow; /* what no rule of the lists decides passes */
};

struct hd_fdb_conf {
	uint8_t mac[6];
	uint16_t vlan;              /* 0: untagged traffic of transparent ports */
	char port[HD_NAME_MAX + 1]; /* of the same bridge */
};

enum hd_mirror_direction { HD_MIRROR_BOTH, HD_MIRROR_RX, HD_MIRROR_TX };

struct hd_mirror_conf {
	char name[HD_NAME_MAX + 1];
	char to[HD_NAME_MAX + 1]; /* a port of the same bridge */
	enum hd_mirror_direction direction;
	uint32_t snap;                                    /* bytes that are kept of a frame; 0: all */
	uint16_t vlan;                                    /* only frames of this VLAN; 0: of any */
	uint16_t n_ports;                                 /* 0: all of the bridge that are no mirror's destination */
	char ports[HD_MIRROR_PORTS_MAX][HD_NAME_MAX + 1]; /* sorted */
};

struct hd_bridge_conf {
	char name[HD_NAME_MAX + 1];
	uint32_t fdb_limit;
	uint32_t ageing; /* seconds, 0: never */
	unsigned int n_ports, n_fdb, n_mirrors;
	struct hd_port_conf *ports;     /* sorted by name */
	struct hd_fdb_conf *fdb;        /* static entries, sorted by MAC and VLAN */
	struct hd_mirror_conf *mirrors; /* sorted by name */
};

struct hd_config {
	uint32_t flow_cache; /* MiB a PMD */
	uint32_t ct_limit;   /* connections */
	unsigned int n_bridges, n_acls;
	struct hd_bridge_conf *bridges; /* sorted by name */
	struct hd_acl *acls;            /* access lists, sorted by name */
};

/* Where in a file each key of a document stands: path -> line. NULL where the document came by RPC. */
struct hd_marks;

#define HD_ERROR_MAX 512
struct hd_error {
	char text[HD_ERROR_MAX]; /* "FILE:12: bridges.br0.ports.vm1.vlan: 5000 is not 1..4094" (no "FILE:12: " by RPC)
				  */
};
void hd_error_set(struct hd_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Validate a document. Returns 0 and *config (hd_config_free it), or -EINVAL and the error, which names the path and
 * the value, and file and line if `marks` knows them. -ENOMEM.
 */
int hd_config_parse(const json_t *document, const struct hd_marks *marks, struct hd_config **config,
		    struct hd_error *error);
void hd_config_free(struct hd_config *config);

/* The canonical document of a model: defaults left out, keys in the schema's order. A new reference. */
json_t *hd_config_document(const struct hd_config *config);

const struct hd_acl *hd_config_acl(const struct hd_config *config, const char *name);
const struct hd_bridge_conf *hd_config_bridge(const struct hd_config *config, const char *name);
const struct hd_port_conf *hd_bridge_conf_port(const struct hd_bridge_conf *bridge, const char *name);
/* Finds a mirror anywhere; *bridge (may be NULL) gets where. */
const struct hd_mirror_conf *hd_config_mirror(const struct hd_config *config, const char *name,
					      const struct hd_bridge_conf **bridge);
/* Is a port of the bridge the destination of one of its mirrors? */
bool hd_bridge_conf_mirrors_to(const struct hd_bridge_conf *bridge, const char *port);
/* Does the mirror copy frames of a port, one of its bridge that is no mirror's destination? */
bool hd_mirror_conf_covers(const struct hd_mirror_conf *mirror, const char *port);
/* The order of static entries: <0, 0 (same MAC and VLAN), >0. */
int hd_fdb_conf_order(const struct hd_fdb_conf *a, const struct hd_fdb_conf *b);
/* Finds a port anywhere; *bridge (may be NULL) gets where. */
const struct hd_port_conf *hd_config_port(const struct hd_config *config, const char *name,
					  const struct hd_bridge_conf **bridge);

#endif
