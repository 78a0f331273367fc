/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policies whose shape is hard on the diagram: lib/diagram/diagram.h. */

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"
#include "diagram/assemble.h"
#include "diagram/diagram.h"
#include "tests/reading.h"

/* The kernel follows 15 jumps. Beside the parents of a class there are those to judge, pair, class,
 * no-flow and drop, and three are left for what is to come. */
#define LINKS_ALLOWED 7

#define TWO_ZONES                                                                                  \
    "segd: 1\n"                                                                                    \
    "zones:\n"                                                                                     \
    "  a: { class: other, interfaces: [if1], networks: [10.0.0.0/8, \"fd00::/16\"] }\n"            \
    "  b: { class: other, interfaces: [if2], networks: [20.0.0.0/8, \"fd01::/16\"] }\n"

/* A policy that is being written, then its diagram. */
struct draft {
    struct reading reading;
    struct diagram *diagram;
    char *text;
    size_t size;
    FILE *stream;
};

static FILE *draft_begin(struct draft *draft)
{
    *draft = (struct draft){0};
    draft->stream = open_memstream(&draft->text, &draft->size);
    ck_assert_ptr_nonnull(draft->stream);
    fputs(TWO_ZONES, draft->stream);
    return draft->stream;
}

/* What diagram_new() returns for what was written. */
static int draft_end(struct draft *draft)
{
    ck_assert_int_eq(fclose(draft->stream), 0);
    read_valid(&draft->reading, draft->text);
    return diagram_new(draft->reading.policy, NULL, draft->reading.diagnostics, &draft->diagram);
}

static void draft_clear(struct draft *draft)
{
    diagram_free(draft->diagram);
    reading_clear(&draft->reading);
    free(draft->text);
}

#define N_HOSTS 60
#define HOST_ROWS 20
#define NETWORK_ROWS 200

static unsigned network_length(int level, int n_levels)
{
    return (unsigned)(120 - (n_levels - 1 - level));
}

/* Networks inside networks, the widest first, and hosts in the innermost. */
static void write_nested(FILE *stream, int n_levels)
{
    fputs("groups:\n", stream);
    for (int i = 0; i < n_levels + N_HOSTS; i++) {
        bool host = i >= n_levels;

        fprintf(stream,
                "  s%d: { zone: a, members: [\"fd00::%x/%u\"] }\n  d%d: { zone: b, members: [", i,
                host ? i - n_levels + 1 : 0, host ? 128 : network_length(i, n_levels), i);
        for (int j = 0; j < (host ? HOST_ROWS : NETWORK_ROWS); j++)
            fprintf(stream, "%s\"fd01:%x:%x::/49\"", j > 0 ? ", " : "", i + 1, j);
        fputs("] }\n", stream);
    }
    fputs("flows:\n", stream);
    for (int i = 0; i < n_levels + N_HOSTS; i++)
        fprintf(stream, "  f%d: { from: s%d, to: d%d, services: [tcp/%d] }\n", i, i, i, 1000 + i);
}

static unsigned longest_chain(const struct pair *pair)
{
    unsigned longest = 0;

    for (size_t i = 0; i < pair->n_classes; i++) {
        unsigned links = 0;

        for (uint32_t class = pair->classes[i].parent; class != NO_CLASS;
             class = pair->classes[class].parent)
            links++;
        longest = links > longest ? links : longest;
    }
    return longest;
}

static size_t count_rows(const struct pair *pair)
{
    size_t n = pair->n_pool + pair->n_exact;

    for (size_t i = 0; i < pair->n_classes; i++)
        n += pair->classes[i].n_ranges + pair->classes[i].n_exact;
    return n;
}

