/* SPDX-License-Identifier: BSD-3-Clause */
/* Files as front-ends share them, and what is left of them in this process: for tests of guest memory. */
#ifndef TEST_GUEST_FILE_H
#define TEST_GUEST_FILE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUEST_FILE "heddle-test-guest"

/* A memfd of that many bytes, zeroed. */
static inline int guest_file(uint64_t size)
{
	int fd = memfd_create(GUEST_FILE, MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* Mappings of guest files. */
static inline unsigned int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	char line[512];

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		n += strstr(line, GUEST_FILE) != NULL;
	fclose(maps);
	return n;
}

#endif
