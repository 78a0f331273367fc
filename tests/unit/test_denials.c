/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The sketch keeps the bounds that lib/observe/denials.h promises, against exact counts. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"
#include "observe/denials.h"

#define KEYS 400

static struct packet_head packet_of(unsigned key)
{
    return (struct packet_head){
        .family = FAMILY_IPV4,
        .protocol = 6,
        .port = (uint16_t)key,
        .source = 0x0a010007,
        .destination = 0x0a030009,
    };
}

static void add(struct denials *denials, const char *from, const char *to, unsigned key, usec_t now)
{
    struct packet_head packet = packet_of(key);

    ck_assert_int_eq(denials_add(denials, REASON_NO_FLOW, from, to, &packet, now), 0);
}

/* What a walk sees, of one pair or all. */
struct seen {
    const char *from, *to; /* NULL: of all */
    const uint64_t *exact; /* by key, or NULL */
    size_t n;
    uint64_t sum, total;
    bool keys[KEYS];
    struct denial last;
};

static int see(const struct denial *denial, void *userdata)
{
    struct seen *seen = userdata;

    if (seen->from && (strcmp(denial->from, seen->from) != 0 || strcmp(denial->to, seen->to) != 0))
        return 0;
    seen->n++;
    seen->sum += denial->count;
    seen->last = *denial;
    if (!seen->exact)
        return 0;
    seen->keys[denial->port] = true;
    ck_assert_uint_ge(denial->count, seen->exact[denial->port]);
    ck_assert_uint_le(denial->count - denial->over, seen->exact[denial->port]);
    ck_assert_uint_le(denial->over, seen->total / DENIALS_SKETCH);
    return 0;
}

static struct seen walk(const struct denials *denials, struct seen seen)
{
    ck_assert_int_eq(denials_each(denials, see, &seen), 0);
    return seen;
}

/* Keys of very different frequencies, in an order that is the same each time. */
START_TEST(counts_are_within_the_bounds_of_the_sketch)
{
    cleanup_(denials_freep) struct denials *denials = NULL;
    uint64_t exact[KEYS] = {0};
    struct seen seen = {.from = "a", .to = "b", .exact = exact};
    uint32_t random = (uint32_t)_i * 7919 + 1;

    ck_assert_int_eq(denials_new(&denials), 0);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned key;

        random = random * 1664525 + 1013904223;
        key = (random >> 8) % KEYS;
        /* About half of all packets have one of a few keys. */
        if (random >> 31)
            key %= 8;
        add(denials, "a", "b", key, (usec_t)i + 1);
        exact[key]++;
        seen.total++;
    }

    seen = walk(denials, seen);
    ck_assert_uint_eq(seen.n, DENIALS_SKETCH);
    ck_assert_uint_eq(seen.sum, seen.total);
    for (unsigned key = 0; key < KEYS; key++)
        if (exact[key] > seen.total / DENIALS_SKETCH)
            ck_assert_msg(seen.keys[key], "key %u is missing", key);
    ck_assert_uint_eq(denials_change(denials), seen.total);
}
END_TEST

/* Exact as long as there is room. */
START_TEST(few_combinations_are_counted_exactly)
{
    cleanup_(denials_freep) struct denials *denials = NULL;
    struct seen seen;

    ck_assert_int_eq(denials_new(&denials), 0);
    for (unsigned i = 0; i < 10; i++)
        add(denials, "a", "b", 443, 1000 + i);
    add(denials, "a", "b", 80, 2000);
    seen = walk(denials, (struct seen){.from = "a", .to = "b"});
    ck_assert_uint_eq(seen.n, 2);
    ck_assert_uint_eq(seen.last.port, 80);
    ck_assert_uint_eq(seen.last.count, 1);
    ck_assert_uint_eq(seen.last.over, 0);
    ck_assert_int_eq(seen.last.first, 2000);
    ck_assert_uint_eq(seen.last.change, 11);
    ck_assert_uint_eq(seen.sum, 11);
}
END_TEST

/* A host that sends to ever other ports displaces nothing between other zones. */
START_TEST(flood_of_one_pair_leaves_others_alone)
{
    cleanup_(denials_freep) struct denials *denials = NULL;
    struct seen seen;

    ck_assert_int_eq(denials_new(&denials), 0);
    add(denials, "c", "b", 443, 1);
    for (unsigned i = 0; i < 10000; i++)
        add(denials, "a", "b", i, 2 + (usec_t)i);
    seen = walk(denials, (struct seen){.from = "c", .to = "b"});
    ck_assert_uint_eq(seen.n, 1);
    ck_assert_uint_eq(seen.last.count, 1);
}
END_TEST

/* A zone that tries ever other zones displaces its own pairs, oldest first. */
START_TEST(pairs_of_a_zone_displace_its_own)
{
    cleanup_(denials_freep) struct denials *denials = NULL;
    char to[16];

    ck_assert_int_eq(denials_new(&denials), 0);
    add(denials, "c", "b", 443, 1);
    for (unsigned i = 0; i < 3 * DENIALS_GROUPS; i++) {
        snprintf(to, sizeof(to), "z%u", i);
        add(denials, "a", to, 443, 2 + (usec_t)i);
    }
    ck_assert_uint_eq(walk(denials, (struct seen){.from = "c", .to = "b"}).n, 1);
    ck_assert_uint_eq(walk(denials, (struct seen){.from = "a", .to = "z0"}).n, 0);
    ck_assert_uint_eq(walk(denials, (struct seen){.from = "a", .to = to}).n, 1);
    ck_assert_uint_eq(walk(denials, (struct seen){0}).n, DENIALS_GROUPS);
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, counts_are_within_the_bounds_of_the_sketch, 0, 4);
    tcase_add_test(tests, few_combinations_are_counted_exactly);
    tcase_add_test(tests, flood_of_one_pair_leaves_others_alone);
    tcase_add_test(tests, pairs_of_a_zone_displace_its_own);
}
