/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory for tests of virtqueues: four regions, some adjacent, some with a hole between, each with a page
 * behind it that nobody may touch; a naive twin that says what every byte of it should be; and its dirty log.
 *
 * Include after <check.h>. The guest writes with guest_put, which keeps the twin up. What the device is expected to
 * write goes to the twin alone, by guest_expect; guest_check compares everything.
 */
#ifndef RING_GUEST_H
#define RING_GUEST_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dirty_log.h"
#include "memory.h"
#include "random.h"

#define GUEST_REGIONS 4
#define GUEST_PAGE 4096u
#define GUEST_UNMAPPED UINT64_C(0x7777000) /* in no region */

#define GUEST_BORDER UINT64_C(0x160000) /* the first two regions meet */
#define GUEST_END UINT64_C(0x181000)    /* the second ends, and a hole follows */
#define GUEST_ARENA UINT64_C(0x120000)  /* buffers are behind the rings: from here on */

/* By guest address. 0 and 1 are adjacent, 2 and 3 too. Rings are at the start of the first. */
static const struct {
	uint64_t gpa, size;
} guest_layout[GUEST_REGIONS] = {
	{0x40000, GUEST_BORDER - 0x40000},
	{GUEST_BORDER, GUEST_END - GUEST_BORDER},
	{0x100000000, 0x40000},
	{0x100040000, 0x3000},
};

