/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's life, and the table of its messages: what each must look like, and who handles it. */
#include "session_impl.h"

#include <errno.h>
#include <heddle/limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define REFUSALS_LOGGED 10
#define NO_FEATURE UINT8_MAX

/*
 * One request. What does not look like it ends the session: after that nobody knows what the front-end believes. `size`
 * and `fds` say what the message at hand must have, where that depends on what is in it.
 */
struct rule {
	const char *name;
	hd_session_handler *handle;
	uint32_t size; /* of the payload */
	uint32_t (*size_of)(const struct hd_message *message);
	uint8_t fds_min, fds_max;
	unsigned int (*fds_of)(const struct hd_message *message);
	uint8_t feature; /* protocol feature that must have been agreed upon */
	bool answers;    /* by itself, whether asked to or not */
	bool nack;       /* of those: its answer is a u64, which can say no */
	bool changes;    /* what ops->changed is about */
};

static uint32_t memory_size(const struct hd_message *message)
{
	uint32_t n = message->size >= sizeof(uint32_t) ? message->memory.n : 0;

	/* A number that is out of range is refused, not a broken message. */
	if (n == 0 || n > HD_MESSAGE_FDS)
		return message->size >= offsetof(struct hd_wire_memory, region)
			       ? message->size
			       : offsetof(struct hd_wire_memory, region);
	return offsetof(struct hd_wire_memory, region) + n * sizeof(struct hd_wire_region);
}

static unsigned int memory_fds(const struct hd_message *message)
{
	uint32_t n = message->memory.n;

	return n == 0 || n > HD_MESSAGE_FDS ? message->n_fds : n;
}

static unsigned int ring_fds(const struct hd_message *message)
{
	return (message->u64 & HD_MESSAGE_NOFD) != 0 ? 0 : 1;
}

#define RING_FILE(request, handler)                                                                                    \
	[HD_##request] = {#request,       handler, sizeof(uint64_t), .fds_of = ring_fds, .feature = NO_FEATURE,        \
			  .changes = true}
