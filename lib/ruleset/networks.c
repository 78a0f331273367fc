/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which addresses lie behind an interface. `ingress` asks it of sources, `egress` of destinations;
 * `related` asks it of the ends of a connection.
 *
 * A few prefixes are compared one by one, which is cheaper than a look into a set; more of them lie
 * in one, `networks/SEGMENT/FAMILY`. Where the chain does not know its segment the addresses of all
 * of them lie in `homes/FAMILY`, with the interface in front. There the ranges between the networks
 * of others would be hundreds of prefixes each, which the kernel writes out: a segment that has
 * nearly all addresses has all of them there, and those that it has not in `elsewhere/FAMILY`.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/compiler.h"

/* Up to so many prefixes of a family are written as rules. */
#define INLINE_PREFIXES_MAX 4

/* Splits addresses into prefixes that can be compared, and returns how many they are; 0 where there
 * are too many, or where the only one is of all addresses and leaves nothing to compare. */
static size_t split(const struct range_set *addresses, enum family family,
                    struct prefix prefixes[INLINE_PREFIXES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < addresses->n_ranges; i++) {
        struct range range = addresses->ranges[i];
        bool more;

        do {
            if (n == INLINE_PREFIXES_MAX)
                return 0;
            more = range_take_prefix(&range, family_bits(family), &prefixes[n]);
            if (prefixes[n++].length == 0)
                return 0;
        } while (more);
    }
    return n;
}

static void name_networks(const struct compiler *compiler, size_t segment, enum family family,
                          char name[CHAIN_NAME_MAX])
{
    char buffer[SEGMENT_TEXT_MAX];

    snprintf(name, CHAIN_NAME_MAX, "networks/%s/%s", compiler_segment(compiler, segment, buffer),
             family_word(family));
}

/* The addresses of all zones of a segment, into an empty set. */
static void collect(struct compiler *compiler, size_t segment, enum family family,
                    struct range_set *addresses)
{
    const struct segment *carried = &compiler->policy->segments[segment];

    for (size_t i = 0; compiler->error == 0 && i < carried->n_zones; i++) {
        const struct zone *zone = &compiler->policy->zones[carried->zones[i]];

        compiler->error = range_set_add_set(addresses, &zone->addresses.by_family[family]);
    }
}

static const char *const homes[FAMILIES] = {"homes/ip", "homes/ip6"};
static const char *const elsewhere[FAMILIES] = {"elsewhere/ip", "elsewhere/ip6"};

static size_t count_prefixes(const struct range_set *addresses, enum family family)
{
    struct prefix prefix;
    size_t n = 0;

    for (size_t i = 0; i < addresses->n_ranges; i++) {
        struct range range = addresses->ranges[i];

        while (range_take_prefix(&range, family_bits(family), &prefix))
            n++;
        n++;
    }
    return n;
}

/* The addresses of a segment for `homes`, and those that are not its own for `elsewhere`. */
static void collect_home(struct compiler *compiler, size_t segment, enum family family,
                         struct range_set *home, struct range_set *away)
{
    cleanup_(range_set_clear) struct range_set others = {0};

    collect(compiler, segment, family, home);
    if (compiler->error == 0)
        compiler->error = range_set_add(&others, family_all(family));
    if (compiler->error == 0)
        compiler->error = range_set_subtract(&others, home);
    if (compiler->error < 0 || count_prefixes(&others, family) >= count_prefixes(home, family))
        return;
    compiler->error = range_set_add(home, family_all(family));
    *away = others;
    others = (struct range_set){0};
}

static struct set *add_places(struct compiler *compiler, const char *name, enum family family)
{
    const enum datatype key[] = {DATATYPE_IFNAME, address_type(family)};
    struct set *set = compiler_set(compiler, name, key, ELEMENTS_OF(key), SET_DATA_NONE);

    if (set)
        set->interval = true;
    return set;
}

static void add_segment(struct compiler *compiler, struct set *set, size_t segment,
                        enum family family, const struct range_set *addresses)
{
    const struct segment *carried = &compiler->policy->segments[segment];

    for (size_t i = 0; i < carried->n_interfaces; i++)
        compiler_add_ranges(compiler, set, carried->interfaces[i], family, addresses);
}

/* Each zone's networks are elements of their own, which stay while another zone changes: where two
 * were joined the kernel would have neither for a moment, and what is not here is at home. */
