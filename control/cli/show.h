/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints methods' results as tables for people. */
#ifndef HD_SHOW_H
#define HD_SHOW_H

#include "commands.h"
#include "table.h"

void hd_show_bridges(const struct hd_view *view);
void hd_show_ports(const struct hd_view *view);
void hd_show_port_stats(const struct hd_view *view);
void hd_show_pmds(const struct hd_view *view);
void hd_show_drops(const struct hd_view *view);
void hd_show_drop_frames(const struct hd_view *view);
void hd_show_mirrors(const struct hd_view *view);
void hd_show_acls(const struct hd_view *view);
void hd_show_fdb(const struct hd_view *view);
void hd_show_changes(const struct hd_view *view);
void hd_show_level(const struct hd_view *view);
void hd_show_flushed(const struct hd_view *view);
/* show_flow.c */
void hd_show_flows(const struct hd_view *view);
void hd_show_flows_ofctl(const struct hd_view *view); /* as ovs-ofctl dump-flows prints them */
void hd_show_flow_change(const struct hd_view *view);
void hd_show_groups(const struct hd_view *view);
void hd_show_meters(const struct hd_view *view);
void hd_show_meter_stats(const struct hd_view *view);
/* show_cache.c */
void hd_show_cache(const struct hd_view *view);
void hd_show_trace(const struct hd_view *view);
/* show_ct.c */
void hd_show_ct(const struct hd_view *view);
void hd_show_ct_stats(const struct hd_view *view);

/* Value at a path of keys separated by dots, NULL if it is not there. */
const json_t *hd_show_get(const json_t *object, const char *path);
json_int_t hd_show_count(const json_t *object, const char *path);
const char *hd_show_text(const json_t *object, const char *path); /* "-" if not there */
/* A value as it is typed in the CLI: lists with commas, on and off. */
void hd_show_value(const json_t *value, char *text, size_t size);

/* The object of a list whose `key` is as in `like`; NULL. */
const json_t *hd_show_same(const json_t *list, const json_t *like, const char *key);

/* By how much a counter has grown, a second; a cell with "-" on the first round. `factor`: 8 for bytes to bits. */
void hd_show_rate(struct hd_table *table, const struct hd_view *view, const json_t *now, const json_t *before,
		  const char *path, double factor);
/* A rate in 5 characters or so: "950", "1.25M". */
void hd_show_scaled(double number, char text[16]);

#endif
