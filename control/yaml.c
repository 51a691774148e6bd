/* SPDX-License-Identifier: BSD-3-Clause */
/* YAML text to a document, event by event, with limits on all that a file could make grow. */
#include "yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "marks.h"

#define NODES_MAX 1000000
#define KEY_MAX 255 /* bytes */

struct frame {
	json_t *node; /* borrowed: its parent or the reader owns it */
	char *key;    /* of a mapping: the key whose value comes next */
	unsigned int mark;
	unsigned int key_mark;
};

struct reader {
	yaml_parser_t parser;
	const char *file;
	struct hd_error *error;
	struct hd_marks *marks;
	json_t *root;
	unsigned int documents, nodes, depth;
	struct frame frames[HD_YAML_DEPTH_MAX];
};

static int refuse(struct reader *reader, const yaml_event_t *event, const char *what)
{
	hd_error_set(reader->error, "%s:%zu:%zu: %s", reader->file, event->start_mark.line + 1,
		     event->start_mark.column + 1, what);
	return -EINVAL;
}

static int no_memory(struct reader *reader)
{
	hd_error_set(reader->error, "%s: out of memory", reader->file);
	return -ENOMEM;
}

static int refuse_syntax(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	const char *problem = parser->problem ? parser->problem : "not YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		return no_memory(reader);
	if (parser->error == YAML_READER_ERROR)
		hd_error_set(reader->error, "%s: byte %zu: %s", reader->file, parser->problem_offset, problem);
	else
		hd_error_set(reader->error, "%s:%zu:%zu: %s%s%s", reader->file, parser->problem_mark.line + 1,
			     parser->problem_mark.column + 1, parser->context ? parser->context : "",
			     parser->context ? ": " : "", problem);
	return -EINVAL;
}

/* -?digits, no leading zero. Those have several meanings in YAML (0660 is octal in 1.1 only) and stay text. */
static bool decimal(const char *text)
{
	size_t n;

	text += *text == '-';
	n = strspn(text, "0123456789");
	return n > 0 && (text[0] != '0' || n == 1) && text[n] == '\0';
}

/* -?digits.digits with an exponent or without. */
static bool fraction(const char *text)
{
	size_t n;

	text += *text == '-';
	n = strspn(text, "0123456789");
	if (n == 0 || text[n] != '.')
		return false;
	text += n + 1;
	n = strspn(text, "0123456789");
	if (n == 0)
		return false;
	text += n;
	if (*text == 'e' || *text == 'E') {
		text += 1 + (text[1] == '-' || text[1] == '+');
		n = strspn(text, "0123456789");
		if (n == 0)
			return false;
		text += n;
	}
	return *text == '\0';
}

/* A plain scalar's value. Base 60 numbers (YAML 1.1) are left out: MAC and PCI addresses would be some. */
static json_t *resolve(const char *text, size_t length)
{
	if (length == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0)
		return json_null();
	if (strcmp(text, "true") == 0)
		return json_true();
	if (strcmp(text, "false") == 0)
		return json_false();
	if (decimal(text)) {
		long long number;

		errno = 0;
		number = strtoll(text, NULL, 10);
		return errno ? json_stringn(text, length) : json_integer(number);
	}
	if (fraction(text)) {
		json_t *number = json_real(strtod(text, NULL)); /* NULL: infinite */

		return number ? number : json_stringn(text, length);
	}
	return json_stringn(text, length);
}

/* Attach a new value where the file stands now. Takes the reference. */
static int attach(struct reader *reader, const yaml_event_t *event, json_t *value, unsigned int *mark)
{
	struct frame *top = reader->depth ? &reader->frames[reader->depth - 1] : NULL;
	int rc;

	*mark = HD_MARKS_ROOT;
	if (!value)
		return no_memory(reader);
	if (!top) {
		reader->root = value;
		return 0;
	}
	if (json_is_array(top->node)) {
		*mark = hd_marks_add(reader->marks, top->mark, NULL, event->start_mark.line + 1);
		rc = json_array_append_new(top->node, value);
	} else {
		*mark = top->key_mark;
		rc = json_object_set_new(top->node, top->key, value);
		free(top->key);
		top->key = NULL;
	}
	return rc < 0 || *mark == HD_MARKS_ROOT ? no_memory(reader) : 0;
}

static bool key_is_next(const struct reader *reader)
{
	const struct frame *top;

	if (reader->depth == 0)
		return false;
	top = &reader->frames[reader->depth - 1];
	return json_is_object(top->node) && !top->key;
}

static int take_key(struct reader *reader, const yaml_event_t *event)
{
	struct frame *top = &reader->frames[reader->depth - 1];
	const char *key = (const char *)event->data.scalar.value;

	if (event->data.scalar.length > KEY_MAX)
		return refuse(reader, event, "key too long");
	if (json_object_get(top->node, key)) {
		hd_error_set(reader->error, "%s:%zu:%zu: key \"%s\" stands here twice", reader->file,
			     event->start_mark.line + 1, event->start_mark.column + 1, key);
		return -EINVAL;
	}
	top->key = strdup(key);
	top->key_mark = hd_marks_add(reader->marks, top->mark, key, event->start_mark.line + 1);
	return top->key && top->key_mark ? 0 : no_memory(reader);
}

static int scalar(struct reader *reader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	unsigned int mark;

	if (memchr(text, '\0', length))
		return refuse(reader, event, "NUL in text");
	if (key_is_next(reader))
		return take_key(reader, event);
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return attach(reader, event, resolve(text, length), &mark);
	return attach(reader, event, json_stringn(text, length), &mark);
}

