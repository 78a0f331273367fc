/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/policy.h"
#include "record/types.h"

void overrides_clear(struct overrides *overrides);
int overrides_copy(const struct overrides *overrides, struct overrides *ret_copy);
/* Appends a copy. Returns 0, -EEXIST where there is one of the kind and name, or -ENOMEM. */
int overrides_add(struct overrides *overrides, const struct override *override);
/* Replaces the names of the only flows that may pass; none: all may. Returns 0 or -ENOMEM. */
int overrides_set_only(struct overrides *overrides, char *const *names, size_t n_names);
/* Takes one away. Returns 0 or -ENOENT. */
int overrides_remove(struct overrides *overrides, enum override_kind kind, const char *name);
const struct override *overrides_find(const struct overrides *overrides, enum override_kind kind,
                                      const char *name);

/* Whether a flow does not pass for the suspension: it has a name or a content that it holds. */
bool suspension_stops(const struct override *suspension, const struct flow *flow);
/* The first that stops the flow, or NULL. */
const struct override *overrides_suspension_of(const struct overrides *overrides,
                                               const struct flow *flow);
bool suspension_holds(const struct override *suspension, const char *content);
bool suspension_holds_name(const struct override *suspension, const char *name);

/*
 * The text of a grant's flow. Ends are names of zones, hosts or groups, or addresses, prefixes and
 * ranges; of an address the host is named that has it and no other, the rest goes into groups of
 * the grant's own, one for each zone. Services are names or literals. The reason is its purpose;
 * NULL: it has none. Nothing here is trusted: the text is parsed like any other, and what people
 * typed cannot be more than a text in it. Line ends, control characters and what is not UTF-8 are
 * mistakes that the parser reports.
 *
 * The text stands after those of the policy, so that what a live flow of the policy covers stays
 * that flow's. A grant that flows of the policy cover for all its time is `shadowed`, an error of
 * diagram_new() whose second place is a flow that covers it. Who grants shows that error: there is
 * nothing to grant, or that flow is suspended and has to be resumed.
 * With another policy compiled_new() leaves out each grant that does not fit any more.
 *
 * Returns 0 and a text that the caller frees, -ENOENT where an address belongs to no zone, -EINVAL
 * where a list is empty, or -ENOMEM.
 */
struct grant_wish {
    const char *name; /* `grant-3` */
    const char *const *from;
    size_t n_from;
    const char *const *to;
    size_t n_to;
    const char *const *services;
    size_t n_services;
    const char *reason;
};
int grant_write(const struct policy *policy, const struct grant_wish *wish, char **ret_text);
