/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A policy from texts, its files as texts, and its outline: lib/policy/texts.h. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "checks.h"
#include "policy/texts.h"
#include "tests/reading.h"

static struct reading reading;
static char directory[] = "/tmp/segd-texts-XXXXXX";

#define TEXT(name_, text_, expires_)                                                               \
    {                                                                                              \
        .name = (name_), .text = (text_), .size = strlen(text_), .expires = (expires_)             \
    }

static int parse(const struct policy_text *texts, size_t n_texts)
{
    return policy_parse_texts(texts, n_texts, reading.sources, reading.diagnostics,
                              &reading.policy);
}

static const char first_text[] = ZONES HOSTS;
static const char second_text[] = "segd: 1\n"
                                  "flows:\n"
                                  "  surf: { from: pc, to: world, services: [https] }\n"
                                  "  old: { from: pc, to: web, services: [https],\n"
                                  "         expires: 2099-03-31 }\n";
static const char third_text[] = "segd: 1\n"
                                 "flows:\n"
                                 "  grant-1: { from: web, to: world, services: [https] }\n"
                                 "  grant-2: { from: web, to: pc, services: [https],\n"
                                 "             expires: 2099-03-31 }\n";

START_TEST(texts_are_one_policy_in_their_order)
{
    const struct policy_text texts[] = {
        TEXT("b", third_text, 0),
        TEXT("a", first_text, 0),
        TEXT("c", second_text, 0),
    };

    ck_assert_int_eq(parse(texts, ELEMENTS_OF(texts)), 0);
    ck_assert_uint_eq(reading.policy->n_flows, 4);
    ck_assert_str_eq(reading.policy->flows[0].name, "grant-1");
    ck_assert_str_eq(reading.policy->flows[2].name, "surf");
    ck_assert_uint_eq(sources_count(reading.sources), 3);
    ck_assert_str_eq(sources_name(reading.sources, reading.policy->flows[2].location.source), "c");
}
END_TEST

START_TEST(the_flows_of_a_text_end_with_it)
{
    const struct policy_text texts[] = {
        TEXT("a", first_text, 0),
        TEXT("b", second_text, 0),
        TEXT("grant", third_text, 42),
    };
    uint32_t before;

    /* Texts are told from the sources that were there before. */
    ck_assert_int_eq(sources_add(reading.sources, "other", "", 0, &before), 0);
    ck_assert_int_eq(parse(texts, ELEMENTS_OF(texts)), 0);
    ck_assert_int_eq(find_flow(reading.policy, "surf")->expires, USEC_NEVER);
    ck_assert(find_flow(reading.policy, "old")->has_expires);
    ck_assert_int_gt(find_flow(reading.policy, "old")->expires, 42);
    for (unsigned i = 1; i <= 2; i++) {
        char name[16];

        snprintf(name, sizeof(name), "grant-%u", i);
        ck_assert_int_eq(find_flow(reading.policy, name)->expires, 42);
        ck_assert(!find_flow(reading.policy, name)->has_expires);
    }
}
END_TEST

START_TEST(a_mistake_is_told_with_the_name_of_its_text)
{
    const struct policy_text texts[] = {
        TEXT("a", first_text, 0),
        TEXT("b", second_text, 0),
        TEXT("grant grant-3", second_text, 42),
    };
    const struct diagnostic *list;

    ck_assert_int_eq(parse(texts, ELEMENTS_OF(texts)), -EBADMSG);
    ck_assert_uint_eq(diagnostics_list(reading.diagnostics, &list), 2);
    ck_assert_str_eq(list[0].code, "duplicate-name");
    ck_assert_str_eq(sources_name(reading.sources, list[0].location.source), "grant grant-3");
    ck_assert_str_eq(sources_name(reading.sources, list[0].related.source), "b");
}
END_TEST

START_TEST(no_text_is_no_policy)
{
    ck_assert_int_eq(parse(NULL, 0), -EBADMSG);
    ck_assert(has_diagnostic(reading.diagnostics, "empty-policy"));
}
END_TEST

