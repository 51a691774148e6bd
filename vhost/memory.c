/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns tables of guest memory: what makes a sound one, how one is made from another, and translation. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mapping.h"
#include "memory.h"

#define REGION_NAME_MAX 32 /* "region 508" and the like */

__attribute__((format(printf, 2, 3))) static int refuse(char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, HD_MEMORY_REASON_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/* What can be said of a region alone. Afterwards its sums can be taken. */
static int check(const struct hd_region_spec *spec, const char *name, char *reason)
{
	const struct {
		const char *what;
		uint64_t start;
	} sums[] = {
		{"guest address", spec->gpa},
		{"front-end address", spec->uva},
		{"file offset", spec->offset},
	};

	if (spec->size == 0)
		return refuse(reason, "%s: size 0", name);
	for (unsigned int i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (spec->size > UINT64_MAX - sums[i].start)
			return refuse(reason, "%s: %s 0x%" PRIx64 " and size 0x%" PRIx64 " wrap", name, sums[i].what,
				      sums[i].start, spec->size);
	return 0;
}

/* Of [a, a + a_size) and [b, b + b_size), and where. */
static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size, uint64_t *at)
{
	*at = a > b ? a : b;
	return *at < a + a_size && *at < b + b_size;
}

/* Both are checked. `j` is where b lies in the message or the table. */
static int check_pair(const struct hd_region_spec *a, const char *a_name, const struct hd_region_spec *b, uint32_t j,
		      char *reason)
{
	uint64_t at;

	if (overlap(a->gpa, a->size, b->gpa, b->size, &at))
		return refuse(reason, "region %" PRIu32 " and %s overlap at guest address 0x%" PRIx64, j, a_name, at);
	if (overlap(a->uva, a->size, b->uva, b->size, &at))
		return refuse(reason, "region %" PRIu32 " and %s overlap at front-end address 0x%" PRIx64, j, a_name,
			      at);
	return 0;
}

static void name_region(char name[REGION_NAME_MAX], uint32_t i)
{
	snprintf(name, REGION_NAME_MAX, "region %" PRIu32, i);
}

static int check_all(const struct hd_region_spec *specs, uint32_t n, char *reason)
{
	char name[REGION_NAME_MAX];
	int err = 0;

	if (n == 0 || n > HD_REGIONS_MAX)
		return refuse(reason, "%" PRIu32 " regions, 1 to %d may be", n, HD_REGIONS_MAX);
	for (uint32_t i = 0; err == 0 && i < n; i++) {
		name_region(name, i);
		err = check(&specs[i], name, reason);
		for (uint32_t j = 0; err == 0 && j < i; j++)
			err = check_pair(&specs[i], name, &specs[j], j, reason);
	}
	return err;
}

/* Takes spec->fd. */
static int map(const struct hd_region_spec *spec, const char *name, struct hd_region *region, char *reason)
{
	char why[HD_MAPPING_REASON_MAX];
	int err;

	region->gpa = spec->gpa;
	region->size = spec->size;
	region->uva = spec->uva;
	err = hd_mapping_create(spec->fd, spec->offset, spec->size, &region->mapping, why);
	if (err != 0) {
		snprintf(reason, HD_MEMORY_REASON_MAX, "%s: %s", name, why);
		return err;
	}
	region->host = region->mapping->data;
	return 0;
}

static void close_fds(const struct hd_region_spec *specs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (specs[i].fd >= 0)
			close(specs[i].fd);
}

/* With room for n regions, and none in it. */
static struct hd_memory *alloc(uint32_t n, char *reason)
{
	struct hd_memory *memory = calloc(1, sizeof(*memory) + n * sizeof(memory->region[0]));

	if (memory == NULL)
		refuse(reason, "out of memory");
	return memory;
}

static int by_gpa(const void *a, const void *b)
{
	uint64_t x = ((const struct hd_region *)a)->gpa, y = ((const struct hd_region *)b)->gpa;

	return (x > y) - (x < y);
}

int hd_memory_create(const struct hd_region_spec *specs, uint32_t n, struct hd_memory **out,
		     char reason[HD_MEMORY_REASON_MAX])
{
	struct hd_memory *memory;
	char name[REGION_NAME_MAX];
	uint32_t taken = 0;
	int err = check_all(specs, n, reason);

	if (err != 0)
		goto err_fds;
	memory = alloc(n, reason);
	if (memory == NULL) {
		err = -ENOMEM;
		goto err_fds;
	}
	while (memory->n < n) {
		name_region(name, taken);
		err = map(&specs[taken++], name, &memory->region[memory->n], reason);
		if (err != 0)
			goto err_memory;
		memory->n++;
	}
	qsort(memory->region, n, sizeof(memory->region[0]), by_gpa);
	*out = memory;
	return 0;

err_memory:
	hd_memory_destroy(memory);
err_fds:
	close_fds(specs + taken, n - taken);
	return err;
}

/* Append the regions of `from` but that at `except`, sharing their mappings. */
static void share(struct hd_memory *memory, const struct hd_memory *from, uint32_t except)
{
	for (uint32_t i = 0; i < from->n; i++) {
		if (i == except)
			continue;
		memory->region[memory->n] = from->region[i];
		hd_mapping_get(from->region[i].mapping);
		memory->n++;
	}
}

static int check_new(const struct hd_memory *memory, const struct hd_region_spec *spec, const char *name, char *reason)
{
	int err = check(spec, name, reason);

	if (err == 0 && memory->n == HD_REGIONS_MAX)
		return refuse(reason, "%s: there are %d regions, no more may be", name, HD_REGIONS_MAX);
	for (uint32_t j = 0; err == 0 && j < memory->n; j++) {
		const struct hd_region *region = &memory->region[j];
		struct hd_region_spec old = {.gpa = region->gpa, .size = region->size, .uva = region->uva};

		err = check_pair(spec, name, &old, j, reason);
	}
	return err;
}

int hd_memory_add(const struct hd_memory *memory, const struct hd_region_spec *spec, struct hd_memory **out,
		  char reason[HD_MEMORY_REASON_MAX])
{
	static const struct hd_memory nothing;
	static const char name[] = "the new region";
	const struct hd_memory *from = memory != NULL ? memory : &nothing;
	struct hd_memory *added;
	int err = check_new(from, spec, name, reason);

	if (err != 0)
		goto err_fd;
	added = alloc(from->n + 1, reason);
	if (added == NULL) {
		err = -ENOMEM;
		goto err_fd;
	}
	err = map(spec, name, &added->region[0], reason);
	if (err != 0) {
		free(added);
		return err;
	}
	added->n = 1;
	share(added, from, UINT32_MAX);
	qsort(added->region, added->n, sizeof(added->region[0]), by_gpa);
	*out = added;
	return 0;

err_fd:
	close_fds(spec, 1);
	return err;
}

int hd_memory_remove(const struct hd_memory *memory, uint64_t gpa, uint64_t size, uint64_t uva, struct hd_memory **out,
		     char reason[HD_MEMORY_REASON_MAX])
{
	uint32_t n = memory != NULL ? memory->n : 0, i = 0;
	struct hd_memory *removed;

	while (i < n &&
	       (memory->region[i].gpa != gpa || memory->region[i].size != size || memory->region[i].uva != uva))
		i++;
	if (i == n)
		return refuse(reason,
			      "no region has guest address 0x%" PRIx64 ", size 0x%" PRIx64
			      " and front-end address 0x%" PRIx64,
			      gpa, size, uva);
	removed = alloc(n - 1, reason);
	if (removed == NULL)
		return -ENOMEM;
	share(removed, memory, i);
	*out = removed;
	return 0;
}

void hd_memory_destroy(struct hd_memory *memory)
{
	if (memory == NULL)
		return;
	for (uint32_t i = 0; i < memory->n; i++)
		hd_mapping_put(memory->region[i].mapping);
	free(memory);
}

bool hd_memory_poisoned(const struct hd_memory *memory)
{
	for (uint32_t i = 0; memory != NULL && i < memory->n; i++)
		if (hd_mapping_poisoned(memory->region[i].mapping))
			return true;
	return false;
}

int hd_memory_fd(const struct hd_region *region, uint64_t *offset)
{
	*offset = region->mapping->offset;
	return region->mapping->fd;
}

void *hd_memory_at_uva(const struct hd_memory *memory, uint64_t uva, uint64_t len)
{
	for (uint32_t i = 0; i < memory->n; i++) {
		const struct hd_region *region = &memory->region[i];
		uint64_t off = uva - region->uva;

		if (off < region->size && len <= region->size - off)
			return region->host + off;
	}
	return NULL;
}

/* The region that holds gpa, or NULL. */
static const struct hd_region *find(const struct hd_memory *memory, uint64_t gpa)
{
	uint32_t low = 0, high = memory->n; /* it is in [low, high), if anywhere */

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct hd_region *region = &memory->region[middle];

		if (gpa < region->gpa)
			high = middle;
		else if (gpa - region->gpa < region->size)
			return region;
		else
			low = middle + 1;
	}
	return NULL;
}

bool hd_memory_holds_gpa(const struct hd_memory *memory, uint64_t gpa, uint64_t len)
{
	const struct hd_region *region = find(memory, gpa);

	return region != NULL && len <= region->size - (gpa - region->gpa);
}

uint8_t *hd_memory_find(const struct hd_memory *memory, struct hd_window *window, uint64_t gpa, uint64_t *len)
{
	const struct hd_region *region = find(memory, gpa);
	uint64_t off;

	if (region == NULL)
		return NULL;
	off = gpa - region->gpa;
	if (*len > region->size - off)
		*len = region->size - off;
	*window = (struct hd_window){.gpa = region->gpa, .size = region->size, .host = region->host};
	return region->host + off;
}
