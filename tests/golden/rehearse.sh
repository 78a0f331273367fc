#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The cases of `segctl rehearse`, which needs a network namespace, and the sample city as it is today.
# Arguments as of commands.sh.
set -u

here=$(dirname "$0")
case $# in
    2) segctl=$1 ;;
    *) segctl=$2 ;;
esac

city=$(mktemp -d) || exit 2
trap 'rm -rf "$city"' EXIT
"$here/../../tools/sample-city" "$city" || exit 2
"$segctl" rehearse "$city"
status=$?
if [ "$status" -eq 5 ]; then
    echo "SKIP: this machine allows this user no network namespace" \
        "(neither CAP_SYS_ADMIN nor user namespaces)"
    exit 77
fi
"$here/commands.sh" "$@" && exit "$status"
