#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The matrix that both READMEs show is what segctl prints for the sample city.
#
#   readme.sh SEGCTL SOURCE_ROOT      with the sample city in $SAMPLE
set -u
export LC_ALL=C.UTF-8 NO_COLOR=1

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

"$1" matrix --policy "$SAMPLE" | sed '/^$/,$d' >"$work/printed" || exit 1
[ -s "$work/printed" ] || exit 1

for readme in README.md README.ja.md; do
    # The block behind the mark, between its fences.
    awk '/<!-- matrix -->/ { marked = 1; next }
         marked && /^```/ { if (inside) exit; inside = 1; next }
         inside { print }' "$2/$readme" >"$work/shown"
    if ! diff -u "$work/printed" "$work/shown"; then
        echo "$readme does not show what segctl matrix prints" >&2
        exit 1
    fi
done
