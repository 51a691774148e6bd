#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Formats every C file of the tree in place (clang-format 14). Usage: tools/format.sh
set -eu
cd "$(dirname "$0")/.."
format=$(command -v clang-format-14 || command -v clang-format)
find include dataplane vhost control vswitchd tests -name '*.[ch]' -exec "$format" -i {} +