static void add_elsewhere(struct compiler *compiler, struct set *set, size_t segment,
                          enum family family, struct range_set *away)
{
    const struct policy *policy = compiler->policy;

    for (size_t i = 0; away->n_ranges > 0 && compiler->error == 0 && i < policy->n_zones; i++) {
        const struct range_set *zone = &policy->zones[i].addresses.by_family[family];

        if (segment_carries(policy, segment, i))
            continue;
        add_segment(compiler, set, segment, family, zone);
        if (compiler->error == 0)
            compiler->error = range_set_subtract(away, zone);
    }
    add_segment(compiler, set, segment, family, away);
}

static void compile_homes(struct compiler *compiler, enum family family)
{
    size_t n = compiler->policy->n_segments;
    cleanup_(freep) struct range_set *away = calloc(n + 1, sizeof(*away));
    struct set *set = add_places(compiler, homes[family], family);

    if (!away && compiler->error == 0)
        compiler->error = -ENOMEM;
    for (size_t i = 0; compiler->error == 0 && i < n; i++) {
        cleanup_(range_set_clear) struct range_set home = {0};

        collect_home(compiler, i, family, &home, &away[i]);
        add_segment(compiler, set, i, family, &home);
        compiler->elsewhere[family] = compiler->elsewhere[family] || away[i].n_ranges > 0;
    }

    if (compiler->elsewhere[family])
        set = add_places(compiler, elsewhere[family], family);
    for (size_t i = 0; away && i < n; i++) {
        add_elsewhere(compiler, set, i, family, &away[i]);
        range_set_clear(&away[i]);
    }
}

void compiler_at_home(struct compiler *compiler, enum family family, struct field_list where,
                      const struct statement *match, size_t n_match, struct statement then)
{
    struct statement statements[STATEMENTS_MAX];
    size_t n = n_match;

    memcpy(statements, match, n_match * sizeof(*match));
    if (compiler->elsewhere[family])
        statements[n++] = statement_lookup(where, true, elsewhere[family]);
    statements[n++] = statement_lookup(where, false, homes[family]);
    statements[n++] = then;
    compiler_rule_list(compiler, statements, n);
}

void compiler_not_at_home(struct compiler *compiler, enum family family, struct field_list where,
                          struct statement match, struct statement then)
{
    compiler_rule(compiler, match, statement_lookup(where, true, homes[family]), then);
    if (compiler->elsewhere[family])
        compiler_rule(compiler, match, statement_lookup(where, false, elsewhere[family]), then);
}

/* `networks/SEGMENT/FAMILY`, where prefixes do not do. */
static void compile_segment(struct compiler *compiler, size_t segment, enum family family)
{
    const enum datatype key = address_type(family);
    cleanup_(range_set_clear) struct range_set addresses = {0};
    struct prefix prefixes[INLINE_PREFIXES_MAX];
    char name[CHAIN_NAME_MAX];
    struct set *set;

    collect(compiler, segment, family, &addresses);
    if (addresses.n_ranges == 0 || split(&addresses, family, prefixes) > 0)
        return;

    name_networks(compiler, segment, family, name);
    set = compiler_set(compiler, name, &key, 1, SET_DATA_NONE);
    if (set)
        set->interval = true;
    compiler_add_ranges(compiler, set, NULL, family, &addresses);
}

void compile_networks(struct compiler *compiler)
{
    for (enum family family = 0; family < FAMILIES; family++) {
        compile_homes(compiler, family);
        for (size_t i = 0; i < compiler->policy->n_segments; i++)
            compile_segment(compiler, i, family);
    }
}

void compiler_match_networks(struct compiler *compiler, size_t segment, enum family family,
                             enum field field, struct statement then)
{
    cleanup_(range_set_clear) struct range_set addresses = {0};
    struct prefix prefixes[INLINE_PREFIXES_MAX];
    char name[CHAIN_NAME_MAX];
    size_t n;

    collect(compiler, segment, family, &addresses);
    if (addresses.n_ranges == 0)
        return;

    n = split(&addresses, family, prefixes);
    if (n == 0) {
        name_networks(compiler, segment, family, name);
        compiler_rule(compiler, statement_lookup(FIELDS(field), false, name), then);
    }
    for (size_t i = 0; i < n; i++)
        compiler_rule(compiler, statement_match_prefix(field, family, prefixes[i]), then);
}
