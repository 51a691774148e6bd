/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user session, the back-end's side: what a front-end has told us, and what each message makes of it
 * (QEMU docs/interop/vhost-user.rst).
 *
 * The session is a value. It holds descriptors, memory map and the state of each ring; nothing in it points to the
 * connection, the event loop or the port but `ops`. hd_session_export writes it down as bytes and descriptors;
 * hd_session_import makes it anew, in another process too, and the guest notices nothing.
 *
 * Each message that changes what running rings stand on takes those rings from the PMDs (ops->publish NULL, then
 * ops->synchronize), changes it, and makes them anew with the same indices: stop, change, settle. A message is checked
 * whole before anything changes.
 *
 * What a message gets: an answer; a refusal (the reason is told, REPLY_ACK carries 1 if asked for, and the session goes
 * on unless it cannot); or the end of the session (hd_session_handle returns < 0: close, free, back off). Without
 * REPLY_ACK a refused message ends the session: the front-end would go on with what it believes.
 *
 * What survives a stop: GET_VRING_BASE takes the kick of a ring, so that a new one is needed; SET_STATUS 0 takes that
 * of all rings; RESET_DEVICE takes everything but memory, log, and the call and error descriptors: QEMU tells those
 * once a connection, and thinks that we keep them.
 *
 * SET_VRING_KICK, _CALL and _ERR have 8 bits for the ring: a session has at most HD_VHOST_QUEUES_MAX queue pairs.
 *
 * Control thread only.
 */
#ifndef HD_SESSION_H
#define HD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"
#include "protocol.h"
#include "vring.h"

#define HD_SESSION_REASON_MAX 192

/* What the session asks of its port. `index` is vhost's: 2q the guest receives from, 2q + 1 it transmits on. */
struct hd_session_ops {
	/* PMDs see this ring from now on, or none (NULL); they may still be in the former one until synchronize. */
	void (*publish)(void *port, uint16_t index, struct hd_vring *ring);
	void (*synchronize)(void *port);
	/*
	 * Features, enabled rings, MTU or whether any ring runs may have changed: after the message, hd_session_check
	 * or hd_session_import. Not after hd_session_reset: whoever calls that knows.
	 */
	void (*changed)(void *port);
	/* SEND_RARP: say where the guest is now. */
	void (*announce)(void *port, const uint8_t mac[6]);
};

/* What a front-end has said of one ring. Descriptors are -1 if there is none. */
struct hd_session_ring {
	uint64_t desc_uva, avail_uva, used_uva, log_gpa;
	uint32_t size, base;
	int kick, call, error;
	bool sized, placed, based; /* SET_VRING_NUM, _ADDR, _BASE came */
	bool kicked;               /* SET_VRING_KICK came, with or without a descriptor: it may run */
	bool log, enabled;
	bool failed;            /* the guest broke it: stays stopped until GET_VRING_BASE or a reset */
	bool told;              /* that it can't be started where it is */
	struct hd_vring *vring; /* NULL: does not run */
};

struct hd_session {
	const struct hd_session_ops *ops;
	void *port;
	const char *name;     /* of the port, for the log */
	uint64_t offer;       /* virtio features */
	uint16_t queue_pairs; /* the port's */
	bool shared;          /* several PMDs */

	uint64_t features, protocol_features;
	bool features_set, owned;
	uint8_t status; /* SET_STATUS */
	uint16_t mtu;   /* NET_SET_MTU, 0: none */
	bool blocked; /* a call descriptor held a PMD up: stopping that ring alone would let it happen again at once */
	struct hd_memory *memory;
	struct hd_dirty_log *log;
	unsigned int refusals;              /* of this front-end: the first few are logged */
	struct hd_session_ring *ring;       /* 2 * queue_pairs */
	char reason[HD_SESSION_REASON_MAX]; /* of the last refusal, or of the end: "SET_VRING_NUM: ring 1: size 3 is
					       ..." */
};

/* `name` stays the caller's. Returns 0, -ENOMEM, or -EINVAL: 0 or too many queue pairs. */
int hd_session_init(struct hd_session *session, const struct hd_session_ops *ops, void *port, const char *name,
		    uint64_t offer, uint16_t queue_pairs, bool shared);
/* Stops every ring, closes and unmaps everything: as new, for the next front-end. */
void hd_session_reset(struct hd_session *session);
void hd_session_fini(struct hd_session *session); /* reset, and frees */

/*
 * Handle one message. Its size is that of its payload. All of its descriptors are taken. Returns 1 if *reply is to be
 * sent, 0 if nothing is, or -errno: the session is to be closed; session->reason says why.
 */
int hd_session_handle(struct hd_session *session, struct hd_message *message, struct hd_message *reply);

/*
 * Follow what PMDs found out: rings that the guest broke are stopped, their error descriptors signalled, the log told.
 * Returns 0, or -EFAULT if memory was poisoned or a PMD was held up: the session is to be closed. Several times a
 * second.
 */
int hd_session_check(struct hd_session *session);

/* "SET_VRING_NUM", or NULL if there is no such request. */
const char *hd_session_request_name(uint32_t request);

/* "guest->switch 0 runs" and the like is the port's to show: whether any ring runs, or this one is enabled and runs. */
bool hd_session_running(const struct hd_session *session);
bool hd_session_ring_usable(const struct hd_session *session, uint16_t index);

/*
 * The whole session as bytes (malloc'd, versioned) and duplicated descriptors. Rings are stopped first: afterwards
 * the session can only be reset (its guest waits meanwhile, its memory is untouched). Returns 0 or -errno.
 */
struct hd_session_image {
	void *bytes;
	size_t size;
	int *fds;
	unsigned int n_fds;
};
int hd_session_export(struct hd_session *session, struct hd_session_image *image);
void hd_session_image_free(struct hd_session_image *image); /* closes what import did not take */
/* Into a session just initialised, with the same offer or a larger one. Its rings run again. -EINVAL and the reason in
 * session->reason. */
int hd_session_import(struct hd_session *session, struct hd_session_image *image);

#endif
