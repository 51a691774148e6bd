/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGTERM and SIGINT end the event loop; SIGPIPE is ignored. */
#ifndef HD_SIGNALS_H
#define HD_SIGNALS_H

struct event_base;
struct hd_signals;

int hd_signals_create(struct event_base *base, struct hd_signals **signals);
void hd_signals_destroy(struct hd_signals *signals); /* accepts NULL */

#endif
