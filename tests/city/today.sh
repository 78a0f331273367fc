#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs a command with the folder of the sample city in $SAMPLE, as it is on any day: the ends of its
# approvals lie ahead.
#
#   today.sh SOURCE_ROOT COMMAND...
set -eu

SAMPLE=$(mktemp -d)
export SAMPLE
trap 'rm -rf "$SAMPLE"' EXIT
"$1/tools/sample-city" "$SAMPLE"
shift
"$@"
