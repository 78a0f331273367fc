/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The result of a change, with a message for the caller. */

#include "daemon/change/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void outcome_clear(struct outcome *outcome)
{
    diagnostics_free(outcome->diagnostics);
    sources_free(outcome->sources);
    policy_changes_free(outcome->changes);
    for (size_t i = 0; i < outcome->n_closings; i++)
        record_clear(&wire_closing_type, &outcome->closings[i]);
    free(outcome->closings);
    for (size_t i = 0; i < outcome->n_approved; i++)
        free(outcome->approved[i]);
    free(outcome->approved);
    free(outcome->connections);
    free(outcome->evidence);
    *outcome = (struct outcome){0};
}

int outcome_begin(struct outcome *outcome)
{
    int r = sources_new(&outcome->sources);

    return r < 0 ? r : diagnostics_new(&outcome->diagnostics);
}

int outcome_set(struct outcome *outcome, enum outcome_kind kind, const char *format, ...)
{
    va_list arguments;

    outcome->kind = kind;
    va_start(arguments, format);
    /* Where a file is compiled twice, the second look at it does not know va_start() any more. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(outcome->message, sizeof(outcome->message), format, arguments);
    va_end(arguments);
    return 1;
}

int outcome_set_storage(struct outcome *outcome, const char *what, int error)
{
    const char *remedy = error == -ENOSPC  ? "; make room and try again"
                         : error == -EROFS ? "; make the folder writable and try again"
                                           : "";

    return outcome_set(outcome, OUTCOME_STORAGE, "cannot write %s: %s%s", what, strerror(-error),
                       remedy);
}

int outcome_set_kernel(struct outcome *outcome, const struct nftables_refusal *refusal, int error)
{
    if (error != -EREMOTEIO)
        return outcome_set(outcome, OUTCOME_KERNEL, "cannot talk to the kernel: %s",
                           strerror(-error));

    outcome->refused = refusal->location;
    return outcome_set(outcome, OUTCOME_KERNEL, "the kernel refused %s: %s", refusal->what,
                       strerror(-refusal->error));
}

const char *outcome_refused_file(const struct outcome *outcome)
{
    return outcome->sources && outcome->refused.line > 0
               ? sources_name(outcome->sources, outcome->refused.source)
               : NULL;
}

const char *outcome_to_string(const struct outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_DONE:
        return "done";
    case OUTCOME_INVALID:
    case OUTCOME_BUSY:
    case OUTCOME_NOT_FOUND:
    case OUTCOME_REFUSED:
        return "refused";
    case OUTCOME_KERNEL:
    case OUTCOME_STORAGE:
        return "failed";
    }
    return NULL;
}
