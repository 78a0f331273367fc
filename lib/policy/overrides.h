/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "policy/policy.h"

/*
 * What an operator changed for a while, beside the policy:
 *
 *   isolation   a zone is cut off from all others, but for the flows that were kept
 *   suspension  a flow does not pass, though the policy approves it
 *   grant       a flow passes until an instant, though the policy does not approve it
 *
 * They name zones and flows by their names, since they outlive the policy that had them: what a
 * policy does not know means nothing in it. A grant is a flow of the same language as the policy's.
 */
enum override_kind {
    OVERRIDE_ISOLATION,
    OVERRIDE_SUSPENSION,
    OVERRIDE_GRANT,
};

struct override {
    enum override_kind kind;
    /* The zone, the flow, or the name of the grant's own flow (`grant-3`). */
    char *name;
    char *reason;
    int64_t uid; /* who, from the kernel */
    char *who;   /* login name, or the number as text */
    usec_t since;
    usec_t until; /* USEC_NEVER where it stays until it is taken back */
    char **keep;  /* of an isolation: names of flows that go on */
    size_t n_keep;
    char *text; /* of a grant: its flow as a policy text */
};

/* A zeroed structure is no overrides. All memory is its own. */
struct overrides {
    struct override *overrides;
    size_t n_overrides;
    size_t capacity;
    uint64_t next_grant; /* number of the next grant, from 1; counts up for ever */
    /* Where the clock is certainly wrong, an instant that is over whatever it says: flows that had
     * ended by then have expired. 0: the clock is believed. */
    usec_t over;
};

void overrides_clear(struct overrides *overrides);
int overrides_copy(const struct overrides *overrides, struct overrides *ret_copy);
/* Appends a copy. Returns 0, -EEXIST where there is one of the kind and name, or -ENOMEM. */
int overrides_add(struct overrides *overrides, const struct override *override);
/* Takes one away. Returns 0 or -ENOENT. */
int overrides_remove(struct overrides *overrides, enum override_kind kind, const char *name);
const struct override *overrides_find(const struct overrides *overrides, enum override_kind kind,
                                      const char *name);
/* `isolation`, `suspension`, `grant`. The inverse returns false for another word. */
const char *override_kind_to_string(enum override_kind kind);
bool override_kind_from_string(const char *text, enum override_kind *ret_kind);

/*
 * Whether a flow between the two zones is cut off: one of them is isolated and does not keep it.
 * What stays within one zone is never cut off, and ZONE_GATEWAY is never isolated itself; where it
 * is protected a zone that is isolated is cut off from it too. `overrides` may be NULL here and
 * below.
 */
bool overrides_isolate(const struct overrides *overrides, const struct policy *policy,
                       const struct flow *flow, size_t from_zone, size_t to_zone);

/*
 * The text of a grant's flow. Ends are names of zones, hosts or groups, or addresses, prefixes and
 * ranges; of an address the host is named that has it and no other, the rest goes into groups of
 * the grant's own, one for each zone. Services are names or literals. The reason is its purpose;
 * NULL: it has none. Nothing here is trusted: the text is parsed like any other, and what people
 * typed cannot be more than a text in it. Line ends, control characters and what is not UTF-8 are
 * mistakes that the parser reports.
 *
 * The text stands after those of the policy, so that what a flow of the policy covers stays that
 * flow's. A grant of which nothing is left is `shadowed`, an error of diagram_new() whose second
 * place is the flow that covers it. Who grants shows that error: where that flow is live there is
 * nothing to grant; where it is not, that flow is what has to be resumed or approved anew.
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
