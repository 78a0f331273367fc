/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policies that are too large, broken anywhere, or as large as they may be. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"
#include "policy/policy.h"
#include "tests/random.h"
#include "tests/reading.h"

/* A text that grows. */
struct text {
    char *bytes;
    size_t size;
    FILE *stream;
};

static FILE *text_begin(struct text *text)
{
    text->stream = open_memstream(&text->bytes, &text->size);
    ck_assert_ptr_nonnull(text->stream);
    return text->stream;
}

static const char *text_end(struct text *text)
{
    ck_assert_int_eq(fclose(text->stream), 0);
    return text->bytes;
}

static void text_clear(struct text *text)
{
    free(text->bytes);
}

/* The zones beyond the bound of interfaces share the first. */
static void print_zones(FILE *stream, unsigned n)
{
    fputs("segd: 1\nzones:\n", stream);
    for (unsigned i = 0; i < n; i++)
        fprintf(stream, "  z%u: { class: other, interfaces: [i%u], networks: [10.%u.%u.0/24] }\n",
                i, i % POLICY_ZONES_MAX, i / 256, i % 256);
}

static void print_zones_beyond(FILE *stream)
{
    print_zones(stream, POLICY_ZONES_MAX + 1);
}

static void print_interfaces(FILE *stream, unsigned n)
{
    fputs("segd: 1\nzones:\n  z: { class: other, networks: [10.0.0.0/8], interfaces: [i", stream);
    for (unsigned i = 1; i < n; i++)
        fprintf(stream, ", i%u", i);
    fputs("] }\n", stream);
}

static void print_interfaces_beyond(FILE *stream)
{
    print_interfaces(stream, POLICY_INTERFACES_MAX + 1);
}

static void print_items_beyond(FILE *stream)
{
    fputs(ZONES "groups:\n  g: { zone: office, members: [10.1.0.0", stream);
    for (unsigned i = 0; i < POLICY_LIST_MAX; i++)
        fprintf(stream, ", 10.1.%u.%u", i / 256, i % 256);
    fputs("] }\n", stream);
}

static void print_flows_beyond(FILE *stream)
{
    fputs(ZONES HOSTS "flows:\n", stream);
    for (unsigned i = 0; i <= POLICY_FLOWS_MAX; i++)
        fprintf(stream, "  f%u: { from: pc, to: web, services: https, enabled: false }\n", i);
}

static void print_host_beyond(FILE *stream)
{
    fputs(ZONES "hosts:\n  h: { zone: office, address: [10.1.0.0", stream);
    for (unsigned i = 1; i <= 64; i++)
        fprintf(stream, ", 10.1.0.%u", i);
    fputs("] }\n", stream);
}

static void print_macs_beyond(FILE *stream)
{
    fputs(ZONES "hosts:\n  h: { zone: office, address: 10.1.0.1, mac: ['02:00:00:00:00:00'",
          stream);
    for (unsigned i = 1; i <= 12; i++)
        fprintf(stream, ", '02:00:00:00:00:%02x'", i);
    fputs("] }\n", stream);
}

static void print_service_beyond(FILE *stream)
{
    fputs(ZONES "services:\n  s: [tcp/1", stream);
    for (unsigned i = 1; i <= 1024; i++)
        fprintf(stream, ", tcp/%u", i + 1);
    fputs("]\n", stream);
}

static void print_flow_beyond(FILE *stream)
{
    fputs(ZONES HOSTS "flows:\n  f: { from: pc, to: web, services: [tcp/1", stream);
    for (unsigned i = 1; i <= 1024; i++)
        fprintf(stream, ", tcp/%u", i + 1);
    fputs("] }\n", stream);
}

static void print_hours_beyond(FILE *stream)
{
    fputs(ZONES HOSTS "flows:\n  f: { from: pc, to: web, services: any, schedule: { hours: [",
          stream);
    for (unsigned i = 0; i <= SCHEDULE_HOURS_MAX; i++)
        fprintf(stream, "%s'%02u:00-%02u:30'", i > 0 ? ", " : "", i, i);
    fputs("] } }\n", stream);
}

static void print_schedules_beyond(FILE *stream)
{
    fputs(ZONES HOSTS "flows:\n", stream);
    for (unsigned i = 0; i < POLICY_SCHEDULES_MAX + 2; i++)
        fprintf(stream,
                "  f%u: { from: pc, to: web, services: tcp/%u, schedule: { hours: "
                "'%02u:%02u-24:00' } }\n",
                i, i + 1, (i + 1) / 60, (i + 1) % 60);
}

struct limit_case {
    void (*print)(FILE *stream);
    const char *code;
};

static const struct limit_case limit_cases[] = {
    {print_zones_beyond, "too-many"},     {print_interfaces_beyond, "too-many"},
    {print_items_beyond, "too-long"},     {print_flows_beyond, "too-many"},
    {print_host_beyond, "too-long"},      {print_flow_beyond, "too-long"},
    {print_service_beyond, "too-long"},   {print_hours_beyond, "too-long"},
    {print_schedules_beyond, "too-many"}, {print_macs_beyond, "too-long"},
};

