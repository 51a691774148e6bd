/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What PMD threads learn, on its way to the FDB's one writer.
 *
 * A PMD puts an event on its ring when a source address is unknown or came in by another port than the FDB says. The
 * control thread drains the rings. It is woken by an eventfd that a PMD writes only when the control thread has
 * armed it: at most one system call a drain. A ring that is full loses the event; the next packet repeats it. So does
 * a small filter per PMD that keeps a new flow from repeating its event for every packet until the FDB knows it.
 */
#ifndef HD_LEARN_H
#define HD_LEARN_H

#include <stdatomic.h>
#include <stdint.h>

#include "stats.h"

struct rte_ring;

struct hd_learn_event {
	uint64_t key;    /* hd_fdb_key */
	uint32_t bridge; /* serial */
	uint16_t port;   /* id */
	uint16_t reserved;
};

#define HD_LEARN_RING 8192
#define HD_LEARN_FILTER 512

struct hd_learner {
	struct rte_ring *ring; /* producer: one PMD; consumer: control */
	int eventfd;
	_Atomic uint32_t armed; /* 1: the control thread wants to be woken. Set by control, cleared by the PMD */
	hd_counter lost;        /* events that found the ring full */
	uint64_t filter[HD_LEARN_FILTER]; /* PMD only: recent keys, salted with port and second */
};

int hd_learner_init(struct hd_learner *learner, unsigned int pmd, int eventfd);
void hd_learner_fini(struct hd_learner *learner);

/* PMD thread. `now` is hd_dataplane's clock in seconds. */
void hd_learner_push(struct hd_learner *learner, uint64_t key, uint32_t bridge, uint16_t port, uint32_t now);

/* PMD thread. Wake the control thread, if it has asked for it. */
void hd_learner_wake(struct hd_learner *learner);

/* Control thread. Takes up to n events; returns how many. */
unsigned int hd_learner_pop(struct hd_learner *learner, struct hd_learn_event *events, unsigned int n);
/* Ask to be woken for the next event. Returns true if there are some already: then pop again. */
bool hd_learner_arm(struct hd_learner *learner);

#endif
