#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What compiler and linker are asked for is in the programs that are installed.
#
#   binaries.sh BUILD PREFIX
set -u
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/destination.sh"

need readelf
install_to_destination "$1"

has() { # what, pattern
    grep -q -E "$2" "$work/elf" || complain "$program: $1"
}

has_not() { # what, pattern
    if grep -E "$2" "$work/elf"; then
        complain "$program: $1"
    fi
}

for program in sbin/segd bin/segctl sbin/segd-report sbin/segd-exporter; do
    # Without libmicrohttpd it is not built.
    [ -e "$destination$2/$program" ] || [ "$program" != sbin/segd-exporter ] || continue
    if ! readelf --wide --file-header --program-headers --dynamic --dyn-syms \
        "$destination$2/$program" >"$work/elf"; then
        complain "$program cannot be read"
        continue
    fi
    has "is at a fixed address" 'Type: *DYN'
    has "is not position-independent" 'FLAGS_1.* PIE'
    has "binds functions when they are called" 'FLAGS.*(BIND_NOW| NOW)'
    has "has tables of functions that can be written" 'GNU_RELRO'
    has "does not say what its stack may be" 'GNU_STACK'
    has_not "has a stack that can be executed" 'GNU_STACK.* RWE '
    has_not "has memory to write and to execute" 'LOAD .* RWE '
    has_not "has code that is changed when it is loaded" 'TEXTREL'
    has_not "looks for libraries in a folder of its own" 'RPATH|RUNPATH'
    has "does not guard its stack" ' __stack_chk_fail'
    has "does not check the sizes of what it writes to" ' __[a-z]*printf_chk'
done

# What stands in for the others needs no library.
readelf --wide --file-header --dynamic "$destination$2/sbin/segd-lockdown" >"$work/elf"
program=sbin/segd-lockdown
has "is at a fixed address" 'Type: *DYN'
has_not "needs a library" '\(NEEDED\)'
finish
