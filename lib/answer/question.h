/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "diagram/diagram.h"
#include "policy/policy.h"

/*
 * Would this pass? A connection as a person types it, from, to and service, in the terms of the
 * policy: for each family the packet to judge, and all that was named.
 */

enum asked_kind {
    ASKED_GATEWAY,
    ASKED_ADDRESS,
    ASKED_HOST,
    ASKED_GROUP,
    ASKED_ZONE,
};

struct asked_end {
    enum asked_kind kind;
    /* The host that was named or that has the typed address; else NULL. Borrowed from the policy.
     */
    const struct host *host;
    const struct group *group; /* of ASKED_GROUP */
    /* False: an address that no zone owns; `zone` has no meaning then. */
    bool has_zone;
    size_t zone; /* or ZONE_GATEWAY */
    /* The address that is judged: the first one of what was named. 0 for the gateway. */
    ip_number address;
    /* All that was named; owned by the question. */
    struct range_set addresses;
};

/* `gateway`, or an address of it. */
static inline bool asked_is_gateway(const struct asked_end *end)
{
    return end->has_zone && end->zone == ZONE_GATEWAY;
}

/* The question in one family. */
struct asked {
    /* False: an end or the service has nothing of this family; the rest is empty then. */
    bool possible;
    /* True: an address of the other family was typed, and this is about its host's other one. */
    bool implied;
    struct asked_end from;
    struct asked_end to;
    struct service_span *spans; /* sorted, disjoint, not adjacent; owned by the question */
    size_t n_spans;
};

struct question {
    const struct policy *policy; /* borrowed */
    /* As typed, borrowed from the caller. */
    const char *from;
    const char *to;
    const char *service;
    struct asked families[FAMILIES];
};

/* What is wrong with a question. */
enum question_problem {
    QUESTION_FROM_UNKNOWN = 1, /* not an address, and no such name in the policy */
    QUESTION_TO_UNKNOWN,
    QUESTION_SERVICE_UNKNOWN, /* no such name in the policy, and not a literal */
    QUESTION_SERVICE_INVALID, /* a literal that is wrong */
    QUESTION_NO_FAMILY,       /* the ends and the service have no address family in common */
    QUESTION_ZONE_UNKNOWN,    /* between the gateway and an address that no zone owns */
};

/*
 * Parses a question. Of a host, group or zone the first address of a family is judged. An address
 * that belongs to a host of the policy also means the host's addresses of the other family.
 *
 * Returns 0 with a question that is possible in at least one family without being implied, -ENOMEM,
 * or an `enum question_problem`; in each case question_clear() frees what it holds.
 */
int question_parse(const struct policy *policy, const char *from, const char *to,
                   const char *service, struct question *ret_question);
void question_clear(struct question *question);
