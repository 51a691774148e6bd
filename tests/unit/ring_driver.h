/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a virtqueue, split or packed, for tests, and a naive account of the device's: what it should
 * have written into the ring, and whether it should interrupt. One ring of one guest, whose chains come back in order.
 *
 * Include after <check.h>.
 */
#ifndef RING_DRIVER_H
#define RING_DRIVER_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ring_guest.h"
#include "vring.h"

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1u << VRING_PACKED_DESC_F_USED)
#define BIT64(n) (UINT64_C(1) << (n))

struct buffer {
	uint64_t gpa;
	uint32_t len;
};

/* A chain that the driver has made. */
struct posted {
	uint16_t id, slots;
	uint32_t n_buffers;
	uint64_t total; /* bytes of all buffers */
	uint64_t arena; /* where the guest's allocator stood when all of it was made */
	struct buffer *buffer;
	uint8_t *data;   /* what it holds, if the device is to read it */
	uint16_t desc[]; /* split: its descriptors */
};

/* A slot of a packed ring, and the wrap counter there. */
struct slot {
	uint32_t at;
	bool wrap;
};

struct driver {
	struct guest *guest;
	struct random *random;
	struct hd_vring *ring;                /* the device's */
	uint64_t features, desc, avail, used; /* guest addresses of the ring's parts */
	uint32_t size;
	bool packed, event_idx, log_used, receive;

	struct posted **fifo; /* of size entries; from `first` on: returned, seen by the device, made */
	uint64_t first, next_device, made, published; /* run freely */
	uint16_t *free;                               /* split: descriptors; packed: buffer ids */
	uint32_t n_free, slots_free;
	struct slot avail_slot, head_slot, used_slot; /* head_slot: of what is not published */
	uint16_t head_flags, used_idx;

	/* The naive device. */
	uint16_t device_idx;
	struct slot device_slot;
	uint64_t since; /* split: chains, packed: slots given back since it last considered an interrupt */
	bool considered;
	int call;
};

static inline void slot_step(const struct driver *driver, struct slot *slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (++slot->at == driver->size) {
			slot->at = 0;
			slot->wrap = !slot->wrap;
		}
	}
}

/* A new device, which goes on where the last one stood. */
static inline void driver_connect(struct driver *driver, uint32_t base)
{
	struct guest *guest = driver->guest;
	struct hd_vring_layout layout;
	struct hd_vring_setup setup = {
		.size = driver->size,
		.base = base,
		.features = driver->features,
		.memory = guest->memory,
		.log = guest->logging ? &guest->log : NULL,
		.log_gpa = driver->packed ? driver->desc : driver->used,
		.log_used = driver->log_used,
		.call = driver->call,
		.enabled = true,
		.shared = random_below(driver->random, 2),
		.receive = driver->receive,
	};

	hd_vring_layout(driver->size, driver->packed, driver->event_idx, &layout);
	setup.desc = guest_at(guest, driver->desc, layout.desc_len);
	setup.avail = guest_at(guest, driver->avail, layout.avail_len);
	setup.used = guest_at(guest, driver->used, layout.used_len);
	driver->ring = hd_vring_create(&setup);
	ck_assert_ptr_nonnull(driver->ring);
	/* It polls: no kicks. */
	guest_twin(guest, driver->used + (driver->packed ? 2 : 0), "\1\0", 2);
	if (!driver->packed && driver->log_used)
		guest_expect_dirty(guest, driver->used, 2);
	driver->considered = false;
	driver->since = 0;
}

