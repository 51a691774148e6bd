/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that rewrites its memory while the switch reads it: stores random ones of given values into given places, as
 * fast as it can, and keeps a split ring's available index moving.
 *
 * Usage: heddle-racer FD BYTES SECONDS SEED [i:AVAIL_IDX:USED_IDX:SIZE]... [OFFSET:WIDTH:VALUE,VALUE,...]...
 *   FD      the memory's file, inherited; BYTES of it are mapped
 *   i:...   offsets of a split ring's indices; the available index is kept up to SIZE ahead of the used one
 *   WIDTH   1, 2, 4 or 8 bytes, stored at once; VALUEs are numbers or "random"
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define CELLS 4096
#define VALUES 8
#define ROUND 64 /* stores between two looks at indices and clock */

struct cell {
	uint64_t offset, values[VALUES];
	unsigned int width, n;
	bool any[VALUES]; /* random instead */
};

struct index {
	uint64_t avail, used;
	unsigned int size;
};

struct race {
	uint8_t *base;
	uint64_t size, state;
	struct cell cell[CELLS];
	struct index index[8];
	unsigned int n_cells, n_indices;
};

/* xorshift64 */
static uint64_t next(struct race *race)
{
	race->state ^= race->state << 13;
	race->state ^= race->state >> 7;
	race->state ^= race->state << 17;
	return race->state;
}

static void store(uint8_t *at, unsigned int width, uint64_t value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(volatile uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(volatile uint64_t *)at = value;
	}
}

static void scribble(struct race *race)
{
	const struct cell *cell = &race->cell[next(race) % race->n_cells];
	unsigned int which = (unsigned int)(next(race) % cell->n);

	store(race->base + cell->offset, cell->width, cell->any[which] ? next(race) : cell->values[which]);
}

static void advance(struct race *race, const struct index *index)
{
	volatile uint16_t *avail = (volatile uint16_t *)(race->base + index->avail);
	uint16_t used = *(volatile uint16_t *)(race->base + index->used);
	uint16_t target = (uint16_t)(used + 1 + next(race) % index->size);

	/* forward only: an index that goes back is another test's */
	if ((uint16_t)(target - *avail) <= index->size)
		*avail = target;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int parse_cell(struct race *race, char *word)
{
	struct cell *cell = &race->cell[race->n_cells++];
	char *rest;

	cell->offset = strtoull(word, &rest, 0);
	cell->width = (unsigned int)strtoul(rest + 1, &rest, 0);
	for (word = strtok(rest + 1, ","); word != NULL && cell->n < VALUES; word = strtok(NULL, ",")) {
		cell->any[cell->n] = strcmp(word, "random") == 0;
		cell->values[cell->n++] = strtoull(word, NULL, 0);
	}
	return cell->n > 0 && cell->width > 0 && cell->offset + cell->width <= race->size ? 0 : -EINVAL;
}

static int parse(struct race *race, char *word)
{
	struct index *index = &race->index[race->n_indices];

	if (word[0] != 'i')
		return race->n_cells < CELLS ? parse_cell(race, word) : -E2BIG;
	race->n_indices++;
	if (sscanf(word, "i:%lu:%lu:%u", &index->avail, &index->used, &index->size) != 3)
		return -EINVAL;
	return index->avail + 2 <= race->size && index->used + 2 <= race->size && index->size > 0 ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct race race;
	uint64_t stores = 0;
	double end;

	if (argc < 6)
		return 2;
	race.size = strtoull(argv[2], NULL, 0);
	race.state = strtoull(argv[4], NULL, 0) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	race.base = mmap(NULL, race.size, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[1]), 0);
	if (race.base == MAP_FAILED)
		return 1;
	for (int i = 5; i < argc; i++) {
		if (parse(&race, argv[i]) != 0) {
			fprintf(stderr, "heddle-racer: %s?\n", argv[i]);
			return 2;
		}
	}
	for (end = now() + atof(argv[3]); now() < end; stores += ROUND) {
		for (unsigned int i = 0; i < ROUND && race.n_cells > 0; i++)
			scribble(&race);
		for (unsigned int i = 0; i < race.n_indices; i++)
			advance(&race, &race.index[i]);
	}
	printf("%lu\n", stores);
	return 0;
}
