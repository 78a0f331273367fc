/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/arena.h"
#include "policy/policy.h"
#include "record/types.h"

/*
 * The part `lists/NAME.txt` at the end of a text's name, which makes it a list of addresses and no
 * part of the YAML: NAME is of letters, digits, `-`, `_` and `.`, and does not begin with a dot.
 * NULL for any other text. Borrowed from `name`.
 */
const char *policy_list_name(const char *name);

/*
 * Parses the texts as one policy, as policy_read() does the files of a directory. With `sources`
 * come their names and texts (copied). Returns as policy_read().
 */
int policy_parse_texts(const struct policy_text *texts, size_t n_texts, struct sources *sources,
                       struct diagnostics *diagnostics, struct policy **ret_policy);
/* The same in an arena, which owns the policy: policy_free() frees nothing. If that is NULL, the
 * policy owns itself. What was not valid is left in the arena too. */
int policy_parse_texts_in(const struct policy_text *texts, size_t n_texts, struct arena *arena,
                          struct sources *sources, struct diagnostics *diagnostics,
                          struct policy **ret_policy);

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
/* The same in an arena, which owns it: policy_free() frees nothing. */
int policy_outline_in(const struct policy *policy, struct arena *arena,
                      struct policy **ret_outline);
