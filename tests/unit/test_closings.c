/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What isolations and suspensions hold, from policy to policy: lib/policy/closings.h. That packets
 * do not pass is shown by tests/control/test_content.c. */

#include <check.h>
#include <string.h>

#include "answer/overlap.h"
#include "checks.h"
#include "policy/closings.h"
#include "policy/isolations.h"
#include "tests/reading.h"

#define A "segd: 1\nzones:\n  a: { class: other, interfaces: [a0], networks: [10.1.0.0/16] }\n"
#define B "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/16] }\nflows:\n"
#define FLOW(name, service) "  " name ": { from: a, to: b, services: [" service "] }\n"
#define OFF(name, service)                                                                         \
    "  " name ": { from: a, to: b, services: [" service "], enabled: false }\n"

static struct reading old, new;
static struct overrides overrides;

static void tear_down(void)
{
    overrides_clear(&overrides);
    reading_clear(&old);
    reading_clear(&new);
}

static struct override *add(enum override_kind kind, const char *name)
{
    const struct override override = {
        .kind = kind, .name = (char *)name, .reason = (char *)"r", .who = (char *)"w", .until = 9};

    ck_assert_int_eq(overrides_add(&overrides, &override), 0);
    return &overrides.overrides[overrides.n_overrides - 1];
}

/* Suspensions of f and perhaps g under the first policy, then the second one. */
static const struct {
    const char *before, *after;
    bool second;       /* g is suspended too */
    bool forgotten;    /* the policy before is not known */
    const char *name;  /* of the first suspension then */
    const char *stops; /* flows of the policy that do not pass */
} carried[] = {
    {FLOW("f", "tcp/1"), FLOW("f", "tcp/1"), false, false, "f", "f"},
    {FLOW("f", "tcp/1"), FLOW("h", "tcp/1"), false, false, "h", "h"},
    {FLOW("f", "tcp/1"), FLOW("h", "tcp/1"), false, true, "h", "h"},
    {FLOW("f", "tcp/1"), FLOW("f", "tcp/2"), false, false, "f", "f"},
    {FLOW("f", "tcp/1"), FLOW("h", "tcp/2"), false, false, "f", ""},
    /* Two flows have the content. */
    {FLOW("f", "tcp/1"), FLOW("f", "tcp/2") FLOW("h", "tcp/1"), false, false, "f", "f h"},
    /* Swapped, and what only looks like it. */
    {FLOW("f", "tcp/1") FLOW("g", "tcp/2"), FLOW("g", "tcp/1") FLOW("f", "tcp/2"), false, false,
     "g", "g"},
    {FLOW("f", "tcp/1") FLOW("g", "tcp/2"), FLOW("g", "tcp/1") FLOW("f", "tcp/2"), false, true, "f",
     "g f"},
    {FLOW("f", "tcp/1") FLOW("g", "tcp/2"), FLOW("g", "tcp/1") FLOW("f", "tcp/2"), true, false, "f",
     "g f"},
    {FLOW("f", "tcp/1") OFF("g", "tcp/2"), FLOW("g", "tcp/1") FLOW("f", "tcp/2"), false, false, "f",
     "g f"},
    {FLOW("f", "tcp/1") FLOW("g", "tcp/2"), FLOW("g", "tcp/3") FLOW("f", "tcp/2"), false, false,
     "f", "f"},
    /* A disabled flow has a content too. */
    {OFF("f", "tcp/1"), FLOW("h", "tcp/1"), false, false, "h", "h"},
};

static const char *stopped(char *buffer, size_t size)
{
    size_t used = 0;

    *buffer = '\0';
    for (size_t i = 0; i < new.policy->n_flows; i++) {
        const struct flow *flow = &new.policy->flows[i];

        if (overrides_suspension_of(&overrides, flow))
            used += (size_t)snprintf(buffer + used, size - used, "%s%s", used > 0 ? " " : "",
                                     flow->name);
    }
    return buffer;
}

