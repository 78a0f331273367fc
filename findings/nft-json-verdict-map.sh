#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nftables 1.0.6 (Debian 12): `nft -j` cannot load what `nft -j list ruleset` printed where a verdict map
# leads to a chain. Both the text and the JSON list maps before chains. The text loads, since nft reads it
# whole before it sends chains first; of the JSON each object is sent in the order in which it is listed, so
# that the kernel sees the element of the map before the chain that it names, and answers ENOENT. The error
# has no place: `internal:0:0-0`.
#
# So a backup of a ruleset by `nft -j` cannot be restored; that by `nft list ruleset` can.
set -eu

version=1.0.6-2+deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "nftables=$version" "libnftables1=$version" >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

cat >ruleset.nft <<'END'
table inet example {
    chain web { }
    map services {
        type inet_service : verdict
        elements = { 443 : goto web }
    }
}
END

# In a network namespace of its own, that ends with it.
unshare --user --map-root-user --net sh -euc '
    libraries=$(dirname "$(find root -name "libnftables.so.1" | head -n 1)")
    nft() { LD_LIBRARY_PATH=$libraries root/usr/sbin/nft "$@"; }
    nft --version
    nft -f ruleset.nft
    nft list ruleset >text
    nft -j list ruleset >json
    nft flush ruleset
    nft -f text && echo "text: loaded" && nft flush ruleset
    nft -j -f json 2>&1 || echo "JSON: exit $?"
' >seen
cat seen

grep -q '^text: loaded$' seen
grep -q '^internal:0:0-0: Error: Could not process rule: No such file or directory$' seen
grep -q '^JSON: exit 1$' seen
echo "as described: nft $version"
