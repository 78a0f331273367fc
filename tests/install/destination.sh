# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of the installation share: a folder of its own into which the build is installed, and
# the count of what is wrong. To be sourced. No locale and no drop-in of this machine has a say.
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER=

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

destination=$work/destination
complaints=$work/complaints

complain() { # what
    echo "FAILED: $1"
    echo "$1" >>"$complaints"
}

need() { # program
    if ! command -v "$1" >/dev/null; then
        echo "SKIP: $1 is not installed"
        exit 77
    fi
}

# `ninja uninstall` goes by meson's log of the last installation, which is put back as it was. One test
# at a time has it.
install_to_destination() { # build folder
    (
        flock 9
        log=$1/meson-logs/install-log.txt
        if [ -e "$log" ]; then
            cp -p "$log" "$work/kept"
        fi
        meson install -C "$1" --destdir "$destination" --no-rebuild >"$work/log" 2>&1
        status=$?
        rm -f "$log"
        if [ -e "$work/kept" ]; then
            mv "$work/kept" "$log"
        fi
        exit "$status"
    ) 9<"$1/meson-logs" && return
    cat "$work/log"
    echo "meson install failed" >&2
    exit 1
}

# Ends the test.
finish() {
    [ ! -e "$complaints" ]
    exit
}
