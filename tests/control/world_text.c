/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A policy of the model as the text that segd reads. */

#include <check.h>
#include <stdio.h>
#include <time.h>

#include "world.h"

const char *const world_wire_names[WORLD_WIRES] = {"a0", "a1", "b0", "c0"};
static const char *const networks[WORLD_BLOCKS + 1] = {
    "10.1.0.0/17, 'fd00:1::/33'",   "10.1.128.0/17, 'fd00:1:8000::/33'",
    "10.2.0.0/17, 'fd00:2::/33'",   "10.2.128.0/17, 'fd00:2:8000::/33'",
    "10.3.0.0/17, 'fd00:3::/33'",   "10.3.128.0/17, 'fd00:3:8000::/33'",
    "10.4.0.0/17, 'fd00:4::/33'",   "10.4.128.0/17, 'fd00:4:8000::/33'",
    "10.99.0.0/16, 'fd00:99::/32'",
};

static const char *const lives[] = {
    [LIFE_LIVE] = "",
    [LIFE_EXPIRED] = ", expires: 2020-01-01",
    [LIFE_DISABLED] = ", enabled: false",
};

static void print_zones(FILE *stream, const struct policy_model *policy)
{
    fputs("segd: 1\ntimezone: UTC\nzones:\n", stream);
    for (size_t i = 0; i < policy->n_zones; i++) {
        const struct zone_model *zone = &policy->zones[i];
        const char *comma = "";

        fprintf(stream, "  %s: { class: other, interfaces: [", zone->name);
        for (unsigned wire = 0; wire < WORLD_WIRES; wire++)
            if (zone->wires & BIT(wire)) {
                fprintf(stream, "%s%s", comma, world_wire_names[wire]);
                comma = ", ";
            }
        fputs("], networks: [", stream);
        comma = "";
        for (unsigned block = 0; block <= WORLD_BLOCKS; block++)
            if (zone->blocks & BIT(block)) {
                fprintf(stream, "%s%s", comma, networks[block]);
                comma = ", ";
            }
        fputs("] }\n", stream);
    }
}

static void print_groups(FILE *stream, const struct policy_model *policy)
{
    fputs("groups:\n", stream);
    for (size_t i = 0; i < policy->n_zones; i++)
        for (unsigned block = 0; block <= WORLD_BLOCKS; block++)
            if (policy->zones[i].blocks & BIT(block))
                fprintf(stream, "  k%u: { zone: %s, members: [%s] }\n", block,
                        policy->zones[i].name, networks[block]);
}

/* Zones where the end has all of one, else groups. */
static void print_end(FILE *stream, const struct policy_model *policy, unsigned blocks)
{
    const char *comma = "";

    for (size_t i = 0; i < policy->n_zones; i++) {
        const struct zone_model *zone = &policy->zones[i];

        if ((zone->blocks & blocks) == zone->blocks) {
            fprintf(stream, "%s%s", comma, zone->name);
            comma = ", ";
            continue;
        }
        for (unsigned block = 0; block <= WORLD_BLOCKS; block++)
            if (zone->blocks & blocks & BIT(block)) {
                fprintf(stream, "%sk%u", comma, block);
                comma = ", ";
            }
    }
}

static void print_time(FILE *stream, const struct flow_model *flow)
{
    time_t day = (time_t)(WORLD_HOUR_0 + flow->last_day * WORLD_DAY * WORLD_HOUR);
    char text[16];
    struct tm parts;

    if (flow->last_day > 0 && flow->life == LIFE_LIVE) {
        strftime(text, sizeof(text), "%Y-%m-%d", gmtime_r(&day, &parts));
        fprintf(stream, ", expires: %s", text);
    }
    if (flow->opens != flow->closes)
        fprintf(stream, ", schedule: { hours: '%02d:00-%02d:00' }", flow->opens,
                flow->closes ? flow->closes : WORLD_DAY);
}

static void print_flows(FILE *stream, const struct policy_model *policy)
{
    fputs(policy->n_flows ? "flows:\n" : "", stream);
    for (size_t i = 0; i < policy->n_flows; i++) {
        const struct flow_model *flow = &policy->flows[i];

        fprintf(stream, "  %s: { from: [", flow->name);
        print_end(stream, policy, flow->from);
        fputs("], to: [", stream);
        print_end(stream, policy, flow->to);
        if (flow->last == WORLD_ANY)
            fputs("], services: [any]", stream);
        else
            fprintf(stream, "], services: [udp/%u-%u]", WORLD_FIRST_PORT + flow->first,
                    WORLD_FIRST_PORT + flow->last);
        fputs(lives[flow->life], stream);
        print_time(stream, flow);
        fputs(" }\n", stream);
    }
}

char *world_text(const struct policy_model *policy)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    print_zones(stream, policy);
    print_groups(stream, policy);
    print_flows(stream, policy);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}
