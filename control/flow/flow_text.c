/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading flows and changes of flows: the words that are neither match nor actions. */
#include <errno.h>
#include <string.h>

#include "action_text.h"
#include "match_text.h"

#define ADD (1u << HD_MOD_ADD)
#define MODIFY (1u << HD_MOD_MODIFY | 1u << HD_MOD_MODIFY_STRICT)
#define DELETE (1u << HD_MOD_DELETE | 1u << HD_MOD_DELETE_STRICT)
#define EVERY (ADD | MODIFY | DELETE)

enum keyword_id {
	KEY_ACTIONS,
	KEY_PRIORITY,
	KEY_TABLE,
	KEY_COOKIE,
	KEY_IDLE,
	KEY_HARD,
	KEY_OUT_PORT,
	KEY_CHECK_OVERLAP,
	KEY_RESET_COUNTS,
	KEY_FLAG,    /* a word that has no effect here */
	KEY_NOTHING, /* a word with a value, without effect */
	KEY_OUT_GROUP,
};

static const struct keyword {
	const char *name;
	enum keyword_id id;
	unsigned int commands;
} keywords[] = {
	{"actions", KEY_ACTIONS, ADD | MODIFY},
	{"action", KEY_ACTIONS, ADD | MODIFY},
	{"priority", KEY_PRIORITY, ADD | MODIFY | 1u << HD_MOD_DELETE_STRICT},
	{"table", KEY_TABLE, EVERY},
	{"cookie", KEY_COOKIE, EVERY},
	{"idle_timeout", KEY_IDLE, ADD | MODIFY},
	{"hard_timeout", KEY_HARD, ADD | MODIFY},
	{"out_port", KEY_OUT_PORT, DELETE},
	{"out_group", KEY_OUT_GROUP, DELETE},
	{"check_overlap", KEY_CHECK_OVERLAP, ADD},
	{"reset_counts", KEY_RESET_COUNTS, ADD | MODIFY},
	{"send_flow_rem", KEY_FLAG, ADD | MODIFY},
	{"no_packet_counts", KEY_FLAG, ADD | MODIFY},
	{"no_byte_counts", KEY_FLAG, ADD | MODIFY},
	{"importance", KEY_NOTHING, ADD | MODIFY},
	/* What dumps print. */
	{"duration", KEY_NOTHING, EVERY},
	{"n_packets", KEY_NOTHING, EVERY},
	{"n_bytes", KEY_NOTHING, EVERY},
	{"n_offload_packets", KEY_NOTHING, EVERY},
	{"n_offload_bytes", KEY_NOTHING, EVERY},
	{"idle_age", KEY_NOTHING, EVERY},
	{"hard_age", KEY_NOTHING, EVERY},
};

struct reader {
	struct hd_scan scan;
	struct hd_match_reader match;
	struct hd_flow_mod *mod;
	unsigned int seen; /* keyword_id bits */
};

static const struct keyword *find_keyword(struct hd_word name)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (keywords[i].name[0] == name.text[0] && hd_word_is(name, keywords[i].name))
			return &keywords[i];
	return NULL;
}

static int scan_number16(struct reader *reader, const struct hd_term *term, uint16_t *number)
{
	const char *what = term->name.text[0] == 'p'   ? "priority"
			   : term->name.text[0] == 'i' ? "idle_timeout"
						       : "hard_timeout";
	uint64_t value;

	if (hd_scan_number(&reader->scan, term->value, what, 0, UINT16_MAX, &value) < 0)
		return -EINVAL;
	*number = (uint16_t)value;
	return 0;
}

static int scan_table(struct reader *reader, const struct hd_term *term)
{
	uint64_t table;

	if (hd_scan_number(&reader->scan, term->value, "table", 0, HD_TABLES - 1, &table) < 0)
		return -EINVAL;
	reader->mod->spec.table = (uint8_t)table;
	reader->mod->any_table = false;
	return 0;
}

/* "5" is a flow's cookie; "5/-1", "5/0xff" is which flows are meant. */
static int scan_cookie(struct reader *reader, const struct hd_term *term)
{
	struct hd_flow_mod *mod = reader->mod;
	struct hd_word value, mask;

	if (!hd_word_split(term->value, "/", &value, &mask)) {
		if (mod->command == HD_MOD_DELETE || mod->command == HD_MOD_DELETE_STRICT)
			return hd_scan_fail(&reader->scan, value.text, "which bits of the cookie? cookie=%.*s/-1",
					    HD_WORD(value));
		return hd_scan_number(&reader->scan, value, "cookie", 0, UINT64_MAX, &mod->spec.cookie);
	}
	if (mod->command == HD_MOD_ADD)
		return hd_scan_fail(&reader->scan, mask.text, "a new flow's cookie takes no mask");
	if (hd_word_is(mask, "-1"))
		mod->cookie_mask = UINT64_MAX;
	else if (hd_scan_number(&reader->scan, mask, "cookie's mask", 0, UINT64_MAX, &mod->cookie_mask) < 0)
		return -EINVAL;
	if (hd_scan_number(&reader->scan, value, "cookie", 0, UINT64_MAX, &mod->spec.cookie) < 0)
		return -EINVAL;
	mod->spec.cookie &= mod->cookie_mask;
	return 0;
}

