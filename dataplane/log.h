/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's log: one line an event on stderr, "level: object: what happened". Not for PMD threads. */
#ifndef HD_LOG_H
#define HD_LOG_H

#include <stdbool.h>

enum hd_log_level { HD_LOG_ERROR, HD_LOG_WARNING, HD_LOG_INFO, HD_LOG_DEBUG };

/* Any thread. `object` is the name of the port, bridge or part that the line is about. */
void hd_log(enum hd_log_level level, const char *object, const char *format, ...) __attribute__((format(printf, 3, 4)));

void hd_log_set_level(enum hd_log_level level);
enum hd_log_level hd_log_get_level(void);
const char *hd_log_level_name(enum hd_log_level level);
/* "error", "warning", "info", "debug". Returns false if it is none of them. */
bool hd_log_level_parse(const char *name, enum hd_log_level *level);

#define hd_error(object, ...) hd_log(HD_LOG_ERROR, object, __VA_ARGS__)
#define hd_warning(object, ...) hd_log(HD_LOG_WARNING, object, __VA_ARGS__)
#define hd_info(object, ...) hd_log(HD_LOG_INFO, object, __VA_ARGS__)
#define hd_debug(object, ...) hd_log(HD_LOG_DEBUG, object, __VA_ARGS__)

#endif
