/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests what a session refuses, and that nothing has changed then: the front-end's part of the list of hostile input.
 */
#include <check.h>

#include "eal.h"
#include "fault.h"
#include "random.h"
#include "session_world.h"

/* What the front-end has done before. */
enum stage { NEW, AGREED, READY, LIVE, LIVE_PACKED, LIVE_LOG, NO_MEMORY };

static void reach(enum stage stage)
{
	switch (stage) {
	case NEW:
		break;
	case AGREED: /* acknowledgements, and no other protocol feature */
		world_agree(SPLIT, BIT(HD_PROTOCOL_REPLY_ACK));
		break;
	case NO_MEMORY:
		world_agree(SPLIT, ALL_PROTOCOL);
		break;
	case READY: /* rings 0 and 1 lack a kick */
		world_agree(SPLIT, ALL_PROTOCOL);
		ck_assert_int_eq(ask(memory_message(2, GPA, UVA)), 0);
		for (uint32_t i = 0; i < 2; i++)
			world_prepare_ring(i);
		break;
	case LIVE_PACKED:
		world_start(PACKED);
		ck_assert_int_eq(ask_state(HD_GET_VRING_BASE, 0, 0), 1); /* ring 0 does not run */
		break;
	case LIVE_LOG:
		world_start(SPLIT | LOGGING);
		ck_assert_int_eq(ask(memory_message(2, GPA, UVA)), 0);
		break;
	default:
		world_start(SPLIT);
		break;
	}
}

/* Descriptors that a message brings. */
enum file { NONE, EVENT, PIPE, FILE_2M, FILE_SHORT, FILE_READ_ONLY };

static int open_file(enum file file)
{
	char path[32];
	int pair[2], fd;

	switch (file) {
	case EVENT:
		return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	case PIPE:
		ck_assert_int_eq(pipe(pair), 0);
		close(pair[0]);
		return pair[1];
	case FILE_SHORT:
		return world_file(REGION_SIZE - 1);
	case FILE_READ_ONLY:
		snprintf(path, sizeof(path), "/proc/self/fd/%d", world.memory);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		return fd;
	default:
		return fcntl(world.memory, F_DUPFD_CLOEXEC, 3);
	}
}

struct row {
	const char *reason; /* a part of it */
	enum stage stage;
	struct hd_message message;
	enum file files[HD_MESSAGE_FDS];
	bool ends; /* even if the front-end wants to hear of a refusal */
};

#define STATE(what, ring, number)                                                                                      \
	{                                                                                                              \
		.request = HD_##what, .size = 8, .state = {.index = ring, .num = number }                              \
	}
#define U64(what, value)                                                                                               \
	{                                                                                                              \
		.request = HD_##what, .size = 8, .u64 = value                                                          \
	}
#define EMPTY(what, bytes)                                                                                             \
	{                                                                                                              \
		.request = HD_##what, .size = bytes                                                                    \
	}
#define ADDR(ring, flag, desc_at, avail_at, used_at, log_at)                                                           \
	{                                                                                                              \
		.request = HD_SET_VRING_ADDR, .size = 40, .addr = {                                                    \
			.index = ring,                                                                                 \
			.flags = flag,                                                                                 \
			.desc_user_addr = UVA + (desc_at),                                                             \
			.avail_user_addr = UVA + (avail_at),                                                           \
			.used_user_addr = UVA + (used_at),                                                             \
			.log_guest_addr = log_at                                                                       \
		}                                                                                                      \
	}
#define REGION(gpa, size, uva, offset)                                                                                 \
	{                                                                                                              \
		gpa, size, uva, offset                                                                                 \
	}
#define TABLE(number, bytes, ...)                                                                                      \
	{                                                                                                              \
		.request = HD_SET_MEM_TABLE, .size = bytes, .memory = {.n = number, .region = {__VA_ARGS__} }          \
	}
