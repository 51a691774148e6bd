/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests what a well-behaved front-end can do to a session, from the handshake to the next front-end. */
#include <check.h>

#include "eal.h"
#include "fault.h"
#include "session_world.h"

START_TEST(test_handshake)
{
	ck_assert_uint_eq(get_u64(HD_GET_FEATURES), OFFER | LOGGING | BIT(HD_F_PROTOCOL_FEATURES));
	ck_assert_uint_eq(get_u64(HD_GET_PROTOCOL_FEATURES), ALL_PROTOCOL);
	world_agree(SPLIT, ALL_PROTOCOL);
	ck_assert(world.session.owned);
	ck_assert_uint_eq(world.session.features, SPLIT);
	ck_assert_uint_eq(get_u64(HD_GET_QUEUE_NUM), QUEUE_PAIRS);
	ck_assert_uint_eq(get_u64(HD_GET_MAX_MEM_SLOTS), 509);
	ck_assert_uint_eq(get_u64(HD_GET_STATUS), 0);
	ck_assert_int_eq(ask_u64(HD_SET_STATUS, 15), 0);
	ck_assert_uint_eq(get_u64(HD_GET_STATUS), 15);
	ck_assert_int_eq(ask_u64(HD_NET_SET_MTU, 9000), 0);
	ck_assert_uint_eq(world.session.mtu, 9000);
	ck_assert_int_eq(ask_u64(HD_NET_SET_MTU, 68), 0);
	ck_assert_int_eq(ask_u64(HD_NET_SET_MTU, 65535), 0);
	ck_assert_ptr_null(hd_session_request_name(99));
	ck_assert_str_eq(hd_session_request_name(HD_SET_VRING_NUM), "SET_VRING_NUM");
}
END_TEST

START_TEST(test_too_many_queues)
{
	struct hd_session session;

	ck_assert_int_eq(hd_session_init(&session, &world_ops, &world, "vm1", OFFER, 0, true), -EINVAL);
	ck_assert_int_eq(hd_session_init(&session, &world_ops, &world, "vm1", OFFER, 129, true), -EINVAL);
	ck_assert_int_eq(hd_session_init(&session, &world_ops, &world, "vm1", OFFER, 128, true), 0);
	hd_session_fini(&session);
}
END_TEST

/* Asked for or not, agreed upon or not; a request that answers answers once. */
START_TEST(test_acknowledgement)
{
	struct hd_message num = {
		.request = HD_SET_VRING_NUM, .flags = HD_MESSAGE_NEED_REPLY, .size = 8, .state = {.num = 64}};
	struct hd_message get = {.request = HD_GET_FEATURES, .flags = HD_MESSAGE_NEED_REPLY};

	world_agree(SPLIT, ALL_PROTOCOL & ~BIT(HD_PROTOCOL_REPLY_ACK));
	ck_assert_int_eq(ask(num), 0);
	ck_assert_int_eq(ask_u64(HD_SET_PROTOCOL_FEATURES, ALL_PROTOCOL), 0);
	ck_assert_int_eq(ask(num), 1);
	ck_assert_uint_eq(world.reply.size, 8);
	ck_assert_uint_eq(world.reply.u64, 0);
	ck_assert_int_eq(ask(get), 1);
	ck_assert_uint_eq(world.reply.u64, OFFER | LOGGING | BIT(HD_F_PROTOCOL_FEATURES));
	num.flags = 0;
	ck_assert_int_eq(ask(num), 0);
}
END_TEST

/* One of what a ring needs to run. */
static int provide(unsigned int what)
{
	switch (what) {
	case 0:
		return ask_u64(HD_SET_FEATURES, SPLIT);
	case 1:
		return ask_memory();
	case 2:
		return ask_state(HD_SET_VRING_NUM, 1, SIZE);
	case 3:
		return ask_addr(1, 0);
	default:
		return world_kick(1);
	}
}

