/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of ports there are, and which part of the switch opens each. */
#ifndef HD_PORTS_H
#define HD_PORTS_H

#include "runtime.h"

/* An hd_open_port. */
int hd_ports_open(struct hd_dataplane *dataplane, const struct hd_port_conf *conf, struct hd_port **port,
		  char reason[HD_REASON_MAX]);

#endif
