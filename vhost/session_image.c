/* SPDX-License-Identifier: BSD-3-Clause */
/* A session as bytes and descriptors, for the process that goes on with it. */
#include "session_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mapping.h"

/*
 * Head, regions, rings, one after the other. Descriptors: a file each region, the log's, and of each ring what there is
 * of kick, call and error. Both processes are on one machine: host byte order.
 */
#define IMAGE_MAGIC "HDLSESS"
#define IMAGE_VERSION 1u

struct image_head {
	char magic[8];
	uint32_t version, size; /* bytes in all */
	uint64_t features, protocol_features;
	uint64_t log_size, log_offset;
	uint32_t n_regions;
	uint16_t queue_pairs, mtu;
	uint8_t status, features_set, owned, has_log;
	uint32_t padding;
};

struct image_ring {
	uint64_t desc_uva, avail_uva, used_uva, log_gpa;
	uint32_t size, base, flags, padding;
};

enum {
	RING_SIZED = 1 << 0,
	RING_PLACED = 1 << 1,
	RING_BASED = 1 << 2,
	RING_KICKED = 1 << 3,
	RING_LOG = 1 << 4,
	RING_ENABLED = 1 << 5,
	RING_FAILED = 1 << 6,
	RING_HAS_KICK = 1 << 7,
	RING_HAS_CALL = 1 << 8,
	RING_HAS_ERROR = 1 << 9,
};

static size_t image_size(uint32_t n_regions, uint32_t n_rings)
{
	return sizeof(struct image_head) + n_regions * sizeof(struct hd_wire_region) +
	       n_rings * sizeof(struct image_ring);
}

/* 0 or -errno. */
static int add_fd(struct hd_session_image *image, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	image->fds[image->n_fds++] = copy;
	return 0;
}

static int write_regions(const struct hd_session *session, struct hd_wire_region *out, struct hd_session_image *image)
{
	uint32_t n = session->memory != NULL ? session->memory->n : 0;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		const struct hd_region *region = &session->memory->region[i];

		out[i] = (struct hd_wire_region){.gpa = region->gpa, .size = region->size, .uva = region->uva};
		rc = add_fd(image, hd_memory_fd(region, &out[i].offset));
	}
	return rc;
}

static int write_ring(const struct hd_session_ring *ring, struct image_ring *out, struct hd_session_image *image)
{
	const int fds[] = {ring->kick, ring->call, ring->error};
	int rc = 0;

	*out = (struct image_ring){
		.desc_uva = ring->desc_uva,
		.avail_uva = ring->avail_uva,
		.used_uva = ring->used_uva,
		.log_gpa = ring->log_gpa,
		.size = ring->size,
		.base = ring->base,
		.flags = (ring->sized ? RING_SIZED : 0) | (ring->placed ? RING_PLACED : 0) |
			 (ring->based ? RING_BASED : 0) | (ring->kicked ? RING_KICKED : 0) |
			 (ring->log ? RING_LOG : 0) | (ring->enabled ? RING_ENABLED : 0) |
			 (ring->failed ? RING_FAILED : 0) | (ring->kick >= 0 ? RING_HAS_KICK : 0) |
			 (ring->call >= 0 ? RING_HAS_CALL : 0) | (ring->error >= 0 ? RING_HAS_ERROR : 0),
	};
	for (unsigned int i = 0; rc == 0 && i < RTE_DIM(fds); i++)
		if (fds[i] >= 0)
			rc = add_fd(image, fds[i]);
	return rc;
}

static void write_head(const struct hd_session *session, struct image_head *head, const struct hd_session_image *image)
{
	*head = (struct image_head){
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.size = (uint32_t)image->size,
		.features = session->features,
		.protocol_features = session->protocol_features,
		.log_size = session->log != NULL ? session->log->size : 0,
		.log_offset = session->log != NULL ? session->log->mapping->offset : 0,
		.n_regions = session->memory != NULL ? session->memory->n : 0,
		.queue_pairs = session->queue_pairs,
		.mtu = session->mtu,
		.status = session->status,
		.features_set = session->features_set,
		.owned = session->owned,
		.has_log = session->log != NULL,
	};
}

int hd_session_export(struct hd_session *session, struct hd_session_image *image)
{
	uint32_t n_regions = session->memory != NULL ? session->memory->n : 0, n_rings = hd_session_rings(session);
	struct image_ring *rings;
	int rc;

	hd_session_stop(session, HD_ALL_RINGS);
	*image = (struct hd_session_image){.size = image_size(n_regions, n_rings)};
	image->bytes = calloc(1, image->size);
	image->fds = calloc(n_regions + 1 + 3 * n_rings, sizeof(image->fds[0]));
	rc = image->bytes == NULL || image->fds == NULL ? -ENOMEM : 0;
	if (rc < 0)
		goto err_image;
	write_head(session, image->bytes, image);
	rc = write_regions(session, (struct hd_wire_region *)((struct image_head *)image->bytes + 1), image);
	if (rc == 0 && session->log != NULL)
		rc = add_fd(image, session->log->mapping->fd);
	rings = (struct image_ring *)((uint8_t *)image->bytes + image_size(n_regions, 0));
	for (uint32_t i = 0; rc == 0 && i < n_rings; i++)
		rc = write_ring(&session->ring[i], &rings[i], image);
	if (rc == 0)
		return 0;
err_image:
	hd_session_image_free(image);
	return rc;
}

void hd_session_image_free(struct hd_session_image *image)
{
	for (unsigned int i = 0; image->fds != NULL && i < image->n_fds; i++)
		if (image->fds[i] >= 0)
			close(image->fds[i]);
	free(image->fds);
	free(image->bytes);
	*image = (struct hd_session_image){0};
}