/* The index at which a split ring starts is anything; a packed ring starts at slot 0 with its counter at 1. */
static inline void driver_init(struct driver *driver, struct guest *guest, struct random *random, uint32_t size,
			       uint64_t features, bool receive, uint16_t start)
{
	struct hd_vring_layout layout;
	bool packed = features & BIT64(VIRTIO_F_RING_PACKED);

	*driver = (struct driver){
		.guest = guest,
		.random = random,
		.features = features,
		.size = size,
		.packed = packed,
		.event_idx = features & BIT64(VIRTIO_RING_F_EVENT_IDX),
		.receive = receive,
		.n_free = size,
		.slots_free = size,
		.fifo = calloc(size, sizeof(driver->fifo[0])),
		.free = calloc(size, sizeof(driver->free[0])),
		.avail_slot.wrap = true,
		.head_slot.wrap = true,
		.used_slot.wrap = true,
		.device_slot.wrap = true,
		.call = eventfd(0, EFD_NONBLOCK),
		.log_used = guest->logging,
	};
	ck_assert(driver->fifo != NULL && driver->free != NULL && driver->call >= 0);
	for (uint32_t i = 0; i < size; i++)
		driver->free[i] = (uint16_t)i;
	hd_vring_layout(size, packed, driver->event_idx, &layout);
	driver->desc = guest_ring_alloc(guest, layout.desc_len, layout.desc_align);
	driver->avail = guest_ring_alloc(guest, layout.avail_len, layout.avail_align);
	driver->used = guest_ring_alloc(guest, layout.used_len, layout.used_align);
	if (!packed) {
		driver->made = driver->published = driver->first = driver->next_device = start;
		driver->device_idx = driver->used_idx = start;
		guest_put(guest, driver->avail + 2, &start, 2);
		guest_put(guest, driver->used + 2, &start, 2);
	}
	driver_connect(driver, packed ? 0x8000 : start);
}

static inline void posted_free(struct posted *posted)
{
	free(posted->buffer);
	free(posted->data);
	free(posted);
}

static inline void driver_fini(struct driver *driver)
{
	hd_vring_destroy(driver->ring);
	for (; driver->first < driver->made; driver->first++)
		posted_free(driver->fifo[driver->first % driver->size]);
	free(driver->fifo);
	free(driver->free);
	close(driver->call);
}

static inline uint16_t driver_take_free(struct driver *driver)
{
	uint32_t i = random_below(driver->random, driver->n_free--);
	uint16_t taken = driver->free[i];

	driver->free[i] = driver->free[driver->n_free];
	return taken;
}

static inline void put_split(struct driver *driver, uint64_t gpa, const struct vring_desc *desc)
{
	guest_put(driver->guest, gpa, desc, sizeof(*desc));
}

/* Buffers [from, n) as split descriptors at index[i] of the table at `table`, the last without NEXT unless `on`. */
static inline void put_split_run(struct driver *driver, uint64_t table, const uint16_t *index,
				 const struct buffer *buffer, uint32_t n, bool write, bool on)
{
	for (uint32_t i = 0; i < n; i++) {
		bool next = i + 1 < n || on;
		struct vring_desc desc = {
			.addr = buffer[i].gpa,
			.len = buffer[i].len,
			.flags = (uint16_t)((write ? VRING_DESC_F_WRITE : 0) | (next ? VRING_DESC_F_NEXT : 0)),
			.next = next ? index[i + 1] : (uint16_t)random_next(driver->random),
		};

		put_split(driver, table + index[i] * sizeof(desc), &desc);
	}
}

/* The first `direct` buffers in the ring, the others in an indirect table at `table`, in any order there. */
static inline void post_split(struct driver *driver, struct posted *posted, uint32_t direct, uint64_t table, bool write)
{
	uint32_t rest = posted->n_buffers - direct;
	uint16_t slot = (uint16_t)(driver->made % driver->size);

	put_split_run(driver, driver->desc, posted->desc, posted->buffer, direct, write, rest != 0);
	if (rest != 0) {
		struct vring_desc desc = {
			.addr = table,
			.len = rest * (uint32_t)sizeof(desc),
			.flags = VRING_DESC_F_INDIRECT,
		};
		uint16_t *order = calloc(rest, sizeof(*order));

		for (uint32_t i = 0; i < rest; i++) /* the first entry is the first */
			order[i] = (uint16_t)(i == 0 ? 0 : rest - i);
		put_split(driver, driver->desc + posted->desc[direct] * sizeof(desc), &desc);
		put_split_run(driver, table, order, posted->buffer + direct, rest, write, false);
		free(order);
	}
	posted->id = posted->desc[0];
	guest_put(driver->guest, driver->avail + 4 + slot * 2u, &posted->id, 2);
}

