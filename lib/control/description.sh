#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# description.sh NAME FILE [NAME FILE]...: texts as constants of C on standard output.
set -eu

echo '#include "control/varlink.h"'
while [ $# -gt 0 ]; do
    printf '\nconst char %s[] =\n' "$1"
    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$/\\n"/' "$2"
    echo ';'
    shift 2
done
