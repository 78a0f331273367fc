/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The one place that spells the reasons. All that others see of a reason follows from its name. */

#include "base/reason.h"

#include <stddef.h>
#include <string.h>

#define WORDS(name, detail)                                                                        \
    {                                                                                              \
        name, "segd " name " ", "drop/" name, "log/" name, "unlogged/" name,                       \
            REASON_DETAIL_##detail                                                                 \
    }

static const struct {
    const char *name, *log_prefix, *chain, *log_set, *unlogged;
    enum reason_detail detail;
} reasons[REASONS] = {
    [REASON_NO_FLOW] = WORDS("no-flow", PAIR),
    [REASON_SUSPENDED] = WORDS("suspended", PAIR),
    [REASON_SPOOFED] = WORDS("spoofed", ZONE),
    [REASON_MAC_MISMATCH] = WORDS("mac-mismatch", ZONE),
    [REASON_INVALID] = WORDS("invalid", PAIR),
    [REASON_UNKNOWN_INTERFACE] = WORDS("unknown-interface", NONE),
    [REASON_LIMITED] = WORDS("limited", FLOW),
    [REASON_CLEAR_TEXT] = WORDS("clear-text", ZONE),
    /* An isolation stands beside the ruleset, with a chain of its own. */
    [REASON_ISOLATED] = {REASON_NAME_ISOLATED, "segd " REASON_NAME_ISOLATED " ",
                         REASON_NAME_ISOLATED "/drop", "log/" REASON_NAME_ISOLATED,
                         "unlogged/" REASON_NAME_ISOLATED, REASON_DETAIL_ZONE},
    [REASON_LOCKDOWN] = WORDS("lockdown", NONE),
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

const char *reason_log_set(enum reason reason)
{
    return reasons[reason].log_set;
}

const char *reason_unlogged(enum reason reason)
{
    return reasons[reason].unlogged;
}

enum reason_detail reason_detail(enum reason reason)
{
    return reasons[reason].detail;
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