/* The rest of the text is actions, and the match is all there. */
static int scan_actions(struct reader *reader, const struct hd_term *term)
{
	struct hd_list list = {
		.match = &reader->match.match,
		.table = reader->mod->any_table ? -1 : reader->mod->spec.table,
	};
	int ret;

	if (hd_match_reader_finish(&reader->match, &reader->scan) < 0)
		return -EINVAL;
	reader->scan.at = term->value.text;
	ret = hd_list_parse(&list, &reader->scan);
	reader->mod->spec.actions = list.actions;
	return ret;
}

static int scan_keyword(struct reader *reader, const struct hd_term *term, enum keyword_id id)
{
	struct hd_rule_spec *spec = &reader->mod->spec;

	switch (id) {
	case KEY_ACTIONS:
		return scan_actions(reader, term);
	case KEY_PRIORITY:
		return scan_number16(reader, term, &spec->priority);
	case KEY_IDLE:
		return scan_number16(reader, term, &spec->idle_timeout);
	case KEY_HARD:
		return scan_number16(reader, term, &spec->hard_timeout);
	case KEY_TABLE:
		return scan_table(reader, term);
	case KEY_COOKIE:
		return scan_cookie(reader, term);
	case KEY_OUT_PORT:
		return hd_scan_port(&reader->scan, term->value, &reader->mod->out_port);
	case KEY_OUT_GROUP:
		return hd_scan_fail(&reader->scan, term->name.text, "out_group is not supported");
	case KEY_CHECK_OVERLAP:
		spec->check_overlap = true;
		return 0;
	case KEY_RESET_COUNTS:
		spec->reset_counts = true;
		return 0;
	default:
		return 0;
	}
}

static bool takes_value(enum keyword_id id)
{
	return id != KEY_CHECK_OVERLAP && id != KEY_RESET_COUNTS && id != KEY_FLAG;
}

static int refuse(struct reader *reader, const struct hd_term *term, const struct keyword *keyword)
{
	if (keyword->id == KEY_PRIORITY)
		return hd_scan_fail(&reader->scan, term->name.text, "priority is for deleting with --strict");
	return hd_scan_fail(&reader->scan, term->name.text, "%s does not belong here", keyword->name);
}

static int scan_one(struct reader *reader, const struct hd_term *term)
{
	const struct keyword *keyword = find_keyword(term->name);

	if (!keyword)
		return hd_match_reader_term(&reader->match, &reader->scan, term);
	if (!(keyword->commands >> reader->mod->command & 1))
		return refuse(reader, term, keyword);
	if (takes_value(keyword->id) ? term->form != '=' && term->form != ':' : term->form != 0)
		return hd_scan_fail(&reader->scan, term->name.text, "%s takes %s", keyword->name,
				    takes_value(keyword->id) ? "a value" : "no value");
	if (keyword->id != KEY_FLAG && keyword->id != KEY_NOTHING && reader->seen >> keyword->id & 1)
		return hd_scan_fail(&reader->scan, term->name.text, "%s is given twice", keyword->name);
	reader->seen |= 1u << keyword->id;
	return scan_keyword(reader, term, keyword->id);
}

static int scan_all(struct reader *reader)
{
	struct hd_flow_mod *mod = reader->mod;
	struct hd_term term;
	int ret;

	while ((ret = hd_scan_term(&reader->scan, &term)) > 0) {
		ret = scan_one(reader, &term);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	if (mod->spec.actions)
		return 0;
	if (ADD & 1u << mod->command || MODIFY & 1u << mod->command)
		return hd_scan_fail(&reader->scan, reader->scan.end, "actions= is missing");
	return hd_match_reader_finish(&reader->match, &reader->scan);
}

static int begin(struct reader *reader, const char *text, size_t length, const struct hd_flow_names *names,
		 struct hd_flow_error *error)
{
	reader->scan = (struct hd_scan){text, text, text + length, names, error};
	if (length > HD_FLOW_TEXT_MAX)
		return hd_scan_fail(&reader->scan, text + HD_FLOW_TEXT_MAX, "longer than %u bytes", HD_FLOW_TEXT_MAX);
	return 0;
}

int hd_flow_parse(const char *text, size_t length, enum hd_mod_command command, const struct hd_flow_names *names,
		  struct hd_flow_mod *mod, struct hd_flow_error *error)
{
	struct reader reader = {.mod = mod};
	int ret;

	*mod = (struct hd_flow_mod){
		.command = command,
		.any_table = command != HD_MOD_ADD,
		.spec.priority = 32768,
	};
	ret = begin(&reader, text, length, names, error);
	if (ret == 0)
		ret = scan_all(&reader);
	if (ret < 0) {
		hd_actions_free(mod->spec.actions);
		mod->spec.actions = NULL;
		return ret;
	}
	mod->spec.match = reader.match.match;
	return 0;
}

int hd_flow_parse_match(const char *text, size_t length, const struct hd_flow_names *names, struct hd_match *match,
			struct hd_flow_error *error)
{
	struct reader reader = {.mod = NULL};
	struct hd_term term;
	int ret = begin(&reader, text, length, names, error);

	while (ret >= 0 && (ret = hd_scan_term(&reader.scan, &term)) > 0) {
		const struct keyword *keyword = find_keyword(term.name);

		if (keyword)
			ret = hd_scan_fail(&reader.scan, term.name.text, "%s does not belong into a match",
					   keyword->name);
		else
			ret = hd_match_reader_term(&reader.match, &reader.scan, &term);
	}
	if (ret == 0)
		ret = hd_match_reader_finish(&reader.match, &reader.scan);
	*match = reader.match.match;
	return ret;
}
