/* SPDX-License-Identifier: BSD-3-Clause */
/* Dropped frames: shown a line each, and saved as pcapng. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <heddle/protocol.h>

#include "client.h"
#include "pcapng.h"
#include "recorder.h"
#include "run.h"
#include "show.h"
#include "summary.h"
#include "version.h"

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* The frame's bytes that were recorded. Returns how many. */
static uint32_t frame_bytes(const json_t *frame, uint8_t bytes[HD_RECORD_SNAP])
{
	const char *hex = hd_show_text(frame, "frame");
	uint32_t n = 0;

	while (n < HD_RECORD_SNAP && digit(hex[2 * n]) >= 0 && digit(hex[2 * n + 1]) >= 0) {
		bytes[n] = (uint8_t)(digit(hex[2 * n]) << 4 | digit(hex[2 * n + 1]));
		n++;
	}
	return n;
}

static void age_cell(struct hd_table *table, double age)
{
	long seconds = (long)age;

	if (seconds < 60)
		hd_table_cell(table, "%.3fs", age);
	else if (seconds < 3600)
		hd_table_cell(table, "%ldm%02lds", seconds / 60, seconds % 60);
	else
		hd_table_cell(table, "%ldh%02ldm", seconds / 3600, seconds % 3600 / 60);
}

void hd_show_drop_frames(const struct hd_view *view)
{
	struct hd_table *table = hd_table_new(">AGE PORT REASON >LENGTH FRAME");
	char text[HD_SUMMARY_MAX];
	uint8_t bytes[HD_RECORD_SNAP];
	const json_t *frame;
	size_t i;

	json_array_foreach (view->result, i, frame) {
		age_cell(table, json_number_value(json_object_get(frame, "age")));
		hd_table_cell(table, "%s", hd_show_text(frame, "port"));
		hd_table_cell(table, "%s", hd_show_text(frame, "reason"));
		hd_table_cell(table, "%lld", (long long)hd_show_count(frame, "length"));
		hd_summary_frame(bytes, frame_bytes(frame, bytes), text);
		if (json_object_get(frame, "rule") != NULL)
			hd_table_cell(table, "%s, %s", text, hd_show_text(frame, "rule"));
		else if (json_object_get(frame, "table") != NULL)
			hd_table_cell(table, "%s, rule %s in table %lld", text, hd_show_text(frame, "cookie"),
				      (long long)hd_show_count(frame, "table"));
		else
			hd_table_cell(table, "%s", text);
	}
	hd_table_print(table, 0);
}

/* The place of the frame's port in the list, or the list's end. */
static uint32_t interface_of(const json_t *ports, const json_t *frame)
{
	size_t i = 0;

	while (i < json_array_size(ports) && !json_equal(json_array_get(ports, i), json_object_get(frame, "port")))
		i++;
	return (uint32_t)i;
}

static void write_frame(FILE *file, const json_t *frame, uint32_t interface)
{
	struct hd_pcapng_packet packet = {.interface = interface};
	char comment[512];
	uint8_t bytes[HD_RECORD_SNAP];
	int used;

	used = snprintf(comment, sizeof(comment), "%s: %s", hd_show_text(frame, "reason"), hd_show_text(frame, "text"));
	if (json_object_get(frame, "rule") != NULL && used > 0 && (size_t)used < sizeof(comment))
		snprintf(comment + used, sizeof(comment) - (size_t)used, ", %s", hd_show_text(frame, "rule"));
	else if (json_object_get(frame, "table") != NULL && used > 0 && (size_t)used < sizeof(comment))
		snprintf(comment + used, sizeof(comment) - (size_t)used, ", rule %s in table %lld",
			 hd_show_text(frame, "cookie"), (long long)hd_show_count(frame, "table"));
	packet.ns = (uint64_t)hd_show_count(frame, "time");
	packet.len = (uint32_t)hd_show_count(frame, "length");
	packet.captured = frame_bytes(frame, bytes);
	packet.data = bytes;
	packet.comment = comment;
	hd_pcapng_packet(file, &packet);
}

/* Oldest first, an interface for each port. */
static void write_frames(FILE *file, const json_t *frames)
{
	json_t *ports = json_array();
	uint32_t interface;

	hd_pcapng_header(file, "heddle " HD_VERSION);
	for (size_t i = json_array_size(frames); i-- > 0;) {
		const json_t *frame = json_array_get(frames, i);

		interface = interface_of(ports, frame);
		if (interface == json_array_size(ports)) {
			json_array_append(ports, json_object_get(frame, "port"));
			hd_pcapng_interface(file, hd_show_text(frame, "port"), HD_RECORD_SNAP);
		}
		write_frame(file, frame, interface);
	}
	json_decref(ports);
}

static int save(const char *name, const json_t *frames)
{
	bool to_stdout = strcmp(name, "-") == 0;
	FILE *file = to_stdout ? stdout : fopen(name, "we");
	bool failed = file == NULL;

	if (file != NULL) {
		write_frames(file, frames);
		failed = ferror(file) != 0;
		if (to_stdout)
			failed |= fflush(file) != 0;
		else
			failed |= fclose(file) != 0;
	}
	if (!failed)
		return HD_EXIT_OK;
	fprintf(stderr, "heddle: %s: can't save: %s\n", name, strerror(errno));
	return HD_EXIT_REFUSED;
}

int hd_run_drop_save(struct hd_cli *cli, const struct hd_command *command, json_t *params)
{
	json_t *file = json_incref(json_object_get(params, "file")), *frames = NULL;
	const char *name = json_string_value(file);
	size_t n;
	int code;

	json_object_del(params, "file");
	json_object_set_new(params, "max", json_integer(HD_FRAMES_MAX));
	code = hd_client_call(cli, command->method, params, &frames);
	if (code == HD_EXIT_OK)
		code = save(name, frames);
	n = json_array_size(frames);
	if (code == HD_EXIT_OK && strcmp(name, "-") != 0) {
		if (cli->json)
			printf("{\"frames\": %zu}\n", n);
		else
			printf("%zu frame%s saved to %s\n", n, n == 1 ? "" : "s", name);
	}
	json_decref(frames);
	json_decref(file);
	return code;
}