#define SINGLE(what, ...)                                                                                              \
	{                                                                                                              \
		.request = HD_##what, .size = 40, .region = {.region = __VA_ARGS__ }                                   \
	}
#define LOG(bytes, at)                                                                                                 \
	{                                                                                                              \
		.request = HD_SET_LOG_BASE, .size = 16, .log = {.size = bytes, .offset = at }                          \
	}
#define SOUND REGION(GPA, REGION_SIZE, UVA, 0)
#define WRAPS (UINT64_MAX - 0xfff)
#define LOG_FLAG (1u << VHOST_VRING_F_LOG)

static const struct row rows[] = {
	/* 37 */
	{"SET_VRING_KICK: ring 1: the descriptor is not an eventfd", LIVE, U64(SET_VRING_KICK, 1), {FILE_2M}},
	{"SET_VRING_CALL: ring 1: the descriptor is not an eventfd", LIVE, U64(SET_VRING_CALL, 1), {PIPE}},
	{"SET_VRING_ERR: ring 0: the descriptor is not an eventfd", LIVE, U64(SET_VRING_ERR, 0), {FILE_SHORT}},
	/* 39 */
	{"GET_FEATURES: 8 bytes instead of 0", NEW, EMPTY(GET_FEATURES, 8), .ends = true},
	{"SET_VRING_NUM: 7 bytes instead of 8", LIVE, EMPTY(SET_VRING_NUM, 7), .ends = true},
	{"SET_VRING_NUM: 9 bytes instead of 8", LIVE, EMPTY(SET_VRING_NUM, 9), .ends = true},
	{"SET_VRING_ADDR: 0 bytes instead of 40", LIVE, EMPTY(SET_VRING_ADDR, 0), .ends = true},
	{"SET_MEM_TABLE: 0 bytes instead of 8", LIVE, EMPTY(SET_MEM_TABLE, 0), .ends = true},
	{"SET_MEM_TABLE: 4 bytes instead of 40", LIVE, TABLE(1, 4), {FILE_2M}, .ends = true},
	{"SET_MEM_TABLE: 264 bytes instead of 40", LIVE, TABLE(1, 264, SOUND), {FILE_2M}, .ends = true},
	{"SET_MEM_TABLE: 39 bytes instead of 40", LIVE, TABLE(1, 39, SOUND), {FILE_2M}, .ends = true},
	/* 40, but for the version: test_channel */
	{"request 99: unknown", LIVE, {.request = 99}},
	{"request 0: unknown", LIVE, {.request = 0}, {EVENT, PIPE}},
	{"request 22: unknown", LIVE, {.request = 22, .size = 200}},
	{"request 4294967295: unknown", LIVE, {.request = UINT32_MAX}},
	{"SET_OWNER: a reply to nothing", LIVE, {.request = HD_SET_OWNER, .flags = HD_MESSAGE_REPLY}, .ends = true},
	/* 41 */
	{"SET_VRING_NUM: 1 descriptors instead of 0", LIVE, STATE(SET_VRING_NUM, 1, SIZE), {EVENT}, .ends = true},
	{"SET_VRING_KICK: 0 descriptors instead of 1", LIVE, U64(SET_VRING_KICK, 1), .ends = true},
	{"SET_VRING_CALL: 2 descriptors instead of 1", LIVE, U64(SET_VRING_CALL, 1), {EVENT, EVENT}, .ends = true},
	{"SET_MEM_TABLE: 0 descriptors instead of 1", LIVE, TABLE(1, 40, SOUND), .ends = true},
	{"SET_MEM_TABLE: 2 descriptors instead of 1", LIVE, TABLE(1, 40, SOUND), {FILE_2M, FILE_2M}, .ends = true},
	{"ADD_MEM_REG: 0 descriptors instead of 1", LIVE, SINGLE(ADD_MEM_REG, SOUND), .ends = true},
	{"ADD_MEM_REG: 2 descriptors", LIVE, SINGLE(ADD_MEM_REG, SOUND), {FILE_2M, FILE_2M}, .ends = true},
	{"REM_MEM_REG: 2 descriptors", LIVE, SINGLE(REM_MEM_REG, SOUND), {FILE_2M, FILE_2M}, .ends = true},
	{"SET_LOG_BASE: 0 descriptors instead of 1", LIVE, LOG(LOG_SIZE, 0), .ends = true},
	{"SET_LOG_FD: 0 descriptors instead of 1", LIVE, EMPTY(SET_LOG_FD, 0), .ends = true},
	/* 42 */
	{"SEND_RARP: protocol feature 2 was not negotiated", AGREED, U64(SEND_RARP, 1)},
	{"NET_SET_MTU: protocol feature 4 was not negotiated", AGREED, U64(NET_SET_MTU, 1500)},
	{"RESET_DEVICE: protocol feature 13 was not negotiated", AGREED, EMPTY(RESET_DEVICE, 0)},
	{"ADD_MEM_REG: protocol feature 15 was not negotiated", AGREED, SINGLE(ADD_MEM_REG, SOUND), {FILE_2M}},
	{"REM_MEM_REG: protocol feature 15 was not negotiated", AGREED, SINGLE(REM_MEM_REG, SOUND)},
	{"SET_STATUS: protocol feature 16 was not negotiated", AGREED, U64(SET_STATUS, 1)},
	{"SET_LOG_BASE: protocol feature 1 was not negotiated", AGREED, LOG(LOG_SIZE, 0), {FILE_2M}},
	{"GET_QUEUE_NUM: protocol feature 0 was not", AGREED, EMPTY(GET_QUEUE_NUM, 0), .ends = true},
	{"GET_MAX_MEM_SLOTS: protocol feature 15 was not", AGREED, EMPTY(GET_MAX_MEM_SLOTS, 0), .ends = true},
	{"GET_STATUS: protocol feature 16 was not", AGREED, EMPTY(GET_STATUS, 0), .ends = true},
	{"NET_SET_MTU: protocol feature 4 was not negotiated", NEW, U64(NET_SET_MTU, 1500), .ends = true},
	/* 43 */
	{"SET_MEM_TABLE: 0 regions", LIVE, TABLE(0, 8)},
	{"SET_MEM_TABLE: 0 regions", LIVE, TABLE(0, 40, SOUND), {FILE_2M}},
	{"SET_MEM_TABLE: 9 regions", LIVE, TABLE(9, 264, SOUND), {FILE_2M}},
	{"SET_MEM_TABLE: 4294967295 regions", LIVE, TABLE(UINT32_MAX, 8)},
	{"overlap at guest address",
	 LIVE,
	 TABLE(2, 72, SOUND, REGION(GPA + 0x1000, REGION_SIZE, UVA + REGION_SIZE, 0)),
	 {FILE_2M, FILE_2M}},
	{"overlap at front-end address",
	 LIVE,
	 TABLE(2, 72, SOUND, REGION(GPA + REGION_SIZE, REGION_SIZE, UVA + 1, 0)),
	 {FILE_2M, FILE_2M}},
	{"ADD_MEM_REG: ", LIVE, SINGLE(ADD_MEM_REG, REGION(GPA + 0x1000, 0x1000, 0, 0)), {FILE_2M}},
	{"REM_MEM_REG: there is no memory", NO_MEMORY, SINGLE(REM_MEM_REG, SOUND)},
	/* 44 */
	{"region 0: size 0", LIVE, TABLE(1, 40, REGION(GPA, 0, UVA, 0)), {FILE_2M}},
	{"guest address", LIVE, TABLE(1, 40, REGION(WRAPS, REGION_SIZE, UVA, 0)), {FILE_2M}},
	{"front-end address", LIVE, TABLE(1, 40, REGION(GPA, REGION_SIZE, WRAPS, 0)), {FILE_2M}},
	{"file offset", LIVE, TABLE(1, 40, REGION(GPA, REGION_SIZE, UVA, WRAPS)), {FILE_2M}},
	{"ADD_MEM_REG: the new region: size 0", LIVE, SINGLE(ADD_MEM_REG, REGION(0, 0, 0, 0)), {FILE_2M}},
	/* 45 */
	{"SET_MEM_TABLE: region 0: ", LIVE, TABLE(1, 40, SOUND), {FILE_SHORT}},
	{"SET_MEM_TABLE: region 0: ", LIVE, TABLE(1, 40, SOUND), {FILE_READ_ONLY}},
	{"SET_MEM_TABLE: region 0: ", LIVE, TABLE(1, 40, SOUND), {PIPE}},
	{"SET_MEM_TABLE: region 1: ",
	 LIVE,
	 TABLE(2, 72, SOUND, REGION(GPA + REGION_SIZE, REGION_SIZE, UVA + REGION_SIZE, REGION_SIZE + 1)),
	 {FILE_2M, FILE_2M}},
	/* 48 */
	{"SET_VRING_NUM: ring 1: size 0 is not from 1 to 32768", READY, STATE(SET_VRING_NUM, 1, 0)},
	{"SET_VRING_NUM: ring 1: size 32769 is not", READY, STATE(SET_VRING_NUM, 1, 32769)},
	{"SET_VRING_NUM: ring 1: size 3 is not a power of two", READY, STATE(SET_VRING_NUM, 1, 3)},
	{"SET_VRING_NUM: ring 1: size 128 while it runs with 256", LIVE, STATE(SET_VRING_NUM, 1, 128)},
	/* 49 */
	{"SET_VRING_NUM: ring 4: there are 4", READY, STATE(SET_VRING_NUM, 4, SIZE)},
	{"SET_VRING_NUM: ring 4294967295: there are 4", READY, STATE(SET_VRING_NUM, UINT32_MAX, SIZE)},
	{"SET_VRING_BASE: ring 4: there are 4", READY, STATE(SET_VRING_BASE, 4, 0)},
	{"SET_VRING_ENABLE: ring 4: there are 4", READY, STATE(SET_VRING_ENABLE, 4, 1)},
	{"SET_VRING_ADDR: ring 4: there are 4", READY, ADDR(4, 0, 0, AVAIL, USED, 0)},
	{"SET_VRING_KICK: ring 4: there are 4", READY, U64(SET_VRING_KICK, 4), {EVENT}},
	{"SET_VRING_CALL: ring 255: there are 4", READY, U64(SET_VRING_CALL, 255 | HD_MESSAGE_NOFD)},
	{"SET_VRING_ERR: ring 4: there are 4", READY, U64(SET_VRING_ERR, 4), {EVENT}},
	{"SET_VRING_KICK: 0x200 has unknown bits", READY, U64(SET_VRING_KICK, 0x200), {EVENT}},
	{"GET_VRING_BASE: ring 4: there are 4", LIVE, STATE(GET_VRING_BASE, 4, 0), .ends = true},
	/* 50 */
	{"descriptor table at 0x7f5500000008 is not aligned to 16", READY, ADDR(1, 0, 8, AVAIL, USED, 0)},
	{"available ring at 0x7f5500004001 is not aligned to 2", READY, ADDR(1, 0, 0, AVAIL + 1, USED, 0)},
	{"used ring at 0x7f5500008002 is not aligned to 4", READY, ADDR(1, 0, 0, AVAIL, USED + 2, 0)},
	{"descriptor table at 0x7f5500200000", READY, ADDR(1, 0, 2 * REGION_SIZE, AVAIL, USED, 0)},
	{"is not in one memory region", READY, ADDR(1, 0, REGION_SIZE - 16, AVAIL, USED, 0)},
	{"is not in one memory region", READY, ADDR(1, 0, 0, REGION_SIZE - 2, USED, 0)},
	{"is not in one memory region", READY, ADDR(1, 0, 0, AVAIL, 2 * REGION_SIZE - 4, 0)},
	{"is not in one memory region", READY, ADDR(1, 0, -UVA - 16, AVAIL, USED, 0)},
	{"used ring at 0x7f5500008002 is not aligned to 4", LIVE, ADDR(1, 0, 0, AVAIL, USED + 2, 0)},
	{"descriptor ring at 0x7f5500000008 is not aligned", LIVE_PACKED, ADDR(1, 0, 8, AVAIL, USED, 0)},
	{"driver event area at 0x7f5500004002 is not aligned", LIVE_PACKED, ADDR(1, 0, 0, AVAIL + 2, USED, 0)},
	/* 51, as far as it goes */
	{"SET_VRING_ENABLE: ring 1: 2 is neither 0 nor 1", READY, STATE(SET_VRING_ENABLE, 1, 2)},
	/* 52 */
	{"SET_FEATURES: 0x2000000 were not offered", READY, U64(SET_FEATURES, SPLIT | BIT(25))},
	{"SET_FEATURES: 0x8000000000000000 were not offered", NEW, U64(SET_FEATURES, BIT(63)), .ends = true},
	{"SET_FEATURES: 0x8000 would change while rings run", LIVE, U64(SET_FEATURES, SPLIT | BIT(15))},
	{"SET_FEATURES: 0x40000000 would change", LIVE, U64(SET_FEATURES, BIT(VIRTIO_F_VERSION_1) | LOGGING)},
	{"SET_PROTOCOL_FEATURES: 0x1000 were not offered", READY, U64(SET_PROTOCOL_FEATURES, BIT(12))},
	/* 53 */
	{"SET_VRING_BASE: ring 1: it runs", LIVE, STATE(SET_VRING_BASE, 1, 0)},
	{"SET_VRING_BASE: ring 1: base 65536 is not", READY, STATE(SET_VRING_BASE, 1, 65536)},
	{"SET_VRING_BASE: ring 0: base 0x100 is beyond", LIVE_PACKED, STATE(SET_VRING_BASE, 0, 256)},
	{"SET_VRING_BASE: ring 0: base 0x1000000 is beyond", LIVE_PACKED, STATE(SET_VRING_BASE, 0, 256 << 16)},
	/* 55: memory ends at 2 or 3 MiB, that is 64 or 96 bytes of log */
	{"SET_LOG_BASE: a log of no bytes", LIVE, LOG(0, 0), {FILE_2M}},
	{"SET_LOG_BASE: a log of 63 bytes does not cover memory up to 0x200000", LIVE, LOG(63, 0), {FILE_2M}},
	{"SET_LOG_BASE: a log of 95 bytes does not cover memory", READY, LOG(95, 0), {FILE_2M}},
	{"does not fit its file", LIVE, LOG(LOG_SIZE, 2 * REGION_SIZE - LOG_SIZE + 1), {FILE_2M}},
	{"does not fit its file", LIVE, LOG(LOG_SIZE, WRAPS), {FILE_2M}},
	{"does not fit its file", LIVE, LOG(WRAPS, LOG_SIZE), {FILE_2M}},
	{"does not fit its file", LIVE, LOG(LOG_SIZE, 0), {FILE_READ_ONLY}},
	{"does not fit its file", LIVE, LOG(LOG_SIZE, 0), {EVENT}},
	/* 56: the used ring has 4 + 256 * 8 bytes */
	{"log address 0x0 is not in guest memory", LIVE_LOG, ADDR(1, LOG_FLAG, 0, AVAIL, USED, 0)},
	{"log address 0x2ffff8", LIVE_LOG, ADDR(1, LOG_FLAG, 0, AVAIL, USED, GPA + 2 * REGION_SIZE - 8)},
	{"log address 0xffffffffffffffff", LIVE_LOG, ADDR(1, LOG_FLAG, 0, AVAIL, USED, UINT64_MAX)},
	/* 57: never offered */
	{"GET_INFLIGHT_FD: protocol feature 12 was not", LIVE, EMPTY(GET_INFLIGHT_FD, 20), .ends = true},
	{"SET_INFLIGHT_FD: protocol feature 12 was not negotiated", LIVE, EMPTY(SET_INFLIGHT_FD, 20), {FILE_2M}},
	/* 58 */
	{"SET_VRING_KICK: 1 descriptors instead of 0",
	 LIVE,
	 U64(SET_VRING_KICK, 1 | HD_MESSAGE_NOFD),
	 {EVENT},
	 .ends = true},
	/* Values */
	{"NET_SET_MTU: 67 is not from 68 to 65535", LIVE, U64(NET_SET_MTU, 67)},
	{"NET_SET_MTU: 65536 is not from 68 to 65535", LIVE, U64(NET_SET_MTU, 65536)},
	{"SET_STATUS: 0x100 is not a device status", LIVE, U64(SET_STATUS, 256)},
};

