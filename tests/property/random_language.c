/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A writer of policies for testing their reader: wide where tests/property/random_policy.c is deep.
 * Addresses are counted up so that no two hosts have the same; everything else is drawn.
 */

#include "random_language.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "tests/random.h"

#define ZONES_MAX 4
#define OBJECTS_MAX 6

struct writer {
    struct random random;
    FILE *stream;
    unsigned n_zones;
    unsigned n_hosts;
    unsigned n_groups;
    unsigned n_services;
    unsigned any_zone; /* n_zones: none */
    bool protect;
};

/* Texts that YAML, careless printing or careless measuring would take for something else. */
static const char *const texts[] = {
    "plain", "安中市", "yes", "~",  "null",  "-",   "- item", "? key", "a: b",       "a #b",
    "#b",    "{a}",    "[a]", "*a", "&a",    "!a",  "%a",     "@a",    "`a`",        "|",
    ">",     "'",      "\"",  "\\", "a\\nb", " a ", "1e3",    "0x10",  "2026-10-01", "12:30:45",
    "...",   "---",    "<<",  "é",  "🎌",     "ﾃｽﾄ", "Ｔ",     "a,b",   "a]b",        "",
};

static const char *draw_text(struct writer *writer)
{
    /* The last one is empty, which no text may be. */
    return texts[random_below(&writer->random, ELEMENTS_OF(texts) - 1)];
}

static void print_quoted(struct writer *writer, const char *text)
{
    putc('"', writer->stream);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', writer->stream);
        putc(*text, writer->stream);
    }
    putc('"', writer->stream);
}

static void maybe_text(struct writer *writer, const char *key)
{
    if (random_chance(&writer->random, 60))
        return;

    fprintf(writer->stream, ", %s: ", key);
    print_quoted(writer, draw_text(writer));
}

static void maybe_date(struct writer *writer, const char *key, unsigned first_year)
{
    unsigned year = first_year + random_below(&writer->random, 20);
    unsigned month = 1 + random_below(&writer->random, 12);
    unsigned day = 1 + random_below(&writer->random, 28);

    if (random_chance(&writer->random, 60))
        return;
    if (random_chance(&writer->random, 50))
        fprintf(writer->stream, ", %s: %u-%02u-%02u", key, year, month, day);
    else
        fprintf(writer->stream, ", %s: 令和%u年%u月%u日", key, year - 2018, month, day);
}

/* Begins a list of `n` items or one item alone; between and after items the others. */
static void list_begin(struct writer *writer, const char *key, unsigned n)
{
    fprintf(writer->stream, ", %s: %s", key, n > 1 ? "[" : "");
}

static void list_end(struct writer *writer, unsigned n)
{
    fputs(n > 1 ? "]" : "", writer->stream);
}

static void print_zone(struct writer *writer, unsigned zone)
{
    static const char *const classes[] = {"mynumber", "lgwan",     "internet",   "education",
                                          "external", "sanitizer", "management", "other"};
    unsigned n = 1 + random_below(&writer->random, 3);

    fprintf(writer->stream, "  z%u: { class: %s", zone,
            classes[random_below(&writer->random, ELEMENTS_OF(classes))]);
    maybe_text(writer, "label");

    /* Some interfaces are shared with the zone before. */
    list_begin(writer, "interfaces", n);
    for (unsigned i = 0; i < n; i++)
        fprintf(writer->stream, "%seth%u.%u", i > 0 ? ", " : "",
                zone + random_below(&writer->random, 2), i);
    list_end(writer, n);

    fputs(", networks: [", writer->stream);
    if (zone == writer->any_zone)
        fputs("any, ", writer->stream);
    fprintf(writer->stream, "10.%u.0.0/18, \"fd00:%x::/64\"", zone, zone);
    for (unsigned i = random_below(&writer->random, 4); i > 0; i--)
        fprintf(writer->stream, ", 10.%u.%u.%u-10.%u.%u.255, \"fd00:%x:0:%x::/%u\"", zone,
                64 + i * 4, random_below(&writer->random, 256), zone,
                64 + i * 4 + random_below(&writer->random, 4), zone, 16 * i,
                60 + random_below(&writer->random, 5));
    fputs("]", writer->stream);
    if (random_chance(&writer->random, 50))
        fprintf(writer->stream, ", intra: %s",
                random_chance(&writer->random, 50) ? "allow" : "deny");
    if (random_chance(&writer->random, 20))
        fputs(", ipsec: required", writer->stream);
    fputs(" }\n", writer->stream);
}