START_TEST(a_suspension_follows_its_content_and_its_name)
{
    char before[1024], after[1024], text[64];

    snprintf(before, sizeof(before), A B "%s", carried[_i].before);
    snprintf(after, sizeof(after), A B "%s", carried[_i].after);
    read_valid(&old, before);
    read_valid(&new, after);
    add(OVERRIDE_SUSPENSION, "f");
    if (carried[_i].second)
        add(OVERRIDE_SUSPENSION, "g");
    ck_assert_int_eq(closings_carry(&overrides, old.policy, old.policy), 0);
    ck_assert_int_eq(
        closings_carry(&overrides, carried[_i].forgotten ? NULL : old.policy, new.policy), 0);
    ck_assert_str_eq(overrides.overrides[0].name, carried[_i].name);
    ck_assert_str_eq(stopped(text, sizeof(text)), carried[_i].stops);
    /* The same policy again changes nothing. */
    ck_assert_int_eq(closings_carry(&overrides, new.policy, new.policy), 0);
    ck_assert_str_eq(overrides.overrides[0].name, carried[_i].name);
    ck_assert_str_eq(stopped(text, sizeof(text)), carried[_i].stops);
}
END_TEST

/* A suspension of f that was carried by each of these policies in turn. */
static const struct {
    const char *policies[4];
    const char *name;
    const char *stops; /* under the last one */
} courses[] = {
    /* Edited after it got another name. */
    {{FLOW("f", "tcp/1"), FLOW("h", "tcp/1"), FLOW("h", "tcp/2")}, "h", "h"},
    {{FLOW("f", "tcp/1"), FLOW("f", "tcp/2") FLOW("h", "tcp/1"),
      FLOW("f", "tcp/2") FLOW("h", "tcp/3")},
     "f",
     "f h"},
    /* The first name comes again. */
    {{FLOW("f", "tcp/1"), FLOW("h", "tcp/1"), FLOW("h", "tcp/1") FLOW("f", "tcp/4")}, "h", "h f"},
    {{FLOW("f", "tcp/1"), FLOW("h", "tcp/1"), FLOW("k", "tcp/1"), FLOW("h", "tcp/2")}, "h", "h"},
    /* A name that was given away in a swap is not held any more, the others are. */
    {{FLOW("f", "tcp/1") FLOW("g", "tcp/2"), FLOW("g", "tcp/1") FLOW("f", "tcp/2"),
      FLOW("g", "tcp/3") FLOW("f", "tcp/4")},
     "g",
     "g"},
    {{FLOW("f", "tcp/1") FLOW("k", "tcp/2"), FLOW("h", "tcp/1") FLOW("k", "tcp/2"),
      FLOW("h", "tcp/2") FLOW("k", "tcp/1"),
      FLOW("h", "tcp/3") FLOW("k", "tcp/1") FLOW("f", "tcp/4")},
     "k",
     "k f"},
};

START_TEST(a_suspension_holds_each_name_that_carried_it)
{
    char text[1024];

    add(OVERRIDE_SUSPENSION, "f");
    for (size_t i = 0; i < ELEMENTS_OF(courses[_i].policies) && courses[_i].policies[i]; i++) {
        reading_clear(&old);
        old = new;
        new = (struct reading){0};
        snprintf(text, sizeof(text), A B "%s", courses[_i].policies[i]);
        read_valid(&new, text);
        ck_assert_int_eq(
            closings_carry(&overrides, old.policy ? old.policy : new.policy, new.policy), 0);
    }
    ck_assert_str_eq(overrides.overrides[0].name, courses[_i].name);
    ck_assert_str_eq(stopped(text, sizeof(text)), courses[_i].stops);
}
END_TEST

START_TEST(names_that_were_kept_get_their_contents)
{
    char *keep[] = {(char *)"f", (char *)"gone"};
    struct override isolation = {.kind = OVERRIDE_ISOLATION,
                                 .name = (char *)"a",
                                 .keep = keep,
                                 .n_keep = 2,
                                 .until = USEC_NEVER};
    char content[FLOW_CONTENT_TEXT_MAX];

    read_valid(&old, A B FLOW("f", "tcp/1"));
    read_valid(&new, A B FLOW("f", "tcp/2") FLOW("gone", "tcp/1"));
    ck_assert_int_eq(overrides_add(&overrides, &isolation), 0);
    ck_assert_int_eq(closings_carry(&overrides, old.policy, old.policy), 0);
    ck_assert_int_eq(closings_carry(&overrides, old.policy, new.policy), 0);
    ck_assert_uint_eq(overrides.overrides[0].n_keep, 1);
    ck_assert_uint_eq(overrides.overrides[0].n_keep_ids, 1);
    ck_assert_str_eq(overrides.overrides[0].keep_ids[0],
                     flow_content_format(find_flow(old.policy, "f")->digest, content));
}
END_TEST

