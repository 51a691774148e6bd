/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the adding up of what rules of access lists have seen, over ports, directions and bridges. */
#include <stdlib.h>

#include "control.h"
#include "guard/rules.h"
#include "runtime.h"
#include "state.h"

static void add_rule(struct hd_acl_sums *sums, const struct hd_tables *tables, const struct hd_rule *rule)
{
	struct hd_rule_stats stats;

	if (hd_guard_cookie_kind(rule->spec.cookie) != HD_GUARD_RULE)
		return;
	if (sums->n == sums->room) {
		size_t room = sums->room != 0 ? sums->room * 2 : 256;
		struct hd_acl_sum *more = reallocarray(sums->sum, room, sizeof(*more));

		if (more == NULL)
			return;
		sums->sum = more;
		sums->room = room;
	}
	hd_tables_stats(tables, rule, &stats);
	sums->sum[sums->n++] = (struct hd_acl_sum){rule->spec.cookie, stats.packets, stats.bytes};
}

static int sum_order(const void *a, const void *b)
{
	uint64_t x = ((const struct hd_acl_sum *)a)->cookie, y = ((const struct hd_acl_sum *)b)->cookie;

	return x < y ? -1 : x > y;
}

/* In order of cookies, each once. */
static void add_up(struct hd_acl_sums *sums)
{
	size_t n = 0;

	if (sums->n != 0)
		qsort(sums->sum, sums->n, sizeof(sums->sum[0]), sum_order);
	for (size_t i = 0; i < sums->n; i++) {
		if (n == 0 || sums->sum[n - 1].cookie != sums->sum[i].cookie) {
			sums->sum[n++] = sums->sum[i];
			continue;
		}
		sums->sum[n - 1].packets += sums->sum[i].packets;
		sums->sum[n - 1].bytes += sums->sum[i].bytes;
	}
	sums->n = n;
}

void hd_state_acl_sums(struct hd_control *control, struct hd_acl_sums *sums)
{
	struct hd_runtime *runtime = hd_control_runtime(control);

	hd_dataplane_fold(runtime->dataplane);
	for (unsigned int i = 0; i < runtime->n_bridges; i++) {
		for (int guard = 0; guard < HD_GUARDS; guard++) {
			const struct hd_tables *tables = runtime->bridges[i]->guard[guard];
			const struct hd_rule *rule;
			uint32_t cursor = 0;

			while (tables != NULL && (rule = hd_tables_next(tables, &cursor)) != NULL)
				add_rule(sums, tables, rule);
		}
	}
	add_up(sums);
}