/* The row's message, to the session as it is. */
static int ask_row(const struct row *row, bool tell)
{
	struct hd_message message = row->message;

	for (unsigned int i = 0; i < HD_MESSAGE_FDS && row->files[i] != NONE; i++)
		message.fds[message.n_fds++] = open_file(row->files[i]);
	message.flags |= tell ? HD_MESSAGE_NEED_REPLY : 0;
	return ask(message);
}

/* A refusal changes nothing but what is told of it. */
static void expect_refused(const struct row *row, bool tell)
{
	struct hd_session was = world.session;
	struct hd_session_ring rings[RINGS];
	unsigned int published = world.published, changes = world.changes, open_before = descriptors_open();
	int rc;

	memcpy(rings, was.ring, sizeof(rings));
	rc = ask_row(row, tell);
	if (tell && !row->ends) {
		ck_assert_msg(rc == 1, "%s: %d instead of a refusal", row->reason, rc);
		ck_assert_uint_eq(world.reply.size, 8);
		ck_assert_uint_eq(world.reply.u64, 1);
	} else
		ck_assert_msg(rc < 0, "%s: %d instead of the end", row->reason, rc);
	expect_reason(row->reason);
	memcpy(was.reason, world.session.reason, sizeof(was.reason));
	was.refusals = world.session.refusals;
	ck_assert_mem_eq(&was, &world.session, sizeof(was));
	ck_assert_mem_eq(rings, world.session.ring, sizeof(rings));
	ck_assert_uint_eq(world.published, published);
	ck_assert_uint_eq(world.changes, changes);
	ck_assert_uint_eq(descriptors_open(), open_before);
}

