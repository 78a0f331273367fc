#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How much of the machine the unit leaves to segd, by the measure of `systemd-analyze security`, from
# 0 to 10. What counts most and cannot go is that it works on the network of the machine.
#
#   exposure.sh BUILD PREFIX
set -u
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/destination.sh"

limit=1.2

need systemd-analyze
if ! systemd-analyze --help | grep -q -e --offline; then
    echo "SKIP: this systemd-analyze cannot judge a unit that is not loaded"
    exit 77
fi
install_to_destination "$1"

for unit in segd segd-lockdown segd-exporter; do
    # Without libmicrohttpd it is not built.
    [ -e "$destination$2/lib/systemd/system/$unit.service" ] || [ "$unit" != segd-exporter ] || continue
    systemd-analyze security --offline=yes --no-pager --root="$destination" \
        "$destination$2/lib/systemd/system/$unit.service" >"$work/table" 2>&1
    exposure=$(sed -n "s/.*Overall exposure level for $unit\.service: \([0-9.]*\).*/\1/p" "$work/table")
    # What it leaves open: the lines with a number behind them.
    grep -E ' [0-9]\.[0-9] *$' "$work/table"
    echo "$(systemd-analyze --version | head -n 1): $unit: exposure ${exposure:-unknown}, at most $limit"
    if ! awk -v exposure="$exposure" -v limit="$limit" \
        'BEGIN { exit !(exposure ~ /^[0-9]/ && exposure + 0 <= limit + 0) }'; then
        complain "the unit $unit leaves more open than $limit"
    fi
done
finish
