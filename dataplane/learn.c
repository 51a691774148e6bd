/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rings that carry learnt addresses from PMD threads to the control thread. */
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "learn.h"

int hd_learner_init(struct hd_learner *learner, unsigned int pmd, int eventfd)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "learn%u", pmd);
	learner->ring = rte_ring_create_elem(name, sizeof(struct hd_learn_event), HD_LEARN_RING, SOCKET_ID_ANY,
					     RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (learner->ring == NULL)
		return -ENOMEM;
	learner->eventfd = eventfd;
	atomic_store(&learner->armed, 1);
	return 0;
}

void hd_learner_fini(struct hd_learner *learner)
{
	rte_ring_free(learner->ring);
	learner->ring = NULL;
}

/* Pairs with hd_learner_arm: the event is in the ring before `armed` is read, `armed` is set before it looks. */
void hd_learner_wake(struct hd_learner *learner)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&learner->armed, memory_order_relaxed) == 0)
		return;
	atomic_store_explicit(&learner->armed, 0, memory_order_relaxed);
	eventfd_write(learner->eventfd, 1);
}

void hd_learner_push(struct hd_learner *learner, uint64_t key, uint32_t bridge, uint16_t port, uint32_t now)
{
	struct hd_learn_event event = {.key = key, .bridge = bridge, .port = port};
	/* Multiplied by themselves: neighbouring addresses of neighbouring bridges and ports must not cancel out. */
	uint64_t where = ((uint64_t)bridge << 42 ^ (uint64_t)port << 32 ^ now) * 0xbf58476d1ce4e5b9ull;
	uint64_t salted = (key ^ where) * 0x9e3779b97f4a7c15ull;
	uint64_t *seen = &learner->filter[salted >> 32 & (HD_LEARN_FILTER - 1)];

	if (*seen == salted)
		return;
	if (rte_ring_sp_enqueue_elem(learner->ring, &event, sizeof(event)) != 0) {
		hd_count(&learner->lost, 1);
		return;
	}
	*seen = salted;
	hd_learner_wake(learner);
}

unsigned int hd_learner_pop(struct hd_learner *learner, struct hd_learn_event *events, unsigned int n)
{
	return rte_ring_sc_dequeue_burst_elem(learner->ring, events, sizeof(*events), n, NULL);
}

bool hd_learner_arm(struct hd_learner *learner)
{
	atomic_store_explicit(&learner->armed, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); /* pairs with hd_learner_wake */
	return !rte_ring_empty(learner->ring);
}
