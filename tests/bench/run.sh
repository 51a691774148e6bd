#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures Heddle beside testpmd and Open vSwitch-DPDK: installs what is missing, builds, reserves huge pages, runs
# compare.py, and leaves nothing behind but its results: results.md, results.json and curves as SVG. Run as root, on a
# machine with two CPUs or more that does nothing else.
#
# Usage: tests/bench/run.sh [options] [WORKLOAD]...     without WORKLOAD: all of them
#   --quick          one round of one second each: whether it works, not how fast
#   --rounds N       how often each switch has its turn (5)
#   --seconds S      measured time of a turn (5)
#   --out DIR        where the results go (build/bench)
#   --dpdk-engine    Heddle with its vhost engine dpdk as well
#   --no-peers       Heddle only
#   --ovs-smc        Open vSwitch with its signature match cache as well
#   --cpus A,B       CPU of the data path, and of both guests and all else (0,1)
#   --force          measure on a busy machine too
#   --list           the workloads
set -eu
cd "$(dirname "$0")/../.."
build=build
pages=/sys/kernel/mm/hugepages/hugepages-2048kB
pages_needed=420 # of 2 MiB: Open vSwitch's pool takes 384

usage() {
	sed -n '3,/^set /s/^# \{0,1\}//p' tests/bench/run.sh | sed '/^set /d'
	exit "$1"
}

rounds=5
seconds=5
warmup=1
out=$build/bench
engines=("heddle=$build")
options=()
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage 0 ;;
	--quick) rounds=1 seconds=1 warmup=0.3 ;;
	--dpdk-engine) engines=("heddle=$build" "heddle-dpdk=$build@dpdk") ;;
	--no-peers) options+=(--peers "") ;;
	--ovs-smc) options+=(--peers "testpmd,ovs,ovs-smc") ;;
	--force) options+=(--force) ;;
	--list) exec python3 -B tests/bench/workloads.py ;;
	--rounds | --seconds | --out | --cpus)
		[ $# -gt 1 ] || usage 2 >&2
		case $1 in
		--rounds) rounds=$2 ;;
		--seconds) seconds=$2 ;;
		--out) out=$2 ;;
		--cpus) options+=(--cpus "$2") ;;
		esac
		shift
		;;
	-*) usage 2 >&2 ;;
	*) break ;;
	esac
	shift
done
[ "$(id -u)" -eq 0 ] || { echo "tests/bench/run.sh: run as root (huge pages, a network namespace)" >&2 && exit 1; }

had=
child=
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	status=$?
	trap '' INT TERM
	if [ -n "$child" ]; then
		kill -TERM "$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	fi
	if [ -n "$had" ]; then
		echo "$had" >"$pages/nr_hugepages"
		echo "Gave the huge pages back"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "1. Packages: whatever is missing of the build's and of the peers'"
tools/deps.sh build bench

echo "2. Build: $build/, optimised"
[ -f $build/build.ninja ] || meson setup $build >/dev/null
ninja -C $build vswitchd/heddle-vswitchd control/cli/heddle tests/bench/heddle-bench >$build/bench-build.log 2>&1 ||
	{ tail -n 20 $build/bench-build.log && exit 1; }
if meson introspect --buildoptions $build | python3 -c '
import json, sys
options = {o["name"]: o["value"] for o in json.load(sys.stdin)}
sys.exit(str(options["optimization"]) in "23" and options["b_sanitize"] in ("none", ""))'; then
	echo "tests/bench/run.sh: $build/ is not optimised, or is sanitized: its figures would mean nothing" >&2
	exit 1
fi

free=$(cat $pages/free_hugepages)
if [ "$free" -lt $pages_needed ]; then
	had=$(cat $pages/nr_hugepages)
	echo "3. Huge pages: $free are free, $pages_needed needed; reserving more until the end"
	echo $((had + pages_needed - free)) >$pages/nr_hugepages
	[ "$(cat $pages/free_hugepages)" -ge $pages_needed ] ||
		echo "   The kernel has not that many: all switches run on ordinary pages, and slower"
else
	echo "3. Huge pages: $free are free, which is enough"
fi

echo "4. Measuring: the switches in turns, $rounds rounds of $seconds s a workload; Ctrl-C ends it with what there is"
specs=()
for engine in "${engines[@]}"; do
	specs+=(--heddle "$engine")
done
# in the background, so that a signal is heard at once
python3 -B tests/bench/compare.py "${specs[@]}" --rounds "$rounds" --seconds "$seconds" --warmup "$warmup" \
	--out "$out" ${options[@]+"${options[@]}"} "$@" &
child=$!
status=0
wait "$child" || status=$?
child=
exit $status
