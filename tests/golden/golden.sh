#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What segctl says about whole policies, word for word.
#
#   bad/NAME.yaml, bad/NAME.d/   policies that `segctl check` refuses
#   warned/NAME.yaml, warned/NAME.d/ policies that it accepts with warnings
#   good/NAME.yaml, good/NAME.d/ policies that it accepts without a word, with their canonical form
#   json/NAME.yaml, json/NAME.d/ policies of all kinds, for `check --json`
#   ruleset/NAME.yaml            policies, with the table that the kernel gets for them
#
# Beside each stands NAME.expected: of `check` all that it prints and its exit code, of `show` what
# it prints, which must also print to itself, but for comments; or be a table that nft takes.
#
#   golden.sh SEGCTL CASES                checks the cases, a folder of this one
#   golden.sh --regenerate SEGCTL CASES   writes what is expected; read the difference with git
set -u
export LC_ALL=C.UTF-8 NO_COLOR=1

regenerate=false
if [ "${1-}" = --regenerate ]; then
    regenerate=true
    shift
fi
if [ $# -ne 2 ]; then
    echo "usage: golden.sh [--regenerate] SEGCTL CASES" >&2
    exit 2
fi
segctl=$(realpath "$1") || exit 2
cases=$(basename "$2")
cd "$2" || exit 2

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# What segctl does with one policy, to standard output.
observe() { # policy
    case $cases in
        good)
            "$segctl" show --policy "$1" 2>&1
            ;;
        ruleset)
            # What is left until a flow expires differs from day to day, and nft is to read it.
            "$segctl" show --nftables --policy "$1" 2>/dev/null | tee "$work/whole" |
                sed 's/timeout [0-9dhm]*s/timeout 1s/'
            ;;
        json)
            "$segctl" check --json "$1" 2>&1
            echo "exit $?"
            ;;
        *)
            "$segctl" check "$1" 2>&1
            echo "exit $?"
            ;;
    esac
}

# Whether the folder's own rule holds, which no golden file may overrule.
keeps_rule() { # policy, observed
    case $cases in
        bad) grep -q '^exit [13]$' "$2" ;;
        warned) grep -q '^exit 0$' "$2" && grep -q ': warning: ' "$2" ;;
        good)
            "$segctl" check "$1" >"$work/check" 2>&1 && ! grep -q ': warning: ' "$work/check" &&
                cp "$2" "$work/again.yaml" && grep -v '^  # ' "$2" >"$work/without" &&
                "$segctl" show --policy "$work/again.yaml" | cmp -s - "$work/without"
            ;;
        ruleset) unshare --user --map-root-user --net nft --check --file "$work/whole" ;;
        json) grep -q '^exit 0$' "$2" || grep -q '"ok": false' "$2" ;;
        *) false ;;
    esac
}

n=0
failed=0
for policy in *.yaml *.d; do
    [ -e "$policy" ] || continue
    n=$((n + 1))
    expected=${policy%.*}.expected
    observe "$policy" >"$work/observed"
    if ! keeps_rule "$policy" "$work/observed"; then
        echo "$cases/$policy: does not belong into this folder:"
        cat "$work/observed"
        failed=$((failed + 1))
    elif $regenerate; then
        cp "$work/observed" "$expected"
    elif ! diff -u "$expected" "$work/observed"; then
        failed=$((failed + 1))
    fi
done

# A golden file without a policy would never be looked at again.
for expected in *.expected; do
    if [ ! -e "${expected%.expected}.yaml" ] && [ ! -e "${expected%.expected}.d" ]; then
        echo "$cases/$expected: has no policy"
        failed=$((failed + 1))
    fi
done

echo "$cases: $n cases, $failed failed"
[ "$n" -gt 0 ] && [ "$failed" -eq 0 ]