static int open_node(struct reader *reader, const yaml_event_t *event)
{
	json_t *node = event->type == YAML_MAPPING_START_EVENT ? json_object() : json_array();
	struct frame frame = {.node = node};
	int rc;

	if (key_is_next(reader)) {
		json_decref(node);
		return refuse(reader, event, "a key must be text");
	}
	if (reader->depth == HD_YAML_DEPTH_MAX) {
		json_decref(node);
		return refuse(reader, event, "nested too deep");
	}
	rc = attach(reader, event, node, &frame.mark);
	if (rc == 0)
		reader->frames[reader->depth++] = frame;
	return rc;
}

static int refuse_decorated(struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor,
			    const yaml_char_t *tag)
{
	if (anchor)
		return refuse(reader, event, "anchors (&) are not supported");
	if (tag)
		return refuse(reader, event, "tags (!) are not supported");
	if (++reader->nodes > NODES_MAX)
		return refuse(reader, event, "too many values");
	return 0;
}

static int handle(struct reader *reader, const yaml_event_t *event)
{
	int rc;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return reader->documents++ ? refuse(reader, event, "a second document (---)") : 0;
	case YAML_ALIAS_EVENT:
		return refuse(reader, event, "aliases (*) are not supported");
	case YAML_SCALAR_EVENT:
		rc = refuse_decorated(reader, event, event->data.scalar.anchor, event->data.scalar.tag);
		return rc < 0 ? rc : scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		rc = refuse_decorated(reader, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
		return rc < 0 ? rc : open_node(reader, event);
	case YAML_MAPPING_START_EVENT:
		rc = refuse_decorated(reader, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
		return rc < 0 ? rc : open_node(reader, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		return 0;
	default:
		return 0;
	}
}

static int read_events(struct reader *reader)
{
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&reader->parser, &event))
			return refuse_syntax(reader);
		rc = handle(reader, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return rc;
}

static int read_all(struct reader *reader, const char *text, size_t length)
{
	int rc;

	if (!yaml_parser_initialize(&reader->parser))
		return no_memory(reader);
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte-order mark that editors leave */
		text += 3;
		length -= 3;
	}
	yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, length);
	rc = read_events(reader);
	while (reader->depth > 0)
		free(reader->frames[--reader->depth].key);
	yaml_parser_delete(&reader->parser);
	if (rc == 0 && !reader->root) /* an empty file is an empty configuration */
		reader->root = json_object();
	if (rc == 0 && !reader->root)
		return no_memory(reader);
	return rc;
}

static int refuse_size(const char *file, struct hd_error *error)
{
	hd_error_set(error, "%s: larger than %u bytes", file, HD_YAML_MAX);
	return -E2BIG;
}

int hd_yaml_parse(const char *text, size_t length, const char *file, json_t **document, struct hd_marks **marks,
		  struct hd_error *error)
{
	struct reader reader = {.file = file, .error = error};
	int rc;

	*document = NULL;
	*marks = NULL;
	if (length > HD_YAML_MAX)
		return refuse_size(file, error);
	reader.marks = hd_marks_create(file);
	if (!reader.marks)
		return no_memory(&reader);
	rc = read_all(&reader, text, length);
	if (rc < 0) {
		json_decref(reader.root);
		hd_marks_free(reader.marks);
		return rc;
	}
	*document = reader.root;
	*marks = reader.marks;
	return 0;
}

/* Only a regular file of a fair size: nothing that could block, or never end. */
static int check_file(int fd, const char *file, struct hd_error *error)
{
	struct stat info;

	if (fstat(fd, &info) < 0) {
		hd_error_set(error, "%s: %s", file, strerror(errno));
		return -errno;
	}
	if (!S_ISREG(info.st_mode)) {
		hd_error_set(error, "%s: not a regular file", file);
		return -EINVAL;
	}
	return info.st_size > (off_t)HD_YAML_MAX ? refuse_size(file, error) : 0;
}

/* Reads one byte more than allowed, so that a file that grew is seen. */
static int read_file(int fd, const char *file, char *text, size_t *length, struct hd_error *error)
{
	*length = 0;
	while (*length <= HD_YAML_MAX) {
		ssize_t n = read(fd, text + *length, HD_YAML_MAX + 1 - *length);

		if (n == 0)
			return 0;
		if (n > 0) {
			*length += (size_t)n;
		} else if (errno != EINTR) {
			int rc = -errno;

			hd_error_set(error, "%s: %s", file, strerror(-rc));
			return rc;
		}
	}
	return refuse_size(file, error);
}

int hd_yaml_load(const char *file, json_t **document, struct hd_marks **marks, struct hd_error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	size_t length;
	int rc;

	*document = NULL;
	*marks = NULL;
	if (fd < 0) {
		rc = -errno;
		hd_error_set(error, "%s: %s", file, strerror(-rc));
		return rc;
	}
	rc = check_file(fd, file, error);
	if (rc == 0) {
		text = malloc(HD_YAML_MAX + 1);
		if (!text) {
			hd_error_set(error, "%s: out of memory", file);
			rc = -ENOMEM;
		}
	}
	if (rc == 0)
		rc = read_file(fd, file, text, &length, error);
	if (rc == 0)
		rc = hd_yaml_parse(text, length, file, document, marks, error);
	free(text);
	close(fd);
	return rc;
}
