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
static void add_addresses(const struct isolation *isolation, enum family family)
{
    const enum datatype key[] = {DATATYPE_IFNAME, address_type(family)};
    const struct range_set *addresses = &isolation->zone->addresses.by_family[family];
    char name[CHAIN_NAME_MAX];
    struct set *set;

    isolation_name(isolation, family == FAMILY_IPV4 ? "/ip" : "/ip6", name);
    set = compiler_set(isolation->compiler, name, key, ELEMENTS_OF(key), SET_DATA_NONE);
    if (set)
        set->interval = true;

    for (size_t i = 0; i < isolation->zone->n_interfaces; i++)
        compiler_add_ranges(isolation->compiler, set, isolation->zone->interfaces[i], family,
                            addresses);
}

/* `isolated/ZONE/interfaces`: those that no other zone shares. */
static void add_interfaces(const struct isolation *isolation, bool *ret_any)
{
    const struct policy *outline = isolation->compiler->policy;
    char name[CHAIN_NAME_MAX];
    struct set *set = NULL;

    isolation_name(isolation, "/interfaces", name);
    for (size_t i = 0; i < outline->n_segments; i++) {
        const struct segment *segment = &outline->segments[i];

        if (segment->n_zones != 1 || segment->zones[0] != isolation->index)
            continue;
        if (!set)
            set =
                compiler_set(isolation->compiler, name, KEY_TYPES(DATATYPE_IFNAME), SET_DATA_NONE);
        for (size_t j = 0; j < segment->n_interfaces; j++)
            compiler_add_name(isolation->compiler, set, segment->interfaces[j],
                              (struct element){0});
    }
    *ret_any = set;
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
static void add_kept(const struct isolation *isolation)
{
    char name[CHAIN_NAME_MAX];
    struct set *set;

    isolation_name(isolation, RULESET_KEPT, name);
    set = compiler_set(isolation->compiler, name, KEY_TYPES(DATATYPE_MARK), SET_DATA_NONE);

    for (size_t i = 0; isolation->live && i < isolation->live->n_elements; i++) {
        const struct element *element = &isolation->live->elements[i];

        if (element->key[0] == 0 && is_kept(isolation->override, element->comment))
            compiler_element(
                isolation->compiler, set,
                &(struct element){.key = element->key + 4, .comment = element->comment});
    }
}

/* Drops what the statement matches, unless its flow was kept. */
static void cut(const struct isolation *isolation, struct statement ours)
{
    char kept[CHAIN_NAME_MAX], counter[CHAIN_NAME_MAX];

    isolation_name(isolation, RULESET_KEPT, kept);
    isolation_name(isolation, "", counter);
    compiler_rule(isolation->compiler, ours, statement_lookup(FIELDS(FIELD_CT_MARK), true, kept),
                  statement_counter(counter), compiler_refuse(REASON_ISOLATED));
}

static void cut_forward(const struct isolation *isolation)
{
    char name[CHAIN_NAME_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        struct statement from, to;

        isolation_name(isolation, family == FAMILY_IPV4 ? "/ip" : "/ip6", name);
        from = statement_lookup(FIELDS(FIELD_IIFNAME, source_field(family)), false, name);
        to = statement_lookup(FIELDS(FIELD_OIFNAME, destination_field(family)), false, name);
        compiler_rule(isolation->compiler, from, to, statement_verdict(VERDICT_ACCEPT));
        cut(isolation, from);
        cut(isolation, to);
    }
}

static void cut_gateway(const struct isolation *isolation, enum hook hook, bool exclusive)
{
    enum field interface = hook == HOOK_INPUT ? FIELD_IIFNAME : FIELD_OIFNAME;
    char name[CHAIN_NAME_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        enum field address = hook == HOOK_INPUT ? source_field(family) : destination_field(family);

        isolation_name(isolation, family == FAMILY_IPV4 ? "/ip" : "/ip6", name);
        cut(isolation, statement_lookup(FIELDS(interface, address), false, name));
    }
    isolation_name(isolation, "/interfaces", name);
    if (exclusive)
        cut(isolation, statement_lookup(FIELDS(interface), false, name));
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

static void add_sets(const struct isolation *isolation, bool *ret_exclusive)
{
    char counter[CHAIN_NAME_MAX];

    isolation_name(isolation, "", counter);
    compiler_counter(isolation->compiler, counter);
    for (enum family family = 0; family < FAMILIES; family++)
        add_addresses(isolation, family);
    add_interfaces(isolation, ret_exclusive);
    add_kept(isolation);
}

static void add_base(struct compiler *compiler, const struct base *base)
{
    compiler_base_chain(compiler, base->name, base->hook, PRIORITY_ISOLATED);
    /* What is of no isolated zone has been accepted already. */
    if (compiler->error == 0)
        compiler->ruleset->chains[compiler->ruleset->n_chains - 1].policy_drop = false;
    if (base->hook != HOOK_FORWARD)
        compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, 58 /* ICMPv6 */),
                      statement_go(VERDICT_JUMP, REASON_NAME_ISOLATED "/neighbour-discovery"));
}

