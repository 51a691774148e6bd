#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what is missing, builds, and runs the tests. The last line is "N passed, N failed".
#
# Usage: tests/run.sh [-k EXPRESSION] [WHAT]...
#   WHAT   lint       formatting, static checks, the rules of the tree
#          unit       unit tests (Check)
#          smoke      the switch between kernel interfaces and DPDK front-ends
#          hostile    guests and front-ends that break the rules, by number (docs/security.md); of those that run
#                     without being asked for, asan has them
#          guests     QEMU guests
#          asan       unit, smoke, hostile and guest tests under AddressSanitizer and UBSan
#          tsan       unit tests, the concurrent ones among them, under ThreadSanitizer
#          fuzz       each fuzzer for $HEDDLE_FUZZ_SECONDS (20), under ASan and UBSan; from $HEDDLE_FUZZ_SEED (1), so
#                     that a change is not blamed for a find of another day; 0 is a new seed
#          a file or test of pytest: smoke/test_vlan.py, smoke/test_fdb.py::test_ageing
#          Without WHAT: everything.
#   -k     only the smoke and guest tests whose names match (see pytest)
#
# The builds are build/, build-asan/, build-tsan/ and build-fuzz/. HEDDLE_NO_HUGE=1 runs the switch without hugepages;
# under sanitizers it always runs so.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
passed=0
failed=0
problems=()
stages=()
files=()
select=()

usage() {
	sed -n '3,/^set /s/^# \{0,1\}//p' "$root/tests/run.sh" | sed '/^set /d'
	exit "$1"
}

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage 0 ;;
	-k)
		[ $# -gt 1 ] || usage 2
		select=(-k "$2")
		shift
		;;
	lint | unit | smoke | hostile | guests | asan | tsan | fuzz) stages+=("$1") ;;
	*.py*)
		file=${1#tests/}
		[ -f "tests/${file%%::*}" ] || { echo "tests/run.sh: no file tests/${file%%::*}" >&2 && exit 2; }
		files+=("tests/$file")
		;;
	*) usage 2 >&2 ;;
	esac
	shift