/* Case 51: in whatever order they come, the ring runs when all are there, and not before. */
START_TEST(test_any_order)
{
	unsigned int rest = (unsigned int)_i, done = 0;

	for (unsigned int left = 5; left > 0; left--) {
		unsigned int pick = rest % left, what = 0;

		rest /= left;
		for (; (done & 1u << what) != 0 || pick > 0; what++)
			pick -= (done & 1u << what) == 0;
		ck_assert_ptr_null(world.ring[1]);
		ck_assert_int_eq(provide(what), 0);
		done |= 1u << what;
	}
	ck_assert_ptr_nonnull(world.ring[1]);
	ck_assert(hd_session_running(&world.session));
	ck_assert(!hd_session_ring_usable(&world.session, 1));
	ck_assert_int_eq(ask_state(HD_SET_VRING_ENABLE, 1, 1), 0);
	ck_assert(hd_session_ring_usable(&world.session, 1));
	ck_assert(!hd_session_ring_usable(&world.session, 0));
}
END_TEST

START_TEST(test_what_a_ring_is_made_of)
{
	world_start(SPLIT);
	for (unsigned int i = 0; i < 2; i++) {
		const struct hd_vring *ring = world.ring[i];

		/* Our mapping is another one: both see the same bytes. */
		((uint8_t *)ring->desc)[5] = (uint8_t)(0x50 + i);
		((uint8_t *)ring->avail)[5] = (uint8_t)(0x60 + i);
		((uint8_t *)ring->used)[5] = (uint8_t)(0x70 + i);
		ck_assert_uint_eq(world.guest[RING_AT(i) + 5], 0x50 + i);
		ck_assert_uint_eq(world.guest[RING_AT(i) + AVAIL + 5], 0x60 + i);
		ck_assert_uint_eq(world.guest[RING_AT(i) + USED + 5], 0x70 + i);
		ck_assert_uint_eq(ring->size, SIZE);
		ck_assert_int_ge(ring->call, 0);
		ck_assert(ring->enabled && !ring->packed && ring->log == NULL);
		/* Only rings that the guest receives from are sent on by several PMDs. */
		ck_assert_int_eq(ring->shared, i == 0);
	}
	ck_assert_uint_eq(world.graces, 0);
}
END_TEST

/* A front-end without protocol features can't enable a ring. */
START_TEST(test_enabled_from_the_start)
{
	world_agree(BIT(VIRTIO_F_VERSION_1), 0);
	ck_assert_int_eq(ask_memory(), 0);
	ck_assert_int_eq(ask_state(HD_SET_VRING_NUM, 1, SIZE), 0);
	ck_assert_int_eq(ask_addr(1, 0), 0);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert(hd_session_ring_usable(&world.session, 1));
	ck_assert(world.ring[1]->enabled);
}
END_TEST

START_TEST(test_enable)
{
	/* QEMU restores enabled rings before it sets features. */
	ck_assert_int_eq(ask_state(HD_SET_VRING_ENABLE, 3, 1), 0);
	world_start(SPLIT);
	ck_assert(world.session.ring[3].enabled);
	world.changes = 0;
	ck_assert_int_eq(ask_state(HD_SET_VRING_ENABLE, 1, 0), 0);
	ck_assert(!world.ring[1]->enabled);
	ck_assert_int_eq(ask_state(HD_SET_VRING_ENABLE, 1, 1), 0);
	ck_assert(world.ring[1]->enabled);
	ck_assert_uint_eq(world.changes, 2);
	ck_assert_uint_eq(world.graces, 0);
}
END_TEST

/* Case 54. The ring stands where the guest's memory says, and a new kick is needed. */
START_TEST(test_get_base)
{
	world_used(1)->idx = 77;
	world_start(SPLIT);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(ask_state(HD_GET_VRING_BASE, 1, 0), 1);
		ck_assert_uint_eq(world.reply.size, 8);
		ck_assert_uint_eq(world.reply.state.index, 1);
		ck_assert_uint_eq(world.reply.state.num, 77);
		ck_assert_ptr_null(world.ring[1]);
		ck_assert_ptr_nonnull(world.ring[0]);
		ck_assert_uint_eq(world.graces, 1);
	}
	ck_assert_int_eq(ask_state(HD_SET_VRING_BASE, 1, 77), 0);
	ck_assert_int_eq(ask_state(HD_SET_VRING_NUM, 1, 128), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_uint_eq(world.ring[1]->last_avail, 77);
	ck_assert_uint_eq(world.ring[1]->size, 128);
	ck_assert_int_ge(world.ring[1]->call, 0);
	ck_assert(world.ring[1]->enabled);
}
END_TEST

