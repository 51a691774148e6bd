/* SPDX-License-Identifier: BSD-3-Clause */
/* Building marks, for the YAML reader; looking them up is in yaml.h. */
#ifndef HD_MARKS_H
#define HD_MARKS_H

#include "yaml.h"

#define HD_MARKS_ROOT 0u

struct hd_marks *hd_marks_create(const char *file);
/* A member of a mapping (key) or the next item of a list (NULL). Returns its number, or 0 if out of memory. */
unsigned int hd_marks_add(struct hd_marks *marks, unsigned int parent, const char *key, unsigned int line);

#endif
