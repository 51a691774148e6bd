#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Compares the generated part of docs/config.md with what the schema says; --write rewrites it.
# usage: tools/check-docs.sh [--write] [SCHEMA-DOC]     SCHEMA-DOC: the built program, build/control/schema-doc
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
write=no
if [ "${1:-}" = --write ]; then
	write=yes
	shift
fi
program=${1:-$root/build/control/schema-doc}
doc=$root/docs/config.md

if [ ! -x "$program" ]; then
	echo "check-docs: $program is not there: build first" >&2
	exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

"$program" >"$work/tables"
# What stands between the markers is replaced; both must be there, once and in order.
awk -v tables="$work/tables" '
	/^<!-- generated: end -->$/ { if (!inside) bad = 1; inside = 0; ends++ }
	!inside { print }
	/^<!-- generated: begin -->$/ {
		begins++
		inside = 1
		while ((getline line < tables) > 0)
			print line
	}
	END { if (bad || inside || begins != 1 || ends != 1) exit 1 }
' "$doc" >"$work/config.md" || {
	echo "check-docs: docs/config.md needs one pair of lines <!-- generated: begin --> and <!-- generated: end -->" >&2
	exit 1
}
if cmp -s "$doc" "$work/config.md"; then
	exit 0
fi
if [ "$write" = yes ]; then
	cat "$work/config.md" >"$doc"
	echo "check-docs: rewrote docs/config.md"
	exit 0
fi
diff -u "$doc" "$work/config.md" >&2 || true
echo "check-docs: docs/config.md differs from control/schema.c: run tools/check-docs.sh --write" >&2
exit 1
