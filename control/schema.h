/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of configuration keys: their types, ranges, defaults and help.
 *
 * The validator walks it to fill the model, the CLI to parse and complete `heddle port add NAME bridge BR KEY VALUE`,
 * and docs/config.md is generated from it. A table ends with a row whose name is NULL; its order is the order in
 * which keys are read and shown. Constant data: any thread.
 */
#ifndef HD_SCHEMA_H
#define HD_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

enum hd_schema_type {
	HD_SCHEMA_INT,     /* a whole number, min..max */
	HD_SCHEMA_BOOL,    /* true or false; on, off in the CLI */
	HD_SCHEMA_ENUM,    /* one of `words` */
	HD_SCHEMA_NAME,    /* a port's name */
	HD_SCHEMA_ACCOUNT, /* a user's or group's name or number */
	HD_SCHEMA_PATH,    /* a UNIX socket's absolute path */
	HD_SCHEMA_DEVICE,  /* PCI address or device string */
	HD_SCHEMA_MODE,    /* permission bits in octal, as text */
	HD_SCHEMA_MAC,     /* a unicast MAC address */
	HD_SCHEMA_ACCESS,  /* the VLAN of an access port */
	HD_SCHEMA_TRUNK,   /* a set of VLANs: list of numbers and "a-b", "10,20-30", or "all" */
	HD_SCHEMA_NATIVE,  /* the native VLAN of a trunk */
	HD_SCHEMA_CPUS,    /* a CPU, or a list of one CPU a queue */
	HD_SCHEMA_PORTS,   /* names of a mirror's ports: a list, "vm1,vm2", or "all" */
	HD_SCHEMA_MACS,    /* a list of unicast MAC addresses */
	HD_SCHEMA_ADDRS,   /* a list of IP addresses and prefixes */
	HD_SCHEMA_ACLS,    /* a list of access lists */
	HD_SCHEMA_RULES,   /* the rules of an access list: a list of texts */
	HD_SCHEMA_GROUP,   /* an object of the keys of table `group` */
	HD_SCHEMA_NESTED,  /* holds other tables' objects: not a key that the CLI sets */
};

enum hd_schema_scope {
	HD_SCHEMA_ANY,
	HD_SCHEMA_VHOST,  /* vhost ports */
	HD_SCHEMA_SERVER, /* vhost ports in server mode */
};

struct hd_schema_key {
	const char *name;
	enum hd_schema_type type;
	enum hd_schema_scope scope;
	bool replaces;            /* a change closes the port and opens it anew; else it is made under traffic */
	bool required;            /* has no default: must be there */
	int64_t min, max;         /* of numbers */
	int64_t initial;          /* default of numbers, switches, words (index) and permissions */
	const char *const *words; /* of HD_SCHEMA_ENUM, in the order of its C enum; ends with NULL */
	size_t offset, size;      /* of the field in the struct that the table describes */
	const struct hd_schema_key *group; /* of HD_SCHEMA_GROUP; in the CLI its keys follow its name */
	const char *help;                  /* one line */
	const char *example;               /* a value as typed in the CLI */
};

extern const struct hd_schema_key hd_schema_root[], hd_schema_bridge[], hd_schema_port[], hd_schema_fdb[],
	hd_schema_mirror[], hd_schema_secure[], hd_schema_acl[];

const struct hd_schema_key *hd_schema_find(const struct hd_schema_key *table, const char *name);
/* The key that was most likely meant by a misspelt `name`, or NULL. */
const char *hd_schema_nearest(const struct hd_schema_key *table, const char *name);

/* A name for a bridge or port: [A-Za-z0-9][A-Za-z0-9_.-]{0,30}, none of the CLI's words. */
bool hd_schema_name_valid(const char *name);

/*
 * A value as typed in the CLI ("10", "10,20-30", "on", "none") as JSON of the key's type; "none" and "default" are
 * null, which unsets the key. Checks the form only: ranges are the validator's. NULL and the error if it has no such
 * form.
 */
json_t *hd_schema_value(const struct hd_schema_key *key, const char *text, struct hd_error *error);

/*
 * Fields of the model by their key; `object` is the hd_bridge_conf, hd_port_conf... that the key's table describes.
 * Reading a port's keys must follow the table's order ("native" builds on "trunk", "pmd" on "queues").
 */
void hd_schema_defaults(const struct hd_schema_key *table, void *object);
/* JSON to the field. Returns 0, or -EINVAL and what is wrong with the value, without a path. */
int hd_schema_read(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
/* The field as JSON: null if unset, the default if that is what it has. NULL if out of memory. */
json_t *hd_schema_write(const struct hd_schema_key *key, const void *object);
/* All keys that differ from their default, as a JSON object. NULL if out of memory. */
json_t *hd_schema_document(const struct hd_schema_key *table, const void *object);

/* A value for messages: as JSON, cut when long. */
#define HD_SCHEMA_SHOW_MAX 64
struct hd_schema_shown {
	char text[HD_SCHEMA_SHOW_MAX];
};
struct hd_schema_shown hd_schema_show(const json_t *value);

/* What a key takes and its default, in words. */
void hd_schema_type_text(const struct hd_schema_key *key, char *text, size_t size);
void hd_schema_default_text(const struct hd_schema_key *key, char *text, size_t size);

#endif
