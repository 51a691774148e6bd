/* SPDX-License-Identifier: BSD-3-Clause */
/* YAML text to a document and back (YAML 1.1 by libyaml; plain mappings, sequences and scalars only). */
#ifndef HD_YAML_H
#define HD_YAML_H

#include <stddef.h>

#include "model.h"

#define HD_YAML_MAX (32u << 20) /* bytes of a file */
#define HD_YAML_DEPTH_MAX 16

/*
 * Parse one YAML document. `file` is the name in messages. Refuses anchors and aliases, duplicate keys, tags,
 * several documents, nesting beyond HD_YAML_DEPTH_MAX, NUL and invalid UTF-8.
 * Returns 0, *document (a new reference) and *marks; or -EINVAL, -E2BIG, -ENOMEM and the error with file and line.
 */
int hd_yaml_parse(const char *text, size_t length, const char *file, json_t **document, struct hd_marks **marks,
		  struct hd_error *error);
/* Reads the file first, a regular one of at most HD_YAML_MAX bytes; -errno if that fails. */
int hd_yaml_load(const char *file, json_t **document, struct hd_marks **marks, struct hd_error *error);
void hd_marks_free(struct hd_marks *marks);
/* The file's name, and the line of "bridges.br0.mtu" (or of its nearest parent); 0 if unknown. */
const char *hd_marks_file(const struct hd_marks *marks);
unsigned int hd_marks_line(const struct hd_marks *marks, const char *path);

/* A document as YAML that hd_yaml_parse reads back equal. Caller frees; NULL if out of memory. */
char *hd_yaml_dump(const json_t *document);

#endif
