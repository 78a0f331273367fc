/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The one place that spells the reasons. All that others see of a reason follows from its name. */

#include "base/reason.h"

#include <stddef.h>
#include <string.h>

#define WORDS(name)                                                                                \
    {                                                                                              \
        name, "segd " name " ", "drop/" name                                                       \
    }

static const struct {
    const char *name, *log_prefix, *chain;
} reasons[REASONS] = {
    [REASON_NO_FLOW] = WORDS("no-flow"),
    [REASON_SUSPENDED] = WORDS("suspended"),
    [REASON_SPOOFED] = WORDS("spoofed"),
    [REASON_MAC_MISMATCH] = WORDS("mac-mismatch"),
    [REASON_INVALID] = WORDS("invalid"),
    [REASON_UNKNOWN_INTERFACE] = WORDS("unknown-interface"),
    [REASON_LIMITED] = WORDS("limited"),
    /* An isolation stands beside the ruleset, with a chain of its own. */
    [REASON_ISOLATED] = {REASON_NAME_ISOLATED, "segd " REASON_NAME_ISOLATED " ",
                         REASON_NAME_ISOLATED "/drop"},
    [REASON_LOCKDOWN] = WORDS("lockdown"),
};

const char *reason_to_string(enum reason reason)
{
    return reasons[reason].name;
}

const char *reason_log_prefix(enum reason reason)
{
    return reasons[reason].log_prefix;
}

const char *reason_chain(enum reason reason)
{
    return reasons[reason].chain;
}

enum reason reason_of_counter(const char *name, const char **ret_rest)
{
    size_t length = strcspn(name, "/");

    for (enum reason reason = REASON_NONE + 1; reason < REASONS; reason++) {
        const char *known = reasons[reason].name;

        if (strncmp(known, name, length) == 0 && known[length] == '\0') {
            *ret_rest = name + length + (name[length] == '/');
            return reason;
        }
    }
    return REASON_NONE;
}
