/* SPDX-License-Identifier: BSD-3-Clause */
/* A document as YAML text, with quotes only where another reader could take text for something else. */
#include "yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

static bool word_with_a_meaning(const char *text)
{
	static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

/* "100-200": one of the few that start with a digit and are text to every YAML reader. */
static bool range(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && text[n] == '-' && text[n + 1] && strspn(text + n + 1, "0123456789") == strlen(text + n + 1);
}

/*
 * May the text stand without quotes? Stricter than our own reader needs: YAML 1.1 takes "no" for false and
 * 0000:01:00.0 for a number in base 60. The emitter adds quotes where the syntax asks for them ("x:").
 */
static bool plain(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const char others[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:,=+@";
	size_t length = strlen(text);

	if (range(text))
		return true;
	if (length == 0 || !(strchr(letters, text[0]) || text[0] == '/'))
		return false;
	return strspn(text, others) == length && !word_with_a_meaning(text);
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, size_t length, bool quoted)
{
	yaml_event_t event;

	return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)length, 1, 1,
					    quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE) &&
	       yaml_emitter_emit(emitter, &event);
}

static bool emit_text(yaml_emitter_t *emitter, const char *text)
{
	return emit_scalar(emitter, text, strlen(text), !plain(text));
}

/* Numbers, true, false and null are written in YAML as in JSON, but that YAML 1.1 takes 1e95 for text: 1.0e95. */
static bool emit_json(yaml_emitter_t *emitter, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);
	bool short_real = text && json_is_real(value) && !strchr(text, '.');
	size_t digits = short_real ? strcspn(text, "e") : 0;
	char real[64];
	bool done;

	if (short_real)
		snprintf(real, sizeof(real), "%.*s.0%s", (int)digits, text, text + digits);
	done = text && (short_real ? emit_scalar(emitter, real, strlen(real), false)
				   : emit_scalar(emitter, text, strlen(text), false));
	free(text);
	return done;
}

static bool only_scalars(const json_t *node)
{
	const char *name;
	json_t *value;

	for (size_t i = 0; i < json_array_size(node); i++)
		if (json_is_object(json_array_get(node, i)) || json_is_array(json_array_get(node, i)))
			return false;
	json_object_foreach ((json_t *)node, name, value) {
		if (json_is_object(value) || json_is_array(value))
			return false;
	}
	return true;
}

static bool emit(yaml_emitter_t *emitter, const json_t *value, bool in_list);

#define SHORT_TEXT 20 /* bytes that an item of a list on one line has at most */

/* Texts of flows and the like. */
static bool has_long_text(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_string_length(json_array_get(list, i)) > SHORT_TEXT)
			return true;
	return false;
}

/* A list of scalars goes on one line: [10, 20, 100-200]. */
static bool emit_list(yaml_emitter_t *emitter, const json_t *list)
{
	yaml_sequence_style_t style =
		only_scalars(list) && !has_long_text(list) ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
	yaml_event_t event;

	if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) || !yaml_emitter_emit(emitter, &event))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!emit(emitter, json_array_get(list, i), true))
			return false;
	return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

/* So does an item of a list that has only scalars: - {mac: "52:54:00:00:00:01", port: vm1}. */
static bool emit_mapping(yaml_emitter_t *emitter, const json_t *mapping, bool in_list)
{
	bool flow = in_list && only_scalars(mapping);
	yaml_event_t event;
	const char *name;
	json_t *value;

	if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
						 flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	json_object_foreach ((json_t *)mapping, name, value) {
		if (!emit_text(emitter, name) || !emit(emitter, value, false))
			return false;
	}
	return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit(yaml_emitter_t *emitter, const json_t *value, bool in_list)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return emit_mapping(emitter, value, in_list);
	case JSON_ARRAY:
		return emit_list(emitter, value);
	case JSON_STRING:
		return emit_text(emitter, json_string_value(value));
	default:
		return emit_json(emitter, value);
	}
}

static bool emit_document(yaml_emitter_t *emitter, const json_t *document)
{
	yaml_event_t event;

	return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) && yaml_emitter_emit(emitter, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(emitter, &event) && emit(emitter, document, false) &&
	       yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
	       yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

char *hd_yaml_dump(const json_t *document)
{
	yaml_emitter_t emitter;
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	bool done;

	if (!file)
		return NULL;
	done = yaml_emitter_initialize(&emitter);
	if (done) {
		yaml_emitter_set_output_file(&emitter, file);
		yaml_emitter_set_unicode(&emitter, 1);
		yaml_emitter_set_width(&emitter, -1);
		done = emit_document(&emitter, document);
		yaml_emitter_delete(&emitter);
	}
	done = fclose(file) == 0 && done;
	if (!done) {
		free(text);
		text = NULL;
	}
	return text;
}
