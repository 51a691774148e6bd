/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests the dirty page log against a plain array of pages, and what the front-end then reads in its file. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "descriptors.h"
#include "dirty_log.h"
#include "guest_file.h"
#include "random.h"

#define PAGE 4096ull
#define LOG_BYTES 1000u
#define PAGES (LOG_BYTES * 8u)

static struct hd_dirty_log *make_log(int fd, uint64_t size, uint64_t offset)
{
	struct hd_dirty_log *log = NULL;

	ck_assert_int_eq(hd_dirty_log_create(fd, size, offset, &log), 0);
	ck_assert_uint_eq(log->size, size);
	return log;
}

/* The twin: each page asked whether it has a byte of the range. */
static void mark_plainly(bool *dirty, uint64_t gpa, uint64_t len)
{
	for (uint64_t page = 0; page < PAGES; page++)
		dirty[page] |= len > 0 && gpa < (page + 1) * PAGE && gpa + len > page * PAGE;
}

static void check_file(int fd, uint64_t offset, const bool *dirty)
{
	uint8_t bytes[LOG_BYTES + 1], expected[LOG_BYTES + 1] = {0}; /* what follows the log is not ours */

	for (uint32_t page = 0; page < PAGES; page++)
		expected[page / 8] |= (uint8_t)(dirty[page] << page % 8);
	ck_assert_int_eq(pread(fd, bytes, sizeof(bytes), (off_t)offset), sizeof(bytes));
	ck_assert_mem_eq(bytes, expected, sizeof(bytes));
	if (offset > 0) {
		ck_assert_int_eq(pread(fd, bytes, 1, (off_t)offset - 1), 1);
		ck_assert_uint_eq(bytes[0], 0);
	}
}

static const struct {
	uint64_t gpa, len;
} ranges[] = {
	{0, 0},
	{0, 1},
	{PAGE - 1, 1},
	{PAGE - 1, 2},
	{PAGE, PAGE},
	{PAGE * 7, PAGE * 2},
	{PAGE * 9 + 5, PAGE * 30},
	{PAGE * (PAGES - 1), PAGE},
	{PAGE * (PAGES - 1), PAGE + 1},
	{PAGE * (PAGES - 2), PAGE * 100},
	{PAGE * PAGES, 1},
	{PAGE * PAGES - 1, 1},
	{PAGE * (PAGES + 8), PAGE * 9},
	{UINT64_MAX - PAGE, PAGE},
	{0, UINT64_MAX},
};

START_TEST(marks_pages)
{
	static const uint64_t offsets[] = {0, 1, PAGE, PAGE + 77};

	for (unsigned int i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		int fd = guest_file(offsets[i] + LOG_BYTES + 1);
		struct hd_dirty_log *log = make_log(dup(fd), LOG_BYTES, offsets[i]);
		bool dirty[PAGES] = {false};

		hd_dirty_log_mark(log, ranges[_i].gpa, ranges[_i].len);
		mark_plainly(dirty, ranges[_i].gpa, ranges[_i].len);
		check_file(fd, offsets[i], dirty);
		hd_dirty_log_destroy(log);
		close(fd);
	}
}
END_TEST

/* A range whose end is no address, as a front-end may give one for a ring: nothing, or something, but not for ever. */
START_TEST(survives_a_range_that_wraps)
{
	struct hd_dirty_log *log = make_log(guest_file(LOG_BYTES), LOG_BYTES, 0);

	hd_dirty_log_mark(log, UINT64_MAX - 10, 100);
	hd_dirty_log_mark(log, UINT64_MAX, UINT64_MAX);
	hd_dirty_log_destroy(log);
}
END_TEST

START_TEST(agrees_with_plain_pages)
{
	struct random random;

	random_start(&random, "agrees_with_plain_pages");
	for (int round = 0; round < 30; round++) {
		uint64_t offset = random_below(&random, 3 * PAGE);
		int fd = guest_file(offset + LOG_BYTES + 1);
		struct hd_dirty_log *log = make_log(dup(fd), LOG_BYTES, offset);
		bool dirty[PAGES] = {false};

		for (int i = 0; i < 50; i++) {
			uint64_t gpa = random_next(&random) % ((PAGES + 64) * PAGE);
			uint64_t len = random_next(&random) % (PAGE << random_below(&random, 8));

			hd_dirty_log_mark(log, gpa, len);
			mark_plainly(dirty, gpa, len);
		}
		check_file(fd, offset, dirty);
		hd_dirty_log_destroy(log);
		close(fd);
	}
}
END_TEST

