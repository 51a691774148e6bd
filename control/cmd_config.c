/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods config.*: the whole configuration is shown, applied, saved, confirmed or rolled back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "rpc.h"
#include "save.h"
#include "yaml.h"

#define CONFIRM_MAX 86400 /* seconds */

static int show(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	json_t *document = hd_control_whole(control);
	int pending = hd_control_pending(control);
	char *yaml = document != NULL ? hd_yaml_dump(document) : NULL;

	if (yaml == NULL) {
		json_decref(document);
		hd_error_set(error, "out of memory");
		return HD_RPC_INTERNAL;
	}
	*result = json_pack("{s:o, s:s}", "document", document, "yaml", yaml);
	if (pending >= 0)
		json_object_set_new(*result, "pending", json_integer(pending));
	free(yaml);
	return 0;
}

/* The document that the request brings: as YAML text or as it is. */
static int read_document(json_t *params, json_t **document, struct hd_marks **marks, struct hd_error *error)
{
	json_t *yaml = json_object_get(params, "yaml"), *ready = json_object_get(params, "document");
	const char *file = hd_cmd_string(params, "file");
	int rc;

	if ((yaml == NULL) == (ready == NULL)) {
		hd_error_set(error, "config.apply: takes either yaml or document");
		return HD_RPC_INVALID_PARAMS;
	}
	if (ready != NULL) {
		*document = json_incref(ready);
		return 0;
	}
	rc = hd_yaml_parse(json_string_value(yaml), json_string_length(yaml), file != NULL ? file : "yaml", document,
			   marks, error);
	return rc < 0 ? hd_cmd_code(rc == -E2BIG ? -EINVAL : rc) : 0;
}

/* Change to `document`; with seconds > 0 only for so long, unless it is confirmed. */
static int change(struct hd_control *control, const json_t *document, const struct hd_marks *marks,
		  unsigned int seconds, json_t **changes, struct hd_error *error)
{
	struct hd_error ignored;
	int rc = seconds > 0 ? hd_control_arm(control, seconds, error) : 0;

	if (rc < 0)
		return rc;
	rc = hd_control_replace(control, document, marks, false, changes, error);
	if (rc < 0 && seconds > 0)
		hd_control_confirm(control, &ignored); /* nothing to return from */
	return rc;
}

static int check_pending(struct hd_control *control, struct hd_error *error)
{
	int left = hd_control_pending(control);

	if (left < 0)
		return 0;
	hd_error_set(error, "an earlier change is not confirmed (%d s left): config confirm or config rollback first",
		     left);
	return HD_RPC_REFUSED;
}

static int apply(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	bool dry_run = json_is_true(json_object_get(params, "dry_run"));
	json_t *document = NULL, *changes = NULL;
	struct hd_marks *marks = NULL;
	int code, rc, seconds;

	code = hd_cmd_integer(params, "confirm", 1, CONFIRM_MAX, 0, &seconds, error);
	if (code == 0 && seconds > 0)
		code = check_pending(control, error);
	if (code == 0)
		code = read_document(params, &document, &marks, error);
	if (code != 0)
		return code;
	if (dry_run)
		rc = hd_control_replace(control, document, marks, true, &changes, error);
	else
		rc = change(control, document, marks, (unsigned int)seconds, &changes, error);
	json_decref(document);
	hd_marks_free(marks);
	if (rc < 0)
		return hd_cmd_code(rc);
	*result = json_pack("{s:o}", "changes", changes != NULL ? changes : json_array());
	if (seconds > 0 && !dry_run)
		json_object_set_new(*result, "confirm", json_integer(seconds));
	return 0;
}

/*
 * Only to the daemon's own file: it may run as root, and who may configure the switch may not therefore write any
 * file. `heddle config save FILE` writes as its user.
 */
static int save(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	const char *file = hd_control_file(control);
	json_t *document;
	char *yaml;
	int rc;

	if (file == NULL) {
		hd_error_set(error, "the daemon was started without -c FILE: name the file, config save FILE");
		return HD_RPC_REFUSED;
	}
	document = hd_control_whole(control);
	yaml = document != NULL ? hd_yaml_dump(document) : NULL;
	json_decref(document);
	if (yaml == NULL) {
		hd_error_set(error, "out of memory");
		return HD_RPC_INTERNAL;
	}
	rc = hd_save(file, yaml, error);
	free(yaml);
	if (rc < 0)
		return hd_cmd_code(rc);
	*result = json_pack("{s:s}", "file", file);
	return 0;
}

static int confirm(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	int rc = hd_control_confirm(control, error);

	return rc < 0 ? HD_RPC_REFUSED : 0;
}

static int rollback(struct hd_control *control, json_t *params, json_t **result, struct hd_error *error)
{
	json_t *changes = NULL;
	int rc = hd_control_rollback(control, &changes, error);

	if (rc < 0)
		return HD_RPC_REFUSED;
	*result = json_pack("{s:o}", "changes", changes != NULL ? changes : json_array());
	return 0;
}

const struct hd_rpc_method hd_cmd_config[] = {
	{"config.show", "", show,
	 "The configuration in force: document and yaml text; pending: seconds left to confirm.", false},
	{"config.apply", "yaml?: string, document?: object, file?: string, dry_run?: boolean, confirm?: integer", apply,
	 "Make it the configuration in force, or (dry_run) only tell the changes; file is the name in messages, "
	 "confirm the seconds until it is rolled back.",
	 true},
	{"config.save", "", save, "Write the configuration to the daemon's file (option -c), atomically.", true},
	{"config.confirm", "", confirm, "Keep a configuration applied with confirm.", true},
	{"config.rollback", "", rollback, "Return to the configuration before the last change.", true},
	{NULL},
};
