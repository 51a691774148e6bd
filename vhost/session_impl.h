/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the session share; nobody else includes it. */
#ifndef HD_SESSION_IMPL_H
#define HD_SESSION_IMPL_H

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "session.h"

#define HD_BIT(n) (UINT64_C(1) << (n))
#define HD_ALL_RINGS UINT32_MAX

/*
 * A handler: checks the message whole, then changes the session. Returns 0, or -errno with the reason in
 * session->reason (without the request's name) and nothing changed. A descriptor that it keeps is replaced by -1 in the
 * message. The ones that answer fill in reply's payload and its size.
 */
typedef int hd_session_handler(struct hd_session *session, struct hd_message *message, struct hd_message *reply);

/* session.c */
/* Returns `error`. */
int hd_session_refuse(struct hd_session *session, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The descriptor at `i`, the caller's from now on; -1 if there is none. */
int hd_session_take_fd(struct hd_message *message, unsigned int i);
/* Its handler's answer. */
void hd_session_answer(struct hd_message *reply, uint64_t value);

static inline bool hd_session_has(const struct hd_session *session, unsigned int feature)
{
	return (session->features & HD_BIT(feature)) != 0;
}

static inline bool hd_session_speaks(const struct hd_session *session, unsigned int protocol_feature)
{
	return (session->protocol_features & HD_BIT(protocol_feature)) != 0;
}

static inline uint32_t hd_session_rings(const struct hd_session *session)
{
	return 2u * session->queue_pairs;
}

/* A packed ring begins in slot 0 with both wrap counters set (VIRTIO 1.2, 2.8.1). */
#define HD_PACKED_START UINT32_C(0x80008000)

/* Where a ring stands, told or not. */
static inline uint32_t hd_session_base(const struct hd_session *session, const struct hd_session_ring *ring)
{
	return ring->based || !hd_session_has(session, VIRTIO_F_RING_PACKED) ? ring->base : HD_PACKED_START;
}

/* session_run.c */
/* Take a ring, or HD_ALL_RINGS, from the PMDs, with one grace period, and note where it stands. */
void hd_session_stop(struct hd_session *session, uint32_t index);
/* Start every ring that can run and does not. */
void hd_session_settle(struct hd_session *session);
/*
 * Whether a ring with these values could run on the session's memory, which is there; `setup` (NULL: not wanted) is
 * filled in. Returns 0 or -EINVAL and the reason.
 */
int hd_session_place(const struct hd_session *session, uint32_t index, const struct hd_session_ring *ring,
		     struct hd_vring_setup *setup, char reason[HD_SESSION_REASON_MAX]);
/* Sized, placed, and memory and features are known: hd_session_place can tell. */
bool hd_session_placeable(const struct hd_session *session, const struct hd_session_ring *ring);
/* Stopped, never set up; keeps the descriptors that QEMU gives once a connection. */
void hd_session_ring_clear(struct hd_session *session, uint32_t index);

/* session_ring.c */
/* All rings as GET_VRING_BASE leaves them. */
void hd_session_halt(struct hd_session *session);

/* session_features.c */
hd_session_handler hd_session_get_features, hd_session_set_features, hd_session_get_protocol_features,
	hd_session_set_protocol_features, hd_session_get_queue_num, hd_session_set_owner, hd_session_reset_owner,
	hd_session_reset_device, hd_session_set_status, hd_session_get_status, hd_session_send_rarp, hd_session_set_mtu;
/* Every ring stopped and cleared, features and status unset. */
void hd_session_clear(struct hd_session *session);
uint64_t hd_session_offer(const struct hd_session *session);
#define HD_SESSION_PROTOCOL_OFFER                                                                                      \
	(HD_BIT(HD_PROTOCOL_MQ) | HD_BIT(HD_PROTOCOL_LOG_SHMFD) | HD_BIT(HD_PROTOCOL_RARP) |                           \
	 HD_BIT(HD_PROTOCOL_REPLY_ACK) | HD_BIT(HD_PROTOCOL_MTU) | HD_BIT(HD_PROTOCOL_RESET_DEVICE) |                  \
	 HD_BIT(HD_PROTOCOL_CONFIGURE_MEM_SLOTS) | HD_BIT(HD_PROTOCOL_STATUS))

/* session_memory.c */
hd_session_handler hd_session_set_memory, hd_session_add_region, hd_session_remove_region, hd_session_get_slots,
	hd_session_set_log_base, hd_session_set_log_fd;
/* Log and memory unmapped. No ring runs. */
void hd_session_forget_memory(struct hd_session *session);

/* session_ring.c */
hd_session_handler hd_session_set_num, hd_session_set_addr, hd_session_set_base, hd_session_get_base,
	hd_session_set_kick, hd_session_set_call, hd_session_set_error, hd_session_set_enable;

#endif
