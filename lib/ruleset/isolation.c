/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Isolated zones. A packet gets here after `forward`, `input` or `output` accepted it, with the
 * mark of its flow; what is left to ask is whether exactly one of its ends lies in what is
 * isolated, and whether its flow was kept. That is told by interface and address together, since
 * two zones may share an interface. On an interface that was the zone's alone every address counts,
 * also those of the link, and those that another policy gives to another zone on the same wire; but
 * for neighbour discovery.
 *
 * What is isolated is what the isolation holds, and what the zone of its name is in this policy.
 * Each of these extents has sets and rules of its own: what stays within one of them goes on. Where
 * several had to be merged, nothing within goes on.
 */

#include "ruleset/isolation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text_list.h"
#include "policy/isolations.h"
#include "ruleset/compile.h"
#include "ruleset/compiler.h"

/* After nft's `priority filter`. */
#define PRIORITY_ISOLATED 1

/* One extent of an isolation. */
struct isolation {
    struct compiler *compiler;
    const struct override *override;
    const struct extent *extent;
    size_t number; /* of the extent */
};

static void isolation_name(const struct override *override, const char *suffix,
                           char name[CHAIN_NAME_MAX])
{
    snprintf(name, CHAIN_NAME_MAX, REASON_NAME_ISOLATED "/%s%s", override->name, suffix);
}

void isolation_set_name(const char *zone, enum family family, size_t extent,
                        char name[ISOLATION_NAME_MAX])
{
    int n = snprintf(name, ISOLATION_NAME_MAX, REASON_NAME_ISOLATED "/%s/%s", zone,
                     family_word(family));

    if (extent > 0 && n > 0 && n < ISOLATION_NAME_MAX)
        snprintf(name + n, ISOLATION_NAME_MAX - (size_t)n, "/%zu", extent);
}

static bool is_whole(const struct extent *extent, const char *interface)
{
    return text_list_has(extent->whole, extent->n_whole, interface);
}

/* `isolated/ZONE/ip`: the addresses at each of the interfaces. */
static void add_addresses(const struct isolation *isolation, const struct address_set *addresses,
                          enum family family)
{
    const enum datatype key[] = {DATATYPE_IFNAME, address_type(family)};
    const struct extent *extent = isolation->extent;
    struct range all = family_all(family);
    const struct range_set everything = {&all, 1, 1};
    char name[ISOLATION_NAME_MAX];
    struct set *set;

    isolation_set_name(isolation->override->name, family, isolation->number, name);
    set = compiler_set(isolation->compiler, name, key, ELEMENTS_OF(key), SET_DATA_NONE);
    if (set)
        set->interval = true;

    for (size_t i = 0; i < extent->n_interfaces; i++)
        compiler_add_ranges(
            isolation->compiler, set, extent->interfaces[i], family,
            is_whole(extent, extent->interfaces[i]) ? &everything : &addresses->by_family[family]);
}

/* `isolated/ZONE/kept/FLOW/CONTENT`: a counter that no rule uses. This policy does not have the
 * content, and may be replaced by one that has it. */
static void note_kept(struct compiler *compiler, const struct override *override, size_t i)
{
    char name[CHAIN_NAME_MAX];

    snprintf(name, sizeof(name), RULESET_ISOLATED "%s" RULESET_KEPT "/%s/%s", override->name,
             override->keep[i], override->keep_ids[i]);
    compiler_counter(compiler, name);
}

/* Where the isolation keeps the content first; n_keep_ids: it does not keep it. */
static size_t find_kept(const struct override *override, const char *content)
{
    size_t i = 0;

    while (i < override->n_keep_ids && strcmp(override->keep_ids[i], content) != 0)
        i++;
    return i;
}

/* `isolated/ZONE/kept`: the marks of the flows that go on, each with its name and content. */
static void add_kept(struct compiler *compiler, const struct override *override)
{
    cleanup_(freep) bool *found = calloc(override->n_keep_ids + 1, sizeof(*found));
    const struct policy *outline = compiler->policy;
    char name[CHAIN_NAME_MAX];
    struct set *set;

    if (!found) {
        compiler->error = -ENOMEM;
        return;
    }
    isolation_name(override, RULESET_KEPT, name);
    set = compiler_set(compiler, name, KEY_TYPES(DATATYPE_MARK), SET_DATA_NONE);

    for (size_t i = 0; override->n_keep_ids > 0 && i < outline->n_marks; i++) {
        const struct flow_mark *mark = &outline->marks[i];
        char content[FLOW_CONTENT_TEXT_MAX], comment[CHAIN_NAME_MAX];
        struct key key = {0};
        size_t kept = find_kept(override, flow_content_format(mark->digest, content));

        if (kept == override->n_keep_ids)
            continue;
        found[kept] = true;
        key_put(&key, &mark->id, sizeof(mark->id));
        snprintf(comment, sizeof(comment), "%s %s", override->keep[kept], content);
        compiler_element(compiler, set, &(struct element){.key = key.bytes, .comment = comment});
    }
    for (size_t i = 0; i < override->n_keep_ids; i++) {
        if (!found[i] && find_kept(override, override->keep_ids[i]) == i)
            note_kept(compiler, override, i);
    }
}

