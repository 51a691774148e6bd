/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the mapping of a front-end's dirty page log. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "dirty_log.h"
#include "mapping.h"

int hd_dirty_log_create(int fd, uint64_t size, uint64_t offset, struct hd_dirty_log **out)
{
	struct hd_dirty_log *log = malloc(sizeof(*log));
	char reason[HD_MAPPING_REASON_MAX];
	int err;

	if (log == NULL) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	err = hd_mapping_create(fd, offset, size, &log->mapping, reason);
	if (err != 0) {
		free(log);
		return err;
	}
	log->bits = (_Atomic uint8_t *)log->mapping->data;
	log->size = size;
	*out = log;
	return 0;
}

void hd_dirty_log_destroy(struct hd_dirty_log *log)
{
	if (log == NULL)
		return;
	hd_mapping_put(log->mapping);
	free(log);
}

bool hd_dirty_log_poisoned(const struct hd_dirty_log *log)
{
	return log != NULL && hd_mapping_poisoned(log->mapping);
}
