#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every file has: a licence line, at most so many lines, in a .c file the paragraph that says
# what it is for, and no path that exists on one developer's machine only.
#
#   files.sh TREE          checks a source tree
#   files.sh --self-test   proves that violations are found
set -u

lines_max=800
licence='SPDX-License-Identifier: GPL-2.0-or-later'
# A bracket in each, so that this line does not find itself.
machine_paths='/wor[k]/|/tmp/buil[d]|/hom[e]/[a-z]|/roo[t]/'

# The files of the tree, without build folders and .git.
list() { # arguments of find
    find . \( -path ./.git -o -path './build*' \) -prune -o -type f \( "$@" \) -print | sort |
        sed 's,^\./,,'
}

check_licence() {
    for file in $(list -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name meson.build) \
        $(list ! -name '*.*' | scripts); do
        if ! head -n 3 "$file" | grep -q -F "$licence"; then
            echo "$file: has no line '$licence' at its top"
        fi
    done
}

# Prints those of the files named on standard input that start with `#!`.
scripts() {
    while read -r file; do
        case "$(head -c 2 "$file" | tr -d '\0')" in
            '#!') echo "$file" ;;
        esac
    done
}

check_size() {
    for file in $(list -name '*.[ch]'); do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt "$lines_max" ]; then
            echo "$file: has $lines lines; the limit is $lines_max"
        fi
    done
}

# After the licence line, which check_licence() looks for, the first text is a comment that says
# something.
check_opening() {
    for file in $(list -name '*.c'); do
        sed 1d "$file" | awk -v file="$file" '
            /^[ \t]*$/ && !comment { next }
            !comment && !/^\/\*/ { exit }
            {
                comment = 1
                words += NF
            }
            /\*\// { exit }
            END {
                if (!comment || words < 5)
                    print file ": does not open with a comment that says what it is for"
            }
        '
    done
}

check_paths() {
    list -name '*' | xargs grep -I -n -E "$machine_paths" /dev/null |
        sed 's,^\([^:]*:[0-9]*\):.*,\1: names a path of one machine,'
}

check() { # tree
    (
        cd "$1" || exit 1
        if [ -z "$(list -name '*.c')" ]; then
            echo "$PWD: there is no source to check"
            exit 1
        fi
        findings=$(check_licence; check_size; check_opening; check_paths)
        if [ -n "$findings" ]; then
            echo "$findings"
            exit 1
        fi
    )
}

# A source that is fine, with as many lines as asked for.
source_of() { # lines
    printf '/* %s */\n\n/*\n * Lines of a file that is fine.\n */\n' "$licence"
    yes 'int x;' | head -n $(($1 - 5))
}

self_test() {
    . "$(dirname "$0")/self-test.sh"

    source_of 10 | put lib/base/good.c
    printf '/* %s */\n#pragma once\n' "$licence" | put lib/base/good.h
    printf '/* %s */\n\n/* The one-line form is enough here. */\n' "$licence" | put tests/test_good.c
    printf '# %s\n' "$licence" | put meson.build
    printf '#!/bin/sh\n# %s\n' "$licence" | put tools/setup
    source_of "$lines_max" | put lib/base/long.c
    echo 'text' | put README.md
    printf 'int x;\n/%s/\n' work | put build-x/generated.c
    printf 'a path such as /var/lib/segd, or framework/ and /workshop\n' | put docs/paths.md
    expect_clean "a tree as it should be"

    echo '#pragma once' | expect_finding lib/base/bad.h "a header without licence"
    source_of 10 | sed 1d | expect_finding lib/base/bad.c "a source without licence"
    echo 'project()' | expect_finding lib/meson.build "a build file without licence"
    echo 'exit 0' | expect_finding tests/bad.sh "a script without licence"
    printf '#!/bin/sh\nexit 0\n' | expect_finding tools/bad "a script without name extension"
    source_of $((lines_max + 1)) | expect_finding lib/base/bad.c "a source that is too long"
    printf '/* %s */\n\n#include <stdio.h>\n/* Too late, whatever this says. */\n' "$licence" |
        expect_finding lib/base/bad.c "a source that opens with code"
    printf '/* %s */\n\n/* x */\nint x;\n' "$licence" |
        expect_finding lib/base/bad.c "a source whose comment says nothing"
    printf '/* %s */\n' "$licence" | expect_finding lib/base/bad.c "a source that is empty"
    for path in wor:k/main tm:p/build-x hom:e/me roo:t/x; do
        echo "see /$path" | tr -d : | expect_finding docs/bad.md "a path of one machine ($path)"
    done

    expect_no_empty_tree
    self_test_end
}

case "$#:${1:-}" in
    1:--self-test) self_test ;;
    1:*) check "$1" ;;
    *)
        echo "usage: files.sh TREE | --self-test" >&2
        exit 2
        ;;
esac
