/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory as the front-end shared it: regions, their mappings, and the translation of the guest's addresses.
 *
 * A table is immutable once a ring uses it. A change (SET_MEM_TABLE, ADD_MEM_REG, REM_MEM_REG) makes a new table, which
 * may share mappings with the former; the former is freed after a grace period. What lies in guest memory can change
 * at any moment, and may be taken away by truncating the file: reads then see zeros and the table is poisoned
 * (fault.h).
 *
 * PMD threads translate; everything else is the control thread's.
 */
#ifndef HD_MEMORY_H
#define HD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#define HD_REGIONS_MAX 509 /* VHOST_USER_MAX_RAM_SLOTS of QEMU */
#define HD_MEMORY_REASON_MAX 160

struct hd_mapping; /* mapping.h: a mapped file range, counted */

/* Ascending by gpa, never overlapping; sizes are not 0 and nothing wraps. */
struct hd_region {
	uint64_t gpa;  /* guest-physical address, as descriptors have it */
	uint64_t size; /* bytes */
	uint64_t uva;  /* the front-end's own address, as SET_VRING_ADDR has it */
	uint8_t *host; /* ours */
	struct hd_mapping *mapping;
};

struct hd_memory {
	uint32_t n;
	struct hd_region region[];
};

/* A region as a message describes it. */
struct hd_region_spec {
	uint64_t gpa, size, uva;
	uint64_t offset; /* of the region's first byte in the file */
	int fd;          /* taken in any case: by the mapping, or closed */
};

/*
 * Map `n` regions. Returns 0 and the table, or -errno and the reason in words (-EINVAL: 0 or too many, size 0,
 * something wraps, regions overlap by gpa or uva, the file is shorter than it should be, not a file, not open for
 * reading and writing; else mmap's, or -ENOSPC: too many mappings in the whole process). All descriptors are taken,
 * whatever it returns. Offsets need not be page-aligned, nor aligned to huge pages.
 */
int hd_memory_create(const struct hd_region_spec *specs, uint32_t n, struct hd_memory **memory,
		     char reason[HD_MEMORY_REASON_MAX]);
/*
 * `memory` (NULL: nothing) and one region more, or without the region of exactly gpa, size and uva (-EINVAL: there is
 * none): a new table, empty perhaps, which shares the mappings. `memory` stays as it is.
 */
int hd_memory_add(const struct hd_memory *memory, const struct hd_region_spec *spec, struct hd_memory **out,
		  char reason[HD_MEMORY_REASON_MAX]);
int hd_memory_remove(const struct hd_memory *memory, uint64_t gpa, uint64_t size, uint64_t uva, struct hd_memory **out,
		     char reason[HD_MEMORY_REASON_MAX]);
/* No ring uses it any more. Unmaps what no other table shares. Accepts NULL. */
void hd_memory_destroy(struct hd_memory *memory);

/* Whether a file of its mappings was truncated: the session is to be closed. Accepts NULL. Control thread. */
bool hd_memory_poisoned(const struct hd_memory *memory);

/* The file of a region and the offset in it, for handing a session over. Borrowed. */
int hd_memory_fd(const struct hd_region *region, uint64_t *offset);

/* Where `len` bytes at the front-end's address lie, all in one region, or NULL; whether a guest address has as many. */
void *hd_memory_at_uva(const struct hd_memory *memory, uint64_t uva, uint64_t len);
bool hd_memory_holds_gpa(const struct hd_memory *memory, uint64_t gpa, uint64_t len);

/* The region of the last translation: most guests have one or two. Owned by a ring; all zero at first. */
struct hd_window {
	uint64_t gpa, size;
	uint8_t *host;
};

/* PMD threads. Where [gpa, gpa + len) lies if the window holds all of it, else NULL. */
static inline uint8_t *hd_window_at(const struct hd_window *window, uint64_t gpa, uint64_t len)
{
	uint64_t off = gpa - window->gpa;

	if (likely(off < window->size && len <= window->size - off))
		return window->host + off;
	return NULL;
}

/*
 * PMD threads. Where gpa lies, and in *len, at most what it was, the bytes that lie in one piece from there. Moves the
 * window. NULL if no region holds gpa. Adjacent regions are not one piece: a buffer across them is asked for twice.
 */
uint8_t *hd_memory_find(const struct hd_memory *memory, struct hd_window *window, uint64_t gpa, uint64_t *len);

#endif