static inline void put_packed(struct driver *driver, const struct vring_packed_desc *asked)
{
	struct vring_packed_desc desc = *asked;
	uint64_t gpa = driver->desc + driver->avail_slot.at * sizeof(desc);

	desc.flags |= driver->avail_slot.wrap ? PACKED_AVAIL : PACKED_USED;
	if (driver->avail_slot.at == driver->head_slot.at && driver->avail_slot.wrap == driver->head_slot.wrap) {
		driver->head_flags = desc.flags; /* shown by publish */
		guest_put(driver->guest, gpa, &desc, offsetof(struct vring_packed_desc, flags));
	} else {
		guest_put(driver->guest, gpa, &desc, sizeof(desc));
	}
	slot_step(driver, &driver->avail_slot, 1);
}

/* Ids that do not count are garbage, and so are the flags in tables but WRITE. */
static inline void post_packed(struct driver *driver, struct posted *posted, uint32_t direct, uint64_t table,
			       bool write)
{
	struct vring_packed_desc desc;

	posted->id = driver_take_free(driver);
	for (uint32_t i = 0; i < posted->n_buffers; i++) {
		bool last = i + 1 == posted->n_buffers;

		desc = (struct vring_packed_desc){
			.addr = posted->buffer[i].gpa,
			.len = posted->buffer[i].len,
			.id = direct != 0 && last ? posted->id : (uint16_t)random_next(driver->random),
			.flags = write ? VRING_DESC_F_WRITE : 0,
		};
		if (direct != 0) {
			desc.flags |= last ? 0 : VRING_DESC_F_NEXT;
			put_packed(driver, &desc);
		} else {
			guest_put(driver->guest, table + i * sizeof(desc), &desc, sizeof(desc));
		}
	}
	if (direct == 0) {
		desc = (struct vring_packed_desc){
			.addr = table,
			.len = posted->n_buffers * (uint32_t)sizeof(desc),
			.id = posted->id,
			.flags = VRING_DESC_F_INDIRECT,
		};
		put_packed(driver, &desc);
	}
}

/*
 * Make a chain of the buffers, which it takes. `direct` is how many of them are in the ring, for packed rings all or
 * none; the others are in a table at `table`. False if the ring has no room. publish shows it.
 */
static inline bool driver_post(struct driver *driver, struct buffer *buffer, uint32_t n, uint32_t direct,
			       uint64_t table, bool write)
{
	uint16_t slots = (uint16_t)(direct + (direct < n));
	struct posted *posted;

	if (slots > driver->slots_free)
		return false;
	posted = calloc(1, sizeof(*posted) + (slots + 1u) * sizeof(posted->desc[0]));
	must(posted != NULL);
	driver->slots_free -= slots;
	posted->slots = slots;
	posted->buffer = buffer;
	posted->n_buffers = n;
	posted->arena = driver->guest->arena_head;
	for (uint32_t i = 0; i < n; i++)
		posted->total += buffer[i].len;
	if (driver->packed) {
		post_packed(driver, posted, direct, table, write);
	} else {
		for (uint16_t i = 0; i < slots; i++)
			posted->desc[i] = driver_take_free(driver);
		post_split(driver, posted, direct, table, write);
	}
	driver->fifo[driver->made++ % driver->size] = posted;
	return true;
}

/* Everything made is available. */
static inline void driver_publish(struct driver *driver)
{
	uint16_t idx = (uint16_t)driver->made;

	if (driver->published == driver->made)
		return;
	atomic_thread_fence(memory_order_release);
	if (driver->packed) {
		guest_put(driver->guest, driver->desc + driver->head_slot.at * sizeof(struct vring_packed_desc) + 14,
			  &driver->head_flags, 2);
		driver->head_slot = driver->avail_slot;
	} else {
		guest_put(driver->guest, driver->avail + 2, &idx, 2);
	}
	driver->published = driver->made;
}

