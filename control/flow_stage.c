/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the bundles that clients send piece by piece. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_bundle.h"

static uint32_t free_id(const struct hd_runtime *runtime)
{
	uint32_t id = 1;

	for (const struct hd_flow_bundle *at = runtime->bundles; at != NULL; at = at->next)
		if (at->id >= id)
			id = at->id + 1;
	return id;
}

int hd_flow_bundle_begin(struct hd_runtime *runtime, const char *owner, const char *bridge, struct hd_flow_bundle **out,
			 struct hd_error *error)
{
	struct hd_flow_bundle *bundle = malloc(sizeof(*bundle));
	unsigned int n = 0;
	int rc;

	for (const struct hd_flow_bundle *at = runtime->bundles; at != NULL; at = at->next)
		n++;
	if (bundle == NULL) {
		hd_error_set(error, "out of memory");
		return -ENOMEM;
	}
	if (n >= HD_BUNDLES_MAX) {
		hd_error_set(error, "%d bundles are under way already", HD_BUNDLES_MAX);
		free(bundle);
		return -ENOSPC;
	}
	rc = hd_flow_bundle_init(bundle, runtime, bridge, error);
	if (rc < 0) {
		free(bundle);
		return rc;
	}
	bundle->id = free_id(runtime);
	snprintf(bundle->owner, sizeof(bundle->owner), "%s", owner);
	bundle->next = runtime->bundles;
	runtime->bundles = bundle;
	*out = bundle;
	return 0;
}

struct hd_flow_bundle *hd_flow_bundle_find(const struct hd_runtime *runtime, const char *owner, uint32_t id)
{
	struct hd_flow_bundle *at = runtime->bundles;

	while (at != NULL && (at->id != id || strcmp(at->owner, owner) != 0))
		at = at->next;
	return at;
}

size_t hd_flow_bundles_staged(const struct hd_runtime *runtime)
{
	size_t n = 0;

	for (const struct hd_flow_bundle *at = runtime->bundles; at != NULL; at = at->next)
		n += at->n;
	return n;
}

void hd_flow_bundle_end(struct hd_runtime *runtime, struct hd_flow_bundle *bundle)
{
	struct hd_flow_bundle **link = &runtime->bundles;

	while (*link != bundle)
		link = &(*link)->next;
	*link = bundle->next;
	hd_flow_bundle_clear(bundle);
	free(bundle);
}

void hd_flow_bundles_drop(struct hd_runtime *runtime, const char *owner)
{
	struct hd_flow_bundle *at, *next;

	for (at = runtime->bundles; at != NULL; at = next) {
		next = at->next;
		if (owner == NULL || strcmp(at->owner, owner) == 0)
			hd_flow_bundle_end(runtime, at);
	}
}
