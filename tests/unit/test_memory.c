/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests tables of guest memory: what is refused and why, sharing between tables, and translation against a plain one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdlib.h>

#include "descriptors.h"
#include "guest_file.h"
#include "memory.h"
#include "random.h"

#define PAGE 4096u
#define HUGE_PAGE (2u << 20)
#define ALL UINT64_MAX
#define HALF (1ull << 63)

static struct hd_memory *make(const struct hd_region_spec *specs, uint32_t n)
{
	char reason[HD_MEMORY_REASON_MAX] = "";
	struct hd_memory *memory = NULL;

	ck_assert_msg(hd_memory_create(specs, n, &memory, reason) == 0, "%s", reason);
	ck_assert_uint_eq(memory->n, n);
	return memory;
}

/* A region at gpa in a file of its own; the front-end has it at 2^40 more. */
static struct hd_region_spec plain(uint64_t gpa, uint64_t size)
{
	return (struct hd_region_spec){.gpa = gpa, .size = size, .uva = gpa + (1ull << 40), .fd = guest_file(size)};
}

enum kind { FILE_OF_8K, NONE, READ_ONLY, WRITE_ONLY, PIPE, DIRECTORY, SEALED };

static int open_kind(enum kind kind)
{
	char path[64];
	int fd, pipes[2];

	switch (kind) {
	case NONE:
		return -1;
	case PIPE:
		ck_assert_int_eq(pipe(pipes), 0);
		close(pipes[1]);
		return pipes[0];
	case DIRECTORY:
		return open("/", O_RDONLY | O_DIRECTORY);
	default:
		fd = memfd_create(GUEST_FILE, MFD_ALLOW_SEALING);
		ck_assert_int_eq(ftruncate(fd, 8192), 0);
		break;
	}
	if (kind == SEALED)
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	if (kind == READ_ONLY || kind == WRITE_ONLY) {
		int full = fd;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", full);
		fd = open(path, kind == READ_ONLY ? O_RDONLY : O_WRONLY);
		close(full);
	}
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Up to three regions; those with a name count. `added`: what hd_memory_add says of the last to a table of the rest. */
static const struct bad {
	const char *reason, *added;
	struct {
		uint64_t gpa, size, uva, offset;
		enum kind kind;
	} region[3];
	uint32_t n;
	int err;
} bads[] = {
	{"0 regions, 1 to 509 may be", NULL, {{0}}, 0, EINVAL},
	{"region 0: size 0", "the new region: size 0", {{0x1000, 0, 0x1000}}, 1, EINVAL},
	{"region 2: size 0",
	 "the new region: size 0",
	 {{0, 4096, 0}, {4096, 4096, 4096}, {0x100, 0, 0x100}},
	 3,
	 EINVAL},
	{"region 0: guest address 0xfffffffffffff000 and size 0x1000 wrap", NULL, {{ALL - 4095, 4096, 0}}, 1, EINVAL},
	{"region 0: guest address 0x1 and size 0xffffffffffffffff wrap", NULL, {{1, ALL, 0}}, 1, EINVAL},
	{"region 0: front-end address 0xfffffffffffff001 and size 0x1000 wrap",
	 NULL,
	 {{0, 4096, ALL - 4094}},
	 1,
	 EINVAL},
	{"region 0: file offset 0xffffffffffffffff and size 0x1000 wrap", NULL, {{0, 4096, 0, ALL}}, 1, EINVAL},
	{"region 1 and region 2 overlap at guest address 0x2fff",
	 "region 1 and the new region overlap at guest address 0x2fff",
	 {{0, 4096, 0}, {0x2000, 4096, 0x2000}, {0x2fff, 4096, 0x9000}},
	 3,
	 EINVAL},
	{"region 0 and region 1 overlap at guest address 0x1000",
	 NULL,
	 {{0x1000, 4096, 0}, {0, 4097, 0x9000}},
	 2,
	 EINVAL},
	{"region 0 and region 1 overlap at guest address 0x1100", NULL, {{0, 8192, 0}, {0x1100, 1, 0x9000}}, 2, EINVAL},
	{"region 0 and region 1 overlap at front-end address 0x9fff",
	 "region 0 and the new region overlap at front-end address 0x9fff",
	 {{0x10000, 4096, 0x9fff}, {0, 4096, 0x9000}},
	 2,
	 EINVAL},
	{"region 0: the file has 8192 bytes, the region ends at 8193", NULL, {{0, 8193, 0}}, 1, EINVAL},
	{"region 1: the file has 8192 bytes, the region ends at 8193",
	 "the new region: the file has 8192 bytes, the region ends at 8193",
	 {{0, 4096, 0}, {4096, 4097, 4096, 4096}},
	 2,
	 EINVAL},
	{"region 0: the file has 8192 bytes, the region ends at 9223372036854775809",
	 NULL,
	 {{0, HALF, 0, 1}},
	 1,
	 EINVAL},
	{"region 0: no descriptor", NULL, {{0, 4096, 0, 0, NONE}}, 1, EINVAL},
	{"region 1: the descriptor is read-only",
	 "the new region: the descriptor is read-only",
	 {{0, 4096, 0}, {4096, 4096, 4096, 0, READ_ONLY}, {8192, 4096, 8192}},
	 2,
	 EINVAL},
	{"region 0: the descriptor is write-only", NULL, {{0, 4096, 0, 0, WRITE_ONLY}, {4096, 4096, 4096}}, 2, EINVAL},
	{"region 0: the descriptor is not of a file", NULL, {{0, 4096, 0, 0, PIPE}}, 1, EINVAL},
	{"region 0: the descriptor is not of a file", NULL, {{0, 4096, 0, 0, DIRECTORY}}, 1, EINVAL},
	{"region 0: mmap: Operation not permitted", NULL, {{0, 4096, 0, 0, SEALED}}, 1, EPERM},
};

static void open_bad(const struct bad *bad, struct hd_region_spec specs[3])
{
	for (uint32_t i = 0; i < bad->n; i++)
		specs[i] = (struct hd_region_spec){bad->region[i].gpa, bad->region[i].size, bad->region[i].uva,
						   bad->region[i].offset, open_kind(bad->region[i].kind)};
}

START_TEST(says_what_is_wrong)
{
	unsigned int descriptors = descriptors_open();
	const struct bad *bad = &bads[_i];
	char reason[HD_MEMORY_REASON_MAX] = "";
	struct hd_region_spec specs[3];
	struct hd_memory *memory = NULL;

	open_bad(bad, specs);
	ck_assert_int_eq(hd_memory_create(specs, bad->n, &memory, reason), -bad->err);
	ck_assert_str_eq(reason, bad->reason);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	ck_assert_uint_eq(count_mappings(), 0);
	if (bad->added == NULL)
		return;
	open_bad(bad, specs);
	if (bad->n > 1)
		memory = make(specs, bad->n - 1);
	ck_assert_int_eq(hd_memory_add(memory, &specs[bad->n - 1], &(struct hd_memory *){NULL}, reason), -bad->err);
	ck_assert_str_eq(reason, bad->added);
	hd_memory_destroy(memory);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	ck_assert_uint_eq(count_mappings(), 0);
}
END_TEST

/* Odd offsets and sizes; the file says where it went. */
START_TEST(maps_unaligned_offsets)
{
	static const uint64_t offsets[] = {0, 1, 100, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE + 4000};
	static const uint64_t sizes[] = {1, 96, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 96};

	for (unsigned int i = 0; i < sizeof(offsets) / sizeof(offsets[0]) * (sizeof(sizes) / sizeof(sizes[0])); i++) {
		uint64_t offset = offsets[i % (sizeof(offsets) / sizeof(offsets[0]))], told;
		uint64_t size = sizes[i / (sizeof(offsets) / sizeof(offsets[0]))];
		struct hd_region_spec spec = {
			.gpa = 7, .size = size, .offset = offset, .fd = guest_file(offset + size)};
		struct hd_memory *memory = make(&spec, 1);
		uint8_t *host = memory->region[0].host, byte = 0;

		host[0] = 0xa1;
		host[size - 1] = 0xb2;
		ck_assert_int_eq(pread(spec.fd, &byte, 1, (off_t)offset), 1);
		ck_assert_uint_eq(byte, size == 1 ? 0xb2 : 0xa1);
		ck_assert_int_eq(pread(spec.fd, &byte, 1, (off_t)(offset + size - 1)), 1);
		ck_assert_uint_eq(byte, 0xb2);
		ck_assert_int_eq(hd_memory_fd(&memory->region[0], &told), spec.fd);
		ck_assert_uint_eq(told, offset);
		hd_memory_destroy(memory);
	}
	ck_assert_uint_eq(count_mappings(), 0);
}
END_TEST

START_TEST(maps_unaligned_offsets_in_huge_pages)
{
	int fd = memfd_create(GUEST_FILE, MFD_HUGETLB | MFD_HUGE_2MB);
	struct hd_memory *memory;
	uint8_t *bytes;

	if (fd < 0 || fallocate(fd, 0, 0, 3 * HUGE_PAGE) != 0) {
		printf("maps_unaligned_offsets_in_huge_pages: none are free, not tested\n");
		return;
	}
	bytes = mmap(NULL, 3 * HUGE_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(bytes, MAP_FAILED);
	memory = make(&(struct hd_region_spec){.offset = HUGE_PAGE + 3 * PAGE, .size = HUGE_PAGE, .fd = fd}, 1);
	memset(memory->region[0].host, 0xa1, HUGE_PAGE);
	ck_assert_uint_eq(bytes[HUGE_PAGE + 3 * PAGE - 1], 0);
	ck_assert_uint_eq(bytes[HUGE_PAGE + 3 * PAGE], 0xa1);
	ck_assert_uint_eq(bytes[2 * HUGE_PAGE + 3 * PAGE - 1], 0xa1);
	ck_assert_uint_eq(bytes[2 * HUGE_PAGE + 3 * PAGE], 0);
	hd_memory_destroy(memory);
	munmap(bytes, 3 * HUGE_PAGE);
	ck_assert_uint_eq(count_mappings(), 0);
}
END_TEST

START_TEST(shares_mappings)
{
	unsigned int descriptors = descriptors_open();
	struct hd_region_spec high = plain(0x100000, 2 * PAGE), low = plain(0x1000, PAGE);
	struct hd_memory *one = NULL, *two = NULL, *three = NULL, *none = NULL;
	char reason[HD_MEMORY_REASON_MAX] = "";

	ck_assert_int_eq(hd_memory_add(NULL, &high, &one, reason), 0);
	ck_assert_int_eq(hd_memory_add(one, &low, &two, reason), 0);
	ck_assert_uint_eq(one->n, 1);
	ck_assert_uint_eq(two->n, 2);
	ck_assert_uint_eq(two->region[0].gpa, 0x1000);
	ck_assert_uint_eq(count_mappings(), 2);
	one->region[0].host[5] = 0x77;
	ck_assert_uint_eq(two->region[1].host[5], 0x77);
	hd_memory_destroy(one);
	ck_assert_uint_eq(count_mappings(), 2);
	ck_assert_uint_eq(two->region[1].host[5], 0x77);

	ck_assert_int_eq(hd_memory_remove(two, low.gpa, low.size, low.uva, &three, reason), 0);
	ck_assert_uint_eq(count_mappings(), 2);
	ck_assert_uint_eq(three->n, 1);
	hd_memory_destroy(two);
	ck_assert_uint_eq(count_mappings(), 1);
	ck_assert_uint_eq(descriptors_open(), descriptors + 1);
	ck_assert_uint_eq(three->region[0].host[5], 0x77);

	ck_assert_int_eq(hd_memory_remove(three, high.gpa, high.size, high.uva, &none, reason), 0);
	hd_memory_destroy(three);
	ck_assert_uint_eq(none->n, 0);
	ck_assert(!hd_memory_holds_gpa(none, high.gpa, 1));
	hd_memory_destroy(none);
	hd_memory_destroy(NULL);
	ck_assert_uint_eq(count_mappings(), 0);
	ck_assert_uint_eq(descriptors_open(), descriptors);
}
END_TEST

START_TEST(removes_only_what_is_there)
{
	struct hd_region_spec spec = plain(0x1000, PAGE);
	struct hd_memory *memory = make(&spec, 1), *out = NULL;
	char reason[HD_MEMORY_REASON_MAX] = "";

	ck_assert_int_eq(hd_memory_remove(memory, spec.gpa + 1, spec.size, spec.uva, &out, reason), -EINVAL);
	ck_assert_int_eq(hd_memory_remove(memory, spec.gpa, spec.size, spec.uva + 1, &out, reason), -EINVAL);
	ck_assert_int_eq(hd_memory_remove(memory, spec.gpa, spec.size - 1, spec.uva, &out, reason), -EINVAL);
	ck_assert_str_eq(reason, "no region has guest address 0x1000, size 0xfff and front-end address 0x10000001000");
	ck_assert_int_eq(hd_memory_remove(NULL, spec.gpa, spec.size, spec.uva, &out, reason), -EINVAL);
	ck_assert_ptr_null(out);
	hd_memory_destroy(memory);
}
END_TEST

/* All of one file, the last first. */
START_TEST(holds_509_regions)
{
	unsigned int descriptors = descriptors_open();
	struct hd_region_spec specs[HD_REGIONS_MAX + 1];
	int fd = guest_file(PAGE);
	char reason[HD_MEMORY_REASON_MAX] = "";
	struct hd_memory *memory, *out = NULL;
	struct hd_window window = {0};

	for (uint32_t i = 0; i <= HD_REGIONS_MAX; i++)
		specs[i] = (struct hd_region_spec){
			.gpa = (HD_REGIONS_MAX - i) * PAGE, .size = PAGE, .uva = i * PAGE, .fd = dup(fd)};
	memory = make(specs, HD_REGIONS_MAX);
	for (uint32_t i = 0; i < HD_REGIONS_MAX; i++) {
		uint64_t len = PAGE;

		ck_assert_ptr_eq(hd_memory_find(memory, &window, specs[i].gpa, &len),
				 hd_memory_at_uva(memory, specs[i].uva, PAGE));
		ck_assert_uint_eq(window.gpa, specs[i].gpa);
	}
	ck_assert_int_eq(hd_memory_add(memory, &specs[HD_REGIONS_MAX], &out, reason), -EINVAL);
	ck_assert_str_eq(reason, "the new region: there are 509 regions, no more may be");
	hd_memory_destroy(memory);
	ck_assert_uint_eq(descriptors_open(), descriptors + 1);

	for (uint32_t i = 0; i <= HD_REGIONS_MAX; i++)
		specs[i].fd = dup(fd);
	ck_assert_int_eq(hd_memory_create(specs, HD_REGIONS_MAX + 1, &out, reason), -EINVAL);
	ck_assert_str_eq(reason, "510 regions, 1 to 509 may be");
	ck_assert_uint_eq(descriptors_open(), descriptors + 1);
	close(fd);
}
END_TEST

#define RANDOM_REGIONS 20

/* The twin: the specs, asked one after the other. Which holds the byte, or n. */
static uint32_t holder(const struct hd_region_spec *specs, uint32_t n, uint64_t address, bool guest)
{
	uint32_t i = 0;

	while (i < n && !(address >= (guest ? specs[i].gpa : specs[i].uva) &&
			  address < (guest ? specs[i].gpa : specs[i].uva) + specs[i].size))
		i++;
	return i;
}

/* Regions in random order, at times adjacent, at the front-end's in the reverse order; each byte of the file knows its
 * region. */
static uint32_t random_specs(struct random *random, struct hd_region_spec *specs)
{
	uint32_t n = 1 + random_below(random, RANDOM_REGIONS);
	uint64_t gpa = random_below(random, 2) * PAGE, uva = 1ull << 47;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t size = 1 + random_below(random, 3 * PAGE);

		uva -= size + random_below(random, 2) * random_below(random, 2 * PAGE);
		specs[i] = (struct hd_region_spec){.gpa = gpa, .size = size, .uva = uva, .fd = guest_file(size)};
		gpa += size + random_below(random, 2) * random_below(random, 2 * PAGE);
	}
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = random_below(random, i + 1);
		struct hd_region_spec other = specs[i];

		specs[i] = specs[j];
		specs[j] = other;
	}
	return n;
}