START_TEST(test_packed_base)
{
	world_start(PACKED);
	/* Never told: slot 0, and both wrap counters set. */
	ck_assert_uint_eq(world.ring[1]->last_avail, 0);
	ck_assert(world.ring[1]->avail_wrap && world.ring[1]->used_wrap);
	ck_assert_int_eq(ask_state(HD_GET_VRING_BASE, 1, 0), 1);
	ck_assert_uint_eq(world.reply.state.num, 0x80008000);
	ck_assert_int_eq(ask_state(HD_SET_VRING_BASE, 1, 0x00050005), 0);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_uint_eq(world.ring[1]->last_avail, 5);
	ck_assert(!world.ring[1]->avail_wrap);
	ck_assert_int_eq(ask_state(HD_GET_VRING_BASE, 1, 0), 1);
	ck_assert_uint_eq(world.reply.state.num, 0x00050005);
	/* A ring that never was set up. */
	ck_assert_int_eq(ask_state(HD_GET_VRING_BASE, 3, 0), 1);
	ck_assert_uint_eq(world.reply.state.num, 0x80008000);
	/* A size that no split ring may have. */
	ck_assert_int_eq(ask_state(HD_SET_VRING_NUM, 1, 200), 0);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_uint_eq(world.ring[1]->size, 200);
}
END_TEST

/* Case 47: all rings leave for one grace period and go on where they were, in the new memory. */
START_TEST(test_memory_on_live_rings)
{
	const struct hd_memory *former;

	world_used(0)->idx = 5;
	world_start(SPLIT);
	former = world.ring[0]->memory;
	ck_assert_int_eq(ask(memory_message(2, GPA, UVA)), 0);
	ck_assert_uint_eq(world.graces, 1);
	ck_assert_uint_eq(world.published, 4);
	ck_assert_ptr_ne(world.ring[0]->memory, former);
	ck_assert_uint_eq(world.ring[0]->memory->n, 2);
	ck_assert_uint_eq(world.ring[0]->last_avail, 5);
	ck_assert_ptr_eq(world.ring[1]->memory, world.session.memory);
}
END_TEST

/* Rings that no longer are in memory wait for memory that has them; the message is fine. */
START_TEST(test_memory_without_the_rings)
{
	world_start(SPLIT);
	ck_assert_int_eq(ask(memory_message(1, GPA, UVA + RING_AT(1))), 0);
	ck_assert_ptr_null(world.ring[0]);
	ck_assert_ptr_nonnull(world.ring[1]);
	ck_assert(world_signalled(world.event[0][2]));
	ck_assert(!world_signalled(world.event[1][2]));
	ck_assert_int_eq(ask_memory(), 0);
	ck_assert_ptr_nonnull(world.ring[0]);
	ck_assert_ptr_nonnull(world.ring[1]);
	ck_assert(!world_signalled(world.event[0][2]));
}
END_TEST

static int ask_region(uint32_t request, uint64_t number, int fd)
{
	struct hd_message message = {.request = request,
				     .size = 40,
				     .region = {.region = {.gpa = GPA + number * REGION_SIZE,
							   .size = REGION_SIZE,
							   .uva = UVA + number * REGION_SIZE,
							   .offset = number * REGION_SIZE}}};

	if (fd >= 0)
		message.fds[message.n_fds++] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return ask(message);
}