/* From each network, at an address that is in none inside it, by the flow of each. */
static void assert_nested_decisions(const struct draft *draft, int n_levels)
{
    for (int from = 0; from < n_levels; from++) {
        for (int flow = 0; flow < n_levels; flow++) {
            struct packet packet = {
                .from = 0,
                .to = 1,
                .family = FAMILY_IPV6,
                .source = (ip_number)0xfd00 << 112 | (ip_number)1
                                                         << (127 - network_length(from, n_levels)),
                .destination = (ip_number)0xfd01 << 112 | (ip_number)(unsigned)(flow + 1) << 96 |
                               (ip_number)(NETWORK_ROWS - 1) << 80,
                .service = SERVICE_NUMBER(6, 1000 + (unsigned)flow),
            };
            uint32_t owner = flow <= from ? (uint32_t)flow : NO_FLOW;

            ck_assert_uint_eq(policy_decide_naively(draft->reading.policy, NULL, &packet), owner);
            ck_assert_uint_eq(diagram_decide(draft->diagram, &packet).flow, owner);
        }
    }
}

START_TEST(networks_inside_networks_make_no_long_chain)
{
    static const int levels[] = {3, 8, 9, 14, 30, 100};
    int n_levels = levels[_i];
    size_t rows = (size_t)n_levels * NETWORK_ROWS + N_HOSTS * HOST_ROWS;
    struct draft draft;
    const struct pair *pair;

    write_nested(draft_begin(&draft), n_levels);
    ck_assert_int_eq(draft_end(&draft), 0);
    ck_assert_uint_eq(draft.diagram->n_pairs, 1);
    pair = &draft.diagram->pairs[0];

    ck_assert_uint_le(longest_chain(pair), LINKS_ALLOWED);
    if (n_levels <= LINKS_ALLOWED)
        ck_assert_uint_eq(longest_chain(pair), (unsigned)n_levels);
    /* Each chain that begins anew repeats what lies around it, and nothing does so more often. */
    ck_assert_uint_le(count_rows(pair), rows * (2 + (size_t)n_levels / LINKS_ALLOWED));
    assert_nested_decisions(&draft, n_levels);
    draft_clear(&draft);
}
END_TEST

/* A path of wide tables, and at its end very many networks, each with a table and hosts. */
START_TEST(chains_that_need_too_many_copies_are_an_error)
{
    struct draft draft;
    FILE *stream = draft_begin(&draft);

    fputs("groups:\n  large: { zone: b, members: [20.0.0.0/32", stream);
    for (int i = 1; i < 20000; i++)
        fprintf(stream, ", 20.%d.%d.0/25", i / 250, i % 250);
    fputs("] }\n  middle: { zone: b, members: [20.0.0.0/32", stream);
    for (int i = 1; i < 500; i++)
        fprintf(stream, ", 20.%d.%d.0/25", 100 + i / 250, i % 250);
    fputs("] }\n", stream);
    for (int i = 0; i < LINKS_ALLOWED; i++)
        fprintf(stream, "  n%d: { zone: a, members: [10.0.0.0/%d] }\n", i, 9 + i);
    for (int i = 0; i < 120; i++) {
        fprintf(stream, "  m%d: { zone: a, members: [10.0.%d.0/24] }\n", i, i);
        fprintf(stream, "  h%d: { zone: a, members: [10.0.%d.1", i, i);
        for (int j = 3; j < 255; j += 2)
            fprintf(stream, ", 10.0.%d.%d", i, j);
        fputs("] }\n", stream);
    }
    fputs("flows:\n", stream);
    for (int i = 0; i < LINKS_ALLOWED; i++)
        fprintf(stream, "  n%d: { from: n%d, to: large, services: [tcp/%d] }\n", i, i, 1 + i);
    for (int i = 0; i < 120; i++)
        fprintf(stream,
                "  m%d: { from: m%d, to: middle, services: [tcp/%d] }\n"
                "  h%d: { from: h%d, to: b, services: [udp/%d] }\n",
                i, i, 1000 + i, i, i, 1000 + i);

    ck_assert_int_eq(draft_end(&draft), -E2BIG);
    ck_assert_uint_eq(count_diagnostics(draft.reading.diagnostics, "too-entangled"), 1);
    draft_clear(&draft);
}
END_TEST

