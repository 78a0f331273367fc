# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the checks of files and their format share to prove that they can fail: each is run on a
# small tree of its own, once as it should be and once for each thing that must be found. To be
# sourced; `check` is the function under test, which gets a tree and prints what it finds.

self_test_folder=$(mktemp -d) || exit 1
self_test_tree=$self_test_folder/tree
mkdir "$self_test_tree"
trap 'rm -rf "$self_test_folder"' EXIT
trap 'exit 130' INT TERM

# A file keeps the failures, because the end of a pipe is another process.
self_test_fail() { # what
    echo "FAILED: $1"
    echo "$1" >>"$self_test_folder/failures"
}

# Writes one file of the tree from standard input.
put() { # path
    mkdir -p "$self_test_tree/$(dirname "$1")"
    cat >"$self_test_tree/$1"
}

# The tree as it is must pass.
expect_clean() { # what it proves
    if output=$(check "$self_test_tree" 2>&1); then
        echo "ok: $1"
    else
        self_test_fail "$1: found something"
        echo "$output"
    fi
}

# The tree with the file from standard input must not pass, because of that file. Then removes it.
expect_finding() { # path, what it proves
    put "$1"
    if output=$(check "$self_test_tree" 2>&1); then
        self_test_fail "$2: not found"
    elif echo "$output" | grep -q -F "$1" &&
        ! echo "$output" | grep -F ': ' | grep -q -v -F "$1"; then
        echo "ok: $2"
    else
        self_test_fail "$2: found something else"
        echo "$output"
    fi
    rm "$self_test_tree/$1"
}

# A check of nothing must not pass.
expect_no_empty_tree() {
    rm -r "${self_test_tree:?}"
    mkdir "$self_test_tree"
    if check "$self_test_tree" >/dev/null 2>&1; then
        self_test_fail "a tree without sources passed"
    else
        echo "ok: a tree without sources"
    fi
}

self_test_end() {
    [ ! -e "$self_test_folder/failures" ]
}
