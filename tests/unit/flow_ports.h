/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports for tests of flows as text: ofports 1.., some with names that need care. */
#ifndef TEST_FLOW_PORTS_H
#define TEST_FLOW_PORTS_H

#include <stdio.h>
#include <string.h>

#include "flow/text.h"

static const char *const flow_ports[] = {NULL, "vm1", "vm2", "normal", "5x", "eth0.1", "drop", "bond-1"};
#define FLOW_PORTS 7 /* 1..7 */

/* By name, or by number if it is a port's. */
static inline uint16_t flow_port(void *context, const char *name, size_t length)
{
	char number[8];

	for (uint16_t i = 1; i <= FLOW_PORTS; i++) {
		snprintf(number, sizeof(number), "%u", i);
		if ((strlen(flow_ports[i]) == length && memcmp(flow_ports[i], name, length) == 0) ||
		    (strlen(number) == length && memcmp(number, name, length) == 0))
			return i;
	}
	return HD_OFPORT_NONE;
}

static inline const char *flow_name(void *context, uint16_t ofport)
{
	return ofport >= 1 && ofport <= FLOW_PORTS ? flow_ports[ofport] : NULL;
}

static const struct hd_flow_names flow_names = {flow_port, flow_name, NULL};

#endif