/* A flow of few hosts to everywhere, after an earlier one of all hosts to very many places. */
START_TEST(flow_cut_by_very_many_earlier_rows_is_compiled)
{
    struct draft draft;
    struct packet packet = {.from = 0, .to = 1, .source = 0x0a000001};
    FILE *stream = draft_begin(&draft);

    /* So many networks that the outer flow is not copied into them. */
    fputs("groups:\n  few: { zone: a, members: [10.0.0.0/24", stream);
    for (int i = 2; i < 40; i += 2)
        fprintf(stream, ", 10.0.%d.0/24", i);
    fputs("] }\n  many: { zone: b, members: [20.0.0.0/25", stream);
    for (int i = 1; i < 30000; i++)
        fprintf(stream, ", 20.%d.%d.0/25", i / 250, i % 250);
    fputs("] }\nflows:\n"
          "  outer: { from: a, to: many, services: [tcp/80] }\n"
          "  inner: { from: few, to: b, services: [tcp/1-100] }\n",
          stream);

    ck_assert_int_eq(draft_end(&draft), 0);
    for (unsigned i = 0; i < 30000; i += 1000) {
        packet.destination = 0x14000000 | (i / 250) << 16 | (i % 250) << 8;
        packet.service = SERVICE_NUMBER(6, 80);
        ck_assert_uint_eq(diagram_decide(draft.diagram, &packet).flow, 0);
        packet.service = SERVICE_NUMBER(6, 81);
        ck_assert_uint_eq(diagram_decide(draft.diagram, &packet).flow, 1);
        packet.destination += 128;
        packet.service = SERVICE_NUMBER(6, 80);
        ck_assert_uint_eq(diagram_decide(draft.diagram, &packet).flow, 1);
    }
    draft_clear(&draft);
}
END_TEST

/* Hosts by hosts become points, which are asked before the flow that is nothing but those. */
START_TEST(flow_of_nothing_but_the_points_of_earlier_flows_is_shadowed)
{
    /* The later flow in the pool, in a class of its own, and with one port more. */
    static const struct {
        unsigned sources;
        unsigned ports;
        size_t shadowed;
    } cases[] = {{8, 8, 1}, {40, 8, 1}, {8, 9, 0}, {40, 9, 0}};
    struct draft draft;
    FILE *stream = draft_begin(&draft);

    fprintf(stream, "groups:\n  all: { zone: a, members: [10.0.0.1-10.0.0.%u] }\n",
            cases[_i].sources);
    fputs("  to: { zone: b, members: [20.0.0.1-20.0.0.8] }\n", stream);
    for (unsigned i = 1; i <= cases[_i].sources; i++)
        fprintf(stream, "  s%u: { zone: a, members: [10.0.0.%u] }\n", i, i);
    fputs("flows:\n", stream);
    for (unsigned i = 1; i <= cases[_i].sources; i++)
        fprintf(stream, "  f%u: { from: s%u, to: to, services: [tcp/1-8] }\n", i, i);
    fprintf(stream, "  late: { from: all, to: to, services: [tcp/1-%u] }\n", cases[_i].ports);

    ck_assert_int_eq(draft_end(&draft), cases[_i].shadowed > 0 ? -EBADMSG : 0);
    ck_assert_uint_eq(count_diagnostics(draft.reading.diagnostics, "shadowed"), cases[_i].shadowed);
    ck_assert_uint_eq(count_diagnostics(draft.reading.diagnostics, "overlap"),
                      1 - cases[_i].shadowed);
    draft_clear(&draft);
}
END_TEST

