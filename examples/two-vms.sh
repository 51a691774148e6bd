#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two virtual machines talk to each other through Heddle, on this machine, from nothing.
#
# Usage: sudo examples/two-vms.sh [--keep | --stop]
#   --keep   leave it all running, and say what to try
#   --stop   end what --keep left
#
# Installs the Debian packages that are missing, builds Heddle, starts it, boots two small guests (Debian's cloud
# kernel and busybox), lets them ping and send data to each other, and shows what the switch saw.
set -eu
cd "$(dirname "$0")/.."
run=/run/heddle-two-vms
heddle="build/control/cli/heddle -s $run/heddle.sock"
keep=no

say() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# Show a command, and run it.
try() {
	printf '$ %s\n' "${*//build\/control\/cli\//}"
	"$@"
}

# Run a command in a guest: in_guest vm1 'ping ...'
in_guest() {
	/usr/bin/python3 -B tests/lib/guest.py "$run/$1.sh" "$2"
}

# End what was started, and only that: a process number is believed if its command names our directory.
stop() {
	local file pid
	for file in "$run"/*.pid; do
		[ -e "$file" ] || continue
		pid=$(cat "$file")
		if grep -qsa "$run" "/proc/$pid/cmdline"; then
			kill "$pid" 2>/dev/null || true
			for _ in $(seq 100); do
				grep -qsa "$run" "/proc/$pid/cmdline" || break
				sleep 0.1
			done
			kill -9 "$pid" 2>/dev/null || true
		fi
	done
	rm -rf "$run"
}

running() {
	[ -e "$run/vswitchd.pid" ] && grep -qsa "$run" "/proc/$(cat "$run/vswitchd.pid")/cmdline"
}

wait_for() { # seconds what command...
	local seconds=$1 what=$2
	shift 2
	for _ in $(seq $((seconds * 10))); do
		"$@" && return
		sleep 0.1
	done
	echo "$what: not after $seconds seconds" >&2
	tail -n 20 "$run"/*.log >&2 2>/dev/null || true
	exit 1
}

boot() { # name mac
	[ -f "$run/guest" ] || tests/guests/image.sh >"$run/guest"
	local image
	image=$(cat "$run/guest")
	setsid qemu-system-x86_64 -machine q35,accel=tcg -cpu max -m 192 -display none -nodefaults -no-reboot \
		-kernel "$image/vmlinuz" -initrd "$image/init.gz" \
		-append "console=ttyS0 quiet panic=-1 edd=off HOST=$1" \
		-object memory-backend-memfd,id=mem,size=192M,share=on -numa node,memdev=mem \
		-chardev "socket,id=c0,path=$run/$1.sock,reconnect=1" -netdev vhost-user,id=n0,chardev=c0 \
		-device "virtio-net-pci,netdev=n0,mac=$2,vectors=0,romfile=" \
		-chardev "socket,id=console,path=$run/$1.console,server=on,wait=off" -serial chardev:console \
		-chardev "socket,id=shell,path=$run/$1.sh,server=on,wait=off" -serial chardev:shell \
		</dev/null >"$run/$1.log" 2>&1 &
	echo $! >"$run/$1.pid"
}

case ${1:-} in
'') ;;
--keep) keep=yes ;;
--stop)
	stop
	exit 0
	;;
-h | --help)
	sed -n '3,10s/^# \{0,1\}//p' "$0"
	exit 0
	;;
*)
	echo "Usage: sudo examples/two-vms.sh [--keep | --stop]" >&2
	exit 2
	;;
esac
if [ "$(id -u)" -ne 0 ]; then
	echo "This needs root: sudo examples/two-vms.sh" >&2
	exit 1
fi
if running; then
	echo "It is running already (--keep); end it first: sudo examples/two-vms.sh --stop" >&2
	exit 1
fi

say "1. Debian packages"
tools/deps.sh build guests
echo "All there."

say "2. Building Heddle"
[ -f build/build.ninja ] || meson setup build </dev/null >build.log 2>&1 || { cat build.log && exit 1; }
rm -f build.log
ninja -C build

stop
mkdir -p "$run"
trap 'echo; say "Cleaning up"; stop' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "3. The guests' kernel and ramdisk"
tests/guests/image.sh >"$run/guest"
echo "In $(cat "$run/guest")"

say "4. The switch"
setsid build/vswitchd/heddle-vswitchd -s "$run/heddle.sock" </dev/null >"$run/vswitchd.log" 2>&1 &
echo $! >"$run/vswitchd.pid"
wait_for 30 "the switch's socket" test -S "$run/heddle.sock"
cat "$run/vswitchd.log"
# shellcheck disable=SC2086 # a command and its option
{
	try $heddle bridge add br0
	try $heddle port add vm1 bridge br0 vhost "$run/vm1.sock"
	try $heddle port add vm2 bridge br0 vhost "$run/vm2.sock"
}

say "5. Two guests boot (ten seconds or so: they are emulated, without KVM)"
boot vm1 52:54:00:00:00:01
boot vm2 52:54:00:00:00:02
in_guest vm1 "ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up"
in_guest vm2 "ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; nc -ll -p 5000 -e sha256sum >/dev/null 2>&1 &"
echo "Both are up."

say "6. vm1 pings vm2"
in_guest vm1 "ping -c 5 -i 0.2 10.0.0.2"

say "7. vm1 sends vm2 32 MB of random data by TCP; rates meanwhile"
in_guest vm1 "head -c 32000000 /dev/urandom >/tmp/data"
sent=$(in_guest vm1 "sha256sum </tmp/data" | cut -d ' ' -f 1)
in_guest vm1 "nc 10.0.0.2 5000 </tmp/data" >"$run/got" &
transfer=$!
# shellcheck disable=SC2086
try $heddle -w 1 -n 2 port stats
wait $transfer
got=$(cut -d ' ' -f 1 "$run/got")
echo
echo "sent     $sent"
echo "arrived  $got"
[ "$sent" = "$got" ] || { echo "The data differ!" >&2 && exit 1; }
echo "The same."

say "8. What the switch saw"
# shellcheck disable=SC2086
{
	try $heddle port show
	echo
	try $heddle fdb show br0
	echo
	try $heddle pmd show
	echo
	try $heddle drop show
}

if [ $keep = yes ]; then
	trap - EXIT
	say "It is left running. To try:"
	cat <<-END
		  sudo $PWD/$heddle port show
		  sudo $PWD/$heddle -w 1 port stats
		  sudo $PWD/$heddle port set vm2 vlan 10          (now they no longer reach each other)
		  sudo $PWD/$heddle port set vm2 vlan none
		  sudo $PWD/$heddle help
		  sudo $PWD/tests/lib/guest.py $run/vm1.sh 'ping -c 3 10.0.0.2'
		  sudo socat -,raw,echo=0,escape=0x1d UNIX:$run/vm1.console   (a shell in vm1; Ctrl-] leaves)
		  sudo $PWD/examples/two-vms.sh --stop
	END
	exit 0
fi
