/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session and its front-end agree upon, the device's status, and everything else that is not of one ring. */
#include "session_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What fits a guest's MTU field, and RFC 791's least. */
#define MTU_MIN 68
#define MTU_MAX 65535

uint64_t hd_session_offer(const struct hd_session *session)
{
	return session->offer | HD_BIT(HD_F_PROTOCOL_FEATURES) | HD_BIT(VHOST_F_LOG_ALL);
}

int hd_session_get_features(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	hd_session_answer(reply, hd_session_offer(session));
	return 0;
}

/* Without protocol features nobody can enable a ring: it starts so. */
static void settle_enabled(struct hd_session *session, uint64_t former, bool former_set)
{
	bool negotiated = hd_session_has(session, HD_F_PROTOCOL_FEATURES);

	/* SET_VRING_ENABLE may have come before. */
	if (negotiated && (!former_set || (former & HD_BIT(HD_F_PROTOCOL_FEATURES)) != 0))
		return;
	for (uint32_t i = 0; i < hd_session_rings(session); i++)
		session->ring[i].enabled = !negotiated;
}

int hd_session_set_features(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	uint64_t features = message->u64, former = session->features, unknown = features & ~hd_session_offer(session);
	bool former_set = session->features_set;

	if (unknown != 0)
		return hd_session_refuse(session, -EINVAL, "0x%" PRIx64 " were not offered", unknown);
	if (hd_session_running(session) && ((features ^ former) & ~HD_BIT(VHOST_F_LOG_ALL)) != 0)
		return hd_session_refuse(session, -EBUSY, "0x%" PRIx64 " would change while rings run",
					 (features ^ former) & ~HD_BIT(VHOST_F_LOG_ALL));
	if (former_set && features == former)
		return 0;
	hd_session_stop(session, HD_ALL_RINGS);
	session->features = features;
	session->features_set = true;
	settle_enabled(session, former, former_set);
	hd_session_settle(session);
	return 0;
}

int hd_session_get_protocol_features(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	hd_session_answer(reply, HD_SESSION_PROTOCOL_OFFER);
	return 0;
}

int hd_session_set_protocol_features(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	uint64_t unknown = message->u64 & ~HD_SESSION_PROTOCOL_OFFER;

	if (unknown != 0)
		return hd_session_refuse(session, -EINVAL, "0x%" PRIx64 " were not offered", unknown);
	session->protocol_features = message->u64;
	return 0;
}

int hd_session_get_queue_num(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	/* Network front-ends count pairs. */
	hd_session_answer(reply, session->queue_pairs);
	return 0;
}

int hd_session_set_owner(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	session->owned = true;
	return 0;
}

/* Deprecated. The specification lets us ignore it or disable the rings, and warns of doing more. */
int hd_session_reset_owner(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	session->owned = false;
	if (!hd_session_has(session, HD_F_PROTOCOL_FEATURES))
		return 0; /* nobody could enable them again */
	for (uint32_t i = 0; i < hd_session_rings(session); i++) {
		session->ring[i].enabled = false;
		if (session->ring[i].vring != NULL)
			atomic_store_explicit(&session->ring[i].vring->enabled, false, memory_order_relaxed);
	}
	return 0;
}

void hd_session_clear(struct hd_session *session)
{
	hd_session_stop(session, HD_ALL_RINGS);
	for (uint32_t i = 0; i < hd_session_rings(session); i++)
		hd_session_ring_clear(session, i);
	session->features = 0;
	session->features_set = false;
	session->status = 0;
}

int hd_session_reset_device(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	hd_session_clear(session);
	return 0;
}

int hd_session_set_status(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	if (message->u64 > UINT8_MAX)
		return hd_session_refuse(session, -EINVAL, "0x%" PRIx64 " is not a device status", message->u64);
	/*
	 * VIRTIO 1.2, 2.1.2: writing 0 resets the device. But QEMU before 8.0 writes 0 first and asks for the rings'
	 * indices then, and a migrated guest goes on from these: the rings stop, and keep what they know until they are
	 * set up anew.
	 */
	if (message->u64 == 0)
		hd_session_halt(session);
	session->status = (uint8_t)message->u64;
	return 0;
}

int hd_session_get_status(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	hd_session_answer(reply, session->status);
	return 0;
}

int hd_session_send_rarp(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	/* The first six bytes, whatever the byte order. */
	session->ops->announce(session->port, message->bytes);
	return 0;
}

int hd_session_set_mtu(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	if (message->u64 < MTU_MIN || message->u64 > MTU_MAX)
		return hd_session_refuse(session, -EINVAL, "%" PRIu64 " is not from %u to %u", message->u64, MTU_MIN,
					 MTU_MAX);
	session->mtu = (uint16_t)message->u64;
	return 0;
}