static void print_host(struct writer *writer, unsigned host)
{
    unsigned zone = random_below(&writer->random, writer->n_zones);
    unsigned families = random_below(&writer->random, 4);

    fprintf(writer->stream, "  h%u: { zone: z%u, address: ", host, zone);
    if (families == 0)
        fprintf(writer->stream, "[\"fd00:%X:0::%u\", 10.%u.1.%u]", zone, host + 1, zone, host + 1);
    else if (families == 1)
        fprintf(writer->stream, "10.%u.1.%u", zone, host + 1);
    else
        fprintf(writer->stream, "[10.%u.1.%u, \"fd00:%x::%x\", 10.%u.2.%u]", zone, host + 1, zone,
                host + 1, zone, host + 1);
    if (random_chance(&writer->random, 40))
        fprintf(writer->stream, ", mac: \"00:00:5E:00:53:%02x\"", host);
    else if (random_chance(&writer->random, 20))
        fprintf(writer->stream, ", mac: [\"00:00:5E:00:54:%02x\", \"00:00:5e:00:53:%02X\"]", host,
                host);
    maybe_text(writer, "label");
    fputs(" }\n", writer->stream);
}

static void print_group(struct writer *writer, unsigned group)
{
    unsigned zone = random_below(&writer->random, writer->n_zones);
    unsigned n = 1 + random_below(&writer->random, 4);

    fprintf(writer->stream, "  g%u: { zone: z%u", group, zone);
    list_begin(writer, "members", n);
    for (unsigned i = 0; i < n; i++) {
        unsigned third = random_below(&writer->random, 60);

        fputs(i > 0 ? ", " : "", writer->stream);
        /* The first is of IPv4, like some address of each host. */
        switch (random_below(&writer->random, i == 0 ? 3 : 4)) {
        case 0:
            fprintf(writer->stream, "10.%u.%u.0/24", zone, third);
            break;
        case 1:
            fprintf(writer->stream, "10.%u.%u.9-10.%u.%u.3", zone, third, zone, third + 1);
            break;
        case 2:
            fprintf(writer->stream, "10.%u.%u.77", zone, third);
            break;
        default:
            fprintf(writer->stream, "\"fd00:%x::%x00/120\"", zone, third);
        }
    }
    list_end(writer, n);
    maybe_text(writer, "label");
    fputs(" }\n", writer->stream);
}

static void print_literal(struct writer *writer)
{
    static const char *const literals[] = {
        "icmp/echo-request",
        "icmp/8",
        "icmp/128",
        "icmp/13",
        "icmp/info-request",
        "icmp/17",
        "icmp/139",
        "icmp/any",
        "esp",
        "protocol/51",
        "protocol/89",
        "protocol/200",
        "tcp/any",
        "udp/any",
        "sctp/any",
        "igmp",
        "any",
    };
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    unsigned port = 1 + random_below(&writer->random, 65000);

    if (random_chance(&writer->random, 30)) {
        fputs(literals[random_below(&writer->random, ELEMENTS_OF(literals))], writer->stream);
        return;
    }
    fprintf(writer->stream, "%s/%u",
            protocols[random_below(&writer->random, ELEMENTS_OF(protocols))], port);
    if (random_chance(&writer->random, 40))
        fprintf(writer->stream, "-%u", port + random_below(&writer->random, 500));
}

static void print_service(struct writer *writer, unsigned service)
{
    unsigned n = 1 + random_below(&writer->random, 4);

    fprintf(writer->stream, "  s%u: %s", service, n > 1 ? "[" : "");
    for (unsigned i = 0; i < n; i++) {
        fputs(i > 0 ? ", " : "", writer->stream);
        print_literal(writer);
    }
    fprintf(writer->stream, "%s\n", n > 1 ? "]" : "");
}

