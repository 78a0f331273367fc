#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What scripts rely on when they call segctl: exit codes, and what goes to which stream.
#
#   usage.sh SEGCTL GOLDEN     GOLDEN: the folder of the golden cases
set -u
export LC_ALL=C.UTF-8 NO_COLOR=1

if [ $# -ne 2 ]; then
    echo "usage: usage.sh SEGCTL GOLDEN" >&2
    exit 2
fi
segctl=$(realpath "$1") || exit 2
golden=$2

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

complain() { # what is wrong
    echo "$1"
    sed 's/^/    out: /' "$work/out"
    sed 's/^/    err: /' "$work/err"
    failed=$((failed + 1))
}

# Runs segctl; checks its exit code, how many lines go to standard output (`-`: any number), and that
# standard error has the text, or nothing where the text is empty.
expect() { # exit code, lines, text, arguments
    code=$1 lines=$2 text=$3
    shift 3
    "$segctl" "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" -eq "$code" ] || complain "segctl $*: exit code $got instead of $code"
    [ "$lines" = - ] || [ "$(wc -l <"$work/out")" -eq "$lines" ] ||
        complain "segctl $*: not $lines lines on standard output"
    if [ -z "$text" ]; then
        [ ! -s "$work/err" ] || complain "segctl $*: says something on standard error"
    else
        grep -q -F -e "$text" "$work/err" || complain "segctl $*: does not say: $text"
    fi
}

good=$golden/good/minimal.yaml
warned=$golden/warned/expired.yaml
bad=$golden/bad/no-zones.yaml
denied=$golden/bad/expect-denied.yaml

expect 0 - '' --help
expect 0 1 '' --version
expect 2 0 'Usage: segctl COMMAND'
expect 2 0 'unknown command `chekc`' chekc

expect 0 - '' check --help
expect 0 1 '' check "$good"
expect 0 1 'warning: flow `a` has expired' check "$warned"
expect 3 0 'error: the policy has no zones' check "$bad"
expect 1 0 'is expected to pass' check "$denied"
expect 3 0 'No such file or directory' check "$work/missing"
expect 3 0 'has no policy' check "$work"
expect 2 0 'segctl check: unrecognized option' check --jsno "$good"
expect 2 0 'segctl check: more than one PATH' check "$good" "$good"
expect 0 - '' check --json "$good"
expect 0 - '' check --json "$warned"
expect 3 - '' check --json "$bad"
expect 1 - '' check --json "$denied"
expect 3 - '' check --json "$work/missing"
grep -q '"file": null' "$work/out" || complain "a missing file has a place"

expect 0 - '' show --help
expect 0 3 '' show --policy "$good"
expect 0 3 '' "show" --policy="$good"
expect 0 - '' show --policy "$warned"
expect 3 0 'error: the policy has no zones' show --policy "$bad"
expect 3 - '' show --json --policy "$bad"
expect 0 - '' show --json --policy "$good"
expect 2 0 'segctl show: unexpected argument' show "$good"
expect 2 0 "segctl show: option '--policy' requires an argument" show --policy

# A picture is XML, whatever the labels are.
expect 0 - '' graph --svg --policy "$golden/matrix/graph.yaml"
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$work/out" ||
    complain "the picture is no XML"

# Where no daemon answers.
expect 4 0 'is segd running? systemctl status segd' status --socket "$work/none"
expect 4 0 'to read policy files without segd: --policy PATH' explain --socket "$work/none" a b tcp/1
expect 4 0 'to read policy files without segd: --policy PATH' matrix --socket "$work/none"
expect 4 - '' flows --json --socket "$work/none"
grep -q '"code": "unreachable"' "$work/out" || complain "does not tell programs why"
expect 4 0 'File name too long' status --socket "/$(printf '%0200d' 0)"
expect 2 0 "segctl status: option '--socket' requires an argument" status --socket

# An answer that cannot be written is a failure.
for command in "check $good" "show --policy $good" "check --json $bad"; do
    # shellcheck disable=SC2086
    "$segctl" $command >/dev/full 2>"$work/err"
    got=$?
    : >"$work/out"
    [ "$got" -eq 6 ] || complain "segctl $command >/dev/full: exit code $got instead of 6"
done

echo "$failed failed"
[ "$failed" -eq 0 ]
