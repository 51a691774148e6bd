#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Compares the generated part of a page with what the program's tables say; --write rewrites it.
# usage: tools/check-docs.sh [--write] [PROGRAM [PAGE]]
#   PROGRAM PAGE   build/control/schema-doc docs/config.md (the default), build/control/flow-doc docs/flows.md
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
write=no
if [ "${1:-}" = --write ]; then
	write=yes
	shift
fi
program=${1:-$root/build/control/schema-doc}
page=${2:-docs/config.md}
doc=$root/$page

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
' "$doc" >"$work/page.md" || {
	echo "check-docs: $page needs one pair of lines <!-- generated: begin --> and <!-- generated: end -->" >&2
	exit 1
}
if cmp -s "$doc" "$work/page.md"; then
	exit 0
fi
if [ "$write" = yes ]; then
	cat "$work/page.md" >"$doc"
	echo "check-docs: rewrote $page"
	exit 0
fi
diff -u "$doc" "$work/page.md" >&2 || true
echo "check-docs: $page differs from the tables: run tools/check-docs.sh --write $program $page" >&2
exit 1
