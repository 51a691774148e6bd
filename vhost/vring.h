/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue, the device's side of it (VIRTIO 1.2, 2.7 split and 2.8 packed): what PMD threads work with.
 *
 * The session makes one when the ring can run, publishes it to the PMDs by its port, and takes it away after a grace
 * period; then it reads the indices back (hd_vring_base). Whatever changes meanwhile (memory table, log, addresses,
 * features) takes the ring away, and makes it anew with the same indices. So a PMD sees a ring whose first part never
 * changes.
 *
 * From the guest's memory every index, length and address is read once, checked, and trusted in that copy only. A guest
 * that breaks the rules of the ring itself loses the ring (`broken`); one that sends a bad buffer loses the packet.
 *
 * A ring that we receive from (the guest's transmit queue) belongs to the PMD that polls it. Any PMD may send on a ring
 * that the guest receives from: hd_vring.lock, if there is more than one PMD.
 */
#ifndef HD_VRING_H
#define HD_VRING_H

#include <linux/virtio_ring.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_spinlock.h>

#include "burst.h"
#include "dirty_log.h"
#include "memory.h"
#include "stats.h"

#define HD_VRING_SIZE_MAX 32768u /* descriptors; split: a power of two */
#define HD_VRING_PIECES 1024u    /* pieces that a guest's packet may have; Linux sends 19 at most */

/* Why a ring was stopped for good: what the guest did. vring.c has the words. */
enum hd_vring_fault {
	HD_VRING_SOUND,
	HD_VRING_AVAIL,          /* avail index ahead by more than the ring's size */
	HD_VRING_HEAD,           /* head beyond the ring */
	HD_VRING_NEXT,           /* next beyond the table */
	HD_VRING_LOOP,           /* chain longer than its table: a loop */
	HD_VRING_NESTED,         /* indirect table in an indirect table */
	HD_VRING_INDIRECT_NEXT,  /* indirect descriptor with NEXT */
	HD_VRING_INDIRECT_TABLE, /* table of no, or a broken number of descriptors, or too many */
	HD_VRING_INDIRECT_OFF,   /* indirect without the feature */
	HD_VRING_DIRECTION,      /* WRITE flag on what we read, or none on what we write */
	HD_VRING_ID,             /* packed: buffer id beyond the ring */
	HD_VRING_CALL,           /* its call descriptor blocks */
	HD_VRING_FAULTS,
};

/* A chain taken and not given back yet. */
struct hd_vring_chain {
	uint16_t id;    /* split: head; packed: buffer id */
	uint16_t descs; /* packed: slots of the ring it took */
};

struct hd_vring {
	/* Never changes while PMDs see it. */
	alignas(64) union {
		struct vring_desc *desc;
		struct vring_packed_desc *packed_desc;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device_event;
	};
	const struct hd_memory *memory;
	const struct hd_dirty_log *log; /* NULL: not logging */
	uint64_t log_gpa;               /* of the used ring (packed: descriptor ring), to be logged */
	uint32_t size;                  /* descriptors */
	int call;                       /* eventfd, non-blocking; -1: none */
	uint8_t vnet_len;               /* of the virtio-net header: 12, or 10 for legacy guests */
	bool log_used;                  /* VHOST_VRING_F_LOG: log the used ring too */
	bool packed, indirect, event_idx, mergeable;
	bool shared;            /* more than one PMD may send on it: take the lock */
	uint8_t offloads;       /* rings we receive from: HD_CAP_* that the guest may ask for */
	bool csum_valid;        /* rings we send on: the guest takes DATA_VALID */
	_Atomic bool enabled;   /* SET_VRING_ENABLE. Writer: control. A disabled ring we receive from is drained */
	_Atomic uint8_t broken; /* enum hd_vring_fault. Writer: PMD; control tells the world */

	/* The PMD's. */
	alignas(64) struct hd_window window;
	uint16_t last_avail; /* split: free-running; packed: slot */
	uint16_t last_used;
	uint16_t avail_seen;        /* split: the guest's index when last read */
	bool avail_wrap, used_wrap; /* packed */
	/* Split: last_used when the guest was last considered for an interrupt; packed: slots given back since. */
	uint16_t signalled;
	bool signalled_valid;
	uint32_t walked;     /* split: descriptors of the burst at hand that were not plain */
	uint16_t n_chains;   /* of the burst at hand, rings we receive from */
	rte_spinlock_t lock; /* rings we send on, if shared */
	struct hd_vring_chain chain[HD_BURST];
	uint64_t stalled_since; /* TSC; 0: not stalled */

	/* Told to people. Writer: the PMD, under the lock. */
	alignas(64) hd_counter stalls; /* times the guest's receive ring was found full */
	hd_counter stalled;            /* TSC cycles from finding it full to finding room */
	hd_counter interrupts;         /* sent */
	hd_counter suppressed;         /* not sent: the guest did not want them */
	hd_counter empty_buffers;      /* zero-length descriptors */
};

/* What a ring is made from. Host addresses are checked: aligned, in one region each. */
struct hd_vring_setup {
	void *desc, *avail, *used; /* packed: ring, driver event, device event */
	uint32_t size;
	uint32_t base; /* as in SET_VRING_BASE; of a packed ring the lower half (avail index, wrap in bit 15) counts */
	uint64_t features;
	const struct hd_memory *memory;
	const struct hd_dirty_log *log;
	uint64_t log_gpa;
	bool log_used;
	int call;
	bool enabled, shared;
	bool receive; /* we receive from it: the guest's transmit queue */
};

/* Bytes of each part of a ring, and how it must be aligned. */
struct hd_vring_layout {
	uint64_t desc_len, avail_len, used_len;
	uint32_t desc_align, avail_align, used_align;
};
void hd_vring_layout(uint32_t size, bool packed, bool event_idx, struct hd_vring_layout *layout);

/* Returns NULL if out of memory. A split ring goes on from where used->idx says, whatever base says. Control thread. */
struct hd_vring *hd_vring_create(const struct hd_vring_setup *setup);
/* No PMD sees it. Accepts NULL. */
void hd_vring_destroy(struct hd_vring *ring);
/* No PMD sees it: where it stands, as in GET_VRING_BASE (packed: bits 16 to 31 are the used index and wrap). */
uint32_t hd_vring_base(const struct hd_vring *ring);
/* "head beyond the ring". */
const char *hd_vring_fault_text(enum hd_vring_fault fault);

/*
 * PMD threads, the operations of a port (port.h): rx takes up to HD_BURST chains and describes them in the burst,
 * rx_done gives them back in the order they came, tx copies packets into the guest's buffers, notify interrupts the
 * guest if it wants to know (the caller has put a full fence between what was published and notify). The caller of tx
 * and notify holds the lock of a shared ring.
 */
uint16_t hd_split_rx(struct hd_vring *ring, struct hd_burst *burst);
void hd_split_rx_done(struct hd_vring *ring);
uint16_t hd_split_tx(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why);
void hd_split_notify(struct hd_vring *ring);

uint16_t hd_packed_rx(struct hd_vring *ring, struct hd_burst *burst);
void hd_packed_rx_done(struct hd_vring *ring);
uint16_t hd_packed_tx(struct hd_vring *ring, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why);
void hd_packed_notify(struct hd_vring *ring);

static inline bool hd_vring_broken(const struct hd_vring *ring)
{
	return atomic_load_explicit(&ring->broken, memory_order_relaxed) != HD_VRING_SOUND;
}

/* PMD threads. The first fault is the one that is told. */
static inline void hd_vring_break(struct hd_vring *ring, enum hd_vring_fault fault)
{
	if (!hd_vring_broken(ring))
		atomic_store_explicit(&ring->broken, (uint8_t)fault, memory_order_relaxed);
}

#endif
