/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading lists of actions: the table of actions, and those that say where a packet goes. */
#include "action_text.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../nearest.h"

struct hd_action *hd_list_add(struct hd_list *list, enum hd_action_type type)
{
	uint32_t n = list->actions ? list->actions->n : 0;
	struct hd_actions *actions = list->actions;
	struct hd_action *action;

	if (!actions || n == list->room) {
		uint32_t room = n ? 2 * n : 4;

		actions = realloc(actions, sizeof(*actions) + room * sizeof(struct hd_action));
		if (!actions)
			return NULL;
		list->actions = actions;
		list->room = room;
	}
	actions->n = n + 1;
	action = &actions->action[n];
	memset(action, 0, sizeof(*action));
	action->type = type;
	return action;
}

static int add_plain(struct hd_list *list, enum hd_action_type type)
{
	return hd_list_add(list, type) ? 0 : -ENOMEM;
}

static int add_output(struct hd_list *list, uint16_t ofport, uint16_t max_len)
{
	struct hd_action *action = hd_list_add(list, HD_ACT_OUTPUT);

	if (!action)
		return -ENOMEM;
	action->output.ofport = ofport;
	action->output.max_len = max_len;
	return 0;
}

static int read_plain(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	if (term->form != 0 && term->value.length > 0)
		return hd_scan_fail(scan, term->value.text, "%.*s takes nothing", HD_WORD(term->name));
	return add_plain(list, (enum hd_action_type)arg);
}

static int read_local(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	return add_output(list, HD_OFPORT_LOCAL, 0);
}

