/* SPDX-License-Identifier: BSD-3-Clause */
/* Collects cells, then prints them aligned. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define COLUMNS_MAX 24
#define GAP 2 /* spaces between columns */

struct hd_table {
	size_t n_columns, n_cells, room;
	bool right[COLUMNS_MAX];
	char **cells; /* headers first */
};

static void add_cell(struct hd_table *table, char *text)
{
	if (table->n_cells == table->room) {
		table->room = table->room * 2 + 64;
		table->cells = realloc(table->cells, table->room * sizeof(*table->cells));
		if (table->cells == NULL)
			abort(); /* the CLI has nothing to save */
	}
	table->cells[table->n_cells++] = text;
}

void hd_table_column(struct hd_table *table, const char *header)
{
	table->right[table->n_columns++] = *header == '>';
	add_cell(table, strdup(header + (*header == '>')));
}

struct hd_table *hd_table_new(const char *headers)
{
	struct hd_table *table = calloc(1, sizeof(*table));
	char *copy = strdup(headers), *save, *header;

	if (table == NULL || copy == NULL)
		abort();
	for (header = strtok_r(copy, " ", &save); header != NULL; header = strtok_r(NULL, " ", &save))
		hd_table_column(table, header);
	free(copy);
	return table;
}

void hd_table_cell(struct hd_table *table, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	add_cell(table, text);
}

static void print_row(const struct hd_table *table, char *const *row, const int *width)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		bool last = i + 1 == table->n_columns;

		if (table->right[i])
			printf("%*s%*s", width[i], row[i], last ? 0 : GAP, "");
		else
			printf("%-*s", last ? 0 : width[i] + GAP, row[i]);
	}
	putchar('\n');
}

void hd_table_print(struct hd_table *table, int indent)
{
	int width[COLUMNS_MAX] = {0}, length;

	for (size_t i = 0; i < table->n_cells; i++) {
		length = (int)strlen(table->cells[i]);
		if (length > width[i % table->n_columns])
			width[i % table->n_columns] = length;
	}
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns) {
		printf("%*s", indent, "");
		print_row(table, table->cells + i, width);
	}
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}
