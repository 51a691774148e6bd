/* SPDX-License-Identifier: BSD-3-Clause */
/* Between schema_field.c, which reads and writes plain values, and schema_set.c, which does VLANs and CPUs. */
#ifndef HD_SCHEMA_FIELD_H
#define HD_SCHEMA_FIELD_H

#include "schema.h"

/* A whole number in min..max, or the error. */
int hd_schema_read_number(const struct hd_schema_key *key, const json_t *value, int64_t *number,
			  struct hd_error *error);

int hd_schema_read_access(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_trunk(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_native(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_cpus(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_ports(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);

/* schema_guard.c: port security and access lists. */
int hd_schema_read_macs(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_addrs(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_acls(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_rules(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);
int hd_schema_read_group(const struct hd_schema_key *key, const json_t *value, void *object, struct hd_error *error);

json_t *hd_schema_write_macs(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_addrs(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_acls(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_rules(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_group(const struct hd_schema_key *key, const void *object);

/* "52:54:00:00:00:01", unicast and not zero. */
int hd_schema_parse_mac(const char *text, uint8_t mac[6], struct hd_error *error);

json_t *hd_schema_write_access(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_trunk(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_native(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_cpus(const struct hd_schema_key *key, const void *object);
json_t *hd_schema_write_ports(const struct hd_schema_key *key, const void *object);

#endif
