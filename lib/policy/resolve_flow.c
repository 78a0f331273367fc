/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Flows: ends, services, dates and approval, and what must be true of them together. `intra: allow`
 * of a zone becomes a flow like any other, after all that were written, so that those own their
 * packets first.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/resolver.h"
#include "policy/store.h"

/* Ends of days that were computed before: flows tend to expire together. */
#define DAYS_REMEMBERED 64

/* A longer list is meant as `any`, or is a mistake. */
#define SERVICES_MAX 1024

struct day_end {
    struct date date;
    usec_t end;
};

struct flow_context {
    struct resolver *resolver;
    struct day_end days[DAYS_REMEMBERED];
    usec_t now;
    bool timezone_missed; /* reported */
};

static int find_day_end(struct flow_context *context, struct date date, usec_t *ret_end)
{
    unsigned day = (unsigned)(date.year * 372 + date.month * 31 + date.day);
    struct day_end *remembered = &context->days[day % DAYS_REMEMBERED];
    int r;

    if (remembered->date.month == 0 || date_compare(remembered->date, date) != 0) {
        r = date_end(date, context->resolver->policy->timezone, &remembered->end);
        if (r < 0)
            return r;
        remembered->date = date;
    }

    *ret_end = remembered->end;
    return 0;
}

/* Whoever means a day or an hour means it somewhere. */
static int miss_timezone(struct flow_context *context, struct location location, const char *what)
{
    if (context->resolver->draft->timezone || context->timezone_missed)
        return 0;

    context->timezone_missed = true;
    return report_warning(&context->resolver->report, "no-timezone", location,
                          "add `timezone: Asia/Tokyo`, or whatever yours is",
                          "the policy has no `timezone`: %s", what);
}

static int resolve_expires(struct flow_context *context, const struct draft_text *text,
                           struct flow *flow)
{
    struct resolver *resolver = context->resolver;
    const struct draft *draft = resolver->draft;
    int r;

    flow->expires = draft->ends ? draft->ends[flow->location.source - draft->first_source] : 0;
    if (flow->expires != 0)
        return 0;

    flow->expires = USEC_NEVER;
    if (!text)
        return 0;

    r = resolve_date(resolver, text, "expires", &flow->expires_date);
    if (r != 0)
        return r;

    r = find_day_end(context, flow->expires_date, &flow->expires);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return report_error(&resolver->report, "invalid-date", text->location, NULL,
                            "`expires`: the end of `%s` cannot be told", text->text);

    flow->has_expires = true;
    if (flow->expires <= context->now)
        return report_warning(&resolver->report, "expired", text->location,
                              "remove the flow, or have it approved until a later day",
                              "flow `%s` has expired: nothing of it passes", flow->name);
    return miss_timezone(context, text->location, "the day ends when it ends in UTC");
}

static int resolve_times(struct flow_context *context, const struct draft_schedule *draft,
                         struct flow *flow)
{
    int r;

    if (!draft)
        return 0;

    r = resolve_schedule(context->resolver, draft, &flow->schedule);
    if (r != 0 || !flow->schedule)
        return r;
    return miss_timezone(context, flow->location, "the hours of the schedule are those of UTC");
}

static int resolve_approval(struct resolver *resolver, const struct draft_approval *draft,
                            struct flow *flow)
{
    struct approval *approval = &flow->approval;
    int r;

    if (!draft)
        return 0;

    flow->has_approval = true;
    r = keep_text(resolver, draft->number, &approval->number);
    if (r == 0)
        r = keep_text(resolver, draft->requester, &approval->requester);
    if (r == 0)
        r = keep_text(resolver, draft->approver, &approval->approver);
    if (r == 0)
        r = resolve_date(resolver, draft->date, "date", &approval->date);
    approval->has_date = r == 0 && draft->date;
    return r;
}

static int resolve_sanitize(struct resolver *resolver, const struct draft_text *text,
                            struct flow *flow)
{
    size_t word;
    int r;

    if (!text)
        return 0;

    /* The first word is for where there is no key. */
    r = resolve_word(resolver, text, "sanitize", sanitize_method_words + 1,
                     ELEMENTS_OF(sanitize_method_words) - 1, &word);
    if (r == 0)
        flow->sanitize = (enum sanitize_method)(word + 1);
    return r;
}

/* All keys but the ends and services. */
static int resolve_details(struct flow_context *context, const struct draft_flow *draft,
                           struct flow *flow)
{
    struct resolver *resolver = context->resolver;
    int result = 0;