START_TEST(test_refused)
{
	reach(rows[_i].stage);
	expect_refused(&rows[_i], true);
	/* The session has gone on: the same again. */
	expect_refused(&rows[_i], true);
	expect_refused(&rows[_i], false);
}
END_TEST

/* Case 50, with what is known too late for a refusal: the ring is held, told once, and its error signalled. */
START_TEST(test_held)
{
	struct hd_message message = {.request = HD_SET_VRING_ADDR, .size = 40, .addr = addr_of(1, 8)};

	ck_assert_int_eq(ask(message), 0);
	ck_assert_int_eq(ask_state(HD_SET_VRING_NUM, 1, 3), 0);
	ck_assert_int_eq(ask_file(HD_SET_VRING_ERR, 1, world.event[1][2]), 0);
	ck_assert_int_eq(world_kick(1), 0);
	ck_assert_int_eq(ask_u64(HD_SET_FEATURES, SPLIT), 0);
	ck_assert(!world_signalled(world.event[1][2]));
	ck_assert_int_eq(ask_memory(), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert(world_signalled(world.event[1][2]));
	ck_assert_int_eq(ask_state(HD_SET_VRING_NUM, 1, 4), 0);
	ck_assert_ptr_null(world.ring[1]);
	ck_assert(!world_signalled(world.event[1][2]));
	ck_assert_int_eq(ask_addr(1, 0), 0);
	ck_assert_ptr_nonnull(world.ring[1]);
}
END_TEST

/* Without protocol features a ring can't be enabled or disabled. */
START_TEST(test_enable_not_negotiated)
{
	world_agree(BIT(VIRTIO_F_VERSION_1), 0);
	ck_assert_int_lt(ask_state(HD_SET_VRING_ENABLE, 1, 0), 0);
	expect_reason("SET_VRING_ENABLE: ring 1: protocol features were not negotiated");
	ck_assert(world.session.ring[1].enabled);
}
END_TEST

/* The used ring may be logged outside of guest memory, if the log has it: the specification allows it. */
START_TEST(test_log_address_in_the_log)
{
	struct hd_message message = {.request = HD_SET_VRING_ADDR, .size = 40, .addr = addr_of(1, RING_AT(1))};
	uint64_t end = (uint64_t)LOG_SIZE * 8 << HD_LOG_PAGE_SHIFT; /* of what the log covers */

	world_start(SPLIT | LOGGING);
	ck_assert_int_eq(ask_log(world.memory, LOG_SIZE, 0), 1);
	message.addr.flags = LOG_FLAG;
	message.addr.log_guest_addr = end - (4 + SIZE * 8);
	ck_assert_int_eq(ask(message), 0);
	ck_assert(world.ring[1]->log_used);
	message.addr.log_guest_addr = UINT64_MAX - 3;
	ck_assert_int_lt(ask(message), 0);
	message.addr.log_guest_addr = end - SIZE * 8;
	ck_assert_int_lt(ask(message), 0);
	expect_reason("is not in guest memory");
}
END_TEST

/* Case 59: each message takes the place of the former. */
START_TEST(test_flood)
{
	unsigned int open_before = 0;

	world_start(SPLIT);
	for (unsigned int i = 0; i < 500; i++) {
		ck_assert_int_eq(world_kick(1), 0);
		ck_assert_int_eq(ask_file(HD_SET_VRING_CALL, 1, world.event[1][1]), 0);
		ck_assert_int_eq(ask_file(HD_SET_VRING_ERR, 1, world.event[1][2]), 0);
		ck_assert_int_eq(ask_log(world.memory, LOG_SIZE, 0), 1);
		ck_assert_int_eq(ask_memory(), 0);
		if (i == 0)
			open_before = descriptors_open();
	}
	ck_assert_uint_eq(descriptors_open(), open_before);
	ck_assert_ptr_nonnull(world.ring[1]);
}
END_TEST

/* Values that mean something to some message, and some that don't. */
static uint64_t odd_value(struct random *random)
{
	static const uint64_t values[] = {
		0,      1,       2,   3,   4,           SIZE,        32768,      UINT64_MAX,   SPLIT,
		PACKED, LOGGING, GPA, UVA, REGION_SIZE, UVA + AVAIL, UVA + USED, ALL_PROTOCOL, HD_MESSAGE_NOFD};
	uint64_t value = values[random_below(random, sizeof(values) / sizeof(values[0]))];

	return random_below(random, 4) == 0 ? value ^ BIT(random_below(random, 64)) : value;
}

static struct hd_message odd_message(struct random *random)
{
	struct hd_message message = {.request = random_below(random, 42)};
	unsigned int words = random_below(random, 8) == 0 ? 33 : random_below(random, 6);

	message.size = words * 8;
	for (unsigned int i = 0; i < words; i++) {
		uint64_t value = odd_value(random);

		if (random_below(random, 2) == 0)
			value = value << 32 | random_below(random, 3);
		memcpy(message.bytes + 8 * i, &value, 8);
	}
	message.n_fds = random_below(random, 3);
	for (unsigned int i = 0; i < message.n_fds; i++)
		message.fds[i] = open_file(1 + random_below(random, FILE_READ_ONLY));
	message.flags = random_below(random, 4) != 0 ? HD_MESSAGE_NEED_REPLY : 0;
	return message;
}

/* The port has just the rings that the session says, and they are what it was told. */
static void expect_consistent(void)
{
	for (unsigned int i = 0; i < RINGS; i++) {
		const struct hd_session_ring *ring = &world.session.ring[i];

		ck_assert_ptr_eq(ring->vring, world.ring[i]);
		ck_assert_ptr_null(world.withdrawn[i]);
		if (ring->vring == NULL)
			continue;
		ck_assert(ring->kicked && ring->sized && ring->placed && !ring->failed);
		ck_assert_ptr_eq(ring->vring->memory, world.session.memory);
		ck_assert_uint_eq(ring->vring->size, ring->size);
		ck_assert_int_eq(ring->vring->call, ring->call);
		ck_assert_int_eq(ring->vring->enabled, ring->enabled);
		ck_assert_ptr_eq((void *)ring->vring->desc,
				 hd_memory_at_uva(world.session.memory, ring->desc_uva, 16ull * ring->size));
		ck_assert(ring->vring->log == NULL || ring->vring->log == world.session.log);
	}
}

/* Sound messages and odd ones in any order: the session holds together, and nothing is left of it. */
START_TEST(test_random)
{
	unsigned int runs = 0, accepted = 0, ends = 0;
	struct random random;

	random_start(&random, "test_random");
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int pick = random_below(&random, 30);
		uint32_t index = random_below(&random, RINGS);
		int rc;

		if (random_below(&random, 8) == 0 && world.ring[index] != NULL)
			hd_vring_break(world.ring[index], HD_VRING_HEAD);
		if (pick < 5)
			rc = ask(odd_message(&random));
		else if (pick < 8)
			rc = ask_u64(HD_SET_FEATURES, random_below(&random, 2) != 0 ? SPLIT : SPLIT | LOGGING);
		else if (pick < 10)
			rc = ask(memory_message(1 + random_below(&random, 2), GPA,
						UVA + RING_AT(random_below(&random, 2))));
		else if (pick < 14)
			rc = ask_state(HD_SET_VRING_NUM, index, SIZE);
		else if (pick < 18)
			rc = ask_addr(index, random_below(&random, 2));
		else if (pick < 22)
			rc = world_kick(index);
		else if (pick < 24)
			rc = ask_file(HD_SET_VRING_CALL, index, world.event[index][1]);
		else if (pick < 25)
			rc = ask_state(HD_GET_VRING_BASE, index, 0);
		else if (pick < 26)
			rc = ask_log(world.memory, LOG_SIZE, 0);
		else if (pick < 28)
			rc = ask_state(HD_SET_VRING_ENABLE, index, random_below(&random, 2));
		else if (pick < 29)
			rc = ask_u64(HD_SET_PROTOCOL_FEATURES, ALL_PROTOCOL);
		else
			rc = hd_session_check(&world.session);
		expect_consistent();
		runs += hd_session_running(&world.session);
		accepted += rc >= 0;
		ends += rc < 0;
		if (rc < 0 && random_below(&random, 8) == 0)
			hd_session_reset(&world.session);
	}
	/* It has been where it should be. */
	ck_assert_uint_gt(runs, 1000);
	ck_assert_uint_gt(accepted, 1000);
	ck_assert_uint_gt(ends, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_hostile");
	SRunner *runner = srunner_create(suite);
	TCase *tcase = tcase_create("hostile");
	int failed;

	eal_start();
	if (hd_fault_init() != 0)
		return 1;
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, world_setup, world_teardown);
	tcase_add_loop_test(tcase, test_refused, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, test_held);
	tcase_add_test(tcase, test_enable_not_negotiated);
	tcase_add_test(tcase, test_log_address_in_the_log);
	tcase_add_test(tcase, test_flood);
	tcase_add_test(tcase, test_random);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