/* At edges more often than not. */
static uint64_t random_address(struct random *random, const struct hd_region_spec *specs, uint32_t n, bool guest)
{
	const struct hd_region_spec *spec = &specs[random_below(random, n)];
	uint64_t start = guest ? spec->gpa : spec->uva;

	switch (random_below(random, 4)) {
	case 0:
		return start + spec->size - 2 + random_below(random, 4);
	case 1:
		return start - 2 + random_below(random, 4);
	case 2:
		return random_next(random);
	default:
		return start + random_below(random, (uint32_t)spec->size);
	}
}

static uint64_t random_length(struct random *random)
{
	return random_below(random, 8) == 0 ? random_next(random) : random_below(random, 2 * PAGE);
}

static void compare(struct random *random, const struct hd_region_spec *specs, uint32_t n,
		    const struct hd_memory *memory, uint8_t *const *hosts, struct hd_window *window)
{
	uint64_t gpa = random_address(random, specs, n, true), uva = random_address(random, specs, n, false);
	uint64_t len = random_length(random), found_len = len, left;
	uint32_t i = holder(specs, n, gpa, true), j = holder(specs, n, uva, false);
	uint8_t *at = hd_window_at(window, gpa, len);

	/* A window gives all of it or nothing; what it gives is what the table gives. */
	left = i < n ? specs[i].gpa + specs[i].size - gpa : 0;
	if (at != NULL)
		ck_assert(i < n && len <= left && at == hosts[i] + (gpa - specs[i].gpa));
	else
		ck_assert(i == n || len > left || window->gpa != specs[i].gpa || window->size == 0);
	ck_assert_int_eq(hd_memory_holds_gpa(memory, gpa, len), i < n && len <= left);

	at = hd_memory_find(memory, window, gpa, &found_len);
	ck_assert_ptr_eq(at, i < n ? hosts[i] + (gpa - specs[i].gpa) : NULL);
	if (i < n) {
		ck_assert_uint_eq(found_len, len < left ? len : left);
		ck_assert_uint_eq(window->gpa, specs[i].gpa);
		ck_assert_ptr_eq(hd_window_at(window, gpa, found_len), at);
	}

	at = hd_memory_at_uva(memory, uva, len);
	left = j < n ? specs[j].uva + specs[j].size - uva : 0;
	ck_assert_ptr_eq(at, j < n && len <= left ? hosts[j] + (uva - specs[j].uva) : NULL);
}

