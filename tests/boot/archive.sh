# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where a root file system of Debian comes from: the archive that this machine's own packages come
# from, whose name stands nowhere but in its sources. To be sourced.
archive_keyring=/usr/share/keyrings/debian-archive-keyring

# Writes the entries of the machine's sources that the archive of Debian signs, for another suite, and
# prints the paths of what was written. An entry of the main list needs no word for its signature.
archive_sources() { # folder, suite of this machine, suite that is wanted
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        awk -v keyring="$archive_keyring" 'BEGIN { RS = ""; ORS = "\n\n" }
            index($0, keyring) && !/\nEnabled: *no/' "$file"
    done | sed "s/\<$2\>/$3/g" >"$1/debian.sources"
    {
        grep -h "^deb .*signed-by=$archive_keyring" /etc/apt/sources.list.d/*.list 2>/dev/null || true
        grep -h '^deb ' /etc/apt/sources.list 2>/dev/null || true
    } | sed "s/\<$2\>/$3/g" >"$1/debian.list"
    for list in "$1/debian.sources" "$1/debian.list"; do
        [ ! -s "$list" ] || echo "$list"
    done
}

# Whether mmdebstrap failed since the archive was not there, by its messages.
archive_is_away() { # log
    grep -q -E 'Could not (connect|resolve)|Temporary failure|Failed to fetch' "$1"
}
