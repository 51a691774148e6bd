/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory: creation of the memfd, in huge pages where there are some, and page-wise allocation from it. */
#include <errno.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define PAGE 4096u
#define HUGE_PAGE (2u << 20)

static int map(struct hd_memory *mem, size_t size, bool huge)
{
	size_t unit = huge ? HUGE_PAGE : PAGE;
	int rc;

	*mem = (struct hd_memory){.fd = -1, .size = (size + unit - 1) / unit * unit, .huge = huge};
	mem->fd = memfd_create("heddle-bench", MFD_CLOEXEC | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (mem->fd < 0)
		return -errno;
	if (ftruncate(mem->fd, (off_t)mem->size) != 0)
		goto err;
	mem->base = mmap(NULL, mem->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, mem->fd, 0);
	if (mem->base == MAP_FAILED)
		goto err;
	return 0;
err:
	rc = -errno;
	close(mem->fd);
	mem->fd = -1;
	mem->base = NULL;
	return rc;
}

int hd_memory_open(struct hd_memory *mem, size_t size, enum hd_huge huge)
{
	int rc = -ENOMEM;

	if (huge != HD_HUGE_OFF)
		rc = map(mem, size, true);
	if (rc != 0 && huge != HD_HUGE_ON)
		rc = map(mem, size, false);
	return rc;
}

void hd_memory_close(struct hd_memory *mem)
{
	if (mem->base == NULL)
		return;
	munmap(mem->base, mem->size);
	close(mem->fd);
	mem->base = NULL;
}

void *hd_memory_take(struct hd_memory *mem, size_t size)
{
	void *at = mem->base + mem->used;

	size = (size + PAGE - 1) / PAGE * PAGE;
	if (size > mem->size - mem->used)
		return NULL;
	mem->used += size;
	return at;
}
