/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes vhost-user sessions: what front-ends say, with any descriptors, between a guest that writes its memory, PMDs
 * that use the rings, files that are truncated, and sessions that are handed over.
 *
 * An input is how far a legal front-end has come (`introduce`), and steps. A step's first byte is a request, whose
 * payload then follows in few bytes that mean something (`payload_of`), or one of `others`. Bits ODD say that
 * something is not as it should be: flags, size, descriptors, or bytes of the payload.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/eal.h"
#include "burst.h"
#include "fault.h"
#include "log.h"
#include "mapping.h"
#include "ring_copy.h"
#include "session_watch.h"

#define STEPS_MAX 64
#define GPA UINT64_C(0x100000)
#define UVA UINT64_C(0x7f5500000000)
#define GUEST_SIZE 0x10000u
#define OTHER_SIZE 0x4000u /* of the file that is truncated at times */

enum { GUEST, OTHER, READ_ONLY, EVENT, PIPE, KINDS };
enum { ODD_FLAGS = 1, ODD_SIZE = 2, ODD_FDS = 4, ODD_PAYLOAD = 8, ODD_REQUEST = 16 };

static struct {
	int file[KINDS];
	uint8_t *guest, *other;
	bool truncated;
} shared;

static struct hd_burst burst;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Messages. */

static int duplicate(unsigned int kind)
{
	return fcntl(shared.file[kind], F_DUPFD_CLOEXEC, 3);
}

static void add_fd(struct hd_message *message, unsigned int kind)
{
	message->fds[message->n_fds++] = duplicate(kind);
}

static void ask(struct hd_message *message)
{
	uint32_t request = message->request;
	struct hd_message reply;
	int rc = hd_session_handle(&world.session, message, &reply);

	must(rc <= 1 && message->n_fds == 0);
	if (rc < 0) {
		must(world.session.reason[0] != '\0');
		hd_session_reset(&world.session); /* the end of the connection; the next one begins */
	} else if (rc == 1) {
		must(reply.request == request && reply.flags == (HD_MESSAGE_VERSION | HD_MESSAGE_REPLY));
		must(reply.size <= sizeof(reply.bytes) && reply.n_fds == 0);
	}
	check_session();
}

static uint64_t take_uva(struct input *input)
{
	uint8_t how = take8(input);

	if (how == 0xff)
		return take64(input);
	return UVA + (uint64_t)(how & 1 ? take16(input) : take8(input) << 8);
}

/* Pages of the guest's file where they belong, if all bytes are 0, or not. */
static struct hd_wire_region take_region(struct input *input, unsigned int *kind)
{
	uint8_t gpa = take8(input), uva = take8(input), size = take8(input), offset = take8(input), how = take8(input);
	struct hd_wire_region region = {.gpa = GPA + gpa * UINT64_C(4096),
					.uva = UVA + uva * UINT64_C(4096),
					.size = (16 - size % 16) * UINT64_C(4096),
					.offset = offset * UINT64_C(4096)};

	*kind = how % 8 < KINDS ? how % 8 : GUEST;
	if (how & 0x80) {
		uint64_t *const fields[] = {&region.gpa, &region.uva, &region.size, &region.offset};

		*fields[how >> 3 & 3] = how & 0x40 ? take64(input) : *fields[how >> 3 & 3] + (int8_t)take8(input);
	}
	return region;
}

static uint64_t take_features(struct input *input)
{
	static const uint8_t bits[] = {
		VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_RING_PACKED,
		VHOST_F_LOG_ALL,         VIRTIO_F_VERSION_1,          HD_F_PROTOCOL_FEATURES};
	uint8_t chosen = take8(input);
	uint64_t features = 0;

	if (chosen & 0x80)
		return take64(input);
	for (unsigned int i = 0; i < RTE_DIM(bits); i++)
		features |= chosen >> i & 1 ? HD_BIT(bits[i]) : 0;
	return features ^ HD_BIT(HD_F_PROTOCOL_FEATURES);
}

static void memory_of(struct input *input, struct hd_message *message)
{
	unsigned int kind;

	message->memory.n = take8(input) % (HD_MESSAGE_FDS + 2);
	for (uint32_t i = 0; i < message->memory.n && i < HD_MESSAGE_FDS; i++) {
		message->memory.region[i] = take_region(input, &kind);
		add_fd(message, kind);
	}
	message->size = offsetof(struct hd_wire_memory, region) + message->n_fds * sizeof(struct hd_wire_region);
}

