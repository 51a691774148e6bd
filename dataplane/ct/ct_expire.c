/* SPDX-License-Identifier: BSD-3-Clause */
/* What the control thread does about time: it deletes what is over, and gets memory before it is needed. */
#include <rte_common.h>

#include "ct_conn.h"

#define SLOTS_A_TICK 65536u /* some hundred microseconds */

static void sweep(struct hd_ct *ct, struct hd_ct_owner *owner, uint32_t now)
{
	uint32_t high = hd_ct_get(ct->high), n = RTE_MIN(high, SLOTS_A_TICK);

	for (uint32_t i = 0; i < n; i++) {
		struct hd_ct_conn *conn;

		ct->cursor = ct->cursor + 1 < high ? ct->cursor + 1 : 1;
		if (ct->cursor >= high)
			return; /* nothing there yet */
		conn = &ct->conns[ct->cursor];
		if (!hd_ct_alive(conn) || !hd_ct_is_over(ct, conn, now))
			continue;
		if (!hd_ct_slot_may_retire(ct, owner))
			return; /* PMDs are slow: next time */
		hd_ct_delete_over(ct, owner, conn, now);
	}
}

void hd_ct_tick(struct hd_ct *ct, uint64_t now)
{
	struct hd_ct_owner *owner = &ct->owners[ct->n_pmds];
	uint32_t ticks = hd_ct_tick_of(ct, now);

	hd_ct_put(ct->now, ticks);
	hd_ct_slot_reclaim(ct, owner);
	sweep(ct, owner, ticks);
	if (hd_ct_slot_may_retire(ct, owner))
		hd_ct_slot_close(ct, owner);
	hd_ct_grow(ct);
}
