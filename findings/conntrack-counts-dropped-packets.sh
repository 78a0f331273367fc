#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Linux (seen on 6.18) with conntrack-tools 1.4.7 (Debian 12): packets of an open connection that a filter drops still
# count in the connection (net.netfilter.nf_conntrack_acct) and begin its timeout anew, since connection tracking
# comes before the rule. Neither the counters nor the timeout of `conntrack -L` tells when a packet passed last, and a
# connection that is refused at each packet never ends while its sender goes on.
#
# So the instant after which nothing passed is that at which the kernel took the rule, and not what the table of
# connections shows.
set -eu

version=1:1.4.7-1+b2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "conntrack=$version" libnetfilter-conntrack3 libnfnetlink0 >/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done

# In a network namespace of its own, that ends with it.
unshare --user --map-root-user --net sh -euc '
    libraries=$(dirname "$(find root -name "libnetfilter_conntrack.so.3" | head -n 1)")
    conntrack() { LD_LIBRARY_PATH=$libraries root/usr/sbin/conntrack "$@"; }
    send() { # number of packets
        python3 -c "
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((\"127.0.0.1\", 4000))
for _ in range($1): sender.sendto(b\"x\", (\"127.0.0.1\", 5000))"
    }
    show() { # when
        echo "$1: $(conntrack -L -p udp --orig-port-dst 5000 2>/dev/null |
            sed -E "s/^udp +17 ([0-9]+) .*dport=5000 packets=([0-9]+) .*/\2 packets, \1 s left/")"
    }
    ip link set lo up
    nft "add table t; add chain t in { type filter hook input priority 0; }; add rule t in ct state new,established accept"
    echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct
    send 3
    show accepted
    nft insert rule t in udp dport 5000 drop
    sleep 3
    show waited
    send 5
    show dropped
' >seen
uname -r
cat seen

left() { sed -nE "s/^$1: $2 packets, ([0-9]+) s left$/\1/p" seen; }
[ "$(left waited 3)" -lt "$(left accepted 3)" ]
[ "$(left dropped 8)" -gt "$(left waited 3)" ]
echo "as described: $(uname -r), conntrack $version"
