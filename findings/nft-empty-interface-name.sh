#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nftables 1.0.6 (Debian 12): where a packet has no way in (output) or no way out (input), the kernel's key of
# type `ifname` in a dynamic set is an empty name. nft lists it as `"" . "lo"`, and does not read that again: the
# whole table is refused. One counted packet of the machine itself is enough.
#
# So a set that counts by both interfaces holds only packets that have both, and sets with one name count those of
# the machine itself.
set -eu

version=1.0.6-2+deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "nftables=$version" "libnftables1=$version" >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

table() { # name, key, type
    printf 'table inet example {\n set seen { type %s; size 16; flags dynamic; }
 chain out {\n  type filter hook output priority 0;\n  add @seen { %s counter }\n }\n}\n' "$3" "$2" >"$1.nft"
}
table both 'iifname . oifname' 'ifname . ifname'
table one 'oifname' 'ifname'

# In a network namespace of its own, that ends with it.
unshare --user --map-root-user --net sh -euc '
    libraries=$(dirname "$(find root -name "libnftables.so.1" | head -n 1)")
    nft() { LD_LIBRARY_PATH=$libraries root/usr/sbin/nft "$@"; }
    nft --version
    ip link set lo up
    for name in both one; do
        nft flush ruleset
        nft -f $name.nft
        python3 -c "import socket; socket.socket(2, 2).sendto(b\"x\", (\"127.0.0.1\", 9))"
        nft list ruleset >$name.listed
        echo "$name: $(grep elements $name.listed | tr -s "\t" " ")"
        if nft -c -f $name.listed 2>error; then
            echo "$name: read back"
        else
            echo "$name: $(head -n 1 error)"
        fi
    done
' >seen
cat seen

grep -q '^both:.*elements = { "" \. "lo" counter packets' seen
grep -q '^both: .*[Ee]rror' seen
grep -q '^one:.*elements = { "lo" counter packets' seen
grep -q '^one: read back$' seen
echo "as described: nft $version"