#define PLAIN(request, handler, bytes) [HD_##request] = {#request, handler, bytes, .feature = NO_FEATURE}
#define CHANGES(request, handler, bytes)                                                                               \
	[HD_##request] = {#request, handler, bytes, .feature = NO_FEATURE, .changes = true}
#define ANSWERS(request, handler, bytes)                                                                               \
	[HD_##request] = {#request, handler, bytes, .feature = NO_FEATURE, .answers = true}

static const struct rule rules[] = {
	ANSWERS(GET_FEATURES, hd_session_get_features, 0),
	CHANGES(SET_FEATURES, hd_session_set_features, sizeof(uint64_t)),
	PLAIN(SET_OWNER, hd_session_set_owner, 0),
	CHANGES(RESET_OWNER, hd_session_reset_owner, 0),
	[HD_SET_MEM_TABLE] = {"SET_MEM_TABLE", hd_session_set_memory, .size_of = memory_size, .fds_of = memory_fds,
			      .feature = NO_FEATURE, .changes = true},
	[HD_SET_LOG_BASE] = {"SET_LOG_BASE", hd_session_set_log_base, sizeof(struct hd_wire_log), .fds_min = 1,
			     .fds_max = 1, .feature = HD_PROTOCOL_LOG_SHMFD, .answers = true, .nack = true},
	[HD_SET_LOG_FD] = {"SET_LOG_FD", hd_session_set_log_fd, .fds_min = 1, .fds_max = 1, .feature = NO_FEATURE},
	CHANGES(SET_VRING_NUM, hd_session_set_num, sizeof(struct vhost_vring_state)),
	CHANGES(SET_VRING_ADDR, hd_session_set_addr, sizeof(struct vhost_vring_addr)),
	CHANGES(SET_VRING_BASE, hd_session_set_base, sizeof(struct vhost_vring_state)),
	[HD_GET_VRING_BASE] = {"GET_VRING_BASE", hd_session_get_base, sizeof(struct vhost_vring_state),
			       .feature = NO_FEATURE, .answers = true, .changes = true},
	RING_FILE(SET_VRING_KICK, hd_session_set_kick),
	RING_FILE(SET_VRING_CALL, hd_session_set_call),
	RING_FILE(SET_VRING_ERR, hd_session_set_error),
	ANSWERS(GET_PROTOCOL_FEATURES, hd_session_get_protocol_features, 0),
	PLAIN(SET_PROTOCOL_FEATURES, hd_session_set_protocol_features, sizeof(uint64_t)),
	[HD_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", hd_session_get_queue_num, .feature = HD_PROTOCOL_MQ, .answers = true},
	CHANGES(SET_VRING_ENABLE, hd_session_set_enable, sizeof(struct vhost_vring_state)),
	[HD_SEND_RARP] = {"SEND_RARP", hd_session_send_rarp, sizeof(uint64_t), .feature = HD_PROTOCOL_RARP},
	[HD_NET_SET_MTU] = {"NET_SET_MTU", hd_session_set_mtu, sizeof(uint64_t), .feature = HD_PROTOCOL_MTU,
			    .changes = true},
	/* Never offered, so never agreed upon. */
	[HD_GET_INFLIGHT_FD] = {"GET_INFLIGHT_FD", NULL, sizeof(struct hd_wire_inflight),
				.feature = HD_PROTOCOL_INFLIGHT_SHMFD, .answers = true},
	[HD_SET_INFLIGHT_FD] = {"SET_INFLIGHT_FD", NULL, sizeof(struct hd_wire_inflight), .fds_min = 1, .fds_max = 1,
				.feature = HD_PROTOCOL_INFLIGHT_SHMFD},
	[HD_RESET_DEVICE] = {"RESET_DEVICE", hd_session_reset_device, .feature = HD_PROTOCOL_RESET_DEVICE,
			     .changes = true},
	[HD_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", hd_session_get_slots, .feature = HD_PROTOCOL_CONFIGURE_MEM_SLOTS,
				  .answers = true},
	[HD_ADD_MEM_REG] = {"ADD_MEM_REG", hd_session_add_region, sizeof(struct hd_wire_single_region), .fds_min = 1,
			    .fds_max = 1, .feature = HD_PROTOCOL_CONFIGURE_MEM_SLOTS, .changes = true},
	/* QEMU before 7.0 sends the file along. */
	[HD_REM_MEM_REG] = {"REM_MEM_REG", hd_session_remove_region, sizeof(struct hd_wire_single_region), .fds_max = 1,
			    .feature = HD_PROTOCOL_CONFIGURE_MEM_SLOTS, .changes = true},
	[HD_SET_STATUS] = {"SET_STATUS", hd_session_set_status, sizeof(uint64_t), .feature = HD_PROTOCOL_STATUS,
			   .changes = true},
	[HD_GET_STATUS] = {"GET_STATUS", hd_session_get_status, .feature = HD_PROTOCOL_STATUS, .answers = true},
};

static const struct rule *rule_of(uint32_t request)
{
	return request < RTE_DIM(rules) && rules[request].name != NULL ? &rules[request] : NULL;
}

const char *hd_session_request_name(uint32_t request)
{
	const struct rule *rule = rule_of(request);

	return rule != NULL ? rule->name : NULL;
}

int hd_session_refuse(struct hd_session *session, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(session->reason, sizeof(session->reason), format, args);
	va_end(args);
	return error;
}

int hd_session_take_fd(struct hd_message *message, unsigned int i)
{
	int fd = i < message->n_fds ? message->fds[i] : -1;

	if (fd >= 0)
		message->fds[i] = -1;
	return fd;
}

void hd_session_answer(struct hd_message *reply, uint64_t value)
{
	reply->u64 = value;
	reply->size = sizeof(reply->u64);
}

/* Returns 0, or -EPROTO: it is not what its request says. */
static int check_shape(struct hd_session *session, const struct rule *rule, const struct hd_message *message)
{
	uint32_t size = rule->size_of != NULL ? rule->size_of(message) : rule->size;
	unsigned int min = rule->fds_min, max = rule->fds_max;

	if ((message->flags & HD_MESSAGE_REPLY) != 0)
		return hd_session_refuse(session, -EPROTO, "a reply to nothing we asked");
	if (message->size != size)
		return hd_session_refuse(session, -EPROTO, "%u bytes instead of %u", message->size, size);
	if (rule->fds_of != NULL)
		min = max = rule->fds_of(message);
	if (message->n_fds < min || message->n_fds > max)
		return hd_session_refuse(session, -EPROTO, "%u descriptors instead of %u", message->n_fds, max);
	return 0;
}

static int check_agreed(struct hd_session *session, const struct rule *rule)
{
	if (rule->feature == NO_FEATURE || hd_session_speaks(session, rule->feature))
		return 0;
	return hd_session_refuse(session, -EOPNOTSUPP, "protocol feature %u was not negotiated", rule->feature);
}

/* "SET_VRING_NUM: " in front of the reason. */
static void name_request(struct hd_session *session, const struct rule *rule, uint32_t request)
{
	char why[HD_SESSION_REASON_MAX];

	memcpy(why, session->reason, sizeof(why));
	/* What does not fit is cut off. */
	if (rule != NULL)
		(void)!snprintf(session->reason, sizeof(session->reason), "%s: %.*s", rule->name,
				(int)(sizeof(why) - strlen(rule->name) - 3), why);
	else
		snprintf(session->reason, sizeof(session->reason), "request %u: unknown", request);
}

/* A message that is not done: the session goes on if the front-end learns it. Returns 1 or -errno. */
static int reject(struct hd_session *session, const struct rule *rule, const struct hd_message *message,
		  struct hd_message *reply, int error)
{
	bool asked = (message->flags & HD_MESSAGE_NEED_REPLY) != 0 && hd_session_speaks(session, HD_PROTOCOL_REPLY_ACK);
	/* An answer of its own can't say no, but where it is a u64. */
	bool tell = asked && (rule == NULL || !rule->answers || rule->nack);

	name_request(session, rule, message->request);
	if (!tell)
		return error;
	if (session->refusals++ < REFUSALS_LOGGED)
		hd_warning(session->name, "refused: %s", session->reason);
	hd_session_answer(reply, 1);
	return 1;
}

static int dispatch(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	const struct rule *rule = rule_of(message->request);
	int rc;

	if (rule == NULL)
		return reject(session, NULL, message, reply, -EOPNOTSUPP);
	rc = check_agreed(session, rule);
	if (rc < 0)
		return reject(session, rule, message, reply, rc);
	rc = check_shape(session, rule, message);
	if (rc < 0) {
		name_request(session, rule, message->request);
		return rc;
	}
	/* Before, so that the answer to SET_PROTOCOL_FEATURES is that of what was agreed upon when it was sent. */
	bool acknowledge =
		(message->flags & HD_MESSAGE_NEED_REPLY) != 0 && hd_session_speaks(session, HD_PROTOCOL_REPLY_ACK);

	rc = rule->handle(session, message, reply);
	if (rc < 0)
		return reject(session, rule, message, reply, rc);
	if (rule->changes)
		session->ops->changed(session->port);
	if (rule->answers)
		return 1;
	if (acknowledge)
		hd_session_answer(reply, 0);
	return acknowledge;
}

int hd_session_handle(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	int rc;

	memset(reply, 0, sizeof(*reply));
	reply->request = message->request;
	reply->flags = HD_MESSAGE_VERSION | HD_MESSAGE_REPLY;
	rc = dispatch(session, message, reply);
	for (unsigned int i = 0; i < message->n_fds; i++)
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	message->n_fds = 0;
	return rc;
}

int hd_session_init(struct hd_session *session, const struct hd_session_ops *ops, void *port, const char *name,
		    uint64_t offer, uint16_t queue_pairs, bool shared)
{
	if (queue_pairs == 0 || queue_pairs > HD_VHOST_QUEUES_MAX)
		return -EINVAL;
	*session = (struct hd_session){
		.ops = ops, .port = port, .name = name, .offer = offer, .queue_pairs = queue_pairs, .shared = shared};
	session->ring = calloc(hd_session_rings(session), sizeof(session->ring[0]));
	if (session->ring == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < hd_session_rings(session); i++)
		session->ring[i] = (struct hd_session_ring){.kick = -1, .call = -1, .error = -1};
	return 0;
}

void hd_session_reset(struct hd_session *session)
{
	hd_session_clear(session);
	hd_session_forget_memory(session);
	for (uint32_t i = 0; i < hd_session_rings(session); i++) {
		struct hd_session_ring *ring = &session->ring[i];

		if (ring->call >= 0)
			close(ring->call);
		if (ring->error >= 0)
			close(ring->error);
		ring->call = ring->error = -1;
	}
	session->protocol_features = 0;
	session->owned = false;
	session->blocked = false;
	session->mtu = 0;
	session->refusals = 0;
	session->reason[0] = '\0';
}

void hd_session_fini(struct hd_session *session)
{
	if (session->ring == NULL)
		return;
	hd_session_reset(session);
	free(session->ring);
	session->ring = NULL;
}

bool hd_session_running(const struct hd_session *session)
{
	for (uint32_t i = 0; i < hd_session_rings(session); i++)
		if (session->ring[i].vring != NULL)
			return true;
	return false;
}

bool hd_session_ring_usable(const struct hd_session *session, uint16_t index)
{
	return session->ring[index].vring != NULL && session->ring[index].enabled;
}
