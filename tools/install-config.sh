#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Puts the first configuration in place at `meson install`. One that is there stays: `heddle config save` writes it.
#
# Usage: tools/install-config.sh FROM TO     TO is under $DESTDIR, if that is set
set -eu
to=${DESTDIR:-}$2
[ -e "$to" ] || install -D -m 0644 "$1" "$to"
