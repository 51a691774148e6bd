/* SPDX-License-Identifier: BSD-3-Clause */
/* The queue of what waits for a grace period. */
#include <stddef.h>

#include <rte_rcu_qsbr.h>

#include "retire.h"

void hd_retire_init(struct hd_retire_queue *queue, struct rte_rcu_qsbr *rcu, void *context)
{
	queue->rcu = rcu;
	queue->context = context;
	queue->first = NULL;
	queue->last = &queue->first;
	queue->newest = 0;
}

void hd_retire(struct hd_retire_queue *queue, struct hd_retired *retired,
	       void (*release)(struct hd_retired *retired, void *context))
{
	retired->next = NULL;
	retired->release = release;
	retired->token = queue->newest = rte_rcu_qsbr_start(queue->rcu);
	*queue->last = retired;
	queue->last = &retired->next;
}

static void release_first(struct hd_retire_queue *queue)
{
	struct hd_retired *first = queue->first;

	queue->first = first->next;
	if (queue->first == NULL)
		queue->last = &queue->first;
	first->release(first, queue->context);
}

void hd_retire_reclaim(struct hd_retire_queue *queue)
{
	while (queue->first != NULL && rte_rcu_qsbr_check(queue->rcu, queue->first->token, false) == 1)
		release_first(queue);
}

void hd_retire_drain(struct hd_retire_queue *queue)
{
	while (queue->first != NULL)
		release_first(queue);
}
