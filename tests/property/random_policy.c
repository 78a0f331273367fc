/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The text is written as a person would write it, not built from structures, so that the whole line
 * from text to diagram is under test. Zones are small on purpose: what two flows have in common is
 * found by chance only where there is little to choose from.
 */

#include "base/instant.h"
#include "tests/property/random_policy.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diagnostics.h"
#include "tests/parse_policy.h"

#define SMALL_ZONES 3

static const char *const services[] = {
    "tcp/80",    "tcp/443",           "tcp/443-445", "tcp/440-500", "udp/53",      "tcp/any",
    "udp/50-60", "icmp/echo-request", "icmp/any",    "any",         "esp",         "tcp/1-65535",
    "tcp/8080",  "udp/any",           "sctp/3868",   "tcp/65535",   "protocol/89", "tcp/444",
};

static void write_address(FILE *text, unsigned zone, unsigned host, bool six)
{
    if (six)
        fprintf(text, "fd00:%u::%x", zone, host);
    else
        fprintf(text, "10.%u.0.%u", zone, host);
}

static void write_members(FILE *text, struct random *random, unsigned zone)
{
    unsigned n = 1 + random_below(random, 3);

    for (unsigned i = 0; i < n; i++) {
        bool six = i > 0 && random_chance(random, 50); /* IPv4 is common to all ends */
        unsigned first = random_below(random, 16);
        unsigned last = first + random_below(random, 16 - first);
        unsigned length = random_below(random, 4); /* of a prefix of 1 to 8 addresses */

        fputs(i > 0 ? ", \"" : "\"", text);
        if (random_chance(random, 40)) {
            write_address(text, zone, first >> length << length, six);
            fprintf(text, "/%u", (six ? 128 : 32) - length);
        } else {
            write_address(text, zone, first, six);
            fputc('-', text);
            write_address(text, zone, last, six);
        }
        fputc('"', text);
    }
}

static void write_zones(FILE *text, struct random *random)
{
    bool shared = random_chance(random, 30);

    fputs("segd: 1\ntimezone: UTC\nzones:\n", text);
    for (unsigned zone = 1; zone <= SMALL_ZONES; zone++)
        fprintf(text,
                "  z%u:\n    class: other\n    interfaces: [if%ua, if%ub%s]\n"
                "    networks: [10.%u.0.0/28, \"fd00:%u::/124\"]\n%s",
                zone, zone, zone, shared && zone == 2 ? ", if1b" : "", zone, zone,
                random_chance(random, 20) ? "    intra: allow\n" : "");
    fputs("  rest:\n    class: external\n    interfaces: [ifr]\n    networks: [any]\n", text);
}

static void write_named(FILE *text, struct random *random)
{
    fputs("hosts:\n", text);
    for (unsigned zone = 1; zone <= SMALL_ZONES; zone++) {
        for (unsigned i = 0; i < 3; i++) {
            unsigned host = 5 * i + random_below(random, 5);

            fprintf(text, "  h%u%u: { zone: z%u, address: [", zone, i, zone);
            write_address(text, zone, host, false);
            if (random_chance(random, 50)) {
                fputs(", \"", text);
                write_address(text, zone, host, true);
                fputs("\"", text);
            }
            fputs("] }\n", text);
        }
    }

    fputs("groups:\n", text);
    for (unsigned zone = 1; zone <= SMALL_ZONES; zone++) {
        for (unsigned i = 0; i < 3; i++) {
            fprintf(text, "  g%u%u: { zone: z%u, members: [", zone, i, zone);
            write_members(text, random, zone);
            fputs("] }\n", text);
        }
    }
    fputs("  grest: { zone: rest, members: [198.51.100.0/24, 203.0.113.7, \"2001:db8::/64\"] }\n",
          text);
}

static void random_end(struct random *random, bool gateway, char end[16])
{
    unsigned zone = 1 + random_below(random, SMALL_ZONES);
    unsigned kind = random_below(random, 100);

    if (gateway && kind < 8)
        snprintf(end, 16, "gateway");
    else if (kind < 15)
        snprintf(end, 16, "rest");
    else if (kind < 20)
        snprintf(end, 16, "grest");
    else if (kind < 35)
        snprintf(end, 16, "z%u", zone);
    else if (kind < 65)
        snprintf(end, 16, "g%u%u", zone, random_below(random, 3));
    else
        snprintf(end, 16, "h%u%u", zone, random_below(random, 3));
}