/* All addresses of a flow lie in networks that have earlier flows; they link to its class. */
START_TEST(flow_after_the_flows_of_all_networks_inside_is_left_if_one_lets_it)
{
    struct packet packet = {
        .from = 0,
        .to = 1,
        .source = 0x0a780001,
        .destination = 0x14000001,
        .service = SERVICE_NUMBER(6, 80),
    };
    struct draft draft;
    FILE *stream = draft_begin(&draft);
    bool left = _i == 1;

    fputs("groups:\n  outer: { zone: a, members: [10.0.0.0/9] }\n"
          "  many: { zone: b, members: [20.0.0.0/25",
          stream);
    for (int i = 1; i < 1000; i++)
        fprintf(stream, ", 20.%d.%d.0/25", i / 250, i % 250);
    fputs("] }\n", stream);
    for (int i = 0; i < 16; i++)
        fprintf(stream, "  n%d: { zone: a, members: [10.%d.0.0/13] }\n", i, i * 8);
    fputs("flows:\n", stream);
    for (int i = 0; i < 16; i++)
        fprintf(stream, "  n%d: { from: n%d, to: b, services: [tcp/%d-82] }\n", i, i,
                left && i == 15 ? 81 : 80);
    fputs("  outer: { from: outer, to: many, services: [tcp/80-81] }\n", stream);

    ck_assert_int_eq(draft_end(&draft), left ? 0 : -EBADMSG);
    ck_assert_uint_eq(count_diagnostics(draft.reading.diagnostics, "shadowed"), !left);
    ck_assert_uint_eq(count_diagnostics(draft.reading.diagnostics, "overlap"), left);
    if (left) {
        ck_assert_uint_eq(diagram_decide(draft.diagram, &packet).flow, 16);
        ck_assert_uint_eq(diagram_decide(draft.diagram, &packet).links, 1);
    }
    draft_clear(&draft);
}
END_TEST

/* Flow after flow the same ranges of sources, destinations and ports, each moved by a little, so
 * that each overlaps with half of the others in all three. */
static void write_moved(FILE *stream, unsigned n_flows)
{
    fputs("groups:\n", stream);
    for (unsigned i = 0; i < n_flows; i++) {
        unsigned first = 4096 + i * 97, last = first + n_flows / 2 * 97;

        for (unsigned zone = 0; zone < 2; zone++)
            fprintf(stream, "  %c%u: { zone: %c, members: [%u.%u.%u.%u-%u.%u.%u.%u] }\n",
                    "ab"[zone], i, "ab"[zone], 10 + 10 * zone, first >> 16, first >> 8 & 0xff,
                    first & 0xff, 10 + 10 * zone, last >> 16, last >> 8 & 0xff, last & 0xff);
    }
    fputs("flows:\n", stream);
    for (unsigned i = 0; i < n_flows; i++)
        fprintf(stream, "  f%u: { from: a%u, to: b%u, services: [udp/%u-%u] }\n", i, i, i,
                1000 + i * 10, 1000 + i * 10 + n_flows / 2 * 10);
}

/* Rows and work are counted, so that a slow machine says the same. */
START_TEST(flows_that_all_overlap_in_part_are_boxes)
{
    static const uint32_t n_flows = 1400;
    cleanup_(build_clear) struct build build = {
        .rows_left = DIAGRAM_ROWS_MAX,
        .work_left = DIAGRAM_WORK_MAX,
    };
    uint32_t order[1400];
    struct diagram *again = NULL;
    struct draft draft;

    write_moved(draft_begin(&draft), n_flows);
    ck_assert_int_eq(draft_end(&draft), 0);
    ck_assert_uint_eq(draft.diagram->n_pairs, 1);
    ck_assert_uint_eq(count_rows(&draft.diagram->pairs[0]), 3 * n_flows - 2);

    for (uint32_t i = 0; i < n_flows; i++)
        order[i] = i;
    ck_assert_int_eq(overlaps_init(&build.overlaps, n_flows), 0);
    ck_assert_int_eq(diagram_assemble(draft.reading.policy, order, n_flows, &build, &again, NULL),
                     0);
    /* What classes may try in vain, and few boxes of each flow with each other flow. */
    ck_assert_uint_le(DIAGRAM_WORK_MAX - build.work_left,
                      1000 * 1000 + 64 * 2 * n_flows + 4 * n_flows * n_flows);
    diagram_free(again);
    draft_clear(&draft);
}
END_TEST

