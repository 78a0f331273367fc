/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Isolated zones. A packet gets here after `forward`, `input` or `output` accepted it, with the
 * mark of its flow; what is left to ask is whether one of its ends lies in an isolated zone, and
 * whether its flow was kept. A zone is recognised by interface and address together, since two
 * zones may share an interface. What stays within the zone goes on: it is cut off from others, not
 * from itself.
 *
 * At the gateway itself the zone's hosts also use addresses of the link, which belong to no zone.
 * On an interface that is the zone's alone they are cut off with it, but for neighbour discovery.
 */

#include "ruleset/isolation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* After nft's `priority filter`. */
#define PRIORITY_ISOLATED 1

struct isolation {
    struct compiler *compiler;
    const struct override *override;
    const struct zone *zone;
    size_t index; /* of the zone */
    const struct set *live;
};

static const struct override *isolation_of(const struct overrides *overrides,
                                           const struct zone *zone)
{
    return overrides_find(overrides, OVERRIDE_ISOLATION, zone->name);
}

static void isolation_name(const struct isolation *isolation, const char *suffix,
                           char name[CHAIN_NAME_MAX])
{
    snprintf(name, CHAIN_NAME_MAX, REASON_NAME_ISOLATED "/%s%s", isolation->zone->name, suffix);
}

/* `isolated/ZONE/ip`: the zone's addresses at each of its interfaces. */
static int add_addresses(const struct isolation *isolation, enum family family)
{
    const enum datatype key[] = {DATATYPE_IFNAME, address_type(family)};
    const struct range_set *addresses = &isolation->zone->addresses.by_family[family];
    struct ruleset *ruleset = isolation->compiler->ruleset;
    char name[CHAIN_NAME_MAX];
    struct set *set;
    int r;

    isolation_name(isolation, family == FAMILY_IPV4 ? "/ip" : "/ip6", name);
    r = ruleset_add_set(ruleset, name, key, ELEMENTS_OF(key), SET_DATA_NONE, &set);
    if (r < 0)
        return r;
    set->interval = true;

    for (size_t i = 0; i < isolation->zone->n_interfaces * addresses->n_ranges; i++) {
        const char *interface = isolation->zone->interfaces[i / addresses->n_ranges];
        struct range range = addresses->ranges[i % addresses->n_ranges];
        struct key first = {0}, last = {0};

        key_put_name(&first, interface);
        key_put_name(&last, interface);
        key_put_address(&first, family, range.first);
        key_put_address(&last, family, range.last);
        r = ruleset_add_element(ruleset, set,
                                &(struct element){.key = first.bytes, .key_end = last.bytes});
        if (r < 0)
            return r;
    }
    return 0;
}

/* `isolated/ZONE/interfaces`: those that no other zone shares. */
static int add_interfaces(const struct isolation *isolation, bool *ret_any)
{
    const struct policy *outline = isolation->compiler->policy;
    struct ruleset *ruleset = isolation->compiler->ruleset;
    char name[CHAIN_NAME_MAX];
    struct set *set = NULL;
    int r = 0;

    isolation_name(isolation, "/interfaces", name);
    for (size_t i = 0; i < outline->n_segments; i++) {
        const struct segment *segment = &outline->segments[i];

        if (segment->n_zones != 1 || segment->zones[0] != isolation->index)
            continue;
        if (!set)
            r = ruleset_add_set(ruleset, name, KEY_TYPES(DATATYPE_IFNAME), SET_DATA_NONE, &set);
        for (size_t j = 0; r == 0 && j < segment->n_interfaces; j++) {
            struct key key = {0};

            key_put_name(&key, segment->interfaces[j]);
            r = ruleset_add_element(ruleset, set, &(struct element){.key = key.bytes});
        }
        if (r < 0)
            return r;
    }
    *ret_any = set;
    return 0;
}

static bool is_kept(const struct override *override, const char *flow)
{
    for (size_t i = 0; i < override->n_keep; i++) {
        if (flow && strcmp(override->keep[i], flow) == 0)
            return true;
    }
    return false;
}

/* `isolated/ZONE/kept`: the marks of the flows that go on, each of which is twice in `live`, once
 * for each direction. */