/* As ck_assert, where there are millions of them: Check writes a line to a file for each of its own. */
#define must(condition)                                                                                                \
	do {                                                                                                           \
		if (unlikely(!(condition)))                                                                            \
			ck_abort_msg("%s", #condition);                                                                \
	} while (0)

struct guest {
	struct hd_memory *memory;
	uint8_t *twin[GUEST_REGIONS];
	uint64_t ring_end; /* of what rings have */

	/* Buffers: bytes of the arenas, one behind the other, given out and returned in the same order. */
	uint64_t arena_head, arena_tail; /* run freely */

	struct hd_dirty_log log;
	uint8_t *log_twin;
	bool logging;
};

#define GUEST_ARENA_FIRST (GUEST_END - GUEST_ARENA)
#define GUEST_ARENA_SECOND (guest_layout[3].gpa + guest_layout[3].size - guest_layout[2].gpa)
#define GUEST_ARENA_SIZE (GUEST_ARENA_FIRST + GUEST_ARENA_SECOND)

static inline void guest_init(struct guest *guest)
{
	*guest = (struct guest){.ring_end = guest_layout[0].gpa};
	guest->memory = calloc(1, sizeof(*guest->memory) + GUEST_REGIONS * sizeof(struct hd_region));
	ck_assert_ptr_nonnull(guest->memory);
	guest->memory->n = GUEST_REGIONS;
	for (int i = 0; i < GUEST_REGIONS; i++) {
		struct hd_region *region = &guest->memory->region[i];
		size_t size = guest_layout[i].size;
		uint8_t *host = mmap(NULL, size + 2 * GUEST_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ck_assert_ptr_ne(host, MAP_FAILED);
		ck_assert_int_eq(mprotect(host + GUEST_PAGE, size, PROT_READ | PROT_WRITE), 0);
		region->gpa = guest_layout[i].gpa;
		region->size = size;
		region->host = host + GUEST_PAGE;
		memset(region->host, 0xa5, size);
		guest->twin[i] = malloc(size);
		ck_assert_ptr_nonnull(guest->twin[i]);
		memset(guest->twin[i], 0xa5, size);
	}
}

static inline void guest_fini(struct guest *guest)
{
	for (int i = 0; i < GUEST_REGIONS; i++) {
		munmap(guest->memory->region[i].host - GUEST_PAGE, guest_layout[i].size + 2 * GUEST_PAGE);
		free(guest->twin[i]);
	}
	free(guest->memory);
	free((void *)guest->log.bits);
	free(guest->log_twin);
}

/* A log that ends with page `pages`, wherever the memory ends. */
static inline void guest_log(struct guest *guest, uint64_t pages)
{
	guest->log.size = (pages + 7) / 8;
	guest->log.bits = calloc(1, guest->log.size);
	guest->log_twin = calloc(1, guest->log.size);
	guest->logging = true;
	ck_assert(guest->log.bits != NULL && guest->log_twin != NULL);
}

/* Which region holds gpa; GUEST_REGIONS: none. */
static inline int guest_region(uint64_t gpa)
{
	int i = 0;

	while (i < GUEST_REGIONS && (gpa < guest_layout[i].gpa || gpa >= guest_layout[i].gpa + guest_layout[i].size))
		i++;
	return i;
}

static inline uint8_t *guest_byte(const struct guest *guest, uint64_t gpa)
{
	int i = guest_region(gpa);

	must(i < GUEST_REGIONS);
	return &guest->memory->region[i].host[gpa - guest_layout[i].gpa];
}

/* Where `len` bytes that lie in one region are. */
static inline void *guest_at(const struct guest *guest, uint64_t gpa, uint64_t len)
{
	int i = guest_region(gpa);

	must(i < GUEST_REGIONS);
	must(gpa - guest_layout[i].gpa + len <= guest_layout[i].size);
	return guest_byte(guest, gpa);
}

/* Byte by byte: any region may end anywhere. */
static inline void guest_twin(struct guest *guest, uint64_t gpa, const void *from, uint64_t len)
{
	for (uint64_t done = 0; done < len;) {
		int i = guest_region(gpa + done);
		uint64_t off, n;

		must(i < GUEST_REGIONS);
		off = gpa + done - guest_layout[i].gpa;
		n = len - done < guest_layout[i].size - off ? len - done : guest_layout[i].size - off;
		memcpy(guest->twin[i] + off, (const uint8_t *)from + done, n);
		done += n;
	}
}

/* The guest writes. */
static inline void guest_put(struct guest *guest, uint64_t gpa, const void *from, uint64_t len)
{
	guest_twin(guest, gpa, from, len);
	for (uint64_t done = 0; done < len;) {
		int i = guest_region(gpa + done);
		uint64_t room = guest_layout[i].gpa + guest_layout[i].size - (gpa + done);
		uint64_t n = len - done < room ? len - done : room;

		memcpy(guest_byte(guest, gpa + done), (const uint8_t *)from + done, n);
		done += n;
	}
}

/* The device should mark these bytes dirty. */
static inline void guest_expect_dirty(struct guest *guest, uint64_t gpa, uint64_t len)
{
	for (uint64_t i = 0; guest->logging && i < len; i++) {
		uint64_t page = (gpa + i) / GUEST_PAGE;

		if (page / 8 < guest->log.size)
			guest->log_twin[page / 8] |= (uint8_t)(1u << page % 8);
	}
}

/* The device should write this, into a buffer. */
static inline void guest_expect(struct guest *guest, uint64_t gpa, const void *from, uint64_t len)
{
	guest_twin(guest, gpa, from, len);
	guest_expect_dirty(guest, gpa, len);
}

/* Every byte is what it should be, and every page's mark. */
static inline void guest_check(const struct guest *guest)
{
	for (int i = 0; i < GUEST_REGIONS; i++) {
		const uint8_t *is = guest->memory->region[i].host, *twin = guest->twin[i];
		uint64_t off = 0, size = guest_layout[i].size;

		if (memcmp(is, twin, size) == 0)
			continue;
		while (is[off] == twin[off])
			off++;
		ck_abort_msg("guest memory 0x%" PRIx64 " is 0x%02x, should be 0x%02x", guest_layout[i].gpa + off,
			     is[off], twin[off]);
	}
	if (guest->logging)
		ck_assert_mem_eq((const uint8_t *)guest->log.bits, guest->log_twin, guest->log.size);
}

/* Marks are taken as a front-end takes them. */
static inline void guest_log_clear(struct guest *guest)
{
	memset((void *)guest->log.bits, 0, guest->log.size);
	memset(guest->log_twin, 0, guest->log.size);
}

/* Memory for a ring's part, all zero. */
static inline uint64_t guest_ring_alloc(struct guest *guest, uint64_t len, uint64_t align)
{
	uint64_t gpa = (guest->ring_end + align - 1) / align * align;
	uint8_t *zeros = calloc(1, len);

	ck_assert_ptr_nonnull(zeros);
	guest->ring_end = gpa + len;
	ck_assert_uint_le(guest->ring_end, GUEST_ARENA);
	guest_put(guest, gpa, zeros, len);
	free(zeros);
	return gpa;
}

/* A buffer: contiguous guest addresses, perhaps across adjacent regions. False if there is no room now. */
static inline bool guest_alloc(struct guest *guest, uint32_t len, uint64_t *gpa)
{
	uint64_t at = guest->arena_head % GUEST_ARENA_SIZE, skip = 0;

	if (at < GUEST_ARENA_FIRST && at + len > GUEST_ARENA_FIRST)
		skip = GUEST_ARENA_FIRST - at;
	else if (at + len > GUEST_ARENA_SIZE)
		skip = GUEST_ARENA_SIZE - at;
	if (guest->arena_head + skip + len - guest->arena_tail > GUEST_ARENA_SIZE - GUEST_PAGE)
		return false;
	at = (at + skip) % GUEST_ARENA_SIZE;
	guest->arena_head += skip + len;
	*gpa = at < GUEST_ARENA_FIRST ? GUEST_ARENA + at : guest_layout[2].gpa + (at - GUEST_ARENA_FIRST);
	return true;
}

#endif