/* The nth chain that is available and was not given back. NULL: there are fewer. */
static inline struct posted *driver_waiting(const struct driver *driver, uint64_t n)
{
	uint64_t i = driver->next_device + n;

	return i < driver->published ? driver->fifo[i % driver->size] : NULL;
}

/* The device should give the next chain back, with `len` bytes written into it. */
static inline void driver_expect_used(struct driver *driver, uint32_t len)
{
	struct posted *posted = driver_waiting(driver, 0);
	struct guest *guest = driver->guest;
	uint64_t gpa;

	must(posted != NULL);
	driver->next_device++;
	if (driver->packed) {
		uint16_t flags = (uint16_t)((driver->device_slot.wrap ? PACKED_AVAIL | PACKED_USED : 0) |
					    (len != 0 ? VRING_DESC_F_WRITE : 0));

		gpa = driver->desc + driver->device_slot.at * sizeof(struct vring_packed_desc);
		guest_twin(guest, gpa + 8, &len, 4);
		guest_twin(guest, gpa + 12, &posted->id, 2);
		guest_twin(guest, gpa + 14, &flags, 2);
		if (driver->log_used)
			guest_expect_dirty(guest, gpa, 16);
		slot_step(driver, &driver->device_slot, posted->slots);
		driver->since += posted->slots;
		return;
	}
	gpa = driver->used + 4 + driver->device_idx % driver->size * 8;
	guest_twin(guest, gpa, &(struct vring_used_elem){.id = posted->id, .len = len}, 8);
	driver->device_idx++;
	guest_twin(guest, driver->used + 2, &driver->device_idx, 2);
	if (driver->log_used) {
		guest_expect_dirty(guest, gpa, 8);
		guest_expect_dirty(guest, driver->used + 2, 2);
	}
	driver->since++;
}

/* Is there something the device has given back? Where its length is, and its id. */
static inline bool driver_peek_used(struct driver *driver, uint32_t *id, uint32_t *len)
{
	struct vring_used_elem elem;
	struct vring_packed_desc desc;
	uint16_t idx;

	if (driver->packed) {
		uint16_t marks = driver->used_slot.wrap ? PACKED_AVAIL | PACKED_USED : 0;

		memcpy(&desc, guest_at(driver->guest, driver->desc + driver->used_slot.at * sizeof(desc), sizeof(desc)),
		       sizeof(desc));
		*id = desc.id;
		*len = desc.len;
		return driver->first < driver->published && (desc.flags & (PACKED_AVAIL | PACKED_USED)) == marks;
	}
	memcpy(&idx, guest_at(driver->guest, driver->used + 2, 2), 2);
	memcpy(&elem, guest_at(driver->guest, driver->used + 4 + driver->used_idx % driver->size * 8, 8), 8);
	*id = elem.id;
	*len = elem.len;
	return idx != driver->used_idx;
}

/* Take back what was given back, up to `max` chains. They come in order. Returns how many. */
static inline uint32_t driver_harvest(struct driver *driver, uint32_t max)
{
	uint32_t id, len, n = 0;

	for (; n < max && driver_peek_used(driver, &id, &len); n++) {
		struct posted *posted = driver->fifo[driver->first % driver->size];

		must(driver->first < driver->next_device);
		must(id == posted->id);
		must(len <= posted->total);
		if (driver->packed)
			driver->free[driver->n_free++] = posted->id;
		for (uint16_t i = 0; !driver->packed && i < posted->slots; i++)
			driver->free[driver->n_free++] = posted->desc[i];
		driver->slots_free += posted->slots;
		driver->guest->arena_tail = posted->arena;
		slot_step(driver, &driver->used_slot, posted->slots);
		driver->used_idx++;
		driver->first++;
		posted_free(posted);
	}
	return n;
}

enum interrupts { INTERRUPTS_ON, INTERRUPTS_OFF, INTERRUPTS_EVENT };

