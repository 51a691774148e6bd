#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the test guest, a kernel and an initial ramdisk, from Debian packages that are not installed on the host.
# Prints the directory that holds `vmlinuz` and `init.gz`. What is built is kept, keyed on what it was built from.
#
# Usage: tests/guests/image.sh
# HEDDLE_CACHE: where to keep it, default $XDG_CACHE_HOME/heddle, /var/cache/heddle or build/guest.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
programs="ethtool iperf3" # copied from the host with their libraries
# In the order of loading. What a kernel has built in is left out.
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net
	llc stp garp mrp 8021q"

say() {
	echo "guest image: $*" >&2
}

cache_dir() {
	for dir in "${HEDDLE_CACHE:-${XDG_CACHE_HOME:+$XDG_CACHE_HOME/heddle}}" /var/cache/heddle "$here/../../build/guest"; do
		if [ -n "$dir" ] && mkdir -p "$dir" 2>/dev/null && [ -w "$dir" ]; then
			(cd "$dir" && pwd)
			return
		fi
	done
	say "no directory to keep the image in; set HEDDLE_CACHE"
	return 1
}

# The package that holds the newest kernel, "NAME VERSION".
kernel_package() {
	for meta in linux-image-cloud-amd64 linux-image-amd64; do
		name=$(apt-cache depends "$meta" 2>/dev/null | awk '/ Depends: linux-image-/ { print $2; exit }')
		[ -n "$name" ] || continue
		version=$(apt-cache policy "$name" | awk '/Candidate:/ { print $2 }')
		[ -n "$version" ] && [ "$version" != "(none)" ] && echo "$name $version" && return
	done
}

# Where a program is, whatever PATH says.
program() {
	PATH="$PATH:/usr/sbin:/sbin:/usr/bin:/bin" command -v "$1"
}

versions() {
	echo "$1"
	cat "$here/image.sh" "$here/init"
	for name in busybox $programs; do
		path=$(program "$name") || { say "missing: $name (tools/deps.sh guests)" && return 1; }
		cksum <"$path"
	done
}

copy_program() {
	path=$(program "$1")
	install -D "$path" "$root/usr/bin/$1"
	for library in $(ldd "$path" | grep -o '/[^ ]*'); do
		install -D "$library" "$root$library"
	done
}

module_file() {
	find "$kernel" -name "$1.ko*" -path '*/kernel/*' | head -n 1
}

copy_modules() {
	mkdir -p "$root/modules"
	: >"$root/modules/order"
	for module in $modules; do
		file=$(module_file "$module")
		case $file in
		'') continue ;;
		*.xz) xz -dc "$file" >"$root/modules/$module.ko" ;;
		*.zst) zstd -qdc "$file" >"$root/modules/$module.ko" ;;
		*) cp "$file" "$root/modules/" ;;
		esac
		echo "$module" >>"$root/modules/order"
	done
}

# The mirror has moved on since the last apt-get update: update and begin again, once.
refresh() {
	[ -z "${HEDDLE_APT_UPDATED:-}" ] || exit 1
	apt-get update -qq >&2
	rm -rf "$work"
	HEDDLE_APT_UPDATED=1 exec "$here/image.sh" 9>&-
}

build() {
	work=$(mktemp -d "$cache/build.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM
	kernel=$work/kernel
	root=$work/root
	mkdir -p "$kernel" "$root/bin"
	say "fetching $package $version"
	chmod 755 "$work" # apt fetches as a user of its own where it can
	(cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$package=$version" >&2) || refresh
	dpkg-deb -x "$work"/*.deb "$kernel"
	cp "$(program busybox)" "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	install -m 755 "$here/init" "$root/init"
	for name in $programs; do
		copy_program "$name"
	done
	copy_modules
	mkdir "$work/image"
	cp "$kernel"/boot/vmlinuz-* "$work/image/vmlinuz"
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 >"$work/image/init.gz")
	rm -rf "$image"
	mv "$work/image" "$image"
}

for tool in dpkg-deb apt-get cpio gzip ldd cksum; do
	program $tool >/dev/null || { say "missing: $tool (tools/deps.sh guests)" && exit 1; }
done
cache=$(cache_dir)
exec 9>"$cache/lock"
flock 9
found=$(kernel_package)
if [ -z "$found" ]; then
	apt-get update -qq >&2 || true
	found=$(kernel_package)
fi
if [ -z "$found" ]; then
	say "apt knows no package linux-image-cloud-amd64 or linux-image-amd64"
	exit 1
fi
package=${found% *}
version=${found#* }
key=$(versions "$found")
image=$cache/guest-$(printf %s "$key" | sha256sum | cut -c 1-16)
[ -f "$image/init.gz" ] || build
echo "$image"
