/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-user ports through DPDK's librte_vhost (engine `dpdk`).
 *
 * librte_vhost runs the sessions of all ports on a thread of its own and copies every packet from the guest into an
 * mbuf. Its callbacks change the port's state; a PMD sees that state, and the callback that takes a device away
 * waits for a grace period before librte_vhost unmaps the guest's memory.
 */
#ifndef HD_PORT_LIBRTE_H
#define HD_PORT_LIBRTE_H

#include "port.h"
#include "port_vhost.h"

/* Returns 0 and the port, or -errno and the reason in words. Control thread. */
int hd_port_librte_open(const struct hd_vhost_args *args, struct hd_port **port, char reason[HD_REASON_MAX]);

#endif
