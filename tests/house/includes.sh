#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Data flows down one line: text, policy, diagram, ruleset, batch, kernel. An include may point only
# toward what stands before it on that line, so that each layer can be read and tested without the
# ones behind it. This finds the arrows that point the other way.
#
#   includes.sh TREE          checks a source tree
#   includes.sh --self-test   proves that violations are found
set -u

check() { # tree
    (
        cd "$1" || exit 1
        set --
        for folder in lib daemon tools tests; do
            if [ -d "$folder" ]; then
                set -- "$@" "$folder"
            fi
        done
        files=$(find "$@" -name '*.[ch]' | sort)
        if [ -z "$files" ]; then
            echo "$PWD: there is no source to check"
            exit 1
        fi
        # shellcheck disable=SC2086 # a word for each file; the house has no spaces in names
        find_violations $files
    )
}

find_violations() { # files
    awk '
        BEGIN {
            may["base"] = "base"
            may["policy"] = may["base"] " policy"
            may["diagram"] = may["policy"] " diagram"
            may["rulepack"] = may["diagram"] " rulepack"
            may["answer"] = may["diagram"] " answer"
            may["ruleset"] = may["diagram"] " ruleset"
            may["compiled"] = may["ruleset"] " answer compiled"
            may["kernel"] = may["compiled"] " rulepack kernel"
            may["observe"] = may["kernel"] " observe"
            may["lab"] = may["observe"] " lab"
            may["control"] = "base control"
            may["daemon"] = may["observe"] " control daemon"
            may["tools"] = may["lab"] " control tools"
            may["tests"] = may["tools"] " daemon tests"
            split("base policy diagram answer rulepack ruleset compiled kernel observe lab control daemon", names)
            for (i in names)
                ours[names[i]] = 1
        }

        function complain(what) {
            print FILENAME ":" FNR ": " what
            found = 1
        }

        FNR == 1 {
            split(FILENAME, part, "/")
            folder = part[1] == "lib" ? part[2] : part[1]
            if (!(folder in may)) {
                complain("no rule says what " folder " may include")
                unknown = 1
            } else
                unknown = 0
        }

        unknown { next }

        match($0, /^[ \t]*#[ \t]*include[ \t]*["<]/) {
            own = substr($0, RLENGTH, 1) == "\""
            path = substr($0, RLENGTH + 1)
            sub(/[">].*/, "", path)
            split(path, part, "/")
            target = part[1]
            if (path ~ /(^|\/)\.\.?(\/|$)/)
                complain("\"" path "\" must be named from the folder lib on")
            else if (path ~ /\//) {
                if (target in ours) {
                    if (index(" " may[folder] " ", " " target " ") == 0)
                        complain(folder " must not include \"" path "\"; only: " may[folder])
                } else if (own && folder != "tools" && folder != "tests")
                    complain("\"" path "\" is in none of our folders")
            }
        }

        END { exit found }
    ' "$@"
}

self_test() {
    . "$(dirname "$0")/self-test.sh"

    put lib/base/base.c <<'END'
#include "base/base.h"
#include "local.h"
#include <stdio.h>
#include <linux/netfilter.h>
/* #include "policy/policy.h" is what this must not say. */
END
    echo '#include "base/base.h"' | put lib/policy/policy.h
    echo '#include "policy/policy.h"' | put lib/diagram/diagram.c
    echo '#include "diagram/diagram.h"' | put lib/rulepack/rulepack.c
    echo '#include "diagram/diagram.h"' | put lib/ruleset/ruleset.c
    echo '#include "ruleset/ruleset.h"' | put lib/kernel/kernel.c
    echo '#include "kernel/kernel.h"' | put lib/lab/lab.c
    echo '#include "base/base.h"' | put lib/control/control.c
    printf '#include "kernel/kernel.h"\n#include "control/control.h"\n' | put daemon/segd.c
    echo '#include "lab/lab.h"' | put tools/segctl/segctl.c
    echo '#include "lab/lab.h"' | put tests/unit/test_lab.c
    expect_clean "arrows along the line are fine"

    echo '#include "policy/policy.h"' | expect_finding lib/base/bad.c "base does not know policy"
    echo '#include <policy/policy.h>' | expect_finding lib/base/bad.c "angle brackets do not help"
    echo ' #  include "policy/policy.h"' | expect_finding lib/base/bad.c "spaces do not help"
    echo '#include "diagram/diagram.h"' | expect_finding lib/policy/bad.h "headers are checked"
    echo '#include "ruleset/ruleset.h"' | expect_finding lib/diagram/bad.c "diagram not ruleset"
    echo '#include "ruleset/ruleset.h"' | expect_finding lib/rulepack/bad.c "rulepack not ruleset"
    echo '#include "rulepack/rulepack.h"' | expect_finding lib/ruleset/bad.c "ruleset not rulepack"
    echo '#include "kernel/kernel.h"' | expect_finding lib/ruleset/bad.c "ruleset not kernel"
    echo '#include "lab/lab.h"' | expect_finding lib/kernel/bad.c "kernel not lab"
    echo '#include "lab/lab.h"' | expect_finding daemon/bad.c "daemon not lab"
    echo '#include "daemon/segd.h"' | expect_finding lib/lab/bad.c "lab not daemon"
    echo '#include "policy/policy.h"' | expect_finding lib/control/bad.c "control needs base only"
    echo '#include "daemon/segd.h"' | expect_finding tools/bad.c "tools use lib only"
    echo '#include "../policy/policy.h"' | expect_finding lib/base/bad.c "no way around by dots"
    echo '#include "lib/policy/policy.h"' | expect_finding lib/base/bad.c "nor by the folder lib"
    echo '#include "base/base.h"' | expect_finding lib/unknown/bad.c "each folder needs a rule"

    expect_no_empty_tree
    self_test_end
}

case "$#:${1:-}" in
    1:--self-test) self_test ;;
    1:*) check "$1" ;;
    *)
        echo "usage: includes.sh TREE | --self-test" >&2
        exit 2
        ;;
esac