static int add_kept(const struct isolation *isolation)
{
    struct ruleset *ruleset = isolation->compiler->ruleset;
    char name[CHAIN_NAME_MAX];
    struct set *set;
    int r;

    isolation_name(isolation, RULESET_KEPT, name);
    r = ruleset_add_set(ruleset, name, KEY_TYPES(DATATYPE_MARK), SET_DATA_NONE, &set);

    for (size_t i = 0; r == 0 && isolation->live && i < isolation->live->n_elements; i++) {
        const struct element *element = &isolation->live->elements[i];

        if (element->key[0] != 0 || !is_kept(isolation->override, element->comment))
            continue;
        r = ruleset_add_element(
            ruleset, set, &(struct element){.key = element->key + 4, .comment = element->comment});
    }
    return r;
}

/* Drops what the statement matches, unless its flow was kept. */
static int cut(const struct isolation *isolation, struct statement ours)
{
    char kept[CHAIN_NAME_MAX], counter[CHAIN_NAME_MAX];

    isolation_name(isolation, RULESET_KEPT, kept);
    isolation_name(isolation, "", counter);
    return compiler_rule(isolation->compiler, ours,
                         statement_lookup(FIELDS(FIELD_CT_MARK), true, kept),
                         statement_counter(counter), compiler_refuse(REASON_ISOLATED));
}

static int cut_forward(const struct isolation *isolation)
{
    static const enum field sources[FAMILIES] = {FIELD_IP_SADDR, FIELD_IP6_SADDR};
    static const enum field destinations[FAMILIES] = {FIELD_IP_DADDR, FIELD_IP6_DADDR};
    char name[CHAIN_NAME_MAX];
    int r = 0;

    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        struct statement from, to;

        isolation_name(isolation, family == FAMILY_IPV4 ? "/ip" : "/ip6", name);
        from = statement_lookup(FIELDS(FIELD_IIFNAME, sources[family]), false, name);
        to = statement_lookup(FIELDS(FIELD_OIFNAME, destinations[family]), false, name);
        r = compiler_rule(isolation->compiler, from, to, statement_verdict(VERDICT_ACCEPT));
        if (r == 0)
            r = cut(isolation, from);
        if (r == 0)
            r = cut(isolation, to);
    }
    return r;
}

static int cut_gateway(const struct isolation *isolation, enum hook hook, bool exclusive)
{
    static const enum field addresses[2][FAMILIES] = {
        {FIELD_IP_DADDR, FIELD_IP6_DADDR},
        {FIELD_IP_SADDR, FIELD_IP6_SADDR},
    };
    enum field interface = hook == HOOK_INPUT ? FIELD_IIFNAME : FIELD_OIFNAME;
    char name[CHAIN_NAME_MAX];
    int r = 0;

    for (enum family family = 0; r == 0 && family < FAMILIES; family++) {
        isolation_name(isolation, family == FAMILY_IPV4 ? "/ip" : "/ip6", name);
        r = cut(isolation,
                statement_lookup(FIELDS(interface, addresses[hook == HOOK_INPUT][family]), false,
                                 name));
    }
    isolation_name(isolation, "/interfaces", name);
    if (r == 0 && exclusive)
        r = cut(isolation, statement_lookup(FIELDS(interface), false, name));
    return r;
}

/* One isolated zone: its sets, and its rules in the base chains that are being built. */
struct base {
    const char *name;
    enum hook hook;
};

static const struct base bases[] = {
    {REASON_NAME_ISOLATED "/forward", HOOK_FORWARD},
    {REASON_NAME_ISOLATED "/input", HOOK_INPUT},
    {REASON_NAME_ISOLATED "/output", HOOK_OUTPUT},
};

static int add_sets(const struct isolation *isolation, bool *ret_exclusive)
{
    char counter[CHAIN_NAME_MAX];
    int r;

    isolation_name(isolation, "", counter);
    r = ruleset_add_counter(isolation->compiler->ruleset, counter);
    for (enum family family = 0; r == 0 && family < FAMILIES; family++)
        r = add_addresses(isolation, family);
    if (r == 0)
        r = add_interfaces(isolation, ret_exclusive);
    if (r == 0)
        r = add_kept(isolation);
    return r;
}

static int add_base(struct compiler *compiler, const struct base *base)
{
    int r = compiler_base_chain(compiler, base->name, base->hook, PRIORITY_ISOLATED);

    /* What is of no isolated zone has been accepted already. */
    if (r == 0)
        compiler->ruleset->chains[compiler->ruleset->n_chains - 1].policy_drop = false;
    if (r == 0 && base->hook != HOOK_FORWARD)
        r = compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, 58 /* ICMPv6 */),
                          statement_go(VERDICT_JUMP, REASON_NAME_ISOLATED "/neighbour-discovery"));
    return r;
}

