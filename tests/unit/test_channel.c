/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests a front-end's connection over socket pairs: pieces, descriptors, and peers that keep to nothing. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "descriptors.h"
#include "random.h"

#define SECOND INT64_C(1000000000)
#define FILES 64

static unsigned int open_before;
static struct hd_channel channel;
static int peer = -1; /* the front-end's end */
static int files[FILES];

static void setup(void)
{
	int pair[2];

	open_before = descriptors_open();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	hd_channel_open(&channel, pair[0]);
	peer = pair[1];
	for (unsigned int i = 0; i < FILES; i++)
		files[i] = memfd_create("file", MFD_CLOEXEC);
}

static void teardown(void)
{
	hd_channel_close(&channel);
	ck_assert_int_eq(channel.fd, -1);
	if (peer >= 0)
		close(peer);
	for (unsigned int i = 0; i < FILES; i++)
		close(files[i]);
	ck_assert_uint_eq(descriptors_open(), open_before);
}

/* On the wire. */
struct wire {
	uint32_t request, flags, size;
	uint8_t payload[512];
};

static struct wire wire_of(uint32_t request, uint32_t size)
{
	struct wire wire = {.request = request, .flags = HD_MESSAGE_VERSION, .size = size};

	for (uint32_t i = 0; i < sizeof(wire.payload); i++)
		wire.payload[i] = (uint8_t)(request * 31 + i);
	return wire;
}

/* The message in channel.in is this one, with these descriptors; they are closed. */
static void expect(const struct wire *wire, const int *fds, unsigned int n)
{
	struct hd_message *in = &channel.in;

	ck_assert_uint_eq(in->request, wire->request);
	ck_assert_uint_eq(in->flags, wire->flags);
	ck_assert_uint_eq(in->size, wire->size);
	ck_assert_mem_eq(in->bytes, wire->payload, wire->size);
	ck_assert_uint_eq(in->n_fds, n);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert(descriptors_same(in->fds[i], fds[i]));
		ck_assert_int_eq(fcntl(in->fds[i], F_GETFD), FD_CLOEXEC);
		close(in->fds[i]);
	}
}

static void expect_end(int error, const char *why)
{
	ck_assert_int_eq(hd_channel_receive(&channel), error);
	ck_assert_msg(strstr(channel.reason, why) != NULL, "\"%s\" is not in \"%s\"", why, channel.reason);
}

START_TEST(test_whole)
{
	struct wire wire = wire_of(HD_SET_VRING_ADDR, 40);

	ck_assert_int_eq(hd_channel_receive(&channel), 0);
	ck_assert_int_eq(hd_channel_deadline(&channel, 1), -1);
	descriptors_send(peer, &wire, HD_MESSAGE_HEADER + 40, files, 1);
	ck_assert_int_eq(hd_channel_receive(&channel), 1);
	expect(&wire, files, 1);
	ck_assert_int_eq(hd_channel_deadline(&channel, 1), -1);
	ck_assert_int_eq(hd_channel_receive(&channel), 0);
}
END_TEST

/* From no payload to the longest, each with a byte at a time. */
START_TEST(test_byte_by_byte)
{
	static const uint32_t sizes[] = {0, 1, 8, sizeof(struct hd_wire_memory)};

	for (unsigned int k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		struct wire wire = wire_of(HD_SET_MEM_TABLE + k, sizes[k]);
		size_t total = HD_MESSAGE_HEADER + sizes[k];

		for (size_t i = 0; i < total; i++) {
			descriptors_send(peer, (uint8_t *)&wire + i, 1, files, i == 0 ? HD_MESSAGE_FDS : 0);
			ck_assert_int_eq(hd_channel_receive(&channel), i == total - 1);
			ck_assert_int_eq(hd_channel_deadline(&channel, 0) == -1, i == total - 1);
		}
		expect(&wire, files, HD_MESSAGE_FDS);
	}
}
END_TEST

START_TEST(test_two_in_one)
{
	struct wire first = wire_of(HD_SET_VRING_NUM, 8), second = wire_of(HD_SET_OWNER, 0);
	uint8_t both[2 * HD_MESSAGE_HEADER + 8];

	memcpy(both, &first, HD_MESSAGE_HEADER + 8);
	memcpy(both + HD_MESSAGE_HEADER + 8, &second, HD_MESSAGE_HEADER);
	descriptors_send(peer, both, sizeof(both), files, 2);
	ck_assert_int_eq(hd_channel_receive(&channel), 1);
	expect(&first, files, 2);
	ck_assert_int_eq(hd_channel_receive(&channel), 1);
	expect(&second, NULL, 0);
	ck_assert_int_eq(hd_channel_receive(&channel), 0);
}
END_TEST