/* What the driver wants; with EVENT_IDX: when `ahead` chains (packed: slots) more were given back than it has taken. */
static inline void driver_want(struct driver *driver, enum interrupts want, uint32_t ahead)
{
	struct slot slot = driver->used_slot;
	uint16_t flags = want == INTERRUPTS_OFF, event = (uint16_t)(driver->used_idx + ahead);
	struct vring_packed_desc_event packed = {.flags = flags};

	if (!driver->packed) {
		guest_put(driver->guest, driver->avail, &flags, 2); /* with EVENT_IDX it says nothing */
		if (driver->event_idx)
			guest_put(driver->guest, driver->avail + 4 + driver->size * 2, &event, 2);
		return;
	}
	if (driver->event_idx && want == INTERRUPTS_EVENT)
		packed.flags = VRING_PACKED_EVENT_FLAG_DESC;
	slot_step(driver, &slot, ahead % driver->size);
	packed.off_wrap = (uint16_t)(slot.at | (slot.wrap ? 0x8000 : 0));
	guest_put(driver->guest, driver->avail, &packed, sizeof(packed));
}

/* VIRTIO 1.2 2.7.7 and 2.8.10 word by word: look at every place that was given back. */
static inline bool driver_expects_interrupt(const struct driver *driver)
{
	const uint8_t *avail = guest_at(driver->guest, driver->avail, 4);
	uint16_t event, flags;

	if (driver->packed) {
		memcpy(&event, avail, 2);
		memcpy(&flags, avail + 2, 2);
		if (flags != VRING_PACKED_EVENT_FLAG_DESC)
			return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	} else if (!driver->event_idx) {
		memcpy(&flags, avail, 2);
		return flags == 0;
	} else {
		memcpy(&event, guest_at(driver->guest, driver->avail + 4 + driver->size * 2, 2), 2);
	}
	if (!driver->considered)
		return true;
	for (uint64_t back = 1; back <= driver->since; back++) {
		uint64_t rounds = (back + driver->size - 1 - driver->device_slot.at) / driver->size;
		uint64_t at = driver->device_slot.at + rounds * driver->size - back;
		bool wrap = driver->device_slot.wrap ^ (rounds % 2 != 0);

		if (driver->packed ? event == (at | (wrap ? 0x8000u : 0))
				   : event == (uint16_t)(driver->device_idx - back))
			return true;
	}
	return false;
}

/* The device considers an interrupt, and sends it exactly when it should. */
static inline void driver_check_notify(struct driver *driver)
{
	bool expected = (!driver->considered || driver->since != 0) && driver_expects_interrupt(driver);
	eventfd_t count = 0;

	if (driver->packed)
		hd_packed_notify(driver->ring);
	else
		hd_split_notify(driver->ring);
	eventfd_read(driver->call, &count);
	ck_assert_uint_eq(count, expected);
	driver->considered = true;
	driver->since = 0;
}

/* The device stops and a new one goes on. */
static inline void driver_reconnect(struct driver *driver)
{
	uint32_t base = hd_vring_base(driver->ring),
		 slot = driver->device_slot.at | (driver->device_slot.wrap ? 0x8000 : 0);

	ck_assert_uint_eq(base, driver->packed ? slot | slot << 16 : driver->device_idx);
	ck_assert(!hd_vring_broken(driver->ring));
	hd_vring_destroy(driver->ring);
	driver_connect(driver, base);
}

static inline uint16_t device_rx(struct driver *driver, struct hd_burst *burst)
{
	burst->n_refused = 0;
	return driver->packed ? hd_packed_rx(driver->ring, burst) : hd_split_rx(driver->ring, burst);
}

static inline void device_rx_done(struct driver *driver)
{
	if (driver->packed)
		hd_packed_rx_done(driver->ring);
	else
		hd_split_rx_done(driver->ring);
}

static inline uint16_t device_tx(struct driver *driver, struct hd_pkt **pkts, uint16_t n, enum hd_drop *why)
{
	return driver->packed ? hd_packed_tx(driver->ring, pkts, n, why) : hd_split_tx(driver->ring, pkts, n, why);
}

#endif
