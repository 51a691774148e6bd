/* SPDX-License-Identifier: BSD-3-Clause */
/* Edit distance between words, to guess what was meant. */
#include "nearest.h"

#define WORD_MAX 31

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * Edit distance in which swapping neighbours counts as one step (optimal string alignment): "vlna" is one step from
 * "vlan". Both at most WORD_MAX long.
 */
static unsigned int distance(const char *a, size_t m, const char *b, size_t n)
{
	unsigned int rows[3][WORD_MAX + 1];

	for (unsigned int j = 0; j <= n; j++)
		rows[0][j] = j;
	for (unsigned int i = 1; i <= m; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned int j = 1; j <= n; j++) {
			row[j] = least(above[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], second[j - 2] + 1);
		}
	}
	return rows[m % 3][n];
}

void hd_nearest_init(struct hd_nearest *nearest, const char *word, size_t length)
{
	/* More than two steps away, it's another word. */
	*nearest = (struct hd_nearest){.word = word, .length = length, .best = 3};
}

void hd_nearest_try(struct hd_nearest *nearest, const char *candidate, size_t length)
{
	unsigned int steps;

	if (nearest->length > WORD_MAX || length > WORD_MAX)
		return;
	steps = distance(nearest->word, nearest->length, candidate, length);
	if (steps >= nearest->best || steps >= nearest->length)
		return;
	nearest->best = steps;
	nearest->found = candidate;
	nearest->found_length = length;
}