START_TEST(a_text_beyond_the_bound_is_not_looked_at)
{
    const struct policy_text texts[] = {
        TEXT("a", first_text, 0),
        {.name = "huge", .text = "", .size = POLICY_SIZE_MAX},
        TEXT("b", "segd: 1\ncolour: red\n", 0),
        TEXT("c", "segd: 1\nflows:\n  f: { from: of-huge, to: web, services: [https] }\n", 0),
    };

    ck_assert_int_eq(parse(texts, ELEMENTS_OF(texts)), -EBADMSG);
    ck_assert(has_diagnostic(reading.diagnostics, "too-large"));
    ck_assert(has_diagnostic(reading.diagnostics, "unknown-key"));
    ck_assert(!has_diagnostic(reading.diagnostics, "unknown-name"));
}
END_TEST

static void write_file(const char *name, const char *text)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void remove_file(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    ck_assert_int_eq(remove(path), 0);
}

static void set_up(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    write_file("10-zones.yaml", first_text);
    write_file("20-flows.yaml", second_text);
    write_file("README", "not a policy");
    ck_assert_int_eq(sources_new(&reading.sources), 0);
    ck_assert_int_eq(diagnostics_new(&reading.diagnostics), 0);
}

static void tear_down(void)
{
    remove_file("10-zones.yaml");
    remove_file("20-flows.yaml");
    remove_file("README");
    ck_assert_int_eq(rmdir(directory), 0);
    reading_clear(&reading);
}

