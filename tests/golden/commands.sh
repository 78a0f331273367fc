#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What commands of segctl print, word for word. A case is a file NAME.case: its first line is the
# command, `$ segctl …`, run in the folder of the sources; then all that it prints, and its exit code.
#
# Where the folder has a replies.json, the command asks a daemon that answers what is written there,
# or in NAME.json for the case NAME; then what it was asked is part of what is expected.
#
#   commands.sh SEGCTL CASES                checks the cases, a folder of this one
#   commands.sh --regenerate SEGCTL CASES   writes what is expected; read the difference with git
set -u
export LC_ALL=C.UTF-8 NO_COLOR=1 TZ=JST-9

regenerate=false
if [ "${1-}" = --regenerate ]; then
    regenerate=true
    shift
fi
if [ $# -ne 2 ]; then
    echo "usage: commands.sh [--regenerate] SEGCTL CASES" >&2
    exit 2
fi
program=$(realpath "$1") || exit 2
cases=$(realpath "$2") || exit 2
cd "$(dirname "$0")/../.." || exit 2

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# The name by which cases call it.
segctl() {
    if [ ! -e "$cases/replies.json" ]; then
        "$program" "$@"
        return
    fi
    more=${case%.case}.json
    [ -e "$more" ] || more=
    # The language is for segctl alone.
    language=$LC_ALL
    LC_ALL=C.UTF-8 tests/golden/answer.py "$cases/replies.json" ${more:+"$more"} -- \
        env LC_ALL="$language" "$program" "$@"
}

n=0
failed=0
for case in "$cases"/*.case; do
    [ -e "$case" ] || continue
    n=$((n + 1))
    command=$(sed -n '1s/^\$ //p' "$case")
    case $command in
        segctl\ * | *=*\ segctl\ *) ;;
        *)
            echo "$case: does not begin with a command"
            failed=$((failed + 1))
            continue
            ;;
    esac
    {
        printf '$ %s\n' "$command"
        (eval "$command") 2>&1
        echo "exit $?"
    } >"$work/observed"
    if $regenerate; then
        cp "$work/observed" "$case"
    elif ! diff -u "$case" "$work/observed"; then
        failed=$((failed + 1))
    fi
done

echo "$(basename "$cases"): $n cases, $failed failed"
[ "$n" -gt 0 ] && [ "$failed" -eq 0 ]