static void state_of(struct input *input, struct hd_message *message)
{
	uint8_t how = take8(input);

	message->size = sizeof(message->state);
	message->state.index = how & 7;
	if (how & 0x80)
		message->state.num = take32(input);
	else if (message->request == HD_SET_VRING_NUM && (how & 8) == 0)
		message->state.num = 1u << take8(input) % 16;
	else
		message->state.num = message->request == HD_GET_VRING_BASE ? 0 : take8(input);
}

static void addr_of(struct input *input, struct hd_message *message)
{
	uint8_t how = take8(input);

	message->size = sizeof(message->addr);
	message->addr = (struct vhost_vring_addr){.index = how & 7, .flags = how >> 3 & 3};
	message->addr.desc_user_addr = take_uva(input);
	message->addr.avail_user_addr = take_uva(input);
	message->addr.used_user_addr = take_uva(input);
	message->addr.log_guest_addr = take_uva(input) - UVA + GPA;
}

static void ring_file_of(struct input *input, struct hd_message *message)
{
	uint8_t how = take8(input);

	message->size = sizeof(message->u64);
	message->u64 = (how & 7) | (how & 8 ? HD_MESSAGE_NOFD : 0);
	if ((how & 8) == 0)
		add_fd(message, how & 0x80 ? (how >> 4 & 7) % KINDS : EVENT);
}

static void region_of(struct input *input, struct hd_message *message)
{
	unsigned int kind;

	message->size = sizeof(message->region);
	message->region.region = take_region(input, &kind);
	if (message->request == HD_ADD_MEM_REG)
		add_fd(message, kind);
}

static void log_of(struct input *input, struct hd_message *message)
{
	uint8_t how = take8(input);

	message->size = sizeof(message->log);
	message->log = (struct hd_wire_log){.size = how & 1 ? take64(input) : 64u + take8(input),
					    .offset = how & 2 ? take64(input) : take8(input)};
	add_fd(message, how & 4 ? OTHER : GUEST);
}

/* A message as it should be, but for what is in it. */
static void payload_of(struct input *input, struct hd_message *message)
{
	switch (message->request) {
	case HD_SET_MEM_TABLE:
		memory_of(input, message);
		break;
	case HD_SET_VRING_NUM:
	case HD_SET_VRING_BASE:
	case HD_GET_VRING_BASE:
	case HD_SET_VRING_ENABLE:
		state_of(input, message);
		break;
	case HD_SET_VRING_ADDR:
		addr_of(input, message);
		break;
	case HD_SET_VRING_KICK:
	case HD_SET_VRING_CALL:
	case HD_SET_VRING_ERR:
		ring_file_of(input, message);
		break;
	case HD_ADD_MEM_REG:
	case HD_REM_MEM_REG:
		region_of(input, message);
		break;
	case HD_SET_LOG_BASE:
		log_of(input, message);
		break;
	case HD_SET_LOG_FD:
		add_fd(message, EVENT);
		break;
	case HD_SET_FEATURES:
		message->u64 = take_features(input);
		message->size = sizeof(message->u64);
		break;
	case HD_SET_PROTOCOL_FEATURES:
		message->u64 = HD_SESSION_PROTOCOL_OFFER ^ take32(input);
		message->size = sizeof(message->u64);
		break;
	case HD_SET_STATUS:
	case HD_NET_SET_MTU:
	case HD_SEND_RARP:
		message->u64 = take16(input);
		message->size = sizeof(message->u64);
		break;
	default:
		break;
	}
}

static void distort(struct input *input, struct hd_message *message, uint8_t odd)
{
	if (odd & ODD_REQUEST)
		message->request = take32(input);
	if (odd & ODD_FLAGS)
		message->flags = take8(input);
	if (odd & ODD_SIZE)
		message->size = take16(input) % (sizeof(message->bytes) + 1);
	if (odd & ODD_PAYLOAD) {
		uint16_t at = take16(input) % (sizeof(message->bytes) - 8);

		take_bytes(input, message->bytes + at, take8(input) % 9);
	}
	if (odd & ODD_FDS) {
		uint8_t wanted = take8(input);

		while (message->n_fds > wanted % (HD_MESSAGE_FDS + 1))
			close(message->fds[--message->n_fds]);
		while (message->n_fds < wanted % (HD_MESSAGE_FDS + 1))
			add_fd(message, take8(input) % KINDS);
	}
}

