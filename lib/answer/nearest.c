/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The flows that come nearest to what was refused. A connection that should work mostly fails
 * because of another port, the wrong machine, the wrong direction or a flow that is disabled, so
 * these are searched for, and ordered by how little is missing.
 */

#include "answer/nearest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/string_table.h"
#include "diagram/service_span.h"

static const char *const nearness_words[] = {
    [NEAR_DISABLED] = "disabled",   [NEAR_LATER] = "behind",
    [NEAR_PART] = "part",           [NEAR_SERVICE] = "other-service",
    [NEAR_REVERSED] = "reversed",   [NEAR_DESTINATION] = "other-destination",
    [NEAR_SOURCE] = "other-source", [NEAR_ZONES] = "same-zones",
};
DEFINE_TO_STRING(nearness, enum nearness)

/* How much of an end that was asked for a flow has at one of its own. */
enum meeting {
    MEETS_NOTHING,
    MEETS_ZONE,
    MEETS_PART, /* of the group or zone asked for, but not the address that is judged */
    MEETS_ADDRESS,
};

/* How much of the service asked for a flow has. */
enum likeness {
    OTHER_PROTOCOL,
    SAME_PROTOCOL,
    SAME_SERVICE,
};

struct search {
    const struct question *question;
    const struct asked *asked;
    enum family family;
    service_number service;
    uint32_t owner;
    const struct moment *moment;
    /* Of each flow found how little it is missing, the least first. */
    unsigned distances[NEAREST_MAX];
    struct near_flow *near;
    size_t n_near;
};

/* Writes what of `asked` the flow has at its `from` (`is_source`) or `to`. */
static int meet(const struct search *search, const struct flow *flow, bool is_source,
                const struct asked_end *asked, size_t other_zone, enum meeting *ret_meeting)
{
    const struct flow_end *ends = is_source ? flow->from : flow->to;
    size_t n_ends = is_source ? flow->n_from : flow->n_to;
    enum meeting meeting = MEETS_NOTHING;

    for (size_t i = 0; i < n_ends; i++) {
        cleanup_(range_set_clear) struct range_set addresses = {0};
        int r;

        if (!asked->has_zone || ends[i].zone != asked->zone)
            continue;

        r = policy_end_addresses(search->question->policy, flow, &ends[i], is_source, other_zone,
                                 search->family, &addresses);
        if (r < 0)
            return r;

        if (range_set_contains(&addresses, asked->address))
            meeting = MEETS_ADDRESS;
        else if (range_set_overlaps(&addresses, &asked->addresses))
            meeting = MEETS_PART;
        else
            meeting = MEETS_ZONE;
    }

    *ret_meeting = meeting;
    return 0;
}

static int compare_service(const struct search *search, const struct flow *flow,
                           enum likeness *ret_likeness)
{
    cleanup_(freep) struct service_span *spans = NULL;
    enum likeness likeness = OTHER_PROTOCOL;
    size_t n_spans;
    int r;

    r = service_spans_of_flow(search->question->policy, flow, search->family, &spans, &n_spans);
    if (r < 0)
        return r;

    for (size_t i = 0; i < n_spans; i++) {
        if (search->service >= spans[i].first && search->service <= spans[i].last)
            likeness = SAME_SERVICE;
        else if (likeness == OTHER_PROTOCOL &&
                 SERVICE_PROTOCOL(search->service) >= SERVICE_PROTOCOL(spans[i].first) &&
                 SERVICE_PROTOCOL(search->service) <= SERVICE_PROTOCOL(spans[i].last))
            likeness = SAME_PROTOCOL;
    }
    *ret_likeness = likeness;
    return 0;
}

/* What a flow has of the question, in its own direction and in the other. */
struct likeness_of_flow {
    enum meeting source;
    enum meeting destination;
    enum meeting reversed_source; /* of the flow's `from`: what was asked for as `to` */
    enum meeting reversed_destination;
    enum likeness service;
};

static int compare_flow(const struct search *search, const struct flow *flow,
                        struct likeness_of_flow *like)
{
    const struct asked_end *from = &search->asked->from, *to = &search->asked->to;
    int r;

    r = meet(search, flow, true, from, to->zone, &like->source);
    if (r == 0)
        r = meet(search, flow, false, to, from->zone, &like->destination);
    if (r == 0)
        r = meet(search, flow, true, to, from->zone, &like->reversed_source);
    if (r == 0)
        r = meet(search, flow, false, from, to->zone, &like->reversed_destination);
    if (r == 0)
        r = compare_service(search, flow, &like->service);
    return r;
}

