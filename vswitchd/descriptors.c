/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the limit of file descriptors. */
#include <sys/resource.h>

#include "descriptors.h"

void hd_descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