START_TEST(test_too_many_descriptors)
{
	static const unsigned int numbers[] = {HD_MESSAGE_FDS + 1, HD_MESSAGE_FDS + 2, FILES};
	struct wire wire = wire_of(HD_SET_MEM_TABLE, 8);

	descriptors_send(peer, &wire, HD_MESSAGE_HEADER + 8, files, numbers[_i]);
	expect_end(-EPROTO, "more descriptors than 8");
}
END_TEST

START_TEST(test_descriptors_in_the_middle)
{
	struct wire wire = wire_of(HD_SET_MEM_TABLE, 8);
	size_t at = _i == 0 ? 5 : HD_MESSAGE_HEADER + 3;

	descriptors_send(peer, &wire, at, files, 1);
	ck_assert_int_eq(hd_channel_receive(&channel), 0);
	descriptors_send(peer, (uint8_t *)&wire + at, 1, files, 3);
	expect_end(-EPROTO, "in the middle");
}
END_TEST

START_TEST(test_oversize)
{
	struct wire wire = wire_of(HD_SET_MEM_TABLE, _i == 0 ? sizeof(struct hd_wire_memory) + 1 : UINT32_MAX);

	descriptors_send(peer, &wire, HD_MESSAGE_HEADER, files, 2);
	expect_end(-EMSGSIZE, "no message has more than 264");
}
END_TEST

START_TEST(test_version)
{
	struct wire wire = wire_of(HD_GET_FEATURES, 0);

	static const uint32_t flags[] = {0, 2, 3, 0xfffffffc};

	wire.flags = flags[_i];
	descriptors_send(peer, &wire, HD_MESSAGE_HEADER, files, 1);
	expect_end(-EPROTO, "only 1 is known");
}
END_TEST

/* The descriptors of half a message are closed: teardown counts. */
START_TEST(test_peer_closes)
{
	struct wire wire = wire_of(HD_SET_VRING_NUM, 8);
	static const size_t pieces[] = {0, 3, HD_MESSAGE_HEADER + 3};
	size_t sent = pieces[_i];

	if (sent > 0)
		descriptors_send(peer, &wire, sent, files, 4);
	close(peer);
	peer = -1;
	expect_end(-ECONNRESET, sent > 0 ? "in the middle of a message" : "closed by the front-end");
}
END_TEST

START_TEST(test_slow_peer)
{
	struct wire wire = wire_of(HD_SET_VRING_NUM, 8);
	int64_t left;

	descriptors_send(peer, &wire, 7, NULL, 0);
	ck_assert_int_eq(hd_channel_receive(&channel), 0);
	left = hd_channel_deadline(&channel, channel.in_since);
	ck_assert_int_eq(left, HD_CHANNEL_SECONDS * SECOND);
	/* More bytes give no more time. */
	descriptors_send(peer, (uint8_t *)&wire + 7, 6, NULL, 0);
	ck_assert_int_eq(hd_channel_receive(&channel), 0);
	ck_assert_int_eq(hd_channel_deadline(&channel, channel.in_since + 5), left - 5);
	ck_assert_int_eq(hd_channel_deadline(&channel, channel.in_since + (uint64_t)left), 0);
	ck_assert_int_eq(hd_channel_deadline(&channel, channel.in_since + 10 * (uint64_t)left), 0);
}
END_TEST

static void expect_reply(const struct hd_message *reply)
{
	uint8_t bytes[HD_MESSAGE_HEADER + sizeof(reply->bytes)];

	ck_assert_int_eq(recv(peer, bytes, HD_MESSAGE_HEADER + reply->size, MSG_WAITALL),
			 HD_MESSAGE_HEADER + reply->size);
	ck_assert_mem_eq(bytes, reply, HD_MESSAGE_HEADER);
	ck_assert_mem_eq(bytes + HD_MESSAGE_HEADER, reply->bytes, reply->size);
}