/* Drops what the statements match, unless its flow was kept. */
static void cut(const struct isolation *isolation, const struct statement *ends, size_t n_ends)
{
    char kept[CHAIN_NAME_MAX], counter[CHAIN_NAME_MAX];
    struct statement statements[5];

    isolation_name(isolation->override, RULESET_KEPT, kept);
    isolation_name(isolation->override, "", counter);
    memcpy(statements, ends, n_ends * sizeof(*ends));
    statements[n_ends] = statement_lookup(FIELDS(FIELD_CT_MARK), true, kept);
    statements[n_ends + 1] = statement_counter(counter);
    statements[n_ends + 2] = compiler_refuse(REASON_ISOLATED);
    compiler_rule_list(isolation->compiler, statements, n_ends + 3);
}

/* Any end lies in the extent, or one does and the other does not. */
static void cut_forward(const struct isolation *isolation)
{
    char name[ISOLATION_NAME_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        isolation_set_name(isolation->override->name, family, isolation->number, name);
        for (int is_source = 1; is_source >= 0; is_source--) {
            const struct statement ends[] = {
                statement_lookup(FIELDS(FIELD_IIFNAME, source_field(family)), !is_source, name),
                statement_lookup(FIELDS(FIELD_OIFNAME, destination_field(family)), is_source, name),
            };

            if (isolation->extent->apart)
                cut(isolation, is_source ? &ends[0] : &ends[1], 1);
            else
                cut(isolation, ends, ELEMENTS_OF(ends));
        }
    }
}

static void cut_gateway(const struct isolation *isolation, enum hook hook)
{
    enum field interface = hook == HOOK_INPUT ? FIELD_IIFNAME : FIELD_OIFNAME;
    char name[ISOLATION_NAME_MAX];

    for (enum family family = 0; family < FAMILIES; family++) {
        enum field address = hook == HOOK_INPUT ? source_field(family) : destination_field(family);
        struct statement end;

        isolation_set_name(isolation->override->name, family, isolation->number, name);
        end = statement_lookup(FIELDS(interface, address), false, name);
        cut(isolation, &end, 1);
    }
}

/* The base chains. */
struct base {
    const char *name;
    enum hook hook;
};

static const struct base bases[] = {
    {REASON_NAME_ISOLATED "/forward", HOOK_FORWARD},
    {REASON_NAME_ISOLATED "/input", HOOK_INPUT},
    {REASON_NAME_ISOLATED "/output", HOOK_OUTPUT},
};

static void add_base(struct compiler *compiler, const struct base *base)
{
    compiler_base_chain(compiler, base->name, base->hook, PRIORITY_ISOLATED, true);
    /* What is of no isolated zone has been accepted already. */
    if (compiler->error == 0)
        compiler->ruleset->chains[compiler->ruleset->n_chains - 1].policy_drop = false;
    if (base->hook != HOOK_FORWARD)
        compiler_rule(compiler, statement_match_byte(FIELD_L4PROTO, false, 58 /* ICMPv6 */),
                      statement_go(VERDICT_JUMP, REASON_NAME_ISOLATED "/neighbour-discovery"));
}

/* The extents of all isolations, those of one isolation after each other. */
struct extents {
    struct isolation *isolations;
    size_t n_isolations;
    struct override *copies; /* of the isolations, with what their zones are now */
    size_t n_copies;
};

static void extents_clear(struct extents *extents)
{
    for (size_t i = 0; i < extents->n_copies; i++)
        record_clear(&override_type, &extents->copies[i]);
    free(extents->copies);
    free(extents->isolations);
}

static int extents_collect(struct compiler *compiler, const struct overrides *overrides,
                           struct extents *extents)
{
    size_t n = 0;
    int r = 0;

    extents->copies = calloc(overrides->n_overrides + 1, sizeof(*extents->copies));
    if (!extents->copies)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < overrides->n_overrides; i++) {
        struct override *copy = &extents->copies[extents->n_copies];

        if (overrides->overrides[i].kind != OVERRIDE_ISOLATION)
            continue;
        r = isolation_in_policy(&overrides->overrides[i], compiler->policy, copy);
        if (r == 0) {
            extents->n_copies++;
            n += copy->n_extents;
        }
    }
    extents->isolations = calloc(n + 1, sizeof(*extents->isolations));
    if (r < 0 || !extents->isolations)
        return -ENOMEM;

    for (size_t i = 0; i < extents->n_copies; i++) {
        const struct override *copy = &extents->copies[i];

        for (size_t j = 0; j < copy->n_extents; j++)
            extents->isolations[extents->n_isolations++] =
                (struct isolation){compiler, copy, &copy->extents[j], j};
    }
    return 0;
}