static void say(struct input *input, uint8_t code)
{
	struct hd_message message = {.request = code & 63,
				     .flags = HD_MESSAGE_VERSION | (code & 64 ? HD_MESSAGE_NEED_REPLY : 0)};
	uint8_t odd = code & 128 ? take8(input) : 0;

	payload_of(input, &message);
	distort(input, &message, odd);
	ask(&message);
}

/* What else happens. */

static void follow(struct input *input)
{
	int rc = hd_session_check(&world.session);

	must(rc == 0 || (rc == -EFAULT && shared.truncated));
	if (rc < 0)
		hd_session_reset(&world.session);
	check_session();
}

static void send_one(struct hd_vring *ring)
{
	static struct hd_snapshot_buffer snapshot;
	struct hd_pkt pkt = {.hdr = snapshot.bytes + HD_SNAPSHOT_FRAME, .hdr_len = 60, .len = 60}, *pkts = &pkt;
	enum hd_drop why;

	if (ring->packed)
		hd_packed_tx(ring, &pkts, 1, &why);
	else
		hd_split_tx(ring, &pkts, 1, &why);
}

static void receive(struct hd_vring *ring)
{
	burst.n_refused = 0;
	if ((ring->packed ? hd_packed_rx(ring, &burst) : hd_split_rx(ring, &burst)) == 0)
		return;
	if (ring->packed)
		hd_packed_rx_done(ring);
	else
		hd_split_rx_done(ring);
}

/* PMDs do a round. */
static void work(struct input *input)
{
	for (unsigned int i = 0; i < RINGS_MAX; i++) {
		struct hd_vring *ring = world.published[i];

		if (ring == NULL || hd_vring_broken(ring))
			continue;
		if (i % 2 != 0)
			receive(ring);
		else
			send_one(ring);
		if (ring->packed)
			hd_packed_notify(ring);
		else
			hd_split_notify(ring);
	}
}

static void write_guest(struct input *input)
{
	uint32_t at = take16(input), len = take8(input) % 64u;

	take_bytes(input, shared.guest + at, RTE_MIN(len, GUEST_SIZE - at));
}

static void truncate_other(struct input *input)
{
	must(ftruncate(shared.file[OTHER], take8(input) * 64) == 0);
	shared.truncated = true;
}

static void start_session(struct hd_session *session, uint8_t how)
{
	uint64_t offer = HD_BIT(VIRTIO_F_VERSION_1) | HD_BIT(VIRTIO_F_RING_PACKED) | HD_BIT(VIRTIO_NET_F_MRG_RXBUF) |
			 HD_BIT(VIRTIO_RING_F_EVENT_IDX) | HD_BIT(VIRTIO_RING_F_INDIRECT_DESC);

	must(hd_session_init(session, &ops, &world, "vm1", offer, how % PAIRS_MAX + 1, how & 4) == 0);
}

/* To a process that goes on with it, perhaps with an image that was tampered with. */
static void hand_over(struct input *input)
{
	uint8_t how = take8(input), flips = how >> 4;
	uint64_t features = world.session.features;
	uint16_t pairs = world.session.queue_pairs;
	struct hd_session_image image;
	bool poisoned, ran[RINGS_MAX];
	int rc;

	for (unsigned int i = 0; i < RINGS_MAX; i++)
		ran[i] = world.published[i] != NULL && !hd_vring_broken(world.published[i]);
	must(hd_session_export(&world.session, &image) == 0);
	poisoned = shared.truncated;
	hd_session_fini(&world.session);
	start_session(&world.session, how & 8 ? how : (uint8_t)(pairs - 1));
	for (unsigned int i = 0; i < flips; i++)
		((uint8_t *)image.bytes)[take16(input) % image.size] ^= take8(input);
	rc = hd_session_import(&world.session, &image);
	must(rc == 0 || rc == -EINVAL);
	hd_session_image_free(&image);
	if (flips == 0 && (how & 8) == 0 && !poisoned) {
		must(rc == 0 && world.session.features == features);
		for (unsigned int i = 0; i < 2u * pairs; i++)
			must(!ran[i] || world.published[i] != NULL);
	}
	if (rc < 0)
		hd_session_reset(&world.session);
	check_session();
}