struct setter {
	struct hd_dirty_log *log;
	pthread_barrier_t *barrier;
	unsigned int remainder; /* of the pages it marks, by 2 */
};

static void *set_alternate_pages(void *argument)
{
	struct setter *setter = argument;

	pthread_barrier_wait(setter->barrier);
	for (uint64_t page = setter->remainder; page < PAGES; page += 2)
		hd_dirty_log_mark(setter->log, page * PAGE + 17, 1);
	return NULL;
}

/* Both write every byte of the log, as two back-ends of a guest do: through mappings of their own. */
START_TEST(loses_no_bit_of_two_writers)
{
	bool dirty[PAGES];

	memset(dirty, true, sizeof(dirty));
	for (int round = 0; round < 200; round++) {
		int fd = guest_file(LOG_BYTES + 1);
		pthread_barrier_t barrier;
		struct setter setters[2];
		pthread_t threads[2];

		pthread_barrier_init(&barrier, NULL, 2);
		for (unsigned int i = 0; i < 2; i++) {
			setters[i] = (struct setter){make_log(dup(fd), LOG_BYTES, 0), &barrier, i};
			ck_assert_int_eq(pthread_create(&threads[i], NULL, set_alternate_pages, &setters[i]), 0);
		}
		for (unsigned int i = 0; i < 2; i++) {
			pthread_join(threads[i], NULL);
			hd_dirty_log_destroy(setters[i].log);
		}
		check_file(fd, 0, dirty);
		pthread_barrier_destroy(&barrier);
		close(fd);
	}
}
END_TEST

static const struct {
	uint64_t file, size, offset;
} bad[] = {
	{LOG_BYTES, LOG_BYTES + 1, 0},
	{LOG_BYTES, LOG_BYTES, 1},
	{LOG_BYTES, 1, LOG_BYTES},
	{LOG_BYTES, 0, 0},
	{0, 1, 0},
	{LOG_BYTES, LOG_BYTES, UINT64_MAX - 10},
	{LOG_BYTES, UINT64_MAX, 1},
	{LOG_BYTES, UINT64_MAX, 0},
	{LOG_BYTES, 1ull << 63, 1ull << 63},
};

START_TEST(refuses_logs_that_do_not_fit)
{
	unsigned int descriptors = descriptors_open();
	struct hd_dirty_log *log;

	ck_assert_int_eq(hd_dirty_log_create(guest_file(bad[_i].file), bad[_i].size, bad[_i].offset, &log), -EINVAL);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	ck_assert_uint_eq(count_mappings(), 0);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
	unsigned int descriptors = descriptors_open();
	struct hd_dirty_log *log;
	int pipes[2];

	ck_assert_int_eq(hd_dirty_log_create(-1, LOG_BYTES, 0, &log), -EINVAL);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(hd_dirty_log_create(pipes[0], LOG_BYTES, 0, &log), -EINVAL);
	close(pipes[1]);
	ck_assert_int_eq(hd_dirty_log_create(open("/proc/self/exe", O_RDONLY), 1, 0, &log), -EINVAL);
	ck_assert_uint_eq(descriptors_open(), descriptors);
}
END_TEST

START_TEST(leaves_nothing_behind)
{
	unsigned int descriptors = descriptors_open();
	struct hd_dirty_log *log = make_log(guest_file(LOG_BYTES), LOG_BYTES, 0);

	ck_assert_uint_eq(descriptors_open(), descriptors + 1);
	ck_assert_uint_eq(count_mappings(), 1);
	hd_dirty_log_destroy(log);
	hd_dirty_log_destroy(NULL);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	ck_assert_uint_eq(count_mappings(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dirty_log");
	TCase *marking = tcase_create("marking"), *files = tcase_create("files");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(marking, 60);
	tcase_add_loop_test(marking, marks_pages, 0, sizeof(ranges) / sizeof(ranges[0]));
	tcase_add_test(marking, survives_a_range_that_wraps);
	tcase_add_test(marking, agrees_with_plain_pages);
	tcase_add_test(marking, loses_no_bit_of_two_writers);
	tcase_add_loop_test(files, refuses_logs_that_do_not_fit, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(files, refuses_what_is_no_file);
	tcase_add_test(files, leaves_nothing_behind);
	suite_add_tcase(suite, marking);
	suite_add_tcase(suite, files);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