static void write_services(FILE *text, struct random *random)
{
    unsigned n = 1 + random_below(random, 3);
    unsigned first = random_below(random, (unsigned)ELEMENTS_OF(services));

    fputs("    services: [", text);
    for (unsigned i = 0; i < n; i++)
        fprintf(text, "%s%s", i > 0 ? ", " : "", services[(first + 5 * i) % ELEMENTS_OF(services)]);
    fputs("]\n", text);
}

const char *const random_expiries[] = {"2026-03-31", "2026-06-30", "2026-12-31"};
const char *const random_schedules[] = {
    "{ days: mon-fri, hours: '08:30-17:15' }",
    "{ hours: ['22:00-06:00', '12:00-13:00'] }",
    "{ days: sat-mon }",
};

/* Of a stream of its own, so that the rest of a policy is the same with lives and without. */
static void write_life(FILE *text, uint64_t seed, unsigned flow)
{
    struct random random = random_from_seed(seed * RANDOM_FLOWS_MAX + flow + 9000000);
    unsigned expiry = random_below(&random, 9), schedule = random_below(&random, 12);

    if (seed % 4 == 0)
        return;
    if (expiry < ELEMENTS_OF(random_expiries))
        fprintf(text, "    expires: %s\n", random_expiries[expiry]);
    if (schedule < ELEMENTS_OF(random_schedules))
        fprintf(text, "    schedule: %s\n", random_schedules[schedule]);
}

static void write_flow(FILE *text, struct random *random, unsigned flow, bool gateway,
                       bool disabled)
{
    bool from_gateway = gateway && random_chance(random, 10);
    char from[16], to[16], second[16];

    random_end(random, false, from);
    random_end(random, gateway && !from_gateway, to);
    random_end(random, false, second);

    fprintf(text, "  f%u:\n    from: [%s]\n    to: [%s", flow, from_gateway ? "gateway" : from, to);
    if (random_chance(random, 20) && strcmp(to, second) != 0)
        fprintf(text, ", %s", second);
    fputs("]\n", text);
    write_services(text, random);
    /* More than any test uses up. */
    if (flow % 5 == 3)
        fputs("    limit: { new: 1000000/s, concurrent: 1000000 }\n", text);
    fputs(disabled ? "    enabled: false\n" : "", text);
}

char *random_policy_text(uint64_t seed, const bool disabled[RANDOM_FLOWS_MAX])
{
    struct random random = random_from_seed(seed);
    bool gateway = random_chance(&random, 40);
    unsigned n_flows = 1 + random_below(&random, RANDOM_FLOWS_MAX);
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    write_zones(stream, &random);
    write_named(stream, &random);
    fputs("flows:\n", stream);
    for (unsigned i = 0; i < n_flows; i++) {
        write_flow(stream, &random, i, gateway, disabled[i]);
        write_life(stream, seed, i);
    }
    if (gateway)
        fputs("gateway: { protect: true }\n", stream);
    fclose(stream);
    return text;
}

/* Disables the flows that diagnostics call shadowed; true where there were any. Fails on other
 * errors. */
static bool disable_reported(struct diagnostics *diagnostics, struct random_case *random_case,
                             bool disabled[RANDOM_FLOWS_MAX])
{
    const struct diagnostic *list;
    size_t n = diagnostics_list(diagnostics, &list);
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        const char *name =
            strcmp(list[i].code, "shadowed") == 0 ? strstr(list[i].message, "`f") : NULL;
        unsigned flow;

        if (list[i].severity != SEVERITY_ERROR)
            continue;
        ck_assert_msg(name && sscanf(name, "`f%u`", &flow) == 1 && flow < RANDOM_FLOWS_MAX,
                      "unexpected error: %s", list[i].message);
        ck_assert_msg(!disabled[flow], "reported twice: %s", list[i].message);
        disabled[flow] = true;
        random_case->shadowed[flow] = true;
        any = true;
    }
    return any;
}

/* Before all ends and after all; in the last second of a day; by day, by night, at a weekend. */
static const char *const instants[] = {
    "2026-03-31T10:00:00Z", "2026-03-31T23:59:59Z", "2026-06-15T17:14:59Z", "2026-06-20T12:30:00Z",
    "2026-12-31T23:00:00Z", "2027-01-05T08:30:00Z", "2026-01-12T22:00:00Z",
};

