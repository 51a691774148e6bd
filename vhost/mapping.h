/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A range of a front-end's file in our address space: guest memory, or a dirty log. Counted, as tables of memory share
 * mappings; watched, so that a file truncated later costs its session and nothing else (fault.h). Control thread only.
 */
#ifndef HD_MAPPING_H
#define HD_MAPPING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HD_MAPPING_REASON_MAX 112

struct hd_mapping {
	uint8_t *data;         /* the first byte that was asked for */
	uint8_t *base;         /* of the mapping: the start of data's page */
	size_t length;         /* from base, whole pages of the file */
	uint64_t offset;       /* of data in the file */
	int fd;                /* ours */
	uint32_t users;        /* the last put unmaps */
	_Atomic bool poisoned; /* the file was truncated. Writer: the signal handler */
};

/*
 * Map `size` bytes of fd, readable and writable, for one user. Takes fd, whatever it returns. Returns 0 or -errno and
 * the reason in words: -EINVAL (size 0, offset + size wraps, not a file, not open for both, shorter than that), or what
 * a system call said. The offset need not be page-aligned.
 */
int hd_mapping_create(int fd, uint64_t offset, uint64_t size, struct hd_mapping **mapping,
		      char reason[HD_MAPPING_REASON_MAX]);
struct hd_mapping *hd_mapping_get(struct hd_mapping *mapping); /* one user more */
void hd_mapping_put(struct hd_mapping *mapping);               /* one less; accepts NULL */

static inline bool hd_mapping_poisoned(const struct hd_mapping *mapping)
{
	return atomic_load_explicit(&mapping->poisoned, memory_order_relaxed);
}

#endif
