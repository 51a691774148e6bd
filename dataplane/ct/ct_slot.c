/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of connections: slots, who keeps which of the free ones, and those that wait for a grace period. */
#include <errno.h>
#include <sys/mman.h>

#include <rte_common.h>
#include <rte_rcu_qsbr.h>

#include "ct_conn.h"

void *hd_ct_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, MADV_HUGEPAGE);
	return memory;
}

void hd_ct_unmap(void *memory, size_t bytes)
{
	if (memory != NULL)
		munmap(memory, bytes);
}

int hd_ct_owner_init(struct hd_ct *ct, unsigned int which)
{
	struct hd_ct_owner *owner = &ct->owners[which];
	bool control = which == ct->n_pmds;

	owner->n_ring = control ? ct->n_slots / HD_CT_BATCH + 2 : HD_CT_RING;
	owner->ring = hd_ct_map(owner->n_ring * sizeof(*owner->ring));
	if (!control)
		owner->fragments = hd_ct_map(HD_CT_FRAGMENTS * sizeof(*owner->fragments));
	owner->random = ct->secret[0] + which;
	return owner->ring == NULL || (!control && owner->fragments == NULL) ? -ENOMEM : 0;
}

/* Free slots that nobody keeps: from the pool, or such as were never used. */
static void take_from_pool(struct hd_ct *ct, struct hd_ct_owner *owner)
{
	uint32_t n, high;

	hd_ct_lock(&ct->pool_lock);
	high = hd_ct_get(ct->high);
	n = RTE_MIN(ct->n_pool, (uint32_t)HD_CT_BATCH);
	if (n > 0) {
		ct->n_pool -= n;
		memcpy(owner->free, ct->pool + ct->n_pool, n * sizeof(*ct->pool));
	} else {
		n = RTE_MIN(ct->n_slots - high, (uint32_t)HD_CT_BATCH);
		for (uint32_t i = 0; i < n; i++)
			owner->free[i] = high + n - 1 - i; /* the lowest is taken first */
		hd_ct_put(ct->high, high + n);
	}
	hd_ct_unlock(&ct->pool_lock);
	owner->n_free = n;
}

static void give(struct hd_ct *ct, struct hd_ct_owner *owner, const uint32_t *slots, uint32_t n)
{
	bool is_pmd = owner->fragments != NULL;

	if (is_pmd && owner->n_free + n <= HD_CT_STOCK) {
		memcpy(owner->free + owner->n_free, slots, n * sizeof(*slots));
		owner->n_free += n;
		return;
	}
	hd_ct_lock(&ct->pool_lock);
	memcpy(ct->pool + ct->n_pool, slots, n * sizeof(*slots));
	ct->n_pool += n;
	hd_ct_unlock(&ct->pool_lock);
}

uint32_t hd_ct_slot_take(struct hd_ct *ct, struct hd_ct_owner *owner)
{
	uint32_t slot;

	if (owner->n_free == 0)
		hd_ct_slot_reclaim(ct, owner);
	if (owner->n_free == 0)
		take_from_pool(ct, owner);
	if (owner->n_free == 0) {
		hd_ct_slot_close(ct, owner); /* so that there will be some soon */
		return 0;
	}
	slot = owner->free[--owner->n_free];
	if (owner->n_free > 0) { /* the next one's */
		__builtin_prefetch(&ct->conns[owner->free[owner->n_free - 1]], 1);
		__builtin_prefetch(ct->conns[owner->free[owner->n_free - 1]].peer, 1);
	}
	return slot;
}

void hd_ct_slot_return(struct hd_ct *ct, struct hd_ct_owner *owner, uint32_t slot)
{
	give(ct, owner, &slot, 1);
}

static bool has_room(const struct hd_ct_owner *owner)
{
	return (owner->tail + 1) % owner->n_ring != owner->head;
}

bool hd_ct_slot_may_retire(struct hd_ct *ct, struct hd_ct_owner *owner)
{
	if (likely(has_room(owner)))
		return true;
	hd_ct_slot_reclaim(ct, owner);
	return has_room(owner);
}

void hd_ct_slot_close(struct hd_ct *ct, struct hd_ct_owner *owner)
{
	struct hd_ct_batch *batch = &owner->ring[owner->tail];

	if (batch->n == 0)
		return;
	batch->token = ct->rcu != NULL ? rte_rcu_qsbr_start(ct->rcu) : 0;
	owner->tail = (owner->tail + 1) % owner->n_ring;
	owner->ring[owner->tail].n = 0;
}

void hd_ct_slot_retire(struct hd_ct *ct, struct hd_ct_owner *owner, uint32_t slot)
{
	struct hd_ct_batch *batch = &owner->ring[owner->tail];

	batch->slot[batch->n++] = slot;
	if (batch->n == HD_CT_BATCH)
		hd_ct_slot_close(ct, owner);
}

void hd_ct_slot_reclaim(struct hd_ct *ct, struct hd_ct_owner *owner)
{
	while (owner->head != owner->tail) {
		struct hd_ct_batch *batch = &owner->ring[owner->head];

		if (ct->rcu != NULL && rte_rcu_qsbr_check(ct->rcu, batch->token, false) != 1)
			return;
		give(ct, owner, batch->slot, batch->n);
		owner->head = (owner->head + 1) % owner->n_ring;
	}
}
