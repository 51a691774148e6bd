/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the table of fields for docs/flows.md; tools/check-docs.sh runs it. */
#include <stdio.h>

#include "flow/field.h"

static const char *form_text(enum hd_field_form form)
{
	static const char *const texts[] = {
		[HD_FORM_DECIMAL] = "number", [HD_FORM_HEX] = "number",      [HD_FORM_MAC] = "MAC",
		[HD_FORM_IPV4] = "IPv4",      [HD_FORM_IPV6] = "IPv6",       [HD_FORM_PORT] = "port",
		[HD_FORM_FRAG] = "see below", [HD_FORM_TCP_FLAGS] = "flags", [HD_FORM_CT_STATE] = "flags",
	};

	return texts[form];
}

/* Words separated by spaces, each as code. */
static void print_names(const char *words)
{
	if (!words) {
		printf(" |");
		return;
	}
	printf(" `");
	for (; *words; words++)
		if (*words == ' ')
			printf("`, `");
		else
			putchar(*words);
	printf("` |");
}

static const char *set_text(unsigned int field)
{
	if (field == HD_FIELD_CT_MARK || field == HD_FIELD_CT_LABEL)
		return "in `exec()`";
	return hd_fields[field].writable ? "yes" : "";
}

int main(void)
{
	printf("| field | other names | for `load`, `move`, `learn` also | bits | value | mask | set | needs |\n");
	printf("|---|---|---|---|---|---|---|---|\n");
	for (unsigned int i = 0; i < HD_FIELD_COUNT; i++) {
		const struct hd_field *field = &hd_fields[i];

		printf("| `%s` |", field->name);
		print_names(field->alias);
		print_names(field->nxm);
		printf(" %u | %s | %s | %s | %s |\n", field->bits, form_text(field->form), field->maskable ? "yes" : "",
		       set_text(i), field->prereq == HD_PRE_NONE ? "" : hd_prereq_text(field->prereq));
	}
	return 0;
}
