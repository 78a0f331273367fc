#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an installation puts where, with which mode: these files and no others.
#
#   files.sh BUILD SOURCE PREFIX DOCS EXPORTER      whether these are installed: true or false
set -u
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/destination.sh"

source=$2
prefix=$3
docs=$4
exporter=$5

expected() {
    lib=$prefix/lib
    doc=$prefix/share/doc/segd
    cat <<END
755 $prefix/bin/segctl
755 $prefix/sbin/segd
755 $prefix/sbin/segd-lockdown
755 $prefix/sbin/segd-report
644 $lib/systemd/catalog/segd.catalog
644 $lib/systemd/system-preset/80-segd.preset
644 $lib/systemd/system/segd-forwarding-off.service
644 $lib/systemd/system/segd-lockdown.service
644 $lib/systemd/system/segd-report.socket
644 $lib/systemd/system/segd-report@.service
644 $lib/systemd/system/segd.service
644 $lib/systemd/system/segd.socket
644 $lib/sysusers.d/segd.conf
644 $lib/tmpfiles.d/segd.conf
END
    if [ "$exporter" = true ]; then
        printf '%s\n' "755 $prefix/sbin/segd-exporter" \
            "644 $lib/systemd/system/segd-exporter.service" "644 $lib/sysusers.d/segd-exporter.conf"
    fi
    (cd "$source/conf" && find city grafana prometheus zabbix -type f) | sed "s,^,644 $doc/examples/,"
    if [ "$docs" = true ]; then
        (cd "$source/docs" && find . -type f) | sed "s,^\.,644 $doc,"
        printf '644 %s\n' "$doc/README.md" "$doc/README.ja.md"
    fi
}

install_to_destination "$1"

expected | sort >"$work/expected"
(cd "$destination" && find . ! -type d -printf '%m /%P\n') | sort >"$work/found"
if ! diff -u "$work/expected" "$work/found"; then
    complain "these are not the files of an installation"
fi

(cd "$destination" && find . -type d ! -perm 755 -printf '%m /%P\n') >"$work/folders"
if [ -s "$work/folders" ]; then
    cat "$work/folders"
    complain "a folder has another mode than 755"
fi

[ -s "$destination$prefix/share/doc/segd/examples/city/10-zones.yaml" ] ||
    complain "the sample city is not there"
finish
