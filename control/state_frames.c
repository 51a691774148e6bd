/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of PMDs' drop recorders on behalf of clients. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "control.h"
#include "guard/rules.h"
#include "recorder.h"
#include "runtime.h"
#include "state.h"

/* What is now, by the clock of the records and by the clients'. */
struct moment {
	uint64_t tsc, hz;
	int64_t ns;
};

static int newest_first(const void *left, const void *right)
{
	const struct hd_record *a = left, *b = right;

	if (a->tsc != b->tsc)
		return a->tsc < b->tsc ? 1 : -1;
	return (int32_t)(b->serial - a->serial); /* of one burst */
}

static bool wanted(const struct hd_state_frames *filter, const struct hd_record *record)
{
	return filter->port == NULL || strcmp(filter->port, record->port) == 0;
}

/* Those of one PMD that are wanted, onto the records. Returns how many there are then. */
static size_t collect(const struct hd_state_frames *filter, struct hd_pmd *pmd, struct hd_record *records, size_t n)
{
	for (int reason = 0; reason < HD_DROP_COUNT; reason++) {
		unsigned int read, kept = 0;

		if (filter->reason != HD_DROP_NONE && filter->reason != (enum hd_drop)reason)
			continue;
		read = hd_recorder_read(&pmd->recorder, (enum hd_drop)reason, records + n);
		for (unsigned int i = 0; i < read; i++)
			if (wanted(filter, &records[n + i]))
				records[n + kept++] = records[n + i];
		n += kept;
	}
	return n;
}

static void write_hex(char *text, const uint8_t *bytes, unsigned int n)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned int i = 0; i < n; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
}

static struct moment take_moment(void)
{
	struct moment now = {.tsc = rte_rdtsc(), .hz = rte_get_tsc_hz()};
	struct timespec clock;

	clock_gettime(CLOCK_REALTIME, &clock);
	now.ns = clock.tv_sec * INT64_C(1000000000) + clock.tv_nsec;
	return now;
}

/* Is it what guards drop for? Then the cookie is one of theirs. */
static bool by_guard(enum hd_drop reason)
{
	return (reason >= HD_DROP_SECURE_MAC && reason <= HD_DROP_SECURE_RA) || reason == HD_DROP_ACL_IN ||
	       reason == HD_DROP_ACL_OUT;
}

static void add_guard(json_t *out, uint64_t cookie, const struct hd_config *config)
{
	const char *list = NULL;
	char text[HD_GUARD_TEXT_MAX];

	for (unsigned int i = 0; i < config->n_acls && list == NULL; i++)
		if (hd_guard_cookie_rule(config->acls[i].name, hd_guard_cookie_line(cookie)) == cookie)
			list = config->acls[i].name;
	hd_guard_cookie_text(cookie, list, text);
	json_object_set_new(out, "rule", json_string(text));
}

static json_t *describe(const struct hd_record *record, const struct moment *now, const struct hd_config *config)
{
	/* A PMD's clock may be a little ahead of ours. */
	double age = now->tsc > record->tsc ? (double)(now->tsc - record->tsc) / (double)now->hz : 0;
	enum hd_drop reason = (enum hd_drop)record->reason;
	char hex[2 * HD_RECORD_SNAP + 1];
	json_t *out;

	write_hex(hex, record->bytes, record->snap);
	out = json_pack("{s:I, s:f, s:s, s:s, s:s, s:I, s:s}", "time", (json_int_t)(now->ns - (int64_t)(age * 1e9)),
			"age", age, "port", record->port, "reason", hd_drop_name(reason), "text", hd_drop_text(reason),
			"length", (json_int_t)record->len, "frame", hex);
	if (record->table != HD_RECORD_NO_TABLE) {
		json_object_set_new(out, "table", json_integer(record->table));
		json_object_set_new(out, "cookie", json_sprintf("0x%" PRIx64, record->cookie));
		if (by_guard(reason))
			add_guard(out, record->cookie, config);
	}
	return out;
}

json_t *hd_state_drop_frames(struct hd_control *control, const struct hd_state_frames *filter)
{
	const struct hd_dataplane *dataplane = hd_control_runtime(control)->dataplane;
	size_t room = (size_t)dataplane->n_pmds * HD_DROP_COUNT * HD_RECORD_FRAMES, n = 0;
	struct hd_record *records = malloc(room * sizeof(*records) + 1);
	struct moment now = take_moment();
	json_t *list = json_array();

	for (unsigned int pmd = 0; records != NULL && pmd < dataplane->n_pmds; pmd++)
		n = collect(filter, dataplane->pmds[pmd], records, n);
	if (n > 1)
		qsort(records, n, sizeof(*records), newest_first);
	for (size_t i = 0; i < n && i < filter->max; i++)
		json_array_append_new(list, describe(&records[i], &now, hd_control_config(control)));
	if (records == NULL) {
		json_decref(list);
		list = NULL;
	}
	free(records);
	return list;
}
