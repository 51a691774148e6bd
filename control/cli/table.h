/* SPDX-License-Identifier: BSD-3-Clause */
/* A table on stdout, its columns as wide as their widest cell. */
#ifndef HD_TABLE_H
#define HD_TABLE_H

struct hd_table;

/* Headers separated by spaces; '>' before one aligns its column right: "NAME BRIDGE >MTU". */
struct hd_table *hd_table_new(const char *headers);
/* One more column, before the first cell. */
void hd_table_column(struct hd_table *table, const char *header);
/* The next cell, row by row. */
void hd_table_cell(struct hd_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints each line after `indent` spaces, and frees the table. */
void hd_table_print(struct hd_table *table, int indent);

#endif
