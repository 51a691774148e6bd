/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's memory table and dirty log, and what replaces them under running rings. */
#include "session_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static struct hd_region_spec spec_of(const struct hd_wire_region *wire, int fd)
{
	return (struct hd_region_spec){
		.gpa = wire->gpa, .size = wire->size, .uva = wire->uva, .offset = wire->offset, .fd = fd};
}

/* Rings that no longer lie in memory stay stopped, and the log says so: the front-end may be about to move them. */
static void replace(struct hd_session *session, struct hd_memory *memory)
{
	struct hd_memory *former = session->memory;

	hd_session_stop(session, HD_ALL_RINGS);
	session->memory = memory;
	hd_session_settle(session);
	hd_memory_destroy(former);
}

int hd_session_set_memory(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	struct hd_region_spec specs[HD_MESSAGE_FDS];
	char reason[HD_MEMORY_REASON_MAX] = "";
	struct hd_memory *memory;
	uint32_t n = message->memory.n;
	int rc;

	if (n == 0 || n > HD_MESSAGE_FDS)
		return hd_session_refuse(session, -EINVAL, "%u regions are not from 1 to %u", n, HD_MESSAGE_FDS);
	for (uint32_t i = 0; i < n; i++)
		specs[i] = spec_of(&message->memory.region[i], hd_session_take_fd(message, i));
	rc = hd_memory_create(specs, n, &memory, reason);
	if (rc < 0)
		return hd_session_refuse(session, rc, "%s", reason);
	replace(session, memory);
	return 0;
}

static const struct hd_region *find_region(const struct hd_memory *memory, const struct hd_wire_region *wire)
{
	for (uint32_t i = 0; memory != NULL && i < memory->n; i++) {
		const struct hd_region *region = &memory->region[i];

		if (region->gpa == wire->gpa && region->size == wire->size && region->uva == wire->uva)
			return region;
	}
	return NULL;
}

/* The region is there already, of the same file: QEMU tells it once for each queue pair. */
static bool known(const struct hd_session *session, const struct hd_message *message)
{
	const struct hd_region *region = find_region(session->memory, &message->region.region);
	struct stat ours, theirs;
	uint64_t offset;

	return region != NULL && fstat(hd_memory_fd(region, &offset), &ours) == 0 &&
	       fstat(message->fds[0], &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino &&
	       offset == message->region.region.offset;
}

int hd_session_add_region(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	char reason[HD_MEMORY_REASON_MAX] = "";
	struct hd_region_spec spec;
	struct hd_memory *memory;
	int rc;

	if (known(session, message))
		return 0;
	spec = spec_of(&message->region.region, hd_session_take_fd(message, 0));
	rc = hd_memory_add(session->memory, &spec, &memory, reason);
	if (rc < 0)
		return hd_session_refuse(session, rc, "%s", reason);
	replace(session, memory);
	return 0;
}

int hd_session_remove_region(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	const struct hd_wire_region *region = &message->region.region;
	char reason[HD_MEMORY_REASON_MAX] = "";
	struct hd_memory *memory;
	int rc;

	if (session->memory == NULL)
		return hd_session_refuse(session, -ENOENT, "there is no memory");
	if (session->queue_pairs > 1 && find_region(session->memory, region) == NULL)
		return 0; /* as with ADD_MEM_REG: another queue pair was first */
	rc = hd_memory_remove(session->memory, region->gpa, region->size, region->uva, &memory, reason);
	if (rc < 0)
		return hd_session_refuse(session, rc, "%s", reason);
	replace(session, memory);
	return 0;
}

int hd_session_get_slots(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	hd_session_answer(reply, HD_REGIONS_MAX);
	return 0;
}

/* The guest's highest address, plus one; 0 without memory. */
static uint64_t memory_end(const struct hd_memory *memory)
{
	const struct hd_region *last;

	if (memory == NULL || memory->n == 0)
		return 0;
	last = &memory->region[memory->n - 1];
	return last->gpa + last->size;
}

static int check_log(struct hd_session *session, const struct hd_wire_log *wire)
{
	uint64_t end = memory_end(session->memory);

	if (wire->size == 0)
		return hd_session_refuse(session, -EINVAL, "a log of no bytes");
	if (end > 0 && (end - 1) >> HD_LOG_PAGE_SHIFT >> 3 >= wire->size)
		return hd_session_refuse(session, -EINVAL,
					 "a log of %" PRIu64 " bytes does not cover memory up to 0x%" PRIx64,
					 wire->size, end);
	return 0;
}

int hd_session_set_log_base(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	const struct hd_wire_log *wire = &message->log;
	struct hd_dirty_log *log, *former = session->log;
	int rc = check_log(session, wire);

	if (rc < 0)
		return rc;
	rc = hd_dirty_log_create(hd_session_take_fd(message, 0), wire->size, wire->offset, &log);
	if (rc < 0)
		return hd_session_refuse(session, rc,
					 "a log of %" PRIu64 " bytes at %" PRIu64 " does not fit its file: %s",
					 wire->size, wire->offset, strerror(-rc));
	hd_session_stop(session, HD_ALL_RINGS);
	session->log = log;
	hd_session_settle(session);
	hd_dirty_log_destroy(former);
	hd_session_answer(reply, 0);
	return 0;
}

int hd_session_set_log_fd(struct hd_session *session, struct hd_message *message, struct hd_message *reply)
{
	/* An eventfd that we might signal when the log changes; nobody waits for it. */
	return 0;
}

void hd_session_forget_memory(struct hd_session *session)
{
	hd_memory_destroy(session->memory);
	session->memory = NULL;
	hd_dirty_log_destroy(session->log);
	session->log = NULL;
}
