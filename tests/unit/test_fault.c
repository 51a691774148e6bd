/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests what becomes of us when a front-end truncates the file behind its memory. Each test is a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "dirty_log.h"
#include "fault.h"
#include "guest_file.h"
#include "memory.h"

#define PAGE 4096u
#define SIZE (64 * PAGE)
#define HUGE_PAGE (2u << 20)
#define SECONDS 20 /* until a test gives up */

/* One region at 0 of a copy of fd. */
static struct hd_memory *make_memory(int fd, uint64_t size)
{
	struct hd_region_spec spec = {.size = size, .fd = dup(fd)};
	char reason[HD_MEMORY_REASON_MAX] = "";
	struct hd_memory *memory = NULL;

	ck_assert_msg(hd_memory_create(&spec, 1, &memory, reason) == 0, "%s", reason);
	memset(memory->region[0].host, 0x5a, size);
	return memory;
}

static bool all_are(const uint8_t *bytes, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

struct reader {
	const volatile uint8_t *byte;
	_Atomic bool started, saw_zero;
};

static void *read_until_zero(void *argument)
{
	struct reader *reader = argument;
	time_t end = time(NULL) + SECONDS;

	while (*reader->byte == 0x5a && time(NULL) < end)
		reader->started = true;
	reader->saw_zero = *reader->byte == 0;
	return NULL;
}

/* Two threads in the memory while it goes, and a third that comes late. */
START_TEST(reads_zeros_from_a_truncated_file)
{
	int fd = guest_file(SIZE), other_fd = guest_file(SIZE);
	struct hd_memory *memory = make_memory(fd, SIZE), *other = make_memory(other_fd, SIZE);
	uint8_t *host = memory->region[0].host;
	struct reader readers[2] = {{.byte = host + 5 * PAGE}, {.byte = host + SIZE - 1}};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_until_zero, &readers[i]), 0);
	while (!readers[0].started || !readers[1].started)
		sched_yield();
	ck_assert(!hd_memory_poisoned(memory));
	ck_assert_int_eq(ftruncate(fd, PAGE), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(readers[i].saw_zero);
	}
	ck_assert(hd_memory_poisoned(memory));
	ck_assert(all_are(host, SIZE, 0));
	memset(host, 1, SIZE);
	ck_assert(all_are(host, SIZE, 1));

	ck_assert(!hd_memory_poisoned(other));
	ck_assert(all_are(other->region[0].host, SIZE, 0x5a));
	hd_memory_destroy(memory);
	hd_memory_destroy(other);
	ck_assert_uint_eq(count_mappings(), 0);
	close(fd);
	close(other_fd);
}
END_TEST

START_TEST(poisons_every_table_that_shares)
{
	int fd = guest_file(SIZE);
	struct hd_memory *memory = make_memory(fd, SIZE), *more = NULL, *less = NULL;
	struct hd_region_spec spec = {.gpa = SIZE, .size = SIZE, .uva = SIZE, .fd = guest_file(SIZE)};
	char reason[HD_MEMORY_REASON_MAX];

	ck_assert_int_eq(hd_memory_add(memory, &spec, &more, reason), 0);
	ck_assert_int_eq(hd_memory_remove(more, 0, SIZE, 0, &less, reason), 0);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	memory->region[0].host[PAGE] = 1; /* a write faults too */
	ck_assert(hd_memory_poisoned(memory));
	ck_assert(hd_memory_poisoned(more));
	ck_assert(!hd_memory_poisoned(less));
	ck_assert(!hd_memory_poisoned(NULL));
	hd_memory_destroy(memory);
	hd_memory_destroy(more);
	hd_memory_destroy(less);
	close(fd);
}
END_TEST

