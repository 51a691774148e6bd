/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator's part for mirrors. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "validate.h"

static int no_port(struct hd_check *check, const char *key, const char *name, const struct hd_bridge_conf *bridge)
{
	char what[128];

	snprintf(what, sizeof(what), "no port %s in bridge %s", name, bridge->name);
	return hd_check_fail_at(check, key, what);
}

static int fail_snap(struct hd_check *check, uint32_t snap)
{
	char what[64];

	snprintf(what, sizeof(what), "%" PRIu32 " is less than %d", snap, HD_MIRROR_SNAP_MIN);
	return hd_check_fail_at(check, "snap", what);
}

static int read_mirror(struct hd_check *check, const char *name, const json_t *value,
		       const struct hd_bridge_conf *bridge, struct hd_mirror_conf *mirror)
{
	int rc = hd_check_name(check, name);

	if (rc == 0)
		rc = hd_check_read(check, hd_schema_mirror, value, mirror);
	if (rc < 0)
		return rc;
	snprintf(mirror->name, sizeof(mirror->name), "%s", name);
	if (mirror->snap != 0 && mirror->snap < HD_MIRROR_SNAP_MIN)
		return fail_snap(check, mirror->snap);
	if (!hd_bridge_conf_port(bridge, mirror->to))
		return no_port(check, "to", mirror->to, bridge);
	for (unsigned int i = 0; i < mirror->n_ports; i++)
		if (!hd_bridge_conf_port(bridge, mirror->ports[i]))
			return no_port(check, "ports", mirror->ports[i], bridge);
	return hd_check_take(check, check->mirrors, name, "a mirror's name is unique; it is also");
}

static int mirror_order(const void *a, const void *b)
{
	return strcmp(((const struct hd_mirror_conf *)a)->name, ((const struct hd_mirror_conf *)b)->name);
}

/* A destination is nothing else: copies are not copied, and no station is behind it. */
static int check_mirrors(struct hd_check *check, const struct hd_bridge_conf *bridge)
{
	char what[128];

	for (unsigned int i = 0; i < bridge->n_mirrors; i++) {
		const struct hd_mirror_conf *mirror = &bridge->mirrors[i];
		size_t before = hd_check_enter(check, mirror->name);
		int rc = 0;

		for (unsigned int p = 0; p < mirror->n_ports && rc == 0; p++) {
			snprintf(what, sizeof(what), "%s is a mirror's destination", mirror->ports[p]);
			if (hd_bridge_conf_mirrors_to(bridge, mirror->ports[p]))
				rc = hd_check_fail_at(check, "ports", what);
		}
		snprintf(what, sizeof(what), "%s has a static address", mirror->to);
		for (unsigned int e = 0; e < bridge->n_fdb && rc == 0; e++)
			if (strcmp(bridge->fdb[e].port, mirror->to) == 0)
				rc = hd_check_fail_at(check, "to", what);
		hd_check_leave(check, before);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int hd_validate_mirrors(struct hd_check *check, const json_t *mirrors, struct hd_bridge_conf *bridge)
{
	const char *name;
	json_t *value;

	if (hd_check_object(check, mirrors) < 0)
		return -EINVAL;
	if (json_object_size(mirrors) > HD_MIRRORS_MAX)
		return hd_check_fail(check, "more than %d mirrors in a bridge", HD_MIRRORS_MAX);
	if (json_object_size(mirrors) == 0)
		return 0;
	bridge->mirrors = calloc(json_object_size(mirrors), sizeof(bridge->mirrors[0]));
	if (!bridge->mirrors)
		return -ENOMEM;
	json_object_foreach ((json_t *)mirrors, name, value) {
		size_t before = hd_check_enter(check, name);
		int rc = read_mirror(check, name, value, bridge, &bridge->mirrors[bridge->n_mirrors]);

		hd_check_leave(check, before);
		if (rc < 0)
			return rc;
		bridge->n_mirrors++;
	}
	qsort(bridge->mirrors, bridge->n_mirrors, sizeof(bridge->mirrors[0]), mirror_order);
	return check_mirrors(check, bridge);
}