START_TEST(agrees_with_a_plain_table)
{
	struct hd_region_spec specs[RANDOM_REGIONS];
	uint8_t *hosts[RANDOM_REGIONS] = {NULL};
	struct random random;

	random_start(&random, "agrees_with_a_plain_table");
	for (int round = 0; round < 100; round++) {
		uint32_t n = random_specs(&random, specs);
		struct hd_memory *memory;
		struct hd_window window = {0};

		/* By their content, not by what the table says of itself. */
		for (uint32_t i = 0; i < n; i++)
			ck_assert_int_eq(pwrite(specs[i].fd, &(uint8_t){(uint8_t)(i + 1)}, 1, 0), 1);
		memory = make(specs, n);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t i = memory->region[k].host[0] - 1u;

			ck_assert_uint_lt(i, n);
			hosts[i] = memory->region[k].host;
			ck_assert(k == 0 || memory->region[k - 1].gpa < memory->region[k].gpa);
		}
		for (int i = 0; i < 2000; i++)
			compare(&random, specs, n, memory, hosts, &window);
		hd_memory_destroy(memory);
	}
	ck_assert_uint_eq(count_mappings(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tables = tcase_create("tables"), *translation = tcase_create("translation");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tables, says_what_is_wrong, 0, sizeof(bads) / sizeof(bads[0]));
	tcase_add_test(tables, maps_unaligned_offsets);
	tcase_add_test(tables, maps_unaligned_offsets_in_huge_pages);
	tcase_add_test(tables, shares_mappings);
	tcase_add_test(tables, removes_only_what_is_there);
	tcase_add_test(translation, holds_509_regions);
	tcase_add_test(translation, agrees_with_a_plain_table);
	suite_add_tcase(suite, tables);
	suite_add_tcase(suite, translation);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
