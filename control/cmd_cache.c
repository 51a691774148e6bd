/* SPDX-License-Identifier: BSD-3-Clause */
/* Method cache.show: what the PMDs' flow caches have done and hold, and what they key on. */
#include "cmd.h"
#include "flow/pipeline.h"
#include "flow_show.h"
#include "rpc.h"

static json_t *show_pmd(const struct hd_pmd *pmd)
{
	struct hd_cache_stats stats;

	hd_pipeline_cache_stats(pmd, &stats);
	return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cpu", pmd->cpu, "id",
			 (int)pmd->id, "lookups", (json_int_t)stats.lookups, "hits", (json_int_t)stats.hits,
			 "revalidated", (json_int_t)stats.revalidated, "misses", (json_int_t)stats.misses, "evictions",
			 (json_int_t)stats.evictions, "flushes", (json_int_t)stats.flushes, "entries",
			 (json_int_t)stats.entries, "capacity", (json_int_t)stats.capacity, "programs",
			 (json_int_t)stats.programs, "bytes", (json_int_t)stats.bytes);
}

static json_t *show_bridge(const struct hd_run_bridge *bridge)
{
	const struct hd_shape *shape = hd_tables_shape(bridge->tables);
	struct hd_tables_usage usage;
	unsigned int tables = 0, tuples = 0;

	hd_tables_usage(bridge->tables, &usage);
	for (unsigned int i = 0; i < HD_TABLES; i++) {
		tables += usage.tuples[i] != 0;
		tuples += usage.tuples[i];
	}
	return json_pack("{s:s, s:b, s:o, s:b, s:I, s:I, s:I, s:I}", "name", bridge->name, "plain",
			 (int)hd_tables_plain(bridge->tables), "fields", hd_flow_show_mask(&shape->mask), "tracks",
			 (int)shape->tracks, "rules", (json_int_t)usage.rules, "tables", (json_int_t)tables, "tuples",
			 (json_int_t)tuples, "bytes", (json_int_t)usage.bytes);
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_dataplane *dataplane = hd_control_dataplane(control);
	const struct hd_runtime *runtime = hd_control_runtime(control);
	json_t *pmds = json_array(), *bridges = json_array();

	for (unsigned int i = 0; dataplane != NULL && i < dataplane->n_pmds; i++)
		json_array_append_new(pmds, show_pmd(dataplane->pmds[i]));
	for (unsigned int i = 0; i < runtime->n_bridges; i++)
		json_array_append_new(bridges, show_bridge(runtime->bridges[i]));
	*result = json_pack("{s:o, s:o}", "pmds", pmds, "bridges", bridges);
	return 0;
}

const struct hd_rpc_method hd_cmd_cache[] = {
	{"cache.show", "", show, "PMDs' flow caches, and by bridge the fields that they key on.", false},
	{NULL},
};