START_TEST(an_extent_is_held_once)
{
    struct override *isolation = add(OVERRIDE_ISOLATION, "a");

    read_valid(&old, A B FLOW("f", "tcp/1"));
    read_valid(&new,
               "segd: 1\nzones:\n"
               "  a: { class: other, interfaces: [c0, a0], networks: [10.1.0.0/16] }\n" B FLOW(
                   "f", "tcp/1"));
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(closings_carry(&overrides, old.policy, old.policy), 0);
        ck_assert_uint_eq(isolation->n_extents, i == 0 ? 1 : 2);
        ck_assert_int_eq(closings_carry(&overrides, old.policy, new.policy), 0);
        ck_assert_uint_eq(isolation->n_extents, 2);
    }
    ck_assert_str_eq(isolation->extents[0].networks[0], "10.1.0.0/16");
    ck_assert_uint_eq(isolation->extents[1].n_whole, 2);
}
END_TEST

/* The wires and the networks of a zone, which differ from policy to policy. */
static void read_zone(struct reading *reading, int n, const char *networks)
{
    char text[512];

    snprintf(
        text, sizeof(text),
        "segd: 1\nzones:\n"
        "  a: { class: other, interfaces: [w%d], networks: [%s] }\n"
        "  c: { class: other, interfaces: [v%d], networks: [10.9.%d.0/24] }\n" B FLOW("f", "tcp/1"),
        n, networks, n, n);
    read_valid(reading, text);
}

static struct isolation_end end_at(const struct policy *policy, const char *zone)
{
    return (struct isolation_end){
        .zone = (size_t)(policy_zone_named(policy, zone) - policy->zones),
    };
}

/* Whether the isolations cut off all that a flow could approve from zone to zone. */
static bool cuts(const struct policy *policy, const char *from, const char *to)
{
    cleanup_(isolations_freep) struct isolations *isolations = NULL;
    const struct isolation_end ends[] = {end_at(policy, from), end_at(policy, to)};

    ck_assert_int_eq(isolations_new(&overrides, policy, &isolations), 0);
    return isolations_cut(isolations, find_flow(policy, "f"), &ends[0], &ends[1]);
}

/* A hundred policies, each of which has the zone on another wire (with other networks, too, or with
 * all that others do not have), and then those of before once more. */
START_TEST(extents_are_bounded_and_only_grow)
{
    struct override *isolation = add(OVERRIDE_ISOLATION, "a");
    char text[64];

    for (int i = 0; i < 120; i++) {
        snprintf(text, sizeof(text), "10.1.%d.0/24", i % 100);
        read_zone(&new, i % 100, _i == 0 ? "10.1.0.0/16" : _i == 1 ? text : "any");
        ck_assert_int_eq(closings_carry(&overrides, NULL, new.policy), 0);
        ck_assert_uint_le(isolation->n_extents, EXTENTS_MAX);
        ck_assert(cuts(new.policy, "a", "b"));
        ck_assert(!cuts(new.policy, "c", "b"));
        reading_clear(&new);
    }
    ck_assert_uint_eq(isolation->n_extents, EXTENTS_MAX);

    /* All wires of all of them are cut off under a policy that calls them otherwise. */
    read_valid(&new, "segd: 1\nzones:\n"
                     "  x: { class: other, interfaces: [w60, w99], networks: [10.8.0.0/16] }\n"
                     "  y: { class: other, interfaces: [w50], networks: [10.7.0.0/16] }\n"
                     "  z: { class: other, interfaces: [w3], networks: [10.6.0.0/16] }\n" B
                     "  f: { from: x, to: b, services: [tcp/1] }\n");
    ck_assert(cuts(new.policy, "x", "b"));
    ck_assert(cuts(new.policy, "y", "b"));
    ck_assert(cuts(new.policy, "b", "y"));
    ck_assert(cuts(new.policy, "z", "b"));
    ck_assert(cuts(new.policy, "z", "x"));
    /* Those that were merged are cut off from each other. */
    ck_assert(cuts(new.policy, "x", "y"));
    ck_assert(cuts(new.policy, "y", "y"));
    ck_assert(!cuts(new.policy, "z", "z"));
}
END_TEST

