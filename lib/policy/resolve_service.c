/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Services: the named ones, and each literal that a flow writes as a service of its own, once
 * however often and in whatever spelling it is written.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "policy/resolver.h"
#include "policy/spelling.h"

static int report_literal(struct resolver *resolver, const struct draft_text *text,
                          const struct literal *literal)
{
    return report_text(&resolver->report, text, "a service", "invalid-service", literal->remedy,
                       "`%s` is not a service: %s", text->text, literal->problem);
}

/* Adds a service to the array; its index. */
static int add_service(struct resolver *resolver, const struct service *service, size_t *ret_index)
{
    *ret_index = resolver->n_services;
    return array_append(&resolver->services, &resolver->n_services, &resolver->services_capacity,
                        service, sizeof(*service));
}

_Static_assert(sizeof(struct service_range) == 6 + FAMILIES,
               "it has no padding, to be compared whole");

/* One literal of a named service, after those it has. */
static int resolve_literal(struct resolver *resolver, const struct draft_text *text,
                           struct service_range *ranges, size_t *n_ranges)
{
    struct literal literal;
    int r;

    r = service_literal_parse(text->text, &literal);
    if (r == -ENOENT) {
        literal.problem = "services are made of literals, not of other services";
        literal.remedy = "write literals such as tcp/443, udp/53 or icmp/echo-request";
    }
    if (r < 0)
        return report_literal(resolver, text, &literal);

    for (size_t i = 0; i < *n_ranges; i++) {
        if (memcmp(&ranges[i], &literal.ranges[0], sizeof(*ranges)) == 0)
            return report_warning(&resolver->report, "redundant", text->location, "remove one",
                                  "`%s` is given twice", text->text);
    }

    memcpy(ranges + *n_ranges, literal.ranges, literal.n_ranges * sizeof(*ranges));
    *n_ranges += literal.n_ranges;
    return 0;
}

/* A longer list is a service in name only. */
#define SERVICE_LITERALS_MAX 1024

static int resolve_literals(struct resolver *resolver, const struct draft_service *draft,
                            struct service *service)
{
    struct service_range *ranges;
    size_t n = count_texts(draft->literals), n_ranges = 0;
    int result = 0;

    if (n > SERVICE_LITERALS_MAX)
        return report_error(&resolver->report, "too-long", draft->literals->location,
                            "write ranges of ports", "a service of %zu literals; the most is %d", n,
                            SERVICE_LITERALS_MAX);

    ranges = arena_allocate(resolver->arena, n * LITERAL_RANGES_MAX * sizeof(*ranges));
    if (!ranges)
        return -ENOMEM;

    for (const struct draft_text *text = draft->literals; text; text = text->next)
        gather(&result, resolve_literal(resolver, text, ranges, &n_ranges));

    service->ranges = ranges;
    service->n_ranges = n_ranges;
    return result;
}

static int resolve_named(struct resolver *resolver, const struct draft_service *draft)
{
    struct service service = {.location = draft->object.name->location};
    struct known *known;
    size_t index;
    int r;

    r = names_register(resolver, &resolver->service_names, KNOWN_SERVICE, &draft->object, &known);
    if (r != 0)
        return r;

    service.name = known->name;
    r = resolve_literals(resolver, draft, &service);
    if (r < 0)
        return r;
    if (r == REPORTED || known->broken)
        return 0;

    r = add_service(resolver, &service, &index);
    if (r == 0)
        known->index = (uint32_t)index;
    return r;
}

int resolve_services(struct resolver *resolver)
{
    int r = names_new(&resolver->service_names, resolver->draft->services.n_objects);

    if (r < 0)
        return r;

    for (const struct draft_object *object = resolver->draft->services.first; object;
         object = object->next) {
        r = resolve_named(resolver, (const struct draft_service *)object);
        if (r < 0)
            return r;
    }
    draft_list_clear(&resolver->draft->services);
    return 0;
}

/* The service of a literal: the one there is, or a new one by its canonical text. */
static int find_literal(struct resolver *resolver, const struct draft_text *text,
                        const struct literal *literal, size_t *ret_index)
{
    struct service service = {
        .location = text->location,
        .literal = true,
        .n_ranges = literal->n_ranges,
    };
    enum family family = literal->ranges[0].families[FAMILY_IPV4] ? FAMILY_IPV4 : FAMILY_IPV6;
    char canonical[SERVICE_TEXT_MAX];
    uint32_t value;
    int r;

    service_range_format(&literal->ranges[0], family, canonical);
    if (name_index_find(&resolver->literals, canonical, &value)) {
        *ret_index = value;
        return 0;
    }

    service.name = arena_string(resolver->arena, canonical);
    service.ranges =
        arena_copy(resolver->arena, literal->ranges, literal->n_ranges * sizeof(*literal->ranges));
    if (!service.name || !service.ranges)
        return -ENOMEM;

    r = add_service(resolver, &service, ret_index);
    if (r < 0)
        return r;
    return name_index_add(&resolver->literals, service.name, (uint32_t)*ret_index);
}

static int report_unknown_service(struct resolver *resolver, const struct draft_text *text)
{
    return report_text(
        &resolver->report, text, "a service", "unknown-service",
        names_suggest(resolver, &resolver->service_names, KIND(KNOWN_SERVICE), text->text)
            ?: "define it under `services`, or write a literal such as tcp/443",
        "`%s` is not the name of a service", text->text);
}

int resolve_service(struct resolver *resolver, const struct draft_text *text, size_t *ret_service)
{
    const struct known *known;
    struct literal literal;
    const char *spelling;
    uint32_t found;
    int r;

    spelling = name_index_find(&resolver->literals, text->text, &found);
    if (spelling && strcmp(spelling, text->text) == 0) {
        *ret_service = found;
        return 0;
    }

    known = names_find(&resolver->service_names, text->text);
    if (known) {
        if (known->index == NOT_VALID)
            return REPORTED;
        *ret_service = known->index;
        return 0;
    }

    r = service_literal_parse(text->text, &literal);
    if (r == -ENOENT)
        return report_unknown_service(resolver, text);
    if (r < 0)
        return report_literal(resolver, text, &literal);
    return find_literal(resolver, text, &literal, ret_service);
}
