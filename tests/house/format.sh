#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whether each source is formatted as clang-format does it by .clang-format. Versions of
# clang-format differ; the sources are formatted by the one of Debian 12.
#
#   format.sh TREE          checks a source tree; exits with 77 where clang-format is missing
#   format.sh --self-test   proves that violations are found
set -u

version_wanted=14

require_clang_format() {
    if ! version=$(clang-format --version 2>/dev/null); then
        echo "SKIP: clang-format is not installed"
        exit 77
    fi
    version=$(echo "$version" | sed 's/.*version \([0-9]*\).*/\1/')
    if [ "$version" != "$version_wanted" ]; then
        echo "SKIP: clang-format is version $version, and the sources are formatted by" \
            "$version_wanted"
        exit 77
    fi
}

check() { # tree
    (
        cd "$1" || exit 1
        files=$(find . \( -path ./.git -o -path './build*' \) -prune -o -name '*.[ch]' -print | sort)
        if [ -z "$files" ]; then
            echo "$PWD: there is no source to check"
            exit 1
        fi
        # shellcheck disable=SC2086 # one word a file: no name has spaces
        clang-format --dry-run -Werror $files
    )
}

self_test() {
    . "$(dirname "$0")/self-test.sh"

    put .clang-format <"$(dirname "$0")/../../.clang-format"
    printf 'int x;\n' | put lib/base/good.c
    expect_clean "a formatted source"

    printf 'int  x;\n' | expect_finding lib/base/bad.c "a source that is not formatted"
    expect_no_empty_tree
    self_test_end
}

case "$#:${1:-}" in
    1:--self-test)
        require_clang_format
        self_test
        ;;
    1:*)
        require_clang_format
        check "$1"
        ;;
    *)
        echo "usage: format.sh TREE | --self-test" >&2
        exit 2
        ;;
esac