/* Distinct names: each kind at most once. */
static void print_ends(struct writer *writer, const char *key, bool gateway)
{
    bool zone = random_chance(&writer->random, 50);
    bool host = random_chance(&writer->random, 50);
    bool group = random_chance(&writer->random, 30) || (!zone && !host && !gateway);
    unsigned n = (unsigned)zone + host + group + gateway;
    const char *separator = "";

    list_begin(writer, key, n);
    if (gateway) {
        fputs("gateway", writer->stream);
        separator = ", ";
    }
    if (group) {
        fprintf(writer->stream, "%sg%u", separator,
                random_below(&writer->random, writer->n_groups));
        separator = ", ";
    }
    if (zone) {
        fprintf(writer->stream, "%sz%u", separator, random_below(&writer->random, writer->n_zones));
        separator = ", ";
    }
    if (host)
        fprintf(writer->stream, "%sh%u", separator, random_below(&writer->random, writer->n_hosts));
    list_end(writer, n);
}

static void print_schedule(struct writer *writer)
{
    static const char *const days[] = {"mon-fri", "daily", "[月, wed, fri-sun]",
                                       "sat-mon", "tue",   "[sun, mon-tue]"};
    unsigned n = random_below(&writer->random, 4), minute = 0;

    fputs(", schedule: { days: ", writer->stream);
    fputs(days[random_below(&writer->random, ELEMENTS_OF(days))], writer->stream);
    if (n > 0)
        list_begin(writer, "hours", n);
    for (unsigned i = 0; i < n; i++) {
        unsigned first = minute + random_below(&writer->random, 200);

        /* The last may reach into the next day. */
        minute = first + 1 + random_below(&writer->random, i + 1 < n ? 200 : 1000);
        fprintf(writer->stream, "%s'%02u:%02u-%02u:%02u'", i > 0 ? ", " : "", first / 60,
                first % 60, minute / 60 % 24, minute % 60);
    }
    if (n > 0)
        list_end(writer, n);
    fputs(" }", writer->stream);
}

static void print_limit(struct writer *writer)
{
    bool new = random_chance(&writer->random, 60);

    fputs(", limit: { ", writer->stream);
    if (new)
        fprintf(writer->stream, "new: %u/%c", 1 + random_below(&writer->random, 1000000),
                "smh"[random_below(&writer->random, 3)]);
    if (!new || random_chance(&writer->random, 50))
        fprintf(writer->stream, "%sconcurrent: %u", new ? ", " : "",
                1 + random_below(&writer->random, 1000000));
    fputs(" }", writer->stream);
}

static void print_flow(struct writer *writer, unsigned flow)
{
    static const char *const words[] = {
        ", sanitize: mail-text", ", sanitize: screen", ", sanitize: file", ", log: new",
        ", log: none",           ", enabled: true",    ", enabled: false", "",
    };
    unsigned n = random_below(&writer->random, 3);
    bool from_gateway = writer->protect && random_chance(&writer->random, 15);
    bool to_gateway = writer->protect && !from_gateway && random_chance(&writer->random, 15);

    fprintf(writer->stream, "  f%u: { approval: { number: ", flow);
    print_quoted(writer, draw_text(writer));
    maybe_text(writer, "requester");
    maybe_text(writer, "approver");
    maybe_date(writer, "date", 2020);
    fputs(" }", writer->stream);

    print_ends(writer, "from", from_gateway);
    print_ends(writer, "to", to_gateway);
    /* The first exists in both families, some of the others in one. */
    list_begin(writer, "services", n + 1);
    fprintf(writer->stream, "tcp/%u", 1 + random_below(&writer->random, 65535));
    for (unsigned i = 0; i < n; i++) {
        fputs(", ", writer->stream);
        if (random_chance(&writer->random, 50))
            fprintf(writer->stream, "s%u", random_below(&writer->random, writer->n_services));
        else
            print_literal(writer);
    }
    list_end(writer, n + 1);

    maybe_text(writer, "label");
    maybe_text(writer, "purpose");
    maybe_date(writer, "expires", 2099);
    if (random_chance(&writer->random, 40))
        print_schedule(writer);
    if (random_chance(&writer->random, 40))
        print_limit(writer);
    maybe_date(writer, "reviewed", 2020);
    fputs(words[random_below(&writer->random, ELEMENTS_OF(words))], writer->stream);
    fputs(" }\n", writer->stream);
}