static void reset(struct input *input)
{
	hd_session_reset(&world.session);
	check_session();
}

static void (*const others[])(struct input *input) = {follow, work, write_guest, truncate_other, hand_over, reset};
#define OTHERS 48u /* the first step that is no request */

/* A legal front-end's first words, in the language of inputs. */
static const uint8_t introduction[] = {HD_SET_OWNER,
				       HD_SET_PROTOCOL_FEATURES,
				       0,
				       0,
				       0,
				       0,
				       HD_SET_FEATURES,
				       0x20, /* split; the byte is replaced */
				       HD_SET_MEM_TABLE,
				       1,
				       0,
				       0,
				       0,
				       0,
				       0,
				       HD_SET_VRING_NUM,
				       0,
				       3,
				       HD_SET_VRING_ADDR,
				       0,
				       0,
				       0x10,
				       0,
				       0x14,
				       0,
				       0x18,
				       0,
				       0x18,
				       HD_SET_VRING_CALL,
				       0,
				       HD_SET_VRING_ENABLE,
				       0,
				       1,
				       HD_SET_VRING_KICK,
				       0,
				       HD_SET_VRING_NUM,
				       1,
				       3,
				       HD_SET_VRING_ADDR,
				       1,
				       0,
				       0x20,
				       0,
				       0x24,
				       0,
				       0x28,
				       0,
				       0x28,
				       HD_SET_VRING_CALL,
				       1,
				       HD_SET_VRING_ENABLE,
				       1,
				       1,
				       HD_SET_VRING_KICK,
				       1};
#define INTRODUCTION_FEATURES 7 /* offset */

static void step(struct input *input)
{
	uint8_t code = take8(input);

	if ((code & 63) < OTHERS)
		say(input, code);
	else
		others[(code & 63) % RTE_DIM(others)](input);
}

/* All of it or a part, up to any byte. */
static void introduce(uint8_t part, uint8_t features)
{
	uint8_t words[sizeof(introduction)];
	struct input input = {words, part % (sizeof(introduction) + 1)};

	memcpy(words, introduction, sizeof(words));
	words[INTRODUCTION_FEATURES] ^= features & 0x7f;
	while (input.left > 0)
		step(&input);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int ends[2];

	eal_start();
	hd_log_set_level(HD_LOG_ERROR);
	must(pipe2(ends, O_CLOEXEC) == 0);
	shared.file[PIPE] = ends[1];
	shared.file[EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	shared.file[GUEST] = memfd_create("guest", MFD_CLOEXEC);
	shared.file[OTHER] = memfd_create("other", MFD_CLOEXEC);
	must(ftruncate(shared.file[GUEST], GUEST_SIZE) == 0 && ftruncate(shared.file[OTHER], OTHER_SIZE) == 0);
	shared.file[READ_ONLY] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	shared.guest = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared.file[GUEST], 0);
	shared.other = mmap(NULL, OTHER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared.file[OTHER], 0);
	must(shared.guest != MAP_FAILED && shared.other != MAP_FAILED);
	for (unsigned int i = 0; i < KINDS; i++)
		must(shared.file[i] >= 0);
	return 0;
}

static void clean(void)
{
	eventfd_t value;

	if (shared.truncated)
		must(ftruncate(shared.file[OTHER], 0) == 0 && ftruncate(shared.file[OTHER], OTHER_SIZE) == 0);
	shared.truncated = false;
	memset(shared.guest, 0, GUEST_SIZE);
	memset(shared.other, 0, OTHER_SIZE);
	eventfd_read(shared.file[EVENT], &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint64_t open = open_descriptors(); /* libFuzzer has some at times */
	static bool watching;
	uint8_t how, part, features;

	/* Not before libFuzzer has set its handlers. */
	if (!watching)
		must(hd_fault_init() == 0);
	watching = true;
	clean();
	how = take8(&input);
	part = take8(&input);
	features = take8(&input);
	start_session(&world.session, how);
	introduce(part, features);
	for (unsigned int n = 0; n < STEPS_MAX && input.left > 0; n++)
		step(&input);
	hd_session_fini(&world.session);
	must(world.rings == 0);
	must(open_descriptors() == open);
	return 0;
}
