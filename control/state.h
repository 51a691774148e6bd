/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is read at run time: ports, counters, PMDs, drops and forwarding databases, as the JSON that clients get.
 *
 * The data path's figures as they are now, for the configuration in force. All functions: control thread only;
 * none waits for a PMD. Those that return a json_t return a new reference, or NULL when out of memory; a thing that
 * the configuration names but the data path does not hold (yet) is shown as down, not as an error.
 *
 * Counters are JSON integers that count from 0 at the port's creation. "[key]" below: only there if it is known.
 *
 * COUNTERS = {"packets", "bytes", "unicast", "multicast", "broadcast", "errors"}
 *   bytes: of frames, without FCS. errors: what the device itself reports as lost or broken, 0 for vhost.
 */
#ifndef HD_STATE_H
#define HD_STATE_H

#include <jansson.h>
#include <stdint.h>

#include "drop.h"
#include "model.h"

struct hd_control;

/*
 * {"id": 3,                       index in the snapshot
 *  "up": true,                    link up, or guest connected and its rings usable
 *  ["reason": "guest not connected"]   why not up
 *  "mtu": 1500,                   in force
 *  ["guest_mtu": 1500]            told to the guest, if it negotiated VIRTIO_NET_F_MTU
 *  ["mac": "52:54:00:00:00:01"]   the device's own
 *  ["speed": 25000]               Mbit/s
 *  ["driver": "net_tap"]          ethdev
 *  ["features": ["mrg_rxbuf", "csum", "guest_tso4", ...]]   negotiated with the guest
 *  "queues": [{"queue": 0, "enabled": true, ["pmd": 2]}, ...]   pmd: CPU whose PMD polls this rx queue
 * }
 */
json_t *hd_state_port(struct hd_control *control, const struct hd_port_conf *port);

/*
 * {"rx": COUNTERS, "tx": COUNTERS,
 *  "drops": {"tx-full": 12, ...},       by hd_drop_name, only those not 0
 *  "queues": [{"queue": 0, ["pmd": 2], "rx": COUNTERS, "tx": COUNTERS}, ...]
 * }
 */
json_t *hd_state_port_stats(struct hd_control *control, const struct hd_port_conf *port);

/*
 * {"fdb": {"entries": 12, "static": 1, "limit": 262144, "refused": 0}}
 * refused: addresses not learnt because the limit was reached.
 */
json_t *hd_state_bridge(struct hd_control *control, const struct hd_bridge_conf *bridge);

/* {"packets", "bytes", "dropped"} of a mirror: copies made, their bytes, and how many of them did not go out. */
json_t *hd_state_mirror(struct hd_control *control, const struct hd_bridge_conf *bridge,
			const struct hd_mirror_conf *mirror);

/*
 * [{"cpu": 2, "id": 0, "hz": 2400000000,    cycles a second
 *   "busy_cycles": 1, "idle_cycles": 1, "packets": 1, "bursts": 1,
 *   "cycles_per_packet": 91.5, "packets_per_burst": 12.5,     since start; 0 without packets
 *   "cache_misses": 0,                      packets whose addresses were looked up in the FDB, not the flow cache
 *   "learn_dropped": 0,                     addresses not passed on for learning: the ring was full
 *   "rxqs": [{"port": "vm1", "queue": 0, "busy_cycles": 1}, ...]
 *  }, ...] sorted by cpu
 */
json_t *hd_state_pmds(struct hd_control *control);

/*
 * {"balance": {"rx", "copies", "segments", "tx", "drops", "difference"},
 *    packets over all ports, those of deleted ports included. A flooded packet leaves by n ports: that makes n - 1
 *    copies; one cut into n segments makes n - 1 segments.
 *    difference = rx + copies + segments - tx - drops: packets under way, 0 when nothing moves.
 *  "drops": [{"port": "vm1", "reason": "tx-full", "text": "transmit ring full", "packets": 12}, ...]
 *    not 0; sorted by port, then in the order of HD_DROP_LIST
 * }
 */
json_t *hd_state_drops(struct hd_control *control);

/* Which of the dropped frames that are recorded. */
struct hd_state_frames {
	const char *port;    /* NULL: any; it may be gone */
	enum hd_drop reason; /* HD_DROP_NONE: any */
	uint32_t max;        /* the newest so many */
};

/*
 * [{"time": 1767225600000000000,   nanoseconds since 1970-01-01 UTC
 *   "age": 3.25,                   seconds
 *   "port": "vm1", "reason": "tx-full", "text": "transmit ring full",
 *   "length": 1514,                bytes of the frame
 *   "frame": "ffffffffffff5254...",   its first bytes, in hexadecimal
 *   ["table": 0, "cookie": "0x1f"]}, ...]   of the rule that dropped it. Newest first
 */
json_t *hd_state_drop_frames(struct hd_control *control, const struct hd_state_frames *filter);

/* What a rule of an access list has seen, over all ports; by the cookie (guard/rules.h). */
struct hd_acl_sum {
	uint64_t cookie, packets, bytes;
};

/* Sorted by cookie. Zero it to begin, free(sums.sum) at the end; some are missing if memory is short. */
struct hd_acl_sums {
	struct hd_acl_sum *sum;
	size_t n, room;
};
void hd_state_acl_sums(struct hd_control *control, struct hd_acl_sums *sums);

/* The daemon itself: {"dpdk": "DPDK 22.11.5", "pid": 1, "uptime": 12, "memory": "hugepages" or "ordinary"} */
json_t *hd_state_daemon(struct hd_control *control);

/* Which entries of a bridge's forwarding database. */
struct hd_state_fdb {
	const char *bridge;
	const char *port;   /* NULL: any */
	int vlan;           /* -1: any; 0: untagged traffic of transparent ports */
	const uint8_t *mac; /* 6 bytes; NULL: any */
};

/*
 * One page: {"entries": [{"mac": "52:54:00:00:00:01", "vlan": 10, "port": "vm1", "static": false, ["age": 3]}, ...],
 *            ["cursor": 4711]}     more follow: ask again with it
 * age: seconds since last seen, learnt entries only. `cursor` starts at 0 and is that of hd_fdb_next; at most `max`
 * entries. Returns 0, -ENOENT (no such bridge or port) or -ENOMEM.
 */
int hd_state_fdb(struct hd_control *control, const struct hd_state_fdb *filter, uint32_t cursor, uint32_t max,
		 json_t **page);

/* Delete learnt entries; *flushed gets how many. Static ones stay. filter->mac is NULL. Returns as hd_state_fdb. */
int hd_state_fdb_flush(struct hd_control *control, const struct hd_state_fdb *filter, uint32_t *flushed);

/*
 * Delete one learnt entry. Returns 0, -ENOENT (no such bridge, or not in it), or -EPERM (static: that is
 * configuration).
 */
int hd_state_fdb_del(struct hd_control *control, const char *bridge, const uint8_t mac[6], uint16_t vlan);

#endif