static void print_head(struct writer *writer)
{
    static const char *const models[] = {"alpha", "alpha-prime", "beta", "beta-prime"};

    fputs("segd: \"1\"\n", writer->stream);
    if (random_chance(&writer->random, 70)) {
        fputs("site: ", writer->stream);
        print_quoted(writer, draw_text(writer));
        putc('\n', writer->stream);
    }
    if (random_chance(&writer->random, 70))
        fprintf(writer->stream, "timezone: %s\n",
                random_chance(&writer->random, 50) ? "Asia/Tokyo" : "UTC");
    if (random_chance(&writer->random, 30))
        fputs("rules: [jp-municipal, local-1]\n", writer->stream);
    if (random_chance(&writer->random, 50))
        fprintf(writer->stream, "model: %s\n",
                models[random_below(&writer->random, ELEMENTS_OF(models))]);
    if (writer->protect || random_chance(&writer->random, 30))
        fprintf(writer->stream, "gateway: { protect: %s%s }\n", writer->protect ? "true" : "false",
                random_chance(&writer->random, 30)   ? ", forwarding: true"
                : random_chance(&writer->random, 30) ? ", mark-mask: 0x0Ffff0f0"
                                                     : "");
}

/* Two zones that share no interface, so that what is refused between them may be answered. */
#define ANSWERED_ZONES                                                                             \
    "  inner: { class: lgwan, interfaces: [inner0, inner1], networks: 10.254.0.0/24 }\n"           \
    "  desks: { class: other, interfaces: [desk0], networks: 10.254.1.0/24 }\n"

static void print_answered(struct writer *writer)
{
    bool reject = random_chance(&writer->random, 50);

    fprintf(writer->stream, "  answered: { from: inner, to: desks, services: udp/9, reject: %s }\n",
            reject ? "true" : "false");
}

static void print_rejects(struct writer *writer)
{
    fputs("reject:\n  - { from: inner, to: desks }\n", writer->stream);
    if (writer->protect)
        fputs("  - { to: gateway, from: desks }\n", writer->stream);
}

static void print_expectations(struct writer *writer)
{
    fputs("expect:\n", writer->stream);
    for (unsigned i = 0; i < 3; i++)
        fprintf(writer->stream,
                "  - { from: 10.%u.3.%u, to: \"10.%u.4.1\", service: tcp/%u, verdict: %s }\n",
                random_below(&writer->random, writer->n_zones), i,
                random_below(&writer->random, writer->n_zones),
                1 + random_below(&writer->random, 999), i == 0 ? "allow" : "deny");
}

char *random_language_text(uint64_t seed)
{
    struct writer writer = {.random = random_from_seed(seed)};
    char *text = NULL;
    size_t size;

    writer.stream = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(writer.stream);
    writer.n_zones = 1 + random_below(&writer.random, ZONES_MAX);
    writer.n_hosts = 1 + random_below(&writer.random, OBJECTS_MAX);
    writer.n_groups = 1 + random_below(&writer.random, OBJECTS_MAX);
    writer.n_services = 1 + random_below(&writer.random, OBJECTS_MAX);
    writer.any_zone = random_below(&writer.random, writer.n_zones + 1);
    writer.protect = random_chance(&writer.random, 50);

    print_head(&writer);
    fputs("flows:\n", writer.stream);
    for (unsigned i = 0; i < 1 + seed % OBJECTS_MAX; i++)
        print_flow(&writer, i);
    print_answered(&writer);
    fputs("zones:\n", writer.stream);
    for (unsigned i = 0; i < writer.n_zones; i++)
        print_zone(&writer, i);
    fputs(ANSWERED_ZONES, writer.stream);
    fputs("hosts:\n", writer.stream);
    for (unsigned i = 0; i < writer.n_hosts; i++)
        print_host(&writer, i);
    fputs("groups:\n", writer.stream);
    for (unsigned i = 0; i < writer.n_groups; i++)
        print_group(&writer, i);
    fputs("services:\n", writer.stream);
    for (unsigned i = 0; i < writer.n_services; i++)
        print_service(&writer, i);
    if (random_chance(&writer.random, 50))
        print_rejects(&writer);
    print_expectations(&writer);

    ck_assert_int_eq(fclose(writer.stream), 0);
    return text;
}
