#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the Debian packages that are missing, and says so. Silent if none is.
#
# Usage: tools/deps.sh [build] [test] [guests] [fuzz] [bench]     default: all but bench
set -eu

build="build-essential meson ninja-build pkg-config libdpdk-dev libevent-dev libjansson-dev libyaml-dev
	libsystemd-dev check"
test="python3 python3-pytest python3-scapy iproute2 util-linux iputils-ping ethtool dpdk-dev jq shellcheck
	clang-format clang-tidy iperf3"
# the peers that Heddle is measured beside: testpmd and Open vSwitch
bench="python3 util-linux iproute2 dpdk-dev openvswitch-switch-dpdk"
guests="qemu-system-x86 busybox-static cpio gzip ethtool iperf3 xz-utils python3"
# libFuzzer comes with clang's run-time library, a package of its own that is named after clang's version.
clang=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
fuzz="clang libclang-rt-${clang:-14}-dev"

wanted=
for group in "${@:-all}"; do
	case $group in
	build) wanted="$wanted $build" ;;
	test) wanted="$wanted $test" ;;
	guests) wanted="$wanted $guests" ;;
	fuzz) wanted="$wanted $fuzz" ;;
	bench) wanted="$wanted $bench" ;;
	all) wanted="$build $test $guests $fuzz" ;;
	*) echo "tools/deps.sh: no group $group (build, test, guests, fuzz, bench)" >&2 && exit 2 ;;
	esac
done

installed() {
	dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -q '^installed'
}

missing=
for package in $wanted; do
	installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "These are missing, and this is no Debian to install them on:$missing" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "These packages are missing; run as root, or: apt-get install$missing" >&2
	exit 1
fi

known() {
	for package in $missing; do
		apt-cache show "$package" >/dev/null 2>&1 || return 1
	done
}
export DEBIAN_FRONTEND=noninteractive
if ! known; then
	echo "Updating the package lists"
	apt-get update -qq
fi
echo "Installing:$missing"
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null || {
	echo "Updating the package lists and trying again"
	apt-get update -qq
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
}
