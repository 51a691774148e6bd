#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Checks what compilers do not: formatting, clang-tidy, shellcheck, and the rules of the tree.
#
# Usage: tools/lint.sh [NAME]...   format tidy shell spdx length includes hot; default: all
# clang-tidy needs a configured build directory, $HEDDLE_BUILD or build.
# shellcheck disable=SC2317 # the checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 1
build=${HEDDLE_BUILD:-build}
status=0
folders="include dataplane vhost control vswitchd tests tools examples"

bad() {
	echo "lint: $*"
	status=1
}

c_files() {
	find include dataplane vhost control vswitchd tests -name '*.[ch]' | sort
}

# The first of these that is there.
tool() {
	for name in "$@"; do
		command -v "$name" && return
	done
}

check_format() {
	local format
	format=$(tool clang-format-14 clang-format)
	[ -n "$format" ] || { bad "clang-format is missing (tools/deps.sh test)" && return; }
	# Other versions format differently in places: their opinion is not asked.
	if ! "$format" --version | grep -q 'version 14\.'; then
		echo "lint: formatting is checked with clang-format 14 only; this is $("$format" --version)"
		return
	fi
	c_files | xargs "$format" --dry-run -Werror || bad "formatting: run tools/format.sh"
}

check_tidy() {
	local tidy
	tidy=$(tool clang-tidy-14 clang-tidy)
	[ -n "$tidy" ] || { bad "clang-tidy is missing (tools/deps.sh test)" && return; }
	[ -f "$build/compile_commands.json" ] || { bad "clang-tidy: no $build/compile_commands.json" && return; }
	find dataplane vhost control vswitchd -name '*.c' | sort | while read -r file; do
		grep -q "$file\"" "$build/compile_commands.json" && echo "$file"
	done | xargs -P "$(nproc)" -n 4 "$tidy" -p "$build" --quiet 2> >(grep -v 'warnings\? generated\|Suppressed\|^Use -' >&2) ||
		bad "clang-tidy"
}

check_shell() {
	local shellcheck
	shellcheck=$(tool shellcheck)
	[ -n "$shellcheck" ] || { bad "shellcheck is missing (tools/deps.sh test)" && return; }
	find tools tests examples .ci -type f -print0 | xargs -0 grep -lE '^#!/bin/(ba)?sh' | xargs "$shellcheck" ||
		bad "shellcheck"
}

# Every file says under what licence it is, in its first lines.
check_spdx() {
	# shellcheck disable=SC2086 # a list of words
	find $folders docs dist meson.build meson_options.txt .clang-format .clang-tidy -type f \
		! -name '*.md' ! -name '*.pyc' ! -path '*/corpus/*' ! -name '*.json' 2>/dev/null | while read -r file; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' || echo "$file"
	done >"$scratch"
	[ ! -s "$scratch" ] || bad "no SPDX line: $(tr '\n' ' ' <"$scratch")"
}

# Under 600 lines anywhere. When a file outgrows that, a noun is hiding in it.
check_length() {
	# shellcheck disable=SC2086
	find $folders \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' \) -exec wc -l {} + |
		awk '$2 != "total" && $1 >= 600 { print $2 " (" $1 ")" }' >"$scratch"
	[ ! -s "$scratch" ] || bad "600 lines or more: $(tr '\n' ' ' <"$scratch")"
}

# include <- dataplane <- vhost, control <- vswitchd: what a folder may include of the others.
check_includes() {
	local folder allowed file header owner
	while read -r folder allowed; do
		for file in $(find "$folder" -name '*.[ch]' | sort); do
			while read -r header; do
				[ ! -e "$(dirname "$file")/$header" ] || continue
				for owner in dataplane vhost control control/cli vswitchd; do
					[ -e "$owner/$header" ] || continue
					case " $allowed " in
					*" $owner "*) ;;
					*) bad "$file includes $owner/$header: $folder may include only: include $allowed" ;;
					esac
				done
			done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$file")
		done
	done <<-END
		include
		dataplane dataplane
		vhost vhost dataplane
		control control control/cli dataplane
		vswitchd vswitchd control vhost dataplane
	END
}

# The files that a packet passes through: no allocation, log, lock or system call. Kernel ports' and kicks' drivers
# (port_*.c) hold their set-up beside their bursts, so they are not whole files of this kind.
hot="parse offload bridge tx tag pkt recorder storm fdb_cache burst vlan"
hot+=" flow/key flow/key_extract flow/headers flow/pipeline flow/program flow/run flow/translate flow/translate_ct"
hot+=" flow/translate_group flow/lesson flow/rewrite flow/rewrite_impl flow/rewrite_ip flow/rewrite_icmp"
hot+=" flow/rewrite_tuple flow/rewrite_vlan ct/ct_track ct/ct_commit ct/ct_tcp ct/ct_icmp ct/ct_nat ct/ct_packet ct/ct_fragment"
check_hot() {
	local name file
	local calls='malloc|calloc|realloc|free|strdup|rte_malloc|rte_zmalloc|rte_free'
	calls+='|printf|fprintf|snprintf|vsnprintf|puts|hd_log|hd_error|hd_warning|hd_info|hd_debug|RTE_LOG|rte_log'
	calls+='|pthread_mutex_lock|pthread_rwlock_[a-z]*|rte_spinlock_lock|rte_rwlock_[a-z_]*|mtx_lock'
	calls+='|read|write|readv|writev|ioctl|poll|epoll_wait|sleep|usleep|nanosleep|time|clock_gettime|gettimeofday'
	calls+='|open|close|socket|send|recv|abort|exit|assert'
	for name in $hot; do
		for file in dataplane/"$name".c dataplane/"$name".h; do
			[ -f "$file" ] || continue
			# Comments may name them; static_assert and identifiers that end in these words are others.
			sed -E -e 's@//.*@@' -e 's@/\*[^*]*\*/@@g' "$file" |
				awk '/\/\*/ { skip = 1 } { print skip ? "" : $0 } /\*\// { skip = 0 }' |
				grep -nE "(^|[^A-Za-z0-9_>.])($calls)[[:space:]]*\(" | sed "s@^@$file:@"
		done
	done >"$scratch"
	[ ! -s "$scratch" ] || bad "in the data path:
$(cat "$scratch")"
}

scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
checks=${*:-format spdx length includes hot shell tidy}
for check in $checks; do
	echo "lint: $check"
	"check_$check"
done
exit $status
