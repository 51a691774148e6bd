/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of ports there are, and which part of the switch opens each. */
#ifndef HD_PORTS_H
#define HD_PORTS_H

#include "runtime.h"

struct event_base;

/* What ports need of the daemon. Outlives them. */
struct hd_ports {
	struct hd_dataplane *dataplane;
	struct event_base *base; /* of the control thread */
};

/* An hd_open_port; the opener is a struct hd_ports. */
int hd_ports_open(void *opener, const struct hd_port_conf *conf, struct hd_port **port, char reason[HD_REASON_MAX]);

#endif
