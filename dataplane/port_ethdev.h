/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports on whatever DPDK drives: a NIC by PCI address, or a virtual device by device string. Control thread. */
#ifndef HD_PORT_ETHDEV_H
#define HD_PORT_ETHDEV_H

#include "port.h"

struct hd_ethdev_args {
	const char *name;   /* of the port */
	const char *device; /* "0000:01:00.0" or "net_tap0,iface=x" */
	uint16_t queues, mtu;
	unsigned int n_pmds;
};

/* Probe, configure and start the device. Returns 0 and the port, or -errno and the reason in words. */
int hd_port_ethdev_open(const struct hd_ethdev_args *args, struct hd_port **port, char reason[HD_REASON_MAX]);

#endif