START_TEST(files_as_texts_are_the_policy_that_is_read_from_them)
{
    cleanup_(sources_freep) struct sources *loaded = NULL;
    cleanup_(policy_freep) struct policy *policy = NULL;
    cleanup_(freep) char *read = NULL, *parsed = NULL;
    struct policy_text texts[2] = {0};

    ck_assert_int_eq(sources_new(&loaded), 0);
    ck_assert_int_eq(policy_load_sources(directory, loaded, reading.diagnostics), 0);
    ck_assert_uint_eq(sources_count(loaded), 2);
    for (uint32_t i = 0; i < 2; i++) {
        texts[i].name = sources_name(loaded, i);
        texts[i].text = sources_text(loaded, i, &texts[i].size);
    }
    ck_assert_uint_eq(texts[1].size, strlen(second_text));
    ck_assert_mem_eq(texts[1].text, second_text, texts[1].size);
    ck_assert_int_eq(parse(texts, 2), 0);
    parsed = print_policy(reading.policy);

    ck_assert_int_eq(policy_read(directory, loaded, reading.diagnostics, &policy), 0);
    ck_assert_uint_eq(sources_count(loaded), 4);
    read = print_policy(policy);
    ck_assert_str_eq(parsed, read);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_hides_no_mistake_in_another)
{
    char path[64];
    int r;

    snprintf(path, sizeof(path), "%s/15-folder.yaml", directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file("20-flows.yaml", "segd: 1\ncolour: red\n");

    r = policy_load_sources(directory, reading.sources, reading.diagnostics);
    ck_assert_int_eq(r, -EBADMSG);
    ck_assert_uint_eq(sources_count(reading.sources), 2);
    ck_assert_uint_eq(diagnostics_count(reading.diagnostics, SEVERITY_ERROR), 1);
    ck_assert(has_diagnostic(reading.diagnostics, "unreadable"));

    r = policy_read(directory, reading.sources, reading.diagnostics, &reading.policy);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(r, -EBADMSG);
    ck_assert(has_diagnostic(reading.diagnostics, "unknown-key"));
}
END_TEST

START_TEST(a_path_that_is_not_there_is_told)
{
    ck_assert_int_eq(policy_load_sources("/nowhere", reading.sources, reading.diagnostics),
                     -EBADMSG);
    ck_assert(has_diagnostic(reading.diagnostics, "unreadable"));
    ck_assert_uint_eq(sources_count(reading.sources), 0);
}
END_TEST

static void assert_same_zones(const struct policy *outline, const struct policy *policy)
{
    ck_assert_uint_eq(outline->n_zones, policy->n_zones);
    for (size_t i = 0; i < policy->n_zones; i++) {
        const struct zone *a = &outline->zones[i], *b = &policy->zones[i];

        ck_assert_str_eq(a->name, b->name);
        ck_assert_str_eq(a->label, b->label);
        ck_assert_int_eq(a->class, b->class);
        ck_assert_int_eq(a->any, b->any);
        ck_assert_uint_eq(a->n_interfaces, b->n_interfaces);
        for (size_t j = 0; j < a->n_interfaces; j++)
            ck_assert_str_eq(a->interfaces[j], b->interfaces[j]);
        for (enum family family = 0; family < FAMILIES; family++)
            ck_assert(
                range_set_equal(&a->addresses.by_family[family], &b->addresses.by_family[family]));
    }
}

static void assert_same_segments(const struct policy *outline, const struct policy *policy)
{
    ck_assert_uint_eq(outline->n_segments, policy->n_segments);
    for (size_t i = 0; i < policy->n_segments; i++) {
        const struct segment *a = &outline->segments[i], *b = &policy->segments[i];

        ck_assert_str_eq(a->name, b->name);
        ck_assert_uint_eq(a->n_zones, b->n_zones);
        ck_assert_mem_eq(a->zones, b->zones, a->n_zones * sizeof(*a->zones));
        ck_assert_uint_eq(a->n_interfaces, b->n_interfaces);
        for (size_t j = 0; j < a->n_interfaces; j++)
            ck_assert_str_eq(a->interfaces[j], b->interfaces[j]);
    }
}

START_TEST(an_outline_knows_zones_and_nothing_of_flows)
{
    static const char text[] =
        "segd: 1\n"
        "site: 安中市\n"
        "timezone: Asia/Tokyo\n"
        "gateway: { protect: true }\n"
        "zones:\n"
        "  a: { label: 庁内, class: lgwan, interfaces: [e1, e2], networks: [10.1.0.0/16] }\n"
        "  b: { class: other, interfaces: [e2], networks: [10.2.0.0/16, \"fd00::/64\"] }\n"
        "  c: { class: external, interfaces: [e3], networks: [any] }\n"
        "flows:\n"
        "  f: { from: a, to: b, services: [tcp/80] }\n";
    cleanup_(reading_clear) struct reading again = {0};
    cleanup_(policy_freep) struct policy *outline = NULL;
    const struct policy_text texts[] = {TEXT("p", text, 0)};
    size_t zone;

    ck_assert_int_eq(parse(texts, 1), 0);
    ck_assert_int_eq(policy_outline(reading.policy, &outline), 0);
    /* What it is compared with is read anew: it must not need the policy it was made of. */
    reading.policy = policy_free(reading.policy);
    read_valid(&again, text);

    ck_assert_str_eq(outline->site, "安中市");
    ck_assert_str_eq(outline->timezone, "Asia/Tokyo");
    ck_assert(outline->gateway_protect);
    assert_same_zones(outline, again.policy);
    assert_same_segments(outline, again.policy);
    ck_assert(policy_zone_of_address(outline, FAMILY_IPV4, 0x0a020001, &zone));
    ck_assert_uint_eq(zone, 1);
    ck_assert(policy_zone_of_address(outline, FAMILY_IPV4, 0x08080808, &zone));
    ck_assert_uint_eq(zone, 2);
    ck_assert_uint_eq(outline->n_flows, 0);
    ck_assert_uint_eq(outline->n_hosts, 0);
    ck_assert_uint_eq(outline->n_services, 0);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, texts_are_one_policy_in_their_order);
    tcase_add_test(tests, the_flows_of_a_text_end_with_it);
    tcase_add_test(tests, a_mistake_is_told_with_the_name_of_its_text);
    tcase_add_test(tests, no_text_is_no_policy);
    tcase_add_test(tests, a_text_beyond_the_bound_is_not_looked_at);
    tcase_add_test(tests, a_path_that_is_not_there_is_told);
    tcase_add_test(tests, an_outline_knows_zones_and_nothing_of_flows);
    tcase_add_test(tests, files_as_texts_are_the_policy_that_is_read_from_them);
    tcase_add_test(tests, a_file_that_cannot_be_read_hides_no_mistake_in_another);
}