/* So many addresses without order that no shape of table holds them. */
START_TEST(flows_that_overlap_without_order_are_an_error_soon)
{
    struct draft draft;
    FILE *stream = draft_begin(&draft);
    uint32_t random = 1;

    fputs("groups:\n", stream);
    for (unsigned i = 0; i < 2000; i++) {
        fprintf(stream, "  %c%u: { zone: %c, members: [", "ab"[i % 2], i / 2, "ab"[i % 2]);
        for (unsigned j = 0; j < 8; j++) {
            unsigned first;

            random = random * 1664525 + 1013904223;
            first = random >> 16;
            fprintf(stream, "%s%u.%u.%u.0-%u.%u.%u.255", j > 0 ? ", " : "", 10 + i % 2 * 10,
                    first >> 8, first & 0xff, 10 + i % 2 * 10,
                    first >> 8 < 250 ? (first >> 8) + 5 : 255, first & 0xff);
        }
        fputs("] }\n", stream);
    }
    fputs("flows:\n", stream);
    for (unsigned i = 0; i < 1000; i++)
        fprintf(stream, "  f%u: { from: a%u, to: b%u, services: [udp/%u-%u] }\n", i, i, i,
                1000 + i * 10, 6000 + i * 10);

    ck_assert_int_eq(draft_end(&draft), -E2BIG);
    ck_assert_uint_eq(count_diagnostics(draft.reading.diagnostics, "too-entangled"), 1);
    draft_clear(&draft);
}
END_TEST

static void print_interfaces(FILE *stream, char zone, unsigned number, unsigned n)
{
    fprintf(stream, "  %c: { class: other, networks: [10.%u.0.0/16], interfaces: [", zone, number);
    for (unsigned i = 0; i < n; i++)
        fprintf(stream, "%s%c%u", i > 0 ? ", " : "", zone, i);
    fputs("] }\n", stream);
}

static const struct {
    unsigned n;
    const char *rest; /* of the policy */
    int result;
} ways[] = {
    {256, "flows:\n  f: { from: a, to: b, services: any }\n", 0},
    {257, "flows:\n  f: { from: a, to: b, services: any }\n", -E2BIG},
    {257, "flows:\n  f: { from: b, to: b, services: any }\n", 0},
    {256, "reject: [{ from: a, to: b }]\n", 0},
    {257, "reject: [{ from: a, to: b }]\n", -E2BIG},
};

/* Zone a has `n` interfaces, and zone b 256. */
START_TEST(pairs_of_interfaces_are_bounded)
{
    struct draft draft = {0};

    draft.stream = open_memstream(&draft.text, &draft.size);
    ck_assert_ptr_nonnull(draft.stream);
    fputs("segd: 1\nzones:\n", draft.stream);
    print_interfaces(draft.stream, 'a', 1, ways[_i].n);
    print_interfaces(draft.stream, 'b', 2, 256);
    fputs(ways[_i].rest, draft.stream);

    ck_assert_int_eq(draft_end(&draft), ways[_i].result);
    ck_assert_uint_eq(count_diagnostics(draft.reading.diagnostics, "too-many-ways"),
                      ways[_i].result < 0);
    draft_clear(&draft);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, networks_inside_networks_make_no_long_chain, 0, 6);
    tcase_add_test(tests, chains_that_need_too_many_copies_are_an_error);
    tcase_add_test(tests, flow_cut_by_very_many_earlier_rows_is_compiled);
    tcase_add_loop_test(tests, flow_of_nothing_but_the_points_of_earlier_flows_is_shadowed, 0, 4);
    tcase_add_loop_test(tests, flow_after_the_flows_of_all_networks_inside_is_left_if_one_lets_it,
                        0, 2);
    tcase_add_test(tests, flows_that_all_overlap_in_part_are_boxes);
    tcase_add_test(tests, flows_that_overlap_without_order_are_an_error_soon);
    tcase_add_loop_test(tests, pairs_of_interfaces_are_bounded, 0, (int)ELEMENTS_OF(ways));
}
