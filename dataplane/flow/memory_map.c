/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the mapping of large tables. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "memory_map.h"

#define HUGE_PAGE (2u << 20)

void *hd_memory_map(size_t bytes)
{
	size_t room = bytes + HUGE_PAGE;
	uint8_t *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t front, back;

	if (memory == MAP_FAILED)
		return NULL;
	/* On a huge page's boundary; what lies around it goes back. */
	front = (HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE) % HUGE_PAGE;
	back = room - front - (bytes + 4095) / 4096 * 4096;
	if (front != 0)
		munmap(memory, front);
	if (back != 0)
		munmap(memory + front + (bytes + 4095) / 4096 * 4096, back);
	memory += front;
	madvise(memory, bytes, MADV_HUGEPAGE);
	/* Written, so that every page is there: MAP_POPULATE would come before madvise. */
	if (madvise(memory, bytes, MADV_POPULATE_WRITE) < 0)
		memset(memory, 0, bytes);
	return memory;
}

void hd_memory_unmap(void *memory, size_t bytes)
{
	if (memory != NULL)
		munmap(memory, (bytes + 4095) / 4096 * 4096);
}
