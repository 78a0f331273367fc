#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nftables 1.0.6 (Debian 12): a time is read with at most eight digits before each unit, whatever
# it comes to. `timeout 99999999s` (three years) loads, `timeout 100000000s` is "value too large",
# and the whole file is refused. Units joined are each counted alone: `1157d34000s` is that time.
#
# nft itself lists a timeout in days, hours, minutes and seconds and never meets it. A program that
# writes rulesets and gives the time that is left in seconds does, for what ends in more than three years.
set -eu

version=1.0.6-2+deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "nftables=$version" "libnftables1=$version" >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

set_of() { # name, timeout
    printf 'table inet example {\n set s {\n  type mark\n  flags timeout\n  elements = { 0x1 timeout %s }\n }\n}\n' \
        "$2" >"$1.nft"
}
set_of eight 99999999s
set_of nine 100000000s
set_of days 1157d34000s
set_of forty 40000d

# In a network namespace of its own, that ends with it.
unshare --user --map-root-user --net sh -euc '
    libraries=$(dirname "$(find root -name "libnftables.so.1" | head -n 1)")
    nft() { LD_LIBRARY_PATH=$libraries root/usr/sbin/nft "$@"; }
    nft --version
    for name in eight nine days forty; do
        nft flush ruleset
        if nft -f $name.nft 2>error; then
            echo "$name: $(nft list ruleset | grep -o "timeout [0-9dhms]*" | tail -n 1)"
        else
            echo "$name: $(head -n 1 error)"
        fi
    done
' >seen
cat seen

grep -q '^eight: timeout 1157d9h46m39s$' seen
grep -q '^nine: .*Error: value too large$' seen
grep -q '^days: timeout 1157d9h26m40s$' seen
grep -q '^forty: timeout 40000d$' seen
echo "as described: nft $version"
