/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which addresses lie behind an interface. `ingress` asks it of sources, `egress` of destinations;
 * `related` asks it of the ends of a connection.
 *
 * A few prefixes are compared one by one, which is cheaper than a look into a set; more of them lie
 * in one, `networks/SEGMENT/FAMILY`. Where the chain does not know its segment the addresses of all
 * of them lie in `homes/FAMILY`, with the interface in front.
 */

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

/* `homes/FAMILY`. */
static void compile_homes(struct compiler *compiler, enum family family)
{
    const enum datatype key[] = {DATATYPE_IFNAME, address_type(family)};
    char name[CHAIN_NAME_MAX];
    struct set *set;

    snprintf(name, sizeof(name), "homes/%s", family_word(family));
    set = compiler_set(compiler, name, key, ELEMENTS_OF(key), SET_DATA_NONE);
    if (set)
        set->interval = true;

    for (size_t i = 0; i < compiler->policy->n_segments; i++) {
        const struct segment *segment = &compiler->policy->segments[i];
        cleanup_(range_set_clear) struct range_set addresses = {0};

        collect(compiler, i, family, &addresses);
        for (size_t j = 0; j < segment->n_interfaces; j++)
            compiler_add_ranges(compiler, set, segment->interfaces[j], family, &addresses);
    }
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
