/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes log lines, each in one write so that threads do not interleave. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static const char *const names[] = {
	[HD_LOG_ERROR] = "error",
	[HD_LOG_WARNING] = "warning",
	[HD_LOG_INFO] = "info",
	[HD_LOG_DEBUG] = "debug",
};

static _Atomic int threshold = HD_LOG_INFO;

void hd_log_set_level(enum hd_log_level level)
{
	atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

enum hd_log_level hd_log_get_level(void)
{
	return (enum hd_log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

const char *hd_log_level_name(enum hd_log_level level)
{
	return names[level];
}

bool hd_log_level_parse(const char *name, enum hd_log_level *level)
{
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*level = (enum hd_log_level)i;
			return true;
		}
	}
	return false;
}

void hd_log(enum hd_log_level level, const char *object, const char *format, ...)
{
	char line[1024];
	va_list args;
	int n;

	if (level > hd_log_get_level())
		return;
	n = snprintf(line, sizeof(line) / 2, "%s: %s: ", names[level], object);
	va_start(args, format);
	n += vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nowhere left to say so */
}
