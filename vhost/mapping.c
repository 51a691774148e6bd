/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns mapped ranges of front-ends' files: what may be mapped, and how. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fault.h"
#include "mapping.h"

/* Takes what a system call left in errno. */
static int failed(const char *call, char *reason)
{
	int err = errno;

	snprintf(reason, HD_MAPPING_REASON_MAX, "%s: %s", call, strerror(err));
	return -err;
}

static int check_range(uint64_t offset, uint64_t size, char *reason)
{
	if (size == 0) {
		snprintf(reason, HD_MAPPING_REASON_MAX, "size 0");
		return -EINVAL;
	}
	if (size > UINT64_MAX - offset) {
		snprintf(reason, HD_MAPPING_REASON_MAX, "file offset 0x%" PRIx64 " and size 0x%" PRIx64 " wrap", offset,
			 size);
		return -EINVAL;
	}
	return 0;
}

/* offset + size does not wrap. */
static int check_file(int fd, uint64_t offset, uint64_t size, char *reason)
{
	struct stat file;
	int flags;

	if (fd < 0) {
		snprintf(reason, HD_MAPPING_REASON_MAX, "no descriptor");
		return -EINVAL;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &file) != 0)
		return failed("the descriptor", reason);
	if (!S_ISREG(file.st_mode)) {
		snprintf(reason, HD_MAPPING_REASON_MAX, "the descriptor is not of a file");
		return -EINVAL;
	}
	if ((flags & O_ACCMODE) != O_RDWR) {
		snprintf(reason, HD_MAPPING_REASON_MAX, "the descriptor is %s-only",
			 (flags & O_ACCMODE) == O_WRONLY ? "write" : "read");
		return -EINVAL;
	}
	if ((uint64_t)file.st_size < offset + size) {
		snprintf(reason, HD_MAPPING_REASON_MAX, "the file has %" PRIu64 " bytes, the region ends at %" PRIu64,
			 (uint64_t)file.st_size, offset + size);
		return -EINVAL;
	}
	return 0;
}

/* What offset and length must be multiples of, for mmap, munmap and the signal handler. */
static uint64_t page_of(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Fills in where it lies. The file is long enough, so neither sum wraps. */
static int map(struct hd_mapping *mapping, uint64_t size, char *reason)
{
	uint64_t page = page_of(mapping->fd), skew = mapping->offset & (page - 1);
	void *base;

	mapping->length = (skew + size + page - 1) & ~(page - 1);
	base = mmap(NULL, mapping->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, mapping->fd,
		    (off_t)(mapping->offset - skew));
	if (base == MAP_FAILED)
		return failed("mmap", reason);
	mapping->base = base;
	mapping->data = mapping->base + skew;
	madvise(base, mapping->length, MADV_DONTDUMP); /* a guest's memory has no place in our core dump */
	return 0;
}

int hd_mapping_create(int fd, uint64_t offset, uint64_t size, struct hd_mapping **out,
		      char reason[HD_MAPPING_REASON_MAX])
{
	struct hd_mapping *mapping;
	int err = check_range(offset, size, reason);

	if (err == 0)
		err = check_file(fd, offset, size, reason);
	if (err != 0)
		goto err_fd;
	mapping = calloc(1, sizeof(*mapping));
	if (mapping == NULL) {
		err = failed("calloc", reason);
		goto err_fd;
	}
	mapping->fd = fd;
	mapping->offset = offset;
	mapping->users = 1;
	err = map(mapping, size, reason);
	if (err != 0)
		goto err_mapping;
	err = hd_fault_watch(mapping->base, mapping->length, &mapping->poisoned);
	if (err != 0) {
		snprintf(reason, HD_MAPPING_REASON_MAX, "too many mappings in all");
		goto err_map;
	}
	*out = mapping;
	return 0;

err_map:
	munmap(mapping->base, mapping->length);
err_mapping:
	free(mapping);
err_fd:
	if (fd >= 0)
		close(fd);
	return err;
}

struct hd_mapping *hd_mapping_get(struct hd_mapping *mapping)
{
	mapping->users++;
	return mapping;
}

void hd_mapping_put(struct hd_mapping *mapping)
{
	if (mapping == NULL || --mapping->users > 0)
		return;
	hd_fault_forget(mapping->base);
	munmap(mapping->base, mapping->length);
	close(mapping->fd);
	free(mapping);
}
