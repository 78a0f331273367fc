/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From texts to a policy, wherever the texts come from: text → draft → policy, the whole line of
 * this folder in one place. Texts are parsed where they lie in the sources, so that what a
 * diagnostic shows is what was parsed, and a policy of many megabytes is in memory once.
 */

#include "policy/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/draft.h"
#include "policy/report.h"
#include "policy/store.h"

static const struct location nowhere;

int policy_check_size(struct diagnostics *diagnostics, const char *name, size_t size, size_t *total)
{
    int r;

    if (size <= POLICY_SIZE_MAX && *total + size <= POLICY_SIZE_MAX) {
        *total += size;
        return 0;
    }

    r = diagnostics_add(diagnostics, SEVERITY_ERROR, "too-large", nowhere, NULL,
                        "%s: the policy is larger than %zu MiB", name,
                        POLICY_SIZE_MAX / 1024 / 1024);
    return r < 0 ? r : REPORTED;
}

int policy_parse_sources(const struct sources *sources, size_t first, const usec_t *ends,
                         bool complete, struct diagnostics *diagnostics, struct policy **ret_policy)
{
    cleanup_(draft_freep) struct draft *draft = NULL;
    int r;

    r = draft_new(&draft);
    if (r < 0)
        return r;

    draft->incomplete = !complete;
    draft->first_source = first;
    draft->ends = ends;
    for (size_t i = first; i < sources_count(sources); i++) {
        r = draft_parse(draft, sources, (uint32_t)i, diagnostics);
        if (r < 0)
            return r;
    }
    return resolve(draft, diagnostics, ret_policy);
}

int policy_parse_texts(const struct policy_text *texts, size_t n_texts, struct sources *sources,
                       struct diagnostics *diagnostics, struct policy **ret_policy)
{
    cleanup_(freep) usec_t *ends = calloc(n_texts + 1, sizeof(*ends));
    size_t first = sources_count(sources), size = 0;
    bool complete = true;
    int r;

    if (!ends)
        return -ENOMEM;
    if (n_texts == 0) {
        r = diagnostics_add(diagnostics, SEVERITY_ERROR, "empty-policy", nowhere, NULL,
                            "the policy has no text at all");
        return r < 0 ? r : -EBADMSG;
    }

    for (size_t i = 0; i < n_texts; i++) {
        const struct policy_text *text = &texts[i];
        uint32_t source;

        r = policy_check_size(diagnostics, text->name, text->size, &size);
        if (r == 0) {
            r = sources_add(sources, text->name, text->text, text->size, &source);
            if (r == 0)
                ends[source - first] = text->expires;
        }
        if (r < 0)
            return r;
        complete = complete && r == 0;
    }
    return policy_parse_sources(sources, first, ends, complete, diagnostics, ret_policy);
}

int policy_parse(const char *name, const char *text, size_t size, struct sources *sources,
                 struct diagnostics *diagnostics, struct policy **ret_policy)
{
    return policy_parse_texts(&(const struct policy_text){.name = name, .text = text, .size = size},
                              1, sources, diagnostics, ret_policy);
}