/* `isolated/ZONE/until/SECONDS`: a counter that no rule uses. A later end is in the kernel before
 * it is on the disk. */
static void note_end(struct compiler *compiler, const struct override *override)
{
    char name[CHAIN_NAME_MAX];

    if (override->until == USEC_NEVER)
        return;
    snprintf(name, sizeof(name), RULESET_ISOLATED "%s" RULESET_UNTIL "%" PRId64, override->name,
             override->until / USEC_PER_SEC);
    compiler_counter(compiler, name);
}

/* `isolated/ZONE/apart/NUMBER`: the same for an extent that was merged. */
static void note_apart(const struct isolation *isolation)
{
    char name[CHAIN_NAME_MAX];

    snprintf(name, sizeof(name), RULESET_ISOLATED "%s" RULESET_APART "%zu",
             isolation->override->name, isolation->number);
    if (isolation->extent->apart)
        compiler_counter(isolation->compiler, name);
}

static void add_sets(struct compiler *compiler, const struct extents *extents)
{
    for (size_t i = 0; i < extents->n_copies; i++) {
        char counter[CHAIN_NAME_MAX];

        isolation_name(&extents->copies[i], "", counter);
        compiler_counter(compiler, counter);
        note_end(compiler, &extents->copies[i]);
        add_kept(compiler, &extents->copies[i]);
    }
    for (size_t i = 0; i < extents->n_isolations; i++) {
        cleanup_(address_set_clear) struct address_set addresses = {0};

        note_apart(&extents->isolations[i]);
        if (compiler->error == 0)
            compiler->error = extent_addresses(extents->isolations[i].extent, &addresses);
        for (enum family family = 0; family < FAMILIES; family++)
            add_addresses(&extents->isolations[i], &addresses, family);
    }
}

static void compile_bases(struct compiler *compiler, const struct extents *extents)
{
    size_t n_bases = compiler->policy->gateway_protect ? ELEMENTS_OF(bases) : 1;

    compile_drop(compiler, REASON_ISOLATED);
    if (compiler->policy->gateway_protect)
        compile_neighbour_discovery(compiler, REASON_NAME_ISOLATED "/neighbour-discovery");
    for (size_t i = 0; i < n_bases; i++) {
        add_base(compiler, &bases[i]);
        for (size_t j = 0; j < extents->n_isolations; j++) {
            if (bases[i].hook == HOOK_FORWARD)
                cut_forward(&extents->isolations[j]);
            else
                cut_gateway(&extents->isolations[j], bases[i].hook);
        }
    }
}

static void compile_isolations(struct compiler *compiler, const struct overrides *overrides)
{
    cleanup_(extents_clear) struct extents extents = {0};

    if (compiler->error == 0)
        compiler->error = extents_collect(compiler, overrides, &extents);
    if (compiler->error < 0 || extents.n_copies == 0)
        return;
    add_sets(compiler, &extents);
    compile_bases(compiler, &extents);
}

/* `suspension/FLOW`, `suspension/FLOW/CONTENT` for each content and `suspension/FLOW/name/OTHER`
 * for each other name: objects that no rule uses. A suspended flow is only absent from `live`, and
 * where no disk can be written the kernel is what remembers who must stay absent. */
static void note_suspensions(struct compiler *compiler, const struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        const struct override *override = &overrides->overrides[i];
        char name[CHAIN_NAME_MAX];

        if (override->kind != OVERRIDE_SUSPENSION)
            continue;
        snprintf(name, sizeof(name), RULESET_SUSPENSION "%s", override->name);
        compiler_counter(compiler, name);
        for (size_t j = 0; j < override->n_ids; j++) {
            snprintf(name, sizeof(name), RULESET_SUSPENSION "%s/%s", override->name,
                     override->ids[j]);
            compiler_counter(compiler, name);
        }
        for (size_t j = 0; j < override->n_names; j++) {
            snprintf(name, sizeof(name), RULESET_SUSPENSION "%s" RULESET_NAME "%s", override->name,
                     override->names[j]);
            compiler_counter(compiler, name);
        }
    }
}

/* `grant/NAME`: the same for each grant. A revocation is in the kernel before it is on the disk,
 * and a grant that the policy covers is in no other part of the table. */
static void note_grants(struct compiler *compiler, const struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        char name[CHAIN_NAME_MAX];

        if (overrides->overrides[i].kind != OVERRIDE_GRANT)
            continue;
        snprintf(name, sizeof(name), RULESET_GRANT "%s", overrides->overrides[i].name);
        compiler_counter(compiler, name);
    }
}

int isolation_compile(const struct policy *outline, const struct overrides *overrides,
                      struct ruleset **ret_ruleset)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    struct compiler compiler = {.policy = outline};
    int r = ruleset_new(RULESET_TABLE, &ruleset);

    if (r < 0)
        return r;
    compiler.ruleset = ruleset;

    if (overrides) {
        compile_isolations(&compiler, overrides);
        note_suspensions(&compiler, overrides);
        note_grants(&compiler, overrides);
    }
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
