/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods acl.*: access lists come, change, go and are shown with what their rules have seen. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "guard/rules.h"
#include "rpc.h"
#include "state.h"

/* The list by the model, or the refusal. */
static int find(struct hd_control *control, const char *name, const struct hd_acl **acl, struct hd_error *error)
{
	*acl = hd_config_acl(hd_control_config(control), name);
	if (*acl != NULL)
		return 0;
	hd_error_set(error, "acls.%.64s: no such access list", name);
	return HD_RPC_REFUSED;
}

static json_t *acls_of(json_t *document)
{
	if (!json_is_object(json_object_get(document, "acls")))
		json_object_set_new(document, "acls", json_object());
	return json_object_get(document, "acls");
}

/* The rules of a list of the document, which is made if there is none. */
static json_t *rules_of(json_t *document, const char *name)
{
	json_t *acls = acls_of(document), *list = json_object_get(acls, name);

	if (list == NULL) {
		list = json_object();
		json_object_set_new(acls, name, list);
	}
	if (!json_is_array(json_object_get(list, "rules")))
		json_object_set_new(list, "rules", json_array());
	return json_object_get(list, "rules");
}

/* The request's line: 1..n; without, 0. */
static int read_line(const json_t *params, size_t n, int *line, struct hd_error *error)
{
	if (n == 0 && json_object_get(params, "line") != NULL) {
		hd_error_set(error, "line: the list has no rules");
		return HD_RPC_REFUSED;
	}
	return hd_cmd_integer(params, "line", 1, (int)n, 0, line, error);
}

static int add(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	json_t *document = hd_cmd_copy(control), *rules = rules_of(document, name), *rule;
	size_t i;
	int line, code = read_line(params, json_array_size(rules), &line, error);

	if (code != 0) {
		json_decref(document);
		return code;
	}
	json_array_foreach (json_object_get(params, "rules"), i, rule) {
		if (line != 0)
			json_array_insert(rules, (size_t)line - 1 + i, rule);
		else
			json_array_append(rules, rule);
	}
	return hd_cmd_commit(control, document, result, error);
}

static int set(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	static const char *const envelope[] = {"name", NULL};
	const char *name = hd_cmd_string(params, "name");
	const struct hd_acl *acl;
	json_t *document;
	int code = find(control, name, &acl, error);

	if (code != 0)
		return code;
	document = hd_cmd_copy(control);
	hd_cmd_assign(json_object_get(acls_of(document), name), params, envelope);
	return hd_cmd_commit(control, document, result, error);
}

/* Does the port have the list in this direction? */
static bool has(const struct hd_port_conf *port, enum hd_acl_dir dir, const char *name)
{
	for (unsigned int i = 0; i < port->acl[dir].n; i++)
		if (strcmp(port->acl[dir].name[i], name) == 0)
			return true;
	return false;
}

static json_t *ports_with(const struct hd_config *config, enum hd_acl_dir dir, const char *name)
{
	json_t *ports = json_array();

	for (unsigned int i = 0; i < config->n_bridges; i++)
		for (unsigned int j = 0; j < config->bridges[i].n_ports; j++)
			if (has(&config->bridges[i].ports[j], dir, name))
				json_array_append_new(ports, json_string(config->bridges[i].ports[j].name));
	return ports;
}

static int del(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *name = hd_cmd_string(params, "name");
	const struct hd_acl *acl;
	json_t *document;
	int line, code = find(control, name, &acl, error);

	if (code == 0)
		code = read_line(params, acl->n_rules, &line, error);
	if (code != 0)
		return code;
	document = hd_cmd_copy(control);
	/* One that ports have is refused by the validator, which names one of them. */
	if (line != 0)
		json_array_remove(rules_of(document, name), (size_t)line - 1);
	else
		json_object_del(acls_of(document), name);
	return hd_cmd_commit(control, document, result, error);
}

static int cookie_order(const void *a, const void *b)
{
	uint64_t x = ((const struct hd_acl_sum *)a)->cookie, y = ((const struct hd_acl_sum *)b)->cookie;

	return x < y ? -1 : x > y;
}

static struct hd_acl_sum find_sum(const struct hd_acl_sums *sums, uint64_t cookie)
{
	const struct hd_acl_sum key = {.cookie = cookie}, *found = NULL;

	if (sums->n != 0)
		found = bsearch(&key, sums->sum, sums->n, sizeof(key), cookie_order);
	return found != NULL ? *found : key;
}

static json_t *show_rules(const struct hd_acl *acl, const struct hd_acl_sums *sums)
{
	json_t *rules = json_array();

	for (uint16_t i = 0; i < acl->n_rules; i++) {
		struct hd_acl_sum sum = find_sum(sums, hd_guard_cookie_rule(acl->name, (uint16_t)(i + 1)));
		char *text = hd_acl_rule_format(&acl->rules[i]);

		json_array_append_new(rules,
				      json_pack("{s:i, s:s, s:I, s:I}", "line", i + 1, "rule", text != NULL ? text : "",
						"packets", (json_int_t)sum.packets, "bytes", (json_int_t)sum.bytes));
		free(text);
	}
	return rules;
}

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const struct hd_config *config = hd_control_config(control);
	const char *name = hd_cmd_string(params, "name");
	const struct hd_acl *only = NULL;
	struct hd_acl_sums sums = {0};
	int code = name != NULL ? find(control, name, &only, error) : 0;

	if (code != 0)
		return code;
	hd_state_acl_sums(control, &sums);
	*result = json_array();
	for (unsigned int i = 0; i < config->n_acls; i++) {
		const struct hd_acl *acl = &config->acls[i];

		if (only == NULL || only == acl)
			json_array_append_new(*result,
					      json_pack("{s:s, s:b, s:o, s:o, s:o}", "name", acl->name, "stateless",
							acl->stateless, "rules", show_rules(acl, &sums), "in",
							ports_with(config, HD_ACL_IN, acl->name), "out",
							ports_with(config, HD_ACL_OUT, acl->name)));
	}
	free(sums.sum);
	return 0;
}

const struct hd_rpc_method hd_cmd_acl[] = {
	{"acl.add", "name: string, rules: array, line?: integer", add,
	 "Put rules into an access list, which is made if there is none: at its end, or in front of rule `line`.",
	 true},
	{"acl.set", "name: string, *", set, "Change an access list's keys, its rules among them; null unsets one.",
	 true},
	{"acl.del", "name: string, line?: integer", del, "Delete an access list that no port has, or one rule of it.",
	 true},
	{"acl.show", "name?: string", show,
	 "Access lists with what their rules have seen, and the ports that have them.", false},
	{NULL},
};