START_TEST(one_more_than_the_bound_is_one_error)
{
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(text_clear) struct text text = {0};

    limit_cases[_i].print(text_begin(&text));
    ck_assert_int_eq(read_text(&reading, text_end(&text)), -EBADMSG);
    ck_assert_uint_eq(diagnostics_count(reading.diagnostics, SEVERITY_ERROR), 1);
    ck_assert(has_diagnostic(reading.diagnostics, limit_cases[_i].code));
}
END_TEST

START_TEST(as_many_zones_as_the_bound_are_fine)
{
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(text_clear) struct text text = {0};

    print_zones(text_begin(&text), POLICY_ZONES_MAX);
    read_valid(&reading, text_end(&text));
}
END_TEST

START_TEST(as_many_interfaces_as_the_bound_are_fine)
{
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(text_clear) struct text text = {0};

    print_interfaces(text_begin(&text), POLICY_INTERFACES_MAX);
    read_valid(&reading, text_end(&text));
}
END_TEST

START_TEST(a_policy_of_too_many_bytes_is_not_even_looked_at)
{
    cleanup_(reading_clear) struct reading reading = {0};

    ck_assert_int_eq(sources_new(&reading.sources), 0);
    ck_assert_int_eq(diagnostics_new(&reading.diagnostics), 0);
    ck_assert_int_eq(parse_policy("large.yaml", "", POLICY_SIZE_MAX + 1, reading.sources,
                                  reading.diagnostics, &reading.policy),
                     -EBADMSG);
    ck_assert(has_diagnostic(reading.diagnostics, "too-large"));
    ck_assert_uint_eq(sources_count(reading.sources), 0);
}
END_TEST

START_TEST(thousands_of_mistakes_are_survived)
{
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(text_clear) struct text text = {0};
    FILE *stream = text_begin(&text);

    fputs(ZONES HOSTS "flows:\n", stream);
    for (unsigned i = 0; i < 20000; i++)
        fprintf(stream, "  f%u: { from: pd, to: wbe, services: [htps, tcp/0], colour: %u }\n", i,
                i);

    ck_assert_int_eq(read_text(&reading, text_end(&text)), -EBADMSG);
    ck_assert_uint_eq(diagnostics_count(reading.diagnostics, SEVERITY_ERROR), 100000);
}
END_TEST

/* Names spread over the numbers, so that neighbours in the file are no neighbours in memory. */
START_TEST(fifty_thousand_flows_are_read)
{
    enum { N = 50000 };
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(text_clear) struct text text = {0};
    FILE *stream = text_begin(&text);
    const struct policy *policy;

    fputs(ZONES "hosts:\n", stream);
    for (unsigned i = 0; i < N; i++)
        fprintf(stream, "  h%u: { zone: office, address: 10.1.%u.%u }\n", i, i / 256, i % 256);
    fputs("flows:\n", stream);
    for (unsigned i = 0; i < N; i++)
        fprintf(stream,
                "  f%u: { from: h%u, to: world, services: tcp/%u, expires: 2199-01-%02u }\n", i,
                (i * 7919) % N, 1 + i % 1000, 1 + i % 28);

    policy = read_valid(&reading, text_end(&text));
    ck_assert_uint_eq(policy->n_hosts, N);
    ck_assert_uint_eq(policy->n_flows, N);
    ck_assert_uint_eq(policy->n_services, 1000);
    for (unsigned i = 0; i < N; i += 997) {
        unsigned host = (i * 7919) % N;

        ck_assert_uint_eq(policy->flows[i].from_names[0].index, host);
        ck_assert(policy->flows[i].from[0].addresses.by_family[FAMILY_IPV4].ranges[0].first ==
                  0x0a010000 + host);
    }
}
END_TEST

/* A group of many addresses in no order. */
START_TEST(a_list_of_many_addresses_melts)
{
    cleanup_(reading_clear) struct reading reading = {0};
    cleanup_(text_clear) struct text text = {0};
    FILE *stream = text_begin(&text);
    const struct policy *policy;

    fputs(ZONES "groups:\n  g: { zone: office, members: [10.1.0.0", stream);
    for (unsigned i = 1; i < POLICY_LIST_MAX; i++) {
        unsigned address = (i * 40503) % 65536;

        fprintf(stream, ", 10.1.%u.%u", address / 256, address % 256);
    }
    fputs("] }\n", stream);

    policy = read_valid(&reading, text_end(&text));
    ck_assert_uint_eq(policy->groups[0].addresses.by_family[FAMILY_IPV4].n_ranges, 1);
}
END_TEST