static int take(struct hd_session_image *image, unsigned int *next)
{
	int fd = image->fds[*next];

	image->fds[(*next)++] = -1;
	return fd;
}

static int check_head(struct hd_session *session, const struct image_head *head, const struct hd_session_image *image)
{
	if (image->size < sizeof(*head) || memcmp(head->magic, IMAGE_MAGIC, sizeof(head->magic)) != 0)
		return hd_session_refuse(session, -EINVAL, "not the image of a session");
	if (head->version != IMAGE_VERSION)
		return hd_session_refuse(session, -EINVAL, "a session's image of version %u, not %u", head->version,
					 IMAGE_VERSION);
	if (head->queue_pairs > session->queue_pairs)
		return hd_session_refuse(session, -EINVAL, "a session of %u queue pairs for a port of %u",
					 head->queue_pairs, session->queue_pairs);
	if (head->n_regions > HD_REGIONS_MAX || head->size != image->size ||
	    image->size != image_size(head->n_regions, 2u * head->queue_pairs))
		return hd_session_refuse(session, -EINVAL, "a session's image of the wrong size");
	if ((head->features & ~hd_session_offer(session)) != 0 ||
	    (head->protocol_features & ~HD_SESSION_PROTOCOL_OFFER) != 0)
		return hd_session_refuse(session, -EINVAL, "a session with features that are no longer offered");
	return 0;
}

static int check_rings(struct hd_session *session, const struct image_head *head, const struct image_ring *rings,
		       const struct hd_session_image *image)
{
	unsigned int n_fds = head->n_regions + (head->has_log != 0);

	for (uint32_t i = 0; i < 2u * head->queue_pairs; i++) {
		uint32_t files = rings[i].flags & (RING_HAS_KICK | RING_HAS_CALL | RING_HAS_ERROR);

		n_fds += (unsigned int)__builtin_popcount(files);
		if ((rings[i].flags & RING_SIZED) != 0 && (rings[i].size == 0 || rings[i].size > HD_VRING_SIZE_MAX))
			return hd_session_refuse(session, -EINVAL, "ring %u: size %u", i, rings[i].size);
	}
	if (n_fds != image->n_fds)
		return hd_session_refuse(session, -EINVAL, "%u descriptors instead of %u", image->n_fds, n_fds);
	return 0;
}

static int read_memory(struct hd_session *session, const struct image_head *head, struct hd_session_image *image,
		       unsigned int *next)
{
	const struct hd_wire_region *regions = (const struct hd_wire_region *)(head + 1);
	struct hd_region_spec specs[HD_REGIONS_MAX];
	char reason[HD_MEMORY_REASON_MAX] = "";
	int rc;

	for (uint32_t i = 0; i < head->n_regions; i++)
		specs[i] = (struct hd_region_spec){.gpa = regions[i].gpa,
						   .size = regions[i].size,
						   .uva = regions[i].uva,
						   .offset = regions[i].offset,
						   .fd = take(image, next)};
	rc = head->n_regions > 0 ? hd_memory_create(specs, head->n_regions, &session->memory, reason) : 0;
	if (rc < 0)
		return hd_session_refuse(session, -EINVAL, "memory: %s", reason);
	rc = head->has_log != 0
		     ? hd_dirty_log_create(take(image, next), head->log_size, head->log_offset, &session->log)
		     : 0;
	if (rc < 0)
		return hd_session_refuse(session, -EINVAL, "log: %s", strerror(-rc));
	return 0;
}

static void read_ring(struct hd_session_ring *ring, const struct image_ring *in, struct hd_session_image *image,
		      unsigned int *next)
{
	*ring = (struct hd_session_ring){
		.desc_uva = in->desc_uva,
		.avail_uva = in->avail_uva,
		.used_uva = in->used_uva,
		.log_gpa = in->log_gpa,
		.size = in->size,
		.base = in->base,
		.sized = (in->flags & RING_SIZED) != 0,
		.placed = (in->flags & RING_PLACED) != 0,
		.based = (in->flags & RING_BASED) != 0,
		.kicked = (in->flags & RING_KICKED) != 0,
		.log = (in->flags & RING_LOG) != 0,
		.enabled = (in->flags & RING_ENABLED) != 0,
		.failed = (in->flags & RING_FAILED) != 0,
	};
	ring->kick = (in->flags & RING_HAS_KICK) != 0 ? take(image, next) : -1;
	ring->call = (in->flags & RING_HAS_CALL) != 0 ? take(image, next) : -1;
	ring->error = (in->flags & RING_HAS_ERROR) != 0 ? take(image, next) : -1;
}

int hd_session_import(struct hd_session *session, struct hd_session_image *image)
{
	const struct image_head *head = image->bytes;
	const struct image_ring *rings;
	unsigned int next = 0;

	if (check_head(session, head, image) < 0)
		return -EINVAL;
	rings = (const struct image_ring *)((const uint8_t *)image->bytes + image_size(head->n_regions, 0));
	if (check_rings(session, head, rings, image) < 0)
		return -EINVAL;
	if (read_memory(session, head, image, &next) < 0) {
		hd_session_forget_memory(session);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < 2u * head->queue_pairs; i++)
		read_ring(&session->ring[i], &rings[i], image, &next);
	session->features = head->features;
	session->features_set = head->features_set != 0;
	session->protocol_features = head->protocol_features;
	session->owned = head->owned != 0;
	session->status = head->status;
	session->mtu = head->mtu;
	hd_session_settle(session);
	session->ops->changed(session->port);
	return 0;
}
