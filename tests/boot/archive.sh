# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes root file systems of Debian from the archive that this machine's own packages come from, whose
# name stands nowhere but in its sources. To be sourced.
archive_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

skip() { # reason
    echo "SKIP: $1"
    exit 77
}

# Sets machine_suite, or skips. Unstable calls itself what testing is called: in a root file system of
# unstable, whoever enters it says so.
archive_open() {
    [ "$(id -u)" -eq 0 ] || skip "a root file system is made by root only"
    command -v mmdebstrap >/dev/null || skip "mmdebstrap is not installed"
    machine_suite=$(. /etc/os-release && [ "${ID:-}" = debian ] &&
        echo "${BOOT_SUITE:-${VERSION_CODENAME:-}}")
    [ -n "$machine_suite" ] || skip "this machine is no Debian with a suite"
}

# Writes the entries of the machine's sources that the archive of Debian signs, for another suite, and
# prints the paths of what was written. An entry of the main list needs no word for its signature.
# Unstable has neither updates nor a suite of security; an entry that names nothing else goes.
archive_sources() { # folder, suite that is wanted
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        awk -v keyring="$archive_keyring" 'BEGIN { RS = ""; ORS = "\n\n" }
            index($0, keyring) && !/\nEnabled: *no/' "$file"
    done | sed "s/\<$machine_suite\>/$2/g" |
        awk 'BEGIN { RS = ""; ORS = "\n\n" }
            { gsub(/ sid-[a-z]+/, "") }
            !/\nSuites: *(\n|$)/' >"$1/debian.sources"
    {
        grep -h "^deb .*signed-by=$archive_keyring" /etc/apt/sources.list.d/*.list 2>/dev/null || true
        grep -h '^deb ' /etc/apt/sources.list 2>/dev/null || true
    } | sed -e "s/\<$machine_suite\>/$2/g" -e '/ sid-/d' >"$1/debian.list"
    for list in "$1/debian.sources" "$1/debian.list"; do
        [ ! -s "$list" ] || echo "$list"
    done
}

# A root file system, that is there as a whole or not at all. Skips where the archive is not there.
archive_debian() { # suite, root, packages separated by commas, folder of logs, options of mmdebstrap
    suite=$1
    new=$2
    packages=$3
    folder=$4
    shift 4
    lists=$(archive_sources "$folder" "$suite")
    [ -n "$lists" ] || skip "no source of packages of this machine is signed by the archive of Debian"
    # The release file of unstable may be older than it allows.
    [ "$suite" != sid ] || set -- --aptopt='Acquire::Check-Valid-Until "false"' "$@"
    rm -rf --one-file-system "$new.new"
    # shellcheck disable=SC2086 # words
    if ! mmdebstrap --mode=root --include="$packages" --aptopt='Acquire::Retries "3"' \
        --dpkgopt=force-unsafe-io "$@" "$suite" "$new.new" $lists >"$folder/mmdebstrap.log" 2>&1; then
        rm -rf --one-file-system "$new.new"
        cat "$folder/mmdebstrap.log"
        ! grep -q -E 'Could not (connect|resolve)|Temporary failure|Failed to fetch' \
            "$folder/mmdebstrap.log" || skip "the archive of packages cannot be reached"
        exit 1
    fi
    mv "$new.new" "$new"
}