    flow->label = flow->name;
    gather(&result, keep_text(resolver, draft->label, &flow->label));
    gather(&result, keep_text(resolver, draft->purpose, &flow->purpose));
    gather(&result, resolve_approval(resolver, draft->approval, flow));
    gather(&result, resolve_expires(context, draft->expires, flow));
    gather(&result, resolve_times(context, draft->schedule, flow));
    gather(&result, resolve_sanitize(resolver, draft->sanitize, flow));
    if (draft->limit)
        gather(&result, resolve_limit(resolver, draft->limit, &flow->limit));
    gather(&result, resolve_switch(resolver, draft->log, "log", "none", "new", &flow->log_new));
    gather(&result, resolve_date(resolver, draft->reviewed, "reviewed", &flow->reviewed));
    flow->has_reviewed = draft->reviewed;
    gather(&result, resolve_boolean(resolver, draft->enabled, "enabled", &flow->enabled));
    return result;
}

static int resolve_flow_services(struct resolver *resolver, const struct draft_text *list,
                                 struct flow *flow)
{
    size_t *services, n = count_texts(list);
    int r, result = 0;

    if (n > SERVICES_MAX)
        return report_error(&resolver->report, "too-long", list->location,
                            "write ranges of ports, or divide the flow",
                            "a flow of %zu services; the most is %d", n, SERVICES_MAX);

    services = arena_allocate(resolver->arena, n * sizeof(*services));
    if (!services)
        return -ENOMEM;

    n = 0;
    for (const struct draft_text *text = list; text; text = text->next) {
        bool again = false;

        r = resolve_service(resolver, text, &services[n]);
        for (size_t i = 0; r == 0 && i < n; i++)
            again |= services[i] == services[n];
        if (again)
            r = report_warning(&resolver->report, "redundant", text->location, "remove one",
                               "service `%s` is given twice", text->text);
        else if (r == 0)
            n++;
        gather(&result, r);
    }

    flow->services = services;
    flow->n_services = n;
    return result;
}

static bool ends_have_family(const struct flow_end *ends, size_t n_ends, enum family family)
{
    for (size_t i = 0; i < n_ends; i++) {
        if (ends[i].addresses.by_family[family].n_ranges > 0)
            return true;
    }
    return false;
}

static bool services_have_family(const struct resolver *resolver, const struct flow *flow,
                                 enum family family)
{
    for (size_t i = 0; i < flow->n_services; i++) {
        const struct service *service = &resolver->services[flow->services[i]];

        for (size_t j = 0; j < service->n_ranges; j++) {
            if (service->ranges[j].families[family])
                return true;
        }
    }
    return false;
}

static int check_families(struct resolver *resolver, const struct flow *flow)
{
    bool ends_meet = false;

    for (enum family family = 0; family < FAMILIES; family++) {
        if (!ends_have_family(flow->from, flow->n_from, family) ||
            !ends_have_family(flow->to, flow->n_to, family))
            continue;
        if (services_have_family(resolver, flow, family))
            return 0;
        ends_meet = true;
    }
    if (ends_meet)
        return report_error(&resolver->report, "no-common-family", flow->location,
                            "name services of the family that the ends have",
                            "no service of flow `%s` exists in the address family of its ends",
                            flow->name);
    return report_error(&resolver->report, "no-common-family", flow->location,
                        "give both ends addresses of one family",
                        "the ends of flow `%s` have no address family in common", flow->name);
}

/* The one interface that all these zones have, NULL where there are more. */
static const char *single_interface(const struct resolver *resolver, const struct flow_end *ends,
                                    size_t n_ends, const char *interface)
{
    for (size_t i = 0; i < n_ends; i++) {
        const struct zone *zone = &resolver->zones[ends[i].zone];

        if (zone->n_interfaces != 1 || (interface && strcmp(interface, zone->interfaces[0]) != 0))
            return NULL;
        interface = zone->interfaces[0];
    }
    return interface;
}

/* What must be true of the ends and services together. */
static int check_flow(struct resolver *resolver, const struct flow *flow)
{
    bool from_gateway = flow_ends_have_gateway(flow->from, flow->n_from);
    bool to_gateway = flow_ends_have_gateway(flow->to, flow->n_to);
    const char *interface;

    if (from_gateway && to_gateway)
        return report_error(&resolver->report, "gateway-to-itself", flow->location,
                            "loopback needs no flow; leave `gateway` out of one of the ends",
                            "flow `%s` goes from the gateway to itself", flow->name);
    if (from_gateway || to_gateway)
        return check_families(resolver, flow);

    interface = single_interface(resolver, flow->from, flow->n_from, NULL);
    if (interface)
        interface = single_interface(resolver, flow->to, flow->n_to, interface);
    if (interface) {
        int r = report_warning(&resolver->report, "same-interface", flow->location,
                               "remove the flow, unless hosts on this link talk through the "
                               "gateway",
                               "both ends of flow `%s` are on interface `%s`: it does not cross "
                               "the gateway",
                               flow->name, interface);

        if (r < 0)
            return r;
    }
    return check_families(resolver, flow);
}

