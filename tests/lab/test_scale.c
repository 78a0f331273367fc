/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fifty thousand flows, and one more. What one more flow costs must not depend on how many there
 * are: in netlink it is a few messages, and nothing else in the kernel moves.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "segd.h"
#include "ruleset/compile.h"
#include "ruleset/difference.h"
#include "sandbox.h"
#include "wires.h"

#define SOURCES 250
#define DESTINATIONS 200
#define MORE_MAX (16 * 1024)
/* Bytes that tell the generation, or whose table it is. */
#define NOTHING_MAX 512

/* Hosts of both families; every source may reach every destination by one port of its own. */
static char *generate(const char *more)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(file);
    fputs(WIRES_POLICY "hosts:\n", file);
    for (int i = 1; i <= SOURCES; i++)
        fprintf(file, "  s%d: { zone: a, address: [10.1.1.%d, 'fd00:1::%x'] }\n", i, i, i);
    for (int i = 1; i <= DESTINATIONS; i++)
        fprintf(file, "  d%d: { zone: b, address: [10.3.1.%d, 'fd00:3::%x'] }\n", i, i, i);
    fputs("flows:\n", file);
    for (int s = 1; s <= SOURCES; s++)
        for (int d = 1; d <= DESTINATIONS; d++)
            fprintf(file, "  f%d-%d: { from: s%d, to: d%d, services: [tcp/%d] }\n", s, d, s, d,
                    1000 + s + d);
    fputs(more, file);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

/* What the last line of segd's log says it sent. */
static size_t bytes_sent(const struct segd *segd)
{
    cleanup_(freep) char *log = segd_log(segd);
    char *line = log, *last = NULL;
    size_t bytes;

    while ((line = strstr(line, " flows; ")))
        last = line++;
    ck_assert_msg(last, "%.1000s", log);
    ck_assert_int_eq(sscanf(last, " flows; %zu bytes", &bytes), 1);
    return bytes;
}

static struct ruleset *dump(void)
{
    cleanup_(nftables_closep) struct nftables *nftables = NULL;
    struct ruleset *ruleset = NULL;

    ck_assert_int_eq(nftables_open(&nftables), 0);
    ck_assert_int_eq(nftables_dump(nftables, RULESET_TABLE, NULL, &ruleset), 0);
    return ruleset;
}

/* The chain that tells the generation: each reload has a new one. */
static bool is_marker(const struct change *change)
{
    return change->chain &&
           strncmp(change->chain->name, RULESET_GENERATION, strlen(RULESET_GENERATION)) == 0;
}

static size_t count_changes(const struct difference *difference)
{
    size_t n = 0;

    for (size_t i = 0; i < difference->n_changes; i++)
        n += !is_marker(&difference->changes[i]);
    return n;
}

/* Nothing but elements was added, and few of them. */
static void only_elements_are_new(const struct ruleset *before, const struct ruleset *after)
{
    cleanup_(difference_freep) struct difference *difference = NULL;
    size_t n_elements = 0;

    ck_assert_int_eq(difference_new(before, after, &difference), 0);
    for (size_t i = 0; i < difference->n_changes; i++) {
        if (is_marker(&difference->changes[i]))
            continue;
        ck_assert_int_eq(difference->changes[i].kind, CHANGE_ADD_ELEMENTS);
        n_elements += difference->changes[i].n_elements;
    }
    ck_assert_uint_gt(n_elements, 0);
    ck_assert_uint_lt(n_elements, 10);
}

static struct frame probe(enum family family, int source, int destination)
{
    struct frame frame =
        wires_tcp(family, WIRE_A, WIRE_B, (uint16_t)(1000 + source + destination), FRAME_TCP_SYN);

    frame.source = family == FAMILY_IPV4 ? wires_parse("10.1.1.0") + (unsigned)source
                                         : wires_address(family, WIRE_A, (uint16_t)source);
    frame.destination = family == FAMILY_IPV4
                            ? wires_parse("10.3.1.0") + (unsigned)destination
                            : wires_address(family, WIRE_B, (uint16_t)destination);
    return frame;
}

static void is_enforced(struct lab *lab)
{
    for (int s = 1; s <= SOURCES; s += 83) {
        for (int d = 1; d <= DESTINATIONS; d += 66) {
            for (enum family family = FAMILY_IPV4; family <= FAMILY_IPV6; family++) {
                struct frame frame = probe(family, s, d);

                wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
                frame.port++;
                wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
            }
        }
    }
    ck_assert_int_eq(lab_flush_conntrack(lab), 0);
}

START_TEST(one_more_flow_among_fifty_thousand_is_a_small_change)
{
    cleanup_(lab_freep) struct lab *lab = wires_new();
    cleanup_(segd_freep) struct segd *segd = NULL;
    cleanup_(freep) char *policy = generate("");
    cleanup_(freep) char *more = generate("  more: { from: s7, to: d9, services: [udp/53] }\n");
    cleanup_(freep) char *same = generate("  # nothing more\n");
    cleanup_(ruleset_freep) struct ruleset *before = NULL, *after = NULL, *again = NULL;
    cleanup_(difference_freep) struct difference *back = NULL;
    struct frame frame = probe(FAMILY_IPV4, 7, 9);

    segd = segd_start(policy);
    is_enforced(lab);
    before = dump();
    frame.kind = FRAME_UDP;
    frame.port = 53;
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
    segd_reload(segd, more);
    printf("one more flow: %zu bytes of netlink\n", bytes_sent(segd));
    ck_assert_uint_le(bytes_sent(segd), MORE_MAX);
    ck_assert_uint_gt(bytes_sent(segd), 0);
    wires_pass(lab, WIRE_A, WIRE_B, &frame, NULL);
    is_enforced(lab);
    after = dump();
    only_elements_are_new(before, after);

    segd_reload(segd, policy);
    printf("one flow less: %zu bytes of netlink\n", bytes_sent(segd));
    ck_assert_uint_le(bytes_sent(segd), MORE_MAX);
    wires_drop(lab, WIRE_A, &frame, NULL, "no-flow/a/b");
    is_enforced(lab);
    again = dump();
    ck_assert_int_eq(difference_new(before, again, &back), 0);
    ck_assert_uint_eq(count_changes(back), 0);

    segd_reload(segd, same);
    ck_assert_uint_le(bytes_sent(segd), NOTHING_MAX);
}
END_TEST

START_TEST(restart_on_fifty_thousand_flows_sends_next_to_nothing)
{
    cleanup_(freep) char *policy = generate("");
    cleanup_(segd_freep) struct segd *segd = segd_enter(policy);

    ck_assert_uint_gt(bytes_sent(segd), 1000000);
    segd_stop(segd);
    segd_start_again(segd);
    ck_assert_uint_le(bytes_sent(segd), NOTHING_MAX);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, one_more_flow_among_fifty_thousand_is_a_small_change);
    tcase_add_test(tests, restart_on_fifty_thousand_flows_sends_next_to_nothing);
}
