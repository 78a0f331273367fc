/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Expectations: one packet each, and the verdict that its author wants. They name single addresses,
 * so that a verdict can be true or false and never "partly".
 */

#include <errno.h>
#include <string.h>

#include "policy/resolver.h"

/* What `from` or `to` names: the gateway, or addresses by family in one zone. */
struct point {
    size_t zone;
    bool has[FAMILIES];
    ip_number addresses[FAMILIES];
};

static void point_of_host(const struct host *host, struct point *point)
{
    point->zone = host->zone;
    for (size_t i = 0; i < host->n_addresses; i++) {
        enum family family = host->addresses[i].family;

        if (!point->has[family])
            point->addresses[family] = host->addresses[i].address;
        point->has[family] = true;
    }
}

static int resolve_point_name(struct resolver *resolver, const struct draft_text *text,
                              struct point *point)
{
    struct known *known;
    int r;

    r = resolve_name(resolver, text, KIND(KNOWN_GATEWAY) | KINDS_OF_ENDS, &known);
    if (r != 0)
        return r;

    if (known->kind == KNOWN_HOST) {
        point_of_host(&resolver->hosts[known->index], point);
        return 0;
    }
    if (known->kind == KNOWN_GATEWAY) {
        if (!resolver->policy->gateway_protect)
            return report_error(&resolver->report, "gateway-unprotected", text->location,
                                "add `gateway: { protect: true }`, or remove the expectation",
                                "the gateway is not protected, so anything may reach it");
        *point = (struct point){.zone = ZONE_GATEWAY, .has = {true, true}};
        return 0;
    }
    return report_error(&resolver->report, "not-single", text->location,
                        "write an address or the name of a host",
                        "an expectation is about single addresses, and `%s` has many", text->text);
}

static int resolve_point(struct resolver *resolver, const struct draft_text *text,
                         struct point *point)
{
    enum family family;
    ip_number address;
    int r;

    *point = (struct point){0};
    if (address_parse(text->text, &family, &address) < 0 && !looks_like_address(text->text))
        return resolve_point_name(resolver, text, point);

    r = resolve_address(resolver, text, &family, &address);
    if (r != 0)
        return r;
    if (!policy_zone_of_address(resolver->policy, family, address, &point->zone))
        return report_error(&resolver->report, "outside-zone", text->location,
                            "write an address of a zone", "`%s` is not in the networks of any zone",
                            text->text);

    point->has[family] = true;
    point->addresses[family] = address;
    return 0;
}

/* The service as one number of one family. */
static int resolve_point_service(struct resolver *resolver, const struct draft_text *text,
                                 enum family family, struct expectation *expectation)
{
    const struct service_range *range = NULL;
    const struct service *service;
    size_t index, n_ranges = 0;
    int r;

    r = resolve_service(resolver, text, &index);
    if (r != 0)
        return r;

    service = &resolver->services[index];
    for (size_t i = 0; i < service->n_ranges; i++) {
        if (service->ranges[i].families[family]) {
            range = &service->ranges[i];
            n_ranges++;
        }
    }
    if (n_ranges == 0)
        return report_error(&resolver->report, "no-common-family", text->location,
                            "write a service that both families have",
                            "`%s` does not exist in the address family of the expectation",
                            text->text);
    if (n_ranges > 1 || range->protocol_first != range->protocol_last ||
        range->port_first != range->port_last)
        return report_error(&resolver->report, "not-single", text->location,
                            "write one protocol with one port, such as tcp/443",
                            "an expectation is about one service, and `%s` is more", text->text);

    expectation->protocol = range->protocol_first;
    expectation->port = range->port_first;
    return 0;
}

static int check_points(struct resolver *resolver, const struct draft_expectation *draft,
                        const struct point *from, const struct point *to,
                        struct expectation *expectation)
{
    if (from->zone == ZONE_GATEWAY && to->zone == ZONE_GATEWAY)
        return report_error(&resolver->report, "gateway-to-itself", draft->object.name->location,
                            NULL, "the expectation goes from the gateway to itself");

    for (enum family family = 0; family < FAMILIES; family++) {
        if (!from->has[family] || !to->has[family])
            continue;
        expectation->family = family;
        expectation->from_zone = from->zone;
        expectation->to_zone = to->zone;
        expectation->from = from->addresses[family];
        expectation->to = to->addresses[family];
        return 0;
    }
    return report_error(&resolver->report, "no-common-family", draft->object.name->location,
                        "write two addresses of one family",
                        "the ends of the expectation have no address family in common");
}

static int resolve_expectation(struct resolver *resolver, const struct draft_expectation *draft)
{
    struct expectation *expectation = &resolver->expectations[resolver->n_expectations];
    struct point from = {0}, to = {0};
    int result = 0;

    *expectation = (struct expectation){.location = draft->object.name->location};
    gather(&result, draft->from ? resolve_point(resolver, draft->from, &from) : REPORTED);
    gather(&result, draft->to ? resolve_point(resolver, draft->to, &to) : REPORTED);
    if (result == 0)
        gather(&result, check_points(resolver, draft, &from, &to, expectation));
    if (result == 0 && draft->service)
        gather(&result,
               resolve_point_service(resolver, draft->service, expectation->family, expectation));
    gather(&result, resolve_switch(resolver, draft->verdict, "verdict", "deny", "allow",
                                   &expectation->allow));
    gather(&result, keep_text(resolver, draft->from, &expectation->from_text));
    gather(&result, keep_text(resolver, draft->to, &expectation->to_text));
    gather(&result, keep_text(resolver, draft->service, &expectation->service_text));

    if (result == 0 && !draft->object.broken)
        resolver->n_expectations++;
    return result < 0 ? result : 0;
}

int resolve_expectations(struct resolver *resolver)
{
    size_t n = resolver->draft->expectations.n_objects;

    resolver->expectations = arena_allocate(resolver->arena, n * sizeof(*resolver->expectations));
    if (!resolver->expectations)
        return -ENOMEM;

    for (const struct draft_object *object = resolver->draft->expectations.first; object;
         object = object->next) {
        int r = resolve_expectation(resolver, (const struct draft_expectation *)object);

        if (r < 0)
            return r;
    }
    return 0;
}
