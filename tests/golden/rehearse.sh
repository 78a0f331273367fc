#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The cases of `segctl rehearse`, which needs a network namespace, and the sample city, whose counts
# change as its flows expire. Arguments as of commands.sh.
set -u

here=$(dirname "$0")
case $# in
    2) segctl=$1 ;;
    *) segctl=$2 ;;
esac

"$segctl" rehearse "$here/../../conf/city"
status=$?
if [ "$status" -eq 5 ]; then
    echo "SKIP: this machine allows this user no network namespace" \
        "(neither CAP_SYS_ADMIN nor user namespaces)"
    exit 77
fi
"$here/commands.sh" "$@" && exit "$status"