START_TEST(test_peer_does_not_read)
{
	struct hd_message reply = {.request = HD_GET_FEATURES, .flags = 5, .size = 8, .u64 = 0x1122334455667788};
	struct wire wire = wire_of(HD_GET_FEATURES, 0);
	unsigned int n = 0;

	while (!hd_channel_pending(&channel)) {
		ck_assert_uint_lt(n, 100000);
		ck_assert_int_eq(hd_channel_send(&channel, &reply), 0);
		n++;
	}
	ck_assert_int_eq(hd_channel_send(&channel, &reply), -EBUSY);
	ck_assert_int_eq(hd_channel_deadline(&channel, channel.out_since), HD_CHANNEL_SECONDS * SECOND);
	ck_assert_int_eq(hd_channel_deadline(&channel, channel.out_since + SECOND), 0);
	/* It gets no more of us before it has read. */
	descriptors_send(peer, &wire, HD_MESSAGE_HEADER, NULL, 0);
	ck_assert_int_eq(hd_channel_receive(&channel), 0);
	for (unsigned int i = 0; i < n - 1; i++)
		expect_reply(&reply);
	ck_assert_int_eq(hd_channel_flush(&channel), 0);
	ck_assert(!hd_channel_pending(&channel));
	ck_assert_int_eq(hd_channel_deadline(&channel, 1), -1);
	expect_reply(&reply);
	ck_assert_int_eq(hd_channel_receive(&channel), 1);
	expect(&wire, NULL, 0);
}
END_TEST

/* Wherever a reply was cut, the rest goes. */
START_TEST(test_partial_send)
{
	struct hd_message reply = {.request = HD_GET_VRING_BASE, .flags = 5, .size = sizeof(struct hd_wire_memory)};

	for (uint32_t i = 0; i < reply.size; i++)
		reply.bytes[i] = (uint8_t)i;
	for (size_t cut = 0; cut < HD_MESSAGE_HEADER + reply.size; cut++) {
		uint8_t flat[HD_MESSAGE_HEADER + sizeof(reply.bytes)];

		memcpy(flat, &reply, HD_MESSAGE_HEADER);
		memcpy(flat + HD_MESSAGE_HEADER, reply.bytes, reply.size);
		ck_assert_int_eq(write(channel.fd, flat, cut), (ssize_t)cut);
		channel.out = reply;
		channel.sent = cut;
		channel.left = HD_MESSAGE_HEADER + reply.size - cut;
		ck_assert_int_eq(hd_channel_flush(&channel), 0);
		ck_assert(!hd_channel_pending(&channel));
		expect_reply(&reply);
	}
}
END_TEST

START_TEST(test_send_to_nobody)
{
	struct hd_message reply = {.request = HD_GET_FEATURES, .flags = 5, .size = 8};

	close(peer);
	peer = -1;
	ck_assert_int_eq(hd_channel_send(&channel, &reply), -EPIPE);
	ck_assert_ptr_nonnull(strstr(channel.reason, "replying"));
}
END_TEST

/* Many messages, cut at random: they arrive as they were. */
START_TEST(test_random_pieces)
{
	struct random random;

	random_start(&random, "test_random_pieces");
	for (unsigned int round = 0; round < 2000; round++) {
		struct wire wire = wire_of(1 + random_below(&random, 40), random_below(&random, 265));
		size_t total = HD_MESSAGE_HEADER + wire.size, sent = 0;
		unsigned int n_fds = random_below(&random, HD_MESSAGE_FDS + 1);

		while (sent < total) {
			size_t piece = 1 + random_below(&random, (uint32_t)(total - sent));

			descriptors_send(peer, (uint8_t *)&wire + sent, piece, files, sent == 0 ? n_fds : 0);
			sent += piece;
			ck_assert_int_eq(hd_channel_receive(&channel), sent == total);
		}
		expect(&wire, files, n_fds);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("channel");
	SRunner *runner = srunner_create(suite);
	TCase *tcase = tcase_create("channel");
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_whole);
	tcase_add_test(tcase, test_byte_by_byte);
	tcase_add_test(tcase, test_two_in_one);
	tcase_add_loop_test(tcase, test_too_many_descriptors, 0, 3);
	tcase_add_loop_test(tcase, test_descriptors_in_the_middle, 0, 2);
	tcase_add_loop_test(tcase, test_oversize, 0, 2);
	tcase_add_loop_test(tcase, test_version, 0, 4);
	tcase_add_loop_test(tcase, test_peer_closes, 0, 3);
	tcase_add_test(tcase, test_slow_peer);
	tcase_add_test(tcase, test_peer_does_not_read);
	tcase_add_test(tcase, test_partial_send);
	tcase_add_test(tcase, test_send_to_nobody);
	tcase_add_test(tcase, test_random_pieces);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
