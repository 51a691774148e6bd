/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and texts of the drop reasons. */
#include <string.h>

#include "drop.h"

static const char *const names[HD_DROP_COUNT] = {
#define X(id, name, text) [HD_DROP_##id] = name,
	HD_DROP_LIST(X)
#undef X
};

static const char *const texts[HD_DROP_COUNT] = {
#define X(id, name, text) [HD_DROP_##id] = text,
	HD_DROP_LIST(X)
#undef X
};

const char *hd_drop_name(enum hd_drop reason)
{
	return reason < HD_DROP_COUNT ? names[reason] : "none";
}

const char *hd_drop_text(enum hd_drop reason)
{
	return reason < HD_DROP_COUNT ? texts[reason] : "not dropped";
}

enum hd_drop hd_drop_find(const char *name)
{
	int reason = 0;

	while (reason < HD_DROP_COUNT && strcmp(names[reason], name) != 0)
		reason++;
	return (enum hd_drop)reason;
}
