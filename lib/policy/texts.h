/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/policy.h"

/*
 * A policy as the texts of its files, in their order: what a generation keeps, and what is parsed.
 * What an operator granted stands after them as texts of its own.
 */
struct policy_text {
    const char *name; /* what diagnostics call it: the path of the file, or `grant grant-3` */
    const char *text;
    size_t size;
    /* Instant at which all flows of this text end, for grants; 0: what the text itself says. */
    usec_t expires;
};

/*
 * Parses the texts as one policy, as policy_read() does the files of a directory. With `sources`
 * come their names and texts (copied). Returns as policy_read().
 */
int policy_parse_texts(const struct policy_text *texts, size_t n_texts, struct sources *sources,
                       struct diagnostics *diagnostics, struct policy **ret_policy);

/*
 * Reads the files of a path as texts, without parsing them: each is added to `sources`, so that
 * sources_count(), sources_name() and sources_text() give the texts. A path that cannot be read is
 * a diagnostic. Returns 0, -EBADMSG or -ENOMEM.
 */
int policy_load_sources(const char *path, struct sources *sources, struct diagnostics *diagnostics);

/*
 * A copy of a policy that knows the site, the time zone, the gateway, zones and segments, and
 * nothing else: what is needed to act on a zone while the policy itself is not in memory. Returns 0
 * and an outline that the caller owns, or -ENOMEM.
 */
int policy_outline(const struct policy *policy, struct policy **ret_outline);
