/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Parsing a question. What can be judged is one packet; what people name is often more: a host of
 * two families, a group, a zone, a service of several ports. So both are kept, the packet to judge
 * and the whole of what was named, and the whole decides what counts as near.
 */

#include "answer/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diagram/service_span.h"

static const struct host *host_of_address(const struct policy *policy, enum family family,
                                          ip_number address)
{
    for (size_t i = 0; i < policy->n_hosts; i++) {
        const struct host *host = &policy->hosts[i];

        for (size_t j = 0; j < host->n_addresses; j++) {
            if (host->addresses[j].family == family && host->addresses[j].address == address)
                return host;
        }
    }
    return NULL;
}

static int add_host(struct asked_end *end, const struct host *host, enum family family)
{
    for (size_t i = 0; i < host->n_addresses; i++) {
        const struct host_address *address = &host->addresses[i];
        int r;

        if (address->family != family)
            continue;
        r = range_set_add(&end->addresses, (struct range){address->address, address->address});
        if (r < 0)
            return r;
    }
    return 0;
}

/* Returns 0 (with no addresses where there are none of this family) or -ENOMEM. */
static int parse_name(const struct policy *policy, const char *text, enum family family,
                      struct asked_end *end)
{
    end->host = policy_host_named(policy, text);
    if (end->host) {
        end->kind = ASKED_HOST;
        return add_host(end, end->host, family);
    }

    end->group = policy_group_named(policy, text);
    if (end->group) {
        end->kind = ASKED_GROUP;
        return range_set_add_set(&end->addresses, &end->group->addresses.by_family[family]);
    }

    end->kind = ASKED_ZONE;
    return range_set_add_set(&end->addresses,
                             &policy->zones[end->zone].addresses.by_family[family]);
}

/* An address as it was typed; in the other family, what its host has there. */
static int parse_address(const struct policy *policy, enum family typed, ip_number address,
                         enum family family, struct asked_end *end)
{
    int r;

    end->kind = ASKED_ADDRESS;
    end->host = host_of_address(policy, typed, address);
    if (family == typed) {
        end->address = address;
        end->has_zone = policy_zone_of_address(policy, family, address, &end->zone);
        /* An address of the gateway lies in a network too, and a group in none. */
        if (end->host && (end->host->zone == ZONE_GATEWAY || end->host->multicast)) {
            end->has_zone = true;
            end->zone = end->host->zone;
        }
        return range_set_add(&end->addresses, (struct range){address, address});
    }
    if (!end->host)
        return 0;

    r = policy_find_end(policy, end->host->name, family, &end->zone, &end->address);
    if (r < 0)
        return 0;
    end->has_zone = true;
    return add_host(end, end->host, family);
}

/* Returns 0, -ENOENT for an unknown name, or -ENOMEM. */
static int parse_end(const struct policy *policy, const char *text, enum family family,
                     struct asked_end *end)
{
    enum family typed;
    ip_number address;
    int r;

    if (address_parse(text, &typed, &address) == 0)
        return parse_address(policy, typed, address, family, end);

    r = policy_find_end(policy, text, family, &end->zone, &end->address);
    if (r == -EAFNOSUPPORT)
        return 0;
    if (r < 0)
        return r;

    end->has_zone = true;
    if (end->zone == ZONE_GATEWAY && strcmp(text, "gateway") == 0) {
        end->kind = ASKED_GATEWAY;
        return range_set_add(&end->addresses, family_all(family));
    }
    return parse_name(policy, text, family, end);
}

static void end_clear(struct asked_end *end)
{
    range_set_clear(&end->addresses);
    *end = (struct asked_end){0};
}

static void asked_clear(struct asked *asked)
{
    end_clear(&asked->from);
    end_clear(&asked->to);
    free(asked->spans);
    *asked = (struct asked){0};
}

void question_clear(struct question *question)
{
    for (enum family family = 0; family < FAMILIES; family++)
        asked_clear(&question->families[family]);
    *question = (struct question){0};
}

/* An address of the family. */
static bool is_typed(const char *text, enum family family)
{
    enum family typed;
    ip_number address;

    return address_parse(text, &typed, &address) == 0 && typed == family;
}

/* Fills the question in one family, or leaves it empty. */
static int parse_family(struct question *question, const struct service_range *ranges,
                        size_t n_ranges, enum family family)
{
    struct asked *asked = &question->families[family];
    int r;

    r = parse_end(question->policy, question->from, family, &asked->from);
    if (r < 0)
        return r == -ENOENT ? QUESTION_FROM_UNKNOWN : r;

    r = parse_end(question->policy, question->to, family, &asked->to);
    if (r < 0)
        return r == -ENOENT ? QUESTION_TO_UNKNOWN : r;

    r = service_spans_of_ranges(ranges, n_ranges, family, &asked->spans, &asked->n_spans);
    if (r < 0)
        return r;

    asked->possible = asked->from.addresses.n_ranges > 0 && asked->to.addresses.n_ranges > 0 &&
                      asked->n_spans > 0;
    if (!asked->possible)
        asked_clear(asked);
    asked->implied = asked->possible &&
                     (is_typed(question->from, 1 - family) || is_typed(question->to, 1 - family));
    return 0;
}

/* A packet from an address of no zone gets its zone from the interface; the gateway's own packets
 * have none. */
static bool zone_is_unknown(const struct asked *asked)
{
    const struct asked_end *from = &asked->from, *to = &asked->to;

    return asked->possible &&
           ((asked_is_gateway(from) && !to->has_zone) || (asked_is_gateway(to) && !from->has_zone));
}

int question_parse(const struct policy *policy, const char *from, const char *to,
                   const char *service, struct question *ret_question)
{
    cleanup_(freep) struct service_range *ranges = NULL;
    struct question *question = ret_question;
    bool possible = false;
    size_t n_ranges = 0;
    int service_result, r;

    *question = (struct question){.policy = policy, .from = from, .to = to, .service = service};
    service_result = policy_find_service(policy, service, &ranges, &n_ranges);
    if (service_result == -ENOMEM)
        return -ENOMEM;

    /* The ends are looked at first, so that mistakes are reported from left to right. */
    for (enum family family = 0; family < FAMILIES; family++) {
        r = parse_family(question, ranges, n_ranges, family);
        if (r != 0)
            return r;
        if (zone_is_unknown(&question->families[family]))
            return QUESTION_ZONE_UNKNOWN;
        possible = possible ||
                   (question->families[family].possible && !question->families[family].implied);
    }

    if (service_result < 0)
        return service_result == -EINVAL ? QUESTION_SERVICE_INVALID : QUESTION_SERVICE_UNKNOWN;
    return possible ? 0 : QUESTION_NO_FAMILY;
}
