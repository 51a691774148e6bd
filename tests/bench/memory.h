/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest's memory: one memfd that the switch maps too. Guest-physical addresses differ from our own on purpose. */
#ifndef HD_BENCH_MEMORY_H
#define HD_BENCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

#define HD_MEMORY_GPA UINT64_C(0x100000000)

struct hd_memory {
	int fd;
	uint8_t *base;
	size_t size;
	size_t used;
	bool huge;
};

/* 0 or -errno; HD_HUGE_AUTO falls back to ordinary pages. */
int hd_memory_open(struct hd_memory *mem, size_t size, enum hd_huge huge);
void hd_memory_close(struct hd_memory *mem);

/* The next size bytes, page-aligned and zero; NULL when the memory is used up. */
void *hd_memory_take(struct hd_memory *mem, size_t size);

static inline uint64_t hd_memory_gpa(const struct hd_memory *mem, const void *at)
{
	return HD_MEMORY_GPA + (uint64_t)((const uint8_t *)at - mem->base);
}

#endif
