/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests a session that goes from one process to the next: written down, and made anew from that. */
#include <check.h>

#include "eal.h"
#include "fault.h"
#include "session_world.h"

/* A session that runs, its image in `image`, and the session reset as its process would leave it. */
static void hand_over(struct hd_session_image *image, int log)
{
	world_used(1)->idx = 1000;
	world_start(SPLIT | LOGGING);
	ck_assert_int_eq(ask(memory_message(2, GPA, UVA)), 0);
	ck_assert_int_eq(ask_log(log, LOG_SIZE, 64), 1);
	ck_assert_int_eq(ask_addr(1, 1 << VHOST_VRING_F_LOG), 0);
	ck_assert_int_eq(ask_state(HD_SET_VRING_ENABLE, 0, 0), 0);
	ck_assert_int_eq(ask_u64(HD_NET_SET_MTU, 1400), 0);
	ck_assert_int_eq(ask_u64(HD_SET_STATUS, 15), 0);
	hd_vring_break(world.ring[0], HD_VRING_NEXT);
	ck_assert_int_eq(hd_session_export(&world.session, image), 0);
	ck_assert(!hd_session_running(&world.session));
}

static void expect_same_ring(const struct hd_session_ring *ring, const struct hd_session_ring *was)
{
	ck_assert_uint_eq(ring->desc_uva, was->desc_uva);
	ck_assert_uint_eq(ring->avail_uva, was->avail_uva);
	ck_assert_uint_eq(ring->used_uva, was->used_uva);
	ck_assert_uint_eq(ring->log_gpa, was->log_gpa);
	ck_assert_uint_eq(ring->size, was->size);
	ck_assert_uint_eq(ring->base, was->base);
	ck_assert_int_eq(ring->kick >= 0, was->kick >= 0);
	ck_assert_int_eq(ring->call >= 0, was->call >= 0);
	ck_assert_int_eq(ring->error >= 0, was->error >= 0);
	ck_assert(ring->sized == was->sized && ring->placed == was->placed && ring->based == was->based);
	ck_assert(ring->kicked == was->kicked && ring->log == was->log && ring->enabled == was->enabled);
	ck_assert(ring->failed == was->failed);
}

START_TEST(test_image)
{
	struct hd_session_image image;
	struct hd_session_ring was[RINGS];
	int log = world_file(LOG_SIZE + 64);
	unsigned int changes;
	uint8_t byte = 0;
	uint64_t one = 1;

	hand_over(&image, log);
	ck_assert_uint_eq(image.n_fds, 2 + 1 + 2 * 3);
	memcpy(was, world.session.ring, sizeof(was));
	changes = world.changes;
	hd_session_reset(&world.session);
	ck_assert_int_eq(hd_session_import(&world.session, &image), 0);
	hd_session_image_free(&image);
	ck_assert_uint_gt(world.changes, changes);
	for (unsigned int i = 0; i < RINGS; i++)
		expect_same_ring(&world.session.ring[i], &was[i]);
	ck_assert_uint_eq(world.session.features, SPLIT | LOGGING);
	ck_assert_uint_eq(world.session.protocol_features, ALL_PROTOCOL);
	ck_assert_uint_eq(world.session.mtu, 1400);
	ck_assert_uint_eq(world.session.status, 15);
	ck_assert(world.session.owned && world.session.features_set);
	ck_assert_uint_eq(world.session.memory->n, 2);
	/* Ring 0 was broken and stays so; ring 1 goes on where it was, with its files and its log. */
	ck_assert_ptr_null(world.ring[0]);
	ck_assert(hd_session_ring_usable(&world.session, 1));
	ck_assert_uint_eq(world.ring[1]->last_avail, 1000);
	ck_assert_int_eq(write(world.ring[1]->call, &one, sizeof(one)), sizeof(one));
	ck_assert(world_signalled(world.event[1][1]));
	ck_assert(!world_signalled(world.event[1][2]));
	hd_dirty_log_mark(world.ring[1]->log, 0, 1);
	ck_assert_int_eq(pread(log, &byte, 1, 64), 1);
	ck_assert_uint_eq(byte & 1, 1);
	ck_assert_int_eq(fcntl(world.session.ring[1].kick, F_GETFD), FD_CLOEXEC);
	close(log);
}
END_TEST

/* Of packed rings the index and the wrap counters go along: nothing in the guest's memory has them. */
START_TEST(test_image_packed)
{
	struct hd_session_image image;

	world_start(PACKED);
	world.ring[1]->last_avail = world.ring[1]->last_used = 33;
	world.ring[1]->avail_wrap = world.ring[1]->used_wrap = false;
	ck_assert_int_eq(hd_session_export(&world.session, &image), 0);
	hd_session_reset(&world.session);
	ck_assert_int_eq(hd_session_import(&world.session, &image), 0);
	ck_assert_uint_eq(world.ring[1]->last_avail, 33);
	ck_assert(!world.ring[1]->avail_wrap);
	hd_session_image_free(&image);
}
END_TEST

/* An image of nothing: a front-end that has connected and not said a word. */
START_TEST(test_image_empty)
{
	struct hd_session_image image;

	ck_assert_int_eq(hd_session_export(&world.session, &image), 0);
	ck_assert_uint_eq(image.n_fds, 0);
	ck_assert_int_eq(hd_session_import(&world.session, &image), 0);
	ck_assert(!world.session.features_set && world.session.memory == NULL);
	hd_session_image_free(&image);
}
END_TEST

/* What is not an image, or not one for this port, changes nothing and leaks nothing. */
START_TEST(test_bad_image)
{
	static const struct {
		const char *reason;
		size_t at; /* this byte of the head is changed */
		uint8_t flip;
	} bad[] = {
		{"not the image", 0, 1},      {"version", 8, 2},
		{"wrong size", 12, 4},        {"no longer offered", 16, 1},
		{"no longer offered", 28, 1}, {"wrong size", 48, 1},
		{"queue pairs", 52, 4},
	};
	struct hd_session_image image;
	int log = world_file(LOG_SIZE + 64);

	hand_over(&image, log);
	hd_session_reset(&world.session);
	((uint8_t *)image.bytes)[bad[_i % 7].at] ^= bad[_i % 7].flip;
	if (_i == 7) {
		((uint8_t *)image.bytes)[bad[0].at] ^= bad[0].flip;
		image.size = 20;
	}
	if (_i == 8) {
		((uint8_t *)image.bytes)[bad[1].at] ^= bad[1].flip;
		close(image.fds[--image.n_fds]);
	}
	ck_assert_int_eq(hd_session_import(&world.session, &image), -EINVAL);
	expect_reason(_i < 7 ? bad[_i].reason : _i == 7 ? "not the image" : "8 descriptors instead of 9");
	ck_assert(!hd_session_running(&world.session) && world.session.memory == NULL);
	hd_session_image_free(&image);
	close(log);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_image");
	SRunner *runner = srunner_create(suite);
	TCase *tcase = tcase_create("image");
	int failed;

	eal_start();
	if (hd_fault_init() != 0)
		return 1;
	tcase_add_checked_fixture(tcase, world_setup, world_teardown);
	tcase_add_test(tcase, test_image);
	tcase_add_test(tcase, test_image_packed);
	tcase_add_test(tcase, test_image_empty);
	tcase_add_loop_test(tcase, test_bad_image, 0, 9);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