/* Returns false where the flow is not near at all. */
static bool find_nearness(const struct likeness_of_flow *like, bool enabled,
                          enum nearness *ret_nearness)
{
    bool source = like->source >= MEETS_PART, destination = like->destination >= MEETS_PART;
    bool service = like->service == SAME_SERVICE;

    if (service && like->source == MEETS_ADDRESS && like->destination == MEETS_ADDRESS)
        *ret_nearness = enabled ? NEAR_LATER : NEAR_DISABLED;
    else if (service && source && destination)
        *ret_nearness = NEAR_PART;
    else if (source && destination)
        *ret_nearness = NEAR_SERVICE;
    else if (like->reversed_source >= MEETS_PART && like->reversed_destination >= MEETS_PART)
        *ret_nearness = NEAR_REVERSED;
    else if (service && source)
        *ret_nearness = NEAR_DESTINATION;
    else if (service && destination)
        *ret_nearness = NEAR_SOURCE;
    else if (like->source >= MEETS_ZONE && like->destination >= MEETS_ZONE)
        *ret_nearness = NEAR_ZONES;
    else
        return false;
    return true;
}

/*
 * First how a flow is near, then whether it passes now, then what more it has in common. Another
 * destination and another source weigh the same; what counts is whether that end is in the zone.
 */
static unsigned measure(const struct likeness_of_flow *like, const struct near_flow *near)
{
    bool reversed = near->nearness == NEAR_REVERSED;
    enum meeting source = reversed ? like->reversed_source : like->source;
    enum meeting destination = reversed ? like->reversed_destination : like->destination;
    enum nearness nearness = near->nearness == NEAR_SOURCE ? NEAR_DESTINATION : near->nearness;
    bool strange = source == MEETS_NOTHING || destination == MEETS_NOTHING;

    return (unsigned)nearness * 1000 + (strange ? 500 : 0) + (near->live ? 0 : 100) +
           (SAME_SERVICE - like->service) * 10 + (MEETS_ADDRESS - source) +
           (MEETS_ADDRESS - destination);
}

/* Keeps the flow if it is nearer than one of those kept; of equals the first in file order stays.
 */
static void keep(struct search *search, unsigned distance, const struct near_flow *near)
{
    size_t place = search->n_near;

    while (place > 0 && search->distances[place - 1] > distance)
        place--;
    if (place == NEAREST_MAX)
        return;

    if (search->n_near < NEAREST_MAX)
        search->n_near++;
    for (size_t i = search->n_near - 1; i > place; i--) {
        search->near[i] = search->near[i - 1];
        search->distances[i] = search->distances[i - 1];
    }
    search->near[place] = *near;
    search->distances[place] = distance;
}

static int try_flow(struct search *search, uint32_t index)
{
    const struct flow *flow = &search->question->policy->flows[index];
    struct likeness_of_flow like;
    struct near_flow near = {
        .flow = index,
        .state = moment_flow_state(search->moment, flow),
        .live = moment_passes_somewhere(search->moment, flow),
    };
    int r;

    r = compare_flow(search, flow, &like);
    if (r < 0)
        return r;
    if (!find_nearness(&like, flow->enabled, &near.nearness))
        return 0;
    if (search->owner != NO_FLOW && near.nearness > NEAR_LATER)
        return 0;

    keep(search, measure(&like, &near), &near);
    return 0;
}

/* Whether one flow adds nothing to a better one. */
static bool is_noise(enum nearness best, enum nearness other)
{
    if (best <= NEAR_LATER)
        return other > NEAR_LATER;
    return best != NEAR_ZONES && other == NEAR_ZONES;
}

int nearest_find(const struct question *question, enum family family, service_number service,
                 uint32_t owner, const struct moment *moment, struct near_flow near[NEAREST_MAX],
                 size_t *ret_n_near)
{
    struct search search = {
        .question = question,
        .asked = &question->families[family],
        .family = family,
        .service = service,
        .owner = owner,
        .moment = moment,
        .near = near,
    };

    for (uint32_t i = 0; i < question->policy->n_flows; i++) {
        int r;

        /* What is allowed within a zone does not explain why something else is refused. */
        if (i == owner || question->policy->flows[i].implicit)
            continue;
        r = try_flow(&search, i);
        if (r < 0)
            return r;
    }

    while (search.n_near > 1 && is_noise(near[0].nearness, near[search.n_near - 1].nearness))
        search.n_near--;
    *ret_n_near = search.n_near;
    return 0;
}
