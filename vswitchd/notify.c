/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the conversation with the service manager. Without libsystemd there is none. */
#include "notify.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#else
static int sd_notify(int unset, const char *state)
{
	return 0;
}
#endif

void hd_notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void hd_notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
