#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# systemd takes what is installed without a complaint: the units, the users and folders that are made
# from it, the presets, and the catalog, which explains every message that has an id.
#
#   units.sh BUILD SOURCE PREFIX
set -u
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/destination.sh"

log_header=$2/daemon/log.h
prefix=$3
lib=$prefix/lib
exporter_unit=$destination$lib/systemd/system/segd-exporter.service

# A tool is fine where it succeeds and says nothing.
silently() { # what, command...
    what=$1
    shift
    if ! "$@" >"$work/said" 2>&1 || [ -s "$work/said" ]; then
        cat "$work/said"
        complain "$what"
    fi
}

check_units() {
    need systemd-analyze
    if ! systemd-analyze --help | grep -q -e --recursive-errors; then
        echo "SKIP: this systemd-analyze cannot verify units below another root"
        exit 77
    fi
    # A program of the system that a unit runs.
    mkdir -p "$destination/bin"
    install -m 0755 /bin/true "$destination/bin/sh"
    for unit in segd.service segd-lockdown.service segd-forwarding-off.service segd.socket \
        segd-report.socket segd-report@x.service segd-exporter.service; do
        # Without libmicrohttpd it is not built.
        [ "$unit" != segd-exporter.service ] || [ -e "$exporter_unit" ] || continue
        silently "systemd-analyze complains of $unit" \
            systemd-analyze verify --man=no --recursive-errors=no --root="$destination" \
            "$destination$lib/systemd/system/$unit"
    done
}

# What root runs for the unit believes what a segd answers that may have been taken over.
check_walls() {
    unit=$destination$lib/systemd/system/segd.service
    if grep -E '^Exec[A-Za-z]+=[-@:|!]*\+' "$unit"; then
        complain "a command of the unit runs outside of what the unit may do"
    fi
    grep -q '^TemporaryFileSystem=/run:ro$' "$unit" || complain "the unit sees sockets of others in /run"
    # Anybody may write to the journal under any id, but not as the unit.
    if grep 'journalctl.*MESSAGE_ID=' "$destination$lib/systemd/catalog/segd.catalog" |
        grep -v -e '-u segd'; then
        complain "the catalog leads to messages that anybody may have written"
    fi
}

member() { # file, name; prints the id
    awk -F: -v name="$2" '$1 == name { print $3 }' "$destination/etc/$1"
}

check_users() {
    mkdir -p "$destination/etc"
    systemd-sysusers --root="$destination" "$destination$lib/sysusers.d/segd.conf" \
        >"$work/said" 2>&1 || complain "systemd-sysusers: $(cat "$work/said")"
    if [ -e "$exporter_unit" ]; then
        systemd-sysusers --root="$destination" "$destination$lib/sysusers.d/segd-exporter.conf" \
            >"$work/said" 2>&1 || complain "systemd-sysusers: $(cat "$work/said")"
        [ -n "$(member passwd segd-exporter)" ] || complain "there is no user segd-exporter"
    fi
    [ -n "$(member passwd segd)" ] || complain "there is no user segd"
    for group in segd segd-view segd-operate segd-admin; do
        [ -n "$(member group "$group")" ] || complain "there is no group $group"
    done
    grep -q '^segd:.*:/usr/sbin/nologin$' "$destination/etc/passwd" ||
        complain "the user segd can log in"
    if grep -q '^segd-[a-z]*:[^:]*:[^:]*:.' "$destination/etc/group"; then
        complain "a group that gives rights has members"
    fi
}

check_folders() {
    silently "systemd-tmpfiles complains" \
        systemd-tmpfiles --root="$destination" --create "$destination$lib/tmpfiles.d/segd.conf"
    expected="2750 0 $(member group segd)"
    for folder in /etc/segd /etc/segd/policy.d; do
        found=$(stat -c '%a %u %g' "$destination$folder")
        [ "$found" = "$expected" ] || complain "$folder is $found instead of $expected"
    done
}

check_presets() {
    wants=$destination/etc/systemd/system
    systemctl --root="$destination" preset segd.service >"$work/said" 2>&1 ||
        complain "systemctl preset: $(cat "$work/said")"
    for link in sysinit.target.wants/segd.service network-pre.target.wants/segd.service \
        sockets.target.wants/segd.socket systemd-sysctl.service.requires/segd-lockdown.service; do
        [ -L "$wants/$link" ] || complain "the preset does not make $link"
    done
}

# `SD_ID128_MAKE(6c, 1f, …)`, also over two lines, as 32 digits.
ids_of_log() {
    tr -d ' \\\n\t' <"$log_header" | grep -o 'SD_ID128_MAKE([0-9a-f,]*)' | tr -cd '0-9a-f\n' |
        sed 's/^.*\(.\{32\}\)$/\1/' | sort
}

check_catalog() {
    need journalctl
    silently "journalctl complains of the catalog" journalctl --root="$destination" --update-catalog
    ids_of_log >"$work/ids"
    [ "$(wc -l <"$work/ids")" -ge 10 ] || complain "there are too few ids in daemon/log.h"
    journalctl --root="$destination" --list-catalog | sed 's/ .*//' | sort >"$work/explained"
    if ! diff -u "$work/ids" "$work/explained"; then
        complain "ids of messages in daemon/log.h (-) are not those of the catalog (+)"
    fi
    while read -r id; do
        journalctl --root="$destination" --dump-catalog "$id" >"$work/entry" 2>&1
        for field in 'Subject: .' 'Defined-By: segd$' 'Documentation: file:/.*\.md$'; do
            grep -q "^$field" "$work/entry" || complain "$id: the catalog has no '$field'"
        done
        # Behind the first empty line stands what happened, behind the second what to do.
        [ "$(grep -c '^$' "$work/entry")" -ge 2 ] || complain "$id: the catalog says too little"
    done <"$work/ids"
}

# What catalog and unit lead to is there, where documentation is installed at all.
check_documentation() {
    [ -e "$destination$prefix/share/doc/segd/README.md" ] || return 0
    grep -rhoE 'file:/[^ ]*' "$destination$lib/systemd" | sort -u | sed 's,^file:,,' >"$work/files"
    [ -s "$work/files" ] || complain "nothing leads to the documentation"
    while read -r file; do
        [ -e "$destination$file" ] || complain "$file is referred to, and is not there"
    done <"$work/files"
}

install_to_destination "$1"
check_units
check_walls
if [ "$(id -u)" -eq 0 ]; then
    check_users
    check_folders
fi
check_presets
check_catalog
check_documentation
if [ "$(id -u)" -ne 0 ]; then
    echo "SKIP: users and folders are made by root only"
fi
finish