static void compile_bases(struct compiler *compiler, const struct isolation *isolations, size_t n,
                          const bool *exclusive)
{
    size_t n_bases = compiler->policy->gateway_protect ? ELEMENTS_OF(bases) : 1;

    compile_drop(compiler, REASON_ISOLATED);
    if (compiler->policy->gateway_protect)
        compile_neighbour_discovery(compiler, REASON_NAME_ISOLATED "/neighbour-discovery");
    for (size_t i = 0; i < n_bases; i++) {
        add_base(compiler, &bases[i]);
        for (size_t j = 0; j < n; j++) {
            if (bases[i].hook == HOOK_FORWARD)
                cut_forward(&isolations[j]);
            else
                cut_gateway(&isolations[j], bases[i].hook, exclusive[j]);
        }
    }
}

static void compile_isolations(struct compiler *compiler, const struct overrides *overrides,
                               const struct set *live)
{
    const struct policy *outline = compiler->policy;
    struct isolation isolations[POLICY_ZONES_MAX];
    bool exclusive[POLICY_ZONES_MAX] = {false};
    size_t n = 0;

    for (size_t i = 0; overrides && i < outline->n_zones; i++) {
        const struct override *override = isolation_of(overrides, &outline->zones[i]);

        if (!override)
            continue;
        isolations[n] = (struct isolation){compiler, override, &outline->zones[i], i, live};
        add_sets(&isolations[n], &exclusive[n]);
        n++;
    }
    if (n > 0)
        compile_bases(compiler, isolations, n, exclusive);
}

/* `suspension/FLOW`, an object that no rule uses: a suspended flow is only absent from `live`, and
 * where no disk can be written the kernel is what remembers who must stay absent. */
static void note_suspensions(struct compiler *compiler, const struct overrides *overrides)
{
    for (size_t i = 0; overrides && i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];
        char name[CHAIN_NAME_MAX];

        if (override->kind != OVERRIDE_SUSPENSION)
            continue;
        snprintf(name, sizeof(name), RULESET_SUSPENSION "%s", override->name);
        compiler_counter(compiler, name);
    }
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

    compile_isolations(&compiler, overrides, live);
    note_suspensions(&compiler, overrides);
    if (compiler.error < 0)
        return compiler.error;

    ruleset_finish(ruleset);
    *ret_ruleset = TAKE_PTR(ruleset);
    return 0;
}

static int join(struct ruleset *joined, const struct ruleset *part)
{
    int r = array_append_all(&joined->counters, &joined->n_counters, &joined->counters_capacity,
                             part->counters, part->n_counters, sizeof(*part->counters));

    if (r == 0)
        r = array_append_all(&joined->sets, &joined->n_sets, &joined->sets_capacity, part->sets,
                             part->n_sets, sizeof(*part->sets));
    if (r == 0)
        r = array_append_all(&joined->chains, &joined->n_chains, &joined->chains_capacity,
                             part->chains, part->n_chains, sizeof(*part->chains));
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
