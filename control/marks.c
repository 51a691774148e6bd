/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where in a file each key of a document stands: a tree of keys and lines, in the shape of the document.
 *
 * A tree, not a map from paths: its size follows the file's, however deep that nests.
 */
#include "marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mark {
	char *key; /* NULL: an item of a list */
	unsigned int line;
	unsigned int first, last, next; /* children and sibling by number; 0: none */
};

struct hd_marks {
	char *file;
	struct mark *marks; /* number 0 is the document */
	unsigned int n, size;
};

struct hd_marks *hd_marks_create(const char *file)
{
	struct hd_marks *marks = calloc(1, sizeof(*marks));

	if (!marks)
		return NULL;
	marks->n = 1;
	marks->size = 64;
	marks->file = strdup(file);
	marks->marks = calloc(marks->size, sizeof(marks->marks[0]));
	if (!marks->file || !marks->marks) {
		hd_marks_free(marks);
		return NULL;
	}
	marks->marks[HD_MARKS_ROOT].line = 1;
	return marks;
}

void hd_marks_free(struct hd_marks *marks)
{
	if (!marks)
		return;
	for (unsigned int i = 0; marks->marks && i < marks->n; i++)
		free(marks->marks[i].key);
	free(marks->marks);
	free(marks->file);
	free(marks);
}

static bool grow(struct hd_marks *marks)
{
	struct mark *more;

	if (marks->n < marks->size)
		return true;
	more = reallocarray(marks->marks, marks->size, 2 * sizeof(marks->marks[0]));
	if (!more)
		return false;
	marks->marks = more;
	marks->size *= 2;
	return true;
}

unsigned int hd_marks_add(struct hd_marks *marks, unsigned int parent, const char *key, unsigned int line)
{
	struct mark mark = {.line = line};
	unsigned int number = marks->n;

	if (key) {
		mark.key = strdup(key);
		if (!mark.key)
			return 0;
	}
	if (!grow(marks)) {
		free(mark.key);
		return 0;
	}
	marks->marks[marks->n++] = mark;
	if (marks->marks[parent].last)
		marks->marks[marks->marks[parent].last].next = number;
	else
		marks->marks[parent].first = number;
	marks->marks[parent].last = number;
	return number;
}

const char *hd_marks_file(const struct hd_marks *marks)
{
	return marks ? marks->file : NULL;
}

/* What is left of the path after its first part, if that is `part`; else NULL. */
static const char *after(const char *path, const char *part)
{
	size_t length = strlen(part);

	if (strncmp(path, part, length) != 0 || !strchr(".[", path[length]))
		return NULL; /* strchr finds the terminating NUL too: the path's end */
	return path[length] == '.' ? path + length + 1 : path + length;
}

/*
 * The mark that matches most of the path. Names may hold dots, so that more than one child can match a path's start:
 * the one that leaves the shortest rest wins.
 */
static unsigned int nearest(const struct hd_marks *marks, unsigned int number, const char *path, size_t *left)
{
	const struct mark *mark = &marks->marks[number];
	unsigned int best = number, item = 0;
	char part[16];

	*left = strlen(path);
	for (unsigned int child = mark->first; child && *left > 0; child = marks->marks[child].next) {
		const char *key = marks->marks[child].key, *rest;
		unsigned int found;
		size_t rest_left;

		if (!key) {
			snprintf(part, sizeof(part), "[%u]", item++);
			key = part;
		}
		rest = after(path, key);
		if (!rest)
			continue;
		found = nearest(marks, child, rest, &rest_left);
		if (rest_left < *left) {
			*left = rest_left;
			best = found;
		}
	}
	return best;
}

unsigned int hd_marks_line(const struct hd_marks *marks, const char *path)
{
	size_t left;

	return marks ? marks->marks[nearest(marks, HD_MARKS_ROOT, path, &left)].line : 0;
}