/* output(port=vm1,max_len=100) */
static int read_output_cut(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term)
{
	struct hd_scan part = hd_scan_part(scan, term->value);
	uint16_t ofport = HD_OFPORT_NONE;
	struct hd_term option;
	uint64_t max_len = 0;
	int ret;

	while ((ret = hd_scan_term(&part, &option)) > 0) {
		if (hd_word_is(option.name, "port"))
			ret = hd_scan_port(&part, option.value, &ofport);
		else if (hd_word_is(option.name, "max_len"))
			ret = hd_scan_number(&part, option.value, "max_len", 14, UINT16_MAX, &max_len);
		else
			ret = hd_scan_fail(&part, option.name.text, "output has port= and max_len=, not %.*s",
					   HD_WORD(option.name));
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	if (ofport == HD_OFPORT_NONE || max_len == 0)
		return hd_scan_fail(scan, term->value.text, "output(port=PORT,max_len=BYTES) needs both");
	return add_output(list, ofport, (uint16_t)max_len);
}

/* Words that stand for ports in output:WORD. */
static const struct {
	const char *name;
	enum hd_action_type type;
} reserved_ports[] = {
	{"in_port", HD_ACT_IN_PORT}, {"normal", HD_ACT_NORMAL},         {"flood", HD_ACT_FLOOD},
	{"all", HD_ACT_ALL},         {"controller", HD_ACT_CONTROLLER},
};

static int read_output(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_action *action;
	struct hd_subfield sub;
	uint16_t ofport;

	if (term->form == '(')
		return read_output_cut(list, scan, term);
	for (size_t i = 0; i < sizeof(reserved_ports) / sizeof(reserved_ports[0]); i++)
		if (hd_word_is_nocase(term->value, reserved_ports[i].name))
			return add_plain(list, reserved_ports[i].type);
	if (term->value.length > 0 && term->value.text[0] != '"' && memchr(term->value.text, '[', term->value.length)) {
		if (hd_list_source(list, scan, term->value, false, &sub) < 0)
			return -EINVAL;
		action = hd_list_add(list, HD_ACT_OUTPUT_REG);
		if (!action)
			return -ENOMEM;
		action->src = sub;
		return 0;
	}
	if (hd_scan_port(scan, term->value, &ofport) < 0)
		return -EINVAL;
	return add_output(list, ofport, 0);
}

/* controller(max_len=,reason=,id=): reason and id are a controller's business. */
static int scan_controller(const struct hd_scan *scan, struct hd_word options, uint64_t *max_len)
{
	struct hd_scan part = hd_scan_part(scan, options);
	struct hd_term option;
	int ret;

	while ((ret = hd_scan_term(&part, &option)) > 0) {
		if (hd_word_is(option.name, "max_len"))
			ret = hd_scan_number(&part, option.value, "max_len", 0, UINT16_MAX, max_len);
		else if (!hd_word_is(option.name, "reason") && !hd_word_is(option.name, "id"))
			ret = hd_scan_fail(&part, option.name.text, "controller: %.*s is not supported",
					   HD_WORD(option.name));
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int read_controller(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	uint64_t max_len = UINT16_MAX;
	struct hd_action *action;
	int ret = 0;

	if (term->form == '(')
		ret = scan_controller(scan, term->value, &max_len);
	else if (term->form != 0)
		ret = hd_scan_number(scan, term->value, "controller", 0, UINT16_MAX, &max_len);
	if (ret < 0)
		return ret;
	action = hd_list_add(list, HD_ACT_CONTROLLER);
	if (!action)
		return -ENOMEM;
	action->output.max_len = max_len == UINT16_MAX ? 0 : (uint16_t)max_len;
	return 0;
}

static int read_dec_ttl(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	uint16_t field = HD_FIELD_IP_TTL;

	if (term->form != 0)
		return hd_scan_fail(scan, term->value.text, "dec_ttl with controllers is not supported");
	if (hd_list_check(list, scan, term->name.text, &field, true) < 0)
		return -EINVAL;
	return add_plain(list, HD_ACT_DEC_TTL);
}

/* resubmit:PORT, resubmit(PORT), resubmit(PORT,TABLE), resubmit(,TABLE) */
static int read_resubmit(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_word port, table, more;
	uint16_t ofport = HD_OFPORT_NONE;
	struct hd_action *action;
	uint64_t number = 255;

	hd_word_split(term->value, ",", &port, &table);
	if (hd_word_split(table, ",", &table, &more))
		return hd_scan_fail(scan, more.text, "resubmit with %.*s is not supported", HD_WORD(more));
	if (port.length > 0 && !hd_word_is_nocase(port, "in_port") && hd_scan_port(scan, port, &ofport) < 0)
		return -EINVAL;
	if (table.length > 0 && hd_scan_number(scan, table, "resubmit's table", 0, 255, &number) < 0)
		return -EINVAL;
	if (port.length == 0 && table.length == 0)
		return hd_scan_fail(scan, term->name.text, "resubmit(PORT,TABLE) needs a port, a table or both");
	/* No table, or 255: the flow's own. */
	if (number == 255 && list->table < 0)
		return hd_scan_fail(scan, term->name.text, "resubmit needs a table here: it has none of its own");
	action = hd_list_add(list, HD_ACT_RESUBMIT);
	if (!action)
		return -ENOMEM;
	action->resubmit.ofport = ofport;
	action->resubmit.table = number == 255 ? (uint8_t)list->table : (uint8_t)number;
	return 0;
}

static int read_goto(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	struct hd_action *action;
	uint64_t table;

	if (list->kind == HD_LIST_BUCKET)
		return hd_scan_fail(scan, term->name.text, "goto_table does not belong into a bucket");
	if (hd_scan_number(scan, term->value, "goto_table", 0, HD_TABLES - 1, &table) < 0)
		return -EINVAL;
	if (list->table >= 0 && table <= (unsigned int)list->table)
		return hd_scan_fail(scan, term->value.text,
				    "goto_table goes to later tables only, %d is the flow's own", list->table);
	action = hd_list_add(list, HD_ACT_GOTO);
	if (!action)
		return -ENOMEM;
	action->table = (uint8_t)table;
	list->last = "goto_table";
	return 0;
}

/* group and meter */
static int read_id(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term, int arg)
{
	bool group = arg == HD_ACT_GROUP;
	struct hd_action *action;
	uint64_t id;

	if (hd_scan_number(scan, term->value, group ? "group" : "meter", group ? 0 : 1,
			   group ? HD_GROUP_MAX : HD_METER_ID_MAX, &id) < 0)
		return -EINVAL;
	action = hd_list_add(list, (enum hd_action_type)arg);
	if (!action)
		return -ENOMEM;
	action->id = (uint32_t)id;
	return 0;
}

#define BARE 0x1  /* may stand alone */
#define VALUE 0x2 /* name:value or name=value */
#define PARENS 0x4

static const struct action_name {
	const char *name;
	hd_action_reader *read;
	int arg;
	unsigned int forms;
} action_names[] = {
	{"output", read_output, 0, VALUE | PARENS},
	{"normal", read_plain, HD_ACT_NORMAL, BARE},
	{"flood", read_plain, HD_ACT_FLOOD, BARE},
	{"all", read_plain, HD_ACT_ALL, BARE},
	{"in_port", read_plain, HD_ACT_IN_PORT, BARE},
	{"local", read_local, 0, BARE},
	{"drop", read_plain, HD_ACT_DROP, BARE},
	{"controller", read_controller, 0, BARE | VALUE | PARENS},
	{"resubmit", read_resubmit, 0, VALUE | PARENS},
	{"goto_table", read_goto, 0, VALUE},
	{"ct", hd_read_ct, 0, BARE | PARENS},
	{"ct_clear", read_plain, HD_ACT_CT_CLEAR, BARE},
	{"set_field", hd_read_set_field, 0, VALUE},
	{"load", hd_read_load, 0, VALUE},
	{"move", hd_read_move, 0, VALUE},
	{"group", read_id, HD_ACT_GROUP, VALUE},
	{"meter", read_id, HD_ACT_METER, VALUE},
	{"learn", hd_read_learn, 0, PARENS},
	{"dec_ttl", read_dec_ttl, 0, BARE | PARENS},
	{"push_vlan", hd_read_push_vlan, 0, VALUE},
	{"pop_vlan", hd_read_pop_vlan, 0, BARE},
	{"strip_vlan", hd_read_pop_vlan, 0, BARE},
	{"mod_vlan_vid", hd_read_mod_vlan, HD_FIELD_VLAN_VID, VALUE},
	{"mod_vlan_pcp", hd_read_mod_vlan, HD_FIELD_VLAN_PCP, VALUE},
	{"mod_dl_src", hd_read_mod, HD_FIELD_ETH_SRC, VALUE},
	{"mod_dl_dst", hd_read_mod, HD_FIELD_ETH_DST, VALUE},
	{"mod_nw_src", hd_read_mod, HD_FIELD_IPV4_SRC, VALUE},
	{"mod_nw_dst", hd_read_mod, HD_FIELD_IPV4_DST, VALUE},
	{"mod_nw_tos", hd_read_mod, HD_FIELD_IP_TOS, VALUE},
	{"mod_nw_ecn", hd_read_mod, HD_FIELD_IP_ECN, VALUE},
	{"mod_nw_ttl", hd_read_mod, HD_FIELD_IP_TTL, VALUE},
	{"mod_tp_src", hd_read_mod, HD_FIELD_TP_SRC, VALUE},
	{"mod_tp_dst", hd_read_mod, HD_FIELD_TP_DST, VALUE},
	{"push", hd_read_push, 0, VALUE},
	{"pop", hd_read_pop, 0, VALUE},
	{"write_metadata", hd_read_metadata, 0, VALUE},
};

static const char *const unsupported[] = {
	"apply_actions",  "bundle",        "bundle_load",  "check_pkt_larger",
	"clear_actions",  "clone",         "conjunction",  "copy_ttl_in",
	"copy_ttl_out",   "dec_mpls_ttl",  "dec_nsh_ttl",  "decap",
	"delete_field",   "encap",         "enqueue",      "exit",
	"fin_timeout",    "multipath",     "note",         "output_trunc",
	"pop_mpls",       "pop_queue",     "push_mpls",    "sample",
	"set_mpls_label", "set_mpls_tc",   "set_mpls_ttl", "set_queue",
	"set_tunnel",     "set_tunnel64",  "set_vlan_pcp", "set_vlan_vid",
	"table",          "write_actions",
};

static const struct action_name *find_action(struct hd_word name)
{
	for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++)
		if (action_names[i].name[0] == (name.text[0] | 0x20) && hd_word_is_nocase(name, action_names[i].name))
			return &action_names[i];
	return NULL;
}

/* Not an action's name: a port's, or nothing that is known. */
static int read_bare_port(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term)
{
	struct hd_nearest nearest;
	hd_u128 number;
	uint16_t ofport;

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (hd_word_is_nocase(term->name, unsupported[i]))
			return hd_scan_fail(scan, term->name.text, "action %s is not supported", unsupported[i]);
	if (term->form == 0 && hd_scan_port(scan, term->name, &ofport) == 0)
		return add_output(list, ofport, 0);
	if (term->form == 0 && (term->name.text[0] == '"' || hd_word_number(term->name, &number)))
		return -EINVAL; /* hd_scan_port's error */
	hd_nearest_init(&nearest, term->name.text, term->name.length);
	for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++)
		hd_nearest_try(&nearest, action_names[i].name, strlen(action_names[i].name));
	if (nearest.found)
		return hd_scan_fail(scan, term->name.text, "unknown %s %.*s (did you mean %s?)",
				    term->form ? "action" : "action or port", HD_WORD(term->name), nearest.found);
	return hd_scan_fail(scan, term->name.text, "unknown %s %.*s", term->form ? "action" : "action or port",
			    HD_WORD(term->name));
}

static bool form_fits(const struct hd_term *term, unsigned int forms)
{
	if (term->form == 0)
		return forms & BARE;
	return term->form == '(' ? forms & PARENS : forms & VALUE;
}

static int read_action(struct hd_list *list, const struct hd_scan *scan, const struct hd_term *term)
{
	const struct action_name *name = find_action(term->name);
	uint32_t n = list->actions ? list->actions->n : 0;

	if (list->last)
		return hd_scan_fail(scan, term->name.text, "nothing may follow %s", list->last);
	if (n > 0 && (list->actions->action[0].type == HD_ACT_DROP || (name && hd_word_is_nocase(term->name, "drop"))))
		return hd_scan_fail(scan, term->name.text, "drop stands alone");
	if (list->kind == HD_LIST_EXEC &&
	    (!name || (name->read != hd_read_set_field && name->read != hd_read_load && name->read != hd_read_move)))
		return hd_scan_fail(scan, term->name.text, "exec() takes set_field, load and move, not %.*s",
				    HD_WORD(term->name));
	if (!name)
		return read_bare_port(list, scan, term);
	if (!form_fits(term, name->forms))
		return hd_scan_fail(scan, term->name.text, "%s is written %s%s%s", name->name, name->name,
				    name->forms & VALUE ? ":VALUE" : "", name->forms == PARENS ? "(...)" : "");
	return name->read(list, scan, term, name->arg);
}

static enum hd_list_vlan vlan_matched(const struct hd_match *match)
{
	if (!match || !(be16toh(match->mask.vlan_tci) & HD_KEY_VLAN_PRESENT))
		return HD_LIST_VLAN_UNKNOWN;
	return be16toh(match->key.vlan_tci) & HD_KEY_VLAN_PRESENT ? HD_LIST_VLAN_TAGGED : HD_LIST_VLAN_NONE;
}

static int read_all(struct hd_list *list, struct hd_scan *scan)
{
	struct hd_term term;
	int ret;

	for (;;) {
		const char *start = scan->at;

		ret = hd_scan_term(scan, &term);
		if (ret <= 0)
			return ret;
		if (list->kind == HD_LIST_BUCKET && term.form == '=' && hd_word_is(term.name, "bucket")) {
			scan->at = start;
			return 0;
		}
		ret = read_action(list, scan, &term);
		if (ret < 0)
			return ret;
	}
}

int hd_list_parse(struct hd_list *list, struct hd_scan *scan)
{
	struct hd_actions *exact;
	int ret;

	list->vlan = vlan_matched(list->match);
	ret = read_all(list, scan);
	if (ret == 0 && !list->actions) {
		if (list->kind == HD_LIST_EXEC)
			return hd_scan_fail(scan, scan->at, "exec() is empty");
		ret = add_plain(list, HD_ACT_DROP);
	}
	if (ret < 0) {
		hd_actions_free(list->actions);
		list->actions = NULL;
		return ret;
	}
	/* There may be millions of them. */
	exact = realloc(list->actions, sizeof(*exact) + list->actions->n * sizeof(struct hd_action));
	if (exact)
		list->actions = exact;
	return 0;
}