/* The way of QEMU with memory slots: no table, region after region. */
START_TEST(test_memory_slots)
{
	world_agree(SPLIT, ALL_PROTOCOL);
	world_prepare_ring(1);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_int_eq(ask_region(HD_ADD_MEM_REG, 1, world.memory), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert_int_eq(ask_region(HD_ADD_MEM_REG, 0, world.memory), 0);
	ck_assert_ptr_nonnull(world.ring[1]);
	ck_assert_uint_eq(world.ring[1]->memory->n, 2);
	/* Each region once a queue pair. */
	ck_assert_int_eq(ask_region(HD_ADD_MEM_REG, 0, world.memory), 0);
	ck_assert_uint_eq(world.ring[1]->memory->n, 2);
	ck_assert_int_eq(ask_region(HD_REM_MEM_REG, 1, -1), 0);
	ck_assert_int_eq(ask_region(HD_REM_MEM_REG, 1, -1), 0);
	ck_assert_uint_eq(world.ring[1]->memory->n, 1);
	/* As QEMU before 7.0 does, with the file. */
	ck_assert_int_eq(ask_region(HD_REM_MEM_REG, 0, world.memory), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert_int_eq(ask_region(HD_ADD_MEM_REG, 0, world.memory), 0);
	ck_assert_ptr_nonnull(world.ring[1]);
}
END_TEST

START_TEST(test_logging)
{
	int file = world_file(LOG_SIZE + 64);
	uint8_t byte = 0;

	world_used(1)->idx = 9;
	world_start(SPLIT);
	/* Needs an answer although nobody asked for an acknowledgement. */
	ck_assert_int_eq(ask_log(file, LOG_SIZE, 64), 1);
	ck_assert_uint_eq(world.reply.size, 8);
	ck_assert_uint_eq(world.reply.u64, 0);
	ck_assert_ptr_null(world.ring[1]->log);
	ck_assert_int_eq(ask_u64(HD_SET_FEATURES, SPLIT | LOGGING), 0);
	ck_assert_ptr_eq(world.ring[1]->log, world.session.log);
	ck_assert(!world.ring[1]->log_used);
	ck_assert_int_eq(ask_addr(1, 1 << VHOST_VRING_F_LOG), 0);
	ck_assert(world.ring[1]->log_used && !world.ring[0]->log_used);
	ck_assert_uint_eq(world.ring[1]->log_gpa, GPA + RING_AT(1) + USED);
	ck_assert_uint_eq(world.ring[1]->last_avail, 9);
	ck_assert(world.ring[1]->enabled);
	hd_dirty_log_mark(world.ring[1]->log, 0x9000, 1);
	ck_assert_int_eq(pread(file, &byte, 1, 64 + 1), 1);
	ck_assert_uint_eq(byte, 2);
	ck_assert_int_eq(ask_u64(HD_SET_FEATURES, SPLIT), 0);
	ck_assert_ptr_null(world.ring[1]->log);
	ck_assert(!world.ring[1]->log_used);
	ck_assert_int_eq(ask((struct hd_message){.request = HD_SET_LOG_FD, .fds = {dup(file)}, .n_fds = 1}), 0);
	close(file);
}
END_TEST

/* What a packed ring writes is its descriptors; the address that front-ends tell is another. */
START_TEST(test_logging_packed)
{
	int file = world_file(LOG_SIZE);

	world_start(PACKED | LOGGING);
	world.ring[1]->last_avail = world.ring[1]->last_used = 44;
	ck_assert_int_eq(ask_addr(1, 1 << VHOST_VRING_F_LOG), 0);
	ck_assert_uint_eq(world.ring[1]->last_avail, 44);
	ck_assert_int_eq(ask_log(file, LOG_SIZE, 0), 1);
	ck_assert(world.ring[1]->log_used);
	ck_assert_uint_eq(world.ring[1]->log_gpa, GPA + RING_AT(1));
	close(file);
}
END_TEST

START_TEST(test_call_on_a_live_ring)
{
	uint64_t one = 1;

	world_used(0)->idx = 3;
	world_start(SPLIT);
	ck_assert_int_eq(ask_file(HD_SET_VRING_CALL, 0, world.event[2][1]), 0);
	ck_assert_uint_eq(world.graces, 1);
	ck_assert_int_eq(fcntl(world.ring[0]->call, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_uint_eq(world.ring[0]->last_avail, 3);
	ck_assert_int_eq(write(world.ring[0]->call, &one, sizeof(one)), sizeof(one));
	ck_assert(world_signalled(world.event[2][1]));
	ck_assert(!world_signalled(world.event[0][1]));
	ck_assert_int_eq(ask_file(HD_SET_VRING_CALL, 0, -1), 0);
	ck_assert_int_eq(world.ring[0]->call, -1);
	/* A kick is nobody's business but the guest's. */
	ck_assert_int_eq(ask_file(HD_SET_VRING_KICK, 0, -1), 0);
	ck_assert_int_eq(world_kick(0), 0);
	ck_assert_uint_eq(world.graces, 2);
	ck_assert_ptr_nonnull(world.ring[0]);
}
END_TEST

/* A blocking eventfd is made one that does not block. */
START_TEST(test_blocking_eventfd)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	ck_assert_int_eq(ask_file(HD_SET_VRING_CALL, 0, fd), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(fd);
}
END_TEST

/* Told once, error signalled, the other ring runs on; GET_VRING_BASE and a kick heal it. */
START_TEST(test_broken_ring)
{
	world_start(SPLIT);
	world.changes = 0;
	ck_assert_int_eq(hd_session_check(&world.session), 0);
	ck_assert_uint_eq(world.graces, 0);
	hd_vring_break(world.ring[1], HD_VRING_HEAD);
	ck_assert_int_eq(hd_session_check(&world.session), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert_ptr_nonnull(world.ring[0]);
	ck_assert_uint_eq(world.graces, 1);
	ck_assert_uint_eq(world.changes, 1);
	ck_assert(world_signalled(world.event[1][2]));
	ck_assert_int_eq(hd_session_check(&world.session), 0);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_int_eq(ask_memory(), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert(!world_signalled(world.event[1][2]));
	ck_assert_int_eq(ask_state(HD_GET_VRING_BASE, 1, 0), 1);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_ptr_nonnull(world.ring[1]);
	ck_assert(!hd_vring_broken(world.ring[1]));
}
END_TEST

/* Another message comes before the check: it does not heal the ring. */
START_TEST(test_broken_ring_meets_a_message)
{
	world_start(SPLIT);
	hd_vring_break(world.ring[1], HD_VRING_LOOP);
	ck_assert_int_eq(ask_memory(), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert_ptr_nonnull(world.ring[0]);
	ck_assert(world_signalled(world.event[1][2]));
}
END_TEST

/* Case 46: the access goes on, the session does not. */
START_TEST(test_truncated_memory)
{
	volatile const uint8_t *byte;

	world_start(SPLIT);
	byte = (const uint8_t *)world.ring[0]->desc;
	ck_assert_int_eq(ftruncate(world.memory, 0), 0);
	ck_assert_uint_eq(*byte, 0);
	ck_assert_int_eq(hd_session_check(&world.session), -EFAULT);
	expect_reason("the front-end truncated its memory");
}
END_TEST

START_TEST(test_truncated_log)
{
	int file = world_file(LOG_SIZE);

	world_start(SPLIT | LOGGING);
	ck_assert_int_eq(ask_log(file, LOG_SIZE, 0), 1);
	ck_assert_int_eq(ftruncate(file, 0), 0);
	hd_dirty_log_mark(world.ring[0]->log, GPA, 1);
	ck_assert_int_eq(hd_session_check(&world.session), -EFAULT);
	expect_reason("the front-end truncated its log");
	close(file);
}
END_TEST

/* Memory, call and error stay: QEMU does not tell them again. */
START_TEST(test_reset)
{
	world_start(SPLIT);
	ck_assert_int_eq(ask_u64(HD_SET_STATUS, 15), 0);
	ck_assert_int_eq(ask_nothing(HD_RESET_DEVICE), 0);
	ck_assert_uint_eq(world.graces, 1);
	ck_assert(!hd_session_running(&world.session));
	ck_assert(!world.session.features_set && !world.session.ring[1].enabled);
	ck_assert_uint_eq(world.session.status, 0);
	ck_assert_ptr_nonnull(world.session.memory);
	ck_assert_int_eq(ask_u64(HD_SET_FEATURES, SPLIT), 0);
	ck_assert_int_eq(ask_state(HD_SET_VRING_NUM, 1, SIZE), 0);
	ck_assert_int_eq(ask_addr(1, 0), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_ptr_nonnull(world.ring[1]);
	ck_assert_int_ge(world.ring[1]->call, 0);
	ck_assert_int_ge(world.session.ring[1].error, 0);
}
END_TEST

/* QEMU before 8.0 asks where the rings stand after that: a guest that has moved goes on from there. */
START_TEST(test_status_zero)
{
	world_used(0)->idx = 5;
	world_start(SPLIT);
	ck_assert_int_eq(ask_u64(HD_SET_STATUS, 15), 0);
	ck_assert_int_eq(ask_u64(HD_SET_STATUS, 0), 0);
	ck_assert_uint_eq(world.graces, 1);
	ck_assert(!hd_session_running(&world.session));
	ck_assert_uint_eq(world.session.status, 0);
	ck_assert_int_eq(ask_state(HD_GET_VRING_BASE, 0, 0), 1);
	ck_assert_uint_eq(world.reply.state.num, 5);
	ck_assert_int_eq(ask_u64(HD_SET_FEATURES, SPLIT), 0);
	ck_assert(!hd_session_running(&world.session));
	ck_assert_int_eq(world_kick(0), 0);
	ck_assert_ptr_nonnull(world.ring[0]);
	ck_assert_ptr_null(world.ring[1]);
}
END_TEST

START_TEST(test_reset_owner)
{
	world_start(SPLIT);
	ck_assert_int_eq(ask_nothing(HD_RESET_OWNER), 0);
	ck_assert(hd_session_running(&world.session));
	ck_assert(!world.ring[0]->enabled && !world.ring[1]->enabled);
	ck_assert(!hd_session_ring_usable(&world.session, 1));
	ck_assert_uint_eq(world.graces, 0);
}
END_TEST

START_TEST(test_rarp)
{
	const uint8_t mac[8] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0xff, 0xff};
	uint64_t value;

	memcpy(&value, mac, sizeof(value));
	world_start(SPLIT);
	ck_assert_int_eq(ask_u64(HD_SEND_RARP, value), 0);
	ck_assert_uint_eq(world.announced, 1);
	ck_assert_mem_eq(world.mac, mac, 6);
}
END_TEST

/* The next front-end finds a session as new. */
START_TEST(test_session_reset)
{
	unsigned int open_before = descriptors_open();

	for (int i = 0; i < 3; i++) {
		world_start(_i == 0 ? SPLIT : PACKED);
		hd_session_reset(&world.session);
		ck_assert(!hd_session_running(&world.session));
		ck_assert_uint_eq(world.session.protocol_features, 0);
		ck_assert_ptr_null(world.session.memory);
		ck_assert_uint_eq(descriptors_open(), open_before);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	SRunner *runner = srunner_create(suite);
	TCase *tcase = tcase_create("session");
	int failed;

	eal_start();
	if (hd_fault_init() != 0)
		return 1;
	tcase_add_checked_fixture(tcase, world_setup, world_teardown);
	tcase_add_test(tcase, test_handshake);
	tcase_add_test(tcase, test_too_many_queues);
	tcase_add_test(tcase, test_acknowledgement);
	tcase_add_loop_test(tcase, test_any_order, 0, 120);
	tcase_add_test(tcase, test_what_a_ring_is_made_of);
	tcase_add_test(tcase, test_enabled_from_the_start);
	tcase_add_test(tcase, test_enable);
	tcase_add_test(tcase, test_get_base);
	tcase_add_test(tcase, test_packed_base);
	tcase_add_test(tcase, test_memory_on_live_rings);
	tcase_add_test(tcase, test_memory_without_the_rings);
	tcase_add_test(tcase, test_memory_slots);
	tcase_add_test(tcase, test_logging);
	tcase_add_test(tcase, test_logging_packed);
	tcase_add_test(tcase, test_call_on_a_live_ring);
	tcase_add_test(tcase, test_blocking_eventfd);
	tcase_add_test(tcase, test_broken_ring);
	tcase_add_test(tcase, test_broken_ring_meets_a_message);
	tcase_add_test(tcase, test_truncated_memory);
	tcase_add_test(tcase, test_truncated_log);
	tcase_add_test(tcase, test_reset);
	tcase_add_test(tcase, test_status_zero);
	tcase_add_test(tcase, test_reset_owner);
	tcase_add_test(tcase, test_rarp);
	tcase_add_loop_test(tcase, test_session_reset, 0, 2);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