START_TEST(marks_pages_in_a_truncated_log)
{
	struct hd_dirty_log *log = NULL;
	int fd = guest_file(SIZE);

	ck_assert_int_eq(hd_dirty_log_create(dup(fd), SIZE, 0, &log), 0);
	hd_dirty_log_mark(log, 0, 1);
	ck_assert(!hd_dirty_log_poisoned(log));
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	hd_dirty_log_mark(log, 0, 1);
	ck_assert(hd_dirty_log_poisoned(log));
	ck_assert(!hd_dirty_log_poisoned(NULL));
	hd_dirty_log_destroy(log);
	close(fd);
}
END_TEST

/* Ordinary pages must be able to take the place of huge ones. Passes untested where no huge pages are free. */
START_TEST(replaces_huge_pages)
{
	int fd = memfd_create(GUEST_FILE, MFD_HUGETLB | MFD_HUGE_2MB);
	struct hd_memory *memory;

	if (fd < 0 || fallocate(fd, 0, 0, 4 * HUGE_PAGE) != 0) {
		printf("replaces_huge_pages: none are free, not tested\n");
		return;
	}
	/* From within a huge page to within another. */
	struct hd_region_spec spec = {.size = 3 * HUGE_PAGE - PAGE, .offset = 3 * PAGE, .fd = dup(fd)};
	char reason[HD_MEMORY_REASON_MAX] = "";

	ck_assert_msg(hd_memory_create(&spec, 1, &memory, reason) == 0, "%s", reason);
	memset(memory->region[0].host, 0x5a, spec.size);
	ck_assert_int_eq(ftruncate(fd, HUGE_PAGE), 0);
	ck_assert_uint_eq(memory->region[0].host[2 * HUGE_PAGE], 0);
	ck_assert(hd_memory_poisoned(memory));
	ck_assert(all_are(memory->region[0].host, spec.size, 0));
	hd_memory_destroy(memory);
	ck_assert_uint_eq(count_mappings(), 0);
	close(fd);
}
END_TEST

static void fault_elsewhere(void)
{
	int fd = guest_file(PAGE);
	volatile uint8_t *bytes = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	if (ftruncate(fd, 0) == 0)
		(void)bytes[0];
}

static void fault_after_forgetting(void)
{
	int fd = guest_file(PAGE);
	volatile uint8_t *bytes = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	_Atomic bool flag = false;

	if (hd_fault_watch((void *)(uintptr_t)bytes, PAGE, &flag) != 0)
		return;
	hd_fault_forget((void *)(uintptr_t)bytes);
	if (ftruncate(fd, 0) == 0)
		(void)bytes[0];
}

static void send_to_oneself(void)
{
	raise(SIGBUS);
}

static void (*const deaths[])(void) = {fault_elsewhere, fault_after_forgetting, send_to_oneself};

/* With a watched mapping nearby, which must not count. */
START_TEST(dies_of_other_faults)
{
	int fd = guest_file(SIZE), status;
	struct hd_memory *memory = make_memory(fd, SIZE);
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		deaths[_i]();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "status 0x%x", status);
	hd_memory_destroy(memory);
	close(fd);
}
END_TEST

START_TEST(watches_as_many_as_there_is_room_for)
{
	static _Atomic bool flag, last_flag;
	int fd = guest_file(PAGE);
	volatile uint8_t *bytes = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	/* Far from any address of ours, and never touched. */
	for (uintptr_t i = 1; i < HD_FAULT_WATCHES; i++)
		ck_assert_int_eq(hd_fault_watch((void *)(i << 48), PAGE, &flag), 0);
	ck_assert_int_eq(hd_fault_watch((void *)(uintptr_t)bytes, PAGE, &last_flag), 0);
	ck_assert_int_eq(hd_fault_watch((void *)PAGE, PAGE, &flag), -ENOSPC);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_uint_eq(bytes[0], 0);
	ck_assert(last_flag);
	hd_fault_forget((void *)(77ul << 48));
	hd_fault_forget((void *)(77ul << 48)); /* not there: nothing happens */
	ck_assert_int_eq(hd_fault_watch((void *)PAGE, PAGE, &flag), 0);
	ck_assert_int_eq(hd_fault_watch((void *)PAGE, PAGE, &flag), -ENOSPC);
	ck_assert(!flag);
	munmap((void *)(uintptr_t)bytes, PAGE);
	close(fd);
}
END_TEST