static int compile_bases(struct compiler *compiler, const struct isolation *isolations, size_t n,
                         const bool *exclusive)
{
    size_t n_bases = compiler->policy->gateway_protect ? ELEMENTS_OF(bases) : 1;
    int r = compile_drop(compiler, REASON_ISOLATED, false);

    if (r == 0 && compiler->policy->gateway_protect)
        r = compile_neighbour_discovery(compiler, REASON_NAME_ISOLATED "/neighbour-discovery");
    for (size_t i = 0; r == 0 && i < n_bases; i++) {
        r = add_base(compiler, &bases[i]);
        for (size_t j = 0; r == 0 && j < n; j++)
            r = bases[i].hook == HOOK_FORWARD
                    ? cut_forward(&isolations[j])
                    : cut_gateway(&isolations[j], bases[i].hook, exclusive[j]);
    }
    return r;
}

static int compile_isolations(struct compiler *compiler, const struct overrides *overrides,
                              const struct set *live)
{
    const struct policy *outline = compiler->policy;
    struct isolation isolations[POLICY_ZONES_MAX];
    bool exclusive[POLICY_ZONES_MAX] = {false};
    size_t n = 0;

    for (size_t i = 0; overrides && i < outline->n_zones; i++) {
        const struct override *override = isolation_of(overrides, &outline->zones[i]);
        int r;

        if (!override)
            continue;
        isolations[n] = (struct isolation){compiler, override, &outline->zones[i], i, live};
        r = add_sets(&isolations[n], &exclusive[n]);
        if (r < 0)
            return r;
        n++;
    }
    return n > 0 ? compile_bases(compiler, isolations, n, exclusive) : 0;
}

/* `suspension/FLOW`, an object that no rule uses: a suspended flow is only absent from `live`, and
 * where no disk can be written the kernel is what remembers who must stay absent. */
static int note_suspensions(struct compiler *compiler, const struct overrides *overrides)
{
    int r = 0;

    for (size_t i = 0; r == 0 && overrides && i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];
        char name[CHAIN_NAME_MAX];

        if (override->kind != OVERRIDE_SUSPENSION)
            continue;
        snprintf(name, sizeof(name), RULESET_SUSPENSION "%s", override->name);
        r = ruleset_add_counter(compiler->ruleset, name);
    }
    return r;
}

int isolation_compile(const struct policy *outline, const struct overrides *overrides,
                      const struct set *live, struct ruleset **ret_ruleset)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct compiler compiler = {.policy = outline};
    int r = ruleset_new(RULESET_TABLE, &ruleset);

    if (r < 0)
        return r;
    compiler.ruleset = ruleset;

    r = compile_isolations(&compiler, overrides, live);
    if (r == 0)
        r = note_suspensions(&compiler, overrides);
    if (r < 0)
        return r;

    ruleset_finish(ruleset);
    *ret_ruleset = TAKE_PTR(ruleset);
    return 0;
}

/* Copies `n` objects of `size` bytes after those that are there. */
static int append(void *array, size_t *n_array, size_t *capacity, const void *objects, size_t n,
                  size_t size)
{
    char **to = array;
    int r = array_reserve(array, capacity, *n_array + n, size);

    if (r < 0 || n == 0)
        return r;
    memcpy(*to + *n_array * size, objects, n * size);
    *n_array += n;
    return 0;
}

static int join(struct ruleset *joined, const struct ruleset *part)
{
    int r = append(&joined->counters, &joined->n_counters, &joined->counters_capacity,
                   part->counters, part->n_counters, sizeof(*part->counters));

    if (r == 0)
        r = append(&joined->sets, &joined->n_sets, &joined->sets_capacity, part->sets, part->n_sets,
                   sizeof(*part->sets));
    if (r == 0)
        r = append(&joined->chains, &joined->n_chains, &joined->chains_capacity, part->chains,
                   part->n_chains, sizeof(*part->chains));
    return r;
}

int ruleset_join(const struct ruleset *a, const struct ruleset *b, struct ruleset **ret_joined)
{
    cleanup_(ruleset_freep) struct ruleset *joined = NULL;
    int r = ruleset_new(a->table, &joined);

    if (r < 0)
        return r;
    joined->borrowed = true;

    r = join(joined, a);
    if (r == 0)
        r = join(joined, b);
    if (r < 0)
        return r;

    ruleset_finish(joined);
    *ret_joined = TAKE_PTR(joined);
    return 0;
}
