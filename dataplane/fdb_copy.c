/* SPDX-License-Identifier: BSD-3-Clause */
/* Copying a forwarding database into one with another limit. */
#include <errno.h>
#include <stdlib.h>

#include "fdb.h"

/* An entry as it was read. PMDs keep writing last_seen: what is sorted must hold still. */
struct record {
	uint64_t key;
	uint32_t last_seen;
	uint16_t port;
};

static struct record read_entry(const struct hd_fdb_entry *from)
{
	struct hd_fdb_entry *entry = (struct hd_fdb_entry *)from; /* C11 loads no const atomics (DR 459) */

	return (struct record){
		.key = atomic_load_explicit(&entry->key, memory_order_relaxed),
		.last_seen = atomic_load_explicit(&entry->last_seen, memory_order_relaxed),
		.port = atomic_load_explicit(&entry->port, memory_order_relaxed),
	};
}

static bool is_static(const struct hd_fdb_entry *entry)
{
	return atomic_load_explicit((_Atomic uint16_t *)&entry->flags, memory_order_relaxed) & HD_FDB_STATIC;
}

static int copy_statics(struct hd_fdb *to, const struct hd_fdb *from)
{
	const struct hd_fdb_entry *entry;
	uint32_t cursor = 0;

	while (hd_fdb_next(from, &cursor, &entry)) {
		struct record copy = read_entry(entry);
		int ret = 0;

		if (is_static(entry) && hd_fdb_find(to, copy.key) < 0)
			ret = hd_fdb_add_static(to, copy.key, copy.port);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static int latest_first(const void *a, const void *b)
{
	const struct record *left = a, *right = b;

	return left->last_seen < right->last_seen ? 1 : left->last_seen > right->last_seen ? -1 : 0;
}

static int copy_learnt(struct hd_fdb *to, const struct hd_fdb *from)
{
	struct record *learnt = calloc(hd_fdb_count(from) + 1, sizeof(*learnt));
	const struct hd_fdb_entry *entry;
	uint32_t cursor = 0, n = 0;

	if (learnt == NULL)
		return -ENOMEM;
	while (hd_fdb_next(from, &cursor, &entry))
		if (!is_static(entry))
			learnt[n++] = read_entry(entry);
	if (n > hd_fdb_limit(to) - hd_fdb_count(to))
		qsort(learnt, n, sizeof(*learnt), latest_first);
	for (uint32_t i = 0; i < n && hd_fdb_count(to) < hd_fdb_limit(to); i++)
		if (hd_fdb_find(to, learnt[i].key) < 0)
			hd_fdb_learn(to, learnt[i].key, learnt[i].port, learnt[i].last_seen);
	free(learnt);
	return 0;
}

int hd_fdb_copy(struct hd_fdb *to, const struct hd_fdb *from)
{
	int ret = copy_statics(to, from);

	return ret != 0 ? ret : copy_learnt(to, from);
}
