/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator's part for port security and access lists. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "validate.h"

static int read_acl(struct hd_check *check, const char *name, const json_t *value, struct hd_acl *acl)
{
	int rc = hd_check_name(check, name);

	if (rc == 0)
		rc = hd_check_read(check, hd_schema_acl, value, acl);
	snprintf(acl->name, sizeof(acl->name), "%s", name);
	return rc;
}

static int acl_order(const void *a, const void *b)
{
	return strcmp(((const struct hd_acl *)a)->name, ((const struct hd_acl *)b)->name);
}

int hd_validate_acls(struct hd_check *check, const json_t *acls, struct hd_config *config)
{
	const char *name;
	json_t *value;
	int rc = hd_check_object(check, acls);

	if (rc < 0 || json_object_size(acls) == 0)
		return rc;
	if (json_object_size(acls) > HD_ACLS_MAX)
		return hd_check_fail(check, "%zu access lists, at most %d", json_object_size(acls), HD_ACLS_MAX);
	config->acls = calloc(json_object_size(acls), sizeof(config->acls[0]));
	if (!config->acls)
		return -ENOMEM;
	json_object_foreach ((json_t *)acls, name, value) {
		size_t before = hd_check_enter(check, name);

		/* Counted first: what a half-read list holds is freed with the rest. */
		rc = read_acl(check, name, value, &config->acls[config->n_acls++]);
		hd_check_leave(check, before);
		if (rc < 0)
			return rc;
	}
	qsort(config->acls, config->n_acls, sizeof(config->acls[0]), acl_order);
	return 0;
}

static int check_lists(struct hd_check *check, const char *key, const struct hd_acl_names *names)
{
	char what[64];

	for (unsigned int i = 0; i < names->n; i++) {
		if (hd_config_acl(check->config, names->name[i]))
			continue;
		snprintf(what, sizeof(what), "no access list %s", names->name[i]);
		return hd_check_fail_at(check, key, what);
	}
	return 0;
}

int hd_validate_guard(struct hd_check *check, const struct hd_port_conf *port)
{
	int rc = 0;

	if (port->secure.n_ips != 0 && port->secure.n_macs == 0)
		rc = hd_check_fail_at(check, "secure", "ip needs mac: whose addresses they are");
	if (rc == 0)
		rc = check_lists(check, "acl-in", &port->acl[HD_ACL_IN]);
	return rc == 0 ? check_lists(check, "acl-out", &port->acl[HD_ACL_OUT]) : rc;
}
