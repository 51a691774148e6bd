/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One validation: where it stands in its document, what names are taken, and the first error, which names the place.
 *
 * Functions that can fail return 0, or -EINVAL and have set the error, or -ENOMEM. Control thread and CLI.
 */
#ifndef HD_CHECKER_H
#define HD_CHECKER_H

#include "schema.h"

#define HD_CHECK_PATH_MAX 320

struct hd_check {
	const struct hd_marks *marks;
	struct hd_error *error;
	char path[HD_CHECK_PATH_MAX];
	size_t length;
	unsigned int n_ports;
	const struct hd_config *config;              /* as far as it was read */
	json_t *ports, *sockets, *devices, *mirrors; /* what is taken: value -> path of who took it */
};

/* An error about where we are. */
int hd_check_fail(struct hd_check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* About a member of it. */
int hd_check_fail_at(struct hd_check *check, const char *name, const char *what);

/* Go down to a member, or an item; the result is for hd_check_leave. */
size_t hd_check_enter(struct hd_check *check, const char *name);
size_t hd_check_enter_index(struct hd_check *check, size_t index);
void hd_check_leave(struct hd_check *check, size_t before);

/* A value that is null counts as not there: it means the default. */
const json_t *hd_check_member(const json_t *object, const char *name);
int hd_check_object(struct hd_check *check, const json_t *value);
int hd_check_keys(struct hd_check *check, const struct hd_schema_key *table, const json_t *object);
/* An object's keys into the struct that its table describes. */
int hd_check_read(struct hd_check *check, const struct hd_schema_key *table, const json_t *value, void *object);
int hd_check_name(struct hd_check *check, const char *name);
/* Take a value that only one may have. */
int hd_check_take(struct hd_check *check, json_t *taken, const char *value, const char *what);

#endif