void random_case_make(uint64_t seed, struct random_case *ret_case)
{
    bool disabled[RANDOM_FLOWS_MAX] = {0};
    usec_t now;

    ck_assert_int_eq(instant_parse(instants[seed % ELEMENTS_OF(instants)], &now), 0);
    *ret_case = (struct random_case){0};
    for (unsigned round = 0; round < 4; round++) {
        cleanup_(freep) char *text = random_policy_text(seed, disabled);
        int r;

        ck_assert_int_eq(sources_new(&ret_case->sources), 0);
        ck_assert_int_eq(diagnostics_new(&ret_case->diagnostics), 0);
        r = parse_policy("random.yaml", text, strlen(text), ret_case->sources,
                         ret_case->diagnostics, &ret_case->policy);
        if (r == 0)
            r = flow_states_new(ret_case->policy, NULL, now, &ret_case->states);
        if (r == 0)
            r = diagram_new(ret_case->policy, ret_case->states, ret_case->diagnostics,
                            &ret_case->diagram);
        ret_case->now = now;
        if (r == 0)
            return;

        ck_assert_int_eq(r, -EBADMSG);
        ck_assert_msg(disable_reported(ret_case->diagnostics, ret_case, disabled),
                      "no error was reported");
        random_case_clear(ret_case);
    }
    ck_abort_msg("seed %" PRIu64 ": errors again and again", seed);
}

void random_case_clear(struct random_case *random_case)
{
    random_case->diagram = diagram_free(random_case->diagram);
    random_case->states = flow_states_free(random_case->states);
    random_case->policy = policy_free(random_case->policy);
    random_case->diagnostics = diagnostics_free(random_case->diagnostics);
    random_case->sources = sources_free(random_case->sources);
}

static ip_number random_address(const struct policy *policy, size_t zone, enum family family,
                                struct random *random)
{
    const struct range_set *set;
    struct range range;

    if (zone == ZONE_GATEWAY)
        return family == FAMILY_IPV4 ? 0xc0a80001 : (ip_number)0xfd99 << 112 | 1;

    if (strcmp(policy->zones[zone].name, "rest") == 0 && random_chance(random, 70)) {
        if (family == FAMILY_IPV4)
            return random_chance(random, 50) ? 0xcb007107 : 0xc6336400 + random_below(random, 260);
        return (ip_number)0x20010db8 << 96 | random_below(random, 3) |
               (ip_number)random_below(random, 2) << 64;
    }

    set = &policy->zones[zone].addresses.by_family[family];
    range = set->ranges[random_below(random, (unsigned)set->n_ranges)];
    return range.first +
           random_next(random) %
               (range.last - range.first < 1000 ? (uint64_t)(range.last - range.first) + 1 : 1000);
}

/* A point at or beside a border of a service of the policy. */
static service_number random_service(const struct policy *policy, enum family family,
                                     struct random *random)
{
    static const service_number icmp[FAMILIES][2] = {
        {SERVICE_NUMBER(1, 8 << 8), SERVICE_NUMBER(1, 13 << 8)},
        {SERVICE_NUMBER(58, 128 << 8), SERVICE_NUMBER(58, 139 << 8)},
    };
    const struct service *service =
        &policy->services[random_below(random, (unsigned)policy->n_services)];
    const struct service_range *range =
        &service->ranges[random_below(random, (unsigned)service->n_ranges)];
    uint8_t protocol = range->protocol_first == range->protocol_last ? range->protocol_first : 6;
    unsigned port = random_chance(random, 50) ? range->port_first : range->port_last;

    if (protocol == 1 || protocol == 58)
        return icmp[family][random_below(random, 2)];
    if (protocol != 6 && protocol != 17 && protocol != 132)
        return SERVICE_NUMBER(protocol, 0);

    port = port + random_below(random, 3) - 1;
    if (random_chance(random, 10))
        protocol = protocol == 6 ? 17 : 6;
    return SERVICE_NUMBER(protocol, port == 0 || port > 0xffff ? 443 : port);
}

struct packet random_packet(const struct policy *policy, struct random *random)
{
    unsigned n_ends = (unsigned)policy->n_zones + (policy->gateway_protect ? 1 : 0);
    struct packet packet = {.family = random_below(random, FAMILIES)};

    do {
        packet.from = random_below(random, n_ends);
        packet.to = random_below(random, n_ends);
        if (packet.from == policy->n_zones)
            packet.from = ZONE_GATEWAY;
        if (packet.to == policy->n_zones)
            packet.to = ZONE_GATEWAY;
    } while (packet.from == ZONE_GATEWAY && packet.to == ZONE_GATEWAY);

    packet.source = random_address(policy, packet.from, packet.family, random);
    packet.destination = random_address(policy, packet.to, packet.family, random);
    packet.service = random_service(policy, packet.family, random);
    return packet;
}