static int resolve_flow(struct flow_context *context, const struct draft_flow *draft)
{
    struct resolver *resolver = context->resolver;
    struct flow *flow = &resolver->flows[resolver->n_flows];
    struct resolved_ends from = {0}, to = {0};
    struct known *known;
    int result;

    result = names_register(resolver, &resolver->flow_names, KNOWN_FLOW, &draft->object, &known);
    if (result != 0)
        return result;

    *flow = (struct flow){
        .name = known->name,
        .location = known->location,
        .enabled = true,
    };
    gather(&result, resolve_details(context, draft, flow));
    if (draft->from)
        gather(&result, resolve_ends(resolver, draft->from, true, &from));
    if (draft->to)
        gather(&result, resolve_ends(resolver, draft->to, false, &to));
    gather(&result, resolve_flow_services(resolver, draft->services, flow));
    if (result < 0)
        return result;
    if (result == REPORTED || known->broken)
        return 0;
    assert(from.n_ends > 0 && to.n_ends > 0);

    flow->from = from.ends;
    flow->n_from = from.n_ends;
    flow->from_names = from.names;
    flow->n_from_names = from.n_names;
    flow->to = to.ends;
    flow->n_to = to.n_ends;
    flow->to_names = to.names;
    flow->n_to_names = to.n_names;

    result = check_flow(resolver, flow);
    gather(&result,
           resolve_flow_reject(resolver, draft->reject, flow->from, flow->n_from, &flow->reject));
    if (result < 0)
        return result;
    if (result == 0)
        resolver->n_flows++;
    return 0;
}

/* `intra: allow` as a flow of everything from the zone to itself. */
static int add_intra_flow(struct resolver *resolver, size_t zone_index)
{
    const struct zone *zone = &resolver->zones[zone_index];
    struct flow *flow = &resolver->flows[resolver->n_flows];
    struct end_name *name = arena_allocate(resolver->arena, sizeof(*name));
    struct flow_end *end = arena_allocate(resolver->arena, sizeof(*end));
    size_t *service = arena_allocate(resolver->arena, sizeof(*service));
    cleanup_(freep) struct draft_text *any = NULL;
    int r;

    any = calloc(1, sizeof(*any) + sizeof("any"));
    if (!name || !end || !service || !any)
        return -ENOMEM;

    strcpy(any->text, "any");
    any->location = zone->location;
    r = resolve_service(resolver, any, service);
    if (r < 0)
        return r;

    *name = (struct end_name){END_ZONE, zone_index};
    *end = (struct flow_end){zone_index, zone->addresses};
    *flow = (struct flow){
        .name = arena_printf(resolver->arena, "intra:%s", zone->name),
        .location = zone->location,
        .implicit = true,
        .enabled = true,
        .from = end,
        .n_from = 1,
        .to = end,
        .n_to = 1,
        .services = service,
        .n_services = 1,
        .from_names = name,
        .n_from_names = 1,
        .to_names = name,
        .n_to_names = 1,
        .expires = USEC_NEVER,
    };
    flow->label = flow->name;
    if (!flow->name)
        return -ENOMEM;

    resolver->n_flows++;
    return 0;
}

int resolve_flows(struct resolver *resolver)
{
    struct flow_context context = {
        .resolver = resolver,
        .now = calendar_now(),
    };
    struct draft_list *flows = &resolver->draft->flows;
    size_t n_flows = flows->n_objects;
    int r;

    r = names_new(&resolver->flow_names, n_flows);
    if (r < 0)
        return r;

    resolver->flows =
        arena_allocate(resolver->arena, (n_flows + resolver->n_zones) * sizeof(*resolver->flows));
    if (!resolver->flows)
        return -ENOMEM;

    for (struct draft_object *object = flows->first; object;
         object = draft_list_next(flows, object)) {
        r = resolve_flow(&context, (const struct draft_flow *)object);
        if (r < 0)
            return r;
    }
    names_clear(&resolver->flow_names);

    for (size_t i = 0; i < resolver->n_zones; i++) {
        if (!resolver->zones[i].intra_allow)
            continue;
        r = add_intra_flow(resolver, i);
        if (r < 0)
            return r;
    }
    return 0;
}