static const char rich_text[] =
    ZONES HOSTS "flows:\n"
                "  a:\n"
                "    label: 税連携 → eLTAX\n"
                "    from: [pc, printer]\n"
                "    to:\n"
                "      - web\n"
                "      - gateway\n"
                "    services: [https, tcp/8443-8444, icmp/echo-request, esp]\n"
                "    approval: { number: \"第1号\", requester: 'a''b', date: 令和8年4月1日 }\n"
                "    expires: 令和91年3月31日\n"
                "    sanitize: file\n"
                "    log: new\n"
                "  b: { from: offices, to: world, services: any, enabled: false }\n"
                "expect:\n"
                "  - { from: pc, to: 10.2.0.5, service: tcp/443, verdict: allow }\n"
                "  - { from: 10.1.0.9, to: web, service: tcp/443, verdict: deny }\n";

/* Reads what may be anything; it is either a policy or has an error. */
static void read_anything(const char *text, size_t size)
{
    cleanup_(reading_clear) struct reading reading = {0};
    int r;

    ck_assert_int_eq(sources_new(&reading.sources), 0);
    ck_assert_int_eq(diagnostics_new(&reading.diagnostics), 0);
    r = parse_policy("any.yaml", text, size, reading.sources, reading.diagnostics, &reading.policy);
    if (r == 0)
        ck_assert_uint_eq(diagnostics_count(reading.diagnostics, SEVERITY_ERROR), 0);
    else
        ck_assert_int_eq(r, -EBADMSG);
    ck_assert_int_eq(r == 0, diagnostics_count(reading.diagnostics, SEVERITY_ERROR) == 0);
}

START_TEST(a_policy_that_is_cut_anywhere_is_read_or_refused)
{
    for (size_t size = 0; size < sizeof(rich_text); size++) {
        /* A copy of its size, so that a read beyond it is seen. */
        char *copy = malloc(size + (size == 0));

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, rich_text, size);
        read_anything(copy, size);
        free(copy);
    }
}
END_TEST

START_TEST(a_policy_that_is_broken_anywhere_is_read_or_refused)
{
    static const char alphabet[] = " \t\n\r:,[]{}'\"&*!|>%@`#-?/.0159azAZ_\xe3\x80\xff\x01";
    struct random random = random_from_seed((uint64_t)_i);
    char text[sizeof(rich_text)];

    for (unsigned round = 0; round < 500; round++) {
        memcpy(text, rich_text, sizeof(text));
        for (unsigned n = 1 + random_below(&random, 4); n > 0; n--) {
            size_t at = random_below(&random, sizeof(text) - 1);

            if (random_chance(&random, 50))
                text[at] = alphabet[random_below(&random, sizeof(alphabet) - 1)];
            else
                memmove(text + at, text + random_below(&random, (unsigned)at + 1),
                        random_below(&random, (unsigned)(sizeof(text) - at)));
        }
        read_anything(text, sizeof(text) - 1);
    }
}
END_TEST

START_TEST(a_path_that_cannot_be_read_is_an_error_without_a_place)
{
    char folder[] = "/tmp/segd-policy-XXXXXX", path[64];
    const char *const paths[] = {"missing.yaml", "", "fifo.yaml"};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/fifo.yaml", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);

    /* Missing; a folder whose only policy is a FIFO; the FIFO itself. */
    for (size_t i = 0; i < ELEMENTS_OF(paths); i++) {
        cleanup_(reading_clear) struct reading reading = {0};
        const struct diagnostic *list;

        ck_assert_int_eq(sources_new(&reading.sources), 0);
        ck_assert_int_eq(diagnostics_new(&reading.diagnostics), 0);
        snprintf(path, sizeof(path), "%s/%s", folder, paths[i]);
        ck_assert_int_eq(policy_read(path, reading.sources, reading.diagnostics, &reading.policy),
                         -EBADMSG);
        ck_assert_uint_eq(diagnostics_list(reading.diagnostics, &list), 1);
        ck_assert_str_eq(list[0].code, "unreadable");
        ck_assert_uint_eq(list[0].location.line, 0);
    }

    snprintf(path, sizeof(path), "%s/fifo.yaml", folder);
    unlink(path);
    rmdir(folder);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, one_more_than_the_bound_is_one_error, 0,
                        (int)ELEMENTS_OF(limit_cases));
    tcase_add_test(tests, as_many_zones_as_the_bound_are_fine);
    tcase_add_test(tests, as_many_interfaces_as_the_bound_are_fine);
    tcase_add_test(tests, a_policy_of_too_many_bytes_is_not_even_looked_at);
    tcase_add_test(tests, thousands_of_mistakes_are_survived);
    tcase_add_test(tests, fifty_thousand_flows_are_read);
    tcase_add_test(tests, a_list_of_many_addresses_melts);
    tcase_add_test(tests, a_policy_that_is_cut_anywhere_is_read_or_refused);
    tcase_add_loop_test(tests, a_policy_that_is_broken_anywhere_is_read_or_refused, 0, 16);
    tcase_add_test(tests, a_path_that_cannot_be_read_is_an_error_without_a_place);
}
