/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells the service manager how far we are, sd_notify(3). */
#ifndef HD_NOTIFY_H
#define HD_NOTIFY_H

void hd_notify_ready(void);
void hd_notify_stopping(void);

#endif
