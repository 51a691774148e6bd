/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-user ports by our own back-end (engine `native`): an endpoint, a session and its rings under the port's table
 * of operations.
 *
 * The session runs on the control thread; PMDs see its rings one by one (`ring`), each whole and ready or not at all.
 */
#ifndef HD_PORT_NATIVE_H
#define HD_PORT_NATIVE_H

#include "port.h"
#include "port_vhost.h"

/* Returns 0 and the port, or -errno and the reason in words. Control thread. */
int hd_port_native_open(const struct hd_vhost_args *args, struct hd_port **port, char reason[HD_REASON_MAX]);

#endif
