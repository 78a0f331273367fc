#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nftables 1.0.6 (Debian 12): a set of ports of a connection (`ct original proto-dst`, `ct reply proto-src`)
# is taken and works once the rule has matched the protocol, and is then listed as `0x1bb [invalid type]`,
# which nft itself cannot read. One port alone is listed as it was written; a concatenation with it is
# listed in the same broken way. `ct original saddr` has no such fault.
#
# So `nft list ruleset >FILE` is no backup of such a ruleset, and a map that is keyed by the addresses and
# the port of a connection has to take the port from the packet (`th dport`).
set -eu

version=1.0.6-2+deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "nftables=$version" "libnftables1=$version" >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

rule() { # name, rule
    printf 'table inet example {\n chain judge {\n  %s\n }\n}\n' "$2" >"$1.nft"
}
rule one 'meta l4proto tcp ct original proto-dst 443 accept'
rule set 'meta l4proto tcp ct original proto-dst { 443, 444 } accept'
rule joined 'meta l4proto tcp ct original proto-dst . ct direction { 443 . original } accept'
rule address 'ct original ip saddr . ct direction { 192.0.2.1 . original } accept'

# In a network namespace of its own, that ends with it.
unshare --user --map-root-user --net sh -euc '
    libraries=$(dirname "$(find root -name "libnftables.so.1" | head -n 1)")
    nft() { LD_LIBRARY_PATH=$libraries root/usr/sbin/nft "$@"; }
    nft --version
    for name in one set joined address; do
        nft flush ruleset
        nft -f $name.nft
        nft list ruleset >$name.listed
        if nft -c -f $name.listed 2>error; then
            echo "$name: read back"
        else
            echo "$name: $(sed -n 3p $name.listed | tr -s "\t" " ")"
            echo "$name: $(head -n 1 error)"
        fi
    done
' >seen
cat seen

grep -q '^one: read back$' seen
grep -q '^address: read back$' seen
grep -q '^set: .*{ 0x1bb \[invalid type\], 0x1bc \[invalid type\] }' seen
grep -q "^set: .*Error: syntax error, unexpected '\['" seen
grep -q '^joined: .*{ 0x1bb \[invalid type\] }' seen
echo "as described: nft $version"