done
if [ ${#stages[@]} -eq 0 ] && [ ${#files[@]} -eq 0 ]; then
	stages=(lint unit smoke guests asan tsan fuzz)
	[ ${#select[@]} -eq 0 ] || stages=(smoke hostile guests)
fi

begin() {
	echo
	echo "=== $* ($((SECONDS / 60)) min $((SECONDS % 60)) s)"
}

count() { # passed failed what
	passed=$((passed + $1))
	failed=$((failed + $2))
	[ "$2" -eq 0 ] || problems+=("$3: $2 failed")
}

result() {
	echo
	for problem in ${problems[@]+"${problems[@]}"}; do
		echo "$problem"
	done
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit $?
}

die() { # what
	count 0 1 "$1"
	result
}

# A build directory with these options; it is configured once and then only brought up to date.
build() { # directory option...
	local directory=$1
	shift
	begin "Building $directory"
	[ -f "$directory/build.ninja" ] || meson setup "$directory" "$@" </dev/null || die "meson setup $directory"
	ninja -C "$directory" </dev/null || die "build of $directory"
}

# The unit tests of a build, by meson; it keeps a line of JSON a test.
unit() { # directory what meson-arguments...
	local directory=$1 what=$2 log=$1/meson-logs/testlog.json
	shift 2
	begin "Unit tests in $directory"
	rm -f "$log"
	timeout -k 10 900 meson test -C "$directory" --print-errorlogs --no-rebuild "$@" </dev/null
	if [ ! -s "$log" ]; then
		count 0 1 "$what (no test ran)"
		return
	fi
	count "$(grep -c '"result": "OK"' "$log")" "$(grep -vc '"result": "OK"' "$log")" "$what"
}

# pytest over files; a test that was skipped did not pass.
pytest() { # build what seconds argument...
	local report what=$2 seconds=$3 counts
	report=$(mktemp)
	HEDDLE_BUILD=$root/$1 timeout -k 30 "$seconds" /usr/bin/python3 -B -m pytest -v -c tests/pytest.ini \
		--rootdir tests --junitxml "$report" ${select[@]+"${select[@]}"} "${@:4}" </dev/null
	local status=$?
	counts=$(/usr/bin/python3 - "$report" <<-'END'
		import sys, xml.etree.ElementTree as tree
		suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
		total, bad = int(suite.get("tests")), 0
		for case in suite.iter("testcase"):
		    if case.find("skipped") is not None:
		        reason = case.find("skipped").get("message")
		        print(f"SKIPPED, which counts as failed: {case.get('name')}: {reason}", file=sys.stderr)
		    bad += any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
		print(total - bad, bad)
	END
	) || counts=
	rm -f "$report"
	if [ -z "$counts" ] || { [ $status -gt 1 ] && [ $status -ne 5 ]; }; then
		count 0 1 "$what (pytest ended with $status)"
		return
	fi
	# shellcheck disable=SC2086 # two numbers
	count $counts "$what"
}

smoke() { # build what seconds
	begin "Smoke tests of $1"
	pytest "$1" "$2" "$3" tests/smoke
}

# Each starts from the corpus in the tree and keeps what it finds to itself.
fuzz() {
	local target scratch
	begin "Building build-fuzz"
	[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true </dev/null || die "meson setup build-fuzz"
	ninja -C build-fuzz tests/fuzz/fuzz_{parse,key,yaml,flow,rpc,session,split,packed} </dev/null ||
		die "build of the fuzzers"
	for target in parse key yaml flow rpc session split packed; do
		begin "Fuzzing $target"
		scratch=$(mktemp -d)
		if build-fuzz/tests/fuzz/fuzz_$target -max_total_time="${HEDDLE_FUZZ_SECONDS:-20}" \
			-seed="${HEDDLE_FUZZ_SEED:-1}" -max_len=4096 -print_final_stats=1 -verbosity=0 \
			-artifact_prefix="$scratch/" "$scratch" "tests/fuzz/corpus/$target" </dev/null; then
			count 1 0 "fuzz $target"
			rm -rf "$scratch"
		else
			count 0 1 "fuzz $target (input in $scratch)"
		fi
	done
}

begin "Installing what is missing"
tools/deps.sh build test guests fuzz || die "tools/deps.sh"
if [ "$(id -u)" -ne 0 ]; then
	echo "The tests make network namespaces and devices: run them as root." >&2
	exit 2
fi

plain=no
for stage in ${stages[@]+"${stages[@]}"}; do
	case $stage in unit | smoke | hostile | guests) plain=yes ;; esac
done
[ ${#files[@]} -eq 0 ] || plain=yes
[ $plain = no ] || build build

for stage in ${stages[@]+"${stages[@]}"}; do
	case $stage in
	lint)
		[ -f build/build.ninja ] || meson setup build </dev/null || die "meson setup build"
		begin "Lint"
		if tools/lint.sh </dev/null; then count 1 0 lint; else count 0 1 lint; fi
		;;
	unit) unit build unit ;;
	smoke) smoke build smoke 900 ;;
	hostile)
		begin "Hostile tests of build"
		pytest build hostile 900 tests/hostile
		;;
	guests)
		begin "Guest tests"
		pytest build guests 900 tests/guests
		;;
	asan)
		build build-asan -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
		unit build-asan "unit under ASan+UBSan" --suite unit --timeout-multiplier 5
		HEDDLE_NO_HUGE=1 HEDDLE_VARIANT=asan smoke build-asan "smoke under ASan+UBSan" 1200
		begin "Hostile tests of build-asan"
		HEDDLE_NO_HUGE=1 HEDDLE_VARIANT=asan pytest build-asan "hostile under ASan+UBSan" 1200 tests/hostile
		begin "Guest tests of build-asan"
		HEDDLE_NO_HUGE=1 HEDDLE_VARIANT=asan pytest build-asan "guests under ASan+UBSan" 900 \
			--ignore tests/guests/test_migration.py tests/guests
		;;
	fuzz) fuzz ;;
	tsan)
		build build-tsan -Db_sanitize=thread -Db_lundef=false -Doptimization=1
		unit build-tsan "unit under TSan" --suite unit --timeout-multiplier 5
		;;
	esac
done
if [ ${#files[@]} -gt 0 ]; then
	begin "Tests of ${files[*]#tests/}"
	pytest build files 900 "${files[@]}"
fi
result
