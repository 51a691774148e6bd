/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the tables of keys for docs/config.md; tools/check-docs.sh runs it. */
#include <inttypes.h>
#include <stdio.h>

#include "schema.h"

static const char *scope_text(const struct hd_schema_key *key)
{
	switch (key->scope) {
	case HD_SCHEMA_VHOST:
		return "vhost";
	case HD_SCHEMA_SERVER:
		return "vhost, mode server";
	default:
		return "all";
	}
}

static void print_key(const struct hd_schema_key *key, bool port)
{
	char type[96], initial[32];

	hd_schema_type_text(key, type, sizeof(type));
	hd_schema_default_text(key, initial, sizeof(initial));
	printf("| `%s` | %s | %s |", key->name, type, initial);
	if (port)
		printf(" %s | %s |", scope_text(key), key->replaces ? "reopens the port" : "under traffic");
	printf(" %s | `%s` |\n", key->help, key->example);
}

static void print_table(const char *title, const struct hd_schema_key *table)
{
	bool port = table == hd_schema_port;

	printf("### %s\n\n", title);
	printf("| key | value | default |%s meaning | example |\n", port ? " ports | a change |" : "");
	printf("|---|---|---|%s---|---|\n", port ? "---|---|" : "");
	for (const struct hd_schema_key *key = table; key->name; key++)
		if (key->type != HD_SCHEMA_NESTED)
			print_key(key, port);
}

int main(void)
{
	print_table("The switch", hd_schema_root);
	printf("\n");
	print_table("Bridge", hd_schema_bridge);
	printf("\n");
	print_table("Port", hd_schema_port);
	printf("\n");
	print_table("Port security (a port's `secure`)", hd_schema_secure);
	printf("\n");
	print_table("Static FDB entry", hd_schema_fdb);
	printf("\n");
	print_table("Mirror", hd_schema_mirror);
	printf("\n");
	print_table("Access list", hd_schema_acl);
	return 0;
}
