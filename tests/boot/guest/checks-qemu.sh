# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the scenarios of machine-qemu share.

# What segd found otherwise is not the question here.
holds_exactly() {
    segctl verify 2>&1 | grep 'the kernel holds exactly what was applied'
}

holds() { # check
    if held=$(holds_exactly); then
        pass "$1" "$held"
    else
        fail "$1" "$(segctl verify 2>&1 | in_short)"
    fi
}
