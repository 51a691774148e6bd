/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of a guard's rules while it is being written, and the cookies by which rules are known again. */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>

/* FNV-1a, folded to the 40 bits between kind and line. */
uint64_t hd_guard_cookie_rule(const char *list, uint16_t line)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (const char *c = list; *c != '\0'; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
	hash = (hash ^ hash >> 40) & 0xffffffffffu;
	return hd_guard_cookie(HD_GUARD_RULE) | hash << 16 | line;
}

void hd_guard_cookie_text(uint64_t cookie, const char *list, char text[HD_GUARD_TEXT_MAX])
{
	static const char *const kinds[] = {
		[HD_GUARD_OPEN] = "open port",      [HD_GUARD_SECURE] = "port security",        [HD_GUARD_RULE] = "acl",
		[HD_GUARD_DEFAULT] = "acl default", [HD_GUARD_ESTABLISHED] = "acl established",
	};
	enum hd_guard_kind kind = hd_guard_cookie_kind(cookie);

	if (kind == HD_GUARD_RULE)
		snprintf(text, HD_GUARD_TEXT_MAX, "acl %s:%u", list ? list : "?", hd_guard_cookie_line(cookie));
	else
		snprintf(text, HD_GUARD_TEXT_MAX, "%s",
			 kind >= HD_GUARD_OPEN && kind <= HD_GUARD_ESTABLISHED ? kinds[kind] : "?");
}

static struct hd_actions *copy_actions(const struct hd_action *actions, uint32_t n);

static struct hd_ct_action *copy_ct(const struct hd_ct_action *from)
{
	struct hd_ct_action *ct = malloc(sizeof(*ct));

	if (!ct)
		return NULL;
	*ct = *from;
	if (!from->exec)
		return ct;
	ct->exec = copy_actions(from->exec->action, from->exec->n);
	if (!ct->exec) {
		free(ct);
		return NULL;
	}
	return ct;
}

/* Depth is two: what ct holds is SET only. */
static struct hd_actions *copy_actions(const struct hd_action *actions, uint32_t n)
{
	struct hd_actions *copy = calloc(1, sizeof(*copy) + n * sizeof(copy->action[0]));

	for (uint32_t i = 0; copy && i < n; i++) {
		copy->action[i] = actions[i];
		copy->n = i + 1;
		if (actions[i].type != HD_ACT_CT)
			continue;
		copy->action[i].ct = copy_ct(actions[i].ct);
		if (!copy->action[i].ct) {
			hd_actions_free(copy);
			return NULL;
		}
	}
	return copy;
}

static bool make_room(struct hd_guard_rules *rules)
{
	size_t room = rules->room ? rules->room * 2 : 64;
	struct hd_rule_spec *specs;

	if (rules->n < rules->room)
		return true;
	specs = realloc(rules->specs, room * sizeof(specs[0]));
	if (!specs)
		return false;
	rules->specs = specs;
	rules->room = room;
	return true;
}

void hd_guard_rules_add(struct hd_guard_rules *rules, struct hd_guard_place place, const struct hd_match *match,
			const struct hd_action *actions, uint32_t n)
{
	struct hd_actions *copy = NULL;

	if (rules->failed)
		return;
	if (make_room(rules))
		copy = copy_actions(actions, n);
	if (!copy) {
		rules->failed = true;
		return;
	}
	rules->specs[rules->n++] = (struct hd_rule_spec){
		.table = place.table,
		.priority = place.priority,
		.cookie = place.cookie,
		.hidden = true,
		.match = *match,
		.actions = copy,
	};
}

void hd_guard_rules_clear(struct hd_guard_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		hd_actions_free(rules->specs[i].actions);
	free(rules->specs);
	*rules = (struct hd_guard_rules){0};
}