/* What the kernel holds, of a state that knows it under another name, and of one that does not. */
START_TEST(what_the_kernel_holds_is_adopted_once)
{
    static char content[] = "00112233445566778899aabbccddeeff";
    char *ids[] = {content};
    struct override held = {.kind = OVERRIDE_SUSPENSION,
                            .name = (char *)"f",
                            .ids = ids,
                            .n_ids = 1,
                            .reason = (char *)"r",
                            .who = (char *)"w"};

    if (_i == 1) {
        held.name = (char *)"h";
        ck_assert_int_eq(overrides_add(&overrides, &held), 0);
        held.name = (char *)"f";
    }
    ck_assert_int_eq(closings_adopt(&overrides, &held), _i == 0);
    ck_assert_int_eq(closings_adopt(&overrides, &held), 0);
    ck_assert_uint_eq(overrides.n_overrides, 1);
    ck_assert_str_eq(overrides.overrides[0].name, _i == 0 ? "f" : "h");
}
END_TEST

static const struct {
    const char *from, *to, *services;
    bool overlaps;
} boxes[] = {
    {"pc", "web", "tcp/443", true},
    {"pc", "web", "tcp/1-1000", true},
    {"pc", "web", "any", true},
    {"pc", "web", "tcp/444-500", false},
    {"pc", "web", "udp/443", false},
    {"web", "pc", "tcp/443", false},
    {"office", "server", "tcp/443", true},
    {"office", "world", "tcp/443", false},
    {"[office, world]", "[server, world]", "tcp/443", true},
    {"pc", "gateway", "tcp/443", false},
};

START_TEST(flows_overlap_where_a_packet_lies_in_both)
{
    const struct flow *flow;
    char text[2048];

    snprintf(text, sizeof(text),
             ZONES HOSTS "flows:\n  f: { from: pc, to: web, services: [tcp/443] }\n");
    read_valid(&old, text);
    snprintf(text, sizeof(text), ZONES HOSTS "flows:\n  g: { from: %s, to: %s, services: [%s] }\n",
             boxes[_i].from, boxes[_i].to, boxes[_i].services);
    read_valid(&new, text);
    flow = find_flow(old.policy, "f");
    ck_assert_int_eq(flows_overlap(old.policy, flow, new.policy, find_flow(new.policy, "g")),
                     boxes[_i].overlaps);
    ck_assert_int_eq(flows_overlap(new.policy, find_flow(new.policy, "g"), old.policy, flow),
                     boxes[_i].overlaps);
}
END_TEST

static const struct {
    const char *from, *to, *services;
    bool covered; /* by `from office to [server, gateway], tcp/1-443 and any udp` */
} parts[] = {
    {"pc", "web", "tcp/443", true},           {"office", "server", "[tcp/1-443, udp/53]", true},
    {"office", "server", "tcp/1-444", false}, {"office", "server", "any", false},
    {"[pc, world]", "web", "tcp/443", false}, {"office", "[web, world]", "tcp/443", false},
    {"web", "pc", "tcp/443", false},          {"pc", "gateway", "tcp/22", true},
    {"gateway", "web", "tcp/22", false},
};

START_TEST(flow_covers_what_lies_in_it)
{
    char text[2048];

    snprintf(text, sizeof(text),
             ZONES HOSTS "flows:\n"
                         "  o: { from: %s, to: %s, services: %s }\n"
                         "  f: { from: office, to: [server, gateway], services: [tcp/1-443, "
                         "udp/any], expires: 2020-01-01 }\n",
             parts[_i].from, parts[_i].to, parts[_i].services);
    read_valid(&old, text);
    ck_assert_int_eq(
        flow_covers(old.policy, find_flow(old.policy, "f"), find_flow(old.policy, "o")),
        parts[_i].covered);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_loop_test(tests, a_suspension_follows_its_content_and_its_name, 0,
                        (int)ELEMENTS_OF(carried));
    tcase_add_loop_test(tests, a_suspension_holds_each_name_that_carried_it, 0,
                        (int)ELEMENTS_OF(courses));
    tcase_add_test(tests, names_that_were_kept_get_their_contents);
    tcase_add_test(tests, an_extent_is_held_once);
    tcase_add_loop_test(tests, extents_are_bounded_and_only_grow, 0, 3);
    tcase_add_loop_test(tests, what_the_kernel_holds_is_adopted_once, 0, 2);
    tcase_add_loop_test(tests, flow_covers_what_lies_in_it, 0, (int)ELEMENTS_OF(parts));
    tcase_add_loop_test(tests, flows_overlap_where_a_packet_lies_in_both, 0,
                        (int)ELEMENTS_OF(boxes));
}
