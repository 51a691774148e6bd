/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory for the fuzzers of virtqueues: regions with a page in front of each and behind it that nobody may
 * touch, and a twin, which has what the guest wrote and what the device was seen to write lawfully.
 *
 * Cleared for each input, so only pages that were written to are cleared.
 */
#ifndef FUZZ_GUEST_PAGES_H
#define FUZZ_GUEST_PAGES_H

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "memory.h"

#define PAGE 4096u
#define REGIONS 5
#define PAGES 23 /* of all regions */
#define BLOCK 256u
#define NO_SANITIZE __attribute__((no_sanitize("address", "undefined")))

/* Rings 0 and 1 are at the end of region 0 and 1; 2 holds the longest frame, 2 and 3 meet, 4 is the last there can be.
 */
static const struct {
	uint64_t gpa, size;
} layout[REGIONS] = {
	{0x40000, 2 * PAGE},          {0x50000, 2 * PAGE},       {0x100000, 17 * PAGE},
	{0x100000 + 17 * PAGE, PAGE}, {UINT64_MAX - PAGE, PAGE},
};

static struct {
	struct hd_memory *memory, *alias; /* of one file: a guest with two ports shares its memory with each */
	uint8_t twin[PAGES * PAGE];
	uint32_t dirty; /* pages */
} guest;

UNWATCHED_BEGIN

/* Where a region is in the twin. */
static inline size_t twin_of(unsigned int region)
{
	size_t at = 0;

	for (unsigned int i = 0; i < region; i++)
		at += layout[i].size;
	return at;
}

/* `size` bytes between two pages that nobody may touch: of a file, from `offset` on, or, if file is -1, of our own. */
static inline uint8_t *map_guarded(size_t size, int file, size_t offset)
{
	uint8_t *base = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flags = MAP_FIXED | (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);

	must(base != MAP_FAILED);
	must(mmap(base + PAGE, size, PROT_READ | PROT_WRITE, flags, file, (off_t)offset) == base + PAGE);
	return base + PAGE;
}

static inline struct hd_memory *map_regions(int file)
{
	struct hd_memory *memory = calloc(1, sizeof(*memory) + REGIONS * sizeof(struct hd_region));

	must(memory != NULL);
	memory->n = REGIONS;
	for (unsigned int i = 0; i < REGIONS; i++)
		memory->region[i] = (struct hd_region){.gpa = layout[i].gpa,
						       .size = layout[i].size,
						       .host = map_guarded(layout[i].size, file, twin_of(i))};
	return memory;
}

static inline void guest_init(void)
{
	int file = memfd_create("guest", MFD_CLOEXEC);

	must(file >= 0 && ftruncate(file, PAGES * PAGE) == 0 && twin_of(REGIONS) == sizeof(guest.twin));
	guest.memory = map_regions(file);
	guest.alias = map_regions(file);
	guest.dirty = (1u << PAGES) - 1;
}

/* Zeros where rings and most buffers are, something else in the last pages. */
static inline void guest_clear(void)
{
	for (unsigned int i = 0, page = 0; i < REGIONS; i++)
		for (uint64_t off = 0; off < layout[i].size; off += PAGE, page++) {
			if ((guest.dirty >> page & 1) == 0)
				continue;
			memset(guest.memory->region[i].host + off, page < 16 ? 0 : 0xa5, PAGE);
			memset(guest.twin + (size_t)page * PAGE, page < 16 ? 0 : 0xa5, PAGE);
		}
	guest.dirty = 0;
}

/* Which region holds gpa; REGIONS: none. */
static inline unsigned int region_of(uint64_t gpa)
{
	unsigned int i = 0;

	while (i < REGIONS && gpa - layout[i].gpa >= layout[i].size)
		i++;
	return i;
}

/* The guest writes; what is not memory is left out. */
static inline void guest_put(uint64_t gpa, const void *from, uint32_t len)
{
	for (uint32_t done = 0; done < len;) {
		unsigned int i = region_of(gpa + done);
		uint64_t off, n = len - done;
		size_t at;

		if (i == REGIONS)
			return;
		off = gpa + done - layout[i].gpa;
		n = n < layout[i].size - off ? n : layout[i].size - off;
		at = twin_of(i) + off;
		memcpy(guest.memory->region[i].host + off, (const uint8_t *)from + done, n);
		memcpy(guest.twin + at, (const uint8_t *)from + done, n);
		for (size_t page = at / PAGE; page <= (at + n - 1) / PAGE; page++)
			guest.dirty |= 1u << page;
		done += (uint32_t)n;
	}
}

/* What the guest last put there. False if not all of it is in one region. */
static inline bool guest_get(uint64_t gpa, void *to, uint32_t len)
{
	unsigned int i = region_of(gpa);

	if (i == REGIONS || len > layout[i].size - (gpa - layout[i].gpa))
		return false;
	memcpy(to, guest.twin + twin_of(i) + (gpa - layout[i].gpa), len);
	return true;
}

NO_SANITIZE static inline bool block_same(const uint8_t *a, const uint8_t *b)
{
	uint64_t differ = 0;

	for (unsigned int i = 0; i < BLOCK; i += 8)
		differ |= *(const uint64_t *)(const void *)(a + i) ^ *(const uint64_t *)(const void *)(b + i);
	return differ == 0;
}

/* Ask about every byte of the first `regions` that the device has changed, then take it into the twin. */
NO_SANITIZE static inline void guest_compare(unsigned int regions, void (*written)(uint64_t gpa, const void *arg),
					     const void *arg)
{
	uint8_t *twin = guest.twin;

	for (unsigned int i = 0; i < regions; i++)
		for (uint64_t off = 0; off < layout[i].size; off += BLOCK, twin += BLOCK) {
			const uint8_t *is = guest.memory->region[i].host + off;

			if (block_same(is, twin))
				continue;
			for (unsigned int k = 0; k < BLOCK; k++)
				if (is[k] != twin[k])
					written(layout[i].gpa + off + k, arg);
			memcpy(twin, is, BLOCK);
			guest.dirty |= 1u << (twin - guest.twin) / PAGE;
		}
}

/* Whether `len` bytes of ours are in one region. */
static inline bool guest_holds(const uint8_t *host, uint64_t len)
{
	for (unsigned int i = 0; i < REGIONS; i++) {
		uint64_t off = (uintptr_t)host - (uintptr_t)guest.memory->region[i].host;

		if (off < layout[i].size && len <= layout[i].size - off)
			return true;
	}
	return false;
}

UNWATCHED_END

#endif
