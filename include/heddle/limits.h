/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes and ranges that the daemon, its clients and the documentation share. */
#ifndef HEDDLE_LIMITS_H
#define HEDDLE_LIMITS_H

#define HD_NAME_MAX 31    /* bytes in a bridge's or port's name */
#define HD_PATH_MAX 107   /* bytes in a UNIX socket's path (sun_path less its NUL) */
#define HD_DEVICE_MAX 255 /* bytes in a DPDK device string */

#define HD_BRIDGES_MAX 256
#define HD_PORTS_MAX 1024       /* of one daemon, over all bridges */
#define HD_QUEUES_MAX 256       /* queue pairs of a port */
#define HD_VHOST_QUEUES_MAX 128 /* of a vhost port: messages number its rings with 8 bits */
#define HD_PMDS_MAX 64
#define HD_MIRRORS_MAX 16     /* of a bridge */
#define HD_MIRROR_SNAP_MIN 64 /* bytes of a frame that are kept */
#define HD_MIRROR_SNAP_MAX 65535
#define HD_MIRROR_PORTS_MAX 64 /* that a mirror names; all needs no names */

#define HD_VLAN_MIN 1
#define HD_VLAN_MAX 4094 /* IEEE 802.1Q-2018 9.6: 0 is priority-tagged, 4095 reserved */

#define HD_MTU_MIN 68 /* RFC 791: every link carries 68 bytes */
#define HD_MTU_MAX 9216
#define HD_MTU_DEFAULT 1500

#define HD_FDB_LIMIT_MIN 16
#define HD_FDB_LIMIT_MAX 1048576
#define HD_FDB_LIMIT_DEFAULT 262144
#define HD_AGEING_MIN 1 /* seconds; 0 turns ageing off */
#define HD_AGEING_MAX 1000000
#define HD_AGEING_DEFAULT 300

#define HD_FLOW_CACHE_MIN 1 /* MiB a PMD */
#define HD_FLOW_CACHE_MAX 65536
#define HD_FLOW_CACHE_DEFAULT 512
#define HD_CT_LIMIT_MIN 1024 /* connections */
#define HD_CT_LIMIT_MAX 16777216
#define HD_CT_LIMIT_DEFAULT 2097152

#define HD_STORM_MAX 100000000 /* packets per second; 0 is no limit */

#endif