#define VICTIMS 16
#define ROUNDS 2000 /* of a fault of each, while the table changes */

struct victims {
	uint8_t *base;
	int fd;
	_Atomic bool done;
	unsigned int wrong; /* bytes, or rounds that could not be */
};

static void *touch_all(void *argument)
{
	struct victims *victims = argument;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		if (mmap(victims->base, VICTIMS * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, victims->fd, 0) ==
		    MAP_FAILED)
			victims->wrong++;
		for (unsigned int i = 0; i < VICTIMS; i++)
			victims->wrong += ((volatile uint8_t *)victims->base)[i * PAGE];
	}
	victims->done = true;
	return NULL;
}

/*
 * Handlers find their entries while the one before them changes all the time, between a small range before everything
 * and a large one elsewhere. One's base with the other's size would be all of the arena: the canary would be wiped.
 * (The moment for that is too short to be met here: this does not prove that versions are compared.)
 *
 *   arena: | decoy's page | canary ... | victims, a page each |
 */
START_TEST(finds_entries_while_others_change)
{
	static _Atomic bool decoy, flags[VICTIMS];
	size_t arena_size = (1 + SIZE / PAGE + VICTIMS) * (size_t)PAGE;
	uint8_t *arena = mmap(NULL, arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *elsewhere = (uint8_t *)(1ul << 48);
	struct victims victims = {.base = arena + PAGE + SIZE, .fd = guest_file(0)};
	pthread_t thread;

	memset(arena, 0x5a, PAGE + SIZE);
	ck_assert_int_eq(hd_fault_watch(arena, PAGE, &decoy), 0);
	for (unsigned int i = 0; i < VICTIMS; i++)
		ck_assert_int_eq(hd_fault_watch(victims.base + i * PAGE, PAGE, &flags[i]), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, touch_all, &victims), 0);
	while (!victims.done) {
		hd_fault_forget(arena);
		ck_assert_int_eq(hd_fault_watch(elsewhere, arena_size, &decoy), 0);
		hd_fault_forget(elsewhere);
		ck_assert_int_eq(hd_fault_watch(arena, PAGE, &decoy), 0);
	}
	pthread_join(thread, NULL);
	ck_assert_uint_eq(victims.wrong, 0);
	ck_assert(!decoy);
	for (unsigned int i = 0; i < VICTIMS; i++)
		ck_assert_msg(flags[i], "victim %u", i);
	ck_assert(all_are(arena, PAGE + SIZE, 0x5a));
	munmap(arena, arena_size);
	close(victims.fd);
}
END_TEST

static void init(void)
{
	ck_assert_int_eq(hd_fault_init(), 0);
}

int main(void)
{
	Suite *suite = suite_create("fault");
	TCase *faults = tcase_create("faults");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(faults, 2 * SECONDS);
	tcase_add_checked_fixture(faults, init, NULL);
	tcase_add_test(faults, reads_zeros_from_a_truncated_file);
	tcase_add_test(faults, poisons_every_table_that_shares);
	tcase_add_test(faults, marks_pages_in_a_truncated_log);
	tcase_add_test(faults, replaces_huge_pages);
	tcase_add_loop_test(faults, dies_of_other_faults, 0, sizeof(deaths) / sizeof(deaths[0]));
	tcase_add_test(faults, watches_as_many_as_there_is_room_for);
	tcase_add_test(faults, finds_entries_while_others_change);
	suite_add_tcase(suite, faults);
	srunner_set_fork_status(runner, CK_FORK); /* whoever dies of SIGBUS after all, dies alone */
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
